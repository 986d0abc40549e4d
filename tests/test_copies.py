"""Copies are the thing itself: by copy, deepcopy and pickle, and in a spawned process."""

from __future__ import annotations

import concurrent.futures
import copy
import multiprocessing
import pickle
from typing import Any

import cloudpickle
import numpy as np
import pytest

import minixai as mx
from minixai import nn, ops
from minixai.op import Op
from minixai.rules import Rules
from tests.networks import cast

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "cloudpickle": lambda thing: pickle.loads(cloudpickle.dumps(thing)),
}
X = np.random.default_rng(0).standard_normal((4, 2, 6, 6)).astype(np.float32)
Y = np.array([0, 1, 2, 0])

parametrize = pytest.mark.parametrize("kind", COPIES)
pytestmark = pytest.mark.filterwarnings("ignore::minixai.methods.ZeroMapWarning")


class Tied(nn.Module):
    """Batch norm, dropout, an operation as an attribute, and a layer and a parameter under two names."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.conv, self.norm = nn.Conv2d(2, 4, 3, padding=1, rng=rng), nn.BatchNorm2d(4)
        self.act, self.drop = ops.relu, nn.Dropout(0.5, rng=rng)
        self.body = [nn.Linear(4 * 36, 12, rng=rng), nn.Linear(12, 12, rng=rng)]
        self.again = self.body[1]
        self.head = nn.Linear(12, 3, rng=rng)
        self.head.bias = nn.Parameter(np.zeros(3, np.float32))
        self.shift = self.head.bias

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        x = self.drop(ops.flatten(self.act(self.norm(self.conv(x)))))
        for layer in (*self.body, self.again):
            x = self.act(layer(x))
        return self.head(x) + self.shift


def trained() -> Tied:
    model = Tied()
    nn.fit(model, X, Y, 2, 2, progress=False)
    return model


def seen(model: nn.Module) -> dict[str, np.ndarray]:
    """Predictions, maps, and the gradients of all parameters, in eval mode."""
    found = {"prediction": model.predict(X)}
    for name in ("gradient", "guided_backprop", "deconvnet"):
        found[name] = getattr(mx.methods, name)(model, X).map
    g = mx.backward(ops.cross_entropy(model.eval()(X), Y))
    return found | {name: g[parameter] for name, parameter in model.named_parameters()}


def fitted(model: nn.Module) -> dict[str, np.ndarray]:
    """The state after another fit: dropout goes on with its own draws, running averages where they were."""
    nn.fit(model, X, Y, 2, 2, nn.SGD(model.parameters(), 0.05, 0.9), progress=False)
    return model.state_dict()


def in_spawned_process(function: Any, *args: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as executor:
        return executor.submit(function, *args).result(120)


def assert_equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@parametrize
def test_every_operation_is_itself(kind: str) -> None:
    every = [op for name in ops.__all__ if isinstance(op := getattr(ops, name), Op)]
    assert all(COPIES[kind](op) is op for op in every)


@parametrize
def test_a_copied_model_gives_the_same_maps_and_gradients(kind: str) -> None:
    model = trained()
    again = COPIES[kind](model)
    assert list(again.state_dict()) == list(model.state_dict())
    assert again.again is again.body[1]
    assert again.shift is again.head.bias
    assert_equal(seen(again), seen(model))


@pytest.mark.parametrize("kind", ["deepcopy", "pickle", "cloudpickle"])
def test_a_copied_model_trains_as_the_model_would(kind: str) -> None:
    model = trained()
    again, before = COPIES[kind](model), model.state_dict()
    after = fitted(again)
    assert any(np.any(after[key] != before[key]) for key in before)
    assert_equal(model.state_dict(), before)  # they share nothing
    assert_equal(fitted(model), after)


def explained_and_fitted(model: Tied) -> tuple[Any, ...]:
    return seen(model), fitted(model)


def test_a_model_in_a_spawned_process_is_the_same() -> None:
    model = trained()
    theirs, state = in_spawned_process(explained_and_fitted, model)
    assert_equal(theirs, seen(model))
    assert_equal(state, fitted(model))


def test_an_optimiser_is_pickled_with_its_model() -> None:
    model = trained()
    adam = nn.Adam(model.parameters())
    nn.fit(model, X, Y, 1, 2, adam, progress=False)
    again, its = pickle.loads(pickle.dumps((model, adam)))
    for each, optimiser in ((model, adam), (again, its)):
        nn.fit(each, X, Y, 1, 2, optimiser, progress=False)
    assert_equal(again.state_dict(), model.state_dict())


@parametrize
def test_a_copied_tensor_is_a_leaf_of_its_own(kind: str) -> None:
    y = mx.Tensor(np.ones(2)) * 2
    again = COPIES[kind](y)
    assert again.node is None
    assert again.number > y.number
    assert not again.value.flags.writeable
    np.testing.assert_array_equal(mx.backward(again * 3)[again], 3)
    assert type(COPIES[kind](nn.Parameter(np.ones(2)))) is nn.Parameter


@parametrize
def test_a_copied_explanation_is_the_same_and_draws_itself(kind: str) -> None:
    model = mx.models.pretrained("cifar10_maxpool")
    x = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
    e = mx.methods.lrp(model, x)
    again = COPIES[kind](e)
    for name, value in vars(e).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(again, name), value)
    assert (again.method, again.kind, again.unit) == (e.method, e.kind, e.unit)
    assert repr(again.ledger) == repr(e.ledger)
    again.plot()


def small() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(2, 4, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3, rng=1))
    return cast(net, np.float64)


@parametrize
def test_copied_patterns_are_the_same(kind: str) -> None:
    patterns = mx.signal.fit_patterns(small(), [X], progress=False)
    again = COPIES[kind](patterns)
    assert repr(again) == repr(patterns)
    e = [mx.methods.pattern_attribution(small(), X, patterns=p).map for p in (patterns, again)]
    np.testing.assert_array_equal(*e)
    assert repr(again.merge(patterns)) == repr(patterns.merge(again))


def tables() -> dict[str, Rules]:
    patterns = mx.signal.fit_patterns(small(), [X], progress=False)
    return {
        "deconvnet": mx.rules.deconvnet(),
        "guided_backprop": mx.rules.guided_backprop(),
        "composite": mx.rules.composite(first=mx.rules.w_square(), conv=mx.rules.gamma()),
        "epsilon_plus": mx.rules.epsilon_plus(),
        "pattern_net": mx.rules.pattern_net(patterns),
        "pattern_attribution": mx.rules.pattern_attribution(patterns),
        "one's own": Rules({ops.relu: lambda g, node: (g * (node.value > 0),)}),
    }


def walked(pickled: bytes) -> dict[str, np.ndarray]:
    """The maps of all tables."""
    model = small()

    def through(rules: Rules) -> np.ndarray:
        x = mx.Tensor(X.astype(np.float64))
        return mx.backward(model(x), rules=rules, wrt=[x])[x]

    return {name: through(rules) for name, rules in pickle.loads(pickled).items()}


def test_tables_by_cloudpickle_give_the_same_maps_here_and_in_a_spawned_process() -> None:
    here = tables()
    expected = {name: walked(cloudpickle.dumps({name: rules}))[name] for name, rules in here.items()}
    model, x = small(), mx.Tensor(X.astype(np.float64))
    for name, rules in here.items():
        np.testing.assert_array_equal(expected[name], mx.backward(model(x), rules=rules, wrt=[x])[x], name)
    plain = mx.backward(model(x), wrt=[x])[x]
    assert [name for name in here if np.array_equal(expected[name], plain)] == ["one's own"]
    assert_equal(in_spawned_process(walked, cloudpickle.dumps(here)), expected)


def test_an_operation_of_a_notebook_is_found_where_the_notebook_runs_and_else_missed_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def twice(x: Any) -> Any:
        return 2 * x

    twice.__module__, twice.__qualname__ = "__main__", "twice"
    op = mx.op.operation(mx.op.Trait.GATE)(twice)
    monkeypatch.setattr("__main__.twice", op, raising=False)
    for copied in COPIES.values():
        assert copied(op) is op
    pickled = pickle.dumps(op)
    monkeypatch.delattr("__main__.twice")
    assert copy.deepcopy(op) is op
    with pytest.raises(
        pickle.UnpicklingError, match=r"^twice: the operation was defined in a notebook .* module"
    ):
        pickle.loads(pickled)
