"""Relevance rules against a matrix-form oracle, tables, LRP and deep Taylor on whole networks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minixai as mx
from minixai import ops, rules
from minixai.errors import RuleError
from minixai.kernels import filters
from minixai.methods.relevance import deep_taylor, lrp
from minixai.nn.merge import merge_batch_norm
from minixai.op import Trait
from minixai.rules import Rules, Shares
from tests.networks import IMAGES, Branched, float64, randomised, small, stack
from tests.oracles import relevance as oracle

RULES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "epsilon": (rules.epsilon(0.1), "epsilon", {"eps": 0.1}),
    "zero": (rules.epsilon(0), "epsilon", {"eps": 0}),
    "gamma": (rules.gamma(0.25), "gamma", {"g": 0.25}),
    "alpha2_beta1": (rules.alpha_beta(2, 1), "alpha_beta", {"alpha": 2, "beta": 1}),
    "joint": (
        rules.alpha_beta(1.5, 0.5, "joint"),
        "alpha_beta",
        {"alpha": 1.5, "beta": 0.5, "bias": "joint"},
    ),
    "ignore": (rules.alpha_beta(2, 1, "ignore"), "alpha_beta", {"alpha": 2, "beta": 1, "bias": "ignore"}),
    "z_plus": (rules.z_plus(), "alpha_beta", {"alpha": 1, "beta": 0}),
    "w_square": (rules.w_square(), "w_square", {}),
    "flat": (rules.flat(), "flat", {}),
    "box": (rules.box(-3, 4), "box", {"low": -3, "high": 4}),
    "norm": (rules.norm(), "norm", {}),
}


def walk(y: mx.Tensor, r: np.ndarray, x: mx.Tensor, rule: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The relevance of x, and the leaks, with one rule for y's own operation."""
    seen: list[Shares] = []

    def keeping(g: np.ndarray, node: Any) -> Shares:
        seen.append(rule(g, node))
        return seen[-1]

    assert y.node is not None
    relevance = mx.backward(y, r, Rules({y.node.op: keeping}, strict=True), wrt=[x])[x]
    return relevance, seen[0].leaks


def assert_as_oracle(name: str, y: Any, x: Any, matrix: Any, linked: Any, b: Any, seed: int) -> None:
    """Relevance and leaks of every image, to rounding: |error| ≤ 1e-9 · Σ|q/z·R|."""
    rule, kind, settings = RULES[name]
    r = np.random.default_rng(seed).standard_normal(y.shape)
    relevance, leaks = walk(y, r, x, rule)
    for i in range(len(r)):
        args = x.value[i].ravel(), matrix, linked, b, r[i].ravel()
        expected, lost = oracle.share(kind, *args, **settings)
        scale = 1 + np.abs(expected).max() + sum(map(abs, lost.values()))
        np.testing.assert_allclose(relevance[i].ravel(), expected, atol=1e-9 * scale)
        for key in lost:
            np.testing.assert_allclose(leaks[key][i], lost[key], atol=1e-9 * scale, err_msg=key)
        np.testing.assert_allclose(
            relevance[i].sum() + sum(leak[i] for leak in leaks.values()), r[i].sum(), atol=1e-8 * scale
        )


signs = st.sampled_from(["negative too", "positive", "sparse"])


def inputs(kind: str, shape: Any, rng: np.random.Generator) -> mx.Tensor:
    """Between −3 and 4; "sparse" has whole patches of zeros, so that denominators are zero."""
    x = np.clip(rng.standard_normal(shape), -3, 4)
    return mx.Tensor({"negative too": x, "positive": abs(x), "sparse": np.where(x > 0.8, x, 0)}[kind])


@pytest.mark.parametrize("name", RULES)
@given(data=st.data())
def test_rules_of_a_convolution(name: str, data: st.DataObject) -> None:
    draw = data.draw
    groups = draw(st.sampled_from([1, 2]))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pairs = {key: draw(st.tuples(st.integers(least, 2), st.integers(least, 2)))
             for key, least in (("stride", 1), ("padding", 0), ("dilation", 1))}  # fmt: skip
    size = draw(st.tuples(st.integers(2, 5), st.integers(2, 5)))
    assume(all(size[a] + 2 * pairs["padding"][a] > pairs["dilation"][a] * (kernel[a] - 1) for a in (0, 1)))
    seed = draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    x = inputs(draw(signs), (2, 2 * groups, *size), rng)
    w = rng.standard_normal((2 * groups, 2, *kernel))
    b = rng.standard_normal(2 * groups) if draw(st.booleans()) else None
    y = ops.conv2d(x, w, b, **pairs, groups=groups)
    matrix, linked = oracle.conv_matrix(w, x.shape[1:], **pairs, groups=groups)
    places = y.shape[2] * y.shape[3]
    biases = np.zeros(len(matrix)) if b is None else np.repeat(b, places)
    assert_as_oracle(name, y, x, matrix, linked, biases, seed)


@pytest.mark.parametrize("name", RULES)
@given(n=st.integers(1, 3), j=st.integers(1, 6), k=st.integers(1, 5), bias=st.booleans(),
       kind=signs, seed=st.integers(0, 999))  # fmt: skip
def test_rules_of_a_dense_layer(name: str, n: int, j: int, k: int, bias: bool, kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w, b = inputs(kind, (n, j), rng), rng.standard_normal((k, j)), rng.standard_normal(k)
    dense = ops.linear(x, w, b) if bias else ops.matmul(x, w.T)
    assert_as_oracle(name, dense, x, w, np.ones_like(w, bool), b if bias else 0 * b, seed)


@pytest.mark.parametrize("kind", ["negative too", "positive", "sparse"])
@pytest.mark.parametrize("pool", [
    lambda x: ops.avg_pool2d(x, 2),
    lambda x: ops.avg_pool2d(x, 3, 2, 1),
    lambda x: ops.adaptive_avg_pool2d(x, (2, 3)),
    lambda x: ops.adaptive_avg_pool2d(x, 1),
])  # fmt: skip
@pytest.mark.parametrize("name", RULES)
def test_rules_of_average_pooling(name: str, pool: Any, kind: str) -> None:
    """Pooling is a linear layer; its matrix is found by pooling each unit vector."""
    x = inputs(kind, (2, 2, 5, 6), np.random.default_rng(7))
    size = int(np.prod(x.shape[1:]))
    matrix = pool(mx.Tensor(np.eye(size).reshape(size, *x.shape[1:]))).value.reshape(size, -1).T
    y = pool(x)
    assert_as_oracle(name, y, x, matrix, matrix != 0, np.zeros(len(matrix)), 3)


SWITCHES = np.tile(np.arange(30) // 2, (2, 2, 1)).reshape(2, 2, 5, 6)  # windows share a place and add up


@pytest.mark.parametrize("pool", [
    lambda x: x.mean((2, 3)),
    lambda x: x.sum(1),
    lambda x: ops.max_unpool2d(x, switches=np.resize(SWITCHES, x.shape), size=8),
    lambda x: ops.upsample(x, scale_factor=2, mode="bilinear"),
    lambda x: ops.upsample(x, size=(7, 9), mode="bilinear", align_corners=True),
], ids=["mean", "sum", "max_unpool2d", "bilinear", "bilinear, corners"])  # fmt: skip
@pytest.mark.parametrize("name", ["epsilon", "zero", "gamma", "alpha2_beta1", "z_plus", "norm"])
def test_rules_of_other_pools(name: str, pool: Any) -> None:
    x = inputs("negative too", (2, 2, 5, 6), np.random.default_rng(7))
    matrix = pool(mx.Tensor(np.eye(60).reshape(60, 2, 5, 6))).value.reshape(60, -1).T
    y = pool(x)
    assert_as_oracle(name, y, x, matrix, matrix != 0, np.zeros(len(matrix)), 3)


def test_the_cotangent_of_the_bias_is_what_leaked_to_it() -> None:
    rng = np.random.default_rng(0)
    x, w, b = (mx.Tensor(rng.standard_normal(shape)) for shape in ((3, 2, 5, 5), (4, 2, 3, 3), (4,)))
    y = ops.conv2d(x, w, b)
    g = mx.backward(y, None, Rules({ops.conv2d: rules.epsilon(0.01)}, strict=True))
    assert g[b].shape == (4,)
    _, leaks = walk(y, np.ones(y.shape), x, rules.epsilon(0.01))
    np.testing.assert_allclose(g[b].sum(), leaks["bias"].sum())
    per_channel = (b.value[:, None, None] / (y.value + 0.01 * np.sign(y.value))).sum((0, 2, 3))
    np.testing.assert_allclose(g[b], per_channel)


def test_a_zero_output_counts_as_positive_for_epsilon_and_is_dropped_without_it() -> None:
    x, w = mx.Tensor(np.array([[1.0, 1.0]])), np.array([[2.0, -2.0]])
    y = ops.linear(x, w)
    relevance, leaks = walk(y, np.array([[3.0]]), x, rules.epsilon(0.5))
    np.testing.assert_allclose(relevance, [[12.0, -12.0]])
    assert leaks["epsilon"] == [3.0]
    relevance, leaks = walk(y, np.array([[3.0]]), x, rules.epsilon(0))
    assert not relevance.any()
    assert (leaks["zero"], leaks["epsilon"]) == ([3.0], [0.0])


def test_epsilon_takes_z_from_the_tape() -> None:
    x = mx.Tensor(np.ones((1, 2)))
    y = ops.linear(x, np.array([[2.0, 1]]), np.array([1.0]))
    assert y.node is not None
    node = replace(y.node, value=np.array([[8.0]]), needs=(True, False, False))
    shares = rules.epsilon(0)(np.array([[4.0]]), node)
    np.testing.assert_array_equal(shares.cotangents[0], [[1, 0.5]])
    assert shares.leaks["bias"] == 0.5


@pytest.mark.parametrize("rule", [rules.z_plus(), rules.gamma(), rules.w_square()])
def test_changed_weights_of_a_convolution_are_kept_and_made_anew_after_training(
    rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "_kept", type(filters._kept)())
    layer, x = mx.nn.Conv2d(32, 32, 3, padding=1, rng=0), np.ones((1, 32, 16, 16), np.float32)
    model, table = mx.nn.Sequential(layer), rules.composite(conv=rule)

    def explain() -> np.ndarray:
        return np.asarray(lrp(model, x, layer="0", neuron=(3, 4, 5), rules=table))

    first, kept = explain(), filters.kept_bytes()
    assert kept >= 4 * 32 * 32 * (9 + 2 * 36)  # the changed weight, and both transforms
    np.testing.assert_array_equal(explain(), first)
    assert filters.kept_bytes() == kept
    layer.weight.value = layer.weight.value[:, ::-1].copy()
    turned = explain()
    assert abs(turned - first).max() > 0.01 * abs(first).max()
    fresh = mx.nn.Sequential(mx.nn.Conv2d(32, 32, 3, padding=1, rng=1))
    fresh.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(turned, np.asarray(lrp(fresh, x, layer="0", neuron=(3, 4, 5), rules=table)))


def test_a_neuron_without_negative_contributions_passes_on_alpha_times_its_relevance() -> None:
    x = mx.Tensor(np.array([[1.0, 3.0]]))
    y = ops.linear(x, np.array([[1.0, 1.0]]))
    relevance, leaks = walk(y, np.array([[4.0]]), x, rules.alpha_beta(2, 1))
    np.testing.assert_allclose(relevance, [[2.0, 6.0]])
    assert leaks["zero"] == [-4.0]


def test_wrong_parameters_of_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="alpha − beta = 1"):
        rules.alpha_beta(2, 0.5)
    with pytest.raises(ValueError, match=r"beta is -0\.5, expected a finite number, at least 0"):
        rules.alpha_beta(0.5, -0.5)
    with pytest.raises(ValueError, match="bias is 'both'"):
        rules.alpha_beta(2, 1, "both")  # type: ignore[arg-type]
    for rule in (rules.epsilon, rules.gamma):
        with pytest.raises(ValueError, match=f"{rule.__name__} is -1, expected a finite number, at least 0"):
            rule(-1)
    x = mx.Tensor(np.array([[1.0, 300.0]]))
    with pytest.raises(ValueError, match=r"box: x is in \[1, 300\]"):
        walk(ops.linear(x, np.ones((1, 2))), np.ones((1, 1)), x, rules.box(0, 255))


# Operations without weights


def table_walk(y: mx.Tensor, x: mx.Tensor, r: Any = None) -> np.ndarray:
    return mx.backward(y, r, rules.composite(), wrt=[x])[x]


def test_a_sum_shares_in_proportion() -> None:
    x = mx.Tensor(np.array([[3.0, 2.0, 1.0]]))
    y = x * np.array([[1.0, 2.0, 1.0]]) + x * np.array([[2.0, -2.0, 0.0]])  # 3+6, 4−4, 1+0
    np.testing.assert_allclose(table_walk(y, x), [[1.0, 0.0, 1.0]])
    left, right = mx.Tensor(np.array([[3.0, -1.0]])), mx.Tensor(np.array([[1.0, 2.0]]))
    g = mx.backward(left + right, np.array([[8.0, 5.0]]), rules.composite())
    np.testing.assert_allclose(g[left], [[6.0, -5.0]])
    np.testing.assert_allclose(g[right], [[2.0, 10.0]])


def test_entries_that_move_keep_their_relevance() -> None:
    rng = np.random.default_rng(0)
    x = mx.Tensor(rng.standard_normal((2, 3, 4, 4)))
    y = ops.concat(x.transpose(0, 1, 3, 2), ops.relu(x))[:, 1:].reshape(2, -1)
    y = ops.pad(y * 3.0, ((0, 0), (1, 0)))
    r = rng.standard_normal(y.shape)
    inner = r[:, 1:].reshape(2, 5, 4, 4)
    expected = inner[:, 2:].copy()
    expected[:, 1:] += inner[:, :2].transpose(0, 1, 3, 2)
    np.testing.assert_allclose(table_walk(y, x, r), expected)


def test_max_pooling_gives_all_to_the_first_maximum() -> None:
    x = mx.Tensor(np.array([[[[1.0, 5.0], [5.0, 2.0]]]]))
    np.testing.assert_array_equal(table_walk(ops.max_pool2d(x, 2), x), [[[[0, 1], [0, 0]]]])


class Net(mx.nn.Module):
    def __init__(self, function: Any) -> None:
        self.conv, self.norm, self.function = mx.nn.Conv2d(3, 4, 3, rng=0), mx.nn.BatchNorm2d(4), function

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return ops.flatten(self.function(self, self.conv(x)))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda net, x: x * ops.sigmoid(x),
            r"multiply \(layer ''\): a product of two tensors.* \(x \* sigmoid\(x\) is mx\.ops\.silu\(x\)\); "
            r"rules\[mx\.op\.Trait\.PRODUCT\] = mx\.rules\.linearised\(\), or of a product mx\.rules\.halves",
        ),
        (lambda net, x: ops.log(x * x), "log of 0 is not finite"),
        (lambda net, x: ops.power(x, exponent=-1), "power of 0 is not finite"),
        (
            lambda net, x: ops.conv2d(x, x[:1]),
            r"conv2d \(layer ''\): expected the input x first, then weights",
        ),
        (
            lambda net, x: ops.softmax(x, 1) * 2,
            r"softmax \(layer ''\): divides by what depends on the input itself; "
            r"rules\[mx\.ops\.softmax\] = mx\.rules\.linearised\(\) admits it",
        ),
    ],
)
def test_what_has_no_rule_is_refused_by_name(function: Any, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        lrp(Net(function), np.random.default_rng(0).standard_normal((1, 3, 5, 5)))


OFFERED = re.compile(
    r"rules\[(.+?)\] = (mx\.rules\.\w+\(\)).* admits it, where rules is a table such as (.+)$"
)
LEFT = np.random.default_rng(2).standard_normal((5, 5))


def standardised(net: Net, x: mx.Tensor) -> mx.Tensor:
    x = x - x.mean((1, 2, 3), True)
    return x / ((x * x).mean((1, 2, 3), True) + 0.1) ** 0.5


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: 0.3 * x * ops.sigmoid(net.norm(x).mean((2, 3), True)),
        lambda net, x: (x @ LEFT) @ ops.softmax(x, -1).transpose(0, 1, 3, 2),
        lambda net, x: LEFT @ x,
        lambda net, x: ops.conv2d(x, x[:1]),
        lambda net, x: ops.log(x * x + 1.0) + ops.power(ops.exp(x), exponent=-0.5),
        lambda net, x: 1 / (1 + ops.exp(-x)),
        lambda net, x: ops.exp(x) ** ops.sigmoid(x),
        standardised,
    ],
)
def test_what_a_refusal_offers_admits_it(function: Any) -> None:
    """To the letter, once for each kind of operation; constants and batch norm keep their own rules."""
    net, x, table = float64(Net(function)), np.random.default_rng(0).standard_normal((1, 3, 7, 7)), None
    for _ in range(4):
        try:
            e = lrp(net, x, rules=table)
            break
        except RuleError as error:
            key, offer, such = OFFERED.search(str(error)).groups()
            table = eval(such) if table is None else table
            table[eval(key)] = eval(offer)
    else:
        pytest.fail("the advice goes in a circle")
    assert table is not None
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-5 * np.abs(e.ledger.start).max())


SPEAKING = {
    "leaky_relu": {},
    "elu": {},
    "silu": {},
    "gelu": {},
    "hardswish": {},
    "tanh": {},
    "sigmoid": {},
    "hardsigmoid": {},
    "softplus": {},
    "exp": {},
    "power": {"exponent": 2},
}


@pytest.mark.parametrize("name", SPEAKING)
def test_of_an_activation_what_it_is_at_zero_is_a_bias(name: str) -> None:
    x = mx.Tensor(np.random.default_rng(2).standard_normal((2, 7)) * (np.arange(7) != 3))
    y = getattr(ops, name)(x, **SPEAKING[name])
    r = np.random.default_rng(3).standard_normal(y.shape)
    relevance, leaks = walk(y, r, x, rules.composite(conv=rules.gamma())[getattr(ops, name)])
    at_zero = getattr(ops, name)(0 * x.value, **SPEAKING[name]).value
    for i in range(2):
        expected, lost = oracle.less_the_constant(y.value[i], at_zero[i], r[i])
        np.testing.assert_allclose(relevance[i], expected, atol=1e-12)
        for key in lost:
            np.testing.assert_allclose(leaks[key][i], lost[key], atol=1e-12)


def test_where_an_activation_is_zero_but_not_at_zero_its_relevance_is_dropped() -> None:
    x = mx.Tensor(np.array([[-1.0, 1.0]]))
    y = ops.softplus(x * 1000.0)  # 0 to rounding
    relevance, leaks = walk(
        y, np.array([[2.0, 3.0]]), y.inputs[0], rules.composite(conv=rules.gamma())[ops.softplus]
    )
    assert (relevance[0, 0], leaks["zero"]) == (0, [2.0])


def test_a_network_of_activations_under_lrp_0_is_its_layers_tangents() -> None:
    """Activations with f(0) = 0 are slopes f(z)/z, with which all is linear, less the biases."""
    net = small((4, 4), 0, mx.nn.Tanh())
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 4))
    zero = rules.epsilon(0)
    e = lrp(net, x, rules=rules.composite(conv=zero, dense=zero))
    leaf = mx.Tensor(x)
    z = net[0](leaf)
    slope = np.tanh(z.value) / z.value
    y = net[4](ops.flatten(ops.max_pool2d(ops.tanh(z), 2)))
    fixed = {ops.tanh: lambda g, node: (g * slope,)}
    start = np.eye(3)[e.target] * y.value
    expected = x * mx.backward(y, start / np.where(start == 0, 1, start), fixed, wrt=[leaf])[leaf]
    np.testing.assert_allclose(e.map, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "table",
    [
        rules.epsilon_plus(),
        rules.epsilon_alpha2_beta1(),
        rules.composite(conv=rules.gamma(), dense=rules.z_plus()),
        rules.composite(first=rules.z_plus(), conv=rules.gamma()),
    ],
)
def test_rules_that_take_units_for_silent_are_refused_where_they_are_not(table: Rules) -> None:
    net, x = small((4, 4), 0, mx.nn.LeakyReLU()), np.ones((1, 2, 4, 4))
    message = (
        r"leaky_relu \(layer '1'\): z⁺, αβ and deep Taylor take a unit with z ≤ 0 for silent, .*: "
        r"mx\.rules\.composite\(conv=mx\.rules\.gamma\(\)\), .*; gate=mx\.rules\.pass_through\(\)"
    )
    with pytest.raises(RuleError, match=message):
        lrp(net, x, rules=table)
    with pytest.raises(RuleError, match=message):
        deep_taylor(net, x)
    assert_closed(lrp(net, x, rules=rules.composite(gate=rules.pass_through())))
    assert_closed(lrp(small((4, 4), 0, mx.nn.ReLU6()), x, rules=table))


def assert_closed(e: mx.methods.Explanation) -> None:
    assert e.ledger is not None
    for row in e.ledger.rows:
        out = row.passed_on + sum(row.leaks.values())
        np.testing.assert_allclose(out, row.came, atol=1e-10 * np.abs(e.ledger.start).max(), err_msg=row.op)
    assert np.abs(e.ledger.gap / e.ledger.start).max() < 1e-10
    assert e.map.any()


def test_lrp_says_which_rules_it_took_behind_such_activations() -> None:
    x = np.random.default_rng(0).standard_normal((2, 2, 4, 4))
    silent, speaking = small((4, 4), 0), small((4, 4), 0, mx.nn.SiLU())
    assert lrp(silent, x).method == "LRP"
    np.testing.assert_array_equal(lrp(silent, x).map, lrp(silent, x, rules=rules.epsilon_plus()).map)
    e = lrp(speaking, x)
    assert e.method == "LRP (ε in all layers)"
    assert e.heading == "LRP (ε in all layers) of logit"
    expected = lrp(speaking, x, rules=rules.composite(conv=rules.epsilon(), dense=rules.epsilon()))
    np.testing.assert_array_equal(e.map, expected.map)
    assert expected.method == "LRP"
    assert_closed(e)
    behind = lrp(speaking, x, layer="0", neuron=(1, 2, 2))  # the activation is not on its way
    assert behind.method == "LRP"


@pytest.mark.parametrize(("link", "of_logits"), [(mx.nn.Sigmoid(), 3), (mx.nn.Softmax(1), 3)])
def test_a_final_link_is_looked_through(link: mx.nn.Module, of_logits: int) -> None:
    body, x = small((4, 4), 0), np.random.default_rng(0).standard_normal((2, 2, 4, 4))
    e, expected = lrp(mx.nn.Sequential(body, link), x), lrp(body, x)
    np.testing.assert_array_equal(e.map, expected.map)
    assert [row.op for row in e.ledger.rows] == [row.op for row in expected.ledger.rows]


# Affine steps


nn = mx.nn
BEHIND: dict[str, tuple[list[Any], tuple[int, ...]]] = {
    "conv2d": ([nn.Conv2d(4, 6, 3, groups=2, bias=False, rng=0), nn.BatchNorm2d(6)], (4, 5, 5)),
    "conv1d": ([nn.Conv1d(4, 6, 3, rng=0), nn.BatchNorm1d(6)], (4, 7)),
    "transposed": ([nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, rng=0),
                    nn.BatchNorm2d(6)], (4, 3, 3)),
    "linear": ([nn.Linear(5, 4, rng=0), nn.BatchNorm1d(4)], (5,)),
}  # fmt: skip


@pytest.mark.parametrize("rule", [rule for rule, *_ in RULES.values()], ids=list(RULES))
@pytest.mark.parametrize("name", BEHIND)
def test_batch_norm_behind_a_layer_is_part_of_it(name: str, rule: Any) -> None:
    layers, shape = BEHIND[name]
    net = randomised(nn.Sequential(*layers, nn.ReLU(), nn.Flatten()))
    x = np.clip(np.random.default_rng(4).standard_normal((3, *shape)), -3, 4)
    table = rules.composite(conv=rule, dense=rule)
    e, expected = lrp(net, x, rules=table), lrp(merge_batch_norm(net, x[:1]), x, rules=table)
    scale = np.abs(expected.map).max()
    np.testing.assert_allclose(
        e.map, expected.map, rtol=0, atol=1e-14 * scale * (100 if "transposed" in name else 20)
    )
    assert [row.op for row in e.ledger.rows][-1].endswith(" + batch_norm")
    assert len(e.ledger.rows) == len(expected.ledger.rows)
    for row, other in zip(e.ledger.rows, expected.ledger.rows, strict=True):
        assert list(row.leaks) == list(other.leaks)
        for reason in row.leaks:
            np.testing.assert_allclose(row.leaks[reason], other.leaks[reason], atol=1e-10)


class ByHand(nn.Module):
    """A product with a matrix and arithmetic behind it; or the layer that they make."""

    def __init__(self, fused: bool) -> None:
        rng = np.random.default_rng(0)
        w, b, self.fused = rng.standard_normal((6, 4)), rng.standard_normal(4), fused
        self.w, self.b = nn.Parameter(-2 * w.T if fused else w), nn.Parameter(-2 * b + 5.5 if fused else b)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return ops.linear(x, self.w, self.b) if self.fused else -((x @ self.w + self.b) * 4.0 - 11.0) / 2.0


@pytest.mark.parametrize("rule", [rules.epsilon(0.1), rules.gamma(), rules.z_plus(), rules.w_square()])
def test_arithmetic_behind_a_layer_is_part_of_it(rule: Any) -> None:
    x = np.random.default_rng(1).standard_normal((5, 6))
    e, expected = (lrp(float64(ByHand(f)), x, rules=rules.composite(dense=rule)) for f in (False, True))
    np.testing.assert_allclose(e.map, expected.map, atol=1e-13 * np.abs(expected.map).max())
    (row,) = e.ledger.rows
    assert row.op == "matmul + add + multiply + subtract + negative + divide"


def test_a_rule_for_the_step_itself_keeps_it_apart() -> None:
    net = randomised(nn.Sequential(nn.Conv2d(2, 3, 3, rng=0), nn.BatchNorm2d(3), nn.Flatten()))
    x = np.random.default_rng(0).standard_normal((2, 2, 4, 4))
    for key in (ops.batch_norm, "1", ("1", ops.batch_norm)):
        table = rules.composite() | {key: rules.pass_through()}
        assert [row.op for row in lrp(net, x, rules=table).ledger.rows] == ["reshape", "batch_norm", "conv2d"]


def test_what_is_asked_for_within_stays_on_the_tape() -> None:
    x = mx.Tensor(np.random.default_rng(0).standard_normal((2, 3)))
    w = np.random.default_rng(1).standard_normal((4, 3))
    z, table = ops.linear(x, w), rules.composite(dense=rules.epsilon(0))
    y = z * 2.0
    found = mx.backward(y, None, table, wrt=[x, z])
    np.testing.assert_allclose(found[z], 1)
    np.testing.assert_allclose(found[x], mx.backward(y, None, table, wrt=[x])[x], rtol=1e-9)
    both = z * 2.0 + z
    np.testing.assert_allclose(
        mx.backward(both, None, table, wrt=[x])[x],
        mx.backward(ops.linear(x, 3 * w), None, table, wrt=[x])[x],
        rtol=1e-9,
    )


def test_steps_that_are_not_one_number_a_unit_stand_alone() -> None:
    x = np.random.default_rng(0).standard_normal((2, 2, 4, 4))
    image = np.random.default_rng(1).standard_normal((2, 2))

    class Places(nn.Module):
        def __init__(self) -> None:
            self.conv = nn.Conv2d(2, 3, 3, rng=0)

        def forward(self, x: mx.Tensor) -> mx.Tensor:
            return ops.flatten(self.conv(x) * image + image)

    e = lrp(float64(Places()), x)
    assert [row.op for row in e.ledger.rows] == ["reshape", "add", "multiply", "conv2d"]
    add = e.ledger.rows[1]
    r = np.where(np.arange(12) == e.target[:, None], e.score[:, None], 0).reshape(2, 3, 2, 2)
    y = np.asarray(Places.forward(e and float64(Places()), mx.Tensor(x)).value).reshape(r.shape)
    for i in range(2):
        _, lost = oracle.less_the_constant(y[i], np.broadcast_to(image, y[i].shape), r[i])
        np.testing.assert_allclose(add.leaks["bias"][i], lost["bias"])
    assert_closed(e)


def test_a_models_own_preprocessing_passes_relevance_and_a_trained_shift_is_a_bias() -> None:
    mean, std = np.array([0.4, 0.6]).reshape(2, 1, 1), np.array([0.2, 0.3]).reshape(2, 1, 1)
    body, x = small((4, 4), 0), np.random.default_rng(0).random((2, 2, 4, 4))

    class Whole(nn.Module):
        def __init__(self, before: Any) -> None:
            self.before, self.body = before, body

        def forward(self, x: mx.Tensor) -> mx.Tensor:
            return self.body(self.before(x))

    expected = lrp(body, (x - mean) / std)
    e = lrp(Whole(lambda x: (x - mean) / std), x)
    np.testing.assert_allclose(e.map, expected.map, rtol=1e-12, atol=1e-14)
    norm = randomised(nn.BatchNorm2d(2))
    e = lrp(Whole(norm), x)
    row = e.ledger.rows[-1]
    assert row.op == "batch_norm"
    assert np.abs(row.leaks["bias"]).min() > 1e-6
    assert_closed(e)


# Sums, products, normalisations


def test_residual_sums_by_hand() -> None:
    """From Julia-XAI's tests of its rules: x + W x, and x + x."""
    x = mx.Tensor(np.array([[1.0, 2.0]]))
    w = np.array([[3.0, 4.0], [5.0, 6.0]])
    y = x + ops.linear(x, w, np.array([7.0, 8.0]))
    zero = rules.epsilon(0)
    r = mx.backward(y, np.array([[1 / 3, 2 / 3]]), rules.composite(dense=zero), wrt=[x])[x]
    inner = np.array([18 / 19 / 3, 25 / 27 * 2 / 3])  # of W x + b = (18, 25)
    of_layer = x.value[0] * (w.T @ (inner / [18, 25]))
    np.testing.assert_allclose(r[0], np.array([1 / 19 / 3, 2 / 27 * 2 / 3]) + of_layer)
    np.testing.assert_allclose(
        mx.backward(ops.linear(x, w, np.array([7.0, 8.0])), np.array([[1 / 3, 2 / 3]]),
                    rules.composite(dense=zero), wrt=[x])[x], [[17 / 90, 316 / 675]])  # fmt: skip


def test_layer_norm_by_hand() -> None:
    """Also from there: rows (1, 2), (1, 2), normalised over all four."""
    x = mx.Tensor(np.array([[[1.0, 2.0], [1.0, 2.0]]]))
    y = ops.layer_norm(x, (2, 2), eps=0) * np.array([[-2.0], [2.0]]) + np.array([[1.0], [-3.0]])
    r = np.array([[[1 / 3, 1 / 3], [2 / 3, 2 / 3]]])
    table = rules.composite(conv=rules.gamma()) | {ops.add: rules.composite()[Trait.HOMOGENEOUS]}
    found = mx.backward(y, r, table, wrt=[x])[x]
    np.testing.assert_allclose(found, [[[2 / 15, 172 / 45], [2 / 45, -188 / 45]]])


@pytest.mark.parametrize(
    ("normalise", "rows"),
    [
        (lambda x: ops.layer_norm(x, 6), 8),
        (lambda x: ops.layer_norm(x, (4, 6)), 2),
        (lambda x: ops.group_norm(x, 2), 4),
    ],
)
def test_normalisation_of_rows_with_its_spread_held(normalise: Any, rows: int) -> None:
    x = mx.Tensor(np.random.default_rng(0).standard_normal((2, 4, 6)))
    y = normalise(x)
    r = np.random.default_rng(1).standard_normal(y.shape)
    found = mx.backward(y, r, rules.composite(conv=rules.gamma()), wrt=[x])[x]
    pairs = zip(x.value.reshape(rows, -1), r.reshape(rows, -1), strict=True)
    expected = [oracle.standardised_row(*(each, 1e-5, of_row)) for each, of_row in pairs]
    np.testing.assert_allclose(found.reshape(rows, -1), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.sum(), r.sum())


def with_rule(op: Any, rule: Any) -> Rules:
    return rules.composite(conv=rules.gamma()) | {op: rule}


def test_halves_of_products() -> None:
    rng = np.random.default_rng(0)
    x, y = mx.Tensor(rng.standard_normal((2, 3, 4))), mx.Tensor(rng.standard_normal((2, 4, 5)))
    r = rng.standard_normal((2, 3, 5))
    found = mx.backward(x @ y, r, with_rule(ops.matmul, rules.halves()), wrt=[x, y])
    for i in range(2):
        of_x, of_y = oracle.halves_of_matrices(x.value[i], y.value[i], r[i])
        np.testing.assert_allclose(found[x][i], of_x)
        np.testing.assert_allclose(found[y][i], of_y)
    scale = mx.Tensor(rng.standard_normal((2, 3, 1)))
    r = rng.standard_normal(x.shape)
    found = mx.backward(x * scale, r, with_rule(ops.multiply, rules.halves()), wrt=[x, scale])
    np.testing.assert_allclose(found[x], r / 2)
    np.testing.assert_allclose(found[scale], r.sum(2, keepdims=True) / 2)
    for y, op, wrt in ((x / scale, ops.divide, [x, scale]), (x * 2.0, ops.multiply, [x])):
        with pytest.raises(RuleError, match=rf"{op.name} .*halves: expected a product .*Trait\.PRODUCT\]"):
            mx.backward(y, r, with_rule(op, rules.halves()), wrt)


@pytest.mark.parametrize("gate", [0, 1])
def test_the_signal_of_a_product_takes_all(gate: int) -> None:
    rng = np.random.default_rng(0)
    both = [mx.Tensor(rng.standard_normal(shape)) for shape in ((2, 3, 4), (2, 3, 1))]
    r = rng.standard_normal((2, 3, 4))
    table = with_rule(ops.multiply, rules.signal_takes_all(gate))
    found = mx.backward(both[0] * both[1], r, table, wrt=both)
    expected = [r, r.sum(2, keepdims=True)]
    np.testing.assert_allclose(found[both[1 - gate]], expected[1 - gate])
    assert not found[both[gate]].any()
    for y, op in ((both[0] @ both[0].transpose(0, 2, 1), ops.matmul), (both[0] * 2.0, ops.multiply)):
        with pytest.raises(RuleError, match="expected a product of two paths, entry by entry"):
            mx.backward(y, None, with_rule(op, rules.signal_takes_all(gate)), both[:1])
    with pytest.raises(ValueError, match="signal_takes_all: gate is 2, expected 0 or 1"):
        rules.signal_takes_all(2)


def test_the_numerator_of_a_quotient_takes_all() -> None:
    x, y = (mx.Tensor(np.array([[3.0, 2.0]])) for _ in range(2))
    g = mx.backward(x / y, None, with_rule(Trait.PRODUCT, rules.signal_takes_all(gate=1)))
    np.testing.assert_array_equal(g[x], [[1.0, 1.0]])
    np.testing.assert_array_equal(g[y], [[0.0, 0.0]])


def test_a_softmax_within_is_linearised() -> None:
    rng = np.random.default_rng(0)
    x, r = mx.Tensor(rng.standard_normal((3, 5))), rng.standard_normal((3, 5))
    relevance, leaks = walk(ops.softmax(x), r, x, rules.linearised())
    expected = np.array([oracle.softmax_of_row(*pair) for pair in zip(x.value, r, strict=True)])
    np.testing.assert_allclose(relevance, expected, atol=1e-12)
    np.testing.assert_allclose(leaks["bias"], r.sum(1) - expected.sum(1), atol=1e-12)


def test_an_empty_table_is_refused_and_not_the_gradient() -> None:
    net, x = small((4, 4), 0), np.ones((1, 2, 4, 4))
    with pytest.raises(RuleError, match="the table has no rule for linear"):
        mx.methods.lrp(net, x, rules={})
    y = ops.tanh(x)
    with pytest.raises(RuleError, match="the table has no rule for tanh"):
        mx.backward(y, rules=Rules(strict=True))


def test_a_table_that_is_not_strict_is_taken_as_strict() -> None:
    with pytest.raises(RuleError, match="no rule for reshape"):
        lrp(Net(lambda net, x: x), np.ones((1, 3, 5, 5)), rules=Rules({ops.conv2d: rules.flat()}))


def test_rules_that_do_not_fit_their_operation_are_refused() -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, 5, 5))
    with pytest.raises(RuleError, match=r"conv2d \(layer 'conv'\): pass_through: output"):
        lrp(Net(lambda net, x: x), x, rules=rules.composite(conv=rules.pass_through()))
    table = rules.composite()
    table[ops.relu] = rules.epsilon()
    with pytest.raises(RuleError, match=r"relu \(layer ''\): the rule is for convolutions"):
        lrp(Net(lambda net, x: ops.relu(x)), x, rules=table)


# Tables


def test_first_means_no_layer_with_weights_before() -> None:
    met: dict[str, list[Any]] = {"first": [], "conv": [], "dense": [], "pool": []}

    def noting(place: str) -> Any:
        def rule(g: np.ndarray, node: Any) -> Any:
            met[place].append(node.layer)
            return rules.epsilon()(g, node)

        return rule

    lrp(float64(Branched(True)), IMAGES, rules=rules.composite(**{place: noting(place) for place in met}))
    assert sorted(met.pop("first")) == ["left", "right"]
    assert met == {"conv": ["twice", "twice"], "dense": ["dense"], "pool": ["pool"]}
    met = {"first": [], "conv": [], "dense": [], "pool": []}
    dense = mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(108, 3, rng=0), mx.nn.ReLU(), mx.nn.Linear(3, 2))
    lrp(dense, IMAGES, target=0, rules=rules.composite(first=noting("first"), dense=noting("dense")))
    assert (met["first"], met["dense"]) == (["1"], ["3"])


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        (rules.composite(), {}),
        (rules.epsilon_plus(), {"conv": rules.z_plus(), "dense": rules.epsilon(1e-6)}),
        (rules.epsilon_alpha2_beta1(), {"conv": rules.alpha_beta(2, 1), "dense": rules.epsilon(1e-6)}),
        (
            rules.epsilon_gamma_box(-5, 5),
            {"first": rules.box(-5, 5), "conv": rules.gamma(0.25), "dense": rules.epsilon(1e-6)},
        ),
    ],
)
def test_presets(table: Rules, parts: dict[str, Any]) -> None:
    """The map is what their rules give, layer by layer, with the tape of a small network unrolled by hand."""
    conv, dense = mx.nn.Conv2d(3, 4, 3, rng=0), mx.nn.Linear(16, 3, rng=1)
    inner = mx.nn.Conv2d(4, 4, 3, rng=2)
    net = float64(mx.nn.Sequential(conv, mx.nn.ReLU(), inner, mx.nn.ReLU(), mx.nn.Flatten(), dense))
    e = lrp(net, IMAGES, rules=table)
    x = mx.Tensor(IMAGES)
    first = ops.relu(conv(x))
    second = ops.relu(inner(mx.Tensor(first.value)))
    logits = dense(mx.Tensor(second.value.reshape(3, -1)))
    r = np.where(logits.value == logits.value.max(1, keepdims=True), logits.value, 0)
    r, _ = walk(logits, r, logits.inputs[0], parts.get("dense", rules.epsilon()))
    r, _ = walk(second.inputs[0], r.reshape(second.shape), second.inputs[0].inputs[0],
                parts.get("conv", rules.z_plus()))  # fmt: skip
    r, _ = walk(first.inputs[0], r, x, parts.get("first", parts.get("conv", rules.z_plus())))
    np.testing.assert_allclose(e.map, r, atol=1e-12)
    np.testing.assert_allclose(e.score, logits.value.max(1))


# Conservation


CONSERVING = {
    "LRP-0": rules.composite(conv=rules.epsilon(0), dense=rules.epsilon(0)),
    "z_plus": rules.composite(conv=rules.z_plus(), dense=rules.z_plus()),
    "gamma": rules.composite(conv=rules.gamma(), dense=rules.gamma()),
}


@pytest.mark.parametrize("name", CONSERVING)
@pytest.mark.parametrize("make", [stack, Branched])
def test_networks_without_bias_conserve(name: str, make: Any) -> None:
    e = lrp(float64(make(False)), IMAGES, rules=CONSERVING[name])
    np.testing.assert_allclose(e.map.sum((1, 2, 3)), e.score, rtol=1e-9)


@pytest.mark.parametrize("rule", [rules.flat(), rules.w_square()])
def test_rules_of_the_weights_alone_conserve_with_bias_and_padding(rule: Any) -> None:
    e = lrp(stack(True), IMAGES, rules=rules.composite(conv=rule, dense=rule, pool=rule))
    np.testing.assert_allclose(e.map.sum((1, 2, 3)), e.score, rtol=1e-9)


@pytest.mark.parametrize("bounds", [{}, {"low": 0}, {"low": 0, "high": 5}])
def test_deep_taylor_without_positive_bias_conserves(bounds: dict[str, float]) -> None:
    for bias in (False, True):
        net = stack(bias)
        state = net.state_dict()
        state["7.weight"] = abs(state["7.weight"])  # the score is positive
        net.load_state_dict({key: -abs(a) / 10 if "bias" in key else a for key, a in state.items()})
        e = deep_taylor(net, abs(IMAGES), **bounds)
        assert e.score.min() > 0
        np.testing.assert_allclose(e.map.sum((1, 2, 3)), e.score, rtol=1e-9)
        assert e.map.min() >= 0


def test_deep_taylor_is_z_plus_inside_and_the_domain_chooses_the_first_rule() -> None:
    net, x = float64(Branched(True)), abs(IMAGES)
    inside = {"conv": rules.z_plus(), "dense": rules.z_plus()}
    for bounds, first in (
        ({}, rules.w_square()),
        ({"low": 0}, None),
        ({"low": 0, "high": 5}, rules.box(0, 5)),
    ):
        e = deep_taylor(net, x, **bounds)  # type: ignore[arg-type]
        expected = lrp(net, x, rules=rules.composite(first, **inside))
        np.testing.assert_array_equal(e.map, expected.map)
    for wrong in ({"high": 1}, {"low": 1}):
        with pytest.raises(ValueError, match="deep_taylor: low is"):
            deep_taylor(net, x, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="low is 0, but x has values down to"):
        deep_taylor(net, IMAGES, low=0)
    with pytest.raises(ValueError, match="box: x is in"):
        deep_taylor(net, x, low=0, high=0.5)


def test_lrp_0_is_input_times_gradient_without_bias() -> None:
    for net in (stack(False), float64(Branched(False))):
        e = lrp(net, IMAGES, rules=CONSERVING["LRP-0"])
        np.testing.assert_allclose(e.map, mx.methods.input_x_gradient(net, IMAGES).map, rtol=1e-6, atol=1e-9)


def test_a_reused_layer_is_the_same_as_two_layers() -> None:
    reused = float64(Branched(True))

    class Unrolled(Branched):
        def __init__(self) -> None:
            super().__init__(True)
            self.again = self.twice

        def forward(self, x: mx.Tensor) -> mx.Tensor:
            left, right = ops.relu(self.left(x)), ops.relu(self.right(x))
            copy = mx.nn.Conv2d(4, 4, 3, padding=1)
            copy.load_state_dict(self.twice.state_dict())
            inner = ops.relu(copy(ops.relu(self.twice(left + right))) + left)
            return self.dense(ops.flatten(self.pool(ops.concat(inner, right))))

    unrolled = float64(Unrolled())
    for table in (rules.epsilon_plus(), rules.epsilon_alpha2_beta1(), rules.epsilon_gamma_box(-5, 5)):
        np.testing.assert_array_equal(
            lrp(reused, IMAGES, rules=table).map, lrp(unrolled, IMAGES, rules=table).map
        )


def test_inner_units_and_seeds() -> None:
    net = stack(True)
    inner = lrp(net, IMAGES, layer="1", neuron=(2, "max"))
    assert inner.kind == "attribution"
    np.testing.assert_allclose(inner.ledger.start, inner.score)
    one = lrp(net, IMAGES, seed="one")
    np.testing.assert_allclose(one.map * one.score[:, None, None, None], lrp(net, IMAGES).map, atol=1e-12)
    np.testing.assert_array_equal(one.ledger.start, 1)


# Batch norm merged


class Norms(mx.nn.Module):
    def __init__(self, bias: bool = True, affine: bool = True) -> None:
        self.body = mx.nn.Sequential(
            mx.nn.Conv2d(3, 4, 3, bias=bias, rng=0), mx.nn.BatchNorm2d(4, affine=affine), mx.nn.ReLU()
        )
        self.norm, self.conv = mx.nn.BatchNorm2d(6), mx.nn.Conv2d(4, 6, 3, padding=1, groups=2, rng=1)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return ops.flatten(self.norm(self.conv(self.body(x))))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_merging_batch_norm_changes_no_output_and_not_the_model(bias: bool, affine: bool) -> None:
    net, rng = float64(Norms(bias, affine)), np.random.default_rng(3)
    state = net.state_dict()
    for key in state:
        if "norm" in key or key.startswith("body.1"):
            state[key] = np.asarray(rng.uniform(0.5, 2, state[key].shape)).astype(state[key].dtype)
    net.load_state_dict(state)
    merged = merge_batch_norm(net, IMAGES[:1])
    np.testing.assert_allclose(merged.predict(IMAGES), net.predict(IMAGES), rtol=1e-12, atol=1e-12)
    assert not any(isinstance(module, mx.nn.BatchNorm2d) for _, module in merged.named_modules())
    assert all(np.array_equal(a, state[key]) for key, a in net.state_dict().items())
    assert isinstance(net.body[1], mx.nn.BatchNorm2d)
    e = lrp(merged, IMAGES)
    np.testing.assert_allclose(e.score, net.predict(IMAGES).max(1))
    np.testing.assert_allclose(lrp(net, IMAGES).map, e.map, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda net, x: net.norm(ops.relu(net.conv(x))), "nothing to merge, use the model as it is"),
        (lambda net, x: net.norm(x), "nothing to merge, use the model as it is"),
        (lambda net, x: net.norm(net.conv(net.norm(net.conv(x)))), "layer 'norm' follows 'conv', but one of"),
        (lambda net, x: (y := net.conv(x)) + net.norm(y), "something else uses what 'conv' puts out"),
    ],
    ids=["after a ReLU", "first", "twice", "the output is used elsewhere"],
)
def test_batch_norm_that_cannot_be_merged_is_named(forward: Any, message: str) -> None:
    class Odd(mx.nn.Module):
        def __init__(self) -> None:
            self.conv, self.norm = mx.nn.Conv2d(3, 3, 3, padding=1, rng=0), mx.nn.BatchNorm2d(3)

        def forward(self, x: mx.Tensor) -> mx.Tensor:
            return forward(self, x)

    with pytest.raises(ValueError, match=f"merge_batch_norm: .*{message}"):
        merge_batch_norm(Odd(), IMAGES[:1])


def test_what_stands_elsewhere_is_left_as_it_is() -> None:
    """Merging is what fit_patterns asks for: a batch norm at the input must not be in its way."""
    norm = mx.nn.BatchNorm2d
    net = mx.nn.Sequential(norm(3), mx.nn.Conv2d(3, 4, 3, rng=0), norm(4), mx.nn.ReLU(), norm(4))
    net(IMAGES.astype(np.float32))
    merged = merge_batch_norm(net, IMAGES[:1])
    kinds = ["BatchNorm2d", "Conv2d", "Identity", "ReLU", "BatchNorm2d"]
    assert [type(layer).__name__ for layer in merged] == kinds
    np.testing.assert_allclose(merged.predict(IMAGES), net.predict(IMAGES), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "norm", "shape"),
    [
        (lambda: mx.nn.Linear(5, 4, rng=0), mx.nn.BatchNorm1d(4), (6, 5)),
        (lambda: mx.nn.Linear(5, 4, bias=False, rng=0), mx.nn.BatchNorm1d(4, affine=False), (6, 5)),
        (lambda: mx.nn.Conv1d(4, 6, 3, groups=2, rng=0), mx.nn.BatchNorm1d(6), (3, 4, 7)),
        (lambda: mx.nn.ConvTranspose2d(3, 4, 3, stride=2, rng=0), mx.nn.BatchNorm2d(4), (3, 3, 4, 5)),
        (lambda: mx.nn.ConvTranspose2d(4, 6, 2, groups=2, rng=0), mx.nn.BatchNorm2d(6), (3, 4, 4, 5)),
    ],
    ids=["dense", "dense, no bias", "sequences, groups", "transposed", "transposed, groups"],
)
def test_batch_norm_is_merged_into_any_layer_with_a_weight(layer: Any, norm: Any, shape: Any) -> None:
    rng = np.random.default_rng(3)
    net = float64(mx.nn.Sequential(layer(), norm, mx.nn.ReLU()))
    channels = len(norm.running_mean)
    norm.running_mean, norm.running_var = rng.standard_normal(channels), rng.uniform(0.5, 2, channels)
    if norm.weight is not None:
        norm.weight.value, norm.bias.value = rng.standard_normal((2, channels))
    x = rng.standard_normal(shape)
    merged = merge_batch_norm(net, x[:2])
    assert isinstance(merged[1], mx.nn.Identity)
    np.testing.assert_allclose(merged.predict(x), net.predict(x), rtol=1e-12, atol=1e-12)
