"""The checks of coursework 7 take right answers, name mistakes and find copies out; the numbers are exact."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats

import minixai as mx
from minixai.checks import CheckError
from minixai.course.cw7 import answers as reference
from minixai.course.cw7 import checks as cw7
from minixai.demo.concepts import orientations
from tests import grading, pieces
from tests.submissions import cw7 as submissions
from tests.submissions.cw7 import OF_SEED_0, OWN_FUNCTIONS, REFERENCES, WRONG

EXERCISES = {
    "cw7-by-hand": "by_hand",
    "cw7-joint": "joint",
    "cw7-sensitivities": "sensitivities",
    "cw7-rank-p": "rank_p",
    "cw7-t-test-level": "t_test_level",
    "cw7-levels": "levels",
    "cw7-leace": "leace",
    "cw7-erasing": "erasing",
    "cw7-r-squared": "r_squared",
}
HIDDEN_NUMBERS = ("by_hand", "levels", "erasing")  # told by the marking alone
LEVELS = ("distance", "without_one", "doubled", "smaller", "least", "t_test")
ERASING = ("w", "a", "before", "leace_change", "pattern_change", "left_by_filter", "task")


def answers(seed: int, **changed: str) -> dict[str, Any]:
    """What the master's solution cells define, or other sources of some of them."""
    tests = cw7.tests(seed)
    names: dict[str, Any] = {"np": np, "mx": mx, "stats": stats, "cw7": cw7, "SEED": seed}
    names |= cw7.layer(seed)._asdict() | cw7.moments(seed)._asdict()
    names |= tests._asdict() | {"alpha": tests.percent / 100}
    solutions = grading.solutions_of("cw7")
    assert list(solutions) == list(EXERCISES)
    for source in (solutions | changed).values():
        exec(source, names)
    return names


check_and_mark = partial(pieces.check_and_mark, cw7)
TestPiece = pieces.piece_checks(cw7, EXERCISES.values(), answers)


NAMED = {
    "each label alone, and a pattern that is the concept": {
        "cw7-by-hand": "that is a_c: the distractor comes with the concept",
        "cw7-joint": "each label alone",
        "cw7-leace": "each label alone, and the sum of their signals",
    },
    "a mean over places, the concept not counted, no constant": {
        "cw7-sensitivities": "the mean over places, it is the sum",
        "cw7-rank-p": "the concept itself is not counted",
        "cw7-leace": "writes to an array that it was given",
        "cw7-r-squared": "a constant is missing",
    },
    "runs taken for samples, along σ alone, nothing left": {
        "cw7-t-test-level": "the ratio must be multiplied by the number of runs",
        "cw7-levels": r"alpha is reached only where alpha·\(1 \+ n\) is whole",
        "cw7-leace": "along σ: it both reads and is subtracted along",
        "cw7-erasing": "that is LEACE's",
    },
    "right but for what the hidden tests add": {
        "cw7-joint": "raised while the check ran: 7.2 a unit that is always 0",
        "cw7-sensitivities": "raised while the check ran: 7.3 a v for each place",
        "cw7-rank-p": "ties are equal but for rounding",
        "cw7-leace": "7.7 classes, whose labels add up to 1",
        "cw7-r-squared": "a unit that is always 0",
    },
}


@pytest.mark.parametrize(("wrong", "grade_id"), [(name, each) for name in NAMED for each in NAMED[name]])
def test_the_mistake_is_named(wrong: str, grade_id: str) -> None:
    name = EXERCISES[grade_id]
    answer = answers(5, **{grade_id: WRONG[wrong].answers[grade_id]})[name]
    check, mark = check_and_mark(name)
    if name in HIDDEN_NUMBERS or "hidden" in wrong:
        check(answer, 5)
        check = mark
    with pytest.raises((CheckError, ValueError, np.linalg.LinAlgError)) as error:
        check(answer, 5)
    told = "\n".join([str(error.value), *getattr(error.value, "__notes__", ())])
    assert re.search(NAMED[wrong][grade_id], told)


# A part of the solution, what a slip puts in its place, and what students read before they hand in.
SLIPS = [
    ("by_hand", "[a_d[1], -a_d[0]]", "[-a_c[1], a_c[0]]", "reads the distractor and cancels the concept"),
    (
        "joint",
        "h - h.mean(axis=0), labels - labels.mean(axis=0)",
        "h, labels",
        "neither h nor the labels are centred",
    ),
    (
        "joint",
        "np.linalg.solve(labels.T @ labels / len(h), sigma)",
        "sigma",
        "without the inverse of the lab",
    ),
    ("joint", "np.linalg.solve(labels.T @ labels / len(h), sigma)", "sigma.astype(np.float32)", "float32"),
    ("sensitivities", "chosen[:, k] = 1", "chosen[:] = 1", "all logits together"),
    ("sensitivities", "(gradient * v)", "(h.value * v)", "that is h·v"),
    ("sensitivities", "(gradient * v)", "(gradient * v / np.linalg.norm(v))", "v is made of length 1"),
    ("rank_p", "np.minimum(1, 2 *", "(2 *", "a p-value is at most 1"),
    ("rank_p", "2 * np.minimum", "np.minimum", "the smaller of two tails must be doubled"),
    ("rank_p", ">= -1e-9", "> 1e-9", "those that are tied count"),
    ("t_test_level", "runs * ratio", "ratio", "multiplied by the number of runs"),
    ("t_test_level", "np.sqrt(1 + runs * ratio)", "(1 + runs * ratio)", "the root is missing"),
    ("t_test_level", "2 * stats", "stats", "one side only"),
    ("t_test_level", "runs - 1", "runs", "runs degrees of freedom"),
    ("levels", "-(-200 * tests // percent) - 1", "200 * tests / 7", "least: got .*, expected a whole number"),
    ("leace", "sigma @ inverse(sigma.T @ w) @ w.T", "w @ inverse(sigma.T @ w) @ sigma.T", "P is transposed"),
    ("leace", "np.eye(len(mean)) - sigma", "sigma", "that is what is subtracted"),
    ("leace", "inverse(sigma.T @ w) @ w.T", "w.T", "not divided"),
    ("erasing", "np.linalg.solve(cov_h, cov_ht)", "1.0 * cov_ht", "without the inverse of Σ"),
    ("r_squared", "np.triu_indices(h.shape[1])", "np.triu_indices(h.shape[1], 1)", "the squares are missing"),
    ("r_squared", "if degree == 2", "if degree == 3", "that is a linear reader"),
    ("r_squared", "return 1 - ", "return ", "that is what is not read"),
    (
        "r_squared",
        "np.concatenate([h, h[:, i] * h[:, j]], axis=1)",
        "np.hstack([h, h**2])",
        "the products are",
    ),
    (
        "rank_p",
        "sign * difference >= -1e-9",
        "(sign * difference > 0) | TIED",
        "that ties too many: np.isclose",
    ),
    (
        "t_test_level",
        "1 - alpha / 2",
        "1 - alpha",
        "the test is two-sided, so t_crit is the quantile at 1 − α/2",
    ),
    ("sensitivities", ").sum(axis=", ").mean(axis=", "the mean over all numbers of the layer, it is the sum"),
]
TIED = "np.isclose(random_scores, scores[:, None])"
# The same, for what only the hidden tests show.
HIDDEN_SLIPS = [
    ("rank_p", ">= -1e-9", ">= -1e-12", "7.4 scores 5e-10 and 2e-9 apart"),
    ("rank_p", ">= -1e-9", ">= -1e-8", "7.4 scores 5e-10 and 2e-9 apart"),
    (
        "leace",
        "sigma[np.abs(sigma) <= 1e-10 * np.outer(h.std(axis=0), labels.std(axis=0))] = 0",
        "",
        "7.7 nothing linear to erase, but for rounding|7.7 erased already",
    ),
    ("r_squared", ", rcond=1e-10", "", "7.9 erased samples, means of 10⁴"),
    ("r_squared", "h = (h - h.mean(axis=0)) / np.where(spread > 1e-10 * spread.max(), spread, 1)", "", "10⁶"),
    (
        "r_squared",
        "/ np.where(spread > 1e-10 * spread.max(), spread, 1)",
        "",
        "7.9 units between 10⁻³ and 10³",
    ),
]


@pytest.mark.parametrize(("name", "part", "slip", "told"), SLIPS)
def test_students_see_a_slip(name: str, part: str, slip: str, told: str) -> None:
    grade_id = f"cw7-{name.replace('_', '-')}"
    solution = grading.solutions_of("cw7")[grade_id]
    assert part in solution
    answer = answers(5, **{grade_id: solution.replace(part, slip.replace("TIED", TIED))})[name]
    with pytest.raises(CheckError, match=told) as error:
        check_and_mark(name)[0](answer, 5)
    assert str(error.value).count("likely mistake") <= 1


@pytest.mark.parametrize("seed", [0, 5, 77])
@pytest.mark.parametrize(("name", "part", "slip", "told"), HIDDEN_SLIPS)
def test_the_marking_sees_a_slip(name: str, part: str, slip: str, told: str, seed: int) -> None:
    grade_id = f"cw7-{name.replace('_', '-')}"
    solution = grading.solutions_of("cw7")[grade_id]
    assert part in solution
    answer = answers(seed, **{grade_id: solution.replace(part, slip)})[name]
    check, mark = check_and_mark(name)
    check(answer, seed)
    with pytest.raises(CheckError, match=told):
        mark(answer, seed)


RAW_WITH_ONES = """
def r_squared(h, t, degree):
    i, j = np.triu_indices(h.shape[1])
    features = np.hstack([np.ones((len(h), 1)), h] + [h[:, i] * h[:, j]] * (degree == 2))
    read = features @ np.linalg.lstsq(features, t, rcond=RCOND)[0]
    return 1 - np.sum((t - read) ** 2) / np.sum((t - t.mean()) ** 2)
"""


@pytest.mark.parametrize("rcond", ["1e-10", "None"])
def test_raw_features_with_a_column_of_ones_lose_the_digits(rcond: str) -> None:
    answer = answers(0, **{"cw7-r-squared": RAW_WITH_ONES.replace("RCOND", rcond)})["r_squared"]
    cw7.check_r_squared(answer, 0)
    with pytest.raises(CheckError, match="means of 10⁶"):
        cw7.mark_r_squared(answer, 0)


@pytest.mark.parametrize(("seed", "r"), [(1714, 0.8), (2657, 0.95)])
def test_after_erasing_the_solution_reads_what_is_left_of_the_task(seed: int, r: float) -> None:
    """P as its formula is written leaves rounding that lstsq reads at its own rcond: R² is then above 0.9."""
    sample = mx.data.planted(800, 60, r, seed=seed)
    h = orientations().predict(sample.x).mean(axis=(2, 3))
    t, task = sample.t * 1.0, sample.distractor * 1.0
    mean = h.mean(axis=0)
    sigma = (h - mean).T @ (t[:, None] - t.mean()) / len(h)
    inverse = reference.pseudo_inverse((h - mean).T @ (h - mean) / len(h))
    p = np.eye(8) - sigma @ reference.pseudo_inverse(sigma.T @ inverse @ sigma) @ sigma.T @ inverse
    erased = mean + (h - mean) @ p.T
    r_squared = answers(0)["r_squared"]
    assert r_squared(erased, t, 1) < 1e-9
    left = 1 - np.corrcoef(t, task)[0, 1] ** 2
    assert r_squared(erased, task, 1) == pytest.approx(left, abs=0.1)


@pytest.mark.parametrize("name", HIDDEN_NUMBERS)
def test_four_decimals_are_enough(name: str) -> None:
    for seed in range(60):
        typed = {key: np.round(value, 4) for key, value in answers(seed)[name]().items()}
        for check in check_and_mark(name):
            check(lambda typed=typed: typed, seed)


@pytest.mark.parametrize("name", ["joint", "leace"])
def test_by_hand_no_rounding_is_printed(name: str) -> None:
    for shape in ((1, 2), (2, 2)):
        with pytest.raises(CheckError) as error:
            check_and_mark(name)[0](lambda h, labels, shape=shape: (np.full(shape, 7.0),) * 2, 0)
        assert "e-" not in str(error.value)


def test_p_of_a_sigma_that_is_rounding_is_the_identity() -> None:
    rng = np.random.default_rng(0)
    h = np.repeat(rng.normal(size=(7, 3)), 2, axis=0)
    labels = np.tile([[0.3], [0.9]], (7, 1))
    mean, p = answers(0)["leace"](h, labels)
    np.testing.assert_allclose(p, np.eye(3), atol=1e-12)
    erased = cw7._sample(0, stream=2)[0]
    mean, p = reference.leace(erased, cw7._sample(0, stream=2)[1])
    again = answers(0)["leace"](mean + (erased - mean) @ p.T, cw7._sample(0, stream=2)[1])[1]
    np.testing.assert_allclose(again, np.eye(5), atol=1e-12)


@pytest.mark.parametrize("grade_id", REFERENCES)
def test_the_reference_is_right_and_out_of_reach(grade_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = answers(0, **{grade_id: REFERENCES[grade_id]})[EXERCISES[grade_id]]
    for check in check_and_mark(EXERCISES[grade_id]):
        with pytest.raises(
            CheckError, match=r"minixai\.course\.cw7\.answers\..* of minixai: write it yourself"
        ):
            check(answer, 0)
    monkeypatch.setattr(cw7, "own_work", lambda answer, *modules, given=(): answer)
    for check in check_and_mark(EXERCISES[grade_id]):
        check(answer, 0)


@pytest.mark.parametrize("grade_id", OWN_FUNCTIONS)
def test_minixai_s_own_function_is_out_of_reach(grade_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = answers(0, **{grade_id: OWN_FUNCTIONS[grade_id]})[EXERCISES[grade_id]]
    with pytest.raises(CheckError, match=r"the answer calls minixai\.(signal|concepts)"):
        check_and_mark(EXERCISES[grade_id])[0](answer, 0)
    if grade_id != "cw7-joint":  # minixai has its filters only
        monkeypatch.setattr(cw7, "own_work", lambda answer, *modules, given=(): answer)
        check_and_mark(EXERCISES[grade_id])[0](answer, 0)


@pytest.mark.parametrize("grade_id", OF_SEED_0)
def test_the_numbers_of_seed_0_are_right_there_and_nowhere_else(grade_id: str) -> None:
    name = EXERCISES[grade_id]
    _, mark = check_and_mark(name)
    mark(answers(0, **{grade_id: OF_SEED_0[grade_id]})[name], 0)
    for seed in (1, 5, 12):
        with pytest.raises(CheckError):
            mark(answers(seed, **{grade_id: OF_SEED_0[grade_id]})[name], seed)


@pytest.mark.parametrize("name", ["joint", "sensitivities", "rank_p", "leace", "r_squared"])
def test_an_argument_that_is_written_to_is_told(name: str) -> None:
    right = answers(0)[name]

    def writes(*args: Any) -> Any:
        result = right(*args)
        for argument in args:
            if isinstance(argument, np.ndarray):
                argument += 1
        return result

    with pytest.raises(CheckError, match="writes to an array that it was given"):
        check_and_mark(name)[0](writes, 0)


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("joint", lambda h, labels: labels.T @ h, "expected the patterns and the filters"),
        ("joint", lambda h, labels: (h, labels.T @ h), "got the shape"),
        ("leace", lambda h, labels: h, "got float64 of the shape .*, expected μ and P"),
        ("sensitivities", lambda net, layer, x, k, v: 8.0, "got the shape"),
        ("rank_p", lambda scores, random: 0.5, "got the shape"),
        ("by_hand", lambda: [1, 2], "got list of 2, expected a dictionary with pattern, filter"),
        ("levels", lambda: {"distance": 0.05}, "without_one: not done yet"),
        ("levels", lambda: dict.fromkeys(LEVELS, 2), "expected a probability"),
        ("erasing", lambda: dict.fromkeys(ERASING, 1), "got 1, expected 2 numbers"),
    ],
)
def test_what_is_wrong_is_told(name: str, wrong: Any, told: str) -> None:
    with pytest.raises(CheckError, match=told):
        check_and_mark(name)[0](wrong, 0)


@pytest.mark.parametrize("name", ["by_hand", "erasing"])
def test_the_visible_check_of_a_hand_question_does_not_print_the_filter(name: str) -> None:
    right = answers(3)[name]()
    wrong = {key: np.full(np.shape(value), 0.123) for key, value in right.items()}
    with pytest.raises(CheckError) as error:
        check_and_mark(name)[0](lambda: wrong, 3)
    expected = str(error.value).partition("expected ")[2]
    assert str(1.0 * right["filter" if name == "by_hand" else "w"]) not in expected


@pytest.mark.parametrize("seed", range(8))
def test_the_toy_layer_s_numbers_are_those_of_its_points(seed: int) -> None:
    given = cw7.layer(seed)
    found = reference.by_hand(given)
    shares = {(t, e): (given.q1 if t else given.q0) for t in (0, 1) for e in (0, 1)}
    weights = {(t, e): (given.p if t else 1 - given.p) * (q if e else 1 - q) for (t, e), q in shares.items()}
    counts = np.array([round(1000 * weight) for weight in weights.values()])
    t, e = (np.repeat([key[k] for key in weights], counts).astype(float) for k in (0, 1))
    h = np.outer(t, given.a_c) + np.outer(e, given.a_d)
    (pattern,), (weight,) = reference.joint(h, t[:, None])
    np.testing.assert_allclose(found["pattern"], pattern)
    np.testing.assert_allclose(found["filter"], weight)
    assert found["along_concept"] * found["along_pattern"] < 0
    hidden = given._replace(q1=found["q_zero"])
    assert 0 < found["q_zero"] < 1
    assert reference.by_hand(hidden)["along_pattern"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_the_levels_are_those_of_all_places(seed: int) -> None:
    given = cw7.tests(seed)
    alpha, n = given.percent / 100 + 1e-12, given.n
    place = np.arange(n + 1)  # how many random scores are above, or further from ½
    both = np.minimum(place + 1, n + 1 - place) / (n + 1)
    found = reference.levels(given)
    assert found["distance"] == pytest.approx(np.mean((1 + place) / (1 + n) <= alpha))
    assert found["without_one"] == pytest.approx(np.mean(place / n <= alpha))
    assert found["doubled"] == pytest.approx(np.mean(2 * both <= alpha))
    assert found["smaller"] == pytest.approx(np.mean(both <= alpha))
    assert found["doubled"] < found["distance"] < alpha < found["without_one"] < found["smaller"]
    (least,) = [m for m in range(2000) if 2 / (1 + m) <= alpha / given.tests < 2 / m if m][:1]
    assert found["least"] == least


@pytest.mark.parametrize(("runs", "ratio", "alpha"), [(2, 4.0, 0.5), (3, 0.5, 0.1), (20, 1.5, 0.05)])
def test_the_level_of_the_t_test_is_that_of_draws(runs: int, ratio: float, alpha: float) -> None:
    rng = np.random.default_rng(0)
    scores = np.sqrt(ratio) * rng.normal(size=(40_000, 1)) + rng.normal(size=(40_000, runs))
    called = np.mean(stats.ttest_1samp(scores, 0, axis=1).pvalue <= alpha)
    assert reference.t_test_level(runs, ratio, alpha) == pytest.approx(called, abs=0.01)


@pytest.mark.parametrize("runs", [2, 3, 10, 40, 500])
def test_student_s_distribution(runs: int) -> None:
    for distance in (0.1, 1.0, 3.0):
        assert reference.beyond(distance, runs - 1) == pytest.approx(2 * stats.t.sf(distance, runs - 1))
    for alpha in (0.01, 0.1, 0.5):
        critical = stats.t.ppf(1 - alpha / 2, runs - 1)
        assert reference.critical(alpha, runs - 1) == pytest.approx(critical, rel=1e-6)


def test_the_examples_of_the_text() -> None:
    assert reference.t_test_level(2, 4.0, 0.5) == pytest.approx(0.795, abs=5e-4)
    found = reference.levels(cw7.Tests(percent=5, n=30, tests=5, runs=10, images=20, others=40))
    expected = {"distance": 1 / 31, "without_one": 2 / 31, "doubled": 0, "smaller": 2 / 31, "least": 199}
    assert found == pytest.approx(expected | {"t_test": 0.633}, abs=5e-4)
    example = cw7.Layer(np.array([1, 0]), np.array([1, 1]), 0.5, 0.25, 0.75, np.array([1, -2]))
    by_hand = reference.by_hand(example)
    np.testing.assert_allclose(by_hand.pop("pattern"), [1.5, 0.5])
    np.testing.assert_allclose(by_hand.pop("filter"), [1, -1])
    assert by_hand == {"along_concept": 1, "along_pattern": 0.5, "along_filter": 3, "q_zero": 1.25}
    erasing = reference.erasing(cw7.Moments(np.array([[2, 1], [1, 1]]), np.array([1, 0]), 2, 0.5))
    np.testing.assert_allclose(erasing.pop("w"), [1, -1])
    np.testing.assert_allclose(erasing.pop("a"), [1, 0])
    changes = {"before": 0.5, "leace_change": 1, "pattern_change": 2, "left_by_filter": 0.1, "task": 0.75}
    assert erasing == pytest.approx(changes)


@pytest.mark.parametrize("seed", range(6))
def test_the_eraser_s_numbers_are_those_of_samples(seed: int) -> None:
    given = cw7.moments(seed)
    found = reference.erasing(given)
    cov = np.block([[given.cov_h, given.cov_ht[:, None]], [given.cov_ht[None], np.array([[given.var_t]])]])
    white = np.random.default_rng(seed).normal(size=(50, 3))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(white.T @ white / 50)).T
    samples = white @ np.linalg.cholesky(cov).T
    h, t = samples[:, :2], samples[:, 2]
    assert reference.r_squared(h, t) == pytest.approx(found["before"])
    for name, direction in (("leace_change", None), ("pattern_change", given.cov_ht)):
        p = reference.leace(h, t[:, None])[1]
        if direction is not None:
            p = np.eye(2) - np.outer(direction, direction) / (direction @ direction)
        assert np.mean(np.sum((h - h @ p.T) ** 2, axis=1)) == pytest.approx(found[name])
    w = found["w"]
    left = h - np.outer(h @ w, w) / (w @ w)
    assert reference.r_squared(left, t) == pytest.approx(found["left_by_filter"])
    y = given.r * t / t.std() + np.sqrt(1 - given.r**2) * _independent(t, seed)
    both = np.stack([t, y], axis=1)
    erased = both @ reference.leace(both, t[:, None])[1].T
    assert reference.r_squared(erased, y) == pytest.approx(found["task"])


def _independent(t: np.ndarray, seed: int) -> np.ndarray:
    """A sample of variance 1 that is not correlated with t."""
    x = np.random.default_rng([seed, 1]).normal(size=len(t))
    x -= x.mean() + t * (t @ x) / (t @ t)
    return x / x.std()


def test_leace_is_minixai_s_and_the_smallest_of_its_kind() -> None:
    h, labels = cw7._sample(0, stream=2)
    mean, p = reference.leace(h, labels)
    np.testing.assert_allclose(mean + (h - mean) @ p.T, mx.signal.remove(h, labels), atol=1e-9)
    sigma = reference.covariance(h, labels)
    rng = np.random.default_rng(0)
    change = np.sum(((h - mean) @ (np.eye(5) - p).T) ** 2)
    for _ in range(20):  # others that erase as well: any matrix times P
        other = p + rng.normal(size=(5, 5)) @ p / 10
        np.testing.assert_allclose(other @ sigma, 0, atol=1e-9)
        assert np.sum(((h - mean) @ (np.eye(5) - other).T) ** 2) > change


def test_sensitivities_are_finite_differences() -> None:
    net, x = cw7._network(0)
    state = {name: value.astype(np.float64) for name, value in net.state_dict().items()}
    net.load_state_dict(state)
    v = np.random.default_rng(0).normal(size=4)
    _, layers = net.trace(mx.Tensor(x.astype(np.float64)))
    h, rest = layers["pool"][0].value, net[3:].eval()
    step = 1e-6 * v[:, None, None]
    difference = (rest.predict(h + step) - rest.predict(h - step))[:, 1] / 2e-6
    found = reference.sensitivities(net, "pool", x.astype(np.float64), 1, v)
    np.testing.assert_allclose(found, difference, rtol=1e-5, atol=1e-7)


def test_terms_differ() -> None:
    for draw in (cw7.layer, cw7.tests, cw7.moments):
        assert len({str(draw(seed)) for seed in range(30)}) >= 28
    one, other = cw7._sample(0), cw7._sample(1)
    assert not np.allclose(one[0], other[0])


def test_what_complains_is_right_otherwise() -> None:
    answer = answers(0, **{"cw7-t-test-level": submissions.COMPLAINS})["t_test_level"]
    cw7.mark_t_test_level(answer, 0)
