"""Products of matrices, and normalisation, entry by entry."""

from __future__ import annotations

import math

import numpy as np

from tests.oracles import Array


def matrix_product(a: Array, b: Array) -> Array:
    product = np.zeros((a.shape[0], b.shape[1]))
    for i, k in np.ndindex(product.shape):
        product[i, k] = sum(float(a[i, j]) * float(b[j, k]) for j in range(a.shape[1]))
    return product


def linear(x: Array, w: Array, b: Array | None = None) -> Array:
    y = np.zeros((x.shape[0], w.shape[0]))
    for i, k in np.ndindex(y.shape):
        y[i, k] = sum(float(x[i, j]) * float(w[k, j]) for j in range(x.shape[1]))
        y[i, k] += 0.0 if b is None else float(b[k])
    return y


def of_rows(rows: Array, eps: float) -> Array:
    y = np.zeros(rows.shape)
    for i, row in enumerate(rows):
        values = [float(v) for v in row]
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        y[i] = [(v - mean) / math.sqrt(variance + eps) for v in values]
    return y


def layer_norm(x: Array, axes: int, eps: float = 1e-5) -> Array:
    """Over the last axes, so many of them."""
    return of_rows(x.reshape(math.prod(x.shape[: x.ndim - axes]), -1), eps).reshape(x.shape)


def group_norm(x: Array, groups: int, eps: float = 1e-5) -> Array:
    return of_rows(x.reshape(len(x) * groups, -1), eps).reshape(x.shape)


def batch_norm(
    x: Array,
    w: Array | None = None,
    b: Array | None = None,
    mean: Array | None = None,
    variance: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        values = [float(v) for v in np.ravel(x[:, c])]
        m = sum(values) / len(values) if mean is None else float(mean[c])
        s2 = sum((v - m) ** 2 for v in values) / len(values) if variance is None else float(variance[c])
        scale, shift = (1.0, 0.0) if w is None or b is None else (float(w[c]), float(b[c]))
        y[:, c] = np.array([(v - m) / math.sqrt(s2 + eps) * scale + shift for v in values]).reshape(
            x[:, c].shape
        )
    return y


def batch_norm_vjp(
    g: Array, x: Array, w: Array, mean: Array, scale: Array, own: bool
) -> tuple[Array, Array, Array]:
    """The cotangents of x, w and b; own: by the derivative of every z in a channel by every x in it."""
    gx, gw, gb = np.zeros(x.shape), np.zeros(len(w)), np.zeros(len(w))
    for c in range(x.shape[1]):
        z = [(float(v) - float(mean[c])) * float(scale[c]) for v in np.ravel(x[:, c])]
        of_y = [float(v) for v in np.ravel(g[:, c])]
        gw[c], gb[c] = sum(a * b for a, b in zip(of_y, z, strict=True)), sum(of_y)
        of_x = []
        for j in range(len(z)):
            total = 0.0
            for i in range(len(z)):
                by_moments = (1 + z[i] * z[j]) / len(z) if own else 0
                total += of_y[i] * ((i == j) - by_moments)
            of_x.append(total * float(scale[c]) * float(w[c]))
        gx[:, c] = np.reshape(of_x, x[:, c].shape)
    return gx, gw, gb
