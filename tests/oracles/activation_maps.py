"""Class activation maps of one image, in plain loops. maps, gradient: (k, h, w)."""

from __future__ import annotations

import numpy as np


def weighted(weights, maps):
    """Σ_k w_k·A^k."""
    found = np.zeros(maps.shape[1:])
    for k, r, q in np.ndindex(maps.shape):
        found[r, q] += weights[k] * maps[k, r, q]
    return found


def grad_cam(maps, gradient):
    """Weights that are the gradient's means."""
    places = maps[0].size
    return weighted([sum(g.ravel()) / places for g in gradient], maps)


def plus_plus(maps, gradient, normalised):
    """Chattopadhay et al. 2018, eq. 19 and 10, without e^S; 0 for a denominator of 0."""
    weights = []
    for a, g in zip(maps, gradient, strict=True):
        total, alpha, share = sum(a.ravel()), np.zeros(a.shape), 0.0
        for place in np.ndindex(a.shape):
            below = 2 * g[place] ** 2 + g[place] ** 3 * total
            alpha[place] = g[place] ** 2 / below if below else 0
            share += alpha[place] if g[place] > 0 else 0
        weight = sum(alpha[place] * max(g[place], 0) for place in np.ndindex(a.shape))
        weights.append(weight / share if normalised and share else weight)
    return weighted(weights, maps)


def bilinear(values, size):
    """(h, w) → size: between the centres of the places; beyond the outer ones their values."""
    found = np.zeros(size)
    for r, q in np.ndindex(size):
        corner = []
        for place, small, large in ((r, values.shape[0], size[0]), (q, values.shape[1], size[1])):
            at = min(max((place + 0.5) * small / large - 0.5, 0), small - 1)
            corner.append((int(at), min(int(at) + 1, small - 1), at - int(at)))
        (top, bottom, down), (left, right, across) = corner
        for row, of_row in ((top, 1 - down), (bottom, down)):
            for column, of_column in ((left, 1 - across), (right, across)):
                found[r, q] += of_row * of_column * values[row, column]
    return found
