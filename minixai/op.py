"""What an operation is: a forward function, its VJP, and its traits, all said where it is defined."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from functools import update_wrapper
from typing import Any

import numpy as np

from minixai.arrays import on_copies, read_only
from minixai.context import current_layer, recording
from minixai.tape import Node, Rule, Tensor, operations

__all__ = ["Mask", "Op", "Trait", "operation", "several"]

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]  # the rows, or the columns, of a map


class Trait(Enum):
    """A kind of operation. Tables of rules, pattern fits and receptive fields know kinds, not operations.

    A *path* is an input that comes from what is explained; all others are constants. A trait that is
    wrongly declared makes wrong maps in silence: `tests/test_traits.py` checks every claim in numbers.
    """

    UNITS = "as WEIGHTED, and row k of the weight belongs to unit k: w (k, …), y (n, k, …)"
    DENSE = "as WEIGHTED, a unit sees all inputs"
    WEIGHTED = "y = Σ x·w + b: linear in x, given a weight, and a bias where there is a third input"
    POOL = "linear in x, with fixed shares, none negative and no constant"
    MOVE = "every entry of y is one of x, or a constant"
    RECTIFIER = "as GATE, y = x or less where x > 0, and 0 elsewhere: a silent unit says nothing"
    GATE = "y = f(x), entry by entry"
    AFFINE = "y = s·x + t, entry by entry, s and t constants"
    SUM = "as HOMOGENEOUS, a sum or a difference of two paths"
    HOMOGENEOUS = "y(c·x) = c·y(x) for c > 0"
    PRODUCT = "of two paths; or a quotient by one"
    NORMALISE = "divides x by what depends on x"
    LOSS = "of a batch: no score"
    LINK = "makes probabilities of logits"


Traits = tuple[Trait, ...]


class Op:
    """An operation on arrays: the forward function that it decorates, its traits, and its VJP.

    Positional parameters are inputs, which the tape follows; those after `*` are settings, which a call may
    give by position too. The forward function returns the output, or a pair of the output and what the VJP
    wants saved. There is one object for an operation: its copies and what is unpickled are the same one.

    traits: of a call with one path, the narrowest first. unless: node -> other traits, () where those hold.
    looks: (mask of the output, the input's size, node, axis) -> mask of the input's rows or columns that are
        seen; None where an output is made of the input at its own place.
    """

    vjp: Rule

    def __init__(
        self,
        forward: Callable[..., Any],
        *traits: Trait,
        unless: Callable[[Node], Traits] | None = None,
        looks: Callable[[Mask, int, Node, int], Mask] | None = None,
    ) -> None:
        update_wrapper(self, forward)
        self.name, self.forward = forward.__name__, forward
        self.traits, self.unless, self.looks = traits, unless, looks
        parameters = inspect.signature(forward).parameters.values()
        inputs = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        self.input_names = [p.name for p in inputs]
        self.variadic = inputs[0].kind is inputs[0].VAR_POSITIONAL
        self.__signature__ = inspect.Signature(
            [p if self.variadic else p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in parameters]
        )
        if forward.__module__.startswith("minixai.ops."):
            operations[self.name] = self

    def define_vjp(self, vjp: Rule) -> Rule:
        """Decorate the function (g, node) -> a cotangent for every input."""
        self.vjp = vjp
        return vjp

    def traits_of(self, node: Node) -> Traits:
        """What this call is, the narrowest word first."""
        return (self.unless and self.unless(node)) or self.traits

    def __call__(self, *inputs: Any, **settings: Any) -> Tensor:
        """Compute the output of tensors, arrays or numbers, and leave a node on the tape."""
        bound = self.__signature__.bind(*inputs, **settings)
        bound.apply_defaults()
        params = dict(bound.arguments)
        given: Any = [params.pop(name) for name in self.input_names]
        if self.variadic:  # f(a, b) and f([a, b]) are the same
            (given,) = given
            given = given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given
        tensors = self._tensors(given)
        arrays = tuple(x if x is None else x.value for x in tensors)
        result = on_copies(self.name, self.forward, *arrays, **params)
        value, saved = result if isinstance(result, tuple) else (result, None)
        value = read_only(np.asarray(value))
        node = Node(self, tensors, arrays, value, params, _kept(saved), current_layer.get())
        return Tensor(value, node if recording.get() else None)

    def _tensors(self, arrays: list[Any]) -> tuple[Tensor | None, ...]:
        """The inputs as tensors of one dtype, which plain numbers and integers take on; None in its place."""
        floats = (a for a in arrays if isinstance(a, Tensor | np.ndarray) and a.dtype.kind == "f")
        dtype, *others = dict.fromkeys(str(a.dtype) for a in floats) or ["float32"]
        if others:
            raise TypeError(f"{self.name}: inputs of {', '.join([dtype, *others])}, expected one dtype")
        return tuple(
            a if a is None or isinstance(a, Tensor) else Tensor(Tensor(a).value.astype(dtype)) for a in arrays
        )

    def __reduce__(self) -> str:
        return self.forward.__qualname__

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def _kept(saved: Any) -> Any:
    """What the forward pass saved, its arrays read-only."""
    if isinstance(saved, tuple):
        return tuple(map(_kept, saved))
    return read_only(saved) if isinstance(saved, np.ndarray) else saved


def operation(
    *traits: Trait,
    unless: Callable[[Node], Traits] | None = None,
    looks: Callable[[Mask, int, Node, int], Mask] | None = None,
) -> Callable[[Callable[..., Any]], Op]:
    """Decorate a forward function that makes an operation with these traits: see `Op`."""
    return lambda forward: Op(forward, *traits, unless=unless, looks=looks)


def several(*traits: Trait) -> Callable[[Node], Traits]:
    """`unless` for what is something else when more than one input is a path."""
    return lambda node: traits if sum(node.needs) > 1 else ()
