"""Operations that only move entries: every cotangent goes back to where its entry came from."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.op import Trait, operation
from minixai.ops.places import channels, shifted
from minixai.ops.sizes import check_axis
from minixai.tape import Node, Tensor
from minixai.typing import Array

__all__ = ["concat", "flatten", "pad", "reshape", "slice", "transpose"]


@operation(Trait.REARRANGE, Trait.MOVE)
def reshape(x: Array, *, shape: tuple[int, ...]) -> Array:
    """The same entries in another shape; one size may be −1."""
    try:
        return x.reshape(shape)
    except ValueError:
        raise ShapeError(f"reshape: x has shape {x.shape}, which does not fit {shape}") from None


@reshape.define_vjp
def _reshape_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (g.reshape(x.shape),)


def flatten(x: Tensor) -> Tensor:
    """All axes but the first as one: (n, …) → (n, product of the others)."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    return reshape(x, (x.shape[0], int(np.prod(x.shape[1:]))))


@operation(Trait.REARRANGE, Trait.MOVE)
def transpose(x: Array, *, axes: tuple[int, ...] | None = None) -> Array:
    """The axes in another order; None reverses it."""
    try:
        return x.transpose(axes)
    except ValueError:
        raise ShapeError(f"transpose: axes {axes} is no order of the axes of x {x.shape}") from None


@transpose.define_vjp
def _transpose_vjp(g: Array, node: Node) -> tuple[Array]:
    axes = node.params["axes"]
    return (g.transpose(None if axes is None else np.argsort(np.mod(axes, g.ndim))),)


@operation(Trait.MOVE, looks=shifted)
def pad(x: Array, *, widths: tuple[tuple[int, int], ...], value: float = 0.0) -> Array:
    """x with a border of a constant: widths (before, after) for each axis."""
    if np.shape(widths) != (x.ndim, 2) or np.min(widths) < 0:
        raise ShapeError(f"pad: widths {widths}, expected (before, after) >= 0 for each axis of x {x.shape}")
    return np.pad(x, widths, constant_values=value)


@pad.define_vjp
def _pad_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,), widths = node.arrays, node.params["widths"]
    return (g[tuple(builtins.slice(w[0], w[0] + size) for w, size in zip(widths, x.shape, strict=True))],)


@operation(Trait.REARRANGE, Trait.MOVE, looks=channels)
def concat(*xs: Array, axis: int = 1) -> Array:
    """The arrays one after the other along an axis; concat(a, b) and concat([a, b]) are the same."""
    if not xs:
        raise ShapeError("concat: expected at least one array, got none")
    check_axis("concat", xs[0], axis)
    try:
        return np.concatenate(xs, axis)
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in xs)
        raise ShapeError(f"concat: shapes {shapes} differ in an axis other than axis {axis}") from None


@concat.define_vjp
def _concat_vjp(g: Array, node: Node) -> list[Array]:
    axis = node.params["axis"]
    ends = np.cumsum([x.shape[axis] for x in node.arrays])
    return np.split(g, ends[:-1], axis)


@operation(Trait.REARRANGE, Trait.MOVE)
def slice(x: Array, *, index: Any) -> Array:
    """x[index], as NumPy indexes."""
    try:
        return x[index]
    except IndexError as error:
        raise ShapeError(f"slice: index {index!r} does not fit x {x.shape}: {error}") from None


@slice.define_vjp
def _slice_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    gx = np.zeros_like(x)
    np.add.at(gx, node.params["index"], g)  # an index array may name an entry twice
    return (gx,)
