"""Layer-wise relevance propagation, and deep Taylor decomposition.

The explanations have a ledger: the relevance of every layer, and where it leaked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from minixai.methods.catalogue import method
from minixai.methods.question import Answer, Question
from minixai.op import Trait
from minixai.rules import Rules, box, composite, epsilon, epsilon_plus, w_square, z_plus
from minixai.settings import check_rules, finite_array
from minixai.tape import Node, Rule

__all__ = ["deep_taylor", "lrp"]


@method(
    "LRP",
    "attribution",
    shows="the score shared out layer by layer, in proportion to what each input gave",
    wants="a table of rules that covers every operation",
    fails="the map depends on the rules chosen; what biases took stands in the ledger only",
    paper="Bach et al. 2015",
    seed="value",
    ledger=True,
)
def lrp(ask: Question, *, rules: Mapping[Any, Rule] | None = None) -> Rules | Answer:
    """R_i = Σ_j q_ij / Σ_i q_ij · R_j from layer to layer, q by the table of rules (Bach et al. 2015).

    The map and the leaks in `ledger` add up to the score. rules: None means `epsilon_plus()`, z⁺ on
    convolutions and ε on dense layers, where units with z ≤ 0 are silent (ReLU, ReLU6). Behind other
    activations, and layer or group norm, z⁺ rewards wrong inputs: where there is one, None means ε in all
    layers, `composite(conv=epsilon())`, and the explanation says so. What was measured stands in
    experiments/README.md. Any table is taken as a strict one.

    Raises RuleError for an operation that the table does not cover.
    """
    if rules is not None:
        check_rules(ask.call, rules)
        return Rules(rules)
    table, how = default_table(ask)
    return replace(ask.walk(table, ledger=True), how=how)


def default_table(ask: Question) -> tuple[Rules, str]:
    """The table of LRP without rules, and what to say of it where that is not expected."""
    if not any(_speaks_below_zero(node) for node in ask.nodes()):
        return epsilon_plus(), ""
    return composite(conv=epsilon()), "ε in all layers"


def _speaks_below_zero(node: Node) -> bool:
    """Whether a unit before it with z ≤ 0 is not silent."""
    return Trait.RECTIFIER not in node.traits and not {Trait.GATE, Trait.STANDARDISE}.isdisjoint(node.traits)


@method(
    "deep Taylor",
    "attribution",
    shows="as LRP, only what speaks for the score",
    wants="bounds of x for the first layer",
    fails="no evidence against a class; maps of different classes grow alike with depth (Sixt et al. 2020)",
    paper="Montavon et al. 2017",
    seed="value",
    ledger=True,
)
def deep_taylor(ask: Question, *, low: Any = None, high: Any = None) -> Rules:
    """z⁺ in every layer but the first, whose rule follows from the input's domain (Montavon et al. 2017).

    low, high: bounds of x as it reaches the first layer, behind a model's own preprocessing, numbers or
    (c, 1, 1). With both the first rule is z^B; with low = 0 alone it is z⁺; without any it is w². For
    biases ≤ 0 nothing leaks to them.

    Raises RuleError as `lrp`, ValueError for other bounds, or where x lies outside them.
    """
    low, high = (
        None if bound is None else finite_array(ask.call, name, bound)
        for name, bound in (("low", low), ("high", high))
    )
    if low is None and high is None:
        first = w_square()
    elif low is not None and high is not None:
        first = box(low, high)
    elif high is None and not np.any(low):
        first = z_plus()
        if np.any(ask.x < 0):
            raise ValueError(f"deep_taylor: low is 0, but x has values down to {np.min(ask.x):g}")
    else:
        raise ValueError(f"deep_taylor: low is {low}, high {high}, expected both, low = 0 alone, or neither")
    return composite(first, conv=z_plus(), dense=z_plus())
