"""One run of a model, and what it says of layers and classes."""

from __future__ import annotations

from typing import Any

from minixai.methods.unit import Chosen, Layer, Probability, select_unit
from minixai.nn import Module
from minixai.nn.module import check_model, traced
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = ["Run"]


class Run:
    """A run in eval mode for x (n, …), the model's input; its errors begin with the call's name."""

    def __init__(self, call: str, model: Module, x: Any) -> None:
        self._call = call
        x = check_model(call, model).check_input(call, x)
        self._output, self._layers = traced(call, model, Tensor(x))

    def chosen(self, target: Any = None, layer: Layer | None = None) -> Chosen:
        """The logits and the class that target names, or the whole layer."""
        return select_unit(self._call, self._output, self._layers, target, layer)

    def features(self, layer: Layer) -> Array:
        """(n, …): the output of a layer."""
        return self.chosen(layer=layer).tensor.value

    def probabilities(self) -> tuple[Array, Probability]:
        """(n, k): of all classes; and what was taken for them."""
        probability = self.chosen().probability
        return probability.of(self._output.value), probability
