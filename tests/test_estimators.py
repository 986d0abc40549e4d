"""The filter and the signal estimators give the toy model's known answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from minixai.data import toy
from minixai.errors import ShapeError
from minixai.signal import FilterEstimator, IdentityEstimator, LinearEstimator, ridge
from tests.oracles import signal_distractor as oracle

A_S = np.array([1.0, 0.0])


def exact(
    noise: float = 0.0, mu: float = 0.0, a_d: tuple[float, float] = (1, 1)
) -> tuple[np.ndarray, np.ndarray]:
    """The toy model on 16 points whose first two moments are exactly those of the whole distribution."""
    signs = np.array(list(itertools.product([-1, 1], repeat=4)))
    y = signs[:, 0] / np.sqrt(3)
    x = np.outer(y, A_S) + np.outer(mu + signs[:, 1], a_d) + noise * signs[:, 2:]
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
    of_labels = LinearEstimator(w).fit(x, y).pattern
    np.testing.assert_allclose(of_labels, A_S, atol=1e-12)


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


@pytest.mark.parametrize("kind", [FilterEstimator, LinearEstimator])
@pytest.mark.parametrize("l2", [0.0, 100.0])
def test_the_signal_has_the_output_of_the_point(
    kind: type[FilterEstimator | LinearEstimator], l2: float
) -> None:
    sample = toy(n=100, mu=0.5, noise=0.3)
    w, b = ridge(sample.x, sample.y, l2)
    y = sample.x @ w + b
    np.testing.assert_allclose(kind(w, b).fit(sample.x, y).signal(sample.x) @ w, y, atol=1e-12)


def test_constant_outputs_have_no_signal() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 0.1]])
    np.testing.assert_array_equal(FilterEstimator(np.zeros(2), 3.0).signal(x), np.zeros((3, 2)))
    almost = np.array([0.3, 0.1 + 0.2, 0.3])  # constant but for rounding
    np.testing.assert_array_equal(LinearEstimator(np.ones(2)).fit(x, almost).pattern, [0, 0])


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
        (lambda: ridge(X, Y, l2=-1), ValueError, "ridge: l2 is -1, expected a finite number of at least 0"),
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
        (lambda: LinearEstimator(Y[:2]).signal(X), RuntimeError, "there is no pattern yet, call fit"),
    ],
)
def test_bad_input(call, error, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=message):
        call()
