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


# Entry by entry


def quotient(g: Array, z: Array, b: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """s = g / (z + ε·sign z), 0 where not finite; of each image Σ b·s, Σ ε·sign z·s, and Σ of the g left."""
    s, sums, b = np.zeros_like(g), np.zeros((3, len(g))), np.broadcast_to(b, g.shape)
    for at in np.ndindex(g.shape):
        stabiliser = eps if z[at] >= 0 else -eps
        denominator = z[at] + stabiliser
        if denominator == 0 or np.isnan(denominator) or not np.isfinite(g[at]):
            sums[2, at[0]] += g[at]
        else:
            s[at] = g[at] / denominator
            sums[:2, at[0]] += b[at] * s[at], stabiliser * s[at]
    return s, *sums


# Operations without weights, entry by entry


def less_the_constant(y: Array, constant: Array, r: Array) -> tuple[Array, Leaks]:
    """y, f(0) and R, all of y's shape: R less the constant's share, which is all of R where f(0) is 0."""
    relevance, leaks = np.zeros_like(y), {"bias": 0.0, "zero": 0.0}
    for at in np.ndindex(y.shape):
        if constant[at] == 0:
            relevance[at] = r[at]
        elif y[at] == 0:
            leaks["zero"] += r[at]
        else:
            leaks["bias"] += constant[at] / y[at] * r[at]
            relevance[at] = r[at] - constant[at] / y[at] * r[at]
    return relevance, leaks


def halves_of_matrices(x: Array, y: Array, r: Array) -> tuple[Array, Array]:
    """z = x @ y of (m, j) and (j, n): half of each term x_ij·y_jk / z_ik · R_ik to either side."""
    of_x, of_y = np.zeros_like(x), np.zeros_like(y)
    z = x @ y
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            for k in range(y.shape[1]):
                term = x[i, j] * y[j, k] / z[i, k] * r[i, k]
                of_x[i, j] += term / 2
                of_y[j, k] += term / 2
    return of_x, of_y


def softmax_of_row(x: Array, r: Array) -> Array:
    """x_i·(R_i − s_i·Σ_j R_j)."""
    e = [np.exp(v) for v in x]
    s = [v / sum(e) for v in e]
    return np.array([x[i] * (r[i] - s[i] * sum(r)) for i in range(len(x))])


def standardised_row(x: Array, eps: float, r: Array) -> Array:
    """(x − mean)/σ as a matrix of weights, σ for a constant, and what LRP-0 of it gives."""
    d = len(x)
    mean = sum(x) / d
    sigma = np.sqrt(sum((v - mean) ** 2 for v in x) / d + eps)
    w = np.array([[((i == j) - 1 / d) / sigma for i in range(d)] for j in range(d)])
    return share("epsilon", x, w, np.ones((d, d), bool), np.zeros(d), r, eps=0)[0]
