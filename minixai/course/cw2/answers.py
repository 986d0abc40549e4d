"""The answers of coursework 2, to compare with: one window after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from minixai.checks.report import Array


class Axis(NamedTuple):
    """One axis of a convolution, and one of the pixels along it."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    pixel: int


def places_along(numbers: Axis) -> int:
    """How often the kernel fits along the axis."""
    size, kernel, stride, padding, dilation, _ = numbers
    return len(range(0, size + 2 * padding - dilation * (kernel - 1), stride))


def readers(numbers: Axis) -> int:
    """How many products the pixel is in."""
    _, kernel, stride, padding, dilation, pixel = numbers
    pairs = product(range(places_along(numbers)), range(kernel))
    return sum(place * stride + tap * dilation - padding == pixel for place, tap in pairs)


def padded(x: Array, before: int, after: int, value: float = 0, mode: Any = "constant") -> Array:
    """The images with a border, of `value` or in another mode of np.pad."""
    border = [(0, 0), (0, 0), (before, after), (before, after)]
    return np.pad(x, border, mode) if mode != "constant" else np.pad(x, border, constant_values=value)


def windows(shape: tuple[int, ...], kernel: tuple[int, ...], layout: tuple[int, int, int]) -> Iterator[Any]:
    """The row and column of each output, and the slices of the padded image that its window reads."""
    stride, padding, dilation = layout
    reach = [dilation * (taps - 1) + 1 for taps in kernel]
    tops, lefts = (range(0, shape[2 + a] + 2 * padding - reach[a] + 1, stride) for a in (0, 1))
    for (r, top), (q, left) in product(enumerate(tops), enumerate(lefts)):
        yield r, q, slice(top, top + reach[0], dilation), slice(left, left + reach[1], dilation)


def conv2d(x: Array, w: Array, stride: int, padding: int, dilation: int) -> Array:
    """(n, k, h', w')."""
    places = list(windows(x.shape, w.shape[2:], (stride, padding, dilation)))
    framed = padded(x, padding, padding)
    y = np.zeros((len(x), len(w), places[-1][0] + 1, places[-1][1] + 1), x.dtype)
    for r, q, rows, columns in places:
        y[:, :, r, q] = np.einsum("ncuv,kcuv->nk", framed[:, :, rows, columns], w)
    return y


def vjp_input(
    g: Array, w: Array, shape: tuple[int, ...], stride: int, padding: int, dilation: int, last: bool = False
) -> Array:
    """The cotangent of x, of this shape; with `last` a pixel keeps its last product, a mistake."""
    gx = np.zeros(shape, g.dtype)
    framed = padded(gx, padding, padding)
    for r, q, rows, columns in windows(shape, w.shape[2:], (stride, padding, dilation)):
        products = np.einsum("nk,kcuv->ncuv", g[:, :, r, q], w)
        framed[:, :, rows, columns] = products + (0 if last else framed[:, :, rows, columns])
    return framed[:, :, padding : padding + shape[2], padding : padding + shape[3]]


def vjp_weight(
    g: Array, x: Array, shape: tuple[int, ...], stride: int, padding: int, dilation: int, last: bool = False
) -> Array:
    """The cotangent of w, of this shape; with `last` a weight keeps its last product, a mistake."""
    gw = np.zeros(shape, g.dtype)
    framed, in_image = padded(x, padding, padding), padded(np.ones_like(x), padding, padding)
    for r, q, rows, columns in windows(x.shape, shape[2:], (stride, padding, dilation)):
        products = np.einsum("nk,ncuv->kcuv", g[:, :, r, q], framed[:, :, rows, columns])
        kept = np.where(in_image[0, :, rows, columns], 0, gw) if last else gw
        gw = kept + products
    return gw


def max_pool2d(x: Array, size: int, stride: int, padding: int, last: bool = False) -> tuple[Array, Array]:
    """The maxima and their switches; with `last` those of the last maximum at a tie, a mistake."""
    places = list(windows(x.shape, (size, size), (stride, padding, 1)))
    y = np.zeros((*x.shape[:2], places[-1][0] + 1, places[-1][1] + 1), x.dtype)
    switches = np.zeros(y.shape, np.int64)
    for n, c, (r, q, rows, columns) in product(range(len(x)), range(x.shape[1]), places):
        top, left = max(rows.start - padding, 0), max(columns.start - padding, 0)
        window = x[n, c, top : rows.stop - padding, left : columns.stop - padding]
        largest = window.max()  # NaN where there is one
        u, v = np.argwhere((window == largest) | np.isnan(window))[-1 if last else 0]
        y[n, c, r, q] = largest
        switches[n, c, r, q] = (top + u) * x.shape[3] + left + v
    return y, switches
