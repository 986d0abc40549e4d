"""Receptive fields: the pixels that a unit depends on, found by walking the tape back with masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minixai import ops
from minixai.errors import RuleError, ShapeError
from minixai.ops.sizes import pair
from minixai.tape import Node, Op, Tensor, tape_of

__all__ = ["receptive_field"]

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]  # the rows, or the columns, of a map


def receptive_field(y: Tensor, x: Tensor, row: int, column: int) -> tuple[slice, slice]:
    """The rows and the columns of x on which the units y[:, :, row, column] depend.

    x: (n, c, h, w), the input that y (n, k, h', w') was computed from, with a tape. The slices lie
    inside x, so that x.value[:, :, rows, columns] is the patch that the units see; padding is not in it,
    and of units that see nothing else the slices are empty.
    Raises ShapeError where y is no map or the place is outside it, ValueError where y does not depend
    on x, RuleError for an operation after which rows and columns have no meaning, such as reshape.
    """
    if y.ndim != 4 or not (0 <= row < y.shape[2] and 0 <= column < y.shape[3]):
        raise ShapeError(f"receptive_field: row {row} and column {column} are no place in y {y.shape}")
    tape = tape_of(y)
    dependent = {x} & set(tape)
    for tensor in tape:
        if dependent.intersection(tensor.inputs):
            dependent.add(tensor)
    if y not in dependent:
        raise ValueError(f"receptive_field: {y!r} does not depend on {x!r}")
    seen = {y: tuple(np.arange(size) == at for size, at in zip(y.shape[2:], (row, column), strict=True))}
    for tensor in reversed(tape):
        if tensor is x or tensor not in seen or tensor.node is None:
            continue
        for each in dependent.intersection(tensor.inputs):
            masks = _seen_by(tensor.node, seen[tensor], each.shape[2:])
            seen[each] = tuple(m | old for m, old in zip(masks, seen.get(each, masks), strict=True))
    rows, columns = (_extent(mask) for mask in seen[x])
    return rows, columns


def _seen_by(node: Node, masks: tuple[Mask, ...], sizes: tuple[int, ...]) -> tuple[Mask, ...]:
    """The rows and columns of an input, of these sizes, that the given ones of the output depend on."""
    if node.op not in RULES:
        raise RuleError(f"receptive_field: no rule for {node.op.name} (layer {node.layer!r})")
    rule = RULES[node.op]
    return tuple(rule(masks[axis], size, node, axis) for axis, size in enumerate(sizes))


def _extent(mask: Mask) -> slice:
    places = np.flatnonzero(mask)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def _window(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Convolution and pooling: i·stride − padding + u·dilation for each tap u of the kernel."""
    params = node.params
    kernel = node.arrays[1].shape[2:] if node.op is ops.conv2d else params["kernel_size"]
    stride = params["stride"] or kernel
    taps, step, padding, dilation = (
        pair("receptive_field", "size", value, least=0)[axis]
        for value in (kernel, stride, params["padding"], params.get("dilation", 1))
    )
    places = np.add.outer(np.flatnonzero(mask) * step - padding, np.arange(taps) * dilation)
    return np.isin(np.arange(size), places)


def _share(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Adaptive pooling: ⌊i·size/count⌋ to ⌈(i+1)·size/count⌉ − 1."""
    count, seen = len(mask), np.zeros(size, bool)
    for i in np.flatnonzero(mask):
        seen[i * size // count : -(-(i + 1) * size // count)] = True
    return seen


def _same(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Operations that act on each place alone; a size of 1 is broadcast over all places."""
    return mask if len(mask) == size else np.ones(size, bool)


def _stack(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Concatenation of channels."""
    if node.params["axis"] not in (1, -3):
        raise RuleError(f"receptive_field: concat along axis {node.params['axis']}, expected the channels, 1")
    return mask


def _unpad(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    before = node.params["widths"][2 + axis][0]
    return mask[before : before + size]


POINTWISE = (
    *(ops.relu, ops.leaky_relu, ops.sigmoid, ops.tanh, ops.softplus, ops.step, ops.exp, ops.log),
    *(ops.add, ops.subtract, ops.multiply, ops.divide, ops.negative, ops.power),
    *(ops.batch_norm, ops.dropout),
)
RULES: dict[Op, Callable[[Mask, int, Node, int], Mask]] = {
    **dict.fromkeys((ops.conv2d, ops.max_pool2d, ops.avg_pool2d, ops.p_norm_pool2d), _window),
    ops.adaptive_avg_pool2d: _share,
    **dict.fromkeys(POINTWISE, _same),
    ops.concat: _stack,
    ops.pad: _unpad,
}
