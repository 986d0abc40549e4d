"""How much of a relevance runs along a concept at a layer, and that part followed to the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minixai.concepts.directions import Split, split
from minixai.concepts.fitting import Concept
from minixai.context import apart
from minixai.errors import ShapeError, speaking_as
from minixai.methods.explanation import Explanation
from minixai.methods.ledger import Ledger, Row, booking
from minixai.methods.question import Answer, Question
from minixai.methods.relevance import default_table
from minixai.methods.unit import select_unit
from minixai.nn import Module
from minixai.nn.module import traced
from minixai.rules import Rules
from minixai.rules.shares import per_image
from minixai.settings import check_rules
from minixai.tape import Rule, Tensor, backward
from minixai.typing import Array

__all__ = ["ConceptRelevance", "relevance"]


@dataclass(frozen=True, eq=False)
class ConceptRelevance:
    """The relevance along a concept. `concepts.relevance` makes it.

    explanation: its map of the input, with a ledger from the layer on. total, along: (n,), the relevance that
    came to the layer, and the part of it along the concept.
    """

    explanation: Explanation
    total: Array
    along: Array

    @property
    def share(self) -> Array:
        """(n,): along / total. It may be negative or more than 1, as relevance may cancel."""
        return self.along / np.where(self.total == 0, np.nan, self.total)

    def __repr__(self) -> str:
        shares = [f"{share:.2f}" for share in self.share[:5]] + ["…"] * (len(self.share) > 5)
        return f"{self.explanation.heading}: {', '.join(shares)} of the relevance at the layer"


def relevance(
    model: Module,
    x: Any,
    concept: Concept,
    target: Any = None,
    rules: Mapping[Any, Rule] | None = None,
    direction: Split = "pattern",
) -> ConceptRelevance:
    """Share out a class's score by a table of rules, and keep at a layer what runs along a concept.

    The layer's output h is taken apart as h = a·wᵀh + rest, with wᵀa = 1. Of the relevance R that came to it,
    unit i keeps R_i = h_i·w_i·Σ_k a_k·R_k/h_k, which add up to Σ_k (a_k·wᵀh)·R_k/h_k; with a concept pooled
    over places, place by place. The same table then shares it out to the input. The parts along orthonormal
    directions add up to R. In the ledger, "rest" is what runs along the rest of h, and "zero" what came to
    units with h_k = 0.

    Args:
        model, x, target: as all methods take them.
        concept: of `concepts.fit`, of a layer that all relevance passes.
        rules: a table, taken as a strict one, such as `rules.composite(…)`, or
            `rules.pattern_attribution(patterns)`; None means those of `methods.lrp` without rules.
        direction: "pattern" takes the pattern for a and w, "filter" the filter; "signal" reads by the filter
            (w) what lies along the pattern (a).

    Returns:
        A `ConceptRelevance`.

    Raises:
        ValueError: as all methods; or the concept was not found in its layer.
        RuleError: an operation that the table does not cover.

    Chormai et al. 2022, arXiv 2212.14855, and Achtibat et al. 2023, arXiv 2206.03208, of which this is the
    case of one direction.
    """
    ask = Question("relevance", model, x, target, seed="value")
    w, a = split("relevance", concept.pattern, concept.filter, direction)
    concept.check_found("relevance")
    if rules is not None:
        check_rules(ask.call, rules)
    table, how = default_table(ask) if rules is None else (Rules(rules), "")
    table.strict = True
    leaf = Tensor(ask.x)

    def walked() -> tuple[Array, Array, list[Row], Array]:
        output, layers = traced(ask.call, model, leaf)
        logit = select_unit(ask.call, output, layers, ask.target).tensor
        inner = select_unit(ask.call, output, layers, layer=concept.layer).tensor
        # With the leaf in wrt, the rules know what lies before the layer.
        came = backward(logit, ask.cotangent, table, wrt=[leaf, inner])[inner]
        kept, row = _along(inner.value, came, w, a, concept)
        rows = [row]
        book = booking(rows, len(ask.x))
        return came, kept, rows, backward(inner, kept, table, wrt=[leaf], observer=book)[leaf]

    with speaking_as(ask.call, "backward", "patterns"):
        came, kept, rows, map_ = apart(walked, recording=True)
    ledger = Ledger(per_image(came), rows, per_image(map_))
    answer = Answer(map_, ledger, quantity=f"the concept in {concept.unit}", how=how)
    explanation = ask.explanation("relevance", "attribution", answer)
    explanation.warn_of_zeros()
    return ConceptRelevance(explanation, per_image(came), per_image(kept))


def _along(h: Array, came: Array, w: Array, a: Array, concept: Concept) -> tuple[Array, Row]:
    """What of the relevance runs along a wᵀ, and its row in the ledger."""
    if (h.shape[1:2] if concept.pool else h.shape[1:]) != w.shape:
        raise ShapeError(f"relevance: layer {concept.unit} has {h.shape[1:]}, the concept is {w.shape}")
    units = tuple(range(1, 1 + w.ndim))
    w, a = (v.astype(h.dtype).reshape(*v.shape, *[1] * (h.ndim - 1 - v.ndim)) for v in (w, a))
    ratio = np.divide(came, h, out=np.zeros_like(came), where=h != 0)
    y = (w * h).sum(axis=units, keepdims=True)
    kept = h * w * (a * ratio).sum(axis=units, keepdims=True)
    leaks = {"rest": per_image((h - a * y) * ratio), "zero": per_image(np.where(h == 0, came, 0))}
    return kept, Row(concept.unit.where, "concept", per_image(came), per_image(kept), leaks)
