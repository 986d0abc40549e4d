"""SqueezeNet 1.0 (Iandola et al. 2016), with torchvision's layer names and the authors' weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minixai import data, ops
from minixai.data.arrays import open_arrays
from minixai.models.weights import load_weights
from minixai.nn import AdaptiveAvgPool2d, Conv2d, Dropout, Flatten, MaxPool2d, Module, ReLU, Sequential
from minixai.tape import Tensor

__all__ = ["Fire", "SqueezeNet", "squeezenet1_0"]

IMAGENET = "squeezenet/compressed_SqueezeNet.net"

# The authors' names of the layers that have weights, in the order of their file, and torchvision's.
STAGES = {
    "conv1": "features.0",
    "fire2": "features.3",
    "fire3": "features.4",
    "fire4": "features.5",
    "fire5": "features.7",
    "fire6": "features.8",
    "fire7": "features.9",
    "fire8": "features.10",
    "fire9": "features.12",
    "conv10": "classifier.1",
}
FIRE_LAYERS = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}


class Fire(Module):
    """A 1×1 convolution that squeezes the channels, then 1×1 and 3×3 ones side by side that expand them."""

    def __init__(self, channels: int, squeeze: int, expand: int, rng: np.random.Generator) -> None:
        self.squeeze = Conv2d(channels, squeeze, 1, rng=rng)
        self.squeeze_activation = ReLU()
        self.expand1x1 = Conv2d(squeeze, expand, 1, rng=rng)
        self.expand1x1_activation = ReLU()
        self.expand3x3 = Conv2d(squeeze, expand, 3, padding=1, rng=rng)
        self.expand3x3_activation = ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, channels, h, w). Returns (n, 2·expand, h, w)."""
        x = self.squeeze_activation(self.squeeze(x))
        left = self.expand1x1_activation(self.expand1x1(x))
        right = self.expand3x3_activation(self.expand3x3(x))
        return ops.concat(left, right, axis=1)


class SqueezeNet(Module):
    """Eight fire modules between two convolutions, for images (n, 3, h, w), trained at 227×227."""

    def __init__(self, num_classes: int, rng: np.random.Generator) -> None:
        self.features = Sequential(
            Conv2d(3, 96, 7, stride=2, rng=rng),
            ReLU(),
            MaxPool2d(3, 2, ceil_mode=True),
            Fire(96, 16, 64, rng),
            Fire(128, 16, 64, rng),
            Fire(128, 32, 128, rng),
            MaxPool2d(3, 2, ceil_mode=True),
            Fire(256, 32, 128, rng),
            Fire(256, 48, 192, rng),
            Fire(384, 48, 192, rng),
            Fire(384, 64, 256, rng),
            MaxPool2d(3, 2, ceil_mode=True),
            Fire(512, 64, 256, rng),
        )
        self.classifier = Sequential(
            Dropout(rng=rng), Conv2d(512, num_classes, 1, rng=rng), ReLU(), AdaptiveAvgPool2d(1)
        )
        self.flatten = Flatten()
        self.preprocess = data.TORCHVISION

    def forward(self, x: Tensor) -> Tensor:
        """x: (n, 3, h, w). Returns logits (n, classes), which the last ReLU keeps from being negative."""
        return self.flatten(self.classifier(self.features(x)))


def squeezenet1_0(weights: str | Path | None = None, num_classes: int = 1000, seed: int = 0) -> SqueezeNet:
    """SqueezeNet 1.0 with weights from a file, or drawn by the seed.

    weights: "imagenet" for the authors' own, which are fetched (660 KB); a path to them (.net, or an
    .npz or .safetensors of their names), which take BGR images of 227×227 pixels less Caffe's mean;
    or a path to a state dict of torchvision's names, which takes torchvision's images.
    The model's `preprocess` makes such images.
    """
    model = SqueezeNet(num_classes, np.random.default_rng(seed))
    if weights is None:
        return model
    path = data.fetch(IMAGENET) if weights == "imagenet" else Path(weights)
    if path.suffix == ".net":
        _load(model, path, _read_compressed(path, model))
    else:
        with open_arrays(path) as arrays:
            _load(model, path, arrays)
    return model


def _load(model: SqueezeNet, path: Path, arrays: Mapping[str, Any]) -> None:
    """Load a state dict of torchvision's names, or of the authors', whose network takes other images."""
    if "conv1.weight" in arrays:
        arrays = {_torchvision_name(name): array for name, array in arrays.items()}
        model.preprocess = data.CAFFE_SQUEEZENET
    load_weights(model, path, arrays)


def _layer_names() -> list[str]:
    """The authors' names of all layers that have weights, in the order of their file."""
    fires = {stage: [f"{stage}.{layer}" for layer in FIRE_LAYERS] for stage in STAGES if "fire" in stage}
    return [name for stage in STAGES for name in fires.get(stage, [stage])]


def _torchvision_name(name: str) -> str:
    """fire2.squeeze1x1.weight → features.3.squeeze.weight; a name that is none of the authors' stays."""
    stage, *layer, kind = name.split(".")
    return ".".join([STAGES.get(stage, stage), *(FIRE_LAYERS.get(part, part) for part in layer), kind])


def _read_compressed(path: Path, model: SqueezeNet) -> dict[str, np.ndarray]:
    """The authors' Deep-Compression file, by their names."""
    shapes = {name: array.shape for name, array in model.state_dict().items()}
    names = _layer_names()
    layers = data.read_deep_compression(path, [shapes[_torchvision_name(f"{name}.weight")] for name in names])
    arrays = {}
    for name, (weight, bias) in zip(names, layers, strict=True):
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = weight, bias
    return arrays
