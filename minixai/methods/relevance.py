"""Layer-wise relevance propagation, and deep Taylor decomposition.

The arguments, and the errors, are those of `minixai.methods.backprop`; the walk starts with the unit's
value. The explanations have a ledger: the relevance of every layer, and where it leaked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.methods.backprop import walk_back
from minixai.methods.catalogue import catalogued
from minixai.methods.explanation import Explanation
from minixai.methods.unit import Layer, Neuron
from minixai.nn import Module
from minixai.rules import Rules
from minixai.rules.relevance import box, composite, epsilon_plus, w_square, z_plus

__all__ = ["deep_taylor", "lrp"]


@catalogued(
    shows="attribution: the score shared out layer by layer, in proportion to what each input gave",
    needs="one walk back; a table of rules that covers every operation",
    fails="the map depends on the rules chosen; what biases took stands in the ledger only",
    paper="Bach et al. 2015",
)
def lrp(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "value",
    rules: Rules | None = None,
) -> Explanation:
    """R_i = Σ_j q_ij / Σ_i q_ij · R_j from layer to layer, q by the table of rules (Bach et al. 2015).

    The map and the leaks in `ledger` add up to the score. rules: None means `epsilon_plus()`, z⁺ on
    convolutions and ε on dense layers; any table is taken as a strict one.

    Raises RuleError for an operation that the table does not cover.
    """
    table = epsilon_plus() if rules is None else rules
    return walk_back("LRP", "attribution", model, x, target, layer, neuron, seed, table, ledger=True)


@catalogued(
    shows="attribution: as LRP, only what speaks for the score",
    needs="one walk back; bounds of x for the first layer",
    fails="no evidence against a class; converges to rank 1, whatever the class (Sixt et al. 2020)",
    paper="Montavon et al. 2017",
)
def deep_taylor(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "value",
    low: Any = None,
    high: Any = None,
) -> Explanation:
    """z⁺ in every layer but the first, whose rule follows from the input's domain (Montavon et al. 2017).

    low, high: bounds of x, numbers or (c, 1, 1). With both the first rule is z^B; with low = 0 alone
    it is z⁺; without any it is w². For biases ≤ 0 nothing leaks to them.

    Raises RuleError as `lrp`, ValueError for other bounds, or where x lies outside them.
    """
    if low is None and high is None:
        first = w_square()
    elif low is not None and high is not None:
        first = box(low, high)
    elif high is None and not np.any(low):
        first = z_plus()
        if np.any(np.asarray(x) < 0):
            raise ValueError(f"deep_taylor: low is 0, but x has values down to {np.min(x):g}")
    else:
        raise ValueError(f"deep_taylor: low is {low}, high {high}, expected both, low = 0 alone, or neither")
    table = composite(first, conv=z_plus(), dense=z_plus())
    return walk_back("deep Taylor", "attribution", model, x, target, layer, neuron, seed, table, ledger=True)
