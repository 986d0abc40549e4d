"""The tape: every operation leaves a node on it, and `backward` walks the nodes from last to first.

Each node is asked for the cotangents of its inputs, given that of its output. What it answers is its
rule. By default that is its vector-Jacobian product (VJP), and the walk gives the gradient; with
other rules the same walk gives another explanation.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import update_wrapper
from typing import Any

import numpy as np

from minixai.errors import RuleError, ShapeError
from minixai.typing import Array, Operators

__all__ = ["Array", "Node", "Op", "Rule", "Tensor", "backward", "no_tape", "tape_of"]

Rule = Callable[[Array, "Node"], Sequence[Array | None]]

recording: ContextVar[bool] = ContextVar("recording", default=True)
current_layer: ContextVar[str | None] = ContextVar("current_layer", default=None)
numbers = itertools.count()


class Tensor(Operators):
    """A float32 or float64 array (others become float32), and the node that made it: None for a leaf.

    Its operators are operations of `minixai.ops`.
    """

    __array_ufunc__ = None  # leaves array + tensor to the tensor

    def __init__(self, array: Any, node: Node | None = None) -> None:
        value = np.asarray(array)
        if value.dtype.kind in "biu" or value.dtype == np.float16:
            value = value.astype(np.float32)
        if value.dtype not in (np.float32, np.float64):
            raise TypeError(f"Tensor: array has dtype {value.dtype}, expected float32, float64 or integers")
        self.value: Array = value
        self.node, self.number = node, next(numbers)  # its inputs have smaller numbers

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    dtype = property(lambda self: self.value.dtype)
    inputs = property(lambda self: self.node.inputs if self.node else ())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Tensor({self.shape}, {self.dtype}{f' from {self.node.op.name}' if self.node else ''})"


@dataclass(frozen=True, eq=False)
class Node:
    """What one operation leaves on the tape, and all that its rule may look at."""

    op: Op
    inputs: tuple[Tensor, ...]
    value: Array  # the output
    params: dict[str, Any]  # the settings, such as the stride
    saved: Any  # what the forward pass keeps for the VJP, such as the switches of max pooling
    layer: str | None  # the name of the layer that called the operation
    needs: tuple[bool, ...] = ()  # said by the walk: which inputs want a cotangent; skip work for the others

    arrays = property(lambda self: tuple(tensor.value for tensor in self.inputs), doc="The inputs' values.")


class Op:
    """An operation on arrays: the forward function that it decorates, and its VJP.

    Parameters annotated `Array` are inputs, which the tape follows; the others are settings. The
    forward function returns the output, or a pair of the output and what the VJP wants saved.
    """

    vjp: Rule

    def __init__(self, forward: Callable[..., Any]) -> None:
        update_wrapper(self, forward)
        self.name, self.forward = forward.__name__, forward
        self.signature = inspect.signature(forward)
        inputs = [p for p in self.signature.parameters.values() if str(p.annotation).startswith("Array")]
        self.input_names = [p.name for p in inputs]
        self.variadic = inputs[0].kind is inspect.Parameter.VAR_POSITIONAL

    def define_vjp(self, vjp: Rule) -> Rule:
        """Decorate the function (g, node) -> a cotangent for every input."""
        self.vjp = vjp
        return vjp

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Compute the output of tensors, arrays or numbers, and leave a node on the tape."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        params = dict(bound.arguments)
        given: Any = [params.pop(name) for name in self.input_names]
        if self.variadic:  # f(a, b) and f([a, b]) are the same
            (given,) = given
            given = given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given
        inputs = self._tensors([array for array in given if array is not None])
        result = self.forward(*(tensor.value for tensor in inputs), **params)
        value, saved = result if isinstance(result, tuple) else (result, None)
        node = Node(self, inputs, np.asarray(value), params, saved, current_layer.get())
        return Tensor(value, node if recording.get() else None)

    def _tensors(self, arrays: list[Any]) -> tuple[Tensor, ...]:
        """The inputs as tensors of one dtype, which plain numbers and integers take on."""
        floats = (a for a in arrays if isinstance(a, Tensor | np.ndarray) and a.dtype.kind == "f")
        dtype, *others = dict.fromkeys(str(a.dtype) for a in floats) or ["float32"]
        if others:
            raise TypeError(f"{self.name}: inputs of {', '.join([dtype, *others])}, expected one dtype")
        return tuple(a if isinstance(a, Tensor) else Tensor(Tensor(a).value.astype(dtype)) for a in arrays)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


@contextlib.contextmanager
def no_tape() -> Iterator[None]:
    """Within this context operations only compute: nothing is kept for a way back."""
    token = recording.set(False)
    try:
        yield
    finally:
        recording.reset(token)


def tape_of(output: Tensor) -> list[Tensor]:
    """All tensors that `output` was computed from, in the order in which they were made, itself last."""
    found, stack = {output}, [output]
    while stack:
        new = set(stack.pop().inputs) - found
        found |= new
        stack.extend(new)
    return sorted(found, key=lambda tensor: tensor.number)


def rule_for(node: Node, rules: Mapping[Any, Rule]) -> Rule:
    """The rule of (layer, op), of the layer or of the op; else the VJP, unless the table is strict."""
    for key in ((node.layer, node.op), node.layer, node.op):
        if key in rules:
            return rules[key]
    if getattr(rules, "strict", False):
        raise RuleError(f"backward: the table has no rule for {node.op.name} (layer {node.layer!r})")
    return node.op.vjp


def backward(
    output: Tensor,
    cotangent: Any = None,
    rules: Mapping[Any, Rule] | None = None,
    wrt: Iterable[Tensor] | None = None,
) -> dict[Tensor, Array]:
    """Walk the tape back from `output`; return the cotangents of its leaves, or of the tensors in `wrt`.

    cotangent: where the walk starts, of the output's shape; None means ones.
    rules: (layer, op), layer or op -> rule, and a rule is (g, node) -> a cotangent for every input.
    Raises ShapeError for a cotangent of a wrong shape, RuleError for an operation that a strict table
    does not cover, ValueError for a tensor in `wrt` on which the output does not depend.
    """
    tape = tape_of(output)
    targets = {tensor for tensor in tape if tensor.node is None} if wrt is None else set(wrt)
    if strangers := targets.difference(tape):
        raise ValueError(f"backward: the output does not depend on {strangers} in wrt")
    needed: dict[Tensor, bool] = {}
    for tensor in tape:
        needed[tensor] = tensor in targets or any(needed[each] for each in tensor.inputs)
    start = np.ones_like(output.value) if cotangent is None else np.array(cotangent, output.dtype)
    if start.shape != output.shape:
        raise ShapeError(f"backward: cotangent has shape {start.shape}, the output {output.shape}")

    arrived, found = {output: start}, {}
    for tensor in reversed(tape):
        g = arrived.pop(tensor, None)
        if tensor in targets:
            found[tensor] = np.zeros_like(tensor.value) if g is None else np.array(g)
        if g is None or tensor.node is None or not any(needed[each] for each in tensor.inputs):
            continue
        node = replace(tensor.node, needs=tuple(needed[each] for each in tensor.inputs))
        for each, gx in zip(node.inputs, rule_for(node, rules or {})(g, node), strict=True):
            if gx is None or not needed[each]:
                continue
            if np.shape(gx) != each.shape:
                came = f"the rule for {node.op.name} (layer {node.layer!r}) gave shape {np.shape(gx)}"
                raise ShapeError(f"backward: {came} for an input of shape {each.shape}")
            gx = np.asarray(gx, each.dtype)
            arrived[each] = arrived[each] + gx if each in arrived else gx
    return found
