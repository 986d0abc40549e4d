"""ROAD's imputation beside plain loops, and as a fill of `degrade`."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from minixai.evaluate import degrade, imputation, insertion_deletion
from minixai.evaluate.imputation import NOISE, road
from tests.networks import small

pytest.importorskip("scipy", reason="SciPy is not installed")
RNG = np.random.default_rng(0)


def solved(image, removed):
    """Jacobi's iteration on the stated means, to the end."""
    filled = np.where(removed, image[:, ~removed].mean(), image)
    c, h, w = image.shape
    for _ in range(3000):
        before = filled.copy()
        for k, i, j in np.ndindex(c, h, w):
            if removed[i, j]:
                total = weights = 0.0
                for down in (-1, 0, 1):
                    for across in (-1, 0, 1):
                        r, q = i + down, j + across
                        if (down or across) and 0 <= r < h and 0 <= q < w:
                            weight = 1 / 6 if down * across == 0 else 1 / 12
                            total, weights = total + weight * before[k, r, q], weights + weight
                filled[k, i, j] = total / weights
        if np.abs(filled - before).max() < 1e-13:
            break
    return filled


@pytest.fixture
def no_noise(monkeypatch):
    monkeypatch.setattr(imputation, "NOISE", 0)


@pytest.mark.usefixtures("no_noise")
def test_against_plain_loops():
    image, removed = RNG.standard_normal((2, 6, 5)), RNG.random((6, 5)) < 0.6
    removed[0, 0] = removed[-1, -1] = True
    np.testing.assert_allclose(road(image, removed, RNG), solved(image, removed), atol=1e-10)


@pytest.mark.usefixtures("no_noise")
def test_what_is_known_stays_and_a_slope_is_gone_on():
    ramp = np.arange(7.0) * np.ones((1, 7, 1))
    removed = np.zeros((7, 7), bool)
    removed[2:5, 2:5] = True
    np.testing.assert_allclose(road(ramp, removed, RNG), ramp)
    image = RNG.standard_normal((3, 7, 7))
    np.testing.assert_array_equal(road(image, removed, RNG)[:, ~removed], image[:, ~removed])
    assert road(image, np.zeros((7, 7), bool), RNG) is image
    whole = road(image, np.ones((7, 7), bool), RNG)
    np.testing.assert_allclose(whole, np.broadcast_to(image.mean(axis=(1, 2), keepdims=True), image.shape))


def test_the_noise_is_a_tenth_of_the_images_spread():
    image = 5 * RNG.standard_normal((1, 60, 60)).astype(np.float32)
    removed = RNG.random((60, 60)) < 0.5
    one, two = (road(image, removed, np.random.default_rng(seed)) for seed in (0, 1))
    assert one.dtype == np.float32
    assert (one - two)[:, removed].std() == pytest.approx(np.sqrt(2) * NOISE * image.std(), rel=0.05)


def test_as_a_fill_of_degrade():
    net, x = small((8, 8), 0), RNG.standard_normal((3, 2, 8, 8))
    heat, settings = RNG.standard_normal((3, 8, 8)), {"patch": 2, "progress": False}
    curve = degrade(net, x, heat, fill="road", steps=4, **settings)
    assert curve.change == "replaced by noisy linear imputation"
    again = degrade(net, x, heat, fill="road", steps=4, batch_size=1, **settings)
    np.testing.assert_allclose(curve.scores, again.scores)
    order = np.argsort(-heat[1].reshape(4, 2, 4, 2).sum(axis=(1, 3)).ravel())
    removed = np.isin(np.arange(16).reshape(4, 4), order[:3]).repeat(2, axis=0).repeat(2, axis=1)
    point = road(x[1], removed, np.random.default_rng([0, 1, 12]))
    z = net.predict(point[None])[0]
    assert curve.scores[1, 3] == pytest.approx(np.exp(z[curve.target[1]]) / np.exp(z).sum())
    _, deletion = insertion_deletion(net, x, heat, steps=4, fill="road", progress=False)
    assert deletion.change == "replaced by noisy linear imputation"
    with pytest.raises(ValueError, match="insertion_deletion: start is 'road', which needs pixels"):
        insertion_deletion(net, x, heat, start="road", progress=False)


def test_without_scipy_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    monkeypatch.setitem(sys.modules, "scipy.sparse.linalg", None)
    with pytest.raises(ImportError, match=r"degrade: fill 'road' needs SciPy: pip install"):
        road(np.ones((1, 3, 3)), np.eye(3, dtype=bool), RNG)
