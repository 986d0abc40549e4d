"""Patterns and maps are those of tests/references/patterns.npz, which PyTorch made with explicit patches."""

from __future__ import annotations

import numpy as np
import pytest

import minixai as mx
from minixai.methods import pattern_attribution, pattern_net
from minixai.signal import Patterns, fit_patterns
from tests.references.networks import NETWORKS
from tests.references.patterns import REFERENCES, reference

KINDS = ("linear", "positive", "negative")


@pytest.fixture(params=NETWORKS)
def case(request: pytest.FixtureRequest) -> tuple[str, mx.nn.Module, Patterns]:
    """A network, and all kinds of patterns for all of its layers, fitted batch by batch."""
    name = request.param
    net = NETWORKS[name](mx.nn)
    net.load_state_dict(reference(name, "state"))
    cuts = np.cumsum(REFERENCES[f"{name}/batch_sizes"])[:-1]
    every = {layer.removesuffix(".weight"): KINDS for layer in net.state_dict() if layer.endswith(".weight")}
    batches = np.split(REFERENCES[f"{name}/images"], cuts)
    return name, net, fit_patterns(net, batches, kinds={"default": KINDS, **every}, progress=False)


def test_patterns(case: tuple[str, mx.nn.Module, Patterns]) -> None:
    name, _, fitted = case
    expected = reference(name, "patterns")
    assert {key.split("/")[0] for key in expected} == set(fitted)
    for layer, of_layer in fitted.items():
        for kind in KINDS:
            pattern = expected[f"{layer}/{kind}"]
            np.testing.assert_allclose(
                of_layer.of(kind), pattern, rtol=1e-9, atol=1e-9, err_msg=f"{layer} {kind}"
            )
        np.testing.assert_array_equal(of_layer.positive_count, expected[f"{layer}/count_positive"])
        assert set(expected[f"{layer}/count"]) == {of_layer.count}
        np.testing.assert_allclose(
            fitted.moments[layer].mean_y, expected[f"{layer}/mean_y"], rtol=1e-12, atol=1e-12
        )


def test_the_file_has_dead_and_always_active_neurons() -> None:
    count, fired = (REFERENCES[f"everything/patterns/0/{key}"] for key in ("count", "count_positive"))
    assert (fired == 0).any()
    assert (fired == count).any()


@pytest.mark.parametrize("table", ["positive", "linear"])
def test_maps(case: tuple[str, mx.nn.Module, Patterns], table: str) -> None:
    name, net, fitted = case
    x, targets = (REFERENCES[f"{name}/test/{key}"] for key in ("images", "targets"))
    last = list(fitted)[-1]
    options = {"target": targets, "patterns": fitted, "kind": {"default": table, last: "linear"}}
    signal, attribution = pattern_net(net, x, **options), pattern_attribution(net, x, **options)
    np.testing.assert_allclose(net.predict(x), REFERENCES[f"{name}/test/logits"], rtol=1e-12)
    for method, e in (("pattern_net", signal), ("pattern_attribution", attribution)):
        expected = REFERENCES[f"{name}/{method}/{table}"]
        np.testing.assert_allclose(e.map, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    arrived = REFERENCES[f"{name}/pattern_attribution_sum/{table}"]
    np.testing.assert_allclose(attribution.ledger.arrived, arrived, rtol=1e-9)
