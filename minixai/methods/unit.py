"""What is explained: a logit, a unit of an inner layer, a feature map or a whole layer."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from minixai import ops
from minixai.arrays import as_array
from minixai.errors import came
from minixai.nn import Module
from minixai.nn.logits import logits_of
from minixai.tape import Node, Tensor
from minixai.typing import Array

__all__ = [
    "Chosen",
    "Indices",
    "Layer",
    "Neuron",
    "Probability",
    "Seed",
    "Unit",
    "check_layer",
    "check_unit",
    "class_indices",
    "select_unit",
]

Layer = str | tuple[str, int]
Neuron = tuple[int | str, ...] | int
Seed = Literal["one", "value"]
Indices = np.ndarray[Any, np.dtype[np.intp]]


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


@dataclass(frozen=True)
class Probability:
    """How the probabilities of classes are read from a model's output; it prints as what was taken."""

    classes: int
    link: str | None  # the operation by which the model makes its output of logits
    logarithms: bool = False  # whether it gives the logarithms of probabilities

    def of(self, output: Array) -> Array:
        """(n, k) float64: of the model's output (n, …)."""
        y = output.reshape(len(output), self.classes).astype(np.float64)
        if self.link:
            return np.exp(y) if self.logarithms else y
        return np.asarray(ops.sigmoid.forward(y) if self.classes == 1 else ops.softmax.forward(y))

    def __str__(self) -> str:
        if self.link:
            return f"probability (the model's own {self.link.replace('_', '-')})"
        return f"probability ({'sigmoid of the logit' if self.classes == 1 else 'softmax of the logits'})"


class Chosen(NamedTuple):
    """A unit on a tape, one per image; place is None for a whole layer or feature map."""

    unit: Unit
    tensor: Tensor  # (n, …)
    place: Indices | None  # (n,) in the flattened output of each image
    link: Node | None = None  # what makes probabilities of these logits

    @property
    def values(self) -> Array:
        """(n, d): the layer's output or the logits, flattened."""
        return self.tensor.value.reshape(len(self.tensor.value), -1)

    @property
    def probability(self) -> Probability:
        """Of the classes whose logits these are."""
        classes = self.values.shape[1]
        if self.link is None:
            return Probability(classes, None)
        of_zeros = self.link.op.forward(np.zeros_like(self.link.arrays[0][:1]), **self.link.params)
        y = of_zeros[0] if isinstance(of_zeros, tuple) else of_zeros
        return Probability(classes, self.link.op.name, logarithms=bool(np.all(y <= 0)))  # log 1 is 0

    @property
    def target(self) -> Indices:
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
    takes: Collection[str] = ("target",),
) -> Chosen:
    """The unit that target, layer and neuron name, in the output of a network and of its layers.

    takes: the arguments of the call that name a unit, of which its errors may speak.
    """
    if layer is None:
        return _logit(call, output, target, takes)
    name, number = _called(call, layers, layer)
    tensor = layers[name][number or 0]
    if neuron is None:
        return Chosen(Unit(name, number), tensor, None)
    where = f"{name} of shape {tensor.shape[1:]}"
    if tensor.ndim == 4 and isinstance(neuron, tuple) and len(neuron) == 1:
        (channel,) = _inside(call, neuron, tensor.shape[1:2], neuron, where, maps=True)
        return Chosen(Unit(name, number, neuron, True), tensor[:, channel : channel + 1], None)
    return Chosen(Unit(name, number, neuron), tensor, _neuron_index(call, tensor.value, neuron, where))


def check_layer(call: str, model: Module, layer: Any, name: str = "layer") -> None:
    """TypeError unless it is a module's name, or such a name and the number of a call."""
    parts = layer if isinstance(layer, tuple) else (layer, 0)
    if len(parts) == 2 and isinstance(parts[0], str) and isinstance(parts[1], int | np.integer):
        return
    called = [path for path, module in model.named_modules() if module is layer]
    way_on = f": it is called {called[0]!r}" if called else ", such as 'features.3'"
    raise TypeError(f"{call}: {name} is {came(layer)}, expected a module's name, or (name, call){way_on}")


def check_unit(call: str, model: Module, target: Any, layer: Any, neuron: Any) -> None:
    """TypeError or ValueError where layer or neuron is none by its kind, or they do not go together."""
    if layer is not None:
        check_layer(call, model, layer)
    if neuron is not None:
        _check_neuron(call, neuron)
    if neuron is not None and layer is None:
        raise ValueError(f"{call}: neuron is {came(neuron)}, but layer is not given, expected both")
    if target is not None and layer is not None:
        raise ValueError(f"{call}: target is {came(target)} and layer {layer!r}, expected only one of them")


def _check_neuron(call: str, neuron: Any) -> None:
    """TypeError unless it is an index, or a tuple of them in which "max" may stand for a place."""
    places = neuron if isinstance(neuron, tuple) else (neuron,)
    if not all(isinstance(place, int | np.integer | str) for place in places):
        forms = "(channel, row, column), (channel, 'max'), (channel,) or (index,)"
        raise TypeError(f"{call}: neuron is {came(neuron)}, expected {forms}, of whole numbers")


def class_indices(call: str, target: Any, n: int) -> Indices | None:
    """(n,): the class of every image; None where none is named. TypeError for what is no class index."""
    if target is None:
        return None
    expected = f"expected a class index, {n} of them, or None"
    try:
        index = as_array(call, "target", target)
    except TypeError:
        raise TypeError(f"{call}: target is {came(target)}, {expected}") from None
    if index.dtype.kind not in "iu" or index.shape not in ((), (n,)):
        raise TypeError(f"{call}: target is {came(target)}, {expected}")
    return np.broadcast_to(index, (n,)).astype(np.intp)


def _logit(call: str, output: Tensor, target: Any, takes: Collection[str]) -> Chosen:
    output, link = logits_of(output)
    n, classes = len(output.value), int(np.prod(output.shape[1:]))
    if len(output.shape) < 2 or max(output.shape[1:]) != classes:
        way_on = "; name layer and neuron, or explain" if "layer" in takes else "; take"
        raise ValueError(
            f"{call}: the model's output {output.shape} holds no logits, expected (n, k)"
            f"{way_on} a model that ends with one number a class"
        )
    index = class_indices(call, target, n)
    if index is None:
        index = output.value.reshape(n, classes).argmax(axis=1)
    elif outside := [i for i in index.tolist() if not 0 <= i < classes]:
        raise ValueError(f"{call}: target is {outside[0]}, expected class indices in [0, {classes})")
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


def _neuron_index(call: str, values: Array, neuron: Neuron, where: str) -> Indices:
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
        raise ValueError(f"{call}: neuron is {came(neuron)}, expected {forms} inside {where}")
    return tuple(int(p) for p in place)
