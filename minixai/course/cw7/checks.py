"""The checks of coursework 7: concepts as patterns and filters, the level of a test, erasing.

h (n, d) is what a layer says of n images, labels (n, k) are k concepts: whether each shows it, or how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from minixai import nn
from minixai.checks.report import Answer, Array, CheckError, compare, kind_of, result_of, tuple_of
from minixai.course.cw7 import answers
from minixai.course.cw7.answers import Layer, Moments, Tests
from minixai.course.honesty import own_work
from minixai.tape import Tensor

OUT_OF_REACH = ("minixai.signal", "minixai.concepts", "minixai.methods", "minixai.evaluate", "minixai.demo")
ROUNDED = 6e-4  # of what is typed in with three decimals

FOUR = np.array([[0.0, 0], [1, 0], [1, 1], [2, 1]])  # t·(1, 0) + e·(1, 1)
T_AND_E = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
PAIRS = [(1, 2), (2, 1), (1, -2), (3, 1), (-1, 2), (2, -1), (1, 3), (-2, 1), (3, -1), (3, 2), (2, 3), (1, 1)]


# 1 · a concept by hand


def layer(seed: int) -> Layer:
    """The toy layer of a term: the pattern has the wrong sign for the class, and one q1 hides it."""
    rng = np.random.default_rng([seed, 1])
    while True:
        i, j, k = rng.choice(len(PAIRS), 3, replace=False)
        a_c, a_d, g = (np.array(PAIRS[each]) for each in (i, j, k))
        p, q0, q1 = rng.integers(1, 10, 3) / 10
        given = Layer(a_c, a_d, float(p), float(q0), float(q1), g)
        if p in (0.5, q0, q1) or q0 == q1 or a_c[0] * a_d[1] == a_c[1] * a_d[0] or g @ a_c * (g @ a_d) == 0:
            continue
        found = answers.by_hand(given)
        turned = found["along_pattern"] * found["along_concept"] < -0.1
        if turned and abs(found["along_filter"]) > 0.01 and 0.05 < found["q_zero"] < 0.95:
            return given


def check_by_hand(by_hand: Answer, seed: int) -> None:
    """by_hand: six entries; here only the filter, and that it reads 1 along the pattern."""
    _shown_by_hand(by_hand, seed)


def _shown_by_hand(by_hand: Answer, seed: int) -> dict[str, Any]:
    given = layer(seed)
    pairs = ("pattern", "filter")
    got = _numbers("7.1", by_hand, {name: (2,) if name in pairs else () for name in answers.by_hand(given)})
    crossed = {"that filter reads the distractor and cancels the concept": [0, 1]}
    read = np.array([given.a_c, given.a_d]) @ got["filter"]
    compare("7.1 wᵀa_c and wᵀa_d", read, [1, 0], crossed, atol=ROUNDED)
    compare("7.1 wᵀ of the pattern", np.dot(got["filter"], got["pattern"]), 1, atol=ROUNDED)
    return got


def mark_by_hand(by_hand: Answer, seed: int) -> None:
    """All six, for the same seed."""
    got = _shown_by_hand(by_hand, seed)
    given = layer(seed)
    a_c, a_d, p, q0, q1, _ = given
    right = answers.by_hand(given)
    weighted = a_c + (q1 * p - q0 * (1 - p)) * a_d
    mistakes: dict[str, dict[str, Any]] = {
        "pattern": {
            "that is a_c: the distractor comes with the concept": a_c * 1.0,
            "that is the mean of those that show it; the mean of the others goes off": a_c + q1 * a_d,
            "the means are weighted by the shares p and 1 − p": weighted,
            "the sign of the distractor's part": 2 * a_c - right["pattern"],
        },
        "q_zero": {
            "that is q1 − q0": right["q_zero"] - q0,
            "the sign": 2 * q0 - right["q_zero"],
        },
    }
    for name, expected in right.items():
        compare(f"7.1 {name}", got[name], expected, mistakes.get(name), atol=ROUNDED)


# 2 · patterns and filters of several concepts


def check_joint(joint: Answer, seed: int) -> None:
    """joint(h, labels): the patterns and the filters, each (k, d)."""
    _check_joint(joint, "7.2 by hand", FOUR[[0, 0, 1, 2, 3, 3]], T_AND_E[[0, 0, 1, 2, 3, 3]])
    _check_joint(joint, "7.2 by hand, one label", FOUR[[0, 0, 1, 2, 3, 3]], T_AND_E[[0, 0, 1, 2, 3, 3], :1])
    h, labels = _sample(seed)
    _check_joint(joint, "7.2 random", h, labels)


def mark_joint(joint: Answer, seed: int) -> None:
    """The same for other numbers, labels that are grades, large means, and a unit that is always 0."""
    check_joint(joint, seed)
    h, labels = _sample(seed, stream=1)
    _check_joint(joint, "7.2 labels that are grades", h, labels * 3 + h[:, :3] / 4)
    _check_joint(joint, "7.2 means of 1000", h + 1000, labels)
    _check_joint(joint, "7.2 a unit that is always 0", h * (np.arange(h.shape[1]) != 1), labels)


def _check_joint(joint: Answer, case: str, h: Array, labels: Array) -> None:
    patterns, filters = map(_tidy, answers.joint(h, labels))
    sigma, cov_h = answers.covariance(h, labels), answers.covariance(h, h)
    alone = (sigma / labels.var(axis=0)).T
    outputs = answers.pseudo_inverse(filters @ cov_h @ filters.T) @ filters @ cov_h
    with np.errstate(all="ignore"):
        not_centred = np.linalg.pinv(labels.T @ labels) @ labels.T @ h
    several = labels.shape[1] > 1
    of_patterns = {
        "each label alone: cov[h, t] / var[t], without the other labels": alone,
        "that is cov[h, t], without the inverse of the labels' covariance": sigma.T,
        "neither h nor the labels are centred, and there is no constant": not_centred,
        "those are the filters": filters,
        "that is the pattern of the outputs Wh, not of the labels": outputs,
    }
    if not several:
        of_patterns.pop("each label alone: cov[h, t] / var[t], without the other labels")
    of_filters = {
        "those are the patterns": patterns,
        "that is cov[h, t], without the inverse of h's covariance": sigma.T,
        "Σ is the mean of h hᵀ, without the means": sigma.T @ np.linalg.pinv(h.T @ h / len(h)),
        "(Wᵀ)⁺ of the patterns: that is right without noise only": np.linalg.pinv(patterns).T,
        "divided by var[t], the filter is Σ⁻¹ cov[h, t]": filters / labels.var(axis=0)[:, None],
    }
    got = tuple_of(case, _own(case, joint)(h, labels), 2, "the patterns and the filters")
    for name, value, right, mistakes in (
        ("patterns", got[0], patterns, of_patterns),
        ("filters", got[1], filters, of_filters),
    ):
        _float64(f"{case}: {name}", value)
        compare(f"{case}: {name}", value, right, mistakes)


# 3 · sensitivities


def check_sensitivities(sensitivities: Answer, seed: int) -> None:
    """sensitivities(net, layer, x, k, v): the derivative of logit k along v, (n,)."""
    net, x = _network(seed)
    rng = np.random.default_rng([seed, 3])
    _check_sensitivities(sensitivities, "7.3 by hand", _by_hand(), "hidden", np.ones((2, 2)), 1, [1.0, 2.0])
    _check_sensitivities(sensitivities, "7.3 a convolution", net, "relu", x, 2, rng.normal(size=4))
    _check_sensitivities(sensitivities, "7.3 a dense layer", net, "hidden", x, 0, rng.normal(size=6))


def mark_sensitivities(sensitivities: Answer, seed: int) -> None:
    """The same for other numbers, a number for each place, and one image."""
    check_sensitivities(sensitivities, seed)
    net, x = _network(seed)
    rng = np.random.default_rng([seed, 4])
    everywhere = rng.normal(size=(4, 5, 4))
    _check_sensitivities(sensitivities, "7.3 a v for each place", net, "conv", x, 1, everywhere)
    _check_sensitivities(sensitivities, "7.3 one image", net, "pool", x[:1], 2, rng.normal(size=4))


def _by_hand() -> nn.Module:
    """h = x; logits −h₁ and 2·relu(h₁ + h₂ − 1) + h₂."""
    net = nn.Sequential(
        {"hidden": nn.Linear(2, 2), "mixed": nn.Linear(2, 3), "relu": nn.ReLU(), "out": nn.Linear(3, 2)}
    )
    net.load_state_dict(
        {
            "hidden.weight": np.eye(2),
            "hidden.bias": np.zeros(2),
            "mixed.weight": np.array([[1.0, 0], [1, 1], [0, 1]]),
            "mixed.bias": np.array([0.0, -1, 0]),
            "out.weight": np.array([[-1.0, 0, 0], [0, 2, 1]]),
            "out.bias": np.zeros(2),
        }
    )
    return net.eval()


def _network(seed: int) -> tuple[nn.Module, Array]:
    """A small network that is neither linear nor symmetric, and five images."""
    rng = np.random.default_rng([seed, 2])
    net = nn.Sequential(
        {
            "conv": nn.Conv2d(2, 4, 3, rng=rng),
            "relu": nn.ReLU(),
            "pool": nn.MaxPool2d(2, stride=1),
            "flatten": nn.Flatten(),
            "hidden": nn.Linear(48, 6, rng=rng),
            "relu2": nn.ReLU(),
            "dense": nn.Linear(6, 3, rng=rng),
        }
    )
    return net.eval(), rng.normal(size=(5, 2, 7, 6)).astype(np.float32)


def _check_sensitivities(
    sensitivities: Answer, case: str, net: nn.Module, layer: str, x: Array, k: int, v: Any
) -> None:
    v = np.asarray(v)
    expected = answers.sensitivities(net, layer, x, k, v)
    outputs = net.trace(Tensor(x))[1][layer][0].value
    along = v if v.ndim == outputs.ndim - 1 else v.reshape(-1, *[1] * (outputs.ndim - 2))
    places = max(outputs[0].size // len(v), 1)
    everywhere = tuple(range(1, outputs.ndim))
    mistakes = {
        "that is h·v: how much of v is there, not what the class makes of it": (outputs * along).sum(
            everywhere
        ),
        "the derivative of all logits together, not of logit k": answers.sensitivities(
            net, layer, x, k, v, "all logits"
        ),
        "the derivative of the probability, not of the logit": answers.sensitivities(
            net, layer, x, k, v, "probability"
        ),
        "v is made of length 1": expected / np.linalg.norm(v),
        "the mean over places, it is the sum": expected / places,
        "the mean over all numbers of the layer, it is the sum": expected / outputs[0].size,
        "that is whether it is above 0": expected > 0,
    }
    answer = _own(case, sensitivities)
    compare(case, answer(net, layer, x, k, v), expected, mistakes, rtol=1e-4, atol=1e-5)


# 4 · a two-sided rank


def check_rank_p(rank_p: Answer, seed: int) -> None:
    """rank_p(scores, random_scores): the two-sided p of each score among its own random ones, (m,)."""
    # By hand comes last: there many mistakes give the same number.
    rng = np.random.default_rng([seed, 5])
    _check_rank_p(rank_p, "7.4 random", rng.normal(size=30), rng.normal(size=(30, 25)) - 0.3)
    scores, random = _with_ties(rng, 20, 15)
    _check_rank_p(rank_p, "7.4 many ties", scores, random)
    near = rng.choice([-1e-6, 1e-6], random.shape)
    _check_rank_p(rank_p, "7.4 scores that differ by 1e-6 are not tied", scores, random + near)
    by_hand = np.array([1.0, 0.5]), np.array([[0.25, 0.5, 0.75, 1, 0.5, 0.5, 0]] * 2)
    _check_rank_p(rank_p, "7.4 by hand", *by_hand)


def mark_rank_p(rank_p: Answer, seed: int) -> None:
    """The same for other numbers, ties but for rounding, all tied, and one random score."""
    check_rank_p(rank_p, seed)
    rng = np.random.default_rng([seed, 6])
    scores, random = _with_ties(rng, 12, 30)
    rounding = rng.choice([-1e-13, 1e-13], random.shape)
    _check_rank_p(rank_p, "7.4 ties but for rounding", scores, random + rounding)
    apart = rng.choice([-2e-9, -5e-10, 5e-10, 2e-9], random.shape)
    _check_rank_p(rank_p, "7.4 scores 5e-10 and 2e-9 apart", scores, random + apart)
    _check_rank_p(rank_p, "7.4 all tied", np.full(3, 0.3), np.full((3, 9), 0.1 * 3))
    _check_rank_p(rank_p, "7.4 one random score", rng.normal(size=6), rng.normal(size=(6, 1)))


def _with_ties(rng: np.random.Generator, m: int, n: int) -> tuple[Array, Array]:
    return rng.integers(1, 6, m) / 4, rng.integers(1, 6, (m, n)) / 4


def _check_rank_p(rank_p: Answer, case: str, scores: Array, random: Array) -> None:
    n = random.shape[1]
    two = answers.rank_p(scores, random)
    above = np.mean(random >= scores[:, None] - 1e-9, axis=1) * n
    below = np.mean(random <= scores[:, None] + 1e-9, axis=1) * n
    far = np.sum(np.abs(random - 0.5) >= np.abs(scores - 0.5)[:, None] - 1e-9, axis=1)
    far_from_mean = np.abs(random - random.mean(axis=1, keepdims=True))
    own = np.abs(scores - random.mean(axis=1))[:, None]
    smaller = (1 + np.minimum(above, below)) / (1 + n)
    got = _own(case, rank_p)(scores, random)
    not_capped = {"a p-value is at most 1": 2 * smaller} if np.any(2 * smaller > 1) else {}
    mistakes = not_capped | {
        "the concept itself is not counted": answers.rank_p(scores, random, own=0),
        "the concept itself is counted above the line only": np.minimum(2 * smaller * (1 + n) / n, 1),
        "those that are tied count, too, on either side": answers.rank_p(scores, random, strict=True),
        "ties are equal but for rounding: see the tolerance": answers.rank_p(scores, random, tolerance=0),
        "that ties too many: np.isclose allows 1e-5 of the size": answers.rank_p(
            scores, random, tolerance=1e-5
        ),
        "the smaller of two tails must be doubled": smaller,
        "one tail only: those above": (1 + above) / (1 + n),
        "one tail only: those below": (1 + below) / (1 + n),
        "the distance from ½, as in lesson 13": (1 + far) / (1 + n),
        "the distance from the random scores' mean": (1 + np.sum(far_from_mean >= own, axis=1)) / (1 + n),
    }
    compare(case, got, two, mistakes, atol=1e-12)


# 5 · the level of the t-test


def check_t_test_level(t_test_level: Answer, seed: int) -> None:
    """t_test_level(runs, ratio, alpha): how often the t-test calls a random concept significant."""
    _check_t_test_level(t_test_level, "7.5 by hand", 2, 4.0, 0.5)
    _check_t_test_level(t_test_level, "7.5 runs that share nothing: the level is alpha", 12, 0.0, 0.05)
    _check_t_test_level(t_test_level, "7.5 twenty runs", 20, _ratio(seed, 7), 0.05)


def mark_t_test_level(t_test_level: Answer, seed: int) -> None:
    """The same for other numbers, few runs and many."""
    check_t_test_level(t_test_level, seed)
    _check_t_test_level(t_test_level, "7.5 three runs", 3, _ratio(seed, 8), 0.1)
    _check_t_test_level(t_test_level, "7.5 five hundred runs", 500, _ratio(seed, 9), 0.01)


def _ratio(seed: int, stream: int) -> float:
    return float(np.random.default_rng([seed, stream]).integers(2, 30) / 10)


def _check_t_test_level(t_test_level: Answer, case: str, runs: int, ratio: float, alpha: float) -> None:
    got = _own(case, t_test_level)(runs, ratio, alpha)
    expected = answers.t_test_level(runs, ratio, alpha)
    degrees = runs - 1
    far = answers.critical(alpha, degrees)
    mistakes = {
        "the ratio must be multiplied by the number of runs": answers.beyond(
            far / np.sqrt(1 + ratio), degrees
        ),
        "the root is missing: those are variances": answers.beyond(far / (1 + runs * ratio), degrees),
        "runs degrees of freedom, they are one less": answers.t_test_level(
            runs + 1, ratio * runs / (runs + 1), alpha
        ),
        "the concept's own variance only, without that of the runs": answers.beyond(
            far / np.sqrt(runs * ratio or 1), degrees
        ),
        "one side only": expected / 2,
        "the test is two-sided, so t_crit is the quantile at 1 − α/2": answers.t_test_level(
            runs, ratio, alpha, tail=alpha
        ),
        "that is 1 less the level": 1 - expected,
        "that is alpha: the runs share the concept's images": alpha,
        "the ratio is upside down": answers.t_test_level(runs, 1 / ratio, alpha) if ratio else np.nan,
    }
    compare(case, got, expected, mistakes if ratio else {}, atol=1e-6)


# 6 · the level of a rank


def tests(seed: int) -> Tests:
    """The tests of a term."""
    rng = np.random.default_rng([seed, 10])
    while True:
        percent, n = int(rng.choice([4, 5, 6, 8, 10])), int(rng.integers(45, 121))
        whole, half = percent * (n + 1) // 100, percent * (n + 1) // 200
        uneven = percent * (n + 1) % 100 and percent * n % 100
        if uneven and 0 < 2 * half < whole == percent * n // 100:
            k, runs = int(rng.integers(3, 13)), int(rng.choice([10, 15, 20, 25, 30, 40]))
            images, others = (int(each) for each in rng.choice([20, 25, 30, 40, 50, 60], 2, replace=False))
            return Tests(percent, n, k, runs, images, others)


def check_levels(levels: Answer, seed: int) -> None:
    """levels: six numbers; here only that they are there, levels between 0 and 1, and a whole number."""
    _shown_levels(levels, seed)


def _shown_levels(levels: Answer, seed: int) -> dict[str, Any]:
    right = answers.levels(tests(seed))
    got = _numbers("7.6", levels, dict.fromkeys(right, ()))
    for name, value in got.items():
        if name == "least":
            if value != round(value) or value < 1:
                raise CheckError(f"7.6 least: got {value}, expected a whole number of random concepts")
        elif not 0 <= value <= 1:
            raise CheckError(f"7.6 {name}: got {value}, expected a probability")
    return got


def mark_levels(levels: Answer, seed: int) -> None:
    """All six, for the same seed."""
    got = _shown_levels(levels, seed)
    given = tests(seed)
    right = answers.levels(given)
    alpha, n = given.percent / 100, given.n
    within = {
        "alpha is reached only where alpha·(1 + n) is whole": alpha,
        "a share of n: the concept itself is one of 1 + n": right["distance"] * (n + 1) / n,
    }
    mistakes: dict[str, dict[str, Any]] = {
        "distance": within,
        "doubled": within | {"one side only": right["doubled"] / 2},
        "smaller": {"both tails count": right["distance"], "2·alpha is not reached": 2 * alpha},
        "without_one": {"the concept may be in the first place, too": right["without_one"] - 1 / (n + 1)},
        "least": {
            "two sides: the smallest p is 2/(1 + n)": np.ceil(100 * given.tests / given.percent) - 1,
            "1 + n, not n": right["least"] + 1,
            "without the correction for so many tests": np.ceil(200 / given.percent) - 1,
        },
        "t_test": {
            "the ratio is upside down": answers.t_test_level(given.runs, given.images / given.others, alpha),
            "the ratio is of variances, not of deviations": answers.t_test_level(
                given.runs, np.sqrt(given.others / given.images), alpha
            ),
        },
    }
    for name, expected in right.items():
        compare(f"7.6 {name}", got[name], expected, mistakes[name], rtol=0, atol=ROUNDED)


# 7 · LEACE


def check_leace(leace: Answer, seed: int) -> None:
    """leace(h, labels): μ (d,) and P (d, d), h ↦ μ + P(h − μ)."""
    _check_leace(leace, "7.7 by hand", FOUR, T_AND_E[:, :1])
    _check_leace(leace, "7.7 by hand, both labels", FOUR, T_AND_E)
    h, labels = _sample(seed, stream=2)
    _check_leace(leace, "7.7 random, one label", h, labels[:, :1])
    _check_leace(leace, "7.7 random, three labels", h, labels)


def mark_leace(leace: Answer, seed: int) -> None:
    """The same for other numbers, classes, a unit that is always 0, few samples, and nothing to erase."""
    check_leace(leace, seed)
    h, labels = _sample(seed, stream=3)
    classes = np.eye(4)[np.arange(len(h)) % 4]
    moved = h + classes @ np.random.default_rng([seed, 11]).normal(size=(4, h.shape[1]))
    _check_leace(leace, "7.7 classes, whose labels add up to 1", moved, classes)
    _check_leace(leace, "7.7 a unit that is always 0", h * (np.arange(h.shape[1]) != 2), labels)
    _check_leace(leace, "7.7 fewer samples than numbers", h[20:25], labels[20:25, :2] + h[20:25, :2])
    square = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    _check_leace(leace, "7.7 nothing linear to erase", square, np.array([[1.0], [0], [0], [1]]))
    twice = np.concatenate([h[:7], h[:7]])
    _check_leace(
        leace, "7.7 nothing linear to erase, but for rounding", twice, np.repeat([[0.3], [0.9]], 7, 0)
    )
    mean, p = answers.leace(h, labels)
    _check_leace(leace, "7.7 erased already", mean + (h - mean) @ p.T, labels)


def _check_leace(leace: Answer, case: str, h: Array, labels: Array) -> None:
    mean, expected = map(_tidy, answers.leace(h, labels))
    sigma, cov_h = answers.covariance(h, labels), answers.covariance(h, h)
    w = answers.pseudo_inverse(cov_h) @ sigma
    one = np.eye(len(mean))
    raw = answers.pseudo_inverse(h.T @ h / len(h)) @ sigma
    with np.errstate(all="ignore"):
        mistakes = {
            "P is transposed: it must read with the filters and subtract along σ": expected.T,
            "that is what is subtracted; P is I less it": one - expected,
            "along the filters: they both read and are subtracted": one - w @ np.linalg.pinv(w),
            "along σ: it both reads and is subtracted along": one - sigma @ np.linalg.pinv(sigma),
            "each label alone, and the sum of their signals: they are not independent": one
            - sigma / np.sum(w * sigma, axis=0) @ w.T,
            "Σ is the mean of h hᵀ, without the means": one
            - sigma @ np.linalg.pinv(sigma.T @ raw, rcond=1e-10) @ raw.T,
            "not divided: σ wᵀ, without the inverse of σᵀΣ⁻¹σ": one - sigma @ w.T,
        }
    if np.allclose(expected, one):
        mistakes = {}
    got = tuple_of(case, _own(case, leace)(h, labels), 2, "μ and P")
    compare(f"{case}: μ", got[0], mean)
    _float64(f"{case}: P", got[1])
    compare(f"{case}: P", got[1], expected, mistakes, atol=1e-7)
    erased = mean + (h - mean) @ np.transpose(got[1])
    compare(f"{case}: cov[erased, labels]", answers.covariance(erased, labels), 0 * sigma, atol=1e-7)


# 8 · erasing by hand


def moments(seed: int) -> Moments:
    """The covariances of a term, of whole numbers."""
    rng = np.random.default_rng([seed, 12])
    while True:
        a, c = rng.integers(1, 7, 2)
        b, *w = rng.integers(-3, 4, 3)
        cov_h = np.array([[a, b], [b, c]])
        sigma = cov_h @ w
        if not (b and all(w) and a * c > b * b and sigma[0] * w[1] != sigma[1] * w[0]):
            continue
        given = Moments(
            cov_h, sigma, int(w @ sigma + rng.integers(1, 7)), float(rng.choice([3, 4, 6, 7, 8]) / 10)
        )
        found = answers.erasing(given)
        if found["left_by_filter"] > 0.02 and found["pattern_change"] > 1.05 * found["leace_change"]:
            return given


def check_erasing(erasing: Answer, seed: int) -> None:
    """erasing: seven entries; here only the filter, by Σw = σ, and that wᵀa = 1."""
    _shown_erasing(erasing, seed)


def _shown_erasing(erasing: Answer, seed: int) -> dict[str, Any]:
    given = moments(seed)
    got = _numbers(
        "7.8", erasing, {name: (2,) if name in ("w", "a") else () for name in answers.erasing(given)}
    )
    transposed = {"that is cov[h, t], without the inverse of Σ": given.cov_h @ given.cov_ht}
    compare("7.8 Σw", given.cov_h @ got["w"], given.cov_ht, transposed, atol=1e-2)
    compare("7.8 wᵀa", np.dot(got["w"], got["a"]), 1, atol=1e-2)
    return got


def mark_erasing(erasing: Answer, seed: int) -> None:
    """All seven, for the same seed."""
    got = _shown_erasing(erasing, seed)
    given = moments(seed)
    cov_h, sigma, var_t, r = given
    right = answers.erasing(given)
    w, ws = right["w"], right["w"] @ sigma
    mistakes: dict[str, dict[str, Any]] = {
        "a": {"that is σ / var[t]": sigma / var_t, "along the filter": w / (w @ w)},
        "before": {"not divided by var[t]": ws, "that is R, not its square": np.sqrt(right["before"])},
        "leace_change": {
            "that is ‖a‖²: S is a times wᵀ(h − μ), whose variance is not 1": right["a"] @ right["a"],
            "that is the variance of wᵀh": ws,
        },
        "pattern_change": {
            "that is LEACE's": right["leace_change"],
            "not divided by σᵀσ": sigma @ cov_h @ sigma,
        },
        "left_by_filter": {"LEACE leaves nothing; the projection along w does": 0},
        "task": {"that is what is lost": r**2, "R² is lost by the square of r": 1 - r},
    }
    for name, expected in right.items():
        compare(f"7.8 {name}", got[name], expected, mistakes.get(name), rtol=0, atol=ROUNDED)


# 9 · what can still be read


def check_r_squared(r_squared: Answer, seed: int) -> None:
    """r_squared(h, t, degree): the share of var[t] that a linear or a quadratic reader finds, in sample."""
    h, labels = _sample(seed, stream=4)
    square, xor = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]), np.array([1.0, 0, 0, 1])
    for degree in (1, 2):  # by hand comes last: there many mistakes give the same number
        _check_r_squared(r_squared, f"7.9 random, degree {degree}", h, labels[:, 0], degree)
        _check_r_squared(r_squared, f"7.9 by hand, degree {degree}", square, xor, degree)


def mark_r_squared(r_squared: Answer, seed: int) -> None:
    """The same for other numbers, a unit that is always 0, means, scales, erased samples, few samples."""
    check_r_squared(r_squared, seed)
    h, labels = _sample(seed, stream=5)
    t = labels[:, 0] * 2 + h[:, 1] * h[:, 3]
    mean, p = answers.leace(h, t[:, None])
    cases = {
        "a unit that is always 0": h * (np.arange(h.shape[1]) != 2),
        "means of 10⁶": h + 1e6,
        "units between 10⁻³ and 10³": h * 10.0 ** np.linspace(-3, 3, h.shape[1]),
        "erased samples, means of 10⁴": mean + 1e4 + (h - mean) @ p.T,
    }
    for degree in (1, 2):
        for name, of in cases.items():
            _check_r_squared(r_squared, f"7.9 {name}, degree {degree}", of, t, degree)
    _check_r_squared(r_squared, "7.9 more features than samples", h[:12], t[:12], 2)


def _check_r_squared(r_squared: Answer, case: str, h: Array, t: Array, degree: int) -> None:
    got = _own(case, r_squared)(h, t, degree)
    expected = float(_tidy(answers.r_squared(h, t, degree)))
    made = answers.features(h, degree)
    fitted, *_ = np.linalg.lstsq(made, t)
    rest = t - made @ fitted
    mistakes = {
        "a constant is missing": 1 - np.sum(rest**2) / np.sum((t - t.mean()) ** 2),
        "a constant is missing, and t is measured from 0": 1 - np.sum(rest**2) / np.sum(t**2),
        "that is R, not its square": np.sqrt(max(expected, 0)),
        "that is what is not read, 1 − R²": 1 - expected,
        "that is the variance that is read: divide by var[t]": expected * t.var(),
    }
    if degree == 2:
        mistakes |= {
            "that is a linear reader": answers.r_squared(h, t),
            "the products are missing": answers.r_squared(h, t, 2, products=False),
            "the squares are missing": answers.r_squared(h, t, 2, squares=False),
        }
    compare(case, got, expected, mistakes, atol=1e-6)


def _sample(seed: int, stream: int = 0) -> tuple[Array, Array]:
    """h (60, 5) whose numbers vary together and with three labels, which are correlated."""
    rng = np.random.default_rng([seed, 20 + stream])
    latent = rng.normal(size=(60, 3)) + rng.normal(size=(60, 1))
    labels = (latent > [-0.4, 0, 0.4]).astype(float)
    mixing = np.eye(5) + rng.uniform(-1, 1, (5, 5)) / 3
    return rng.normal(size=(60, 5)) @ mixing + labels @ rng.uniform(-2, 2, (3, 5)) + rng.normal(
        size=5
    ), labels


def _numbers(exercise: str, answer: Answer, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What an answer gives, if that is a dictionary with these names, and numbers of these shapes."""
    got = result_of(exercise, own_work(answer, *OUT_OF_REACH, given=[layer, tests, moments]))
    if not isinstance(got, dict):
        raise CheckError(f"{exercise}: got {kind_of(got)}, expected a dictionary with {', '.join(shapes)}")
    for name, shape in shapes.items():
        if got.get(name) is None:
            raise CheckError(f"{exercise} {name}: not done yet")
        values = np.asarray(got[name])
        if values.shape != shape or values.dtype.kind not in "iuf":
            expected = f"{shape[0]} numbers" if shape else "a number"
            raise CheckError(f"{exercise} {name}: got {got[name]!r}, expected {expected}")
    return {name: got[name] for name in shapes}


def _tidy(numbers: Any) -> Any:
    """Without the rounding in the last digits, which a message would show."""
    return np.round(numbers, 12) + 0.0


def _float64(case: str, got: Any) -> None:
    if got is not None and np.asarray(got).dtype != np.float64:
        raise CheckError(f"{case}: got {np.asarray(got).dtype}, expected float64")


def _own(case: str, answer: Answer) -> Answer:
    """The answer, which has to be the student's own and must not write to its arguments."""
    return partial(result_of, case, own_work(answer, *OUT_OF_REACH))
