"""Rules of PatternNet and PatternAttribution: the gradient, with patterns in place of weights.

Kindermans et al. 2017, arXiv 1705.05598, section 5. Both gate at activations as the gradient does, and ignore
biases. What is affine is a unit of one input: its pattern is 1/s; batch norm behind a layer is part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from minixai import ops
from minixai.errors import RuleError, came
from minixai.op import Trait
from minixai.ops.sizes import unbroadcast
from minixai.rules.passing import REFUSED, back_to_its_place, path_of, refuse, to_the_path, without_border
from minixai.rules.shares import Shares, per_image
from minixai.rules.table import Rules, maker, saying
from minixai.rules.weighted import vjp_with_weight, with_weight
from minixai.tape import Node, Rule
from minixai.typing import Array

__all__ = ["Given", "Kind", "pattern_attribution", "pattern_net", "units_dot"]

Kind = str | Mapping[str, str]


@runtime_checkable
class Fitted(Protocol):
    """What `signal.fit_patterns` returns."""

    def choose(self, kind: Kind) -> Mapping[str, tuple[Array, Array]]:
        """By layer, the patterns of a kind and their wᵀa."""


Given = Fitted | Mapping[str, Array]
ROUNDING = 0.002  # of the terms of wᵀa, in float16: all that a table, which knows no model, can compare
WAY_ON = ("a rule of your own", "mx.rules.pattern_net(patterns), which mx.backward takes")
REFUSALS: dict[Any, Rule] = {
    **REFUSED,
    Trait.PRODUCT: refuse(
        "a product of two tensors has no pattern (x * sigmoid(x) is mx.ops.silu(x))", *WAY_ON
    ),
    Trait.NORMALISE: refuse("divides by what depends on the input itself: it has no pattern", *WAY_ON),
    Trait.WEIGHTED: refuse(
        "patterns belong to units, and the rows of its weight are none (those of mx.nn.Linear and "
        "convolutions are; an Upsample and a convolution can stand for a transposed one)",
        *WAY_ON,
    ),
}


def pattern_net(patterns: Given, kind: Kind | None = None, rescale: bool = False) -> Rules:
    """A strict table: x gets Σ_j a_ij·g_j in place of Σ_j w_ij·g_j; what moves, pools or gates its gradient.

    Affine steps behind a layer belong to its units; y = s·x + t elsewhere passes on g/s. Of the two paths
    of a sum each gets g/2, an approximation.

    patterns: fitted ones, or {layer: array of the weight's shape}.
    kind: of fitted ones, "positive" if None; see `Patterns.choose`.
    rescale: divide what a layer passes on by its largest value, image by image, so that deep networks do
        not overflow; then only the direction of the map means something.
    """
    table: dict[Any, Rule] = dict.fromkeys((Trait.MOVE, Trait.POOL, Trait.GATE), gradient)
    table |= {
        Trait.UNITS: in_place_of_weight(patterns, kind, rescale),
        Trait.AFFINE: undone,
        Trait.SUM: half_the_gradient,
    }
    return Rules({**table, **REFUSALS}, strict=True)


def pattern_attribution(patterns: Given, kind: Kind | None = None, rescale: bool = False) -> Rules:
    """A strict table: x gets Σ_j w_ij·a_ij·g_j; the rules book what leaks. The arguments are as above.

    gate: to activations, 1 − f′(z) of what comes. padding: to pixels outside the image, or that unpooling
    left empty. pattern: where wᵀa is not 1.
    """
    table: dict[Any, Rule] = {
        Trait.UNITS: times_weight(patterns, kind, rescale),
        Trait.MOVE: back_to_its_place,
        Trait.POOL: spread,
        Trait.GATE: gate,
        Trait.AFFINE: passed_on,
        Trait.SUM: half_each,
        ops.pad: without_border,
    }
    return Rules({**table, **REFUSALS}, strict=True)


@maker
def in_place_of_weight(patterns: Given, kind: Kind | None, rescale: bool) -> Rule:
    """x gets Σ_j a_ij·g_j."""
    pattern = _finder(patterns, kind)

    def rule(g: Array, node: Node) -> list[Array | None]:
        gx = vjp_with_weight(node, g, pattern(node))
        return [_rescaled(gx) if rescale else gx, *[None] * (len(node.inputs) - 1)]

    return rule


@maker
def times_weight(patterns: Given, kind: Kind | None, rescale: bool) -> Rule:
    """x gets Σ_j w_ij·a_ij·g_j; see `pattern_attribution` for the leaks."""
    pattern = _finder(patterns, kind)

    def rule(g: Array, node: Node) -> Shares:
        x, w, *_ = node.arrays
        a = pattern(node)
        gx = vjp_with_weight(node, g, w * a)
        wa = units_dot(w, a).reshape(-1, *[1] * (g.ndim - 2))
        inside = with_weight(node, np.ones_like(x[:1]), w * a)  # of wᵀa, where there is an image
        leaks = {"pattern": per_image(g * (1 - wa)), "padding": per_image(g * (wa - inside))}
        return Shares([_rescaled(gx) if rescale else gx, *[None] * (len(node.inputs) - 1)], **leaks)

    return rule


def gradient(g: Array, node: Node) -> Iterable[Array | None]:
    """The operation's own VJP."""
    return node.op.vjp(g, node)


def half_the_gradient(g: Array, node: Node) -> Iterable[Array | None]:
    """y = x₁ ± x₂ is a unit with weights 1 and ±1: with patterns ½ and ±½, wᵀa = 1. An approximation."""
    return node.op.vjp(g / 2, node)


def half_each(g: Array, node: Node) -> Shares:
    """y = x₁ ± x₂: weights times patterns are ½ and ½, so each gets g/2. An approximation; it conserves."""
    return Shares([None if x is None else unbroadcast(g / 2, x.shape) for x in node.arrays])


@saying("fuses")
def undone(g: Array, node: Node) -> list[Array | None]:
    """y = s·x + t is a unit with one input, whose pattern is 1/s: gx = g/s, and 0 where s is 0."""
    slope = _slope(node)
    return to_the_path(np.divide(g, slope, out=np.zeros_like(g), where=slope != 0), node)


@saying("fuses")
def passed_on(g: Array, node: Node) -> Shares:
    """y = s·x + t: s times its pattern 1/s is 1, so gx = g; where s is 0 there is no pattern, and gx = 0."""
    held_back = np.where(_slope(node) == 0, g, 0)
    return Shares(to_the_path(g - held_back, node), pattern=per_image(held_back))


def _slope(node: Node) -> Array:
    """s of y = s·x + t, of y's shape."""
    path = path_of(node)
    arrays = tuple(
        np.broadcast_to(x, node.value.shape) if k == path else x for k, x in enumerate(node.arrays)
    )
    return np.asarray(list(node.op.vjp(np.ones_like(node.value), replace(node, arrays=arrays)))[path])


def gate(g: Array, node: Node) -> Shares:
    """gx = f′(x)·g; the gate holds back the rest."""
    cotangents = list(node.op.vjp(g, node))
    return Shares(cotangents, gate=per_image(g) - per_image(np.asarray(cotangents[path_of(node)])))


def spread(g: Array, node: Node) -> Shares:
    """gx = g / area over each window."""
    shares = with_weight(node, np.ones_like(node.arrays[0]), np.ones((), g.dtype))  # less than 1 at a border
    whole = np.maximum(shares, 1)
    return Shares(node.op.vjp(g / whole, node), padding=per_image(g * (1 - shares / whole)))


def units_dot(w: Array, a: Array) -> Array:
    """(k,): wᵀa of every unit, in float64."""
    return np.einsum("kd,kd->k", w.reshape(len(w), -1), a.reshape(len(a), -1), dtype=np.float64)


def _finder(patterns: Given, kind: Kind | None) -> Callable[[Node], Array]:
    """The function node -> its layer's pattern, which raises RuleError where that does not fit."""
    chosen: dict[str, tuple[Array, Array | None]]
    if isinstance(patterns, Fitted):
        chosen = dict(patterns.choose("positive" if kind is None else kind))
    elif not isinstance(patterns, Mapping):
        raise TypeError(f"patterns: got {came(patterns)}, expected fitted ones, or {{layer: array}}")
    elif kind is not None:
        raise ValueError(f"patterns: kind is {kind!r}, but {{layer: array}} has one kind: leave it out")
    else:
        chosen = {name: (np.array(a), None) for name, a in patterns.items()}

    def pattern(node: Node) -> Array:
        w, name = node.arrays[1], node.layer or ""
        if name not in chosen:
            raise RuleError(f"patterns: none for layer {name!r}, expected one; there are {', '.join(chosen)}")
        a, wa = chosen[name]
        if a.shape != w.shape:
            raise RuleError(f"patterns: that of layer {name!r} has shape {a.shape}, its weight {w.shape}")
        a = a.astype(w.dtype, copy=False)
        if wa is not None and np.any(
            np.abs(units_dot(w, a) - wa) > ROUNDING * (1 + units_dot(abs(w), abs(a)))
        ):
            raise RuleError(f"patterns: those of layer {name!r} were fitted to other weights, as wᵀa shows")
        return a

    return pattern


def _rescaled(gx: Array) -> Array:
    """Every image divided by its largest absolute value."""
    largest = np.abs(gx).max(axis=tuple(range(1, gx.ndim)), keepdims=True)
    return np.divide(gx, largest, out=np.zeros_like(gx), where=largest > 0)
