"""A question: which unit of which model, at which x. Chosen once, at x, it is asked there or at many points.

Whatever the caller's context and the model's mode, the model answers in eval mode and with a tape, and all
is left as it was.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from minixai.context import apart
from minixai.methods.explanation import Explanation
from minixai.methods.ledger import Ledger, Row, watched
from minixai.methods.unit import Chosen, Layer, Neuron, Seed, probabilities_of, select_unit
from minixai.nn import Module
from minixai.rules.shares import per_image
from minixai.tape import Rule, Tensor, backward
from minixai.typing import Array

__all__ = ["Answer", "Numbers", "Question", "whole_number"]

Numbers = np.ndarray[Any, np.dtype[np.intp]]


def whole_number(call: str, name: str, value: Any, least: int = 1) -> int:
    """The value as an int; TypeError where it is none, ValueError where it is less than `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{call}: {name} is {value!r}, expected a whole number") from None
    if number < least:
        raise ValueError(f"{call}: {name} is {number}, expected at least {least}")
    return number


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says of a question: the map, and what belongs to it."""

    map: Array  # of x's shape
    ledger: Ledger | None = None
    gap: Array | None = None  # (n,): Σ map less the change of the score


class Question:
    """A model's score as a function of its input.

    The unit, and where the way back starts, are chosen for each image at x: a point elsewhere is asked for
    the same unit, whatever its own largest logit.

    call: the name that errors begin with. seed: None means "one" from a logit and "value" from within.
    batch_size: inputs at a time; None takes all of x at once.
    """

    def __init__(
        self,
        call: str,
        model: Module,
        x: Any,
        target: Any = None,
        layer: Layer | None = None,
        neuron: Neuron | None = None,
        seed: Seed | None = "one",
        batch_size: int | None = None,
    ) -> None:
        if not isinstance(model, Module):
            kind = f"{type(model).__module__.partition('.')[0]} {type(model).__name__}"
            raise TypeError(f"{call}: model is a {kind}, expected a minixai Module")
        if seed not in (*get_args(Seed), None):
            raise ValueError(f"{call}: seed is {seed!r}, expected 'one' or 'value'")
        self.call, self.model, self.layer, self.neuron = call, model, layer, neuron
        self.x = model.check_input(call, x)
        n = len(self.x)
        if np.ndim(target) and np.shape(target) != (n,):
            raise TypeError(f"{call}: target is {target!r}, expected a class index, {n} of them, or None")
        self.batch_size = n if batch_size is None else whole_number(call, "batch_size", batch_size)
        start = seed or ("one" if layer is None else "value")
        found = []
        for images in self.batches(n):
            leaf = Tensor(self.x[images])
            chosen = self._choose(leaf, np.asarray(target)[images] if np.ndim(target) else target)
            found.append((chosen.target, chosen.score, chosen.cotangent(start)))
        self.target, self.score, self.cotangent = (np.concatenate(each) for each in zip(*found, strict=True))
        self.unit, self.link = chosen.unit, chosen.link
        self._at_x = (leaf, chosen.tensor) if batch_size is None else None  # a tape is as large as all layers

    def walk(self, rules: Mapping[Any, Rule] | None = None, ledger: bool = False) -> Answer:
        """Walk the tape of x back with a table of rules, and keep a ledger if asked."""
        leaf, output = self._at_x or self._tape(self.x)
        rows: list[Row] = []
        table = watched(rules or {}, rows) if ledger else rules
        g = apart(lambda: backward(output, self.cotangent, table, wrt=[leaf])[leaf], recording=True)
        return Answer(g, Ledger(per_image(self.cotangent), rows, per_image(g)) if ledger else None)

    def gradients(self, points: Array, images: Numbers) -> Array:
        """(m, …): the gradients at m points, of the unit that one of the images each has."""
        leaf, output = self._tape(points)
        return backward(output, self.cotangent[images], wrt=[leaf])[leaf]

    def values(self, points: Array, images: Numbers) -> Array:
        """(m,): the scores at m points."""
        y = self.cotangent[images] * self._tape(points)[1].value
        return y.reshape(len(points), -1).sum(axis=1)

    def probabilities(self, points: Array, images: Numbers) -> Array:
        """(m,) float64: the probabilities of the images' classes at m points.

        The model's own where it ends with a softmax or a sigmoid; else the softmax of two or more logits, or
        the sigmoid of a single one.
        """
        y = self.model.predict(points, len(points)).reshape(len(points), -1).astype(np.float64)
        p = y if self.link in ("softmax", "sigmoid") else probabilities_of(y, self.link)
        return p[np.arange(len(points)), self.target[images]]

    def batches(self, total: int, progress: bool = False) -> Iterator[Numbers]:
        """The numbers 0 … total − 1, at most batch_size at a time, with a bar of the progress."""
        from tqdm.auto import tqdm

        with tqdm(total=total, desc=self.call, disable=not progress, leave=False) as bar:
            for start in range(0, total, self.batch_size):
                numbers = np.arange(start, min(start + self.batch_size, total))
                yield numbers
                bar.update(len(numbers))

    def pairs(self, samples: int, progress: bool) -> Iterator[tuple[Numbers, Numbers]]:
        """(numbers of samples, numbers of images) of all pairs, at most batch_size at a time."""
        for numbers in self.batches(samples * len(self.x), progress):
            yield divmod(numbers, len(self.x))

    def explanation(self, method: str, kind: str, answer: Answer) -> Explanation:
        """The explanation of this question, its map cast to x's dtype."""
        return Explanation(
            method,
            kind,
            answer.map.astype(self.x.dtype, copy=False),
            self.x,
            self.unit,
            self.target,
            self.score,
            getattr(self.model, "preprocess", None),
            answer.ledger,
            answer.gap,
        )

    def _tape(self, points: Array) -> tuple[Tensor, Tensor]:
        """The points as a leaf, and what the unit is part of."""
        leaf = Tensor(points)
        return leaf, self._choose(leaf).tensor

    def _choose(self, leaf: Tensor, target: Any = None) -> Chosen:
        def chosen() -> Chosen:
            output, layers = self.model.trace(leaf)
            output = self.model.check_output(self.call, output)
            return select_unit(self.call, output, layers, target, self.layer, self.neuron)

        return apart(chosen, recording=True)
