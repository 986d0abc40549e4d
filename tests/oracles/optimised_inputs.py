"""The penalties of optimised inputs, Adam in a box, and curvatures on a sphere, in loops."""

import math

import numpy as np


def edges(image):
    """Σ_s ‖δˢ(x) − g ∗ δˢ(x)‖² of an image (c, h, w)."""
    weights = [math.exp(-(i**2) / 2) for i in range(-2, 3)]
    total = 0.0
    for channel in image:
        scale = [list(row) for row in channel]
        while min(len(scale), len(scale[0])) > 5:
            h, w = len(scale), len(scale[0])
            for r in range(h):
                for q in range(w):
                    blurred = 0.0
                    for i in range(-2, 3):
                        for j in range(-2, 3):
                            if 0 <= r + i < h and 0 <= q + j < w:
                                blurred += weights[i + 2] * weights[j + 2] * scale[r + i][q + j]
                    total += (scale[r][q] - blurred / sum(weights) ** 2) ** 2
            scale = [
                [
                    np.mean([scale[i][j] for i in (r, r + 1) for j in (q, q + 1) if i < h and j < w])
                    for q in range(0, w, 2)
                ]
                for r in range(0, h, 2)
            ]
    return total


def l2(image):
    """‖x‖² / 100."""
    return sum(float(v) ** 2 for v in np.ravel(image)) / 100


def adam_in_a_box(gradient, x, unit, low, high, steps, rate):
    """Minimise by Adam, in units, with a rate that falls to zero; what leaves the box is put on its edge."""
    x = [float(v) for v in x]
    first, second = [0.0] * len(x), [0.0] * len(x)
    for t in range(1, steps + 1):
        g = gradient(np.array(x))
        for i in range(len(x)):
            of_unit = g[i] * unit
            first[i] = 0.9 * first[i] + 0.1 * of_unit
            second[i] = 0.999 * second[i] + 0.001 * of_unit**2
            mean, square = first[i] / (1 - 0.9**t), second[i] / (1 - 0.999**t)
            x[i] -= unit * rate * (1 - (t - 1) / steps) * mean / (math.sqrt(square) + 1e-8)
            x[i] = min(max(x[i], low), high)
    return np.array(x)


def curvatures(gradient, hessian, x):
    """All second derivatives along great circles through x (d,), the greatest first, and their directions."""
    d = len(x)
    basis = [x / np.linalg.norm(x)]
    for axis in np.eye(d):  # Gram and Schmidt
        rest = axis - sum((axis @ b) * b for b in basis)
        if np.linalg.norm(rest) > 1e-8 and len(basis) < d:
            basis.append(rest / np.linalg.norm(rest))
    tangents = basis[1:]
    second = np.array([[(x @ x) * (a @ hessian @ b) for b in tangents] for a in tangents])
    second -= (gradient @ x) * np.eye(d - 1)
    values, vectors = np.linalg.eigh(second)
    directions = [sum(v * t for v, t in zip(vectors[:, k], tangents, strict=True)) for k in range(d - 1)]
    return values[::-1], np.array(directions[::-1])
