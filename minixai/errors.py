"""The errors of minixai. Each says which call, which argument, what came and what was expected."""

import contextlib
import inspect
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

__all__ = [
    "FileFormatError",
    "RuleError",
    "ShapeError",
    "WeightsNotFoundError",
    "came",
    "several_names",
    "speaking_as",
    "warn",
]

Names = TypeVar("Names")
BETWEEN = (__package__, "importlib", "numba")  # ours, and what calls us on our own behalf
SHORT = 60  # letters of a value that is shown as it is


class ShapeError(ValueError):
    """An array has a shape that the operation cannot take."""


class RuleError(LookupError):
    """A strict table of rules met an operation that it does not cover."""


class FileFormatError(ValueError):
    """A file is truncated, altered, or not of the format that it should have."""


class WeightsNotFoundError(FileNotFoundError):
    """A file of weights or data is neither on this machine nor to be had from the web."""


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line that called this package, however deep in it the cause was found."""
    frame = sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in BETWEEN:
        frame = frame.f_back
    module, registry = frame.f_globals["__name__"], frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, module, registry)


def several_names(call: str, argument: str, names: Names) -> Names:
    """The names; ValueError for a single string, whose letters would be taken one by one."""
    if isinstance(names, str):
        raise ValueError(f"{call}: {argument} is the string {names!r}, expected several: [{names!r}]")
    if not isinstance(names, Iterable):
        raise TypeError(f"{call}: {argument} is {came(names)}, expected several in a list")
    return names


@contextlib.contextmanager
def speaking_as(call: str, *others: str) -> Iterator[None]:
    """Errors that others of our calls raise within begin with this call's name in place of theirs.

    So do the refusals of rules, which name a node.
    """
    try:
        yield
    except (TypeError, ValueError, RuleError) as error:
        other, _, rest = str(error).partition(": ")
        if other not in others and not isinstance(error, RuleError):
            raise
        raise type(error)(f"{call}: {rest if other in others else error}") from error


def came(value: Any) -> str:
    """What a value is, in few words: itself where it is short, else its kind, and its shape if it has one."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    value = value.item() if isinstance(value, np.generic) else value
    kind, shape = type(value), getattr(value, "shape", None)
    name = "array" if kind is np.ndarray else f"{foreign_package(kind)} {kind.__name__}".lstrip()
    words = f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
    if shape:
        return f"{words} of shape {tuple(shape)}"
    text = repr(value) if _plain(value) or _is_own(kind) else words
    return text if len(text) <= SHORT and "\n" not in text else words


def foreign_package(kind: type) -> str:
    """The package in which a class, or what it derives from, is at home; "" for Python's and our own."""
    roots = [base.__module__.partition(".")[0] for base in kind.__mro__]
    known = {*sys.stdlib_module_names, "__main__", __package__}
    return "" if _is_own(kind) else next((root for root in reversed(roots) if root not in known), "")


def _plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_plain, value[:SHORT]))
    return value is None or isinstance(value, str | bytes | int | float | complex | os.PathLike)


def _is_own(kind: type) -> bool:
    return any(base.__module__.partition(".")[0] == __package__ for base in kind.__mro__)
