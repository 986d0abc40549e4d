"""The filter and the signal estimators give the toy model's known answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minixai.data import toy
from minixai.errors import ShapeError
from minixai.signal.estimators import (
    FilterEstimator,
    IdentityEstimator,
    LinearEstimator,
    RandomEstimator,
    SignalEstimator,
    TwoComponentEstimator,
    ridge,
)
from tests.oracles import signal_distractor as oracle

A_S, A_D = np.array([1.0, 0.0]), np.array([1.0, 1.0])
CentredEstimator = partial(TwoComponentEstimator, centred=True)
PAPER_FILTER = np.array([1.0, -1.0])


def exact(
    noise: float = 0.0, mu: float = 0.0, a_d: tuple[float, float] = (1, 1), sigma: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """The toy model on 32 points, whose first two moments are exactly those of the whole distribution.

    So are those of y > 0 and y < 0: the mean of |y| is 1/2, and of y² 1/3.
    """
    signs = np.array(list(itertools.product([-1, 1], repeat=5)))
    y = signs[:, 0] * (1 / 2 + signs[:, 4] / np.sqrt(12))
    x = np.outer(y, A_S) + np.outer(mu + sigma * signs[:, 1], a_d) + noise * signs[:, 2:4]
    return x, y


def fit(x: np.ndarray, y: np.ndarray, l2: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The filter w and the pattern a of its output."""
    w, b = ridge(x, y, l2)
    return w, LinearEstimator(w, b).fit(x, x @ w + b).pattern


def angle(v: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(v[1], v[0])))


def test_the_paper_s_filter() -> None:
    sample = toy(n=100, seed=2)
    w, b = ridge(sample.x, sample.y)
    np.testing.assert_allclose(w, [1, -1], atol=1e-12)
    assert abs(b) < 1e-12
    np.testing.assert_allclose([w @ sample.a_s, w @ sample.a_d], [1, 0], atol=1e-12)


@pytest.mark.parametrize("degrees", [5, 30, 60, 90, 120, 175, -45, -100])
def test_the_filter_turns_with_the_distractor(degrees: float) -> None:
    sample = toy(n=300, angle=degrees, mu=0.4)
    w, _ = ridge(sample.x, sample.y)
    np.testing.assert_allclose(w, [1, -1 / np.tan(np.radians(degrees))], atol=1e-10)


@pytest.mark.parametrize("a_s", [(1, 0), (0, 1), (-2, 1), (0.3, -0.4)])
def test_another_signal_changes_only_the_filter_s_sign_and_length(a_s: tuple[float, float]) -> None:
    x, y = exact()
    w, _ = ridge(x + np.outer(y, np.array(a_s) - A_S), y)
    np.testing.assert_allclose(w / w[0], [1, -1], atol=1e-12)
    assert w @ a_s == pytest.approx(1)


def test_the_mean_of_the_distractor_goes_into_the_bias() -> None:
    x, y = exact(noise=0.5, mu=2.0)
    w, b = ridge(x, y)
    assert b == pytest.approx(-2.0 * (w @ [1, 1]))
    np.testing.assert_allclose(w, ridge(*exact(noise=0.5))[0])


def test_noise_without_a_distractor_shrinks_the_filter() -> None:
    x, y = exact(noise=0.5, a_d=(0, 0))
    w, a = fit(x, y)
    np.testing.assert_allclose(w, [4 / 7, 0], atol=1e-12)  # 0.571
    assert angle(a) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("noise", "expected"), [(0, -45), (1, np.degrees(np.arctan2(-1, 2)))])  # −26.6°
def test_noise_turns_the_filter_and_not_the_pattern(noise: float, expected: float) -> None:
    w, a = fit(*exact(noise))
    assert angle(w) == pytest.approx(expected, abs=1e-9)
    assert angle(a) == pytest.approx(0, abs=1e-9)


def test_noise_turns_the_filter_of_sampled_points() -> None:
    sample = toy(n=200_000, noise=1.0)
    w, a = fit(sample.x, sample.y)
    assert angle(w) == pytest.approx(-26.565, abs=0.5)
    assert angle(a) == pytest.approx(0, abs=1.5)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0])
def test_l2_equals_isotropic_noise(sigma: float) -> None:
    sample = toy(n=50, mu=0.3, seed=7)
    shifts = sigma * np.sqrt(2) * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])  # covariance exactly σ²·I
    noisy = (sample.x[:, None] + shifts).reshape(-1, 2)
    w_noise, b_noise = ridge(noisy, np.repeat(sample.y, 4))
    w_l2, b_l2 = ridge(sample.x, sample.y, l2=50 * sigma**2)
    np.testing.assert_allclose(w_l2, w_noise, rtol=1e-12)
    assert b_l2 == pytest.approx(b_noise, rel=1e-10)


def test_l2_turns_the_pattern_of_the_output_towards_the_distractor() -> None:
    x, y = exact()
    w, a = fit(x, y, l2=len(x))
    assert angle(w) == pytest.approx(np.degrees(np.arctan2(-1, 2)))
    np.testing.assert_allclose(a[1] / a[0], 0.6)  # 31°: Cw ∝ (5, 3)
    assert angle(LinearEstimator(w).fit(x, y).pattern) == pytest.approx(0, abs=1e-9)  # of the labels


@pytest.mark.parametrize("mu", [-2.0, 0.0, 0.7, 2.0])
def test_the_linear_pattern_is_the_signal_for_every_mean(mu: float) -> None:
    np.testing.assert_allclose(fit(*exact(mu=mu))[1], A_S, atol=1e-12)
    sample = toy(n=20_000, mu=mu, seed=11)
    # a − a_s = a_d·cov[ε, y]/var[y], whose standard error is 1/√(n/3)
    np.testing.assert_allclose(fit(sample.x, sample.y)[1], A_S, atol=4 / np.sqrt(20_000 / 3))


@pytest.mark.parametrize("l2", [0.0, 3.0, 500.0])
def test_ridge_and_pattern_equal_the_plain_formulas(l2: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal([3, -2], [1, 4], (40, 2)), rng.normal(size=40)
    w, b = ridge(x, y, l2)
    expected_w, expected_b = oracle.ridge(x.tolist(), y.tolist(), l2)
    np.testing.assert_allclose(w, expected_w, rtol=1e-10)
    assert b == pytest.approx(expected_b, rel=1e-10)
    a = LinearEstimator(w, b).fit(x, x @ w + b).pattern
    np.testing.assert_allclose(a, oracle.linear_pattern(x.tolist(), (x @ w + b).tolist()), rtol=1e-9)


def test_ridge_takes_the_shortest_of_many_filters() -> None:
    y = np.linspace(-1, 1, 9)
    w, _ = ridge(np.outer(y, [3, 4]), y)
    np.testing.assert_allclose(w, [3 / 25, 4 / 25], atol=1e-14)


def test_what_each_estimator_calls_signal() -> None:
    x, w, b = np.array([[2.0, 1.0], [-1.0, 3.0]]), np.array([1.0, -1.0]), 0.5
    y = np.array([1.5, -3.5])
    identity, along_w = IdentityEstimator(w, b).fit(x, y), FilterEstimator(w, b).fit(x, y)
    along_a = LinearEstimator(w, b).fit(x, y)
    np.testing.assert_array_equal(identity.output(x), y)
    np.testing.assert_array_equal(identity.signal(x), x)
    assert identity.signal(x) is not x
    np.testing.assert_allclose(along_w.signal(x), [[0.75, -0.75], [-1.75, 1.75]])
    # x changes by (3, −2) where y changes by 5
    np.testing.assert_allclose(along_a.pattern, [0.6, -0.4])
    np.testing.assert_allclose(along_a.signal(x), [[0.9, -0.6], [-2.1, 1.4]])


@pytest.mark.parametrize(
    "kind", [RandomEstimator, FilterEstimator, LinearEstimator, TwoComponentEstimator, CentredEstimator]
)
@pytest.mark.parametrize("l2", [0.0, 100.0])
def test_the_signal_has_the_output_of_the_point(kind: Callable[..., SignalEstimator], l2: float) -> None:
    sample = toy(n=100, mu=0.5, noise=0.3)
    w, b = ridge(sample.x, sample.y, l2)
    y = sample.x @ w + b
    np.testing.assert_allclose(kind(w, b).fit(sample.x, y).signal(sample.x) @ w, y, atol=1e-12)


def test_constant_outputs_have_no_signal() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 0.1]])
    np.testing.assert_array_equal(FilterEstimator(np.zeros(2), 3.0).signal(x), np.zeros((3, 2)))
    np.testing.assert_array_equal(RandomEstimator(np.zeros(2), 3.0).signal(x), np.zeros((3, 2)))
    almost = np.array([0.3, 0.1 + 0.2, 0.3])  # constant but for rounding
    np.testing.assert_array_equal(LinearEstimator(np.ones(2)).fit(x, almost).pattern, [0, 0])
    both = TwoComponentEstimator(np.ones(2)).fit(x, almost)
    np.testing.assert_array_equal([both.positive, both.negative], np.zeros((2, 2)))


@pytest.mark.parametrize("centred", [False, True])
def test_a_regime_without_points_has_no_pattern(centred: bool) -> None:
    x = exact()[0] + [5, 0]
    y = x @ PAPER_FILTER  # all positive
    estimator = TwoComponentEstimator(PAPER_FILTER, centred=centred)
    np.testing.assert_array_equal(estimator.fit(x, y).negative, [0, 0])
    np.testing.assert_array_equal(estimator.fit(-x, -y).positive, [0, 0])


# The paper's numbers


@pytest.mark.parametrize("mu", [-2.0, 0.0, 0.7])
def test_the_two_patterns_take_the_mean_of_the_distractor_for_signal(mu: float) -> None:
    x, y = exact(mu=mu)
    np.testing.assert_allclose(x @ PAPER_FILTER, y, atol=1e-12)
    paper = TwoComponentEstimator(PAPER_FILTER).fit(x, y)
    np.testing.assert_allclose(paper.positive, A_S + 1.5 * mu * A_D, atol=1e-12)  # (2.05, 1.05) at 0.7
    np.testing.assert_allclose(paper.negative, A_S - 1.5 * mu * A_D, atol=1e-12)
    centred = TwoComponentEstimator(PAPER_FILTER, centred=True).fit(x, y)
    np.testing.assert_allclose([centred.positive, centred.negative], [A_S, A_S], atol=1e-12)


def test_the_two_patterns_of_sampled_points() -> None:
    sample = toy(n=200_000, mu=0.7)
    paper = TwoComponentEstimator(PAPER_FILTER).fit(sample.x, sample.y)
    centred = TwoComponentEstimator(PAPER_FILTER, centred=True).fit(sample.x, sample.y)
    np.testing.assert_allclose(paper.positive, [2.05, 1.05], atol=0.02)
    np.testing.assert_allclose(paper.negative, [-0.05, -1.05], atol=0.02)
    np.testing.assert_allclose([centred.positive, centred.negative], [A_S, A_S], atol=0.05)


def test_the_quality_of_the_filter_s_signal_at_1() -> None:
    x, y = exact()
    assert oracle.rho(x, FilterEstimator(PAPER_FILTER).signal(x), y) == pytest.approx(0.723, abs=5e-4)


@pytest.mark.parametrize("sigma", [0.25, 1.0, 3.0])
def test_the_quality_of_the_filter_s_signal(sigma: float) -> None:
    sigma_y = 1 / np.sqrt(3)
    expected = 1 - (sigma_y / 2) / np.sqrt(sigma**2 + sigma_y**2 / 4)
    x, y = exact(sigma=sigma)
    assert oracle.rho(x, FilterEstimator(PAPER_FILTER).signal(x), y) == pytest.approx(expected, abs=1e-12)
    sample = toy(n=200_000, sigma=sigma)
    signal = FilterEstimator(PAPER_FILTER).signal(sample.x)
    assert oracle.rho(sample.x, signal, sample.y) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("kind", [LinearEstimator, TwoComponentEstimator, CentredEstimator])
def test_the_quality_of_fitted_patterns_is_1_even_where_they_are_wrong(
    kind: Callable[..., SignalEstimator],
) -> None:
    x, y = exact(mu=0.7)
    assert oracle.rho(x, kind(PAPER_FILTER).fit(x, y).signal(x), y) == pytest.approx(1, abs=1e-12)


# Both components


@pytest.mark.parametrize("centred", [False, True])
def test_the_two_patterns_equal_the_plain_formulas(centred: bool) -> None:
    rng = np.random.default_rng(3)
    x, w, b = rng.normal([3, -2, 0, 1], [1, 4, 1, 2], (60, 4)), rng.normal(size=4), 0.4
    y = x @ w + b
    fitted = TwoComponentEstimator(w, b, centred).fit(x, y)
    for positive, a in ((True, fitted.positive), (False, fitted.negative)):
        expected = oracle.regime_pattern(x.tolist(), y.tolist(), w.tolist(), positive, centred)
        np.testing.assert_allclose(a, expected, rtol=1e-9)
    signal = [(fitted.positive if of_point > 0 else fitted.negative) * of_point for of_point in y]
    np.testing.assert_allclose(fitted.signal(x), signal, rtol=1e-12)


@pytest.mark.parametrize("b", [0.0, 0.8, -1.5])
def test_what_a_bias_leaves_of_the_output_in_the_distractor(b: float) -> None:
    rng = np.random.default_rng(4)
    x, w = rng.normal([0.5, -1, 2], [1, 2, 3], (500, 3)) ** 2, np.array([1.0, -2.0, 0.5])
    y = x @ w + b
    fitted = TwoComponentEstimator(w, b).fit(x, y)
    left = ((x - fitted.signal(x)) * (y - y.mean())[:, None]).mean(axis=0)
    share = np.mean(y > 0)
    expected = -b * share * (y[y > 0].mean() - y.mean()) * (fitted.positive - fitted.negative)
    np.testing.assert_allclose(left, expected, atol=1e-10)
    assert (np.abs(expected).max() > 0.1) == (b != 0)


def test_random_directions_are_those_of_the_seed() -> None:
    w = np.array([1.0, -2.0, 0.5])
    patterns = [RandomEstimator(w, seed=seed).pattern for seed in (0, 0, 1)]
    np.testing.assert_array_equal(patterns[0], patterns[1])
    assert not np.allclose(patterns[0], patterns[2])
    np.testing.assert_allclose(patterns @ w, [1, 1, 1])


# Batches


def patterns_of(estimator: LinearEstimator | TwoComponentEstimator) -> np.ndarray:
    if isinstance(estimator, LinearEstimator):
        return estimator.pattern
    return np.stack([estimator.positive, estimator.negative])


FITTED = [LinearEstimator, TwoComponentEstimator, CentredEstimator]


@pytest.mark.parametrize("kind", FITTED)
@given(cuts=st.sets(st.integers(1, 49)), offset=st.floats(-1e4, 1e4), order=st.permutations(range(50)))
def test_batches_in_any_split_and_order_give_one_fit(
    kind: Callable[..., LinearEstimator | TwoComponentEstimator],
    cuts: set[int],
    offset: float,
    order: list[int],
) -> None:
    rng = np.random.default_rng(5)
    w = rng.normal(size=3)
    x = rng.normal(offset, 1, (50, 3))
    b = -np.median(x @ w)
    y = x @ w + b
    once, batches = kind(w, b).fit(x, y), kind(w, b)
    for batch in np.split(np.array(order), sorted(cuts)):
        batches.partial_fit(x[batch], y[batch])
    expected = patterns_of(once)
    np.testing.assert_allclose(patterns_of(batches), expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("kind", FITTED)
def test_fit_forgets_and_bad_input_changes_nothing(
    kind: Callable[..., LinearEstimator | TwoComponentEstimator],
) -> None:
    (x, y), (other, other_y) = exact(mu=0.7), exact(mu=-3, sigma=0.1)
    expected = patterns_of(kind(PAPER_FILTER).fit(x, y))
    again = kind(PAPER_FILTER).fit(other, other_y).fit(x, y)
    for call in (again.fit, again.partial_fit):
        with pytest.raises(ValueError, match=f"Estimator.{call.__name__}: y holds NaN"):
            call(x, y * np.nan)
    np.testing.assert_array_equal(patterns_of(again), expected)


@pytest.mark.parametrize("kind", [IdentityEstimator, RandomEstimator, FilterEstimator])
def test_estimators_that_learn_nothing_stay_as_they_are(kind: type[SignalEstimator]) -> None:
    x, y = exact()
    expected = kind(PAPER_FILTER, 0.5).signal(x)
    fitted = kind(PAPER_FILTER, 0.5).fit(x, y).partial_fit(x + 7, y)
    np.testing.assert_array_equal(fitted.signal(x), expected)


# Other coordinates

SCALES = st.floats(0.1, 10) | st.floats(-10, -0.1)


@pytest.mark.parametrize("kind", FITTED)
@given(scales=st.tuples(SCALES, SCALES, SCALES), factor=st.floats(0.1, 10))
def test_patterns_turn_with_the_points(
    kind: Callable[..., LinearEstimator | TwoComponentEstimator],
    scales: tuple[float, ...],
    factor: float,
) -> None:
    rng = np.random.default_rng(6)
    x, w = rng.normal(1, 1, (40, 3)), rng.normal(size=3)
    matrix = rng.normal(size=(3, 3)) * scales  # x → Mx and y → factor·y, so that w → factor·M⁻ᵀw
    w_turned = factor * np.linalg.solve(matrix.T, w)
    expected = patterns_of(kind(w).fit(x, x @ w)) @ matrix.T / factor
    turned = patterns_of(kind(w_turned).fit(x @ matrix.T, factor * (x @ w)))
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@given(shift=st.tuples(*[st.floats(-100, 100)] * 3))
def test_a_shift_moves_the_paper_s_two_patterns_alone(shift: tuple[float, ...]) -> None:
    rng = np.random.default_rng(7)
    x, w, b = rng.normal(1, 1, (40, 3)), rng.normal(size=3), 0.3
    y = x @ w + b
    moved = x + shift
    for kind in (LinearEstimator, CentredEstimator):
        before, after = (patterns_of(kind(w, b).fit(points, y)) for points in (x, moved))
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-9)
    across = shift - np.dot(w, shift) / (w @ w) * w  # the part of the shift that the filter does not see
    before, after = (TwoComponentEstimator(w, b).fit(points, y).positive for points in (x, x + across))
    own = y[y > 0]
    step = (own.mean() - y.mean()) / np.mean((own - b) * (own - y.mean()))
    np.testing.assert_allclose(after, before + across * step, rtol=0, atol=1e-9)


X, Y = np.ones((3, 2)), np.ones(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ridge(Y, Y),
            ShapeError,
            r"ridge: x has shape \(3,\), expected \(n, d\) with n of at least 2",
        ),
        (lambda: ridge(X[:1], Y[:1]), ShapeError, r"ridge: x has shape \(1, 2\)"),
        (lambda: ridge(X, Y[:2]), ShapeError, r"ridge: y has shape \(2,\), expected \(3,\) as x is \(3, 2\)"),
        (lambda: ridge(X * np.nan, Y), ValueError, "ridge: x holds NaN or infinity"),
        (lambda: ridge(X, Y * np.inf), ValueError, "ridge: y holds NaN or infinity"),
        (lambda: ridge(X, Y, l2=-1), ValueError, "ridge: l2 is -1, expected a finite number, at least 0"),
        (lambda: ridge(X, Y, l2=np.nan), ValueError, "ridge: l2 is nan"),
        (lambda: FilterEstimator(X), ShapeError, r"FilterEstimator: w has shape \(3, 2\), expected \(d,\)"),
        (
            lambda: IdentityEstimator(Y).signal(X),
            ShapeError,
            r"IdentityEstimator.signal: x has shape \(3, 2\)",
        ),
        (
            lambda: FilterEstimator(Y).output(X),
            ShapeError,
            r"FilterEstimator.output: .* \(n, 3\) as w is \(3,\)",
        ),
        (lambda: LinearEstimator(Y).fit(X, Y), ShapeError, r"LinearEstimator.fit: x has shape \(3, 2\)"),
        (lambda: LinearEstimator(Y[:2]).fit(X, X), ShapeError, "LinearEstimator.fit: y has shape"),
        (lambda: LinearEstimator(Y[:2]).signal(X), RuntimeError, "LinearEstimator: there is no pattern yet"),
        (lambda: TwoComponentEstimator(Y[:2]).signal(X), RuntimeError, "there is no pattern yet, call fit"),
        (lambda: RandomEstimator(Y[:2]).fit(X, X), ShapeError, "RandomEstimator.fit: y has shape"),
        (lambda: LinearEstimator(Y[:2]).partial_fit(X[:0], Y[:0]), ShapeError, "with n of at least 1"),
    ],
)
def test_bad_input(call, error, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=message):
        call()
