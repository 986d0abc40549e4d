"""The bench's problems, and the small networks that are trained on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from minixai.data import SuppressorSample, suppressor_2d, suppressor_8x8, tetrominoes, watermarked
from minixai.nn import (
    Adam,
    AdaptiveAvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    fit,
)
from minixai.typing import Array

__all__ = ["NETWORKS", "PROBLEMS", "Problem", "Samples", "Training", "train"]


@dataclass(frozen=True)
class Training:
    """How a network is built for images of a shape, and trained."""

    build: Callable[[tuple[int, ...], np.random.Generator], Sequential]
    epochs: int
    rate: float  # of Adam; a tenth of it in the last quarter of the epochs


@dataclass(frozen=True)
class Problem:
    """A problem with a right answer, and what is trained on it.

    draw: (n=…, seed=…) -> SuppressorSample. networks: by name, the accuracy on new images below which one is
    refused.
    """

    title: str
    draw: Callable[..., SuppressorSample]
    networks: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Samples:
    """Images (n, 1, h, w) float32, their classes (n,), and the truth (n, 1, h, w)."""

    x: Array
    y: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, planted: SuppressorSample, scale: float) -> Samples:
        """Vectors as images of one row; x in units of scale."""
        rows = planted.x.shape[0], 1, *(planted.x.shape[2:] or (1, planted.x.shape[1]))
        x = (planted.x / scale).astype(np.float32)
        return cls(x.reshape(rows), planted.y, planted.truth.reshape(rows))

    def __getitem__(self, which: slice | np.ndarray) -> Samples:
        return Samples(self.x[which], self.y[which], self.truth[which])


def _linear(shape: tuple[int, ...], rng: np.random.Generator) -> Sequential:
    return Sequential(Flatten(), Linear(prod(shape), 2, rng=rng))


def _mlp(shape: tuple[int, ...], rng: np.random.Generator) -> Sequential:
    first, second = Linear(prod(shape), 64, rng=rng), Linear(64, 32, rng=rng)
    return Sequential(Flatten(), first, ReLU(), second, ReLU(), Linear(32, 2, rng=rng))


def _cnn(shape: tuple[int, ...], rng: np.random.Generator) -> Sequential:
    channels, h, w = shape
    first, second = Conv2d(channels, 8, 3, padding=1, rng=rng), Conv2d(8, 16, 3, padding=1, rng=rng)
    last = Linear(16 * (h // 2) * (w // 2), 2, rng=rng)
    return Sequential(first, ReLU(), MaxPool2d(2), second, ReLU(), Flatten(), last)


def _gap(shape: tuple[int, ...], rng: np.random.Generator) -> Sequential:
    """It ends in global average pooling, and so cannot tell a class by a place."""
    first, second = Conv2d(shape[0], 8, 3, padding=1, rng=rng), Conv2d(8, 16, 3, padding=1, rng=rng)
    end = AdaptiveAvgPool2d(1), Flatten(), Linear(16, 2, rng=rng)
    return Sequential(first, ReLU(), second, ReLU(), *end)


NETWORKS = {
    "linear": Training(_linear, epochs=20, rate=1e-2),
    "mlp": Training(_mlp, epochs=20, rate=2e-3),
    "cnn": Training(_cnn, epochs=12, rate=4e-3),
    "gap": Training(_gap, epochs=12, rate=4e-3),
}
ANY = ("linear", "mlp", "cnn")


def _of_tetrominoes(scenario: str, background: str, networks: Mapping[str, float], size: int = 8) -> Problem:
    larger = f" {size}×{size}" if size > 8 else ""
    draw = partial(tetrominoes, scenario, background, size=size)
    return Problem(f"{scenario}, {background}{larger}", draw, networks)


PROBLEMS = {
    "two_features": Problem("two features", suppressor_2d, {"linear": 0.94, "mlp": 0.93}),
    "distractor": Problem("8×8, distractor", suppressor_8x8, {"linear": 0.92, "mlp": 0.9, "cnn": 0.85}),
    "linear_white": _of_tetrominoes("linear", "white", dict.fromkeys(ANY, 0.8)),
    "linear_correlated": _of_tetrominoes("linear", "correlated", dict.fromkeys(ANY, 0.9)),
    "multiplicative_white": _of_tetrominoes("multiplicative", "white", {"mlp": 0.9, "cnn": 0.85}),
    "multiplicative_correlated": _of_tetrominoes("multiplicative", "correlated", {"mlp": 0.9, "cnn": 0.9}),
    "rigid_white": _of_tetrominoes("rigid", "white", {"cnn": 0.95, "gap": 0.95}),
    "rigid_correlated": _of_tetrominoes("rigid", "correlated", {"cnn": 0.9, "gap": 0.9}),
    "xor_white": _of_tetrominoes("xor", "white", {"mlp": 0.95, "cnn": 0.95}),
    "xor_correlated": _of_tetrominoes("xor", "correlated", {"mlp": 0.95, "cnn": 0.95}),
    "watermark_none": Problem("digits", partial(watermarked, "none"), dict.fromkeys(ANY, 0.92)),
    "watermark_informative": Problem(
        "digits, mark tells", partial(watermarked, "informative"), dict.fromkeys(ANY, 0.92)
    ),
    "watermark_random": Problem(
        "digits, mark at random", partial(watermarked, "random"), dict.fromkeys(ANY, 0.92)
    ),
    "linear_white_64": _of_tetrominoes("linear", "white", {"mlp": 0.9, "cnn": 0.9}, 64),
    "xor_white_64": _of_tetrominoes("xor", "white", {"mlp": 0.9, "cnn": 0.9}, 64),
}


def train(network: str, samples: Samples, seed: int, epochs: int | None = None) -> Sequential:
    """A network of this name, trained on samples; with epochs = 0 as it was drawn.

    Its two logits stay opposite, so that each is half of what decides: the rows of the last layer are drawn
    so, and the cross-entropy's gradient keeps them so. Else a logit would have a part that both classes have,
    a leftover of the first draw that no class is told by, and maps would show it.
    """
    recipe = NETWORKS[network]
    model = recipe.build(samples.x.shape[1:], np.random.default_rng([seed, 0]))
    _make_opposite(model)
    adam, epochs = Adam(model.parameters(), lr=recipe.rate), recipe.epochs if epochs is None else epochs
    late = epochs // 4
    for part, rate in ((epochs - late, recipe.rate), (late, recipe.rate / 10)):
        adam.lr = rate
        if part:
            fit(model, samples.x, samples.y, part, 128, adam, seed=seed, progress=False)
    return model


def _make_opposite(model: Module) -> None:
    weight, bias = list(model.parameters())[-2:]
    weight.value = np.stack([weight.value[0], -weight.value[0]])
    bias.value = np.stack([bias.value[0], -bias.value[0]])
