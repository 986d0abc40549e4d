"""A method's own tape does not keep what a layer gives a rectifier; who reads it has it made again."""

import tracemalloc

import numpy as np
import pytest

import minixai as mx
from minixai import ops
from minixai.context import apart
from minixai.methods.question import Question
from minixai.op import Trait, unread
from minixai.rules import Rules
from tests.networks import float64

X = np.random.default_rng(0).standard_normal((2, 2, 9, 9))


class Branching(mx.nn.Module):
    """z goes through two rectifiers and tanh, in this order."""

    def __init__(self):
        self.conv, self.head = mx.nn.Conv2d(2, 3, 3, rng=0), mx.nn.Linear(3, 4, rng=1)

    def forward(self, x):
        z = self.conv(x)
        y = ops.relu(z) + ops.relu6(z) * ops.tanh(z)
        return self.head(y.mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    return float64(Branching())


def walk(net, keeping, table, **unit):
    """The map of a question asked where the tape keeps all, or not."""
    ask = Question("gradient", net, X, **unit)
    if keeping:
        assert len(ask.target) == len(X)  # so the tape is there before the walk
    return ask.walk(table).map


def reading(g, node):
    """A rule that reads all that a node holds."""
    assert all(isinstance(array, np.ndarray) for array in (node.value, *node.arrays))
    np.testing.assert_array_equal(node.value, node.op.forward(*node.arrays, **node.params))
    return [None if gx is None else gx * (1 + np.abs(node.value).mean()) for gx in node.op.vjp(g, node)]


@pytest.mark.parametrize(
    "table", [{}, {Trait.RECTIFIER: reading, Trait.WEIGHTED: reading, ops.tanh: reading}]
)
@pytest.mark.parametrize("unit", [{"target": 1}, {"layer": "conv"}])
def test_maps_and_what_rules_read_are_the_same_to_the_bit(net, table, unit):
    expected = walk(net, True, Rules(table), **unit)
    np.testing.assert_array_equal(walk(net, False, Rules(table), **unit), expected)


def test_a_tensor_has_its_shape_without_being_made_and_its_value_when_asked(net):
    y = apart(lambda: ops.relu(net.conv(mx.Tensor(X))), letting_go=unread)
    (z,) = y.inputs
    later = vars(z.node)["value"]
    assert (z.shape, z.ndim, z.dtype) == ((2, 3, 7, 7), 4, np.float64)
    mx.backward(y)
    assert "array" not in vars(later)
    np.testing.assert_array_equal(z.value, net.conv(mx.Tensor(X)).value)
    assert z.value is later.array is z.node.value is y.node.arrays[0]


def test_a_users_tape_keeps_all(net):
    (z,) = ops.relu(net.conv(mx.Tensor(X))).inputs
    assert vars(z.node)["value"] is z.value


def test_the_memory_of_a_call(one_thread):
    layers = [layer for k in range(8) for layer in (mx.nn.Conv2d(4, 4, 3, padding=1, rng=k), mx.nn.ReLU())]
    model = mx.nn.Sequential(*layers, mx.nn.AdaptiveAvgPool2d(1), mx.nn.Flatten())
    x = np.random.default_rng(0).standard_normal((8, 4, 64, 64), np.float32)
    mx.methods.guided_backprop(model, x, target=0)  # compiles, and makes the workspaces
    peaks = []
    for _ in range(3):  # the first may still make a workspace
        tracemalloc.start()
        try:
            mx.methods.guided_backprop(model, x, target=0)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert min(peaks) / x.nbytes < 13  # 8 outputs of rectifiers, and cotangents; the layers' would be 8 more
