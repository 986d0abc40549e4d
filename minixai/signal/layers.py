"""The layers of a model whose units are linear: y = wᵀx + b."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minixai import ops
from minixai.errors import several_names
from minixai.nn import Module
from minixai.op import Trait
from minixai.signal.moments import Moments
from minixai.signal.patterns import KINDS, OF_ALL_SAMPLES
from minixai.tape import Node, Tensor, tape_of
from minixai.typing import Array

__all__ = ["Batch", "Kinds", "LinearLayer", "add_batch", "images_of", "linear_calls", "linear_layers"]

Batch = Any  # images (n, …), a sequence of which they are the first, or a function that returns either
Kinds = Sequence[str] | Mapping[str, Sequence[str]]


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """A convolution or a dense layer of a model: its weight, and the kinds of patterns that it gets."""

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
    return model.check_input(call, batch[0] if isinstance(batch, tuple | list) else batch)


def linear_calls(call: str, model: Module, x: Array) -> dict[str, list[Node]]:
    """Run the model; by layer, what the calls of convolutions and dense layers left on the tape."""
    tape = _tape(call, model, x)
    return {name: [tape[y] for y in outputs] for name, outputs in _by_layer(tape).items()}


def linear_layers(
    call: str, model: Module, x: Array, kinds: Kinds, layers: Collection[str] | None
) -> dict[str, LinearLayer]:
    """The layers to fit, as the model calls them for images x."""
    tape = _tape(call, model, x)
    calls = _by_layer(tape)
    of_layers = kinds if isinstance(kinds, Mapping) else {"default": kinds}
    named = {name: tuple(several_names(call, "kinds", of_layer)) for name, of_layer in of_layers.items()}
    default = named.pop("default", ("linear", "positive", "negative"))
    wanted = tuple(calls if layers is None else several_names(call, "layers", layers))
    _check_names(call, "layers", wanted, calls)
    _check_names(call, "kinds", named, calls)
    for of_layer in (default, *named.values()):
        if not of_layer or not set(of_layer) <= set(KINDS):
            raise ValueError(f"{call}: kinds has {of_layer}, expected one or more of {', '.join(KINDS)}")

    found = {}
    for name, outputs in calls.items():
        nodes = [tape[y] for y in outputs]
        behind = [node for node in tape.values() if not set(outputs).isdisjoint(node.inputs)]
        if any(node.op is ops.batch_norm for node in behind):
            raise ValueError(
                f"{call}: a batch normalisation follows {name!r}; merge it first: nn.merge_batch_norm"
            )
        if len({id(node.inputs[1]) for node in nodes}) > 1:
            raise ValueError(f"{call}: layer {name!r} has several weights, expected one")
        rectified = any(Trait.RECTIFIER in node.traits for node in behind)
        of_layer = named.get(name, default if rectified else _whatever_the_sign(default))
        if name in wanted:
            groups = nodes[0].params.get("groups", 1)
            found[name] = LinearLayer(nodes[0].arrays[1].copy(), of_layer, groups)
    return found


def add_batch(
    moments: dict[str, Moments], model: Module, x: Array, layers: Mapping[str, LinearLayer]
) -> dict[str, Moments]:
    """Add what images x (see `images_of`) give to the moments of every layer, and return them."""
    calls = linear_calls("fit_patterns", model, x)
    for name, layer in layers.items():
        for node in calls.get(name, []):
            if name not in moments:
                moments[name] = Moments.empty(layer.weight.shape, layer.groups, layer.by_sign)
            moments[name].add_call(node)
    return moments


def _whatever_the_sign(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds of a layer with no ReLU behind it: "linear" in place of those that look at the sign of y."""
    return tuple(dict.fromkeys(kind if kind in OF_ALL_SAMPLES else "linear" for kind in kinds))


def _tape(call: str, model: Module, x: Array) -> dict[Tensor, Node]:
    """The model's tape, without leaves, as explanations of images x see it."""
    leaf = Tensor(x)
    output = model.check_output(call, model.trace(leaf)[0])
    return {tensor: node for tensor, node in tape_of(output, [leaf]).items() if node is not None}


def _by_layer(tape: dict[Tensor, Node]) -> dict[str, list[Tensor]]:
    """The outputs of convolutions and dense layers."""
    calls: dict[str, list[Tensor]] = {}
    for tensor, node in tape.items():
        if Trait.UNITS in node.traits:
            calls.setdefault(node.layer or "", []).append(tensor)
    return calls


def _check_names(call: str, argument: str, names: Collection[str], known: Collection[str]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"{call}: {argument} names {unknown[0]!r}, expected some of {', '.join(known)}")
