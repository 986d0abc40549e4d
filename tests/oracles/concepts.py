"""Directions of concepts, sample by sample."""

from __future__ import annotations

import numpy as np


def pattern(h, t):
    """cov[h, t] / var[t] of samples h (n, d) and t (n,) in {0, 1}."""
    mean_h, mean_t = h.mean(axis=0), t.mean()
    covariance = sum((sample - mean_h) * (label - mean_t) for sample, label in zip(h, t, strict=True)) / len(
        h
    )
    return covariance / np.mean([(label - mean_t) ** 2 for label in t])


def ridge_filter(h, t, share):
    """The w of the least Σ s (t − wᵀh − b)² + λ‖w‖², both classes with the weight ½ in all.

    λ: this share of the weighted mean variance along the directions that the samples span.
    """
    weights = np.array([0.5 / np.sum(t == label) for label in t])
    middle = sum(s * sample for s, sample in zip(weights, h, strict=True))
    mean_t = sum(s * label for s, label in zip(weights, t, strict=True))
    scatter, cross = np.zeros((h.shape[1],) * 2), np.zeros(h.shape[1])
    for s, sample, label in zip(weights, h, t, strict=True):
        scatter += s * np.outer(sample - middle, sample - middle)
        cross += s * (sample - middle) * (label - mean_t)
    penalty = share * np.trace(scatter) / min(h.shape)
    return np.linalg.solve(scatter + penalty * np.eye(h.shape[1]), cross)
