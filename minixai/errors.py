"""The errors of minixai. Each says which call, which argument, what came and what was expected."""

from typing import TypeVar

__all__ = ["FileFormatError", "RuleError", "ShapeError", "WeightsNotFoundError", "several_names"]

Names = TypeVar("Names")


class ShapeError(ValueError):
    """An array has a shape that the operation cannot take."""


class RuleError(LookupError):
    """A strict table of rules met an operation that it does not cover."""


class FileFormatError(ValueError):
    """A file is truncated, altered, or not of the format that it should have."""


class WeightsNotFoundError(FileNotFoundError):
    """A file of weights or data is neither on this machine nor to be had from the web."""


def several_names(call: str, argument: str, names: Names) -> Names:
    """The names; ValueError for a single string, whose letters would be taken one by one."""
    if isinstance(names, str):
        raise ValueError(f"{call}: {argument} is the string {names!r}, expected several: [{names!r}]")
    return names
