"""The checks of coursework 3 take the right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai.checks import CheckError
from minixai.course.cw3 import checks as cw3
from tests import grading, pieces
from tests.submissions.cw3 import REFERENCES, WRONG

EXERCISES = {
    "cw3-relu": "relu_rule",
    "cw3-switches": "unpool_switches",
    "cw3-centre": "unpool_centre",
    "cw3-by-hand": "by_hand",
    "cw3-start": "start_at",
    "cw3-project": "project",
    "cw3-strongest": "strongest",
    "cw3-field": "receptive_field",
    "cw3-correlation": "class_correlation",
}


def solutions(seed: int, changed: str = "") -> dict[str, Any]:
    """The names that the master's solution cells define; `changed` defines some of them again."""
    cells = grading.solutions_of("cw3")
    assert list(cells) == list(EXERCISES)
    x, w1, w2 = cw3.small_network(seed)
    names: dict[str, Any] = {"np": np, "mx": mx, "cw3": cw3, "x": x, "w1": w1, "w2": w2}
    for source in cells.values():
        exec(source, names)
    exec(changed, names)
    return names


check_and_mark = partial(pieces.check_and_mark, cw3)
TestPiece = pieces.piece_checks(cw3, EXERCISES.values(), solutions)


SHOWN = [
    (wrong, grade_id)
    for wrong, submission in WRONG.items()
    for grade_id in submission.answers
    if "own function" not in wrong
]


@pytest.mark.parametrize(("wrong", "grade_id"), SHOWN)
def test_students_see_that_a_wrong_submission_is_wrong(wrong, grade_id) -> None:
    name = EXERCISES[grade_id]
    answer = solutions(5, changed=WRONG[wrong].answers[grade_id])[name]
    with pytest.raises(CheckError):
        check_and_mark(name)[0](answer, 5)


GATES = {
    "forward gate is missing": "np.maximum(g, 0) if backward else (f > 0) * g if forward else g",
    "backward gate is missing": "(f > 0) * g if forward else np.maximum(g, 0) if backward else g",
    "both must be open": "((f > 0) | (g > 0)) * g",
    "open on the wrong side": "((f < 0) | (not forward)) * ((g > 0) | (not backward)) * g",
    "lets g < 0 pass": "((f > 0) | (not forward)) * ((g < 0) | (not backward)) * g",
}


@pytest.mark.parametrize("words", GATES)
def test_mistakes_at_a_relu_are_named(words) -> None:
    def relu_rule(forward, backward):
        def rule(g, node):
            scope = {"np": np, "f": node.arrays[0], "g": g, "forward": forward, "backward": backward}
            return (eval(GATES[words], scope),)

        return rule

    with pytest.raises(CheckError, match=words):
        cw3.check_relu_rule(relu_rule, 0)


def test_a_gate_that_is_open_at_zero_is_named() -> None:
    def relu_rule(forward, backward):
        def rule(g, node):
            return (((node.arrays[0] >= 0) | (not forward)) * ((g >= 0) | (not backward)) * g,)

        return rule

    with pytest.raises(CheckError, match="open at 0"):
        cw3.check_relu_rule(relu_rule, 0)


def written_to(answer):
    """An answer that changes its first argument."""

    def changing(g, node):
        result = answer(g, node)
        g *= 2
        return result

    return changing


def in_float64(answer):
    return lambda g, node: (answer(g, node)[0].astype(np.float64),)


@pytest.mark.parametrize("name", ["unpool_switches", "unpool_centre"])
def test_a_rule_writes_to_no_array_and_keeps_the_dtype(name) -> None:
    answer, check = solutions(0)[name], check_and_mark(name)[0]
    with pytest.raises(CheckError, match="writes to"):
        check(written_to(answer), 0)
    with pytest.raises(CheckError, match="float32: got float64, expected float32"):
        check(in_float64(answer), 0)


def test_students_see_that_float32_stays_float32_at_a_relu_and_at_the_start() -> None:
    right = solutions(0)
    for name, wrong in {
        "relu_rule": lambda *gates: in_float64(right["relu_rule"](*gates)),
        "start_at": lambda *given: right["start_at"](*given).astype(np.float64),
    }.items():
        with pytest.raises(CheckError, match=r"float32.*: got float64, expected float32"):
            check_and_mark(name)[0](wrong, 0)


def test_mistakes_of_unpooling_are_named() -> None:
    right = solutions(0)
    with pytest.raises(CheckError, match="the switches are ignored"):
        cw3.check_unpool_switches(right["unpool_centre"], 0)
    with pytest.raises(CheckError, match="that is unpooling with switches"):
        cw3.check_unpool_centre(right["unpool_switches"], 0)

    def in_the_first_plane(g, node):
        gx = np.zeros(node.arrays[0].shape)
        np.add.at(gx.reshape(-1), node.saved, g)
        return (gx,)

    def by_height(g, node):
        gx = np.zeros(node.arrays[0].shape, g.dtype)
        for n, c, i, j in np.ndindex(g.shape):
            row, column = divmod(node.saved[n, c, i, j], gx.shape[2])
            gx[n, c, row, column] += g[n, c, i, j]
        return (gx,)

    for wrong, words in (
        (in_the_first_plane, "in the first plane"),
        (by_height, "the width, not the height"),
    ):
        with pytest.raises(CheckError, match=words):
            cw3.check_unpool_switches(wrong, 0)


@pytest.mark.parametrize("seed", range(40))
def test_the_network_by_hand_tells_the_rules_apart(seed) -> None:
    x, w1, w2 = cw3.small_network(seed)
    signs = {(int(a), int(b)) for a, b in zip(np.sign(w1 @ x), np.sign(w2), strict=True)}
    assert signs == {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    maps = solutions(seed)["by_hand"]()
    assert len({tuple(values) for values in maps.values()}) == 3


def test_mistakes_by_hand_are_named_and_the_right_numbers_are_not_told() -> None:
    maps = solutions(3)["by_hand"]()
    x, w1, w2 = cw3.small_network(3)
    for changed, words in [
        ({"gradient": maps["DeConvNet"]}, "that is the map of DeConvNet"),
        ({"DeConvNet": w2 @ w1}, "no gate is closed"),
        ({"guided": ((w2 > 0) & (w1 @ x > 0)) @ w1}, "its sign alone"),
        ({"guided": [1, "two"]}, "expected 2 numbers"),
    ]:
        (name,) = changed
        with pytest.raises(CheckError, match=words) as error:
            cw3.check_by_hand(lambda changed=changed: maps | changed, 3)
        assert str(maps[name]) not in str(error.value)
    with pytest.raises(CheckError, match="it is not"):
        cw3.check_by_hand(lambda: maps, 4)  # another term's network


def test_mistakes_of_the_start_are_named() -> None:
    right = solutions(0)["start_at"]

    def other_seed(y, channel, place=None, seed="one"):
        return right(y, channel, place, "value" if seed == "one" else "one")

    def first_image_s_place(y, channel, place=None, seed="one"):
        if place == "max":
            place = np.unravel_index(y[0, channel].argmax(), y.shape[2:])
        return right(y, channel, place, seed)

    def one_image_s_place(y, channel, place=None, seed="one"):
        if place == "max":
            place = np.unravel_index(y[:, channel].argmax(), y[:, channel].shape)[1:]
        return right(y, channel, place, seed)

    def one_image_alone(y, channel, place=None, seed="one"):
        start = right(y, channel, place, seed)
        if place == "max":
            start[np.arange(len(y)) != y[:, channel].max(axis=(1, 2)).argmax()] = 0
        return start

    def first_image_alone(y, channel, place=None, seed="one"):
        start = right(y, channel, place, seed)
        start[1:] = 0
        return start

    def all_equal(y, channel, place=None, seed="one"):
        if place != "max":
            return right(y, channel, place, seed)
        start = np.zeros_like(y)
        start[:, channel] = y[:, channel] == y[:, channel].max(axis=(1, 2), keepdims=True)
        return start * y if seed == "value" else start

    for wrong, words in (
        (other_seed, "the value in place of 1"),
        (first_image_s_place, "of the first image"),
        (one_image_s_place, "place of one image is used in all"),
        (one_image_alone, "one image alone"),
        (first_image_alone, "the first image alone"),
        (all_equal, "of equal maxima the first"),
    ):
        with pytest.raises(CheckError, match=words):
            cw3.check_start_at(wrong, 0)


def test_mistakes_of_the_walk_are_named() -> None:
    def walked(net, x, layer, start=None, rules=None, of=lambda output: output.value):
        """What mx.backward returns, and the leaf."""
        leaf = mx.Tensor(x)
        output, layers = net.trace(leaf)
        output = layers[layer][0] if layer else output
        return mx.backward(output, start and start(of(output)), rules, [leaf]), leaf

    def at_the_leaf(*given, **settings):
        cotangents, leaf = walked(*given, **settings)
        return cotangents[leaf]

    for wrong, words in (
        (lambda net, x, layer, start, rules: at_the_leaf(net, x, layer, None, rules), "starts with ones"),
        (lambda net, x, layer, start, rules: at_the_leaf(net, x, layer, start), "rules are not passed on"),
        (
            lambda *given: at_the_leaf(*given, of=lambda output: output),
            "got a Tensor, expected the layer's output",
        ),
        (lambda net, x, layer, *rest: at_the_leaf(net, x, None, *rest), "the output of relu1: got the shape"),
        (lambda *given: walked(*given)[0], "got a dict, expected an array of x's shape"),
    ):
        with pytest.raises(CheckError, match=words):
            cw3.check_project(wrong, 0)


def test_mistakes_of_the_strongest_are_named() -> None:
    right = solutions(0)["strongest"]

    def weakest(maps, channel, k):
        rows = right(maps, channel, len(maps))
        return rows[np.argsort([maps[n, channel, i, j] for n, i, j in rows], kind="stable")][:k]

    def unstable(maps, channel, k):
        flat = maps[:, channel].reshape(len(maps), -1)
        images = np.lexsort((np.arange(len(flat)) * 7 % 40, -flat.max(axis=1)))[:k]  # as if by chance
        if len(flat) <= 16:  # where NumPy's default keeps the order
            return right(maps, channel, k)
        return np.stack([images, *np.unravel_index(flat[images].argmax(axis=1), maps.shape[2:])], axis=1)

    def later_first(maps, channel, k):
        rows = right(maps[::-1], channel, k)
        rows[:, 0] = len(maps) - 1 - rows[:, 0]
        return rows

    for wrong, words in [
        (unstable, "equal activations"),
        (weakest, "those are the weakest"),
        (later_first, "later image is first"),
        (lambda maps, channel, k: right(maps, channel, k)[::-1], "weakest of them is first"),
        (lambda maps, channel, k: right(maps, channel, k).astype(float), "expected integers"),
    ]:
        with pytest.raises(CheckError, match=words):
            cw3.check_strongest(wrong, 0)


@pytest.mark.parametrize(
    ("windows", "place", "size"),
    [
        ([(3, 1, 1), (2, 2, 0)], (1, 0), (8, 6)),
        ([(3, 1, 1), (3, 2, 1), (1, 1, 0), (5, 3, 2), (2, 2, 0)], (4, 3), (60, 48)),
        ([(2, 3, 0)], (3, 6), (15, 21)),
    ],
)
def test_the_receptive_field_is_where_the_gradient_is(windows, place, size) -> None:
    image = unit = mx.Tensor(np.ones((1, 1, *size)))
    for kernel, stride, padding in windows:
        unit = mx.ops.conv2d(unit, np.ones((1, 1, kernel, kernel)), None, stride, padding)
    start = np.zeros(unit.shape)
    start[0, 0, *place] = 1
    rows, columns = np.nonzero(mx.backward(unit, start, wrt=[image])[image][0, 0])
    expected = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    assert solutions(0)["receptive_field"](windows, *place, size) == expected


def test_mistakes_of_the_receptive_field_are_named() -> None:
    right = solutions(0)["receptive_field"]

    def forward_order(windows, row, column, size):
        return right(windows[::-1], row, column, size)

    def last_inside(windows, row, column, size):
        return np.subtract(right(windows, row, column, size), (0, 1, 0, 1))

    def swapped(windows, row, column, size):
        return right(windows, row, column, size[::-1])

    def no_minus_one(windows, row, column, size):
        return right([(kernel + 1, *rest) for kernel, *rest in windows], row, column, size)

    for wrong, words in (
        (forward_order, "order of the forward pass"),
        (last_inside, "bottom and right are one short"),
        (swapped, "height and width of the image change places"),
        (no_minus_one, "formula's - 1 is forgotten"),
    ):
        with pytest.raises(CheckError, match=words):
            cw3.check_receptive_field(wrong, 0)


def test_mistakes_of_the_correlation_are_named() -> None:
    right = solutions(0)["class_correlation"]

    def with_itself(maps):
        k = len(maps)
        return (right(maps) * (k - 1) + 1) / k

    def with_itself_once(maps):
        k = len(maps)
        return (right(maps) * (k - 1) + 2) / (k + 1)

    def by_deviation(maps):
        flat = maps.reshape(*maps.shape[:2], -1)
        varied = [flat[:, n][flat[:, n].std(axis=1) > 0] for n in range(maps.shape[1])]
        return np.array([np.mean(np.corrcoef(each)[np.triu_indices(len(each), 1)]) for each in varied])

    for wrong, words in (
        (with_itself, "paired with itself, too"),
        (with_itself_once, "paired with itself, once"),
        (lambda maps: np.nan_to_num(right(maps)), "nan where no pair is left"),
        (by_deviation, "nan where no pair is left"),
    ):
        with pytest.raises(CheckError, match=words):
            cw3.check_class_correlation(wrong, 0)


@pytest.mark.parametrize("grade_id", REFERENCES)
def test_the_reference_s_functions_are_right_and_out_of_reach(grade_id, monkeypatch) -> None:
    answer = solutions(0, changed=REFERENCES[grade_id])[EXERCISES[grade_id]]
    for part in check_and_mark(EXERCISES[grade_id]):
        with pytest.raises(
            CheckError, match=r"minixai\.course\.cw3\.answers\..* of minixai: write it yourself"
        ):
            part(answer, 0)
    monkeypatch.setattr(cw3, "own_work", lambda answer, *modules: answer)
    for part in check_and_mark(EXERCISES[grade_id]):
        part(answer, 0)


def test_the_network_by_hand_may_be_asked_for_again() -> None:
    solution = grading.solutions_of("cw3")["cw3-by-hand"]
    again = "def by_hand():\n    x, w1, w2 = cw3.small_network(0)\n"
    cw3.check_by_hand(solutions(0, changed=solution.replace("def by_hand():\n", again))["by_hand"], 0)


@pytest.mark.parametrize("grade_id", WRONG["minixai's own functions"].answers)
def test_minixai_s_own_functions_are_out_of_reach(grade_id) -> None:
    source = WRONG["minixai's own functions"].answers[grade_id]
    name = EXERCISES[grade_id]
    with pytest.raises(CheckError, match="of minixai: write it yourself"):
        check_and_mark(name)[0](solutions(0, changed=source)[name], 0)


def test_a_rule_of_minixai_s_that_is_only_handed_on_is_out_of_reach_too() -> None:
    table = mx.rules.deconvnet()
    with pytest.raises(CheckError, match="of minixai: write it yourself"):
        cw3.check_relu_rule(lambda forward, backward: table[mx.ops.relu], 0)


def test_two_seeds_ask_for_other_numbers() -> None:
    seen = {}
    for seed in (0, 1):
        given = []

        def project(net, x, *rest, given=given):
            given.append(x)

        with pytest.raises(CheckError):
            cw3.check_project(project, seed)
        seen[seed] = given[0]
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(cw3.small_network(0)[1], cw3.small_network(1)[1])
