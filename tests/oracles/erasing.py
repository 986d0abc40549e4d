"""LEACE as its paper writes it: whiten, project away what varies with t, and unwhiten."""

from __future__ import annotations

import numpy as np


def leace(x, t, new):
    """new (m, d) less what is linearly known of t (n, k) in x (n, d), of a regular covariance."""
    mean = x.mean(axis=0)
    centred_t = t - t.mean(axis=0)
    covariance = sum(np.outer(sample - mean, sample - mean) for sample in x) / len(x)
    cross = sum(np.outer(sample - mean, label) for sample, label in zip(x, centred_t, strict=True)) / len(x)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    whiten = vectors @ np.diag(1 / np.sqrt(values)) @ vectors.T
    columns = whiten @ cross
    projection = columns @ np.linalg.pinv(columns, rcond=1e-9)
    return np.array([sample - root @ projection @ whiten @ (sample - mean) for sample in new])
