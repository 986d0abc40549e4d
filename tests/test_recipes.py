"""The recipes of the shipped networks: what keeps their positive patterns from exploding."""

from __future__ import annotations

import numpy as np
import pytest

import minixai as mx
from experiments.recipes import safe_patterns
from experiments.recipes.cifar10 import merged, trainable
from experiments.recipes.safe_patterns import SAFE, hold_biases, largest_bias, largest_biases, raise_filters
from minixai import nn


def share(y: np.ndarray, bias: float) -> float:
    """The divisor of a positive pattern, as a share of the variance of y."""
    fired = y[y > -bias]
    return ((fired**2).mean() - fired.mean() * y.mean()) / y.var()


@pytest.mark.parametrize("mean", [-2, -1.5, -1])
def test_a_bias_is_lowered_until_the_divisor_is_safe_and_no_further(mean):
    rng = np.random.default_rng(0)
    y = rng.standard_normal(4000) + mean
    bias = -mean / 2 + 0.5
    assert share(y, bias) < SAFE
    (found,) = largest_bias(y[None], np.array([bias]))
    assert found < bias
    assert share(y, found) >= SAFE > share(y, found + 0.05)


def test_a_safe_bias_may_grow_to_where_it_is_no_longer_safe_or_without_limit():
    rng = np.random.default_rng(0)
    y = np.stack([rng.standard_normal(4000) + mean for mean in (-1, 1)])
    found = largest_bias(y, np.array([-0.5, 0.0]))
    assert found[0] > -0.5
    assert share(y[0], found[0]) >= SAFE > share(y[0], found[0] + 0.05)
    assert found[1] == np.inf


def test_a_unit_of_which_no_bias_is_safe_is_left_as_it_is():
    assert largest_bias(np.array([[-1.0, -2.0, -1.5]]), np.array([2.0])) == np.inf


def test_held_biases_of_a_network_are_safe_once_they_are_merged():
    """A random network on random images; its filters lowered, so that units fire by their biases."""
    rng = np.random.default_rng(0)
    model, x = trainable("cifar10_maxpool"), rng.standard_normal((8, 3, 16, 16)).astype(np.float32)
    conv, second = (
        [layer for layer in model if isinstance(layer, kind)][1] for kind in (nn.Conv2d, nn.BatchNorm2d)
    )
    conv.weight.value = conv.weight.value - np.float32(0.02)
    for layer in (layer for layer in model if isinstance(layer, nn.BatchNorm2d)):
        layer.momentum = 1.0  # the running averages are those of x at once
    model(mx.Tensor(x))

    def merged_bias():
        return second.bias.value - safe_patterns.signed(second) * second.running_mean

    before, limits = merged_bias(), largest_biases(model, x, rng)
    hold_biases(limits)
    low = limits[second] < before
    assert 0 < low.sum() < len(low)
    np.testing.assert_allclose(merged_bias()[low], limits[second][low], atol=1e-5)
    np.testing.assert_array_equal(merged_bias()[~low], before[~low])
    of_network = merged("cifar10_maxpool", model).state_dict()["features.3.bias"]
    np.testing.assert_allclose(of_network, merged_bias(), atol=1e-5)


def test_filters_with_a_negative_mean_are_raised_to_0_and_others_left():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 2, 3))
    w = rng.standard_normal((2, 3, 3, 3)).astype(np.float32) + np.float32([1, -1]).reshape(2, 1, 1, 1)
    first = model[0].weight.value = np.full((3, 3, 3, 3), -1, np.float32)
    model[1].weight.value = w
    raise_filters(model)
    np.testing.assert_array_equal(model[0].weight.value, first)
    np.testing.assert_array_equal(model[1].weight.value[0], w[0])
    np.testing.assert_allclose(model[1].weight.value[1], w[1] - w[1].mean(), atol=1e-6)
