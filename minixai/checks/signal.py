"""The checks of lesson 11: the pattern of the active samples, ρ, ρ held out, a convolution's, a control.

Samples are the rows of x (n, d); a filter w (d,) has the output y = x·w.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minixai.checks.patches import patches_of
from minixai.checks.report import Answer, Array, compare

__all__ = [
    "check_conv_pattern",
    "check_held_out_rho",
    "check_moved_by",
    "check_positive_pattern",
    "check_rho",
]


def check_positive_pattern(positive_pattern: Answer) -> None:
    """positive_pattern(x, y, w): the pattern a₊ (d,) of the samples with y > 0."""
    by_hand = np.array([[3.0, 1.0], [1.0, 0.0], [0.0, 0.0]])  # y = 2, 1, 0
    cases = [("by hand", by_hand, np.array([1.0, -1.0]), 0.0)]
    cases += [("random", *_samples(0, 40), 0.0), ("with a bias", *_samples(1, 40), 0.5)]
    for case, x, w, b in cases:
        y = x @ w + b
        cross = _weighted_sum(x, (y - y.mean()) * (y > 0))
        active_mean = _weighted_sum(x, (y - y[y > 0].mean()) * (y > 0))
        uncentred = _weighted_sum(x, y * (y > 0))
        counts = uncentred / (y > 0).sum() - _weighted_sum(x, y > 0) / len(y) * y.mean()
        everywhere = _weighted_sum(x, y - y.mean())
        mistakes = {
            "E[y] over the active samples only, it is over all samples": active_mean / (w @ active_mean),
            "E[y] is not subtracted": uncentred / (w @ uncentred),
            "not divided": cross,
            "not divided, but for the number of active samples": cross / (y > 0).sum(),
            "E₊[xy] is divided by the number of active samples, E₊[x] by that of all": counts / (w @ counts),
            "that is a, over all samples, also those with y ≤ 0": everywhere / (w @ everywhere),
            "divided by the variance of y, which is not wᵀ of the numerator": cross / (y > 0).sum() / y.var(),
        }
        got = positive_pattern(x, y, w)
        compare(f"11.1 {case}", got, cross / (w @ cross), mistakes)
        compare(f"11.1 {case}: wᵀa₊", np.asarray(got) @ w, 1)


def check_rho(rho: Answer) -> None:
    """rho(d, y): 1 less the correlation of y (n,) with what reads y best from d (n, k)."""
    compare(
        "11.2 by hand",
        rho(np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.array([7.0, 1.0, -1.0, -7.0])),
        0.4,
        {
            "that is the correlation; ρ is 1 less it": 0.6,
            "the square of the correlation": 0.64,
            "1 plus the correlation": 1.6,
        },
    )
    rng = np.random.default_rng(2)
    d = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)) + [1, -2, 3]
    y = d @ [0.5, -0.3, 0.2] + rng.normal(2, 1, 40)
    best = d @ _fit(d, y)
    correlation = _correlation(best, y)
    no_intercept = d @ np.linalg.lstsq(d, y)[0]
    mistakes = {
        "that is the correlation; ρ is 1 less it": correlation,
        "the square of the correlation": 1 - correlation**2,
        "the means are not subtracted before the fit": 1 - _correlation(no_intercept, y),
        "the means are subtracted nowhere": 1
        - no_intercept @ y / np.sqrt(no_intercept @ no_intercept * (y @ y)),
        "v = cov[d, y], without the inverse of cov[d, d]": 1 - _correlation(d @ _covariance(d, y), y),
        "the best single column; v mixes all of them": 1
        - max(abs(_correlation(column, y)) for column in d.T),
    }
    got = rho(d, y)
    compare("11.2 random", got, 1 - correlation, mistakes)
    mixed = d @ rng.normal(size=(3, 3)) + 5
    compare("11.2 other coordinates of d change nothing", rho(mixed, y), got)
    compare("11.2 another unit of y changes nothing", rho(d, 10 * y - 3), got)


def check_held_out_rho(held_out_rho: Answer) -> None:
    """held_out_rho(w, x_a, x_v, x_test): ρ of S_a, with a from x_a, v from x_v, ρ from x_test."""
    by_hand = (
        np.array([1.0, -1.0]),
        np.array([[2.0, 1.0], [0.0, -1.0], [0.0, 1.0], [-2.0, -1.0]]),
        np.array([[0.0, 1.0], [0.0, -1.0]]),
        np.array([[8.0, 1.0], [0.0, -1.0], [0.0, 1.0], [-8.0, -1.0]]),
    )
    for case, (w, x_a, x_v, x_test) in [("by hand", by_hand), *_thirds()]:
        expected = _held_out(w, x_a, x_v, x_test)
        together = np.concatenate([x_a, x_v, x_test])
        mistakes = {
            "the correlation has a sign on other samples; that is 1 less its size": 1 - abs(1 - expected),
            "v is fitted to the test samples": _held_out(w, x_a, x_test, x_test),
            "a is fitted to the test samples": _held_out(w, x_test, x_v, x_test),
            "a is fitted to all samples": _held_out(w, together, x_v, x_test),
            "a and v have changed samples": _held_out(w, x_v, x_a, x_test),
            "that is the correlation; ρ is 1 less it": 1 - expected,
        }
        compare(f"11.3 {case}", held_out_rho(w, x_a, x_v, x_test), expected, mistakes)


def check_conv_pattern(conv_pattern: Answer) -> None:
    """conv_pattern(x, w, stride, padding): the pattern of every unit of w (k, c, h, w), in w's shape."""
    rng = np.random.default_rng(5)
    cases = [
        ("by hand", np.array([[[[1.0, 2.0, 4.0]]]]), np.array([[[[1.0, -1.0]]]]), 1, 0),
        ("random", rng.normal(1, 1, (3, 2, 5, 6)), rng.normal(size=(4, 2, 3, 3)), 1, 1),
        ("stride 2", rng.normal(1, 1, (3, 2, 7, 7)), rng.normal(size=(2, 2, 3, 3)), 2, 0),
    ]
    for case, x, w, stride, padding in cases:
        patches = patches_of(x, w.shape[2:], stride, padding).reshape(len(x), -1, w[0].size)
        y = patches @ w.reshape(len(w), -1).T
        numerator = _units(patches, y - y.mean(axis=(0, 1)), w)
        by_place = _units(patches, y - y.mean(axis=0), w)
        by_image = _units(patches, y - y.mean(axis=1, keepdims=True), w)
        by_all = _units(patches, y - y.mean(), w)
        uncentred = _units(patches, y, w)
        ones = _units(patches, np.ones_like(y), w)
        mistakes = {
            "ȳ is not subtracted": _normalised(uncentred, w),
            "ȳ is not subtracted, and not divided": uncentred,
            "not divided": numerator,
            "divided by one number; each unit has its own wᵀ(…)": numerator / (w * numerator).sum(),
            "divided by wᵀw": numerator / (w * w).sum(axis=(1, 2, 3), keepdims=True),
            "a cotangent of ones: that is E[x]": _normalised(ones, w),
        }
        with np.errstate(all="ignore"):  # one place, image or unit leaves nothing to divide by
            mistakes |= {
                "ȳ of each place on its own, it is over images and places": _normalised(by_place, w),
                "ȳ of each image on its own, it is over images and places": _normalised(by_image, w),
                "ȳ over all units, each has its own": _normalised(by_all, w),
            }
        compare(f"11.4 {case}", conv_pattern(x, w, stride, padding), _normalised(numerator, w), mistakes)


def check_moved_by(moved_by: Answer) -> None:
    """moved_by(fit, x, y, c): ‖a′ − a‖ / ‖a‖, of a = fit(x, y) and a′ = fit(x + c, y)."""
    by_hand = np.array([[3.0, 4.0]]), np.array([1.0]), np.array([0.0, 5.0])
    mistakes = {
        "not divided by the length of a": 5.0,
        "divided by the length of a′, not of a": 5 / np.sqrt(90),
    }
    compare("11.5 by hand", moved_by(lambda x, y: x.mean(axis=0), *by_hand), 1.0, mistakes)
    x, w = _samples(4, 30)
    c = np.array([1.0, -2.0, 0.5])
    for case, fit in {"a fit that moves": _weighted_sum, "a covariance": _covariance}.items():
        before, after = fit(x, x @ w), fit(x + c, x @ w)
        length, distance = np.linalg.norm(before), np.linalg.norm(after - before)
        with_output = np.linalg.norm(fit(x + c, (x + c) @ w) - before) / length
        mistakes = {
            "not divided by the length of a": distance,
            "divided by the length of a′, not of a": distance / np.linalg.norm(after),
            "y moves too; the bias keeps it where it was": with_output,
        }
        compare(f"11.5 {case}", moved_by(fit, x, x @ w, c), distance / length, mistakes)


def _samples(seed: int, n: int) -> tuple[Array, Array]:
    """x (n, 3) whose coordinates vary together and have a mean, and a filter."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, 3)) + [0.3, -0.5, 0.4], rng.normal(size=3)


def _thirds() -> Iterator[tuple[str, tuple[Array, ...]]]:
    for case, seed, n in (("random", 3, 60), ("few samples", 8, 10)):
        x, w = _samples(seed, 3 * n)
        yield case, (w, x[:n], x[n : 2 * n], x[2 * n :])


def _weighted_sum(x: Array, weights: Array) -> Array:
    total = np.zeros(x.shape[1])
    for row, weight in zip(x, weights, strict=True):
        total += weight * row
    return total


def _covariance(x: Array, y: Array) -> Array:
    return _weighted_sum(x - x.mean(axis=0), y - y.mean()) / len(y)


def _fit(d: Array, y: Array) -> Array:
    """The shortest v that reads y best from d, from the normal equations."""
    within = np.array([_covariance(d, column) for column in d.T])
    return np.linalg.pinv(within, rcond=1e-10, hermitian=True) @ _covariance(d, y)


def _correlation(p: Array, y: Array) -> float:
    p, y = p - p.mean(), y - y.mean()
    return float(sum(p * y) / np.sqrt(sum(p * p) * sum(y * y)))


def _held_out(w: Array, x_a: Array, x_v: Array, x_test: Array) -> float:
    a = _covariance(x_a, x_a @ w)
    a = a / (w @ a)
    v = _fit(x_v - np.outer(x_v @ w, a), x_v @ w)
    return 1 - _correlation((x_test - np.outer(x_test @ w, a)) @ v, x_test @ w)


def _units(patches: Array, weights: Array, w: Array) -> Array:
    """Σ weight·patch for every unit; weights (n, places, k)."""
    flat = patches.reshape(-1, patches.shape[2])
    sums = [_weighted_sum(flat, of_unit) for of_unit in weights.reshape(len(flat), -1).T]
    return np.reshape(sums, w.shape)


def _normalised(numerator: Array, w: Array) -> Array:
    return numerator / (w * numerator).sum(axis=(1, 2, 3), keepdims=True)
