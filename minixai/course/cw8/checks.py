"""The checks of coursework 8: a problem that keeps the contract, its network, failure and repair."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np

from minixai import data
from minixai.checks.report import (
    Answer,
    Array,
    CheckError,
    compare,
    kind_of,
    likely_mistakes,
    named_numbers,
    result_of,
    tuple_of,
)
from minixai.course.cw8 import answers, contract, networks
from minixai.course.cw8.answers import Layers
from minixai.course.cw8.contract import Drawn
from minixai.course.honesty import own_work

SOLVED = (
    "minixai.data",
    "minixai.signal",
    "minixai.rules",
    "minixai.methods",
    "minixai.evaluate",
    "minixai.bootstrap",
)
WEAKEST, STRONGEST = 0.0, 0.9
SAMPLES = 4500  # FITTED of which a reader is fitted to
SMALLEST, LARGEST = 4, 400  # numbers of features
FAILS = 0.1  # how much the false share must rise from the weakest strength to the strongest
UNSURE = 2e-3  # what a formula may be off, besides 5 standard errors of what is measured


def _own(exercise: str, answer: Answer, *arguments: Any) -> Any:
    return result_of(exercise, own_work(answer, *SOLVED, given=[data.photo, _refuse_to_draw]), *arguments)


def _refuse_to_draw(*_: Any, **__: Any) -> None:
    raise CheckError("the answer draws random numbers, expected a formula")


def _by_formula(case: str, answer: Answer, strength: float) -> Any:
    """What an answer gives that draws no random numbers."""
    with _no_draws():
        return _own(case, answer, strength)


@contextlib.contextmanager
def _no_draws() -> Iterator[None]:
    """In here NumPy makes no generator; whoever made one before gets other numbers at a second call."""
    with contextlib.ExitStack() as stack:
        for name in np.random.__all__:
            if callable(getattr(np.random, name)):
                stack.enter_context(mock.patch.object(np.random, name, _refuse_to_draw))
        yield


def _strengths(seed: int) -> list[float]:
    """Those of a check: the two ends, and one of the seed's own between them."""
    between = np.random.default_rng([seed, 1]).uniform(0.3, 0.8)
    return [WEAKEST, round(float(between), 3), STRONGEST]


# 1 Two features by hand


def two_features(seed: int) -> tuple[Array, Array]:
    """The term's δ (2,) and Σ (2, 2): whole numbers, both features with a weight, one with a signal."""
    rng = np.random.default_rng(seed)
    while True:
        (first, second), both = rng.integers(2, 10, 2), rng.integers(-6, 7)
        if both and both**2 < 0.8 * first * second and first != abs(both) != second:
            delta = np.array([float(rng.choice([2, 4, 6])), 0.0])
            return delta, np.array([[first, both], [both, second]]) * 1.0


def check_by_hand(by_hand: Answer, seed: int) -> None:
    """The form alone: two numbers for each of three names."""
    named_numbers("1", _own("1", by_hand), ["w", "pattern", "shares"], 2)


def mark_by_hand(by_hand: Answer, seed: int) -> None:
    """The numbers, to three decimals."""
    check_by_hand(by_hand, seed)
    got, (delta, sigma) = _own("1", by_hand), two_features(seed)
    (s1, c), (_, s2) = sigma
    d, sigma_x = delta[0], sigma + np.outer(delta, delta) / 4
    w = np.array([s2 * d, -c * d]) / (s1 * s2 - c * c)
    rounded = 6e-4
    mistakes = {
        "that is Σδ, not Σ⁻¹δ": sigma @ delta,
        "that is Σ_x⁻¹δ: Σ is the covariance within a class": np.linalg.solve(sigma_x, delta),
        "the sign of w₂": w * [1, -1],
        "the determinant is missing": np.array([s2 * d, -c * d]),
    }
    compare("1 w", got["w"], w, mistakes, atol=rounded)
    reached = sigma_x @ w
    a = reached / (w @ reached)
    mistakes = {
        "wᵀa is not 1": reached,
        "Σ_xw is divided by wᵀw, not by wᵀΣ_xw": reached / (w @ w),
        "with Σ in place of Σ_x": sigma @ w / (w @ sigma @ w),
        "that is w/(wᵀw), the filter": w / (w @ w),
    }
    compare("1 pattern", got["pattern"], a, mistakes, atol=rounded)
    ratio = abs(w[1] / w[0])
    mistakes = {
        "the ratio x₂ : x₁, not x₂'s share of both": [ratio, 0],
        "the signed weights: a share is of sizes": [w[1] / w.sum(), 0],
        "the second is PatternAttribution's, |w₂a₂|, which is 0": [ratio / (1 + ratio)] * 2,
    }
    compare("1 shares", got["shares"], [ratio / (1 + ratio), 0], mistakes, atol=rounded)


# 2 A problem


def check_problem(problem: Answer, seed: int) -> None:
    """problem(rng, n, strength) -> x, y, truth: the contract, at three strengths."""
    truths = []
    known: list[Array] = []
    for strength in _strengths(seed):
        case = f"2 strength {strength:g}"
        drawn = draw(case, problem, np.random.default_rng([seed, 2]), SAMPLES, strength)
        truths.append(drawn.truth)
        if not np.array_equal(truths[0], drawn.truth):
            raise CheckError(f"{case}: truth is another one than at strength 0, expected the same at each")
        _check_told(case, drawn)
        known.append(contract.known_alone_or_in_pairs(drawn.x[:, drawn.truth], drawn.y))
    weakest = np.max(known, axis=0)
    if weakest.min() < contract.SURE:
        j = int(np.flatnonzero(truths[0])[weakest.argmin()])
        raise CheckError(
            f"2: feature {j} of the truth shows nothing of y, neither alone nor in a product with another "
            f"one of the truth ({weakest.min():.1f} standard errors, expected {contract.SURE:g} or more)",
            "it belongs to the rest",
        )
    _check_draws(problem, seed)


def mark_problem(problem: Answer, seed: int) -> None:
    """The same, with other samples and another strength."""
    check_problem(problem, seed)


def draw(case: str, problem: Answer, rng: np.random.Generator, n: int, strength: float) -> Drawn:
    """What a problem gives, if it has the form of the contract."""
    got = tuple_of(case, _own(case, problem, rng, n, strength), 3, "a tuple of 3: x, y, truth")
    x, y, truth = map(np.asarray, got)
    if x.dtype != np.float64 or x.ndim != 2 or len(x) != n:
        raise CheckError(f"{case}: x is {kind_of(x)}, expected float64 of the shape ({n}, d)", *_images(x))
    d = x.shape[1]
    if not SMALLEST <= d <= LARGEST:
        raise CheckError(f"{case}: x has {d} features, expected {SMALLEST} to {LARGEST}")
    if not np.isfinite(x).all():
        raise CheckError(f"{case}: x is not finite everywhere")
    if y.shape != (n,) or y.dtype.kind not in "iu" or not np.isin(y, (0, 1)).all():
        raise CheckError(f"{case}: y is {kind_of(y)}, expected {n} integers, 0 or 1", *_signs(y))
    if n >= SAMPLES and not 0.4 <= y.mean() <= 0.6:
        raise CheckError(f"{case}: {y.mean():.0%} of the samples are of class 1, expected 40 to 60 %")
    if truth.shape != (d,) or truth.dtype != bool:
        raise CheckError(f"{case}: truth is {kind_of(truth)}, expected bool of the shape ({d},)")
    if min(truth.sum(), (~truth).sum()) < 2:
        raise CheckError(
            f"{case}: {truth.sum()} of {d} features are truth, expected at least two, and two that are not"
        )
    return Drawn(x, y.astype(np.int64), truth)


def _images(x: Array) -> list[str]:
    return ["images are flattened: x.reshape(n, -1)"] if x.ndim > 2 else []


def _signs(y: Array) -> list[str]:
    return (
        ["y is 0 and 1; z = 2y − 1 is −1 and 1"] if y.dtype.kind == "i" and np.isin(y, (-1, 1)).all() else []
    )


def _check_told(case: str, drawn: Drawn) -> None:
    """The truth tells the class, and the rest does not: feature by feature, and together."""
    x, y, truth = drawn
    by_truth, by_rest = contract.read(x[:, truth], y), contract.read(x[:, ~truth], y)
    if by_truth < contract.TOLD:
        raise CheckError(
            f"{case}: from the truth alone {by_truth:.1%} of new samples are told, expected "
            f"{contract.TOLD:.0%} or more",
            "the signal is too weak for its noise, or the wrong features are marked as truth",
        )
    rest = np.flatnonzero(~truth)
    found = contract.associated(x[:, rest], y)
    if found.max() > 4:
        raise CheckError(
            f"{case}: feature {rest[found.argmax()]} is no truth, and yet its values differ between the "
            f"classes (Kolmogorov and Smirnov: {found.max():.1f}, by chance below 4)",
            "the signal leaks into it: mark it as truth, or take the signal out",
        )
    chance = 0.5 + 5 * 0.5 / np.sqrt(SAMPLES - contract.FITTED)
    if by_rest > chance:
        raise CheckError(
            f"{case}: without the truth {by_rest:.1%} of new samples are told, by chance at most "
            f"{chance:.1%}",
            "no feature alone, but several of the rest together know the class",
        )


def _check_draws(problem: Answer, seed: int) -> None:
    """The samples come from rng, from all of it that matters, and from nothing else."""
    first, again, other = (
        draw("2 drawn again", problem, np.random.default_rng([seed, k]), 60, 0.5) for k in (3, 3, 4)
    )
    if not (np.array_equal(first.x, again.x) and np.array_equal(first.y, again.y)):
        raise CheckError(
            "2: the same rng gives other samples, expected the same", "a generator besides rng is used"
        )
    if np.array_equal(first.x, other.x) or np.array_equal(first.y, other.y):
        raise CheckError("2: another rng gives the same samples, expected others", "rng is not used")
    if len(np.unique(first.x, axis=0)) < 30:
        raise CheckError(f"2: of 60 samples {len(np.unique(first.x, axis=0))} differ, expected 30 or more")


# 3 Its network


def check_network(network: Answer, problem: Answer, seed: int) -> None:
    """network(strength) -> layers: as good as what is fitted, and nothing is left over."""
    for strength in _strengths(seed):
        case = f"3 strength {strength:g}"
        drawn = draw(case, problem, np.random.default_rng([seed, 5]), SAMPLES, strength)
        layers = layers_of(case, network, strength, drawn.x.shape[1])
        f = networks.score(layers, drawn.x)
        accuracy, fitted = contract.balanced(f > 0, drawn.y), contract.read(drawn.x, drawn.y)
        if accuracy < 1 - accuracy:
            raise CheckError(f"{case}: {accuracy:.1%} are right, expected more than half", "the score's sign")
        if accuracy < fitted - 0.03:
            raise CheckError(
                f"{case}: {accuracy:.1%} of the samples are right; a machine fitted to "
                f"{contract.FITTED} of them has {fitted:.1%}: these are not the best weights",
            )
        left = contract.left_over(f, drawn.x, drawn.y)
        if left.max() > contract.SURE:
            raise CheckError(
                f"{case}: where the score is known, feature {left.argmax()} still tells of the class "
                f"({left.max():.1f} standard errors, by chance below {contract.SURE:g}): its weight is not "
                "the best",
                "a sign, or a variance in place of a standard deviation, in the formula of this weight",
            )
        if contract.known_alone(drawn.x[:, drawn.truth], drawn.y).max() < contract.SURE:
            _check_left_over_in_pairs(case, f, drawn)


def _check_left_over_in_pairs(case: str, f: Array, drawn: Drawn) -> None:
    """Where only products know the class: no feature has a covariance, whatever its weight."""
    left = contract.left_over_in_pairs(f, *drawn)
    if left.max() > contract.SURE:
        j, k = sorted(int(each) for each in np.unravel_index(left.argmax(), left.shape))
        raise CheckError(
            f"{case}: where the score is known, the product of features {j} and {k} still tells of the "
            f"class ({left.max():.1f} standard errors, by chance below {contract.SURE:g}): a weight is not "
            "the best",
            "the shared part is not taken out of each factor, or too much of it",
        )


def mark_network(network: Answer, problem: Answer, seed: int) -> None:
    """The same, with other samples and another strength."""
    check_network(network, problem, seed)


def layers_of(case: str, network: Answer, strength: float, d: int) -> Layers:
    """What a network gives, if it is a list of layers from d features to one output."""
    got = _by_formula(case, network, strength)
    if not isinstance(got, list | tuple) or not got:
        raise CheckError(f"{case}: got {kind_of(got)}, expected a list of layers, each (w, b)")
    layers, inputs = [], d
    for k, layer in enumerate(got):
        w, b = (
            np.asarray(each, np.float64) for each in tuple_of(f"{case}, layer {k}", layer, 2, "a pair: w, b")
        )
        if w.ndim != 2 or w.shape[1] != inputs or b.shape != w.shape[:1]:
            raise CheckError(
                f"{case}, layer {k}: w has the shape {w.shape}, b {b.shape}, expected (k, {inputs}) and (k,)",
                *(["one output is a row: w[None, :]"] if w.ndim == 1 else []),
            )
        layers.append((w, b))
        inputs = len(w)
    if inputs != 1:
        raise CheckError(f"{case}: the network has {inputs} outputs, expected 1: the score of class 1")
    return layers


# 4 The failure


def check_failure(failure: Answer, network: Answer, problem: Answer, seed: int) -> None:
    """failure(strength) -> a method, and the share of its map that is false: by formula, as measured."""
    shares = []
    for strength in [*_strengths(seed), 0.15]:
        case = f"4 strength {strength:g}"
        method, share = failure_of(case, failure, strength)
        shares.append(share)
        drawn = draw(case, problem, np.random.default_rng([seed, 6]), SAMPLES, strength)
        layers = layers_of(case, network, strength, drawn.x.shape[1])
        _compare_share(case, share, method, layers, drawn)
    if shares[2] < shares[0] + FAILS:
        raise CheckError(
            f"4: the false share is {shares[0]:.3f} at strength {WEAKEST:g} and {shares[2]:.3f} at "
            f"{STRONGEST:g}, expected that it rises by {FAILS} or more: on this problem the method "
            "does not fail",
        )


def mark_failure(failure: Answer, network: Answer, problem: Answer, seed: int) -> None:
    """The same, with other samples and another strength."""
    check_failure(failure, network, problem, seed)


def failure_of(case: str, failure: Answer, strength: float) -> tuple[str, float]:
    """The method's name and the share."""
    method, share = tuple_of(case, _by_formula(case, failure, strength), 2, "a method's name and a share")
    if method not in networks.METHODS:
        raise CheckError(f"{case}: the method is {method!r}, expected one of {', '.join(networks.METHODS)}")
    if np.shape(share) != () or np.asarray(share).dtype.kind not in "iuf" or not np.isfinite(share):
        raise CheckError(f"{case}: the share is {share!r}, expected a number")
    if _by_formula(case, failure, strength)[1] != share:
        raise CheckError(f"{case}: two calls give two shares, expected a formula", "the share is simulated")
    return method, float(share)


def _compare_share(case: str, share: float, method: str, layers: Layers, drawn: Drawn) -> None:
    maps, truth = networks.explain(method, layers, drawn.x), drawn.truth
    heat = np.abs(maps)
    outside, whole = heat[:, ~truth].sum(axis=1), heat.sum(axis=1)
    measured = outside.mean() / whole.mean()
    unsure = np.std(outside - measured * whole) / whole.mean() / np.sqrt(len(maps))
    within = 5 * unsure + UNSURE
    if abs(share - measured) <= within:
        return
    squares = heat**2
    root = np.sqrt(squares.mean(axis=0))
    spread = np.sqrt(sum(maps[drawn.y == k].var(axis=0) for k in (0, 1)))
    mistakes = {
        "the ratio false : true, not the share of the whole": measured / (1 - measured)
        if measured < 1
        else np.inf,
        "that is the share on the truth": 1 - measured,
        "the share of the squares, it is of the sizes": squares[:, ~truth].sum() / squares.sum(),
        "the mean size of a feature outside, over the sum of both means": _per_feature(heat, truth),
        "the signed values are added": np.abs(maps[:, ~truth].sum(axis=1)).mean()
        / np.abs(maps.sum(axis=1)).mean(),
        "w_j in place of E|w_j x_j|": _share(networks.explain("gradient", layers, drawn.x), truth),
        "the root of E[m²] in place of E|m|": root[~truth].sum() / root.sum(),
        "the mean is left out of E|N(m, s²)|": spread[~truth].sum() / (spread.sum() or 1),
    }
    raise CheckError(
        f"{case}: your formula gives {share:.4f}, measured is {measured:.4f} ± {within:.4f}",
        *likely_mistakes(share, mistakes, rtol=0, atol=within)[:1],
    )


def _per_feature(heat: Array, truth: Array) -> float:
    """A mistake: means over features in place of sums."""
    inside, outside = heat[:, truth].mean(), heat[:, ~truth].mean()
    return float(outside / (inside + outside or 1))


# 5 Two marks


def check_marks(marks: Answer, seed: int) -> None:
    """marks(maps, truth) -> the false share over all samples, and the mean precision."""
    _check_marks(marks, "5 by hand", np.array([[3.0, -1, 0], [0, -2, 2]]), np.array([True, False, False]))
    rng = np.random.default_rng(seed)
    maps, truth = rng.normal(size=(6, 9)) * rng.exponential(3, (6, 1)), _some(rng, 9)
    _check_marks(marks, "5 random", maps, truth)
    _check_marks(marks, "5 with ties", np.round(maps / 3), truth)


def mark_marks(marks: Answer, seed: int) -> None:
    """The same, of one sample, with a map of zeros among others, and of nothing but zeros."""
    check_marks(marks, seed)
    rng = np.random.default_rng([seed, 1])
    maps, truth = rng.integers(-2, 3, (5, 8)) * 1.0, _some(rng, 8)
    _check_marks(marks, "5 one sample", maps[:1] + 0.5, truth)
    maps[2] = 0
    _check_marks(marks, "5 a map of zeros among others", maps, truth)
    _check_marks(marks, "5 nothing but zeros", 0 * maps, truth)


def _some(rng: np.random.Generator, d: int) -> Array:
    truth = np.zeros(d, bool)
    truth[rng.permutation(d)[:3]] = True
    return truth


def _check_marks(marks: Answer, case: str, maps: Array, truth: Array) -> None:
    got = tuple_of(case, _own(case, marks, maps, truth), 2, "two numbers: the false share and the precision")
    heat = np.abs(maps)
    with np.errstate(all="ignore"):
        each = heat[:, ~truth].sum(axis=1) / heat.sum(axis=1)
        signed = maps[:, ~truth].sum() / maps.sum()
        squares = (heat[:, ~truth] ** 2).sum() / (heat**2).sum()
    share = answers.false_share(maps, truth)
    mistakes = {
        "that is the share on the truth": 1 - share,
        "the mean of the samples' shares: it is one share, of the sums over all samples": each.mean(),
        "the signs are kept": signed,
        "the squares of the values, it is their sizes": squares,
        "the ratio false : true, not the share of the whole": share / (1 - share) if share < 1 else np.inf,
        "a mean size outside over the sum of both means: features are not counted": _per_feature(heat, truth),
    }
    _compare_or_nan(f"{case}: false share", got[0], share, mistakes)
    k = int(truth.sum())
    by_index = np.mean([truth[np.argsort(-row, kind="stable")[:k]].mean() for row in heat])
    by_value = answers.precision(np.maximum(maps, 0), truth)
    mistakes = {
        "of equal values the first ones are taken: they count by their mean": by_index,
        "the largest values, they are the largest sizes": by_value,
        "the number of hits, not their share": answers.precision(maps, truth) * k,
    }
    compare(f"{case}: precision", got[1], answers.precision(maps, truth), mistakes)


def _compare_or_nan(case: str, got: Any, expected: float, mistakes: dict[str, Any]) -> None:
    if np.isnan(expected):
        if not (np.shape(got) == () and np.asarray(got).dtype.kind == "f" and np.isnan(got)):
            raise CheckError(f"{case}: got {got}, expected nan, for all maps are zero")
        return
    compare(case, got, expected, mistakes)


# 6 The scale


def check_on_scale(on_scale: Answer, seed: int) -> None:
    """on_scale(marks, right, random, seed, resamples): where marks stand from right, 0, to random, 1."""
    _check_scale(on_scale, "6 by hand", np.array([0.2, 0.4]), np.zeros(2), np.array([0.5, 0.5]), 0, 100)
    rng = np.random.default_rng(seed)
    marks, right, random = rng.uniform([[0.3], [0.0], [0.6]], [[0.6], [0.2], [1.0]], (3, 8))
    _check_scale(on_scale, "6 random, seed 4", marks, right, random, 4, 300)


def mark_on_scale(on_scale: Answer, seed: int) -> None:
    """The same, of more seeds, of one, and where more is better."""
    check_on_scale(on_scale, seed)
    rng = np.random.default_rng([seed, 1])
    marks, right, random = rng.uniform([[0.3], [0.8], [0.1]], [[0.9], [1.0], [0.4]], (3, 15))
    _check_scale(on_scale, "6 more is better", marks, right, random, 7, 401)
    _check_scale(on_scale, "6 one seed", marks[:1], right[:1], random[:1], 0, 30)


def _check_scale(
    on_scale: Answer, case: str, marks: Array, right: Array, random: Array, seed: int, resamples: int
) -> None:
    n, rng = len(marks), np.random.default_rng(seed)
    drawn = rng.integers(n, size=(resamples, n))
    expected = answers.on_scale(marks, right, random, drawn)
    positions = (marks - right) / (random - right)
    means = positions[drawn].mean(axis=1)
    less = (marks - right)[drawn].mean(axis=1)
    own = [each[rng.integers(n, size=(resamples, n))].mean(axis=1) for each in (marks, right, random)]
    unpaired = (own[0] - own[1]) / (own[2] - own[1])

    def interval(mean: float, of: Array, ends: Sequence[float] = (2.5, 97.5)) -> Array:
        return np.array([mean, *np.percentile(of, ends)])

    ratios = [answers.on_scale(marks, right, random, row[None])[1] for row in drawn]
    mistakes = {
        "the random map is left out: marks − right alone has no scale": interval(
            (marks - right).mean(), less
        ),
        "the right map is left out: 0 is where it stands": answers.on_scale(marks, 0 * right, random, drawn),
        "the quotient of the means, not the mean of the quotients": interval(positions.mean(), means),
        "0 is the right map and 1 the random one, not the other way round": answers.on_scale(
            marks, random, right, drawn
        ),
        "5 and 95: the interval is at 90 %": interval(expected[0], np.array(ratios), (5, 95)),
        "the seeds are drawn anew for each of the three: draw them once": interval(expected[0], unpaired),
        "percentiles of the seeds' own positions, not of resampled means": interval(expected[0], positions),
    }
    got = np.asarray(_own(case, on_scale, marks, right, random, seed, resamples))
    if got.shape != (3,):
        compare(case, got, expected)
    for what, part in (("position", slice(1)), ("interval", slice(1, 3))):  # each may have its own mistake
        of_part = {name: values[part] for name, values in mistakes.items()}
        compare(f"{case}: {what}", got[part], expected[part], of_part)


# 7 The repair


def check_repair(repair: Answer, seed: int) -> None:
    """repair(layers, fitted_to, x): PatternAttribution with the linear pattern of each unit."""
    w, b = np.array([[1.0, -1.0]]), np.array([0.5])
    fitted_to = np.array([[2.0, 1.0], [0.0, 1.0], [-1.0, 0.0], [-1.0, -2.0]])
    _check_repair(repair, "7 by hand, one layer", [(w, b)], fitted_to, np.array([[1.5, 1.0]]))
    _check_repair(repair, "7 two layers", _layers(seed, 5, 4), *_inputs(seed, 5, 30, 6))
    _check_suppressor(repair, seed)


def mark_repair(repair: Answer, seed: int) -> None:
    """The same, of three layers, with units that never fire, others that do not vary, and large means."""
    check_repair(repair, seed)
    layers = _layers(seed + 1, 4, 6, 3)
    layers[0][1][:] = 0.3, 0.1, -50, 0.2, 0.1, 0.4  # the third never fires: behind it nothing varies
    layers[0][0][1] = 0
    _check_repair(repair, "7 three layers, units that do not vary", layers, *_inputs(seed + 1, 4, 25, 5))
    fitted_to, x = _inputs(seed + 3, 4, 30, 5)
    fitted_to[:, 3] = 0.7
    reads_it_alone = [(np.array([[0.0, 0, 0, 1]]), np.zeros(1))]
    _check_repair(repair, "7 a unit that does not vary, but for rounding", reads_it_alone, fitted_to, x)
    _check_repair(
        repair, "7 large means", _layers(seed + 2, 3, 5), *(each + 20 for each in _inputs(seed, 3, 40, 4))
    )


def _layers(seed: int, *sizes: int) -> Layers:
    rng = np.random.default_rng([seed, 7])
    return [
        (rng.normal(size=(k, d)) / np.sqrt(d), 0.3 * rng.normal(size=k))
        for d, k in zip(sizes, [*sizes[1:], 1], strict=True)
    ]


def _inputs(seed: int, d: int, *counts: int) -> list[Array]:
    rng = np.random.default_rng([seed, 8])
    mix = rng.normal(size=(d, d))
    return [rng.normal(size=(n, d)) @ mix + 0.5 for n in counts]


def _check_repair(repair: Answer, case: str, layers: Layers, fitted_to: Array, x: Array) -> None:
    got = _own(case, repair, layers, fitted_to, x)

    def mistaken(x: Array = x, fitted_to: Array = fitted_to, **how: bool) -> Array:
        return answers.repaired(layers, fitted_to, x, **how)

    gradient = networks.explain("gradient", layers, x)
    mistakes = {
        "the score is missing: the walk starts with the network's output": mistaken(score=False),
        "a in place of w ⊙ a: that is PatternNet": mistaken(weights=False),
        "the gate is missing: a ReLU that is not active passes nothing back": mistaken(gates=False),
        "the means are not subtracted in cov[h, y] and var[y]": mistaken(centred=False),
        "the patterns are fitted to x, expected to fitted_to": mistaken(fitted_to=x),
        "a unit's y is before the ReLU, not after it": mistaken(after=True),
        "that is the gradient": gradient,
        "that is input × gradient": x * gradient,
        "w ⊙ a at the last layer alone": _last_alone(layers, fitted_to, x),
    }
    compare(case, got, mistaken(), mistakes)


def _last_alone(layers: Layers, fitted_to: Array, x: Array) -> Array:
    """Of two layers: the gradient below, patterns on top."""
    if len(layers) != 2:
        return np.full((0,), np.nan)
    (w, b), last = layers
    hidden, fitted = (np.maximum(each @ w.T + b, 0) for each in (x, fitted_to))
    return (answers.repaired([last], fitted, hidden) * (hidden > 0)) @ w


def _check_suppressor(repair: Answer, seed: int) -> None:
    """A property: on exact moments of a suppressor the repair leaves it nothing."""
    rng = np.random.default_rng([seed, 9])
    z, eta = np.repeat([-1.0, 1], 8), np.tile(np.repeat([-1.0, 1], 4), 2)
    rest = np.tile([-1.0, -1, 1, 1], 4)
    kappa = rng.uniform(0.5, 2)
    x = np.column_stack([z + kappa * eta + 0.5 * rest, eta])
    layers = [(np.array([[1.0, -kappa]]), np.zeros(1))]
    got = np.asarray(_own("7 a suppressor", repair, layers, x, x))
    if got.shape != x.shape or not np.abs(got[:, 1]).max() < 1e-9:
        raise CheckError(
            f"7 a suppressor: it gets {np.abs(got[:, 1:]).max():.3g}, expected 0: cov[x₂, y] = 0"
        )


# 8 What the report rests on

FINDINGS = ("failure", "repair", "random", "right", "repair fails")


def check_findings(
    findings: Answer, failure: Answer, network: Answer, problem: Answer, repair: Answer, seed: int
) -> None:
    """findings() -> mean, low and high of five false shares; no control, no mark."""
    found = named_numbers("8", _complete("8", findings), FINDINGS, 3)
    for name, (mean, low, high) in found.items():
        if not (low <= mean <= high and low >= -1e-9 and high <= 1 + 1e-9):
            raise CheckError(
                f"8 {name}: got {found[name]}, expected mean, low, high with low ≤ mean ≤ high in [0, 1]"
            )
    case = f"8 strength {STRONGEST:g}"
    drawn = [draw(case, problem, np.random.default_rng([seed, 10, k]), 1000, STRONGEST) for k in range(4)]
    truth = drawn[0].truth
    method, _ = failure_of(case, failure, STRONGEST)
    layers = layers_of(case, network, STRONGEST, len(truth))
    of_failure = [_share(networks.explain(method, layers, each.x), truth) for each in drawn]
    of_repair = [_share(np.asarray(_own(case, repair, layers, each.x, each.x)), truth) for each in drawn]
    expected = {"failure": of_failure, "repair": of_repair, "random": [1 - truth.mean()], "right": [0.0]}
    for name, values in expected.items():
        mean, margin = np.mean(values), 0.02 + 3 * np.std(values)
        if abs(found[name][0] - mean) > margin:
            raise CheckError(
                f"8 {name}: got {found[name][0]:.3f}, measured here is {mean:.3f} ± {margin:.3f}, at "
                f"strength {STRONGEST:g}",
                *likely_mistakes(found[name][0], {"that is the share on the truth": 1 - mean}, 0, margin),
            )
    for better, worse in (("repair", "failure"), ("repair", "repair fails")):
        if found[better][2] >= found[worse][1]:
            raise CheckError(
                f"8: the intervals of {better!r}, {found[better]}, and {worse!r}, {found[worse]}, overlap: "
                f"expected that {worse!r} has more"
            )


def mark_findings(
    findings: Answer, failure: Answer, network: Answer, problem: Answer, repair: Answer, seed: int
) -> None:
    """The same, with other samples."""
    check_findings(findings, failure, network, problem, repair, seed)


def _complete(case: str, findings: Answer) -> Any:
    """What a findings function gives; CheckError that names what is missing."""
    got = _own(case, findings)
    if isinstance(got, dict) and (missing := [name for name in FINDINGS if name not in got]):
        raise CheckError(
            f"{case}: {', '.join(map(repr, missing))} is missing: a report without it shows nothing"
        )
    return got


def _share(maps: Array, truth: Array) -> float:
    heat = np.abs(maps)
    return float(heat[:, ~truth].sum() / heat.sum())
