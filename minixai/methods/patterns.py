"""PatternNet and PatternAttribution (Kindermans et al. 2017): their settings are the same.

patterns: fitted to this model by `signal.fit_patterns`, or {layer: array of the weight's shape}; None
    means those that the model came with (`models.pretrained`).
kind: of fitted patterns, "positive" (None), "linear", …, or by layer, {"default": "positive", "8": "linear"}:
    see `signal.Patterns.choose`. Layers with no ReLU behind them have linear patterns.
rescale: divide what a layer passes on by its largest value, image by image. Only the direction of the
    map means something then. For deep networks whose values overflow.

They raise RuleError for an operation that the table does not cover, or arrays that do not fit, ValueError for
patterns of another model, and OverflowError where values overflow, in addition to the errors of all methods.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minixai import rules
from minixai.errors import speaking_as
from minixai.methods.catalogue import method
from minixai.methods.question import Answer, Question
from minixai.rules.patterns import Given, Kind
from minixai.settings import finite_array
from minixai.signal.patterns import Patterns, check_patterns

__all__ = ["pattern_attribution", "pattern_net"]


@method(
    "PatternNet",
    "signal",
    shows="the part of the input that the neurons speak of, layer by layer",
    wants="patterns, fitted in one pass over data",
    fails="a mean direction per unit, blurred where signals differ; as good as its patterns",
    paper="Kindermans et al. 2017",
    seed="value",
)
def pattern_net(
    ask: Question,
    *,
    patterns: Given | None = None,
    kind: Kind | None = None,
    rescale: bool = False,
) -> Answer:
    """The gradient with patterns a in place of weights w: x gets Σ_j a_ij·g_j (Kindermans et al. 2017).

    The map estimates the signal in the input that makes up the score, in the input's own channels.
    """
    with speaking_as(ask.call, "patterns"):
        table = rules.pattern_net(_patterns(ask, patterns), kind, rescale)
    return _finite(ask, ask.walk(table))


@method(
    "PatternAttribution",
    "attribution",
    shows="how much each pixel's signal gives to the score",
    wants="patterns, fitted in one pass over data",
    fails="as PatternNet; maps of different classes grow alike with depth (Sixt et al. 2020)",
    paper="Kindermans et al. 2017",
    seed="value",
)
def pattern_attribution(
    ask: Question,
    *,
    patterns: Given | None = None,
    kind: Kind | None = None,
    rescale: bool = False,
) -> Answer:
    """The gradient with w ⊙ a in place of w: x gets Σ_j w_ij·a_ij·g_j (Kindermans et al. 2017).

    The map and the leaks in `ledger` (gate, padding, pattern) add up to the score; with rescale there is
    no ledger.
    """
    with speaking_as(ask.call, "patterns"):
        table = rules.pattern_attribution(_patterns(ask, patterns), kind, rescale)
    return _finite(ask, ask.walk(table, ledger=not rescale))


def _patterns(ask: Question, patterns: Given | None) -> Given:
    found = getattr(ask.model, "patterns", None) if patterns is None else patterns
    if found is None:
        what = "None, and the model came with none"
        raise ValueError(f"{ask.call}: patterns is {what}, expected those of signal.fit_patterns")
    if isinstance(found, Mapping) and not isinstance(found, Patterns):
        return {name: finite_array(ask.call, "patterns", a) for name, a in found.items()}
    check_patterns(ask.call, found).check_model(ask.call, ask.model)
    return found


def _finite(ask: Question, answer: Answer) -> Answer:
    if not np.isfinite(answer.map).all():
        dtype = answer.map.dtype
        raise OverflowError(f"{ask.call}: values overflow {dtype} on their way back; try rescale=True")
    return answer
