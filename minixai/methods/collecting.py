"""What a layer says of many images, gathered batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np

from minixai.errors import ShapeError, several_names
from minixai.methods.unit import Layer, Unit, check_layer, select_unit
from minixai.nn import Module
from minixai.nn.module import check_model, traced
from minixai.settings import one_of
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = ["Pool", "activations", "checked_pool", "features", "in_batches", "over_places"]

FORWARD = 64  # images at a time: a pass holds the outputs of all layers
Pool = Literal["mean"] | None


def activations(model: Module, images: Any, layer: Layer, pool: Pool = None) -> Array:
    """A layer's output for every image, or its means over the places.

    Only what is returned, one batch of images, and 64 images' outputs of all layers are in memory.

    Args:
        model: a Module; it answers in eval mode, and is left as it was.
        images: an array (n, …) of the model's input, or batches of such, of one size; cast to its dtype.
        layer: a module's name, or (name, call) where it is called more than once.
        pool: "mean" takes the mean over places of maps (n, k, h, w).

    Returns:
        (n, …) float64, of the layer's shape; with pool (n, k).

    Raises:
        TypeError or ValueError: a wrong argument, a NaN, or no images. ShapeError: another input than the
        model's, or batches for which the layer's shape differs.
    """
    call = "activations"
    check_model(call, model)
    check_layer(call, model, layer)
    checked_pool(call, pool)
    whole = isinstance(images, np.ndarray | Tensor)
    batches: Iterable[Any] = [images] if whole else several_names(call, "images", images)
    found: list[Array] = []
    for batch in batches:
        x = model.check_input(call, batch, "images" if whole else "a batch of images")
        found.append(features(call, model, layer, x, pool)[0])
        if found[-1].shape[1:] != found[0].shape[1:]:
            came = f"a batch gives {found[-1].shape[1:]}, the first gave {found[0].shape[1:]}"
            raise ShapeError(f"{call}: images of different sizes: {came}")
    if not found:
        raise ValueError(f"{call}: images holds no batch, expected at least one")
    return np.concatenate(found)


def features(call: str, model: Module, layer: Layer, x: Array, pool: Pool) -> tuple[Array, Unit]:
    """(n, …) float64: a layer's output, with pool "mean" the mean over places, (n, channels); its name."""

    def of_batch(leaf: Tensor) -> tuple[Array, Unit]:
        output, layers = traced(call, model, leaf, record=False)
        chosen = select_unit(call, output, layers, layer=layer)
        values = chosen.tensor.value.astype(np.float64)
        places = values[0, 0].size if values.ndim > 2 else 1
        return over_places(values, pool) / (places if pool else 1), chosen.unit

    found, units = zip(*map(of_batch, in_batches(x, FORWARD)), strict=True)
    return np.concatenate(found), units[0]


def checked_pool(call: str, pool: Pool) -> Pool:
    """The pool; TypeError or ValueError for another."""
    return None if pool is None else one_of(call, "pool", pool, ("mean",))


def over_places(values: Array, pool: Pool) -> Array:
    """(n, channels): the sum over places; (n, …) as they are where pool is None."""
    if pool is None or values.ndim <= 2:
        return values
    return values.reshape(*values.shape[:2], -1).sum(axis=2)


def in_batches(x: Array, size: int) -> Iterator[Tensor]:
    """The images, so many at a time."""
    return (Tensor(x[i : i + size]) for i in range(0, len(x), size))
