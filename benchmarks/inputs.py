"""What all sides are given alike."""

from __future__ import annotations

import numpy as np

SIZES = {"vgg16": (3, 224), "squeezenet": (3, 227), "allcnn": (3, 32), "lenet5": (1, 28)}  # channels, pixels
ONE_LAYER_SIZE = 28

TINY = {"x": (1, 2, 4, 4), "row": (1, 4), "matrix": (3, 4), "w": (2, 2, 3, 3), "b": (2,)}
OPERATIONS = {  # the inputs among TINY, and the settings
    "add": (("x", "x"), {}),
    "relu": (("x",), {}),
    "linear": (("row", "matrix"), {}),
    "conv2d": (("x", "w", "b"), {"padding": 1}),
    "max_pool2d": (("x",), {"kernel_size": 2}),
}
WEIGHTS = ("matrix", "w", "b")  # among TINY
CHAIN = 20  # ReLUs that are walked back


def images(model: str, batch: int, size: int | None = None, channels: int = 0) -> np.ndarray:
    """size, channels: pixels a side, where they are not the model's own; what `one_layer` takes."""
    own_channels, own_size = SIZES.get(model, (channels, ONE_LAYER_SIZE))
    shape = batch, own_channels, size or own_size, size or own_size
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def labels(batch: int) -> np.ndarray:
    return np.arange(batch) % 10
