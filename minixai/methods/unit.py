"""What is explained: a logit, a unit of an inner layer, or a whole layer."""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

import numpy as np

from minixai import ops
from minixai.tape import Array, Tensor

__all__ = ["Unit", "select_unit"]

Layer = str | tuple[str, int]
Neuron = tuple[int | str, ...] | int


class Unit(NamedTuple):
    """A unit of a layer's output, one per image; or the whole layer or feature map (then `place` is None)."""

    tensor: Tensor  # (n, …)
    place: np.ndarray[Any, np.dtype[np.intp]] | None  # (n,) in the flattened output of each image
    name: str

    @property
    def _values(self) -> Array:
        return self.tensor.value.reshape(len(self.tensor.value), -1)

    @property
    def target(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        """The index of the unit for every image, −1 for a whole layer or feature map."""
        return np.full(len(self._values), -1) if self.place is None else self.place

    @property
    def score(self) -> Array:
        """The value of the unit for every image, or the sum over the layer or feature map."""
        values = self._values
        return values.sum(axis=1) if self.place is None else values[np.arange(len(values)), self.place]

    def cotangent(self, seed: str) -> Array:
        """Where the way back starts: one or the value at the unit, zero elsewhere."""
        if seed not in ("one", "value"):
            raise ValueError(f"seed is {seed!r}, expected 'one' or 'value'")
        start = self._values.copy() if seed == "value" else np.ones_like(self._values)
        if self.place is not None:
            chosen = np.zeros_like(start)
            at = np.arange(len(start)), self.place
            chosen[at] = start[at]
            start = chosen
        return start.reshape(self.tensor.shape)


def select_unit(
    output: Tensor,
    layers: dict[str, list[Tensor]],
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
) -> Unit:
    """The unit that target, layer and neuron name, in the output of a network and of its layers."""
    if layer is None:
        if neuron is not None:
            raise ValueError(f"neuron is {neuron!r}, but layer is not given")
        return _logit(output, target)
    if target is not None:
        raise ValueError(f"target is {target!r} and layer {layer!r}: expected only one of them")
    tensor, name = _layer_output(layers, layer)
    if neuron is None:
        return Unit(tensor, None, name)
    if tensor.ndim == 4 and isinstance(neuron, tuple) and len(neuron) == 1:
        (channel,) = _inside(neuron, tensor.shape[1:2], neuron, name, tensor.shape[1:])
        return Unit(tensor[:, channel : channel + 1], None, f"{name}, feature map {channel}")
    return Unit(tensor, _neuron_index(tensor.value, neuron, name), f"{name}, neuron {neuron}")


def _logit(output: Tensor, target: Any) -> Unit:
    if output.node is not None and output.node.op in (ops.softmax, ops.log_softmax):
        (output,) = output.inputs
    n, classes = len(output.value), int(np.prod(output.shape[1:]))
    if len(output.shape) < 2 or max(output.shape[1:]) != classes:
        raise ValueError(f"the model's output {output.shape} holds no logits (n, k): name layer and neuron")
    if target is None:
        index = output.value.reshape(n, classes).argmax(axis=1)
    else:
        index = np.asarray(target)
        if index.dtype.kind not in "iu" or index.shape not in ((), (n,)):
            raise TypeError(f"target is {target!r}, expected a class index, {n} of them, or None")
        if index.min() < 0 or index.max() >= classes:
            raise ValueError(f"target is {target!r}, expected class indices in [0, {classes})")
        index = np.broadcast_to(index, (n,)).astype(np.intp)
    return Unit(output, index, "logit")


def _layer_output(layers: dict[str, list[Tensor]], layer: Layer) -> tuple[Tensor, str]:
    name, call = (layer, None) if isinstance(layer, str) else layer
    if name not in layers:
        close = difflib.get_close_matches(name, layers, n=3, cutoff=0.4) or list(layers)[:3]
        raise ValueError(f"layer {name!r} is not in the model; close to it are {', '.join(close)}")
    outputs = layers[name]
    if call is None and len(outputs) > 1:
        raise ValueError(f"layer {name!r} is called {len(outputs)} times: name one as ({name!r}, 0)")
    if call is not None and not 0 <= call < len(outputs):
        raise ValueError(f"layer {layer!r}: the layer is called {len(outputs)} times")
    return outputs[call or 0], name


def _neuron_index(values: Array, neuron: Neuron, name: str) -> np.ndarray[Any, np.dtype[np.intp]]:
    n, shape = len(values), values.shape[1:]
    place = neuron if isinstance(neuron, tuple) else (neuron,)
    if len(shape) == 3 and len(place) == 2 and place[1] == "max":
        channel = _inside(place[:1], shape[:1], neuron, name, shape)[0]
        plane = int(np.prod(shape[1:]))
        return channel * plane + values[:, channel].reshape(n, plane).argmax(axis=1)
    index = np.ravel_multi_index(_inside(place, shape, neuron, name, shape), shape)
    return np.full(n, index, np.intp)


def _inside(place: Any, sizes: Any, neuron: Neuron, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    fits = len(place) == len(sizes) and all(
        isinstance(p, int | np.integer) and 0 <= p < size for p, size in zip(place, sizes, strict=True)
    )
    if not fits:
        maps = "(channel, row, column), (channel, 'max') or (channel,)"
        forms = maps if len(shape) == 3 else "(index,)"
        raise ValueError(f"neuron is {neuron!r}, expected {forms} inside {name} of shape {shape}")
    return tuple(int(p) for p in place)
