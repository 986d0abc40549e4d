"""scikit-learn's digits, enlarged, and the small network that lessons 6 and 8 explain."""

from __future__ import annotations

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from minixai import nn


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1 797 images (n, 1, 24, 24), float32 in [0, 1], in a random order, always the same; labels (n,)."""
    given = load_digits()
    order = np.random.default_rng(0).permutation(len(given.target))
    images = np.stack([_enlarged(image) for image in given.images[order]])[:, None]
    return images.astype(np.float32), given.target[order]


def _enlarged(image: np.ndarray) -> np.ndarray:
    """An image 8×8 of values 0 to 16 as 24×24 of values 0 to 1, with a black frame of 2 pixels."""
    resized = Image.fromarray(image.astype(np.float32)).resize((20, 20), Image.Resampling.BILINEAR)
    return np.pad(np.asarray(resized) / 16, 2)


def network(seed: int) -> nn.Sequential:
    """Three times convolution, ReLU and max pooling, then a dense layer: images (n, 1, 24, 24) → (n, 10)."""
    rng = np.random.default_rng(seed)
    return nn.Sequential({
        "conv1": nn.Conv2d(1, 8, 5, padding=2, rng=rng), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(8, 16, 3, padding=1, rng=rng), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2),
        "conv3": nn.Conv2d(16, 32, 3, padding=1, rng=rng), "relu3": nn.ReLU(), "pool3": nn.MaxPool2d(2),
        "flatten": nn.Flatten(), "dense": nn.Linear(32 * 9, 10, rng=rng),
    })  # fmt: skip
