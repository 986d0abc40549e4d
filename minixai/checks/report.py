"""How an answer is compared with what is expected, and how that is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["CheckError", "compare", "tell"]


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
        raise CheckError(f"{exercise}: got the shape {got.shape}, expected {expected.shape}")
    if np.allclose(got, expected, rtol, atol):
        return
    likely = [
        f"\n    likely mistake: {mistake}"
        for mistake, answer in (mistakes or {}).items()
        if np.shape(answer) == got.shape and np.allclose(got, answer, rtol, atol)
    ]
    raise CheckError(f"{exercise}: got {got}, expected {expected}" + "".join(likely))


def tell(check: Callable[..., None], *answers: Any) -> None:
    """Run a check, and print its verdict in place of raising it: for lessons, which go on all the same."""
    try:
        check(*answers)
    except CheckError as error:
        print(error)
    else:
        print(f"{check.__name__.removeprefix('check_').replace('_', ' ')}: right")
