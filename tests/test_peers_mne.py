"""The linear pattern beside MNE's, which computes it by the formula of Haufe et al. (2014)."""

from __future__ import annotations

import numpy as np
import pytest

from minixai import ops
from minixai.data import toy
from minixai.signal import LinearEstimator, pattern_of, ridge
from minixai.signal.moments import moments_of
from tests.peers.compare import assert_close

decoding = pytest.importorskip("mne.decoding", reason="mne is not installed (pip install -e '.[peers]')")
linear_model = pytest.importorskip("sklearn.linear_model")

pytestmark = pytest.mark.peers

RNG = np.random.default_rng(0)
TOY = toy(n=3000, mu=0.7, noise=0.4)
MIXED = RNG.normal(size=(500, 20)) @ RNG.normal(size=(20, 20)) + RNG.normal(0, 10, 20)
DATA = {
    "toy": (TOY.x, TOY.y),
    "20 dimensions": (MIXED, MIXED @ RNG.normal(size=20) + RNG.normal(0, 5, 500)),
}


@pytest.mark.parametrize("data", list(DATA))
@pytest.mark.parametrize("l2", [0.0, 1000.0])
def test_mne_s_pattern_is_ours_times_the_variance_of_the_output(data: str, l2: float) -> None:
    x, y = DATA[data]
    theirs = decoding.LinearModel(linear_model.Ridge(l2)).fit(x, y)
    w, b = ridge(x, y, l2)
    assert_close(w, theirs.filters_, 1e-8)
    output = x @ w + b
    a = LinearEstimator(w, b).fit(x, output).pattern
    assert_close(a * output.var(ddof=1), theirs.patterns_, 1e-8)  # cov[x]·w, for one target without 1/var[y]


def test_mne_s_patterns_of_uncorrelated_targets_are_ours() -> None:
    targets, _ = np.linalg.qr(MIXED - MIXED.mean(axis=0))  # uncorrelated, and read from x without error
    theirs = decoding.LinearModel(linear_model.LinearRegression()).fit(MIXED, targets[:, :3])
    ours = [LinearEstimator(w).fit(MIXED, MIXED @ w).pattern for w in theirs.filters_]
    assert_close(np.stack(ours), theirs.patterns_, 1e-8)


@pytest.mark.parametrize("error", [0.0, 3.0])
def test_mne_s_patterns_of_several_targets_are_the_joint_ones(error: float) -> None:
    """MNE divides by the covariance of the targets, we by that of the outputs, which read them."""
    rng = np.random.default_rng(1)
    targets = MIXED @ rng.normal(size=(20, 3)) @ rng.normal(size=(3, 3)) + error * rng.normal(size=(500, 3))
    theirs = decoding.LinearModel(linear_model.LinearRegression()).fit(MIXED, targets)
    w = np.asarray(theirs.filters_)
    ours = pattern_of(moments_of(ops.linear(MIXED, w).node), w, "joint")
    if not error:
        assert_close(ours, theirs.patterns_, 1e-8)
    of_outputs, of_targets = np.cov(w @ MIXED.T), np.cov(targets.T)
    assert_close(np.linalg.solve(of_targets, of_outputs @ ours), theirs.patterns_, 1e-8)
