"""Rules of layer-wise relevance propagation: the relevance R_j of an output is shared among its inputs.

Input i gets R_i = Σ_j q_ij / Σ_i q_ij · R_j. The rules differ in q, most often some form of x_i·w_ij,
and in what else stands in the denominator: what goes to the bias, to ε, or to a denominator that is zero,
is lost on the way, and the rule books it. Everywhere x⁺ = max(x, 0) and x⁻ = min(x, 0). Bach et al. 2015;
Montavon et al. 2017; Montavon et al. 2019.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from minixai.rules.shares import Shares, refusal
from minixai.rules.table import maker, saying
from minixai.rules.weighted import Term, in_shares, layer_of, minus, of, plus
from minixai.settings import finite_array, finite_number
from minixai.tape import Node, Rule
from minixai.typing import Array

__all__ = [
    "alpha_beta",
    "box",
    "epsilon",
    "flat",
    "gamma",
    "norm",
    "pass_through",
    "w_square",
    "z_plus",
]

Bias = Literal["separate", "joint", "ignore"]


@maker
def epsilon(epsilon: float = 1e-6) -> Rule:
    """R_i = Σ_j x_i·w_ij / (z_j + ε·sign z_j) · R_j, with z_j = Σ_i x_i·w_ij + b_j and sign 0 = +1."""
    epsilon = finite_number("epsilon", "epsilon", epsilon, least=0)

    def rule(g: Array, node: Node) -> Shares:
        x, w, b = layer_of(node)
        return in_shares(g, node, (1, [(x, w)], b), z=node.value, epsilon=epsilon)

    return rule


@maker
def gamma(gamma: float = 0.25) -> Rule:
    """Where z_j ≥ 0: q = x⁺·(w + γw⁺) + x⁻·(w + γw⁻), b + γb⁺; else w⁺, w⁻ change places, b + γb⁻."""
    gamma = finite_number("gamma", "gamma", gamma, least=0)

    def rule(g: Array, node: Node) -> Shares:
        x, w, b = layer_of(node)
        xp, xn, wp, wn = plus(x), minus(x), of(w, _more, plus, gamma), of(w, _more, minus, gamma)
        above = node.value >= 0
        return in_shares(
            g,
            node,
            (above, [(xp, wp), (xn, wn)], _more(b, plus, gamma)),
            (~above, [(xp, wn), (xn, wp)], _more(b, minus, gamma)),
        )

    return rule


def _more(w: Array, part: Any, gamma: float) -> Array:
    """w + γw⁺, or w + γw⁻."""
    return w + gamma * part(w)


@saying("assumes silence")
@maker
def alpha_beta(alpha: float = 2, beta: float = 1, bias: Bias = "separate") -> Rule:
    """α times the share with q = x⁺w⁺ + x⁻w⁻ and b⁺, less β times that with q = x⁺w⁻ + x⁻w⁺ and b⁻.

    bias: "separate" is that; "joint" has b in both denominators; "ignore" in none.
    Raises ValueError unless α − β = 1 and β ≥ 0.
    """
    alpha = finite_number("alpha_beta", "alpha", alpha)
    beta = finite_number("alpha_beta", "beta", beta, least=0)
    if not np.isclose(alpha - beta, 1):
        raise ValueError(f"alpha_beta: alpha is {alpha}, beta {beta}, expected alpha − beta = 1")
    if bias not in ("separate", "joint", "ignore"):
        raise ValueError(f"alpha_beta: bias is {bias!r}, expected 'separate', 'joint' or 'ignore'")

    def rule(g: Array, node: Node) -> Shares:
        x, w, b = layer_of(node)
        xp, xn, wp, wn = plus(x), minus(x), of(w, plus), of(w, minus)
        bp, bn = {"separate": (plus(b), minus(b)), "joint": (b, b), "ignore": (0 * b, 0 * b)}[bias]
        excite: Term = (alpha, [(xp, wp), (xn, wn)], bp)
        inhibit: Term = (-beta, [(xp, wn), (xn, wp)], bn)
        return in_shares(g, node, *([excite, inhibit] if beta else [excite]))

    return rule


@saying("assumes silence")
@maker
def z_plus() -> Rule:
    """R_i = Σ_j q_ij / (Σ_i q_ij + b⁺_j) · R_j with q = x⁺w⁺ + x⁻w⁻: α = 1, β = 0."""
    return alpha_beta(1, 0)


@maker
def w_square() -> Rule:
    """R_i = Σ_j w_ij² / Σ_i w_ij² · R_j, the sum over real pixels, not padding."""
    return lambda g, node: in_shares(g, node, _by_weight(node, np.square))


@maker
def flat() -> Rule:
    """R_i = Σ_j 1 / Σ_i 1 · R_j, the sum over real pixels, not padding."""
    return lambda g, node: in_shares(g, node, _by_weight(node, np.ones_like))


@maker
def box(low: Any, high: Any) -> Rule:
    """z^B: q = (x_i − l_i)·w⁺_ij + (x_i − h_i)·w⁻_ij, for inputs l ≤ x ≤ h (Montavon et al. 2017).

    low, high: of what the layer takes, numbers, or arrays that broadcast to it, such as (c, 1, 1).
    The rule raises ValueError where x lies outside.
    """
    low, high = finite_array("box", "low", low), finite_array("box", "high", high)

    def rule(g: Array, node: Node) -> Shares:
        x, w, _ = layer_of(node)
        least, most = (np.broadcast_to(np.asarray(bound, x.dtype), x.shape) for bound in (low, high))
        slack = 1e-5 * (most - least)  # of rounding
        if np.any(x < least - slack) or np.any(x > most + slack):
            raise ValueError(
                f"box: x is in [{x.min():g}, {x.max():g}] at {node.label}, which is not within low and high: "
                "they are bounds of what the layer takes, behind the model's own preprocessing"
            )
        return in_shares(g, node, (1, [(x - least, of(w, plus)), (x - most, of(w, minus))], 0))

    return rule


@maker
def norm() -> Rule:
    """R_i = Σ_j x_i·w_ij / Σ_i x_i·w_ij · R_j: the shares add up to one, the bias gets none."""

    def rule(g: Array, node: Node) -> Shares:
        x, w, _ = layer_of(node)
        return in_shares(g, node, (1, [(x, w)], 0))

    return rule


@maker
def pass_through() -> Rule:
    """R_i = R_i: from the output to the input of the same shape."""

    def rule(g: Array, node: Node) -> Shares:
        if g.shape != (shape := node.arrays[0].shape):
            raise refusal(node, f"pass_through: output {g.shape} and input {shape} differ")
        return Shares([g, *[None] * (len(node.inputs) - 1)])

    return rule


def _by_weight(node: Node, of_weight: Any) -> Term:
    """The term with q_ij = of_weight(w_ij)."""
    x, w, _ = layer_of(node)
    return 1, [(np.ones_like(x), of(w, of_weight))], 0
