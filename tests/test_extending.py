"""A new operation, rule, layer and method, each said in one place, as a reader would write it."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import ops
from minixai.errors import RuleError
from minixai.methods.catalogue import METHODS, method
from minixai.nn import receptive_field
from minixai.op import Op, Trait, operation
from minixai.ops.places import windows
from minixai.rules import Rules, Shares
from minixai.rules.table import maker
from tests.networks import float64

ROOT = Path(__file__).resolve().parents[1]
X = np.random.default_rng(0).standard_normal((3, 2, 8, 8))


# A new operation: a convolution of one row, whose inputs and settings the definition tells apart


@operation(Trait.UNITS, Trait.WEIGHTED, looks=windows)
def row_conv(x, w, b=None, *, stride=1, padding=0):
    """y[i, k, r, q] = Σ_{c,v} x[i, c, r·stride, q·stride + v] · w[k, c, 0, v] + b[k]."""
    return ops.conv2d.forward(x, w, b, stride=stride, padding=padding)


@row_conv.define_vjp
def _row_conv_vjp(g, node):
    same = {"dilation": 1, "groups": 1}
    y = ops.conv2d(*node.arrays, **node.params, **same)
    leaves = [x for x in y.node.inputs if x is not None]
    found = mx.backward(y, g, wrt=leaves)
    return [None if x is None else found[x] for x in y.node.inputs]


@operation(Trait.RECTIFIER, Trait.GATE)
def capped(x, *, most=1.0):
    """y = x between 0 and `most`, which it does not pass."""
    return np.clip(x, 0, most)


@capped.define_vjp
def _capped_vjp(g, node):
    (x,) = node.arrays
    return (np.where((x > 0) & (x < node.params["most"]), g, 0),)


@operation(Trait.POOL)
def total(x):
    """y[i, c] = Σ x[i, c]."""
    return x.sum(axis=(2, 3))


@total.define_vjp
def _total_vjp(g, node):
    return (np.broadcast_to(g[..., None, None], node.arrays[0].shape),)


# A new layer of it


class RowConv(mx.nn.Module):
    """A row of `width` pixels."""

    def __init__(self, inputs: int, outputs: int, width: int, bias: bool = True, rng: Any = None) -> None:
        rng = np.random.default_rng(rng)
        self.weight = mx.nn.Parameter(rng.standard_normal((outputs, inputs, 1, width)) / width)
        self.bias = mx.nn.Parameter(rng.standard_normal(outputs)) if bias else None

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        """x: (n, inputs, h, w)."""
        return row_conv(x, self.weight, self.bias, padding=1)


class Net(mx.nn.Module):
    """The new operations between the old ones."""

    def __init__(self, bias: bool = True) -> None:
        self.first, self.pool = RowConv(2, 4, 3, bias, rng=0), mx.nn.MaxPool2d(2)
        self.second = mx.nn.Conv2d(4, 3, 3, bias=bias, rng=1)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return total(ops.relu(self.second(self.pool(capped(self.first(x), most=2.0)))))


@pytest.fixture(scope="module")
def net() -> mx.nn.Module:
    return float64(Net())


def test_its_vjp_is_right():
    mx.gradcheck.check_vjp(row_conv, X[:1], np.ones((2, 2, 1, 3)), np.ones(2), padding=1)
    mx.gradcheck.check_vjp(capped, X[:1] + 0.01, most=0.7)


@pytest.mark.parametrize(
    "table",
    [
        None,
        mx.rules.epsilon_alpha2_beta1(),
        mx.rules.epsilon_gamma_box(-5, 5),
        mx.rules.composite(first=mx.rules.w_square(), conv=mx.rules.epsilon(0.1), pool=mx.rules.flat()),
    ],
)
def test_lrp_knows_it_and_the_ledger_closes(net, table):
    e = mx.methods.lrp(net, X, rules=table)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-10)
    assert {"row_conv", "capped", "total"} <= {row.op for row in e.ledger.rows}
    assert e.map.any()


def test_without_bias_and_with_epsilon_0_all_of_the_score_comes_back():
    e = mx.methods.lrp(float64(Net(bias=False)), X, rules=mx.rules.composite(conv=mx.rules.epsilon(0)))
    np.testing.assert_allclose(e.map.sum(axis=(1, 2, 3)) + e.ledger.leaks["zero"], e.score)


def test_patterns_are_fitted_for_it_and_both_methods_take_them(net):
    patterns = mx.signal.fit_patterns(net, [X, X + 1], kinds=("linear", "positive"), progress=False)
    assert patterns["first"].positive.shape == (4, 2, 1, 3)  # a rectifier stands behind
    e = mx.methods.pattern_attribution(net, X, patterns=patterns)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-10)
    assert mx.methods.pattern_net(net, X, patterns=patterns).map.any()


def test_guided_backprop_and_deconvnet_take_it_for_a_rectifier(net):
    guided = mx.methods.guided_backprop(net, X).map
    by_hand = Rules({op: lambda g, node: node.op.vjp(np.maximum(g, 0), node) for op in (ops.relu, capped)})
    leaf = mx.Tensor(X)
    y = net(leaf)
    start = np.eye(3)[y.value.argmax(axis=1)]
    np.testing.assert_array_equal(guided, mx.backward(y, start, by_hand, wrt=[leaf])[leaf])
    assert not np.array_equal(guided, mx.methods.gradient(net, X).map)


def test_receptive_fields_go_through_it(net):
    leaf = mx.Tensor(X)
    _, layers = net.trace(leaf)
    rows, columns = receptive_field(layers["second"][0], leaf, 0, 1)
    assert (rows, columns) == (slice(0, 5), slice(1, 8))


def test_it_is_one_object_in_copies_and_pickles():
    assert copy.deepcopy({"op": row_conv})["op"] is copy.copy(row_conv) is row_conv
    assert pickle.loads(pickle.dumps([row_conv, ops.relu, Trait.GATE])) == [row_conv, ops.relu, Trait.GATE]


def test_a_new_operation_never_takes_the_place_of_one_of_ours():
    @Op
    def add(x, y):
        return x - y

    x = mx.Tensor(np.ones(2))
    np.testing.assert_array_equal((x + x).value, 2)
    np.testing.assert_array_equal(add(x, x).value, 0)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("@operation()\ndef f(): ...", "f: expected inputs"),
        ("@operation()\ndef f(x, *others, scale=1): ...", "f: expected inputs"),
        ("@operation()\ndef f(x, **settings): ...", "f: expected inputs"),
        (
            "@operation(Trait.WEIGHTED)\ndef f(x, w, b): ...",
            "f: WEIGHTED takes x, w and, if it is optional, b",
        ),
        ("@operation\ndef f(x): ...", r"operation: got .* expected traits: @operation\(Trait.GATE\)"),
    ],
)
def test_a_definition_that_cannot_work_is_refused(definition, message):
    with pytest.raises(TypeError, match=message):
        exec(definition, {"operation": operation, "Trait": Trait})


def test_calls_that_cannot_work_are_refused_in_the_operations_name():
    @operation()
    def late(x, w=None, *, p):
        return x * p

    np.testing.assert_array_equal(
        late(np.ones(2), p=3).value, 3
    )  # what must be given stands behind what need not
    with pytest.raises(NotImplementedError, match=r"late has no VJP: define it with @late\.define_vjp"):
        mx.backward(late(np.ones(2), p=3))
    for wrong, error, message in [
        (
            lambda: ops.conv2d(X, X, strides=2),
            TypeError,
            r"^conv2d: got an unexpected keyword argument 'strides'",
        ),
        (lambda: ops.relu(None), TypeError, r"^relu: x is None, expected a tensor"),
        (
            lambda: ops.leaky_relu(X, slope=mx.Tensor(0.1)),
            TypeError,
            r"^leaky_relu: slope is a Tensor, but a setting",
        ),
    ]:
        with pytest.raises(error, match=message):
            wrong()


@pytest.mark.parametrize("op", [each for each in vars(ops).values() if isinstance(each, Op)], ids=str)
def test_a_call_is_bound_as_its_signature_says(op):
    """By position as far as that goes, and by name; with what is left out, and without."""
    parameters = list(op.__signature__.parameters.values())
    by_position = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    needed = {p.name: object() for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL}
    every = {p.name: object() for p in parameters if p.kind is not p.VAR_POSITIONAL}
    for given in (needed, every):
        for placed in range(len(given) + 1):
            if list(given)[:placed] == by_position[:placed] and not (op.variadic and placed):
                args = list(given.values())[:placed]
                kwargs = dict(list(given.items())[placed:])
                bound = op.__signature__.bind(*args, **kwargs)
                bound.apply_defaults()
                inputs = [bound.arguments.pop(name) for name in op.input_names]
                expected = inputs[0] if op.variadic else tuple(inputs), bound.arguments
                assert op._bound(*args, **kwargs) == expected


def test_a_node_as_it_was_left_counts_every_input_as_a_path():
    a = mx.Tensor(np.ones(2))
    assert Trait.SUM in (a + a).node.traits
    model = mx.nn.Sequential(mx.nn.Linear(2, 3, rng=0))

    class Halved(mx.nn.Module):
        def __init__(self):
            self.model = model

        def forward(self, x):
            return self.model(x) / 2.0

    table = mx.rules.composite(dense=mx.rules.epsilon(0))
    whole, half = (mx.methods.lrp(m, np.ones((1, 2)), rules=table).map for m in (model, Halved()))
    np.testing.assert_allclose(half, whole / 2, rtol=1e-6)


def test_weights_on_a_branch_of_constants_do_not_make_a_layer_an_inner_one():
    class Placed(mx.nn.Module):
        def __init__(self):
            self.place, self.first, self.last = (mx.nn.Linear(4, 4, rng=k) for k in range(3))

        def forward(self, x):
            return self.last(ops.relu(self.first(x + self.place(np.ones((1, 4), np.float32)))))

    called = []

    def first(g, node):
        called.append(node.layer)
        return mx.rules.flat()(g, node)

    mx.methods.lrp(Placed(), np.ones((2, 4)), rules=mx.rules.composite(first=first))
    assert called == ["first"]


def test_a_product_of_two_matrices_does_not_look_at_its_own_place():
    x = mx.Tensor(np.ones((1, 1, 4, 4)))
    with pytest.raises(RuleError, match=r"matmul .* does not say where it looks"):
        receptive_field(ops.matmul(x, x), x, 0, 1)
    assert receptive_field(x * ops.sigmoid(x), x, 0, 1) == (slice(0, 1), slice(1, 2))


def test_annotations_say_nothing():
    """As in a notebook, where they are no text."""

    @operation(Trait.SUM)
    def weigh(x: np.ndarray, y: "list[float]", *, by: float = 2.0):  # noqa: UP037
        return by * (x + y)

    z = weigh(np.ones(2), [1.0, 2.0], 3.0)
    assert [each.shape for each in z.inputs] == [(2,), (2,)]
    np.testing.assert_array_equal(z.value, [6, 9])


# A new rule, with a reason of its own


@maker
def tithe(part=0.1):
    """R_x = (1 − part)·R: the rest is the collector's."""

    def rule(g, node):
        return Shares([(1 - part) * g], collector=part * g.reshape(len(g), -1).sum(axis=1))

    return rule


def test_a_new_rule_its_reason_and_its_picture(net):
    table = Rules({**mx.rules.epsilon_plus(), Trait.RECTIFIER: tithe(0.2)}, strict=True)
    e = mx.methods.lrp(net, X, rules=table)
    assert np.all(e.ledger.leaks["collector"] > 0)
    np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-10)
    assert "collector" in repr(e.ledger)
    assert "collector" in {text.get_text() for text in e.ledger.plot().legends[0].get_texts()}


@pytest.mark.parametrize("leak", [np.ones((3, 1)), 1.0, [1.0]])
def test_a_leak_that_is_not_one_an_image_is_refused(net, leak):
    table = mx.rules.epsilon_plus() | {Trait.RECTIFIER: lambda g, node: Shares([g], mine=leak)}
    with pytest.raises(RuleError, match=r"the leak 'mine' has shape .*, expected \(3,\)"):
        mx.methods.lrp(net, X, rules=table)


def test_more_reasons_than_looks_are_drawn(net):
    table = mx.rules.epsilon_plus() | {
        Trait.RECTIFIER: lambda g, node: Shares([g], **{f"reason {k}": np.ones(3) for k in range(40)})
    }
    mx.methods.lrp(net, X, rules=table).ledger.plot()


def test_a_table_stays_strict():
    table = mx.rules.composite()
    for same in (table | {"first": mx.rules.flat()}, table.copy(), copy.copy(table)):
        assert isinstance(same, Rules)
        assert same.strict


def test_rules_of_patterns_and_switches_are_made_again():
    patterns = {"first": np.ones((4, 2, 1, 3)), "second": np.ones((3, 4, 3, 3))}
    table = mx.rules.pattern_attribution(patterns)
    assert repr(table[Trait.UNITS]) == "times_weight(<dict>, None, False)"
    assert repr(mx.rules.unpooling("centre")) == "unpooling('centre')"
    for made in (table, Rules({ops.max_pool2d: mx.rules.unpooling("centre")})):
        assert repr(pickle.loads(pickle.dumps(made))) == repr(made) or made is table


def test_rules_print_and_copy_as_they_were_made():
    table = mx.rules.composite(first=mx.rules.box(0, 1), conv=mx.rules.gamma(0.25))
    assert repr(tithe(part=0.2)) == "tithe(part=0.2)"
    assert repr(table[Trait.WEIGHTED]) == "by_position(box(0, 1), gamma(0.25))"
    net, x = float64(mx.models.lenet5()), np.random.default_rng(0).random((2, 1, 28, 28))
    for same in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert (same.strict, same.keys()) == (True, table.keys())
        assert repr(same) == repr(table) or "function" in repr(table)
        np.testing.assert_array_equal(
            mx.methods.lrp(net, x, rules=same).map, mx.methods.lrp(net, x, rules=table).map
        )


def test_a_table_answers_for_an_operation_by_its_traits():
    table = mx.rules.composite()
    assert repr(table[ops.conv2d]) == "z_plus()"
    assert repr(table[row_conv]) == "z_plus()"
    assert repr(table[ops.linear]) == "epsilon()"
    with pytest.raises(KeyError):
        mx.rules.guided_backprop()[ops.conv2d]


# A new method: its few lines, no signature, no checks


def test_a_new_method():
    try:

        @method("half", "function", shows="half the gradient", fails="always", paper="this test", seed="one")
        def half(ask, *, part: float = 0.5):
            """map = part · ∂score/∂x."""
            return part * ask.walk().map

        assert mx.methods.half is METHODS["half"].function
        model, x = mx.models.lenet5(), np.random.default_rng(0).random((2, 1, 28, 28))
        e = mx.methods.half(model, x, 3, part=0.25)
        np.testing.assert_allclose(e.map, mx.methods.gradient(model, x, 3).map / 4)
        assert (e.method, e.kind, e.target.tolist()) == ("half", "function", [3, 3])
        assert "part · ∂score/∂x" in (half.__doc__ or "")
        assert "the class to explain" in (half.__doc__ or "")
        assert typing.get_type_hints(mx.methods.half) == {}
        with pytest.raises(TypeError, match=r"^half: got an unexpected keyword argument 'parts'"):
            mx.methods.half(model, x, parts=2)
        with pytest.raises(ValueError, match=r"^half: target is 10, expected class indices in \[0, 10\)"):
            mx.methods.half(model, x, target=10)
        with pytest.raises(TypeError, match=r"^half: model is the function len, expected a minixai Module$"):
            mx.methods.half(len, x)
    finally:
        METHODS.pop("half", None)


@pytest.mark.parametrize(
    "said", [np.ones((2, 2)), None, mx.Tensor(np.ones((3, 2, 8, 8))), np.ones((3, 2, 8, 8), int)]
)
def test_what_is_no_map_is_refused(net, said):
    try:

        @method("odd", "function", shows="nothing", fails="always", paper="this test")
        def odd(ask):
            return said

        with pytest.raises(TypeError, match=r"^odd: the map is .*, expected an array of floats of x's shape"):
            mx.methods.odd(net, X)
    finally:
        METHODS.pop("odd", None)


def test_a_method_may_have_a_layer_and_a_seed_of_its_own(net):
    try:

        @method("own", "function", asks="class", shows="nothing", fails="always", paper="this test")
        def own(ask, *, layer: str = "second", seed: int = 0, **more: int):
            return np.full_like(ask.x, seed + len(layer) + sum(more.values()))

        assert mx.methods.own(net, X, 1, layer="ab", seed=3, a=10).map.max() == 15
    finally:
        METHODS.pop("own", None)


def test_a_method_never_takes_the_place_of_one_of_ours():
    with pytest.raises(ValueError, match=r"gradient is a method of minixai\.methods\.backprop already"):

        @method("mine", "function", shows="nothing", fails="always", paper="this test")
        def gradient(ask):
            return Rules()

    with pytest.raises(ValueError, match="kind is 'atribution'"):
        method("mine", "atribution", shows="nothing", fails="always", paper="this test")


def test_a_type_checker_sees_the_signatures_of_methods(tmp_path):
    code = {
        "mx.methods.lrp(net, x, target=3, rules=mx.rules.epsilon_plus()).ledger": None,
        "mx.methods.occlusion(net, x, neuron=(1,), patch=3)": None,
        "mx.methods.gradient(net, x, rules=None)": 'Unexpected keyword argument "rules"',
        "mx.methods.rise(net, x, layer='3')": 'Unexpected keyword argument "layer"',
        "mx.methods.occlusion(net, x, seed='one')": 'Unexpected keyword argument "seed"',
        "mx.methods.gradient(net, x, seed='two')": 'Argument "seed"',
        "mx.methods.smoothgrad(net, x, n_samples=0.5)": 'Argument "n_samples"',
        "mx.methods.guided_backprp(net, x)": "has no attribute",
    }
    lines = ["import minixai as mx", "net, x = mx.models.lenet5(), 0", *code]
    path = tmp_path / "user.py"
    path.write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", str(path)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8").stdout
    said = dict(re.findall(rf"{path.name}:(\d+): error: (.*)", out))
    for number, (line, message) in enumerate(code.items(), start=3):
        found = said.get(str(number))
        assert (found is None) if message is None else message in str(found), (line, out)
