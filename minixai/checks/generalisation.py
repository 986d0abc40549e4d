"""Checks of lesson 4: least squares, its posterior mean under a prior, and an honest cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.checks.report import Answer, Array, CheckError, compare, result_of

__all__ = ["check_cross_validate", "check_polynomial_fit", "check_ridge"]


def check_polynomial_fit(polynomial_fit: Answer) -> None:
    """Check polynomial_fit(x (n,), y (n,), degree) -> coefficients (degree + 1,), the constant first."""
    line = polynomial_fit(np.array([0.0, 1.0]), np.array([1.0, 3.0]), 1)
    compare("4.1 by hand", line, [1, 2], {"the coefficients are the other way round": [2, 1]})

    rng = np.random.default_rng(0)
    x, degree = rng.uniform(-1, 1, 20), 3
    y = np.cos(3 * x) + rng.normal(0, 0.3, 20)
    sums = [[sum(value ** (j + k) for value in x) for k in range(degree + 1)] for j in range(degree + 1)]
    right = [sum(t * value**j for value, t in zip(x, y, strict=True)) for j in range(degree + 1)]
    some = slice(degree + 1)
    powers = np.vander(x, degree + 1, increasing=True)
    mistakes = {
        "only the first degree + 1 points are used": np.linalg.solve(powers[some], y[some]),
        "the constant is left out": np.r_[0, np.linalg.lstsq(powers[:, 1:], y)[0]],
    }
    compare("4.1 random", polynomial_fit(x, y, degree), np.linalg.solve(sums, right), mistakes)

    x, y = np.linspace(-1, 1, 16), np.tile([1.0, -1.0], 8)
    coefficients = np.asarray(polynomial_fit(x, y, 15))
    miss = np.abs(np.vander(x, 16, increasing=True) @ coefficients - y).max()
    if not miss < 1e-6:
        raise CheckError(
            f"4.1 degree 15 through 16 points: misses them by up to {miss:.1g}, expected 0 to rounding",
            "you solve AᵀA c = Aᵀy, which loses digits; np.linalg.lstsq does not",
        )


def check_ridge(ridge: Answer) -> None:
    """Check ridge(x (n, k), y (n,), noise, spread) -> the posterior mean (k,) of the weights.

    y = x·w + ε, with ε ~ N(0, noise²) and the prior w ~ N(0, spread²).
    """
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=6)
    few, few_y = rng.normal(size=(2, 4)), rng.normal(size=2)
    cases = [
        ("by hand", np.array([[1.0], [1.0]]), np.array([2.0, 4.0]), 1.0, 1.0),  # 6 / (2 + 1)
        ("random", x, y, 0.5, 2.0),
        ("fewer samples than weights", few, few_y, 0.7, 0.4),
    ]
    for name, inputs, outputs, noise, spread in cases:

        def solved(penalty: float, inputs: Array = inputs, outputs: Array = outputs) -> Array:
            """The same as least squares with a row √penalty for each weight, whose y is 0."""
            k = inputs.shape[1]
            rows = np.vstack([inputs, np.sqrt(penalty) * np.eye(k)])
            return np.linalg.lstsq(rows, np.r_[outputs, np.zeros(k)])[0]

        mistakes = {
            "that is least squares, without the prior": np.linalg.lstsq(inputs, outputs)[0],
            "λ is noise² / spread², not noise / spread": solved(noise / spread),
            "λ is noise² / spread², not the other way round": solved((spread / noise) ** 2),
            "λ is not divided by n: the sum of squares is not a mean": solved(
                len(inputs) * (noise / spread) ** 2
            ),
            "λ is 1 / spread²: the noise is missing": solved(1 / spread**2),
        }
        got = result_of(f"4.2 {name}", ridge, inputs, outputs, noise, spread)
        compare(f"4.2 {name}", got, solved((noise / spread) ** 2), mistakes)


def check_cross_validate(cross_validate: Answer) -> None:
    """Check cross_validate(x (n, k), y (n,) of 0 and 1, folds, keep) -> the errors (folds,), from 0 to 1.

    In each fold the `keep` inputs with the largest difference of the class means are chosen on the samples
    outside the fold, and each sample in it gets the class with the nearer mean.
    """
    rng = np.random.default_rng(0)
    x = np.array([[0.0, 5.0], [9.0, 4.0], [1.0, 4.0], [8.0, 5.0], [0.0, 4.0], [9.0, 5.0]])
    y = np.array([0, 1, 0, 1, 0, 1])
    _compare_errors("4.3 by hand", cross_validate, x, y, 3, 1)
    noise, coins = rng.normal(size=(40, 500)), rng.permutation(np.repeat([0, 1], 20))
    _compare_errors("4.3 coin flips", cross_validate, noise, coins, 5, 10)
    signal = noise.copy()
    signal[:, 7] += 3 * coins
    _compare_errors("4.3 one input that tells", cross_validate, signal, coins, 4, 1)


def _compare_errors(case: str, cross_validate: Answer, x: Array, y: Array, folds: int, keep: int) -> None:
    errors, chosen_on_all, chosen_inside, trained_on_all = [], [], [], []
    everything = np.arange(len(y))
    for inside in np.array_split(everything, folds):
        rest = np.setdiff1d(everything, inside)
        errors.append(_error(x, y, rest, rest, inside, keep))
        chosen_on_all.append(_error(x, y, everything, rest, inside, keep))
        chosen_inside.append(_error(x, y, inside, rest, inside, keep))
        trained_on_all.append(_error(x, y, rest, everything, inside, keep))
    mistakes: dict[str, Any] = {
        "the inputs are chosen with the held-out samples, too": chosen_on_all,
        "the inputs are chosen on the held-out samples": chosen_inside,
        "the class means take in the held-out samples": trained_on_all,
        "that is the share of right answers": 1 - np.array(errors),
        "in per cent; expected from 0 to 1": 100 * np.array(errors),
    }
    # Where a mistake gives the right numbers by chance, it is none here.
    mistakes = {name: found for name, found in mistakes.items() if not np.allclose(found, errors)}
    compare(case, result_of(case, cross_validate, x, y, folds, keep), errors, mistakes)


def _error(x: Array, y: Array, choose: Array, fit: Array, test: Array, keep: int) -> float:
    """The error on the samples `test`, with inputs chosen on `choose` and class means taken on `fit`."""
    difference = [abs(_mean(x, y, choose, 1, j) - _mean(x, y, choose, 0, j)) for j in range(x.shape[1])]
    inputs = sorted(range(x.shape[1]), key=lambda j: -difference[j])[:keep]
    wrong = 0
    for i in test:
        near = [sum((x[i, j] - _mean(x, y, fit, label, j)) ** 2 for j in inputs) for label in (0, 1)]
        wrong += int(near[1] < near[0]) != y[i]
    return wrong / len(test)


def _mean(x: Array, y: Array, samples: Array, label: int, j: int) -> float:
    return float(np.mean([x[i, j] for i in samples if y[i] == label]))
