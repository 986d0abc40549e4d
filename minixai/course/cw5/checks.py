"""The checks of coursework 5: patterns and ρ of many units at once, on the toy and on a convolution.

Samples are the rows of x (n, d), filters those of w (k, d); outputs are y = x·wᵀ + b (n, k). A unit is
active where y > 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minixai.checks.patches import patches_of
from minixai.checks.report import Answer, Array, CheckError, compare, compare_array, result_of, tuple_of
from minixai.course.cw5 import answers
from minixai.course.cw5.answers import Moments, Numbers
from minixai.course.honesty import own_work

OUT_OF_REACH = ("minixai.signal", "minixai.rules", "minixai.methods", "minixai.evaluate")


# 1 · moments


def check_moments(moments: Answer, seed: int) -> None:
    """moments(x, y, keep): the Moments of every unit over the samples that it keeps."""
    answer = _own("5.1", moments)
    x = np.array([[3.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    y = np.array([[2.0, 1.0], [1.0, 1.0], [-1.0, 4.0]])
    _check_moments(answer, "5.1 by hand", x, y, np.array([[True, True], [True, False], [False, True]]))
    s = _samples(seed, n=40)
    _check_moments(answer, "5.1 random", s.x, s.y, s.y > 0)
    single = (s.x + 100).astype(np.float32), s.y.astype(np.float32)
    _check_moments(answer, "5.1 float32 samples, summed in float64", *single, s.y > 0)


def mark_moments(moments: Answer, seed: int) -> None:
    """The same for other numbers, no kept sample, and large means."""
    check_moments(moments, seed)
    answer = _own("5.1", moments)
    s = _samples(seed, n=30, stream=1)
    none = (s.y > 0) & (np.arange(s.y.shape[1]) != 1)
    _check_moments(answer, "5.1 a unit that keeps no sample", s.x, s.y, none)
    _check_moments(answer, "5.1 means of 1e5", s.x + 1e5, s.y - 1e5, s.y > 0)


def _check_moments(answer: Answer, case: str, x: Array, y: Array, keep: Array) -> None:
    expected = answers.moments_of(x, y, keep)
    everywhere = answers.moments_of(x, y, np.ones_like(keep))
    with np.errstate(all="ignore"):
        per_sample = expected.cross / expected.n[:, None]
    mistakes = {
        field: {"over all samples, also those that are not kept": getattr(everywhere, field)}
        for field in Moments._fields
    }
    uncentred = [y[keep[:, j], j] @ x[keep[:, j]] for j in range(y.shape[1])]
    mistakes["cross"] |= {"a mean: cross is the sum": per_sample, "the means are not subtracted": uncentred}
    _compare_moments(case, answer(x, y, keep), expected, mistakes)


# 2 · merge


def check_merge(merge: Answer, seed: int) -> None:
    """merge(one, other): the Moments of the samples of both."""
    answer = _own("5.2", merge)
    x, y = np.array([[0.0], [2.0], [10.0]]), np.array([[1.0], [3.0], [-1.0]])
    _check_merge(answer, "5.2 by hand", x, y, np.ones((3, 1), bool), [2])
    s = _samples(seed, n=50, stream=2)
    _check_merge(answer, "5.2 random", s.x, s.y, s.y > 0, [35])
    _check_merge(answer, "5.2 seven batches", s.x, s.y, s.y > 0, [3, 10, 11, 30, 31, 45])


def mark_merge(merge: Answer, seed: int) -> None:
    """The same for other numbers, empty moments on either side, and means of 1e5."""
    check_merge(merge, seed)
    answer = _own("5.2", merge)
    s = _samples(seed, n=60, stream=3)
    later = (s.y > 0) & (np.arange(60) >= 20)[:, None]
    sooner = (s.y > 0) & (np.arange(60) < 20)[:, None]
    _check_merge(answer, "5.2 no samples on the left", s.x, s.y, later, [20])
    _check_merge(answer, "5.2 no samples on the right", s.x, s.y, sooner, [20])
    _check_merge(answer, "5.2 no samples at all", s.x, s.y, np.zeros_like(later), [20])
    far = s.x + 1e5, s.y - 1e5
    _check_merge(answer, "5.2 means of 1e5", *far, s.y > 0, [5, 20, 25, 50])
    drifting = s.x + np.linspace(0, 50, 60)[:, None], s.y
    _check_merge(answer, "5.2 the means drift", *drifting, s.y <= 0, [10, 15, 40])


def _check_merge(answer: Answer, case: str, x: Array, y: Array, keep: Array, cuts: list[int]) -> None:
    batches = [
        answers.moments_of(*batch)
        for batch in zip(*(np.split(each, cuts) for each in (x, y, keep)), strict=True)
    ]
    got = batches[0]
    for batch in batches[1:]:
        got = _as_moments(case, answer(got, batch))
    one, other = batches[:2]
    n = np.maximum(one.n + other.n, 1)
    share = one.n / n
    steps = (other.mean_x - one.mean_x) * (other.mean_y - one.mean_y)[:, None]
    mistakes = {
        "n": {"the mean of the counts, they add up": n / 2},
        "mean_x": _mistakes_of_a_mean(one.mean_x, other.mean_x, share[:, None]),
        "mean_y": _mistakes_of_a_mean(one.mean_y, other.mean_y, share),
        "cross": {"the two sums alone: the batches have different means": one.cross + other.cross},
    }
    for name, weight in {
        "1": np.ones_like(n),
        "n₁n₂": one.n * other.n,
        "n₁/(n₁ + n₂)": share,
        "n₂/(n₁ + n₂)": 1 - share,
    }.items():
        mistake = f"the step between the means is weighed by n₁n₂/(n₁ + n₂), not by {name}"
        mistakes["cross"][mistake] = one.cross + other.cross + weight[:, None] * steps
    _compare_moments(case, got, answers.moments_of(x, y, keep), mistakes if len(batches) == 2 else {})


def _mistakes_of_a_mean(one: Array, other: Array, share: Array) -> dict[str, Array]:
    return {
        "the counts must weigh the means": (one + other) / 2,
        "each mean is weighed by the count of the other": (1 - share) * one + share * other,
    }


# 3 · patterns


def check_patterns(patterns: Answer, seed: int) -> None:
    """patterns(positive, negative, w): a, a₊ and a₋ of every unit, each (k, d)."""
    answer = _own("5.3", patterns)
    x, w = np.array([[3.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, -1.0]])
    _check_patterns(answer, "5.3 by hand", x, w, np.zeros(1))
    s = _samples(seed, n=80, stream=4)
    _check_patterns(answer, "5.3 random", s.x, s.w, s.b)
    for name, got in zip(("a", "a₊", "a₋"), answer(*answers.regimes(s.x, s.w, s.b), s.w), strict=True):
        compare(f"5.3 random: wᵀ{name}", np.sum(s.w * got, axis=1), np.ones(len(s.w)))


def mark_patterns(patterns: Answer, seed: int) -> None:
    """The same for other numbers, units that never or always fire, a filter of zeros, and another scale."""
    check_patterns(patterns, seed)
    answer = _own("5.3", patterns)
    s = _samples(seed, n=50, stream=5)
    b = s.b + np.array([-1e3, 1e3, 0, 0])
    w = s.w * np.array([1, 1, 0, 1])[:, None]
    _check_patterns(answer, "5.3 never active, always active, a filter of zeros", s.x, w, b)
    scale = np.array([1e-3, 5, 100, 1])[:, None]
    _check_patterns(answer, "5.3 filters of other lengths", s.x, s.w * scale, s.b * scale[:, 0])


def _check_patterns(answer: Answer, case: str, x: Array, w: Array, b: Array) -> None:
    y = x @ w.T + b
    regimes = answers.regimes(x, w, b)
    a, plus, minus = answers.patterns_of(x, y, w)
    got = tuple_of(case, answer(*regimes, w), 3)
    about_own_means = regimes[0].cross + regimes[1].cross
    of_a = {
        "the mean of a₊ and a₋": (plus + minus) / 2,
        "the means are not subtracted": answers.over(answers.weighted(x, y), w),
        "the two regimes' sums about their own means, without what lies between": answers.over(
            about_own_means, w
        ),
        "not divided": answers.weighted(x, y - y.mean(axis=0)),
    }
    compare(f"{case}: a", got[0], a, of_a, rtol=1e-7)
    mean_of_means = (regimes[0].mean_y + regimes[1].mean_y) / 2
    for name, value, right, other, own, active in (
        ("a₊", got[1], plus, minus, regimes[0], y > 0),
        ("a₋", got[2], minus, plus, regimes[1], y <= 0),
    ):
        mistakes = {
            "a₊ and a₋ are exchanged": other,
            "E[y] is over all samples, not the mean of two means": answers.over(
                answers.weighted(x, (y - mean_of_means) * active), w
            ),
            **_mistakes_of_a_regime(x, y, w, own, active),
        }
        compare(f"{case}: {name}", value, right, mistakes, rtol=1e-7)


@np.errstate(all="ignore")  # of a unit without active samples nothing is left to divide by
def _mistakes_of_a_regime(x: Array, y: Array, w: Array, own: Moments, active: Array) -> dict[str, Array]:
    numerator = answers.weighted(x, (y - y.mean(axis=0)) * active)
    denominator, within, length = (
        np.sum(w * each, axis=1, keepdims=True) for each in (numerator, own.cross, w)
    )
    mean = numerator / np.maximum(own.n, 1)[:, None]
    return {
        "E[y] over the samples of its own regime only, it is over all samples": answers.over(own.cross, w),
        "E[y] is not subtracted": answers.over(answers.weighted(x, y * active), w),
        "not divided": numerator,
        "not divided, but for the number of samples": mean,
        "divided by the variance of y over all samples": mean / y.var(axis=0)[:, None],
        "divided by the variance of y within the regime, which is not wᵀ of the numerator": numerator
        / within,
        "divided by wᵀw": numerator / length,
        "the denominator keeps its sign": numerator / np.abs(denominator),
        "a negative denominator is not 0": np.where(denominator > 0, numerator / denominator, 0),
        "E[x] is subtracted from x, too": answers.over(
            answers.weighted(x - x.mean(axis=0), (y - y.mean(axis=0)) * active), w
        ),
    }


# 4 · by hand


def numbers(seed: int) -> Numbers:
    """The numbers of the hand question of a term."""
    rng = np.random.default_rng([seed, 4])
    pairs = [
        (1, 2),
        (2, 1),
        (1, -2),
        (3, 1),
        (-1, 2),
        (2, -1),
        (1, 3),
        (-2, 1),
        (3, -1),
        (3, 2),
        (2, 3),
        (1, 0),
    ]
    i, j = rng.choice(len(pairs), 2, replace=False)
    while pairs[i][0] * pairs[j][1] == pairs[i][1] * pairs[j][0]:  # the distractor along the signal
        i, j = rng.choice(len(pairs), 2, replace=False)
    m = int(rng.integers(2, 6))
    b = int(rng.choice([b for b in range(1, 8) if b != 2 * m]))
    mu = int(rng.choice([-4, -3, -2, 2, 3, 4]))
    return Numbers(np.array(pairs[i]), np.array(pairs[j]), 3 * m, mu, b)


def check_by_hand(by_hand: Any, seed: int) -> None:
    """by_hand: "w", "a", "a_plus", "a_minus" and "b_zero"; here only w, and wᵀ of the three patterns."""
    given = numbers(seed)
    _entries(by_hand)
    crossed = {"that w reads the distractor and cancels the signal": [0, 1]}
    compare("5.4 wᵀa_s and wᵀa_d", np.array([given.a_s, given.a_d]) @ by_hand["w"], [1, 0], crossed)
    for name in ("a", "a_plus", "a_minus"):
        compare(f"5.4 wᵀ{name}", np.dot(by_hand["w"], by_hand[name]), 1)


def mark_by_hand(by_hand: Any, seed: int) -> None:
    """All five, for the same seed."""
    check_by_hand(by_hand, seed)
    given, (w, a, plus, minus, b_zero) = numbers(seed), answers.by_hand(numbers(seed))
    without_bias = 3 * given.mu / (2 * given.c) * given.a_d
    centred = "that is a_s: E[y] is over all samples, so the mean of ε does not cancel"
    for name, right, mistakes in (
        ("a", a, {"with the mean of ε; cov takes it away": a + given.mu * given.a_d, "that is w": w}),
        ("a_plus", plus, {centred: a, "the bias is left out": a + without_bias, "the sign": 2 * a - plus}),
        ("a_minus", minus, {centred: a, "the bias is left out": a - without_bias, "the sign": 2 * a - minus}),
        ("b_zero", b_zero, {"there a₋ has no denominator": -b_zero, "that is E₊[y]": given.c / 2}),
    ):
        compare(f"5.4 {name}", by_hand[name], right, mistakes)


def _entries(by_hand: Any) -> None:
    for name in ("w", "a", "a_plus", "a_minus", "b_zero"):
        if not isinstance(by_hand, Mapping) or by_hand.get(name) is None:
            raise CheckError(f"5.4 {name}: not done yet")
        if np.shape(by_hand[name]) != (shape := () if name == "b_zero" else (2,)):
            raise CheckError(f"5.4 {name}: got the shape {np.shape(by_hand[name])}, expected {shape}")


# 5 · rest


def check_rest(rest: Answer, seed: int) -> None:
    """rest(x, w, b, a_plus, a_minus): x − S(x) of every unit, (k, n, d)."""
    answer = _own("5.5", rest)
    x, w, b = np.array([[3.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), np.array([[1.0, -1.0]]), np.array([1.5])
    _check_rest(answer, "5.5 by hand", x, w, b, np.array([[1.0, 0.0]]), np.array([[0.0, -1.0]]))
    s = _samples(seed, n=60, stream=6)
    a, plus, minus = answers.patterns_of(s.x, s.y, s.w)
    _check_rest(answer, "5.5 random", s.x, s.w, s.b, plus, minus)
    for name, patterns in (("S_a", (a, a)), ("S_a±", (plus, minus))):
        left = answer(s.x, s.w, s.b, *patterns)
        covariance = [
            answers.weighted(left[j], s.y[:, [j]] - s.y[:, j].mean())[0] / 60 for j in range(len(s.w))
        ]
        compare(f"5.5 cov[d̂, y] of {name} in sample", covariance, np.zeros(s.w.shape))


def mark_rest(rest: Answer, seed: int) -> None:
    """The same for other numbers, for S_w and for an output of exactly 0."""
    check_rest(rest, seed)
    answer = _own("5.5", rest)
    s = _samples(seed, n=20, stream=7)
    filters = s.w / np.sum(s.w * s.w, axis=1, keepdims=True)
    _check_rest(answer, "5.5 S_w", s.x, s.w, s.b, filters, filters)
    x, w, b = np.array([[2.0, 1.0], [2.0, 3.0]]), np.array([[1.0, -1.0]]), np.array([-1.0])
    _check_rest(answer, "5.5 y = 0", x, w, b, np.array([[1.0, 0.0]]), np.array([[0.0, -1.0]]))


def _check_rest(answer: Answer, case: str, x: Array, w: Array, b: Array, plus: Array, minus: Array) -> None:
    rest = partial(answers.rest_of, x, w, b, plus, minus)
    expected = rest()
    mistakes = {
        "the factor is wᵀx, without the bias": rest(bias=True),
        "active is wᵀx + b > 0, with the bias": rest(active=lambda s, y: s > 0),
        "active is y > 0; you took y ≥ 0": rest(active=lambda s, y: y >= 0),
        "a_plus everywhere": rest(active=lambda s, y: True),
        "a_plus and a_minus are exchanged": rest(active=lambda s, y: y <= 0),
        "that is S(x), the rest is x less it": x - expected,
    }
    compare(case, answer(x, w, b, plus, minus), expected, mistakes)


# 6 · ρ


def check_rho(rho: Answer, seed: int) -> None:
    """rho(d_v, y_v, d_test, y_test): ρ of every unit, the reader from the first two."""
    answer = _own("5.6", rho)
    d_v, y_v = np.array([[[1.0], [-1.0]]]), np.array([[1.0], [-1.0]])
    d_test, y_test = np.array([[[1.0], [-1.0], [1.0], [-1.0]]]), np.array([[7.0], [1.0], [-1.0], [-7.0]])
    _check_rho(answer, "5.6 by hand", d_v, y_v, d_test, y_test)
    _check_rho(answer, "5.6 by hand, the wrong sign learnt", d_v, -y_v, d_test, y_test)
    s = _samples(seed, n=60, stream=8)
    _check_rho(answer, "5.6 random", *_rests(s, 24))
    a = answers.patterns_of(s.x, s.y, s.w)[0]
    left, y = answers.rest_of(s.x, s.w, s.b, a, a), s.y
    compare("5.6 ρ of S_a on its own samples", answer(left, y, left, y), np.ones(len(s.w)))


def mark_rho(rho: Answer, seed: int) -> None:
    """The same for other numbers, other scales of y and d, nothing to read from, and y that does not vary."""
    check_rho(rho, seed)
    answer = _own("5.6", rho)
    s = _samples(seed, n=50, stream=9)
    d_v, y_v, d_test, y_test = _rests(s, 20)
    _check_rho(answer, "5.6 few samples", d_v, y_v, d_test, y_test)
    expected = answers.rho(d_v, y_v, d_test, y_test)
    moved = d_v * 1e-3 + 7, 1e3 * y_v - 5, d_test * 1e-3 + 7, 1e3 * y_test - 5
    compare("5.6 d and y on other scales", answer(*moved), expected)
    undefined = np.where(np.arange(len(expected)) == 1, np.nan, expected)
    nothing = (np.arange(len(expected)) != 1)[:, None, None]
    _compare_nan("5.6 S_x: a rest of 0", answer(d_v * nothing, y_v, d_test * nothing, y_test), undefined)
    constant = np.where(np.arange(len(expected)) == 1, 3.0, y_test)
    _compare_nan("5.6 y_test does not vary", answer(d_v, y_v, d_test, constant), undefined)


def _check_rho(answer: Answer, case: str, d_v: Array, y_v: Array, d_test: Array, y_test: Array) -> None:
    expected = answers.rho(d_v, y_v, d_test, y_test)
    in_sample = "v is fitted to the test samples: that is ρ in sample"
    no_sign = "the correlation has a sign on other samples; that is 1 less its size"
    if d_v.shape[2] == 1:  # of one input, both come to the same
        in_sample = no_sign = f"{in_sample}; or {no_sign}"
    mistakes = {
        in_sample: answers.rho(d_test, y_test, d_test, y_test),
        no_sign: 1 - np.abs(1 - expected),
        "all on the samples of v: that is ρ in sample": answers.rho(d_v, y_v, d_v, y_v),
        "the two parts are exchanged": answers.rho(d_test, y_test, d_v, y_v),
        "that is the correlation; ρ is 1 less it": 1 - expected,
        "the square of the correlation": 1 - (1 - expected) ** 2,
        "d̂ is not centred before the fit": answers.rho(d_v, y_v, d_test, y_test, centred="y"),
        "neither d̂ nor y is centred before the fit": answers.rho(d_v, y_v, d_test, y_test, centred=""),
    }
    compare(case, answer(d_v, y_v, d_test, y_test), expected, mistakes)


def _compare_nan(case: str, got: Any, expected: Array) -> None:
    """As `compare`, where one unit is NaN."""
    compare(f"{case}: which units are NaN", None if got is None else np.isnan(got), np.isnan(expected))
    compare(case, np.nan_to_num(got), np.nan_to_num(expected))


# 7 · other coordinates


def check_in_other_coordinates(in_other_coordinates: Answer, seed: int) -> None:
    """in_other_coordinates(w, b, a, m, t): filter, bias and pattern where x is written as x' = m·x + t."""
    answer = _own("5.7", in_other_coordinates)
    one = np.array([[1.0, -1.0]]), np.zeros(1), np.array([[1.0, 0.0]])
    _check_in_other_coordinates(answer, "5.7 by hand", *one, np.diag([10.0, 1.0]), np.array([0.0, 3.0]))
    s = _samples(seed, n=40, stream=10)
    rng = np.random.default_rng([seed, 11])
    m, t = _mixing(rng, s.w.shape[1]), rng.normal(size=s.w.shape[1:])
    a = answers.patterns_of(s.x, s.y, s.w)[0]
    _check_in_other_coordinates(answer, "5.7 random", s.w, s.b, a, m, t)
    w, b, a = answer(s.w, s.b, a, m, t)
    x = s.x @ m.T + t
    compare("5.7 the outputs stay", x @ np.transpose(w) + b, s.y)
    compare("5.7 a' is the pattern of the new samples", a, answers.patterns_of(x, s.y, np.asarray(w))[0])


def mark_in_other_coordinates(in_other_coordinates: Answer, seed: int) -> None:
    """The same for other numbers."""
    check_in_other_coordinates(in_other_coordinates, seed)


def _check_in_other_coordinates(
    answer: Answer, case: str, w: Array, b: Array, a: Array, m: Array, t: Array
) -> None:
    got = tuple_of(case, answer(w, b, a, m, t), 3)
    inverse = np.linalg.inv(m)
    moved = w @ inverse
    mistakes: list[Mapping[str, Any]] = [
        {
            "a filter does not change as the samples do: w'ᵀm = wᵀ": w @ m.T,
            "m is transposed": w @ inverse.T,
            "times m, it is its inverse": w @ m,
        },
        {"b must take away w'ᵀt": b, "the sign of w'ᵀt": b + moved @ t, "the new w, not the old": b - w @ t},
        {
            "a pattern is a difference of samples: t cancels in it": a @ m.T + t,
            "a pattern changes as the samples do, a filter by the inverse": a @ inverse,
            "m is transposed": a @ m,
        },
    ]
    expected = moved, b - moved @ t, a @ m.T
    for name, value, right, wrong in zip(("w'", "b'", "a'"), got, expected, mistakes, strict=True):
        compare(f"{case}: {name}", value, right, wrong)


# 8 · patches


def check_patches(patches: Answer, seed: int) -> None:
    """patches(x, size, stride, padding): the samples of a convolution, (n·places, c·kh·kw)."""
    answer = _own("5.8", patches, "minixai.kernels", "minixai.ops", "minixai.nn")
    _check_patches(answer, "5.8 by hand", np.arange(1.0, 7).reshape(1, 1, 2, 3), (2, 2), 1, 0)
    rng = np.random.default_rng([seed, 12])
    _check_patches(answer, "5.8 random", rng.normal(size=(3, 2, 5, 6)), (3, 3), 1, 1)
    single = rng.normal(size=(2, 3, 7, 7)).astype(np.float32)
    _check_patches(answer, "5.8 stride 2, float32", single, (3, 3), 2, 0)


def mark_patches(patches: Answer, seed: int) -> None:
    """The same for other numbers, kernels that are not square, and strides that leave a rest."""
    check_patches(patches, seed)
    answer = _own("5.8", patches, "minixai.kernels", "minixai.ops", "minixai.nn")
    rng = np.random.default_rng([seed, 13])
    _check_patches(answer, "5.8 a kernel of 2×3", rng.normal(size=(2, 2, 6, 5)), (2, 3), 1, 2)
    _check_patches(answer, "5.8 the stride leaves a rest", rng.normal(size=(2, 1, 8, 6)), (3, 2), 3, 1)


def _check_patches(
    answer: Answer, case: str, x: Array, size: tuple[int, int], stride: int, padding: int
) -> None:
    cut = patches_of(x, size, stride, padding)  # (n, rows, columns, c, kh, kw)
    n, rows, columns, c, kh, kw = cut.shape
    samples, inputs = n * rows * columns, c * kh * kw
    by_place = cut.transpose(1, 2, 0, 3, 4, 5).reshape(samples, inputs)
    channel_last = cut.transpose(0, 1, 2, 4, 5, 3).reshape(samples, inputs)
    mistakes = {
        "images must come first, then rows, then columns": by_place,
        "within a patch: channel, then row, then column": channel_last,
        "the places go row by row": cut.transpose(0, 2, 1, 3, 4, 5).reshape(samples, inputs),
        "the kernel is turned by 180°": cut[..., ::-1, ::-1].reshape(samples, inputs),
        "beyond the edge x is 0": patches_of(x, size, stride, padding, mode="edge").reshape(samples, inputs),
    }
    got = answer(x, size, stride, padding)
    dense = patches_of(x, size, 1, padding)
    for mistake, fewer_or_more in {
        "the padding is left out": patches_of(x, size, stride, 0),
        "the stride is left out": dense,
        "the stride goes over the columns, too": dense[:, ::stride],
        "the stride goes over the rows, too": dense[:, :, ::stride],
    }.items():
        count = fewer_or_more.size // inputs
        if count != samples and np.shape(got) == (count, inputs):
            raise CheckError(f"{case}: got {count} samples, expected {samples}", mistake)
    compare_array(case, got, cut.reshape(samples, inputs), mistakes)


# 9 · moments of a convolution


def check_conv_moments(conv_moments: Answer, seed: int) -> None:
    """conv_moments(x, w, b, **how): the Moments where y > 0 and where not, over all patches."""
    answer = _own("5.9", conv_moments)
    x, w = np.array([[[[1.0, 3.0, 6.0, 6.0]]]]), np.array([[[[1.0, -1.0]]]])
    _check_conv_moments(answer, "5.9 by hand", x, w, np.array([2.5]))
    rng = np.random.default_rng([seed, 14])
    x, w = rng.normal(1, 1, (3, 2, 6, 5)), rng.normal(size=(4, 2, 3, 3))
    _check_conv_moments(answer, "5.9 random", x, w, _balanced(w, rng), stride=1, padding=1)
    _check_conv_moments(answer, "5.9 stride 2", x, w, _balanced(w, rng), stride=2, padding=1)


def mark_conv_moments(conv_moments: Answer, seed: int) -> None:
    """The same for other numbers, dilation, a kernel that is not square, and a unit that never fires."""
    check_conv_moments(conv_moments, seed)
    answer = _own("5.9", conv_moments)
    rng = np.random.default_rng([seed, 15])
    x, w = rng.normal(1, 1, (2, 3, 7, 7)), rng.normal(size=(3, 3, 2, 3))
    b = _balanced(w, rng)
    _check_conv_moments(answer, "5.9 dilation 2", x, w, b, stride=1, padding=2, dilation=2)
    b[1] = -1e3
    _check_conv_moments(answer, "5.9 a unit that never fires", x, w, b, stride=2, padding=0, dilation=1)


def _check_conv_moments(answer: Answer, case: str, x: Array, w: Array, b: Array, **how: int) -> None:
    got = tuple_of(case, answer(x, w, b, **how), 2)
    patches = patches_of(x, w.shape[2:], **how).reshape(-1, w[0].size)
    flat = w.reshape(len(w), -1)
    y = patches @ flat.T + b
    no_bias = answers.regimes(patches, flat, np.zeros_like(b))
    for i, active in enumerate((y > 0, y <= 0)):
        expected = answers.moments_of(patches, y, active)
        about_all = answers.weighted(patches, (y - y.mean(axis=0)) * active)
        places = len(patches) // len(x)
        of_images = active.reshape(len(x), places, -1).any(axis=1).sum(axis=0)
        mistakes: dict[str, dict[str, Any]] = {
            "n": {"images, not patches": of_images, "the bias is left out of y > 0": no_bias[i].n},
            "mean_x": {
                "the sum, not divided by n": expected.mean_x * expected.n[:, None],
                "divided by the number of all patches": expected.mean_x * expected.n[:, None] / len(patches),
            },
            "mean_y": {"the bias is left out of y": expected.mean_y - b * (expected.n > 0)},
            "cross": {
                "ȳ is that of all samples; here it is that of the regime": about_all,
                "ȳ is not subtracted": answers.weighted(patches, y * active),
                "a mean: cross is the sum": expected.cross / np.maximum(expected.n, 1)[:, None],
            },
        }
        _compare_moments(f"{case}, {'y ≤ 0' if i else 'y > 0'}", got[i], expected, mistakes)


# What the checks share


class _Samples(NamedTuple):
    x: Array
    w: Array
    b: Array
    y: Array


def _samples(seed: int, n: int, d: int = 5, k: int = 4, stream: int = 0) -> _Samples:
    """Samples with means, of which every unit fires at about half; wᵀE[x] is far from 0, of both signs.

    So each of a₊ and a₋ has a negative denominator for half of the units.
    """
    rng = np.random.default_rng([seed, 100 + stream])
    spread = rng.normal(size=(n, d)) @ _mixing(rng, d)
    mean = rng.normal(size=d)
    mean *= 4 / np.linalg.norm(mean)
    w = np.empty((k, d))
    for j in range(k):
        reach = 0.0
        while not 2 < abs(reach) < 3:
            w[j] = rng.normal(size=d)
            w[j] /= (spread @ w[j]).std()
            reach = float(w[j] @ mean)
        w[j] *= np.sign(reach) * (-1) ** j
    x = spread - spread.mean(axis=0) + mean
    b = rng.uniform(-0.2, 0.2, k) - w @ mean
    return _Samples(x, w, b, x @ w.T + b)


def _mixing(rng: np.random.Generator, d: int) -> Array:
    """A matrix (d, d) that is not symmetric and not nearly singular."""
    return np.eye(d) + rng.uniform(-1, 1, (d, d)) / d


def _balanced(w: Array, rng: np.random.Generator) -> Array:
    """Biases with which units fire at about half of the samples of mean 1."""
    return rng.uniform(-0.5, 0.5, len(w)) - w.sum(axis=(1, 2, 3))


def _rests(s: _Samples, n: int) -> tuple[Array, Array, Array, Array]:
    """The rests of S_w of the first n samples and of the others, the latter with a mean of their own."""
    filters = s.w / np.sum(s.w * s.w, axis=1, keepdims=True)
    left = answers.rest_of(s.x, s.w, s.b, filters, filters)
    return left[:, :n], s.y[:n], left[:, n:], s.y[n:]


def _compare_moments(
    case: str, got: Any, expected: Moments, mistakes: Mapping[str, Mapping[str, Any]]
) -> None:
    for name, value, right in zip(Moments._fields, _as_moments(case, got), expected, strict=True):
        if np.asarray(value).dtype != np.float64:
            raise CheckError(f"{case}: {name} is {np.asarray(value).dtype}, expected float64")
        scale = float(np.abs(right).max(initial=0))
        compare(f"{case}: {name}", value, right, mistakes.get(name), rtol=1e-9, atol=1e-9 * max(scale, 1))


def _as_moments(case: str, got: Any) -> Moments:
    if got is None:
        raise CheckError(f"{case}: not done yet")
    if not isinstance(got, Moments):
        raise CheckError(f"{case}: got {type(got).__name__}, return Moments(n, mean_x, mean_y, cross)")
    return got


def _own(exercise: str, answer: Answer, *more: str) -> Answer:
    """The answer, which has to be the student's own and must not write to its arguments."""
    return partial(result_of, exercise, own_work(answer, *OUT_OF_REACH, *more))
