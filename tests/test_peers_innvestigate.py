"""Gradient, input × gradient, DeConvNet and guided backprop of single layers beside iNNvestigate's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from minixai.methods import Explanation
from tests.peers.innvestigate import LAYERS, read_layer

pytestmark = pytest.mark.peers

METHODS: dict[str, Callable[..., Explanation]] = {
    "Gradient": mx.methods.gradient,
    "InputTimesGradient": mx.methods.input_x_gradient,
    "Deconvnet": lambda model, x: mx.methods.deconvnet(model, x, seed="value"),
    "GuidedBackprop": lambda model, x: mx.methods.guided_backprop(model, x, seed="value"),
}


@pytest.mark.filterwarnings("ignore::minixai.methods.explanation.UnusedTableWarning")  # layers without ReLU
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("method", METHODS)
def test_innvestigate(method: str, layer: str, data_dir: Path) -> None:
    model, x, output, attribution = read_layer(data_dir, method, layer)
    e = METHODS[method](model, x)
    np.testing.assert_array_equal(e.target, output.argmax(axis=1))
    np.testing.assert_allclose(model.predict(x), output, atol=1e-5)
    np.testing.assert_allclose(e.map, attribution, atol=1e-5)
