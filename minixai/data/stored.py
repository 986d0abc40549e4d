"""Arrays in a file that is open: what they are like is known, what they hold is read when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minixai.data._reading import one_error

__all__ = ["Source", "StoredArray"]


class Source(NamedTuple):
    """Which call reads which file; so errors begin."""

    call: str
    path: Path

    def __str__(self) -> str:
        return f"{self.call}: {self.path}"


@dataclass(frozen=True)
class StoredArray:
    """An array whose values `np.asarray` reads from the file, anew at every call."""

    source: Source
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], np.ndarray]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        with one_error(*self.source):
            return self.read().astype(dtype or self.dtype, copy=False)
