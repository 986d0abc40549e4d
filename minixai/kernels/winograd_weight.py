"""The weight VJP of 3×3 convolutions by Winograd's algorithm F(3×3, 4×4): 36 products in place of 144.

A tile of 4×4 outputs y sees 6×6 pixels d, and is y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ d B)]A (Lavin & Gray 2016,
arXiv:1509.09308, section 4.3). That is linear in w; the transpose takes the cotangents g of y to

    gw = Gᵀ[(A g Aᵀ) ⊙ (Bᵀ d B)]G,

by the same matrices. Added up over tiles, the products ⊙ are 36 products of matrices, and the transforms
are products of matrices too: of Kronecker products, such as A ⊗ A, with patches.
"""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.im2col import im2col
from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each, workspace
from minixai.kernels.winograd import B_T, A
from minixai.kernels.winograd import G as G64
from minixai.typing import Array

__all__ = ["conv2d_vjp_weight", "pays"]

Pair = tuple[int, int]

BLOCK_BYTES = 1 << 25  # of the points of one block of tiles
FILLED = 16  # channels, in one task that transforms patches
ROWS, COLUMNS = 128, 256  # channels of g and of x, in one task that multiplies
LANES = 64  # channels that are transformed back side by side
GAIN = 1.5  # im2col takes so many times the products, or more

# On both axes: points (36,) from cotangents (16,), and from pixels (36,).
FROM_G, FROM_X = np.kron(A, A), np.kron(B_T, B_T)
G = G64.astype(np.float32)


def pays(g_shape: tuple[int, ...], c: int) -> bool:
    """Whether there are enough channels and tiles to share the cost of the transforms."""
    n, k, out_h, out_w = g_shape
    tiles = n * -(-out_h // 4) * -(-out_w // 4)
    products = 36 * tiles * (k * c + 16 * k + 36 * c) + 9 * 36 * k * c
    return products * GAIN < 9 * n * out_h * out_w * k * c


@njit(cache=True, nogil=True)
def _to_weight(p0, p1, p2, p3, p4, p5):
    """Gᵀ p. The rows of two opposite points differ in the sign of one entry."""
    a, b, c, d = p1 + p2, p1 - p2, p3 + p4, p3 - p4
    w0 = G[0, 0] * p0 + G[1, 0] * a + G[3, 0] * c
    return w0, G[1, 1] * b + G[3, 1] * d, G[1, 2] * a + G[3, 2] * c + p5


@njit(cache=True, nogil=True)
def _add_weights(points, gw):
    """gw[k, c] += Gᵀ points[:, :, k, c] G, for LANES channels c side by side."""
    p = np.zeros((6, 6, LANES), points.dtype)
    q = np.zeros((6, 3, LANES), points.dtype)
    w = np.zeros((3, 3, LANES), points.dtype)
    for k in range(gw.shape[0]):
        for first in range(np.uint64(0), np.uint64(gw.shape[1]), np.uint64(LANES)):
            count = min(np.uint64(LANES), np.uint64(gw.shape[1]) - first)
            for i in range(6):
                for j in range(6):
                    for c in range(count):
                        p[i, j, c] = points[i, j, k, first + c]
            for i in range(6):
                for c in range(LANES):
                    q[i, 0, c], q[i, 1, c], q[i, 2, c] = _to_weight(
                        p[i, 0, c], p[i, 1, c], p[i, 2, c], p[i, 3, c], p[i, 4, c], p[i, 5, c]
                    )
            for v in range(3):
                for c in range(LANES):
                    w[0, v, c], w[1, v, c], w[2, v, c] = _to_weight(
                        q[0, v, c], q[1, v, c], q[2, v, c], q[3, v, c], q[4, v, c], q[5, v, c]
                    )
            for c in range(count):
                for u in range(3):
                    for v in range(3):
                        gw[k, first + c, u, v] += w[u, v, c]


class _Block(NamedTuple):
    """Rows of tiles, in some images."""

    images: slice
    rows: slice
    across: int  # tiles in a row

    @property
    def tiles(self) -> int:
        return _length(self.images) * _length(self.rows) * self.across


def _length(run: slice) -> int:
    return run.stop - run.start


def _slices(size: int, most: int) -> list[slice]:
    """As few as can be, and all but the last of the same length."""
    step = -(-size // -(-size // most))
    return [slice(i, min(i + step, size)) for i in range(0, size, step)]


def _blocks(g_shape: tuple[int, ...], c: int) -> list[_Block]:
    """Cut all tiles into blocks of about BLOCK_BYTES: several images, or rows of one."""
    n, k, out_h, out_w = g_shape
    down, across = -(-out_h // 4), -(-out_w // 4)
    rows = max(1, BLOCK_BYTES // (across * 36 * (k + c) * 4))
    images = _slices(n, max(1, rows // down))
    return [_Block(*both, across) for both in product(images, _slices(down, rows))]


def _fill(points: Array, x: Array, channels: slice, block: _Block, transform: Array, padding: Pair) -> None:
    """points[:, c] (36, tiles) = transform · the patches of x[:, c], one of them every four pixels."""
    count, area = _length(channels), transform.shape[1]
    kernel = math.isqrt(area), math.isqrt(area)
    patches = workspace((count * area, _length(block.images), _length(block.rows) * block.across), x.dtype)
    begin = block.images.start, channels.start, block.rows.start
    im2col(x, patches, begin, block.across, kernel, (4, 4), padding, (1, 1))
    patches = patches.reshape(count, area, block.tiles)
    np.matmul(transform.astype(x.dtype), patches, out=points[:, channels].swapaxes(0, 1))


def _add_block(gw: Array, g: Array, x: Array, padding: Pair, block: _Block, points: Array) -> None:
    """gw += what one block of tiles gives. points (36, k + c, tiles) is overwritten."""
    k, c = g.shape[1], x.shape[1]
    g_points, x_points = points[:, :k], points[:, k:]
    of_g, of_x = _slices(k, FILLED), _slices(c, FILLED)
    pairs = list(product(_slices(k, min(ROWS, -(-k // 2))), _slices(c, COLUMNS)))  # for two threads at least

    def fill(number: int) -> None:
        if number < len(of_g):
            _fill(g_points, g, of_g[number], block, FROM_G, (0, 0))
        else:
            _fill(x_points, x, of_x[number - len(of_g)], block, FROM_X, padding)

    def multiply(number: int) -> None:
        rows, columns = pairs[number]
        products = workspace((36, _length(rows), _length(columns)), g.dtype)
        np.matmul(g_points[:, rows], x_points[:, columns].swapaxes(1, 2), out=products)
        _add_weights(products.reshape(6, 6, *products.shape[1:]), gw[rows, columns])

    for_each(fill, len(of_g) + len(of_x))
    for_each(multiply, len(pairs))


def conv2d_vjp_weight(g: Array, x: Array, padding: Pair) -> Array:
    """gw[k, c] = Σ_i x[i, c] ⋆ g[i, k], of shape (k, c, 3, 3), for stride 1 and dilation 1; float32.

    What the blocks of tiles give is added up in float64.
    """
    g, x = readable(g), readable(x)
    k, c = g.shape[1], x.shape[1]
    blocks = _blocks(g.shape, c)
    gw = np.zeros((k, c, 3, 3), g.dtype if len(blocks) == 1 else np.float64)
    points = np.empty(36 * (k + c) * max(block.tiles for block in blocks), g.dtype)
    for block in blocks:
        size = 36 * (k + c) * block.tiles
        _add_block(gw, g, x, padding, block, points[:size].reshape(36, k + c, block.tiles))
    return gw.astype(g.dtype, copy=False)
