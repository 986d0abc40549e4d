"""Activation functions, one number at a time, and softmax, one row at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tests.oracles import Array


def elementwise(function: Callable[..., float], *arrays: Array) -> Array:
    values = [function(*map(float, entries)) for entries in zip(*map(np.ravel, arrays), strict=True)]
    return np.array(values).reshape(np.shape(arrays[0]))


def relu(x: Array) -> Array:
    return elementwise(lambda v: v if v > 0 else 0.0, x)


def relu_vjp(g: Array, y: Array) -> Array:
    return elementwise(lambda of_y, v: of_y if v > 0 else 0.0, g, y)


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    return elementwise(lambda v: v if v > 0 else slope * v, x)


def relu6(x: Array) -> Array:
    return elementwise(lambda v: min(max(v, 0.0), 6.0), x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    return elementwise(lambda v: v if v > 0 else alpha * (math.exp(v) - 1), x)


def silu(x: Array) -> Array:
    return elementwise(lambda v: v / (1 + math.exp(-v)), x)


def gelu(x: Array) -> Array:
    return elementwise(lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2, x)


def gelu_vjp(g: Array, x: Array) -> Array:
    def slope(v: float) -> float:
        density = math.exp(-v * v / 2) / math.sqrt(2 * math.pi)
        return (1 + math.erf(v / math.sqrt(2))) / 2 + v * density

    return elementwise(lambda of_y, v: of_y * slope(v), g, x)


def gelu_by_tanh(x: Array) -> Array:
    def at(v: float) -> float:
        return v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) / 2

    return elementwise(at, x)


def hardsigmoid(x: Array) -> Array:
    return elementwise(lambda v: min(max(v / 6 + 0.5, 0.0), 1.0), x)


def hardswish(x: Array) -> Array:
    return elementwise(lambda v: v * min(max(v / 6 + 0.5, 0.0), 1.0), x)


def sigmoid(x: Array) -> Array:
    return elementwise(lambda v: 1 / (1 + math.exp(-v)), x)


def tanh(x: Array) -> Array:
    return elementwise(math.tanh, x)


def softplus(x: Array, beta: float = 1.0, threshold: float = math.inf) -> Array:
    return elementwise(lambda v: v if beta * v > threshold else math.log(1 + math.exp(beta * v)) / beta, x)


def step(x: Array) -> Array:
    return elementwise(lambda v: 1.0 if v > 0 else 0.0, x)


def softmax(x: Array, axis: int = -1) -> Array:
    def of_row(row: Array) -> list[float]:
        powers = [math.exp(v) for v in row]
        return [power / sum(powers) for power in powers]

    return np.apply_along_axis(of_row, axis, np.asarray(x, float))


def log_softmax(x: Array, axis: int = -1) -> Array:
    return elementwise(math.log, softmax(x, axis))


def cross_entropy(x: Array, labels: Sequence[int]) -> float:
    p = softmax(x)
    return sum(-math.log(p[i, label]) for i, label in enumerate(labels)) / len(labels)
