"""The networks of the experiments, each with images to fit patterns to and others to test on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import minixai as mx
from minixai import nn, signal
from minixai.data.cifar import cifar10
from minixai.data.sealed import digest
from minixai.models.shipped_networks import pretrained

KINDS = ("linear", "positive", "positive_centred")  # of patterns
PHOTOS = ("astronaut", "camera", "chelsea", "china", "coffee", "flower")


@dataclass(frozen=True, eq=False)
class Network:
    """A network and its images.

    inputs: makes the network's input (n, c, h, w) of images as they come from their file.
    fit, test: such images, uint8, in random order. classes: their names. batch: images at a time.
    labels: those of fit and of test, where they are known.
    """

    title: str
    model: Any
    inputs: Callable[[np.ndarray], np.ndarray]
    fit: np.ndarray
    test: np.ndarray
    classes: Sequence[str]
    batch: int
    labels: tuple[np.ndarray, np.ndarray] | None = None

    def batches(self, images: np.ndarray) -> list[Callable[[], np.ndarray]]:
        """Functions that make the input of one batch each."""
        starts = range(0, len(images), self.batch)
        return [partial(self.inputs, images[start : start + self.batch]) for start in starts]

    def patterns(self, images: int, folder: Path) -> signal.Patterns:
        """The patterns fitted to so many images, from the folder if they are there."""
        path = folder / f"patterns_{digest(self.model.state_dict())[:12]}_{images}.safetensors"
        if path.exists():
            return signal.Patterns.load(path)
        patterns = signal.fit_patterns(self.model, self.batches(self.fit[:images]), KINDS)
        patterns.save(path)
        return patterns


def lenet(folder: Path) -> Network:
    """LeNet-5 and MNIST's 10 000 test images: trained on 8 000 of them, to which patterns are fitted too.

    What was trained is kept in the folder.
    """
    images, labels = mx.data.mnist("test")
    order = np.random.default_rng(0).permutation(len(images))
    fit, test = images[order[:8000]], images[order[8000:]]
    path = folder / "lenet.safetensors"
    if not path.exists():
        model = mx.models.lenet5()
        adam = nn.Adam(model.parameters(), lr=2e-3)
        for epochs, rate in ((6, 2e-3), (2, 2e-4)):
            adam.lr = rate
            nn.fit(model, _digits(fit), labels[order[:8000]], epochs, 64, adam, progress=False)
        mx.models.save_weights(model, path)
    classes = [str(digit) for digit in range(10)]
    of_both = labels[order[:8000]], labels[order[8000:]]
    return Network("LeNet-5, MNIST", mx.models.lenet5(path), _digits, fit, test, classes, 200, of_both)


def cifar(name: str, title: str, folder: Path) -> Network:
    """A network that comes with the package, and CIFAR-10."""
    model = pretrained(name)
    return Network(title, model, model.preprocess, *_cifar10(), model.classes, 50)


def squeezenet(folder: Path) -> Network:
    """SqueezeNet 1.0 as trained on ImageNet, and CIFAR-10 enlarged to 227×227: no stand-in for ImageNet."""
    model = mx.models.squeezenet1_0("imagenet")
    title, classes = (
        "SqueezeNet, enlarged CIFAR-10",
        [name.split(",")[0] for name in mx.data.imagenet_labels()],
    )
    return Network(title, model, model.preprocess, *_cifar10(), classes, 10)


def squeezenet_photos(folder: Path) -> Network:
    """The same, tested on the photos that scikit-image and scikit-learn bundle."""
    network = squeezenet(folder)
    photos = np.stack([network.model.preprocess.crop(mx.data.photo(name)) for name in PHOTOS])
    return replace(network, title="SqueezeNet, photos (patterns of enlarged CIFAR-10)", test=photos)


NETWORKS: dict[str, Callable[[Path], Network]] = {
    "lenet": lenet,
    "cifar10_allcnn": partial(cifar, "cifar10_allcnn", "All-CNN-C, CIFAR-10"),
    "cifar10_maxpool": partial(cifar, "cifar10_maxpool", "max-pooling CNN, CIFAR-10"),
    "squeezenet": squeezenet,
    "squeezenet_photos": squeezenet_photos,
}


def _digits(images: np.ndarray) -> np.ndarray:
    return ((images[:, None] / 255 - 0.1307) / 0.3081).astype(np.float32)


@cache
def _cifar10() -> tuple[np.ndarray, np.ndarray]:
    """Training and test photos (n, 32, 32, 3), each in random order."""
    rng = np.random.default_rng(0)
    train, test = (rng.permutation(cifar10(split)[0]).transpose(0, 2, 3, 1) for split in ("train", "test"))
    return train, test
