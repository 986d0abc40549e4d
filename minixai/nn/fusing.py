"""A layer with weights and the affine steps behind it, such as batch norm in eval mode, as one layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minixai.op import Trait
from minixai.tape import Node, Tensor
from minixai.typing import Array

__all__ = ["Fused", "fused"]


@dataclass(frozen=True, eq=False)
class Fused(Node):
    """s·(Σ x·w + b) + t as the layer Σ x·(s·w) + (s·b + t): the layer's node with that weight and value."""

    shift: Array = field(default_factory=lambda: np.zeros(1))  # s·b + t, as it broadcasts to the value
    steps: tuple[str, ...] = ()  # the operations behind the layer

    name = property(lambda self: " + ".join((self.op.name, *self.steps)))


def fused(
    tape: Mapping[Tensor, Node | None], wanted: Callable[[Node], bool], kept: Collection[Tensor] = ()
) -> dict[Tensor, Node | None]:
    """The tape with every step y = s·z + t, one s and t a unit, fused with the layer that made z.

    A step that needs more numbers than that stays, and one whose z something else uses.
    wanted: of an affine node, whether to fuse it. kept: tensors that stay on the tape.
    """
    uses = Counter(x for node in tape.values() if node for x in node.inputs)
    found: dict[Tensor, Node | None] = {}
    for y, node in tape.items():
        found[y] = node
        if node and Trait.AFFINE in node.traits and sum(node.needs) == 1 and wanted(node):
            z = node.inputs[node.needs.index(True)]
            layer = None if z is None or z in kept or uses[z] > 1 else found.get(z)
            if z is not None and layer and (joined := _joined(layer, node)):
                del found[z]
                found[y] = joined
    return found


def _joined(layer: Node, step: Node) -> Fused | None:
    """Both as one node; None where the layer has no weight, or s and t are not one for a unit."""
    if Trait.WEIGHTED not in layer.traits or layer.needs[0] is False or any(layer.needs[1:]):
        return None
    units = (layer.value.ndim - 1) if Trait.DENSE in layer.traits else 1
    shape = tuple(size if axis == units else 1 for axis, size in enumerate(layer.value.shape))
    if (found := _slope_and_shift(step, shape)) is None:
        return None
    s, t = found
    x, w, *rest = layer.arrays
    b = layer.shift if isinstance(layer, Fused) else _bias(rest, shape, w.dtype)
    shift = s * b + t
    arrays = (x, w * _by_weight(layer, s), *(shift.ravel() for _ in rest))
    steps = (*(layer.steps if isinstance(layer, Fused) else ()), step.op.name)
    own: dict[str, Any] = {name: getattr(layer, name) for name in Node.__dataclass_fields__}
    return Fused(**{**own, "arrays": arrays, "value": step.value}, shift=shift, steps=steps)


def _bias(rest: list[Any], shape: tuple[int, ...], dtype: Any) -> Array:
    return np.zeros(shape, dtype) if not rest or rest[0] is None else rest[0].reshape(shape)


def _slope_and_shift(step: Node, shape: tuple[int, ...]) -> tuple[Array, Array] | None:
    """s and t of y = s·z + t, of this shape; None where they need more, or are drawn."""
    if any(isinstance(setting, np.random.Generator) for setting in step.params.values()):
        return None
    path = step.needs.index(True)
    zero = np.zeros(shape, step.value.dtype)
    arrays = tuple(zero if k == path else array for k, array in enumerate(step.arrays))
    result = step.op.forward(*arrays, **step.params)
    t, saved = result if isinstance(result, tuple) else (result, None)
    if t.shape != shape:
        return None
    s = list(step.op.vjp(np.ones_like(t), replace(step, arrays=arrays, value=t, saved=saved)))[path]
    return (np.asarray(s), t) if s is not None else None


def _by_weight(layer: Node, s: Array) -> Array:
    """For every entry of the weight the s of its unit, as it broadcasts to the weight.

    Where the rows are not the units, the VJP of the weight tells whose an entry is.
    """
    x, w, *rest = layer.arrays
    if Trait.UNITS in layer.traits:
        return s.reshape(-1, *[1] * (w.ndim - 1))
    one = (np.ones_like(x[:1]), np.ones_like(w), *(None for _ in rest))
    y = layer.op.forward(*one, **layer.params)
    only_w = replace(layer, arrays=one, value=y, needs=(False, True, *(False for _ in rest)))
    of_s, of_one = (np.asarray(list(layer.op.vjp(g, only_w))[1])
                    for g in (np.broadcast_to(s, y.shape).copy(), np.ones_like(y)))  # fmt: skip
    return np.divide(of_s, of_one, out=np.ones_like(w), where=of_one != 0)
