"""The checks of coursework 1: the walk back along a tape of arrays, VJPs, a gradient check, training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minixai.checks.report import (
    Answer,
    Array,
    CheckError,
    compare,
    compare_array,
    kind_of,
    likely_mistakes,
    result_of,
    tuple_of,
)
from minixai.course.cw1 import answers
from minixai.course.cw1.nodes import Entry, reachable
from minixai.course.honesty import own_work

OUT_OF_REACH = ("minixai.op", "minixai.tape", "minixai.ops", "minixai.gradcheck", "minixai.nn")


# By hand


def hand_numbers(seed: int) -> tuple[Array, Array, int, Array]:
    """The numbers (x, w, b, t) of the neuron by hand: whole numbers, (3, 2), (2,), one, (3,).

    Exactly one of the three outputs of ReLU is zero, and every mistake that the check names changes every
    derivative.
    """
    rng = np.random.default_rng(seed)
    while True:
        x = rng.choice([-3, -2, -1, 1, 2, 3], size=(3, 2))
        w = rng.choice([-2, -1, 1, 2], size=2)
        b, t = int(rng.integers(1, 4)), rng.integers(1, 6, size=3)
        z = x @ w + b
        right, *wrong = [answers.hand_derivatives(x, w, b, t), *_hand_mistakes(x, w, b, t).values()]
        if np.all(z) and sum(z < 0) == 1 and all(np.all(each != right) for each in wrong):
            return x, w, b, t


def _hand_mistakes(x: Array, w: Array, b: int, t: Array) -> dict[str, Array]:
    z = x @ w + b
    inputs = np.column_stack([x, np.ones(3)])
    error = (np.maximum(z, 0) - t) * (z > 0)
    return {
        "where ReLU gives 0, nothing goes back": (np.maximum(z, 0) - t) @ inputs,
        "the square brings a 2, which the ½ cancels": 2 * error @ inputs,
        "the derivative of (y − t)²/2 is y − t, not t − y": -error @ inputs,
        "the loss is the sum over the rows, not their mean": error @ inputs / 3,
        "where ReLU lets through, what goes back is y − t, not 1": (z > 0) @ inputs,
    }


def check_by_hand(by_hand: Any, seed: int) -> None:
    """by_hand: [∂L/∂w1, ∂L/∂w2, ∂L/∂b] for hand_numbers(seed). What is expected is not told."""
    given = by_hand.tolist() if isinstance(by_hand, np.ndarray) else by_hand
    three = tuple_of("by_hand", given, 3, "a list of three numbers: by w1, by w2, by b")
    if any(each is None or each is ... for each in three):
        raise CheckError("by_hand: not done yet")
    got = [float(each) for each in three]
    numbers = hand_numbers(seed)
    expected, mistakes = answers.hand_derivatives(*numbers), _hand_mistakes(*numbers)
    for k, name in enumerate(("w1", "w2", "b")):
        if not math.isclose(got[k], expected[k], abs_tol=1e-9):
            likely = likely_mistakes(got[k], {mistake: each[k] for mistake, each in mistakes.items()})
            raise CheckError(f"by_hand: the derivative of L by {name} is not {got[k]:g}", *likely)


mark_by_hand = check_by_hand


# Order


def check_order(order: Answer, seed: int) -> None:
    """order(output): the list of the nodes that output was computed from, inputs first, output last."""
    a, b = Entry(1.0, name="a"), Entry(2.0, name="b")
    c = Entry(2.0, (a, b), name="c")
    Entry(5.0, (c,), name="aside")
    _judge_order("order of d = c + a, with c = a·b", order, Entry(3.0, (c, a), name="d"))
    nearest = "sorted by distance; but a node waits for all that was computed from it, near or far"
    _judge_order("order of a detour", order, _detour(), nearest)
    twice = "a node that is used twice by the same other node counts twice"
    for inputs in ((c, a, a), (a, a, c)):
        shown = "·".join(each.name for each in inputs)
        _judge_order(f"order of e = {shown}, with c = a·b", order, Entry(2.0, inputs, name="e"), twice)
    ladder = Entry(1.0, name="a")
    for k in range(30):
        ladder = Entry(2.0**k, (ladder, ladder), name=f"sum {k}")
    _judge_order("order of 30 doublings", order, ladder)
    _judge_order("order of a random tape", order, _random_graph(np.random.default_rng(seed), 20))
    _judge_order("order of a chain of 10 000", order, _chain(10_000))


def mark_order(order: Answer, seed: int) -> None:
    """As check_order, with larger tapes, a leaf alone, and the same tape twice."""
    check_order(order, seed)
    _judge_order("order of a leaf alone", order, Entry(1.0, name="a"))
    rng = np.random.default_rng(seed)
    for size in (3, 50, 300):
        output = _random_graph(rng, size)
        _judge_order(f"order of {size} nodes", order, output)
        _judge_order(f"order of {size} nodes, a second time", order, output)


def _detour() -> Entry:
    """An input of the output is also the start of a longer way to it: sorting by distance fails."""
    a = Entry(1.0, name="a")
    b = Entry(1.0, (a,), name="b")
    c = Entry(1.0, (b,), name="c")
    d = Entry(1.0, (c, a), name="d")
    return Entry(1.0, (b, d), name="e")


def _random_graph(rng: np.random.Generator, size: int) -> Entry:
    nodes = [Entry(1.0, name=f"node {k}") for k in range(3)]
    for k in range(3, size + 1):
        inputs = [nodes[i] for i in rng.integers(k, size=rng.integers(1, 4))]
        nodes.append(Entry(1.0, inputs, name=f"node {k}"))
    return nodes[-1]


def _chain(length: int) -> Entry:
    node = Entry(1.0, name="node 0")
    for k in range(1, length):
        node = Entry(1.0, (node,), lambda g: (g,), name=f"node {k}")
    return node


def _judge_order(exercise: str, order: Answer, output: Entry, *mistakes: str) -> None:
    expected = reachable(output)
    try:
        got = _answer(exercise, order, output)
    except RecursionError:
        message = "RecursionError: calls within calls do not go that deep, keep a list of nodes to do"
        raise CheckError(f"{exercise}: {message}") from None
    if not isinstance(got, list) or not all(isinstance(each, Entry) for each in got):
        raise CheckError(f"{exercise}: got {type(got).__name__}, expected a list of nodes")
    for node, times in Counter(got).items():
        if times > 1:
            raise CheckError(f"{exercise}: {node.name} stands in the list {times} times, expected once")
    if set(got) != expected:
        wrong = ", ".join(sorted(node.name for node in set(got) ^ expected)[:5])
        raise CheckError(
            f"{exercise}: got {len(got)} nodes, expected {len(expected)}; look at {wrong}", *mistakes
        )
    place = {node: k for k, node in enumerate(got)}
    if place[output] == 0 < len(got) - 1:
        raise CheckError(f"{exercise}: the output stands first, expected last")
    for node in got:
        for each in node._inputs:
            if place[each] > place[node]:
                raise CheckError(
                    f"{exercise}: {each.name} stands after {node.name}, which was computed from it", *mistakes
                )


# Walk


def check_walk(walk: Answer, seed: int) -> None:
    """walk(nodes, g, wrt): the cotangents of the nodes in wrt, where g is that of the last of the nodes."""
    a, b = Entry([3.0, 1.0], name="a"), Entry([2.0, 5.0], name="b")
    total = Entry(a.value + b.value, (a, b), lambda g: (g, g), name="a + b")
    stranger = Entry(np.ones((2, 2)), name="a leaf that takes no part")
    product = Entry(
        total.value * a.value, (total, a), lambda g: (g * a.value, g * total.value), name="(a + b)·a"
    )
    g = np.array([1.0, 10.0])
    nodes = [a, b, total, product]
    _judge_walk("walk of (a + b)·a", walk, nodes, g, [a, b], {"a": [8.0, 70.0], "b": [3.0, 10.0]}, {
        "what arrives on a second path replaces the first; the two must be added": ([3, 10], [3, 10]),
        "the first to arrive stays; what comes on a second path must be added": ([5, 60], [3, 10]),
        "the walk must start with the g that it is given": ([8, 7], [3, 1]),
    })  # fmt: skip
    exercise = "walk of (a + b)·a, wrt holds a node that is not among nodes and gets zeros"
    _judge_walk(exercise, walk, nodes, g, [stranger], {stranger.name: np.zeros((2, 2))})
    # Here a is ready to be added to before `total` hands on the very array that a holds.
    output = Entry(total.value + a.value, (total, a), lambda g: (g, g), name="(a + b) + a")
    nodes = [a, b, total, output]
    _judge_walk("walk of (a + b) + a", walk, nodes, g, [a, b], {"a": 2 * g, "b": g}, {
        "+= changes an array that another node holds, too; write x = x + y": (2 * g, 2 * g),
        "what arrives on a second path replaces the first; the two must be added": (g, g),
    })  # fmt: skip
    rng = np.random.default_rng(seed)
    for dtype in (np.float64, np.float32):
        _judge_random_walk(f"walk of a random tape in {np.dtype(dtype)}", walk, rng, dtype)


def mark_walk(walk: Answer, seed: int) -> None:
    """As check_walk, with inner nodes and the output in wrt, a chain of 10 000, and a leaf alone."""
    check_walk(walk, seed)
    rng = np.random.default_rng(seed)
    for dtype in (np.float64, np.float32):
        _judge_random_walk(f"walk to inner nodes in {np.dtype(dtype)}", walk, rng, dtype, inner=True)
    end = _chain(10_000)
    nodes = [end]
    while nodes[-1]._inputs:
        nodes.extend(nodes[-1]._inputs)
    g = np.array(rng.normal())
    _judge_walk("walk of a chain of 10 000", walk, nodes[::-1], g, [nodes[-1]], {"the leaf": g})
    leaf = Entry(np.ones(2), name="a")
    _judge_walk("walk of a leaf alone", walk, [leaf], np.ones(2), [leaf], {"a": np.ones(2)})


def _judge_random_walk(
    exercise: str, walk: Answer, rng: np.random.Generator, dtype: Any, inner: bool = False
) -> None:
    """A tape of linear maps. What is expected comes the other way round: the Jacobians multiplied forward."""
    shapes = [(2, 3), (4,), (), (2, 1)]
    nodes = [Entry(np.ones(shape, dtype), name=f"leaf {k}") for k, shape in enumerate(shapes)]
    jacobians: dict[Entry, list[Array]] = {node: [] for node in nodes}
    calls: Counter[str] = Counter()
    for k in range(10):
        chosen = [nodes[i] for i in rng.integers(len(nodes), size=2)]
        inputs = nodes[:4] if k == 0 else [nodes[-1], *chosen]
        node = Entry(np.ones(shapes[rng.integers(3)], dtype), inputs, name=f"node {k}")
        of_node = [rng.normal(size=(node.value.size, each.value.size)).astype(dtype) for each in inputs]
        node.vjp = _linear_vjp(exercise, node, of_node, calls)
        jacobians[node] = of_node
        nodes.append(node)
    stranger = Entry(np.ones((2, 2), dtype), name="a leaf that takes no part")
    wrt = [nodes[5], nodes[-1], *nodes[:4], stranger] if inner else [*nodes[:4], stranger]
    g = rng.normal(size=nodes[-1].value.shape).astype(dtype)
    expected = {node.name: answers.cotangent_of(nodes, jacobians, node, g) for node in wrt}
    _judge_walk(exercise, walk, nodes, g, wrt, expected)
    for name, times in calls.items():
        if times > 1:
            raise CheckError(
                f"{exercise}: the VJP of {name} ran {times} times, expected once, when all has arrived"
            )


def _linear_vjp(exercise: str, node: Entry, jacobians: list[Array], calls: Counter[str]) -> Answer:
    def vjp(g: Array) -> tuple[Array, ...]:
        calls[node.name] += 1
        if np.shape(g) != node.value.shape:
            raise CheckError(
                f"{exercise}: the VJP of {node.name} got a cotangent of the shape {np.shape(g)}, "
                f"expected that of the node, {node.value.shape}"
            )
        flat = np.ravel(g)
        return tuple(
            (flat @ j).reshape(each.value.shape) for j, each in zip(jacobians, node._inputs, strict=True)
        )

    return vjp


def _judge_walk(
    exercise: str,
    walk: Answer,
    nodes: list[Entry],
    g: Array,
    wrt: list[Entry],
    expected: Mapping[str, Any],
    mistakes: Mapping[str, Any] | None = None,
) -> None:
    for node in nodes:
        node.looks = 0
    given = list(nodes), list(wrt)
    got = _answer(exercise, walk, nodes, g, wrt)
    if (nodes, wrt) != given:
        raise CheckError(f"{exercise}: it changes a list that it was given")
    if not isinstance(got, list | tuple) or len(got) != len(wrt):
        raise CheckError(f"{exercise}: got {kind_of(got)}, expected a list of {len(wrt)} arrays")
    for k, (name, value) in enumerate(expected.items()):
        likely = {mistake: each[k] for mistake, each in (mistakes or {}).items() if k < len(each)}
        _compare_array(f"{exercise}, {name}", got[k], value, wrt[k].value.dtype, likely)


# VJPs


def check_unbroadcast(unbroadcast: Answer, seed: int) -> None:
    """unbroadcast(g, shape): g summed over all entries that one entry of the shape was broadcast to."""
    g = np.array([[1.0, 2, 3], [4, 5, 6]])
    for shape, total, first, mean in (
        ((3,), [5.0, 7, 9], [1.0, 2, 3], [2.5, 3.5, 4.5]),
        ((2, 1), [[6.0], [15]], [[1.0], [4]], [[2.0], [5]]),
        ((), 21.0, 1.0, 3.5),
        ((1, 3), [[5.0, 7, 9]], [[1.0, 2, 3]], [[2.5, 3.5, 4.5]]),
    ):
        exercise = f"unbroadcast to {shape}"
        _compare_array(exercise, _answer(exercise, unbroadcast, g, shape), total, float, {
            "the parts are to be added, not picked": first,
            "what is used several times gets the sum, not the mean": mean,
            "an axis that was stretched is not summed": g,
            "an axis of size 1 stays where it is: keepdims=True": np.squeeze(np.asarray(total)),
        })  # fmt: skip
    exercise = "unbroadcast to (2, 3), where nothing was stretched"
    _compare_array(exercise, _answer(exercise, unbroadcast, g, (2, 3)), g, float)
    square = np.array([[1.0, 2], [3, 4]])
    _compare_array(
        "unbroadcast (2, 2) to (2,)", _answer("unbroadcast", unbroadcast, square, (2,)), [4.0, 6], float,
        {"NumPy aligns shapes at the last axis: the axes that are new stand in front": [3.0, 7]},
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    for dtype in (np.float64, np.float32):
        _judge_unbroadcast(unbroadcast, rng, [((3, 2, 4), (2, 1)), ((2, 3, 4), (1, 3, 4))], dtype)


def mark_unbroadcast(unbroadcast: Answer, seed: int) -> None:
    """As check_unbroadcast, with more axes, axes of one on both sides, and none at all."""
    check_unbroadcast(unbroadcast, seed)
    rng = np.random.default_rng(seed)
    cases = [
        ((2, 3, 2, 4), (3, 1, 1)),
        ((2, 1, 3), (1, 1)),
        ((3, 3, 3), (3, 1, 3)),
        ((5,), (1,)),
        ((), ()),
        ((1, 1), ()),
    ]
    for dtype in (np.float64, np.float32):
        _judge_unbroadcast(unbroadcast, rng, cases, dtype)


def _judge_unbroadcast(
    unbroadcast: Answer,
    rng: np.random.Generator,
    cases: list[tuple[tuple[int, ...], tuple[int, ...]]],
    dtype: Any,
) -> None:
    for large, small in cases:
        exercise = f"unbroadcast {large} to {small} in {np.dtype(dtype)}"
        g = np.asarray(rng.normal(size=large), dtype)
        expected = answers.unbroadcast(g.astype(float), small)
        _compare_array(exercise, _answer(exercise, unbroadcast, g, small), expected, dtype)


def check_matmul_vjp(matmul_vjp: Answer, seed: int) -> None:
    """matmul_vjp(g, x, y, unbroadcast): (gx, gy) of x @ y, for stacks of matrices, with broadcasting."""
    x = np.array([[[1.0, 2]], [[3, 4]]])
    y = np.array([[5.0, 6], [7, 8]])
    g = np.array([[[1.0, 0]], [[0, 10]]])
    got = _pair("matmul_vjp by hand", matmul_vjp, g, x, y)
    of_ones = np.ones_like(g) @ y.T, answers.unbroadcast(x.swapaxes(1, 2) @ np.ones_like(g), (2, 2))
    mistakes = {
        "g is taken for ones": of_ones,
        "y and x are to be transposed": (g @ y, None),
        "y was stretched over the stack: unbroadcast is missing": (None, x.swapaxes(1, 2) @ g),
        "the stack is to be summed, the one y was used for all of it": (None, [[0, 30], [0, 40]]),
        "the mean over the stack in place of the sum": (None, [[0.5, 15], [1, 20]]),
    }
    expected = [[[5.0, 7]], [[60.0, 80]]], [[1.0, 30], [2, 40]]
    _compare_pair("matmul_vjp by hand", got, expected, g.dtype, mistakes)
    cases = [((2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4))]
    rng = np.random.default_rng(seed)
    for dtype in (np.float64, np.float32):
        _judge_matmul(matmul_vjp, rng, cases, dtype)


def mark_matmul_vjp(matmul_vjp: Answer, seed: int) -> None:
    """As check_matmul_vjp, with stacks of stacks, and axes of one in the stack."""
    check_matmul_vjp(matmul_vjp, seed)
    rng = np.random.default_rng(seed)
    cases = [((2, 1, 3, 2), (4, 2, 5)), ((3, 1, 1, 2), (1, 2, 2, 1)), ((1, 1), (1, 1)), ((3, 3), (2, 3, 3))]
    for dtype in (np.float64, np.float32):
        _judge_matmul(matmul_vjp, rng, cases, dtype)


def _judge_matmul(
    matmul_vjp: Answer,
    rng: np.random.Generator,
    cases: list[tuple[tuple[int, ...], tuple[int, ...]]],
    dtype: Any,
) -> None:
    for x_shape, y_shape in cases:
        exercise = f"matmul_vjp of {x_shape} @ {y_shape} in {np.dtype(dtype)}"
        x, y = rng.normal(size=x_shape).astype(dtype), rng.normal(size=y_shape).astype(dtype)
        g = rng.normal(size=(x @ y).shape).astype(dtype)
        _compare_pair(
            exercise, _pair(exercise, matmul_vjp, g, x, y), answers.matmul_cotangents(g, x, y), dtype
        )


def _pair(exercise: str, vjp: Answer, g: Array, x: Array, y: Array) -> Any:
    try:
        got = _answer(exercise, vjp, g, x, y, answers.unbroadcast)
    except ValueError as error:
        error.add_note("If you use .T: it turns all axes round, .swapaxes(-1, -2) only the last two")
        raise
    return tuple_of(exercise, got, 2, "a tuple (gx, gy)")


def _compare_pair(
    exercise: str, got: Any, expected: tuple[Any, Any], dtype: Any, mistakes: Mapping[str, Any] | None = None
) -> None:
    for k, name in enumerate(("gx", "gy")):
        likely = {mistake: pair[k] for mistake, pair in (mistakes or {}).items() if pair[k] is not None}
        _compare_array(f"{exercise}, {name}", got[k], expected[k], dtype, likely)


def check_index_vjp(index_vjp: Answer, seed: int) -> None:
    """index_vjp(g, shape, index): the cotangent of x, of this shape, for y = x[index]."""
    exercise = "index_vjp of x[[2, 0, 2]]"
    g = np.array([1.0, 10, 100])
    got = _answer(exercise, index_vjp, g, (3,), [2, 0, 2])
    _compare_array(exercise, got, [10.0, 0, 101], g.dtype, {
        "an entry that was picked twice gets both parts, gx[index] += g keeps one: np.add.at": [10, 0, 100],
        "g goes to where its entry was picked, not the other way round": [100, 1, 100],
    })  # fmt: skip
    rng = np.random.default_rng(seed)
    for dtype in (np.float64, np.float32):
        _judge_index(index_vjp, rng, (4, 5), np.s_[:, 1::2], dtype)
        _judge_index(index_vjp, rng, (4, 3), (np.arange(4), rng.integers(3, size=4)), dtype)
        _judge_index(index_vjp, rng, (3, 2), rng.integers(3, size=8), dtype)


def mark_index_vjp(index_vjp: Answer, seed: int) -> None:
    """As check_index_vjp, with negative and boolean indices, one entry, and new axes."""
    check_index_vjp(index_vjp, seed)
    rng = np.random.default_rng(seed)
    rows = rng.integers(-3, 3, size=(4, 2))
    for index in (rows, 1, (2, 3, 1), np.s_[::-2, ..., :1], np.s_[:, None, 1], rng.random((3, 4)) < 0.5):
        for dtype in (np.float64, np.float32):
            _judge_index(index_vjp, rng, (3, 4, 2), index, dtype)


def _judge_index(
    index_vjp: Answer, rng: np.random.Generator, shape: tuple[int, ...], index: Any, dtype: Any
) -> None:
    g = np.asarray(rng.normal(size=np.zeros(shape)[index].shape), dtype)
    shown = f"{index}".replace("\n", "")
    exercise = f"index_vjp of x[{shown}], x {shape} in {np.dtype(dtype)}"
    got = _answer(exercise, index_vjp, g, shape, index)
    _compare_array(exercise, got, answers.index_cotangent(g, shape, index), dtype)


def check_log_softmax(stable_log_softmax: Answer, log_softmax_vjp: Answer, seed: int) -> None:
    """stable_log_softmax(x) along the last axis, and log_softmax_vjp(g, y), where y is its output."""
    x = np.array([[0.0, math.log(3)], [5, 5]])
    top = x.max(axis=1, keepdims=True)
    y = np.log([[0.25, 0.75], [0.5, 0.5]])
    g = np.array([[1.0, 0], [2, 4]])
    got = _answer("stable_log_softmax by hand", stable_log_softmax, x)
    _compare_array("stable_log_softmax by hand", got, y, float, {
        "that is softmax, its logarithm is wanted": np.exp(y),
        "the sum runs along the last axis, for each row": x - np.log(np.exp(x).sum()),
        "the sum runs along the last axis, not down the columns": x - np.log(np.exp(x).sum(axis=0)),
        "the largest of x is taken off inside the logarithm, and never put back":
            x - np.log(np.exp(x - top).sum(axis=1, keepdims=True)),
    })  # fmt: skip
    got = _answer("log_softmax_vjp by hand", log_softmax_vjp, g, y)
    _compare_array("log_softmax_vjp by hand", got, [[0.75, -0.75], [-1, 1]], float, {
        "softmax is multiplied with the sum of g along the row, which is not always 1": g - np.exp(y),
        "y is the logarithm of softmax: take its exponential": g - y * g.sum(axis=1, keepdims=True),
        "the sum of g runs along the last axis, for each row": g - np.exp(y) * g.sum(),
        "that is the VJP of softmax": np.exp(y) * (g - (g * np.exp(y)).sum(axis=1, keepdims=True)),
    })  # fmt: skip
    large = np.array([[1000.0, 0, -1000], [-3000, -3000, -3000]])
    got = _answer("stable_log_softmax of large numbers", stable_log_softmax, large)
    third, infinite = [-math.log(3)] * 3, [math.inf] * 3
    _compare_array("stable_log_softmax of large numbers", got, [[0.0, -1000, -2000], third], float, {
        "take away the largest entry of each row before exp": [[-math.inf] * 3, infinite],
        "take away the largest entry of each row, not that of all": [[0, -1000, -2000], infinite],
        "the softmax is 0, and its logarithm −∞: use the formula": [[0, -math.inf, -math.inf], third],
    })  # fmt: skip
    rng = np.random.default_rng(seed)
    for dtype in (np.float64, np.float32):
        _judge_log_softmax(stable_log_softmax, log_softmax_vjp, rng, (3, 4), dtype)


def mark_log_softmax(stable_log_softmax: Answer, log_softmax_vjp: Answer, seed: int) -> None:
    """As check_log_softmax, with one axis and with three, and a single class."""
    check_log_softmax(stable_log_softmax, log_softmax_vjp, seed)
    rng = np.random.default_rng(seed)
    for shape in [(5,), (2, 3, 4), (3, 1)]:
        for dtype in (np.float64, np.float32):
            _judge_log_softmax(stable_log_softmax, log_softmax_vjp, rng, shape, dtype)


def _judge_log_softmax(
    stable_log_softmax: Answer,
    log_softmax_vjp: Answer,
    rng: np.random.Generator,
    shape: tuple[int, ...],
    dtype: Any,
) -> None:
    x, g = rng.normal(size=(2, *shape)).astype(dtype)
    y, gx = np.zeros(shape), np.zeros(shape)
    for row in np.ndindex(shape[:-1]):
        total = sum(math.exp(float(each)) for each in x[row])
        for i, each in enumerate(x[row]):
            y[*row, i] = float(each) - math.log(total)
            for k, part in enumerate(g[row]):
                gx[*row, i] += float(part) * ((i == k) - math.exp(float(each)) / total)
    exercise = f"stable_log_softmax of {shape} in {np.dtype(dtype)}"
    _compare_array(exercise, _answer(exercise, stable_log_softmax, x), y, dtype)
    exercise = f"log_softmax_vjp of {shape} in {np.dtype(dtype)}"
    _compare_array(exercise, _answer(exercise, log_softmax_vjp, g, y.astype(dtype)), gx, dtype)


# Gradient check


def check_gradient_check(step_of: Answer, directional_error: Answer, seed: int) -> None:
    """step_of(dtype): the cube root of its ε. directional_error(f, arrays, gradients, directions, h)."""
    for dtype, smallest in ((np.float64, 2.0**-52), (np.float32, 2.0**-23)):
        compare(f"step_of {dtype.__name__}", _answer("step_of", step_of, dtype), smallest ** (1 / 3), {
            "the square root is right for one-sided differences": math.sqrt(smallest),
            "that is ε itself, where all digits are lost": smallest,
            "1/3 in the exponent, not 3": smallest**3,
        })  # fmt: skip
    exercise = "directional_error of x³ at 1"
    one = np.array(1.0)
    got = _answer(exercise, directional_error, lambda arrays: arrays[0] ** 3, [one], [3 * one], [one], 0.1)
    compare(exercise, got, 0.01, {
        "that is the one-sided difference": 0.31,
        "the difference is to be divided by 2h, not by h": 3.02,
        "the difference is not divided by 2h": 2.398,
        "the error is the absolute value": -0.01,
        "that is the difference itself, not how far it is from the slope": 3.01,
    })  # fmt: skip
    rng = np.random.default_rng(seed)
    for dtype in (np.float64, np.float32):
        _judge_directional(directional_error, rng, dtype)


def mark_gradient_check(step_of: Answer, directional_error: Answer, seed: int) -> None:
    """As check_gradient_check, with more arrays."""
    check_gradient_check(step_of, directional_error, seed)
    rng = np.random.default_rng(seed)
    for dtype in (np.float64, np.float32) * 3:
        _judge_directional(directional_error, rng, dtype)


def _judge_directional(directional_error: Answer, rng: np.random.Generator, dtype: Any) -> None:
    """f is cubic, so the error is known: h²·f'''/6, and what is wrong with the gradient."""
    shapes = [(2, 3), (), (4,)]
    arrays, directions, factors = ([_normal(rng, s, dtype) for s in shapes] for _ in range(3))
    calls = 0

    def cubic(moved: Sequence[Array]) -> float:
        nonlocal calls
        calls += 1
        for each, array in zip(moved, arrays, strict=True):
            if np.shape(each) != array.shape or np.asarray(each).dtype != dtype:
                raise CheckError(f"{exercise}: f got {kind_of(each)}, expected {kind_of(array)}")
        return sum(float(np.sum(a * x**3)) for a, x in zip(factors, moved, strict=True))

    h = 0.5
    bend = h**2 * sum(float(np.sum(a * v**3)) for a, v in zip(factors, directions, strict=True))
    right = [3 * a * x**2 for a, x in zip(factors, arrays, strict=True)]
    wrong = [right[0], right[1], right[2] + 1]
    tolerance = 1e-6 if dtype == np.float64 else 1e-4
    for kind, gradients, off in (("right", right, 0.0), ("wrong", wrong, float(directions[2].sum()))):
        calls = 0
        exercise = f"directional_error of three arrays in {np.dtype(dtype)}, their gradient is {kind}"
        got = _answer(exercise, directional_error, cubic, arrays, gradients, directions, h)
        if calls != 2:
            raise CheckError(
                f"{exercise}: f ran {calls} times, expected twice: move all arrays ahead at once, then behind"
            )
        slopes = [float(np.sum(g * v)) for g, v in zip(gradients, directions, strict=True)]
        of_absolute = sum(map(abs, slopes)) - sum(slopes) + off - bend
        mistake = "the absolute value is taken of each array's slope, not of the difference of the two sides"
        compare(exercise, got, abs(off - bend), {mistake: abs(of_absolute)}, tolerance, tolerance)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    return np.asarray(rng.normal(size=shape), dtype)


# Training


def check_training(network: Answer, train: Answer, seed: int) -> None:
    """network(tape, x, leaves): the logits. train(tape, weights, images, labels, rate, steps): descent.

    The operations are the check's own, and the images scikit-learn's digits, drawn by the seed.
    """
    rng = np.random.default_rng(seed)
    weights, images, labels = _task(rng, 5, 4, 3, 3)
    _judge_network(network, weights, images)
    _judge_train(train, weights, images, labels, rate=0.3, steps=4)
    weights, images, labels = _digits(rng)
    _, losses = _answer("training on digits", train, answers.tape(), weights, images, labels, 0.5, 40)
    if not losses[-1] < losses[0] / 2:
        raise CheckError(
            f"training on digits: the loss goes from {losses[0]:.3f} to {losses[-1]:.3f}, expected below half"
        )


def mark_training(network: Answer, train: Answer, seed: int) -> None:
    """As check_training, with other sizes, no step at all, a single image, and weights left as they were."""
    check_training(network, train, seed)
    rng = np.random.default_rng(seed)
    for sizes in [(1, 3, 2, 2), (7, 2, 6, 4)]:
        weights, images, labels = _task(rng, *sizes)
        _judge_network(network, weights, images)
        for steps in (0, 1, 6):
            _judge_train(train, weights, images, labels, rate=0.1, steps=steps)


def _task(rng: np.random.Generator, n: int, d: int, h: int, k: int) -> tuple[dict[str, Array], Array, Array]:
    shapes: dict[str, tuple[int, ...]] = {"w1": (d, h), "b1": (h,), "w2": (h, k), "b2": (k,)}
    weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return weights, rng.normal(size=(n, d)), rng.integers(k, size=n)


def _digits(rng: np.random.Generator) -> tuple[dict[str, Array], Array, Array]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    chosen = rng.permutation(len(images))[:200]
    weights, _, _ = _task(rng, 1, 64, 16, 10)
    return {name: each / 8 for name, each in weights.items()}, images[chosen] / 16, labels[chosen]


def _judge_network(network: Answer, weights: dict[str, Array], images: Array) -> None:
    tape = answers.tape()
    leaves = {name: tape.leaf(each) for name, each in weights.items()}
    got = _answer("network", network, tape, tape.leaf(images), leaves)
    if not isinstance(got, Entry):
        raise CheckError(f"network: got {kind_of(got)}, expected a node")
    hidden = images @ weights["w1"] + weights["b1"]
    logits = np.maximum(hidden, 0) @ weights["w2"] + weights["b2"]
    compare("network", got.value, logits, {
        "ReLU is missing": hidden @ weights["w2"] + weights["b2"],
        "b2 is missing": logits - weights["b2"],
        "b1 is missing": np.maximum(images @ weights["w1"], 0) @ weights["w2"] + weights["b2"],
        "no ReLU after the last layer": np.maximum(logits, 0),
        "the logits are wanted, not their log-softmax": answers.log_softmax(logits),
    })  # fmt: skip
    if missing := [name for name, leaf in leaves.items() if leaf not in reachable(got)]:
        raise CheckError(
            f"network: the logits do not depend on {', '.join(missing)}; use the tape's operations only"
        )


def _judge_train(
    train: Answer, weights: dict[str, Array], images: Array, labels: Array, rate: float, steps: int
) -> None:
    exercise = f"train, {steps} steps on {len(images)} images"
    got = _answer(exercise, train, answers.tape(), weights, images, labels, rate, steps)
    if not isinstance(got, tuple | list) or len(got) != 2 or not isinstance(got[0], dict):
        raise CheckError(
            f"{exercise}: got {kind_of(got)}, expected the dict of weights and the list of losses"
        )
    n, targets = len(images), np.eye(len(weights["b2"]))[labels]
    trained, losses = answers.descend(weights, images, targets, rate, steps)
    _, longer = answers.descend(weights, images, targets, rate, steps + 1)
    _, uphill = answers.descend(weights, images, targets, -rate, steps)
    _, of_sum = answers.descend(weights, images, targets, n * rate, steps)
    _, of_all = answers.descend(weights, images, np.tile(targets.mean(axis=0), (n, 1)), rate, steps)
    compare(f"{exercise}, losses", got[1], losses, {
        "the step goes against the gradient: minus": uphill,
        "the minus of the loss is missing": [-each for each in uphill],
        "the loss has a minus: it is positive": [-each for each in losses],
        "every step is taken from the first weights": [losses[0]] * steps if steps else [],
        "the loss is the mean over the images, not the sum": [n * each for each in of_sum],
        "each image has its own label, index with (np.arange(n), labels), not with (slice(None), labels)":
            of_all,
        "the loss is noted before the step, not after it": longer[1:],
    })  # fmt: skip
    for name, value in trained.items():
        mistakes = {"the weights are those from before the training": weights[name]}
        compare(f"{exercise}, {name}", got[0].get(name), value, mistakes if steps else {})


# Shared


def _answer(exercise: str, function: Answer, *arguments: Any) -> Any:
    return result_of(exercise, own_work(function, *OUT_OF_REACH), *arguments)


def _compare_array(
    exercise: str, got: Any, expected: Any, dtype: Any, mistakes: Mapping[str, Any] | None = None
) -> None:
    compare_array(exercise, got, np.asarray(expected, dtype), mistakes)
