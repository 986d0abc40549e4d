"""The errors of minixai. Each says which call, which argument, what came and what was expected."""

import sys
import warnings
from typing import TypeVar

__all__ = ["FileFormatError", "RuleError", "ShapeError", "WeightsNotFoundError", "several_names", "warn"]

Names = TypeVar("Names")
BETWEEN = (__package__, "importlib", "numba")  # ours, and what calls us on our own behalf


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
    return names
