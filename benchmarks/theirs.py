"""The rows on PyTorch's side, with captum for guided backprop. Each returns the call to time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.torch_models import VGG16, LeNet5, SqueezeNet
from benchmarks.torch_patterns import PatternFit

VERSIONS = {"torch": version("torch")}

torch.manual_seed(0)


def count_threads() -> int:
    return torch.get_num_threads()


def forward(model: torch.nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    model.eval()

    def call() -> Any:
        with torch.inference_mode():
            return model(x)

    return call


def vgg16_forward(batch: int) -> Callable[[], Any]:
    return forward(VGG16(), torch.randn(batch, 3, 224, 224))


def vgg16_guided_backprop(batch: int) -> Callable[[], Any]:
    return guided_backprop(VGG16(), torch.randn(batch, 3, 224, 224))


def squeezenet_guided_backprop(batch: int) -> Callable[[], Any]:
    return guided_backprop(SqueezeNet(), torch.randn(batch, 3, 227, 227))


def guided_backprop(model: torch.nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    from captum.attr import GuidedBackprop

    VERSIONS["captum"] = version("captum")
    warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations")
    method = GuidedBackprop(model.eval())
    x.requires_grad_()
    return lambda: method.attribute(x, target=0)


def vgg16_lrp_epsilon(batch: int) -> Callable[[], Any]:
    """captum's own rule where none is set is epsilon, of 1e-9, at every layer."""
    from captum.attr import LRP

    VERSIONS["captum"] = version("captum")
    method, x = LRP(VGG16().eval()), torch.randn(batch, 3, 224, 224, requires_grad=True)
    return lambda: method.attribute(x, target=0)


def squeezenet_forward(batch: int) -> Callable[[], Any]:
    return forward(SqueezeNet(), torch.randn(batch, 3, 227, 227))


def lenet5_training_step(batch: int) -> Callable[[], Any]:
    model, x = LeNet5(), torch.randn(batch, 1, 28, 28)
    labels = torch.arange(batch) % 10
    optimiser = torch.optim.Adam(model.parameters())

    def step() -> None:
        optimiser.zero_grad()
        cross_entropy(model(x), labels).backward()
        optimiser.step()

    return step


def vgg16_pattern_fit(batch: int) -> Callable[[], Any]:
    return pattern_fit(VGG16(), torch.randn(batch, 3, 224, 224))


def allcnn_pattern_fit(batch: int) -> Callable[[], Any]:
    return pattern_fit(all_cnn_c(), torch.randn(batch, 3, 32, 32))


def pattern_fit(model: nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    """A call adds one more batch to the sums of all layers; the weights keep activations of one size."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
        else:
            nn.init.zeros_(parameter)
    fitting = PatternFit(model)
    return lambda: fitting.add(x)


def all_cnn_c() -> nn.Module:
    """Springenberg et al. (2014), table 2, without dropout."""
    maps = [
        (3, 96, 3, 1),
        (96, 96, 3, 1),
        (96, 96, 3, 2),
        (96, 192, 3, 1),
        (192, 192, 3, 1),
        (192, 192, 3, 2),
    ]
    maps += [(192, 192, 3, 1), (192, 192, 1, 1), (192, 10, 1, 1)]
    layers: list[nn.Module] = []
    for number, (channels, width, kernel, stride) in enumerate(maps):
        padding = kernel // 2 if number < 6 else 0
        layers += [nn.Conv2d(channels, width, kernel, stride, padding), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
