"""LeNet-5 (LeCun et al. 1998), with ReLU and max pooling."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minixai.models.weights import load_weights
from minixai.nn import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from minixai.tape import Tensor

__all__ = ["LeNet5", "lenet5"]


class LeNet5(Module):
    """Two convolutions and three dense layers, for images (n, 1, 28, 28)."""

    def __init__(self, num_classes: int, rng: np.random.Generator) -> None:
        self.features = Sequential(
            Conv2d(1, 6, 5, padding=2, rng=rng),
            ReLU(),
            MaxPool2d(2),
            Conv2d(6, 16, 5, rng=rng),
            ReLU(),
            MaxPool2d(2),
        )
        self.classifier = Sequential(
            Flatten(),
            Linear(400, 120, rng=rng),
            ReLU(),
            Linear(120, 84, rng=rng),
            ReLU(),
            Linear(84, num_classes, rng=rng),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, 1, 28, 28). Returns logits (n, classes)."""
        return self.classifier(self.features(x))


def lenet5(weights: str | Path | None = None, num_classes: int = 10, seed: int = 0) -> LeNet5:
    """LeNet-5 for 28×28 grey images, with weights from a file (.npz, .safetensors) or drawn by the seed."""
    model = LeNet5(num_classes, np.random.default_rng(seed))
    if weights is not None:
        load_weights(model, weights)
    return model
