"""The checks of coursework 6 take the right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai.checks import CheckError
from minixai.course.cw6 import checks as cw6
from tests import grading, pieces
from tests.submissions.cw6 import REFERENCES, WRONG

EXERCISES = {
    "cw6-hand": "by_hand",
    "cw6-scaled": "scaled",
    "cw6-net": "pattern_net_rule",
    "cw6-attribution": "pattern_attribution_rule",
    "cw6-map": "pattern_map",
    "cw6-degradation": "degradation",
    "cw6-interval": "difference_interval",
    "cw6-similarity": "similarity",
}


def answers(seed: int, **changed: str) -> dict[str, Any]:
    """What the master's solution cells define, or other sources of some of them."""
    w, d, g = cw6.unit(seed)
    names: dict[str, Any] = {"np": np, "mx": mx, "w": w, "d": d, "g": g, "net": None, "cw6": cw6}
    solutions = grading.solutions_of("cw6")
    assert list(solutions) == list(EXERCISES)
    for source in (solutions | changed).values():
        exec(source, names)
    return names


check_and_mark = partial(pieces.check_and_mark, cw6)
TestPiece = pieces.piece_checks(cw6, EXERCISES.values(), answers)


NAMED = {
    "wrong normalisation, one mean for all channels": {
        "cw6-scaled": "by the length of d",
        "cw6-hand": "by the length of d",
        "cw6-degradation": "one mean for all channels",
    },
    "the gate of ReLU missing, a softmax that overflows": {
        "cw6-map": "the gate is missing",
        "cw6-interval": "each method has images of its own drawn",
        "cw6-degradation": "large logits: got",
    },
    "w left in PatternNet, and the start at one": {
        "cw6-net": "that is PatternAttribution",
        "cw6-map": "starts at 1, not at the score",
    },
    "patches not kept, dense layers only": {
        "cw6-degradation": "only one patch is replaced at a time",
        "cw6-similarity": "that is the correlation",
    },
}


@pytest.mark.parametrize(("wrong", "grade_id"), [(name, each) for name in NAMED for each in NAMED[name]])
def test_the_mistake_is_named(wrong: str, grade_id: str) -> None:
    name = EXERCISES[grade_id]
    answer = answers(5, **{grade_id: WRONG[wrong].answers[grade_id]})[name]
    check, mark = check_and_mark(name)
    if name == "by_hand":  # the numbers are told by the marking alone
        check(answer, 5)
        check = mark
    with pytest.raises(CheckError, match=NAMED[wrong][grade_id]):
        check(answer, 5)


# A part of the solution, what a slip puts in its place, and what students read before they hand in.
SLIPS = [
    ("cw6-scaled", "tuple(range(1, w.ndim))", "1", "summed over one axis, not over all"),
    ("cw6-scaled", "np.zeros_like(d)", "np.zeros(d.shape)", "float32: got float64, expected float32"),
    ("cw6-net", ", **node.params", "", "shape"),
    ("cw6-net", "*[None] * (len(node.inputs) - 1)", "None, None, None", "by hand: got tuple of 4"),
    ("cw6-attribution", "w * a", "np.multiply(w, a, out=w)", "writes to an array that it was given"),
    ("cw6-attribution", "w * a", "np.multiply(w, a, out=a)", "writes to an array that it was given"),
    ("cw6-attribution", "w * a", "a", "that is PatternNet"),
    ("cw6-map", "in patterns.items()", "in ()", "the patterns are not used: that is the gradient"),
    (
        "cw6-map",
        "make_rule(a) for",
        "lambda g, node: make_rule(a)(g, node) for",
        "a function made in a loop sees the loop's last values",
    ),
    ("cw6-degradation", "divmod(number, columns)", "divmod(number, rows)", "divide by the number of columns"),
    (
        "cw6-degradation",
        'np.argsort(-relevance, axis=1, kind="stable")',
        'np.argsort(relevance, axis=1, kind="stable")[:, ::-1]',
        "of equal patches the smaller number goes first",
    ),
    ("cw6-degradation", "heat.sum(axis=1)", "heat[:, 0]", "the sum is over all channels"),
    ("cw6-degradation", "logits.max(axis=1, keepdims=True)", "logits.max()", "large logits: got"),
    ("cw6-similarity", "float64", "float32", "8 tiny float32: got .* expected nan just where"),
    ("cw6-interval", "default_rng(seed)", "default_rng(0)", "7 random, seed 4: got"),
]


@pytest.mark.parametrize(("grade_id", "part", "slip", "told"), SLIPS)
def test_students_see_a_slip(grade_id: str, part: str, slip: str, told: str) -> None:
    solution = grading.solutions_of("cw6")[grade_id]
    assert part in solution
    name = EXERCISES[grade_id]
    answer = answers(5, **{grade_id: solution.replace(part, slip)})[name]
    with pytest.raises((CheckError, mx.errors.ShapeError), match=told):
        check_and_mark(name)[0](answer, 5)


@pytest.mark.parametrize("grade_id", REFERENCES)
def test_the_reference_s_functions_are_right_and_out_of_reach(
    grade_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = answers(0, **{grade_id: REFERENCES[grade_id]})[EXERCISES[grade_id]]
    for check in check_and_mark(EXERCISES[grade_id]):
        with pytest.raises(
            CheckError, match=r"minixai\.course\.cw6\.answers\..* of minixai: write it yourself"
        ):
            check(answer, 0)
    monkeypatch.setattr(cw6, "own_work", lambda answer, *modules, given=(): answer)
    for check in check_and_mark(EXERCISES[grade_id]):
        check(answer, 0)


@pytest.mark.parametrize("grade_id", WRONG["minixai's own functions"].answers)
def test_minixai_s_own_function_is_out_of_reach(grade_id: str) -> None:
    name = EXERCISES[grade_id]
    changed = answers(0, **{grade_id: WRONG["minixai's own functions"].answers[grade_id]})
    with pytest.raises(CheckError, match=r"the answer calls minixai\.(rules|methods|evaluate)"):
        check_and_mark(name)[0](changed[name], 0)


@pytest.mark.parametrize("name", ["scaled", "pattern_net_rule", "degradation", "similarity"])
def test_an_argument_that_is_written_to_is_told(name: str) -> None:
    right = answers(0)[name]

    def writes(*args: Any) -> Any:
        result = right(*args)
        for argument in args:
            if isinstance(argument, np.ndarray) and argument.dtype.kind == "f":
                argument += 1
        return result

    with pytest.raises(CheckError, match="writes to an array that it was given"):
        check_and_mark(name)[0](writes, 0)


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("scaled", lambda d, w: d / (w * d).sum(), "not unit by unit"),
        ("scaled", lambda d, w: (d / 3).astype(np.float32), "expected"),
        (
            "pattern_net_rule",
            lambda a: lambda g, node: (g @ a,),
            "got tuple of 1, expected a tuple of 3: the cot",
        ),
        ("pattern_net_rule", lambda a: lambda g, node: (g @ a, 0 * a, None), "only x gets one"),
        ("pattern_net_rule", lambda a: 3, "got int, expected a function"),
        ("similarity", lambda a, b: np.ones(len(a) + 1), "got the shape"),
        ("similarity", lambda a, b: np.ones(len(a)), "expected nan just where a map is zero"),
        ("difference_interval", lambda a, b, seed, m: (a.mean() - b.mean(), 0, 0), "expected"),
        ("by_hand", lambda: {"pattern": [1, 2, 3]}, "expected a dictionary with pattern, PatternNet"),
        (
            "by_hand",
            lambda: dict.fromkeys(("pattern", "PatternNet", "PatternAttribution"), 1),
            "expected 3 numbers",
        ),
    ],
)
def test_what_is_wrong_is_told(name: str, wrong: Any, told: str) -> None:
    with pytest.raises(CheckError) as error:
        check_and_mark(name)[0](wrong, 0)
    assert told in str(error.value)


def test_terms_differ() -> None:
    units = [np.concatenate([cw6.unit(seed)[0], cw6.unit(seed)[1]]) for seed in range(20)]
    assert len(np.unique(units, axis=0)) > 15
    for seed in range(200):
        w, d, _ = cw6.unit(seed)
        assert abs(w @ d) > 1
        assert np.all(w * d)
