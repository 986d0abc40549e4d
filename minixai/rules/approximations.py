"""Rules that a table takes where none is exact: each says what it assumes, and what it gets right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minixai.op import Trait
from minixai.ops.sizes import unbroadcast
from minixai.rules.passing import in_proportion
from minixai.rules.shares import Shares, per_image, refusal
from minixai.rules.table import maker
from minixai.rules.weighted import quotient
from minixai.tape import Node, Rule
from minixai.typing import Array

__all__ = ["halves", "linearised", "signal_takes_all"]

AS_TRAIT = ", as rules[mx.op.Trait.PRODUCT] meets them"


@maker
def halves() -> Rule:
    """z = x·y of two paths: R_x = R_y = R/2, as if each gave as much; conserves. Achtibat et al. 2024.

    Of a product of matrices each gets its terms' halves: R_x = ½ x ⊙ VJP(R/z).
    """

    def rule(g: Array, node: Node) -> Shares:
        zero = [np.zeros_like(x) for x in node.arrays]
        with np.errstate(divide="ignore", invalid="ignore"):
            at_zero = [node.op.forward(*node.arrays[:k], zero[k], *node.arrays[k + 1 :]) for k in (0, 1)]
        if sum(node.needs) != 2 or any(np.any(y != 0) for y in at_zero):
            raise refusal(node, f"halves: expected a product of two paths{AS_TRAIT}", "mx.rules.linearised()")
        shares = in_proportion(g, node)
        return Shares((gx if gx is None else gx / 2 for gx in shares), **shares.leaks)

    return rule


@maker
def signal_takes_all(gate: int) -> Rule:
    """z = x·y where input `gate` (0 or 1) only lets pass: the other gets R. Conserves. Arras et al. 2017."""
    if gate not in (0, 1):
        raise ValueError(f"signal_takes_all: gate is {gate!r}, expected 0 or 1, the number of an input")

    def rule(g: Array, node: Node) -> Shares:
        if sum(node.needs) != 2 or Trait.AFFINE not in node.op.traits_of(replace(node, needs=(True, False))):
            what = f"signal_takes_all: expected a product of two paths, entry by entry{AS_TRAIT}"
            raise refusal(node, what, "mx.rules.linearised()")
        shares = [np.zeros_like(x) for x in node.arrays]
        shares[1 - gate] = unbroadcast(g, node.arrays[1 - gate].shape)
        return Shares(shares)

    return rule


@maker
def linearised() -> Rule:
    """R_i = x_i·Σ_j ∂y_j/∂x_i · R_j/y_j: the tangent at x, an approximation of any operation.

    The rest, of the tangent's constant y − Σ_i x_i·∂y/∂x_i, is booked as a bias's: it closes the ledger
    by construction. Of a softmax it is x_i·(R_i − y_i·Σ_j R_j) (Achtibat et al. 2024).
    """

    def rule(g: Array, node: Node) -> Shares:
        s, leaks = quotient(g, node.value)
        pairs = zip(node.arrays, node.op.vjp(s, node), node.needs, strict=False)
        shares = [None if gx is None or not need else x * gx for x, gx, need in pairs]
        passed = sum((per_image(r) for r in shares if r is not None), start=np.zeros(len(g)))
        return Shares(shares, bias=per_image(node.value * s) - passed, zero=leaks["zero"])

    return rule
