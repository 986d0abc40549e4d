"""The toy model's points are what its formula says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minixai.data import toy


def test_shapes_and_directions() -> None:
    sample = toy(n=7)
    assert sample.x.shape == (7, 2)
    assert sample.y.shape == (7,)
    assert sample.x.dtype == sample.y.dtype == np.float64
    np.testing.assert_array_equal(sample.a_s, [1, 0])
    np.testing.assert_allclose(sample.a_d, [1, 1], atol=1e-15)


@pytest.mark.parametrize(
    ("angle", "a_d"), [(0, (1, 0)), (90, (0, 1)), (135, (-(0.5**0.5), 0.5**0.5)), (-90, (0, -1))]
)
def test_the_distractor_turns_and_keeps_its_length(angle: float, a_d: tuple[float, float]) -> None:
    np.testing.assert_allclose(toy(n=1, angle=angle).a_d, np.sqrt(2) * np.array(a_d), atol=1e-15)


def test_without_noise_a_point_is_signal_plus_distractor() -> None:
    sample = toy(n=20_000, angle=70, mu=0.7, sigma=1.5, seed=3)
    rest = sample.x - np.outer(sample.y, sample.a_s)
    epsilon = rest @ sample.a_d / 2
    np.testing.assert_allclose(rest, np.outer(epsilon, sample.a_d), atol=1e-12)
    # y ~ U(−1, 1), ε ~ N(0.7, 1.5²): within five standard errors of each moment
    assert np.abs(sample.y).max() <= 1
    assert abs(sample.y.mean()) < 5 * np.sqrt(1 / 3 / 20_000)
    assert abs(sample.y.var() - 1 / 3) < 5 * np.sqrt(4 / 45 / 20_000)
    assert abs(epsilon.mean() - 0.7) < 5 * 1.5 / np.sqrt(20_000)
    assert abs(epsilon.std() - 1.5) < 5 * 1.5 / np.sqrt(2 * 20_000)
    assert abs(np.corrcoef(sample.y, epsilon)[0, 1]) < 5 / np.sqrt(20_000)


def test_the_noise_is_isotropic() -> None:
    eta = toy(n=20_000, noise=0.5, seed=1).x - toy(n=20_000, seed=1).x
    np.testing.assert_allclose(np.cov(eta.T), 0.25 * np.eye(2), atol=5 * 0.25 * np.sqrt(2 / 20_000))


def test_the_seed_fixes_the_sample() -> None:
    np.testing.assert_array_equal(toy(n=50, noise=0.1, seed=4).x, toy(n=50, noise=0.1, seed=4).x)
    assert not np.array_equal(toy(n=50, seed=4).y, toy(n=50, seed=5).y)


def test_each_source_has_its_own_stream() -> None:
    one, other = toy(n=50, seed=4), toy(n=80, angle=10, mu=2, sigma=0.3, noise=0.9, seed=4)
    np.testing.assert_array_equal(one.y, other.y[:50])
    np.testing.assert_array_equal(one.x, toy(n=80, seed=4).x[:50])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"n": 0}, "toy: n is 0, expected at least 1"),
        ({"sigma": -1.0}, "toy: sigma is -1.0, expected a finite number, at least 0"),
        ({"noise": -0.1}, "toy: noise is -0.1, expected"),
        ({"seed": -1}, "toy: seed is -1, expected"),
        ({"angle": np.nan}, "toy: angle is nan, expected a finite number$"),
        ({"mu": np.inf}, "toy: mu is inf, expected a finite number$"),
    ],
)
def test_bad_parameters(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        toy(**bad)
