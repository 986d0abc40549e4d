"""How far two libraries are apart."""

from __future__ import annotations

from typing import Any

import numpy as np

TOLERANCES = {"float64": 1e-10, "float32": 1e-4}


def assert_close(ours: Any, theirs: Any, tolerance: float | None = None, what: str = "") -> None:
    """Same shape and dtype, and max |ours − theirs| <= tolerance · max |theirs|."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), what
    tolerance = TOLERANCES[str(theirs.dtype)] if tolerance is None else tolerance
    error, largest = np.abs(ours - theirs).max(), np.abs(theirs).max()
    assert error <= tolerance * largest, f"{what}: {error:.3g} apart, the largest entry is {largest:.3g}"
