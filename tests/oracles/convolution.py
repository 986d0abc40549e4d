"""Convolution and its VJPs, from one list of who is multiplied with whom."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.oracles import Array

Index = tuple[int, ...]
Pair = tuple[int, int]


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """The number of places at which the kernel lies inside the padded image."""
    return len(range(0, size + 2 * padding - dilation * (kernel - 1), stride))


def y_shape(x_shape: Index, w_shape: Index, stride: Pair, padding: Pair, dilation: Pair) -> Index:
    rows, columns = (
        output_size(x_shape[2 + a], w_shape[2 + a], stride[a], padding[a], dilation[a]) for a in (0, 1)
    )
    return x_shape[0], w_shape[0], rows, columns


def products(
    x_shape: Index, w_shape: Index, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Iterator[tuple[Index, Index, Index]]:
    """All (index of x, index of w, index of y) such that y is the sum of these x · w."""
    out_channels, in_group, kh, kw = w_shape
    for i, k, r, q in np.ndindex(y_shape(x_shape, w_shape, stride, padding, dilation)):
        group = k // (out_channels // groups)
        for c, u, v in np.ndindex(in_group, kh, kw):
            row = r * stride[0] + u * dilation[0] - padding[0]
            column = q * stride[1] + v * dilation[1] - padding[1]
            if 0 <= row < x_shape[2] and 0 <= column < x_shape[3]:
                yield (i, group * in_group + c, row, column), (k, c, u, v), (i, k, r, q)


def conv2d(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    y = np.zeros(y_shape(x.shape, w.shape, stride, padding, dilation))
    for at_x, at_w, at_y in products(x.shape, w.shape, stride, padding, dilation, groups):
        y[at_y] += float(x[at_x]) * float(w[at_w])
    if b is not None:
        for k in range(len(b)):
            y[:, k] += float(b[k])
    return y


def conv2d_vjp_input(
    g: Array,
    w: Array,
    x_shape: Index,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    gx = np.zeros(x_shape)
    for at_x, at_w, at_y in products(x_shape, w.shape, stride, padding, dilation, groups):
        gx[at_x] += float(g[at_y]) * float(w[at_w])
    return gx


def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    output_padding: Pair = (0, 0),
    groups: int = 1,
    dilation: Pair = (1, 1),
) -> Array:
    """Every pixel of x lays the kernel, times itself, on an output from which the padding is cut off."""
    n, in_channels, h, width = x.shape
    _, in_group, kh, kw = w.shape
    rows, columns = (
        (size - 1) * stride[a] + dilation[a] * (kernel - 1) + 1 + output_padding[a]
        for a, (size, kernel) in enumerate(((h, kh), (width, kw)))
    )
    y = np.zeros((n, in_group * groups, rows, columns))
    for i, c, r, q, k, u, v in np.ndindex(n, in_channels, h, width, in_group, kh, kw):
        group = c // (in_channels // groups)
        at = r * stride[0] + u * dilation[0], q * stride[1] + v * dilation[1]
        y[(i, group * in_group + k, *at)] += float(x[i, c, r, q]) * float(w[c, k, u, v])
    y = y[:, :, padding[0] : rows - padding[0], padding[1] : columns - padding[1]]
    return y if b is None else y + b[:, None, None]


def conv1d(
    x: Array,
    w: Array,
    b: Array | None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Array:
    out_channels, in_group, taps = w.shape
    length = output_size(x.shape[2], taps, stride, padding, dilation)
    y = np.zeros((len(x), out_channels, length))
    for i, k, r, c, u in np.ndindex(*y.shape, in_group, taps):
        channel = k // (out_channels // groups) * in_group + c
        place = r * stride + u * dilation - padding
        if 0 <= place < x.shape[2]:
            y[i, k, r] += float(x[i, channel, place]) * float(w[k, c, u])
    return y if b is None else y + b[:, None]


def conv2d_vjp_weight(
    g: Array,
    x: Array,
    w_shape: Index,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    gw = np.zeros(w_shape)
    for at_x, at_w, at_y in products(x.shape, w_shape, stride, padding, dilation, groups):
        gw[at_w] += float(g[at_y]) * float(x[at_x])
    return gw


def conv2d_vjp_bias(g: Array) -> Array:
    gb = np.zeros(g.shape[1])
    for i, k, r, q in np.ndindex(g.shape):
        gb[k] += float(g[i, k, r, q])
    return gb
