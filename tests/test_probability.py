"""What is taken for the probability of a class, whatever the model ends with: one meaning everywhere."""

from __future__ import annotations

import numpy as np
import pytest

import minixai as mx
from minixai import evaluate, nn, ops
from minixai.evaluate.run import Run
from minixai.methods import perturbation
from tests.networks import float64

X = np.random.default_rng(0).standard_normal((2, 3, 8, 8))
PREPARE = mx.data.Preprocess(8, scale=1 / 255)
PHOTOS = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3), np.uint8)
QUIET = {"progress": False}


def logits(classes: int) -> nn.Module:
    """(n, classes, 1, 1)."""
    rng = np.random.default_rng(2)
    return nn.Sequential(nn.Conv2d(3, 4, 3, rng=rng), nn.ReLU(), nn.Conv2d(4, classes, 6, rng=rng))


class Ending(nn.Module):
    """A network, and what it does with its logits."""

    def __init__(self, classes: int, end) -> None:
        self.net, self.end = logits(classes), end
        float64(self)

    def forward(self, x):
        return self.end(self.net(x))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


ENDINGS = {  # what the model does with its logits → classes, the probabilities, what they are called
    "one logit": (1, ops.flatten, sigmoid, "sigmoid of the logit"),
    "logits": (5, ops.flatten, softmax, "softmax of the logits"),
    "one sigmoid": (1, lambda z: ops.flatten(ops.sigmoid(z)), sigmoid, "the model's own sigmoid"),
    "sigmoids": (5, lambda z: ops.sigmoid(ops.flatten(z)), sigmoid, "the model's own sigmoid"),
    "softmax": (5, lambda z: ops.flatten(ops.softmax(z, 1)), softmax, "the model's own softmax"),
    "log-softmax": (5, lambda z: ops.log_softmax(ops.flatten(z)), softmax, "the model's own log-softmax"),
    "one log-softmax": (
        1,
        lambda z: ops.log_softmax(ops.flatten(z)),
        softmax,
        "the model's own log-softmax",
    ),
    "a slice": (
        5,
        lambda z: ops.softmax(ops.flatten(z))[:, 1:4],
        lambda z: softmax(z)[:, 1:4],
        "the model's own softmax",
    ),
}


@pytest.fixture(params=ENDINGS)
def ending(request):
    """The model, the function x → its probabilities, and what is said of them."""
    classes, end, of_logits, words = ENDINGS[request.param]
    model = Ending(classes, end)

    def probabilities(x):
        return of_logits(model.net.predict(x).reshape(len(x), classes))

    return model, probabilities, f"probability ({words})"


def test_degrade(ending):
    model, probabilities, quantity = ending
    curve = evaluate.degrade(model, X, None, target=0, patch=4, fill=0.5, **QUIET)
    np.testing.assert_allclose(curve.scores[:, 0], probabilities(X)[:, 0])
    np.testing.assert_allclose(curve.scores[:, -1], probabilities(np.full_like(X, 0.5))[:, 0])
    assert curve.quantity == quantity
    assert quantity in repr(curve)
    assert curve.plot().axes[0].get_ylabel() == quantity


def test_insertion_deletion(ending):
    model, probabilities, quantity = ending
    insertion, deletion = evaluate.insertion_deletion(model, X, None, target=0, steps=2, start=0.0, **QUIET)
    for scores, x in (
        (insertion.scores[:, 0], 0 * X),
        (insertion.scores[:, -1], X),
        (deletion.scores[:, 0], X),
    ):
        np.testing.assert_allclose(scores, probabilities(x)[:, 0])
    assert (insertion.quantity, deletion.quantity) == (quantity, quantity)


def test_rise(ending):
    model, probabilities, quantity = ending
    e = mx.methods.rise(model, X, 0, n_masks=20, grid=2, centred=False, **QUIET)
    masks = [perturbation._mask((8, 8), 2, 0.5, np.random.default_rng([0, k])) for k in range(20)]
    expected = sum(probabilities(X * mask)[:, :1, None] * mask for mask in masks) / (20 * 0.5)
    np.testing.assert_allclose(e.map.sum(axis=1), expected)
    assert e.quantity == quantity
    assert any(f"RISE: of the {quantity}." in " ".join(text.get_text().split()) for text in e.plot().texts)


def test_invariance_curves(ending):
    model, probabilities, quantity = ending
    curves = evaluate.invariance_curves(
        model, PHOTOS, 0, layers=["net.1"], transformation="rotation", amounts=[0.0], preprocess=PREPARE
    )
    np.testing.assert_allclose(curves.probability[:, 0], probabilities(PREPARE(PHOTOS))[:, 0], rtol=1e-6)
    assert curves.quantity == quantity
    assert curves.plot().axes[-1].get_title() == quantity


def test_occlusion_sensitivity(ending):
    model, probabilities, quantity = ending
    found = evaluate.occlusion_sensitivity(model, X[:1], 0, layer="net.1", patch=8, **QUIET)
    np.testing.assert_allclose(found.probability, probabilities(0 * X[:1])[:, :1])
    assert found.quantity == quantity
    assert quantity in [axes.get_xlabel() for axes in found.plot().axes]


def test_all_classes_as_the_command_line_prints_them(ending):
    model, probabilities, quantity = ending
    p, said = Run("explain", model, X).probabilities()
    np.testing.assert_allclose(p, probabilities(X))
    assert str(said) == quantity


def test_what_is_called_a_logit_is_one(ending):
    model, *_ = ending
    first = 1 if model.predict(X).shape[1] == 3 else 0
    z = model.net.predict(X).reshape(2, -1)[:, first]
    e = mx.methods.gradient(model, X, 0)
    np.testing.assert_allclose(e.score, z)
    shown = [text.get_text().replace("−", "-") for axes in e.plot().axes for text in axes.texts]
    assert [text for text in shown if text.startswith("logit")] == [f"logit {value:.4g}" for value in z]
