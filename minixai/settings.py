"""What a setting must be, and the one wording of what is said where it is something else."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from minixai.arrays import OnTape, as_array, numbers
from minixai.errors import ShapeError, came, several_names
from minixai.typing import Array

__all__ = [
    "check_rules",
    "check_walk",
    "finite_array",
    "finite_number",
    "generator",
    "one_of",
    "whole_number",
]

Word = TypeVar("Word", bound=str)


def whole_number(call: str, name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """The value as an int; TypeError where it is none, ValueError where it is out of bounds."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{call}: {name} is {came(value)}, expected a whole number") from None
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
    array = as_array(call, name, value)
    if array.ndim or array.dtype.kind not in "fiu":
        raise TypeError(f"{call}: {name} is {came(value)}, {expected}")
    number = float(value)
    if not (np.isfinite(number) and least <= number <= most and above < number < below):
        raise ValueError(f"{call}: {name} is {value}, {expected}")
    return number


def finite_array(call: str, name: str, value: Any, dtype: Any = None) -> Array:
    """The value as an array; TypeError unless of numbers, ValueError where one is NaN or infinite."""
    array = numbers(call, name, value)
    array = array if dtype is None else array.astype(dtype, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(f"{call}: {name} holds NaN or inf, expected finite numbers")
    return array


def one_of(call: str, name: str, value: Word, options: Collection[str]) -> Word:
    """The value, if it is one of these words; else TypeError or ValueError."""
    if not (isinstance(value, str) and value in options):
        error = ValueError if isinstance(value, str) else TypeError
        raise error(f"{call}: {name} is {came(value)}, expected one of {', '.join(map(repr, options))}")
    return value


def generator(call: str, name: str, rng: Any) -> np.random.Generator:
    """The generator that a seed makes, or that it is; TypeError or ValueError for what is no seed."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        expected = "expected a whole number, at least 0, or a generator"
        raise type(error)(f"{call}: {name} is {came(rng)}, {expected}") from None


def check_walk(
    output: Any, cotangent: Any, rules: Any, wrt: Iterable[Any] | None
) -> tuple[Array, set[Any] | None]:
    """Where the walk starts, of the output's shape and dtype, and wrt as a set, or None.

    TypeError or ShapeError where an argument of `backward` is of another kind.
    """
    call = "backward"
    if not isinstance(output, OnTape):
        raise TypeError(f"{call}: output is {came(output)}, expected a Tensor")
    if rules is not None:
        check_rules(call, rules)
    y: Any = output
    start = np.ones_like(y.value) if cotangent is None else as_array(call, "cotangent", cotangent)
    if start.shape != y.shape:
        raise ShapeError(f"{call}: cotangent has shape {start.shape}, the output {y.shape}")
    start = np.asarray(start, y.dtype)
    if wrt is None:
        return start, None
    several = [] if isinstance(wrt, OnTape) else list(several_names(call, "wrt", wrt))
    if isinstance(wrt, OnTape) or not all(isinstance(each, OnTape) for each in several):
        raise TypeError(f"{call}: wrt is {came(wrt)}, expected several Tensors in a list")
    return start, set(several)


def check_rules(call: str, rules: Any) -> None:
    """TypeError unless it is a table of rules, with the way on."""
    if not isinstance(rules, Mapping):
        such = "such as mx.rules.epsilon_plus()"
        raise TypeError(f"{call}: rules is {came(rules)}, expected a table of rules, {such}{_way_on(rules)}")
    for key, rule in rules.items():
        if not _takes_two(rule):
            expected = f"expected a rule (g, node) -> cotangents{_way_on(rule)}"
            raise TypeError(f"{call}: rules[{key}] is {came(rule)}, {expected}")


def _way_on(value: Any) -> str:
    return ": call it, if it makes one" if inspect.isfunction(value) else ""


def _takes_two(rule: Any) -> bool:
    """Whether it can be called with two arguments, as far as it says what it takes."""
    try:
        inspect.signature(rule).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # it says nothing
        return callable(rule)
    return True
