"""Marks of maps where the truth is known, beside plain loops, scikit-learn and closed forms."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from minixai.errors import ShapeError
from minixai.evaluate.marks import MARKS, false_alarms, pointing_game, precision, roc_auc, share_on_truth

ALL = [*(mark.function for mark in MARKS.values()), pointing_game]
RNG = np.random.default_rng(0)
TRUTH = RNG.integers(-1, 2, (6, 1, 5, 4)).astype(np.int8)
MAPS = RNG.standard_normal(TRUTH.shape)
COARSE = np.round(2 * MAPS)  # with ties, and zeros


def test_shares_against_plain_loops():
    for mark, of in ((share_on_truth, 1), (false_alarms, -1)):
        for found, heat, truth in zip(mark(MAPS, TRUTH), MAPS, TRUTH, strict=True):
            inside = sum(abs(heat[i]) for i in np.ndindex(heat.shape) if truth[i] == of)
            assert found == pytest.approx(inside / sum(abs(heat[i]) for i in np.ndindex(heat.shape)))


@pytest.mark.parametrize("maps", [MAPS, COARSE])
def test_roc_auc_as_in_scikit_learn(maps):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    expected = [
        metrics.roc_auc_score((truth == 1).ravel(), np.abs(heat).ravel())
        for truth, heat in zip(TRUTH, maps, strict=True)
    ]
    np.testing.assert_allclose(roc_auc(maps, TRUTH), expected)


def test_ties_count_by_their_mean_over_all_orders():
    heat, truth = np.array([3.0, 1, 1, 1, 0]), np.array([1, 1, 0, 1, 0])
    orders = []
    for order in permutations(range(5)):
        if all(heat[order[i]] >= heat[order[i + 1]] for i in range(4)):
            orders.append(np.mean([truth[i] for i in order[:3]]))
    assert precision(heat[None], truth[None])[0] == pytest.approx(np.mean(orders))
    tied = pointing_game(np.array([[2.0, -2, 2, 0]]), np.array([[1, 0, 0, 1]]))
    assert tied[0] == pytest.approx(1 / 3)


def test_the_best_and_the_worst_map():
    best, worst = (TRUTH == 1).astype(float), (TRUTH != 1).astype(float)
    for mark in (share_on_truth, precision, roc_auc, pointing_game):
        np.testing.assert_allclose(mark(-best, TRUTH), 1)
        if mark is not precision:
            np.testing.assert_allclose(mark(worst, TRUTH), 0, atol=1e-12)
    true = (TRUTH == 1).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(precision(worst, TRUTH), np.maximum(0, 2 * true - 20) / true)
    np.testing.assert_allclose(false_alarms(best, TRUTH), 0)
    np.testing.assert_allclose(false_alarms((TRUTH == -1) * 1.0, TRUTH), 1)


def test_an_even_map_and_one_of_zeros_are_chance():
    size, suppressors = (TRUTH == 1).mean(axis=(1, 2, 3)), (TRUTH == -1).mean(axis=(1, 2, 3))
    for maps in (np.zeros(TRUTH.shape), np.full(TRUTH.shape, -2.0), np.full(TRUTH.shape, 1e-320)):
        for mark in (share_on_truth, precision, pointing_game):
            np.testing.assert_allclose(mark(maps, TRUTH), size)
        np.testing.assert_allclose(roc_auc(maps, TRUTH), 0.5)
        np.testing.assert_allclose(false_alarms(maps, TRUTH), suppressors)


def test_size_and_scale_do_not_count():
    for mark in ALL:
        np.testing.assert_allclose(mark(-1e-200 * MAPS, TRUTH), mark(MAPS, TRUTH))


def test_where_there_is_nothing_to_ask_for():
    none, all_true = np.zeros((1, 4)), np.ones((1, 4))
    maps = np.array([[1.0, 2, 3, 4]])
    for mark in ALL:
        assert np.isnan(mark(maps, none)).all()
    assert np.isnan(roc_auc(maps, all_true)).all()
    assert np.isnan(false_alarms(maps, all_true)).all()


@pytest.mark.parametrize("mark", ALL)
def test_wrong_arguments(mark):
    with pytest.raises(ShapeError, match=rf"^{mark.__name__}: maps have shape \(2, 3\), truth \(3, 2\)"):
        mark(np.ones((2, 3)), np.ones((3, 2)))
    with pytest.raises(ValueError, match=f"^{mark.__name__}: maps holds NaN"):
        mark(np.full((2, 3), np.nan), np.ones((2, 3)))
