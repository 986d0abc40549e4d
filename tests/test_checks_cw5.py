"""The checks of coursework 5 take the master's answers, name mistakes, and find copies out."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai.checks import CheckError
from minixai.course.cw5 import checks as cw5
from tests import grading, pieces
from tests.submissions import cw5 as submissions

FUNCTIONS = ("moments", "merge", "patterns", "rest", "rho", "in_other_coordinates", "patches", "conv_moments")
SEEDS = (0, 12, 77)


def answers(seed: int = 0, **replaced: str) -> dict[str, Any]:
    """What the solution cells of the master define; with other sources of some, by the name they define."""
    given = cw5.numbers(seed)
    names: dict[str, Any] = {"np": np, "mx": mx, "cw5": cw5, "Moments": cw5.Moments, **given._asdict()}
    for grade_id, source in grading.solutions_of("cw5").items():
        name = grade_id.removeprefix("cw5-").replace("-", "_")
        exec(replaced.get(name, source), names)
    return names


check_and_mark = partial(pieces.check_and_mark, cw5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [*FUNCTIONS, "by_hand"])
def test_the_master_s_solution_passes(name: str, seed: int) -> None:
    for check in check_and_mark(name):
        check(answers(seed)[name], seed)


def divided(numerator, w):
    return numerator / np.sum(w * numerator, axis=1, keepdims=True)


def independent_patterns(positive, negative, w):
    between = positive.n * negative.n / (positive.n + negative.n) * (positive.mean_y - negative.mean_y)
    plus = positive.cross + between[:, None] * positive.mean_x
    minus = negative.cross - between[:, None] * negative.mean_x
    return divided(plus + minus, w), divided(plus, w), divided(minus, w)


@pytest.mark.parametrize("seed", SEEDS)
def test_another_way_to_the_patterns_passes(seed: int) -> None:
    cw5.check_patterns(independent_patterns, seed)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_not_done_yet(name: str) -> None:
    def blank(*args, **kwargs):
        raise NotImplementedError

    check, _ = check_and_mark(name)
    with pytest.raises(CheckError, match="not done yet"):
        check(lambda *args, **kwargs: None, 0)
    with pytest.raises(NotImplementedError):
        check(blank, 0)


def test_the_hand_question_is_not_done_yet() -> None:
    for nothing in (None, {}, {"w": None}):
        with pytest.raises(CheckError, match="w: not done yet"):
            cw5.check_by_hand(nothing, 0)


WRONG_CELLS = [
    ("patterns", submissions.ACTIVE_ONLY, "over the samples of its own regime only"),
    ("patterns", submissions.VARIANCE_OF_THE_REGIME, "variance of y within the regime"),
    ("moments", submissions.NOT_CENTRED, "the means are not subtracted"),
    ("conv_moments", submissions.CONV_NOT_CENTRED, "ȳ is not subtracted"),
    ("rho", submissions.IN_SAMPLE, "that is ρ in sample"),
    ("merge", submissions.EQUAL_BATCHES, "the counts must weigh the means"),
    ("rest", submissions.FACTOR_WITH_BIAS, "the factor is wᵀx, without the bias"),
    ("in_other_coordinates", submissions.MOVED_LIKE_SAMPLES, "a filter does not change as the samples do"),
    ("patches", submissions.PLACES_FIRST, "images must come first"),
    (
        "rest",
        "def rest(x, w, b, a_plus, a_minus):\n"
        "    s = (x @ w.T).T[:, :, None]\n"
        "    return x - np.where(s > 0, a_plus[:, None], a_minus[:, None]) * s\n",
        "active is wᵀx + b > 0",
    ),
    (
        "merge",
        "def merge(one, other):\n"
        "    n = one.n + other.n\n"
        "    mean_x = (one.n[:, None] * one.mean_x + other.n[:, None] * other.mean_x) / n[:, None]\n"
        "    mean_y = (one.n * one.mean_y + other.n * other.mean_y) / n\n"
        "    return Moments(n, mean_x, mean_y, one.cross + other.cross)\n",
        "the batches have different means",
    ),
    (
        "conv_moments",
        "def conv_moments(x, w, b, **how):\n"
        "    cut = patches(x, w.shape[2:], how.get('stride', 1), how.get('padding', 0))\n"
        "    y = cut @ w.reshape(len(w), -1).T\n"
        "    return moments(cut, y + b, y > 0), moments(cut, y + b, y <= 0)\n",
        "the bias is left out of y > 0",
    ),
    *(
        (name, grading.solutions_of("cw5")[f"cw5-{name.replace('_', '-')}"].replace(right, wrong), told)
        for name, right, wrong, told in (
            ("moments", "return Moments(", "return (", "got tuple, return Moments("),
            ("moments", ".astype(np.float64)", "", "n is int64, expected float64"),
            ("merge", "share = other.n", "share = one.n", "weighed by the count of the other"),
            ("merge", "(one.n * share", "(n * share", "not by 1"),
            ("merge", "return Moments(", "return (", "got tuple, return Moments("),
            ("patterns", "denominator != 0", "denominator > 0", "a negative denominator is not 0"),
            ("rho", "d - d.mean(axis=0)", "d", "d̂ is not centred before the fit"),
            (
                "rho",
                "- np.corrcoef(read, y)[0, 1]",
                "- abs(np.corrcoef(read, y)[0, 1])",
                "sample; or the corr",
            ),
            (
                "patches",
                "np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))",
                "x",
                "the padding",
            ),
            ("patches", "::stride, ::stride", "::stride", "the stride goes over the columns, too"),
            ("patches", "np.pad(x", "np.pad(x.astype(float)", "got float64, expected float32"),
            ("conv_moments", ", mx.Tensor(b)", "", "the bias is left out of y > 0"),
        )
    ),
    (
        "moments",
        "def moments(x, y, keep):\n"
        "    n = keep.sum(axis=0).astype(np.float64)\n"
        "    share = (keep / np.maximum(n, 1)).astype(x.dtype)\n"
        "    mean_x, mean_y = share.T @ x, (share * y).sum(axis=0)\n"
        "    cross = np.where(keep, y - mean_y, 0).T @ (x - x.mean(axis=0))\n"
        "    return Moments(n, mean_x, mean_y, cross)\n",
        "summed in float64: mean_x is float32",
    ),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "source", "mistake"), WRONG_CELLS, ids=[case[2] for case in WRONG_CELLS])
def test_the_mistake_is_named(name: str, source: str, mistake: str, seed: int) -> None:
    with pytest.raises(CheckError) as error:
        check_and_mark(name)[0](answers(seed, **{name: source})[name], seed)
    assert mistake in str(error.value)


@pytest.mark.parametrize(
    ("name", "source", "called"),
    [
        ("moments", submissions.OWN_MOMENTS, "minixai.course.cw5.answers.moments_of"),
        ("patterns", submissions.OWN_PATTERNS, "minixai.signal"),
        ("rho", submissions.OWN_RHO, "minixai.course.cw5.answers.rho"),
        ("conv_moments", submissions.OWN_CONV_MOMENTS, "minixai.signal.moments.moments_of"),
        (
            "patches",
            "def patches(x, size, stride, padding):\n"
            "    ones = np.eye(x.shape[1] * size[0] * size[1]).reshape(-1, x.shape[1], *size)\n"
            "    y = mx.ops.conv2d(mx.Tensor(x), mx.Tensor(ones), stride=stride, padding=padding).value\n"
            "    return y.transpose(0, 2, 3, 1).reshape(-1, len(ones))\n",
            "minixai.ops",
        ),
        (
            "moments",
            "def moments(x, y, keep):\n    mx.signal.LinearEstimator(x[0]).fit(x, y[:, 0])\n",
            "minixai.signal.estimators",
        ),
        (
            "rho",
            "def rho(*args):\n    return mx.evaluate.quality(*args)\n",
            "minixai.evaluate.criterion.measuring.quality",
        ),
    ],
)
def test_a_copy_is_found_out(name: str, source: str, called: str) -> None:
    with pytest.raises(CheckError, match="write it yourself") as error:
        check_and_mark(name)[0](answers(**{name: source})[name], 0)
    assert called in str(error.value)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("moments", submissions.OWN_MOMENTS),
        ("patterns", submissions.OWN_PATTERNS),
        ("rho", submissions.OWN_RHO),
        ("conv_moments", submissions.OWN_CONV_MOMENTS),
    ],
)
def test_the_copies_fail_for_nothing_else(name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cw5, "own_work", lambda answer, *modules: answer)
    for check in check_and_mark(name):
        check(answers(**{name: source})[name], 0)


MARKED = {  # right in what check_ shows, wrong in what mark_ adds
    "raw sums lose their digits": (
        "merge",
        "def merge(one, other):\n"
        "    n = one.n + other.n\n"
        "    share = 1 / np.maximum(n, 1)\n"
        "    x = [m.n[:, None] * m.mean_x for m in (one, other)]\n"
        "    y = [m.n * m.mean_y for m in (one, other)]\n"
        "    raw = [m.cross + m.n[:, None] * m.mean_x * m.mean_y[:, None] for m in (one, other)]\n"
        "    mean_x, mean_y = sum(x) * share[:, None], sum(y) * share\n"
        "    return Moments(n, mean_x, mean_y, sum(raw) - n[:, None] * mean_x * mean_y[:, None])\n",
        "means of 1e5: cross",
    ),
    "a unit without samples divides by 0": (
        "merge",
        "def merge(one, other):\n"
        "    n = one.n + other.n\n"
        "    share = other.n / n\n"
        "    dx, dy = other.mean_x - one.mean_x, other.mean_y - one.mean_y\n"
        "    cross = one.cross + other.cross + (one.n * share * dy)[:, None] * dx\n"
        "    return Moments(n, one.mean_x + share[:, None] * dx, one.mean_y + share * dy, cross)\n",
        "no samples at all",
    ),
    "a denominator of 0": (
        "patterns",
        "def patterns(positive, negative, w):\n"
        "    n = positive.n + negative.n\n"
        "    y = (positive.n * positive.mean_y + negative.n * negative.mean_y) / n\n"
        "    of = lambda m: m.cross + (m.n * (m.mean_y - y))[:, None] * m.mean_x\n"
        "    over = lambda a: a / np.sum(w * a, axis=1, keepdims=True)\n"
        "    return over(of(positive) + of(negative)), over(of(positive)), over(of(negative))\n",
        "never active",
    ),
    "S_x has no ρ": (
        "rho",
        "def rho(d_v, y_v, d_test, y_test):\n"
        "    result = []\n"
        "    for j in range(len(d_v)):\n"
        "        y = y_v[:, j] - y_v[:, j].mean()\n"
        "        v = np.linalg.lstsq(d_v[j] - d_v[j].mean(axis=0), y, rcond=1e-10)[0]\n"
        "        result.append(1 - np.nan_to_num(np.corrcoef(d_test[j] @ v, y_test[:, j])[0, 1]))\n"
        "    return np.array(result)\n",
        "S_x: a rest of 0: which units are NaN",
    ),
    "a kernel that is not square": (
        "patches",
        "def patches(x, size, stride, padding):\n"
        "    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))\n"
        "    k = size[0]\n"
        "    rows = range(0, x.shape[2] - k + 1, stride)\n"
        "    columns = range(0, x.shape[3] - k + 1, stride)\n"
        "    cut = [[x[:, :, i:i + k, j:j + k] for j in columns] for i in rows]\n"
        "    return np.transpose(cut, (2, 0, 1, 3, 4, 5)).reshape(-1, x.shape[1] * k * k)\n",
        "a kernel of 2×3",
    ),
    "dilation is not handed on": (
        "conv_moments",
        "def conv_moments(x, w, b, stride=1, padding=0, dilation=1):\n"
        "    cut = patches(x, w.shape[2:], stride, padding)\n"
        "    y = cut @ w.reshape(len(w), -1).T + b\n"
        "    return moments(cut, y, y > 0), moments(cut, y, y <= 0)\n",
        "dilation 2",
    ),
    "active is y ≥ 0": (
        "rest",
        "def rest(x, w, b, a_plus, a_minus):\n"
        "    s = (x @ w.T).T[:, :, None]\n"
        "    return x - np.where(s + b[:, None, None] >= 0, a_plus[:, None], a_minus[:, None]) * s\n",
        "you took y ≥ 0",
    ),
}


@pytest.mark.parametrize(("name", "source", "told"), MARKED.values(), ids=MARKED)
def test_what_only_the_hidden_part_sees(name: str, source: str, told: str) -> None:
    answer = answers(**{name: source})[name]
    check, mark = check_and_mark(name)
    check(answer, 5)
    with pytest.raises(CheckError) as error:
        mark(answer, 6)
    assert told in str(error.value)


def test_arguments_must_stay() -> None:
    moments = answers()["moments"]

    def doubles(x, y, keep):
        x *= 2
        return moments(x / 2, y, keep)

    with pytest.raises(CheckError, match="writes to an array that it was given"):
        cw5.check_moments(doubles, 0)


HAND_MISTAKES = {
    "the bias is left out": {"b": 0},
    "the sign": {"mu": -1},
    "that is a_s: E[y] is over all samples": {"mu": 0},
}


@pytest.mark.parametrize(("mistake", "change"), HAND_MISTAKES.items(), ids=HAND_MISTAKES)
def test_a_wrong_number_by_hand_is_named(mistake: str, change: dict[str, int]) -> None:
    right = answers(3)["by_hand"]
    given = cw5.numbers(3)
    other = given._replace(**{name: factor * getattr(given, name) for name, factor in change.items()})
    wrong = {**right, "a_plus": cw5.answers.by_hand(other)[2]}
    cw5.check_by_hand(wrong, 3)
    with pytest.raises(CheckError, match=r"5\.4 a_plus") as error:
        cw5.mark_by_hand(wrong, 3)
    assert mistake in str(error.value)


def test_the_visible_check_of_the_hand_question_does_not_print_the_filter() -> None:
    given = cw5.numbers(3)
    with pytest.raises(CheckError, match=r"5\.4 wᵀa_s and wᵀa_d: got .*, expected \[1 0\]$"):
        cw5.check_by_hand({**answers(3)["by_hand"], "w": 3.0 * given.a_s}, 3)


@pytest.mark.parametrize("seed", range(10))
def test_the_hand_numbers_are_those_of_the_formulas_and_of_samples(seed: int) -> None:
    given = cw5.numbers(seed)
    w, a, plus, minus, b_zero = cw5.answers.by_hand(given)
    assert given.b != b_zero
    y = (np.arange(2000) + 0.5) / 1000 * given.c - given.c  # uniform, with nothing left to chance
    x = given.a_s * (y[:, None] - given.b) + given.a_d * given.mu
    patterns = cw5.answers.patterns_of(x, y[:, None], w[None])
    for exact, measured in zip((a, plus, minus), patterns, strict=True):
        np.testing.assert_allclose(measured[0], exact, rtol=1e-4, atol=1e-4)
    at_zero = given.a_s * (y[:, None] - b_zero) + given.a_d * given.mu
    active = y > 0
    assert abs(y[active] @ at_zero[active] @ w) < 1e-5 * (y[active] @ y[active])


def test_seeds_differ() -> None:
    assert len({str(cw5.numbers(seed)) for seed in range(30)}) == 30
    one, other = cw5._samples(0, 20), cw5._samples(1, 20)
    assert not np.allclose(one.x, other.x)
    first, second = (cw5.answers.patterns_of(each.x, each.y, each.w) for each in (one, other))
    assert not np.allclose(first, second)


@pytest.mark.parametrize("seed", range(20))
def test_half_of_the_denominators_are_negative_and_none_is_near_zero(seed: int) -> None:
    s = cw5._samples(seed, 80)
    centred = s.y - s.y.mean(axis=0)
    for active in (s.y > 0, s.y <= 0):
        denominator = np.sum(centred * active * (s.y - s.b), axis=0) / active.sum(axis=0)
        assert np.sum(denominator < 0) == 2
        assert np.abs(denominator).min() > 0.1
