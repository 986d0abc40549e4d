"""The tape: every operation leaves a node on it, and `backward` walks the nodes from last to first.

Each node is asked for the cotangents of its inputs, given the cotangent of its output. What it
answers is its rule. With no rules, it is the operation's vector-Jacobian product (VJP) and the walk
gives the gradient; with other rules the same walk gives another explanation.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import update_wrapper
from typing import Any

import numpy as np

from minixai.errors import RuleError, ShapeError

__all__ = ["Array", "Node", "Op", "Rule", "Rules", "Tensor", "backward", "no_tape", "topological_order"]

Array = np.ndarray[Any, np.dtype[np.floating[Any]]]
Rule = Callable[[Array, "Node"], Sequence[Array | None]]

_recording: ContextVar[bool] = ContextVar("recording", default=True)
current_layer: ContextVar[str | None] = ContextVar("current_layer", default=None)


class Tensor:
    """An array, and the node of the tape that made it (None for a leaf).

    float32 and float64 arrays are kept as they are, not copied; integers become float32.
    """

    __array_ufunc__ = None  # array + tensor is left to the tensor
    __add__: Callable[..., Tensor]  # the operators are those of minixai.ops, which adds them
    __sub__: Callable[..., Tensor]
    __mul__: Callable[..., Tensor]
    __matmul__: Callable[..., Tensor]

    def __init__(self, array: Any, node: Node | None = None) -> None:
        value = array.value if isinstance(array, Tensor) else np.asarray(array)
        if value.dtype.kind in "biu" or value.dtype == np.float16:
            value = value.astype(np.float32)
        if value.dtype not in (np.float32, np.float64):
            raise TypeError(f"Tensor: array has dtype {value.dtype}, expected float32, float64 or integers")
        self.value: Array = value
        self.node = node

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the array's axes."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of the array's axes."""
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self.value.dtype

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that it was computed from; none for a leaf."""
        return self.node.inputs if self.node else ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        origin = f" from {self.node.op.name}" if self.node else ""
        return f"Tensor({self.shape}, {self.dtype}{origin})"


@dataclass(frozen=True, eq=False)
class Node:
    """What one operation leaves on the tape, and all that its rule may look at."""

    op: Op
    inputs: tuple[Tensor, ...]
    value: Array  # the output
    params: dict[str, Any]  # the settings, such as the stride
    saved: Any  # what the forward pass keeps for the VJP, such as the switches of max pooling
    layer: str | None  # the name of the layer that called the operation
    needs: tuple[bool, ...]  # which inputs want a cotangent; the work for the others need not be done

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The values of the inputs."""
        return tuple(tensor.value for tensor in self.inputs)


class Op:
    """An operation on arrays: a forward function, which it decorates, and its VJP.

    The parameters annotated `Array` are the inputs that the tape follows, the others are settings.
    The forward function returns the output, or (output, what the VJP wants saved).
    """

    vjp: Rule

    def __init__(self, forward: Callable[..., Any]) -> None:
        update_wrapper(self, forward)
        self.name = forward.__name__
        self.forward = forward
        self.signature = inspect.signature(forward)
        inputs = [p for p in self.signature.parameters.values() if str(p.annotation).startswith("Array")]
        self.input_names = [p.name for p in inputs]
        self.variadic = inputs[0].kind is inspect.Parameter.VAR_POSITIONAL

    def define_vjp(self, vjp: Rule) -> Rule:
        """Decorate the function (g, node) -> a cotangent for every input."""
        self.vjp = vjp
        return vjp

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        params = dict(bound.arguments)
        given = [params.pop(name) for name in self.input_names]
        if self.variadic:  # f(a, b) and f([a, b]) are the same
            given = given[0][0] if len(given[0]) == 1 and isinstance(given[0][0], list | tuple) else given[0]
        inputs = self._as_tensors([array for array in given if array is not None])
        result = self.forward(*(tensor.value for tensor in inputs), **params)
        value, saved = result if isinstance(result, tuple) else (result, None)
        if not _recording.get():
            return Tensor(value)
        value = np.asarray(value)
        node = Node(self, inputs, value, params, saved, current_layer.get(), (True,) * len(inputs))
        return Tensor(value, node)

    def _as_tensors(self, arrays: Iterable[Any]) -> tuple[Tensor, ...]:
        tensors = [a if isinstance(a, Tensor | float | int) else Tensor(a) for a in arrays]
        dtypes = [tensor.dtype for tensor in tensors if isinstance(tensor, Tensor)]
        if len(set(dtypes)) > 1:
            came = ", ".join(f"{name} {dtype}" for name, dtype in zip(self.input_names * 9, dtypes, strict=False))
            raise TypeError(f"{self.name}: its inputs have different dtypes ({came}), expected one")
        dtype = dtypes[0] if dtypes else np.float32
        return tuple(t if isinstance(t, Tensor) else Tensor(np.asarray(t, dtype)) for t in tensors)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class Rules(dict[Any, Rule]):
    """A table of rules. Its keys are (layer name, op), layer names or ops, looked up in this order.

    Where a strict table has no rule, the walk raises RuleError; otherwise it takes the true gradient.
    """

    def __init__(self, table: Mapping[Any, Rule] | None = None, strict: bool = False) -> None:
        super().__init__(table or {})
        self.strict = strict

    def rule_for(self, node: Node) -> Rule:
        """The rule for a node of the tape."""
        for key in ((node.layer, node.op), node.layer, node.op):
            if key in self:
                return self[key]
        if self.strict:
            raise RuleError(f"backward: the table has no rule for {node.op.name} (layer {node.layer!r})")
        return node.op.vjp


@contextlib.contextmanager
def no_tape() -> Iterator[None]:
    """Within this context operations only compute: nothing is kept for a way back."""
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


def topological_order(output: Tensor) -> list[Tensor]:
    """All tensors that `output` was computed from, each after its inputs, itself last."""
    order, seen, stack = [], set(), [(output, False)]
    while stack:
        tensor, inputs_done = stack.pop()
        if inputs_done:
            order.append(tensor)
        elif tensor not in seen:
            seen.add(tensor)
            stack.append((tensor, True))
            stack.extend((each, False) for each in tensor.inputs)
    return order


def backward(
    output: Tensor,
    cotangent: Any = None,
    rules: Mapping[Any, Rule] | None = None,
    wrt: Iterable[Tensor] | None = None,
) -> dict[Tensor, Array]:
    """Walk the tape back from `output` and return the cotangents of its leaves, or of the tensors in `wrt`.

    cotangent: where the walk starts, of the output's shape; None means ones.
    rules: (layer, op), layer or op -> rule, where a rule (g, node) returns a cotangent for every
        input of the node (None: nothing arrives there). Without rules: the gradient.
    Raises ShapeError for a cotangent of another shape, ValueError for a tensor in `wrt` that the
    output does not depend on, RuleError where a strict table has no rule.
    """
    table = rules if isinstance(rules, Rules) else Rules(rules)
    order = topological_order(output)
    targets = set(wrt) if wrt is not None else {tensor for tensor in order if tensor.node is None}
    if not targets <= set(order):
        raise ValueError(f"backward: wrt has {targets - set(order)}, on which the output does not depend")
    needed: dict[Tensor, bool] = {}
    for tensor in order:
        needed[tensor] = tensor in targets or any(needed[each] for each in tensor.inputs)

    start = np.ones_like(output.value) if cotangent is None else np.array(cotangent, output.dtype)
    if start.shape != output.shape:
        raise ShapeError(f"backward: cotangent has shape {start.shape}, the output {output.shape}")
    arrived = {output: start}
    summed: set[Tensor] = set()  # their cotangent is an array of our own, which may be added to in place
    found = {}
    for tensor in reversed(order):
        g = arrived.pop(tensor, None)
        if tensor in targets:
            found[tensor] = np.zeros_like(tensor.value) if g is None else np.array(g)
        if g is None or tensor.node is None:
            continue
        node = replace(tensor.node, needs=tuple(needed[each] for each in tensor.inputs))
        if not any(node.needs):
            continue
        cotangents = table.rule_for(node)(g, node)
        for each, gx in zip(node.inputs, cotangents, strict=True):
            if gx is None or not needed[each]:
                continue
            if np.shape(gx) != each.shape:
                raise ShapeError(
                    f"backward: the rule for {node.op.name} (layer {node.layer!r}) returned a cotangent of "
                    f"shape {np.shape(gx)} for an input of shape {each.shape}"
                )
            if each not in arrived:
                arrived[each] = np.asarray(gx, each.dtype)
            elif each in summed:
                arrived[each] += gx
            else:
                arrived[each] = arrived[each] + gx
                summed.add(each)
    return found
