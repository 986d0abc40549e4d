"""How operations without weights pass relevance on; and the refusals, which name the way on."""

from __future__ import annotations

import numpy as np

from minixai.op import Trait
from minixai.ops.sizes import unbroadcast
from minixai.rules.shares import Shares, booked, per_image, refusal
from minixai.rules.table import maker
from minixai.rules.weighted import quotient
from minixai.tape import Node, Rule
from minixai.typing import Array

__all__ = [
    "REFUSED",
    "back_to_its_place",
    "in_proportion",
    "less_the_constant",
    "path_of",
    "refuse",
    "to_the_path",
    "without_border",
]


def back_to_its_place(g: Array, node: Node) -> Shares:
    """R_x = the VJP of what only moves entries. What constants get is booked as a bias's share."""
    shares, constant = booked(node.op.vjp(g, node), node)
    return Shares(shares, bias=constant)


def without_border(g: Array, node: Node) -> Shares:
    """R_x = the VJP of padding. The border is a constant: its relevance is booked as a bias's share."""
    (x,) = node.arrays
    border = np.pad(np.zeros_like(x), node.params["widths"], constant_values=1)
    return Shares(node.op.vjp(g, node), bias=per_image(border * g))


def in_proportion(g: Array, node: Node) -> Shares:
    """R_x = x ⊙ VJP(R/y): all of R where y(c·x) = c·y(x), as for a sum x + y, where it is x/(x + y)·R."""
    s, dropped = quotient(g, node.value)
    shares = [None if gx is None else x * gx for x, gx in zip(node.arrays, node.op.vjp(s, node), strict=True)]
    kept, constant = booked(shares, node)
    return Shares(kept, bias=constant, zero=per_image(dropped))


def less_the_constant(g: Array, node: Node) -> Shares:
    """y = s·x + t: R_x = (y − t)/y · R, and t/y · R is the bias's; R_x = R where t is 0."""
    path = path_of(node)
    zero = [x if k != path or x is None else np.zeros_like(x) for k, x in enumerate(node.arrays)]
    t = node.op.forward(*zero, **node.params)
    s, dropped = quotient(g, node.value)
    gx, lost = np.where(t == 0, g, (node.value - t) * s), np.where(t == 0, 0, dropped)
    return Shares(to_the_path(gx, node), bias=per_image(t * s), zero=per_image(lost))


def path_of(node: Node) -> int:
    """The number of the input that is the only path."""
    if sum(node.needs) != 1:
        raise refusal(node, "expected one input that comes from what is explained, and constants")
    return node.needs.index(True)


def to_the_path(gx: Array, node: Node) -> list[Array | None]:
    """The cotangents where the only path gets gx, of the output's shape."""
    path = path_of(node)
    return [unbroadcast(gx, x.shape) if k == path else None for k, x in enumerate(node.arrays)]


@maker
def refuse(why: str) -> Rule:
    """The rule of what no rule fits: it raises RuleError."""

    def rule(g: Array, node: Node) -> Shares:
        raise refusal(node, f"{why}; rules[mx.ops.{node.op.name}] = a rule of your own admits it")

    return rule


REFUSED = {
    trait: refuse(why)
    for trait, why in {
        Trait.GATE: "of activations only ReLU has a rule",
        Trait.PRODUCT: "a product of two tensors, expected one of them to be a constant",
        Trait.NORMALISE: "divides by what depends on the input itself",
        Trait.LOSS: "a loss is no score: explain what it is computed from",
    }.items()
}
