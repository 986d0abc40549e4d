"""What a setting must be, and the one wording of what is said where it is something else."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from minixai.typing import Array

__all__ = ["finite_array", "finite_number", "whole_number"]


def whole_number(call: str, name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """The value as an int; TypeError where it is none, ValueError where it is out of bounds."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{call}: {name} is {value!r}, expected a whole number") from None
    if number < least:
        raise ValueError(f"{call}: {name} is {number}, expected at least {least}")
    if most is not None and number > most:
        raise ValueError(f"{call}: {name} is {number}, expected at most {most}")
    return number


def finite_number(
    call: str,
    name: str,
    value: Any,
    *,
    least: float = -np.inf,
    above: float = -np.inf,
    most: float = np.inf,
    below: float = np.inf,
) -> float:
    """The value as a float; TypeError where it is no number, ValueError where it is out of bounds or NaN."""
    bounds = {"at least": least, "above": above, "at most": most, "below": below}
    said = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if np.isfinite(bound))
    expected = f"expected a finite number{said and ', '}{said}"
    if np.ndim(value) or np.asarray(value).dtype.kind not in "fiu":
        raise TypeError(f"{call}: {name} is {value!r}, {expected}")
    number = float(value)
    if not (np.isfinite(number) and least <= number <= most and above < number < below):
        raise ValueError(f"{call}: {name} is {value}, {expected}")
    return number


def finite_array(call: str, name: str, value: Any, dtype: Any = None) -> Array:
    """The value as an array; TypeError unless of numbers, ValueError where one is NaN or infinite."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{call}: {name} has dtype {array.dtype}, expected numbers")
    array = array if dtype is None else array.astype(dtype, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(f"{call}: {name} holds NaN or inf, expected finite numbers")
    return array
