"""Pooling, and unpooling with switches."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError
from minixai.op import Trait, operation
from minixai.ops.places import windows
from minixai.ops.sizes import Size, check_images, pair
from minixai.settings import finite_number
from minixai.tape import Node, Tensor
from minixai.typing import Array

__all__ = [
    "avg_pool2d",
    "max_pool2d",
    "max_unpool2d",
    "p_norm_pool2d",
    "switches",
]


def _windows(
    call: str,
    x: Array,
    kernel_size: Size,
    stride: Size | None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> kernels.pooling.Windows:
    check_images(call, x)
    kernel = pair(call, "kernel_size", kernel_size)
    steps = kernel if stride is None else pair(call, "stride", stride)
    windows = kernels.pooling.Windows(
        kernel, steps, pair(call, "padding", padding, least=0), pair(call, "dilation", dilation), ceil_mode
    )
    if any(2 * windows.padding[axis] > kernel[axis] for axis in (0, 1)):
        raise ShapeError(f"{call}: padding is {padding}, expected at most half of kernel_size {kernel_size}")
    if min(windows.output_size(x.shape[2:])) < 1:
        raise ShapeError(f"{call}: kernel_size {kernel_size} is larger than the image, x {x.shape}")
    if not windows.all_meet(x.shape[2:]):
        raise ShapeError(f"{call}: with dilation {dilation} a window lies outside the image, x {x.shape}")
    return windows


@operation(Trait.MOVE, looks=windows)
def max_pool2d(
    x: Array,
    *,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Any]:
    """y = the maximum of each window; the place of each maximum, its switch, is kept for the way back.

    x: (n, c, h, w). stride: None means kernel_size. padding: at most half of kernel_size, never a maximum.
    ceil_mode: whether a last window that hangs over the edge counts.
    At a tie the cotangent goes to the first maximum in row-major order.
    """
    windows = _windows("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)
    return kernels.pooling.max_pool2d(x, windows)


@max_pool2d.define_vjp
def _max_pool2d_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,), switches = node.arrays, node.saved
    return (kernels.pooling.max_unpool2d(g, switches, x.shape[2:]),)


def switches(y: Tensor) -> kernels.pooling.Switches:
    """The switches of y = max_pool2d(x): for each window the index of its maximum in the flattened plane."""
    if y.node is None or y.node.op is not max_pool2d:
        raise ValueError(f"switches: y is {y!r}, expected the output of max_pool2d with a tape")
    return y.node.saved


@operation(Trait.POOL)
def max_unpool2d(y: Array, *, switches: kernels.pooling.Switches, size: tuple[int, int]) -> tuple[Array, Any]:
    """x[switch] = y, 0 elsewhere; where windows share a switch, their y add up.

    y, switches: (n, c, h', w'), the latter integers in [0, h·w). size: (h, w) of the result.
    """
    height, width = pair("max_unpool2d", "size", size)
    check_images("max_unpool2d", y)
    switches = np.asarray(switches)
    if switches.shape != y.shape or switches.dtype.kind not in "iu":
        raise ShapeError(
            f"max_unpool2d: switches {switches.shape} {switches.dtype}, expected integers of shape {y.shape}"
        )
    if switches.min() < 0 or switches.max() >= height * width:
        raise ValueError(f"max_unpool2d: a switch is outside the plane of size {size}")
    switches = switches.astype(np.int32)  # a copy: the way back relies on what was checked
    return kernels.pooling.max_unpool2d(y, switches, (height, width)), switches


@max_unpool2d.define_vjp
def _max_unpool2d_vjp(g: Array, node: Node) -> tuple[Array]:
    return (kernels.pooling.max_unpool2d_vjp(g, node.saved),)


@operation(Trait.POOL, looks=windows)
def avg_pool2d(
    x: Array,
    *,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """y = the mean of each window.

    x: (n, c, h, w). stride: None means kernel_size. padding: zeros, at most half of kernel_size.
    count_include_pad: whether the padding counts in the mean's denominator.
    """
    windows = _windows("avg_pool2d", x, kernel_size, stride, padding, ceil_mode=ceil_mode)
    return kernels.pooling.avg_pool2d(x, windows, count_include_pad)


@avg_pool2d.define_vjp
def _avg_pool2d_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,), params = node.arrays, dict(node.params)
    count_include_pad = params.pop("count_include_pad")
    windows = _windows("avg_pool2d", x, **params)
    return (kernels.pooling.avg_pool2d_vjp(g, x.shape[2:], windows, count_include_pad),)


@operation(Trait.HOMOGENEOUS, looks=windows)
def p_norm_pool2d(
    x: Array, *, kernel_size: Size, p: float = 2.0, stride: Size | None = None, padding: Size = 0
) -> Array:
    """y = (Σ |x|^p)^(1/p) over each window: the sum of magnitudes for p = 1, towards the largest for p → ∞.

    x: (n, c, h, w). p: at least 1; for the maximum itself there is max_pool2d.
    The derivative is 0 where a window is all zero. Springenberg et al. 2014, eq. 1.
    """
    p = finite_number("p_norm_pool2d", "p", p, least=1)
    return kernels.pooling.p_norm_pool2d(x, p, _windows("p_norm_pool2d", x, kernel_size, stride, padding))


@p_norm_pool2d.define_vjp
def _p_norm_pool2d_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,), params = node.arrays, dict(node.params)
    p = params.pop("p")
    return (kernels.pooling.p_norm_pool2d_vjp(g, x, node.value, p, _windows("p_norm_pool2d", x, **params)),)
