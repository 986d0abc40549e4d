"""MNIST, the handwritten digits."""

from __future__ import annotations

import numpy as np

from minixai.data.downloads import fetch
from minixai.data.idx import read_idx
from minixai.errors import FileFormatError

_PREFIXES = {"train": "train", "test": "t10k"}


def mnist(split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Read the images and labels of MNIST, `"train"` (60 000 images) or `"test"` (10 000).

    Returns
    -------
    images : (n, 28, 28) uint8, 0 (background) to 255 (ink)
    labels : (n,) uint8, 0 to 9

    Raises
    ------
    WeightsNotFoundError : the files are neither here nor to be had from the web.
    FileFormatError : a file is damaged, or the images and labels do not fit together.

    Reference: LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998.
    """
    if split not in _PREFIXES:
        raise ValueError(f'mnist: split is {split!r}, expected "train" or "test"')
    images = read_idx(fetch(f"mnist/{_PREFIXES[split]}-images-idx3-ubyte.gz"))
    labels = read_idx(fetch(f"mnist/{_PREFIXES[split]}-labels-idx1-ubyte.gz"))
    if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
        raise FileFormatError(
            f"mnist: the images have shape {images.shape} and the labels {labels.shape}, "
            "expected (n, 28, 28) and (n,)"
        )
    return images, labels
