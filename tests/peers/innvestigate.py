"""What iNNvestigate's files hold of single layers of Keras, and such a layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minixai as mx

h5py = pytest.importorskip("h5py", reason="h5py is not installed (pip install -e '.[peers]')")

LAYERS = ["Dense", "Dense_relu", "Conv2D", "Conv2D_relu", "AveragePooling2D", "MaxPooling2D"]


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


def read_layer(
    data_dir: Path, method: str, layer: str
) -> tuple[SingleLayer, np.ndarray, np.ndarray, np.ndarray]:
    """The layer, its inputs (n, c, h, w), its outputs, and what the method makes of them."""
    with h5py.File(data_dir / "innvestigate" / f"{method}.hdf5") as file:
        x = file["input"][:].transpose(0, 3, 1, 2)
        group = file[layer]
        weights = [group["weights"][key][:].astype(float) for key in sorted(group["weights"])]
        output, attribution = group["output"][:], group["attribution"][:].transpose(0, 3, 1, 2)
    return SingleLayer(layer, weights), x, output, attribution
