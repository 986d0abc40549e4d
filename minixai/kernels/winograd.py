"""3×3 convolutions by Winograd's algorithm F(4×4, 3×3): 36 multiplications in place of 144.

Convolution is multiplication of polynomials, and a product of polynomials is known from its values at a
few points, where it costs one multiplication each. Along one axis, 4 outputs y of a filter w see 6 pixels d
(Toom and Cook; Winograd 1980; for images Lavin & Gray 2016, arXiv:1509.09308, section 4):

    y = Aᵀ[(G w) ⊙ (Bᵀ d)]        6 multiplications, not 12

G gives the values of w at the points, Bᵀ those of d, and Aᵀ takes the products ⊙ back. On both axes, a tile
of 4×4 outputs sees 6×6 pixels d, and y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ d B)]A. Summed over the input channels, the ⊙ of
all tiles are 36 products of matrices, (filters, channels) times (channels, tiles): a quarter of the work. The
transforms are paid once a channel, however many filters there are.

Why these points. 0, ±2/3, ±3/2 and ∞ give a fifth of the rounding errors of the usual 0, ±1, ±2 and ∞. And
they are closed under p → 1/p: a filter turned by 180° has at p the value p²·w(1/p), which with G scaled as
here is the value of w itself at 1/p. So the input VJP, which is a convolution with the turned filters, reads
the same transformed filters, at the points in another order.

Accuracy, in float32: on SqueezeNet's activations errors stay below 2e-6 of the largest output, and 6e-6 for
the input VJP, which `tests/test_models.py` holds. What is 0 in exact arithmetic need not be 0.
"""

from __future__ import annotations

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.microkernel import LANES, PANEL, multiply
from minixai.kernels.threads import TASK_WORK, even, for_each, get_num_threads, workspace
from minixai.typing import Array

__all__ = ["B_T", "A", "G", "conv2d", "pays", "transform"]

Pair = tuple[int, int]

TILES = 160  # of one run: its points and products stay in the cache
PARTS = 8  # that threads share of the transform of filters
TRANSFORM = 20  # multiplications take as long as one point's transform of a tile
GAIN = 1.4  # the direct sums take so many times as long, or more: they need no other filters

SMALL, LARGE = 2 / 3, 3 / 2
POINTS = (0, SMALL, -SMALL, LARGE, -LARGE)  # and ∞
RECIPROCAL = np.array([5, 3, 4, 1, 2, 0])  # where the reciprocal of each point stands
OTHERS = [[q for q in POINTS if q != p] for p in POINTS]
SCALES = np.array([1, -SMALL, -SMALL, LARGE, LARGE, 1])  # of the rows of G; those of Bᵀ are divided by them

A = np.array([[p**j for j in range(4)] for p in POINTS] + [[0, 0, 0, 1]])
G = (
    np.array(
        [[p**j / np.prod(np.subtract(p, q)) for j in range(3)] for p, q in zip(POINTS, OTHERS, strict=True)]
        + [[0, 0, 1]]
    )
    * SCALES[:, None]
)
B_T = np.array([np.append(np.poly(q)[::-1], 0) for q in OTHERS] + [np.poly(POINTS)[::-1]]) / SCALES[:, None]

# The entries of the matrices that differ: the rows of p and −p differ in the signs of the odd ones.
f = np.float32
G_0, G_1, G_2 = f(G[1, 0]), f(G[1, 1]), f(G[1, 2])
B_2, B_SMALL, B_LARGE = f(B_T[0, 2]), f(SMALL), f(LARGE)
SMALL_2, SMALL_3, LARGE_2, LARGE_3 = f(SMALL**2), f(SMALL**3), f(LARGE**2), f(LARGE**3)

# The bits of float32: compared as whole numbers, they tell what is not finite by the largest of them.
MAGNITUDE, INFINITY = np.int32(0x7FFFFFFF), np.int32(0x7F800000)

FAST = {"contract", "reassoc", "nsz"}  # what lets LLVM use fused multiply-adds


@njit(cache=True, nogil=True, fastmath=FAST)
def _g(w0, w1, w2):
    """G w."""
    odd, small, large = G_1 * w1, G_0 * w0 + G_2 * w2, G_2 * w0 + G_0 * w2
    return w0, small + odd, small - odd, large + odd, large - odd, w2


@njit(cache=True, nogil=True, fastmath=FAST)
def _b(d0, d1, d2, d3, d4, d5):
    """Bᵀ d."""
    small, small_odd = B_LARGE * (LARGE_2 * d2 - d4), LARGE_2 * d1 - d3
    large, large_odd = B_SMALL * (d4 - SMALL_2 * d2), d3 - SMALL_2 * d1
    return (
        d0 + B_2 * d2 + d4,
        small + small_odd,
        small - small_odd,
        large + large_odd,
        large - large_odd,
        d1 + B_2 * d3 + d5,
    )


@njit(cache=True, nogil=True, fastmath=FAST)
def _a(m0, m1, m2, m3, m4, m5):
    """Aᵀ m."""
    small, small_odd, large, large_odd = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        m0 + small + large,
        B_SMALL * small_odd + B_LARGE * large_odd,
        SMALL_2 * small + LARGE_2 * large,
        SMALL_3 * small_odd + LARGE_3 * large_odd + m5,
    )


@njit(cache=True, nogil=True, fastmath=FAST)
def _transform(w, panels, filters):
    """filters[p, m, c, i] = the value at p of the filter w[16·m + i, c], or 0, for some panels m."""
    k, c = w.shape[:2]
    taps, half = np.zeros((9, PANEL), np.float32), np.zeros((18, PANEL), np.float32)
    for m in range(panels[0], panels[1]):
        for j in range(c):
            for i in range(min(PANEL, k - m * PANEL)):
                for u in range(3):
                    for v in range(3):
                        taps[3 * u + v, i] = w[m * PANEL + i, j, u, v]
            for v in range(3):
                w0, w1, w2 = taps[v], taps[3 + v], taps[6 + v]
                h0, h1, h2, h3, h4, h5 = (
                    half[v],
                    half[3 + v],
                    half[6 + v],
                    half[9 + v],
                    half[12 + v],
                    half[15 + v],
                )
                for i in range(np.uint64(PANEL)):
                    h0[i], h1[i], h2[i], h3[i], h4[i], h5[i] = _g(w0[i], w1[i], w2[i])
            for u in range(6):
                w0, w1, w2, p = half[3 * u], half[3 * u + 1], half[3 * u + 2], 6 * u
                h0, h1, h2 = filters[p, m, j], filters[p + 1, m, j], filters[p + 2, m, j]
                h3, h4, h5 = filters[p + 3, m, j], filters[p + 4, m, j], filters[p + 5, m, j]
                for i in range(np.uint64(PANEL)):
                    h0[i], h1[i], h2[i], h3[i], h4[i], h5[i] = _g(w0[i], w1[i], w2[i])
        for p in range(36):
            filters[p, m, c:] = 0


def transform(w: Array) -> Array:
    """G w Gᵀ of all filters w (k, c, 3, 3), for `conv2d`: (36, panels of 16 filters, channels, 16)."""
    k, c = w.shape[:2]
    filters = np.empty((36, -(-k // PANEL), -(-c // PANEL) * PANEL, PANEL), np.float32)
    step = max(1, -(-filters.shape[1] // PARTS))

    def fill(number: int) -> None:
        _transform(w, (number * step, min((number + 1) * step, filters.shape[1])), filters)

    for_each(fill, -(-filters.shape[1] // step), blas=False)
    return filters


# A run of rows of tiles, counted over all images, is worked off as one strip: the pixels of its tiles stand
# side by side, four columns a tile, and behind them all the two columns that the last tile of each row sees
# beyond. So the loops below are long however narrow the images are, and LLVM vectorises them: over contiguous
# rows, and by unsigned indices, which spare numba its test for negative ones.


@njit(cache=True, nogil=True)
def _fill_strip(x, c, rows, tiles, padding, strip):
    """strip[i] = row i of the six that each tile sees of x[:, c], tile by tile. What is outside stays 0."""
    channels, height, width = x.shape[1:]
    down, across = tiles
    long = 4 * across
    inside = np.uint64(max(0, min(width, long - padding[1])))
    beyond = max(0, min(width + padding[1] - long, 2))
    pixels, end = x.reshape(-1), (rows[1] - rows[0]) * long
    for r in range(rows[1] - rows[0]):
        image, top = divmod(rows[0] + r, down)
        first = 4 * top - padding[0]
        for i in range(max(0, -first), min(6, height - first)):
            line = strip[i]
            seen = pixels[((image * channels + c) * height + first + i) * width :]
            target = line[r * long + padding[1] :]
            for q in range(inside):
                target[q] = seen[q]
            for q in range(max(0, padding[1] - long), beyond):
                line[end + 2 * r + q] = seen[long - padding[1] + q]


@njit(cache=True, nogil=True, fastmath=FAST)
def _to_points(x, rows, tiles, padding, points, strip, half, columns):
    """points[p, c, t] = the value at p of the pixels that tile t of the run sees in x[:, c]."""
    across, count = tiles[1], (rows[1] - rows[0]) * tiles[1]
    strip[:] = 0
    for c in range(x.shape[1]):
        _fill_strip(x, c, rows, tiles, padding, strip)
        d0, d1, d2, d3, d4, d5 = strip[0], strip[1], strip[2], strip[3], strip[4], strip[5]
        v0, v1, v2, v3, v4, v5 = half[0], half[1], half[2], half[3], half[4], half[5]
        for q in range(np.uint64(4 * count + 2 * (rows[1] - rows[0]))):
            v0[q], v1[q], v2[q], v3[q], v4[q], v5[q] = _b(d0[q], d1[q], d2[q], d3[q], d4[q], d5[q])
        d0, d1, d2 = columns[0], columns[1], columns[2]
        d3, d4, d5 = columns[3], columns[4], columns[5]
        for i in range(6):
            line, p = half[i], 6 * i
            for t in range(np.uint64(count)):
                q = np.uint64(4) * t
                d0[t], d1[t] = line[q], line[q + np.uint64(1)]
                d2[t], d3[t] = line[q + np.uint64(2)], line[q + np.uint64(3)]
            for t in range(np.uint64(count - 1)):  # the first two columns of the next tile …
                d4[t], d5[t] = d0[t + np.uint64(1)], d1[t + np.uint64(1)]
            for r in range(rows[1] - rows[0]):  # … or what stands behind the strip
                t, q = (r + 1) * across - 1, 4 * count + 2 * r
                d4[t], d5[t] = line[q], line[q + 1]
            v0, v1, v2 = points[p, c], points[p + 1, c], points[p + 2, c]
            v3, v4, v5 = points[p + 3, c], points[p + 4, c], points[p + 5, c]
            for t in range(np.uint64(count)):
                v0[t], v1[t], v2[t], v3[t], v4[t], v5[t] = _b(d0[t], d1[t], d2[t], d3[t], d4[t], d5[t])


@njit(cache=True, nogil=True, fastmath=FAST)
def _to_pixels(products, bias, y, channels, rows, tiles, half, strip):
    """y[:, k] = bias[k] + the outputs of the tiles whose products are given; whether all are finite."""
    height, width = y.shape[2:]
    down, across = tiles
    count, most = np.uint64((rows[1] - rows[0]) * across), np.int32(0)
    pixels, bits = y.reshape(-1).view(np.int32), strip.view(np.int32)
    for k in range(channels[0], channels[1]):
        at = k - channels[0]
        for j in range(6):
            m0, m1, m2 = products[j, at], products[6 + j, at], products[12 + j, at]
            m3, m4, m5 = products[18 + j, at], products[24 + j, at], products[30 + j, at]
            y0, y1, y2, y3 = half[j], half[6 + j], half[12 + j], half[18 + j]
            for t in range(count):
                y0[t], y1[t], y2[t], y3[t] = _a(m0[t], m1[t], m2[t], m3[t], m4[t], m5[t])
        for i in range(4):
            m0, m1, m2 = half[6 * i], half[6 * i + 1], half[6 * i + 2]
            m3, m4, m5 = half[6 * i + 3], half[6 * i + 4], half[6 * i + 5]
            line = strip[i]
            for t in range(count):
                a, b, c, d = _a(m0[t], m1[t], m2[t], m3[t], m4[t], m5[t])
                q = np.uint64(4) * t
                line[q], line[q + np.uint64(1)] = a + bias[k], b + bias[k]
                line[q + np.uint64(2)], line[q + np.uint64(3)] = c + bias[k], d + bias[k]
        for r in range(rows[1] - rows[0]):
            image, top = divmod(rows[0] + r, down)
            for i in range(min(4, height - 4 * top)):
                target = pixels[((image * y.shape[1] + k) * height + 4 * top + i) * width :][:width]
                line = bits[i, 4 * r * across :]
                for q in range(np.uint64(width)):
                    target[q] = line[q]
                    most = max(most, line[q] & MAGNITUDE)
    return most < INFINITY


@njit(cache=True, nogil=True)
def _run(x, filters, turned, bias, zeros, y, rows, panels, padding, buffer):
    """The outputs of some rows of tiles, by some panels of filters; whether all are finite."""
    channels = x.shape[1]
    down, across = (y.shape[2] + 3) // 4, (y.shape[3] + 3) // 4
    count, outputs = (rows[1] - rows[0]) * across, (panels[1] - panels[0]) * PANEL
    strip_long, step = (rows[1] - rows[0]) * (4 * across + 2) + 4, _row_step(count)
    sizes = (36 * channels * step, 36 * outputs * step, 6 * strip_long, 6 * strip_long, 24 * step)
    ends = np.cumsum(np.array(sizes))
    points = buffer[: ends[0]].reshape(36, channels, step)
    products = buffer[ends[0] : ends[1]].reshape(36, outputs, step)
    strip = buffer[ends[1] : ends[2]].reshape(6, strip_long)
    half = buffer[ends[2] : ends[3]].reshape(6, strip_long)
    out_half = buffer[ends[3] : ends[4]].reshape(24, step)
    _to_points(x, rows, (down, across), padding, points, strip, half, out_half)
    filter_at, point_at = np.empty(channels, np.int64), np.arange(channels) * step
    for c in range(channels):
        filter_at[c] = c // PANEL * (filters.shape[2] * PANEL) + c % PANEL if turned else c * PANEL
    panel_step = PANEL * PANEL if turned else filters.shape[2] * PANEL
    columns = (count + LANES - 1) // LANES * LANES
    for i in range(6):
        for j in range(6):
            p = 6 * i + j
            q = 6 * RECIPROCAL[i] + RECIPROCAL[j] if turned else p
            multiply(
                filters[q].reshape(-1), filter_at, panel_step, turned, (panels[0] * PANEL, panels[1] * PANEL),
                points[p].reshape(-1), 0, point_at, columns, zeros,
                products[p].reshape(-1), 0, step,
            )  # fmt: skip
    channels_out = panels[0] * PANEL, min(panels[1] * PANEL, y.shape[1])
    return _to_pixels(products, bias, y, channels_out, rows, (down, across), out_half, strip)


@njit(cache=True, nogil=True)
def _row_step(tiles):
    """From one row of points to the next: a multiple of 1 024 would crowd them in one part of the cache."""
    step = (tiles + LANES - 1) // LANES * LANES
    return step + LANES if step % 256 == 0 else step


def pays(n: int, c: int, k: int, out_size: Pair) -> bool:
    """Whether there are channels enough to share the cost of transforms, and tiles to fill the vectors."""
    tiles = n * -(-out_size[0] // 4) * -(-out_size[1] // 4)
    columns = -(-tiles // LANES) * LANES
    work = 36 * columns * c * k + 36 * TRANSFORM * tiles * (c + k)
    return work * GAIN < 9 * n * out_size[0] * out_size[1] * c * k


def conv2d(x: Array, filters: Array, bias: Array, turned: bool, padding: Pair) -> Array | None:
    """y[i, k] = Σ_c x[i, c] ⋆ w[k, c] + bias[k], from `transform(w)`; None where something is not finite.

    turned: of the filters w[c, k] turned by 180° instead, as the input VJP needs it.
    """
    n, c = x.shape[:2]
    k = len(bias)
    y = np.empty((n, k, x.shape[2] + 2 * padding[0] - 2, x.shape[3] + 2 * padding[1] - 2), np.float32)
    down, across = -(-y.shape[2] // 4), -(-y.shape[3] // 4)
    panels = -(-k // PANEL)
    runs = -(-n * down // max(1, round(TILES / across)))
    runs = even(runs) if runs < n * down else runs
    rows = -(-n * down // runs)
    enough = 36 * n * down * across * c * k // TASK_WORK
    slices = max(1, min(panels, enough, -(-get_num_threads() // runs)))  # no sum depends on it
    zeros, bad = np.zeros(panels * PANEL, np.float32), []
    widest = -(-panels // slices) * PANEL
    step, strip_long = _row_step(rows * across), rows * (4 * across + 2) + 4
    size = 36 * (c + widest) * step + 12 * strip_long + 24 * step

    def fill(number: int) -> None:
        run, part = divmod(number, slices)
        if not _run(
            x, filters, turned, bias, zeros, y,
            (n * down * run // runs, n * down * (run + 1) // runs),
            (panels * part // slices, panels * (part + 1) // slices), padding, workspace((size,), x.dtype),
        ):  # fmt: skip
            bad.append(number)

    for_each(fill, runs * slices, blas=False)
    return None if bad else y
