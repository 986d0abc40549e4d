"""The checks of lesson 13: pattern and filter of a concept, a rank that is a p-value, erasing, its price.

h or x (n, d) are what a layer says of n images; t (n,) is 1 for those that show the concept, 0 for others.
"""

from __future__ import annotations

import numpy as np

from minixai.checks.report import Answer, Array, compare, tuple_of

__all__ = ["check_directions", "check_erase", "check_price", "check_rank_p"]

FOUR = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 1.0]]), np.array([0.0, 1.0, 0.0, 1.0])


def check_directions(directions: Answer) -> None:
    """directions(h, t): the pattern cov[h, t] / var[t] and the filter Σ⁻¹ cov[h, t], (d,) each."""
    for case, (h, t) in {"by hand": FOUR, "random": _sample(0)}.items():
        sigma, within = _covariance(h, t), _within(h)
        variance = float(np.mean((t - t.mean()) ** 2))
        pattern, weight = sigma / variance, np.linalg.solve(within, sigma)
        got_pattern, got_filter = tuple_of(f"13.1 {case}", directions(h, t), 2, "the pattern and the filter")
        compare(
            f"13.1 {case}: pattern",
            got_pattern,
            pattern,
            {
                "not divided by var[t]": sigma,
                "divided by the standard deviation of t": sigma / np.sqrt(variance),
                "that is the mean of those that show it; the mean of the others goes off": h[t == 1].mean(0),
                "that is the filter": weight,
            },
        )
        moments = h.T @ h / len(h)
        compare(
            f"13.1 {case}: filter",
            got_filter,
            weight,
            {
                "that is the pattern": pattern,
                "that is cov[h, t], without the inverse of Σ": sigma,
                "Σ is the mean of h hᵀ, without the means": np.linalg.pinv(moments) @ sigma,
                "Σ⁻¹ times the pattern, which is larger by 1/var[t]": weight / variance,
                "of unit length": weight / np.linalg.norm(weight),
            },
        )
        compare(f"13.1 {case}: the pattern is a difference of means", got_pattern, _difference(h, t))


def check_rank_p(rank_p: Answer) -> None:
    """rank_p(score, random_scores): the share that is at least as far from ½, the concept itself included."""
    rng = np.random.default_rng(1)
    cases = {
        "by hand": (0.875, np.array([0.125, 0.5, 1.0, 0.625, 0.0])),
        "a score below ½": (0.25, rng.integers(0, 17, 39) / 16),
    }
    for case, (score, random) in cases.items():
        distance, of_random = abs(score - 0.5), np.abs(random - 0.5)
        far, n = int(sum(of_random >= distance)), len(random)
        signed = int(sum(random >= score))
        compare(
            f"13.2 {case}",
            rank_p(score, random),
            (1 + far) / (1 + n),
            {
                "the concept itself is not counted": far / n,
                "the concept itself is counted above the line only": (1 + far) / n,
                "those that are equally far count, too": (1 + int(sum(of_random > distance))) / (1 + n),
                "scores below ½ may be far from it as well": (1 + signed) / (1 + n),
                "that is 1 − p": 1 - (1 + far) / (1 + n),
            },
        )


def check_erase(erase: Answer) -> None:
    """erase(x, t): x less its signal, x − a wᵀ(x − μ), (n, d)."""
    for case, (x, t) in {"by hand": FOUR, "random": _sample(2)}.items():
        sigma, mean = _covariance(x, t), x.mean(axis=0)
        w = np.linalg.solve(_within(x), sigma)
        a = sigma / (w @ sigma)
        expected = x - np.outer((x - mean) @ w, a)
        mistakes = {
            "that is the signal, not what is left": np.outer((x - mean) @ w, a),
            "x is not measured from its mean": x - np.outer(x @ w, a),
            "along the filter: w for both": x - np.outer((x - mean) @ w, w) / (w @ w),
            "read with the pattern: a for both": x - np.outer((x - mean) @ a, a) / (a @ a),
            "the mean is gone, too": expected - mean,
            "wᵀa must be 1": x - np.outer((x - mean) @ w, _difference(x, t)),
        }
        got = erase(x, t)
        compare(f"13.3 {case}", got, expected, mistakes)
        compare(f"13.3 {case}: cov[erased, t]", _covariance(np.asarray(got), t), np.zeros(len(sigma)))


def check_price(price: Answer) -> None:
    """price(clean, marked, y, k): what the mark does to images of other classes; how many of k are left."""
    rng = np.random.default_rng(3)
    by_hand = np.array([3, 1, 1, 1, 2, 3]), np.array([3, 3, 3, 1, 3, 3]), np.array([3, 3, 1, 1, 2, 2])
    drawn = [rng.choice(4, 60, p=[0.4, 0.2, 0.1, 0.3]) for _ in range(3)]
    for case, (clean, marked, y), k in (("by hand", by_hand, 3), ("random", drawn, 0)):
        others = y != k
        with_it, without = float(np.mean(marked[others] == k)), float(np.mean(clean[others] == k))
        left = float(np.mean(clean[y == k] == k))
        in_all = float(np.mean(marked == k) - np.mean(clean == k))
        got = tuple_of(f"13.4 {case}", price(clean, marked, y, k), 2, "two numbers")
        compare(
            f"13.4 {case}: what the mark does",
            got[0],
            with_it - without,
            {
                "some are called k without the mark, too: take them off": with_it,
                "of the images of other classes only": in_all,
                "with the mark less without it, not the other way round": without - with_it,
            },
        )
        compare(
            f"13.4 {case}: what is left of class k",
            got[1],
            left,
            {
                "of the clean images, not of the marked": float(np.mean(marked[y == k] == k)),
                "that is what is lost": 1 - left,
                "of the images of k; that is of those called k": float(np.mean(y[clean == k] == k)),
                "a share of the images of class k, not of all": float(np.mean((clean == k) & (y == k))),
            },
        )


def _sample(seed: int) -> tuple[Array, Array]:
    """h (40, 3) whose coordinates vary together and with t, a quarter of them with the concept."""
    rng = np.random.default_rng(seed)
    t = np.repeat([1.0, 0.0], [10, 30])
    return rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)) + np.outer(t, [1, -1, 0.5]) + [0.5, 1, -1], t


def _covariance(h: Array, t: Array) -> Array:
    total = np.zeros(h.shape[1])
    for row, value in zip(h - h.mean(axis=0), t - t.mean(), strict=True):
        total += value * row
    return total / len(t)


def _within(h: Array) -> Array:
    return np.array([_covariance(h, column) for column in h.T])


def _difference(h: Array, t: Array) -> Array:
    difference: Array = h[t == 1].mean(axis=0) - h[t == 0].mean(axis=0)
    return difference
