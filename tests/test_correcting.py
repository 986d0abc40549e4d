"""ClArC: a layer's output without a concept, in this context and thread only."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import minixai as mx
from minixai import concepts, nn
from minixai.errors import ShapeError
from tests.networks import float64
from tests.planted import detector, with_patch

SETS = with_patch(60, 1, 5), with_patch(60, 2, 0)
X = with_patch(4, 9, 5)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return detector()


@pytest.fixture(scope="module")
def concept(net: nn.Module) -> concepts.Concept:
    return concepts.fit(net, "1", *SETS)


def layer(net: nn.Module, name: str = "1") -> np.ndarray:
    return net.trace(mx.Tensor(X))[1][name][0].value


@pytest.mark.parametrize("direction", ["pattern", "filter", "signal"])
@pytest.mark.parametrize("pool", ["mean", None])
def test_along_the_direction_all_images_are_as_the_mean(
    net: nn.Module, pool: str | None, direction: str
) -> None:
    c = concepts.fit(net, "1", *SETS, pool=pool)
    w = c.pattern if direction == "pattern" else c.filter
    a = c.filter if direction == "filter" else c.pattern
    a, before = a / np.sum(w * a), layer(net)
    for mode, mean in (("projective", c.mean_without), ("augmentative", c.mean_with)):
        with concepts.clarc(net, c, mode, direction):
            after, output = layer(net), net.predict(X)
        if pool:
            for place in np.ndindex(8, 8):
                h = before[:, :, *place]
                np.testing.assert_allclose(after[:, :, *place], h - np.outer((h - mean) @ w, a), atol=1e-12)
        else:
            y = ((before - mean) * w).sum(axis=(1, 2, 3))
            np.testing.assert_allclose(after, before - y[:, None, None, None] * a, atol=1e-12)
        tail = nn.Sequential(*list(net)[2:])
        np.testing.assert_allclose(output, tail.predict(after), atol=1e-12)
    np.testing.assert_array_equal(layer(net), before)


def test_it_takes_away_what_the_class_makes_of_the_concept(net: nn.Module, concept: concepts.Concept) -> None:
    marked, clean = net.predict(SETS[0])[:, 0], net.predict(SETS[1])[:, 0]
    with concepts.clarc(net, concept):
        corrected, same = net.predict(SETS[0])[:, 0], net.predict(SETS[1])[:, 0]
    assert corrected.mean() - same.mean() < 0.5 * (marked.mean() - clean.mean())


def test_explanations_are_of_the_edited_model(net: nn.Module, concept: concepts.Concept) -> None:
    step = 1e-6
    with concepts.clarc(net, concept):
        g = mx.methods.gradient(net, X, 0).map
        change = (net.predict(X + step * X) - net.predict(X - step * X))[:, 0] / (2 * step)
        ledger = mx.methods.lrp(net, X, 0, rules=mx.rules.composite(conv=mx.rules.epsilon(1e-6))).ledger
    np.testing.assert_allclose((g * X).sum(axis=(1, 2, 3)), change, atol=1e-5)
    np.testing.assert_allclose(ledger.gap, 0, atol=1e-9)
    assert not np.allclose(g, mx.methods.gradient(net, X, 0).map)


def test_a_model_can_be_trained_in_it(concept: concepts.Concept) -> None:
    """Where all images are as if marked, nothing can be learnt of the mark: its gradient along v is zero."""
    model = detector()
    before = model.state_dict()
    with concepts.clarc(model, concept, "augmentative"):
        nn.fit(model, np.concatenate(SETS), np.repeat([0, 1], 60), epochs=1, progress=False)
    assert not np.array_equal(model.state_dict()["6.weight"], before["6.weight"])


def test_it_holds_in_its_thread_and_ends_with_the_block(net: nn.Module, concept: concepts.Concept) -> None:
    plain, seen = net.predict(X), []
    with concepts.clarc(net, concept):
        here = net.predict(X)
        other = threading.Thread(target=lambda: seen.append(net.predict(X)))
        other.start()
        other.join()
        with mx.no_tape():
            np.testing.assert_array_equal(net.predict(X), here)
        np.testing.assert_array_equal(detector().predict(X), plain)  # another model's layer of this name
    np.testing.assert_array_equal(seen[0], plain)
    assert not np.allclose(here, plain)
    with pytest.raises(RuntimeError, match="mine"), concepts.clarc(net, concept):
        raise RuntimeError("mine")
    np.testing.assert_array_equal(net.predict(X), plain)


def test_edits_add_up(net: nn.Module, concept: concepts.Concept) -> None:
    """The same direction twice is as once; then the mean with the concept is the last word."""
    with concepts.clarc(net, concept, "augmentative"):
        expected = layer(net)
        deeper = concepts.fit(net, "3", *(with_patch(60, k, s) for k, s in ((4, 9), (5, 0))), pool=None)
    with concepts.clarc(net, concept), concepts.clarc(net, concept, "augmentative"):
        np.testing.assert_allclose(layer(net), expected, atol=1e-12)
    with concepts.clarc(net, concept, "augmentative"), concepts.clarc(net, deeper):
        np.testing.assert_array_equal(layer(net), expected)
        assert not np.allclose(layer(net, "3"), 0)


class Twice(nn.Module):
    """A layer that is called twice."""

    def __init__(self) -> None:
        self.relu, self.dense = nn.ReLU(), nn.Linear(5, 5, rng=0)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return self.relu(self.dense(self.relu(x)))


def test_one_call_of_several_cannot_be_edited() -> None:
    model, rng = float64(Twice()), np.random.default_rng(0)
    c = concepts.fit(model, ("relu", 0), rng.normal(3, 1, (30, 5)), rng.normal(0, 1, (30, 5)))
    assert str(c.unit) == "relu, call 0"
    with (
        pytest.raises(
            ValueError, match=r"no layer \('relu', 0\), expected the concept's, named without a call"
        ),
        concepts.clarc(model, c),
    ):
        pass


def test_bad_arguments(net: nn.Module, concept: concepts.Concept) -> None:
    for settings, message in (
        ({"mode": "erase"}, "clarc: mode is 'erase', expected one of 'projective', 'augmentative'"),
        ({"direction": "cav"}, "clarc: direction is 'cav', expected one of 'pattern', 'filter', 'signal'"),
    ):
        with pytest.raises(ValueError, match=message), concepts.clarc(net, concept, **settings):
            pass
    with pytest.raises(TypeError, match="clarc: model is 'vgg'"), concepts.clarc("vgg", concept):
        pass
    other = float64(nn.Sequential(nn.Conv2d(1, 3, 3, rng=0)))
    with pytest.raises(ValueError, match="clarc: the model has no layer '1'"), concepts.clarc(other, concept):
        pass
    wider = float64(nn.Sequential(nn.Conv2d(1, 3, 3, rng=0), nn.ReLU()))
    with (
        pytest.raises(ShapeError, match=r"clarc: layer 1 returns \(4, 3, 6, 6\), the concept is \(6,\)"),
        concepts.clarc(wider, concept),
    ):
        wider.predict(X)
    with pytest.warns(concepts.ConceptWarning):
        nothing = concepts.fit(net, "1", with_patch(30, 1, 0), with_patch(60, 2, 0))
    with pytest.raises(ValueError, match="clarc: concept is not found"), concepts.clarc(net, nothing):
        pass
