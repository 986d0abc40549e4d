"""PatternLocal: Σ_local·w_local by the oracle, and what it sees that a pattern of all data does not."""

from __future__ import annotations

import numpy as np
import pytest

import minixai as mx
from minixai import nn
from minixai.errors import ShapeError
from minixai.signal import PatternWarning, local_pattern
from tests.networks import float64, small
from tests.oracles import local as oracle

RNG = np.random.default_rng


class Product(nn.Module):
    """x₀·x₁, and x₂."""

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return mx.ops.concat(x[:, 0:1] * x[:, 1:2], x[:, 2:3], axis=1)


@pytest.mark.parametrize("target", [None, 1, [2, 0, 1]])
def test_it_is_the_covariance_times_the_fit(target) -> None:
    net, data = small((4, 4), 0), RNG(1).normal(1, 1, (300, 2, 4, 4))
    x = data[:3] + 0.1
    found = local_pattern(net, x, data, 1.0, target)
    assert (found.shape, found.dtype) == (x.shape, np.float64)
    classes = net.predict(x).argmax(axis=1) if target is None else np.broadcast_to(target, 3)
    for each, a, k in zip(x, found, classes, strict=True):
        flat = data.reshape(300, -1)
        expected = oracle.pattern(each.ravel(), flat, net.predict(data)[:, k], 1.0)
        np.testing.assert_allclose(a.ravel(), expected, atol=1e-12)


def test_it_sees_a_product_that_patterns_of_all_data_do_not() -> None:
    """Near (1, 1) the product grows with both; over all data it is uncorrelated with either."""
    data, x = RNG(0).normal(size=(20_000, 3)).astype(np.float32), np.array([[1.0, 1, 0], [-1, 1, 0]])
    far, near = (local_pattern(Product(), x, data, width, 0) for width in (1e3, 0.5))
    np.testing.assert_allclose(far, 0, atol=0.03)
    assert (np.sign(near[:, :2]) == [[1, 1], [1, -1]]).all()
    assert np.abs(near[:, 2]).max() < 0.2 * np.abs(near[:, :2]).min()


def test_wide_it_is_the_linear_pattern_of_a_linear_model() -> None:
    data = RNG(2).normal(size=(500, 6)) @ RNG(3).normal(size=(6, 6))
    net = float64(nn.Sequential(nn.Linear(6, 3, rng=0)))
    (a,) = local_pattern(net, data[:1], data, 1e6, 1)
    linear = mx.signal.fit_patterns(net, [data], ("linear",), progress=False)["0"].linear[1]
    np.testing.assert_allclose(a / np.var(net.predict(data)[:, 1]), linear, atol=1e-8)


def test_few_samples_are_said() -> None:
    data = RNG(4).normal(size=(50, 3)).astype(np.float32)
    with pytest.warns(PatternWarning, match=r"width 0.001 takes the weight of 1.0 of 50 samples"):
        a = local_pattern(Product(), data[:1], data, 1e-3)
    assert np.isfinite(a).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": 0}, ValueError, "width is 0, expected a finite number, above 0"),
        (
            {"data": np.ones((4, 2))},
            ShapeError,
            r"data has shape \(4, 2\), expected \(m, …\) like x",
        ),
        ({"data": np.full((4, 3), np.nan)}, ValueError, "data holds NaN"),
        ({"target": 2}, ValueError, r"target is 2, expected indices in \[0, 2\)"),
        ({"target": 0.5}, TypeError, "target is 0.5, expected an index, 2 of them, or None"),
    ],
)
def test_bad_arguments(arguments: dict, error: type[Exception], message: str) -> None:
    given = {"x": np.ones((2, 3)), "data": RNG(0).normal(size=(99, 3)), "width": 1.0, **arguments}
    with pytest.raises(error, match=f"local_pattern: {message}"):
        local_pattern(Product(), **given)
