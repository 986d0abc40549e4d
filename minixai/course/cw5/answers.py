"""The answers of coursework 5, to compare with: one sample after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minixai.checks.report import Array


class Moments(NamedTuple):
    """What is kept of some samples, for each of k units, each with samples of its own; all float64.

    n: (k,) how many they are. mean_x: (k, d), their x̄. mean_y: (k,), their ȳ.
    cross: (k, d), Σ (x − x̄)(y − ȳ) over them. All 0 where n is 0.
    """

    n: Array
    mean_x: Array
    mean_y: Array
    cross: Array


class Numbers(NamedTuple):
    """The toy model of a term: x = a_s·(y − b) + a_d·ε, y ~ U(−c, c), ε of mean mu."""

    a_s: Array
    a_d: Array
    c: int
    mu: int
    b: int


def by_hand(given: Numbers) -> tuple[Array, Array, Array, Array, float]:
    """w, a, a₊, a₋ and the b at which a₊ has no denominator.

    From E₊[x(y − E[y])] = a_s·E₊[(y − b)(y − E[y])] + a_d·μ·E₊[y − E[y]], with E[y] = 0.
    """
    a_s, a_d, c, mu, b = given
    w = np.linalg.solve(np.array([a_s, a_d], float), [1.0, 0.0])
    of_y, square_of_y = c / 2, c * c / 3  # E₊[y], E₊[y²] of the uniform distribution
    plus = a_s + a_d * mu * of_y / (square_of_y - b * of_y)
    minus = a_s - a_d * mu * of_y / (square_of_y + b * of_y)
    return w, a_s.astype(float), plus, minus, square_of_y / of_y


def moments_of(x: Array, y: Array, keep: Array) -> Moments:
    """Those of every unit over the samples that it keeps."""
    k, d = y.shape[1], x.shape[1]
    n, mean_x, mean_y, cross = np.zeros(k), np.zeros((k, d)), np.zeros(k), np.zeros((k, d))
    for j in range(k):
        rows, values = x[keep[:, j]].astype(np.float64), y[keep[:, j], j].astype(np.float64)
        if len(rows):
            n[j], mean_x[j], mean_y[j] = len(rows), rows.mean(axis=0), values.mean()
            for row, value in zip(rows, values, strict=True):
                cross[j] += (row - mean_x[j]) * (value - mean_y[j])
    return Moments(n, mean_x, mean_y, cross)


def regimes(x: Array, w: Array, b: Array) -> tuple[Moments, Moments]:
    """The moments where y > 0, and where not."""
    y = x @ w.T + b
    return moments_of(x, y, y > 0), moments_of(x, y, y <= 0)


def weighted(x: Array, weights: Array) -> Array:
    """Σ weight·x for every unit; weights (n, k)."""
    total = np.zeros((weights.shape[1], x.shape[1]))
    for row, of_units in zip(x, weights, strict=True):
        for j, weight in enumerate(of_units):
            total[j] += weight * row
    return total


def over(numerator: Array, w: Array) -> Array:
    """Divided by wᵀ of it, and 0 where that is 0."""
    denominator = np.sum(w * numerator, axis=1, keepdims=True)
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


def patterns_of(x: Array, y: Array, w: Array) -> tuple[Array, Array, Array]:
    """a, a₊ and a₋, from the samples themselves."""
    centred = y - y.mean(axis=0)
    plus, minus = weighted(x, centred * (y > 0)), weighted(x, centred * (y <= 0))
    never, always = ~(y > 0).any(axis=0), (y > 0).all(axis=0)
    plus[never], minus[always] = 0, 0
    return over(plus + minus, w), over(plus, w), over(minus, w)


def rest_of(
    x: Array,
    w: Array,
    b: Array,
    plus: Array,
    minus: Array,
    bias: bool = False,
    active: Callable[[Any, Any], bool] = lambda s, y: y > 0,
) -> Array:
    """x − S(x) of every unit; `bias` in the factor, or another sense of active (wᵀx, y), is a mistake."""
    left = np.empty((len(w), *x.shape))
    for j, i in np.ndindex(len(w), len(x)):
        s = float(w[j] @ x[i])
        y = s + b[j]
        left[j, i] = x[i] - (y if bias else s) * (plus[j] if active(s, y) else minus[j])
    return left


def rho(d_v: Array, y_v: Array, d_test: Array, y_test: Array, centred: str = "dy") -> Array:
    """From the normal equations, unit by unit; `centred` says what is, before the fit."""
    result = np.empty(len(d_v))
    for j in range(len(d_v)):
        d, y = d_v[j], y_v[:, j]
        if "d" in centred:
            d = d - d.mean(axis=0)
        if "y" in centred:
            y = y - y.mean()
        v = np.linalg.pinv(d.T @ d, rcond=1e-12, hermitian=True) @ (d.T @ y)
        read = d_test[j] @ v
        read, true = read - read.mean(), y_test[:, j] - y_test[:, j].mean()
        size = np.sqrt((read @ read) * (true @ true))
        result[j] = 1 - read @ true / size if size else np.nan
    return result
