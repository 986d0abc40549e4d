"""The linear pattern beside MNE's, which computes it by the formula of Haufe et al. (2014)."""

from __future__ import annotations

import numpy as np
import pytest

from minixai.data import toy
from minixai.signal.estimators import LinearEstimator, ridge
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
