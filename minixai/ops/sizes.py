"""Checks of sizes that convolution and pooling share."""

from __future__ import annotations

import operator

from minixai.errors import ShapeError
from minixai.tape import Array

__all__ = ["Size", "check_images", "pair"]

Size = int | tuple[int, int]


def pair(call: str, name: str, size: Size, least: int = 1) -> tuple[int, int]:
    """(vertical, horizontal) from one whole number or two, each at least `least`."""
    try:
        vertical, horizontal = (operator.index(s) for s in ((size, size) if isinstance(size, int) else size))
    except (TypeError, ValueError):
        raise TypeError(f"{call}: {name} is {size!r}, expected a whole number or a pair of them") from None
    if min(vertical, horizontal) < least:
        raise ValueError(f"{call}: {name} is {size!r}, expected at least {least}")
    return vertical, horizontal


def check_images(call: str, x: Array) -> None:
    """Raise ShapeError unless x is a batch of images, not an empty one."""
    if x.ndim != 4:
        raise ShapeError(f"{call}: x has shape {x.shape}, expected four axes (n, c, h, w)")
    if x.size == 0:
        raise ShapeError(f"{call}: x is empty, shape {x.shape}")
