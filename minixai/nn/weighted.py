"""Convolutions and dense layers, with the constructor arguments, shapes and first values of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minixai import ops
from minixai.arrays import frozen
from minixai.nn.init import fan_in, uniform
from minixai.nn.module import Module, Parameter
from minixai.ops.sizes import Size, pair
from minixai.settings import generator, whole_number
from minixai.tape import Tensor

__all__ = [
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Linear",
    "Rng",
]


Rng = np.random.Generator | int | None


def _affine(
    call: str, shape: tuple[int, ...], outputs: int, bias: bool, rng: Rng
) -> tuple[Parameter, Parameter | None]:
    """Weight and bias drawn from U(±1/√fan_in), as PyTorch draws them."""
    rng, bound = generator(call, "rng", rng), 1 / math.sqrt(fan_in(shape))
    weight = Parameter(frozen(uniform(shape, bound, rng)))
    return weight, Parameter(uniform((outputs,), bound, rng)) if bias else None


def _check_channels(call: str, in_channels: int, out_channels: int, groups: int) -> None:
    for name, value in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)):
        whole_number(call, name, value)
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{call}: {in_channels} and {out_channels} channels, groups {groups}: expected multiples of it"
        )


def _check_steps(call: str, check: Callable[..., Any], stride: Any, padding: Any, dilation: Any) -> None:
    check(call, "stride", stride)
    check(call, "padding", padding, least=0)
    check(call, "dilation", dilation)


class Conv1d(Module):
    """Convolution of sequences: weight (out, in/groups, kl), bias (out,). rng: draws their first values."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: Rng = None,
    ) -> None:
        _check_channels("Conv1d", in_channels, out_channels, groups)
        _check_steps("Conv1d", whole_number, stride, padding, dilation)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        shape = (out_channels, in_channels // groups, whole_number("Conv1d", "kernel_size", kernel_size))
        self.weight, self.bias = _affine("Conv1d", shape, out_channels, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, in, l)."""
        return ops.conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


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
        _check_channels("Conv2d", in_channels, out_channels, groups)
        _check_steps("Conv2d", pair, stride, padding, dilation)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        shape = (out_channels, in_channels // groups, *pair("Conv2d", "kernel_size", kernel_size))
        self.weight, self.bias = _affine("Conv2d", shape, out_channels, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, in, h, w)."""
        return ops.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2d(Module):
    """Transposed convolution: weight (in, out/groups, kh, kw), bias (out,). rng: draws their first values."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        *,
        rng: Rng = None,
    ) -> None:
        _check_channels("ConvTranspose2d", in_channels, out_channels, groups)
        _check_steps("ConvTranspose2d", pair, stride, padding, dilation)
        self.stride, self.padding, self.output_padding = stride, padding, output_padding
        self.groups, self.dilation = groups, dilation
        kernel = pair("ConvTranspose2d", "kernel_size", kernel_size)
        shape = (in_channels, out_channels // groups, *kernel)
        self.weight, self.bias = _affine("ConvTranspose2d", shape, out_channels, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, in, h, w)."""
        return ops.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class Linear(Module):
    """y = x·weightᵀ + bias: weight (out, in), bias (out,). rng: draws their first values."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: Rng = None) -> None:
        whole_number("Linear", "in_features", in_features)
        whole_number("Linear", "out_features", out_features)
        self.weight, self.bias = _affine("Linear", (out_features, in_features), out_features, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, in)."""
        return ops.linear(x, self.weight, self.bias)
