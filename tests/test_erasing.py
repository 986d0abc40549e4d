"""Erasing is subtracting the signal: afterwards no linear model can read t."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minixai as mx
from minixai.errors import ShapeError
from minixai.signal import LinearEstimator, eraser, remove, ridge
from tests.oracles import criterion
from tests.oracles import erasing as oracle

RNG = np.random.default_rng


def samples(n: int = 400, k: int = 1, d: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Correlated features of different scales, and k binary concepts in them."""
    rng = RNG(seed)
    t = (rng.normal(size=(n, k)) > 0.3).astype(float)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + t @ rng.normal(size=(k, d)) + 3
    return x * np.exp(rng.normal(size=d)), t


@pytest.mark.parametrize("k", [1, 3])
def test_it_is_leace(k: int) -> None:
    x, t = samples(k=k)
    new, _ = samples(30, k, seed=1)
    fitted = eraser(x, t)
    np.testing.assert_allclose(fitted(new), oracle.leace(x, t, new), atol=1e-10)
    np.testing.assert_array_equal(remove(x, t), fitted(x))


@pytest.mark.parametrize("k", [1, 3])
def test_nothing_linear_of_t_is_left_and_the_mean_stays(k: int) -> None:
    x, t = samples(k=k)
    erased = remove(x, t)
    np.testing.assert_allclose((erased - erased.mean(0)).T @ (t - t.mean(0)) / len(x), 0, atol=1e-11)
    np.testing.assert_allclose(erased.mean(0), x.mean(0), atol=1e-12)
    again = remove(erased, t)
    np.testing.assert_allclose(again, erased, atol=1e-9)


def test_it_subtracts_the_signal_of_the_least_squares_filter() -> None:
    """S_a as the estimator has it, of w = Σ⁻¹ cov[x, t]; and x − S_a(x − μ) has ρ = 1 in-sample."""
    x, t = samples()
    w, _ = ridge(x, t[:, 0])
    b = -w @ x.mean(0)
    estimator = LinearEstimator(w, b).fit(x, x @ w + b)
    fitted = eraser(x, t)
    np.testing.assert_allclose(fitted.filter[0], w, atol=1e-12)
    np.testing.assert_allclose(fitted.pattern[0], estimator.pattern, atol=1e-10)
    np.testing.assert_allclose(fitted(x), x - estimator.signal(x), atol=1e-10)
    a = estimator.pattern
    left = criterion.distractors(list(x), w, 0, a, a, False)
    v = criterion.fit(left, 1e-9, np.var(x, axis=0).mean())
    assert criterion.rho(left, v) == pytest.approx(1, abs=1e-6)


def test_any_other_filter_has_rho_one_too_and_erases_nothing_of_t() -> None:
    """ρ = 1 is LEACE's guarantee for what the filter reads; to erase t, it has to be the one that reads t."""
    x, t = samples()
    w = RNG(2).normal(size=6)
    b = -w @ x.mean(0)
    estimator = LinearEstimator(w, b).fit(x, x @ w + b)
    left = criterion.distractors(list(x), w, 0, estimator.pattern, estimator.pattern, False)
    assert criterion.rho(left, criterion.fit(left, 1e-9, np.var(x, axis=0).mean())) == pytest.approx(
        1, abs=1e-6
    )
    kept = x - estimator.signal(x)
    assert np.abs(np.corrcoef(kept.T, t[:, 0])[-1, :-1]).max() > 0.1


def test_linear_probes_fall_to_chance() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    svm = pytest.importorskip("sklearn.svm")
    x, t = samples(3000, 2, seed=3)
    fit, new = slice(0, 2000), slice(2000, None)
    fitted = eraser(x[fit], t[fit])
    for probe in (
        linear_model.LogisticRegression(max_iter=5000),
        linear_model.RidgeClassifier(),
        svm.LinearSVC(),
    ):
        for concept in t.T:
            chance = max(concept[new].mean(), 1 - concept[new].mean())
            scale = x[fit].std(axis=0)
            before = probe.fit(x[fit] / scale, concept[fit]).score(x[new] / scale, concept[new])
            erased = probe.fit(fitted(x[fit]) / scale, concept[fit])
            assert before > chance + 0.08
            for part in (fit, new):
                chance = max(concept[part].mean(), 1 - concept[part].mean())
                assert erased.score(fitted(x[part]) / scale, concept[part]) == pytest.approx(chance, abs=0.03)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=4), shift=st.sampled_from([0.0, 1e6]))
def test_it_does_not_depend_on_the_batches(cuts: list[int], shift: float) -> None:
    x, t = samples(60, 2)
    x = x + shift
    whole = remove(x, t)
    parts = [part for part in np.split(np.arange(60), sorted(cuts)) if len(part)]
    total = eraser(x[parts[0]], t[parts[0]])
    for part in parts[1:]:
        total.update(x[part], t[part])
    merged = eraser(x[parts[-1]], t[parts[-1]])
    for part in parts[-2::-1]:
        merged = eraser(x[part], t[part]).merge(merged)
    for fitted in (total, merged):
        assert fitted.count == 60
        np.testing.assert_allclose(fitted(x), whole, rtol=1e-12, atol=1e-8)


def test_an_update_is_used() -> None:
    x, t = samples()
    fitted = eraser(x[:100], t[:100])
    before = fitted(x)
    assert fitted.update(x[100:], t[100:]) is fitted
    assert not np.allclose(fitted(x), before, atol=1e-6)
    np.testing.assert_allclose(fitted(x), remove(x, t), atol=1e-10)


def test_singular_covariances_and_classes() -> None:
    """Features that repeat or are constant, and one column for each of three classes."""
    x, _ = samples(300)
    label = RNG(5).integers(0, 3, 300)
    t = np.eye(3)[label]
    x[:, :3] += t
    wide = np.concatenate([x, x[:, :2], np.full((300, 1), 7.0)], axis=1)
    expected = remove(x, t[:, :2])
    found = remove(wide, t)
    np.testing.assert_allclose(
        found, np.concatenate([expected, expected[:, :2], wide[:, -1:]], axis=1), atol=1e-9
    )


def test_images_and_dtypes() -> None:
    x, t = samples(100, d=12)
    images = x.reshape(100, 3, 2, 2)
    erased = remove(images.astype(np.float32), t[:, 0] > 0)
    assert (erased.shape, erased.dtype) == (images.shape, np.float32)
    np.testing.assert_allclose(erased, remove(x, t).reshape(images.shape), rtol=1e-4, atol=1e-4)
    fitted = eraser(images, t)
    assert fitted.filter.shape == fitted.pattern.shape == (1, 3, 2, 2)
    assert fitted.mean.shape == (3, 2, 2)
    assert repr(fitted) == "Eraser(1 concept of x (n, 3, 2, 2), 100 samples)"
    whole = np.arange(12).reshape(6, 2) % 5
    assert remove(whole, whole[:, 0]).dtype == np.float64


@pytest.mark.parametrize(
    ("x", "t", "error", "message"),
    [
        (np.zeros(3), np.zeros(3), ShapeError, r"eraser: x has shape \(3,\), expected \(n, …\)"),
        (
            np.zeros((3, 2)),
            np.zeros(4),
            ShapeError,
            r"t has shape \(4,\), expected \(3,\) or \(3, k\) as x is",
        ),
        (np.zeros((3, 2)), np.zeros((3, 1, 1)), ShapeError, r"t has shape \(3, 1, 1\)"),
        (np.full((3, 2), np.nan), np.zeros(3), ValueError, "eraser: x holds NaN or inf"),
        (np.zeros((3, 2)), np.array(["a", "b", "c"]), TypeError, "eraser: t has dtype"),
    ],
)
def test_bad_arguments(x: np.ndarray, t: np.ndarray, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        eraser(x, t)


def test_bad_calls() -> None:
    x, t = samples()
    fitted = eraser(x, t)
    with pytest.raises(ShapeError, match=r"eraser: x has shape \(400, 5\), expected \(n, 6\)"):
        fitted(x[:, :5])
    with pytest.raises(ShapeError, match=r"update: x is \(n, 5\) with 1 concept, expected \(n, 6\) with 1"):
        fitted.update(x[:, :5], t)
    with pytest.raises(ShapeError, match=r"merge: x is \(n, 6\) with 2 concepts, expected \(n, 6\) with 1"):
        fitted.merge(eraser(*samples(k=2)))
    np.testing.assert_array_equal(fitted(x), remove(x, t))  # nothing was taken in
    with pytest.raises(ValueError, match="remove: concept 0 of t is constant over 400 samples"):
        mx.signal.remove(x, np.ones(400))
