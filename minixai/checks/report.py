"""How an answer is compared with what is expected, and how that is told."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["CheckError", "compare", "compare_array", "likely_mistakes", "result_of", "tell", "tuple_of"]

SMALL = 24  # entries of an array that is shown whole


class CheckError(AssertionError):
    """An answer is missing or wrong; the message says what came and what was expected."""


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
    raise CheckError(f"{exercise}: {difference}{likely_mistakes(got, mistakes or {}, rtol, atol)}")


def likely_mistakes(got: Any, mistakes: Mapping[str, Any], rtol: float = 1e-6, atol: float = 1e-8) -> str:
    """A line for every mistake that gives what was got."""
    return "".join(
        f"\n    likely mistake: {mistake}"
        for mistake, answer in mistakes.items()
        if np.shape(answer) == np.shape(got) and np.allclose(got, answer, rtol, atol)
    )


def _difference(got: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], rtol: float, atol: float) -> str:
    """Both arrays where they are small, else the first entry that differs."""
    if got.size <= SMALL:
        return f"got {got}, expected {expected}"
    differs = ~np.isclose(got, expected, rtol, atol)
    first = tuple(int(place) for place in np.argwhere(differs)[0])
    place = ", ".join(map(str, first))
    values = f"got {got[first]:.6g}, expected {expected[first]:.6g}"
    return f"at [{place}] {values}; {differs.sum()} of {got.size} differ"


def compare_array(
    exercise: str, got: Any, expected: np.ndarray[Any, Any], mistakes: Mapping[str, Any] | None = None
) -> None:
    """As `compare`, and the dtype must be that of `expected`; float32 is compared to its own accuracy."""
    rtol, atol = (1e-4, 1e-5) if expected.dtype == np.float32 else (1e-6, 1e-8)
    compare(exercise, got, expected, mistakes, rtol, atol)
    if np.asarray(got).dtype != expected.dtype:
        raise CheckError(f"{exercise}: got {np.asarray(got).dtype}, expected {expected.dtype}")


def result_of(exercise: str, answer: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """What an answer gives; CheckError where that is None, or where it writes to an array it was given.

    Its warnings are kept back: on stderr they would cost a notebook's cell its marks.
    """
    before = copy.deepcopy(list(_arrays_in(arguments)))
    with warnings.catch_warnings(action="ignore"):
        try:
            got = answer(*arguments, **settings)
        except Exception as error:
            error.add_note(f"It was raised while the check ran: {exercise}")
            raise
    if got is None:
        raise CheckError(f"{exercise}: not done yet")
    for was, now in zip(before, _arrays_in(arguments), strict=True):
        if not np.array_equal(was, now, equal_nan=was.dtype.kind == "f"):
            raise CheckError(f"{exercise}: the answer writes to an array that it was given: make a new one")
    return got


def _arrays_in(given: Any) -> Iterator[np.ndarray[Any, Any]]:
    """An array, or those in a tuple, a list or a dict."""
    if isinstance(given, np.ndarray):
        yield given
    elif isinstance(given, tuple | list | dict):
        for each in given.values() if isinstance(given, dict) else given:
            yield from _arrays_in(each)


def tuple_of(exercise: str, got: Any, length: int, what: str) -> tuple[Any, ...]:
    """`got`, if it is a tuple or a list of this length; `what` says of what."""
    if got is None:
        raise CheckError(f"{exercise}: not done yet")
    if not isinstance(got, tuple | list) or len(got) != length:
        came = f"{type(got).__name__} of {len(got)}" if isinstance(got, tuple | list) else type(got).__name__
        raise CheckError(f"{exercise}: got {came}, expected {what}")
    return tuple(got)


def tell(check: Callable[..., None], *answers: Any) -> None:
    """Run a check, and print its verdict in place of raising it: for lessons, which go on all the same."""
    try:
        check(*answers)
    except CheckError as error:
        print(error)
    else:
        print(f"{check.__name__.removeprefix('check_').replace('_', ' ')}: right")
