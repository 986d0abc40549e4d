"""Small networks that several tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

import minixai as mx
from minixai import nn, ops

IMAGES = np.random.default_rng(1).standard_normal((3, 3, 6, 6))  # for `stack` and `Branched`


def cast(model: Any, dtype: Any) -> Any:
    """The model, whose floats now have the dtype."""
    state = model.state_dict().items()
    model.load_state_dict({key: a.astype(dtype) if a.dtype.kind == "f" else a for key, a in state})
    return model


def float64(model: Any) -> Any:
    """The model in float64."""
    return cast(model, np.float64)


def randomised(net: nn.Module, seed: int = 3) -> nn.Module:
    """In float64, with random statistics, slopes of both signs, and shifts."""
    rng, state = np.random.default_rng(seed), float64(net).state_dict()
    for key, a in state.items():
        if key.endswith("running_var"):
            state[key] = rng.uniform(0.5, 2, a.shape)
        elif a.ndim == 1:
            state[key] = rng.standard_normal(a.shape)
    net.load_state_dict(state)
    return net


def put(parameter: nn.Parameter, value: Any, index: Any = ...) -> None:
    """Give some entries of a parameter, or all, another value."""
    array = parameter.value.copy()
    array[index] = value
    parameter.value = array


def small(size: tuple[int, int], seed: int, activation: nn.Module | None = None) -> nn.Module:
    """A convolution of two channels, an activation (default: ReLU), max pooling, three logits."""
    rng = np.random.default_rng(seed)
    return float64(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, rng=rng),
            activation or nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * (size[0] // 2) * (size[1] // 2), 3, rng=rng),
        )
    )


def averaging(*end: nn.Module, channels: int = 3) -> nn.Module:
    """A convolution of four maps, ReLU, and an end: by default global average pooling, and three logits."""
    usual = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3, rng=1)
    return float64(nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1, rng=0), nn.ReLU(), *(end or usual)))


def stack(bias: bool) -> nn.Module:
    """Padding, stride, maximum and average pooling, and a dense layer."""
    return float64(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=bias, rng=0),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 6, 3, stride=2, padding=1, bias=bias, rng=1),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(6, 4, bias=bias, rng=2),
        )
    )


class Branched(nn.Module):
    """Two first layers, a residual sum, a concat, a reused convolution and a dense layer."""

    def __init__(self, bias: bool) -> None:
        conv, rng = nn.Conv2d, np.random.default_rng(5)
        self.left = conv(3, 4, 3, padding=1, bias=bias, rng=rng)
        self.right = conv(3, 4, 1, bias=bias, rng=rng)
        self.twice = conv(4, 4, 3, stride=1, padding=1, bias=bias, rng=rng)
        self.pool = nn.AvgPool2d(2)
        self.dense = nn.Linear(4 * 2 * 9, 5, bias=bias, rng=rng)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        left, right = ops.relu(self.left(x)), ops.relu(self.right(x))
        inner = ops.relu(self.twice(left + right))
        inner = ops.relu(self.twice(inner) + left)
        return self.dense(ops.flatten(self.pool(ops.concat(inner, right))))


class Watched(nn.Module):
    """A model that notes the size of each batch, and is interrupted at a call."""

    def __init__(self, model: nn.Module, interrupted_at: int | None = None) -> None:
        self.model, self.interrupted_at, self.sizes = model, interrupted_at, []

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        self.sizes.append(len(x.value))
        if len(self.sizes) == self.interrupted_at:
            raise KeyboardInterrupt
        return self.model(x)
