"""The answers of coursework 7, to compare with: one sample after the other, or in another form."""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple

import numpy as np

from minixai.checks.report import Array
from minixai.tape import Tensor, backward

RCOND = 1e-10  # eigenvalues below this share of the largest are 0
NODES, WEIGHTS = np.polynomial.legendre.leggauss(100)


class Layer(NamedTuple):
    """The toy model of a term inside a layer: h = t·a_c + e·a_d, and a class with the gradient g.

    q0, q1: P(e = 1) where t is 0, and where t is 1; p: P(t = 1).
    """

    a_c: Array
    a_d: Array
    p: float
    q0: float
    q1: float
    g: Array


class Tests(NamedTuple):
    """The tests of a term: at `percent` %, each against n random concepts; `tests` of them.

    The t-test has `runs`, a concept of `images`, and `others` drawn anew for each run.
    """

    percent: int
    n: int
    tests: int
    runs: int
    images: int
    others: int


class Moments(NamedTuple):
    """What is known of a term's layer and label: Σ (2, 2), σ (2,), var[t]; and r = corr[t, y] of a task y."""

    cov_h: Array
    cov_ht: Array
    var_t: float
    r: float


def by_hand(given: Layer) -> dict[str, Any]:
    """Pattern and filter without noise, what the class makes of each direction, and the q1 that hides it."""
    a_c, a_d, _, q0, q1, g = given
    pattern = a_c + (q1 - q0) * a_d
    weight = np.linalg.solve(np.array([a_c, a_d], float), [1.0, 0.0])
    return {
        "pattern": pattern,
        "filter": weight,
        "along_concept": g @ a_c,
        "along_pattern": g @ pattern,
        "along_filter": g @ weight,
        "q_zero": q0 - (g @ a_c) / (g @ a_d),
    }


def covariance(x: Array, y: Array) -> Array:
    """E[(x − x̄)(y − ȳ)ᵀ] of the rows, in float64, one after the other."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    total = np.zeros((x.shape[1], y.shape[1]))
    for one, other in zip(x - x.mean(axis=0), y - y.mean(axis=0), strict=True):
        total += one[:, None] * other
    return total / len(x)


def pseudo_inverse(matrix: Array) -> Array:
    """Of a symmetric matrix."""
    return np.linalg.pinv(matrix, rcond=RCOND, hermitian=True)


def joint(h: Array, labels: Array) -> tuple[Array, Array]:
    """Patterns and filters (k, d): the least squares of h from the labels, and of the labels from h."""
    sigma = covariance(h, labels)
    patterns = pseudo_inverse(covariance(labels, labels)) @ sigma.T
    return patterns, sigma.T @ pseudo_inverse(covariance(h, h))


def sensitivities(net: Any, layer: str, x: Array, k: int, v: Array, score: str = "logit") -> Array:
    """(n,): Σ gradient·v over the layer's numbers, image by image; another score is a mistake."""
    found = []
    for image in x:
        logits, outputs = net.trace(Tensor(image[None]))
        p = np.exp(logits.value - logits.value.max())
        p /= p.sum()
        own = np.eye(p.shape[1], dtype=p.dtype)[[k]]
        cotangent = {"logit": own, "all logits": np.ones_like(p), "probability": p[:, [k]] * (own - p)}[score]
        h = outputs[layer][0]
        g = backward(logits, cotangent, wrt=[h])[h][0]
        along = v if v.ndim == g.ndim else v.reshape(-1, *[1] * (g.ndim - 1))
        found.append(float(np.sum(g.astype(np.float64) * along)))
    return np.array(found)


def rank_p(
    scores: Array, random_scores: Array, tolerance: float = 1e-9, own: int = 1, strict: bool = False
) -> Array:
    """(m,): the two-sided rank, one score after the other; the last three arguments are mistakes."""
    p = []
    for score, others in zip(scores, random_scores, strict=True):
        below = above = own
        for other in others:
            tied = abs(other - score) <= tolerance
            below += bool(other < score and not tied) or bool(tied and not strict)
            above += bool(other > score and not tied) or bool(tied and not strict)
        p.append(min(1.0, 2 * min(below, above) / (own + len(others))))
    return np.array(p)


def beyond(distance: float, degrees: int) -> float:
    """P(|t| > distance) of Student's t: with t = √ν·tan θ its density is as cos^(ν−1) θ."""

    def integral(start: float, end: float) -> float:
        theta = start + (end - start) * (NODES + 1) / 2
        return float((end - start) * WEIGHTS @ np.cos(theta) ** (degrees - 1))

    theta = np.arctan(distance / np.sqrt(degrees))
    return integral(theta, np.pi / 2) / integral(0, np.pi / 2)


def critical(alpha: float, degrees: int) -> float:
    """The distance with P(|t| > distance) = alpha, by bisection."""
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle, degrees) > alpha else (low, middle)
    return low


def t_test_level(runs: int, ratio: float, alpha: float, tail: float | None = None) -> float:
    """How often the t-test calls a random concept significant; a tail other than α/2 is a mistake."""
    both = alpha if tail is None else 2 * tail
    return beyond(critical(both, runs - 1) / np.sqrt(1 + runs * ratio), runs - 1)


def levels(given: Tests) -> dict[str, float]:
    """The levels of four rank tests, and of the t-test, and the least n for so many tests."""
    percent, n, tests, runs, images, others = given
    whole, half = percent * (n + 1) // 100, percent * (n + 1) // 200
    return {
        "distance": whole / (n + 1),
        "without_one": (percent * n // 100 + 1) / (n + 1),
        "doubled": 2 * half / (n + 1),
        "smaller": 2 * whole / (n + 1),
        "least": ceil(200 * tests / percent) - 1,
        "t_test": t_test_level(runs, others / images, percent / 100),
    }


def leace(h: Array, labels: Array) -> tuple[Array, Array]:
    """μ (d,) and I − Σ^½ Q Σ^−½ (d, d), Q the projection on the columns of Σ^−½ σ."""
    values, vectors = np.linalg.eigh(covariance(h, h))
    there = values > RCOND * values[-1]
    root, inverse_root = (
        (vectors[:, there] * values[there] ** power) @ vectors[:, there].T for power in (0.5, -0.5)
    )
    sigma = covariance(h, labels)
    u, sizes, _ = np.linalg.svd(inverse_root @ sigma, full_matrices=False)
    u = u[:, sizes > 1e-8 * np.sqrt(np.diag(covariance(labels, labels)).max())]
    return h.mean(axis=0), np.eye(len(values)) - root @ u @ u.T @ inverse_root


def erasing(given: Moments) -> dict[str, Any]:
    """What LEACE and two projections change and leave, from the moments alone."""
    cov_h, sigma, var_t, r = given
    w = np.linalg.solve(cov_h, sigma)
    kept = np.array([-w[1], w[0]])  # what a projection along w keeps
    return {
        "w": w,
        "a": sigma / (w @ sigma),
        "before": w @ sigma / var_t,
        "leace_change": sigma @ sigma / (w @ sigma),
        "pattern_change": sigma @ cov_h @ sigma / (sigma @ sigma),
        "left_by_filter": (kept @ sigma) ** 2 / (kept @ cov_h @ kept * var_t),
        "task": 1 - r**2,
    }


def features(h: Array, degree: int, squares: bool = True, products: bool = True) -> Array:
    """h, and for degree 2 its squares and products; without either is a mistake."""
    columns = list(h.T)
    if degree == 2:
        d = h.shape[1]
        pairs = [(i, j) for i in range(d) for j in range(i, d) if (squares if i == j else products)]
        columns += [h[:, i] * h[:, j] for i, j in pairs]
    return np.array(columns).T


def r_squared(h: Array, t: Array, degree: int = 1, squares: bool = True, products: bool = True) -> float:
    """The share of var[t] that least squares reads from the features of h (n, d) and a constant."""
    spread = h.std(axis=0)
    varies = spread > RCOND * spread.max()
    made = features((h[:, varies] - h[:, varies].mean(axis=0)) / spread[varies], degree, squares, products)
    u, sizes, _ = np.linalg.svd(made - made.mean(axis=0), full_matrices=False)
    found = u[:, sizes > RCOND * max(sizes, default=0)].T @ (t - t.mean())
    return float(found @ found / np.sum((t - t.mean()) ** 2))
