"""Gradient, input × gradient, DeConvNet and guided backprop beside captum's."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import minixai as mx
from tests.peers.compare import assert_close

torch = pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[peers]')")
attr = pytest.importorskip("captum.attr", reason="captum is not installed (pip install -e '.[peers]')")

from benchmarks import torch_models  # noqa: E402

pytestmark = pytest.mark.peers

METHODS = {
    "gradient": attr.Saliency,
    "input_x_gradient": attr.InputXGradient,
    "deconvnet": attr.Deconvolution,
    "guided_backprop": attr.GuidedBackprop,
}
RELU_METHODS = ["deconvnet", "guided_backprop"]


def captum_map(method: str, model: Any, x: np.ndarray, target: Any) -> np.ndarray:
    settings = {"abs": False} if method == "gradient" else {}
    with warnings.catch_warnings():  # what captum says of itself on every call
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations", UserWarning)
        leaf = torch.tensor(x, requires_grad=True)
        return METHODS[method](model).attribute(leaf, target=target, **settings).detach().numpy()


def as_arrays(model: Any) -> dict[str, np.ndarray]:
    return {key: tensor.detach().numpy() for key, tensor in model.state_dict().items()}


# Small networks, written once for both libraries, whose layers have the same names and arguments


def branched(nn: Any, concat: Any) -> Any:
    """Stride, padding, biases, overlapping pools, branches that are concatenated and one that is added."""

    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
            self.left = nn.Sequential(nn.Conv2d(8, 6, 1), nn.ReLU())
            self.right = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1), nn.ReLU())
            self.inner = nn.Sequential(nn.Conv2d(12, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 12, 1))
            self.top = nn.Sequential(nn.ReLU(), nn.AvgPool2d(3, 2, 1), nn.Flatten())
            self.dense = nn.Sequential(nn.Linear(48, 30), nn.ReLU(), nn.Linear(30, 5))

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            x = concat([self.left(x), self.right(x)])
            return self.dense(self.top(x + self.inner(x)))

    return Branched()


def plain(nn: Any, relu: Any) -> Any:
    """Two convolutions, each followed by relu(model, its number, x), and a dense layer."""

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv0, self.relu0 = nn.Conv2d(3, 8, 3), nn.ReLU()
            self.conv1, self.relu1 = nn.Conv2d(8, 4, 3, 2, 1), nn.ReLU()
            self.flatten, self.dense = nn.Flatten(), nn.Linear(64, 5)

        def forward(self, x: Any) -> Any:
            x = relu(self, 0, self.conv0(x))
            return self.dense(self.flatten(relu(self, 1, self.conv1(x))))

    return Plain()


def separate_modules(model: Any, number: int, x: Any) -> Any:
    return getattr(model, f"relu{number}")(x)


def one_module(model: Any, number: int, x: Any) -> Any:
    return model.relu0(x)


def function(model: Any, number: int, x: Any) -> Any:
    return mx.ops.relu(x) if isinstance(x, mx.Tensor) else torch.relu(x)


@pytest.fixture
def x() -> np.ndarray:
    torch.manual_seed(0)
    return np.random.default_rng(0).standard_normal((4, 3, 10, 10))


@pytest.mark.parametrize("method", METHODS)
def test_network_with_branches(method: str, x: np.ndarray) -> None:
    theirs = branched(torch.nn, partial(torch.cat, dim=1)).double()
    ours = branched(mx.nn, mx.ops.concat)
    ours.load_state_dict(as_arrays(theirs))
    target = np.array([0, 4, 2, 2])
    e = getattr(mx.methods, method)(ours, x, target)
    assert_close(e, captum_map(method, theirs, x, torch.from_numpy(target)))


@pytest.mark.parametrize("relu", [separate_modules, one_module, function])
@pytest.mark.parametrize("method", RELU_METHODS)
def test_every_relu_counts_however_it_is_called(method: str, relu: Any, x: np.ndarray) -> None:
    """A module of its own, one module for all, a function: to the tape they are the same."""
    theirs = plain(torch.nn, separate_modules).double()
    ours = plain(mx.nn, relu)
    ours.load_state_dict(as_arrays(theirs))
    assert_close(getattr(mx.methods, method)(ours, x, 1), captum_map(method, theirs, x, 1))


@pytest.mark.parametrize("method", RELU_METHODS)
def test_captum_takes_the_plain_gradient_of_a_relu_that_is_no_module(method: str, x: np.ndarray) -> None:
    """Why the test above compares with separate modules: captum sees no other ReLU, and does not say so."""
    theirs = plain(torch.nn, function).double()
    np.testing.assert_array_equal(captum_map(method, theirs, x, 1), captum_map("gradient", theirs, x, 1))


# SqueezeNet with the authors' weights


@pytest.fixture(scope="module")
def squeezenets(data_dir: Any) -> tuple[mx.nn.Module, Any]:
    """SqueezeNet in float64: in float32 rounding decides here and there which unit is above 0."""
    ours = mx.models.squeezenet1_0(weights=data_dir / "squeezenet" / "compressed_SqueezeNet.net")
    ours.load_state_dict({key: array.astype(float) for key, array in ours.state_dict().items()})
    theirs = torch_models.SqueezeNet().eval().double()
    theirs.load_state_dict({key: torch.from_numpy(array) for key, array in ours.state_dict().items()})
    return ours, theirs


def chelsea(model: Any, size: int) -> np.ndarray:
    """At 227 pixels no pooling window hangs over the edge, at 224 one does, so that ceil_mode shows."""
    return replace(model.preprocess, size=size)(mx.data.photo("chelsea")).astype(float)


@pytest.mark.parametrize("size", [227, 224])
@pytest.mark.parametrize("method", ["gradient", "input_x_gradient", "guided_backprop"])
def test_squeezenet(method: str, size: int, squeezenets: tuple[Any, Any]) -> None:
    ours, theirs = squeezenets
    x = chelsea(ours, size)
    e = getattr(mx.methods, method)(ours, x)
    assert e.target == [285]
    assert_close(e, captum_map(method, theirs, x, 285))


@pytest.mark.parametrize("size", [227, 224])
def test_deconvnet_of_a_logit_of_squeezenet_is_zero(size: int, squeezenets: tuple[Any, Any]) -> None:
    """The squeeze layers' backward weights are mostly negative. captum returns the zeros without a word."""
    ours, theirs = squeezenets
    x = chelsea(ours, size)
    with pytest.warns(mx.methods.ZeroMapWarning, match="DeConvNet: the map of image 0 is zero everywhere"):
        e = mx.methods.deconvnet(ours, x)
    assert not e.map.any()
    assert not captum_map("deconvnet", theirs, x, 285).any()


@pytest.mark.parametrize("size", [227, 224])
@pytest.mark.parametrize("number", [0, 3, 5, 8, 12])
@pytest.mark.parametrize("method", RELU_METHODS)
def test_unit_within_squeezenet(method: str, number: int, size: int, squeezenets: tuple[Any, Any]) -> None:
    """captum explains units of the last layer only: its network ends with the layer in question."""
    ours, theirs = squeezenets
    x = chelsea(ours, size)
    trunk = theirs.features[: number + 1]
    with torch.no_grad():
        activations = trunk(torch.from_numpy(x))[0].numpy()
    unit = tuple(int(i) for i in np.unravel_index(activations.argmax(), activations.shape))
    e = getattr(mx.methods, method)(ours, x, layer=f"features.{number}", neuron=unit, seed="one")
    assert e.score[0] == pytest.approx(activations[unit], rel=1e-12)
    assert_close(e, captum_map(method, trunk, x, unit))
