"""Sizes: what operations check of them, and how a broadcast is undone."""

from __future__ import annotations

import operator

from numpy.lib.array_utils import normalize_axis_tuple

from minixai.errors import ShapeError, came
from minixai.typing import Array

__all__ = ["Size", "check_axes", "check_axis", "check_images", "lacks", "pair", "unbroadcast"]

Size = int | tuple[int, int]


def pair(call: str, name: str, size: Size, least: int = 1) -> tuple[int, int]:
    """(vertical, horizontal) from one whole number or two, each at least `least`."""
    try:
        sizes = size if isinstance(size, tuple | list) else (size, size)
        vertical, horizontal = (operator.index(s) for s in sizes)
    except (TypeError, ValueError):
        raise TypeError(
            f"{call}: {name} is {came(size)}, expected a whole number or a pair of them"
        ) from None
    if min(vertical, horizontal) < least:
        raise ValueError(f"{call}: {name} is {size!r}, expected at least {least}")
    return vertical, horizontal


def check_axis(call: str, x: Array, axis: int | tuple[int, ...] | None) -> None:
    """Raise ShapeError unless x has the axis, or the axes; None means all."""
    try:
        normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    except ValueError:
        raise ShapeError(f"{call}: axis is {axis}, expected axes of x {x.shape}") from None


def check_axes(call: str, name: str, array: Array, axes: str) -> None:
    """Raise ShapeError unless the array has as many axes as are named, such as "(n, c, l)", and entries."""
    count = axes.count(",") + 1
    if array.ndim != count:
        said = {3: "three", 4: "four"}[count]
        raise ShapeError(f"{call}: {name} has shape {array.shape}, expected {said} axes {axes}{lacks(array)}")
    if array.size == 0:
        raise ShapeError(f"{call}: {name} is empty, shape {array.shape}")


def check_images(call: str, x: Array) -> None:
    """Raise ShapeError unless x is a batch of images, not an empty one."""
    check_axes(call, "x", x, "(n, c, h, w)")


def lacks(x: Array) -> str:
    """What an x of a wrong shape may lack, and the way on; "" where there is no guess."""
    if x.ndim in (3, 4) and x.shape[-1] in (3, 4):
        return "; photos (h, w, 3) become x by Preprocess, as model.preprocess(photos)"
    return "; one input alone becomes a batch as x[None]" if x.ndim in (1, 3) else ""


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum g over the axes along which an input of this shape was repeated."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(a for a, size in enumerate(shape) if size == 1), keepdims=True).reshape(shape)
