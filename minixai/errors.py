"""The errors of minixai. Each says which call, which argument, what came and what was expected."""

__all__ = ["FileFormatError", "RuleError", "ShapeError", "WeightsNotFoundError"]


class ShapeError(ValueError):
    """An array has a shape that the operation cannot take."""


class RuleError(LookupError):
    """A strict table of rules met an operation that it does not cover."""


class FileFormatError(ValueError):
    """A file is truncated, altered, or not of the format that it should have."""


class WeightsNotFoundError(FileNotFoundError):
    """A file of weights or data is neither on this machine nor to be had from the web."""
