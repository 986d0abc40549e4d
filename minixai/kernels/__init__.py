"""Arrays in, arrays out: the loops that carry the time. Numba is imported when the first of them is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minixai.kernels import (
        activation,
        convolution,
        descent,
        moments,
        normalisation,
        pooling,
        product,
        relevance,
        threads,
    )

__all__ = [
    "activation",
    "convolution",
    "descent",
    "moments",
    "normalisation",
    "pooling",
    "product",
    "relevance",
    "threads",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
