"""LRP's composites on two small networks beside zennit's maps (0.5.1; float64 files, see their README).

Its stabilisers are 1e-6 on either side, ours stand in ε alone: small denominators show it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minixai as mx

COMPOSITES = {
    "epsilon_plus": mx.rules.epsilon_plus(),
    "epsilon_alpha2_beta1": mx.rules.epsilon_alpha2_beta1(),
    "epsilon_gamma_box(-4,4)": mx.rules.epsilon_gamma_box(-4, 4),
}
TOLERANCE = {("net_b", "epsilon_alpha2_beta1"): 2e-4}  # of the largest value; else 3e-5


def network(file: Any) -> mx.nn.Module:
    """The modules that the file names in PyTorch's words, with its parameters."""
    texts = [text.replace("start_dim=1, end_dim=-1", "") for text in file["modules"]]
    model = mx.nn.Sequential(*(eval(text, vars(mx.nn).copy()) for text in texts))
    model.load_state_dict({key.removeprefix("param."): file[key] for key in file if key.startswith("param.")})
    return model


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("name", ["net_a", "net_b"])
def test_zennit(name: str, composite: str, data_dir: Path) -> None:
    with np.load(data_dir / "zennit" / f"{name}.npz") as file:
        model, x, target = network(file), file["x"], file["target"]
        np.testing.assert_allclose(model.predict(x), file["output"], rtol=1e-12)
        expected = file[f"map.{composite}"]
    e = mx.methods.lrp(model, x, target, rules=COMPOSITES[composite])
    error = np.abs(e.map - expected).max() / np.abs(expected).max()
    assert error < TOLERANCE.get((name, composite), 3e-5)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-12)
