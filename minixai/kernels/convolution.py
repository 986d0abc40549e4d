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
from numba import njit

from minixai.kernels.threads import for_each, workspace
from minixai.typing import Array

__all__ = ["Geometry", "conv2d", "conv2d_direct", "conv2d_vjp_bias", "conv2d_vjp_input", "conv2d_vjp_weight"]

Pair = tuple[int, int]

BLOCK_BYTES = 1 << 21  # columns of one block
VJP_PARTS = 8  # that threads share, where there are fewer images


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
def _columns_inside(v, w, stride, padding, dilation, out_w):
    """The range of output columns whose input column, under kernel column v, lies inside the image."""
    first = max(0, (padding - v * dilation + stride - 1) // stride)
    last = min(out_w, (w - 1 + padding - v * dilation) // stride + 1)
    return min(first, out_w), max(last, min(first, out_w))


@njit(cache=True, nogil=True)
def _copy(source, s, step, target, t, count):
    """target[t + q] = source[s + q·step]. Unsigned indices spare numba its test for negative ones."""
    s, t = np.uint64(max(s, 0)), np.uint64(t)
    if step == 1:  # a loop of its own: the compiler can vectorise it
        for q in range(np.uint64(max(count, 0))):
            target[t + q] = source[s + q]
    else:
        for q in range(np.uint64(max(count, 0))):
            target[t + q] = source[s + q * np.uint64(step)]


@njit(cache=True, nogil=True)
def _add(source, s, target, t, step, count):
    """target[t + q·step] += source[s + q]."""
    s, t = np.uint64(s), np.uint64(max(t, 0))
    if step == 1:
        for q in range(np.uint64(max(count, 0))):
            target[t + q] += source[s + q]
    else:
        for q in range(np.uint64(max(count, 0))):
            target[t + q * np.uint64(step)] += source[s + q]


@njit(cache=True, nogil=True)
def _clear(target, first, last):
    """target[first:last] = 0."""
    for q in range(np.uint64(first), np.uint64(last)):
        target[q] = 0


@njit(cache=True, nogil=True)
def _im2col(x, cols, first_row, out_w, kernel, stride, padding, dilation):
    """cols[i, (c, u, v), (r, q)] = x[i, c, (first_row + r)·sh + u·dh − ph, q·sw + v·dw − pw], 0 outside."""
    n, c, h, w = x.shape
    kh, kw = kernel
    rows = cols.shape[2] // out_w
    source, target = x.reshape(-1), cols.reshape(-1)
    start = 0  # of the row of cols that is filled next
    for plane in range(n * c):
        for u in range(kh):
            for v in range(kw):
                first, last = _columns_inside(v, w, stride[1], padding[1], dilation[1], out_w)
                left = first * stride[1] + v * dilation[1] - padding[1]
                for r in range(rows):
                    y = (first_row + r) * stride[0] + u * dilation[0] - padding[0]
                    if y < 0 or y >= h:
                        _clear(target, start, start + out_w)
                    else:
                        _clear(target, start, start + first)
                        s = (plane * h + y) * w + left
                        _copy(source, s, stride[1], target, start + first, last - first)
                        _clear(target, start + last, start + out_w)
                    start += out_w


@njit(cache=True, nogil=True)
def _add_col2im(cols, gx, first_row, out_w, kernel, stride, padding, dilation):
    """The transpose of `_im2col`: every entry of cols is added to the pixel that it was copied from."""
    n, c, h, w = gx.shape
    kh, kw = kernel
    rows = cols.shape[2] // out_w
    source, target = cols.reshape(-1), gx.reshape(-1)
    start = 0  # of the row of cols that is added next
    for plane in range(n * c):
        for u in range(kh):
            for v in range(kw):
                first, last = _columns_inside(v, w, stride[1], padding[1], dilation[1], out_w)
                left = first * stride[1] + v * dilation[1] - padding[1]
                for r in range(rows):
                    y = (first_row + r) * stride[0] + u * dilation[0] - padding[0]
                    if 0 <= y < h:
                        t = (plane * h + y) * w + left
                        _add(source, start + first, target, t, stride[1], last - first)
                    start += out_w


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


def _blocks(n: int, out_h: int, bytes_per_row: int) -> tuple[list[slice], list[slice]]:
    """Cut n images of out_h rows into blocks of about BLOCK_BYTES: several images, or rows of one."""
    rows = max(1, min(out_h, BLOCK_BYTES // bytes_per_row))
    images = max(1, min(BLOCK_BYTES // (bytes_per_row * out_h), n // 8))  # but enough for some threads
    return _slices(n, images), _slices(out_h, rows)


def _is_pointwise(w: Array, geometry: Geometry) -> bool:
    return w.shape[2:] == (1, 1) and geometry.stride == (1, 1) and geometry.padding == (0, 0)


def _patches(x: Array, rows: slice, out_w: int, w: Array, geometry: Geometry) -> Array:
    """The patches under some rows of the output, as columns: (n, groups, c/groups·kh·kw, places)."""
    n, c = x.shape[:2]
    places = (rows.stop - rows.start) * out_w
    if _is_pointwise(w, geometry):
        cols = x[:, :, rows].reshape(n, c, places)
    else:
        cols = workspace((n, c * w.shape[2] * w.shape[3], places), x.dtype)
        _im2col(x, cols, rows.start, out_w, w.shape[2:], *geometry[:3])
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
    blocks = list(product(*_blocks(n, out_h, c * kh * kw * out_w * x.itemsize)))

    def fill(number: int) -> None:
        images, rows = blocks[number]
        out = y_grouped[images, :, :, rows.start * out_w : rows.stop * out_w]
        np.matmul(w_grouped, _patches(x[images], rows, out_w, w, geometry), out=out)
        if b is not None:
            out += b.reshape(geometry.groups, -1, 1)

    for_each(fill, len(blocks))
    return y


def conv2d_vjp_input(g: Array, w: Array, input_shape: tuple[int, ...], geometry: Geometry) -> Array:
    """gx = Σ_k g[:, k] ∗ w[k]: every output's cotangent goes back to the pixels that it was computed from."""
    g, groups = np.ascontiguousarray(g), geometry.groups
    n, k, out_h, out_w = g.shape
    _, in_group, kh, kw = w.shape
    gx = np.zeros(input_shape, g.dtype)
    g_grouped = _grouped(g, groups)
    w_transposed = w.reshape(groups, k // groups, -1).transpose(0, 2, 1)
    parts = min(in_group, VJP_PARTS) if groups == 1 and n < VJP_PARTS else 1  # of the channels
    channels = _slices(gx.shape[1], -(-gx.shape[1] // parts))
    images, blocks_of_rows = _blocks(n, out_h, gx.shape[1] // parts * kh * kw * out_w * g.itemsize)
    tasks = list(product(images if parts == 1 else _slices(n, 1), channels))

    def fill(number: int) -> None:  # no two tasks add to the same pixel
        images, channels = tasks[number]
        w_part = w_transposed[:, channels.start * kh * kw : channels.stop * kh * kw]
        for rows in blocks_of_rows:
            g_block = g_grouped[images, :, :, rows.start * out_w : rows.stop * out_w]
            cols = workspace((len(g_block), groups, w_part.shape[1], g_block.shape[3]), g.dtype)
            np.matmul(w_part, g_block, out=cols)
            cols = cols.reshape(len(g_block), -1, g_block.shape[3])
            _add_col2im(cols, gx[images, channels], rows.start, out_w, (kh, kw), *geometry[:3])

    for_each(fill, len(tasks))
    return gx


def conv2d_vjp_weight(g: Array, x: Array, w_shape: tuple[int, ...], geometry: Geometry) -> Array:
    """gw[k, c] = Σ_i x[i, c] ⋆ g[i, k]: every patch, times the cotangent of the output computed from it."""
    g, x = np.ascontiguousarray(g), np.ascontiguousarray(x)
    n, k, out_h, out_w = g.shape
    _, in_group, kh, kw = w_shape
    groups = geometry.groups
    g_grouped = _grouped(g, groups)
    w = np.empty(w_shape, g.dtype)
    blocks = list(product(*_blocks(n, out_h, x.shape[1] * kh * kw * out_w * g.itemsize)))
    parts = np.zeros((min(VJP_PARTS, len(blocks)), groups, k // groups, in_group * kh * kw), g.dtype)

    def fill(number: int) -> None:
        for images, rows in blocks[number :: len(parts)]:
            g_block = g_grouped[images, :, :, rows.start * out_w : rows.stop * out_w]
            patches = _patches(x[images], rows, out_w, w, geometry)
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
