"""One run of a model, and what it says of layers and classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai import ops
from minixai.methods.unit import Layer, Unit, select_unit
from minixai.nn import Module
from minixai.tape import Array, Tensor

__all__ = ["Classes", "Trace"]

Classes = np.ndarray[Any, np.dtype[np.intp]]


class Trace:
    """A run in eval mode for x (n, …), the model's input; its errors begin with the call's name."""

    def __init__(self, call: str, model: Module, x: Any) -> None:
        self._call = call
        with model.evaluating():  # with a tape, which tells a final softmax from logits
            self._output, self._layers = model.trace(Tensor(model.check_input(call, x)))
        model.check_output(call, self._output.value)

    def unit(self, target: Any = None, layer: Layer | None = None) -> Unit:
        """The logits and the class that target names, or the whole layer."""
        try:
            return select_unit(self._output, self._layers, target, layer)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self._call}: {error}") from None

    def features(self, layer: Layer) -> Array:
        """(n, …): the output of a layer."""
        return self.unit(layer=layer).tensor.value

    def probabilities(self) -> Array:
        """(n, k): the softmax of the logits."""
        logits = self.unit().tensor.value
        return ops.softmax.forward(logits.reshape(len(logits), -1))
