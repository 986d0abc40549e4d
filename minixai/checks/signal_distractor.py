"""The checks of lesson 5: the exact filter of two directions, the pattern, what L2 leaves behind."""

from __future__ import annotations

import numpy as np

from minixai.checks.report import Answer, compare

__all__ = ["check_filter_of", "check_left_behind", "check_pattern"]


def check_filter_of(filter_of: Answer) -> None:
    """filter_of(a_s, a_d): the filter (2,) with w·a_s = 1 and w·a_d = 0."""
    by_hand = np.array([[1.0, 0.0], [1.0, 1.0]])
    for case, rows in (("by hand", by_hand), ("random", np.random.default_rng(1).normal(size=(2, 2)))):
        (a_s, a_d), right = rows, np.array([1.0, 0.0])
        mistakes = {
            "a_s and a_d are columns of your matrix, they should be its rows": np.linalg.solve(rows.T, right),
            "that w cancels the signal and reads the distractor": np.linalg.solve(rows, right[::-1]),
            "that w is a_s itself, scaled": a_s / (a_s @ a_s),
            "at a right angle to a_d, but w·a_s is not 1": a_s - (a_s @ a_d) / (a_d @ a_d) * a_d,
        }
        compare(f"5.1 {case}", filter_of(a_s, a_d), np.linalg.solve(rows, right), mistakes)


def check_pattern(pattern: Answer) -> None:
    """pattern(x, y): a = cov[x, y] / var[y] (d,), for x (n, d) and y (n,)."""
    rng = np.random.default_rng(2)
    random = rng.normal([1, -2, 3], 1, (50, 3))
    cases = [
        ("by hand", np.array([[2.0, 1.0], [-1.0, 3.0]]), np.array([1.0, -1.0])),
        ("random", random, random @ [2.0, 1.0, -1.0] + 3),
    ]
    for case, x, y in cases:
        n, d = x.shape
        cov = [sum((x[i, k] - x[:, k].mean()) * (y[i] - y.mean()) for i in range(n)) / n for k in range(d)]
        right = np.array(cov) / y.var()
        w = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean())[0]
        mistakes = {
            "the means are not subtracted": x.T @ y / (y @ y),
            "divided by the standard deviation, not the variance": np.array(cov) / y.std(),
            "not divided by the variance of y": cov,
            "divided by n − 1 in one of the two (np.cov), by n in the other (np.var)": n / (n - 1) * right,
            "that is the filter w, which reads y from x": w,
        }
        compare(f"5.2 {case}", pattern(x, y), right, mistakes)


def check_left_behind(left_behind: Answer) -> None:
    """left_behind(w, l2, n): cov[x, y − ŷ] (2,) of a filter w (2,) fitted to n points with the penalty l2."""
    rng = np.random.default_rng(3)
    x, y, l2 = rng.normal(size=(40, 2)), rng.normal(size=40), 30.0
    x, y = x - x.mean(axis=0), y - y.mean()
    fitted = np.linalg.solve(x.T @ x + l2 * np.eye(2), x.T @ y)
    measured = (x * (y - x @ fitted)[:, None]).mean(axis=0)
    cases = [
        ("by hand", np.array([1.0, -1.0]), 10.0, 5, [2.0, -2.0]),
        ("random", fitted, l2, len(x), measured),
    ]
    for case, w, penalty, n, expected in cases:
        mistakes = {
            "not divided by n": penalty * w,
            "the sign: it is what is left, y − ŷ": -penalty / n * w,
            "that is λ = 0, least squares": np.zeros(2),
        }
        compare(f"5.3 {case}", left_behind(w, penalty, n), expected, mistakes)
