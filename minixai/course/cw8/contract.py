"""What a problem with a right answer must keep, measured on drawn samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minixai.checks.report import Array

TOLD = 0.65  # the balanced accuracy by the truth alone that a problem must reach
SURE = 6.0  # standard errors: what is called found
FITTED = 500  # samples that a reader is fitted to
RIDGE = 0.1


class Drawn(NamedTuple):
    """What a problem gave: x (n, d) float64, y (n,) of 0 and 1, truth (d,) bool."""

    x: Array
    y: Array
    truth: Array


def read(x: Array, y: Array) -> float:
    """The best balanced accuracy on new samples of three kernel machines: linear, quadratic, Gaussian.

    They are fitted to the first FITTED samples by least squares.
    """
    d = x.shape[1]
    x = _standardised(x)
    dots = x @ x[:FITTED].T
    squares = (x * x).sum(axis=1)
    distances = squares[:, None] + squares[None, :FITTED] - 2 * dots
    kernels = dots / d + 1, (dots / np.sqrt(d) + 1) ** 2 / 4, np.exp(-distances / (2 * d))
    return max(_accuracy(kernel, y) for kernel in kernels)


def _standardised(x: Array) -> Array:
    """Features of mean 0 and variance 1; a constant one is 0."""
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _accuracy(kernel: Array, y: Array) -> float:
    target = np.where(y[:FITTED] == 1, 1 / max(y[:FITTED].sum(), 1), -1 / max((1 - y[:FITTED]).sum(), 1))
    own = kernel[:FITTED]
    guess = kernel @ np.linalg.solve(own + RIDGE * np.trace(own) / FITTED * np.eye(FITTED), target)
    return balanced(guess[FITTED:] > 0, y[FITTED:])


def balanced(says_one: Array, y: Array) -> float:
    """The mean of the accuracies on the two classes."""
    return float((says_one[y == 1].mean() + 1 - says_one[y == 0].mean()) / 2)


def associated(x: Array, y: Array) -> Array:
    """(d,): in standard errors, how much a feature knows of y by its distribution in the two classes.

    The largest distance of the two distribution functions (Kolmogorov and Smirnov), over √(1/n₀ + 1/n₁).
    More than 4 come by chance once in 10¹³ features.
    """
    order = np.argsort(x, axis=0, kind="stable")
    one = y[order] == 1
    distance = np.abs(np.cumsum(one, axis=0) / one.sum(axis=0) - np.cumsum(~one, axis=0) / (~one).sum(axis=0))
    ends = np.ones_like(one)  # of a run of equal values
    in_order = np.take_along_axis(x, order, axis=0)
    ends[:-1] = in_order[1:] != in_order[:-1]
    return (distance * ends).max(axis=0) / np.sqrt(1 / (y == 1).sum() + 1 / (y == 0).sum())


def known_alone(x: Array, y: Array) -> Array:
    """(d,): in standard errors, the covariance of each feature with y."""
    return np.abs((y - y.mean()) @ _standardised(x)) / np.sqrt(len(y)) / y.std()


def known_in_pairs(x: Array, y: Array) -> Array:
    """(d, d): in standard errors, the covariance with y of each square and product, given its mean."""
    x, y = _standardised(x), y - y.mean()
    pairs = (x * y[:, None]).T @ x  # Σ y x_j x_k, less what constant products give
    sizes = np.sqrt(np.maximum((x * x).T @ (x * x) - (x.T @ x) ** 2 / len(y), 1e-9))
    return np.abs(pairs) / sizes / max(y.std(), 1e-9)


def known_alone_or_in_pairs(x: Array, y: Array) -> Array:
    """(d,): in standard errors, the covariance with y of a feature, its square, or a product with another."""
    return np.maximum(known_alone(x, y), known_in_pairs(x, y).max(axis=1))


def _rests(f: Array, y: Array) -> tuple[Array, Array]:
    """What a line in the score f leaves of y, and what a step function of f leaves."""
    line = np.column_stack([np.ones_like(f), f])
    bins = np.argsort(np.argsort(f, kind="stable")) * 50 // len(f)
    by_steps = y - (np.bincount(bins, y) / np.bincount(bins))[bins]
    return y - line @ np.linalg.lstsq(line, y, rcond=None)[0], by_steps


def left_over(f: Array, x: Array, y: Array) -> Array:
    """(d,): in standard errors, what a feature still tells of y where the score f is known.

    y is fitted by a line in f, and by a step function of f; a feature counts by the fit that leaves less.
    """
    x = _standardised(x)
    found = [np.abs(rest @ x) / np.sqrt(len(y)) / max(rest.std(), 1e-9) for rest in _rests(f, y)]
    return min(found, key=np.max)


def left_over_in_pairs(f: Array, x: Array, y: Array, truth: Array) -> Array:
    """(d, d): the same of the products, of which at least one feature is no truth; the others are 0.

    Of two features of the truth a score that has but the sign right may leave something.
    """
    inside = np.logical_and.outer(truth, truth)
    found = [np.where(inside, 0, known_in_pairs(x, rest)) for rest in _rests(f, y)]
    return min(found, key=np.max)
