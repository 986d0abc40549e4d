"""Normalisation of batches, of layers and of groups of channels; and dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError
from minixai.op import Mask, Trait, operation
from minixai.settings import finite_number, whole_number
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["batch_norm", "dropout", "group_norm", "layer_norm"]


@operation(Trait.AFFINE, unless=lambda node: (Trait.NORMALISE,) if node.params["mean"] is None else ())
def batch_norm(
    x: Array,
    w: Array | None = None,
    b: Array | None = None,
    *,
    mean: Any = None,
    variance: Any = None,
    eps: float = 1e-5,
    moments: tuple[Array, Array] | None = None,
) -> tuple[Array, Any]:
    """y = (x − mean) / √(variance + eps) · w + b, channel by channel.

    x: (n, c, …). w, b: (c,), both or none. mean, variance: (c,), or None for those of this batch.
    moments: the batch's `channel_moments`, where they are known.
    """
    given = [array for array in (w, b, mean, variance) if array is not None]
    if x.ndim < 2 or x.size == 0 or any(np.shape(array) != x.shape[1:2] for array in given):
        shapes = ", ".join(str(np.shape(array)) for array in given)
        raise ShapeError(f"batch_norm: expected x (n, c, …), all else (c,), got x {x.shape} and {shapes}")
    if (w is None) != (b is None) or (mean is None) != (variance is None):
        raise ValueError("batch_norm: expected w and b, and mean and variance, both or none")
    eps = finite_number("batch_norm", "eps", eps, least=0)
    if mean is None:
        mean, variance = moments or channel_moments(x)
    mean, scale = (np.asarray(array, x.dtype) for array in (mean, 1 / np.sqrt(np.asarray(variance) + eps)))
    slope, shift = (scale, 0 * mean) if w is None or b is None else (scale * w, b)
    y = kernels.normalisation.normalise(_by_place(x), mean, slope, shift)
    return y.reshape(x.shape), (mean, scale)


@batch_norm.define_vjp
def _batch_norm_vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    (x, w, _), (mean, scale) = node.arrays, node.saved
    slope, own = scale if w is None else scale * w, node.params["mean"] is None
    gx, gw, gb = kernels.normalisation.normalise_vjp(_by_place(g), _by_place(x), mean, scale, slope, own)
    return gx.reshape(x.shape), gw if node.needs[1] else None, gb if node.needs[2] else None


def channel_moments(x: Array) -> tuple[Array, Array]:
    """The mean and the variance of each channel of x (n, c, …): (c,) each, of more than one value."""
    if x.size <= x.shape[1]:
        raise ShapeError(f"batch_norm: x {x.shape} has one value per channel, or none; expected more")
    mean, spread = kernels.moments.mean_and_spread(_by_place(x))
    return mean.astype(x.dtype), np.square(spread).astype(x.dtype)


def _by_place(x: Array) -> Array:
    """x (n, c, …) as (n, c, places)."""
    return x.reshape(*x.shape[:2], -1)


def _seen_by_layer_norm(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    """Everywhere along the axes that it normalises over."""
    (x,), shape = node.arrays, node.params["normalized_shape"]
    return np.ones(size, bool) if 2 + axis >= x.ndim - np.size(shape) else mask


@operation(Trait.STANDARDISE, Trait.NORMALISE, looks=_seen_by_layer_norm)
def layer_norm(x: Array, *, normalized_shape: int | tuple[int, ...], eps: float = 1e-5) -> tuple[Array, Any]:
    """y = (x − mean) / √(variance + eps), both over the last axes, whose sizes normalized_shape is.

    PyTorch's weight and bias are a product and a sum behind it: layer_norm(x, shape) * w + b.
    Ba et al. 2016, eq. 4.
    """
    shape = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"layer_norm: normalized_shape is {normalized_shape}, expected the last sizes of x {x.shape}"
        )
    return _normalised("layer_norm", x, x.size // math.prod(shape) if x.size else 0, eps)


@layer_norm.define_vjp
def _layer_norm_vjp(g: Array, node: Node) -> tuple[Array]:
    return (_normalised_vjp(g, node),)


def _everywhere(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    return np.ones(size, bool)


@operation(Trait.STANDARDISE, Trait.NORMALISE, looks=_everywhere)
def group_norm(x: Array, *, num_groups: int, eps: float = 1e-5) -> tuple[Array, Any]:
    """y = (x − mean) / √(variance + eps), both over the places and the channels of each group.

    PyTorch's weight and bias are a product and a sum behind it, channel by channel.
    x: (n, c, …), c a multiple of num_groups. Wu and He 2018, section 3.
    """
    num_groups = whole_number("group_norm", "num_groups", num_groups)
    if x.ndim < 2 or x.shape[1] % num_groups:
        raise ShapeError(
            f"group_norm: num_groups is {num_groups}, expected a divisor of the channels of x {x.shape}"
        )
    return _normalised("group_norm", x, len(x) * num_groups, eps)


@group_norm.define_vjp
def _group_norm_vjp(g: Array, node: Node) -> tuple[Array]:
    return (_normalised_vjp(g, node),)


def _normalised(call: str, x: Array, rows: int, eps: float) -> tuple[Array, Array]:
    """x less the mean, by the spread, of each of its rows; and one by these spreads, (rows, 1)."""
    eps = finite_number(call, "eps", eps, least=0)
    if x.size <= rows:
        raise ShapeError(f"{call}: x {x.shape} has one value to normalise at a time, or none; expected more")
    centred = x.reshape(rows, -1)
    centred = centred - centred.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + eps)
    return (centred * scale).reshape(x.shape), scale


def _normalised_vjp(g: Array, node: Node) -> Array:
    """g less what the mean and the spread take up of it."""
    scale = node.saved
    g, y = (array.reshape(len(scale), -1) for array in (g, node.value))
    gx = g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True)
    return np.asarray((gx * scale).reshape(node.value.shape))


@operation(Trait.AFFINE)
def dropout(x: Array, *, p: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """y = x / (1 − p) with probability 1 − p, else 0, drawn by `rng` for every entry."""
    p = finite_number("dropout", "p", p, least=0, below=1)
    mask = np.asarray(rng.random(x.shape) >= p, x.dtype) / np.asarray(1 - p, x.dtype)
    return x * mask, mask


@dropout.define_vjp
def _dropout_vjp(g: Array, node: Node) -> tuple[Array]:
    return (g * node.saved,)
