"""What a layer says of images, and how a class changes with it: one row an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from minixai.context import apart
from minixai.methods.unit import Chosen, Layer, Unit, select_unit
from minixai.nn import Module
from minixai.nn.module import traced
from minixai.settings import one_of
from minixai.tape import Tensor, backward
from minixai.typing import Array

__all__ = ["Pool", "checked_pool", "features", "gradients", "over_places"]

FORWARD, BACKWARD = 64, 16  # images at a time: a tape is as large as all layers
Pool = Literal["mean"] | None


def checked_pool(call: str, pool: Pool) -> Pool:
    """The pool; TypeError or ValueError for another."""
    return None if pool is None else one_of(call, "pool", pool, ("mean",))


def features(call: str, model: Module, layer: Layer, x: Array, pool: Pool) -> tuple[Array, Unit]:
    """(n, …) float64: a layer's output, with pool "mean" the mean over places, (n, channels); its name."""

    def of_batch(leaf: Tensor) -> tuple[Array, Unit]:
        output, layers = traced(call, model, leaf, record=False)
        chosen = select_unit(call, output, layers, layer=layer)
        values = chosen.tensor.value.astype(np.float64)
        places = values[0, 0].size if values.ndim > 2 else 1
        return over_places(values, pool) / (places if pool else 1), chosen.unit

    found, units = zip(*map(of_batch, _batches(x, FORWARD)), strict=True)
    return np.concatenate(found), units[0]


def gradients(call: str, model: Module, layer: Layer, x: Array, target: Any, pool: Pool) -> Array:
    """(n, …) float64: the derivative of a class's logit by the layer, with pool "mean" summed over places.

    So its product with a direction is the derivative along that direction, the same at every place.
    """

    def of_batch(leaf: Tensor) -> Array:
        def chosen() -> tuple[Chosen, Chosen]:
            output, layers = traced(call, model, leaf)
            return select_unit(call, output, layers, target), select_unit(call, output, layers, layer=layer)

        logit, inner = apart(chosen, recording=True)
        g = backward(logit.tensor, logit.cotangent("one"), wrt=[inner.tensor])[inner.tensor]
        return over_places(g.astype(np.float64), pool)

    return np.concatenate([of_batch(leaf) for leaf in _batches(x, BACKWARD)])


def over_places(values: Array, pool: Pool) -> Array:
    """(n, channels): the sum over places; (n, …) as they are where pool is None."""
    if pool is None or values.ndim <= 2:
        return values
    return values.reshape(*values.shape[:2], -1).sum(axis=2)


def _batches(x: Array, size: int) -> Iterator[Tensor]:
    return (Tensor(x[i : i + size]) for i in range(0, len(x), size))
