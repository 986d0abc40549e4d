"""A layer's activations over batches, and how they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.text import Text

import minixai as mx
from minixai import nn
from minixai.errors import ShapeError
from minixai.methods import activations
from minixai.plot import draw_feature_maps, draw_filters
from tests.networks import float64

RNG = np.random.default_rng(0)


def net() -> nn.Module:
    layers = (
        nn.Conv2d(3, 4, 3, rng=0),
        nn.ReLU(),
        nn.Dropout(0.5, rng=0),
        nn.Flatten(),
        nn.Linear(64, 2, rng=1),
    )
    return float64(nn.Sequential(*layers))


@pytest.mark.parametrize("layer", ["1", "4"])
def test_batches_and_an_array_give_what_the_layer_says(layer):
    model, x = net().train(), RNG.standard_normal((150, 3, 6, 6))
    expected = model.trace(mx.Tensor(x))[1][layer][0].value
    found = activations(model, (x[i : i + 40] for i in range(0, 150, 40)), layer)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(found, activations(model, x, layer))
    means = expected if layer == "4" else expected.mean((2, 3))
    np.testing.assert_allclose(activations(model, x, layer, "mean"), means, rtol=1e-12)
    assert model.training


def test_no_more_than_64_images_pass_at_once(monkeypatch):
    model, sizes = net(), []
    forward = model[0].forward
    monkeypatch.setattr(model[0], "forward", lambda x: (sizes.append(len(x.value)), forward(x))[1])
    activations(model, [RNG.standard_normal((100, 3, 6, 6))] * 2, "1", "mean")
    assert sizes == [64, 36, 64, 36]


def test_wrong_arguments():
    model, x = net(), RNG.standard_normal((2, 3, 6, 6))
    convolution = nn.Sequential(nn.Conv2d(3, 4, 3, rng=0))
    with pytest.raises(
        ShapeError, match=r"^activations: images of different sizes: a batch gives \(4, 5, 5\)"
    ):
        activations(convolution, [x, RNG.standard_normal((2, 3, 7, 7))], "0")
    with pytest.raises(ValueError, match=r"^activations: images holds no batch"):
        activations(model, [], "1")
    with pytest.raises(ValueError, match=r"^activations: layer '9' is not in the model"):
        activations(model, x, "9")
    with pytest.raises(ValueError, match=r"^activations: pool is 'max', expected one of 'mean'"):
        activations(model, x, "1", "max")
    with pytest.raises(ValueError, match=r"activations: .* NaN"):
        activations(model, x * np.nan, "1")


def test_pictures_say_what_is_zero_and_how_far_filters_are_from_patterns():
    maps = np.maximum(RNG.standard_normal((7, 5, 5)), 0)
    maps[2] = 0
    said = [text.get_text() for text in draw_feature_maps(maps).findobj(Text)]
    assert f"7 maps of 5×5, one scale; 1 zero everywhere; the largest is {maps.max():.3g}" in said
    w = RNG.standard_normal((4, 3, 5, 5))
    assert any("median 1." in text.get_text() for text in draw_filters(w, 2 * w).findobj(Text))
    assert any("median −1." in text.get_text() for text in draw_filters(w, -w).findobj(Text))


@pytest.mark.parametrize(
    ("draw", "error"),
    [
        (lambda: draw_feature_maps(np.zeros((3, 3))), ShapeError),
        (lambda: draw_feature_maps(np.full((1, 3, 3), np.nan)), ValueError),
        (lambda: draw_filters(np.zeros((2, 3, 3, 3)), np.zeros((2, 1, 3, 3))), ShapeError),
        (lambda: draw_filters(np.zeros((2, 4, 3, 3)), np.zeros((2, 4, 3, 3))), ShapeError),
    ],
)
def test_what_cannot_be_drawn(draw, error):
    with pytest.raises(error, match=r"^draw_"):
        draw()
