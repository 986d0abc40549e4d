"""The all-convolutional network and its relatives for CIFAR-10 (Springenberg et al. 2014, tables 1 and 2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minixai.models.weights import load_weights
from minixai.nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    MaxPool2d,
    Module,
    PNormPool2d,
    ReLU,
    Sequential,
    init,
)
from minixai.settings import finite_number
from minixai.tape import Tensor

__all__ = ["AllCNN", "allcnn", "allcnn_parameters"]

KERNELS = {"A": (5,), "B": (5, 1), "C": (3, 3)}  # of a stage's convolutions
WIDTHS = (96, 192)  # the maps of the two stages
VARIANTS = ("base", "strided", "convpool", "all")

PAPER_MILLIONS = {
    "A": (0.9, 0.9, 1.28, 1.28),
    "B": (1.0, 1.0, 1.35, 1.35),
    "C": (1.3, 1.3, 1.4, 1.4),
}
"""Parameters in millions as the paper's table 3 gives them, for each base in the order of VARIANTS."""


class AllCNN(Module):
    """Two stages that each halve the image, and a head of convolutions, for images (n, 3, 32, 32)."""

    def __init__(
        self,
        base: str,
        variant: str,
        num_classes: int,
        widths: tuple[int, int],
        p: float | None,
        rng: np.random.Generator,
    ) -> None:
        layers: list[Module] = [Dropout(0.2, rng=rng)]
        channels = 3
        for width in widths:
            layers += _stage(base, variant, channels, width, p, rng)
            channels = width
        self.features = Sequential(*layers)
        self.classifier = Sequential(
            Conv2d(channels, channels, 3),
            ReLU(),
            Conv2d(channels, channels, 1),
            ReLU(),
            Conv2d(channels, num_classes, 1),
            ReLU(),
            AdaptiveAvgPool2d(1),
        )
        self.flatten = Flatten()
        for parameter in self.parameters():
            weight = parameter.ndim == 4
            parameter.value = init.kaiming_normal(parameter.shape, rng) if weight else 0 * parameter.value

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, 3, 32, 32). Returns logits (n, classes), which the last ReLU keeps from being negative."""
        return self.flatten(self.classifier(self.features(x)))


def _stage(
    base: str, variant: str, channels: int, width: int, p: float | None, rng: np.random.Generator
) -> list[Module]:
    """A base's convolutions and what halves the image: a pool, a stride, or a convolution of stride 2."""
    kernels = KERNELS[base] + ((3,) if variant in ("convpool", "all") else ())
    layers: list[Module] = []
    for number, kernel in enumerate(kernels, start=1):
        stride = 2 if number == len(kernels) and variant in ("strided", "all") else 1
        layers += [Conv2d(channels, width, kernel, stride, padding=kernel // 2), ReLU()]
        channels = width
    if variant in ("base", "convpool"):  # padding 1: the windows are those of a 3×3 convolution of stride 2
        layers.append(MaxPool2d(3, 2, padding=1) if p is None else PNormPool2d(3, p, 2, padding=1))
    return [*layers, Dropout(0.5, rng=rng)]


def allcnn(
    base: str = "C",
    variant: str = "all",
    num_classes: int = 10,
    width: float = 1.0,
    p: float | None = None,
    weights: str | Path | None = None,
    seed: int = 0,
) -> AllCNN:
    """One of the twelve networks for 32×32 colour images (Springenberg et al. 2014, tables 1 and 2).

    base: the convolutions of a stage: "A" 5×5; "B" 5×5 and 1×1; "C" 3×3 and 3×3.
    variant: what halves the image: "base" 3×3 max pooling of stride 2; "strided" the stage's last
        convolution, of stride 2; "convpool" one more 3×3 convolution, then the pooling; "all" one more
        3×3 convolution, of stride 2. "all" of base "C" is All-CNN-C.
    width: what the 96 and 192 maps of the paper are multiplied by.
    p: None for max pooling, or p-norm pooling in its place, 1 to inf (their eq. 1); only where there is
        a pooling layer.
    weights: a file of a state dict (.npz, .safetensors), or None: N(0, 2/fan_in) drawn by the seed, and
        biases of zero, since with the start of PyTorch's layers these networks hardly begin to learn.
    """
    if base not in KERNELS:
        raise ValueError(f"allcnn: base is {base!r}, expected one of {', '.join(KERNELS)}")
    if variant not in VARIANTS:
        raise ValueError(f"allcnn: variant is {variant!r}, expected one of {', '.join(VARIANTS)}")
    if p is not None and variant in ("strided", "all"):
        raise ValueError(f"allcnn: p is {p}, but variant {variant!r} has no pooling")
    width = finite_number("allcnn", "width", width, above=0)
    first, second = (round(width * maps) for maps in WIDTHS)
    if first < 1:
        raise ValueError(f"allcnn: width is {width}, expected one that leaves at least 1 map of {WIDTHS[0]}")
    model = AllCNN(base, variant, num_classes, (first, second), p, np.random.default_rng(seed))
    if weights is not None:
        load_weights(model, weights)
    return model


def allcnn_parameters() -> str:
    """A table of the parameters of the twelve networks, counted, beside what the paper's table 3 says."""
    rows = ["base  variant   parameters  paper"]
    for base, millions in PAPER_MILLIONS.items():
        for variant, million in zip(VARIANTS, millions, strict=True):
            count = sum(parameter.value.size for parameter in allcnn(base, variant).parameters())
            rows.append(f"{base:<4}  {variant:<8}  {count:>10,}  {million:g} M")
    return "\n".join(rows)
