"""The inverse of a covariance that may be singular."""

from __future__ import annotations

import numpy as np

from minixai.typing import Array

__all__ = ["pseudo_inverse"]


def pseudo_inverse(covariance: Array, noise: float) -> Array:
    """Σ⁺ (k, k) of a covariance (k, k), float64.

    noise: the eigenvalues of the *correlations* up to it are zero, so that no unit counts for less because
        its scale is small.
    """
    deviation = np.sqrt(np.maximum(np.diagonal(covariance), 0))
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    values, vectors = np.linalg.eigh(scale[:, None] * covariance * scale)
    kept = values > noise
    if kept.all():
        half = scale[:, None] * vectors / np.sqrt(values)
    else:
        half = np.linalg.pinv(deviation[:, None] * vectors[:, kept] * np.sqrt(values[kept]), rcond=0).T
    return half @ half.T
