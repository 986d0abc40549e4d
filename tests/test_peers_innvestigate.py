"""Gradient, input × gradient, DeConvNet and guided backprop of single layers beside iNNvestigate's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from minixai.methods import Explanation

h5py = pytest.importorskip("h5py", reason="h5py is not installed (pip install -e '.[peers]')")

pytestmark = pytest.mark.peers

LAYERS = ["Dense", "Dense_relu", "Conv2D", "Conv2D_relu", "AveragePooling2D", "MaxPooling2D"]
METHODS: dict[str, Callable[..., Explanation]] = {
    "Gradient": mx.methods.gradient,
    "InputTimesGradient": mx.methods.input_x_gradient,
    "Deconvnet": lambda model, x: mx.methods.deconvnet(model, x, seed="value"),
    "GuidedBackprop": lambda model, x: mx.methods.guided_backprop(model, x, seed="value"),
}


class SingleLayer(mx.nn.Module):
    """One layer of Keras; its outputs, flattened as Keras does (n, h, w, c), are the logits."""

    def __init__(self, name: str, weights: list[np.ndarray]) -> None:
        kind, *relu = name.split("_")
        pools = {"AveragePooling2D": mx.nn.AvgPool2d, "MaxPooling2D": mx.nn.MaxPool2d}
        if kind in pools:
            self.layer = pools[kind](2)
        else:
            kernel, bias = weights
            kernel = kernel if kernel.ndim == 4 else kernel[None, None]  # a dense layer acts on each pixel
            kernel = kernel.transpose(3, 2, 0, 1)  # from (h, w, in, out)
            self.layer = mx.nn.Conv2d(kernel.shape[1], kernel.shape[0], kernel.shape[2:])
            self.layer.load_state_dict({"weight": kernel, "bias": bias})
        self.relu = mx.nn.ReLU() if relu else mx.nn.Identity()

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return mx.ops.flatten(self.relu(self.layer(x)).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("method", METHODS)
def test_innvestigate(method: str, layer: str, data_dir: Path) -> None:
    with h5py.File(data_dir / "innvestigate" / f"{method}.hdf5") as file:
        x = file["input"][:].transpose(0, 3, 1, 2)
        group = file[layer]
        weights = [group["weights"][key][:].astype(float) for key in sorted(group["weights"])]
        output, attribution = group["output"][:], group["attribution"][:].transpose(0, 3, 1, 2)
    model = SingleLayer(layer, weights)
    e = METHODS[method](model, x)
    np.testing.assert_array_equal(e.target, output.argmax(axis=1))
    np.testing.assert_allclose(model.predict(x), output, atol=1e-5)
    np.testing.assert_allclose(e.map, attribution, atol=1e-5)
