"""The checks of coursework 3: DeConvNet and guided backprop as rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

from minixai import nn, ops
from minixai.checks.report import (
    Answer,
    Array,
    CheckError,
    compare,
    compare_array,
    cotangents_of,
    likely_mistakes,
    named_numbers,
    result_of,
)
from minixai.course.cw2.answers import conv2d, vjp_input
from minixai.course.cw3 import answers
from minixai.course.honesty import own_work
from minixai.tape import Tensor, backward

Generator = np.random.Generator

SOLVED = ("minixai.methods", "minixai.rules", "minixai.evaluate")  # what has the answers of all exercises
POOLING = ("minixai.ops", "minixai.kernels")
GATES = [(True, False), (False, True), (True, True), (False, False)]


def _asked(exercise: str, rule: Any, g: Array, node: Any, *more: str) -> Array:
    """What a rule passes on of g, of an operation with one input; more: is out of its reach."""
    own = own_work(rule, *SOLVED, *more) if callable(rule) else rule
    return cotangents_of(exercise, own, g, node)[0]


# 1 The family of ReLU rules


def check_relu_rule(relu_rule: Answer, seed: int) -> None:
    """relu_rule(forward, backward): a rule (g, node) -> (gx,) of ReLU with these gates."""
    rng = np.random.default_rng(seed)
    by_hand = np.array([1.0, -2, 3, -4]), np.array([5.0, 6, -7, -8])
    at_zero = np.array([0.0, 0, 0, 1, -1]), np.array([2.0, -2, 0, 0, 0])
    random = rng.normal(size=(2, 3, 5)).astype(np.float32)
    for case, (f, g) in [("by hand", by_hand), ("at zero", at_zero), ("random, float32", tuple(random))]:
        _check_gates(relu_rule, f"1 {case}", f, g)
    _check_gates_in_a_walk(relu_rule, rng)


def mark_relu_rule(relu_rule: Answer, seed: int) -> None:
    """The same, on images with many zeros."""
    check_relu_rule(relu_rule, seed)
    f, g = np.random.default_rng(seed).integers(-2, 3, (2, 2, 3, 4, 5)).astype(np.float32)
    _check_gates(relu_rule, "1 images", f, g)


def _check_gates(relu_rule: Answer, case: str, f: Array, g: Array) -> None:
    node = ops.relu(Tensor(f)).node
    for forward, backward_ in GATES:
        expected = answers.through_gates(g, f, forward, backward_)
        mistakes = {
            "g is passed on where f or g is positive: with two gates both must be open": g
            * ((f > 0) | (g > 0)),
            "the gate is open at 0 as well": g * ((f >= 0) | (not forward)) * ((g >= 0) | (not backward_)),
            "f is passed on, not g": answers.through_gates(f, g, backward_, forward),
        }
        if forward:
            mistakes["the forward gate is missing"] = answers.through_gates(g, f, False, backward_)
            mistakes["the forward gate is open on the wrong side, at f < 0"] = answers.through_gates(
                g, -f, True, backward_
            )
        if backward_:
            mistakes["the backward gate is missing"] = answers.through_gates(g, f, forward, False)
            mistakes["the backward gate lets g < 0 pass"] = -answers.through_gates(-g, f, forward, True)
        exercise = f"{case}, forward {forward}, backward {backward_}"
        rule = own_work(relu_rule, *SOLVED)(forward, backward_)
        got = _asked(exercise, rule, g, node)
        compare_array(exercise, got, expected, mistakes)


def _check_gates_in_a_walk(relu_rule: Answer, rng: Generator) -> None:
    """Through two dense layers, with the rules that were made in one go: they must not share a state."""
    w1, w2, x, start = (rng.normal(size=shape) for shape in ((5, 4), (3, 5), (2, 4), (2, 3)))
    leaf = Tensor(x)
    y = ops.linear(ops.relu(ops.linear(leaf, w1)), w2)
    made = {gates: own_work(relu_rule, *SOLVED)(*gates) for gates in GATES}
    for gates, rule in made.items():
        expected = answers.through_gates(start @ w2, x @ w1.T, *gates) @ w1
        got = backward(y, start, {ops.relu: own_work(rule, *SOLVED)}, wrt=[leaf])[leaf]
        compare(f"1 in a table, through two layers, forward {gates[0]}, backward {gates[1]}", got, expected)


# 2 and 3 Unpooling


def check_unpool_switches(unpool_switches: Answer, seed: int) -> None:
    """unpool_switches(g, node): (gx,), every value of g at its window's switch."""
    rng = np.random.default_rng(seed)
    peak = np.zeros((1, 1, 3, 5))
    peak[0, 0, 1, 2] = 9
    _check_switches(unpool_switches, "2 by hand", peak, np.array([[[[1.0, 10.0]]]]), (3, 2, 0))
    _check_switches(unpool_switches, "2 side by side", *_pooled(rng, (1, 1, 4, 6), (2, 2, 0)), (2, 2, 0))
    x, g = _pooled(rng, (2, 3, 7, 5), (3, 2, 1), np.float32)
    _check_switches(unpool_switches, "2 a batch, float32", x, g, (3, 2, 1))


def mark_unpool_switches(unpool_switches: Answer, seed: int) -> None:
    """The same, with windows that overlap much, gaps between windows, and ties."""
    check_unpool_switches(unpool_switches, seed)
    rng = np.random.default_rng(seed)
    for case, size, windows in [
        ("stride 1", (3, 2, 5, 8), (3, 1, 1)),
        ("gaps between windows", (2, 2, 8, 7), (2, 3, 0)),
    ]:
        _check_switches(unpool_switches, f"2 {case}", *_pooled(rng, size, windows), windows)
    x, g = _pooled(rng, (2, 2, 6, 6), (3, 2, 1), np.float32)
    _check_switches(unpool_switches, "2 ties", np.sign(x), g, (3, 2, 1))


def _check_switches(unpool: Answer, exercise: str, x: Array, g: Array, windows: tuple[int, ...]) -> None:
    node: Any = ops.max_pool2d(Tensor(x), *windows).node
    last, columns, by_height, flat = (np.zeros(x.shape, g.dtype) for _ in range(4))
    h, w = x.shape[2:]
    for n, c, i, j in np.ndindex(g.shape):
        switch = int(node.saved[n, c, i, j])
        row, column = divmod(switch, w)
        last[n, c, row, column] = g[n, c, i, j]
        columns[n, c, switch % h, switch // h % w] += g[n, c, i, j]
        by_height[n, c, switch // h % h, switch % h % w] += g[n, c, i, j]
        flat.reshape(-1)[switch] += g[n, c, i, j]
    mistakes = {
        "where windows share a maximum one value is kept, they should add up": last,
        "switches are read down the columns, not along the rows": columns,
        "a switch is row · w + column: divide by the width, not the height": by_height,
        "everything lands in the first plane: switches count within their own plane": flat,
        "the switches are ignored, the value is at the centre of its window": answers.at_centres(
            g, x, windows
        ),
    }
    got = _asked(exercise, unpool, g, node, *POOLING)
    compare_array(exercise, got, answers.at_switches(g, x, node.saved), mistakes)


def check_unpool_centre(unpool_centre: Answer, seed: int) -> None:
    """unpool_centre(g, node): (gx,), every value of g at its window's centre."""
    rng = np.random.default_rng(seed)
    _check_centre(unpool_centre, "3 by hand", np.ones((1, 1, 3, 5)), np.array([[[[1.0, 10.0]]]]), (3, 2, 0))
    _check_centre(unpool_centre, "3 side by side", *_pooled(rng, (1, 2, 4, 6), (2, 2, 0)), (2, 2, 0))
    x, g = _pooled(rng, (2, 3, 8, 6), (3, 2, 1), np.float32)
    _check_centre(unpool_centre, "3 padded, float32", x, g, (3, 2, 1))


def mark_unpool_centre(unpool_centre: Answer, seed: int) -> None:
    """The same, with other kernels, strides and paddings."""
    check_unpool_centre(unpool_centre, seed)
    rng = np.random.default_rng(seed)
    for windows in [(5, 3, 2), (3, 1, 1), (4, 2, 1), (2, 3, 0)]:
        x, g = _pooled(rng, (2, 2, 9, 11), windows, np.float32)
        _check_centre(unpool_centre, f"3 kernel, stride and padding {windows}", x, g, windows)


def _check_centre(unpool: Answer, exercise: str, x: Array, g: Array, windows: tuple[int, ...]) -> None:
    node: Any = ops.max_pool2d(Tensor(x), *windows).node
    kernel, stride, padding = windows
    mistakes = {
        "that is unpooling with switches": answers.at_switches(g, x, node.saved),
        "the padding is forgotten": answers.at_centres(g, x, (kernel, stride, 0)),
        "the value is in the upper left pixel of its window": answers.at_centres(g, x, (0, stride, padding)),
    }
    got = _asked(exercise, unpool, g, node, *POOLING)
    compare_array(exercise, got, answers.at_centres(g, x, windows), mistakes)


def _pooled(
    rng: Generator, size: tuple[int, ...], windows: tuple[int, ...], dtype: Any = np.float64
) -> tuple[Array, Array]:
    """Images, and a cotangent of their pooling."""
    x = rng.normal(size=size).astype(dtype)
    return x, rng.normal(size=ops.max_pool2d(x, *windows).shape).astype(dtype)


# 4 Three maps by hand


def small_network(seed: int) -> tuple[Array, Array, Array]:
    """x (2,), w1 (4, 2), w2 (4,): integers; every pair of signs of (w1 x, w2) comes up in one unit."""
    rng = np.random.default_rng(seed)
    signs = rng.permutation([(1, 1), (1, -1), (-1, 1), (-1, -1)])
    while True:
        x = rng.integers(1, 5, 2)
        w1 = rng.integers(1, 6, (4, 2)) * rng.choice([-1, 1], (4, 2))
        w2 = rng.permutation(np.arange(1, 5)) * signs[:, 1]
        maps = answers.three_maps(x, w1, w2)
        if np.array_equal(np.sign(w1 @ x), signs[:, 0]) and len(np.unique(list(maps.values()))) == 6:
            return x, w1, w2


def check_by_hand(by_hand: Answer, seed: int) -> None:
    """by_hand(): two numbers for each rule. What is expected is not told."""
    x, w1, w2 = small_network(seed)
    right = answers.three_maps(x, w1, w2)
    given = result_of("4", own_work(by_hand, *SOLVED, given=[small_network]))
    got = named_numbers("4", given, list(right), 2)
    for name, expected in right.items():
        if np.allclose(got[name], expected):
            continue
        mistakes = {f"that is the map of {other}": each for other, each in right.items() if other != name}
        mistakes["no gate is closed"] = w2 @ w1
        gates = name != "DeConvNet", name != "gradient"
        mistakes["w2 counts with its sign alone"] = np.sign(answers.through_gates(w2, w1 @ x, *gates)) @ w1
        raise CheckError(f"4 {name}: it is not {got[name]}", *likely_mistakes(got[name], mistakes))


mark_by_hand = check_by_hand


# 5 Where the walk starts


def check_start_at(start_at: Answer, seed: int) -> None:
    """start_at(y, channel, place, seed): the cotangent of one unit or one map of y."""
    rng = np.random.default_rng(seed)
    _check_start(start_at, "5 by hand", np.array([[[[1.0, 4.0], [3.0, 2.0]]]]), 0, (1, 0))
    _check_start(start_at, "5 two equal maxima", np.array([[[[1.0, 3.0], [3.0, 2.0]]]]), 0, (1, 1))
    y = rng.normal(size=(3, 4, 3, 5)).astype(np.float32)
    channel, row, column = (int(rng.integers(*bounds)) for bounds in ((1, 4), (0, 3), (0, 5)))
    _check_start(start_at, "5 a batch, float32", y, channel, (row, column))


def mark_start_at(start_at: Answer, seed: int) -> None:
    """The same, with many equal maxima, and with a map that is nowhere positive."""
    check_start_at(start_at, seed)
    rng = np.random.default_rng(seed)
    tied = rng.integers(0, 3, (4, 2, 3, 4)).astype(np.float32)
    _check_start(start_at, "5 many equal maxima", tied, 1, (2, 1))
    _check_start(start_at, "5 a map below zero", -1 - rng.random((2, 3, 4, 2)), 1, (2, 1))


def _check_start(start_at: Answer, exercise: str, y: Array, channel: int, place: tuple[int, int]) -> None:
    answer = own_work(start_at, *SOLVED)
    maps = list(y[:, channel])
    best = max(range(len(y)), key=lambda n: maps[n].max())
    for where in (place, "max", None):

        def ones_at(planes: Sequence[Array], where: Any = where) -> Array:
            one = np.zeros_like(y)
            for n, plane in enumerate(planes):
                for row, column in answers.places_of(plane, where):
                    one[n, channel, row, column] = 1
            return one

        one = ones_at(maps)
        wrong = {"the first image alone has a start, each should": ones_at(maps[:1])}
        if where == "max":
            best_alone, all_equal = np.zeros_like(y), np.zeros_like(y)
            best_alone[best] = one[best]
            all_equal[:, channel] = [plane == plane.max() for plane in maps]
            wrong |= {
                "the largest place of the first image is used in all of them": ones_at([maps[0]] * len(y)),
                "the largest place of one image is used in all of them": ones_at([maps[best]] * len(y)),
                "one image alone has a start, each should": best_alone,
                "the maximum is taken over all maps, not over this one": ones_at(list(y.max(axis=1))),
                "of equal maxima the first alone is meant": all_equal,
            }
        for seed, factor in (("one", np.ones_like(y)), ("value", y)):
            other = {"one": "the value in place of 1", "value": "1 in place of the value"}[seed]
            mistakes = {other: one * (y if seed == "one" else 1)}
            mistakes |= {mistake: start * factor for mistake, start in wrong.items()}
            case = f"{exercise}, place {where}, seed {seed}"
            compare_array(case, result_of(case, answer, y, channel, where, seed), one * factor, mistakes)
    compare(f"{exercise}, without place and seed: the whole map, one", answer(y, channel), one)


# 6 The walk


def check_project(project: Answer, seed: int) -> None:
    """project(net, x, layer, start, rules): the map at the input."""
    rng = np.random.default_rng(seed)
    _check_walk(project, rng, (1, 2, 6, 5), np.float64)


def mark_project(project: Answer, seed: int) -> None:
    """The same, for a batch, in float32, from a dense layer and with a rule for one layer alone."""
    check_project(project, seed)
    rng = np.random.default_rng(seed)
    _check_walk(project, rng, (3, 2, 5, 7), np.float32)
    _check_walk_with_layer(project, rng)


def _check_walk(project: Answer, rng: Generator, size: tuple[int, ...], dtype: Any) -> None:
    """Two convolutions, each with a ReLU, and a dense layer; integers, so that nothing is rounded."""
    _, c, h, w = size

    def draw(*shape: int) -> Array:
        return rng.integers(-3, 4, shape).astype(dtype)

    x, w1, w2, w3 = draw(*size), draw(3, c, 2, 2), draw(4, 3, 2, 2), draw(5, 4 * (h - 2) * (w - 2))
    net = nn.Sequential({
        "conv1": nn.Conv2d(c, 3, 2, bias=False), "relu1": nn.ReLU(),
        "conv2": nn.Conv2d(3, 4, 2, bias=False), "relu2": nn.ReLU(),
        "flatten": nn.Flatten(), "dense": nn.Linear(w3.shape[1], 5, bias=False),
    })  # fmt: skip
    net.load_state_dict({"conv1.weight": w1, "conv2.weight": w2, "dense.weight": w3})
    dense = 1, 0, 1  # stride, padding, dilation
    f1 = conv2d(x, w1, *dense)
    h1 = np.maximum(f1, 0)
    f2 = conv2d(h1, w2, *dense)
    h2 = np.maximum(f2, 0)

    def walked(layer: str, g: Array, gates: tuple[bool, bool]) -> Array:
        if layer == "dense":
            g = (g @ w3).reshape(f2.shape)
        if layer in ("dense", "relu2"):
            g = answers.through_gates(g, f2, *gates)
        if layer != "relu1":
            g = vjp_input(g, w2, f1.shape, *dense)
        return vjp_input(answers.through_gates(g, f1, *gates), w1, x.shape, *dense)

    outputs = {"relu1": h1, "conv2": f2, "relu2": h2, "dense": h2.reshape(len(x), -1) @ w3.T}
    for layer, output in outputs.items():
        g = draw(*output.shape)
        for gates in GATES[:3]:
            rules = None if gates == (True, False) else {ops.relu: answers.gated_rule(*gates)}
            mistakes = {
                "the rules are not passed on, that is the gradient": walked(layer, g, (True, False)),
                "the walk starts with ones, what start returns is not passed on": walked(
                    layer, np.ones_like(g), gates
                ),
                "the walk starts with the activations, not with what start returns for them": walked(
                    layer, output, gates
                ),
            }
            case = f"6 from {layer} of x {size}, {'no table' if rules is None else f'gates {gates}'}"
            start = _start_with(g, output, layer)
            got = result_of(case, own_work(project, *SOLVED), net, x, layer, start, rules)
            if isinstance(got, dict):
                raise CheckError(
                    f"{case}: got a dict, expected an array of x's shape: take the entry of your tensor"
                )
            compare_array(case, got, walked(layer, g, gates), mistakes)


def _check_walk_with_layer(project: Answer, rng: Generator) -> None:
    """A table that has a rule for one of two ReLUs."""
    net = nn.Sequential({"1": nn.ReLU(), "2": nn.ReLU()})
    x, g = rng.normal(size=(2, 4, 6))
    start = _start_with(g, np.maximum(x, 0), "2")
    got = own_work(project, *SOLVED)(net, x, "2", start, {"1": answers.gated_rule(False, False)})
    compare("6 with a rule for one layer alone", got, answers.through_gates(g, x, True, False))


def _start_with(g: Array, output: Array, layer: str) -> Callable[[Any], Array]:
    def start(y: Any) -> Array:
        if not isinstance(y, np.ndarray):
            raise CheckError(f"6: start got a {type(y).__name__}, expected the layer's output as an array")
        compare(f"6: what start got, expected is the output of {layer}", y, output)
        return g

    return start


# 7 The strongest activations


def check_strongest(strongest: Answer, seed: int) -> None:
    """strongest(maps, channel, k): (k, 3) integers image, row, column."""
    rng = np.random.default_rng(seed)
    by_hand = np.array([[[[1.0, 5.0]]], [[[6.0, 7.0]]], [[[5.0, 0.0]]]])
    _check_strongest(strongest, "7 by hand", by_hand, 0, 2)
    _check_strongest(strongest, "7 random", rng.normal(size=(8, 3, 4, 5)), int(rng.integers(1, 3)), 5)
    _check_strongest(strongest, "7 equal activations", *_tied(rng))


def mark_strongest(strongest: Answer, seed: int) -> None:
    """The same, with all images, one image, and maps below zero."""
    check_strongest(strongest, seed)
    rng = np.random.default_rng(seed)
    cases: list[tuple[str, Array, int]] = [
        ("all images", rng.normal(size=(6, 2, 2, 3)), 6),
        ("one image", rng.normal(size=(1, 2, 5, 4)), 1),
        ("maps below zero", -1 - rng.random((7, 2, 3, 3)), 3),
    ]
    for case, maps, k in cases:
        _check_strongest(strongest, f"7 {case}", maps, 1, k)


def _tied(rng: Generator) -> tuple[Array, int, int]:
    """Maps with many equal values; more than 16 images, as NumPy's default sort keeps the order of fewer."""
    return rng.integers(0, 3, (40, 2, 1, 2)).astype(np.float32), 1, 30


def _check_strongest(strongest: Answer, exercise: str, maps: Array, channel: int, k: int) -> None:
    each = [(n, *answers.places_of(plane, "max")[0]) for n, plane in enumerate(maps[:, channel])]
    every = [(n, *place) for n, plane in enumerate(maps[:, channel]) for place in np.ndindex(plane.shape)]

    def ordered(places: list[Any], key: Callable[[float], float]) -> Array:
        return np.array(sorted(places, key=lambda at: key(maps[at[0], channel, at[1], at[2]]))[:k])

    expected = ordered(each, lambda value: -value)
    mistakes = {
        "an image counts twice, it should count once": ordered(every, lambda value: -value),
        "those are the weakest": ordered(each, lambda value: value),
        "the weakest of them is first": expected[::-1],
        "of equal ones the later image is first": ordered(each[::-1], lambda value: -value),
        "the magnitude is taken": ordered(each, lambda value: -abs(value)),
    }
    got = result_of(exercise, own_work(strongest, *SOLVED), maps, channel, k)
    compare(exercise, got, expected, mistakes, rtol=0)
    if np.asarray(got).dtype.kind not in "iu":
        raise CheckError(f"{exercise}: got {np.asarray(got).dtype}, expected integers")


# 8 What a unit can see


def check_receptive_field(receptive_field: Answer, seed: int) -> None:
    """receptive_field(windows, row, column, size): (top, bottom, left, right)."""
    rng = np.random.default_rng(seed)
    _check_field(receptive_field, "8 by hand", [(3, 1, 1), (2, 2, 0)], (1, 0), (8, 6))
    windows = [(3, 1, 1), (3, 2, 1), (5, 1, 2)]
    place = int(rng.integers(3, 6)), int(rng.integers(6, 9))
    _check_field(receptive_field, "8 a unit inside", windows, place, (40, 44))
    _check_field(receptive_field, "8 the last unit", windows, (19, 21), (40, 44))


def mark_receptive_field(receptive_field: Answer, seed: int) -> None:
    """The same, with many layers, one or none."""
    check_receptive_field(receptive_field, seed)
    rng = np.random.default_rng(seed)
    deep = [(3, 1, 1), (3, 2, 1), (1, 1, 0), (5, 3, 2), (2, 2, 0)]
    for case, windows, place, size in [
        ("the first unit", deep, (0, 0), (60, 48)),
        ("the last unit", deep, (4, 3), (60, 48)),
        ("strides that differ", deep, (int(rng.integers(1, 4)), int(rng.integers(1, 3))), (60, 48)),
        ("one layer with gaps", [(2, 3, 0)], (int(rng.integers(5)), int(rng.integers(7))), (15, 21)),
        ("no layer: the pixel itself", [], (int(rng.integers(4)), int(rng.integers(6))), (4, 6)),
    ]:
        _check_field(receptive_field, f"8 {case}", windows, place, size)


def _check_field(
    receptive_field: Answer,
    exercise: str,
    windows: list[tuple[int, int, int]],
    place: tuple[int, int],
    size: tuple[int, int],
) -> None:
    field = answers.receptive_field
    top, bottom, left, right = expected = field(windows, place, size)
    mistakes = {
        "the layers are taken in the order of the forward pass": field(windows[::-1], place, size),
        "the rectangle is not cut off at the border": field(windows, place, size, cut=False),
        "the padding is forgotten": field([(k, s, 0) for k, s, _ in windows], place, size),
        "height and width of the image change places": field(windows, place, size[::-1]),
        "the formula's - 1 is forgotten": field([(k + 1, s, p) for k, s, p in windows], place, size),
        "bottom and right are one short: they are the first row and column outside": (
            [top, bottom - 1, left, right - 1]
        ),
        "rows and columns change places": (left, right, top, bottom),
    }
    got = own_work(receptive_field, *SOLVED, "minixai.nn")(windows, *place, size)
    compare(exercise, got, expected, mistakes, rtol=0)


# 9 Does the map depend on the class?


def check_class_correlation(class_correlation: Answer, seed: int) -> None:
    """class_correlation(maps): (n,), the mean correlation of two classes' maps."""
    rng = np.random.default_rng(seed)
    no_pair = rng.normal(size=(3, 2, 7))
    no_pair[1:, 1] = 0.1  # seven times 0.1 has a standard deviation of 1.4e-17
    for case, maps in [
        ("by hand", np.array([[[0.0, 1.0]], [[5.0, 9.0]], [[3.0, 2.0]]])),
        ("by hand, one map constant", np.array([[[0.0, 1.0]], [[5.0, 9.0]], [[4.0, 4.0]]])),
        ("random", rng.normal(1, 1, (4, 3, 2, 5)) + rng.normal(size=(3, 2, 5))),
        ("two images, the second without a pair", no_pair),
    ]:
        _check_correlation(class_correlation, f"9 {case}", maps)


def mark_class_correlation(class_correlation: Answer, seed: int) -> None:
    """The same, with more constant maps, two classes, and float32 with a large offset."""
    check_class_correlation(class_correlation, seed)
    rng = np.random.default_rng(seed)
    some_constant = rng.normal(size=(4, 3, 2, 3, 3))
    some_constant[1:, 0] = 0
    some_constant[:, 1] = 3
    some_constant[2, 2] = 0
    cases: list[tuple[str, Array]] = [
        ("constant maps", some_constant),
        ("two classes", rng.normal(size=(2, 5, 7))),
        ("float32", (100 + rng.normal(size=(3, 2, 3, 4, 4))).astype(np.float32)),
    ]
    for case, maps in cases:
        _check_correlation(class_correlation, f"9 {case}", maps)


def _check_correlation(class_correlation: Answer, exercise: str, maps: Array) -> None:
    k, n = maps.shape[:2]
    flat = maps.reshape(k, n, -1).astype(np.float64)

    def mean_of_pairs(alike: Callable[[Array, Array], float], pairs: Any) -> Array:
        each = [[alike(flat[i, image], flat[j, image]) for i, j in pairs] for image in range(n)]
        return np.array(
            [np.mean(defined) if (defined := [r for r in row if r == r]) else np.nan for row in each]
        )

    pairs = list(combinations(range(k), 2))
    expected = mean_of_pairs(answers.correlation, pairs)
    mistakes = {
        "the mean is not taken off: that is the cosine": mean_of_pairs(answers.cosine, pairs),
        "each map is paired with itself, too": mean_of_pairs(answers.correlation, list(np.ndindex(k, k))),
        "each map is paired with itself, once": mean_of_pairs(
            answers.correlation, list(combinations_with_replacement(range(k), 2))
        ),
        "a pair with a constant map counts as 0, it should be left out": mean_of_pairs(
            lambda a, b: np.nan_to_num(answers.correlation(a, b)), pairs
        ),
        "the magnitude of the correlation is taken": mean_of_pairs(
            lambda a, b: abs(answers.correlation(a, b)), pairs
        ),
        "that is the sum over the pairs, not the mean": expected * len(pairs),
    }
    got = np.asarray(result_of(exercise, own_work(class_correlation, *SOLVED), maps))
    if got.shape == expected.shape and got.dtype.kind == "f":
        if (np.isnan(got) != np.isnan(expected)).any():
            raise CheckError(f"{exercise}: got {got}, expected {expected}; nan where no pair is left")
        got = np.nan_to_num(got)
    compare(exercise, got, np.nan_to_num(expected), mistakes)
