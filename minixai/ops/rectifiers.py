"""Relatives of ReLU, smooth or of straight pieces. The derivative at a kink stands in the docstring."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from minixai import kernels
from minixai.op import Trait, operation
from minixai.ops.activation import sigmoid
from minixai.settings import finite_number
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["elu", "gelu", "hardsigmoid", "hardswish", "silu", "softplus"]


@operation(Trait.GATE)
def elu(x: Array, *, alpha: float = 1.0) -> Array:
    """y = x where x > 0, else alpha · (exp(x) − 1). Its derivative at 0 is alpha."""
    alpha = finite_number("elu", "alpha", alpha)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@elu.define_vjp
def _elu_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,), alpha = node.arrays, float(node.params["alpha"])
    return (g * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0))),)


@operation(Trait.GATE)
def softplus(x: Array, *, beta: float = 1.0, threshold: float | None = None) -> Array:
    """y = log(1 + exp(beta · x)) / beta; x itself where beta · x > threshold, if there is one."""
    beta = finite_number("softplus", "beta", beta, above=0)
    z = beta * x
    y = (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta  # the exponential cannot overflow
    if threshold is None:
        return y
    return np.where(z > finite_number("softplus", "threshold", threshold), x, y)


@softplus.define_vjp
def _softplus_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,), beta, threshold = node.arrays, float(node.params["beta"]), node.params["threshold"]
    slope = sigmoid.forward(beta * x)
    return (g * (slope if threshold is None else np.where(beta * x > threshold, 1, slope)),)


@operation(Trait.GATE)
def silu(x: Array) -> Array:
    """y = x · sigmoid(x), also called swish. Ramachandran et al. 2017, section 1."""
    return x * sigmoid.forward(x)


@silu.define_vjp
def _silu_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    s = sigmoid.forward(x)
    return (g * s * (1 + x * (1 - s)),)


@operation(Trait.GATE)
def gelu(x: Array, *, approximate: Literal["none", "tanh"] = "none") -> Array:
    """y = x · Φ(x), with the normal distribution's Φ. Hendrycks and Gimpel 2016, section 2.

    approximate: "tanh" puts (1 + tanh u(x)) / 2 in Φ's place, u(x) = √(2/π) · (x + 0.044715 · x³).
    """
    if approximate == "none":
        return kernels.activation.gelu(x)
    if approximate != "tanh":
        raise ValueError(f"gelu: approximate is {approximate!r}, expected 'none' or 'tanh'")
    return 0.5 * x * (1 + np.tanh(_gelu_argument(x)))


@gelu.define_vjp
def _gelu_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    if node.params["approximate"] == "none":
        return (kernels.activation.gelu_vjp(g, x),)
    t = np.tanh(_gelu_argument(x))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return (0.5 * g * (1 + t + x * (1 - t * t) * slope),)


def _gelu_argument(x: Array) -> Array:
    return math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x)


@operation(Trait.GATE)
def hardsigmoid(x: Array) -> Array:
    """y = min(max(x/6 + ½, 0), 1). Its derivative at −3 and at 3 is 0."""
    return np.clip(x / 6 + 0.5, 0, 1)


@hardsigmoid.define_vjp
def _hardsigmoid_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (np.where(np.abs(x) < 3, g / 6, 0),)


@operation(Trait.GATE)
def hardswish(x: Array) -> Array:
    """y = x · hardsigmoid(x). Its derivative is 0 at −3 and 1 at 3. Howard et al. 2019, section 5.2."""
    return x * hardsigmoid.forward(x)


@hardswish.define_vjp
def _hardswish_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (g * np.where(np.abs(x) < 3, x / 3 + 0.5, x > 0),)
