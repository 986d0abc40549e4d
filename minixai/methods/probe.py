"""A score that is chosen once, at x, and then asked at many other inputs, a few at a time."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from minixai.methods.explanation import Explanation
from minixai.methods.unit import Layer, Neuron, select_unit
from minixai.nn import Module
from minixai.tape import Array, Tensor, backward

__all__ = ["Numbers", "Probe", "whole_number"]

Numbers = np.ndarray[Any, np.dtype[np.intp]]


def whole_number(method: str, name: str, value: Any, least: int = 1) -> int:
    """The value as an int; TypeError where it is none, ValueError where it is less than `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{method}: {name} is {value!r}, expected a whole number") from None
    if number < least:
        raise ValueError(f"{method}: {name} is {number}, expected at least {least}")
    return number


class Probe:
    """A model's score as a function of its input.

    The unit and the seed of each image are chosen at x: a point elsewhere is asked for the same unit,
    whatever its own largest logit.
    """

    def __init__(
        self,
        method: str,
        model: Module,
        x: Any,
        target: Any = None,
        layer: Layer | None = None,
        neuron: Neuron | None = None,
        seed: str = "one",
        batch_size: int = 8,
    ) -> None:
        self.method, self.model, self.layer, self.neuron = method, model, layer, neuron
        self.x = model.check_input(method, x)
        self.batch_size = whole_number(method, "batch_size", batch_size)
        n = len(self.x)
        if np.ndim(target) and np.shape(target) != (n,):
            raise TypeError(f"target is {target!r}, expected a class index, {n} of them, or None")
        chosen = []
        for images in self.batches(n):
            output, layers = self._trace(Tensor(self.x[images]))
            classes = np.asarray(target)[images] if np.ndim(target) else target
            unit = select_unit(output, layers, classes, layer, neuron)
            chosen.append((unit.target, unit.score, unit.cotangent(seed), unit.name))
        self.target, self.score, self.cotangent = (
            np.concatenate([each[k] for each in chosen]) for k in range(3)
        )
        self.unit = chosen[0][3]

    def batches(self, total: int, progress: bool = False) -> Iterator[Numbers]:
        """The numbers 0 … total − 1, at most batch_size at a time, with a bar of the progress."""
        from tqdm.auto import tqdm

        with tqdm(total=total, desc=self.method, disable=not progress, leave=False) as bar:
            for start in range(0, total, self.batch_size):
                numbers = np.arange(start, min(start + self.batch_size, total))
                yield numbers
                bar.update(len(numbers))

    def pairs(self, samples: int, progress: bool) -> Iterator[tuple[Numbers, Numbers]]:
        """(numbers of samples, numbers of images) of all pairs, at most batch_size at a time."""
        for numbers in self.batches(samples * len(self.x), progress):
            yield divmod(numbers, len(self.x))

    def tensor(self, leaf: Tensor) -> Tensor:
        """The logits, the layer's output or the feature map at these inputs."""
        return select_unit(*self._trace(leaf), layer=self.layer, neuron=self.neuron).tensor

    def values(self, points: Array, images: Numbers) -> Array:
        """(m,): the scores at m points, each that of the unit of one of the images."""
        y = self.cotangent[images] * self.tensor(Tensor(points)).value
        return y.reshape(len(points), -1).sum(axis=1)

    def gradients(self, points: Array, images: Numbers) -> Array:
        """(m, …): the gradients of these scores."""
        leaf = Tensor(points)
        return backward(self.tensor(leaf), self.cotangent[images], wrt=[leaf])[leaf]

    def explanation(self, kind: str, map_: Array, gap: Array | None = None) -> Explanation:
        """What the method returns: a map, cast to x's dtype."""
        x, preprocess = self.x, getattr(self.model, "preprocess", None)
        map_ = map_.astype(x.dtype)
        return Explanation(
            self.method, kind, map_, x, self.unit, self.target, self.score, preprocess, gap=gap
        )

    def _trace(self, leaf: Tensor) -> tuple[Tensor, dict[str, list[Tensor]]]:
        with self.model.evaluating():
            output, layers = self.model.trace(leaf)
        self.model.check_output(self.method, output.value)
        return output, layers
