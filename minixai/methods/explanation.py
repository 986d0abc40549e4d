"""What every method returns."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.tape import Array

if TYPE_CHECKING:
    from minixai.data import Preprocess
    from minixai.plot import Picture

__all__ = ["Explanation", "ZeroMapWarning"]


class ZeroMapWarning(UserWarning):
    """A map is zero everywhere: nothing came back to the input."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """A map of the input's shape, and what it explains. `np.asarray(explanation)` is the map.

    kind: "function" (how the output would change), "signal" (what of the input the output responds
    to, in the input's channels) or "attribution" (what each input contributes to the score).
    """

    method: str
    kind: str
    map: Array  # of x's shape
    x: Array  # the model's input
    unit: str  # "logit", or the name of the layer and the neuron
    target: np.ndarray[Any, np.dtype[np.intp]]  # (n,): the class, or the unit's index in its layer, −1 for all
    score: Array  # (n,): its value
    preprocess: Preprocess | None = None  # how the model's input is made from photos
    ledger: Any = None

    def __post_init__(self) -> None:
        dark = np.flatnonzero(self.zero)
        if dark.size:
            images = ", ".join(map(str, dark[:5])) + (", …" if dark.size > 5 else "")
            warnings.warn(
                f"{self.method}: the map of image {images} is zero everywhere: nothing came back to the input",
                ZeroMapWarning,
                stacklevel=4,
            )

    @property
    def zero(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(n,): whether an image's map is zero everywhere."""
        return ~self.map.reshape(len(self.map), -1).any(axis=1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.map, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Explanation({self.method} of {self.unit}, {self.kind} of shape {self.map.shape})"
