"""How the arrays lie that compiled loops read."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.arrays import read_only

__all__ = ["readable"]


def readable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A row-major, read-only view, or copy: for arrays of another kind, numba compiles a loop anew."""
    return read_only(np.ascontiguousarray(array))
