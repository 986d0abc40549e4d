"""Pooling, its VJPs, and unpooling, from one list of the pixels in each window."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tests.oracles import Array

Pair = tuple[int, int]


def starts(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> list[int]:
    """The first pixel of each window along an axis; those before 0 lie in the padding.

    With ceil_mode one more window may hang over the far edge, if it begins before the image ends.
    """
    reach = dilation * (kernel - 1) + 1
    inside = list(range(-padding, size + padding - reach + 1, stride))
    all_covered = inside[-1] + reach == size + padding
    hanging = inside[-1] + stride
    return [*inside, hanging] if ceil_mode and not all_covered and hanging < size else inside


def starts_of_both_axes(
    size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[list[int], list[int]]:
    rows, columns = (
        starts(size[a], kernel[a], stride[a], padding[a], dilation[a], ceil_mode) for a in (0, 1)
    )
    return rows, columns


def places(
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
    border: Pair = (0, 0),
) -> Iterator[tuple[Pair, list[Pair]]]:
    """Each window's (row, column) in the output, and its pixels in row-major order.

    Pixels are those of the image, and of as much of a border around it as is asked for.
    """
    tops, lefts = starts_of_both_axes(size, kernel, stride, padding, dilation, ceil_mode)
    for r, top in enumerate(tops):
        for q, left in enumerate(lefts):
            pixels = []
            for u in range(kernel[0]):
                for v in range(kernel[1]):
                    row, column = top + u * dilation[0], left + v * dilation[1]
                    if -border[0] <= row < size[0] + border[0] and -border[1] <= column < size[1] + border[1]:
                        pixels.append((row, column))
            yield (r, q), pixels


def empty_output(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> Array:
    tops, lefts = starts_of_both_axes(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    return np.zeros((*x.shape[:2], len(tops), len(lefts)))


def max_pool2d(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """(y, switches): the largest pixel of each window, or its last NaN, and its index in the plane."""
    y = empty_output(x, kernel, stride, padding, dilation, ceil_mode)
    switches = np.zeros(y.shape, int)
    for i, c in np.ndindex(x.shape[:2]):
        for at, pixels in places(x.shape[2:], kernel, stride, padding, dilation, ceil_mode):
            best = pixels[0]
            for pixel in pixels:
                if x[i, c][pixel] > x[i, c][best] or np.isnan(x[i, c][pixel]):
                    best = pixel
            y[i, c][at] = x[i, c][best]
            switches[i, c][at] = best[0] * x.shape[3] + best[1]
    return y, switches


def max_unpool2d(y: Array, switches: Array, size: Pair) -> Array:
    x = np.zeros((*y.shape[:2], *size))
    for i, c, r, q in np.ndindex(y.shape):
        row, column = divmod(int(switches[i, c, r, q]), size[1])
        x[i, c, row, column] += float(y[i, c, r, q])
    return x


def max_unpool2d_vjp(g: Array, switches: Array) -> Array:
    gy = np.zeros(switches.shape)
    for i, c, r, q in np.ndindex(switches.shape):
        row, column = divmod(int(switches[i, c, r, q]), g.shape[3])
        gy[i, c, r, q] = g[i, c, row, column]
    return gy


def areas(
    size: Pair, kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool, count_include_pad: bool
) -> dict[Pair, int]:
    """What the mean of each window divides by."""
    border = padding if count_include_pad else (0, 0)
    windows = places(size, kernel, stride, padding, ceil_mode=ceil_mode, border=border)
    return {at: len(pixels) for at, pixels in windows}


def avg_pool2d(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    y = empty_output(x, kernel, stride, padding, ceil_mode=ceil_mode)
    area = areas(x.shape[2:], kernel, stride, padding, ceil_mode, count_include_pad)
    for i, c in np.ndindex(x.shape[:2]):
        for at, pixels in places(x.shape[2:], kernel, stride, padding, ceil_mode=ceil_mode):
            y[i, c][at] = sum(float(x[i, c][pixel]) for pixel in pixels) / area[at]
    return y


def avg_pool2d_vjp(
    g: Array,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    gx = np.zeros((*g.shape[:2], *size))
    area = areas(size, kernel, stride, padding, ceil_mode, count_include_pad)
    for i, c in np.ndindex(g.shape[:2]):
        for at, pixels in places(size, kernel, stride, padding, ceil_mode=ceil_mode):
            for pixel in pixels:
                gx[i, c][pixel] += float(g[i, c][at]) / area[at]
    return gx


def p_norm_pool2d(x: Array, p: float, kernel: Pair, stride: Pair, padding: Pair = (0, 0)) -> Array:
    y = empty_output(x, kernel, stride, padding)
    for i, c in np.ndindex(x.shape[:2]):
        for at, pixels in places(x.shape[2:], kernel, stride, padding):
            y[i, c][at] = sum(abs(float(x[i, c][pixel])) ** p for pixel in pixels) ** (1 / p)
    return y


def p_norm_pool2d_vjp(
    g: Array, x: Array, p: float, kernel: Pair, stride: Pair, padding: Pair = (0, 0)
) -> Array:
    """∂y/∂x = sign(x) · |x|^(p−1) · y^(1−p), and 0 where y = 0."""
    y = p_norm_pool2d(x, p, kernel, stride, padding)
    gx = np.zeros(x.shape)
    for i, c in np.ndindex(x.shape[:2]):
        for at, pixels in places(x.shape[2:], kernel, stride, padding):
            for pixel in pixels:
                value = float(x[i, c][pixel])
                if value != 0:
                    slope = math.copysign(abs(value) ** (p - 1), value) * y[i, c][at] ** (1 - p)
                    gx[i, c][pixel] += float(g[i, c][at]) * slope
    return gx


def adaptive_places(size: Pair, output_size: Pair) -> Iterator[tuple[Pair, list[Pair]]]:
    """Output i of n covers the pixels ⌊i·size/n⌋ to ⌈(i+1)·size/n⌉ − 1 of each axis."""
    for r, q in np.ndindex(output_size):
        rows, columns = (
            range(math.floor(at * size[a] / output_size[a]), math.ceil((at + 1) * size[a] / output_size[a]))
            for a, at in enumerate((r, q))
        )
        yield (r, q), [(row, column) for row in rows for column in columns]


def adaptive_avg_pool2d(x: Array, output_size: Pair) -> Array:
    y = np.zeros((*x.shape[:2], *output_size))
    for i, c in np.ndindex(x.shape[:2]):
        for at, pixels in adaptive_places(x.shape[2:], output_size):
            y[i, c][at] = sum(float(x[i, c][pixel]) for pixel in pixels) / len(pixels)
    return y


def adaptive_max_pool2d(x: Array, output_size: Pair) -> Array:
    y = np.zeros((*x.shape[:2], *output_size))
    for i, c in np.ndindex(x.shape[:2]):
        for at, pixels in adaptive_places(x.shape[2:], output_size):
            y[i, c][at] = max(float(x[i, c][pixel]) for pixel in pixels)
    return y


def upsample_nearest(x: Array, size: Pair, scale: tuple[float, float]) -> Array:
    y = np.zeros((*x.shape[:2], *size))
    for i, c, r, q in np.ndindex(y.shape):
        y[i, c, r, q] = x[i, c, math.floor(r / scale[0]), math.floor(q / scale[1])]
    return y


def upsample_bilinear(x: Array, size: Pair, scale: tuple[float, float], align_corners: bool = False) -> Array:
    """Row by row: the place in x of each row and column, and the four pixels around it."""

    def place(at: int, axis: int) -> float:
        last = x.shape[2 + axis] - 1
        if align_corners:
            return at * last / (size[axis] - 1) if size[axis] > 1 else 0.0
        return min(max((at + 0.5) / scale[axis] - 0.5, 0.0), last)

    y = np.zeros((*x.shape[:2], *size))
    for i, c, r, q in np.ndindex(y.shape):
        row, column = place(r, 0), place(q, 1)
        for near_row in (math.floor(row), math.floor(row) + 1):
            for near_column in (math.floor(column), math.floor(column) + 1):
                share = max(0.0, 1 - abs(row - near_row)) * max(0.0, 1 - abs(column - near_column))
                if share:
                    y[i, c, r, q] += share * float(x[i, c, near_row, near_column])
    return y
