"""The weight VJP of 3×3 convolutions by Winograd's algorithm F(3×3, 4×4): 36 products in place of 144.

A tile of 4×4 outputs y sees 6×6 pixels d, and is y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ d B)]A (Lavin & Gray 2016,
arXiv:1509.09308, section 4.3). That is linear in w; the transpose takes the cotangents g of y to

    gw = Gᵀ[(A g Aᵀ) ⊙ (Bᵀ d B)]G,

by the same matrices. Added up over tiles, the products ⊙ are 36 products of matrices, (units, tiles) times
(tiles, channels). The channels of a pixel stand side by side, so that transforms and products are of vectors
of channels.

Accuracy, in float32: errors stay below 5e-6 of the largest weight's cotangent, which `tests/test_kernels.py`
holds. What runs of tiles give is added up in float64.
"""

from __future__ import annotations

import numpy as np

from minixai.kernels.channels_last import place_rows
from minixai.kernels.compiling import njit
from minixai.kernels.direct_weight import cut, over_parts
from minixai.kernels.layout import readable
from minixai.kernels.microkernel import LANES, PANEL, multiply
from minixai.kernels.threads import for_each, workspace
from minixai.kernels.winograd import B_LARGE, B_SMALL, FAST, LARGE_2, LARGE_3, SMALL_2, SMALL_3, G, _b
from minixai.typing import Array

__all__ = ["conv2d_vjp_weight", "pays"]

Pair = tuple[int, int]

TILES = 128  # of one run: its points stay in the cache
PRODUCT_NUMBERS = 1 << 18  # of the products of some units, before they are transformed back
TRANSFORM = 32  # multiplications take as long as one point's transform of a tile
ADDING = 8  # take as long as one point's share of a weight, transformed back
GAIN = 1.2  # the direct sums take so many times as long, or more: they round less

G_0, G_1, G_2, G_3, G_4, G_5 = (np.float32(G[i]) for i in ((0, 0), (1, 0), (3, 0), (1, 1), (3, 1), (1, 2)))
G_6 = np.float32(G[3, 2])


def pays(g_shape: tuple[int, ...], c: int) -> bool:
    """Whether there are enough channels and tiles to share the cost of the transforms."""
    n, k, out_h, out_w = g_shape
    tiles = n * -(-out_h // 4) * -(-out_w // 4)
    work = tiles * (k * c + TRANSFORM * (k + c)) + -(-tiles // TILES) * ADDING * k * c
    return 36 * work * GAIN < 9 * n * out_h * out_w * k * c


@njit(cache=True, nogil=True, fastmath=FAST)
def _a(g0, g1, g2, g3):
    """A g."""
    small, small_odd = g0 + SMALL_2 * g2, B_SMALL * g1 + SMALL_3 * g3
    large, large_odd = g0 + LARGE_2 * g2, B_LARGE * g1 + LARGE_3 * g3
    return g0, small + small_odd, small - small_odd, large + large_odd, large - large_odd, g3


@njit(cache=True, nogil=True, fastmath=FAST)
def _g(p0, p1, p2, p3, p4, p5):
    """Gᵀ p. The rows of two opposite points differ in the sign of one entry."""
    a, b, c, d = p1 + p2, p1 - p2, p3 + p4, p3 - p4
    return G_0 * p0 + G_1 * a + G_2 * c, G_3 * b + G_4 * d, G_5 * a + G_6 * c + p5


@njit(cache=True, nogil=True, fastmath=FAST)
def _points_of_pixels(strip, half, points, first, tiles):
    """points[:, first + t] = Bᵀ d B of a row of tiles, whose 6 rows of pixels the strip holds."""
    long, channels = half.shape[1], points.shape[2]
    d0, d1, d2 = strip, strip[long:], strip[2 * long :]
    d3, d4, d5 = strip[3 * long :], strip[4 * long :], strip[5 * long :]
    v0, v1, v2, v3, v4, v5 = half[0], half[1], half[2], half[3], half[4], half[5]
    for q in range(np.uint64(long)):
        v0[q], v1[q], v2[q], v3[q], v4[q], v5[q] = _b(d0[q], d1[q], d2[q], d3[q], d4[q], d5[q])
    for i in range(6):
        for t in range(tiles):
            line = half[i, 4 * t * channels :]
            d0, d1, d2 = line, line[channels:], line[2 * channels :]
            d3, d4, d5 = line[3 * channels :], line[4 * channels :], line[5 * channels :]
            at, p = first + t, points[6 * i :]
            v0, v1, v2, v3, v4, v5 = p[0, at], p[1, at], p[2, at], p[3, at], p[4, at], p[5, at]
            for c in range(np.uint64(channels)):
                v0[c], v1[c], v2[c], v3[c], v4[c], v5[c] = _b(d0[c], d1[c], d2[c], d3[c], d4[c], d5[c])


@njit(cache=True, nogil=True, fastmath=FAST)
def _points_of_cotangents(strip, half, points, first, tiles):
    """points[:, first + t] = A g Aᵀ of a row of tiles, whose 4 rows of cotangents the strip holds."""
    long, units = half.shape[1], points.shape[2]
    g0, g1, g2, g3 = strip, strip[long:], strip[2 * long :], strip[3 * long :]
    v0, v1, v2, v3, v4, v5 = half[0], half[1], half[2], half[3], half[4], half[5]
    for q in range(np.uint64(long)):
        v0[q], v1[q], v2[q], v3[q], v4[q], v5[q] = _a(g0[q], g1[q], g2[q], g3[q])
    for i in range(6):
        for t in range(tiles):
            line = half[i, 4 * t * units :]
            g0, g1, g2, g3 = line, line[units:], line[2 * units :], line[3 * units :]
            at, p = first + t, points[6 * i :]
            v0, v1, v2, v3, v4, v5 = p[0, at], p[1, at], p[2, at], p[3, at], p[4, at], p[5, at]
            for k in range(np.uint64(units)):
                v0[k], v1[k], v2[k], v3[k], v4[k], v5[k] = _a(g0[k], g1[k], g2[k], g3[k])


@njit(cache=True, nogil=True, fastmath=FAST)
def _add_weights(products, total, half):
    """total[k, u, (v, c)] += Gᵀ products[:, k, c] G."""
    channels = np.uint64(total.shape[2] // 3)
    for k in range(total.shape[0]):
        for i in range(6):
            p0, p1, p2 = products[6 * i, k], products[6 * i + 1, k], products[6 * i + 2, k]
            p3, p4, p5 = products[6 * i + 3, k], products[6 * i + 4, k], products[6 * i + 5, k]
            q0, q1, q2 = half[i, 0], half[i, 1], half[i, 2]
            for c in range(channels):
                q0[c], q1[c], q2[c] = _g(p0[c], p1[c], p2[c], p3[c], p4[c], p5[c])
        for v in range(3):
            q0, q1, q2, q3, q4, q5 = half[0, v], half[1, v], half[2, v], half[3, v], half[4, v], half[5, v]
            at = v * total.shape[2] // 3
            t0, t1, t2 = total[k, 0, at:], total[k, 1, at:], total[k, 2, at:]
            for c in range(channels):
                w0, w1, w2 = _g(q0[c], q1[c], q2[c], q3[c], q4[c], q5[c])
                t0[c] += w0
                t1[c] += w1
                t2[c] += w2


@njit(cache=True, nogil=True)
def _numbers(rows, across, long, side, at_once):
    """How many numbers a task holds: points, strips, those half transformed, products of some units."""
    tiles, most = rows * across, max(long, side)
    strip = (4 * rows + 3) * (4 * across + 2) * most
    points, half = (36 * tiles * long, 36 * tiles * side), 6 * (4 * across + 2) * most
    return np.array([points[0], points[1], strip, half, 36 * at_once * long, 18 * long])


@njit(cache=True, nogil=True)
def _add_runs(g, x, total, runs, rows, panels, at_once, padding, buffer):
    """total[k, u, (v, c)] += what some runs, of so many rows of tiles, give to the units of some panels."""
    n, units, out_h, out_w = g.shape
    channels = x.shape[1]
    down, across = (out_h + 3) // 4, (out_w + 3) // 4
    its_units = panels[0] * PANEL, min(panels[1] * PANEL, units)
    long, side, most = max(channels, LANES), (panels[1] - panels[0]) * PANEL, rows * across
    ends = np.cumsum(_numbers(rows, across, long, side, at_once))
    x_points = buffer[: ends[0]].reshape(36, most, long)
    g_points = buffer[ends[0] : ends[1]].reshape(36, most, side)
    strip, half_strip = buffer[ends[1] : ends[2]], buffer[ends[2] : ends[3]]
    products = buffer[ends[3] : ends[4]].reshape(36, at_once, long)
    half = buffer[ends[4] : ends[5]].reshape(6, 3, long)
    x_long, g_long = (4 * across + 2) * long, 4 * across * side
    x_half, g_half = half_strip[: 6 * x_long].reshape(6, x_long), half_strip[: 6 * g_long].reshape(6, g_long)
    g_at, x_at, zeros = np.arange(most) * side, np.arange(most) * long, np.zeros(side, g.dtype)
    for run in range(runs[0], runs[1]):
        first, last = run * rows, min((run + 1) * rows, n * down)
        row = first
        while row < last:  # image by image
            image, top = row // down, row % down
            its_rows = min(last - row, down - top)
            at, size = (4 * top - padding[0], -padding[1]), (4 * its_rows + 2, 4 * across + 2)
            strip[: (4 * its_rows + 2) * x_long] = 0
            place_rows(x, image, (0, channels), at, size, strip, 0, long, long, 0)
            for r in range(its_rows):
                _points_of_pixels(
                    strip[4 * r * x_long :], x_half, x_points, (row - first + r) * across, across
                )
            strip[: 4 * its_rows * g_long] = 0
            place_rows(g, image, its_units, (4 * top, 0), (4 * its_rows, 4 * across), strip, 0, side, side, 0)
            for r in range(its_rows):
                _points_of_cotangents(
                    strip[4 * r * g_long :], g_half, g_points, (row - first + r) * across, across
                )
            row += its_rows
        count = (last - first) * across
        for k in range(0, its_units[1] - its_units[0], at_once):
            some = k, min(k + at_once, its_units[1] - its_units[0])
            for p in range(36):
                multiply(
                    g_points[p].reshape(-1), g_at[:count], PANEL, False, some,
                    x_points[p].reshape(-1), 0, x_at[:count], long, zeros,
                    products[p].reshape(-1), 0, long,
                )  # fmt: skip
            _add_weights(products, total[its_units[0] + some[0] : its_units[0] + some[1]], half)


def conv2d_vjp_weight(g: Array, x: Array, padding: Pair) -> Array:
    """gw[k, c] = Σ_i x[i, c] ⋆ g[i, k], of shape (k, c, 3, 3), for stride 1 and dilation 1; float32."""
    g, x = readable(g), readable(x)
    (n, k, out_h, out_w), c = g.shape, x.shape[1]
    down, across = -(-out_h // 4), -(-out_w // 4)
    long, panels = max(c, LANES), -(-k // PANEL)
    runs = -(-n * down // max(1, round(TILES / across)))
    rows = -(-n * down // runs)
    runs = -(-n * down // rows)
    how = cut(runs, panels, 9 * k * c, 36 * n * down * across * panels * PANEL * long)
    dtype = np.float64 if runs > 1 else g.dtype  # nothing is added to what a single run gives
    total = np.zeros((how.parts, k, 3, 3 * c), dtype)
    tasks = how.tasks(runs, panels)
    side = -(-panels // how.slices) * PANEL
    at_once = max(1, min(side, PRODUCT_NUMBERS // (36 * long)) // PANEL) * PANEL
    size = int(_numbers(rows, across, long, side, at_once).sum())

    def fill(number: int) -> None:
        part, its_runs, its_panels = tasks[number]
        memory = workspace((size,), g.dtype)
        _add_runs(g, x, total[part], its_runs, rows, its_panels, at_once, padding, memory)

    for_each(fill, len(tasks), blas=False)
    return over_parts(total.reshape(how.parts, k, 3, 3, 1, c), g.dtype).reshape(k, c, 3, 3)
