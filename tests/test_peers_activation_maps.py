"""Class activation maps beside captum's, and Grad-CAM++ beside nested automatic derivatives."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import methods
from minixai.methods.activation_maps import DenominatorWarning
from tests.peers.compare import assert_close

torch = pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[peers]')")
attr = pytest.importorskip("captum.attr", reason="captum is not installed (pip install -e '.[peers]')")

from tests.peers.networks import as_arrays, one_module, plain  # noqa: E402

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("photo", ["chelsea", "coffee"])
def test_squeezenet_on_photos(photo: str, squeezenets: tuple[Any, Any]) -> None:
    ours, theirs = squeezenets
    x = ours.preprocess(mx.data.photo(photo)).astype(float)
    e = methods.grad_cam(ours, x, layer="features.12", relu=False)
    leaf = torch.tensor(x, requires_grad=True)
    captum = attr.LayerGradCam(theirs, theirs.features[12])
    found = captum.attribute(leaf, int(e.target[0])).detach()
    assert_close(e.layer_map, found[:, 0].numpy())
    upsampled = attr.LayerAttribution.interpolate(found, x.shape[2:], "bilinear")
    assert_close(e.map.sum(1), upsampled[:, 0].numpy())


def test_guided_on_a_photo(squeezenets: tuple[Any, Any]) -> None:
    ours, theirs = squeezenets
    x = ours.preprocess(mx.data.photo("chelsea")).astype(float)
    with warnings.catch_warnings(action="ignore"):  # what captum says of its hooks
        guided = attr.GuidedGradCam(theirs, theirs.features[12])
        found = guided.attribute(torch.tensor(x, requires_grad=True), 285, interpolate_mode="bilinear")
    assert_close(methods.guided_grad_cam(ours, x, layer="features.12"), found.detach().numpy())


@pytest.mark.parametrize("formula", ["exponential", "softmax"])
def test_plus_plus_beside_nested_derivatives(formula: str) -> None:
    """Y′, Y″ and Y‴ of each entry of a layer's maps, one at a time, all others held."""
    torch.manual_seed(0)
    theirs = plain(torch.nn, one_module).double()
    ours = plain(mx.nn, one_module)
    ours.load_state_dict(as_arrays(theirs))
    x = np.random.default_rng(0).standard_normal((1, 3, 10, 10))
    layer = "conv1"
    with warnings.catch_warnings(action="ignore", category=DenominatorWarning):
        e = methods.grad_cam_plus_plus(ours, x, 1, layer, formula=formula, relu=False)
    maps = torch.tensor(ours.trace(mx.Tensor(x))[1][layer][0].value)

    def score(entry: Any, place: tuple[int, ...]) -> Any:
        where = torch.zeros_like(maps)
        where[place] = 1
        logits = theirs.dense(theirs.flatten(torch.relu(maps + where * (entry - maps[place]))))[0]
        return logits[1].exp() if formula == "exponential" else logits.softmax(0)[1]

    weights = np.zeros(maps.shape[1])
    over = float(np.exp(e.score[0])) if formula == "exponential" else 1.0
    for place in np.ndindex(*maps.shape):
        entry = maps[place].clone().requires_grad_()
        y = score(entry, place)
        derivatives = []
        for _ in range(3):
            (y,) = torch.autograd.grad(y, entry, create_graph=True) if y.requires_grad else (0 * entry,)
            derivatives.append(float(y.detach()) / over)
        first, second, third = derivatives
        below = 2 * second + third * float(maps[0, place[1]].sum())
        weights[place[1]] += max(first, 0) * (second / below if below else 0)
    expected = np.einsum("k,khw->hw", weights, maps[0].numpy())
    np.testing.assert_allclose(e.layer_map[0], expected, rtol=1e-8, atol=1e-12 * np.abs(expected).max())
