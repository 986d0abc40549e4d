"""The checks of LRP by hand, on one dense layer and one image.

x (d,), the weights w (k, d) and the bias b (k,); relevance r (k,) comes, (d,) is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minixai.checks.report import Answer, Array, CheckError, compare

__all__ = ["check_epsilon_rule", "check_leaks", "check_z_plus_rule"]


X, W = np.array([1.0, 2.0]), np.array([[1.0, 1.0], [1.0, -1.0]])  # of the cases by hand


def check_epsilon_rule(epsilon_rule: Answer) -> None:
    """epsilon_rule(x, w, b, r, epsilon): the relevance (d,) of the inputs."""
    by_hand = X, W, np.array([1.0, 0.0]), np.array([4.0, -1.0])  # [2, 0]
    for case, (x, w, b, r), epsilon in [("by hand", by_hand, 0.0), *_random(0, epsilon=0.3)]:
        q, z = x * w, w @ x + b
        offset = epsilon * _sign(z)
        expected = _shared(q, b + offset, r)
        mistakes = {
            "the bias is not in z": _shared(q, epsilon * _sign(w @ x), r),
            "x is not multiplied back": w.T @ (r / (z + offset)),
            "not divided by z": q.T @ r,
            "+ε also where z is negative, it is ε·sign z": _shared(q, b + epsilon, r),
            "the sign of ε is wrong": _shared(q, b - offset, r),
            "ε is missing": _shared(q, b, r),
        }
        got = epsilon_rule(x, w, b, r, epsilon)
        compare(f"8.1 {case}", got, expected, mistakes)
        leaked = sum(_leak(part, z + offset, r) for part in (b, offset))
        compare(f"8.1 {case}: Σ relevance + leaks = Σ r", np.sum(got) + leaked, r.sum())
    at_zero = np.ones(2), np.array([[1.0, -1.0]]), np.zeros(1), np.ones(1), 0.5
    got = _finite("8.1 z = 0", epsilon_rule, at_zero, "sign 0 is 0 in your code, it has to be +1")
    compare("8.1 z = 0", got, [2, -2], {"sign 0 is −1 in your code, it has to be +1": [-2, 2]})


def check_leaks(leaks: Answer) -> None:
    """leaks(x, w, b, r, epsilon): the pair of what goes to the bias and what goes to ε."""
    by_hand = X, W, np.array([1.0, 0.0]), np.array([5.0, -2.0])  # (1, 2)
    for case, (x, w, b, r), epsilon in [("by hand", by_hand, 1.0), *_random(1, epsilon=0.3)]:
        z = w @ x + b
        offset = epsilon * _sign(z)
        expected = _leak(b, z + offset, r), _leak(offset, z + offset, r)
        biased = w @ x + epsilon * _sign(w @ x)
        mistakes = {
            "the first number is for the bias, the second for ε": expected[::-1],
            "ε is not in the denominators": (_leak(b, z, r), _leak(offset, z, r)),
            "ε in place of ε·sign z above the line": (expected[0], _leak(epsilon + 0 * b, z + offset, r)),
            "not times the relevance": (
                _leak(b, z + offset, 1 + 0 * r),
                _leak(offset, z + offset, 1 + 0 * r),
            ),
            "the bias is not in z": (_leak(b, biased, r), _leak(epsilon * _sign(w @ x), biased, r)),
            "not divided by z + ε·sign z": (b @ r, offset @ r),
        }
        got = leaks(x, w, b, r, epsilon)
        compare(f"8.2 {case}", got, expected, mistakes)
        passed = _shared(x * w, b + offset, r)
        compare(f"8.2 {case}: leaks = Σ r − Σ relevance", np.sum(got), r.sum() - passed.sum())


def check_z_plus_rule(z_plus_rule: Answer) -> None:
    """z_plus_rule(x, w, b, r): the relevance (d,) of inputs of either sign."""
    by_hand = X, W, np.array([1.0, -5.0]), np.array([4.0, 3.0])  # [4, 2]
    for case, (x, w, b, r), _ in [("by hand", by_hand, 0), *_random(2)]:
        q, wp, bp = np.maximum(x * w, 0), np.maximum(w, 0), np.maximum(b, 0)
        mistakes = {
            "w⁺ with the whole of x; for a negative input it is w⁻ that makes q positive": (
                _shared(x * wp, bp, r)
            ),
            "x⁻w⁻ is missing: two negative numbers make a positive q, too": (
                _shared(np.maximum(x, 0) * wp, bp, r)
            ),
            "b in the denominator, in place of b⁺": _shared(q, b, r),
            "the bias is missing": _shared(q, 0 * b, r),
            "x is not multiplied back": wp.T @ (r / (q.sum(axis=1) + bp)),
            "the denominator is z, in which negative parts are": q.T @ (r / (w @ x + b)),
            "not divided by Σ q + b⁺": q.T @ r,
        }
        got = z_plus_rule(x, w, b, r)
        compare(f"8.3 {case}", got, _shared(q, bp, r), mistakes)
        compare(
            f"8.3 {case}: Σ relevance + bias = Σ r", np.sum(got) + _leak(bp, q.sum(axis=1) + bp, r), r.sum()
        )
    silent = X, np.array([[-1.0, -1.0], [1.0, 0.0]]), np.array([-1.0, 0.0]), np.array([0.0, 2.0])
    got = _finite("8.3 Σ q + b⁺ = 0", z_plus_rule, silent, "0/0; such a unit passes nothing on")
    compare("8.3 Σ q + b⁺ = 0", got, [2, 0])


def _random(
    seed: int, epsilon: float = 0.0
) -> Iterator[tuple[str, tuple[Array, Array, Array, Array], float]]:
    rng = np.random.default_rng(seed)
    for k, d in ((3, 5), (4, 6)):
        layer = rng.normal(size=d), rng.normal(size=(k, d)), rng.normal(size=k), rng.normal(size=k)
        yield f"random, w {(k, d)}", layer, epsilon


def _sign(z: Array) -> Array:
    return np.where(z >= 0, 1.0, -1.0)


def _shared(q: Array, other: Array, r: Array) -> Array:
    """Σ_j q_ji / (Σ_i q_ji + other_j) · r_j, share by share."""
    relevance = np.zeros(q.shape[1])
    for j, i in np.ndindex(*q.shape):
        relevance[i] += q[j, i] / (sum(q[j]) + other[j]) * r[j]
    return relevance


def _leak(other: Array, denominator: Array, r: Array) -> float:
    """Σ_j other_j / denominator_j · r_j."""
    return float(sum(other[j] / denominator[j] * r[j] for j in range(len(r))))


def _finite(case: str, rule: Answer, layer: Any, mistake: str) -> Any:
    """What a rule gives where a denominator can be zero; raises CheckError for NaN or infinity."""
    with np.errstate(all="ignore"):
        got = rule(*layer)
    if not np.isfinite(got).all():
        raise CheckError(f"{case}: got {got}, expected finite numbers", mistake)
    return got
