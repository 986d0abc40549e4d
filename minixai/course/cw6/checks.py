"""The checks of coursework 6: PatternNet, PatternAttribution, and what a report measures."""

from __future__ import annotations

from collections.abc import Callable
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
    named_numbers,
    result_of,
)
from minixai.course.cw6 import answers
from minixai.course.honesty import own_work
from minixai.tape import Node, Rule, Tensor, backward

Generator = np.random.Generator

SOLVED = ("minixai.rules", "minixai.methods", "minixai.evaluate", "minixai.signal")


def _own(exercise: str, answer: Answer, *arguments: Any) -> Any:
    return result_of(exercise, own_work(answer, *SOLVED, given=[unit]), *arguments)


# 1 One unit by hand


def unit(seed: int) -> tuple[Array, Array, float]:
    """The term's unit: its weights w (3,), the direction d (3,) of its signal, and the cotangent g."""
    rng = np.random.default_rng(seed)
    while True:
        w, d = rng.integers(-3, 4, (2, 3)) * 1.0
        if np.dot(w, d) in (2, 4, 5, -2, -4, -5) and np.all(w) and np.all(d) and not np.allclose(w, d):
            return w, d, float(rng.choice([2, 3, 4]))


def check_by_hand(by_hand: Answer, seed: int) -> None:
    """The form alone: three numbers for each of three names."""
    named_numbers("1", _own("1", by_hand), ["pattern", "PatternNet", "PatternAttribution"], 3)


def mark_by_hand(by_hand: Answer, seed: int) -> None:
    """The numbers, to three decimals."""
    check_by_hand(by_hand, seed)
    got = _own("1", by_hand)
    w, d, g = unit(seed)
    wd = sum(w[i] * d[i] for i in range(3))
    a = np.array([d[i] / wd for i in range(3)])
    rounded = 6e-4
    compare("1 pattern", got["pattern"], a, {"divided by the length of d": d / np.sqrt(d @ d)}, atol=rounded)
    compare("1 PatternNet", got["PatternNet"], g * a, {"that is the gradient": g * w}, atol=rounded)
    mistakes = {"that is PatternNet": g * a, "that is the gradient": g * w}
    compare("1 PatternAttribution", got["PatternAttribution"], g * w * a, mistakes, atol=rounded)


# 2 Patterns of the right length


def check_scaled(scaled: Answer, seed: int) -> None:
    """scaled(d, w): the patterns along the directions d with wᵀa = 1, of d's shape."""
    by_hand = np.array([[[2.0, 0], [1, 1], [1, 1]], [[1, 5], [1, 3], [1, -1]]])
    rng = np.random.default_rng(seed)
    dense, convolution = rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 3, 2, 3, 2)).astype(np.float32)
    for case, (d, w) in [("by hand", by_hand), ("dense", dense), ("convolution, float32", convolution)]:
        _check_scaling(scaled, f"2 {case}", d, w)


def mark_scaled(scaled: Answer, seed: int) -> None:
    """The same, of a convolution's units of wᵀd = 0, of one unit and of one input."""
    check_scaled(scaled, seed)
    rng = np.random.default_rng(seed)
    d, w = rng.integers(-2, 3, (2, 5, 2, 2, 3)).astype(np.float32)
    d[1], w[2] = 0, 0
    _check_scaling(scaled, "2 convolution, with units of wᵀd = 0", d, w)
    _check_scaling(scaled, "2 one unit", *rng.normal(size=(2, 1, 7)))
    _check_scaling(scaled, "2 one input", *rng.normal(size=(2, 3, 1)))


def _check_scaling(scaled: Answer, case: str, d: Array, w: Array) -> None:
    along = tuple(range(1, d.ndim))
    with np.errstate(all="ignore"):
        mistakes = {
            "divided by the length of d, not by wᵀd": d / np.sqrt((d * d).sum(along, keepdims=True)),
            "divided by dᵀd, not by wᵀd": d / (d * d).sum(along, keepdims=True),
            "divided by wᵀw, not by wᵀd": d / (w * w).sum(along, keepdims=True),
            "divided by the sum over all units, not unit by unit": d / (w * d).sum(),
            "divided by |wᵀd|: the sign is lost": d / np.abs((w * d).sum(along, keepdims=True)),
            "summed over one axis, not over all but the first": d / (w * d).sum(axis=1, keepdims=True),
        }
    compare_array(case, _own(case, scaled, d, w), answers.scaled(d, w), mistakes)


# 3, 4 The rules


def check_pattern_net_rule(pattern_net_rule: Answer, seed: int) -> None:
    """pattern_net_rule(a): a rule (g, node) -> (gx, None, …) with the patterns a in place of the weights."""
    _check_rules("3", pattern_net_rule, lambda w, a: a, seed)


def mark_pattern_net_rule(pattern_net_rule: Answer, seed: int) -> None:
    """The same, of a square matrix, and for dilation and groups."""
    _mark_rules("3", pattern_net_rule, lambda w, a: a, seed)


def check_pattern_attribution_rule(pattern_attribution_rule: Answer, seed: int) -> None:
    """pattern_attribution_rule(a): a rule (g, node) -> (gx, None, …) with w ⊙ a in place of the weights."""
    _check_rules("4", pattern_attribution_rule, lambda w, a: w * a, seed)


def mark_pattern_attribution_rule(pattern_attribution_rule: Answer, seed: int) -> None:
    """The same, of a square matrix, and for dilation and groups."""
    _mark_rules("4", pattern_attribution_rule, lambda w, a: w * a, seed)


def _check_rules(exercise: str, make_rule: Answer, matrix: Answer, seed: int) -> None:
    w, a, g = np.array([[1.0, -1], [0, 1]]), np.array([[1.0, 0], [1, 1]]), np.array([[2.0, 1]])
    _check_rule(
        f"{exercise} by hand", make_rule, matrix, ops.linear(np.array([[3.0, 2]]), w, np.ones(2)), a, g
    )
    draw = np.random.default_rng(seed).normal
    arrays = draw(size=(2, 3, 7, 6)), draw(size=(4, 3, 3, 2)), draw(size=4)
    x, w, bias = (array.astype(np.float32) for array in arrays)
    layers = {
        "dense": ops.linear(draw(size=(3, 5)), draw(size=(4, 5)), draw(size=4)),
        "dense without bias": ops.linear(draw(size=(2, 4)), draw(size=(3, 4))),
        "convolution": ops.conv2d(*arrays),
        "convolution with stride 2 and padding 1, float32": ops.conv2d(x, w, bias, stride=2, padding=1),
    }
    _check_layers(exercise, make_rule, matrix, layers, seed)


def _mark_rules(exercise: str, make_rule: Answer, matrix: Answer, seed: int) -> None:
    _check_rules(exercise, make_rule, matrix, seed)
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    layers = {
        "square, so that a and aᵀ have one shape": ops.linear(draw(2, 4), draw(4, 4), draw(4)),
        "dilation, without bias": ops.conv2d(draw(1, 2, 7, 6), draw(3, 2, 2, 3), dilation=2),
        "groups": ops.conv2d(draw(2, 4, 5, 5), draw(6, 2, 3, 3), draw(6), padding=1, groups=2),
    }
    _check_layers(exercise, make_rule, matrix, layers, seed)


def _check_layers(
    exercise: str, make_rule: Answer, matrix: Answer, layers: dict[str, Tensor], seed: int
) -> None:
    """With random patterns, and random numbers that arrive."""
    rng = np.random.default_rng([seed, 1])  # not the numbers that the layers are made of
    for case, y in layers.items():
        assert y.node is not None
        w = y.node.arrays[1]
        a, g = (rng.normal(size=each.shape).astype(w.dtype) for each in (w, y))
        _check_rule(f"{exercise} {case}", make_rule, matrix, y, a, g)


def _check_rule(case: str, make_rule: Answer, matrix: Answer, y: Tensor, a: Array, g: Array) -> None:
    assert y.node is not None
    node = y.node
    _, w, b = node.arrays
    got = _asked(case, make_rule, a, g, node)
    expected = answers.walked(g, matrix(w, a), node)
    mistakes = {
        "w is left in: that is the gradient": answers.walked(g, w, node),
        "a in place of w ⊙ a: that is PatternNet": answers.walked(g, a, node),
        "w ⊙ a in place of a: that is PatternAttribution": answers.walked(g, w * a, node),
        "the layer's output in place of what arrives, g": answers.walked(y.value, matrix(w, a), node),
        "x times the gradient": node.arrays[0] * answers.walked(g, w, node),
    }
    if b is not None:
        over_units = b.reshape(-1, *[1] * (g.ndim - 2))
        mistakes["the bias is added, there is none on the way back"] = answers.walked(
            g + over_units, matrix(w, a), node
        )
    if w.ndim == 2 and w.shape[0] == w.shape[1]:
        mistakes["the matrix is transposed"] = answers.walked(g, matrix(w, a).T, node)
    if w.ndim == 4:
        turned = np.ascontiguousarray(matrix(w, a)[:, :, ::-1, ::-1])
        mistakes["the patterns are turned by 180°"] = answers.walked(g, turned, node)
    compare_array(case, got, expected, mistakes)


def _asked(case: str, make_rule: Answer, a: Array, g: Array, node: Node) -> Any:
    """What a rule passes on to x; CheckError where it is no rule, or gives others a cotangent."""
    rule = _own(case, make_rule, a)
    own = own_work(rule, *SOLVED) if callable(rule) else rule
    got = cotangents_of(case, own, g, node, a)
    if any(each is not None for each in got[1:]):
        raise CheckError(f"{case}: the weight or the bias got a cotangent, expected None: only x gets one")
    return got[0]


# 5 The walk


def check_pattern_map(pattern_map: Answer, seed: int) -> None:
    """pattern_map(net, x, target, patterns, make_rule, start): the map, of x's shape."""
    rng = np.random.default_rng(seed)
    net = _network(seed)
    x, target = rng.normal(size=(3, 2, 5, 5)).astype(np.float32), rng.permutation(4)[:3]
    layers = _patterns(net, rng)
    for start in ("one", "score"):
        _check_map(pattern_map, f"5 without patterns, start {start!r}", net, x, target, {}, start)
        _check_map(pattern_map, f"5 start {start!r}", net, x, target, layers, start)


def mark_pattern_map(pattern_map: Answer, seed: int) -> None:
    """The same, with patterns of some layers in another order, one image, and a low target."""
    check_pattern_map(pattern_map, seed)
    rng = np.random.default_rng(seed)
    net = _network(seed)
    x = rng.normal(size=(4, 2, 5, 5)).astype(np.float32)
    lowest = net.predict(x).argmin(axis=1)
    layers = _patterns(net, rng)
    some = {name: layers[name] for name in reversed([*layers][1:])}
    _check_map(pattern_map, "5 some layers only, the lowest class", net, x, lowest, some, "score")
    _check_map(pattern_map, "5 one image", net, x[:1], lowest[:1], layers, "one")


def _network(seed: int) -> nn.Module:
    rng = np.random.default_rng(seed)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 6, rng=rng),
        nn.ReLU(),
        nn.Linear(6, 4, rng=rng),
    )
    return net.eval()


def _patterns(net: nn.Module, rng: Generator) -> dict[str, Array]:
    """Random ones, of the shape of each layer's weight."""
    weights = {name: w for name, w in net.state_dict().items() if name.endswith(".weight")}
    return {
        name.removesuffix(".weight"): np.asarray(rng.normal(size=w.shape), w.dtype)
        for name, w in weights.items()
    }


def _scaled_rule(a: Array) -> Rule:
    """A rule that no other table has: twice what PatternNet passes on."""

    def rule(g: Array, node: Node) -> list[Array | None]:
        if a.shape != node.arrays[1].shape:
            raise CheckError(
                f"5: the rule of layer {node.layer!r} has patterns {a.shape}, the weight is "
                f"{node.arrays[1].shape}: a function made in a loop sees the loop's last values; call "
                "make_rule(patterns) in the loop itself"
            )
        return [2 * answers.walked(g, a, node), *[None] * (len(node.inputs) - 1)]

    return rule


def _check_map(
    pattern_map: Answer,
    case: str,
    net: nn.Module,
    x: Array,
    target: Array,
    patterns: dict[str, Array],
    start: str,
) -> None:
    table: dict[Any, Rule] = {name: _scaled_rule(a) for name, a in patterns.items()}

    def walk(start: str, table: dict[Any, Rule], others: bool = False) -> Array:
        leaf = Tensor(x)
        y, _ = net.trace(leaf)
        at = np.arange(len(x)), target
        cotangent = np.zeros_like(y.value)
        cotangent[at] = y.value[at] if start == "score" else 1
        if others:
            cotangent = y.value if start == "score" else np.ones_like(y.value)
        return backward(y, cotangent, table, [leaf])[leaf]

    ungated: dict[Any, Rule] = {ops.relu: lambda g, node: (g,)}
    positive: dict[Any, Rule] = {ops.relu: lambda g, node: (np.maximum(g, 0),)}
    expected = walk(start, table)
    mistakes = {
        "the patterns are not used: that is the gradient": walk(start, {}),
        "the walk starts at 1, not at the score": walk("one", table),
        "the walk starts at the score, not at 1": walk("score", table),
        "the walk starts at all classes, not at the target alone": walk(start, table, others=True),
        "the gate is missing: a ReLU that is not active passes nothing back": walk(start, table | ungated),
        "the gate of the way back: a ReLU keeps its gradient here": walk(start, table | positive),
    }
    got = _own(case, pattern_map, net, x, target, patterns, _scaled_rule, start)
    compare_array(case, got, expected, mistakes)


# 6 Degradation


def check_degradation(degradation: Answer, seed: int) -> None:
    """degradation(predict, x, heat, target, patch, fill): (n, 1 + patches) probabilities."""
    rng = np.random.default_rng(seed)
    image, heat = np.array([[[[8.0, 0], [2, 4]]]]), np.array([[[[1.0, 0], [5, 1]]]])
    _check_curve(degradation, "6 by hand", _model(rng, 4), image, heat, np.array([1]), 1, 0)
    x, heat = rng.normal(size=(2, 3, 2, 4, 6))
    target = np.array([2, 0, 1])
    for fill in ("mean", 0.5):
        _check_curve(degradation, f"6 fill {fill}", _model(rng, 48), x, heat, target, 2, fill)
    _check_curve(degradation, "6 large logits", _model(rng, 48, 2000.0), x, heat, target, 2, 0)


def mark_degradation(degradation: Answer, seed: int) -> None:
    """The same, with ties in several channels, single pixels, and one patch."""
    check_degradation(degradation, seed)
    rng = np.random.default_rng(seed)
    x, heat = rng.normal(size=(2, 2, 3, 4, 6))
    target = np.array([1, 2])
    _check_curve(degradation, "6 with ties", _model(rng, 72), x, np.round(heat), target, 1, 0)
    x, heat = rng.normal(size=(2, 2, 1, 3, 3))
    _check_curve(degradation, "6 one patch", _model(rng, 9), x, heat, target, 3, "mean")


def _model(rng: Generator, inputs: int, size: float = 0.2) -> Callable[[Array], Array]:
    """A network of one layer, three classes."""
    w = size * rng.normal(size=(3, inputs))
    return lambda x: x.reshape(len(x), -1) @ w.T


def _check_curve(
    degradation: Answer,
    case: str,
    predict: Callable[[Array], Array],
    x: Array,
    heat: Array,
    target: Array,
    patch: int,
    fill: Any,
) -> None:
    def curve(heat: Array, fill: Any, **how: bool) -> Array:
        return answers.curve(predict, x, heat, target, patch, fill, **how)

    expected = curve(heat, fill)
    first_channel = np.zeros_like(heat)
    first_channel[:, 0] = heat[:, 0]
    mistakes = {
        "the least relevant patch goes first": curve(-heat, fill),
        "of equal patches the smaller number goes first": curve(heat, fill, larger=True),
        "patches are numbered row by row: divide by the number of columns": curve(heat, fill, by_rows=True),
        "the first channel alone decides: the sum is over all channels": curve(first_channel, fill),
        "the magnitude of the map decides, not its sign": curve(np.abs(heat), fill),
        "only one patch is replaced at a time: what was replaced stays replaced": curve(heat, fill, one=True),
        "these are logits, not probabilities": curve(heat, fill, logits=True),
        "the image as it is must be the first column": expected[:, 1:],
    }
    if fill == "mean":
        mistakes["one mean for all channels, not one for each"] = curve(heat, "one mean")
        mistakes["the fill is 0, not the mean"] = curve(heat, 0)
    got = _own(case, degradation, predict, x, heat, target, patch, fill)
    compare_array(case, got, expected, mistakes)


# 7 The interval of a difference


def check_difference_interval(difference_interval: Answer, seed: int) -> None:
    """difference_interval(areas, others, seed, resamples): the mean, and its 95 % bootstrap interval."""
    _check_interval(difference_interval, "7 by hand", np.array([1.0, 2, 3]), np.array([0.0, 1, 2]), 0, 200)
    areas, others = np.random.default_rng(seed).normal(size=(2, 12))
    _check_interval(difference_interval, "7 random, seed 4", areas, others, 4, 300)


def mark_difference_interval(difference_interval: Answer, seed: int) -> None:
    """The same, of more images, and of one."""
    check_difference_interval(difference_interval, seed)
    areas, others = np.random.default_rng(seed).normal([[1], [0]], 2, (2, 30))
    _check_interval(difference_interval, "7 more images, seed 7", areas, others, 7, 501)
    _check_interval(difference_interval, "7 one image", areas[:1], others[:1], 0, 50)


def _check_interval(
    difference_interval: Answer, case: str, areas: Array, others: Array, seed: int, resamples: int
) -> None:
    n = len(areas)
    rng = np.random.default_rng(seed)
    drawn, again = (rng.integers(n, size=(resamples, n)) for _ in range(2))
    means = np.array([[sum(a[row]) / n for row in drawn] for a in (areas, others)])
    unpaired = means[0] - np.array([sum(others[row]) / n for row in again])
    mean = sum(areas - others) / n
    at = [2.5, 97.5]
    expected = np.array([mean, *np.percentile(means[0] - means[1], at)])
    mistakes = {
        "others - areas: the sign": -expected[[0, 2, 1]],
        "percentiles of the differences themselves, not of their mean": [
            mean,
            *np.percentile(areas - others, at),
        ],
        "5 and 95: the interval is at 90 %": [mean, *np.percentile(means[0] - means[1], [5, 95])],
        "each method has images of its own drawn; draw the same for both": [
            mean,
            *np.percentile(unpaired, at),
        ],
        "the mean of the resamples in place of the mean of the images": [
            (means[0] - means[1]).mean(),
            *expected[1:],
        ],
    }
    got = _own(case, difference_interval, areas, others, seed, resamples)
    compare(case, got, expected, mistakes)


# 8 Does the map change with the class?


def check_similarity(similarity: Answer, seed: int) -> None:
    """similarity(maps, others): (n,), the magnitude of the cosine between two maps of each image."""
    by_hand = np.array([[3.0, 4], [1, 0], [0, 0]]), np.array([[-6.0, -8], [0, 2], [1, 1]])
    _check_cosine(similarity, "8 by hand", *by_hand)
    a, b = np.random.default_rng(seed).normal(1, 1, (2, 4, 2, 3, 3))
    _check_cosine(similarity, "8 random", a, b)
    a, b = (1e-25 * each.astype(np.float32) for each in (a, b))
    _check_cosine(similarity, "8 tiny float32", a, b)


def mark_similarity(similarity: Answer, seed: int) -> None:
    """The same, with a map of zeros on either side."""
    check_similarity(similarity, seed)
    a, b = np.random.default_rng(seed).normal(size=(2, 5, 1, 4, 4)).astype(np.float32)
    a[1], b[3] = 0, 0
    _check_cosine(similarity, "8 zero on either side", a, b)


def _check_cosine(similarity: Answer, case: str, a: Array, b: Array) -> None:
    rows = [(u.ravel().astype(float), v.ravel().astype(float)) for u, v in zip(a, b, strict=True)]
    defined = np.array([bool(np.any(u) and np.any(v)) for u, v in rows])
    signed = np.array(
        [u @ v / np.sqrt((u @ u) * (v @ v)) if ok else 0 for (u, v), ok in zip(rows, defined, strict=True)]
    )
    got = _own(case, similarity, a, b)
    if np.shape(got) != (len(a),):
        raise CheckError(f"{case}: got the shape {np.shape(got)}, expected {(len(a),)}")
    got = np.asarray(got)
    if not np.array_equal(np.isnan(got), ~defined):
        raise CheckError(
            f"{case}: got {got}, expected nan just where a map is zero: {np.flatnonzero(~defined)}"
        )
    centred = [np.corrcoef(u, v)[0, 1] if ok else 0 for (u, v), ok in zip(rows, defined, strict=True)]
    mistakes = {
        "the magnitude is missing": signed,
        "that is the correlation: the means stay in": np.abs(centred),
    }
    expected = np.abs(signed)
    compare_array(case, np.where(defined, got, 0), expected, mistakes)
