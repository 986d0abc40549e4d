"""Sums, means and maxima along axes."""

from __future__ import annotations

import numpy as np

from minixai.op import Trait, operation
from minixai.ops.places import reduced
from minixai.ops.sizes import check_axis
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["max", "mean", "sum"]

Axis = int | tuple[int, ...] | None


def _without_axes(array: Array, axis: Axis, keepdims: bool) -> Array:
    """Take the reduced axes, now of size 1, away unless they are to be kept."""
    return array if keepdims else array.squeeze(axis)


def _spread(array: Array, node: Node) -> Array:
    """Give a reduced array its axes back, with size 1, so that it broadcasts to the input."""
    axis, keepdims = node.params["axis"], node.params["keepdims"]
    if keepdims:
        return array
    (x,) = node.arrays
    return np.expand_dims(array, tuple(range(x.ndim)) if axis is None else axis)


@operation(Trait.POOL, looks=reduced)
def sum(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Σ x along the axes; None means all."""
    check_axis("sum", x, axis)
    return _without_axes(x.sum(axis, keepdims=True), axis, keepdims)


@sum.define_vjp
def _sum_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (np.broadcast_to(_spread(g, node), x.shape),)


@operation(Trait.POOL, looks=reduced)
def mean(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean of x along the axes; None means all."""
    check_axis("mean", x, axis)
    return _without_axes(x.mean(axis, keepdims=True), axis, keepdims)


@mean.define_vjp
def _mean_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (np.broadcast_to(_spread(g, node) * (g.size / x.size), x.shape),)


@operation(Trait.MOVE, looks=reduced)
def max(x: Array, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """The maximum of x along an axis; None means of all. At a tie the cotangent goes to the first maximum."""
    check_axis("max", x, axis)
    if isinstance(axis, tuple):
        raise TypeError(f"max: axis is {axis}, expected one axis, or None for all")
    return _without_axes(x.max(axis, keepdims=True), axis, keepdims)


@max.define_vjp
def _max_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,), axis = node.arrays, node.params["axis"]
    gx = np.zeros_like(x)
    if axis is None:
        gx.flat[x.argmax()] = g.item()
    else:
        np.put_along_axis(gx, x.argmax(axis, keepdims=True), _spread(g, node), axis)
    return (gx,)
