"""Activation functions as layers. `inplace` is taken for PyTorch's sake; the tape never overwrites."""

from __future__ import annotations

from typing import Literal

from minixai import ops
from minixai.nn.module import Module
from minixai.settings import finite_number
from minixai.tape import Tensor

__all__ = [
    "ELU",
    "GELU",
    "Hardsigmoid",
    "Hardswish",
    "LeakyReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class ReLU(Module):
    """max(x, 0)."""

    def __init__(self, inplace: bool = False) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.relu(x)


class ReLU6(Module):
    """min(max(x, 0), 6)."""

    def __init__(self, inplace: bool = False) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.relu6(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = finite_number("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """x where x > 0, else alpha · (exp(x) − 1)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = finite_number("ELU", "alpha", alpha)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.elu(x, self.alpha)


class GELU(Module):
    """x · Φ(x), with the normal distribution's Φ, or with "tanh" in an approximation."""

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.gelu(x, self.approximate)


class SiLU(Module):
    """x · sigmoid(x)."""

    def __init__(self, inplace: bool = False) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.silu(x)


class Hardswish(Module):
    """x · min(max(x/6 + ½, 0), 1)."""

    def __init__(self, inplace: bool = False) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.hardswish(x)


class Hardsigmoid(Module):
    """min(max(x/6 + ½, 0), 1)."""

    def __init__(self, inplace: bool = False) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.hardsigmoid(x)


class Sigmoid(Module):
    """1 / (1 + exp(−x))."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.sigmoid(x)


class Tanh(Module):
    """tanh(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.tanh(x)


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta; x itself where beta · x > threshold, if there is one."""

    def __init__(self, beta: float = 1.0, threshold: float | None = 20.0) -> None:
        self.beta = finite_number("Softplus", "beta", beta, above=0)
        self.threshold = None if threshold is None else finite_number("Softplus", "threshold", threshold)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.softplus(x, self.beta, self.threshold)


class Softmax(Module):
    """exp(x) / Σ exp(x) along an axis."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.softmax(x, self.dim)
