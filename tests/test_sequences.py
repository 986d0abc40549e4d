"""Networks of sequences give what those of images of one row give; and maps that grow again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import nn, rules
from tests.networks import float64

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 2, 8))
METHODS: dict[str, dict[str, Any]] = {
    "gradient": {},
    "guided_backprop": {},
    "lrp": {},
    "deep_taylor": {"low": X.min(), "high": X.max()},
}


def line() -> nn.Module:
    return float64(
        nn.Sequential(
            nn.Conv1d(2, 4, 3, padding=1, groups=2, rng=0),
            nn.ReLU(),
            nn.Conv1d(4, 5, 3, stride=2, padding=1, dilation=1, rng=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(20, 3, rng=2),
        )
    )


def images_of_one_row() -> nn.Module:
    plane = nn.Sequential(
        nn.Conv2d(2, 4, (1, 3), padding=(0, 1), groups=2),
        nn.ReLU(),
        nn.Conv2d(4, 5, (1, 3), stride=(1, 2), padding=(0, 1)),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(20, 3),
    )
    state = line().state_dict().items()
    plane.load_state_dict({key: a[:, :, None] if a.ndim == 3 else a for key, a in state})
    return plane


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_those_of_images_of_one_row(method: str) -> None:
    explain = getattr(mx.methods, method)
    of_line = explain(line(), X[:3], **METHODS[method])
    of_plane = explain(images_of_one_row(), X[:3, :, None], **METHODS[method])
    assert of_line.map.any()
    np.testing.assert_allclose(of_line.map, of_plane.map[:, :, 0], rtol=1e-12, atol=1e-15)


def test_patterns_have_the_shape_of_the_weight_and_are_those_of_images_of_one_row() -> None:
    models = line(), images_of_one_row()
    batches = X, X[:, :, None]
    fitted = [
        mx.signal.fit_patterns(model, [x], progress=False) for model, x in zip(models, batches, strict=True)
    ]
    for name, patterns in fitted[0].items():
        for kind, a in patterns.by_kind.items():
            assert a.shape == models[0].state_dict()[f"{name}.weight"].shape
            np.testing.assert_allclose(a, fitted[1][name].by_kind[kind].reshape(a.shape), rtol=1e-9)
    for explain in (mx.methods.pattern_net, mx.methods.pattern_attribution):
        of_line, of_plane = (
            explain(model, x[:3], patterns=p).map for model, x, p in zip(models, batches, fitted, strict=True)
        )
        np.testing.assert_allclose(of_line, of_plane[:, :, 0], rtol=1e-9, atol=1e-15)


def hourglass(bias: bool) -> nn.Module:
    return float64(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, 2, 1, bias=bias, rng=0),
            nn.ReLU(),
            nn.ConvTranspose2d(4, 2, 3, 2, 1, 1, groups=2, bias=bias, rng=1),
            nn.ReLU6(),
            nn.Upsample(scale_factor=1.5, mode="bilinear"),
            nn.Upsample((20, 21)),
            nn.AdaptiveMaxPool2d(3),
            nn.Flatten(),
            nn.Linear(18, 2, bias=bias, rng=2),
        )
    )


IMAGES = RNG.standard_normal((3, 2, 8, 8))


def test_lrp_0_of_an_hourglass_without_biases_is_input_times_gradient() -> None:
    model, zero = hourglass(bias=False), rules.epsilon(0)
    table = rules.composite(conv=zero, dense=zero)
    expected = mx.methods.input_x_gradient(model, IMAGES).map
    np.testing.assert_allclose(mx.methods.lrp(model, IMAGES, rules=table).map, expected, atol=1e-14)


@pytest.mark.parametrize(
    "rule", [rules.z_plus(), rules.gamma(0.25), rules.epsilon(0.1), rules.flat(), rules.w_square()], ids=repr
)
def test_the_ledger_of_an_hourglass_closes(rule: Any) -> None:
    e = mx.methods.lrp(hourglass(bias=True), IMAGES, rules=rules.composite(conv=rule))
    assert e.map.any()
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-12)
