"""From photos to what a model takes, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError


@dataclass(frozen=True)
class Preprocess:
    """How a model wants its photos: `x = (scale · v - mean) / std` for each channel, v from 0 to 255.

    Calling it turns photos into the model's input; `photos` turns an input back.

    Parameters
    ----------
    size : the side of the square that a photo is cropped and resized to, in pixels.
    channels : "RGB" or "BGR", the order of the model's channels, and of `mean` and `std`.
    scale : what the pixels, 0 to 255, are multiplied by first.
    mean, std : one value for each channel, of the scaled pixels.
    """

    size: int
    channels: str = "RGB"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.channels not in ("RGB", "BGR"):
            raise ValueError(f'Preprocess: channels is {self.channels!r}, expected "RGB" or "BGR"')
        if self.size < 1:
            raise ValueError(f"Preprocess: size is {self.size}, expected at least 1")

    def __call__(self, photos: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Crop, resize and normalise photos.

        Parameters
        ----------
        photos : (h, w, 3) or (n, h, w, 3) uint8, RGB, or a list of (h, w, 3) of any sizes.

        Returns
        -------
        (n, 3, size, size) float32, in the order `channels`; n is 1 for a single photo
        """
        if isinstance(photos, np.ndarray) and photos.ndim not in (3, 4):
            raise ShapeError(
                f"Preprocess: photos has shape {photos.shape}, expected (h, w, 3) or (n, h, w, 3)"
            )
        if len(photos) == 0:
            raise ShapeError("Preprocess: photos is empty, expected at least one photo")
        batch = [photos] if isinstance(photos, np.ndarray) and photos.ndim == 3 else photos
        rgb = np.stack([self._square(photo) for photo in batch])
        x = (self.scale * self._swap(rgb) - np.array(self.mean)) / np.array(self.std)
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)

    def crop(self, photo: np.ndarray) -> np.ndarray:
        """Show what the model sees of a photo (h, w, 3) uint8: (size, size, 3) uint8, RGB, rounded."""
        return np.rint(self._square(photo)).astype(np.uint8)

    def photos(self, x: np.ndarray) -> np.ndarray:
        """Turn model inputs, (n, 3, h, w), into photos, (n, h, w, 3) uint8, RGB, rounded and clipped."""
        v = (self._nhwc("Preprocess.photos", x) * np.array(self.std) + np.array(self.mean)) / self.scale
        if not np.isfinite(v).all():
            raise ValueError("Preprocess.photos: x has NaN or infinite values, expected finite ones")
        return np.clip(np.rint(self._swap(v)), 0, 255).astype(np.uint8)

    def rgb(self, maps: np.ndarray) -> np.ndarray:
        """Reorder maps over the model's input, (n, 3, h, w), to (n, h, w, 3), RGB; the values stay."""
        return self._swap(self._nhwc("Preprocess.rgb", maps))

    def _swap(self, images: np.ndarray) -> np.ndarray:
        """From RGB to the model's order, or back: the same step for BGR."""
        return images[..., ::-1] if self.channels == "BGR" else images

    def _square(self, photo: np.ndarray) -> np.ndarray:
        """The middle square of a photo, resized: (size, size, 3) float64."""
        photo = np.asarray(photo)
        if photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
            raise ShapeError(f"Preprocess: a photo has shape {photo.shape}, expected (h, w, 3)")
        if photo.dtype != np.uint8:
            raise TypeError(f"Preprocess: a photo has dtype {photo.dtype}, expected uint8 (0 to 255)")
        h, w, _ = photo.shape
        side = min(h, w)
        top, left = (h - side) // 2, (w - side) // 2
        return _resize(photo[top : top + side, left : left + side], self.size, self.size)

    @staticmethod
    def _nhwc(call: str, maps: np.ndarray) -> np.ndarray:
        maps = np.asarray(maps)
        if maps.ndim != 4 or maps.shape[1] != 3:
            raise ShapeError(f"{call}: the array has shape {maps.shape}, expected (n, 3, h, w)")
        return maps.transpose(0, 2, 3, 1)


CAFFE_SQUEEZENET = Preprocess(227, "BGR", 1.0, (104.0, 117.0, 123.0))
"""SqueezeNet v1.0 as trained in Caffe: the mean colour of ImageNet is taken off, in BGR."""

TORCHVISION = Preprocess(224, "RGB", 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""torchvision's ImageNet models."""


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (h, w, channels) as scikit-image does with `anti_aliasing=True`; float64.

    Blurring and bilinear sampling act on each axis alone, so both together are a matrix for each axis.
    """
    rows, columns = _sampling(image.shape[0], height), _sampling(image.shape[1], width)
    return np.moveaxis(kernels.product.between(rows, np.moveaxis(image, 2, 0), columns), 0, 2)


def _sampling(n: int, m: int) -> np.ndarray:
    """The matrix (m, n) that blurs n samples (σ = (n/m - 1)/2, none to enlarge) and reads off m of them."""
    sigma = max(0.0, (n / m - 1) / 2)
    radius = int(4 * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    blur = np.exp(-0.5 * (offsets / sigma) ** 2) if radius else np.ones(1)
    blur /= blur.sum()
    centres = (np.arange(m) + 0.5) * n / m - 0.5  # of the new pixels, counted in old ones
    left = np.floor(centres).astype(int)
    matrix = np.zeros((m, n))
    for neighbour, weight in ((left, left + 1 - centres), (left + 1, centres - left)):
        places = _mirror(neighbour[:, None] + offsets, n)
        np.add.at(matrix, (np.arange(m)[:, None], places), weight[:, None] * blur)
    return matrix


def _mirror(places: np.ndarray, n: int) -> np.ndarray:
    """Fold places outside 0...n-1 back in, reflected at the centres of the first and the last sample."""
    period = max(1, 2 * (n - 1))
    return np.minimum(places % period, -places % period)
