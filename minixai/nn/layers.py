"""Layers, with the names, constructor arguments and parameter shapes of PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minixai import ops
from minixai.nn.init import fan_in, uniform
from minixai.nn.module import Module, Parameter
from minixai.ops.normalisation import channel_moments
from minixai.ops.sizes import Size, pair
from minixai.settings import finite_number
from minixai.tape import Tensor

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "PNormPool2d",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]

Rng = np.random.Generator | int | None


def _affine(shape: tuple[int, ...], bias: bool, rng: Rng) -> tuple[Parameter, Parameter | None]:
    """Weight and bias drawn from U(±1/√fan_in), as PyTorch draws them."""
    rng, bound = np.random.default_rng(rng), 1 / math.sqrt(fan_in(shape))
    weight = Parameter(uniform(shape, bound, rng))
    return weight, Parameter(uniform(shape[:1], bound, rng)) if bias else None


class Conv2d(Module):
    """Convolution: weight (out, in/groups, kh, kw), bias (out,). rng: draws their first values."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        if min(in_channels, out_channels, groups) < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: {in_channels} and {out_channels} channels, groups {groups}: "
                "expected positive numbers, the channels multiples of groups"
            )
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        shape = (out_channels, in_channels // groups, *pair("Conv2d", "kernel_size", kernel_size))
        self.weight, self.bias = _affine(shape, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, in, h, w)."""
        return ops.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Linear(Module):
    """y = x·weightᵀ + bias: weight (out, in), bias (out,). rng: draws their first values."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: Rng = None) -> None:
        if min(in_features, out_features) < 1:
            raise ValueError(f"Linear: {in_features} and {out_features} features, expected at least 1")
        self.weight, self.bias = _affine((out_features, in_features), bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, in)."""
        return ops.linear(x, self.weight, self.bias)


class ReLU(Module):
    """max(x, 0). `inplace` is taken for PyTorch's sake; the tape never overwrites."""

    def __init__(self, inplace: bool = False) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.relu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = finite_number("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.leaky_relu(x, self.negative_slope)


class Sigmoid(Module):
    """1 / (1 + exp(−x))."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.sigmoid(x)


class Tanh(Module):
    """tanh(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.tanh(x)


class Softplus(Module):
    """log(1 + exp(x))."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.softplus(x)


class Softmax(Module):
    """exp(x) / Σ exp(x) along an axis."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.softmax(x, self.dim)


class MaxPool2d(Module):
    """The maximum of each window."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.settings: dict[str, Any] = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "ceil_mode": ceil_mode,
        }

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w)."""
        return ops.max_pool2d(x, **self.settings)


class AvgPool2d(Module):
    """The mean of each window."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.settings: dict[str, Any] = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "ceil_mode": ceil_mode,
            "count_include_pad": count_include_pad,
        }

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w)."""
        return ops.avg_pool2d(x, **self.settings)


class PNormPool2d(Module):
    """(Σ |x|^p)^(1/p) over each window; p = inf is the largest magnitude."""

    def __init__(
        self, kernel_size: Size, p: float = 2.0, stride: Size | None = None, padding: Size = 0
    ) -> None:
        if not p >= 1:
            raise ValueError(f"PNormPool2d: p is {p}, expected at least 1, or inf")
        self.p = p
        self.settings: dict[str, Any] = {"kernel_size": kernel_size, "stride": stride, "padding": padding}

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w)."""
        if self.p == math.inf:
            return ops.max_pool2d(x * np.where(x.value < 0, -1, 1), **self.settings)
        return ops.p_norm_pool2d(x, p=self.p, **self.settings)


class AdaptiveAvgPool2d(Module):
    """The means of output_size windows that cover the image; 1 is global average pooling."""

    def __init__(self, output_size: Size) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w)."""
        return ops.adaptive_avg_pool2d(x, self.output_size)


class Flatten(Module):
    """(n, …) → (n, product of the others)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.flatten(x)


class Identity(Module):
    """x itself."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x


class Dropout(Module):
    """In training, each entry is 0 with probability p and the others are divided by 1 − p; else x itself."""

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = finite_number("Dropout", "p", p, least=0, below=1)
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.dropout(x, self.p, self.rng) if self.training else x


class BatchNorm2d(Module):
    """(x − mean) / √(variance + eps) · weight + bias, per channel.

    In training the batch's own mean and variance count, and running averages of them are kept
    (the variance's unbiased, as in PyTorch); else the running ones count.
    """

    running_mean: np.ndarray
    running_var: np.ndarray
    num_batches_tracked: np.ndarray

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        self.eps = finite_number("BatchNorm2d", "eps", eps, least=0)
        self.momentum = finite_number("BatchNorm2d", "momentum", momentum, least=0, most=1)
        self.weight = Parameter(np.ones(num_features, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_features, np.float32)) if affine else None
        self.register_buffer("running_mean", np.zeros(num_features, np.float32))
        self.register_buffer("running_var", np.ones(num_features, np.float32))
        self.register_buffer("num_batches_tracked", np.array(0))

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w)."""
        if not self.training:
            return ops.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.eps)
        moments = channel_moments(x.value)
        y = ops.batch_norm(x, self.weight, self.bias, eps=self.eps, moments=moments)
        places = x.value.size // x.shape[1]
        mean, variance = moments[0], moments[1] * (places / (places - 1))
        self.running_mean = self.running_mean + self.momentum * (mean - self.running_mean)
        self.running_var = self.running_var + self.momentum * (variance - self.running_var)
        self.num_batches_tracked = self.num_batches_tracked + 1
        return y
