"""What chance does: Fisher's exact test, Student's t-test, and the correction for many tests."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from minixai.typing import Array

__all__ = ["LEVEL", "beyond_chance", "holm", "t_test"]

LEVEL = 0.05  # of significance


def beyond_chance(hits: int, with_it: int, called: int, total: int) -> float:
    """P(at least so many hits) where `called` of `total` samples are called by chance, `with_it` having it.

    Fisher's exact test, one-sided.
    """
    ways = sum(
        math.comb(with_it, k) * math.comb(total - with_it, called - k)
        for k in range(hits, min(with_it, called) + 1)
    )
    return float(Fraction(ways, math.comb(total, called)))


def t_test(values: Array, mean: float) -> float:
    """The two-sided p-value of Student's t-test that values (n,), n of at least 2, have this mean."""
    n, deviation = len(values), float(np.std(values, ddof=1))
    distance = abs(float(np.mean(values)) - mean)
    if deviation <= 1e-12:
        return 1.0 if distance <= 1e-12 else 0.0
    # t = √(n − 1)·tan θ has a density ∝ cosⁿ⁻² θ
    theta = math.atan2(distance * math.sqrt(n), deviation * math.sqrt(n - 1))
    return _below(math.pi / 2 - theta, n - 2) / _below(math.pi / 2, n - 2)


def _below(angle: float, power: int) -> float:
    """∫ sinᵖ φ dφ from 0 to an angle."""
    nodes, weights = np.polynomial.legendre.leggauss(100)
    return float(angle / 2 * weights @ np.sin(angle * (nodes + 1) / 2) ** power)


def holm(p: Array) -> Array:
    """(k,): p-values corrected for k tests (Holm 1979): below α, none of the k is so by chance with 1 − α.

    NaN stands for no test, and stays.
    """
    found = np.full(len(p), np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    factors = len(tests) - np.arange(len(tests))
    found[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return found
