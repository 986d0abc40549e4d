"""Receptive fields: the pixels that a unit depends on, found by walking the tape back with masks."""

from __future__ import annotations

import numpy as np

from minixai.errors import RuleError, ShapeError, came
from minixai.op import Mask, Trait
from minixai.ops.places import same
from minixai.settings import whole_number
from minixai.tape import Node, Tensor, tape_of

__all__ = ["receptive_field"]

ENTRY_BY_ENTRY = {Trait.GATE, Trait.AFFINE, Trait.SUM}


def receptive_field(y: Tensor, x: Tensor, row: int, column: int) -> tuple[slice, slice]:
    """The rows and the columns of x on which the units y[:, :, row, column] depend.

    x: (n, c, h, w), the input that y (n, k, h', w') was computed from, with a tape. The slices lie
    inside x, so that x.value[:, :, rows, columns] is the patch that the units see; padding is not in it,
    and of units that see nothing else the slices are empty.
    Raises ShapeError where y is no map or the place is outside it, ValueError where y does not depend
    on x, RuleError for an operation after which rows and columns have no meaning, such as reshape.
    """
    for name, tensor in (("y", y), ("x", x)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"receptive_field: {name} is {came(tensor)}, expected a Tensor")
    row, column = (
        whole_number("receptive_field", name, place, least=0)
        for name, place in (("row", row), ("column", column))
    )
    if y.ndim != 4 or not (0 <= row < y.shape[2] and 0 <= column < y.shape[3]):
        raise ShapeError(f"receptive_field: row {row} and column {column} are no place in y {y.shape}")
    seen = {y: tuple(np.arange(size) == at for size, at in zip(y.shape[2:], (row, column), strict=True))}
    for tensor, node in reversed(tape_of(y, [x]).items()):
        if tensor is x or tensor not in seen or node is None:
            continue
        for each in {
            each for each, need in zip(node.inputs, node.needs, strict=True) if need and each is not None
        }:
            masks = _seen_by(node, seen[tensor], each.shape)
            seen[each] = tuple(m | old for m, old in zip(masks, seen.get(each, masks), strict=True))
    if x not in seen:
        raise ValueError(f"receptive_field: {y!r} does not depend on {x!r}")
    rows, columns = (_extent(mask) for mask in seen[x])
    return rows, columns


def _seen_by(node: Node, masks: tuple[Mask, ...], shape: tuple[int, ...]) -> tuple[Mask, ...]:
    """The rows and columns of an input of this shape that the given ones of the output depend on."""
    looks = node.op.looks
    if looks is None and ENTRY_BY_ENTRY.intersection(node.traits):
        looks = same
    if looks is None:
        raise RuleError(f"receptive_field: no rule for {node.label}, which does not say where it looks")
    if len(shape) != 4:
        raise RuleError(f"receptive_field: an input of {node.label} has shape {shape}, expected (n, c, h, w)")
    return tuple(looks(masks[axis], size, node, axis) for axis, size in enumerate(shape[2:]))


def _extent(mask: Mask) -> slice:
    places = np.flatnonzero(mask)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)
