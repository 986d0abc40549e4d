"""Convolution of images (n, c, h, w) with weights (k, c/groups, kh, kw), and its VJPs.

`im2col` lays the patches under the kernel side by side as the columns of a matrix; then the
convolution is one product of matrices, and its VJPs are two more. The work is cut into blocks of a
size that does not depend on the number of threads, and so neither does the result.

`conv2d_direct` is the definition in plain loops, to read and to test against.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from minixai.kernels.threads import for_each, workspace

__all__ = ["Geometry", "conv2d", "conv2d_direct", "conv2d_vjp_bias", "conv2d_vjp_input", "conv2d_vjp_weight"]

Array = np.ndarray[Any, np.dtype[np.floating[Any]]]
Pair = tuple[int, int]

BLOCK_BYTES = 1 << 20  # columns of one block: fits a core's second-level cache
WEIGHT_VJP_PARTS = 8  # partial sums of the weight's VJP


class Geometry(NamedTuple):
    """How the kernel moves over the image: (vertical, horizontal) pairs, and the number of groups."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def output_size(self, size: Pair, kernel: Pair) -> Pair:
        """⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 along each axis."""
        rows, columns = (
            (size[a] + 2 * self.padding[a] - self.dilation[a] * (kernel[a] - 1) - 1) // self.stride[a] + 1
            for a in (0, 1)
        )
        return rows, columns


class _Block(NamedTuple):
    images: slice
    rows: slice  # of the output


@njit(cache=True, nogil=True)
def _columns_inside(v, w, stride, padding, dilation, out_w):
    """The range of output columns whose input column, under kernel column v, lies inside the image."""
    first = max(0, (padding - v * dilation + stride - 1) // stride)
    last = min(out_w, (w - 1 + padding - v * dilation) // stride + 1)
    return min(first, out_w), max(last, min(first, out_w))


@njit(cache=True, nogil=True)
def _im2col(x, cols, first_row, out_w, kernel, stride, padding, dilation):
    """cols[i, (c, u, v), (r, q)] = x[i, c, (first_row + r)·sh + u·dh − ph, q·sw + v·dw − pw], 0 outside."""
    n, c, h, w = x.shape
    kh, kw = kernel
    rows = cols.shape[2] // out_w
    for i in range(n):
        for j in range(c):
            for u in range(kh):
                for v in range(kw):
                    row_of_cols = cols[i, (j * kh + u) * kw + v]
                    first, last = _columns_inside(v, w, stride[1], padding[1], dilation[1], out_w)
                    shift = v * dilation[1] - padding[1]
                    for r in range(rows):
                        target = row_of_cols[r * out_w : (r + 1) * out_w]
                        y = (first_row + r) * stride[0] + u * dilation[0] - padding[0]
                        if y < 0 or y >= h:
                            target[:] = 0
                            continue
                        target[:first] = 0
                        target[last:] = 0
                        source = x[i, j, y]
                        if stride[1] == 1:
                            target[first:last] = source[first + shift : last + shift]
                        else:
                            for q in range(first, last):
                                target[q] = source[q * stride[1] + shift]


@njit(cache=True, nogil=True)
def _add_col2im(cols, gx, first_row, out_w, kernel, stride, padding, dilation):
    """The transpose of `_im2col`: every entry of cols is added to the pixel that it was copied from."""
    n, c, h, w = gx.shape
    kh, kw = kernel
    rows = cols.shape[2] // out_w
    for i in range(n):
        for j in range(c):
            for u in range(kh):
                for v in range(kw):
                    row_of_cols = cols[i, (j * kh + u) * kw + v]
                    first, last = _columns_inside(v, w, stride[1], padding[1], dilation[1], out_w)
                    shift = v * dilation[1] - padding[1]
                    for r in range(rows):
                        y = (first_row + r) * stride[0] + u * dilation[0] - padding[0]
                        if y < 0 or y >= h:
                            continue
                        source = row_of_cols[r * out_w : (r + 1) * out_w]
                        target = gx[i, j, y]
                        for q in range(first, last):
                            target[q * stride[1] + shift] += source[q]


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


def _blocks(n: int, out_h: int, bytes_per_row: int) -> list[_Block]:
    """Cut n images of out_h rows into blocks of about BLOCK_BYTES: several images, or rows of one."""
    rows = max(1, min(out_h, BLOCK_BYTES // max(1, bytes_per_row)))
    images = max(1, BLOCK_BYTES // max(1, bytes_per_row * out_h)) if rows == out_h else 1
    images = max(1, min(images, -(-n // 16)))  # enough blocks for all threads

    def all_blocks() -> Iterator[_Block]:
        for i in range(0, n, images):
            for r in range(0, out_h, rows):
                yield _Block(slice(i, min(i + images, n)), slice(r, min(r + rows, out_h)))

    return list(all_blocks())


def _is_pointwise(w: Array, geometry: Geometry) -> bool:
    return w.shape[2:] == (1, 1) and geometry.stride == (1, 1) and geometry.padding == (0, 0)


def _patches(x: Array, block: _Block, out_w: int, w: Array, geometry: Geometry) -> Array:
    """The block's patches as columns: (images, groups, c/groups·kh·kw, places)."""
    n, c = block.images.stop - block.images.start, x.shape[1]
    places = (block.rows.stop - block.rows.start) * out_w
    if _is_pointwise(w, geometry):
        cols = x[block.images, :, block.rows].reshape(n, c, places)
    else:
        cols = workspace((n, c * w.shape[2] * w.shape[3], places), x.dtype)
        _im2col(x[block.images], cols, block.rows.start, out_w, w.shape[2:], *geometry[:3])
    return cols.reshape(n, geometry.groups, -1, places)


def _grouped(array: Array, groups: int) -> Array:
    """Split the channels by groups and lay the image out flat: (n, groups, channels, places)."""
    n, channels = array.shape[:2]
    return array.reshape(n, groups, channels // groups, -1)


def conv2d(x: Array, w: Array, b: Array | None, geometry: Geometry) -> Array:
    """y[i, k] = Σ_c x[i, c] ⋆ w[k, c] + b[k], where ⋆ is the cross-correlation."""
    x = np.ascontiguousarray(x)
    n, c = x.shape[:2]
    k, _, kh, kw = w.shape
    out_h, out_w = geometry.output_size(x.shape[2:], (kh, kw))
    y = np.empty((n, k, out_h, out_w), x.dtype)
    y_grouped = _grouped(y, geometry.groups)
    w_grouped = w.reshape(geometry.groups, k // geometry.groups, -1)
    blocks = _blocks(n, out_h, c * kh * kw * out_w * x.itemsize)

    def fill(number: int) -> None:
        block = blocks[number]
        out = y_grouped[block.images, :, :, block.rows.start * out_w : block.rows.stop * out_w]
        np.matmul(w_grouped, _patches(x, block, out_w, w, geometry), out=out)
        if b is not None:
            out += b.reshape(geometry.groups, -1, 1)

    for_each(fill, len(blocks))
    return y


def conv2d_vjp_input(g: Array, w: Array, input_shape: tuple[int, ...], geometry: Geometry) -> Array:
    """gx = Σ_k g[:, k] ∗ w[k]: every output's cotangent goes back to the pixels that it was computed from."""
    g, groups = np.ascontiguousarray(g), geometry.groups
    n, k, out_h, out_w = g.shape
    _, in_group, kh, kw = w.shape
    if groups == 1 and geometry.stride == (1, 1):
        reach = tuple(geometry.dilation[a] * (w.shape[2 + a] - 1) - geometry.padding[a] for a in (0, 1))
        if min(reach) >= 0:  # then it is itself a convolution, with the kernel turned round
            turned = np.ascontiguousarray(w.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1])
            return conv2d(g, turned, None, geometry._replace(padding=reach))
    gx = np.zeros(input_shape, g.dtype)
    w_transposed = w.reshape(groups, k // groups, -1).transpose(0, 2, 1)
    blocks = _blocks(n, out_h, in_group * groups * kh * kw * out_w * g.itemsize)
    images = sorted({block.images.start for block in blocks})

    def fill(number: int) -> None:  # one image after the other: blocks of one image overlap in gx
        for block in blocks:
            if block.images.start != images[number]:
                continue
            first, last = block.rows.start * out_w, block.rows.stop * out_w
            g_block = _grouped(g, groups)[block.images, :, :, first:last]
            cols = workspace((len(g_block), groups, w_transposed.shape[1], last - first), g.dtype)
            np.matmul(w_transposed, g_block, out=cols)
            cols = cols.reshape(len(g_block), -1, last - first)
            _add_col2im(cols, gx[block.images], block.rows.start, out_w, (kh, kw), *geometry[:3])

    for_each(fill, len(images))
    return gx


def conv2d_vjp_weight(g: Array, x: Array, w_shape: tuple[int, ...], geometry: Geometry) -> Array:
    """gw[k, c] = Σ_i x[i, c] ⋆ g[i, k]: every patch, times the cotangent of the output computed from it."""
    g, x = np.ascontiguousarray(g), np.ascontiguousarray(x)
    n, k, out_h, out_w = g.shape
    _, in_group, kh, kw = w_shape
    groups = geometry.groups
    g_grouped = _grouped(g, groups)
    w = np.empty(w_shape, g.dtype)
    blocks = _blocks(n, out_h, in_group * groups * kh * kw * out_w * g.itemsize)
    parts = np.zeros((min(WEIGHT_VJP_PARTS, len(blocks)), groups, k // groups, in_group * kh * kw), g.dtype)

    def fill(number: int) -> None:
        for block in blocks[number :: len(parts)]:
            g_block = g_grouped[block.images, :, :, block.rows.start * out_w : block.rows.stop * out_w]
            patches = _patches(x, block, out_w, w, geometry)
            parts[number] += np.matmul(g_block, patches.swapaxes(2, 3)).sum(axis=0)

    for_each(fill, len(parts))
    return parts.sum(axis=0).reshape(w_shape)


def conv2d_vjp_bias(g: Array) -> Array:
    """gb[k] = Σ of g[:, k] over images and places."""
    g = np.ascontiguousarray(g).reshape(*g.shape[:2], -1)
    total = np.empty(g.shape[1], g.dtype)

    def fill(k: int) -> None:
        _sum_over_images(g[:, k : k + 1], total[k : k + 1])

    for_each(fill, len(total))
    return total
