"""What is explained: a logit, a unit of an inner layer, a feature map or a whole layer."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from minixai import ops
from minixai.op import Trait
from minixai.tape import Node, Tensor
from minixai.typing import Array

__all__ = ["Chosen", "Layer", "Neuron", "Seed", "Unit", "logits_of", "probabilities_of", "select_unit"]

Layer = str | tuple[str, int]
Neuron = tuple[int | str, ...] | int
Seed = Literal["one", "value"]


@dataclass(frozen=True)
class Unit:
    """Which part of a model's output, or of a layer's, is explained; it prints as its label."""

    layer: str | None = None  # None: the model's own output, a logit of it
    call: int | None = None  # of a layer that is called more than once
    neuron: Neuron | None = None  # None: the whole layer
    feature_map: bool = False  # whether the neuron is all of a channel

    @property
    def where(self) -> str:
        """The layer, and which call of it."""
        return f"{self.layer}" if self.call is None else f"{self.layer}, call {self.call}"

    @property
    def which(self) -> str:
        """The part of the layer."""
        if self.neuron is None:
            return "whole layer, sum"
        if self.feature_map:
            (channel,) = self.neuron if isinstance(self.neuron, tuple) else (self.neuron,)
            return f"feature map {channel}"
        return f"neuron {self.neuron}".replace("'", "")

    @property
    def label(self) -> str:
        """In words: "logit", "features.3", "features.3, neuron (5, max)"."""
        if self.layer is None:
            return "logit"
        return self.where if self.neuron is None else f"{self.where}, {self.which}"

    def __str__(self) -> str:
        return self.label


class Chosen(NamedTuple):
    """A unit on a tape, one per image; place is None for a whole layer or feature map."""

    unit: Unit
    tensor: Tensor  # (n, …)
    place: np.ndarray[Any, np.dtype[np.intp]] | None  # (n,) in the flattened output of each image
    link: str | None = None  # the operation that makes probabilities of these logits

    @property
    def values(self) -> Array:
        """(n, d): the layer's output or the logits, flattened."""
        return self.tensor.value.reshape(len(self.tensor.value), -1)

    @property
    def probabilities(self) -> Array:
        """(n, k): of the classes whose logits these are."""
        return probabilities_of(self.values, self.link)

    @property
    def target(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        """The index of the unit for every image, −1 for a whole layer or feature map."""
        return np.full(len(self.values), -1) if self.place is None else self.place

    @property
    def score(self) -> Array:
        """The value of the unit for every image, or the sum over the layer or feature map."""
        values = self.values
        return values.sum(axis=1) if self.place is None else values[np.arange(len(values)), self.place]

    def cotangent(self, seed: Seed) -> Array:
        """Where the way back starts: one or the value at the unit, zero elsewhere."""
        start = self.values.copy() if seed == "value" else np.ones_like(self.values)
        if self.place is not None:
            chosen = np.zeros_like(start)
            at = np.arange(len(start)), self.place
            chosen[at] = start[at]
            start = chosen
        return start.reshape(self.tensor.shape)


def select_unit(
    call: str,
    output: Tensor,
    layers: dict[str, list[Tensor]],
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
) -> Chosen:
    """The unit that target, layer and neuron name, in the output of a network and of its layers."""
    if layer is None:
        if neuron is not None:
            raise ValueError(f"{call}: neuron is {neuron!r}, but layer is not given")
        return _logit(call, output, target)
    if target is not None:
        raise ValueError(f"{call}: target is {target!r} and layer {layer!r}: expected only one of them")
    name, number = _called(call, layers, layer)
    tensor = layers[name][number or 0]
    if neuron is None:
        return Chosen(Unit(name, number), tensor, None)
    where = f"{name} of shape {tensor.shape[1:]}"
    if tensor.ndim == 4 and isinstance(neuron, tuple) and len(neuron) == 1:
        (channel,) = _inside(call, neuron, tensor.shape[1:2], neuron, where, maps=True)
        return Chosen(Unit(name, number, neuron, True), tensor[:, channel : channel + 1], None)
    return Chosen(Unit(name, number, neuron), tensor, _neuron_index(call, tensor.value, neuron, where))


def logits_of(output: Tensor) -> tuple[Tensor, str | None]:
    """The output before a final softmax, log-softmax or sigmoid, and that one's name or None.

    What only moves entries behind it is done to the logits.
    """
    moves: list[Node] = []
    tensor = output
    while (node := tensor.node) and Trait.MOVE in node.traits and len(tensor.inputs) == 1:
        moves.append(node)
        (tensor,) = tensor.inputs
    if node is None or Trait.LINK not in node.traits:
        return output, None
    (logits,) = tensor.inputs
    for move in reversed(moves):
        logits = move.op(logits, **move.params)
    return logits, node.op.name


def probabilities_of(logits: Array, link: str | None) -> Array:
    """(n, k): the sigmoid of each logit where the model makes it, or there is one; else their softmax."""
    alone = link == "sigmoid" or logits.shape[1] == 1
    return np.asarray(ops.sigmoid.forward(logits) if alone else ops.softmax.forward(logits))


def _logit(call: str, output: Tensor, target: Any) -> Chosen:
    output, link = logits_of(output)
    n, classes = len(output.value), int(np.prod(output.shape[1:]))
    if len(output.shape) < 2 or max(output.shape[1:]) != classes:
        raise ValueError(
            f"{call}: the model's output {output.shape} holds no logits (n, k): "
            "name layer and neuron, where the method takes them"
        )
    if target is None:
        index = output.value.reshape(n, classes).argmax(axis=1)
    else:
        index = np.asarray(target)
        if index.dtype.kind not in "iu" or index.shape not in ((), (n,)):
            raise TypeError(f"{call}: target is {target!r}, expected a class index, {n} of them, or None")
        if index.min() < 0 or index.max() >= classes:
            raise ValueError(f"{call}: target is {target!r}, expected class indices in [0, {classes})")
        index = np.broadcast_to(index, (n,)).astype(np.intp)
    return Chosen(Unit(), output, index, link)


def _called(call: str, layers: dict[str, list[Tensor]], layer: Layer) -> tuple[str, int | None]:
    """The layer's name, and which call of it, None where there is only one."""
    name, number = (layer, None) if isinstance(layer, str) else layer
    if name not in layers:
        close = difflib.get_close_matches(name, layers, n=3, cutoff=0.4) or list(layers)[:3]
        raise ValueError(f"{call}: layer {name!r} is not in the model; close to it are {', '.join(close)}")
    calls = len(layers[name])
    if number is None and calls > 1:
        raise ValueError(f"{call}: layer {name!r} is called {calls} times: name one as ({name!r}, 0)")
    if number is not None and not 0 <= number < calls:
        raise ValueError(f"{call}: layer {layer!r}: the layer is called {calls} times")
    if not isinstance(output := layers[name][number or 0], Tensor):
        raise TypeError(f"{call}: layer {layer!r} returned a {type(output).__name__}, expected one Tensor")
    return name, number if calls > 1 else None


def _neuron_index(call: str, values: Array, neuron: Neuron, where: str) -> np.ndarray[Any, np.dtype[np.intp]]:
    n, shape = len(values), values.shape[1:]
    maps = len(shape) == 3
    place = neuron if isinstance(neuron, tuple) else (neuron,)
    if maps and len(place) == 2 and place[1] == "max":
        (channel,) = _inside(call, place[:1], shape[:1], neuron, where, maps)
        plane = int(np.prod(shape[1:]))
        return channel * plane + values[:, channel].reshape(n, plane).argmax(axis=1)
    index = np.ravel_multi_index(_inside(call, place, shape, neuron, where, maps), shape)
    return np.full(n, index, np.intp)


def _inside(call: str, place: Any, sizes: Any, neuron: Neuron, where: str, maps: bool) -> tuple[int, ...]:
    fits = len(place) == len(sizes) and all(
        isinstance(p, int | np.integer) and 0 <= p < size for p, size in zip(place, sizes, strict=True)
    )
    if not fits:
        forms = "(channel, row, column), (channel, 'max') or (channel,)" if maps else "(index,)"
        raise ValueError(f"{call}: neuron is {neuron!r}, expected {forms} inside {where}")
    return tuple(int(p) for p in place)
