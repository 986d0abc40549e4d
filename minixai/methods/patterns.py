"""PatternNet and PatternAttribution (Kindermans et al. 2017).

The arguments are those of `minixai.methods.backprop`, and:

patterns: fitted to this model by `signal.fit_patterns`, or {layer: array of the weight's shape}; None
    means those that the model came with (`models.pretrained`).
kind: "positive", "linear", …, or by layer, {"default": "positive", "8": "linear"}: see
    `signal.Patterns.choose`. Layers with no ReLU behind them have linear patterns.
project: divide what a layer passes on by its largest value, image by image. Only the direction of the
    map means something then. For deep networks whose values overflow.

They raise RuleError for an operation that the table does not cover, or patterns that do not fit, and
OverflowError where values overflow, in addition to the errors of all methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minixai import rules
from minixai.methods.backprop import walk_back
from minixai.methods.catalogue import catalogued
from minixai.methods.explanation import Explanation
from minixai.methods.unit import Layer, Neuron
from minixai.nn import Module
from minixai.signal.patterns import Kind, Patterns
from minixai.tape import Array

__all__ = ["pattern_attribution", "pattern_net"]


@catalogued(
    shows="signal: the part of the input that the neurons speak of, layer by layer",
    needs="one walk back; patterns, fitted in one pass over data",
    fails="a mean direction per unit, blurred where signals differ; as good as its patterns",
    paper="Kindermans et al. 2017",
)
def pattern_net(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "value",
    patterns: Patterns | Mapping[str, Array] | None = None,
    kind: Kind = "positive",
    project: bool = False,
) -> Explanation:
    """The gradient with patterns a in place of weights w: x gets Σ_j a_ij·g_j (Kindermans et al. 2017).

    The map estimates the signal in the input that makes up the score, in the input's own channels.
    """
    table = rules.pattern_net(_patterns("pattern_net", model, patterns), kind, project)
    e = walk_back("PatternNet", "signal", model, x, target, layer, neuron, seed, table)
    return _finite("pattern_net", e)


@catalogued(
    shows="attribution: how much each pixel's signal gives to the score",
    needs="one walk back; patterns, fitted in one pass over data",
    fails="as PatternNet; converges to rank 1, whatever the class (Sixt et al. 2020)",
    paper="Kindermans et al. 2017",
)
def pattern_attribution(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "value",
    patterns: Patterns | Mapping[str, Array] | None = None,
    kind: Kind = "positive",
    project: bool = False,
) -> Explanation:
    """The gradient with w ⊙ a in place of w: x gets Σ_j w_ij·a_ij·g_j (Kindermans et al. 2017).

    The map and the leaks in `ledger` (gate, padding, pattern) add up to the score; with project there is
    no ledger.
    """
    table = rules.pattern_attribution(_patterns("pattern_attribution", model, patterns), kind, project)
    name = "PatternAttribution"
    e = walk_back(name, "attribution", model, x, target, layer, neuron, seed, table, ledger=not project)
    return _finite("pattern_attribution", e)


def _patterns(call: str, model: Module, patterns: Any) -> Patterns | Mapping[str, Array]:
    patterns = getattr(model, "patterns", None) if patterns is None else patterns
    if not isinstance(patterns, Mapping):
        came = (
            f"{type(patterns).__name__}, and the model came with none" if patterns is None else repr(patterns)
        )
        raise ValueError(f"{call}: patterns is {came}, expected what signal.fit_patterns returns")
    return patterns


def _finite(call: str, e: Explanation) -> Explanation:
    if not np.isfinite(e.map).all():
        raise OverflowError(f"{call}: values overflow {e.map.dtype} on their way back; try project=True")
    return e
