"""Pooling and upsampling, with the constructor arguments of PyTorch."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from minixai import ops
from minixai.nn.module import Module
from minixai.ops.resizing import OutputSize
from minixai.ops.sizes import Size
from minixai.tape import Tensor

__all__ = [
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "MaxPool2d",
    "PNormPool2d",
    "Upsample",
]


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
    """The means of output_size windows that cover the image, None being its own size; 1 averages all."""

    def __init__(self, output_size: OutputSize) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w)."""
        return ops.adaptive_avg_pool2d(x, self.output_size)


class AdaptiveMaxPool2d(Module):
    """The maxima of output_size windows that cover the image, None being its own size; 1 is that of all."""

    def __init__(self, output_size: OutputSize) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w)."""
        return ops.adaptive_max_pool2d(x, self.output_size)


class Upsample(Module):
    """The map of another size: by the nearest pixel, or bilinear."""

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        mode: Literal["nearest", "bilinear"] = "nearest",
        align_corners: bool | None = None,
    ) -> None:
        self.settings: dict[str, Any] = {
            "size": size,
            "scale_factor": scale_factor,
            "mode": mode,
            "align_corners": bool(align_corners),
        }

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, h, w)."""
        return ops.upsample(x, **self.settings)
