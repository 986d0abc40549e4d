"""Optimisers: how parameters follow their gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from minixai.nn.module import Parameter
from minixai.settings import finite_number
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = ["SGD", "Adam"]


class SGD:
    """Stochastic gradient descent: v ← momentum·v + g + weight_decay·p, then p ← p − lr·v."""

    def __init__(
        self, parameters: Iterable[Parameter], lr: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        self.parameters = _listed("SGD", parameters)
        self.lr = finite_number("SGD", "lr", lr, least=0)
        self.momentum = finite_number("SGD", "momentum", momentum, least=0)
        self.weight_decay = finite_number("SGD", "weight_decay", weight_decay, least=0)
        self._velocity: dict[Tensor, Array] = {}

    def step(self, gradients: Mapping[Tensor, Array]) -> None:
        """Change every parameter by its gradient, as `backward` returns them."""
        for p in self.parameters:
            g = gradients[p] + self.weight_decay * p.value if self.weight_decay else gradients[p]
            if self.momentum:
                g = self.momentum * self._velocity[p] + g if p in self._velocity else np.array(g)
                self._velocity[p] = g
            _lessen(p, self.lr * g)


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1), with weight decay added to the gradient."""

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters = _listed("Adam", parameters)
        self.lr = finite_number("Adam", "lr", lr, least=0)
        self.betas = tuple(finite_number("Adam", "betas", beta, least=0, below=1) for beta in betas)
        self.eps = finite_number("Adam", "eps", eps, least=0)
        self.weight_decay = finite_number("Adam", "weight_decay", weight_decay, least=0)
        self._steps = 0
        self._means: dict[Tensor, Array] = {p: np.zeros_like(p.value) for p in self.parameters}
        self._squares: dict[Tensor, Array] = {p: np.zeros_like(p.value) for p in self.parameters}

    def step(self, gradients: Mapping[Tensor, Array]) -> None:
        """Change every parameter by its gradient, as `backward` returns them."""
        self._steps += 1
        b1, b2 = self.betas
        for p in self.parameters:
            g = gradients[p] + self.weight_decay * p.value if self.weight_decay else gradients[p]
            mean = self._means[p] = b1 * self._means[p] + (1 - b1) * g
            square = self._squares[p] = b2 * self._squares[p] + (1 - b2) * g**2
            unbiased = np.sqrt(square / (1 - b2**self._steps)) + self.eps
            _lessen(p, (self.lr / (1 - b1**self._steps)) * mean / unbiased)


def _listed(call: str, parameters: Iterable[Parameter]) -> list[Parameter]:
    listed = list(parameters)
    if not listed:
        raise ValueError(f"{call}: parameters is empty, expected at least one")
    for other in (p for p in listed if not isinstance(p, Parameter)):
        raise TypeError(f"{call}: parameters holds a {type(other).__name__}, expected Parameters")
    return listed


def _lessen(p: Parameter, change: Array) -> None:
    """Take a change off a parameter; the new values stand in the change's own array."""
    change = np.asarray(change, p.dtype)
    p.take_over(np.subtract(p.value, change, out=change))
