"""The pattern estimators of Kindermans et al. (2017) as one writes them in PyTorch: hooks, unfold, sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

KINDS = ("linear", "positive", "negative")


def fit(model: nn.Module, batches: Iterable[Tensor]) -> dict[str, dict[str, Tensor]]:
    """For each Conv2d and Linear its patterns by kind, float64, of the weight's shape."""
    fitting = PatternFit(model)
    for x in batches:
        fitting.add(x)
    return fitting.patterns()


class PatternFit:
    """Sums of every Conv2d and Linear of a model; add batches, then ask for the patterns."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model.eval()
        layers = {key: m for key, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
        self.moments = {key: Moments(layer) for key, layer in layers.items()}
        for key, layer in layers.items():
            layer.register_forward_hook(self.moments[key].hook)

    @torch.no_grad()
    def add(self, x: Tensor) -> None:
        self.model(x)

    @torch.no_grad()
    def patterns(self) -> dict[str, dict[str, Tensor]]:
        return {key: {kind: m.pattern(kind) for kind in KINDS} for key, m in self.moments.items()}


class Moments:
    """Float64 sums over all patches of one layer and over those with y > 0; the negative ones are the rest.

    A dense layer's products are float64 too: in float32 they would need memory of the weight's size.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.groups = getattr(layer, "groups", 1)
        k, d = len(layer.weight), layer.weight[0].numel()
        shape = (self.groups, k // self.groups, d)
        self.n = 0
        self.n_positive, self.y = (torch.zeros(shape[:2], dtype=torch.float64) for _ in range(2))
        self.x = torch.zeros(self.groups, 1, d, dtype=torch.float64)
        self.x_positive, self.xy, self.xy_positive = (
            torch.zeros(shape, dtype=torch.float64) for _ in range(3)
        )

    def hook(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        x, y = self.patches(inputs[0]), self.outputs(output)
        positive = (y > 0).to(y.dtype)
        self.n += y[:, 0, 0].numel()
        self.n_positive += positive.sum((0, 3))
        self.y += y.sum((0, 3))
        self.x += x.sum((0, 3))[:, None]
        add_product(self.x_positive, positive, x)
        add_product(self.xy, y, x)
        add_product(self.xy_positive, y * positive, x)

    def patches(self, x: Tensor) -> Tensor:
        """(images, groups, inputs of a neuron, positions); a dense layer has images for positions."""
        layer = self.layer
        if isinstance(layer, nn.Linear):
            return x.double().T[None, None]
        columns = unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        return columns.unflatten(1, (self.groups, -1))

    def outputs(self, y: Tensor) -> Tensor:
        """(images, groups, neurons of a group, positions)"""
        if isinstance(self.layer, nn.Linear):
            return y.double().T[None, None]
        return y.flatten(2).unflatten(1, (self.groups, -1))

    def pattern(self, kind: str) -> Tensor:
        n, x, xy = torch.full_like(self.n_positive, self.n), self.x, self.xy
        if kind == "positive":
            n, x, xy = self.n_positive, self.x_positive, self.xy_positive
        if kind == "negative":
            n, x, xy = n - self.n_positive, x - self.x_positive, xy - self.xy_positive
        mean_y, count = (self.y / self.n)[..., None], n.clamp(min=1)[..., None]
        numerator = torch.where(n[..., None] > 0, xy / count - x / count * mean_y, 0)
        denominator = torch.einsum("gkd,gkd->gk", self.layer.weight.double().reshape(xy.shape), numerator)
        denominator = torch.where(denominator == 0, 1, denominator)[..., None]
        return (numerator / denominator).reshape(self.layer.weight.shape)


def add_product(total: Tensor, y: Tensor, x: Tensor) -> None:
    """total += y xᵀ, summed over images"""
    if len(y) == 1 and y.dtype == total.dtype:
        total.baddbmm_(y[0], x[0].mT)
    else:
        total += (y @ x.mT).sum(0)
