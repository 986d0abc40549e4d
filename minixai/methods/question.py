"""A question: which unit of which model, at which x. Chosen once, at x, it is asked there or at many points.

Whatever the caller's context and the model's mode, the model answers in eval mode and with a tape, and all
is left as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from minixai.context import apart
from minixai.errors import warn
from minixai.methods.explanation import Explanation, UnusedTableWarning
from minixai.methods.ledger import Ledger, row_of, watched
from minixai.methods.unit import Chosen, Layer, Neuron, Seed, class_indices, select_unit
from minixai.nn import Module
from minixai.progress import progress_bar
from minixai.rules.shares import per_image
from minixai.settings import whole_number
from minixai.tape import Rule, Tensor, backward
from minixai.typing import Array

__all__ = ["Answer", "Numbers", "Question", "check_model"]

Numbers = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says of a question: the map, and what belongs to it."""

    map: Array  # of x's shape
    ledger: Ledger | None = None
    gap: Array | None = None  # (n,): Σ map less the change of the score
    quantity: str = ""  # what the map is about, where that is not the score


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
        check_model(call, model)
        if seed not in (*get_args(Seed), None):
            raise ValueError(f"{call}: seed is {seed!r}, expected 'one' or 'value'")
        self.call, self.model, self.layer, self.neuron = call, model, layer, neuron
        self.x = model.check_input(call, x)
        n = len(self.x)
        classes = class_indices(call, target, n)
        self.batch_size = n if batch_size is None else whole_number(call, "batch_size", batch_size)
        start = seed or ("one" if layer is None else "value")
        found = []
        for images in self.batches(n):
            leaf = Tensor(self.x[images])
            chosen = self._choose(leaf, None if classes is None else classes[images])
            found.append((chosen.target, chosen.score, chosen.cotangent(start)))
        self.target, self.score, self.cotangent = (np.concatenate(each) for each in zip(*found, strict=True))
        self.unit, self.probability = chosen.unit, chosen.probability
        self._at_x = (leaf, chosen.tensor) if batch_size is None else None  # a tape is as large as all layers

    def walk(self, rules: Mapping[Any, Rule] | None = None, ledger: bool = False) -> Answer:
        """Walk the tape of x back with a table of rules; keep a ledger, in a strict table, if asked."""
        leaf, output = self._at_x or self._tape(self.x)
        rules = {} if rules is None else rules
        hits: list[Any] = []
        strict = ledger or getattr(rules, "strict", False)
        images = len(self.x) if ledger else None
        table = watched(rules, lambda *seen: hits.append(row_of(*seen) if ledger else None), strict, images)
        g = apart(lambda: backward(output, self.cotangent, table, wrt=[leaf])[leaf], recording=True)
        if rules and not hits:
            what = "no operation on the way back has a rule in its table"
            warn(f"{self.call}: {what}: the map is the gradient", UnusedTableWarning)
        return Answer(g, Ledger(per_image(self.cotangent), hits, per_image(g)) if ledger else None)

    def gradients(self, points: Array, images: Numbers) -> Array:
        """(m, …): the gradients at m points, of the unit that one of the images each has."""
        leaf, output = self._tape(points)
        return backward(output, self.cotangent[images], wrt=[leaf])[leaf]

    def values(self, points: Array, images: Numbers) -> Array:
        """(m,): the scores at m points."""
        y = self.cotangent[images] * self._tape(points)[1].value
        return y.reshape(len(points), -1).sum(axis=1)

    def probabilities(self, points: Array, images: Numbers) -> Array:
        """(m,) float64: the probabilities of the images' classes at m points; see `Probability`."""
        p = self.probability.of(self.model.predict(points, len(points)))
        return p[np.arange(len(points)), self.target[images]]

    def batches(self, total: int, progress: bool = False) -> Iterator[Numbers]:
        """The numbers 0 … total − 1, at most batch_size at a time, with a bar of the progress."""
        with progress_bar(progress, None, self.call, total=total, leave=False) as bar:
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
        map_ = answer.map
        if not isinstance(map_, np.ndarray) or map_.shape != self.x.shape or map_.dtype.kind != "f":
            came = (
                f"{map_.dtype} {map_.shape}" if isinstance(map_, np.ndarray) else f"a {type(map_).__name__}"
            )
            raise TypeError(
                f"{self.call}: the map is {came}, expected an array of floats of x's shape {self.x.shape}"
            )
        return Explanation(
            method,
            kind,
            map_.astype(self.x.dtype, copy=False),
            self.x,
            self.unit,
            self.target,
            self.score,
            getattr(self.model, "preprocess", None),
            answer.ledger,
            answer.gap,
            answer.quantity,
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


def check_model(call: str, model: Any) -> None:
    """Raise TypeError for what is no Module."""
    if not isinstance(model, Module):
        kind = f"{type(model).__module__.partition('.')[0]} {type(model).__name__}"
        raise TypeError(f"{call}: model is a {kind}, expected a minixai Module")
