"""check_vjp passes right VJPs and catches wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minixai import ops
from minixai.errors import ShapeError
from minixai.gradcheck import check_vjp
from minixai.op import Op
from minixai.tape import Node, Rule, Tensor, backward
from minixai.typing import Array


def with_vjp(op: Op, vjp: Rule) -> Op:
    """The same operation with another VJP."""
    other = Op(op.forward)
    other.define_vjp(vjp)
    return other


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng([len(shape), *shape]).standard_normal(shape)


def zero(g: Array, node: Node) -> list[Array]:
    return [np.zeros_like(x) for x in node.arrays]


def nothing(g: Array, node: Node) -> list[None]:
    return [None for _ in node.inputs]


def nan(g: Array, node: Node) -> list[Array]:
    return [np.full_like(x, np.nan) for x in node.arrays]


def scaled(op: Op, factor: float) -> Rule:
    return lambda g, node: [factor * gx for gx in op.vjp(g, node) if gx is not None]


def linear_with_w_transposed(g: Array, node: Node) -> tuple[Array, ...]:
    x, w, _ = node.arrays
    return g @ w.T, g.T @ x, g.sum(axis=0)


def linear_with_gw_transposed(g: Array, node: Node) -> tuple[Array, ...]:
    x, w, _ = node.arrays
    return g @ w, x.T @ g, g.sum(axis=0)


def linear_with_mean_for_gb(g: Array, node: Node) -> tuple[Array, ...]:
    x, w, _ = node.arrays
    return g @ w, g.T @ x, g.mean(axis=0)


def conv2d_with_kernel_not_turned(g: Array, node: Node) -> tuple[Array, ...]:
    w, gw = node.arrays[1], ops.conv2d.vjp(g, node)[1]
    return ops.conv2d(g, w.transpose(1, 0, 2, 3), padding=1).value, np.asarray(gw)


def softmax_for_a_cotangent_of_ones(g: Array, node: Node) -> tuple[Array]:
    return (np.zeros_like(g),)  # softmax sums to 1, and so the gradient of its sum is 0


def softmax_without_cross_terms(g: Array, node: Node) -> tuple[Array]:
    return (g * node.value * (1 - node.value),)


def batch_norm_with_constant_statistics(g: Array, node: Node) -> tuple[Array]:
    return (g * node.saved[1],)


def exp_with_one_entry_wrong(g: Array, node: Node) -> tuple[Array]:
    gx = g * node.value
    gx[-1, -1] += 1e-4
    return (gx,)


SQUARE = (draw(4, 4), draw(4, 4) + 1, draw(4))
CONVOLUTION = (draw(1, 2, 5, 5), draw(2, 2, 3, 3))
X = (draw(3, 4),)

WRONG: list[tuple[Op, Rule, tuple[np.ndarray, ...], str]] = [
    (ops.exp, zero, X, "exp, input 0"),
    (ops.exp, nothing, X, "exp, input 0"),
    (ops.exp, nan, X, r"exp, input 0, entry \(0, 0\): the VJP gives nan"),
    (ops.exp, scaled(ops.exp, 1.01), X, "exp, input 0"),
    (ops.exp, exp_with_one_entry_wrong, X, r"exp, input 0, entry \(2, 3\)"),
    (ops.relu, scaled(ops.relu, 1.01), X, "relu, input 0"),
    (ops.tanh, scaled(ops.tanh, -1), X, "tanh, input 0"),
    (ops.linear, scaled(ops.linear, 1.01), SQUARE, "linear, input 0"),
    (ops.linear, linear_with_w_transposed, SQUARE, "linear, input 0"),
    (ops.linear, linear_with_gw_transposed, SQUARE, "linear, input 1"),
    (ops.linear, linear_with_mean_for_gb, SQUARE, "linear, input 2"),
    (ops.conv2d, zero, CONVOLUTION, "conv2d, input 0"),
    (ops.conv2d, scaled(ops.conv2d, 1.01), CONVOLUTION, "conv2d, input 0"),
    (ops.conv2d, conv2d_with_kernel_not_turned, CONVOLUTION, "conv2d, input 0"),
    (ops.softmax, softmax_for_a_cotangent_of_ones, X, "softmax, input 0"),
    (ops.softmax, softmax_without_cross_terms, X, "softmax, input 0"),
    (ops.batch_norm, batch_norm_with_constant_statistics, X, "batch_norm, input 0"),
]


@pytest.mark.parametrize(
    ("op", "vjp", "inputs", "message"), WRONG, ids=[f"{vjp.__qualname__} {m}" for _, vjp, _, m in WRONG]
)
def test_a_wrong_vjp_is_caught_and_the_right_one_passes(
    op: Op, vjp: Rule, inputs: tuple[np.ndarray, ...], message: str
) -> None:
    settings: dict[str, Any] = {"padding": 1} if op is ops.conv2d else {}
    check_vjp(op, *inputs, **settings)
    with pytest.raises(AssertionError, match=f"^check_vjp: {message}"):
        check_vjp(with_vjp(op, vjp), *inputs, **settings)


def test_a_cotangent_of_ones_would_not_catch_the_softmax() -> None:
    x = Tensor(X[0])
    for op in (ops.softmax, with_vjp(ops.softmax, softmax_for_a_cotangent_of_ones)):
        np.testing.assert_allclose(backward(op(x))[x], 0, atol=1e-15)


def test_a_cotangent_of_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match="exp"):
        check_vjp(with_vjp(ops.exp, lambda g, node: (g.sum(axis=0),)), *X)


def test_the_check_is_made_in_float64_at_three_cotangents_and_leaves_the_input() -> None:
    x = draw(3, 4).astype(np.float32)
    before = x.copy()
    cotangents: list[np.ndarray] = []

    def remember(g: Array, node: Node) -> tuple[Array]:
        cotangents.append(g)
        return (g * node.value,)

    check_vjp(with_vjp(ops.exp, remember), x)
    np.testing.assert_array_equal(x, before)
    assert [g.dtype for g in cotangents] == [np.float64] * 3
    assert len({g.tobytes() for g in cotangents}) == 3


def test_lists_numbers_and_views_are_inputs_too() -> None:
    check_vjp(ops.multiply, [[1, 2], [3, 4]], 2.5)
    check_vjp(ops.relu, -0.5)
    check_vjp(ops.exp, np.broadcast_to(0.5, (2, 3)))  # which cannot be written
