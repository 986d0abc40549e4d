"""Who may write to an array: a tape keeps what it was made with, and results own what they hold."""

import weakref

import numpy as np
import pytest

import minixai as mx
from minixai import nn, ops
from minixai.arrays import frozen
from minixai.methods.catalogue import METHODS
from minixai.op import Trait, operation
from minixai.rules import Rules
from tests.networks import averaging, small

RNG = np.random.default_rng(0)


def test_values_are_read_only_and_those_of_parameters_copies():
    array = np.ones(3)
    x, p = mx.Tensor(array), nn.Parameter(array)
    y = x * 2
    for tensor in (x, y, p):
        with pytest.raises(ValueError, match="read-only"):
            tensor.value[0] = 5
    assert array.flags.writeable
    array[0] = 7
    assert x.value[0] == 7
    assert p.value[0] == 1
    p.value = array
    array[0] = 8
    assert p.value[0] == 7
    assert nn.Parameter([1, 2]).dtype == np.float32


def test_buffers_are_copies():
    array, layer = np.zeros(2), nn.Module()
    layer.register_buffer("mean", array)
    array[0] = 1
    assert layer.mean[0] == 0


@pytest.mark.parametrize("optimiser", [nn.SGD, nn.Adam])
def test_a_tape_keeps_the_weights_that_it_was_made_with(optimiser):
    layer, x = nn.Linear(3, 2, rng=0), RNG.standard_normal((4, 3)).astype(np.float32)
    leaf = mx.Tensor(x)
    loss = (layer(leaf) ** 2).sum()
    before, weight = mx.backward(loss, wrt=[leaf, layer.weight]), layer.weight.value
    optimiser([layer.weight, layer.bias], lr=0.5).step(mx.backward(loss))
    layer.bias.value = np.full(2, 9.0, np.float32)
    assert not np.any(layer.weight.value == weight)
    for tensor, g in mx.backward(loss, wrt=[leaf, layer.weight]).items():
        np.testing.assert_array_equal(g, before[tensor])


@pytest.mark.parametrize("optimiser", [nn.SGD, nn.Adam])
def test_parameters_keep_their_dtype_whatever_that_of_the_rate(optimiser):
    p = nn.Parameter(np.ones(2, np.float32))
    optimiser([p], lr=np.float64(0.1)).step({p: np.ones(2, np.float32)})
    np.testing.assert_allclose(p.value, 0.9, rtol=1e-6)
    assert p.dtype == np.float32


def test_a_velocity_is_not_the_array_of_a_gradient():
    p, g = nn.Parameter(np.zeros(2)), np.ones(2)
    sgd = nn.SGD([p], lr=1.0, momentum=0.5)
    sgd.step({p: g})
    g[:] = 0
    sgd.step({p: g})
    np.testing.assert_allclose(p.value, -1.5)


def test_fit_has_let_go_of_the_tape_before_it_steps():
    alive = []

    def loss(output, y):
        value = ops.cross_entropy(output, y)
        alive.append(weakref.ref(value))
        return value

    class Watching(nn.SGD):
        def step(self, gradients):
            assert alive[-1]() is None
            super().step(gradients)

    model = nn.Linear(3, 2, rng=0)
    nn.fit(
        model,
        np.ones((4, 3)),
        np.zeros(4, int),
        2,
        2,
        Watching(model.parameters(), 0.1),
        loss,
        progress=False,
    )
    assert len(alive) == 4


@pytest.mark.parametrize(
    "write",
    [
        lambda g, node: g.__setitem__(node.value <= 0, 0),
        lambda g, node: g.__imul__(2),
        lambda g, node: np.maximum(g, 0, out=g),
        lambda g, node: np.add.at(g, 0, 1),
        lambda g, node: np.put_along_axis(g, np.zeros((1, 3), int), 1, 0),
        lambda g, node: node.arrays[1].fill(0),
        lambda g, node: node.value.sort(),
        lambda g, node: node.saved[1].fill(0),
    ],
)
def test_a_rule_that_writes_to_what_it_was_given_reads_what_to_do(write):
    def rule(g, node):
        write(g, node)
        return node.op.vjp(g, node)

    x, w, b = RNG.standard_normal((2, 3)), np.ones(3), np.zeros(3)
    y = ops.batch_norm(x, w, b) + 1.0
    message = r"^backward: the rule for batch_norm \(layer None\) writes .*: work on a copy, g = g\.copy"
    with pytest.raises(ValueError, match=message):
        mx.backward(y, rules={ops.batch_norm: rule})


def test_an_operation_that_writes_to_its_input_reads_what_to_do():
    @operation(Trait.GATE)
    def clip(x):
        x[x < 0] = 0
        return x

    with pytest.raises(ValueError, match=r"^clip writes to an array that it was given: work on a copy"):
        clip(mx.Tensor(-np.ones(3)))


def test_another_error_of_a_rule_stays_as_it_is():
    def fail(g, node):
        raise ValueError("none of mine")

    with pytest.raises(ValueError, match=r"^none of mine$"):
        mx.backward(ops.exp(mx.Tensor(np.ones(2))), rules={ops.exp: fail})


def test_a_rule_that_works_on_a_copy_spoils_no_other_branch():
    def rule(g, node):
        g = g.copy()
        g[node.value <= 0] = 0
        return (g,)

    x = mx.Tensor(RNG.standard_normal((2, 3)))
    y = ops.relu(x) + x  # add hands one array to both
    np.testing.assert_array_equal(mx.backward(y, rules={ops.relu: rule})[x], 1 + (x.value > 0))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_explanations_own_their_arrays(name):
    model = averaging(channels=2) if name == "cam" else small((6, 6), 0)
    buffer = RNG.random((2, 2, 6, 6))
    settings = {}
    if name.startswith("pattern_"):
        settings["patterns"] = mx.signal.fit_patterns(model, [buffer], progress=False)
    if "progress" in METHODS[name].function.__annotations__:
        settings["progress"] = False
    e = getattr(mx.methods, name)(model, buffer, **settings)
    x, map_, score = buffer.copy(), e.map.copy(), e.score.copy()
    buffer[:] = 7
    np.testing.assert_array_equal(e.x, x)
    np.testing.assert_array_equal(e.map, map_)
    np.testing.assert_array_equal(e.score, score)
    e.map[:] = 3  # its own: neither x nor a later explanation changes
    np.testing.assert_array_equal(e.x, x)


def test_a_map_that_is_x_itself_is_a_copy():
    class Sum(nn.Module):
        def forward(self, x):
            return ops.reshape(x, (-1, 3))

    e = mx.methods.lrp(
        Sum(), np.ones((1, 3)), rules=Rules({Trait.MOVE: lambda g, node: node.arrays}), target=0
    )
    e.map[:] = 5
    np.testing.assert_array_equal(e.x, 1)


MASKED = np.ma.masked_array(np.ones((2, 3)), mask=[[True, False, False], [False] * 3])


def test_a_masked_array_is_refused_where_its_mask_would_be_lost():
    layer = nn.Linear(3, 3, rng=0)
    for call, name in (
        (lambda: mx.Tensor(MASKED), "Tensor: array"),
        (lambda: mx.Tensor(np.ones((2, 3))) + MASKED, "Tensor: array"),
        (lambda: nn.Parameter(MASKED), "Parameter: array"),
        (lambda: layer.predict(MASKED), "predict: x"),
        (lambda: mx.methods.gradient(layer, MASKED), "gradient: x"),
        (lambda: nn.fit(layer, np.ones((2, 3)), np.ma.masked_array([0, 1], [0, 1])), "fit: y"),
        (lambda: mx.backward(layer(np.ones((2, 3), np.float32)), MASKED), "backward: cotangent"),
        (
            lambda: layer.load_state_dict({"weight": np.ma.masked_equal(np.eye(3), 0), "bias": np.ones(3)}),
            "load_state_dict: weight",
        ),
    ):
        with pytest.raises(TypeError, match=f"^{name} is a masked array, whose mask would be lost"):
            call()


def test_a_parameter_copies_what_can_change_and_nothing_else():
    array = np.ones(3)
    view = array.view()
    view.flags.writeable = False
    assert not np.shares_memory(nn.Parameter(view).value, array)
    assert np.shares_memory(nn.Parameter(frozen(array)).value, array)
