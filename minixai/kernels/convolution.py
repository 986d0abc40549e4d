"""Convolution of images (n, c, h, w) with weights (k, c/groups, kh, kw), and its VJPs.

`conv2d_direct` is the definition in plain loops, to read and to test against. `fastest` says by which
algorithm it is computed, by shape; each has a file of its own that says how it works. However the work is
cut, every sum is taken in one order, and so results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

import minixai.kernels.direct as direct
import minixai.kernels.direct_weight as direct_weight
import minixai.kernels.winograd as winograd
import minixai.kernels.winograd_weight as winograd_weight
from minixai.kernels.compiling import njit
from minixai.kernels.filters import made_of
from minixai.kernels.layout import readable
from minixai.kernels.microkernel import LANES
from minixai.kernels.threads import for_each_run
from minixai.typing import Array

__all__ = [
    "ALGORITHMS",
    "Geometry",
    "conv2d",
    "conv2d_direct",
    "conv2d_vjp_bias",
    "conv2d_vjp_input",
    "conv2d_vjp_weight",
    "fastest",
    "serves",
]

Pair = tuple[int, int]
Shape = tuple[int, ...]

ALGORITHMS = ("winograd", "pointwise", "direct")
ENTRIES_A_TASK = 1 << 19  # entries: less is done before a second thread has woken up


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


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # sums in any order, so that it can be vectorised
def _sum_over_images(g, channels, total):
    """total[k] = Σ over images and places of g[:, k], added up in float64, for some channels."""
    for k in range(channels[0], channels[1]):
        s = 0.0
        for i in range(g.shape[0]):
            line = g[i, k]
            for p in range(np.uint64(line.size)):
                s += np.float64(line[p])
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


@lru_cache(maxsize=1024)
def fastest(x_shape: Shape, w_shape: Shape, dtype: Any, geometry: Geometry) -> str:
    """The algorithm for a convolution of these shapes: one of ALGORITHMS.

    The input VJP asks for its own: as a convolution of the cotangents, with the channels of w exchanged.
    Where the images are small it depends on how many there are, and so may the last bits of the result.
    """
    out_size = geometry.output_size(x_shape[2:], w_shape[2:])
    by_winograd = serves("winograd", x_shape, w_shape, dtype, geometry)
    if by_winograd and winograd.pays(x_shape[0], x_shape[1], w_shape[0], out_size):
        return "winograd"
    return "pointwise" if serves("pointwise", x_shape, w_shape, dtype, geometry) else "direct"


def serves(algorithm: str, x_shape: Shape, w_shape: Shape, dtype: Any, geometry: Geometry) -> bool:
    """Whether an algorithm can do it; Winograd's rounds too much for what is asked of float64."""
    if algorithm == "winograd":
        plain = geometry._replace(padding=(0, 0)) == Geometry() and min(geometry.padding) >= 0
        return plain and w_shape[2:] == (3, 3) and dtype == np.float32
    if algorithm == "pointwise":
        plain = geometry._replace(groups=1) == Geometry() and w_shape[2:] == (1, 1)
        return plain and x_shape[2] * x_shape[3] >= LANES
    return algorithm == "direct"


def _chosen(
    call: str, algorithm: str | None, x_shape: Shape, w_shape: Shape, dtype: Any, geometry: Geometry
) -> str:
    case = x_shape, w_shape, dtype, geometry
    if algorithm is None:
        return fastest(*case)
    if not serves(algorithm, *case):
        possible = [each for each in ALGORITHMS if serves(each, *case)]
        raise ValueError(
            f"{call}: algorithm is {algorithm!r}, expected one of {possible} for a kernel {w_shape[2:]}, "
            f"{dtype} and {geometry}"
        )
    return algorithm


def conv2d(x: Array, w: Array, b: Array | None, geometry: Geometry, algorithm: str | None = None) -> Array:
    """y[i, k] = Σ_c x[i, c] ⋆ w[k, c] + b[k], where ⋆ is the cross-correlation.

    algorithm: None is the `fastest`.
    """
    x, groups = readable(x), geometry.groups
    algorithm = _chosen("conv2d", algorithm, x.shape, w.shape, x.dtype, geometry)
    if algorithm == "winograd":
        bias = np.zeros(len(w), w.dtype) if b is None else b
        y = winograd.conv2d(
            x, made_of(w, "winograd", winograd.transform), readable(bias), False, geometry.padding
        )
        if y is not None:  # else something is not finite, and the direct sums keep it to those who see it
            return y
    y = np.empty((len(x), len(w), *geometry.output_size(x.shape[2:], w.shape[2:])), x.dtype)
    filters = made_of(w, ("direct", groups), lambda w: direct.pack(w.reshape(groups, len(w) // groups, -1)))
    if algorithm == "pointwise":
        direct.pointwise(x, filters, b, y)
    else:
        rows, columns = (
            tuple(u * geometry.dilation[a] - geometry.padding[a] for u in range(w.shape[2 + a]))
            for a in (0, 1)
        )
        direct.correlate(x, filters, b, direct.Sum(geometry.stride, rows, columns), y)
    return y


def conv2d_vjp_input(
    g: Array, w: Array, input_shape: tuple[int, ...], geometry: Geometry, algorithm: str | None = None
) -> Array:
    """gx = Σ_k g[:, k] ∗ w[k]: every output's cotangent goes back to the pixels that it was computed from."""
    g, groups = readable(g), geometry.groups
    _, in_group, kh, kw = w.shape
    turned = geometry
    if geometry.stride == (1, 1):
        padding = tuple(geometry.dilation[a] * (w.shape[2 + a] - 1) - geometry.padding[a] for a in (0, 1))
        turned = geometry._replace(padding=padding)
    exchanged = in_group * groups, len(w) // groups, kh, kw
    algorithm = _chosen("conv2d_vjp_input", algorithm, g.shape, exchanged, g.dtype, turned)
    if algorithm == "winograd":
        filters, zeros = made_of(w, "winograd", winograd.transform), readable(np.zeros(in_group, g.dtype))
        gx = winograd.conv2d(g, filters, zeros, True, turned.padding)
        if gx is not None:
            return gx
    if algorithm == "pointwise":
        gx = np.empty(input_shape, g.dtype)
        direct.pointwise(g, _turned(w, groups, (0,), (0,)), None, gx)
        return gx
    meeting = [list(_meeting(w.shape[2 + a], input_shape[2 + a], geometry, a)) for a in (0, 1)]
    complete = all(weights for axis in meeting for _, weights, _ in axis)  # else some pixels meet no weight
    gx = np.empty(input_shape, g.dtype) if complete else np.zeros(input_shape, g.dtype)
    for (row, us, rows), (column, vs, columns) in product(*meeting):
        if us and vs:
            pixels = direct.Sum((1, 1), rows, columns)
            direct.correlate(g, _turned(w, groups, us, vs), None, pixels, gx, (row, column), geometry.stride)
    return gx


def _meeting(
    weights: int, size: int, geometry: Geometry, axis: int
) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """Along one axis, for the pixels from `first` on, one a stride: which weights they meet, and how far off
    the outputs stand that they meet them in.
    """
    stride, padding, dilation = (pair[axis] for pair in geometry[:3])
    for first in range(min(stride, size)):
        meet = [u for u in range(weights) if (first + padding - u * dilation) % stride == 0]
        yield first, tuple(meet), tuple((first + padding - u * dilation) // stride for u in meet)


def _turned(w: Array, groups: int, us: tuple[int, ...], vs: tuple[int, ...]) -> Array:
    """The filters of the input VJP, packed: some weights of w, with its channels exchanged."""

    def make(w: Array) -> Array:
        some = w[:, :, us][..., vs].reshape(groups, len(w) // groups, w.shape[1], -1)
        return direct.pack(some.swapaxes(1, 2).reshape(groups, w.shape[1], -1))

    return made_of(w, ("turned", groups, us, vs), make)


def conv2d_vjp_weight(g: Array, x: Array, w_shape: tuple[int, ...], geometry: Geometry) -> Array:
    """gw[k, c] = Σ_i x[i, c] ⋆ g[i, k]: every patch, times the cotangent of the output computed from it."""
    g, x = readable(g), readable(x)
    plain = w_shape[2:] == (3, 3) and geometry == Geometry(padding=geometry.padding)
    if plain and g.dtype == np.float32 and winograd_weight.pays(g.shape, w_shape[1]):
        return winograd_weight.conv2d_vjp_weight(g, x, geometry.padding)
    return direct_weight.conv2d_vjp_weight(g, x, (w_shape[2], w_shape[3]), *geometry)


def conv2d_vjp_bias(g: Array) -> Array:
    """gb[k] = Σ of g[:, k] over images and places."""
    g = readable(g).reshape(*g.shape[:2], -1)
    total = np.empty(g.shape[1], g.dtype)

    def fill(first: int, last: int) -> None:
        _sum_over_images(g, (first, last), total)

    for_each_run(fill, len(total), g.size, ENTRIES_A_TASK)
    return total
