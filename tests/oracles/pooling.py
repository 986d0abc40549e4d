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
    """(y, switches): the largest pixel of each window and its index in the flattened plane."""
    y = empty_output(x, kernel, stride, padding, dilation, ceil_mode)
    switches = np.zeros(y.shape, int)
    for i, c in np.ndindex(x.shape[:2]):
        for at, pixels in places(x.shape[2:], kernel, stride, padding, dilation, ceil_mode):
            best = pixels[0]
            for pixel in pixels:
                if x[i, c][pixel] > x[i, c][best]:
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


def adaptive_avg_pool2d(x: Array, output_size: Pair) -> Array:
    """Output i of n averages the pixels ⌊i·size/n⌋ to ⌈(i+1)·size/n⌉ − 1 of each axis."""
    h, w = x.shape[2:]
    y = np.zeros((*x.shape[:2], *output_size))
    for i, c, r, q in np.ndindex(y.shape):
        rows = range(math.floor(r * h / output_size[0]), math.ceil((r + 1) * h / output_size[0]))
        columns = range(math.floor(q * w / output_size[1]), math.ceil((q + 1) * w / output_size[1]))
        pixels = [float(x[i, c, row, column]) for row in rows for column in columns]
        y[i, c, r, q] = sum(pixels) / len(pixels)
    return y
