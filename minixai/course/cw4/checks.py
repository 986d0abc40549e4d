"""The checks of coursework 4: LRP rules with their leaks, for batches and any linear layer, and a walk.

A rule's answer is the pair (relevance, leaks): the relevance has x's shape, and `leaks` has by its reason
what did not reach x, (n,). Here a layer is a matrix (outputs, inputs), and a claim q is a number for each
image, output and input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from minixai import ops
from minixai.checks.report import (
    Answer,
    Array,
    CheckError,
    compare,
    compare_array,
    likely_mistakes,
    result_of,
    tuple_of,
)
from minixai.course.cw4 import answers
from minixai.course.cw4.answers import Layer, Shared, Step
from minixai.course.honesty import own_work

LRP = ("minixai.rules", "minixai.methods")
CURVES = ("minixai.evaluate", "minixai.methods")

# Exercise 1: ε on a dense layer


def check_epsilon_dense(answer: Answer, seed: int) -> None:
    """epsilon_dense(x, w, b, r, epsilon) -> (relevance (n, d), leaks "bias", "epsilon" and "zero")."""
    _try_epsilon_dense(answer, _by_hand([1.0, -4.0]), 1.0)
    _try_epsilon_dense(answer, _by_hand([-3.0, -4.0]), 0.0)
    rng = np.random.default_rng(seed)
    _try_epsilon_dense(answer, _dense(rng, 3, 5, 4), 0.3)
    _try_epsilon_dense(answer, _dense(rng, 4, 3, 3), 0.3)
    _try_epsilon_dense(answer, _undecided(rng), 0.5)


def mark_epsilon_dense(answer: Answer, seed: int) -> None:
    """The same on other shapes, and ε = 0 where z is zero."""
    rng = np.random.default_rng(seed)
    for n, d, k in ((1, 7, 2), (5, 2, 1), (6, 4, 4)):
        _try_epsilon_dense(answer, _dense(rng, n, d, k), float(rng.uniform(0.1, 1)))
    for epsilon in (0.0, 0.25):
        _try_epsilon_dense(answer, _undecided(rng), epsilon)


# Exercise 2: one neuron by hand


def neuron(seed: int) -> tuple[Array, float, float]:
    """The claims x_i·w_i (4,) of a neuron's inputs, the last two negative; its bias; the R that arrives."""
    rng = np.random.default_rng(seed)
    strong, weak = rng.choice(np.arange(5, 12), 2, replace=False), rng.choice([1, 2, 3], 2, replace=False)
    return np.array([*strong, *-weak], float), float(rng.integers(1, 5)), float(rng.choice([6, 12, 18, 24]))


def check_hand(answer: Any, seed: int) -> None:
    """Four numbers; only the first is looked at."""
    _compare_by_hand(answer, seed, 1)


def mark_hand(answer: Any, seed: int) -> None:
    """All four numbers."""
    _compare_by_hand(answer, seed, 4)


def _compare_by_hand(answer: Any, seed: int, how_many: int) -> None:
    claims, b, r = neuron(seed)
    rise, fall = claims[:2].sum(), claims[2:].sum()
    z = rise + fall + b
    expected = [b / z * r, rise + fall - b, -claims[3] / fall * r, 2 * b / (rise + b) * r]
    mistakes: list[dict[str, float]] = [
        {"z has the bias in it": b / (z - b) * r},
        {"the bias takes a share as well: (z − b)/(z + ε) = ½": z},
        {
            "the part with β is taken away": claims[3] / fall * r,
            "that is its share by the z rule": claims[3] / z * r,
        },
        {
            "the positive claims get α times the relevance": b / (rise + b) * r,
            "negative claims do not take part in the first half": 2 * b / z * r,
            "b⁺ is a claim, too": 2 * b / rise * r,
        },
    ]
    numbers = np.asarray(answer)
    if numbers.shape != (4,) or numbers.dtype.kind not in "iuf":
        raise CheckError(f"hand: got {answer}, expected four numbers")
    for k, number in enumerate(numbers[:how_many]):
        if not np.isclose(number, expected[k], rtol=5e-3):
            likely = likely_mistakes(number, mistakes[k], rtol=5e-3)
            raise CheckError(f"hand: number {k + 1} is {number:.6g}, which is wrong", *likely)


# Exercise 3: ε on any linear layer


def check_epsilon_layer(answer: Answer, seed: int) -> None:
    """epsilon_layer(op, x, w, b, r, epsilon) -> (relevance of x's shape, the same leaks)."""
    _try_epsilon_layer(answer, _by_hand([1.0, -4.0]), 1.0)
    _try_epsilon_layer(answer, _by_hand([-3.0, -4.0]), 0.0)
    rng = np.random.default_rng(seed)
    _try_epsilon_layer(answer, _dense(rng, 3, 5, 4), 0.3)
    _try_epsilon_layer(answer, _convolution(rng, (2, 2, 5, 6), (3, 2, 3, 3), padding=1), 0.3)
    _try_epsilon_layer(answer, _average_pool(rng), 0.3)
    _try_epsilon_layer(answer, _undecided(rng), 0.5)


def mark_epsilon_layer(answer: Answer, seed: int) -> None:
    """The same with strides, dilation and groups, and ε = 0 where z is zero."""
    rng = np.random.default_rng(seed)
    for layer in _convolutions(rng):
        _try_epsilon_layer(answer, layer, float(rng.uniform(0.1, 1)))
    for epsilon in (0.0, 0.25):
        _try_epsilon_layer(answer, _undecided(rng), epsilon)


def _try_epsilon_layer(answer: Answer, layer: Layer, epsilon: float, dense: bool = False) -> None:
    """dense: the answer takes no op."""
    case = f"epsilon_{'dense' if dense else 'layer'}, {layer.name}, ε = {epsilon:.3g}"
    op = [] if dense else [layer.op]
    got = result_of(case, own_work(answer, *LRP), *op, layer.x, layer.w, layer.b, layer.r, epsilon)
    _compare_shares(
        case, got, answers.epsilon_rule(layer, epsilon), layer.r, _epsilon_mistakes(layer, epsilon)
    )


_try_epsilon_dense = partial(_try_epsilon_layer, dense=True)


# Exercise 4: αβ


def check_alpha_beta_layer(answer: Answer, seed: int) -> None:
    """alpha_beta_layer(op, x, w, b, r, alpha, beta) -> (relevance of x's shape, leaks "bias", "zero")."""
    x, w = [[1.0, 2.0, 1.0], [1.0, 1.0, 0.0]], [[2.0, 1.0, -2.0]]
    _try_alpha_beta_layer(answer, _dense_of("by hand", x, w, [1.0], [[10.0], [4.0]]), 2, 1)
    rng = np.random.default_rng(seed)
    _try_alpha_beta_layer(answer, _dense(rng, 3, 5, 4), 2, 1)
    _try_alpha_beta_layer(answer, _convolution(rng, (2, 2, 5, 6), (3, 2, 3, 3), padding=1), 1.5, 0.5)


def mark_alpha_beta_layer(answer: Answer, seed: int) -> None:
    """The same with strides, dilation and groups, z⁺, and units without a claim of one sign."""
    rng = np.random.default_rng(seed)
    for layer in _convolutions(rng):
        _try_alpha_beta_layer(answer, layer, 3, 2)
    _try_alpha_beta_layer(answer, _dense(rng, 4, 6, 3), 1, 0)
    _try_alpha_beta_layer(answer, _average_pool(rng), 2, 1)
    one_sided = np.array([[1.0, 2.0], [-1.0, -3.0], [0.0, 0.0]])
    silent = _dense_of("no claims of one sign", rng.integers(1, 5, (3, 2)), one_sided, [0.0, 0.0, 0.0])
    _try_alpha_beta_layer(answer, silent._replace(r=rng.normal(size=(3, 3))), 2, 1)


def _try_alpha_beta_layer(answer: Answer, layer: Layer, alpha: float, beta: float) -> None:
    case = f"alpha_beta_layer, {layer.name}, α = {alpha}, β = {beta}"
    got = result_of(case, own_work(answer, *LRP), layer.op, layer.x, layer.w, layer.b, layer.r, alpha, beta)
    q, b = layer.claims(), layer.biases()
    qp, qn, bp, bn = answers.plus(q), answers.minus(q), answers.plus(b), answers.minus(b)
    without_xn = layer.claims(answers.plus(layer.x))
    right, leaks = answers.two_shares(layer, (alpha, qp, bp), (-beta, qn, bn))
    added = answers.two_shares(layer, (alpha, qp, bp), (beta, qn, bn))
    mistakes = {
        "the part with β is added, it is −β": added,
        "a unit without negative claims drops −β·R": (right, {**leaks, "zero": added[1]["zero"]}),
        "α and β have changed places": answers.two_shares(layer, (beta, qp, bp), (-alpha, qn, bn)),
        "α is missing": answers.two_shares(layer, (1, qp, bp), (-beta, qn, bn)),
        "w⁺ and w⁻ have changed places": answers.two_shares(layer, (alpha, qn, bp), (-beta, qp, bn)),
        "x⁻ is missing; two negative numbers make a positive claim": (
            answers.two_shares(
                layer, (alpha, answers.plus(without_xn), bp), (-beta, answers.minus(without_xn), bn)
            )
        ),
        "b in both denominators, in place of b⁺ and b⁻": answers.two_shares(
            layer, (alpha, qp, b), (-beta, qn, b)
        ),
        "the bias is missing": answers.two_shares(layer, (alpha, qp, 0 * b), (-beta, qn, 0 * b)),
        "both denominators are z, in which both signs are": (
            answers.two_shares(layer, (alpha, qp, b + qn.sum(2)), (-beta, qn, b + qp.sum(2)))
        ),
    }
    _compare_shares(case, got, (right, leaks), layer.r, mistakes)


# Exercise 5: z^B


def check_box_layer(answer: Answer, seed: int) -> None:
    """box_layer(op, x, w, r, low, high) -> (relevance of x's shape, leaks "zero")."""
    x, r = [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]], [[3.0], [6.0], [5.0]]
    _try_box_layer(answer, _dense_of("by hand", x, [[2.0, -1.0]], [0.0], r), 0, 1)
    rng = np.random.default_rng(seed)
    _try_box_layer(answer, _boxed(_dense(rng, 3, 5, 4), -1.0, 2.0), -1.0, 2.0)
    photo = _convolution(rng, (2, 2, 5, 6), (3, 2, 3, 3), padding=1)
    low, high = np.array([-1.0, -2.0]).reshape(2, 1, 1), np.array([1.0, 3.0]).reshape(2, 1, 1)
    _try_box_layer(answer, _boxed(photo, low, high), low, high)
    low, high = rng.uniform(-2, -1, 9), rng.uniform(1, 2, 9)
    _try_box_layer(answer, _in_corners(_dense(rng, 6, 9, 6), low, high), low, high)


def mark_box_layer(answer: Answer, seed: int) -> None:
    """The same with strides, dilation and groups, limits for each pixel, and units with zero claims only."""
    rng = np.random.default_rng(seed)
    for layer in _convolutions(rng):
        shape = layer.x.shape[1:]
        low, high = rng.uniform(-2, -1, shape), rng.uniform(1, 2, shape)
        _try_box_layer(answer, _boxed(layer, low, high), low, high)
    black = _dense_of("a black image", np.zeros((2, 3)), [[1.0, 2.0, 3.0], [1.0, -1.0, 0.0]], [0.0, 0.0])
    _try_box_layer(answer, black._replace(r=rng.normal(size=(2, 2))), 0.0, 1.0)
    low, high = rng.uniform(-2.5, -1.5, (3, 1, 1)), rng.uniform(2, 3, (3, 1, 1))
    windows = _convolution(rng, (4, 3, 3, 3), (4, 3, 3, 3))
    _try_box_layer(answer, _in_corners(windows, low, high), low, high)


def _try_box_layer(answer: Answer, layer: Layer, low: Any, high: Any) -> None:
    case = f"box_layer, {layer.name}"
    got = result_of(case, own_work(answer, *LRP), layer.op, layer.x, layer.w, layer.r, low, high)
    wp, wn = (
        layer._replace(matrix=answers.plus(layer.matrix)),
        layer._replace(matrix=answers.minus(layer.matrix)),
    )
    above, below = layer.x - low, layer.x - high  # at least 0; at most 0
    right = wp.claims(above) + wn.claims(below)
    claims = {
        "low and high, or w⁺ and w⁻, have changed places": wp.claims(below) + wn.claims(above),
        "low and high are not subtracted": layer.claims(),
        "the whole of w in place of w⁺ and w⁻": layer.claims(above) + layer.claims(below),
        "x·w − l·w − h·w has the whole of w in place of w⁺ and w⁻": layer.claims(above - high),
        "the part with w⁻ is missing": wp.claims(above),
        "the part with w⁻ has the wrong sign": wp.claims(above) - wn.claims(below),
    }
    mistakes = {name: answers.share(layer, q, {}) for name, q in claims.items()}
    z, expected = right.sum(2, keepdims=True), answers.share(layer, right, {})
    only_x = np.divide(layer.claims(), z, out=np.zeros_like(right), where=z != 0)
    mistakes["x times the VJP, it is x − low and x − high times theirs"] = (
        answers.shared_out(layer, only_x),
        expected[1],
    )
    mistakes["not divided by Σ q"] = answers.shared_out(layer, right), {"zero": np.zeros(len(layer.x))}
    _compare_shares(case, got, expected, layer.r, mistakes)


def _boxed(layer: Layer, low: Any, high: Any) -> Layer:
    """The same layer with an input between low and high."""
    return layer._replace(x=low + (high - low) / (1 + np.exp(-layer.x)))


def _in_corners(layer: Layer, low: Any, high: Any) -> Layer:
    """The same layer, whose n-th image is the corner of the box in which unit n has no claims."""
    name = f"a unit whose claims are all 0, so that their sum is exactly 0, w {layer.w.shape}"
    return layer._replace(name=name, x=np.where(layer.w > 0, low, high))


# Exercise 6: the walk


def check_walk(answer: Answer, seed: int) -> None:
    """walk(steps, x, target) -> (relevance of x's shape, rows (name, came, passed on, leaks))."""
    halves: Step = ("halve", lambda x: x / 2, lambda x, r: (r * x, {"lost": np.sum(r - r * x, axis=1)}))
    swaps: Step = ("swap", lambda x: x[:, ::-1], lambda x, r: (r[:, ::-1], {}))
    of_output = {"a rule is given the step's output, it needs the step's input": np.array([[0.0, 1.0]])}
    _try_walk(answer, "by hand", [halves, swaps], np.array([[4.0, 2.0]]), np.array([0]), of_output)
    rng = np.random.default_rng(seed)
    steps = [_dense_step(rng, "hidden", 4, 5), _relu_step("relu"), _dense_step(rng, "output", 5, 3)]
    _try_walk(answer, "random, two dense layers", steps, rng.normal(size=(3, 4)), np.array([2, 0, 1]))


def mark_walk(answer: Answer, seed: int) -> None:
    """The same with images, one step, a step used twice, and one that hands its arrays on as they are."""
    rng = np.random.default_rng(seed)
    again = _dense_step(rng, "again", 6, 6)
    same: Step = ("same", lambda x: x, lambda x, r: (r, {}))
    flatten: Step = ("flatten", lambda x: x.reshape(len(x), -1), lambda x, r: (r.reshape(x.shape), {}))
    steps = [same, flatten, again, _relu_step("relu"), again, _dense_step(rng, "output", 6, 4), same]
    target = rng.integers(4, size=5)
    _try_walk(answer, "random, images", steps, rng.normal(size=(5, 1, 2, 3)), target)
    _try_walk(answer, "one step", steps[-2:-1], rng.normal(size=(2, 6)), np.array([3, 3]))


def _try_walk(
    answer: Answer,
    case: str,
    steps: Sequence[Step],
    x: Array,
    target: Array,
    mistakes: Mapping[str, Array] | None = None,
) -> None:
    case = f"walk, {case}"
    got = tuple_of(
        case, result_of(case, own_work(answer, *LRP), steps, x, target), 2, "the pair (relevance, rows)"
    )

    inputs = [x]
    for _, forward, _ in steps:
        inputs.append(forward(inputs[-1]))
    output = inputs.pop()

    chosen = np.arange(output.shape[1]) == target[:, None]
    starts = {
        "it starts with the whole output, not only the target's score": output,
        "it starts with 1, not with the score": np.where(chosen, 1.0, 0.0),
        "every image starts with the first one's target": output * chosen[:1],
        "it starts with the sum of the scores of all images": np.where(chosen, output[chosen].sum(), 0.0),
    }
    relevance, rows = answers.walk(steps, inputs, np.where(chosen, output, 0.0))
    started = {name: answers.walk(steps, inputs, r)[0] for name, r in starts.items()}
    compare(f"{case}, relevance", got[0], relevance, started | dict(mistakes or {}))
    names, expected = [row[0] for row in got[1]], [row[0] for row in rows]
    if names != expected:
        raise CheckError(f"{case}: got rows for {names}, expected {expected}, in the order of the walk")
    for (name, *given), (_, came, passed_on, leaks) in zip(got[1], rows, strict=True):
        row = f"{case}, row {name}"
        compare(f"{row}, came", given[0], came, {"that is what it passed on": passed_on})
        compare(f"{row}, passed on", given[1], passed_on, {"that is what came": came})
        _compare_leaks(row, given[2], leaks, {})


def _dense_step(rng: np.random.Generator, name: str, d: int, k: int) -> Step:
    """A dense layer with the ε rule."""
    w, b = rng.normal(size=(k, d)), rng.normal(size=k)

    def rule(x: Array, r: Array) -> Shared:
        return answers.epsilon_rule(Layer(name, ops.linear, x, w, b, r, w), 0.5)

    return name, lambda x: x @ w.T + b, rule


def _relu_step(name: str) -> Step:
    return name, answers.plus, lambda x, r: (r, {})


# Exercise 7: the score without the most relevant pixels


def check_removal(answer: Answer, seed: int) -> None:
    """removal(score, x, relevance, counts, fill) -> scores (n, len(counts))."""
    x, relevance = np.array([[1.0, 2.0, 3.0]]), np.array([[0.5, -2.0, 1.0]])
    _try_removal(answer, "by hand", x, relevance, [0, 1, 2], 0.0)
    rng = np.random.default_rng(seed)
    x, relevance = rng.normal(size=(2, 3, 1, 3, 4))
    _try_removal(answer, "random", x, relevance, [0, 1, 5, 12], 0.5)


def mark_removal(answer: Answer, seed: int) -> None:
    """The same with ties, a map of one value, and counts in any order."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4, 2, 3, 3))
    _try_removal(answer, "random", x, rng.normal(size=x.shape), [7, 0, 3, 18], -1.0)
    _try_removal(answer, "ties", x, rng.integers(-1, 2, x.shape).astype(float), range(0, 19, 2), 0.0)
    _try_removal(answer, "one value", x[:1], np.ones_like(x[:1]), [4, 9], 0.25)


def _try_removal(
    answer: Answer, case: str, x: Array, relevance: Array, counts: Sequence[int], fill: float
) -> None:
    case = f"removal, {case}"
    weights = np.arange(1.0, x[0].size + 1).reshape(x.shape[1:])

    def score(images: Array) -> Array:
        return np.array([float(np.sum(weights * image)) for image in images])

    got = result_of(case, own_work(answer, *CURVES), score, x, relevance, counts, fill)

    def removed(relevance: Array, fill: float = fill, last: bool = False) -> Array:
        return answers.removal(score, x, relevance, counts, fill, last)

    mistakes = {
        "the least relevant ones go first": removed(-relevance),
        "|relevance|: what speaks against goes first as well": removed(np.abs(relevance)),
        "only the last of the k pixels is removed": removed(relevance, last=True),
        "all images lose the first one's pixels": removed(np.broadcast_to(relevance[:1], x.shape)),
        "a pixel that is taken away becomes 0, it has to become fill": removed(relevance, fill=0.0),
        "that is how far the score falls": score(x)[:, None] - removed(relevance),
    }
    compare(case, got, removed(relevance), mistakes)


# The rules, in loops


def _epsilon_mistakes(layer: Layer, epsilon: float) -> dict[str, Shared]:
    q, b, r = layer.claims(), layer.biases(), layer.r.reshape(len(layer.r), -1)
    z = q.sum(2) + b
    offset = epsilon * answers.sign(z)
    right, leaks = answers.epsilon_rule(layer, epsilon)
    with np.errstate(all="ignore"):
        over_outputs = answers.shared_out(layer, q / q.sum(1, keepdims=True))
        without_x = answers.shared_out(layer, layer.claims(1.0) / (z + offset)[:, :, None])
        alone = epsilon * (r / (z + offset)).sum(1)
    instead = {
        "the bias is not in z": {"bias": 0 * b, "epsilon": epsilon * answers.sign(z - b)},
        "the bias is in z twice, it is not handed to op": {
            "bias": 2 * b,
            "epsilon": epsilon * answers.sign(z + b),
        },
        "Σ |x·w| is below the line, in place of Σ x·w": (
            {"bias": np.abs(b), "epsilon": np.abs(q).sum(2) - q.sum(2) + epsilon}
        ),
        "+ε also where z is negative, it is ε·sign z": {"bias": b, "epsilon": np.abs(offset)},
        "the sign of ε is wrong": {"bias": b, "epsilon": -offset},
        "sign 0 is 0 in your code, it has to be +1": {"bias": b, "epsilon": epsilon * np.sign(z)},
        "sign 0 is −1 in your code, it has to be +1": {"bias": b, "epsilon": -epsilon * answers.sign(-z)},
        "ε is missing": {"bias": b, "epsilon": 0 * z},
    }
    return {name: answers.share(layer, q, others) for name, others in instead.items()} | {
        "the sum below the line is over the outputs, it is over the inputs": (over_outputs, leaks),
        "not divided by z + ε·sign z": (answers.shared_out(layer, q), leaks),
        "not multiplied by x": (without_x, leaks),
        "ε in place of ε·sign z above the line": (right, {**leaks, "epsilon": alone}),
        "a leak is not divided by z + ε·sign z": (
            right,
            {**leaks, "bias": (b * r).sum(1), "epsilon": (offset * r).sum(1)},
        ),
    }


# Layers


def _dense_of(name: str, x: Any, w: Any, b: Any, r: Any = ()) -> Layer:
    x, w, b, r = (np.array(a, np.float64) for a in (x, w, b, r))
    return Layer(name, ops.linear, x, w, b, r, w)


def _by_hand(b: list[float]) -> Layer:
    x, w = [[1.0, 2.0], [2.0, 0.0]], [[1.0, 1.0], [1.0, -1.0]]
    return _dense_of("by hand", x, w, b, [[10.0, -6.0], [8.0, 3.0]])


def _undecided(rng: np.random.Generator) -> Layer:
    """A layer whose first unit has z = 0 for one image."""
    x, w = [[1.0, 1.0], [2.0, 1.0]], [[1.0, -1.0], [1.0, 1.0]]
    return _dense_of("a unit with z = 0", x, w, [0.0, 1.0], rng.normal(size=(2, 2)))


def _dense(rng: np.random.Generator, n: int, d: int, k: int) -> Layer:
    name = f"random, w {(k, d)}"
    return _dense_of(name, *(rng.normal(size=size) for size in ((n, d), (k, d), k, (n, k))))


def _convolution(rng: np.random.Generator, x: tuple[int, ...], w: tuple[int, ...], **settings: int) -> Layer:
    """A convolution of x (n, c, h, w) with w (k, c / groups, h, w)."""
    return _convolution_of(
        rng, rng.normal(size=x), rng.normal(size=w), rng.normal(size=(w[0], 1, 1)), settings
    )


def _average_pool(rng: np.random.Generator) -> Layer:
    """Average pooling, windows 2×2, as a convolution of every channel with itself."""
    w = np.full((3, 1, 2, 2), 0.25)
    return _convolution_of(rng, rng.normal(size=(2, 3, 4, 6)), w, 0.0, {"stride": 2, "groups": 3})


def _convolution_of(rng: np.random.Generator, x: Array, w: Array, b: Any, settings: dict[str, int]) -> Layer:
    matrix, size = _matrix(x.shape[1:], w, **settings)
    name = ", ".join([f"convolution, w {w.shape}", *(f"{key} {value}" for key, value in settings.items())])
    op = partial(ops.conv2d, **settings)
    return Layer(name, op, x, w, b, rng.normal(size=(len(x), *size)), matrix)


def _convolutions(rng: np.random.Generator) -> Iterator[Layer]:
    yield _convolution(rng, (1, 3, 6, 5), (2, 3, 3, 2), stride=2)
    yield _convolution(rng, (3, 1, 7, 6), (2, 1, 2, 2), dilation=2, padding=1)
    yield _convolution(rng, (2, 4, 4, 5), (6, 2, 3, 3), groups=2, padding=1, stride=2)


def _matrix(
    size: tuple[int, ...], w: Array, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
) -> tuple[Array, tuple[int, ...]]:
    """(outputs, inputs): by which weight an output of a convolution hears a pixel; and the output's size."""
    k, channels, *window = w.shape
    out = [
        (n + 2 * padding - dilation * (m - 1) - 1) // stride + 1
        for n, m in zip(size[1:], window, strict=True)
    ]
    matrix = np.zeros((k, *out, *size))
    for unit, i, j, channel, di, dj in np.ndindex(k, *out, *w.shape[1:]):
        row, column = i * stride - padding + di * dilation, j * stride - padding + dj * dilation
        if 0 <= row < size[1] and 0 <= column < size[2]:
            c = unit // (k // groups) * channels + channel
            matrix[unit, i, j, c, row, column] = w[unit, channel, di, dj]
    return matrix.reshape(k * out[0] * out[1], -1), (k, *out)


# How answers are called and compared


def _compare_shares(case: str, got: Any, expected: Shared, r: Array, mistakes: Mapping[str, Shared]) -> None:
    """Relevance, leaks, and that they close: Σ relevance + Σ leaks = Σ r for each image."""
    relevance, leaks = tuple_of(case, got, 2, "the pair (relevance, leaks)")
    if np.shape(relevance) == expected[0].shape and not np.isfinite(relevance).all():
        raise CheckError(f"{case}: got {relevance}, expected finite numbers; is there a division by zero?")
    compare_array(f"{case}, relevance", relevance, expected[0], {name: m[0] for name, m in mistakes.items()})
    in_leaks = {name: m[1] for name, m in mistakes.items() if np.allclose(m[0], expected[0])}
    _compare_leaks(case, leaks, expected[1], in_leaks)
    closed = answers.per_image(np.asarray(relevance)) + sum(np.asarray(leak) for leak in leaks.values())
    compare(f"{case}: Σ relevance + Σ leaks = Σ r", closed, answers.per_image(r), rtol=1e-9, atol=1e-9)


def _compare_leaks(
    case: str, got: Any, expected: Mapping[str, Array], mistakes: Mapping[str, Mapping[str, Array]]
) -> None:
    if not isinstance(got, Mapping) or set(got) != set(expected):
        came = list(got) if isinstance(got, Mapping) else got
        raise CheckError(f"{case}: got the leaks {came}, expected a dict with {list(expected)}")
    for reason, leak in expected.items():
        likely = {name: leaks[reason] for name, leaks in mistakes.items()}
        compare_array(f"{case}, leak {reason!r}", got[reason], leak, likely)
