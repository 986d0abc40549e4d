"""PatternNet and PatternAttribution: the gradient with other weights, and a ledger that adds up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import nn, ops, rules
from minixai.errors import RuleError
from minixai.methods import ZeroMapWarning, gradient, pattern_attribution, pattern_net
from minixai.signal import Patterns, fit_patterns
from tests.networks import cast, float64, randomised
from tests.oracles import patterns as oracle


class Branched(nn.Module):
    """Padding, stride, groups, an average pool with padding, a concatenation, a pad, a layer called twice."""

    def __init__(self) -> None:
        self.first = nn.Conv2d(2, 6, 3, stride=2, padding=2, rng=0)
        self.left = nn.Conv2d(6, 4, 3, padding=1, groups=2, rng=1)
        self.right = nn.Conv2d(6, 4, 1, rng=2)
        self.twice = nn.Conv2d(8, 8, 3, padding=1, rng=3)
        self.dense = nn.Linear(8, 3, rng=4)
        self.relu = nn.ReLU()

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        x = self.relu(self.first(x))
        x = ops.max_pool2d(ops.pad(x, ((0, 0), (0, 0), (1, 0), (0, 1))), 2)
        x = ops.concat(self.relu(self.left(x)), self.relu(self.right(x)))
        x = self.relu(self.twice(self.relu(self.twice(x))))
        x = ops.avg_pool2d(x, 3, stride=2, padding=1)
        return self.dense(ops.flatten(ops.adaptive_avg_pool2d(x, 1)))


X = np.random.default_rng(5).random((3, 2, 9, 10))
DATA = [np.random.default_rng(seed).random((20, 2, 9, 10)) for seed in (1, 2)]


@pytest.fixture(scope="module")
def net() -> mx.nn.Module:
    return float64(Branched())


@pytest.fixture(scope="module")
def patterns(net: mx.nn.Module) -> Patterns:
    return fit_patterns(net, DATA, progress=False)


def weights_of(net: mx.nn.Module) -> dict[str, np.ndarray]:
    return {k.removesuffix(".weight"): v for k, v in net.state_dict().items() if k.endswith(".weight")}


@pytest.mark.parametrize("seed", ["one", "value"])
def test_with_a_equal_to_w_pattern_net_is_the_gradient(net: mx.nn.Module, seed: str) -> None:
    expected = gradient(net, X, seed=seed)
    e = pattern_net(net, X, seed=seed, patterns=weights_of(net))
    np.testing.assert_array_equal(e.map, expected.map)
    assert (e.method, e.kind, e.ledger) == ("PatternNet", "signal", None)


def test_with_a_equal_to_one_pattern_attribution_is_the_gradient(net: mx.nn.Module) -> None:
    ones = {name: np.ones_like(w) for name, w in weights_of(net).items()}
    e = pattern_attribution(net, X, seed="one", patterns=ones)
    np.testing.assert_allclose(e.map, gradient(net, X).map, rtol=1e-12)


def test_patterns_take_the_place_of_weights(net: mx.nn.Module, patterns: Patterns) -> None:
    """The gradient of a network that has patterns for weights, and the gates of the first."""
    gates = iter([np.maximum(t.value, 0) > 0 for t in relu_outputs(net, X)])
    other = float64(Branched())
    state = net.state_dict() | {f"{k}.weight": a for k, (a, _) in patterns.choose("positive").items()}
    other.load_state_dict(state)
    other.relu.forward = lambda x: x * next(gates).astype(x.dtype)
    leaf = mx.Tensor(X)
    target = net.predict(X).argmax(axis=1)
    seeds = np.eye(3)[target] * net.predict(X)
    expected = mx.backward(rerouted(other.eval()(leaf), net, X), seeds, wrt=[leaf])[leaf]
    np.testing.assert_allclose(pattern_net(net, X, patterns=patterns).map, expected, rtol=1e-9, atol=1e-12)


def relu_outputs(net: mx.nn.Module, x: np.ndarray) -> list[mx.Tensor]:
    return net.eval().trace(mx.Tensor(x))[1]["relu"]


def rerouted(output: mx.Tensor, net: mx.nn.Module, x: np.ndarray) -> mx.Tensor:
    """The same output, with the switches of the net's own max pooling."""
    from minixai.tape import tape_of

    mine, its = (
        [t.node for t in tape_of(out) if t.node and t.node.op is ops.max_pool2d]
        for out in (output, net.eval()(mx.Tensor(x)))
    )
    for node, original in zip(mine, its, strict=True):
        object.__setattr__(node, "saved", original.saved)
    return output


@pytest.mark.parametrize("kind", ["positive", "linear", "negative", {"first": "linear"}])
def test_the_ledger_adds_up(net: mx.nn.Module, patterns: Patterns, kind: str) -> None:
    e = pattern_attribution(net, X, patterns=patterns, kind=kind)
    assert list(e.ledger.leaks) == ["bias", "gate", "padding", "pattern"]
    for row in e.ledger.rows:
        np.testing.assert_allclose(row.passed_on + sum(row.leaks.values()), row.came, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(e.ledger.start, e.score, rtol=1e-12)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-9 * np.abs(e.score).max())
    for reason in ("gate", "padding"):
        assert np.abs(e.ledger.leaks[reason]).min() > 1e-9, reason
    assert "gate" in repr(e.ledger)
    assert len(e.ledger.rows) == 17  # one for each operation


def test_units_without_a_pattern_leak_all_that_comes(net: mx.nn.Module, patterns: Patterns) -> None:
    silent = {name: a.copy() for name, (a, _) in patterns.choose().items()}
    silent["first"][:] = 0
    with pytest.warns(ZeroMapWarning):
        e = pattern_attribution(net, X, patterns=silent)
    assert not e.map.any()
    row = e.ledger.rows[-1]
    np.testing.assert_allclose(row.leaks["pattern"], row.came)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-9 * np.abs(e.score).max())


def test_padding_is_what_lies_outside(net: mx.nn.Module, patterns: Patterns) -> None:
    """Without padding, wᵀa = 1 lets nothing leak at a convolution."""
    plain = float64(nn.Sequential(nn.Conv2d(2, 4, 3, rng=0), nn.ReLU(), nn.Conv2d(4, 3, 3, rng=1)))
    p = fit_patterns(plain, DATA, progress=False)
    e = pattern_attribution(plain, X, layer="2", neuron=(0, "max"), patterns=p)
    assert abs(e.ledger.leaks["padding"]).max() < 1e-12
    assert abs(e.ledger.leaks["pattern"]).max() < 1e-12
    np.testing.assert_allclose(e.map.sum(axis=(1, 2, 3)) + e.ledger.leaks["gate"], e.score)


@pytest.mark.parametrize("method", [pattern_net, pattern_attribution])
def test_projection_keeps_the_direction(method, net: mx.nn.Module, patterns: Patterns) -> None:
    """Where all relevance goes one way, projection changes the map's length only."""
    plain = float64(nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, rng=0), nn.ReLU(), nn.Conv2d(4, 3, 3, rng=1)))
    p = fit_patterns(plain, DATA, progress=False)
    free, projected = (method(plain, X, layer="2", neuron=(0, "max"), patterns=p, rescale=f) for f in (0, 1))
    for a, b in zip(free.map, projected.map, strict=True):
        np.testing.assert_allclose(a / np.abs(a).max(), b, rtol=1e-9, atol=1e-12)
    assert projected.ledger is None


def test_overflow_is_never_silent(net: mx.nn.Module) -> None:
    deep = nn.Sequential(*(nn.Linear(3, 3, bias=False, rng=0) for _ in range(30)))
    state = {key: np.eye(3, dtype=np.float32) for key in deep.state_dict()}
    deep.load_state_dict(state)
    large = {name: np.eye(3) * 100 for name in weights_of(deep)}
    x = np.ones((2, 3), np.float32)
    for method in (pattern_net, pattern_attribution):
        with np.errstate(all="ignore"), pytest.raises(OverflowError, match="try rescale=True"):
            method(deep, x, patterns=large)
        assert np.isfinite(method(deep, x, patterns=large, rescale=True).map).all()


def test_one_kind_for_a_layer(net: mx.nn.Module, patterns: Patterns) -> None:
    mixed = {
        name: layer.of("linear" if name in ("first", "dense") else "positive")
        for name, layer in patterns.items()
    }
    a = pattern_net(net, X, patterns=patterns, kind={"default": "positive", "first": "linear"})
    np.testing.assert_array_equal(a.map, pattern_net(net, X, patterns=mixed).map)


@pytest.mark.parametrize("method", [pattern_net, pattern_attribution])
def test_bad_patterns(method, net: mx.nn.Module, patterns: Patterns) -> None:
    with pytest.raises(ValueError, match="patterns is None, and the model came with none"):
        method(net, X)
    with pytest.raises(
        TypeError, match=r"patterns is 3, expected fitted patterns: minixai.signal.fit_patterns"
    ):
        method(net, X, patterns=3)
    chosen = {name: a for name, (a, _) in patterns.choose().items()}
    del chosen["left"]
    with pytest.raises(RuleError, match="none for layer 'left', expected one; there are first"):
        method(net, X, patterns=chosen)
    with pytest.raises(RuleError, match=r"layer 'first' has shape \(3,\), its weight \(6, 2, 3, 3\)"):
        method(net, X, patterns={**chosen, "left": patterns["left"].linear, "first": np.ones(3)})


def with_state(change) -> mx.nn.Module:
    """The network with another state: what `change` makes of it."""
    other = float64(Branched())
    other.load_state_dict(change(other.state_dict()))
    return other


@pytest.mark.parametrize("method", [pattern_net, pattern_attribution])
@pytest.mark.parametrize("key", ["first.weight", "first.bias", "dense.bias"])
def test_patterns_of_another_model_are_refused(method, key: str, patterns: Patterns) -> None:
    """Also where only a bias differs, which no wᵀa shows."""
    other = with_state(lambda state: state | {key: state[key] + 1})
    refused = pytest.raises(
        ValueError, match=rf"{method.__name__}: patterns are of another model.*refit them"
    )
    with refused:
        method(other, X, patterns=patterns)
    other.patterns = patterns
    with refused:
        method(other, X)


def test_patterns_of_the_model_in_another_dtype_are_its_own(patterns: Patterns) -> None:
    single = cast(Branched(), np.float32)
    fitted = fit_patterns(single, DATA, progress=False)
    for net, p in ((single, patterns), (float64(Branched()), fitted)):
        assert pattern_net(net, X, patterns=p).map.any()


def test_patterns_belong_to_what_batch_normalisation_learned() -> None:
    """The number of batches that it saw changes nothing that the model computes."""
    net = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, rng=0), nn.ReLU(), nn.Flatten())
    x = X.astype(np.float32)
    p = fit_patterns(net, [x], progress=False)
    state = net.state_dict()
    net.load_state_dict(state | {"0.num_batches_tracked": np.array(7)})
    p.check_model("test", net)
    net.load_state_dict(state | {"0.running_mean": state["0.running_mean"] + 1})
    with pytest.raises(ValueError, match="test: patterns are of another model"):
        p.check_model("test", net)


def test_a_table_sees_other_weights(patterns: Patterns) -> None:
    output = with_state(lambda state: state | {"first.weight": state["first.weight"] * -1.5})(mx.Tensor(X))
    with pytest.raises(RuleError, match="those of layer 'first' were fitted to other weights"):
        mx.backward(output, rules=rules.pattern_net(patterns))


class Power(nn.Module):
    """A dense layer, and a power between it and the next."""

    def __init__(self, function: Callable[[mx.Tensor], mx.Tensor]) -> None:
        self.dense, self.last, self.function = nn.Linear(180, 4, rng=0), nn.Linear(4, 3, rng=1), function

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return self.last(self.function(self.dense(ops.flatten(x))))


@pytest.mark.parametrize("function", [lambda y: y**2, lambda y: 2**y], ids=["base", "exponent"])
def test_a_power_is_a_gate_by_whichever_of_its_inputs_is_the_path(function: Any) -> None:
    net = float64(Power(function))
    p = fit_patterns(net, DATA, progress=False)
    e = pattern_attribution(net, X, patterns=p)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-12)
    assert np.abs(e.ledger.leaks["gate"]).min() > 1e-3
    assert pattern_net(net, X, patterns=p).map.any()


def test_the_paths_of_a_sum_get_half_each() -> None:
    """Both paths of y + relu(y) are y: together they get the signal once, where of 2·y it is g/2."""

    class Twice(Branched):
        summed = True

        def forward(self, x: mx.Tensor) -> mx.Tensor:
            y = self.relu(self.first(x))
            y = y + self.relu(y) if self.summed else y * 2.0
            return ops.flatten(ops.adaptive_avg_pool2d(y, 1))

    net = float64(Twice())
    p = fit_patterns(net, DATA, progress=False)
    summed, signal = (method(net, X, patterns=p) for method in (pattern_attribution, pattern_net))
    np.testing.assert_allclose(summed.ledger.gap, 0, atol=1e-12)
    assert [row.op for row in summed.ledger.rows].count("add") == 1
    net.summed = False
    np.testing.assert_allclose(pattern_attribution(net, X, patterns=p).map, summed.map, atol=1e-12)
    np.testing.assert_allclose(2 * pattern_net(net, X, patterns=p).map, signal.map, atol=1e-12)


def test_of_a_difference_both_have_patterns_of_their_own_sign() -> None:
    left, right = mx.Tensor(np.array([[3.0, 1.0]])), mx.Tensor(np.array([[1.0, 1.0]]))
    g = np.array([[8.0, 2.0]])
    for table, of_right in ((rules.pattern_net({}), -g / 2), (rules.pattern_attribution({}), g / 2)):
        found = mx.backward(left - right, g, table)
        np.testing.assert_array_equal(found[left], g / 2)
        np.testing.assert_array_equal(found[right], of_right)


def test_a_sigmoid_is_a_gate() -> None:
    sigmoid = float64(
        nn.Sequential(nn.Flatten(), nn.Linear(180, 3, rng=0), nn.Sigmoid(), nn.Linear(3, 2, rng=0))
    )
    p = fit_patterns(sigmoid, DATA, progress=False)
    e = pattern_attribution(sigmoid, X, patterns=p)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-12)
    assert np.abs(e.ledger.leaks["gate"]).min() > 1e-3
    assert pattern_net(sigmoid, X, patterns=p).map.any()


def normed() -> nn.Module:
    return randomised(
        nn.Sequential(
            nn.Conv2d(2, 6, 3, stride=2, padding=1, bias=False, rng=0),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 4, 3, groups=2, rng=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * 3 * 3, 5, rng=2),
            nn.BatchNorm1d(5),
            nn.ReLU(),
            nn.Linear(5, 3, rng=3),
        )
    )


def test_batch_norm_belongs_to_the_units_as_in_the_merged_network() -> None:
    net = normed()
    merged = nn.merge_batch_norm(net, X[:1])
    data = [np.random.default_rng(seed).normal(0, 3, (20, 2, 9, 10)) for seed in (1, 2)]
    own, of_merged = (fit_patterns(each, data, progress=False) for each in (net, merged))
    for name in ("0", "3", "7"):
        assert list(own[name].by_kind) == ["linear", "positive", "negative"]
    for name, layer in own.items():
        np.testing.assert_array_equal(layer.positive_count, of_merged[name].positive_count)
        for kind, a in layer.by_kind.items():
            np.testing.assert_allclose(a, of_merged[name].of(kind), rtol=1e-9, atol=1e-12)
    for method in (pattern_net, pattern_attribution):
        e, expected = method(net, X, patterns=own), method(merged, X, patterns=of_merged)
        np.testing.assert_allclose(e.map, expected.map, rtol=1e-9, atol=1e-12 * np.abs(expected.map).max())
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-10 * np.abs(e.score).max())
    assert "conv2d + batch_norm" in repr(e.ledger)


@pytest.mark.parametrize("kind", ["linear", "positive", "negative"])
def test_the_units_of_a_normed_layer_from_its_samples(kind: str) -> None:
    """y = s·(wᵀx + b) + t has the weight s·w, and is positive where that is."""
    net = randomised(nn.Sequential(nn.Conv2d(2, 4, 3, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()))
    found = fit_patterns(net, DATA, progress=False)["0"].of(kind)
    conv, norm = net[0], net[1]
    s = norm.weight.value / np.sqrt(norm.running_var + norm.eps)
    t = norm.bias.value - s * norm.running_mean
    samples = oracle.conv_samples(
        np.concatenate(DATA), conv.weight.value, conv.bias.value, (1, 1), (0, 0), (1, 1), groups=1
    )
    for k, (x, y) in enumerate(samples):
        expected = oracle.pattern(x, s[k] * y + t[k], s[k] * conv.weight.value[k].ravel(), kind)
        np.testing.assert_allclose(found[k].ravel(), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("between", "rectified"),
    [
        (lambda y: ops.max_pool2d(y, 2), True),
        (lambda y: ops.pad(y, ((0, 0), (0, 0), (1, 1), (1, 1))), True),
        (lambda y: ops.concat(y, np.ones_like(y.value)), True),
        (lambda y: ops.flatten(ops.max_pool2d(y * -2.0 + 1.0, 2)), True),
        (lambda y: ops.avg_pool2d(y, 2), False),
        (lambda y: ops.max_pool2d(y, 2) * -1.0, False),
        (lambda y: y + ops.tanh(y), False),
    ],
)
def test_what_may_lie_between_a_layer_and_its_relu(between: Any, rectified: bool) -> None:
    """What only moves entries leaves their signs; all else makes other units of them."""

    class Between(nn.Module):
        def __init__(self) -> None:
            self.conv = nn.Conv2d(2, 3, 3, rng=0)

        def forward(self, x: mx.Tensor) -> mx.Tensor:
            return ops.flatten(ops.relu(between(self.conv(x))))

    kinds = list(fit_patterns(float64(Between()), DATA, progress=False)["conv"].by_kind)
    assert kinds == (["linear", "positive", "negative"] if rectified else ["linear"])


def test_a_layer_with_two_norms_behind_its_calls_has_two_weights() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            self.conv, self.one, self.two = nn.Conv2d(2, 2, 1, rng=0), nn.BatchNorm2d(2), nn.BatchNorm2d(2)

        def forward(self, x: mx.Tensor) -> mx.Tensor:
            x = ops.relu(self.one(self.conv(x)))
            return ops.flatten(self.two(self.conv(x)))

    with pytest.raises(ValueError, match="fit_patterns: layer 'conv' has several weights, expected one"):
        fit_patterns(randomised(Shared()), DATA, progress=False)


def test_an_affine_step_by_itself_is_a_unit_of_one_input() -> None:
    x, s = mx.Tensor(np.array([[1.0, 2.0, 3.0]])), np.array([2.0, -4.0, 0.0])
    y, g = x * s + 7.0, np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(mx.backward(y, g, rules.pattern_net({}), wrt=[x])[x], [[0.5, -0.5, 0]])
    table = rules.pattern_attribution({})
    np.testing.assert_array_equal(mx.backward(y, g, table, wrt=[x])[x], [[1, 2, 0]])
    (wide,) = (mx.Tensor(np.array([[1.0]])),)  # one input of three units
    np.testing.assert_array_equal(mx.backward(wide * s, g, rules.pattern_net({}), wrt=[wide])[wide], [[0]])
    np.testing.assert_array_equal(mx.backward(wide * s, g, table, wrt=[wide])[wide], [[3]])


class Dropped(nn.Module):
    """With dropout in evaluation too."""

    def __init__(self) -> None:
        self.first, self.last = nn.Linear(180, 40, rng=0), nn.Linear(40, 2, rng=1)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        rng = np.random.default_rng(0)
        return self.last(ops.dropout(self.first(ops.flatten(x)), 0.5, rng))


def test_what_dropout_drops_has_no_pattern() -> None:
    """What it keeps, doubled, has the pattern ½; the draws are those of the forward pass."""
    net = float64(Dropped())
    weights = weights_of(net)
    e = pattern_attribution(net, X, 0, patterns=weights)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-12)
    kept = np.random.default_rng(0).random((len(X), 40)) >= 0.5
    g = np.where(kept, e.score[:, None] * weights["last"][0], 0)
    expected = (g * weights["last"][0]) @ np.square(weights["first"])
    np.testing.assert_allclose(e.map.reshape(len(X), -1), expected)
    e = pattern_net(net, X, 0, patterns=weights)
    np.testing.assert_allclose(e.map.reshape(len(X), -1), g / 2 @ weights["first"])
    with pytest.raises(ValueError, match=r"pattern_net: kind is 'linear', but \{layer: array\} has one kind"):
        pattern_net(net, X, 0, patterns=weights, kind="linear")
    with pytest.raises(TypeError, match=r"patterns: got None, expected fitted ones, or \{layer: array\}"):
        rules.pattern_net(None)


class ByMatrix(nn.Module):
    def __init__(self) -> None:
        self.w, self.last = nn.Parameter(np.ones((180, 3))), nn.Linear(3, 2, rng=0)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return self.last(ops.relu(ops.flatten(x) @ self.w))


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(180, 3, rng=0), nn.Softmax(), nn.Linear(3, 2, rng=0)),
            r"softmax \(layer '2'\): divides by what depends on the input itself: it has no pattern; "
            r"rules\[mx\.ops\.softmax\] = a rule of your own admits it",
        ),
        (ByMatrix(), r"matmul \(layer ''\): patterns belong to units, and the rows of its weight are none"),
    ],
)
def test_what_pattern_net_refuses_is_refused_before_the_first_batch_is_used(
    net: nn.Module, message: str
) -> None:
    float64(net)
    some = ["last" if hasattr(net, "last") else "3"]
    p = fit_patterns(net, DATA, layers=some, progress=False)
    for method in (pattern_net, pattern_attribution):
        with pytest.raises(RuleError, match=message):
            method(net, X, patterns=p)

    def batches():
        yield DATA[0]
        pytest.fail("a second batch was asked for")

    with pytest.raises(RuleError, match=f"fit_patterns: {message}.*; or name the layers to fit all the same"):
        fit_patterns(net, batches(), progress=False)


def test_a_final_sigmoid_is_looked_through() -> None:
    body = nn.Sequential(nn.Flatten(), nn.Linear(180, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=0))
    ends = float64(nn.Sequential(body, nn.Softmax(1)))
    p, of_body = (fit_patterns(each, DATA, progress=False) for each in (ends, float64(body)))
    for method in (pattern_net, pattern_attribution):
        expected = method(body, X, patterns=of_body)
        np.testing.assert_array_equal(method(ends, X, patterns=p).map, expected.map)


def test_patterns_that_the_model_came_with(net: mx.nn.Module, patterns: Patterns) -> None:
    with_its_own = float64(Branched())
    with_its_own.patterns = patterns
    np.testing.assert_array_equal(
        pattern_net(with_its_own, X).map, pattern_net(net, X, patterns=patterns).map
    )


def test_the_tables_are_public() -> None:
    assert rules.pattern_net({}).strict
    assert rules.pattern_attribution({}).strict
