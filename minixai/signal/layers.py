"""The layers of a model whose units are linear: y = wᵀx + b."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minixai.arrays import owned
from minixai.context import apart
from minixai.errors import RuleError, came, several_names
from minixai.nn import Module
from minixai.nn.logits import logits_of
from minixai.nn.module import check_model, traced
from minixai.op import Trait
from minixai.rules.patterns import pattern_net
from minixai.signal.moments import Moments
from minixai.signal.patterns import KINDS, OF_ALL_SAMPLES
from minixai.tape import Node, Tensor, tape_of
from minixai.typing import Array

__all__ = [
    "Batch",
    "Kinds",
    "LinearLayer",
    "add_batch",
    "check_rules",
    "images_of",
    "linear_calls",
    "linear_layers",
]

Batch = Any  # images (n, …), a sequence of which they are the first, or a function that returns either
Kinds = Sequence[str] | Mapping[str, Sequence[str]]
TABLE = pattern_net({})  # what it fuses, and what it refuses; it looks for no pattern


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """A convolution or a dense layer of a model: its weight, and the kinds of patterns that it gets.

    Affine steps behind it, such as batch norm, are part of it.
    """

    weight: Array
    kinds: tuple[str, ...]
    groups: int = 1

    @property
    def by_sign(self) -> bool:
        """Whether samples with y > 0 are kept apart from the others."""
        return not set(self.kinds) <= set(OF_ALL_SAMPLES)

    @property
    def determined(self) -> bool:
        """Whether its units are not fewer than their inputs, so that the weight alone has joint patterns."""
        return len(self.weight) // self.groups >= self.weight[0].size


def images_of(call: str, model: Module, batch: Batch) -> Array:
    """The images of a batch, in the model's dtype."""
    batch = batch() if callable(batch) else batch
    first = batch[0] if isinstance(batch, tuple | list) and batch else batch
    return check_model(call, model).check_input(call, first, "x of batches")


def linear_calls(call: str, model: Module, x: Array) -> dict[str, list[Node]]:
    """Run the model; by layer, what the calls of convolutions and dense layers left on the tape."""
    tape = _tape(call, model, x)
    return {name: [tape[y] for y in outputs] for name, outputs in _by_layer(tape).items()}


def linear_layers(
    call: str, model: Module, x: Array, kinds: Kinds, layers: Collection[str] | None
) -> dict[str, LinearLayer]:
    """The layers to fit, as the model calls them for images x."""
    of_layers = kinds if isinstance(kinds, Mapping) else {"default": kinds}
    named = {name: tuple(several_names(call, "kinds", of_layer)) for name, of_layer in of_layers.items()}
    default = named.pop("default", ("linear", "positive", "negative"))
    chosen = None if layers is None else tuple(several_names(call, "layers", layers))
    for of_layer in (default, *named.values()):
        if not of_layer or not all(kind in KINDS for kind in of_layer):
            raise ValueError(
                f"{call}: kinds has {came(of_layer)}, expected one or more of {', '.join(KINDS)}"
            )

    tape = _tape(call, model, x)
    calls = _by_layer(tape)
    wanted = tuple(calls) if chosen is None else chosen
    _check_names(call, "layers", wanted, calls)
    _check_names(call, "kinds", named, calls)
    found = {}
    for name, outputs in calls.items():
        w, *others = (tape[y].arrays[1] for y in outputs)
        if not all(np.array_equal(w, other) for other in others):
            raise ValueError(f"{call}: layer {name!r} has several weights, expected one")
        rectified = _is_rectified(tape, outputs)
        of_layer = named.get(name, default if rectified else _whatever_the_sign(default))
        if name in wanted:
            found[name] = LinearLayer(owned(w), of_layer, tape[outputs[0]].params.get("groups", 1))
    return found


def check_rules(call: str, model: Module, x: Array) -> None:
    """Raise RuleError where the tables of PatternNet and PatternAttribution would."""
    try:
        TABLE.admit(_tape(call, model, x))
    except RuleError as error:
        raise RuleError(f"{call}: {error}; or name the layers to fit all the same") from None


def add_batch(
    moments: dict[str, Moments], model: Module, x: Array, layers: Mapping[str, LinearLayer]
) -> dict[str, Moments]:
    """Add what images x (see `images_of`) give to the moments of every layer, and return them."""
    calls = linear_calls("fit_patterns", model, x)
    for name, layer in layers.items():
        if name in calls and name not in moments:
            moments[name] = Moments.empty(layer.weight.shape, layer.groups, layer.by_sign)
    while calls:  # from the last: what came behind a layer is freed
        name, nodes = calls.popitem()
        for node in nodes if name in layers else ():
            moments[name].add_call(node)
    return moments


def _whatever_the_sign(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds of a layer with no ReLU behind it: "linear" in place of those that look at the sign of y."""
    return tuple(dict.fromkeys(kind if kind in OF_ALL_SAMPLES else "linear" for kind in kinds))


def _tape(call: str, model: Module, x: Array) -> dict[Tensor, Node]:
    """The model's tape up to its logits, without leaves, as the tables of patterns see it."""
    leaf = Tensor(x)
    output, _ = logits_of(apart(lambda: traced(call, model, leaf), letting_go=_of_rectifier)[0])
    return {tensor: node for tensor, node in TABLE.read(tape_of(output, [leaf])).items() if node is not None}


def _of_rectifier(node: Node, taker: Any) -> bool:
    """What is soonest made again."""
    return Trait.RECTIFIER in node.traits


def _is_rectified(tape: dict[Tensor, Node], outputs: list[Tensor]) -> bool:
    """Whether a ReLU is behind them, with nothing between that changes entries: these only move."""
    same = set(outputs)
    for tensor, node in tape.items():
        if not same.isdisjoint(node.inputs):
            if Trait.RECTIFIER in node.traits:
                return True
            if Trait.MOVE in node.traits:
                same.add(tensor)
    return False


def _by_layer(tape: dict[Tensor, Node]) -> dict[str, list[Tensor]]:
    """The outputs of convolutions and dense layers."""
    calls: dict[str, list[Tensor]] = {}
    for tensor, node in tape.items():
        if Trait.UNITS in node.traits:
            calls.setdefault(node.layer or "", []).append(tensor)
    return calls


def _check_names(call: str, argument: str, names: Collection[str], known: Collection[str]) -> None:
    if unknown := [name for name in names if name not in tuple(known)]:
        raise ValueError(f"{call}: {argument} names {came(unknown[0])}, expected some of {', '.join(known)}")
