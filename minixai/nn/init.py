"""First weights: random arrays whose scale keeps the size of signals or of gradients from layer to layer."""

from __future__ import annotations

import math

import numpy as np

from minixai.typing import Array

__all__ = ["fan_in", "kaiming_normal", "kaiming_uniform", "uniform", "xavier_uniform"]


def fan_in(shape: tuple[int, ...]) -> int:
    """How many inputs one output sums over: weights are (outputs, inputs, …)."""
    return math.prod(shape[1:])


def uniform(shape: tuple[int, ...], bound: float, rng: np.random.Generator) -> Array:
    """U(−bound, bound), float32."""
    array = rng.random(shape, np.float32)
    array *= 2
    array -= 1
    array *= np.float32(bound)
    return array


def kaiming_uniform(shape: tuple[int, ...], rng: np.random.Generator, gain: float = math.sqrt(2)) -> Array:
    """U(±gain·√(3/fan_in)); gain √2 is that of ReLU, 1/√3 is PyTorch's default for a layer."""
    return uniform(shape, gain * math.sqrt(3 / fan_in(shape)), rng)


def kaiming_normal(shape: tuple[int, ...], rng: np.random.Generator, gain: float = math.sqrt(2)) -> Array:
    """N(0, gain²/fan_in). He et al. 2015, eq. 10."""
    array = rng.standard_normal(shape, np.float32)
    array *= np.float32(gain / math.sqrt(fan_in(shape)))
    return array


def xavier_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """U(±√(6/(fan_in + fan_out))). Glorot and Bengio 2010, eq. 16."""
    fan_out = shape[0] * math.prod(shape[2:])
    return uniform(shape, math.sqrt(6 / (fan_in(shape) + fan_out)), rng)
