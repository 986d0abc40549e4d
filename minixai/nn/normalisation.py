"""Normalisation and dropout, with the constructor arguments and the state of PyTorch."""

from __future__ import annotations

import numpy as np

from minixai import ops
from minixai.errors import ShapeError
from minixai.nn.module import Module, Parameter
from minixai.nn.weighted import Rng
from minixai.ops.normalisation import channel_moments
from minixai.settings import finite_number, whole_number
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = [
    "BatchNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "Dropout",
    "GroupNorm",
    "LayerNorm",
]


class BatchNorm(Module):
    """(x − mean) / √(variance + eps) · weight + bias, per channel; BatchNorm1d and 2d say of which x.

    In training the batch's own mean and variance count, and running averages of them are kept
    (the variance's unbiased, as in PyTorch); else the running ones count.
    momentum: the share of a batch in the running averages; None: that of all batches so far alike.
    track_running_stats: without, there are no running averages, and the batch's own count always.
    """

    takes: tuple[str, ...]  # the axes that x may have
    running_mean: np.ndarray
    running_var: np.ndarray
    num_batches_tracked: np.ndarray
    _added_later = ("num_batches_tracked",)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        call = type(self).__name__
        whole_number(call, "num_features", num_features)
        self.eps = finite_number(call, "eps", eps, least=0)
        self.momentum = momentum
        if momentum is not None:
            self.momentum = finite_number(call, "momentum", momentum, least=0, most=1)
        self.weight = Parameter(np.ones(num_features, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_features, np.float32)) if affine else None
        self.track_running_stats = track_running_stats
        if track_running_stats:
            self.register_buffer("running_mean", np.zeros(num_features, np.float32))
            self.register_buffer("running_var", np.ones(num_features, np.float32))
            self.register_buffer("num_batches_tracked", np.array(0))

    def forward(self, x: Tensor) -> Tensor:
        """x: as `takes` says."""
        if x.ndim not in [axes.count(",") + 1 for axes in self.takes]:
            expected = " or ".join(self.takes)
            raise ShapeError(f"{type(self).__name__}: x has shape {x.shape}, expected {expected}")
        if self.track_running_stats and not self.training:
            return ops.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.eps)
        moments = channel_moments(x.value)
        y = ops.batch_norm(x, self.weight, self.bias, eps=self.eps, moments=moments)
        if self.track_running_stats:
            self._follow(*moments, x.value.size // x.shape[1])
        return y

    def _follow(self, mean: Array, variance: Array, places: int) -> None:
        """Move the running averages towards the moments of a batch with so many values per channel."""
        self.num_batches_tracked = self.num_batches_tracked + 1
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        unbiased = variance * (places / (places - 1))
        self.running_mean = self.running_mean + share * (mean - self.running_mean)
        self.running_var = self.running_var + share * (unbiased - self.running_var)


class BatchNorm1d(BatchNorm):
    """Batch normalisation of vectors (n, c) or sequences (n, c, l): see `BatchNorm`."""

    takes = ("(n, c)", "(n, c, l)")


class BatchNorm2d(BatchNorm):
    """Batch normalisation of images (n, c, h, w): see `BatchNorm`."""

    takes = ("(n, c, h, w)",)


class LayerNorm(Module):
    """(x − mean) / √(variance + eps) over the last axes, of sizes normalized_shape; · weight + bias."""

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        shape = normalized_shape if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
        self.normalized_shape = tuple(whole_number("LayerNorm", "normalized_shape", size) for size in shape)
        self.eps = finite_number("LayerNorm", "eps", eps, least=0)
        weight, bias = elementwise_affine, elementwise_affine and bias
        self.weight = Parameter(np.ones(self.normalized_shape, np.float32)) if weight else None
        self.bias = Parameter(np.zeros(self.normalized_shape, np.float32)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x: (…, *normalized_shape)."""
        y = ops.layer_norm(x, self.normalized_shape, self.eps)
        y = y if self.weight is None else y * self.weight
        return y if self.bias is None else y + self.bias


class GroupNorm(Module):
    """(x − mean) / √(variance + eps) over the places of a group of channels; · weight + bias, per channel."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        self.num_groups = whole_number("GroupNorm", "num_groups", num_groups)
        self.num_channels = whole_number("GroupNorm", "num_channels", num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups is {num_groups}, expected a divisor of num_channels {num_channels}"
            )
        self.eps = finite_number("GroupNorm", "eps", eps, least=0)
        self.weight = Parameter(np.ones(num_channels, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_channels, np.float32)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, c, …)."""
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(f"GroupNorm: x has shape {x.shape}, expected (n, {self.num_channels}, …)")
        y = ops.group_norm(x, self.num_groups, self.eps)
        if self.weight is None or self.bias is None:
            return y
        per_channel = (-1, *[1] * (x.ndim - 2))
        return y * self.weight.reshape(per_channel) + self.bias.reshape(per_channel)


class Dropout(Module):
    """In training, each entry is 0 with probability p and the others are divided by 1 − p; else x itself."""

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = finite_number("Dropout", "p", p, least=0, below=1)
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return ops.dropout(x, self.p, self.rng) if self.training else x
