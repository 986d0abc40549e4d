"""The convolutions of four networks, each shape once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minixai.kernels.convolution import ALGORITHMS, Geometry, serves
from minixai.models.vgg import STAGES

__all__ = ["Shape", "shapes"]

BATCHES = {"VGG-16": 1, "SqueezeNet": 1, "All-CNN-C": 16, "LeNet-5": 64}


class Shape(NamedTuple):
    network: str
    channels: int
    maps: int
    kernel: int
    stride: int
    padding: int
    size: int  # pixels a side

    @property
    def batch(self) -> int:
        return BATCHES[self.network]

    @property
    def title(self) -> str:
        kernel, stride = f"{self.kernel}×{self.kernel}", f" /{self.stride}" if self.stride > 1 else ""
        return f"{self.network} {self.channels}→{self.maps} {kernel}{stride} @{self.size}"

    def arguments(self) -> dict[str, Any]:
        """Of a side's `convolution`."""
        return {
            "x_shape": (self.batch, self.channels, self.size, self.size),
            "w_shape": (self.maps, self.channels, self.kernel, self.kernel),
            "stride": self.stride,
            "padding": self.padding,
        }

    def algorithms(self) -> tuple[str, ...]:
        """Those that can do it."""
        arguments = self.arguments()
        x_shape, w_shape = arguments["x_shape"], arguments["w_shape"]
        geometry = Geometry((self.stride,) * 2, (self.padding,) * 2)
        return tuple(each for each in ALGORITHMS if serves(each, x_shape, w_shape, np.float32, geometry))


def shapes() -> list[Shape]:
    return list(dict.fromkeys([*_vgg16(), *_squeezenet(), *_allcnn(), *_lenet5()]))


def _vgg16() -> Iterator[Shape]:
    channels, size = 3, 224
    for stage in STAGES:
        for width in stage:
            yield Shape("VGG-16", channels, width, 3, 1, 1, size)
            channels = width
        size //= 2


def _squeezenet() -> Iterator[Shape]:
    yield Shape("SqueezeNet", 3, 96, 7, 2, 0, 227)
    for size, fires in (
        (55, [(96, 16, 64), (128, 16, 64), (128, 32, 128)]),
        (27, [(256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256)]),
        (13, [(512, 64, 256)]),
    ):
        for channels, squeeze, expand in fires:
            yield Shape("SqueezeNet", channels, squeeze, 1, 1, 0, size)
            yield Shape("SqueezeNet", squeeze, expand, 1, 1, 0, size)
            yield Shape("SqueezeNet", squeeze, expand, 3, 1, 1, size)
    yield Shape("SqueezeNet", 512, 1000, 1, 1, 0, 13)


def _allcnn() -> Iterator[Shape]:
    for channels, maps, kernel, stride, padding, size in (
        (3, 96, 3, 1, 1, 32),
        (96, 96, 3, 1, 1, 32),
        (96, 96, 3, 2, 1, 32),
        (96, 192, 3, 1, 1, 16),
        (192, 192, 3, 1, 1, 16),
        (192, 192, 3, 2, 1, 16),
        (192, 192, 3, 1, 0, 8),
        (192, 192, 1, 1, 0, 6),
        (192, 10, 1, 1, 0, 6),
    ):
        yield Shape("All-CNN-C", channels, maps, kernel, stride, padding, size)


def _lenet5() -> Iterator[Shape]:
    yield Shape("LeNet-5", 1, 6, 5, 1, 2, 28)
    yield Shape("LeNet-5", 6, 16, 5, 1, 0, 14)
