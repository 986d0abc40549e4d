"""Problems with a right answer: that the truth is what the numbers say, and how well a linear model does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from minixai.data import SuppressorSample, suppressor_2d, suppressor_8x8, tetrominoes, watermarked

PROBLEMS: dict[str, Callable[..., SuppressorSample]] = {
    "2d": suppressor_2d,
    "8x8": suppressor_8x8,
    **{
        f"{scenario} {background}": partial(tetrominoes, scenario, background)
        for scenario in ("linear", "multiplicative", "rigid", "xor")
        for background in ("white", "correlated")
    },
    **{f"watermark {kind}": partial(watermarked, kind) for kind in ("none", "informative", "random")},
}


def logistic_regression(problem: Callable[..., SuppressorSample], n: int, penalty: float = 1.0) -> float:
    """The accuracy on a quarter of n samples."""
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    x, y, _ = problem(n=n)
    x, fitted = x.reshape(n, -1), 3 * n // 4
    model = linear_model.LogisticRegression(C=1 / penalty, max_iter=1000).fit(x[:fitted], y[:fitted])
    return model.score(x[fitted:], y[fitted:])


def correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """|corr| of all columns of one (n, k) with those of the other (n, m): (k, m); 0 for a constant one."""
    one, other = (each - each.mean(axis=0) for each in (one, other))
    norms = np.outer(*(np.sqrt(np.square(each).sum(axis=0)) for each in (one, other)))
    return np.abs(one.T @ other) / np.where(norms > 1e-9, norms, np.inf)


@pytest.mark.parametrize("name", PROBLEMS)
def test_arrays(name):
    x, y, truth = PROBLEMS[name](n=50, seed=3)
    assert (x.dtype, y.dtype, truth.dtype) == (np.float64, np.int64, np.int8)
    assert x.shape == truth.shape
    assert len(x) == 50
    assert y.shape == (50,)
    assert set(np.unique(y)) == {0, 1}
    assert set(np.unique(truth)) <= {-1, 0, 1}
    again, other = PROBLEMS[name](n=50, seed=3), PROBLEMS[name](n=50, seed=4)
    np.testing.assert_array_equal(again.x, x)
    assert not np.array_equal(other.x, x)


# In correlated background a pixel's own part is too small to see, and xor is in no pixel alone.
BY_PIXEL = [name for name in PROBLEMS if not set(name.split()) & {"rigid", "xor", "correlated"}]


@pytest.mark.parametrize("name", BY_PIXEL)
def test_the_truth_is_what_the_correlations_say(name):
    """1: x or x² goes with y. −1: neither does, but x goes with a feature marked 1. 0: neither.

    The limit of 5/√n lets one of two million independent pairs pass.
    """
    n = 20_000
    x, y, truth = PROBLEMS[name](n=n)
    x, truth, limit = x.reshape(n, -1), truth[0].ravel(), 5 / np.sqrt(n)
    with_y = np.maximum(*(correlations(each, y[:, None]).ravel() for each in (x, np.square(x))))
    assert with_y[truth == 1].min() > limit
    assert with_y[truth != 1].max(initial=0) < limit
    with_truth = correlations(x, x[:, truth == 1]).max(axis=1)
    assert with_truth[truth == -1].min(initial=1) > limit
    if name != "8x8":  # whose noise is correlated a little everywhere
        assert with_truth[truth == 0].max(initial=0) < limit


@pytest.mark.parametrize("scenario", ["linear", "multiplicative", "rigid", "xor"])
def test_background_that_is_correlated_knows_of_the_truth(scenario):
    n = 2000
    x, _, truth = tetrominoes(scenario, "correlated", n)
    white = tetrominoes(scenario, "white", n)
    np.testing.assert_array_equal(truth, np.where(white.truth == 1, 1, -1))
    smooth, rough = (correlations(each, each) for each in (x.reshape(n, -1), white.x.reshape(n, -1)))
    assert smooth.min() > 5 / np.sqrt(n)
    assert np.median(rough) < 3 / np.sqrt(n) < np.median(smooth)


def test_xor_is_in_no_pixel_and_in_products_of_pixels():
    x, y, truth = tetrominoes("xor", "white", n=20_000)
    pixels, limit = x.reshape(len(x), -1), 5 / np.sqrt(len(x))
    assert correlations(pixels, y[:, None]).max() < limit
    t, l = (x[:, 0, *place] for place in ((2, 2), (5, 5)))  # noqa: E741
    assert correlations((t * l)[:, None], y[:, None])[0, 0] > limit
    assert truth[0].sum() == 8


def test_a_rigid_tetromino_has_a_truth_of_its_own():
    x, _, truth = tetrominoes("rigid", "white", n=400)
    assert (truth.sum(axis=(1, 2, 3)) == 4).all()
    assert len({each.tobytes() for each in truth}) > 100
    sides = {tuple(np.ptp(np.nonzero(each[0]), axis=1)) for each in truth}
    assert sides == {(1, 2), (2, 1)}
    assert np.mean(x[truth == 1]) > 5 * np.abs(np.mean(x[truth == 0]))


@pytest.mark.parametrize(("scenario", "background"), [("linear", "white"), ("rigid", "correlated")])
def test_larger_images_are_enlarged(scenario, background):
    small, large = (tetrominoes(scenario, background, 20, size).truth for size in (8, 16))
    np.testing.assert_array_equal(large == 1, np.kron(small == 1, np.ones((2, 2))))


def test_photos_as_a_background():
    pytest.importorskip("skimage", reason="scikit-image bundles the photos")
    x, _, truth = tetrominoes("linear", "photo", n=200)
    assert np.isfinite(x).all()
    assert set(np.unique(truth)) == {-1, 1}


# The checks of the papers


def test_two_features_as_wilming_et_al():
    """Σ_x w ∝ (1, 0) for w ∝ (1, −c·s₁/s₂), which reaches .952; the first feature alone .841 = Φ(1)."""
    x, y, _ = suppressor_2d(400_000)
    w = np.array([1, -0.8 / 0.7])
    assert ((x @ w > 0) == y).mean() == pytest.approx(0.952, abs=0.001)
    assert ((x[:, 0] > 0) == y).mean() == pytest.approx(0.841, abs=0.001)
    pattern = np.cov(x.T) @ w
    assert pattern[1] / pattern[0] == pytest.approx(0, abs=0.005)
    best = np.linalg.solve(np.cov(x.T), x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0))
    np.testing.assert_allclose(best / best[0], w, atol=0.01)


def test_8x8_as_wilming_et_al():
    """Terms of the stated size, and a noise that is correlated but white in no direction of its own."""
    n = 4000
    x, y, _ = suppressor_8x8(n, signal=1, distractor=0, noise=0)
    np.testing.assert_allclose(np.square(x).sum() / n, 1)
    assert (np.sign(x[:, 0, 1, 1]) == 2 * y - 1).all()
    np.testing.assert_array_equal(x[:, 0, 4:, :4], -x[:, 0, :4, :4])
    d = suppressor_8x8(n, signal=0, distractor=1, noise=0).x
    np.testing.assert_array_equal(d[:, 0, :4, 4:], -d[:, 0, :4, :4])
    noise = np.cov(suppressor_8x8(n, signal=0, distractor=0, noise=1).x.reshape(n, -1).T)
    assert np.ptp(np.linalg.eigvalsh(noise)) > 0.8 / 32  # of D ~ U(0, 1), whose trace is now 1
    assert logistic_regression(suppressor_8x8, 4000) > 0.9


@pytest.mark.parametrize(("background", "accuracy"), [("white", 0.90), ("correlated", 1.0)])
def test_logistic_regression_on_linear_tetrominoes(background, accuracy):
    found = logistic_regression(partial(tetrominoes, "linear", background), 10_000, penalty=1e-6)
    assert found == pytest.approx(accuracy, abs=0.015)


@pytest.mark.parametrize("scenario", ["multiplicative", "rigid", "xor"])
def test_a_linear_model_knows_nothing_of_the_others(scenario):
    assert logistic_regression(partial(tetrominoes, scenario), 4000) < 0.56


def test_a_linear_model_reads_watermarked_digits():
    found = {kind: logistic_regression(partial(watermarked, kind), 4000, 100) for kind in ("none", "random")}
    assert min(found.values()) > 0.95


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (partial(suppressor_2d, 0), ValueError, "^suppressor_2d: n is 0, expected at least 1"),
        (partial(suppressor_2d, c=1), ValueError, "^suppressor_2d: c is 1, expected a finite number, above"),
        (partial(suppressor_2d, s2=0), ValueError, "^suppressor_2d: s2 is 0"),
        (partial(suppressor_8x8, noise=-1), ValueError, "^suppressor_8x8: noise is -1"),
        (partial(suppressor_8x8, seed=-1), ValueError, "^suppressor_8x8: seed is -1"),
        (partial(tetrominoes, "round"), ValueError, "scenario is 'round', expected one of 'linear', 'mult"),
        (partial(tetrominoes, background="red"), ValueError, "background is 'red', expected one of 'white'"),
        (partial(tetrominoes, size=12), ValueError, "size is 12, expected a multiple of 8"),
        (partial(tetrominoes, alpha=2), ValueError, "alpha is 2"),
        (partial(watermarked, "some"), ValueError, "^watermarked: kind is 'some', expected one of 'none'"),
        (partial(watermarked, n=2.5), TypeError, "^watermarked: n is 2.5, expected a whole number"),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_without_a_suppressor_there_is_none():
    assert suppressor_2d(5, c=0).truth.tolist() == [[1, 0]] * 5
