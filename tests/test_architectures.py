"""Networks as they are found × methods: a ledger that closes, or a refusal that says the way on."""

from __future__ import annotations

import numpy as np
import pytest

from minixai import ops, rules
from minixai.errors import RuleError
from minixai.methods import Explanation, guided_backprop, lrp, pattern_attribution, pattern_net
from minixai.rules import Rules
from minixai.signal import fit_patterns
from tests.architectures import IMAGES, MAKE, architecture

DATA = [np.random.default_rng(seed).standard_normal((20, 3, 8, 8)) for seed in (3, 4)]
TABLES: dict[str, Rules | None] = {
    "default": None,
    "epsilon": rules.composite(conv=rules.epsilon()),
    "gamma": rules.composite(conv=rules.gamma()),
    "epsilon_plus": rules.epsilon_plus(),
}
SPEAK = "z⁺, αβ and deep Taylor take a unit with z ≤ 0 for silent"
EXCITES = r"multiply \(layer '3'\): a product of two tensors, .*mx\.rules\.halves\(\), or .*signal_takes_all"
NO_PATTERN = {
    "MobileNet, excitation": r"multiply \(layer '3'\): a product of two tensors has no pattern",
    "U-Net, transposed": r"conv_transpose2d \+ batch_norm \(layer 'up\.0'\): patterns belong to units",
    "ConvNeXt": r"group_norm \(layer '1\.norm'\): divides by .*: it has no pattern",
}
SPEAKING = ("ResNet, ELU", "MobileNet, Hardswish", "MobileNet, excitation", "ConvNeXt")


def assert_closed(e: Explanation) -> None:
    """Each row, and the whole: to 1e-10 of the start."""
    assert e.ledger is not None
    scale = np.abs(e.ledger.start)
    for row in e.ledger.rows:
        out = row.passed_on + sum(row.leaks.values())
        assert np.all(np.abs(out - row.came) < 1e-10 * (scale + np.abs(row.came))), f"{row.layer} {row.op}"
    assert np.all(np.abs(e.ledger.gap) < 1e-10 * scale)
    assert e.map.reshape(len(e.map), -1).any(axis=1).all()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", MAKE)
def test_lrp(name: str, table: str) -> None:
    net = architecture(name)
    refusal = SPEAK if name in SPEAKING and table == "epsilon_plus" else ""
    if refusal or name == "MobileNet, excitation":
        with pytest.raises(RuleError, match=refusal or EXCITES):
            lrp(net, IMAGES, rules=TABLES[table])
        return
    e = lrp(net, IMAGES, rules=TABLES[table])
    assert_closed(e)
    assert (e.method == "LRP") == (table != "default" or name not in SPEAKING)


@pytest.mark.parametrize("rule", [rules.halves(), rules.signal_takes_all(gate=1), rules.linearised()])
def test_what_the_refusal_of_excitation_offers_admits_it(rule: object) -> None:
    table = rules.composite(conv=rules.gamma())
    table[ops.multiply] = rule
    assert_closed(lrp(architecture("MobileNet, excitation"), IMAGES, rules=table))


@pytest.mark.parametrize("name", MAKE)
def test_patterns(name: str) -> None:
    net = architecture(name)
    if name in NO_PATTERN:
        with pytest.raises(RuleError, match=f"fit_patterns: {NO_PATTERN[name]}"):
            fit_patterns(net, DATA, progress=False)
        return
    patterns = fit_patterns(net, DATA, progress=False)
    for layer in patterns.values():
        for wa in layer.wa.values():
            np.testing.assert_allclose(wa * (wa - 1), 0, atol=1e-8)
    assert_closed(pattern_attribution(net, IMAGES, patterns=patterns))
    assert pattern_net(net, IMAGES, patterns=patterns).map.any()


@pytest.mark.parametrize("name", MAKE)
def test_guided_backprop(name: str) -> None:
    """It needs a rectifier: where there is none, it warns that the map is the gradient."""
    net = architecture(name)
    if name == "ConvNeXt":
        with pytest.warns(UserWarning, match="the map is the gradient"):
            guided_backprop(net, IMAGES)
    else:
        assert guided_backprop(net, IMAGES).map.any()
