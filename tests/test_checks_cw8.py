"""The checks of coursework 8 take any problem that keeps the contract, and name what is wrong with others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai.checks import CheckError
from minixai.course.cw8 import answers, contract, networks
from minixai.course.cw8 import checks as cw8
from tests import grading
from tests.submissions.cw8 import OWN_FUNCTIONS, PRODUCT, REFERENCES, RIGHT, SENSORS, SIMULATED, WRONG

EXERCISES = {  # the function, and what its checks need besides
    "cw8-hand": ("by_hand",),
    "cw8-problem": ("problem",),
    "cw8-network": ("network", "problem"),
    "cw8-failure": ("failure", "network", "problem"),
    "cw8-marks": ("marks",),
    "cw8-scale": ("on_scale",),
    "cw8-repair": ("repair",),
}
OF_PROBLEM = ("cw8-problem", "cw8-network", "cw8-failure")


def solved(seed: int, changed: dict[str, str] | None = None) -> dict[str, Any]:
    """What the master's solution cells define, or other sources of some of them."""
    delta, sigma = cw8.two_features(seed)
    names: dict[str, Any] = {"__name__": "student", "np": np, "cw8": cw8, "networks": networks}
    names |= {"delta": delta, "sigma": sigma}
    solutions = grading.solutions_of("cw8")
    assert [*solutions] == [*EXERCISES, "cw8-fails", "cw8-findings"]
    for grade_id in EXERCISES:
        exec((solutions | (changed or {}))[grade_id], names)
    return names


def check(grade_id: str, names: dict[str, Any], seed: int, kind: str = "check") -> None:
    needed = EXERCISES[grade_id]
    getattr(cw8, f"{kind}_{needed[0]}")(*(names[name] for name in needed), seed)


@pytest.mark.parametrize("seed", [0, 1, 12, 77, 3_000_000_000])
@pytest.mark.parametrize("grade_id", EXERCISES)
def test_the_solution_passes(grade_id: str, seed: int) -> None:
    for kind in ("check", "mark"):
        check(grade_id, solved(seed), seed, kind)


@pytest.mark.parametrize("seed", [0, 12, 2026])
@pytest.mark.parametrize("grade_id", OF_PROBLEM)
@pytest.mark.parametrize("name", RIGHT)
def test_other_right_problems_pass(name: str, grade_id: str, seed: int) -> None:
    check(grade_id, solved(seed, RIGHT[name].answers), seed)


@pytest.mark.parametrize("name", [None, *RIGHT])
def test_true_findings_pass(name: str | None) -> None:
    names = solved(3, RIGHT[name].answers if name else None)
    found = true_findings(names)
    cw8.check_findings(lambda: found, *needed_by_findings(names), 3)


def needed_by_findings(names: dict[str, Any]) -> list[Any]:
    return [names[name] for name in ("failure", "network", "problem", "repair")]


def true_findings(names: dict[str, Any]) -> dict[str, Any]:
    """Measured on samples of their own; "repair fails" is that of patterns fitted to noise."""
    drawn = [names["problem"](np.random.default_rng(seed), 1000, 0.9) for seed in range(4)]
    layers, (method, _) = names["network"](0.9), names["failure"](0.9)
    truth, rng = drawn[0][2], np.random.default_rng(0)
    values = {
        "failure": [share(networks.explain(method, layers, x), truth) for x, *_ in drawn],
        "repair": [share(names["repair"](layers, x, x), truth) for x, *_ in drawn],
        "random": [share(rng.normal(size=x.shape), truth) for x, *_ in drawn],
        "right": [0.0, 0.0],
        "repair fails": [0.9, 0.95],
    }
    return {name: (np.mean(each), min(each), max(each)) for name, each in values.items()}


def share(maps: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(maps)[:, ~truth].sum() / np.abs(maps).sum())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: {name: f[name] for name in f if name != "random"}, "'random' is missing"),
        (
            lambda f: {name: f[name] for name in f if name not in ("right", "repair fails")},
            "'right', 'repair fails'",
        ),
        (lambda f: f | {"failure": (0.5, 0.6, 0.7)}, "expected mean, low, high with low ≤ mean ≤ high"),
        (lambda f: f | {"failure": 0.5}, "8 failure: got 0.5, expected 3 numbers"),
        (lambda f: f | {"random": (0.5, 0.4, 0.6)}, "8 random: got 0.500, measured here is 0.750"),
        (lambda f: f | {"right": (1.0, 1.0, 1.0)}, "likely mistake: that is the share on the truth"),
        (lambda f: f | {"failure": (0.8, 0.7, 0.9)}, "8 failure: got 0.800, measured here is 0.481"),
        (lambda f: f | {"repair": (0.02, 0.0, 0.6)}, "of 'repair', .* and 'failure', .* overlap"),
        (lambda f: f | {"repair fails": f["repair"]}, "of 'repair', .* and 'repair fails', .* overlap"),
        (lambda f: None, "not done yet"),
    ],
)
def test_a_report_that_lacks_what_it_must_have_is_refused(change: Any, told: str) -> None:
    names = solved(3)
    found = change(true_findings(names))
    with pytest.raises(CheckError, match=told):
        cw8.check_findings(lambda: found, *needed_by_findings(names), 3)


@pytest.mark.parametrize("grade_id", EXERCISES)
def test_what_is_not_done_fails(grade_id: str) -> None:
    def blank(*args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    names, name = solved(0), EXERCISES[grade_id][0]
    for kind in ("check", "mark"):
        with pytest.raises(NotImplementedError):
            check(grade_id, names | {name: blank}, 0, kind)
        with pytest.raises(CheckError, match="not done yet"):
            check(grade_id, names | {name: lambda *args: None}, 0, kind)


NAMED = {
    "the truth leaks into the rest, by hand the numbers of seed 0, an argument written to": {
        "cw8-problem": "is no truth, and yet its values differ between the classes",
        "cw8-network": "still tells of the class",
        "cw8-repair": "writes to an array that it was given",
    },
    "the class cannot be told, wrong normalisation, no controls": {
        "cw8-problem": "from the truth alone .* are told, expected 65% or more",
        "cw8-failure": "the ratio false : true, not the share of the whole",
        "cw8-marks": "the mean of the samples' shares: it is one share",
        "cw8-scale": "the random map is left out",
    },
    "a sign of the network, PatternNet in place of PatternAttribution, words on stderr": {
        "cw8-network": "(is not the best|not the best weights)",
        "cw8-repair": "that is PatternNet",
    },
    "the reference's own functions, a simulation for a formula": {
        "cw8-failure": "the answer draws random numbers, expected a formula",
    },
}


@pytest.mark.parametrize(("wrong", "grade_id"), [(name, each) for name in NAMED for each in NAMED[name]])
def test_the_mistake_is_named(wrong: str, grade_id: str) -> None:
    with pytest.raises(CheckError, match=NAMED[wrong][grade_id]):
        check(grade_id, solved(5, WRONG[wrong].answers), 5)


# A part of the solution, what a slip puts in its place, and what students read before they hand in.
SLIPS = [
    ("cw8-problem", "return x.reshape(n, 16)", "return x", "images are flattened: x.reshape"),
    ("cw8-problem", "reshape(n, 16), y,", "reshape(n, 16), 2 * y - 1,", "y is 0 and 1; z = 2y"),
    ("cw8-problem", "obj.ravel() == 1", "obj.ravel()", "truth is float64 of the shape .*, expected bool"),
    (
        "cw8-problem",
        "obj.ravel() == 1",
        "(obj + wall).ravel() == 1",
        "feature .* of the truth shows nothing of y",
    ),
    ("cw8-problem", "obj.ravel() == 1", "obj.ravel() == 0", "from the truth alone"),
    ("cw8-problem", "obj.ravel() == 1", "np.arange(16) < 2", "feature .* is no truth, and yet"),
    (
        "cw8-problem",
        "obj.ravel() == 1",
        "(obj if strength else wall).ravel() == 1",
        "2 strength 0: from the truth",
    ),
    (
        "cw8-problem",
        "y = rng.",
        "rng = np.random.default_rng(0); y = rng.",
        "another rng gives the same samples",
    ),
    (
        "cw8-problem",
        "y = rng.",
        "rng = np.random.default_rng(); y = rng.",
        "the same rng gives other samples",
    ),
    (
        "cw8-problem",
        "x += 0.5 * rng.standard_normal(x.shape)",
        "x = np.round(x)",
        "(differ, expected 30|64|2 )",
    ),
    ("cw8-problem", "rng.integers(2, size=n)", "(rng.random(n) < 0.2) * 1", "expected 40 to 60 %"),
    (
        "cw8-network",
        "strength**2 * 4",
        "strength * 4",
        "feature .* still tells of the class|not the best weights",
    ),
    ("cw8-network", "(0.25 + 8", "(0.5 + 8", "feature .* still tells of the class"),
    ("cw8-network", "w = obj -", "w = -obj +", "the score's sign"),
    ("cw8-network", "[(w.reshape(1, 16),", "[(w.ravel(),", "one output is a row"),
    ("cw8-network", "return [", "np.random.rand(); return [", "draws random numbers, expected a formula"),
    ("cw8-failure", "q / ((1 - q) + q)", "q**2 / ((1 - q) ** 2 + q**2)", "the share of the squares"),
    ("cw8-failure", "q / ((1 - q) + q)", "1 - q", "the share on the truth"),
    ("cw8-failure", "q / ((1 - q) + q)", "(q / 3) / (1 - q + q / 3)", "the mean size of a feature outside"),
    ("cw8-failure", '"gradient"', '"grad_cam"', "the method is 'grad_cam', expected one of gradient"),
    ("cw8-failure", '"gradient"', '"lrp"', "your formula gives .* measured is"),
    ("cw8-marks", "np.abs(maps)", "maps", "the signs are kept|got"),
    ("cw8-scale", "[2.5, 97.5]", "[5, 95]", "the interval is at 90 %"),
    ("cw8-scale", "np.mean(right)) / (np.mean(random) - np.mean(right))", "0) / np.mean(random)", "got"),
    ("cw8-repair", "    g = y\n", "    g = np.ones_like(y)\n", "the score is missing"),
    ("cw8-repair", "g = g * active[k]", "pass", "the gate is missing"),
    ("cw8-repair", "h, patterns = fitted_to, []", "h, patterns = x, []", "the patterns are fitted to x|got"),
    ("cw8-repair", "(layers[k][0] * patterns[k])", "patterns[k]", "that is PatternNet"),
    (
        "cw8-scale",
        "position = (np.mean(marks) - np.mean(right)) / (np.mean(random) - np.mean(right))",
        "position = np.mean((marks - right) / (random - right))",
        "6 random, seed 4: position: .*\n.*the quotient of the means, not the mean of the quotients",
    ),
    ("cw8-scale", "(m - r) / (q - r)", "m / q", "interval: .*\n.*the right map is left out"),
]


@pytest.mark.parametrize(("grade_id", "part", "slip", "told"), SLIPS)
def test_students_see_a_slip(grade_id: str, part: str, slip: str, told: str) -> None:
    solution = grading.solutions_of("cw8")[grade_id]
    assert part in solution
    with pytest.raises(CheckError, match=told) as error:
        check(grade_id, solved(5, {grade_id: solution.replace(part, slip)}), 5)
    assert str(error.value).count("likely mistake") <= 1


def test_the_marking_sees_a_pattern_of_what_varies_by_rounding_alone() -> None:
    solution = grading.solutions_of("cw8")["cw8-repair"]
    assert "where=varies" in solution
    for seed in (0, 5, 77):
        names = solved(seed, {"cw8-repair": solution.replace("where=varies", "where=power > 0")})
        check("cw8-repair", names, seed)
        with pytest.raises(CheckError, match="7 a unit that does not vary, but for rounding"):
            check("cw8-repair", names, seed, "mark")


@pytest.mark.parametrize("seed", [0, 12, 2026])
def test_a_product_s_weights_that_are_not_the_best_are_told(seed: int) -> None:
    source = PRODUCT.answers["cw8-network"]
    source = source.replace("-strength", "-0.65 * strength")
    names = solved(seed, PRODUCT.answers | {"cw8-network": source})
    with pytest.raises(CheckError, match=r"the product of features \d and \d still tells of the class"):
        check("cw8-network", names, seed)


def test_the_best_weights_of_a_product_of_normal_features_pass() -> None:
    """The carriers are seen through noise: the best weight is a regression's, and y is no function of f."""

    def problem(rng: np.random.Generator, n: int, strength: float) -> Any:
        (u, v), carriers, noise = rng.normal(size=(2, n)), rng.normal(size=(n, 2)), rng.normal(size=(n, 4))
        x = np.stack([u, v], axis=1) + strength * carriers + 0.2 * noise[:, :2]
        x = np.hstack([x, carriers + 0.5 * noise[:, 2:], rng.normal(size=(n, 1))])
        return x, (u * v > 0).astype(int), np.arange(5) < 2

    exec(PRODUCT.network, names := {"np": np})
    for seed in range(4):
        cw8.check_network(lambda strength: names["network"](strength / 1.25), problem, seed)


@pytest.mark.parametrize(
    ("inside", "outside", "told"),
    [
        ("m", "m * strength / r", r"w_j in place of E\|w_j x_j\|"),
        ("m * np.sqrt(m**2 + 1)", "m * strength", r"the root of E\[m²\] in place of E\|m\|"),
        ("m", "m * strength", r"the mean is left out of E\|N\(m, s²\)\|"),
    ],
)
def test_a_wrong_size_of_w_x_is_named(inside: str, outside: str, told: str) -> None:
    wrong = f"""
def failure(strength):
    m, r = np.array([1.0, 0.8, 1.2]), np.array([0.7, 1.0, 2.0])
    true, false = ({inside}).sum(), ({outside}).sum()
    return "input_x_gradient", false / (true + false)
"""
    with pytest.raises(CheckError, match=told):
        check("cw8-failure", solved(5, SENSORS.answers | {"cw8-failure": wrong}), 5)


@pytest.mark.parametrize(("shift", "seen"), [(0.1, False), (0.4, True)])
def test_a_leak_is_seen_from_the_size_on_that_the_text_gives(shift: float, seen: bool) -> None:
    def problem(rng: np.random.Generator, n: int, strength: float) -> Any:
        x, y, truth = names["problem"](rng, n, strength)
        x[:, 15] += 0.5 * shift * y
        return x, y, truth

    names = solved(0)
    if seen:
        with pytest.raises(CheckError, match="feature 15 is no truth, and yet"):
            cw8.check_problem(problem, 0)
    else:
        cw8.check_problem(problem, 0)


def test_three_decimals_are_enough_by_hand() -> None:
    for seed in range(60):
        typed = {name: np.round(each, 3) for name, each in solved(seed)["by_hand"]().items()}
        cw8.mark_by_hand(lambda typed=typed: typed, seed)


def test_a_class_that_only_several_features_of_the_rest_know_is_told() -> None:
    def problem(rng: np.random.Generator, n: int, strength: float) -> Any:
        y = rng.integers(2, size=n)
        z, other = 2.0 * y - 1, rng.choice([-1.0, 1], n)
        x = np.column_stack([z, z, other, other * z, z * 0]) + 0.5 * rng.standard_normal((n, 5))
        return x, y, np.arange(5) < 2

    with pytest.raises(CheckError, match="no feature alone, but several of the rest together know the class"):
        cw8.check_problem(problem, 0)


def test_a_method_that_does_not_fail_is_told() -> None:
    names = solved(0, {"cw8-network": """
def network(strength):
    return [(np.eye(16)[:1], np.zeros(1))]
"""})  # fmt: skip
    with pytest.raises(CheckError, match="on this problem the method does not fail"):
        cw8.check_failure(lambda strength: ("gradient", 0.0), names["network"], names["problem"], 0)


@pytest.mark.parametrize("answers_of", [OWN_FUNCTIONS, REFERENCES], ids=["minixai's", "the reference's"])
def test_what_is_not_one_s_own_is_out_of_reach(answers_of: dict[str, str]) -> None:
    for grade_id, source in answers_of.items():
        with pytest.raises(CheckError, match=r"the answer calls minixai\..* of minixai: write it yourself"):
            check(grade_id, solved(0, {grade_id: source}), 0)


@pytest.mark.parametrize("grade_id", REFERENCES)
def test_the_reference_s_functions_are_right(grade_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cw8, "own_work", lambda answer, *modules, given=(): answer)
    for kind in ("check", "mark"):
        check(grade_id, solved(0, {grade_id: REFERENCES[grade_id]}), 0, kind)


def test_a_simulation_by_a_generator_that_was_there_before_is_told() -> None:
    names, rng = solved(0), np.random.default_rng(0)
    simulated = lambda strength: ("gradient", names["failure"](strength)[1] + 1e-4 * rng.normal())  # noqa: E731
    with pytest.raises(CheckError, match="two calls give two shares"):
        cw8.check_failure(simulated, names["network"], names["problem"], 0)


def test_after_a_formula_random_numbers_are_drawn_as_before() -> None:
    names, before = solved(0), np.random.default_rng
    with pytest.raises(CheckError, match="draws random numbers"):
        check("cw8-failure", names | solved(0, {"cw8-failure": SIMULATED}), 0)
    assert np.random.default_rng is before


def test_a_photo_may_be_the_background() -> None:
    without = solved(0)["problem"]

    def problem(rng: np.random.Generator, n: int, strength: float) -> Any:
        small = mx.data.photo("camera")[::128, ::128].reshape(-1)[:16] / 255
        x, y, truth = without(rng, n, strength)
        return x + small, y, truth

    cw8.check_problem(problem, 0)


def test_the_repair_is_minixai_s_pattern_attribution() -> None:
    rng = np.random.default_rng(2)
    layers = [(rng.normal(size=(6, 4)), rng.normal(size=6)), (rng.normal(size=(1, 6)), rng.normal(size=1))]
    x, fitted_to = rng.normal(size=(5, 4)), rng.normal(size=(50, 4))
    net = networks.as_network(layers)
    net.patterns = mx.signal.fit_patterns(net, [fitted_to], kinds=("linear",), progress=False)
    expected = np.asarray(mx.methods.pattern_attribution(net, x, kind="linear"))
    np.testing.assert_allclose(answers.repaired(layers, fitted_to, x), expected, rtol=1e-6, atol=1e-9)


def test_the_marks_are_minixai_s() -> None:
    rng = np.random.default_rng(3)
    maps, truth = rng.integers(-3, 4, (6, 10)) * 1.0, np.arange(10) < 4
    maps[:, 0] = 2
    of_samples = np.tile(truth, (6, 1)).astype(int)
    assert answers.precision(maps, truth) == pytest.approx(
        mx.evaluate.marks.precision(maps, of_samples).mean()
    )
    whole = mx.evaluate.marks.share_on_truth(maps.reshape(1, -1), of_samples.reshape(1, -1))[0]
    assert answers.false_share(maps, truth) == pytest.approx(1 - whole)


def test_the_contract_s_chance_and_power() -> None:
    """At chance nothing is found in 40 draws; a shift of 0.4 standard deviations is."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y = rng.integers(2, size=cw8.SAMPLES)
        x = rng.standard_normal((cw8.SAMPLES, 6))
        found.append(contract.associated(x, y).max())
    assert max(found) < 3
    assert contract.associated(x + 0.4 * y[:, None], y).min() > 4


def test_terms_differ() -> None:
    terms = [np.concatenate([each.ravel() for each in cw8.two_features(seed)]) for seed in range(30)]
    assert len(np.unique(terms, axis=0)) > 15
    for seed in range(200):
        delta, sigma = cw8.two_features(seed)
        assert np.linalg.det(sigma) > 0
        assert np.all(np.linalg.solve(sigma, delta) != 0)
