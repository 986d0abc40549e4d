"""Infidelity, max-sensitivity and sparseness, where closed forms say what they must be."""

from __future__ import annotations

import numpy as np
import pytest

import minixai as mx
from minixai import nn
from minixai.errors import ShapeError
from minixai.evaluate import infidelity, max_sensitivity, sparseness
from tests.networks import float64, small

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 5))


@pytest.fixture
def linear() -> nn.Module:
    return float64(nn.Sequential(nn.Linear(5, 2, rng=0)))


def weights(net: nn.Module, x: np.ndarray) -> np.ndarray:
    return net[0].weight.value[net.predict(x).argmax(axis=1)]


def test_a_linear_models_gradient_foretells_all_noise_and_its_shares_all_removals(linear):
    """f(x) − f(x − I) = wᵀI: φ = w tells it, and for I = x ⊙ mask so does φ = w ⊙ x, summed over the mask."""
    for method, perturbation in (("gradient", "noise"), ("input_x_gradient", "removal")):
        e = getattr(mx.methods, method)(linear, X)
        found = infidelity(linear, X, e, perturbation=perturbation, progress=False)
        np.testing.assert_allclose(found, 0, atol=1e-25)


def test_what_a_wrong_map_misses(linear):
    """φ = w + δ misses Iᵀδ: in the mean square σ²‖δ‖² for noise, p·Σδᵢ² + p²·Σ_{i≠j}δᵢδⱼ for a mask."""
    w, delta = weights(linear, X), RNG.standard_normal(X.shape)
    found = infidelity(linear, X, w + delta, sigma=0.3, samples=4000, progress=False)
    np.testing.assert_allclose(found, 0.09 * np.square(delta).sum(axis=1), rtol=0.1)
    nothing = infidelity(linear, X, 0 * X, sigma=0.3, samples=4000, progress=False)
    np.testing.assert_allclose(nothing, 0.09 * np.square(w).sum(axis=1), rtol=0.1)
    shares = infidelity(linear, X, w * X + delta, perturbation="removal", p=0.3, samples=4000, progress=False)
    squares, sums = np.square(delta).sum(axis=1), np.square(delta.sum(axis=1))
    np.testing.assert_allclose(shares, 0.3 * squares + 0.09 * (sums - squares), rtol=0.15)


def test_a_turned_sign_and_a_forgotten_gate_are_unfaithful():
    net, x = small((6, 6), 0), RNG.standard_normal((4, 2, 6, 6))
    g = mx.methods.gradient(net, x).map
    right, turned = (infidelity(net, x, phi, sigma=0.01, progress=False) for phi in (g, -g))
    assert (turned > 50 * right).all()


def test_infidelity_does_not_depend_on_batches():
    net, x = small((6, 6), 0), RNG.standard_normal((2, 2, 6, 6))
    g = mx.methods.gradient(net, x)
    one, two = (infidelity(net, x, g, samples=7, batch_size=size, progress=False) for size in (3, 64))
    np.testing.assert_allclose(one, two)


def test_sensitivity_of_a_linear_model(linear):
    """The gradient is w everywhere: 0. Of φ = w ⊙ x it is ‖w ⊙ δ‖/‖w ⊙ x‖, at most radius·‖w‖/‖w ⊙ x‖."""
    np.testing.assert_allclose(max_sensitivity(linear, X, mx.methods.gradient), 0)
    w = weights(linear, X)
    bound = 0.1 * np.linalg.norm(w, axis=1) / np.linalg.norm(w * X, axis=1)
    found = max_sensitivity(linear, X, mx.methods.input_x_gradient, radius=0.1, samples=500)
    assert (found <= bound).all()
    assert (found > 0.7 * bound).all()
    few = max_sensitivity(linear, X, mx.methods.input_x_gradient, radius=0.1, samples=1)
    assert (few <= found).all()
    assert np.isnan(max_sensitivity(linear, X, lambda model, x, target: 0 * x)).all()


def test_sparseness():
    """0 for an even map, (k − 1)/k for one feature of k, 1/3 for a straight line from 0."""
    one = np.zeros((1, 3, 4))
    one[0, 1, 2] = -5
    np.testing.assert_allclose(sparseness(np.ones((2, 7))), 0, atol=1e-15)
    np.testing.assert_allclose(sparseness(one), 11 / 12)
    np.testing.assert_allclose(sparseness(np.arange(100_000.0)[None]), 1 / 3, atol=1e-4)
    np.testing.assert_allclose(sparseness(1e-200 * one), 11 / 12)
    assert np.isnan(sparseness(np.zeros((1, 4)))).all()
    by_pairs = [np.abs(np.subtract.outer(a, a)).mean() / (2 * a.mean()) for a in np.abs(X)]
    np.testing.assert_allclose(sparseness(X), by_pairs)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"attribution": X[:2]}, ShapeError, r"attribution has shape \(2, 5\), expected \(3, 5\)"),
        ({"attribution": X * np.nan}, ValueError, "attribution holds NaN"),
        ({"perturbation": "blur"}, ValueError, "perturbation is 'blur', expected 'noise' or 'removal'"),
        ({"sigma": 0}, ValueError, "sigma is 0"),
        ({"p": 1}, ValueError, "p is 1"),
        ({"samples": 0}, ValueError, "samples is 0"),
        ({"target": 2}, ValueError, "target is 2"),
    ],
)
def test_wrong_arguments_of_infidelity(linear, changes, error, message):
    with pytest.raises(error, match=f"^infidelity: {message}"):
        infidelity(**{"model": linear, "x": X, "attribution": X, "progress": False, **changes})


def test_other_wrong_arguments(linear):
    with pytest.raises(ValueError, match="infidelity: attribution explains another x"):
        infidelity(linear, X, mx.methods.gradient(linear, X + 1), progress=False)
    with pytest.raises(ValueError, match="max_sensitivity: radius is 0"):
        max_sensitivity(linear, X, mx.methods.gradient, radius=0)
    with pytest.raises(ShapeError, match=r"sparseness: maps have shape \(4,\)"):
        sparseness(np.ones(4))
