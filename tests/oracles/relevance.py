"""Every rule of relevance propagation for a layer as one matrix, output by output, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.oracles import Array
from tests.oracles.convolution import products, y_shape

Leaks = dict[str, float]


def conv_matrix(w: Array, x_shape: Any, **settings: Any) -> tuple[Array, Array]:
    """The matrix of a convolution of one image, (outputs, inputs), and which of its entries are weights."""
    geometry = settings | {"groups": settings.get("groups", 1)}
    shape = (1, *x_shape)
    y = y_shape(shape, w.shape, geometry["stride"], geometry["padding"], geometry["dilation"])
    matrix = np.zeros((int(np.prod(y)), int(np.prod(shape))))
    linked = np.zeros(matrix.shape, bool)
    for at_x, at_w, at_y in products(shape, w.shape, **geometry):
        at = np.ravel_multi_index(at_y, y), np.ravel_multi_index(at_x, shape)
        matrix[at] += w[at_w]
        linked[at] = True
    return matrix, linked


def divide(q: Array, denominator: float, r: float) -> tuple[Array, float]:
    """q/denominator·r, and what is dropped because the denominator is zero."""
    if denominator == 0:
        return np.zeros_like(q), r
    return q / denominator * r, 0.0


def share(rule: str, x: Array, w: Array, linked: Array, b: Array, r: Array, **s: Any) -> tuple[Array, Leaks]:
    """x (i,), w and linked (j, i), b and r (j,): the relevance (i,) and the leaks."""
    relevance, leaks = np.zeros(len(x)), {"bias": 0.0, "epsilon": 0.0, "zero": 0.0}
    for j in range(len(r)):
        for q, bias, eps, part in RULES[rule](x, w[j], linked[j], b[j], **s):
            total = sum(q) + bias
            stabiliser = eps if total >= 0 else -eps
            given, dropped = divide(q, total + stabiliser, part * r[j])
            relevance += given
            leaks["zero"] += dropped
            leaks["bias"] += divide(np.array([bias]), total + stabiliser, part * r[j])[0][0]
            leaks["epsilon"] += divide(np.array([stabiliser]), total + stabiliser, part * r[j])[0][0]
    return relevance, leaks


# For one output: lists of (q (i,), what stands for the bias, ε, the part of the relevance)


def pos(v: Any) -> Any:
    return (v + abs(v)) / 2


def neg(v: Any) -> Any:
    return (v - abs(v)) / 2


def epsilon(x: Array, w: Array, linked: Array, b: float, eps: float) -> list[Any]:
    return [(x * w, b, eps, 1)]


def gamma(x: Array, w: Array, linked: Array, b: float, g: float) -> list[Any]:
    """Contributions of the sign of the output count 1 + γ."""
    c = x * w
    favoured = pos if sum(c) + b >= 0 else neg
    return [(c + g * favoured(c), b + g * favoured(b), 0, 1)]


def alpha_beta(
    x: Array, w: Array, linked: Array, b: float, alpha: float, beta: float, bias: str = "separate"
) -> list[Any]:
    c = x * w
    up, down = {"separate": (pos(b), neg(b)), "joint": (b, b), "ignore": (0, 0)}[bias]
    return [(pos(c), up, 0, alpha), *([(neg(c), down, 0, -beta)] if beta else [])]


def w_square(x: Array, w: Array, linked: Array, b: float) -> list[Any]:
    return [(w**2, 0, 0, 1)]


def flat(x: Array, w: Array, linked: Array, b: float) -> list[Any]:
    return [(linked.astype(float), 0, 0, 1)]


def box(x: Array, w: Array, linked: Array, b: float, low: Any, high: Any) -> list[Any]:
    return [(x * w - low * pos(w) - high * neg(w), 0, 0, 1)]


def norm(x: Array, w: Array, linked: Array, b: float) -> list[Any]:
    return [(x * w, 0, 0, 1)]


RULES: dict[str, Callable[..., list[Any]]] = {
    "epsilon": epsilon,
    "gamma": gamma,
    "alpha_beta": alpha_beta,
    "w_square": w_square,
    "flat": flat,
    "box": box,
    "norm": norm,
}
