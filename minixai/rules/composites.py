"""Tables of relevance rules, by position and kind of layer."""

from __future__ import annotations

from typing import Any

from minixai import ops
from minixai.op import Trait
from minixai.rules.passing import (
    REFUSED,
    affine,
    back_to_its_place,
    in_proportion,
    less_the_constant,
    refuse,
    spread_held,
    without_border,
)
from minixai.rules.relevance import alpha_beta, box, epsilon, gamma, pass_through, z_plus
from minixai.rules.table import Rules, has, maker
from minixai.tape import Node, Rule
from minixai.typing import Array

__all__ = ["composite", "epsilon_alpha2_beta1", "epsilon_gamma_box", "epsilon_plus"]

NOT_SILENT = refuse(
    "z⁺, αβ and deep Taylor take a unit with z ≤ 0 for silent, which it is not before this operation, and "
    "reward wrong inputs: mx.rules.composite(conv=mx.rules.gamma()), or conv=mx.rules.epsilon(), does not; "
    "gate=mx.rules.pass_through() lets them"
)


def composite(
    first: Rule | None = None,
    conv: Rule | None = None,
    dense: Rule | None = None,
    pool: Rule | None = None,
    gate: Rule | None = None,
) -> Rules:
    """A strict table, with rules by position and kind of layer.

    first: for the layers with no other layer with weights between them and the input; None: as the others.
    conv: `z_plus()` if None. dense: for linear and matmul, `epsilon()` if None. pool: for averages and sums
    within one tensor, `epsilon(0)` if None. gate: for activations; None: as below.

        what an operation is                what it gets
        WEIGHTED, DENSE                     first, conv, dense
        AFFINE behind these, unit by unit   is one layer with them: Σ x·(s·w) + (s·b + t)
        AFFINE elsewhere                    s·x/y · R, exact for LRP-0 and ε; where s and t are not trained,
                                            and before the first layer with weights, R
        POOL                                pool
        MOVE, pad                           R goes back to its place
        RECTIFIER, dropout                  R
        GATE                                (y − f(0))/y · R, exact for LRP-0, ε and γ; refused where a rule
                                            takes a unit with z ≤ 0 for silent (z⁺, αβ)
        STANDARDISE                         x·(u − mean u), u = R/(y·σ), for a constant σ; refused as GATE
        SUM, HOMOGENEOUS                    x ⊙ VJP(R/y), in proportion: exact for LRP-0
        PRODUCT, NORMALISE, LOSS, others    RuleError, which names a rule that admits it
    What a constant would get is booked as a bias's share.
    """
    conv, dense, pool = conv or z_plus(), dense or epsilon(), pool or epsilon(0)
    assumed = gate is None and any(has(rule, "assumes silence") for rule in (first, conv, dense) if rule)
    table: dict[Any, Rule] = {
        Trait.DENSE: dense if first is None else by_position(first, dense),
        Trait.WEIGHTED: conv if first is None else by_position(first, conv),
        Trait.POOL: pool,
        Trait.MOVE: back_to_its_place,
        Trait.RECTIFIER: gate or pass_through(),
        Trait.GATE: NOT_SILENT if assumed else gate or less_the_constant,
        Trait.STANDARDISE: NOT_SILENT if assumed else spread_held,
        Trait.AFFINE: affine,
        Trait.HOMOGENEOUS: in_proportion,
        ops.pad: without_border,
        ops.dropout: pass_through(),
    }
    return Rules({**table, **REFUSED}, strict=True)


def epsilon_plus() -> Rules:
    """z⁺ on convolutions, ε on dense layers."""
    return composite(conv=z_plus(), dense=epsilon())


def epsilon_alpha2_beta1() -> Rules:
    """αβ with α = 2, β = 1 on convolutions, ε on dense layers."""
    return composite(conv=alpha_beta(2, 1), dense=epsilon())


def epsilon_gamma_box(low: Any, high: Any) -> Rules:
    """z^B on the first layer, γ = ¼ on the other convolutions, ε on dense layers.

    low, high: bounds of what the first layer takes, behind a model's own preprocessing: see `box`.
    """
    return composite(first=box(low, high), conv=gamma(0.25), dense=epsilon())


@maker
def by_position(first: Rule, other: Rule) -> Rule:
    """`first` where no layer with weights lies between it and the input, else the other rule."""

    def of(node: Node) -> Rule:
        return other if Trait.WEIGHTED in node.before else first

    def rule(g: Array, node: Node) -> Any:
        return of(node)(g, node)

    rule.__dict__["of"] = of
    return rule
