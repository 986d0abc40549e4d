"""Patterns beside the formulas of five other implementations, and beside a fit written in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import minixai as mx
from minixai.signal import fit_patterns
from tests.oracles import patterns_peers as peers
from tests.references.networks import NETWORKS
from tests.references.patterns import REFERENCES, reference

pytestmark = pytest.mark.peers

IMPLEMENTATIONS = {
    "the authors' (nn-patterns)": peers.nn_patterns,
    "iNNvestigate 1.0": peers.innvestigate,
    "TorchLRP": peers.torchlrp,
    "pytorch_patternnet": peers.pytorch_patternnet_freiburg,
    "PyTorch-PatternNet": peers.pytorch_patternnet_knurps,
}


def dense(dtype: type) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Batches of different sizes, weight and bias; unit 0 never fires, unit 1 always does."""
    rng = np.random.default_rng(4)
    w, b = rng.normal(size=(6, 5)), rng.normal(size=6)
    b[:2] = -50, 50
    batches = np.split(np.maximum(rng.normal(0.3, 1, (60, 5)), 0), [8, 31])
    return [x.astype(dtype) for x in batches], w.astype(dtype), b.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_dense_layers_agree_with_the_formulas_of_others(name: str, dtype: type) -> None:
    batches, w, b = dense(dtype)
    if name == "the authors' (nn-patterns)":  # which drops an incomplete last batch
        batches = np.split(np.concatenate(batches), 4)
    net = mx.nn.Sequential(mx.nn.Linear(5, 6), mx.nn.ReLU())
    net.load_state_dict({"0.weight": w, "0.bias": b})
    fitted = fit_patterns(net, batches, progress=False)["0"]
    tolerance = 1e-9 if dtype is np.float64 else 1e-4
    theirs = IMPLEMENTATIONS[name](batches, w, b)
    assert set(theirs) & {"linear", "positive"}
    for kind, pattern in theirs.items():
        defined = np.abs(fitted.wa[kind]) > 0.5  # they differ where a denominator is zero
        assert defined.sum() >= 5
        np.testing.assert_allclose(fitted.of(kind)[defined], pattern[defined], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fit_written_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    from benchmarks import torch_patterns

    net = NETWORKS[name](mx.nn)
    net.load_state_dict(reference(name, "state"))
    twin = NETWORKS[name](torch.nn).double()
    twin.load_state_dict({key: torch.from_numpy(a) for key, a in net.state_dict().items()}, strict=False)
    images = np.split(REFERENCES[f"{name}/images"], 4)
    mine = fit_patterns(net, images, progress=False)
    theirs = torch_patterns.fit(twin, [torch.from_numpy(x) for x in images])
    for layer, fitted in mine.items():
        for kind, pattern in fitted.by_kind.items():
            defined = np.abs(fitted.wa[kind]) > 0.5
            np.testing.assert_allclose(
                pattern[defined], theirs[layer][kind].numpy()[defined], rtol=1e-8, atol=1e-9
            )
