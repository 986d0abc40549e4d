"""Convolution, of images and of sequences, and transposed."""

from __future__ import annotations

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError
from minixai.op import Trait, operation
from minixai.ops.places import stamps, windows
from minixai.ops.sizes import Size, check_axes, pair
from minixai.settings import whole_number
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["conv1d", "conv2d", "conv_transpose2d"]


@operation(Trait.UNITS, Trait.WEIGHTED, looks=windows)
def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """y[i, k, r, q] = Σ_{c,u,v} x[i, c, r·stride + u·dilation − padding, …] · w[k, c, u, v] + b[k].

    x: images (n, c, h, w), 0 outside. w: (k, c/groups, kh, kw). b: (k,) or None.
    stride, padding, dilation: pixels, one number or (vertical, horizontal).
    groups: output channel k sees only the input channels of its group.
    Returns (n, k, ⌊(h + 2·padding − dilation·(kh−1) − 1)/stride⌋ + 1, …).
    Raises ShapeError where the shapes do not fit, or the kernel is larger than the padded image.
    """
    geometry = _geometry("conv2d", stride, padding, dilation, groups)
    _check("conv2d", ("(n, c, h, w)", "(k, c/groups, kh, kw)"), x, w, b, groups)
    _check_room("conv2d", x, w, geometry, padding, dilation)
    return kernels.convolution.conv2d(x, w, b, geometry)


@conv2d.define_vjp
def _conv2d_vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    x, w, _ = node.arrays
    return _vjps(g, x, w, _geometry("conv2d", **node.params), node.needs)


@operation(Trait.UNITS, Trait.WEIGHTED)
def conv1d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Array:
    """y[i, k, r] = Σ_{c,u} x[i, c, r·stride + u·dilation − padding] · w[k, c, u] + b[k].

    x: sequences (n, c, l), 0 outside. w: (k, c/groups, kl). b: (k,) or None. All else as for conv2d.
    Returns (n, k, ⌊(l + 2·padding − dilation·(kl−1) − 1)/stride⌋ + 1).
    """
    geometry = _along_a_line(stride, padding, dilation, groups)
    _check("conv1d", ("(n, c, l)", "(k, c/groups, kl)"), x, w, b, groups)
    _check_room("conv1d", x, w, geometry, padding, dilation)
    return kernels.convolution.conv2d(_as_rows(x), _as_rows(w), b, geometry)[:, :, 0]


@conv1d.define_vjp
def _conv1d_vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    g, x, w = map(_as_rows, (g, *node.arrays[:2]))
    gx, gw, gb = _vjps(g, x, w, _along_a_line(**node.params), node.needs)
    return gx if gx is None else gx[:, :, 0], gw if gw is None else gw[:, :, 0], gb


@operation(Trait.WEIGHTED, looks=stamps)
def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Array:
    """y[i, k, s, t] = Σ x[i, c, r, q] · w[c, k, u, v] over s = r·stride + u·dilation − padding, …; + b[k].

    It is the VJP of conv2d with respect to its input: a pixel of x lays the kernel, times itself, on y.

    x: images (n, c, h, w). w: (c, k/groups, kh, kw). b: (k,) or None. groups: as for conv2d.
    output_padding: rows and columns more at the end of y, fewer than stride or dilation.
    Returns (n, k, (h − 1)·stride − 2·padding + dilation·(kh−1) + output_padding + 1, …).
    Raises ShapeError where the shapes do not fit, or nothing is left of y.
    """
    geometry = _geometry("conv_transpose2d", stride, padding, dilation, groups)
    more = pair("conv_transpose2d", "output_padding", output_padding, least=0)
    _check("conv_transpose2d", ("(n, c, h, w)", "(c, k/groups, kh, kw)"), x, w, b, groups)
    y_shape = (len(x), w.shape[1] * groups, *_transposed_size(x, w, geometry, more))
    y = kernels.convolution.conv2d_vjp_input(x, w, y_shape, geometry)
    return y if b is None else np.add(y, b.reshape(-1, 1, 1), out=y)


@conv_transpose2d.define_vjp
def _conv_transpose2d_vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    (x, w, _), params = node.arrays, dict(node.params)
    del params["output_padding"]
    geometry = _geometry("conv_transpose2d", **params)
    height, width = x.shape[2:]
    rows, columns = geometry.output_size(g.shape[2:], w.shape[2:])  # output_padding may make room for more
    gx = gw = gb = None
    if node.needs[0]:
        gx = kernels.convolution.conv2d(g, w, None, geometry)[:, :, :height, :width]
    if node.needs[1]:
        x = np.pad(x, ((0, 0), (0, 0), (0, rows - height), (0, columns - width)))
        gw = kernels.convolution.conv2d_vjp_weight(x, g, w.shape, geometry)
    if node.needs[2]:
        gb = kernels.convolution.conv2d_vjp_bias(g)
    return gx, gw, gb


def _vjps(
    g: Array, x: Array, w: Array, geometry: kernels.convolution.Geometry, needs: tuple[bool, ...]
) -> tuple[Array | None, ...]:
    """The cotangents of x, w and b that are wanted."""
    gx = kernels.convolution.conv2d_vjp_input(g, w, x.shape, geometry) if needs[0] else None
    gw = kernels.convolution.conv2d_vjp_weight(g, x, w.shape, geometry) if needs[1] else None
    gb = kernels.convolution.conv2d_vjp_bias(g) if needs[2] else None
    return gx, gw, gb


def _geometry(
    call: str, stride: Size, padding: Size, dilation: Size, groups: int
) -> kernels.convolution.Geometry:
    return kernels.convolution.Geometry(
        pair(call, "stride", stride),
        pair(call, "padding", padding, least=0),
        pair(call, "dilation", dilation),
        groups,
    )


def _along_a_line(stride: int, padding: int, dilation: int, groups: int) -> kernels.convolution.Geometry:
    """That of images of one row."""
    step, gap = (whole_number("conv1d", n, v) for n, v in (("stride", stride), ("dilation", dilation)))
    border = whole_number("conv1d", "padding", padding, least=0)
    return kernels.convolution.Geometry((1, step), (0, border), (1, gap), groups)


def _as_rows(array: Array) -> Array:
    """(n, c, l) as (n, c, 1, l): images of one row."""
    return array[:, :, None]


def _check(call: str, axes: tuple[str, str], x: Array, w: Array, b: Array | None, groups: int) -> None:
    """Raise ShapeError unless x and w have these axes, and channels that fit."""
    check_axes(call, "x", x, axes[0])
    check_axes(call, "weight", w, axes[1])
    if groups < 1 or x.shape[1] % groups or w.shape[0] % groups:
        raise ShapeError(f"{call}: groups is {groups}, expected a divisor of both channels {_shapes(x, w)}")
    c, k = w.shape[1] * groups, w.shape[0]
    if axes[1].startswith("(c"):
        c, k = k, c
    if x.shape[1] != c:
        raise ShapeError(f"{call}: x has {x.shape[1]} channels, weight expects {c} {_shapes(x, w)}")
    if b is not None and b.shape != (k,):
        raise ShapeError(f"{call}: bias has shape {b.shape}, expected ({k},) {_shapes(x, w)}")


def _shapes(x: Array, w: Array) -> str:
    return f"(x {x.shape}, weight {w.shape})"


def _check_room(
    call: str, x: Array, w: Array, geometry: kernels.convolution.Geometry, padding: Size, dilation: Size
) -> None:
    """Raise ShapeError unless the kernel lies somewhere inside the padded image."""
    size, kernel = (array.shape[2:] if array.ndim == 4 else (1, *array.shape[2:]) for array in (x, w))
    if min(geometry.output_size(size, kernel)) < 1:
        raise ShapeError(
            f"{call}: the kernel is larger than the image with padding {padding} "
            f"and dilation {dilation} (x {x.shape}, weight {w.shape})"
        )


def _transposed_size(
    x: Array, w: Array, geometry: kernels.convolution.Geometry, output_padding: tuple[int, ...]
) -> tuple[int, ...]:
    """(h − 1)·stride − 2·padding + dilation·(kh−1) + output_padding + 1, and so the width."""
    stride, padding, dilation, _ = geometry
    if any(more >= max(step, gap) for more, step, gap in zip(output_padding, stride, dilation, strict=True)):
        raise ValueError(
            f"conv_transpose2d: output_padding is {output_padding}, "
            f"expected less than stride {stride} or dilation {dilation}"
        )
    size = tuple(
        (x.shape[2 + a] - 1) * stride[a]
        - 2 * padding[a]
        + dilation[a] * (w.shape[2 + a] - 1)
        + output_padding[a]
        + 1
        for a in (0, 1)
    )
    if min(size) < 1:
        raise ShapeError(
            f"conv_transpose2d: padding {padding} leaves nothing (x {x.shape}, weight {w.shape})"
        )
    return size
