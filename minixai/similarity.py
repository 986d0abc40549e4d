"""How alike two maps are, and the edges of an image, which many maps are like."""

from __future__ import annotations

import numpy as np

from minixai.typing import Array

__all__ = ["cosine", "edges", "rank_correlation", "ranks"]

SMOOTH, STEP = (1, 2, 1), (-1, 0, 1)


def cosine(one: Array, other: Array) -> Array:
    """(n,) float64: ⟨a, b⟩ / (‖a‖·‖b‖) of arrays (n, …), image by image; NaN where one is all zeros."""
    a, b = (each.reshape(len(each), -1).astype(np.float64) for each in (one, other))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.divide((a * b).sum(axis=1), lengths, out=np.full(len(a), np.nan), where=lengths > 0)


def ranks(values: Array) -> Array:
    """(n, k) float64: the ranks within each row of n, from 1; equal values share the mean of theirs."""
    found = np.empty(values.shape)
    for i, row in enumerate(values):
        _, group, count = np.unique(row, return_inverse=True, return_counts=True)
        found[i] = (np.cumsum(count) - (count - 1) / 2)[group]
    return found


def rank_correlation(one: Array, other: Array) -> Array:
    """(n,): Spearman's correlation of two arrays (n, …), image by image; NaN where one is constant."""
    a, b = (ranks(each.reshape(len(each), -1)) for each in (one, other))
    a, b = (each - each.mean(axis=1, keepdims=True) for each in (a, b))
    products = np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), products, out=np.full(len(a), np.nan), where=products > 0)


def edges(x: Array) -> Array:
    """√(gx² + gy²) of images (n, c, h, w), by channel: gx by Sobel's (1, 2, 1)ᵀ(−1, 0, 1)/8, gy alike.

    At the border the outermost pixels are repeated.
    """
    h, w = x.shape[2:]
    around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    gx, gy = np.zeros(x.shape), np.zeros(x.shape)
    for i, j in np.ndindex(3, 3):
        shifted = around[:, :, i : i + h, j : j + w] / 8
        gx += SMOOTH[i] * STEP[j] * shifted
        gy += STEP[i] * SMOOTH[j] * shifted
    return np.hypot(gx, gy)
