"""The pattern of a local linear fit, written out: Σ_local·w_local."""

from __future__ import annotations

import numpy as np


def pattern(x, data, outputs, width):
    """Of an input x (d,) among data (m, d) with outputs (m,)."""
    weights = np.array([np.exp(-np.sum((x - each) ** 2) / (2 * len(x) * width**2)) for each in data])
    weights /= weights.sum()
    mean, mean_f = weights @ data, weights @ outputs
    covariance = sum(p * np.outer(each - mean, each - mean) for p, each in zip(weights, data, strict=True))
    rows = np.sqrt(weights)[:, None] * (data - mean)
    w = np.linalg.lstsq(rows, np.sqrt(weights) * (outputs - mean_f))[0]
    return covariance @ w
