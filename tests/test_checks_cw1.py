"""The checks of coursework 1 take the master's solutions, and name what is wrong with other answers."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minixai.checks import CheckError
from minixai.course.cw1 import checks as cw1
from tests import grading
from tests.submissions import cw1 as submissions

ANSWERS = {
    "order": ["order"],
    "walk": ["walk"],
    "unbroadcast": ["unbroadcast"],
    "matmul_vjp": ["matmul_vjp"],
    "index_vjp": ["index_vjp"],
    "log_softmax": ["stable_log_softmax", "log_softmax_vjp"],
    "gradient_check": ["step_of", "directional_error"],
    "training": ["network", "train"],
}
SEED = 3


def solutions(seed: int = SEED) -> dict[str, Any]:
    """The names that the master's solution cells define."""
    cells = grading.solutions_of("cw1").values()
    assert len(cells) == 9
    names: dict[str, Any] = {"np": np} | dict(zip("Xwbt", cw1.hand_numbers(seed), strict=True))
    exec("\n".join(cells), names)
    return names


RIGHT = solutions()


def defined_by(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"np": np, "cw1": cw1}
    exec(source, names)
    return names


def run(kind: str, name: str, seed: int, changed: dict[str, Any] | None = None) -> None:
    answers = RIGHT | (changed or {})
    getattr(cw1, f"{kind}_{name}")(*(answers[each] for each in ANSWERS[name]), seed)


@pytest.mark.parametrize("seed", [0, 1, 77, 2**32 - 1])
@pytest.mark.parametrize("name", ANSWERS)
def test_the_solution_passes(name: str, seed: int) -> None:
    run("check", name, seed)
    run("mark", name, seed)


@pytest.mark.parametrize("seed", range(20))
def test_the_solution_by_hand_passes(seed: int) -> None:
    cw1.check_by_hand(solutions(seed)["by_hand"], seed)
    cw1.mark_by_hand(solutions(seed)["by_hand"], seed)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_not_done_fails(name: str) -> None:
    for each in ANSWERS[name]:
        with pytest.raises(CheckError, match="not done yet"):
            run("check", name, SEED, {each: lambda *_: None})
        with pytest.raises(NotImplementedError):
            run("check", name, SEED, {each: blank})


def blank(*_: Any) -> Any:
    raise NotImplementedError


@pytest.mark.parametrize("name", ANSWERS)
def test_another_seed_has_other_numbers(name: str) -> None:
    assert results(name, SEED) == results(name, SEED)
    assert results(name, SEED) != results(name, SEED + 1)


def results(name: str, seed: int) -> list[str]:
    """What the right answers give to the check, call by call."""
    found = []

    def spied(answer: Callable[..., Any]) -> Callable[..., Any]:
        def answer_and_note(*args: Any) -> Any:
            got = answer(*args)
            shown = [node.name for node in got] if name == "order" else getattr(got, "value", got)
            found.append(repr(shown))
            return got

        return answer_and_note

    run("check", name, seed, {each: spied(RIGHT[each]) for each in ANSWERS[name]})
    return found


def test_another_seed_has_another_neuron_by_hand() -> None:
    with pytest.raises(CheckError):
        cw1.check_by_hand(solutions(0)["by_hand"], 1)


@pytest.mark.parametrize("seed", range(20))
def test_one_of_the_three_rows_by_hand_is_off(seed: int) -> None:
    x, w, b, _ = cw1.hand_numbers(seed)
    assert sum(x @ w + b < 0) == 1


def hand(change: Callable[..., Any]) -> Any:
    x, w, b, t = cw1.hand_numbers(SEED)
    z = x @ w + b
    return change(np.column_stack([x, np.ones(3)]), z, np.maximum(z, 0) - t, z > 0)


HAND: list[tuple[Any, str]] = [
    (hand(lambda x, z, e, on: e @ x), "where ReLU gives 0, nothing goes back"),
    (hand(lambda x, z, e, on: 2 * (e * on) @ x), "the ½ cancels"),
    (hand(lambda x, z, e, on: -(e * on) @ x), "y − t, not t − y"),
    (hand(lambda x, z, e, on: (e * on) @ x / 3), "not their mean"),
    (hand(lambda x, z, e, on: on @ x), "y − t, not 1"),
    (hand(lambda x, z, e, on: (e * on) @ x + [0, 0, 100]), "the derivative of L by b is not"),
]


@pytest.mark.parametrize(("answer", "mistake"), HAND)
def test_a_mistake_by_hand_is_named_and_the_result_is_not(answer: Any, mistake: str) -> None:
    with pytest.raises(CheckError, match=mistake) as error:
        cw1.check_by_hand(answer, SEED)
    assert "expected" not in str(error.value)


@pytest.mark.parametrize("answer", [None, [1, None, 2], [1, ..., 2]])
def test_three_numbers_by_hand_that_are_not_done(answer: Any) -> None:
    with pytest.raises(CheckError, match="not done yet"):
        cw1.check_by_hand(answer, SEED)


@pytest.mark.parametrize(
    ("answer", "came"), [([1, 2], "list of 2"), (7, "int"), ({"w1": 1, "w2": 2, "b": 3}, "dict")]
)
def test_by_hand_three_numbers_are_wanted(answer: Any, came: str) -> None:
    with pytest.raises(CheckError, match=f"got {came}, expected a list of three numbers: by w1, by w2, by b"):
        cw1.check_by_hand(answer, SEED)


def test_by_hand_an_array_is_right_too() -> None:
    cw1.check_by_hand(np.array(RIGHT["by_hand"]), SEED)


def test_a_recursive_order_with_a_higher_limit_passes() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        run("check", "order", SEED, {"order": depth_first_order})
    finally:
        sys.setrecursionlimit(limit)


def depth_first_order(output):
    """Right; as deep as the longest chain."""
    nodes = {}

    def visit(node):
        for each in node.inputs:
            if each not in nodes:
                visit(each)
        nodes[node] = True

    visit(output)
    return list(nodes)


def order_with(change: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    return lambda output: change(RIGHT["order"](output))


def endless_order(output):
    """Every way back is walked anew."""
    found = []

    def visit(node):
        for each in node.inputs:
            visit(each)
        if node not in found:
            found.append(node)

    visit(output)
    return found


def order_counting(count, discount):
    """Kahn's way, with these inputs of a node counted up and these counted down."""

    def order(output):
        uses, todo = {output: 0}, [output]
        while todo:
            for each in count(todo.pop().inputs):
                if each not in uses:
                    uses[each] = 0
                    todo.append(each)
                uses[each] += 1
        nodes, ready = [], [output]
        while ready:
            nodes.append(ready.pop())
            for each in discount(nodes[-1].inputs):
                uses[each] -= 1
                if uses[each] == 0:
                    ready.append(each)
        return nodes[::-1]

    return order


def marking_order(output):
    """Leaves a mark on each node."""
    nodes = RIGHT["order"](output)
    for node in nodes:
        node.seen = True
    return nodes


def remembering_order():
    """Remembers the nodes of earlier calls, too, so that it works once."""
    seen = set()

    def order(output):
        nodes = [node for node in RIGHT["order"](output) if node not in seen]
        seen.update(nodes)
        return nodes

    return lambda output: order(output) if output.name.startswith("node") else RIGHT["order"](output)


def marking_walk(nodes, g, wrt):
    """Writes the cotangents on the nodes."""
    for node in nodes:
        node.g = 0
    return RIGHT["walk"](nodes, g, wrt)


def leaves_only(nodes, g, wrt):
    """Forgets a cotangent once it is handed on."""
    found = RIGHT["walk"](nodes, g, wrt)
    return [np.zeros_like(each) if node.inputs else each for node, each in zip(wrt, found, strict=True)]


def walk_with(start=lambda g: g, meet=lambda old, part: old + part, rest=np.zeros_like, once=True):
    def walk(nodes, g, wrt):
        arrived = {nodes[-1]: start(g)}
        for node in reversed(nodes):
            if node.inputs:
                once or node.vjp(arrived[node])
                for each, part in zip(node.inputs, node.vjp(arrived[node]), strict=True):
                    arrived[each] = meet(arrived[each], part) if each in arrived else part
        return [arrived[node] if node in arrived else rest(node.value) for node in wrt]

    return walk


def in_place(old, part):
    old += part
    return old


def pair(change: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g, x, y, unbroadcast: change(*RIGHT["matmul_vjp"](g, x, y, unbroadcast))


def sums_one_axis(g, x, y, unbroadcast):
    """Sums over the stack only where that has one axis more."""
    return tuple(
        each.sum(axis=0) if each.ndim > like.ndim else each
        for each, like in ((g @ y.swapaxes(-1, -2), x), (x.swapaxes(-1, -2) @ g, y))
    )


def descend(rate=-1.0, fresh=True, factor=-1.0, late=False, rows=np.arange):
    """The right training, but for what is asked."""

    def train(tape, weights, images, labels, given_rate, steps):
        losses, first = [], weights
        for _ in range(steps + late):
            leaves = {name: tape.leaf(array) for name, array in (weights if fresh else first).items()}
            log_p = tape.log_softmax(RIGHT["network"](tape, tape.leaf(images), leaves))
            loss = tape.scale(tape.mean(tape.index(log_p, (rows(len(labels)), labels))), factor)
            losses.append(float(loss.value))
            gradients = tape.backward(loss, 1.0, list(leaves.values()))
            pairs = zip(weights.items(), gradients, strict=True)
            weights = {name: array + rate * given_rate * g for (name, array), g in pairs}
        return weights, losses[late:]

    return train


def network_with(relu1=True, b1=True, b2=True, relu2=False, log_softmax=False, constant=False):
    def network(tape, x, leaves):
        hidden = tape.matmul(x, tape.leaf(leaves["w1"].value) if constant else leaves["w1"])
        hidden = tape.add(hidden, leaves["b1"]) if b1 else hidden
        hidden = tape.relu(hidden) if relu1 else hidden
        logits = tape.matmul(hidden, leaves["w2"])
        logits = tape.add(logits, leaves["b2"]) if b2 else logits
        logits = tape.relu(logits) if relu2 else logits
        return tape.log_softmax(logits) if log_softmax else logits

    return network


def train_in_place(tape, weights, images, labels, rate, steps):
    trained, losses = RIGHT["train"](tape, weights, images, labels, rate, steps)
    for name in weights:
        weights[name][...] = trained[name]
    return weights, losses


def one_by_one(f, arrays, gradients, directions, h):
    """Moves each array alone."""
    total = 0.0
    for k, (x, g, v) in enumerate(zip(arrays, gradients, directions, strict=True)):
        forth, back = (f([*arrays[:k], x + s * v, *arrays[k + 1 :]]) for s in (h, -h))
        total += abs(np.sum(g * v) - (forth - back) / (2 * h))
    return total


def absolute_slopes(f, arrays, gradients, directions, h):
    """Adds the absolute values of the slopes."""
    slopes = [np.sum(g * v) for g, v in zip(gradients, directions, strict=True)]
    forth, back = (f([x + s * v for x, v in zip(arrays, directions, strict=True)]) for s in (h, -h))
    return abs(sum(map(abs, slopes)) - (forth - back) / (2 * h))


def difference(change: Callable[..., Any]) -> Callable[..., Any]:
    """An answer made of the slope, f forth, f back, f here and h."""

    def directional_error(f, arrays, gradients, directions, h):
        def moved(s):
            return f([x + s * v for x, v in zip(arrays, directions, strict=True)])

        slope = sum(np.sum(g * v) for g, v in zip(gradients, directions, strict=True))
        return change(slope, moved(h), moved(-h), f(arrays), h)

    return directional_error


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def total(g):
    return g.sum(axis=-1, keepdims=True)


WRONG: list[tuple[str, str, Any, str]] = [
    ("order", "order", lambda output: "abc", "got str, expected a list of nodes"),
    ("order", "order", order_with(lambda nodes: nodes[::-1]), "the output stands first"),
    ("order", "order", order_with(lambda nodes: [nodes[0], *nodes]), "stands in the list 2 times"),
    ("order", "order", order_with(lambda nodes: nodes[1:]), "got 3 nodes, expected 4; look at"),
    ("order", "order", order_with(lambda nodes: [*nodes[:-2], nodes[-1], nodes[-2]]), "c stands after d"),
    ("order", "order", defined_by(submissions.ORDER_BY_DISTANCE)["order"], "b stands after c"),
    ("order", "order", defined_by(submissions.RECURSIVE_ORDER)["order"], "RecursionError"),
    ("order", "order", endless_order, "looked at more than 100 times"),
    ("order", "order", order_counting(set, list), "used twice by the same other node counts twice"),
    ("order", "order", order_counting(list, set), "used twice by the same other node counts twice"),
    ("order", "order", marking_order, "writes seen on a node: leave no marks"),
    ("walk", "walk", marking_walk, "writes g on a node: leave no marks"),
    ("walk", "walk", lambda nodes, g, wrt: g[:1], r"got float64 of the shape \(1,\), expected a list of 2"),
    ("walk", "walk", walk_with(meet=lambda old, part: part), "a second path replaces the first"),
    ("walk", "walk", walk_with(meet=lambda old, part: old), "the first to arrive stays"),
    ("walk", "walk", walk_with(start=np.ones_like), "must start with the g that it is given"),
    ("walk", "walk", walk_with(start=np.copy, meet=in_place), "another node holds, too"),
    ("walk", "walk", walk_with(meet=in_place), "writes to an array that it was given"),
    ("walk", "walk", walk_with(rest=lambda value: None), "takes no part: not done yet"),
    ("walk", "walk", walk_with(rest=lambda value: np.zeros(value.shape)), "got float64, expected float32"),
    ("walk", "walk", walk_with(once=False), "ran 2 times, expected once"),
    ("walk", "walk", lambda nodes, g, wrt: RIGHT["walk"](nodes, g, list(map(wrt.pop, [0] * len(wrt)))),
     "changes a list"),
    ("unbroadcast", "unbroadcast", lambda g, shape: g[(0,) * (g.ndim - len(shape))], "added, not picked"),
    ("unbroadcast", "unbroadcast", defined_by(submissions.AXES_IN_FRONT_ONLY)["unbroadcast"],
     r"got the shape \(2, 3\), expected \(2, 1\)"),
    ("unbroadcast", "unbroadcast",
     lambda g, shape: g.sum(axis=1) if g.shape == (2, 2) else RIGHT["unbroadcast"](g, shape),
     "NumPy aligns shapes at the last axis"),
    ("unbroadcast", "unbroadcast", defined_by(submissions.AXES_IN_FRONT_ONLY)["unbroadcast"],
     "stretched is not summed"),
    ("unbroadcast", "unbroadcast",
     lambda g, shape: RIGHT["unbroadcast"](g, shape) * math.prod(shape) / g.size, "the sum, not the mean"),
    ("unbroadcast", "unbroadcast", lambda g, shape: np.squeeze(RIGHT["unbroadcast"](g, shape)),
     r"got the shape \(2,\), expected \(2, 1\)\n.*keepdims"),
    ("unbroadcast", "unbroadcast", lambda g, shape: RIGHT["unbroadcast"](g.astype(float), shape),
     "got float64, expected float32"),
    ("matmul_vjp", "matmul_vjp", pair(lambda gx, gy: gx), "expected a tuple"),
    ("matmul_vjp", "matmul_vjp", lambda g, x, y, u: RIGHT["matmul_vjp"](np.ones_like(g), x, y, u),
     "g is taken for ones"),
    ("matmul_vjp", "matmul_vjp", lambda g, x, y, u: (g @ y, None), "are to be transposed"),
    ("matmul_vjp", "matmul_vjp", lambda g, x, y, u: (g @ y.swapaxes(-1, -2), (x.swapaxes(-1, -2) @ g)[-1]),
     "the stack is to be summed"),
    ("matmul_vjp", "matmul_vjp", pair(lambda gx, gy: (gx, gy / 2)), "mean over the stack"),
    ("matmul_vjp", "matmul_vjp", defined_by(submissions.STACK_NOT_SUMMED)["matmul_vjp"],
     r"gy: got the shape \(2, 2, 2\), expected \(2, 2\)\n.*unbroadcast is missing"),
    ("matmul_vjp", "matmul_vjp", pair(lambda gx, gy: (gx.astype(float), gy)), "gx: got float64"),
    ("index_vjp", "index_vjp", defined_by(submissions.PICKED_TWICE_COUNTS_ONCE)["index_vjp"], "both parts"),
    ("index_vjp", "index_vjp", lambda g, shape, index: g[index], "not the other way round"),
    ("index_vjp", "index_vjp", defined_by(submissions.ALWAYS_FLOAT64)["index_vjp"], "got float64"),
    ("log_softmax", "stable_log_softmax", softmax, "its logarithm is wanted"),
    ("log_softmax", "stable_log_softmax", lambda x: x - np.log(np.exp(x).sum()), "for each row"),
    ("log_softmax", "stable_log_softmax", lambda x: x - np.log(np.exp(x).sum(axis=0)),
     "not down the columns"),
    ("log_softmax", "stable_log_softmax",
     lambda x: x - np.log(total(np.exp(x - x.max(axis=-1, keepdims=True)))), "never put back"),
    ("log_softmax", "stable_log_softmax", lambda x: x - np.log(total(np.exp(x))),
     "the largest entry of each row before exp"),
    ("log_softmax", "stable_log_softmax",
     lambda x: x - x.max() - np.log(total(np.exp(x - x.max()))), "of each row, not that of all"),
    ("log_softmax", "stable_log_softmax",
     lambda x: np.log(softmax(x - x.max(axis=-1, keepdims=True))), "the softmax is 0"),
    ("log_softmax", "log_softmax_vjp",
     lambda g, y: RIGHT["log_softmax_vjp"](g, y).astype(float), "got float64, expected float32"),
    ("log_softmax", "log_softmax_vjp", lambda g, y: g - np.exp(y), "which is not always 1"),
    ("log_softmax", "log_softmax_vjp", lambda g, y: g - y * total(g), "take its exponential"),
    ("log_softmax", "log_softmax_vjp", lambda g, y: g - np.exp(y) * g.sum(), "the sum of g runs"),
    ("log_softmax", "log_softmax_vjp", lambda g, y: np.exp(y) * (g - total(g * np.exp(y))),
     "that is the VJP of softmax"),
    ("gradient_check", "step_of", lambda dtype: np.finfo(dtype).eps ** 0.5, "right for one-sided"),
    ("gradient_check", "step_of", lambda dtype: np.finfo(dtype).eps, "all digits are lost"),
    ("gradient_check", "step_of", lambda dtype: float(np.finfo(dtype).eps) ** 3, "1/3 in the exponent"),
    ("gradient_check", "directional_error", difference(lambda s, a, b, f, h: abs(s - (a - f) / h)),
     "one-sided difference"),
    ("gradient_check", "directional_error", difference(lambda s, a, b, f, h: abs(s - (a - b) / h)),
     "by 2h, not by h"),
    ("gradient_check", "directional_error", difference(lambda s, a, b, f, h: abs(s - (a - b))),
     "is not divided by 2h"),
    ("gradient_check", "directional_error", difference(lambda s, a, b, f, h: s - (a - b) / 2 / h),
     "the absolute value"),
    ("gradient_check", "directional_error", difference(lambda s, a, b, f, h: (a - b) / 2 / h),
     "the difference itself"),
    ("gradient_check", "directional_error", absolute_slopes, "taken of each array's slope"),
    ("gradient_check", "directional_error", one_by_one, "f ran 6 times, expected twice"),
    ("gradient_check", "directional_error",
     lambda f, arrays, *rest: RIGHT["directional_error"](f, [x.astype(float) for x in arrays], *rest),
     "f got float64 of .* expected float32"),
    ("training", "network", lambda tape, x, leaves: x.value, "expected a node"),
    ("training", "network", network_with(relu1=False), "ReLU is missing"),
    ("training", "network", network_with(b1=False), "b1 is missing"),
    ("training", "network", network_with(b2=False), "b2 is missing"),
    ("training", "network", network_with(relu2=True), "no ReLU after the last layer"),
    ("training", "network", network_with(log_softmax=True), "not their log-softmax"),
    ("training", "network", network_with(constant=True), "do not depend on w1"),
    ("training", "train", lambda *_: {}, "got dict, expected the dict of weights and the list of losses"),
    ("training", "train", descend(rate=1.0), "against the gradient: minus"),
    ("training", "train", descend(fresh=False), "from the first weights"),
    ("training", "train", descend(factor=-5.0), "the mean over the images, not the sum"),
    ("training", "train", descend(factor=1.0, rate=1.0), "it is positive"),
    ("training", "train", descend(factor=1.0), "the minus of the loss is missing"),
    ("training", "train", descend(rows=lambda n: slice(None)), "each image has its own label"),
    ("training", "train", descend(late=True), "before the step, not after it"),
    ("training", "train", lambda tape, w, *rest: (w, RIGHT["train"](tape, w, *rest)[1]),
     "before the training"),
    ("training", "train", train_in_place, "writes to an array that it was given"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "given", "mistake"), WRONG)
def test_a_wrong_answer_is_told_why(name: str, answer: str, given: Any, mistake: str) -> None:
    with pytest.raises(CheckError, match=mistake):
        run("check", name, SEED, {answer: given})


ONLY_MARKED: list[tuple[str, str, Any, str]] = [
    ("order", "order", remembering_order(), "a second time: got 0 nodes"),
    ("walk", "walk", leaves_only, "walk to inner nodes in float64, node 1: got"),
    ("unbroadcast", "unbroadcast", lambda g, shape: RIGHT["unbroadcast"](g, shape) if shape != (3, 1, 3) else
     np.squeeze(RIGHT["unbroadcast"](g, shape)), r"got the shape \(3, 3\), expected \(3, 1, 3\)"),
    ("matmul_vjp", "matmul_vjp", sums_one_axis, "gx: got the shape"),
    ("index_vjp", "index_vjp", lambda g, shape, index: RIGHT["index_vjp"](
        g, shape, index if isinstance(index, tuple) else np.maximum(index, 0)), "index_vjp of x"),
    ("log_softmax", "log_softmax_vjp", lambda g, y: g - np.exp(y) * g.sum(axis=g.ndim // 2, keepdims=True),
     r"log_softmax_vjp of \(2, 3, 4\)"),
    ("training", "train", lambda tape, w, x, t, rate, n: RIGHT["train"](tape, w, x, t, rate, max(n, 1)),
     "0 steps"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "given", "mistake"), ONLY_MARKED)
def test_some_mistakes_only_the_marking_finds(name: str, answer: str, given: Any, mistake: str) -> None:
    run("check", name, SEED, {answer: given})
    with pytest.raises(CheckError, match=mistake):
        run("mark", name, SEED, {answer: given})


def test_a_transpose_of_all_axes_is_told() -> None:
    with pytest.raises(ValueError, match=r"swapaxes\(-1, -2\) only the last two"):
        run("check", "matmul_vjp", SEED, {"matmul_vjp": lambda g, x, y, unbroadcast: (g @ y.T, x.T @ g)})


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("walk", submissions.OWN_WALK),
        ("unbroadcast", submissions.OWN_UNBROADCAST),
        ("matmul_vjp", submissions.OWN_MATMUL),
        ("log_softmax", submissions.OWN_LOG_SOFTMAX),
        ("training", submissions.OWN_TRAINING),
        ("order", submissions.REFERENCE_ORDER),
        ("unbroadcast", submissions.REFERENCE_UNBROADCAST),
        ("matmul_vjp", submissions.REFERENCE_MATMUL),
        ("index_vjp", submissions.REFERENCE_INDEX),
        ("log_softmax", submissions.REFERENCE_LOG_SOFTMAX),
    ],
)
def test_minixai_s_own_functions_are_right_and_out_of_reach(
    name: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("check", "mark"):
        with pytest.raises(CheckError, match="write it yourself"):
            run(kind, name, SEED, defined_by(source))
    monkeypatch.setattr(cw1, "own_work", lambda answer, *modules: answer)
    run("check", name, SEED, defined_by(source))
