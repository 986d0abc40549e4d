"""Bootstrap intervals: how far a mean over images may be off, since there were only so many images."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.settings import finite_array, finite_number

__all__ = ["mean_interval", "resamplings"]

DRAWS_AT_A_TIME = 1000  # resamplings held at a time


def resamplings(n: int, draws: int, seed: int | np.random.Generator = 0) -> np.ndarray:
    """How often each of n samples is drawn when n are drawn with replacement: (draws, n) int64.

    A row sums to n. A statistic made of sums over samples is resampled by a product: counts @ values.
    Raises ValueError where n or draws is less than 1.
    """
    if n < 1 or draws < 1:
        raise ValueError(f"resamplings: n is {n} and draws {draws}, expected at least 1 of each")
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)


def mean_interval(
    values: Any, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean over the samples and its percentile bootstrap interval: (mean, low, high), each of shape (…).

    low and high are the (1 − level)/2 and (1 + level)/2 quantiles of the resampled means (Efron 1979).
    For a paired comparison of a and b, which were measured on the same samples, pass a − b. Of a single
    sample nothing is known: low and high are the mean.

    values: (n, …), a sample a row, finite. level: in (0, 1). draws: resamplings of the n samples.
    Raises ShapeError for values without samples, ValueError for a level outside (0, 1), too few draws or
    values that are not finite.
    """
    from minixai.kernels.product import matrix_product

    values = finite_array("mean_interval", "values", values, np.float64)
    if values.ndim == 0 or values.size == 0:
        raise ShapeError(f"mean_interval: values has shape {values.shape}, expected (n, …), not empty")
    level = finite_number("mean_interval", "level", level, above=0, below=1)
    if draws < 1:
        raise ValueError(f"mean_interval: draws is {draws}, expected at least 1")
    n, rng = len(values), np.random.default_rng(seed)
    samples, mean = values.reshape(n, -1), values.mean(axis=0)
    counts = (resamplings(n, min(DRAWS_AT_A_TIME, draws - k), rng) for k in range(0, draws, DRAWS_AT_A_TIME))
    means = [matrix_product(each.astype(np.float64), samples) / n for each in counts]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return mean, low.reshape(mean.shape), high.reshape(mean.shape)
