"""How operations without weights pass relevance on; and the refusals, which name the way on."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.nn import Parameter
from minixai.op import Trait
from minixai.ops.sizes import unbroadcast
from minixai.rules.shares import LRP_TABLE, Shares, booked, per_image, refusal
from minixai.rules.table import maker, saying
from minixai.rules.weighted import quotient
from minixai.tape import Node, Rule, tape_of
from minixai.typing import Array

__all__ = [
    "REFUSED",
    "affine",
    "back_to_its_place",
    "in_proportion",
    "less_the_constant",
    "path_of",
    "refuse",
    "spread_held",
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
    s, leaks = quotient(g, node.value)
    shares = [None if gx is None else x * gx for x, gx in zip(node.arrays, node.op.vjp(s, node), strict=True)]
    kept, constant = booked(shares, node)
    return Shares(kept, bias=constant, zero=leaks["zero"])


def less_the_constant(g: Array, node: Node) -> Shares:
    """y = f(x) entry by entry: R_x = (y − f(0))/y · R, and f(0)/y · R is the bias's; R_x = R where f(0) is 0.

    Exact for LRP-0, ε and γ, whose R is y times something finite.
    """
    path = path_of(node)
    zero = [x if k != path or x is None else np.zeros_like(x) for k, x in enumerate(node.arrays)]
    with np.errstate(divide="ignore", invalid="ignore"):
        result = node.op.forward(*zero, **node.params)
    constant = np.asarray(result[0] if isinstance(result, tuple) else result)
    if not np.isfinite(constant).all():
        what = f"{node.op.name} of 0 is not finite, so that no share of it can be told"
        raise refusal(node, what, "mx.rules.linearised()")
    shared = np.where(constant == 0, 0, g)
    s, leaks = quotient(shared, node.value)
    gx = g - shared + (node.value - constant) * s
    return Shares(to_the_path(gx, node), bias=per_image(constant * s), zero=leaks["zero"])


@saying("fuses")
def affine(g: Array, node: Node) -> Shares:
    """y = s·x + t as it stands alone: R_x = s·x/y · R, and t/y · R is the bias's; exact for LRP-0 and ε.

    Before the first layer with weights R_x = R where s and t are fixed: a model's own preprocessing.
    """
    if Trait.WEIGHTED not in node.before and not _is_trained(node):
        return Shares(to_the_path(g, node))
    return less_the_constant(g, node)


def _is_trained(node: Node) -> bool:
    """Whether a constant is a parameter, or is made of one."""
    constants = (x for x, need in zip(node.inputs, node.needs, strict=True) if x is not None and not need)
    return any(isinstance(leaf, Parameter) for x in constants for leaf in tape_of(x))


def spread_held(g: Array, node: Node) -> Shares:
    """y = (x − m)/σ, row by row, σ taken for a constant: R_x = x·(u − mean u) with u = R/(y·σ); conserves.

    An approximation, LRP-0 of what is linear then (Achtibat et al. 2024).
    """
    (x,), scale = node.arrays, node.saved
    s, leaks = quotient(g, node.value)
    u = s.reshape(len(scale), -1) * scale
    return Shares([x * (u - u.mean(axis=1, keepdims=True)).reshape(x.shape)], zero=leaks["zero"])


def path_of(node: Node) -> int:
    """The number of the input that is the only path."""
    if sum(node.needs) != 1:
        raise refusal(node, "expected one input that comes from what is explained, and constants")
    return node.needs.index(True)


def to_the_path(gx: Array, node: Node) -> list[Array | None]:
    """The cotangents where the only path gets gx, of the output's shape."""
    path = path_of(node)
    return [unbroadcast(gx, x.shape) if k == path else None for k, x in enumerate(node.arrays)]


@saying("refuses")
@maker
def refuse(why: str, offer: str = "a rule of your own", table: str = LRP_TABLE) -> Rule:
    """The rule of what no rule fits: it raises RuleError. offer, table: as `refusal` takes them."""

    def rule(g: Array, node: Node) -> Shares:
        raise refusal(node, why, offer, table)

    return rule


REFUSED: dict[Any, Rule] = {
    Trait.PRODUCT: refuse(
        "a product of two tensors, or a quotient by one, expected one of them to be a constant "
        "(x * sigmoid(x) is mx.ops.silu(x))",
        "mx.rules.linearised(), or of a product mx.rules.halves(), or mx.rules.signal_takes_all(gate=k) "
        "where input k is a gate,",
    ),
    Trait.NORMALISE: refuse("divides by what depends on the input itself", "mx.rules.linearised()"),
    Trait.LOSS: refuse("a loss is no score: explain what it is computed from"),
}
