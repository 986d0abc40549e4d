"""The checks of coursework 4 take the master's solutions, and name the mistakes of wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import course
from minixai.checks import CheckError
from minixai.course.cw4 import checks as cw4
from tests import grading
from tests.submissions.cw4 import OWN_FUNCTIONS

SEEDS = [0, 1, 12, 77]
EXERCISES = {
    "cw4-epsilon-dense": ("epsilon_dense", cw4.check_epsilon_dense, cw4.mark_epsilon_dense),
    "cw4-epsilon-layer": ("epsilon_layer", cw4.check_epsilon_layer, cw4.mark_epsilon_layer),
    "cw4-alpha-beta": ("alpha_beta_layer", cw4.check_alpha_beta_layer, cw4.mark_alpha_beta_layer),
    "cw4-box": ("box_layer", cw4.check_box_layer, cw4.mark_box_layer),
    "cw4-walk": ("walk", cw4.check_walk, cw4.mark_walk),
    "cw4-removal": ("removal", cw4.check_removal, cw4.mark_removal),
}


@pytest.fixture(scope="module")
def cells() -> dict[str, str]:
    """The master's solution cells by grade_id, and as "given" the cell with what students are given."""
    notebook = course.notebook_of(course.masters()["cw4"], 0)
    (given,) = (cell.source for cell in notebook.cells if "def total(a)" in cell.source)
    return {"given": given} | grading.solutions_of("cw4")


def defined(grade_id: str, cell: str, names: dict[str, Any]) -> Any:
    """The answer that a cell defines."""
    exec(cell, names)
    return names[EXERCISES[grade_id][0]]


@pytest.fixture
def names(cells) -> dict[str, Any]:
    """What a cell of the notebook finds: imports, and the functions that are given."""
    names = {"np": np, "mx": mx, "cw4": cw4, "partial": partial}
    exec(cells["given"], names)
    return names


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("grade_id", EXERCISES)
def test_the_solution_passes(grade_id: str, seed: int, cells, names) -> None:
    _, check, mark = EXERCISES[grade_id]
    solution = defined(grade_id, cells[grade_id], names)
    check(solution, seed)
    mark(solution, seed + 1000)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hand_solution_passes(seed: int, cells, names) -> None:
    names["claims"], names["bias"], names["arrives"] = cw4.neuron(seed)
    exec(cells["cw4-hand"], names)
    cw4.check_hand(names["hand"], seed)
    cw4.mark_hand(names["hand"], seed)
    cw4.mark_hand([float(f"{number:.3g}") for number in names["hand"]], seed)


@pytest.mark.parametrize("grade_id", EXERCISES)
def test_not_done(grade_id: str) -> None:
    def blank(*arguments: Any) -> None:
        raise NotImplementedError

    _, check, mark = EXERCISES[grade_id]
    for test in (check, mark):
        with pytest.raises(CheckError, match="not done yet"):
            test(lambda *arguments: None, 0)
        with pytest.raises(NotImplementedError):
            test(blank, 0)


SIGN = "np.where(z >= 0, 1, -1)"
ABOVE, BELOW = "op(above, np.maximum(w, 0))", "op(below, np.minimum(w, 0))"
RELEVANCE = "above.value * g[above] + below.value * g[below]"
SCORE = "x[image, target]\n"
APPEND = "inputs.append(x)"
# What is told when a part of the master's solution is replaced.
MISTAKES = [
    ("cw4-epsilon-dense", {"x @ w.T + b": "x @ w.T"}, "the bias is not in z"),
    ("cw4-epsilon-dense", {"z = x @ w.T + b": "z = abs(x) @ abs(w).T + abs(b)"}, "in place of Σ x·w"),
    ("cw4-epsilon-dense", {SIGN: "np.sign(z)"}, "sign 0 is 0"),
    ("cw4-epsilon-dense", {SIGN: "np.where(z > 0, 1, -1)"}, "sign 0 is −1"),
    ("cw4-epsilon-dense", {SIGN: "np.ones_like(z)"}, "ε also where z is negative"),
    ("cw4-epsilon-dense", {"offset = epsilon": "offset = -epsilon"}, "the sign of ε is wrong"),
    ("cw4-epsilon-dense", {"divide(r, z + offset)": "divide(r, z)"}, "ε is missing"),
    ("cw4-epsilon-dense", {"divide(r, z + offset)": "r, 0 * r"}, "not divided by z + ε"),
    ("cw4-epsilon-dense", {"divide(r, z + offset)": "r / (z + 0 * offset - z), 0 * r"}, "division by zero"),
    ("cw4-epsilon-dense", {"total(offset * s)": "total(epsilon * s)"}, "ε in place of ε·sign z"),
    ("cw4-epsilon-dense", {"total(b * s)": "total(b * r)"}, "a leak is not divided"),
    ("cw4-epsilon-dense", {'"bias": total(b * s), ': ""}, "got the leaks ['epsilon', 'zero']"),
    ("cw4-epsilon-dense", {"return x * (s @ w),": "return"}, "expected the pair"),
    ("cw4-epsilon-dense", {"x * (s @ w)": "(x * (s @ w)).sum(axis=0)"}, "expected (2, 2)"),
    ("cw4-epsilon-dense", {"x * (s @ w)": "s @ w"}, "not multiplied by x"),
    ("cw4-epsilon-dense", {"x * (s @ w)": "np.float32(x * (s @ w))"}, "got float32, expected float64"),
    ("cw4-epsilon-dense", {"total(offset * s)": "np.float32(total(offset * s))"}, "got float32"),
    ("cw4-epsilon-dense", {"x * (s @ w)": "x * (np.float32(s) @ w)"}, "Σ relevance + Σ leaks = Σ r"),
    ("cw4-epsilon-dense", {"total(dropped)": "0 * total(dropped)"}, "ε = 0, leak 'zero'"),
    ("cw4-epsilon-dense", {"offset = ": "r += 1; offset = "}, "writes to an array that it was given"),
    ("cw4-epsilon-layer", {"linear.value + b": "linear.value"}, "the bias is not in z"),
    ("cw4-epsilon-layer", {SIGN: "np.sign(z)"}, "sign 0 is 0"),
    ("cw4-epsilon-layer", {"x.value * mx": "mx"}, "not multiplied by x"),
    ("cw4-epsilon-layer", {"op(x, w)": "op(x, w, b)"}, "the bias is in z twice"),
    ("cw4-epsilon-layer", {"total(dropped)": "0 * total(dropped)"}, "ε = 0, leak 'zero'"),
    ("cw4-alpha-beta", {"(-beta,": "(beta,"}, "the part with β is added"),
    ("cw4-alpha-beta", {"(alpha,": "(beta,", "(-beta,": "(-alpha,"}, "α and β have changed places"),
    ("cw4-alpha-beta", {"np.minimum(x, 0)": "0 * x"}, "x⁻ is missing"),
    ("cw4-alpha-beta", {"np.maximum(b, 0)": "b", "np.minimum(b, 0)": "b"}, "b in both denominators"),
    ("cw4-alpha-beta", {"z.value + b_half": "z.value"}, "the bias is missing"),
    ("cw4-alpha-beta", {"(alpha,": "(1,"}, "α is missing"),
    ("cw4-alpha-beta", {"wp, wn =": "wn, wp ="}, "w⁺ and w⁻ have changed places"),
    ("cw4-alpha-beta", {"total(dropped)": "total(abs(dropped))"}, "drops −β·R"),
    ("cw4-box", {"x - low": "x - high", "x - high)\n": "x - low)\n"}, "low and high, or w⁺ and w⁻"),
    ("cw4-box", {"x - low": "x", "x - high": "x"}, "low and high are not subtracted"),
    ("cw4-box", {ABOVE: "op(above, w)", BELOW: "op(below, w)"}, "the whole of w in place"),
    ("cw4-box", {BELOW: "0 * op(below, w)"}, "the part with w⁻ is missing"),
    ("cw4-box", {f"+ {BELOW}": f"- {BELOW}"}, "the part with w⁻ has the wrong sign"),
    ("cw4-box", {RELEVANCE: "x * (g[above] + g[below])"}, "x times the VJP"),
    ("cw4-box", {"divide(r, z.value)": "r, 0 * r"}, "not divided by Σ q"),
    ("cw4-walk", {SCORE: "1\n"}, "it starts with 1"),
    ("cw4-walk", {"r = np.zeros_like(x)": "r = x.copy()"}, "it starts with the whole output"),
    ("cw4-walk", {"= np.arange(len(x))": "= range(len(x)); target = target[:1]"}, "the first one's target"),
    ("cw4-walk", {SCORE: "x[image, target].sum()\n"}, "the sum of the scores of all images"),
    ("cw4-walk", {"return r, rows": "return r, rows[::-1]"}, "in the order of the walk"),
    ("cw4-walk", {APPEND: f"x = forward(x)\n        {APPEND}"}, "it needs the step's input"),
    ("cw4-walk", {"came, total(r), leaks": "total(r), came, leaks"}, "that is what it passed on"),
    ("cw4-removal", {"-relevance": "relevance"}, "the least relevant ones go first"),
    ("cw4-removal", {"-relevance": "-np.abs(relevance)"}, "|relevance|"),
    ("cw4-removal", {"order[:, :k]": "order[:, max(k - 1, 0) : k]"}, "only the last of the k"),
    ("cw4-removal", {"order[:, :k]": "order[:1, :k]"}, "all images lose the first one's pixels"),
    ("cw4-removal", {"fill, axis": "0.0, axis"}, "it has to become fill"),
    ("cw4-removal", {"append(score(": "append(score(x) - score("}, "how far the score falls"),
    ("cw4-removal", {".copy()": ""}, "writes to an array that it was given"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("grade_id", "changes", "told"), MISTAKES, ids=[f"{grade_id}: {told}" for grade_id, _, told in MISTAKES]
)
def test_the_mistake_is_named(grade_id: str, changes: dict[str, str], told: str, cells, names) -> None:
    cell = cells[grade_id]
    for part, wrong in changes.items():
        assert part in cell
        cell = cell.replace(part, wrong)
    with pytest.raises(CheckError) as error:
        EXERCISES[grade_id][1](defined(grade_id, cell, names), 0)
    assert told in str(error.value)


CANCELS = """
def box_layer(op, x, w, r, low, high):
    x, low, high = (mx.Tensor(np.broadcast_to(a, x.shape).astype(x.dtype)) for a in (x, low, high))
    z = op(x, w) - op(low, np.maximum(w, 0)) - op(high, np.minimum(w, 0))
    s, dropped = divide(r, z.value)
    g = mx.backward(z, s, wrt=[x, low, high])
    return sum(t.value * g[t] for t in (x, low, high)), {"zero": total(dropped)}
"""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("test", [cw4.check_box_layer, cw4.mark_box_layer])
def test_claims_that_cancel_in_place_of_being_zero(test: Callable[..., None], seed: int, names) -> None:
    with pytest.raises(CheckError, match="a unit whose claims are all 0, so that their sum is exactly 0"):
        test(defined("cw4-box", CANCELS, names), seed)


STABLE = 'np.argsort(-relevance.reshape(len(x), -1), axis=1, kind="stable")'
ONLY_MARKED = [
    ("cw4-alpha-beta", "zero += total(dropped)", "zero += total(dropped) * (scale < 0)", "leak 'zero'"),
    ("cw4-walk", "came = total(r)", "came = r.sum(axis=1)", "came: got the shape (5, 2, 3), expected (5,)"),
    ("cw4-removal", STABLE, "np.argsort(relevance.reshape(len(x), -1))[:, ::-1]", "ties"),
]


@pytest.mark.parametrize(("grade_id", "part", "wrong", "told"), ONLY_MARKED)
def test_marking_sees_more_than_the_visible_check(
    grade_id: str, part: str, wrong: str, told: str, cells, names
) -> None:
    assert part in cells[grade_id]
    _, check, mark = EXERCISES[grade_id]
    answer = defined(grade_id, cells[grade_id].replace(part, wrong), names)
    check(answer, 0)
    with pytest.raises(CheckError) as error:
        mark(answer, 0)
    assert told in str(error.value)


@pytest.mark.parametrize("k", range(4))
def test_mistakes_in_the_numbers_by_hand(k: int) -> None:
    claims, b, r = cw4.neuron(0)
    rise, z = claims[:2].sum(), claims.sum() + b
    right = [b / z * r, z - 2 * b, -claims[3] / claims[2:].sum() * r, 2 * b / (rise + b) * r]
    cw4.mark_hand(right, 0)
    slips = [b / (z - b) * r, z, -right[2], right[3] / 2]
    wrong = [slips[i] if i == k else number for i, number in enumerate(right)]
    with pytest.raises(CheckError, match=rf"number {k + 1} is .*, which is wrong\n    likely mistake"):
        cw4.mark_hand(wrong, 0)
    if k:
        cw4.check_hand(wrong, 0)


@pytest.mark.parametrize("answer", [None, 3.0, [1.0, 2.0], "four", ["1", "2", "3", "4"]])
def test_the_numbers_by_hand_are_four(answer: Any) -> None:
    with pytest.raises(CheckError, match="expected four numbers"):
        cw4.check_hand(answer, 0)


@pytest.mark.parametrize("grade_id", EXERCISES)
def test_two_seeds_have_other_numbers(grade_id: str, cells, names) -> None:
    solution = defined(grade_id, cells[grade_id], names)
    _, check, mark = EXERCISES[grade_id]
    for test in (check, mark):
        first, second = [], []
        test(lambda *a, seen=first: seen.append(solution(*a)[0]) or solution(*a), 0)
        test(lambda *a, seen=second: seen.append(solution(*a)[0]) or solution(*a), 1)
        assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_two_seeds_have_other_neurons() -> None:
    assert len({tuple(cw4.neuron(seed)[0]) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("grade_id", OWN_FUNCTIONS)
def test_minixai_s_own_functions_are_right_and_out_of_reach(grade_id: str, names, monkeypatch) -> None:
    answer = defined(grade_id, OWN_FUNCTIONS[grade_id], names)
    _, check, mark = EXERCISES[grade_id]
    for test in (check, mark):
        with pytest.raises(CheckError, match=r"minixai\.rules\..* of minixai: write it yourself"):
            test(answer, 0)
    monkeypatch.setattr(cw4, "own_work", lambda answer, *modules: answer)
    check(answer, 0)


@pytest.mark.parametrize("grade_id", ["cw4-epsilon-dense", "cw4-epsilon-layer", "cw4-alpha-beta", "cw4-box"])
def test_the_checks_own_loops_are_out_of_reach(grade_id: str) -> None:
    with pytest.raises(CheckError, match=r"cw4\.answers\.sign of minixai: write it yourself"):
        EXERCISES[grade_id][1](lambda *arguments: cw4.answers.sign(0.0), 0)


@pytest.mark.parametrize(
    ("grade_id", "call"),
    [
        ("cw4-walk", lambda *arguments: mx.methods.lrp(None, None)),
        ("cw4-removal", lambda *arguments: mx.evaluate.degrade(None, None, None)),
    ],
)
def test_methods_and_degradation_are_out_of_reach(grade_id: str, call: Callable[..., Any]) -> None:
    with pytest.raises(CheckError, match="of minixai: write it yourself"):
        EXERCISES[grade_id][1](call, 0)
