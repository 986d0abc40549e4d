"""Losses: means over a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.op import Trait, operation
from minixai.ops.activation import log_softmax
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["cross_entropy", "mean_squared_error"]


@operation(Trait.LOSS)
def cross_entropy(x: Array, *, labels: Any) -> tuple[Array, Any]:
    """−(1/n) Σ_i log softmax(x[i])[labels[i]].

    x: logits (n, k). labels: (n,) integers in [0, k).
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        was = "floats" if labels.dtype.kind == "f" else f"of dtype {labels.dtype}"
        raise TypeError(f"cross_entropy: labels are {was}, expected integers: labels.astype(int)")
    if x.ndim != 2 or labels.shape != x.shape[:1] or x.size == 0:
        raise ShapeError(
            f"cross_entropy: expected logits (n, k) and n integer labels, got {x.shape} and "
            f"labels {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= x.shape[1]:
        raise ValueError(f"cross_entropy: labels in [{labels.min()}, {labels.max()}], logits {x.shape}")
    log_p = log_softmax.forward(x)
    return -log_p[np.arange(len(x)), labels].mean(), log_p


@cross_entropy.define_vjp
def _cross_entropy_vjp(g: Array, node: Node) -> tuple[Array]:
    gx = np.exp(node.saved)
    gx[np.arange(len(gx)), node.params["labels"]] -= 1
    return (gx * (g / len(gx)),)


@operation(Trait.LOSS)
def mean_squared_error(x: Array, y: Array) -> Array:
    """The mean of (x − y)² over all entries.

    x: the prediction. y: its target, of x's shape; an array is cast to x's dtype.
    """
    if x.shape != y.shape or x.size == 0:
        raise ShapeError(f"mean_squared_error: x {x.shape} and y {y.shape}, expected one shape, not empty")
    return np.asarray(np.square(x - y).mean())


@mean_squared_error.define_vjp
def _mean_squared_error_vjp(g: Array, node: Node) -> tuple[Array, Array]:
    x, y = node.arrays
    gx = (2 * g / x.size) * (x - y)
    return gx, -gx
