"""How a class changes with a layer: one row an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.context import apart
from minixai.methods.collecting import Pool, in_batches, over_places
from minixai.methods.unit import Chosen, Layer, select_unit
from minixai.nn import Module
from minixai.nn.module import traced
from minixai.tape import Tensor, backward
from minixai.typing import Array

__all__ = ["gradients"]

BACKWARD = 16  # images at a time: a tape is as large as all layers


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

    return np.concatenate([of_batch(leaf) for leaf in in_batches(x, BACKWARD)])
