"""What an operation is: a forward function, its VJP, and its traits, all said where it is defined."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from enum import Enum
from functools import partial, update_wrapper
from operator import attrgetter
from pickle import UnpicklingError
from typing import Any

import numpy as np

from minixai.arrays import Held, Later, floats, on_copies, read_only
from minixai.context import current_layer, letting_go, recording
from minixai.tape import Node, Rule, Tensor
from minixai.typing import Array

__all__ = ["Mask", "Op", "Trait", "operation", "several", "unread"]

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]  # the rows, or the columns, of a map


class Trait(Enum):
    """A kind of operation: what tables of rules and pattern fits know in place of operations.

    A *path* is an input that comes from what is explained; all others are constants. A trait that is
    wrongly declared makes wrong maps in silence: `tests/test_traits.py` checks every claim in numbers.
    """

    UNITS = "as WEIGHTED, and row k of the weight belongs to unit k: w (k, …), y (n, k, …)"
    DENSE = "as WEIGHTED, a unit sees all inputs"
    WEIGHTED = "y = Σ x·w + b of inputs x, w and, where there is a third, an optional b"
    POOL = "linear in x, with fixed shares, none negative and no constant"
    REARRANGE = "as MOVE, with no constants, and which entry goes where depends on no value"
    MOVE = "every entry of y is one of x, or a constant"
    RECTIFIER = "as GATE, y = x or less where x > 0, and 0 elsewhere: a silent unit says nothing"
    GATE = "y = f(x), entry by entry"
    AFFINE = "y = s·x + t, entry by entry, s and t constants"
    SUM = "as HOMOGENEOUS, a sum or a difference of two paths"
    HOMOGENEOUS = "y(c·x) = c·y(x) for c > 0"
    PRODUCT = "of two paths; or a quotient by one"
    STANDARDISE = "as NORMALISE, (x − mean) / spread by rows, x.reshape(len(saved), −1); saved is 1 / spread"
    NORMALISE = "divides x by what depends on x"
    LOSS = "of a batch: no score; the prediction comes first, then its target"
    LINK = "makes probabilities of logits, or their logarithms"

    def __repr__(self) -> str:
        return f"Trait.{self.name}"


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

    def __init__(
        self,
        forward: Callable[..., Any],
        *traits: Trait,
        unless: Callable[[Node], Traits] | None = None,
        looks: Callable[[Mask, int, Node, int], Mask] | None = None,
    ) -> None:
        update_wrapper(self, forward)
        self.name, self.forward = forward.__name__, forward
        self.vjp: Rule = self._without_vjp
        self.traits, self.unless, self.looks = traits, unless, looks
        parameters = list(inspect.signature(forward).parameters.values())
        inputs = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        self.input_names = [p.name for p in inputs]
        self.required = sum(p.default is p.empty for p in inputs)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in inputs)
        self._check_definition(inputs)
        self.__signature__ = inspect.Signature(parameters if self.variadic else _by_position(parameters))
        self._bound = _binding(self.__signature__, self.input_names)

    def _check_definition(self, inputs: list[inspect.Parameter]) -> None:
        if not inputs or (self.variadic and len(inputs) > 1) or any(p.kind is p.VAR_KEYWORD for p in inputs):
            raise TypeError(f"{self.name}: expected inputs (x, y, …) or (*xs), and settings behind *")
        if Trait.WEIGHTED in self.traits and (self.required, len(inputs)) not in ((2, 2), (2, 3)):
            raise TypeError(
                f"{self.name}: WEIGHTED takes x, w and, if it is optional, b: it has {self.input_names}"
            )

    def _without_vjp(self, g: Array, node: Node) -> Any:
        raise NotImplementedError(f"{self.name} has no VJP: define it with @{self.name}.define_vjp")

    def define_vjp(self, vjp: Rule) -> Rule:
        """Decorate the function (g, node) -> a cotangent for every input."""
        self.vjp = vjp
        return vjp

    def traits_of(self, node: Node) -> Traits:
        """What this call is, the narrowest word first."""
        return (self.unless and self.unless(node)) or self.traits

    def __call__(self, *inputs: Any, **settings: Any) -> Tensor:
        """Compute the output of tensors, arrays or numbers, and leave a node on the tape."""
        try:
            given, params = self._bound(*inputs, **settings)
        except TypeError:
            self._check_arguments(inputs, settings)
            raise
        if self.variadic:  # f(a, b) and f([a, b]) are the same
            given = given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given
        for name, setting in params.items():
            if isinstance(setting, Tensor):
                raise TypeError(
                    f"{self.name}: {name} is a Tensor, but a setting: no cotangent would reach it"
                )
        tensors = self._tensors(given)
        arrays = tuple(x if x is None else x.value for x in tensors)
        value, saved = on_copies(self.name, _computed, self.forward, arrays, params)
        if not recording.get():
            return Tensor(value)
        kind, lets_go = Node, letting_go.get()
        if lets_go is not None:
            kind, arrays = _Thrifty, tuple(_held(x, self, lets_go) for x in tensors)
        every = tuple(x is not None for x in tensors)
        node = kind(self, tensors, arrays, value, params, _kept(saved), current_layer.get(), every)
        return Tensor(value, node)

    def _check_arguments(self, inputs: tuple[Any, ...], settings: dict[str, Any]) -> None:
        """TypeError where they do not fit the signature."""
        try:
            self.__signature__.bind(*inputs, **settings)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None

    def _tensors(self, arrays: tuple[Any, ...]) -> tuple[Tensor | None, ...]:
        """The inputs as tensors of one dtype, which plain numbers and integers take on; None in its place."""
        tensors = [x for x in arrays if isinstance(x, Tensor)]
        left_out = sum(x is None for x in arrays[self.required :])
        if len(tensors) + left_out == len(arrays) and len({x.dtype for x in tensors}) == 1:
            return tuple(arrays)
        for name, array in zip(self.input_names[: self.required], arrays, strict=False):
            if array is None:
                raise TypeError(f"{self.name}: {name} is None, expected a tensor, an array or a number")
        loss = Trait.LOSS in self.traits  # its target, if that is an array, is cast to the prediction's dtype
        kinds = (Tensor if loss and k else Tensor | np.ndarray for k in range(len(arrays)))
        given = (a for a, kind in zip(arrays, kinds, strict=True) if isinstance(a, kind))
        dtype, *others = dict.fromkeys(str(a.dtype) for a in given if a.dtype.kind == "f") or ["float32"]
        if others:
            raise TypeError(
                f"{self.name}: inputs of {', '.join([dtype, *others])}, expected one dtype: "
                "array.astype(model.dtype) casts what is given"
            )
        return tuple(a if a is None or isinstance(a, Tensor) else _as_tensor(a, dtype) for a in arrays)

    def __copy__(self) -> Op:
        return self

    def __deepcopy__(self, memo: Any) -> Op:
        return self

    def __reduce__(self) -> Any:
        name = self.forward.__qualname__
        return (_of_main, (name,)) if self.__module__ == "__main__" and "<" not in name else name

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def _of_main(name: str) -> Any:
    """The operation of this name in the script or notebook that runs here, else UnpicklingError."""
    try:
        return attrgetter(name)(sys.modules["__main__"])
    except AttributeError:
        raise UnpicklingError(
            f"{name}: the operation was defined in a notebook or script, which this process does not run; "
            "put it into a module that both import"
        ) from None


def _as_tensor(array: Any, dtype: str) -> Tensor:
    return Tensor(floats("Tensor", "array", array, dtype).astype(dtype))


def _computed(
    forward: Callable[..., Any], arrays: tuple[Any, ...], params: dict[str, Any]
) -> tuple[Array, Any]:
    """The output, and what the VJP wants saved."""
    result = forward(*arrays, **params)
    value, saved = result if isinstance(result, tuple) else (result, None)
    return read_only(np.asarray(value)), saved


def unread(node: Node, taker: Op) -> bool:
    """Whether no VJP reads a node's output, for a rectifier takes it: what is linear in x does not either."""
    return Trait.WEIGHTED in node.traits and Trait.RECTIFIER in taker.traits


def _held(x: Tensor | None, taker: Op, lets_go: Callable[[Node, Op], bool]) -> Any:
    """What a node holds of its input: of what is let go, how it is computed again."""
    if x is None or x.node is None or not lets_go(x.node, taker) or x.value is not x.node.value:
        return x if x is None else x.value
    node = x.node
    compute = partial(_computed, node.op.forward, node.arrays, node.params)  # without the node: no circle
    again = Later(lambda: compute()[0], x.value)
    x.value, x.node = again, _Thrifty(**{**vars(node), "value": again})
    return again


class _Thrifty(Node):
    """A node that does not keep what is let go: who reads it has it made."""

    arrays, value = Held("arrays"), Held("value")


def _kept(saved: Any) -> Any:
    """What the forward pass saved, its arrays read-only."""
    if isinstance(saved, tuple):
        return tuple(map(_kept, saved))
    return read_only(saved) if isinstance(saved, np.ndarray) else saved


def _by_position(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """A call may give settings by position, up to one that must be given and stands behind what may not."""
    must = [p.default is p.empty for p in parameters]
    first = next((k for k in range(len(must)) if must[k] and not all(must[:k])), len(must))
    return [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in parameters[:first]] + parameters[first:]


def _binding(signature: inspect.Signature, inputs: list[str]) -> Callable[..., Any]:
    """A function of this signature that returns the inputs and {name: setting}.

    It is written out as Python, which binds a call ten times faster than `signature.bind`.
    """
    parameters = signature.parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    code = {name: _Code(f"defaults[{name!r}]") for name in defaults}
    plain = [p.replace(annotation=p.empty, default=code.get(p.name, p.empty)) for p in parameters]
    takes = str(inspect.Signature(plain))[1:-1]
    variadic = signature.parameters[inputs[0]].kind is inspect.Parameter.VAR_POSITIONAL
    given = inputs[0] if variadic else f"({', '.join(inputs)},)"
    settings = ", ".join(f"{p.name!r}: {p.name}" for p in parameters if p.name not in inputs)
    return eval(f"lambda {takes}: ({given}, {{{settings}}})", {"defaults": defaults})


class _Code(str):
    """A text that prints as it is."""

    __repr__ = str.__str__


def operation(
    *traits: Trait,
    unless: Callable[[Node], Traits] | None = None,
    looks: Callable[[Mask, int, Node, int], Mask] | None = None,
) -> Callable[[Callable[..., Any]], Op]:
    """Decorate a forward function that makes an operation with these traits: see `Op`."""
    if not all(isinstance(trait, Trait) for trait in traits):
        raise TypeError(
            f"operation: got {traits!r}, expected traits: @operation(Trait.GATE), or @operation()"
        )
    return lambda forward: Op(forward, *traits, unless=unless, looks=looks)


def several(*traits: Trait) -> Callable[[Node], Traits]:
    """`unless` for what is something else when more than one input is a path."""
    return lambda node: traits if sum(node.needs) > 1 else ()
