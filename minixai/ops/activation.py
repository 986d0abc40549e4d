"""Activation functions and softmax. At a kink the derivative is the left one: 0 for ReLU at 0."""

from __future__ import annotations

import numpy as np

from minixai import kernels
from minixai.op import Trait, operation
from minixai.ops.sizes import check_axis
from minixai.settings import finite_number
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["leaky_relu", "log_softmax", "relu", "relu6", "sigmoid", "softmax", "step", "tanh"]


@operation(Trait.RECTIFIER, Trait.GATE)
def relu(x: Array) -> Array:
    """y = max(x, 0). Its derivative at 0 is 0."""
    return kernels.activation.relu(x)


@relu.define_vjp
def _relu_vjp(g: Array, node: Node) -> tuple[Array]:
    return (kernels.activation.relu_vjp(g, node.value),)


@operation(Trait.RECTIFIER, Trait.GATE)
def relu6(x: Array) -> Array:
    """y = min(max(x, 0), 6). Its derivative at 0 and at 6 is 0."""
    return np.clip(x, 0, 6)


@relu6.define_vjp
def _relu6_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (np.where((x <= 0) | (x >= 6), 0, g),)


@operation(Trait.GATE)
def leaky_relu(x: Array, *, slope: float = 0.01) -> Array:
    """y = x where x > 0, else slope · x. Its derivative at 0 is the slope."""
    return np.where(x > 0, x, np.asarray(finite_number("leaky_relu", "slope", slope), x.dtype) * x)


@leaky_relu.define_vjp
def _leaky_relu_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (np.where(x > 0, g, np.asarray(node.params["slope"], g.dtype) * g),)


@operation(Trait.LINK, Trait.GATE)
def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + exp(−x))."""
    e = np.exp(-np.abs(x))  # of a negative number only: it cannot overflow
    return np.where(x >= 0, 1, e) / (1 + e)


@sigmoid.define_vjp
def _sigmoid_vjp(g: Array, node: Node) -> tuple[Array]:
    y = node.value
    return (g * y * (1 - y),)


@operation(Trait.GATE)
def tanh(x: Array) -> Array:
    """y = tanh(x)."""
    return np.tanh(x)


@tanh.define_vjp
def _tanh_vjp(g: Array, node: Node) -> tuple[Array]:
    return (g * (1 - node.value**2),)


@operation(Trait.GATE)
def step(x: Array) -> Array:
    """y = 1 where x > 0, else 0. Its derivative is 0 everywhere, at the jump as well."""
    return (x > 0).astype(x.dtype)


@step.define_vjp
def _step_vjp(g: Array, node: Node) -> tuple[Array]:
    return (np.zeros_like(g),)


@operation(Trait.LINK, Trait.NORMALISE)
def softmax(x: Array, *, axis: int = -1) -> Array:
    """y = exp(x) / Σ exp(x) along the axis."""
    check_axis("softmax", x, axis)
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@softmax.define_vjp
def _softmax_vjp(g: Array, node: Node) -> tuple[Array]:
    y, axis = node.value, node.params["axis"]
    return (y * (g - (g * y).sum(axis, keepdims=True)),)


@operation(Trait.LINK, Trait.NORMALISE)
def log_softmax(x: Array, *, axis: int = -1) -> Array:
    """y = x − log Σ exp(x) along the axis."""
    check_axis("log_softmax", x, axis)
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


@log_softmax.define_vjp
def _log_softmax_vjp(g: Array, node: Node) -> tuple[Array]:
    axis = node.params["axis"]
    return (g - np.exp(node.value) * g.sum(axis, keepdims=True),)
