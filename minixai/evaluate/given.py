"""Maps that users hand over."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.methods.explanation import Explanation
from minixai.methods.question import Question
from minixai.settings import finite_array
from minixai.typing import Array

__all__ = ["given_map"]


def given_map(ask: Question, attribution: Any, *shapes: tuple[int, ...]) -> Array:
    """An Explanation of x, or an array of one of the shapes, as float64; the errors are those of the call."""
    call, x = ask.call, ask.x
    if isinstance(attribution, Explanation) and not np.array_equal(attribution.x, x):
        raise ValueError(f"{call}: attribution explains another x, expected an Explanation of this one")
    heat = finite_array(call, "attribution", attribution)
    if heat.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ShapeError(f"{call}: attribution has shape {heat.shape}, expected {expected}")
    return heat.astype(np.float64)
