"""Rules of PatternNet and PatternAttribution: the gradient, with patterns in place of weights.

Kindermans et al. 2017, arXiv 1705.05598, section 5. Both gate at ReLU as the gradient does, and ignore
biases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from minixai import ops
from minixai.errors import RuleError
from minixai.rules.relevance import (
    MOVES,
    POOLS,
    Shares,
    back_to_its_place,
    per_image,
    vjp_with_weight,
    with_weight,
    without_border,
)
from minixai.rules.table import Rules
from minixai.signal.patterns import Kind, Patterns, units_dot
from minixai.tape import Array, Node

__all__ = ["pattern_attribution", "pattern_net"]

ROUNDING = 0.002  # of the terms of wᵀa, in float16; with other weights it is altogether different


def pattern_net(
    patterns: Patterns | Mapping[str, Array], kind: Kind = "positive", project: bool = False
) -> Rules:
    """A strict table: x gets Σ_j a_ij·g_j in place of Σ_j w_ij·g_j; all else as the gradient.

    patterns: fitted ones, or {layer: array of the weight's shape}. kind: see `Patterns.choose`.
    project: divide what a layer passes on by its largest value, image by image, so that deep networks do
        not overflow; then only the direction of the map means something.
    """
    pattern = _finder(patterns, kind)

    def in_place_of_weight(g: Array, node: Node) -> list[Array | None]:
        gx = vjp_with_weight(node, g, pattern(node))
        return [_projected(gx) if project else gx, *[None] * (len(node.inputs) - 1)]

    plain = dict.fromkeys((*MOVES, *POOLS, ops.relu, ops.pad, ops.add), gradient)
    return Rules({**plain, ops.conv2d: in_place_of_weight, ops.linear: in_place_of_weight}, strict=True)


def pattern_attribution(
    patterns: Patterns | Mapping[str, Array], kind: Kind = "positive", project: bool = False
) -> Rules:
    """A strict table: x gets Σ_j w_ij·a_ij·g_j; the rules book what leaks. The arguments are as above.

    gate: to ReLUs that were not active. padding: to pixels outside the image. pattern: where wᵀa is not 1.
    """
    pattern = _finder(patterns, kind)

    def times_weight(g: Array, node: Node) -> Shares:
        w, a = node.arrays[1], pattern(node)
        gx = vjp_with_weight(node, g, w * a)
        wa = units_dot(w, a).reshape(-1, *[1] * (g.ndim - 2))
        inside = with_weight(node, np.ones_like(node.arrays[0][:1]), w * a)  # of wᵀa, where there is an image
        leaks = {"pattern": per_image(g * (1 - wa)), "padding": per_image(g * (wa - inside))}
        return Shares([_projected(gx) if project else gx, *[None] * (len(node.inputs) - 1)], **leaks)

    table = dict.fromkeys(MOVES, back_to_its_place) | dict.fromkeys(POOLS, spread)
    table |= {ops.relu: gate, ops.pad: without_border}
    return Rules({**table, ops.conv2d: times_weight, ops.linear: times_weight}, strict=True)


def gradient(g: Array, node: Node) -> Sequence[Array | None]:
    """The operation's own VJP."""
    return node.op.vjp(g, node)


def gate(g: Array, node: Node) -> Shares:
    """gx = g where x > 0, else 0."""
    return Shares(node.op.vjp(g, node), gate=per_image(np.where(node.value > 0, 0, g)))


def spread(g: Array, node: Node) -> Shares:
    """gx = g / area over each window."""
    inside = node.op.forward(np.ones_like(node.arrays[0][:1]), **node.params)  # a share of the window
    return Shares(node.op.vjp(g, node), padding=per_image(g * (1 - inside)))


def _finder(patterns: Patterns | Mapping[str, Array], kind: Kind) -> Callable[[Node], Array]:
    """The function node -> its layer's pattern, which raises RuleError where that does not fit."""
    chosen: dict[str, tuple[Array, Array | None]]
    if isinstance(patterns, Patterns):
        chosen = dict(patterns.choose(kind))
    else:
        chosen = {name: (np.asarray(a), None) for name, a in patterns.items()}

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


def _projected(gx: Array) -> Array:
    """Every image divided by its largest absolute value."""
    largest = np.abs(gx).max(axis=tuple(range(1, gx.ndim)), keepdims=True)
    return np.divide(gx, largest, out=np.zeros_like(gx), where=largest > 0)
