"""How an answer is compared with what is expected, and how that is told."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minixai.arrays import refused_write

__all__ = [
    "Answer",
    "Array",
    "CheckError",
    "compare",
    "compare_array",
    "cotangents_of",
    "kind_of",
    "likely_mistakes",
    "named_numbers",
    "result_of",
    "tell",
    "tuple_of",
]

Answer = Callable[..., Any]
Array = NDArray[Any]  # of any dtype: an answer may be of integers

SMALL = 24  # entries of an array that is shown whole


class CheckError(AssertionError):
    """An answer is missing or wrong; the message says what came, what was expected, and likely mistakes."""

    def __init__(self, message: str, *mistakes: str) -> None:
        super().__init__("\n    likely mistake: ".join([message, *mistakes]))


def compare(
    exercise: str,
    got: Any,
    expected: Any,
    mistakes: Mapping[str, Any] | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-8,
) -> None:
    """Raise CheckError unless `got` is there, has the shape of `expected`, and is close to it.

    exercise: what the message begins with, such as "4.1 by hand".
    mistakes: what a common mistake would have given, by its description, which the message then names.
    """
    if got is None:
        raise CheckError(f"{exercise}: not done yet")
    got, expected = np.asarray(got), np.asarray(expected)
    if got.dtype.kind not in "biufc":
        raise CheckError(f"{exercise}: got {got.dtype}, expected numbers")
    if got.shape != expected.shape:
        difference = f"got the shape {got.shape}, expected {expected.shape}"
    elif np.allclose(got, expected, rtol, atol):
        return
    else:
        difference = _difference(got, expected, rtol, atol)
    raise CheckError(f"{exercise}: {difference}", *likely_mistakes(got, mistakes or {}, rtol, atol))


def likely_mistakes(
    got: Any, mistakes: Mapping[str, Any], rtol: float = 1e-6, atol: float = 1e-8
) -> list[str]:
    """The mistakes that give what was got."""
    return [
        mistake
        for mistake, answer in mistakes.items()
        if np.shape(answer) == np.shape(got) and np.allclose(got, answer, rtol, atol)
    ]


def _difference(got: Array, expected: Array, rtol: float, atol: float) -> str:
    """Both arrays where they are small, else the first entry that differs."""
    if got.size <= SMALL:
        return f"got {got}, expected {expected}"
    differs = ~np.isclose(got, expected, rtol, atol)
    first = tuple(int(place) for place in np.argwhere(differs)[0])
    place = ", ".join(map(str, first))
    values = f"got {got[first]:.6g}, expected {expected[first]:.6g}"
    return f"at [{place}] {values}; {differs.sum()} of {got.size} differ"


def compare_array(
    exercise: str, got: Any, expected: Array, mistakes: Mapping[str, Any] | None = None
) -> None:
    """As `compare`, and the dtype must be that of `expected`; float32 is compared to its own accuracy."""
    rtol, atol = (1e-4, 1e-5) if expected.dtype == np.float32 else (1e-6, 1e-8)
    compare(exercise, got, expected, mistakes, rtol, atol)
    if np.asarray(got).dtype != expected.dtype:
        raise CheckError(f"{exercise}: got {np.asarray(got).dtype}, expected {expected.dtype}")


def result_of(exercise: str, answer: Answer, *arguments: Any, **settings: Any) -> Any:
    """What an answer gives; CheckError where that is None, or where it writes to an array it was given.

    Its warnings are kept back: on stderr they would cost a notebook's cell its marks.
    """
    before = copy.deepcopy(list(_arrays_in(arguments)))
    with warnings.catch_warnings(action="ignore"):
        try:
            got = answer(*arguments, **settings)
        except Exception as error:
            if refused_write(error):
                raise _written_to(exercise) from error
            error.add_note(f"It was raised while the check ran: {exercise}")
            raise
    if got is None:
        raise CheckError(f"{exercise}: not done yet")
    for was, now in zip(before, _arrays_in(arguments), strict=True):
        if not np.array_equal(was, now, equal_nan=was.dtype.kind == "f"):
            raise _written_to(exercise)
    return got


def _written_to(exercise: str) -> CheckError:
    return CheckError(
        f"{exercise}: the answer writes to an array that it was given: make a new one",
        "x += … works in place, x = x + … does not",
    )


def _arrays_in(given: Any) -> Iterator[Array]:
    """An array, or those in a tuple, a list or a dict."""
    if isinstance(given, np.ndarray):
        yield given
    elif isinstance(given, tuple | list | dict):
        for each in given.values() if isinstance(given, dict) else given:
            yield from _arrays_in(each)


def tuple_of(exercise: str, got: Any, length: int, what: str = "") -> tuple[Any, ...]:
    """`got`, if it is a tuple or a list of this length; what: is expected, in words."""
    if got is None:
        raise CheckError(f"{exercise}: not done yet")
    if not isinstance(got, tuple | list) or len(got) != length:
        raise CheckError(f"{exercise}: got {kind_of(got)}, expected {what or f'a tuple of {length}'}")
    return tuple(got)


def named_numbers(exercise: str, got: Any, names: Sequence[str], count: int) -> dict[str, Array]:
    """`got`, if it is a dictionary with these names, and so many numbers under each."""
    if not isinstance(got, dict) or set(got) != set(names):
        raise CheckError(f"{exercise}: got {got!r}, expected a dictionary with {', '.join(names)}")
    found = {name: np.asarray(got[name]) for name in names}
    for name, values in found.items():
        if values.shape != (count,) or values.dtype.kind not in "iuf":
            raise CheckError(f"{exercise} {name}: got {got[name]!r}, expected {count} numbers")
    return found


def kind_of(got: Any) -> str:
    """What kind of thing was got: "float64 of the shape (2, 3)", "tuple of 2", "int"."""
    if isinstance(got, np.ndarray | np.generic):
        return f"{got.dtype} of the shape {got.shape}"
    return f"{type(got).__name__} of {len(got)}" if isinstance(got, list | tuple) else type(got).__name__


def cotangents_of(exercise: str, rule: Any, g: Any, node: Any, *protected: Any) -> tuple[Any, ...]:
    """What a rule gives for g, if that is a cotangent or None for each input of the node.

    protected: what the rule must not write to, besides g and the node's arrays.
    """
    if rule is None:
        raise CheckError(f"{exercise}: not done yet")
    if not callable(rule):
        raise CheckError(f"{exercise}: got {kind_of(rule)}, expected a function (g, node) -> cotangents")
    got = result_of(exercise, lambda g, *_: rule(g, node), g, node.arrays, *protected)
    inputs = len(node.inputs)
    if isinstance(got, tuple | list) and len(got) == inputs - 1 and node.inputs[-1] is None:
        got = (*got, None)  # the place of what was not given may be left off
    return tuple_of(exercise, got, inputs, f"a tuple of {inputs}: the cotangent of each input, or None")


def tell(check: Callable[..., None], *answers: Any) -> None:
    """Run a check, and print its verdict in place of raising it: for lessons, which go on all the same."""
    try:
        check(*answers)
    except CheckError as error:
        print(error)
    else:
        print(f"{check.__name__.removeprefix('check_').replace('_', ' ')}: right")
