"""Joint patterns A = Σ_x W Σ_y⁺: those of explicit samples, and right where outputs are correlated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from docs.pictures.joint import cosines
from minixai import nn, ops
from minixai.signal import Patterns, PatternWarning, fit_patterns, pattern_of
from minixai.signal.covariance import pseudo_inverse
from minixai.signal.moments import moments_of
from tests.fits import CONVOLUTIONS, assert_same, far_from_zero, network
from tests.networks import cast
from tests.oracles import patterns as oracle

RNG = np.random.default_rng
FEW = {"kinds": ("linear", "joint"), "progress": False}


def joint_of(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    return pattern_of(moments_of(ops.linear(x, w, b).node, by_sign=False), w, "joint")


@pytest.mark.parametrize("by_sign", [True, False])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_the_joint_patterns_of_their_patches(name: str, by_sign: bool) -> None:
    settings, rng = CONVOLUTIONS[name], RNG(0)
    groups = settings.get("groups", 1)
    x, w = rng.normal(0.5, 1, (5, 4, 9, 8)), rng.normal(size=(8, 4 // groups, 3, 2))
    b = rng.normal(size=8)
    a = pattern_of(moments_of(ops.conv2d(x, w, b, **settings).node, by_sign), w, "joint")
    full = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **settings}
    samples = oracle.conv_samples(x, w, b, **full)
    for units in np.split(np.arange(8), groups):
        flat = w[units].reshape(len(units), -1)
        expected = oracle.joint_pattern(samples[units[0]][0], flat, b[units])
        np.testing.assert_allclose(a[units].reshape(len(units), -1), expected, rtol=1e-8, atol=1e-9)


def test_nothing_of_the_outputs_is_left_in_the_distractor() -> None:
    """WᵀA = I and cov[x − A y, y] = 0."""
    rng = RNG(1)
    x, w = rng.normal(size=(300, 9)) @ rng.normal(size=(9, 9)) + 5, rng.normal(size=(4, 9))
    a = joint_of(x, w)
    np.testing.assert_allclose(w @ a.T, np.eye(4), atol=1e-12)
    y = x @ w.T
    left = x - y @ a
    np.testing.assert_allclose((left - left.mean(0)).T @ (y - y.mean(0)) / len(x), 0, atol=1e-11)


def test_that_of_uncorrelated_outputs_is_the_linear_one() -> None:
    rng = RNG(2)
    x = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))
    values, vectors = np.linalg.eigh(np.cov(x.T))
    w = (vectors / np.sqrt(values)).T[:3]  # principal components
    np.testing.assert_allclose(
        joint_of(x, w), pattern_of(moments_of(ops.linear(x, w).node), w, "linear"), atol=1e-12
    )


@pytest.mark.parametrize("seed", range(4))
def test_three_correlated_latents_are_found_together_and_not_one_by_one(seed: int) -> None:
    found = cosines(0.8, seed)
    assert found["joint"].min() > 0.97
    assert found["linear"].max() < 0.95


@pytest.mark.parametrize("units", [6, 8])
def test_units_that_are_not_fewer_than_inputs_say_nothing_of_the_data(units: int) -> None:
    rng = RNG(3)
    w = rng.normal(size=(units, 6))
    x = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))
    np.testing.assert_allclose(joint_of(x, w), np.linalg.pinv(w).T, atol=1e-9)
    model = nn.Sequential(nn.Linear(6, units, rng=0))
    with pytest.warns(PatternWarning, match=r"layer '0' has as many units as inputs, or more: its joint"):
        fit_patterns(model, [x], **FEW)
    fit_patterns(model, [x], kinds=("linear",), progress=False)


def test_twins_share_a_pattern_and_constant_units_have_none() -> None:
    rng = RNG(4)
    x, w = rng.normal(size=(100, 7)), rng.normal(size=(4, 7))
    x[:, 6] = 2.0
    w[1] = w[0]
    w[3] = np.eye(7)[6]
    a = joint_of(x, w)
    alone = joint_of(x, w[[0, 2]])
    np.testing.assert_allclose(a[:3], alone[[0, 0, 1]] * [[0.5], [0.5], [1]], atol=1e-12)
    assert not a[3].any()
    model = cast(nn.Sequential(nn.Linear(7, 4, bias=False)), np.float64)
    model.load_state_dict({"0.weight": w})
    printed = repr(fit_patterns(model, [x], **FEW))
    assert "joint 1 in 1, 0 in 1, between in 2" in printed


def test_no_unit_counts_for_less_because_it_is_small() -> None:
    rng = RNG(5)
    x, w = rng.normal(size=(100, 7)) @ rng.normal(size=(7, 7)), rng.normal(size=(3, 7))
    scale = np.array([[1e-9], [1], [1e9]])
    np.testing.assert_allclose(joint_of(x, w * scale) * scale, joint_of(x, w), rtol=1e-6)


def test_the_pseudo_inverse_is_numpy_s() -> None:
    rng = RNG(6)
    for rank in (2, 5):
        half = rng.normal(size=(5, rank))
        covariance = half @ half.T
        np.testing.assert_allclose(
            pseudo_inverse(covariance, 1e-12), np.linalg.pinv(covariance, rcond=1e-10), atol=1e-10
        )


# ---------------------------------------------------------------- fitted to networks


def images(n: int = 30) -> np.ndarray:
    return RNG(9).random((n, 2, 8, 8))


def test_far_from_zero_they_are_exact_whatever_the_batches() -> None:
    """float32 images of mean 1e4 and deviation 1."""
    net, x = far_from_zero()
    w, b = (parameter.value.astype(np.float64) for parameter in net.parameters())
    settings = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 2}
    samples = oracle.conv_samples(x.astype(np.float64), w, b, **settings)
    for size in (3, 40):
        a = fit_patterns(net, [x[i : i + size] for i in range(0, 40, size)], **FEW)["0"].joint
        for units in (slice(0, 3), slice(3, 6)):
            expected = oracle.joint_pattern(samples[units.start][0], w[units].reshape(3, -1), b[units])
            np.testing.assert_allclose(a[units].reshape(3, -1), expected, atol=1e-5 * np.abs(expected).max())


def test_they_merge_save_load_and_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    net, x = network(), images()
    options = {"kinds": ("linear", "positive", "joint"), "layers": ["0", "6"], "progress": False}
    whole = fit_patterns(net, [x[:10], x[10:]], **options)
    parts = [fit_patterns(net, [part], **options) for part in (x[:10], x[10:])]
    parts[1].save(tmp_path / "part.safetensors")
    assert_same(parts[0].merge(Patterns.load(tmp_path / "part.safetensors")), whole, 1e-9)
    path = tmp_path / "checkpoint.safetensors"
    fit_patterns(net, [x[:10]], checkpoint=path, **options)
    assert_same(fit_patterns(net, [x[:10], x[10:]], checkpoint=path, **options), whole)


def test_older_files_have_the_moments_that_joint_patterns_need(tmp_path: Path) -> None:
    """They were saved with "linear" alone; nothing more is kept for "joint"."""
    net, x = network(), images()
    fit_patterns(net, [x], kinds=("linear",), progress=False).save(tmp_path / "old.safetensors")
    old = Patterns.load(tmp_path / "old.safetensors")
    expected = fit_patterns(net, [x], kinds=("joint",), layers=["6"], progress=False)["6"]
    found = pattern_of(old.moments["6"], old.weights["6"], "joint")
    np.testing.assert_array_equal(found, expected.joint)


def test_layers_with_no_relu_behind_them_have_them_too() -> None:
    net, x = network(), images()
    layers = ["6", "9"]
    p = fit_patterns(net, [x], kinds=("positive", "joint"), layers=layers, progress=False)
    assert list(p["9"].by_kind) == ["linear", "joint"]
    assert p.choose("joint")["9"][0] is p["9"].joint
    assert p.choose("positive")["9"][0] is p["9"].linear
    only = fit_patterns(net, [x], kinds=("joint",), layers=layers, progress=False)
    assert {name: list(of_layer.by_kind) for name, of_layer in only.items()} == {
        "6": ["joint"],
        "9": ["joint"],
    }


def test_pattern_net_follows_them() -> None:
    net, x = network(), images()
    p = fit_patterns(net, [x], kinds=("joint",), progress=False)
    e = mx.methods.pattern_attribution(net, x[:2], patterns=p, kind="joint")
    assert e.map.any()
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_units_that_are_constant_to_rounding_have_no_joint_pattern(dtype: type) -> None:
    """In floating point the covariance of what is constant is not zero."""
    x = np.full((20, 3, 4, 4), 0.1, dtype)
    x[:, 0] = RNG(0).normal(size=(20, 4, 4))
    w = RNG(1).normal(size=(3, 3, 2, 2)).astype(dtype)
    w[0, 1:] = 0
    w[1:, 0] = 0  # these see constant channels only
    for by_sign in (True, False):
        a = pattern_of(moments_of(ops.conv2d(x, w).node, by_sign), w, "joint")
        assert not a[1:].any()
        assert (w[0] * a[0]).sum() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-3), (np.float64, 1e-10)])
@pytest.mark.parametrize("seed", range(5))
def test_units_that_are_combinations_to_rounding_share(dtype: type, tolerance: float, seed: int) -> None:
    """cov[y]'s smallest eigenvalue is rounding; its inverse would be the pattern of noise."""
    rng = RNG(seed)
    x, w = rng.normal(size=(500, 9)) @ rng.normal(size=(9, 9)), rng.normal(size=(4, 9))
    w[3] = w[0] - 0.3 * w[1]
    a = joint_of(x.astype(dtype), w.astype(dtype))
    expected = oracle.joint_pattern(x, w, np.zeros(4))
    np.testing.assert_allclose(a, expected, atol=tolerance * np.abs(expected).max())


def test_affine_steps_behind_a_layer_are_part_of_its_units() -> None:
    """Batch norm: y = s·(wᵀx + b) + t."""
    net = cast(nn.Sequential(nn.Linear(6, 3, rng=0), nn.BatchNorm1d(3), nn.ReLU()), np.float64)
    net[1].running_mean, net[1].running_var = np.array([0.5, -1.0, 2.0]), np.array([4.0, 1.0, 0.25])
    x = RNG(7).normal(size=(200, 6)) @ RNG(8).normal(size=(6, 6))
    w = net[0].weight.value / np.sqrt(np.array([4.0, 1.0, 0.25]) + net[1].eps)[:, None]
    found = fit_patterns(net, [x], **FEW)["0"].joint
    np.testing.assert_allclose(found, oracle.joint_pattern(x, w, np.zeros(3)), atol=1e-10)
