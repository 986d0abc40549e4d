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

from tests.peers.networks import as_arrays, branched, function, one_module, plain, separate_modules  # noqa: E402

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
    with pytest.warns(
        mx.methods.ZeroMapWarning, match="DeConvNet of logit: the map of image 0 is zero everywhere"
    ):
        e = mx.methods.deconvnet(ours, x)
    assert not e.map.any()
    assert not captum_map("deconvnet", theirs, x, 285).any()


@pytest.mark.filterwarnings(
    "ignore::minixai.methods.explanation.UnusedTableWarning"
)  # of a first convolution
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
