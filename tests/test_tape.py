"""The tape: the order of the walk, accumulation, rules, and what is freed."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minixai as mx
from minixai.errors import RuleError, ShapeError
from minixai.rules import Rules

RNG = np.random.default_rng(0)
Y = mx.Tensor(np.ones(2)) * 2.0


def tensor(*shape):
    return mx.Tensor(RNG.standard_normal(shape))


def test_ten_thousand_chained_operations():
    x = y = mx.Tensor(np.array(1.0))
    for _ in range(10_000):
        y = y * 1.0001
    g = mx.backward(y, wrt=[x])
    np.testing.assert_allclose(g[x], 1.0001**10_000, rtol=1e-9)
    del y  # freeing a long chain must not exhaust the stack either


def test_numbers_without_a_dtype_are_float32_or_take_on_that_of_the_others():
    for plain in (1.5, [1.0, 2.0], [[1], [2.5]], (1, 2), True):
        assert mx.Tensor(plain).dtype == np.float32
    for array in (np.float64(1.5), np.ones(2), [np.float64(1), 2.0], [np.ones(2), np.ones(2)]):
        assert mx.Tensor(array).dtype == np.float64
    np.testing.assert_array_equal((mx.Tensor([1, 2]) + mx.Tensor([1.0, 2.5])).value, np.float32([2, 4.5]))
    for number in (0.1, 2**24 + 1, [0.1], np.int64(2**24 + 1)):  # not by way of float32
        np.testing.assert_array_equal((mx.Tensor(np.ones(1)) * number).value, np.ones(1) * number)


def test_the_truth_of_a_tensor_is_that_of_its_only_value():
    assert mx.Tensor([2.0])
    assert not mx.Tensor(0)
    assert bool(mx.Tensor(np.ones((1, 1))) - 1) is False
    with pytest.raises(ValueError, match="truth value of an array with more than one element is ambiguous"):
        bool(mx.Tensor([1.0, 2.0]))


def test_a_tensor_used_twice_gets_the_sum():
    x = tensor(3)
    g = mx.backward(x * x + x)
    np.testing.assert_allclose(g[x], 2 * x.value + 1)


def test_branches_that_join_late_are_walked_once_each():
    x = tensor(4)
    a = mx.ops.exp(x)
    b = a * 2.0
    y = mx.ops.concat(a, b * a, axis=0)
    cotangent = RNG.standard_normal(8)
    expected = (cotangent[:4] + 4 * cotangent[4:] * a.value) * a.value
    np.testing.assert_allclose(mx.backward(y, cotangent)[x], expected)


def test_a_residual_add():
    x, w = tensor(2, 3), tensor(3, 3)
    y = x + mx.ops.relu(mx.ops.linear(x, w))
    cotangent = RNG.standard_normal((2, 3))
    active = x.value @ w.value.T > 0
    np.testing.assert_allclose(mx.backward(y, cotangent)[x], cotangent + (cotangent * active) @ w.value)


def test_cotangents_do_not_share_memory():
    x, y = tensor(3), tensor(3)
    start = np.ones(3)
    total = x + y
    g = mx.backward(total, start, wrt=[x, y, total])
    g[x][:] = 7
    np.testing.assert_array_equal(g[y], 1)
    np.testing.assert_array_equal(g[total], 1)
    np.testing.assert_array_equal(start, 1)
    spread = mx.backward(x.sum(), wrt=[x])[x]
    spread[0] = 5  # writable, and no other entry changes with it
    np.testing.assert_array_equal(spread, [5, 1, 1])


def test_the_tape_is_left_as_it_was_and_can_be_walked_again():
    x = tensor(2, 3)
    y = mx.ops.softmax(x * x)
    cotangent = RNG.standard_normal((2, 3))
    first, second = mx.backward(y, cotangent)[x], mx.backward(y, cotangent)[x]
    np.testing.assert_array_equal(first, second)


def test_wrt_names_inner_tensors_and_stops_there():
    x = tensor(3)
    inner = mx.ops.exp(x)
    y = inner * 3.0
    g = mx.backward(y, wrt=[inner])
    assert set(g) == {inner}
    np.testing.assert_allclose(g[inner], 3)
    both = mx.backward(y, wrt=[x, inner, y])
    np.testing.assert_allclose(both[x], 3 * inner.value)
    np.testing.assert_allclose(both[y], 1)


def test_wrt_that_the_output_does_not_depend_on_is_refused():
    with pytest.raises(ValueError, match="does not depend"):
        mx.backward(tensor(3) * 2.0, wrt=[tensor(3)])


def test_a_leaf_to_which_nothing_comes_back_gets_zeros():
    x = tensor(3)
    g = mx.backward(mx.ops.exp(x), rules={mx.ops.exp: lambda g, node: (None,)})
    np.testing.assert_array_equal(g[x], 0)


def test_only_wanted_cotangents_are_kept():
    alive = []

    def watch(g, node):
        gx = g.copy()
        alive.append(weakref.ref(gx))
        return (gx,)

    y = tensor(3)
    for _ in range(5):
        y = mx.ops.tanh(y)
    mx.backward(y, rules={mx.ops.tanh: watch})
    gc.collect()
    assert len(alive) == 5
    assert not any(reference() is not None for reference in alive)


def test_a_tape_that_nobody_else_holds_is_freed_as_the_walk_passes():
    x = y = tensor(3)
    made, alive = [], []

    def watch(g, node):
        alive.append(sum(reference() is not None for reference in made))
        return node.op.vjp(g, node)

    for _ in range(4):
        y = mx.ops.tanh(y)
        made.append(weakref.ref(y))
    mx.backward(y, rules={mx.ops.tanh: watch}, wrt=[x])
    given = [y]
    del y
    mx.backward(given.pop(), rules={mx.ops.tanh: watch}, wrt=[x])
    assert alive == [4, 4, 4, 4, 4, 3, 2, 1]


def test_a_tape_that_a_table_keeps_is_not_emptied():
    class Keeping(Rules):
        def read(self, tape, kept=()):
            self.tape = super().read(tape, kept)
            return self.tape

    table, x = Keeping(), tensor(3)
    y = mx.ops.tanh(x)
    mx.backward(y, rules=table)
    assert list(table.tape) == [x, y]


def test_a_cotangent_of_a_wrong_shape_is_refused():
    with pytest.raises(ShapeError, match=r"cotangent has shape \(2,\), the output \(3,\)"):
        mx.backward(tensor(3) * 2.0, np.ones(2))


def test_a_rule_that_returns_a_wrong_shape_is_refused():
    y = mx.ops.exp(tensor(3))
    with pytest.raises(ShapeError, match=r"exp .*shape \(2,\) for an input of shape \(3,\)"):
        mx.backward(y, rules={mx.ops.exp: lambda g, node: (np.ones(2),)})


def test_a_rule_that_forgets_an_input_is_refused():
    for number in (1, 3):
        table = {mx.ops.multiply: lambda g, node, number=number: (g,) * number}
        with pytest.raises(ShapeError, match=rf"multiply .* gave {number} cotangents for 2 inputs"):
            mx.backward(tensor(3) * tensor(3), rules=table)


def scaled(factor):
    return lambda g, node: [factor * gx for gx in node.op.vjp(g, node)]


@pytest.fixture
def two_layers():
    class Net(mx.nn.Module):
        def __init__(self):
            self.a, self.b = mx.nn.Tanh(), mx.nn.Tanh()

        def forward(self, x):
            return self.b(self.a(x))

    return Net()


def test_rules_look_up_layer_and_op_then_layer_then_op(two_layers):
    x = tensor(3)
    y = two_layers(x)
    plain = mx.backward(y)[x]
    tanh = mx.ops.tanh
    for table, factor in [
        ({}, 1),
        ({tanh: scaled(2)}, 4),
        ({tanh: scaled(2), "a": scaled(3)}, 6),
        ({tanh: scaled(2), "a": scaled(3), ("a", tanh): scaled(5)}, 10),
        ({("a", mx.ops.relu): scaled(5)}, 1),
    ]:
        np.testing.assert_allclose(mx.backward(y, rules=table)[x], factor * plain)
        np.testing.assert_allclose(mx.backward(y, rules=Rules(table))[x], factor * plain)


def test_a_strict_table_names_the_op_and_the_layer_that_it_does_not_cover(two_layers):
    y = two_layers(tensor(3))
    table = Rules({("b", mx.ops.tanh): scaled(1)}, strict=True)
    with pytest.raises(RuleError, match=r"no rule for tanh \(layer 'a'\)"):
        mx.backward(y, rules=table)


def test_a_rule_sees_which_inputs_want_a_cotangent():
    seen = []

    def rule(g, node):
        seen.append(node.needs)
        return node.op.vjp(g, node)

    x, w = tensor(2, 3), tensor(4, 3)
    y = mx.ops.linear(x, w)
    mx.backward(y, rules={mx.ops.linear: rule}, wrt=[x])
    mx.backward(y, rules={mx.ops.linear: rule})
    assert seen == [(True, False, False), (True, True, False)]


def test_without_a_tape_nothing_is_kept():
    x = tensor(3)
    with mx.no_tape():
        y = mx.ops.exp(x)
    assert y.node is None
    assert mx.ops.exp(x).node is not None


def test_no_tape_holds_in_its_own_thread_only():
    recorded = []
    with mx.no_tape():
        thread = threading.Thread(target=lambda: recorded.append(mx.ops.exp(tensor(2)).node is not None))
        thread.start()
        thread.join()
    assert recorded == [True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_dtype(dtype):
    x = mx.Tensor(np.ones(3, dtype))
    assert x.dtype == dtype
    assert (x * 2 + 1.5).dtype == dtype
    assert mx.backward(x * 2)[x].dtype == dtype


@pytest.mark.parametrize("array", [[1, 2], np.array([True, False]), np.ones(2, np.float16), 3])
def test_other_numbers_become_float32(array):
    assert mx.Tensor(array).dtype == np.float32


@pytest.mark.parametrize("array", [1j, "text", [object()]])
def test_what_is_no_number_is_refused(array):
    with pytest.raises(TypeError, match="expected float32, float64 or integers"):
        mx.Tensor(array)


def test_mixed_dtypes_are_refused():
    for other in (mx.Tensor(np.ones(2)), np.ones(2)):
        with pytest.raises(TypeError, match="add: inputs of float32, float64"):
            mx.Tensor(np.ones(2, np.float32)) + other


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("other", [2, 2.0, np.float64(2), [1.0, 2.0], np.array([1, 2])])
def test_plain_numbers_and_integers_take_on_the_dtype(dtype, other):
    y = mx.Tensor(np.ones(2, dtype)) * other
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.value, np.ones(2) * other)


def test_cotangents_keep_the_dtype_where_rules_do_not():
    x = mx.Tensor(np.ones(2, np.float32))
    y = mx.ops.exp(x) + mx.ops.exp(x)
    g = mx.backward(y, rules={mx.ops.exp: lambda g, node: (g.astype(np.float64),)})
    assert g[x].dtype == np.float32


def test_operators_agree_with_numpy():
    x, y = tensor(2, 3), tensor(2, 3)
    a, b = x.value, y.value
    for got, expected in [
        (x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b), (x**2, a**2), (-x, -a),
        (1 - x, 1 - a), (2 / x, 2 / a), (b + x, a + b), (x[0], a[0]), (x[:, 1:], a[:, 1:]),
        (x @ y.transpose(), a @ b.T), (x.reshape(3, 2), a.reshape(3, 2)), (x.reshape((6,)), a.ravel()),
        (x.sum(0), a.sum(0)), (x.mean(), a.mean()), (x.max(1), a.max(1)),
    ]:  # fmt: skip
        np.testing.assert_allclose(np.asarray(got), expected)


def test_an_op_tells_its_formula_and_its_parameters():
    import inspect

    assert "y[i, k, r, q]" in mx.ops.conv2d.__doc__
    assert list(inspect.signature(mx.ops.conv2d).parameters)[:4] == ["x", "w", "b", "stride"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(2),), r"output is .*, expected a Tensor"),
        (
            (Y, None, "epsilon"),
            "rules is 'epsilon', expected a table of rules, such as mx.rules",
        ),
        (
            (Y, None, mx.rules.epsilon_plus),
            r"rules is .*, expected a table of rules, .*: call it, if it",
        ),
        ((Y, None, {mx.ops.multiply: 3}), r"rules\[<op multiply>\] is 3, expected a rule \(g, node\)"),
        ((Y, None, {mx.ops.multiply: mx.rules.epsilon}), r"rules\[.*: call it, if it makes one"),
        ((Y, None, None, Y), r"wrt is .*, expected several Tensors in a list"),
        ((Y, None, None, [np.ones(2)]), r"wrt is .*, expected several Tensors in a list"),
        ((Y, None, None, 3), r"wrt is 3, expected several"),
    ],
)
def test_backward_names_an_argument_of_another_kind(arguments, message):
    with pytest.raises(TypeError, match=f"backward: {message}"):
        mx.backward(*arguments)
