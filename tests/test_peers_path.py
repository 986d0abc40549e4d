"""Integrated gradients, SmoothGrad, VarGrad and occlusion beside captum, PyTorch and iNNvestigate."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai.methods.path import integrated_gradients, smoothgrad, vargrad
from minixai.methods.perturbation import occlusion
from tests.peers.compare import assert_close
from tests.peers.innvestigate import LAYERS, read_layer

torch = pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[peers]')")
attr = pytest.importorskip("captum.attr", reason="captum is not installed (pip install -e '.[peers]')")

from tests.peers.networks import as_arrays, branched, function, one_module, plain  # noqa: E402

pytestmark = pytest.mark.peers

TARGET = np.array([0, 4, 2, 2])
NETWORKS = {
    "branches": (branched, torch.nn, partial(torch.cat, dim=1), mx.ops.concat),
    "one relu for all": (plain, torch.nn, one_module, one_module),
    "relu as a function": (plain, torch.nn, function, function),
}


@pytest.fixture(params=NETWORKS)
def networks(request: pytest.FixtureRequest) -> tuple[mx.nn.Module, Any]:
    """A small random network in both libraries, in float64, with padding, stride and biases."""
    torch.manual_seed(0)
    build, nn, theirs_by, ours_by = NETWORKS[request.param]
    theirs = build(nn, theirs_by).double()
    ours = build(mx.nn, ours_by)
    ours.load_state_dict(as_arrays(theirs))
    return ours, theirs


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((4, 3, 10, 10))


@pytest.fixture(params=[("chelsea", 285), ("coffee", 967)], ids=["chelsea", "coffee"])
def photo(request: pytest.FixtureRequest, squeezenets: tuple[mx.nn.Module, Any]) -> tuple[np.ndarray, int]:
    """What the network takes of a photo, and its class."""
    name, target = request.param
    return squeezenets[0].preprocess(mx.data.photo(name)).astype(float), target


def torch_gradients(model: Any, x: np.ndarray, target: Any) -> np.ndarray:
    leaf = torch.tensor(x, requires_grad=True)
    model(leaf)[torch.arange(len(x)), torch.as_tensor(target)].sum().backward()
    return leaf.grad.numpy()


def captum_ig(
    model: Any, x: np.ndarray, target: Any, baseline: Any, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """captum's map and its convergence delta, by the midpoint rule.

    It computes the points in float32: exact, where the number of steps is a power of two.
    """
    baseline = torch.from_numpy(np.broadcast_to(baseline, x.shape).copy())
    map_, delta = attr.IntegratedGradients(model).attribute(
        torch.from_numpy(x),
        baseline,
        torch.as_tensor(target),
        n_steps=steps,
        method="riemann_middle",
        internal_batch_size=8,
        return_convergence_delta=True,
    )
    return map_.detach().numpy(), delta.detach().numpy()


@pytest.mark.parametrize("steps", [2, 16])
@pytest.mark.parametrize("baseline", [0.0, np.random.default_rng(1).standard_normal((4, 3, 10, 10))])
def test_integrated_gradients(networks: Any, x: np.ndarray, baseline: Any, steps: int) -> None:
    ours, theirs = networks
    e = integrated_gradients(ours, x, TARGET, baseline=baseline, steps=steps, progress=False)
    map_, delta = captum_ig(theirs, x, TARGET, baseline, steps)
    assert_close(e, map_)
    np.testing.assert_allclose(e.gap, delta, atol=1e-12)


def test_integrated_gradients_of_squeezenet(squeezenets: Any, photo: tuple[np.ndarray, int]) -> None:
    (ours, theirs), (x, target) = squeezenets, photo
    e = integrated_gradients(ours, x, steps=4, progress=False)
    assert e.target == [target]
    map_, delta = captum_ig(theirs, x, target, 0.0, 4)
    assert_close(e, map_)
    np.testing.assert_allclose(e.gap, delta, atol=1e-9)


def test_smoothgrad_and_vargrad_with_the_same_noise(networks: Any, x: np.ndarray) -> None:
    """captum's NoiseTunnel draws its own noise, so PyTorch's gradients are taken at ours."""
    ours, theirs = networks
    noise = 0.3 * np.random.default_rng(2).standard_normal((7, *x.shape))
    gradients = np.stack([torch_gradients(theirs, x + each, TARGET) for each in noise])
    assert_close(smoothgrad(ours, x, TARGET, noise=noise, progress=False), gradients.mean(0))
    assert_close(vargrad(ours, x, TARGET, noise=noise, progress=False), gradients.var(0))


def test_smoothgrad_of_squeezenet(squeezenets: Any, photo: tuple[np.ndarray, int]) -> None:
    (ours, theirs), (x, target) = squeezenets, photo
    noise = 20 * np.random.default_rng(2).standard_normal((3, *x.shape))
    gradients = np.stack([torch_gradients(theirs, x + each, target) for each in noise])
    assert_close(smoothgrad(ours, x, noise=noise, progress=False), gradients.mean(0))


def captum_occlusion(
    model: Any, x: np.ndarray, target: Any, patch: tuple[int, int], stride: tuple[int, int], fill: Any
) -> np.ndarray:
    baseline = np.broadcast_to(np.reshape(fill, (-1, 1, 1)), x.shape).copy()
    with torch.no_grad():
        map_ = attr.Occlusion(model).attribute(
            torch.from_numpy(x),
            sliding_window_shapes=(3, *patch),
            strides=(3, *stride),
            baselines=torch.from_numpy(baseline),
            target=torch.as_tensor(target),
            perturbations_per_eval=4,
        )
    return map_.numpy()


@pytest.mark.parametrize(
    ("patch", "stride"), [((2, 2), (2, 2)), ((3, 3), (1, 1)), ((4, 3), (3, 2)), ((5, 7), (4, 5))]
)
@pytest.mark.parametrize("fill", [0.0, [0.5, -1.0, 2.0]])
def test_occlusion(networks: Any, x: np.ndarray, patch: Any, stride: Any, fill: Any) -> None:
    """captum gives the whole drop to each channel, in float32; ours share it, so that they sum up to it."""
    ours, theirs = networks
    e = occlusion(ours, x, TARGET, patch=patch, stride=stride, fill=fill, progress=False)
    drop = captum_occlusion(theirs, x, TARGET, patch, stride, fill)
    assert_close((3 * e.map).astype(np.float32), drop, 1e-6)


def test_occlusion_of_squeezenet(squeezenets: Any, photo: tuple[np.ndarray, int]) -> None:
    (ours, theirs), (x, target) = squeezenets, photo
    e = occlusion(ours, x, patch=80, stride=60, fill=[3.0, 1.0, -2.0], progress=False)
    drop = captum_occlusion(theirs, x, target, (80, 80), (60, 60), [3.0, 1.0, -2.0])
    assert_close((3 * e.map).astype(np.float32), drop, 1e-6)


@pytest.mark.filterwarnings("ignore::minixai.methods.ZeroMapWarning")  # at 0, for a ReLU
@pytest.mark.parametrize("layer", LAYERS)
def test_innvestigates_integrated_gradients_are_a_left_riemann_sum(layer: str, data_dir: Path) -> None:
    """64 steps at k/64, from k = 0: the gradients are ours, the weights theirs. Ours is the midpoint rule."""
    model, x, output, attribution = read_layer(data_dir, "IntegratedGradients", layer)
    target = output.argmax(axis=1)
    np.testing.assert_allclose(model.predict(x), output, atol=1e-5)
    left = sum(mx.methods.gradient(model, x * k / 64, target).map for k in range(64)) / 64
    np.testing.assert_allclose(x * left, attribution, atol=1e-5)
    ours = integrated_gradients(model, x, target, steps=64, progress=False).map
    kinked = layer in ("Dense_relu", "Conv2D_relu", "MaxPooling2D")  # at 0, where the left sum starts
    assert (np.abs(ours - attribution).max() > 1e-3) == kinked
