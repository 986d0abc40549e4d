"""Checks of autodiff by hand: the walk along a tape, VJPs, and how a gradient changes from layer to layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minixai import ops
from minixai.checks.report import Answer, Array, CheckError, compare, kind_of, result_of, tuple_of
from minixai.op import Op
from minixai.tape import Rule, Tensor, backward

__all__ = [
    "Entry",
    "check_layer_factor",
    "check_matmul_vjp",
    "check_product_vjp",
    "check_rules",
    "check_softmax_vjp",
    "check_suspects",
    "check_tanh_vjp",
    "check_walk",
    "suspects",
]


@dataclass(eq=False)
class Entry:
    """A number on a tape, the entries it was computed from, and the derivative with respect to each."""

    value: float
    inputs: tuple[Entry, ...] = ()
    slopes: tuple[float, ...] = ()


def check_walk(walk: Answer) -> None:
    """walk(tape): a dict from every entry to the derivative of the last one with respect to it.

    The tape is a list of entries with `.value`, `.inputs` and `.slopes`, inputs before what they give.
    """
    a, b = Entry(3.0), Entry(2.0)
    total = Entry(5.0, (a, b), (1.0, 1.0))
    hand = [a, b, total, Entry(15.0, (total, a), (3.0, 5.0))]  # (a + b)·a
    _compare_walk("walk of (a + b)·a", walk, hand)
    rng = np.random.default_rng(0)
    tape = [Entry(float(v)) for v in rng.normal(size=3)]
    for k in range(3, 12):
        inputs = (tape[k - 1], tape[rng.integers(k)], tape[k - 3])
        tape.append(Entry(float(rng.normal()), inputs, tuple(map(float, rng.normal(size=3)))))
    _compare_walk("walk of a random tape", walk, tape)


def _compare_walk(exercise: str, walk: Answer, tape: list[Entry]) -> None:
    got = walk(tape)
    if got is None:
        raise CheckError(f"{exercise}: not done yet")
    if not isinstance(got, dict):
        raise CheckError(f"{exercise}: got {type(got).__name__}, expected a dict from entry to derivative")
    if missing := [k for k, entry in enumerate(tape) if entry not in got]:
        keys = "the keys of the dict are the entries themselves"
        raise CheckError(f"{exercise}: no derivative for the entries {missing} of the tape; {keys}")
    mistakes = {
        "what arrives on a second path replaces the first; the two must be added": _wrong_walk(
            tape, lambda before, g, slope: g * slope
        ),
        "the slope is not multiplied by what arrived": _wrong_walk(
            tape, lambda before, g, slope: before + slope
        ),
        "what arrived is not multiplied by the slope": _wrong_walk(tape, lambda before, g, slope: before + g),
        "the walk goes from the last entry to the first": _wrong_walk(
            tape, lambda before, g, slope: before + g * slope, iter
        ),
        "the walk must start with 1 at the last entry": np.zeros(len(tape)),
    }
    compare(exercise, [got[entry] for entry in tape], _forward_derivatives(tape), mistakes)


def _forward_derivatives(tape: list[Entry]) -> list[float]:
    """The other way round: move one entry by 1 and see, from there to the end, how all others move."""
    derivatives = []
    for moved in tape:
        move: dict[Entry, float] = {}
        for entry in tape:
            move[entry] = 1.0 if entry is moved else 0.0
            for each, slope in zip(entry.inputs, entry.slopes, strict=True):
                move[entry] += slope * move[each]
        derivatives.append(move[tape[-1]])
    return derivatives


def _wrong_walk(
    tape: list[Entry],
    change: Callable[[float, float, float], float],
    order: Callable[[list[Entry]], Iterable[Entry]] = reversed,
) -> list[float]:
    g = dict.fromkeys(tape, 0.0) | {tape[-1]: 1.0}
    for entry in order(tape):
        for each, slope in zip(entry.inputs, entry.slopes, strict=True):
            g[each] = change(g[each], g[entry], slope)
    return [g[entry] for entry in tape]


def check_tanh_vjp(tanh_vjp: Answer) -> None:
    """tanh_vjp(g, y): the cotangent of x, where y = tanh(x) and g is the cotangent of y, of one shape."""
    mistakes = {
        "g is missing": lambda g, y: 1 - y**2,
        "y is the output already, no tanh is to be taken of it": lambda g, y: g * (1 - np.tanh(y) ** 2),
        "1 − y² is wanted, not (1 − y)²": lambda g, y: g * (1 - y) ** 2,
        "that is the derivative of the sigmoid": lambda g, y: g * y * (1 - y),
    }
    hand = np.array([[2.0, -4.0]]), np.array([[0.5, 0.0]])
    _compare_vjp("tanh_vjp by hand", tanh_vjp, hand, [[1.5, -4.0]], mistakes)
    rng = np.random.default_rng(1)
    g, x = rng.normal(size=(2, 3, 4))
    expected = [[g[i, j] / math.cosh(x[i, j]) ** 2 for j in range(4)] for i in range(3)]
    _compare_vjp("tanh_vjp at random", tanh_vjp, (g, np.tanh(x)), expected, mistakes)


def check_product_vjp(product_vjp: Answer) -> None:
    """product_vjp(g, x, y): the cotangents (gx, gy) of x·y, entry by entry, all of one shape."""
    mistakes = {
        "the two are swapped: gx has the factor y, gy the factor x": lambda g, x, y: (g * x, g * y),
        "g is missing": lambda g, x, y: (y, x),
        "one factor too many": lambda g, x, y: (g * x * y, g * x * y),
    }
    hand = np.array([[1.0, 10.0]]), np.array([[2.0, 3.0]]), np.array([[5.0, 7.0]])
    expected: Any = [[5.0, 70.0]], [[2.0, 30.0]]
    _compare_vjp("product_vjp by hand", product_vjp, hand, expected, mistakes)
    g, x, y = np.random.default_rng(2).normal(size=(3, 2, 3))
    expected = np.empty_like(x), np.empty_like(y)
    for i in np.ndindex(2, 3):
        expected[0][i], expected[1][i] = g[i] * y[i], g[i] * x[i]
    _compare_vjp("product_vjp at random", product_vjp, (g, x, y), expected, mistakes)


def check_matmul_vjp(matmul_vjp: Answer) -> None:
    """matmul_vjp(g, x, y): the cotangents (gx, gy) of x @ y, of the shapes of x (m, j) and y (j, n)."""
    mistakes = {
        "y and x are to be transposed": lambda g, x, y: (g @ y, x @ g),
        "the order of the factors: gx = g·yᵀ, gy = xᵀ·g": lambda g, x, y: (y.T @ g, g @ x.T),
        "the two are swapped: y stands in gx, x in gy": lambda g, x, y: (x.T @ g, g @ y.T),
        "g is taken for ones": lambda g, x, y: (np.ones_like(g) @ y.T, x.T @ np.ones_like(g)),
        "* goes entry by entry, a product of matrices is @": lambda g, x, y: (g * y.T, x.T * g),
    }
    g, x, y = np.array([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    expected: Any = [[5.0, 7.0], [12.0, 16.0]], [[1.0, 6.0], [2.0, 8.0]]
    _compare_vjp("matmul_vjp by hand", matmul_vjp, (g, x, y), expected, mistakes)
    rng = np.random.default_rng(3)
    g, x, y = rng.normal(size=(2, 4)), rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    expected = np.zeros_like(x), np.zeros_like(y)
    for m, j, n in np.ndindex(2, 3, 4):
        expected[0][m, j] += g[m, n] * y[j, n]
        expected[1][j, n] += x[m, j] * g[m, n]
    _compare_vjp("matmul_vjp at random", matmul_vjp, (g, x, y), expected)


def check_rules(rules: Mapping[Any, Rule]) -> None:
    """rules: one each for tanh, multiply and matmul, with which a small network gets its gradient."""
    rng = np.random.default_rng(4)
    x, w, s, v = (Tensor(rng.normal(size=shape)) for shape in [(2, 3), (3, 4), (2, 4), (4, 1)])
    hidden = ops.tanh(x @ w)
    scaled = hidden * s
    output = scaled @ v
    for tensor in (hidden, scaled, output):
        node = tensor.node
        assert node is not None
        if node.op not in rules:
            raise CheckError(f"rules: there is none for {node.op.name}")
        given = rules[node.op](np.ones_like(node.value), node)
        if given is None or any(each is None for each in given):
            raise CheckError(f"rules: the one for {node.op.name} is not done yet")
    got, expected = backward(output, rules=rules), backward(output)
    for name, leaf in {"x": x, "w": w, "s": s, "v": v}.items():
        compare(f"rules, the gradient of {name}", got[leaf], expected[leaf])


def check_softmax_vjp(softmax_vjp: Answer) -> None:
    """softmax_vjp(g, y): the cotangent of x, where y = softmax(x) row by row, all of shape (n, k)."""
    mistakes = {
        "each y depends on every x of its row, not on its own alone": lambda g, y: g * y * (1 - y),
        "zeros are right for a cotangent of ones, and wrong for others": lambda g, y: np.zeros_like(y),
        "the sum runs over one row: axis=-1, keepdims=True": lambda g, y: y * (g - (g * y).sum()),
        "the sum is one of g·y, not of g": lambda g, y: y * (g - g.sum(axis=1, keepdims=True)),
        "y is the output already, no softmax is to be taken of it": lambda g, y: _softmax_vjp(g, _softmax(y)),
    }
    hand = np.array([[1.0, 0.0], [2.0, 4.0]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    without = "keepdims=True is missing: the sums, one for each row, stand in the columns"
    square = mistakes | {without: lambda g, y: y * (g - (g * y).sum(axis=1))}
    _compare_vjp("softmax_vjp by hand", softmax_vjp, hand, [[0.1875, -0.1875], [-0.5, 0.5]], square)
    g, x = np.random.default_rng(5).normal(size=(2, 3, 4))
    y = _softmax(x)
    expected = np.zeros_like(y)
    for n, i, j in np.ndindex(3, 4, 4):
        expected[n, i] += g[n, j] * y[n, j] * ((i == j) - y[n, i])
    _compare_vjp("softmax_vjp at random", softmax_vjp, (g, y), expected, mistakes)
    ones = np.ones_like(y)
    _compare_vjp("softmax_vjp for a cotangent of ones", softmax_vjp, (ones, y), np.zeros_like(y))


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _softmax_vjp(g: Array, y: Array) -> Array:
    return y * (g - (g * y).sum(axis=1, keepdims=True))


def suspects() -> dict[str, Op]:
    """Five operations on an array (n,), by name; three have a wrong VJP that a careless check accepts."""
    made: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "softplus": (lambda x: np.logaddexp(0, x), lambda g, node: [g / (1 + np.exp(-node.arrays[0]))]),
        "reverse": (lambda x: x[::-1], lambda g, node: [g]),
        "centre": (lambda x: x - x.mean(), lambda g, node: [g - g.mean()]),
        "magnitude": (lambda x: np.abs(x), lambda g, node: [g]),
        "sine": (lambda x: np.sin(x), lambda g, node: [g]),
    }
    found = {}
    for name, (forward, vjp) in made.items():
        found[name] = Op(forward)
        found[name].define_vjp(vjp)
    return found


def check_suspects(answers: Any) -> None:
    """answers: a dict from each of `suspects()` that is wrong to the careless check that accepts it.

    The checks are "ones" (the cotangent is all ones), "positive" (no x is below 0), "zero" (x is 0).
    """
    if answers is None:
        raise CheckError("suspects: not done yet")
    if not isinstance(answers, dict):
        raise CheckError(f"suspects: got {kind_of(answers)}, expected a dict from a name to a check")
    expected = {"reverse": "ones", "magnitude": "positive", "sine": "zero"}
    if right := sorted(set(answers) & set(suspects()) - set(expected)):
        raise CheckError(f"suspects: {right[0]} has a right VJP; check_vjp finds nothing at any x")
    if strangers := sorted(set(answers) - set(suspects())):
        raise CheckError(f"suspects: got {strangers[0]!r}, expected names among {', '.join(suspects())}")
    if missing := len(expected) - len(answers):
        raise CheckError(f"suspects: {missing} more have a wrong VJP; give check_vjp numbers of both signs")
    for name, check in answers.items():
        if check != expected[name]:
            raise CheckError(f"suspects: {name}: got {check!r}, which does not accept it; try all three")


def check_layer_factor(layer_factor: Answer) -> None:
    """layer_factor(gain, slopes): gain·√(mean of slopes²), a number."""
    mistakes: dict[str, Callable[..., Any]] = {
        "the mean of the squares is wanted, not the square of the mean": lambda gain, s: gain * s.mean(),
        "the root is missing": lambda gain, s: gain**2 * (s**2).mean(),
        "the gain does not belong under the root": lambda gain, s: math.sqrt(gain * (s**2).mean()),
        "the mean is wanted, not the sum": lambda gain, s: gain * math.sqrt((s**2).sum()),
        "the gain is missing": lambda gain, s: math.sqrt((s**2).mean()),
    }
    rng = np.random.default_rng(6)
    for case, gain, slopes in (
        ("by hand", 3.0, np.array([1.0, 0, 0, 1])),
        ("at random", 1.3, rng.random(20)),
    ):
        total = 0.0
        for slope in slopes:
            total += slope * slope
        likely = {mistake: answer(gain, slopes) for mistake, answer in mistakes.items()}
        expected = gain * math.sqrt(total / len(slopes))
        compare(f"layer_factor {case}", layer_factor(gain, slopes), expected, likely)


def _compare_vjp(
    exercise: str,
    vjp: Answer,
    inputs: tuple[Array, ...],
    expected: Any,
    mistakes: Mapping[str, Callable[..., Any]] | None = None,
) -> None:
    """Compare vjp(*inputs) with what is expected: one cotangent, or a tuple of one for each input."""
    got = result_of(exercise, vjp, *(np.array(each) for each in inputs))
    likely = {mistake: answer(*inputs) for mistake, answer in (mistakes or {}).items()}
    if not isinstance(expected, tuple):
        return compare(exercise, got, expected, likely)
    got = tuple_of(exercise, got, len(expected), "a tuple (gx, gy)")
    for k, name in enumerate(("gx", "gy")):
        of_this = {mistake: answer[k] for mistake, answer in likely.items()}
        compare(f"{exercise}, {name}", got[k], expected[k], of_this)
    return None
