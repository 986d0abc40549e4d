"""Arrays that users hand over, and arrays that nobody may write to."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from minixai.errors import came
from minixai.typing import Array

__all__ = [
    "Held",
    "Later",
    "OnTape",
    "as_array",
    "floats",
    "frozen",
    "holds",
    "is_frozen",
    "now",
    "numbers",
    "on_copies",
    "owned",
    "read_only",
    "refused_write",
]

Result = TypeVar("Result")
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class OnTape:
    """An array that knows how it was computed."""


def as_array(call: str, name: str, values: Any) -> np.ndarray[Any, Any]:
    """The values as an array; TypeError where a mask, or the tape of several tensors, would be lost."""
    if holds(values, OnTape):
        raise TypeError(
            f"{call}: {name} is a list of tensors, whose tape would be lost: join them by mx.ops.concat"
        )
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{call}: {name} is a masked array, whose mask would be lost: fill it first")
    try:
        return np.asarray(values)
    except (RuntimeError, TypeError, ValueError) as error:  # rows of different lengths, a torch Tensor's tape
        raise TypeError(f"{call}: {name} is {came(values)}, expected an array: {error}") from error


def numbers(call: str, name: str, values: Any) -> np.ndarray[Any, Any]:
    """The values as an array of integers, booleans or floats; TypeError where they are something else."""
    array = as_array(call, name, values)
    if array.dtype.kind not in "fiub":
        what = f"has dtype {array.dtype}" if isinstance(values, np.ndarray) else f"is {came(values)}"
        raise TypeError(f"{call}: {name} {what}, expected numbers")
    return array


def floats(call: str, name: str, values: Any, other: Any = np.float32) -> Array:
    """The values as float32 or float64; integers, booleans, float16, Python's numbers as the other dtype."""
    if type(values) is np.ndarray and values.dtype in FLOATS:
        return values
    array = as_array(call, name, values)
    if array.dtype.kind in "biu" or array.dtype == np.float16 or _has_no_dtype(values):
        array = array.astype(other)
    if array.dtype not in FLOATS:
        raise TypeError(f"{call}: {name} has dtype {array.dtype}, expected float32, float64 or integers")
    return array


def _has_no_dtype(values: Any) -> bool:
    """Whether it is a number of Python's, or a list or a tuple of them, at any depth."""
    if isinstance(values, list | tuple):
        return all(map(_has_no_dtype, values))
    return isinstance(values, int | float) and not isinstance(values, np.generic)


def holds(values: Any, kind: type) -> bool:
    """Whether a list or a tuple has an object of the kind in it, at any depth."""
    return isinstance(values, list | tuple) and any(isinstance(x, kind) or holds(x, kind) for x in values)


def read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A view that cannot be written through."""
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def frozen(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A view that cannot be written through. From now on the array whose memory it shows cannot, either."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner.flags.writeable = False
        owner = owner.base
    return array.view()


def is_frozen(array: np.ndarray[Any, Any]) -> bool:
    """Whether nobody can write to the array, nor to the one whose memory it shows."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None or isinstance(owner, bytes)


def owned(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array if nobody can write to it, else a copy of which that is true."""
    return array if is_frozen(array) else frozen(np.array(array))


class Later:
    """An array that is made when it is first asked for, and kept from then on."""

    def __init__(self, make: Callable[[], Array], like: Array) -> None:
        self._make = make
        self.shape, self.ndim, self.dtype = like.shape, like.ndim, like.dtype

    @cached_property
    def array(self) -> Array:
        """The array itself."""
        return self._make()


def now(held: Any) -> Any:
    """What is held; an array that is made later, now."""
    return held.array if isinstance(held, Later) else held


class Held:
    """An attribute that is an array, or a tuple of some; who reads it need not know which is made `Later`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        """In the class itself, this descriptor."""
        if instance is None:
            return self
        held = vars(instance)[self.name]
        return tuple(map(now, held)) if isinstance(held, tuple) else now(held)

    def __set__(self, instance: Any, held: Any) -> None:
        vars(instance)[self.name] = held


def refused_write(error: Exception) -> bool:
    """Whether it is NumPy's error at a write to a read-only array."""
    return isinstance(error, ValueError) and "read-only" in str(error)


def on_copies(what: str, call: Callable[..., Result], *arguments: Any, **settings: Any) -> Result:
    """The call's result; NumPy's error at a write to a read-only array says what wrote, and the way on."""
    try:
        return call(*arguments, **settings)
    except ValueError as error:
        if not refused_write(error):
            raise
        raise ValueError(
            f"{what} writes to an array that it was given: work on a copy, g = g.copy()"
        ) from error
