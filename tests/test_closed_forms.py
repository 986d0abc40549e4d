"""What each method gives to the suppressor of the two-feature problem, where the best model is linear.

x = (1, 0)ᵀz + η, z = ±1 with probability ½, η ~ N(0, Σ), Σ = [[s₁², c·s₁s₂], [c·s₁s₂, s₂²]], and the model is
y = wᵀx with w = (1, −κ), κ = c·s₁/s₂. Some facts that the derivations below use:

    Σw = (s₁² − κ·c·s₁s₂, c·s₁s₂ − κ·s₂²) = (s₁²(1 − c²), 0),
    cov[x, y] = Σ_x w = (1 + s₁²(1 − c²), 0) for Σ_x = aaᵀ + Σ, a = (1, 0), and var[y] = 1 + s₁²(1 − c²).

Expectations over x₁, a mixture of N(±1, s₁²), and x₂ ~ N(0, s₂²) are taken by the trapezoidal rule.
"""

from __future__ import annotations

from math import erf, exp, pi, sqrt

import numpy as np
import pytest

import minixai as mx
from minixai import nn
from minixai.signal import FilterEstimator, LinearEstimator, TwoComponentEstimator
from tests.networks import float64, put
from tests.oracles.shapley import shapley

GRIDS = [(0.8, 1.0, 0.7), (-0.5, 0.6, 1.3)]  # c, s₁, s₂
POINTS = np.random.default_rng(0).standard_normal((4, 2))
EXACT = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture(params=GRIDS, ids=str)
def problem(request) -> tuple[float, float, float]:
    return request.param


def kappa(problem: tuple[float, float, float]) -> float:
    c, s1, s2 = problem
    return c * s1 / s2


def model(problem: tuple[float, float, float]) -> nn.Module:
    """The best linear model, of images of 1×2 pixels."""
    net = float64(nn.Sequential(nn.Flatten(), nn.Linear(2, 1, rng=0)))
    put(net[1].weight, [[1, -kappa(problem)]])
    put(net[1].bias, 0)
    return net


def images(points: np.ndarray) -> np.ndarray:
    return points.reshape(-1, 1, 1, 2)


def sample(problem: tuple[float, float, float]) -> np.ndarray:
    """Four points with the mean and the covariance Σ_x of the problem: ±√2 times the columns of its root."""
    c, s1, s2 = problem
    root = np.linalg.cholesky([[1 + s1**2, c * s1 * s2], [c * s1 * s2, s2**2]])
    return np.concatenate([sqrt(2) * root.T, -sqrt(2) * root.T])


def grids(problem: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """(m, 2): values of both features, and their weights in an expectation."""
    _, s1, s2 = problem
    t = np.linspace(-10, 10, 20_000)  # without 0, whose map is zero
    x = np.stack([(1 + s1) * t, s2 * t], axis=1)
    density = [
        sum(np.exp(-((x[:, 0] - z) ** 2) / (2 * s1**2)) for z in (-1, 1)) / 2,
        np.exp(-(x[:, 1] ** 2) / (2 * s2**2)),
    ]
    return x, np.stack(density, axis=1) / np.sum(density, axis=1)


def mean_shares(problem: tuple[float, float, float], call) -> np.ndarray:
    """E|map| of both features, for a method whose map of a feature depends on that feature alone."""
    x, weights = grids(problem)
    return (weights * np.abs(np.reshape(call(images(x)), (-1, 2)))).sum(axis=0)


def test_the_filter_is_the_best_one(problem):
    """w ∝ Σ⁻¹(E[x|z = 1] − E[x|z = −1])/2 = Σ⁻¹(1, 0)ᵀ ∝ (s₂², −c·s₁s₂) ∝ (1, −κ)."""
    c, s1, s2 = problem
    best = np.linalg.solve([[s1**2, c * s1 * s2], [c * s1 * s2, s2**2]], [1, 0])
    np.testing.assert_allclose(best / best[0], [1, -kappa(problem)], **EXACT)


def test_gradient(problem):
    """∂y/∂x = w at every x: the suppressor gets |κ| for 1, as much as it takes to cancel the noise of x₁."""
    got = mx.methods.gradient(model(problem), images(POINTS)).map
    np.testing.assert_allclose(got.reshape(-1, 2), np.tile([1, -kappa(problem)], (4, 1)), **EXACT)


def linear_lrp(net: nn.Module, x: np.ndarray) -> mx.Explanation:
    zero = mx.rules.epsilon(0)
    return mx.methods.lrp(net, x, rules=mx.rules.composite(first=zero, conv=zero, dense=zero))


W_X = {
    "input × gradient": mx.methods.input_x_gradient,
    "integrated gradients": lambda net, x: mx.methods.integrated_gradients(
        net, x, steps=3, batch_size=4096, progress=False
    ),
    "LRP-0": linear_lrp,
    "occlusion": lambda net, x: mx.methods.occlusion(net, x, patch=1, batch_size=4096, progress=False),
}


@pytest.mark.parametrize("name", W_X)
def test_what_gives_w_x(problem, name):
    """w_j·x_j each, and in the mean |κ|·s₂·√(2/π) : E|z + η₁|, which is |c|·s₁·√(2/π) : E|z + η₁|.

    input × gradient: by definition. Integrated gradients from 0: the gradient is w all along the path.
    LRP-0: R_j = x_j·w_j/(Σ_k x_k·w_k + b)·y, with b = 0. Occlusion by 0 of one pixel: y − (y − w_j·x_j).
    E|x₂| = s₂·√(2/π); E|x₁| = E|N(1, s₁²)| = s₁·√(2/π)·exp(−1/(2s₁²)) + erf(1/(s₁√2)).
    """
    net, w = model(problem), np.array([1, -kappa(problem)])
    np.testing.assert_allclose(W_X[name](net, images(POINTS)).map.reshape(-1, 2), w * POINTS, **EXACT)
    c, s1, _ = problem
    first = s1 * sqrt(2 / pi) * exp(-1 / (2 * s1**2)) + erf(1 / (s1 * sqrt(2)))
    shares = mean_shares(problem, lambda x: W_X[name](net, x).map)
    np.testing.assert_allclose(shares, [first, abs(c) * s1 * sqrt(2 / pi)], **EXACT)
    if problem == GRIDS[0]:
        assert shares[1] / shares[0] == pytest.approx(0.55, abs=0.005)


def test_marginal_shapley_values(problem):
    """v(S) = E[y] with the features of S set to x and the others drawn alone: Σ_{j∈S} w_j·x_j, as E[x] = 0.

    Whoever comes when, feature j adds w_j·x_j: the suppressor gets what input × gradient gives it.
    """
    w = np.array([1, -kappa(problem)])
    for x in POINTS:
        values = shapley(lambda known, x=x: sum(w[j] * x[j] for j in known), (0, 1))
        np.testing.assert_allclose(values, w * x, **EXACT)


def test_conditional_shapley_values(problem):
    """v(S) = E[y|x_S]: v({2}) = E[x₁|x₂] − κ·x₂ = 0, as E[x₁|x₂] = E[z] + (c·s₁/s₂)·x₂ = κ·x₂.

    So alone the suppressor says nothing of y, which is why a plot of E[y|x₂] gives it nothing. But
    φ₂ = ½(v({2}) − v(∅)) + ½(v({1, 2}) − v({1})) = ½(y − E[y|x₁]) = −½κ·(x₂ − E[x₂|x₁]) is not 0, with
    E[x₂|x₁] = Σ_z P(z|x₁)·(c·s₂/s₁)·(x₁ − z) = (c·s₂/s₁)·(x₁ − tanh(x₁/s₁²)), for P(z|x₁) ∝ exp(z·x₁/s₁²).
    """
    c, s1, s2 = problem
    k, grid = kappa(problem), np.linspace(-15, 15, 6001)
    for x1, x2 in POINTS:
        second, first = density(problem, x1, grid), density(problem, grid, x2)
        e2, e1 = grid @ second / second.sum(), grid @ first / first.sum()
        worth = {(): 0.0, (0,): x1 - k * e2, (1,): e1 - k * x2, (0, 1): x1 - k * x2}
        assert worth[1,] == pytest.approx(0, abs=1e-6)
        given = -k / 2 * (x2 - c * s2 / s1 * (x1 - np.tanh(x1 / s1**2)))
        np.testing.assert_allclose(shapley(worth.get, (0, 1)), [x1 - k * x2 - given, given], **EXACT)


def density(problem, x1, x2):
    """That of the problem at points (x₁, x₂), but for a factor."""
    c, s1, s2 = problem
    total = 0
    for z in (-1, 1):
        u, v = (x1 - z) / s1, x2 / s2
        total = total + np.exp(-(u * u - 2 * c * u * v + v * v) / (2 * (1 - c * c)))
    return total


def test_the_mean_share_of_conditional_shapley_values():
    """E|φ₂| : E|φ₁| is .28 for c = .8, s₁ = 1, s₂ = .7: half of what others give, and not nothing."""
    c, s1, s2 = problem = GRIDS[0]
    x1, x2 = np.meshgrid(np.linspace(-8, 8, 801), np.linspace(-5, 5, 801), indexing="ij")
    second = -kappa(problem) / 2 * (x2 - c * s2 / s1 * (x1 - np.tanh(x1 / s1**2)))
    first = x1 - kappa(problem) * x2 - second
    p = density(problem, x1, x2)
    assert (p * np.abs(second)).sum() / (p * np.abs(first)).sum() == pytest.approx(0.28, abs=0.005)


def test_s_w(problem):
    """S_w(x) = w·y/(wᵀw): along the filter, so the suppressor gets |κ| for 1, as from the gradient."""
    w = np.array([1, -kappa(problem)])
    signal = FilterEstimator(w).signal(POINTS)
    np.testing.assert_allclose(signal, np.outer(POINTS @ w / (w @ w), w), **EXACT)


def test_s_a(problem):
    """S_a(x) = a·y, a = cov[x, y]/var[y] = Σ_x w/(wᵀΣ_x w) = (1, 0): the suppressor gets nothing."""
    w, x = np.array([1, -kappa(problem)]), sample(problem)
    fitted = LinearEstimator(w).fit(x, x @ w)
    np.testing.assert_allclose(fitted.pattern, [1, 0], **EXACT)
    np.testing.assert_allclose(fitted.signal(POINTS), np.outer(POINTS @ w, [1, 0]), **EXACT)


@pytest.mark.parametrize("centred", [False, True])
def test_the_two_component_estimator(problem, centred):
    """E[x|y, z] = (z, 0) + Σw/(wᵀΣw)·(y − z) = (y, 0) for either z, as Σw ∝ (1, 0) and wᵀΣw = s₁²(1 − c²).

    So E±[xy] and E±[x] have no second component either, whatever is subtracted: a₊ = a₋ = (1, 0). The
    points are (y, 0) plus what is left, ±1 times a direction, which is orthogonal to w.
    """
    w = np.array([1, -kappa(problem)])
    y = np.concatenate([np.linspace(-3, 3, 50)] * 2)
    left = np.repeat([-1, 1], 50)
    x = np.outer(y, [1, 0]) + np.outer(left, [kappa(problem), 1])
    fitted = TwoComponentEstimator(w, centred=centred).fit(x, y)
    np.testing.assert_allclose([fitted.positive, fitted.negative], [[1, 0], [1, 0]], **EXACT)


def test_pattern_net_and_pattern_attribution(problem):
    """PatternNet: a·y = (y, 0). PatternAttribution: w ⊙ a·y = (1·1, −κ·0)·y = (y, 0)."""
    net, w = model(problem), np.array([1, -kappa(problem)])
    patterns = mx.signal.fit_patterns(net, [images(sample(problem))], progress=False)
    for method in (mx.methods.pattern_net, mx.methods.pattern_attribution):
        got = method(net, images(POINTS), patterns=patterns).map.reshape(-1, 2)
        np.testing.assert_allclose(got, np.outer(POINTS @ w, [1, 0]), **EXACT)
