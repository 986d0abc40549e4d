"""The checks of PatternNet, PatternAttribution and degradation by hand.

Weights w and patterns a are (k, d), a row for each unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minixai import ops
from minixai.checks.report import Answer, Array, compare, cotangents_of, result_of
from minixai.tape import Tensor, backward

__all__ = ["check_attribute", "check_leaks", "check_pattern_net_rule", "check_replace_patch"]


def check_pattern_net_rule(pattern_net_rule: Answer) -> None:
    """pattern_net_rule(a): a rule (g, node) -> (gx, None, None) of a dense layer with a bias."""
    by_hand = [[3.0, 2.0]], [[1.0, -1.0], [0.0, 1.0]], [0.5, 0.0], [[1.0, 0.0], [1.0, 1.0]], [[2.0, 1.0]]
    rng = np.random.default_rng(0)
    square, wide = (
        [rng.normal(size=shape) for shape in ((3, d), (k, d), k, (k, d), (3, k))] for k, d in ((4, 4), (3, 5))
    )
    for case, layer in [("by hand", by_hand), ("random, a (4, 4)", square), ("random, a (3, 5)", wide)]:
        x, w, b, a, g = map(np.asarray, layer)
        node: Any = ops.linear(x, w, b).node
        gx, *_ = cotangents_of(f"12.1 {case}", pattern_net_rule(a), g, node)
        mistakes = {
            "w is left in: that is the gradient": g @ w,
            "w ⊙ a in place of a: that is PatternAttribution": g @ (w * a),
            "a is transposed: unit j's pattern is the row a[j]": g @ a.T
            if a.shape[0] == a.shape[1]
            else None,
            "the bias is added, there is none on the way back": (g + b) @ a,
            "the layer's output in place of what arrives, g": node.value @ a,
        }
        compare(f"12.1 {case}", gx, _walked(g, a), mistakes)
    leaf, w, v = Tensor(rng.normal(size=(3, 5))), rng.normal(size=(4, 5)), rng.normal(size=(2, 4))
    y, g = ops.linear(ops.linear(leaf, w, np.ones(4)), v, np.ones(2)), rng.normal(size=(3, 2))
    table = {ops.linear: lambda g, node: pattern_net_rule(node.arrays[1])(g, node)}
    got, expected = (backward(y, g, rules, [leaf])[leaf] for rules in (table, None))
    compare("12.1 with a = w it is the gradient", got, expected)


def check_attribute(attribute: Answer) -> None:
    """attribute(x, w1, b1, a1, w2, b2, a2, target): (d,), of a dense layer, a ReLU and a dense layer."""
    first = [[1.0, -1.0], [-1.0, 1.0]], [0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]
    second = [[2.0, 1.0], [0.0, 1.0]], [1.0, 0.0], [[0.25, 0.5], [0.0, 1.0]]
    by_hand = [2.0, 1.0], *first, *second, 0  # [1.5, 0]
    for case, arguments in [("by hand", by_hand), *((f"random {k}", _network(k)) for k in range(3))]:
        *layers, target = arguments
        layers = [np.asarray(array) for array in layers]
        mistakes = {
            "the walk starts at 1, not at the score": _attribution(layers, target, start="one"),
            "the walk starts at the score without its bias": _attribution(layers, target, start="no bias"),
            "the walk starts at all scores, not at the target's alone": (
                _attribution(layers, target, start="all")
            ),
            "the gate is missing: a ReLU that is not active passes nothing back": (
                _attribution(layers, target, gate="none")
            ),
            "the bias of the first layer is not in the gate": _attribution(layers, target, gate="no bias"),
            "a in place of w ⊙ a: that is PatternNet": _attribution(layers, target, "a"),
            "w in place of w ⊙ a: that is the gradient, times the score": _attribution(layers, target, "w"),
            "a bias is added on the way back": _attribution(layers, target, bias=True),
        }
        expected = _attribution(layers, target)
        compare(f"12.2 {case}", attribute(*layers, target), expected, mistakes)


def check_leaks(leaks: Answer) -> None:
    """leaks(r, z, w, a): what leaks at the gate of a ReLU, and where wᵀa is not 1: two numbers."""
    weights, patterns = [[1.0, 1.0], [1.0, 0.0], [2.0, 0.0]], [[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]]
    by_hand = [4.0, 2.0, 1.0], [1.0, -3.0, 2.0], weights, patterns  # (2, 1)
    rng = np.random.default_rng(1)
    random = [rng.normal(size=shape) for shape in (6, 6, (6, 4), (6, 4))]
    for case, arrays in [("by hand", by_hand), ("random", random)]:
        r, z, w, a = map(np.asarray, arrays)
        on = z > 0
        wa = np.array([_dot(*unit) for unit in zip(w, a, strict=True)])
        gate, pattern = r[~on].sum(), (r * (1 - wa))[on].sum()
        mistakes = {
            "the gate comes first, the pattern second": (pattern, gate),
            "what stops at the gate is counted a second time in the pattern's leak": (
                gate,
                (r * (1 - wa)).sum(),
            ),
            "the sign: what leaks is r·(1 − wᵀa)": (gate, -pattern),
            "that is what arrives, not what leaks": (gate, (r * wa)[on].sum()),
            "what passes the gate, not what stops there": (r[on].sum(), pattern),
            "1 − wᵀa is not times the relevance": (gate, (1 - wa)[on].sum()),
        }
        got = leaks(r, z, w, a)
        compare(f"12.3 {case}", got, (gate, pattern), mistakes)
        arrived = _walked(np.where(on, r, 0), w * a).sum()
        compare(f"12.3 {case}: Σ r = what arrives + leaks", np.sum(got) + arrived, r.sum())


def check_replace_patch(replace_patch: Answer) -> None:
    """replace_patch(image, row, column, size): a copy (c, h, w) with one patch as its mean per channel."""
    by_hand = np.array([[[1.0, 3.0, 9.0], [5.0, 7.0, 9.0]]]), 0, 0, 2  # [[4, 4, 9], [4, 4, 9]]
    rng = np.random.default_rng(2)
    colour, border = (rng.normal(size=(3, 8, 8)), 1, 2, 2), (rng.normal(size=(2, 7, 8)), 2, 1, 3)
    for case, (image, row, column, size) in [
        ("by hand", by_hand),
        ("colour", colour),
        ("at the border, where the patch is smaller", border),
    ]:
        place = _place(row, column, size)
        patch = image[place]
        of_channels = np.array([sum(plane.ravel()) / plane.size for plane in patch])[:, None, None]
        mistakes = {
            "one mean for all channels, not one for each": _with(image, place, patch.mean()),
            "zero in place of the mean": _with(image, place, 0.0),
            "the mean of the whole image, not of the patch": (
                _with(image, place, image.mean(axis=(1, 2), keepdims=True))
            ),
            "row and column count patches, not pixels": _own_mean(
                image, np.s_[:, row : row + size, column : column + size]
            ),
            "rows and columns have changed places": _own_mean(image, _place(column, row, size)),
            "the mean of a whole patch is taken of what is left of it at the border": (
                _with(image, place, patch.sum(axis=(1, 2), keepdims=True) / size**2)
            ),
        }
        got = result_of(f"12.4 {case}", replace_patch, image, row, column, size)
        compare(f"12.4 {case}", got, _with(image, place, of_channels), mistakes)


def _network(seed: int) -> tuple[Any, ...]:
    """A random image, two layers with patterns, and a class."""
    rng = np.random.default_rng(seed)
    layers = [rng.normal(size=shape) for shape in ((8, 5), 8, (8, 5), (3, 8), 3, (3, 8))]
    return rng.normal(size=5), *layers, seed


def _attribution(
    layers: Sequence[Array],
    target: int,
    matrix: str = "w ⊙ a",
    start: str = "score",
    gate: str = "z > 0",
    bias: bool = False,
) -> Array:
    """PatternAttribution, or what a mistake makes of it."""
    x, w1, b1, a1, w2, b2, a2 = layers
    m1, m2 = ({"w ⊙ a": w * a, "a": a, "w": w}[matrix] for w, a in ((w1, a1), (w2, a2)))
    z = w1 @ x + b1
    y = w2 @ np.maximum(z, 0) + b2
    one = np.eye(len(y))[target]
    r = {"score": y * one, "one": one, "no bias": (y - b2) * one, "all": y}[start]
    r = _walked(r + b2 if bias else r, m2)
    on = {"z > 0": z > 0, "none": z == z, "no bias": w1 @ x > 0}[gate]
    r = np.where(on, r, 0)
    return _walked(r + b1 if bias else r, m1)


def _walked(g: Array, a: Array) -> Array:
    """Σ_j g_j a_ji of every image."""
    gx = np.zeros((*g.shape[:-1], a.shape[1]))
    for j, i in np.ndindex(*a.shape):
        gx[..., i] += g[..., j] * a[j, i]
    return gx


def _dot(w: Array, a: Array) -> float:
    return float(sum(w[i] * a[i] for i in range(len(w))))


def _place(row: int, column: int, size: int) -> Any:
    return np.s_[:, row * size : (row + 1) * size, column * size : (column + 1) * size]


def _with(image: Array, place: Any, values: Any) -> Array:
    image = image.copy()
    image[place] = values
    return image


def _own_mean(image: Array, place: Any) -> Array:
    """The image with what is at a place as its mean; as it is, where the place is outside."""
    return _with(image, place, image[place].mean(axis=(1, 2), keepdims=True)) if image[place].size else image
