"""Convolution of images (n, c, h, w) with weights (k, c/groups, kh, kw), and its VJPs.

`im2col` lays the patches under the kernel side by side as the columns of a matrix; then the
convolution is one product of matrices, and its VJPs are two more. The work is cut into blocks of a
size that does not depend on the number of threads, and so neither does the result.

`conv2d_direct` is the definition in plain loops, to read and to test against.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

import minixai.kernels.winograd as winograd
from minixai.kernels.compiling import njit
from minixai.kernels.im2col import add_col2im, im2col
from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each, workspace
from minixai.typing import Array

__all__ = ["Geometry", "conv2d", "conv2d_direct", "conv2d_vjp_bias", "conv2d_vjp_input", "conv2d_vjp_weight"]

Pair = tuple[int, int]

BLOCK_BYTES = 1 << 21  # columns of one block
PARTS = 8  # that threads share, where the work is large enough
SLICE_ROWS = 512  # of the columns, in one task of the weight VJP; more, and its sums fall out of the cache


class Geometry(NamedTuple):
    """How the kernel moves over the image: (vertical, horizontal) pairs, and the number of groups."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def output_size(self, size: tuple[int, ...], kernel: tuple[int, ...]) -> Pair:
        """⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 along each axis."""
        rows, columns = (
            (size[a] + 2 * self.padding[a] - self.dilation[a] * (kernel[a] - 1) - 1) // self.stride[a] + 1
            for a in (0, 1)
        )
        return rows, columns


@njit(cache=True, nogil=True)
def _accumulate(total, product):
    """total += product, in total's dtype."""
    for group in range(total.shape[0]):
        for k in range(total.shape[1]):
            for row in range(total.shape[2]):
                total[group, k, row] += product[group, k, row]


@njit(cache=True, nogil=True)
def _sum_over_images(g, total):
    """total[k] = Σ over images and places of g[:, k], added up in float64."""
    n, channels, size = g.shape
    for k in range(channels):
        s = 0.0
        for i in range(n):
            for p in range(size):
                s += np.float64(g[i, k, p])
        total[k] = s


@njit(cache=True, nogil=True)
def conv2d_direct(x, w, stride, padding, dilation, groups, y):
    """y[i, k, r, q] = Σ_{c,u,v} x[i, c, r·sh + u·dh − ph, q·sw + v·dw − pw] · w[k, c, u, v]."""
    n, _, height, width = x.shape
    out_channels, in_group, kh, kw = w.shape
    for i in range(n):
        for k in range(out_channels):
            first_channel = k // (out_channels // groups) * in_group
            for r in range(y.shape[2]):
                for q in range(y.shape[3]):
                    s = 0.0
                    for c in range(in_group):
                        for u in range(kh):
                            for v in range(kw):
                                row = r * stride[0] + u * dilation[0] - padding[0]
                                column = q * stride[1] + v * dilation[1] - padding[1]
                                if 0 <= row < height and 0 <= column < width:
                                    s += x[i, first_channel + c, row, column] * w[k, c, u, v]
                    y[i, k, r, q] = s
    return y


def _slices(size: int, step: int) -> list[slice]:
    return [slice(i, min(i + step, size)) for i in range(0, size, step)]


def _length(run: slice) -> int:
    return run.stop - run.start


def _blocks(n: int, out_h: int, bytes_per_row: int, parts: int) -> tuple[list[slice], list[slice]]:
    """Cut n images of out_h rows into blocks of up to BLOCK_BYTES: several images, or rows of one.

    There are at least so many blocks as parts, if there are so many rows.
    """
    rows = max(1, min(BLOCK_BYTES // bytes_per_row, -(-n * out_h // parts)))
    return _slices(n, max(1, rows // out_h)), _slices(out_h, min(rows, out_h))


def _side_by_side(images: Array) -> Array:
    """(n, rows, places) as one matrix (rows, n·places): a view where it lies so in memory."""
    return images.swapaxes(0, 1).reshape(images.shape[1], -1)


def _patches(
    x: Array, images: slice, channels: slice, rows: slice, kernel: Pair, geometry: Geometry
) -> Array:
    """The patches under some rows of the output, as columns: (images, channels·kh·kw, places)."""
    out_w = geometry.output_size(x.shape[2:], kernel)[1]
    shape = _length(channels) * kernel[0] * kernel[1], _length(images), _length(rows) * out_w
    if kernel == (1, 1) and geometry.stride == (1, 1) and geometry.padding == (0, 0):
        return x[images, channels, rows].reshape(shape[1], shape[0], shape[2])
    cols = workspace(shape, x.dtype)
    im2col(x, cols, (images.start, channels.start, rows.start), out_w, kernel, *geometry[:3])
    return cols.swapaxes(0, 1)


def conv2d(x: Array, w: Array, b: Array | None, geometry: Geometry) -> Array:
    """y[i, k] = Σ_c x[i, c] ⋆ w[k, c] + b[k], where ⋆ is the cross-correlation."""
    x, groups = readable(x), geometry.groups
    n, c = x.shape[:2]
    k, _, kh, kw = w.shape
    out_h, out_w = geometry.output_size(x.shape[2:], (kh, kw))
    y = np.empty((n, groups, k // groups, out_h * out_w), x.dtype)
    w_grouped = w.reshape(groups, k // groups, -1)
    blocks = list(product(*_blocks(n, out_h, c * kh * kw * out_w * x.itemsize, min(n, PARTS) or 1)))

    def fill(number: int) -> None:
        images, rows = blocks[number]
        patches = _patches(x, images, slice(0, c), rows, (kh, kw), geometry)
        y_block = y[images, :, :, rows.start * out_w : rows.stop * out_w]
        np.matmul(w_grouped, patches.reshape(len(patches), groups, -1, patches.shape[2]), out=y_block)
        if b is not None:
            y_block += b.reshape(groups, -1, 1)

    for_each(fill, len(blocks))
    return y.reshape(n, k, out_h, out_w)


def conv2d_vjp_input(g: Array, w: Array, input_shape: tuple[int, ...], geometry: Geometry) -> Array:
    """gx = Σ_k g[:, k] ∗ w[k]: every output's cotangent goes back to the pixels that it was computed from."""
    g, groups = readable(g), geometry.groups
    n, k, out_h, out_w = g.shape
    _, in_group, kh, kw = w.shape
    g_flat = g.reshape(n, k, out_h * out_w)
    gx = np.zeros(input_shape, g.dtype)
    w_transposed = w.reshape(groups, k // groups, -1).swapaxes(1, 2)
    step = -(-in_group // -(-PARTS // max(n, 1))) if groups == 1 else gx.shape[1]  # of the channels
    images, blocks_of_rows = _blocks(n, out_h, step * kh * kw * out_w * g.itemsize, min(n, PARTS) or 1)
    tasks = list(product(images, _slices(gx.shape[1], step)))

    def fill(number: int) -> None:  # no two tasks add to the same pixel
        images, channels = tasks[number]
        w_part = w_transposed[:, channels.start * kh * kw : channels.stop * kh * kw]
        for rows in blocks_of_rows:
            g_block = _side_by_side(g_flat[images, :, rows.start * out_w : rows.stop * out_w])
            cols = workspace((groups, w_part.shape[1], g_block.shape[1]), g.dtype)
            np.matmul(w_part, g_block.reshape(groups, k // groups, -1), out=cols)
            cols = cols.reshape(-1, _length(images), _length(rows) * out_w)
            begin = images.start, channels.start, rows.start
            add_col2im(cols, gx, begin, out_w, (kh, kw), *geometry[:3])

    for_each(fill, len(tasks))
    return gx


def conv2d_vjp_weight(g: Array, x: Array, w_shape: tuple[int, ...], geometry: Geometry) -> Array:
    """gw[k, c] = Σ_i x[i, c] ⋆ g[i, k]: every patch, times the cotangent of the output computed from it.

    The products of the blocks are added up in float64.
    """
    g, x = readable(g), readable(x)
    n, k, out_h, out_w = g.shape
    _, in_group, kh, kw = w_shape
    plain = (kh, kw) == (3, 3) and geometry == Geometry(padding=geometry.padding)
    if plain and g.dtype == np.float32 and winograd.pays(g.shape, in_group):
        return winograd.conv2d_vjp_weight(g, x, geometry.padding)
    groups, size = geometry.groups, kh * kw
    g_flat = g.reshape(n, k, out_h * out_w)
    step = x.shape[1]  # channels of one task
    while groups == 1 and step > 1 and step * size > SLICE_ROWS:
        step = -(-step // 2)
    slices = _slices(x.shape[1], step)
    widest = max(step * size, min(k, SLICE_ROWS))  # g is copied too, where images lie side by side
    parts = -(-PARTS // len(slices))  # of the blocks: a sum each
    blocks = list(product(*_blocks(n, out_h, widest * out_w * g.itemsize, parts)))
    parts = min(parts, len(blocks))
    sums = np.empty((parts, groups, k // groups, in_group * size), g.dtype if parts == 1 else np.float64)
    tasks = list(product(range(parts), slices))

    def fill(number: int) -> None:
        part, channels = tasks[number]
        total = np.zeros((groups, k // groups, _length(channels) * size // groups))
        for images, rows in blocks[part::parts]:
            g_block = _side_by_side(g_flat[images, :, rows.start * out_w : rows.stop * out_w])
            patches = _side_by_side(_patches(x, images, channels, rows, (kh, kw), geometry))
            g_block = g_block.reshape(groups, total.shape[1], -1)
            patches = patches.reshape(groups, total.shape[2], -1)
            if total.shape[1] < total.shape[2]:  # OpenBLAS wants the larger one first
                _accumulate(total, np.matmul(patches, g_block.swapaxes(1, 2)).swapaxes(1, 2))
            else:
                _accumulate(total, np.matmul(g_block, patches.swapaxes(1, 2)))
        sums[part, :, :, channels.start * size // groups : channels.stop * size // groups] = total

    for_each(fill, len(tasks))
    gw = sums[0] if parts == 1 else sums.sum(axis=0).astype(g.dtype)
    return gw.reshape(w_shape)


def conv2d_vjp_bias(g: Array) -> Array:
    """gb[k] = Σ of g[:, k] over images and places."""
    g = readable(g).reshape(*g.shape[:2], -1)
    total = np.empty(g.shape[1], g.dtype)

    def fill(k: int) -> None:
        _sum_over_images(g[:, k : k + 1], total[k : k + 1])

    for_each(fill, len(total))
    return total
