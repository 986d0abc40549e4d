"""Where an output looks: the rows, or the columns, of an input on which those of the output depend.

Each function is (mask of the output, the input's size, node, axis) -> mask of the input; axis 0 is that of
the rows, 1 of the columns.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minixai.errors import RuleError
from minixai.op import Mask
from minixai.ops.sizes import pair
from minixai.tape import Node

__all__ = ["channels", "evenly", "reduced", "same", "shifted", "stamps", "window_of", "windows"]


def same(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """At its own place; a size of 1 is broadcast over all places."""
    return mask if len(mask) == size else np.ones(size, bool)


def windows(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Convolution and pooling: i·stride − padding + u·dilation for each tap u of the kernel."""
    params = node.params
    kernel = params["kernel_size"] if "kernel_size" in params else node.arrays[1].shape[2:]
    taps, step, padding, dilation = (
        pair(node.op.name, "size", value, least=0)[axis]
        for value in (kernel, params["stride"] or kernel, params["padding"], params.get("dilation", 1))
    )
    places = np.add.outer(np.flatnonzero(mask) * step - padding, np.arange(taps) * dilation)
    return np.isin(np.arange(size), places)


def stamps(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Transposed convolution: where i·stride − padding + u·dilation is seen, for a tap u of the kernel."""
    params = node.params
    taps = node.arrays[1].shape[2 + axis]
    step, padding, dilation = (
        pair(node.op.name, "size", params[name], least=0)[axis] for name in ("stride", "padding", "dilation")
    )
    places = np.add.outer(np.arange(size) * step - padding, np.arange(taps) * dilation)
    return np.asarray(np.isin(places, np.flatnonzero(mask)).any(axis=1))


def evenly(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Adaptive pooling: ⌊i·size/count⌋ to ⌈(i+1)·size/count⌉ − 1."""
    seen = np.zeros(size, bool)
    for i in np.flatnonzero(mask):
        seen[window_of(int(i), len(mask), size)] = True
    return seen


def window_of(i: int, count: int, size: int) -> slice:
    """Window i of count windows that cover `size` places evenly."""
    return slice(i * size // count, -(-(i + 1) * size // count))


def reduced(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Sums, means and maxima: everywhere along the axes that they take together."""
    axes, ndim = node.params["axis"], node.arrays[0].ndim
    taken = normalize_axis_tuple(range(ndim) if axes is None else axes, ndim)
    return np.ones(size, bool) if 2 + axis in taken else same(mask, size, node, axis)


def shifted(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Padding: behind the border."""
    before = node.params["widths"][2 + axis][0]
    return mask[before : before + size]


def channels(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Concatenation of channels."""
    if node.params["axis"] not in (1, -3):
        raise RuleError(f"receptive_field: concat along axis {node.params['axis']}, expected the channels, 1")
    return mask
