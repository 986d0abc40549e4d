"""Relevance along a concept: by loops, in parts that add up, and with a ledger that closes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import minixai as mx
from minixai import concepts, nn
from minixai.errors import RuleError, ShapeError
from minixai.rules import box, composite, epsilon, gamma, z_plus
from tests.networks import float64
from tests.oracles import concept_relevance as oracle
from tests.planted import detector, with_patch

SETS = with_patch(60, 1, 5), with_patch(60, 2, 0)
X = with_patch(3, 9, 5)
ZERO = composite(first=epsilon(0), conv=epsilon(0), dense=epsilon(0))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return detector()


@pytest.fixture(scope="module")
def concept(net: nn.Module) -> concepts.Concept:
    return concepts.fit(net, "1", *SETS)


def at_layer(net: nn.Module, rules) -> tuple[np.ndarray, np.ndarray]:
    """What the layer has, and the relevance that comes to it, by LRP of the rest of the network."""
    h = net.trace(mx.Tensor(X))[1]["1"][0].value
    tail = nn.Sequential(*list(net)[2:])
    return h, mx.methods.lrp(tail, h, 0, rules=rules).map


@pytest.mark.parametrize("direction", ["pattern", "filter", "signal"])
def test_it_is_what_loops_say(net: nn.Module, concept: concepts.Concept, direction: str) -> None:
    r = concepts.relevance(net, X, concept, 0, ZERO, direction)
    h, came = at_layer(net, ZERO)
    w = concept.pattern if direction == "pattern" else concept.filter
    a = concept.filter if direction == "filter" else concept.pattern
    flat = [each.reshape(3, 6, -1) for each in (h, came)]
    kept = oracle.along(*flat, w, a / (w @ a)).reshape(h.shape)
    np.testing.assert_allclose(r.along, kept.sum(axis=(1, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(r.total, came.sum(axis=(1, 2, 3)), atol=1e-12)
    np.testing.assert_allclose(r.share, r.along / r.total)
    ratio = np.divide(kept, h, out=np.zeros_like(h), where=h != 0)  # LRP-0 of the convolution below
    g = mx.backward(net[0](mx.Tensor(X)), ratio * (h > 0), wrt=None)
    (gx,) = [value for leaf, value in g.items() if leaf.shape == X.shape]
    np.testing.assert_allclose(r.explanation.map, X * gx, atol=1e-10)


@pytest.mark.parametrize(
    "rules",
    [
        None,
        ZERO,
        composite(first=box(-9, 9), conv=gamma(0.25), dense=epsilon(1e-2)),
        composite(conv=z_plus()),
    ],
)
@pytest.mark.parametrize("pool", ["mean", None])
def test_the_ledger_closes(net: nn.Module, rules, pool: str | None) -> None:
    c = concepts.fit(net, "1", *SETS, pool=pool)
    for direction in ("pattern", "signal"):
        r = concepts.relevance(net, X, c, 0, rules, direction)
        ledger = r.explanation.ledger
        np.testing.assert_allclose(ledger.gap, 0, atol=1e-10)
        first = ledger.rows[0]
        assert (first.layer, first.op) == ("1", "concept")
        np.testing.assert_allclose(first.came, first.passed_on + sum(first.leaks.values()), atol=1e-12)
        assert "rest" in repr(ledger)


def test_parts_along_orthonormal_directions_add_up_to_lrp(net: nn.Module, concept: concepts.Concept) -> None:
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))
    parts = [concepts.relevance(net, X, replace(concept, pattern=v), 0, ZERO) for v in basis.T]
    np.testing.assert_allclose(sum(part.along for part in parts), parts[0].total, atol=1e-12)
    whole = mx.methods.lrp(net, X, 0, rules=ZERO).map
    np.testing.assert_allclose(sum(part.explanation.map for part in parts), whole, atol=1e-10)


def test_rules_know_what_lies_before_the_layer(net: nn.Module, concept: concepts.Concept) -> None:
    """The convolution behind the layer is not the first one: z^B is for the input only."""
    r = concepts.relevance(net, X, concept, 0, composite(first=box(-9, 9), conv=z_plus(), dense=epsilon(0)))
    _, came = at_layer(net, composite(conv=z_plus(), dense=epsilon(0)))
    np.testing.assert_allclose(r.total, came.sum(axis=(1, 2, 3)), atol=1e-12)


def test_pattern_attribution_runs_along_a_concept_too(net: nn.Module, concept: concepts.Concept) -> None:
    patterns = mx.signal.fit_patterns(net, list(SETS), progress=False)
    r = concepts.relevance(net, X, concept, 0, mx.rules.pattern_attribution(patterns))
    np.testing.assert_allclose(r.explanation.ledger.gap, 0, atol=1e-10)
    assert r.explanation.heading == "relevance of the concept in 1"
    assert repr(r).startswith("relevance of the concept in 1: ")
    assert r.explanation.plot().pixels().std() > 0


def test_bad_arguments(net: nn.Module, concept: concepts.Concept) -> None:
    with pytest.raises(ValueError, match="relevance: direction is 'cav', expected one of 'pattern'"):
        concepts.relevance(net, X, concept, direction="cav")
    with pytest.raises(RuleError, match="the table has no rule for"):
        concepts.relevance(net, X, concept, rules={})
    with pytest.raises(ValueError, match="relevance: x holds NaN"):
        concepts.relevance(net, X * np.nan, concept)
    with pytest.raises(TypeError, match="relevance: model is 'vgg'"):
        concepts.relevance("vgg", X, concept)
    wider = float64(nn.Sequential(nn.Conv2d(1, 3, 8, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(3, 3, rng=0)))
    with pytest.raises(ShapeError, match=r"relevance: layer 1 has \(3, 1, 1\), the concept is \(6,\)"):
        concepts.relevance(wider, X, concept, 0)
    with pytest.warns(concepts.ConceptWarning):
        nothing = concepts.fit(net, "1", with_patch(30, 1, 0), with_patch(60, 2, 0))
    with pytest.raises(ValueError, match="relevance: concept is not found"):
        concepts.relevance(net, X, nothing)
