"""Training so that no positive pattern explodes.

A positive pattern divides by wᵀ(E₊[xy] − E₊[x]·E[y]) = E₊[y²] − E₊[y]·E[y]. Here y = wᵀx has no bias, and E₊
is the mean where the unit fires, y > −b. The divisor is the variance of y there, plus E₊[y]·(E₊[y] − E[y]).
With b ≤ 0 both are positive. With b > 0 and E[y] < 0 the second may be as negative as the first is positive.

Two things keep it away from 0. Since x ≥ 0 behind a ReLU, filters whose weights have a negative mean are
raised to mean 0 after every step. And after every epoch a bias for which the divisor is less than SAFE of
the variance of y is lowered until it is not; during the next none grows into where it would be. The first
layer is left alone: its input has mean 0, and so has y.
"""

from __future__ import annotations

import numpy as np

import minixai as mx
from minixai import nn
from minixai.typing import Array

SAFE = 1 / 3
SAMPLES = 20_000  # outputs of a unit


def signed(layer: nn.BatchNorm2d) -> Array:
    """What merging multiplies the outputs of a convolution by, per channel."""
    return layer.weight.value / np.sqrt(layer.running_var + layer.eps)


def largest_bias(y: Array, bias: Array) -> Array:
    """Of y (channels, samples), the end of the safe biases among which the bias is, or of those below it."""
    y = -np.sort(-y.astype(float))
    fired = np.arange(1, y.shape[1] + 1)
    divisor = np.cumsum(y**2, axis=1) / fired - np.cumsum(y, axis=1) / fired * y.mean(axis=1, keepdims=True)
    safe = divisor >= SAFE * y.var(axis=1, keepdims=True)
    most = np.full(len(y), np.inf)
    for unit, last in enumerate(np.maximum((y > -bias[:, None]).sum(axis=1), 1)):
        inside = np.flatnonzero(safe[unit, :last])[-1:]
        outside = np.flatnonzero(~safe[unit, inside[0] :]) if len(inside) else ()
        if len(outside):
            most[unit] = -y[unit, inside[0] + outside[0]]
    return most


def largest_biases(model: nn.Sequential, x: Array, rng: np.random.Generator) -> dict[nn.BatchNorm2d, Array]:
    """Of every batch normalisation but the first, the largest safe merged biases at x."""
    limits, h = {}, mx.Tensor(x)
    first, *_ = (layer for layer in model if isinstance(layer, nn.BatchNorm2d))
    model.eval()
    for layer in model:
        if isinstance(layer, nn.BatchNorm2d) and layer is not first:
            y = h.value.transpose(1, 0, 2, 3).reshape(h.shape[1], -1) * signed(layer)[:, None]
            some = rng.choice(y.shape[1], min(y.shape[1], SAMPLES), replace=False)
            limits[layer] = largest_bias(y[:, some], layer.bias.value - signed(layer) * layer.running_mean)
        h = layer(h)
    model.train()
    return limits


def hold_biases(limits: dict[nn.BatchNorm2d, Array]) -> None:
    """Lower the biases whose merged ones are above their limits."""
    for layer, most in limits.items():
        highest = most + signed(layer) * layer.running_mean
        layer.bias.value = np.minimum(layer.bias.value, highest).astype(np.float32)


def raise_filters(model: nn.Sequential) -> None:
    """Raise filters whose weights have a negative mean to mean 0, in all layers but the first."""
    _, *others = (layer for layer in model if isinstance(layer, nn.Conv2d))
    for layer in others:
        mean = layer.weight.value.mean(axis=(1, 2, 3), keepdims=True)
        layer.weight.value = layer.weight.value - np.minimum(mean, 0)
