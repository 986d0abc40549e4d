"""The tape: every operation leaves a node on it, and `backward` walks the nodes from last to first.

Each node answers with the cotangents of its inputs, given that of its output: with its vector-Jacobian
product (VJP), and the walk gives the gradient; or by a rule, and the same walk gives another explanation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from minixai.arrays import Later, OnTape, floats, on_copies, read_only
from minixai.errors import RuleError, ShapeError
from minixai.settings import check_walk
from minixai.typing import Array

__all__ = ["Node", "Rule", "Tensor", "backward", "tape_of"]

numbers = itertools.count()


def operator(name: str, reflected: bool = False) -> Callable[..., Tensor]:
    """A method of tensors that is the operation of this name; reflected: `array + x` is add(array, x)."""
    if reflected:
        return lambda x, array: operations[name](array, x)
    return lambda x, *others, **settings: operations[name](x, *others, **settings)


class Tensor(OnTape):
    """A float64 or float32 array (all others become float32), and the node that made it: None for a leaf."""

    __array_ufunc__ = None  # leaves array + tensor to the tensor

    def __init__(self, array: Any, node: Node | None = None) -> None:
        self.value, self.node, self.number = array, node, next(numbers)  # its inputs have smaller numbers

    @property
    def value(self) -> Array:
        """The array, as a read-only view."""
        return self._value if type(self._value) is not Later else self._value.array

    @value.setter
    def value(self, array: Any) -> None:
        self._value: Any = array if isinstance(array, Later) else read_only(floats("Tensor", "array", array))

    shape = property(lambda self: self._value.shape)
    ndim = property(lambda self: self._value.ndim)
    dtype = property(lambda self: self._value.dtype)
    inputs = property(lambda self: tuple(x for x in self.node.inputs if x is not None) if self.node else ())

    __add__, __radd__ = operator("add"), operator("add", reflected=True)
    __sub__, __rsub__ = operator("subtract"), operator("subtract", reflected=True)
    __mul__, __rmul__ = operator("multiply"), operator("multiply", reflected=True)
    __truediv__, __rtruediv__ = operator("divide"), operator("divide", reflected=True)
    __matmul__, __rmatmul__ = operator("matmul"), operator("matmul", reflected=True)
    __pow__, __rpow__ = operator("power"), operator("power", reflected=True)
    __neg__, __getitem__, sum, mean, max = map(operator, ("negative", "slice", "sum", "mean", "max"))

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self.value)))

    def reshape(self, *shape: Any) -> Tensor:
        """reshape(2, 3) is reshape((2, 3))."""
        return operations["reshape"](self, shape[0] if np.iterable(shape[0]) else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """transpose(0, 2, 1) is transpose((0, 2, 1)); no axes reverse the order."""
        return operations["transpose"](self, axes[0] if axes and np.iterable(axes[0]) else axes or None)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __reduce__(self) -> Any:
        return type(self), (self.value,)  # a copy is a leaf with a number of its own

    def __repr__(self) -> str:
        return f"Tensor({self.shape}, {self.dtype}{f' from {self.node.op.name}' if self.node else ''})"


@dataclass(frozen=True, eq=False)
class Node:
    """What one operation leaves on the tape, with one place for each input that it can take."""

    op: Operation
    inputs: tuple[Tensor | None, ...]  # None: an optional one that was not given
    arrays: tuple[Any, ...]  # the values that they had: a parameter's may be another by now
    value: Array  # the output
    params: dict[str, Any]  # the settings, such as the stride
    saved: Any  # what the forward pass keeps for the VJP, such as the switches of max pooling
    layer: str | None  # the name of the layer that called the operation
    needs: tuple[bool, ...] = ()  # which inputs want a cotangent; `tape_of` says it, skip work for the others
    before: frozenset[Hashable] = frozenset()  # the traits of all that lies before it on the way from these

    traits = property(lambda self: self.op.traits_of(self), doc="What kind of operation this call is.")
    name = property(lambda self: self.op.name)
    label = property(lambda self: f"{self.name} (layer {self.layer!r})")


class Operation(Protocol):
    """What the tape knows of an operation; `minixai.op.Op` is one."""

    name: str
    forward: Callable[..., Any]
    vjp: Rule
    looks: Callable[..., Any] | None

    def __call__(self, *inputs: Any, **settings: Any) -> Tensor: ...
    def traits_of(self, node: Node) -> tuple[Hashable, ...]: ...


Rule = Callable[[Array, Node], Iterable[Array | None]]
operations: dict[str, Operation] = {}  # those of `minixai.ops`, which enter themselves


def tape_of(output: Tensor, wrt: Iterable[Tensor] | None = None) -> dict[Tensor, Node | None]:
    """All tensors that `output` was computed from, in the order in which they were made, and their nodes.

    The nodes know in `needs` which inputs come from `wrt`, None meaning all leaves. A leaf has none.
    """
    found, stack = {output}, [output]
    while stack:
        stack.extend(new := set(stack.pop().inputs) - found)
        found |= new
    depends = {tensor for tensor in found if tensor.node is None} if wrt is None else set(wrt)
    tape: dict[Tensor, Node | None] = {}
    for tensor in sorted(found, key=lambda tensor: tensor.number):
        if (node := tensor.node) is not None:
            paths = [tape[x] for x in tensor.inputs if x in depends]
            before = frozenset[Hashable]().union(*(each.before.union(each.traits) for each in paths if each))
            vars(node := copy(node)).update(needs=tuple(x in depends for x in node.inputs), before=before)
            depends.update([tensor] if paths else [])
        tape[tensor] = node
    return tape


def rule_for(node: Node, rules: Mapping[Any, Rule] | None) -> Rule:
    """The rule of (layer, op), layer, op or trait; else the VJP, unless the table is strict."""
    for key in ((node.layer, node.op), node.layer, node.op, *node.traits):
        if rules is not None and key in rules:
            return rules[key]
    if getattr(rules, "strict", False):
        admit = f"rules[mx.ops.{node.op.name}] = a rule (g, node) -> cotangents admits it"
        raise RuleError(f"backward: the table has no rule for {node.label}; {admit}")
    return node.op.vjp


def backward(
    output: Tensor,
    cotangent: Any = None,
    rules: Mapping[Any, Rule] | None = None,
    wrt: Iterable[Tensor] | None = None,
    observer: Callable[[Node, Array, Any], object] | None = None,
) -> dict[Tensor, Array]:
    """Walk the tape back from `output`; return the cotangents of its leaves, or of the tensors in `wrt`.

    cotangent: where the walk starts, of the output's shape; None means ones.
    rules: (layer, op), layer, op or trait -> rule, and a rule is (g, node) -> a cotangent for every input;
        the last ones may be left off where not given; arrays are read-only. A table's `read` edits the tape.
    observer: called at each node, in the walk's order, with it, the cotangent that came, the rule's answer.
    Raises ShapeError for a wrong shape, RuleError where a strict table has none, ValueError for another wrt.
    """
    start, targets = check_walk(output, cotangent, rules, wrt)
    tape = dict(getattr(rules, "read", lambda tape, kept: tape)(tape_of(output, targets), targets or ()))
    targets = {tensor for tensor, node in tape.items() if node is None} if targets is None else targets
    if strangers := targets.difference(tape):
        raise ValueError(f"backward: the output does not depend on {strangers} in wrt")
    arrived, found = {output: start}, {}
    del output
    while tape:  # what nobody else holds is freed as the walk passes it
        tensor, node = tape.popitem()
        g = arrived.pop(tensor, None)
        if tensor in targets:
            found[tensor] = np.zeros_like(tensor.value) if g is None else np.array(g)
        if g is not None and node is not None and any(node.needs):
            for each, gx in answered(node, rule_for(node, rules), read_only(g), observer):
                arrived[each] = arrived[each] + gx if each in arrived else gx
    return found


def answered(node: Node, rule: Rule, g: Array, observer: Any = None) -> Iterator[tuple[Tensor, Array]]:
    """The inputs that want a cotangent, and what a rule gave them; an error where that does not fit."""
    name = f"backward: the rule for {node.label}"
    said, given = on_copies(name, lambda: (said := rule(g, node), list(said)))
    if len(given) > len(node.inputs) or any(x is not None for x in node.inputs[len(given) :]):
        raise ShapeError(f"{name} gave {len(given)} cotangents for {len(node.inputs)} inputs")
    if observer is not None:
        observer(node, g, given if iter(said) is said else said)  # a generator gives only once
    for x, need, gx in zip(node.inputs, node.needs, given, strict=False):
        if x is not None and gx is not None and need:
            if np.shape(gx) != x.shape:
                raise ShapeError(f"{name} gave shape {np.shape(gx)} for an input of shape {x.shape}")
            yield x, np.asarray(gx, x.dtype)
