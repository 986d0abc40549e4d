"""Bootstrap intervals of means."""

import numpy as np
import pytest

from minixai.bootstrap import mean_interval, resamplings
from minixai.errors import ShapeError

RNG = np.random.default_rng(0)


def test_a_resampling_draws_n_of_n_samples_each_as_often():
    counts = resamplings(7, 20_000)
    assert counts.shape == (20_000, 7)
    assert counts.dtype.kind == "i"
    assert (counts.sum(axis=1) == 7).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.03)  # σ of a count is √(6/7), of the mean .0065
    np.testing.assert_allclose(counts.var(axis=0), 6 / 7, atol=0.05)


def test_resamplings_follow_their_seed():
    np.testing.assert_array_equal(resamplings(5, 10, seed=3), resamplings(5, 10, seed=3))
    assert not np.array_equal(resamplings(5, 10, seed=3), resamplings(5, 10, seed=4))


@pytest.mark.parametrize("draws", [1, 999, 1000, 2500])
def test_an_interval_is_made_of_the_quantiles_of_the_resampled_means(draws):
    values = RNG.standard_normal((6, 2, 3))
    counts = resamplings(6, draws, seed=1)
    means = [sum(count * value for count, value in zip(row, values, strict=True)) / 6 for row in counts]
    mean, low, high = mean_interval(values, level=0.8, draws=draws, seed=1)
    np.testing.assert_allclose(mean, values.mean(axis=0))
    np.testing.assert_allclose(low, np.quantile(means, 0.1, axis=0), atol=1e-12)
    np.testing.assert_allclose(high, np.quantile(means, 0.9, axis=0), atol=1e-12)
    assert mean.shape == low.shape == high.shape == (2, 3)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_is_that_of_scipy(level):
    stats = pytest.importorskip("scipy.stats")
    values = RNG.gamma(2, size=40)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=level,
        n_resamples=50_000,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    _, low, high = mean_interval(values, level, draws=50_000)
    width = theirs.high - theirs.low
    np.testing.assert_allclose([low, high], theirs, atol=0.02 * width)


def test_the_interval_of_normal_samples_covers_their_mean_as_often_as_it_says():
    values = RNG.standard_normal((100, 1000))  # 1000 experiments with 100 samples each
    _, low, high = mean_interval(values, level=0.9, draws=1000)
    assert 0.86 < np.mean((low < 0) & (high > 0)) < 0.93


def test_one_sample_and_equal_samples_have_no_width():
    for values in ([0.3], [0.25, 0.25, 0.25]):
        mean, low, high = mean_interval(values)
        assert mean == low == high == values[0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"values": []}, ShapeError, r"values has shape \(0,\), expected \(n, …\), not empty"),
        ({"values": 1.0}, ShapeError, r"values has shape \(\)"),
        ({"values": [1, np.nan]}, ValueError, "values holds NaN or inf"),
        (
            {"values": [1, 2], "level": 1},
            ValueError,
            "expected a finite number, above 0 and below 1",
        ),
        ({"values": [1, 2], "draws": 0}, ValueError, "mean_interval: draws is 0"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        mean_interval(**arguments)


@pytest.mark.parametrize(("n", "draws"), [(0, 5), (5, 0)])
def test_resamplings_of_nothing(n, draws):
    with pytest.raises(ValueError, match=f"n is {n} and draws {draws}, expected at least 1"):
        resamplings(n, draws)
