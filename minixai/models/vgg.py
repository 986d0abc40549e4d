"""VGG-16 (Simonyan and Zisserman 2014, configuration D), with torchvision's layer names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minixai import data
from minixai.models.weights import load_weights
from minixai.nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from minixai.tape import Tensor

__all__ = ["VGG", "vgg16"]

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG(Module):
    """Thirteen 3×3 convolutions in five stages and three dense layers, for images (n, 3, 224, 224)."""

    def __init__(self, num_classes: int, rng: np.random.Generator) -> None:
        layers: list[Module] = []
        channels = 3
        for stage in STAGES:
            for width in stage:
                layers += [Conv2d(channels, width, 3, padding=1, rng=rng), ReLU()]
                channels = width
            layers.append(MaxPool2d(2))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(7)
        self.flatten = Flatten()
        self.classifier = Sequential(
            Linear(channels * 7 * 7, 4096, rng=rng),
            ReLU(),
            Dropout(rng=rng),
            Linear(4096, 4096, rng=rng),
            ReLU(),
            Dropout(rng=rng),
            Linear(4096, num_classes, rng=rng),
        )
        self.preprocess = data.TORCHVISION

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, 3, h, w), 224 pixels high and wide as trained. Returns logits (n, classes)."""
        return self.classifier(self.flatten(self.avgpool(self.features(x))))


def vgg16(weights: str | Path | None = None, num_classes: int = 1000, seed: int = 0) -> VGG:
    """VGG-16 with weights from a file of torchvision's names (.npz, .safetensors) or drawn by the seed."""
    model = VGG(num_classes, np.random.default_rng(seed))
    if weights is not None:
        load_weights(model, weights)
    return model
