"""Batch normalisation and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.tape import Array, Node, Op

__all__ = ["batch_norm", "dropout"]


def _per_channel(values: Array, x: Array) -> Array:
    """Give (c,) the shape that broadcasts over x (n, c, …)."""
    return values.reshape(-1, *[1] * (x.ndim - 2))


@Op
def batch_norm(
    x: Array,
    w: Array | None = None,
    b: Array | None = None,
    mean: Any = None,
    variance: Any = None,
    eps: float = 1e-5,
) -> tuple[Array, Any]:
    """y = (x − mean) / √(variance + eps) · w + b, channel by channel.

    x: (n, c, …). w, b: (c,), both or none. mean, variance: (c,), or None for those of this batch.
    """
    given = [array for array in (w, b, mean, variance) if array is not None]
    if x.ndim < 2 or x.size == 0 or any(np.shape(array) != x.shape[1:2] for array in given):
        shapes = ", ".join(str(np.shape(array)) for array in given)
        raise ShapeError(f"batch_norm: expected x (n, c, …), all else (c,), got x {x.shape} and {shapes}")
    if (w is None) != (b is None) or (mean is None) != (variance is None):
        raise ValueError("batch_norm: expected w and b, and mean and variance, both or none")
    if mean is None:
        axes = (0, *range(2, x.ndim))
        mean, variance = x.mean(axes), x.var(axes)
    mean, scale = (np.asarray(array, x.dtype) for array in (mean, 1 / np.sqrt(np.asarray(variance) + eps)))
    normal = (x - _per_channel(mean, x)) * _per_channel(scale, x)
    y = normal if w is None or b is None else normal * _per_channel(w, x) + _per_channel(b, x)
    return y, (normal, scale)


@batch_norm.define_vjp
def _batch_norm_vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    (x, *affine), (normal, scale) = node.arrays, node.saved
    axes = (0, *range(2, x.ndim))
    gw = (g * normal).sum(axes) if any(node.needs[1:]) else None
    gb = g.sum(axes) if any(node.needs[1:]) else None
    gn = g * _per_channel(affine[0], x) if affine else g
    if node.params["mean"] is None:  # the batch's own mean and variance depend on x too
        gn = gn - _per_channel(gn.mean(axes), x) - normal * _per_channel((gn * normal).mean(axes), x)
    return (gn * _per_channel(scale, x), gw, gb)[: len(node.inputs)]


@Op
def dropout(x: Array, p: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """y = x / (1 − p) with probability 1 − p, else 0, drawn by `rng` for every entry."""
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p is {p}, expected 0 <= p < 1")
    mask = np.asarray(rng.random(x.shape) >= p, x.dtype) / np.asarray(1 - p, x.dtype)
    return x * mask, mask


@dropout.define_vjp
def _dropout_vjp(g: Array, node: Node) -> tuple[Array]:
    return (g * node.saved,)
