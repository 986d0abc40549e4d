"""Layers that change no value."""

from __future__ import annotations

from minixai import ops
from minixai.nn.module import Module
from minixai.tape import Tensor

__all__ = [
    "Flatten",
    "Identity",
]


class Flatten(Module):
    """(n, …) → (n, product of the others)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.flatten(x)


class Identity(Module):
    """x itself."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x
