"""A model's inputs as images."""

from __future__ import annotations

import numpy as np

from minixai.data import Preprocess
from minixai.errors import ShapeError

__all__ = ["as_images", "contrast_of"]

SEEN = 45  # levels of 255: the deviation of an image that can be seen on a slide


def as_images(x: np.ndarray, preprocess: Preprocess | None) -> np.ndarray:
    """(…, h, w, 3) uint8, RGB: inputs (…, c, h, w) as images; without preprocess on one scale for all."""
    if x.ndim < 4 or x.shape[-3] not in (1, 3):
        raise ShapeError(f"plot: inputs have shape {x.shape[-3:]}, expected images (1 or 3, h, w)")
    flat = x.reshape(-1, *x.shape[-3:])
    if preprocess is not None:
        photos = preprocess.photos(flat)
    else:
        low, high = flat.min(), flat.max()
        grey = (flat - low) / (high - low or 1)
        photos = np.rint(255 * grey.transpose(0, 2, 3, 1)).astype(np.uint8)
        photos = np.broadcast_to(photos, (*photos.shape[:3], 3))
    return photos.reshape(*x.shape[:-3], *photos.shape[1:])


def contrast_of(x: np.ndarray, preprocess: Preprocess | None) -> np.ndarray:
    """(n,): what makes the deviation of images (n, c, h, w) SEEN; 1 where they have it, or no preprocess."""
    if preprocess is None or x.ndim != 4:
        return np.ones(len(x), x.dtype)
    levels = x * (np.array(preprocess.std).reshape(-1, 1, 1) / preprocess.scale)
    return np.maximum(1, SEEN / np.maximum(levels.std(axis=(1, 2, 3)), 1e-6)).astype(x.dtype)
