"""Optimisers: how parameters follow their gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError, came, several_names
from minixai.nn.module import Module, Parameter
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
        self._velocity: dict[Tensor, Array] = {p: _zeros(p) for p in self.parameters if self.momentum}

    def step(self, gradients: Mapping[Tensor, Array]) -> None:
        """Change every parameter by its gradient, as `backward` returns them."""
        for p, g in zip(self.parameters, _of_all("SGD.step", self.parameters, gradients), strict=True):
            settings = self._velocity.get(p), self.lr, self.momentum, self.weight_decay
            p.take_over(kernels.descent.sgd_step(p.value, g, *settings))


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
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(f"Adam: betas is {came(betas)}, expected two numbers")
        b1, b2 = (finite_number("Adam", "betas", beta, least=0, below=1) for beta in betas)
        self.betas = b1, b2
        self.eps = finite_number("Adam", "eps", eps, least=0)
        self.weight_decay = finite_number("Adam", "weight_decay", weight_decay, least=0)
        self._steps = 0
        self._means: dict[Tensor, Array] = {p: _zeros(p) for p in self.parameters}
        self._squares: dict[Tensor, Array] = {p: _zeros(p) for p in self.parameters}

    def step(self, gradients: Mapping[Tensor, Array]) -> None:
        """Change every parameter by its gradient, as `backward` returns them."""
        found = _of_all("Adam.step", self.parameters, gradients)
        self._steps += 1
        settings = self.lr, self.betas, self.eps, self.weight_decay, self._steps
        for p, g in zip(self.parameters, found, strict=True):
            p.take_over(kernels.descent.adam_step(p.value, g, self._means[p], self._squares[p], *settings))


def _zeros(p: Parameter) -> Array:
    return np.zeros(p.shape, p.dtype)


def _listed(call: str, parameters: Iterable[Parameter]) -> list[Parameter]:
    if isinstance(parameters, Module | Parameter):
        way_on = "model.parameters()" if isinstance(parameters, Module) else "several in a list"
        raise TypeError(f"{call}: parameters is {came(parameters)}, expected {way_on}")
    listed = list(several_names(call, "parameters", parameters))
    if not listed:
        raise ValueError(f"{call}: parameters is empty, expected at least one")
    for other in (p for p in listed if not isinstance(p, Parameter)):
        raise TypeError(f"{call}: parameters holds {came(other)}, expected Parameters: model.parameters()")
    return listed


def _of_all(call: str, parameters: list[Parameter], gradients: Mapping[Tensor, Array]) -> list[Array]:
    """The gradient of every parameter."""
    if not isinstance(gradients, Mapping):
        raise TypeError(f"{call}: gradients is {came(gradients)}, expected what mx.backward(loss) returns")
    if missing := [p for p in parameters if p not in gradients]:
        raise ValueError(
            f"{call}: gradients has none for {came(missing[0])}, expected one for every parameter"
        )
    found = [np.asarray(gradients[p], p.dtype) for p in parameters]
    for p, g in zip(parameters, found, strict=True):
        if g.shape != p.shape:
            raise ShapeError(f"{call}: gradients has one of shape {g.shape} for {came(p)}, expected the same")
    return found
