"""A question: which unit of which model, at which x. Chosen once, at x, it is asked there or at many points.

Whatever the caller's context and the model's mode, the model answers in eval mode and with a tape, and all
is left as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, get_args

import numpy as np

from minixai.context import apart, walks
from minixai.errors import speaking_as, warn
from minixai.methods.explanation import Explanation, UnusedTableWarning
from minixai.methods.ledger import Ledger, Row, booking
from minixai.methods.unit import (
    Chosen,
    Layer,
    Neuron,
    Probability,
    Seed,
    Unit,
    check_layer,
    check_unit,
    class_indices,
    select_unit,
)
from minixai.nn import Module
from minixai.nn.module import check_model, traced
from minixai.op import unread
from minixai.progress import progress_bar
from minixai.rules import Rules
from minixai.rules.shares import per_image
from minixai.settings import one_of, whole_number
from minixai.tape import Node, Rule, Tensor, backward, rule_for, tape_of
from minixai.typing import Array

__all__ = ["Answer", "Numbers", "Question"]

Numbers = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says of a question: the map, and what belongs to it."""

    map: Array  # of x's shape
    ledger: Ledger | None = None
    gap: Array | None = None  # (n,): Σ map less the change of the score
    quantity: str = ""  # what the map is about, where that is not the score
    how: str = ""  # what the method chose by itself
    layer: str = ""  # whose maps it is made of
    layer_map: Array | None = None  # (n, h, w): such a map, before it was enlarged
    dark: str = "nothing came back to the input"  # what a map that is zero everywhere means


class Seen(NamedTuple):
    """What a walk did at a node: the cotangent that came, and what the rule answered."""

    node: Node
    came: Array
    answer: Any
    rule: Rule


class Walked(NamedTuple):
    """A whole walk back to a leaf."""

    leaf: Tensor
    seen: list[Seen]
    answer: Answer


class _AtX(NamedTuple):
    """The unit of each image, as it is at x."""

    target: Numbers
    score: Array
    cotangent: Array
    unit: Unit
    probability: Probability
    tape: _Tape | None


class _Tape(NamedTuple):
    """A tape: of a leaf, what the unit is part of, and what every layer returned."""

    leaf: Tensor
    chosen: Chosen
    layers: dict[str, list[Any]]


class Question:
    """A model's score as a function of its input.

    The unit, and where the way back starts, are chosen for each image at x: a point elsewhere is asked for
    the same unit, whatever its own largest logit.

    call: the name that errors begin with. seed: None means "one" from a logit and "value" from within.
    batch_size: inputs at a time; None takes all of x at once.
    takes: the call's own arguments that name a unit, of which its errors may speak.
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
        takes: Collection[str] = ("target",),
    ) -> None:
        self.call, self.model = call, check_model(call, model)
        self.layer, self.neuron, self._takes = layer, neuron, takes
        self.x = model.check_input(call, x)
        n = len(self.x)
        self._classes = class_indices(call, target, n)
        check_unit(call, model, target, layer, neuron)
        default: Seed = "one" if layer is None else "value"
        self._start = default if seed is None else one_of(call, "seed", seed, get_args(Seed))
        self.batch_size = n if batch_size is None else whole_number(call, "batch_size", batch_size)
        self._keeps_tape = batch_size is None  # a tape is as large as all layers

    @cached_property
    def _at_x(self) -> _AtX:
        """What is chosen at x, when it is first asked for: a method checks its settings before."""
        found = []
        for images in self.batches(len(self.x)):
            tape = self._tape(self.x[images], None if self._classes is None else self._classes[images])
            chosen = tape.chosen
            found.append((chosen.target, chosen.score, chosen.cotangent(self._start)))
        target, score, cotangent = (np.concatenate(each) for each in zip(*found, strict=True))
        kept = tape if self._keeps_tape else None
        return _AtX(target, score, cotangent, chosen.unit, chosen.probability, kept)

    target = property(
        lambda self: self._at_x.target, doc="(n,): the index of the unit; −1 for a layer or map."
    )
    score = property(lambda self: self._at_x.score, doc="(n,): the unit's value.")
    cotangent = property(lambda self: self._at_x.cotangent, doc="Where the way back starts.")
    unit = property(lambda self: self._at_x.unit, doc="Which part of the model it is.")
    probability = property(lambda self: self._at_x.probability, doc="What the probability of a class is.")

    def start_from(self, cotangent: Array) -> None:
        """Let the way back start from this, which has the shape of what is explained, not from the unit."""
        self._at_x = self._at_x._replace(cotangent=cotangent)

    @property
    def output(self) -> Tensor:
        """What the unit is part of, at x."""
        return self._of_x.chosen.tensor

    def inner(self, layer: Layer) -> Chosen:
        """The whole output of a layer on the way from x to the unit."""
        check_layer(self.call, self.model, layer)
        chosen = select_unit(self.call, self.output, self._of_x.layers, layer=layer)
        if chosen.tensor not in tape_of(self.output):
            what = f"layer {chosen.unit} is not on the way to the {self.unit}"
            raise ValueError(f"{self.call}: {what}, expected one that it depends on")
        return chosen

    def walk(
        self, rules: Mapping[Any, Rule] | None = None, ledger: bool = False, to: Tensor | None = None
    ) -> Answer:
        """Walk the tape of x back with a table of rules; keep a ledger, in a strict table, if asked.

        to: in place of x, a tensor of `output`'s tape; the answer's map has its shape.
        """
        table = Rules(rules, ledger or getattr(rules, "strict", False))
        kept = walks.get()
        reads_all = table.strict or kept is not None
        tape = apart(lambda: self._of_x, letting_go=None if reads_all else unread)
        leaf, outputs = tape.leaf, [tape.chosen.tensor]
        del tape
        if to is None:
            self._at_x = self._at_x._replace(tape=None)  # the walk frees it
        end = leaf if to is None else to
        wrt = {leaf, end} if rules else {end}  # with the leaf, rules know what lies before an inner tensor
        rows: list[Row] = []
        seen: list[Seen] = []
        book = booking(rows, len(self.x)) if ledger else None
        hit = False

        def observer(node: Node, g: Array, answer: Any) -> None:
            nonlocal hit
            rule = rule_for(node, table)
            hit = hit or rule is not node.op.vjp
            if book:
                book(node, g, answer)
            if kept is not None:
                seen.append(Seen(node, g, answer, rule))

        def walked() -> Array:
            return backward(outputs.pop(), self.cotangent, table, wrt, observer)[end]

        with speaking_as(self.call, "backward", "patterns"):
            g = apart(walked, recording=True)
        if rules and not hit:
            what = "no operation on the way back has a rule in its table"
            warn(f"{self.call}: {what}: the map is the gradient", UnusedTableWarning)
        answer = Answer(g, Ledger(per_image(self.cotangent), rows, per_image(g)) if ledger else None)
        if kept is not None:
            kept.append(Walked(leaf, seen, answer))
        return answer

    def tape(self) -> dict[Tensor, Node | None]:
        """The tape of the output at x, as `tape_of` gives it; its nodes know which inputs come from x."""
        leaf, chosen, _ = self._of_x
        return tape_of(chosen.tensor, [leaf])

    def nodes(self) -> list[Node]:
        """The operations on the way from x to the unit."""
        return [node for node in self.tape().values() if node and any(node.needs)]

    def name_of(self, tensor: Tensor) -> str:
        """The first layer that returned a tensor of the tape at x; "" if none did."""
        returned = self._of_x.layers.items()
        return next((name for name, calls in returned if name and any(y is tensor for y in calls)), "")

    def of_pixels(self, values: Array) -> Array:
        """(n, h, w) → x's shape: each channel has an equal share, and their sum is the values."""
        channels = self.x.shape[1]
        return np.repeat(values[:, None] / channels, channels, axis=1)

    def gradients(self, points: Array, images: Numbers) -> Array:
        """(m, …): the gradients at m points, of the unit that one of the images each has."""
        return self.values_and_gradients(points, images)[1]

    def values_and_gradients(self, points: Array, images: Numbers) -> tuple[Array, Array]:
        """(m,) and (m, …): the scores at m points, and their gradients."""
        leaf, chosen, _ = self._tape(points)
        g = self.cotangent[images]
        return _inner(g, chosen.tensor.value), backward(chosen.tensor, g, wrt=[leaf])[leaf]

    def values(self, points: Array, images: Numbers) -> Array:
        """(m,): the scores at m points."""
        return _inner(self.cotangent[images], self._tape(points).chosen.tensor.value)

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

    def explanation(
        self, method: str, kind: str, answer: Answer, again: Callable[[Array], Answer] | None = None
    ) -> Explanation:
        """The explanation of this question, its map cast to x's dtype. again: asks it once more, of x."""
        map_ = answer.map
        if not isinstance(map_, np.ndarray) or map_.shape != self.x.shape or map_.dtype.kind != "f":
            came = (
                f"{map_.dtype} {map_.shape}" if isinstance(map_, np.ndarray) else f"a {type(map_).__name__}"
            )
            raise TypeError(
                f"{self.call}: the map is {came}, expected an array of floats of x's shape {self.x.shape}"
            )
        return Explanation(
            f"{method} ({answer.how})" if answer.how else method,
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
            answer.layer,
            answer.layer_map,
            again,
        )

    @property
    def _of_x(self) -> _Tape:
        return self._at_x.tape or self._tape(self.x)

    def _tape(self, points: Array, target: Any = None) -> _Tape:
        leaf = Tensor(points)

        def traced_and_chosen() -> _Tape:
            output, layers = traced(self.call, self.model, leaf)
            unit = target, self.layer, self.neuron, self._takes
            return _Tape(leaf, select_unit(self.call, output, layers, *unit), layers)

        return apart(traced_and_chosen, recording=True)


def _inner(a: Array, b: Array) -> Array:
    """(n,): the inner product of each row."""
    return (a * b).reshape(len(a), -1).sum(axis=1)
