"""Small networks as they are found everywhere: residual, dense, mobile, U-shaped, with random statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minixai import nn, ops
from minixai.tape import Tensor
from tests.networks import randomised

Act = Callable[[Tensor], Tensor]


def conv(k: int, c: int, kernel: int = 3, seed: int = 0, **settings: Any) -> nn.Module:
    settings = {"padding": kernel // 2, "bias": False, "rng": seed} | settings
    return nn.Conv2d(k, c, kernel, **settings)


class Head(nn.Module):
    """Means over places, and four logits."""

    def __init__(self, channels: int) -> None:
        self.dense = nn.Linear(channels, 4, rng=9)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x.mean((2, 3)))


class Residual(nn.Module):
    """ResNet's block: conv, norm, ReLU, conv, norm; the sum with a projection; ReLU."""

    def __init__(self, c: int, k: int, act: Act) -> None:
        self.act = act
        self.body = nn.ModuleList([conv(c, k, stride=2, seed=1), conv(k, k, seed=2)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(k), nn.BatchNorm2d(k), nn.BatchNorm2d(k)])
        self.skip = conv(c, k, 1, stride=2, seed=3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norms[0](self.body[0](x)))
        return self.act(self.norms[1](self.body[1](y)) + self.norms[2](self.skip(x)))


class PreActivation(nn.Module):
    """He et al. 2016b: norm, ReLU, conv, twice; the sum with the input."""

    def __init__(self, c: int, act: Act) -> None:
        self.act = act
        self.norms = nn.ModuleList([nn.BatchNorm2d(c), nn.BatchNorm2d(c)])
        self.body = nn.ModuleList([conv(c, c, seed=1), conv(c, c, seed=2)])

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for norm, layer in zip(self.norms, self.body, strict=True):
            y = layer(self.act(norm(y)))
        return x + y


class Dense(nn.Module):
    """DenseNet's block: norm, ReLU, conv 1×1, norm, ReLU, conv; the input and the new channels."""

    def __init__(self, c: int) -> None:
        self.first, self.second = nn.BatchNorm2d(c), nn.BatchNorm2d(8)
        self.narrow, self.wide = conv(c, 8, 1, seed=1), conv(8, 4, seed=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.wide(ops.relu(self.second(self.narrow(ops.relu(self.first(x))))))
        return ops.concat(x, y)


class Inverted(nn.Module):
    """MobileNet's block: expansion, depthwise conv, squeeze and excitation or none, projection; the sum."""

    def __init__(self, c: int, act: Act, excite: bool) -> None:
        self.act, self.excite = act, excite
        self.up, self.deep, self.down = (
            conv(c, 2 * c, 1, 1),
            conv(2 * c, 2 * c, 3, 2, groups=2 * c),
            conv(2 * c, c, 1, 3),
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(2 * c), nn.BatchNorm2d(2 * c), nn.BatchNorm2d(c)])
        self.squeeze = conv(2 * c, 4, 1, 4, bias=True)
        self.scale = conv(4, 2 * c, 1, 5, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norms[0](self.up(x)))
        y = self.act(self.norms[1](self.deep(y)))
        if self.excite:
            y = y * ops.hardsigmoid(self.scale(ops.relu(self.squeeze(ops.global_avg_pool2d(y)))))
        return x + self.norms[2](self.down(y))


class UShaped(nn.Module):
    """U-Net: down by max pooling, up by one of three ways, the two beside each other; a map of each class."""

    def __init__(self, up: str) -> None:
        self.down = nn.Sequential(conv(3, 6, seed=1), nn.BatchNorm2d(6), nn.ReLU())
        self.low = nn.Sequential(nn.MaxPool2d(2), conv(6, 8, seed=2), nn.BatchNorm2d(8), nn.ReLU())
        self.up: nn.Module = (
            nn.Sequential(nn.ConvTranspose2d(8, 8, 2, stride=2, rng=3), nn.BatchNorm2d(8), nn.ReLU())
            if up == "transposed"
            else nn.Upsample(scale_factor=2, mode=up)
        )
        self.last, self.head = nn.Sequential(conv(14, 6, seed=4), nn.BatchNorm2d(6), nn.ReLU()), Head(6)

    def forward(self, x: Tensor) -> Tensor:
        beside = self.down(x)
        return self.head(self.last(ops.concat(beside, self.up(self.low(beside)))))


class ConvNeXt(nn.Module):
    """A depthwise conv, group norm, GELU between two 1×1 convs; the sum."""

    def __init__(self, c: int) -> None:
        self.deep, self.norm = conv(c, c, 3, 1, groups=c, bias=True), nn.GroupNorm(2, c)
        self.up, self.down = conv(c, 2 * c, 1, 2, bias=True), conv(2 * c, c, 1, 3, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(ops.gelu(self.up(self.norm(self.deep(x)))))


def _stem(*layers: nn.Module, channels: int = 6) -> nn.Module:
    return nn.Sequential(conv(3, 6), *layers, Head(channels))


def _normed(*layers: nn.Module, channels: int = 6) -> nn.Module:
    return _stem(nn.BatchNorm2d(6), nn.ReLU(), *layers, channels=channels)


def _last(c: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(c), nn.ReLU()]


MAKE: dict[str, Callable[[], nn.Module]] = {
    "ResNet": lambda: _normed(nn.MaxPool2d(2), Residual(6, 8, ops.relu), channels=8),
    "ResNet, ELU": lambda: _normed(Residual(6, 8, ops.elu), channels=8),
    "ResNet, before the sum": lambda: _stem(
        PreActivation(6, ops.relu), PreActivation(6, ops.relu), *_last(6)
    ),
    "DenseNet": lambda: _normed(
        Dense(6), Dense(10), *_last(14), conv(14, 6, 1, 4), nn.AvgPool2d(2), *_last(6)
    ),
    "MobileNet, ReLU6": lambda: _normed(Inverted(6, ops.relu6, False), *_last(6)),
    "MobileNet, Hardswish": lambda: _normed(Inverted(6, ops.hardswish, False), nn.Hardswish()),
    "MobileNet, excitation": lambda: _normed(Inverted(6, ops.hardswish, True), nn.Hardswish()),
    "U-Net, transposed": lambda: UShaped("transposed"),
    "U-Net, bilinear": lambda: UShaped("bilinear"),
    "U-Net, nearest": lambda: UShaped("nearest"),
    "ConvNeXt": lambda: _stem(ConvNeXt(6), nn.GELU()),
}


def architecture(name: str) -> nn.Module:
    """One of MAKE in float64, with random weights, shifts and statistics of batch norm."""
    return randomised(MAKE[name](), seed=1)


IMAGES = np.random.default_rng(1).standard_normal((2, 3, 8, 8))
