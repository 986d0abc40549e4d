"""The trained networks that come with the package, made by `experiments/recipes/cifar10.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minixai.data.cifar import CIFAR10, CIFAR10_CLASSES
from minixai.data.sealed import read_sealed
from minixai.models.all_cnn import WIDTHS, AllCNN
from minixai.models.weights import load_weights
from minixai.signal import Patterns

__all__ = ["ShippedNetwork", "pretrained"]

FOLDER = Path(__file__).parent / "shipped"
FORMAT = "minixai network"
VARIANTS = {"cifar10_allcnn": "all", "cifar10_maxpool": "base"}


class ShippedNetwork(AllCNN):
    """A network of base "C", half as wide as the paper's, for the ten classes of CIFAR-10.

    preprocess: makes its input (n, 3, 32, 32) of photos (n, h, w, 3) uint8.
    classes: the names of its outputs.
    about: how it was trained, and its measured accuracy on the test images.
    patterns: fitted to the 50 000 training images.
    """

    def __init__(self, variant: str) -> None:
        first, second = (maps // 2 for maps in WIDTHS)
        super().__init__("C", variant, len(CIFAR10_CLASSES), (first, second), None, np.random.default_rng(0))
        self.preprocess = CIFAR10
        self.classes = CIFAR10_CLASSES
        self.about: dict[str, str] = {}
        self.patterns: Patterns | None = None


def pretrained(name: str) -> ShippedNetwork:
    """A trained network that comes with the package.

    name: "cifar10_allcnn", All-CNN-C at half width; "cifar10_maxpool", the same trunk with max pooling in
        place of the convolutions of stride 2. They take photos by `net.preprocess`, the names of their
        outputs are `net.classes`, and `net.about` says how they were trained and how accurate they are.
        `net.patterns` are those of PatternNet and PatternAttribution.

    Raises ValueError for another name, FileFormatError where the file of weights was altered.
    """
    if name not in VARIANTS:
        raise ValueError(f"pretrained: name is {name!r}, expected one of {', '.join(VARIANTS)}")
    model, path = ShippedNetwork(VARIANTS[name]), FOLDER / f"{name}.safetensors"
    arrays, model.about = read_sealed(path, FORMAT)
    load_weights(model, path, arrays)
    model.patterns = Patterns.load(FOLDER / f"{name}.patterns.safetensors")
    return model
