"""Convolution."""

from __future__ import annotations

from minixai import kernels
from minixai.errors import ShapeError
from minixai.op import Trait, operation
from minixai.ops.places import windows
from minixai.ops.sizes import Size, check_images, pair
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["conv2d"]


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
    geometry = _geometry(stride, padding, dilation, groups)
    _check(x, w, b, geometry)
    return kernels.convolution.conv2d(x, w, b, geometry)


@conv2d.define_vjp
def _conv2d_vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    (x, w, _), geometry = node.arrays, _geometry(**node.params)
    gx = kernels.convolution.conv2d_vjp_input(g, w, x.shape, geometry) if node.needs[0] else None
    gw = kernels.convolution.conv2d_vjp_weight(g, x, w.shape, geometry) if node.needs[1] else None
    gb = kernels.convolution.conv2d_vjp_bias(g) if node.needs[2] else None
    return gx, gw, gb


def _geometry(stride: Size, padding: Size, dilation: Size, groups: int) -> kernels.convolution.Geometry:
    return kernels.convolution.Geometry(
        pair("conv2d", "stride", stride),
        pair("conv2d", "padding", padding, least=0),
        pair("conv2d", "dilation", dilation),
        groups,
    )


def _check(x: Array, w: Array, b: Array | None, geometry: kernels.convolution.Geometry) -> None:
    check_images("conv2d", x)
    shapes = f"(x {x.shape}, weight {w.shape})"
    if w.ndim != 4 or w.size == 0:
        raise ShapeError(f"conv2d: weight has shape {w.shape}, expected four axes (k, c/groups, kh, kw)")
    if geometry.groups < 1 or x.shape[1] % geometry.groups or w.shape[0] % geometry.groups:
        raise ShapeError(f"conv2d: groups is {geometry.groups}, expected a divisor of both channels {shapes}")
    if x.shape[1] != w.shape[1] * geometry.groups:
        raise ShapeError(
            f"conv2d: x has {x.shape[1]} channels, weight expects {w.shape[1] * geometry.groups} {shapes}"
        )
    if b is not None and b.shape != w.shape[:1]:
        raise ShapeError(f"conv2d: bias has shape {b.shape}, expected ({w.shape[0]},) {shapes}")
    if min(geometry.output_size(x.shape[2:], w.shape[2:])) < 1:
        raise ShapeError(
            f"conv2d: the kernel is larger than the image with padding {geometry.padding} "
            f"and dilation {geometry.dilation} {shapes}"
        )
