"""Every operation: values against plain loops or NumPy, VJPs against central differences, and errors."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minixai import ops
from minixai.errors import ShapeError
from minixai.gradcheck import check_vjp
from minixai.kernels import convolution as convolution_kernels
from minixai.op import Op
from minixai.tape import Node, Tensor, backward
from tests.oracles import activation, convolution, dense, pooling

DTYPES = [np.float32, np.float64]
OPS = {name: op for name in ops.__all__ if isinstance(op := getattr(ops, name), Op)}


def generator(shape: tuple[int, ...]) -> np.random.Generator:
    return np.random.default_rng([len(shape), *shape])


def normal(*shape: int) -> np.ndarray:
    return np.asarray(generator(shape).standard_normal(shape))


def positive(*shape: int) -> np.ndarray:
    return np.asarray(generator(shape).uniform(0.5, 2, shape))


def off_zero(*shape: int) -> np.ndarray:
    """No entry near a kink at 0."""
    return np.asarray(positive(*shape) * generator(shape).choice([-1, 1], shape))


def distinct(*shape: int) -> np.ndarray:
    """No two entries near each other, so that a small step changes no maximum."""
    size = int(np.prod(shape))
    return np.random.default_rng(size).permutation(size).reshape(shape) / 8 - 2


class SameDraws:
    """A generator that draws the same numbers at every call."""

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng(0).random(shape)


class Case(NamedTuple):
    op: Op
    inputs: tuple[np.ndarray, ...]
    expected: Callable[..., Any]  # of the inputs
    settings: dict[str, Any]


def case(op: Op, inputs: tuple[np.ndarray, ...], expected: Callable[..., Any], **settings: Any) -> Any:
    shapes = " ".join(str(np.shape(x)) for x in inputs)
    words = " ".join(
        f"{key}={value}" for key, value in settings.items() if isinstance(value, int | float | tuple)
    )
    return pytest.param(Case(op, inputs, expected, settings), id=f"{op.name} {shapes} {words}".strip())


def node_of(y: Tensor, needs: tuple[bool, ...] = ()) -> Node:
    """The node of an op's output, as a walk hands it to the VJP; by default every input wants a cotangent."""
    assert y.node is not None
    return dataclasses.replace(y.node, needs=needs or tuple(x is not None for x in y.node.inputs))


def pairs(**settings: Any) -> dict[str, Any]:
    """The settings of an op as the oracles take them: a size for each axis."""
    sizes = ("kernel", "stride", "padding", "output_padding", "dilation")
    return {key: (n, n) if key in sizes and isinstance(n, int) else n for key, n in settings.items()}


def arithmetic_cases() -> list[Any]:
    shapes: list[tuple] = [
        ((3, 4), (3, 4)),
        ((3, 4), (4,)),
        ((2, 1, 3), (4, 1)),
        ((), (2, 3)),
        ((1, 1), (1,)),
    ]
    functions = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
    cases = [
        case(OPS[name], (normal(*a), off_zero(*b)), function)
        for name, function in functions.items()
        for a, b in shapes
    ]
    cases += [case(ops.power, (positive(*a), normal(*b)), np.power) for a, b in shapes]
    cases += [
        case(ops.negative, (normal(2, 3),), np.negative),
        case(ops.exp, (normal(2, 3),), np.exp),
        case(ops.log, (positive(2, 3),), np.log),
        case(ops.matmul, (normal(2, 3), normal(3, 4)), dense.matrix_product),
        case(ops.linear, (normal(2, 3), normal(4, 3)), dense.linear),
        case(ops.linear, (normal(2, 3), normal(4, 3), normal(4)), dense.linear),
        case(ops.linear, (normal(1, 1), normal(1, 1), normal(1)), dense.linear),
    ]
    stacks: list[tuple] = [
        ((2, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 2)),
        ((2, 1, 2, 3), (4, 3, 2)),
        ((1, 2, 3), (2, 3, 2)),
    ]
    return cases + [case(ops.matmul, (normal(*a), normal(*b)), np.matmul) for a, b in stacks]


def activation_cases() -> list[Any]:
    names = (
        *("relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "softplus", "silu", "gelu"),
        *("hardsigmoid", "hardswish", "step"),
    )
    shapes = [(), (1,), (3, 4), (2, 2, 2, 2)]
    cases = [case(OPS[name], (off_zero(*s),), getattr(activation, name)) for name in names for s in shapes]
    cases += [case(ops.leaky_relu, (off_zero(3, 4),), lambda x: activation.leaky_relu(x, 0.3), slope=0.3)]
    for name in ("relu6", "elu", "hardsigmoid", "hardswish", "gelu", "silu"):  # on all their pieces
        cases.append(case(OPS[name], (5 * off_zero(3, 4) + 0.1,), getattr(activation, name)))
    cases += [
        case(ops.elu, (off_zero(3, 4),), lambda x: activation.elu(x, 0.3), alpha=0.3),
        case(ops.gelu, (2 * off_zero(3, 4),), activation.gelu_by_tanh, approximate="tanh"),
        case(ops.softplus, (off_zero(3, 4),), lambda x: activation.softplus(x, 3), beta=3),
        case(
            ops.softplus,
            (off_zero(3, 4),),
            lambda x: activation.softplus(x, 0.5, 0.6),
            beta=0.5,
            threshold=0.6,
        ),
    ]
    for shape, axis in [((3, 4), -1), ((3, 4), 0), ((2, 3, 2), 1), ((2, 3, 2), -3), ((1, 1), 1)]:
        for name in ("softmax", "log_softmax"):
            expected = lambda x, name=name, axis=axis: getattr(activation, name)(x, axis)  # noqa: E731
            cases.append(case(OPS[name], (normal(*shape),), expected, axis=axis))
    return cases


def convolution_cases() -> list[Any]:
    settings: list[tuple[tuple, tuple, dict[str, Any]]] = [
        ((2, 3, 5, 4), (2, 3, 3, 3), {}),
        ((1, 2, 5, 4), (2, 2, 3, 3), {"padding": 1}),
        ((1, 1, 6, 7), (2, 1, 3, 2), {"stride": 2}),
        ((1, 2, 6, 5), (2, 2, 2, 3), {"stride": (2, 3), "padding": (1, 2)}),
        ((1, 1, 7, 6), (1, 1, 3, 2), {"dilation": (2, 3), "padding": (0, 1)}),
        ((1, 4, 4, 3), (6, 2, 2, 2), {"groups": 2}),
        ((2, 3, 4, 4), (3, 1, 3, 3), {"groups": 3, "padding": 1, "stride": 2, "dilation": 2}),
        ((2, 3, 3, 2), (4, 3, 1, 1), {}),
        ((1, 2, 4, 4), (2, 2, 1, 1), {"stride": 2, "padding": 2}),
        ((1, 1, 1, 1), (1, 1, 3, 3), {"padding": 1}),
    ]

    def expected(**given: Any) -> Callable[..., np.ndarray]:
        return lambda x, w, b=None: convolution.conv2d(x, w, b, **pairs(**given))

    cases = [case(ops.conv2d, (normal(*x), normal(*w)), expected(**s), **s) for x, w, s in settings]
    return cases + [
        case(ops.conv2d, (normal(*x), normal(*w), normal(w[0])), expected(**s), **s) for x, w, s in settings
    ]


def other_convolution_cases() -> list[Any]:
    of_lines: list[tuple[tuple, tuple, dict[str, Any]]] = [
        ((2, 3, 7), (4, 3, 3), {}),
        ((1, 4, 9), (6, 2, 2), {"stride": 2, "padding": 1, "dilation": 3, "groups": 2}),
    ]
    transposed: list[tuple[tuple, tuple, dict[str, Any]]] = [
        ((2, 3, 3, 4), (3, 2, 3, 2), {}),
        ((1, 2, 3, 4), (2, 3, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
        ((1, 4, 2, 3), (4, 3, 2, 3), {"stride": (3, 1), "padding": (1, 2), "groups": 2, "dilation": (1, 2)}),
        ((1, 2, 2, 2), (2, 1, 2, 2), {"output_padding": (1, 2), "dilation": 3}),
        ((1, 1, 1, 1), (1, 2, 1, 1), {}),
    ]

    def expected(oracle: Callable[..., np.ndarray], **given: Any) -> Callable[..., np.ndarray]:
        return lambda x, w, b=None: oracle(x, w, b, **given)

    cases = []
    for x, w, s in of_lines:
        for b in ((), (normal(w[0]),)):
            cases.append(
                case(ops.conv1d, (normal(*x), normal(*w), *b), expected(convolution.conv1d, **s), **s)
            )
    for x, w, s in transposed:
        for b in ((), (normal(w[1] * s.get("groups", 1)),)):
            oracle = expected(convolution.conv_transpose2d, **pairs(**s))
            cases.append(case(ops.conv_transpose2d, (normal(*x), normal(*w), *b), oracle, **s))
    return cases


def resizing_cases() -> list[Any]:
    x = distinct(2, 2, 5, 6) + 1 / 16
    sizes: list[tuple[tuple, Any]] = [
        *(((s), s) for s in [(1, 1), (2, 4), (5, 6), (7, 7), (11, 4)]),
        ((5, 2), (None, 2)),
        ((3, 6), [3, None]),
        ((4, 4), 4),
    ]
    cases = [
        case(OPS[f"adaptive_{name}_pool2d"], (x,), lambda x, o=oracle, s=size: o(x, s), output_size=given)
        for name, oracle in (("avg", pooling.adaptive_avg_pool2d), ("max", pooling.adaptive_max_pool2d))
        for size, given in sizes
    ]
    cases.append(case(ops.adaptive_avg_pool2d, (x,), lambda x: x.mean(axis=(2, 3), keepdims=True)))
    for size, scale, how in [
        ((10, 12), (2, 2), {"scale_factor": 2}),
        ((7, 18), (1.5, 3), {"scale_factor": (1.5, 3)}),
        ((4, 3), (0.8, 0.5), {"scale_factor": (0.8, 0.5)}),
        ((9, 13), (9 / 5, 13 / 6), {"size": (9, 13)}),
        ((3, 3), (3 / 5, 3 / 6), {"size": 3}),
        ((1, 7), (1 / 5, 7 / 6), {"size": [1, 7]}),
    ]:
        nearest = lambda x, s=size, f=scale: pooling.upsample_nearest(x, s, f)  # noqa: E731
        bilinear = lambda x, c=False, s=size, f=scale: pooling.upsample_bilinear(x, s, f, c)  # noqa: E731
        cases += [
            case(ops.upsample, (x,), nearest, **how),
            case(ops.upsample, (x,), bilinear, **how, mode="bilinear"),
            case(
                ops.upsample,
                (x,),
                lambda x, b=bilinear: b(x, True),
                **how,
                mode="bilinear",
                align_corners=True,
            ),
        ]
    return cases


def pooling_cases() -> list[Any]:
    of_max: list[dict[str, Any]] = [
        {"kernel_size": 2},
        {"kernel_size": (3, 2), "stride": (1, 2)},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 2, "stride": 1, "dilation": (2, 3)},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    ]
    of_average: list[dict[str, Any]] = [
        {"kernel_size": (2, 3)},
        {"kernel_size": 3, "stride": (2, 1), "padding": 1},
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
        {"kernel_size": 2, "padding": 1, "ceil_mode": True},
    ]
    of_norm: list[dict[str, Any]] = [
        {"kernel_size": 2, "p": 2},
        {"kernel_size": (3, 2), "p": 1, "stride": (1, 2), "padding": (1, 0)},
        {"kernel_size": 3, "p": 3.5, "stride": 1},
    ]

    def pooled(oracle: Callable[..., Any], kernel_size: Any, stride: Any = None, **others: Any) -> Callable:
        settings = pairs(kernel=kernel_size, stride=stride or kernel_size, **others)
        return lambda x: oracle(x, **settings)

    x = distinct(2, 2, 5, 6) + 1 / 16  # no entry near 0
    y, switches = normal(2, 1, 2, 2), np.array([[[[0, 3], [3, 5]]], [[[1, 1], [1, 4]]]])
    unpooled = lambda y: pooling.max_unpool2d(y, switches, (2, 3))  # noqa: E731
    return [
        *(
            case(ops.max_pool2d, (x,), pooled(lambda x, **s: pooling.max_pool2d(x, **s)[0], **s), **s)
            for s in of_max
        ),
        *(case(ops.avg_pool2d, (x,), pooled(pooling.avg_pool2d, **s), **s) for s in of_average),
        *(case(ops.p_norm_pool2d, (x,), pooled(pooling.p_norm_pool2d, **s), **s) for s in of_norm),
        case(ops.max_unpool2d, (y,), unpooled, switches=switches, size=(2, 3)),
    ]


def shaping_cases() -> list[Any]:
    x = normal(2, 3, 4)
    indices: list[Any] = [
        0, -1, slice(1, None), slice(None, None, -2), (slice(None), 1), (..., 2), None,
        ([0, 1, 0, 0],), ([0, 1], [2, 2]), x > 0, (slice(None), [0, 0], None)
    ]  # fmt: skip
    return [
        *(case(ops.slice, (x,), operator.itemgetter(index), index=index) for index in indices),
        *(
            case(ops.reshape, (x,), lambda x, s=s: x.reshape(s), shape=s)
            for s in [(6, 4), (2, -1), (24,), (1, 24, 1)]
        ),
        case(ops.transpose, (x,), np.transpose),
        *(
            case(ops.transpose, (x,), lambda x, a=a: np.transpose(x, a), axes=a)
            for a in [(1, 2, 0), (2, 0, 1), (0, -1, 1), (-1, -3, -2)]
        ),
        case(ops.pad, (x,), lambda x: np.pad(x, [(0, 0), (1, 0), (2, 3)]), widths=((0, 0), (1, 0), (2, 3))),
        case(ops.pad, (x[0],), lambda x: np.pad(x, 1, constant_values=7), widths=((1, 1), (1, 1)), value=7.0),
        case(ops.concat, (x, x[:, :1], x + 1), lambda *xs: np.concatenate(xs, 1)),
        case(ops.concat, (x, x[:1]), lambda *xs: np.concatenate(xs, 0), axis=0),
        case(ops.concat, (x, x[..., :2]), lambda *xs: np.concatenate(xs, -1), axis=-1),
        case(ops.concat, (x,), lambda x: x),
    ]


def reduction_cases() -> list[Any]:
    x = distinct(2, 3, 4)
    axes: list[Any] = [None, 0, -1, (0, 2), (-1, 1), ()]
    return [
        case(OPS[name], (x,), lambda x, f=f, a=a, k=k: f(x, axis=a, keepdims=k), axis=a, keepdims=k)
        for name, f in {"sum": np.sum, "mean": np.mean, "max": np.max}.items()
        for a in axes
        for k in (False, True)
        if not (name == "max" and isinstance(a, tuple))
    ]


def loss_and_normalisation_cases() -> list[Any]:
    x, labels = normal(4, 3), [2, 0, 0, 1]
    c, positive_c = normal(3), positive(3)
    statistics = {"mean": c, "variance": positive_c}
    cases = [
        case(ops.cross_entropy, (x,), lambda x: activation.cross_entropy(x, labels), labels=labels),
        case(
            ops.cross_entropy,
            (x[:1],),
            lambda x: activation.cross_entropy(x, [1]),
            labels=np.array([1], np.uint8),
        ),
        case(ops.mean_squared_error, (x, x**2), lambda x, y: np.mean((x - y) ** 2)),
        case(ops.mean_squared_error, (normal(), positive()), lambda x, y: (x - y) ** 2),
        case(ops.dropout, (x,), lambda x: x, p=0.0, rng=SameDraws()),
        case(
            ops.dropout,
            (x,),
            lambda x: x * (SameDraws().random(x.shape) >= 0.4) / 0.6,
            p=0.4,
            rng=SameDraws(),
        ),
    ]
    for shape, axes in (((3,), 1), (3, 1), ((4, 3), 2)):
        expected = lambda x, a=axes: dense.layer_norm(x, a)  # noqa: E731
        cases.append(case(ops.layer_norm, (normal(2, 4, 3),), expected, normalized_shape=shape))
    for groups in (1, 2, 4):
        expected = lambda x, n=groups: dense.group_norm(x, n, 0.5)  # noqa: E731
        cases.append(case(ops.group_norm, (normal(2, 4, 3, 2),), expected, num_groups=groups, eps=0.5))
    for images in (x, normal(2, 3, 4), normal(2, 3, 2, 3)):
        for settings in ({}, statistics, {"eps": 0.5}):
            for affine in ((), (c, positive_c)):
                expected = lambda x, w=None, b=None, s=settings: dense.batch_norm(x, w, b, **s)  # noqa: E731
                cases.append(case(ops.batch_norm, (images, *affine), expected, **settings))
    return cases


CASES = [
    *arithmetic_cases(),
    *activation_cases(),
    *convolution_cases(),
    *other_convolution_cases(),
    *pooling_cases(),
    *resizing_cases(),
    *shaping_cases(),
    *reduction_cases(),
    *loss_and_normalisation_cases(),
]
SEVERAL_INPUTS = [param for param in CASES if len(param.values[0].inputs) > 1]


def test_every_op_is_among_the_cases() -> None:
    assert {param.values[0].op for param in CASES} == set(OPS.values())
    assert set(ops.__all__) - set(OPS) == {"flatten", "global_avg_pool2d", "switches"}  # made of ops


@pytest.mark.parametrize("case", CASES)
def test_values(case: Case) -> None:
    expected = np.asarray(case.expected(*case.inputs))
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):
        y = case.op(*(x.astype(dtype) for x in case.inputs), **case.settings)
        assert y.shape == expected.shape
        np.testing.assert_allclose(y.value, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_vjp(case: Case) -> None:
    check_vjp(case.op, *case.inputs, **case.settings)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_the_dtype_is_kept(case: Case, dtype: Any) -> None:
    y = case.op(*(x.astype(dtype) for x in case.inputs), **case.settings)
    assert y.dtype == dtype
    cotangents = case.op.vjp(np.ones_like(y.value), node_of(y))
    cotangents, left_off = cotangents[: len(case.inputs)], cotangents[len(case.inputs) :]
    assert [np.asarray(g).dtype for g in cotangents] == [dtype] * len(case.inputs)
    assert [np.shape(g) for g in cotangents] == [np.shape(x) for x in case.inputs]
    assert all(g is None for g in left_off)


@pytest.mark.parametrize("case", SEVERAL_INPUTS)
def test_mixed_dtypes_are_refused(case: Case) -> None:
    first, *others = case.inputs
    inputs = (first.astype(np.float32), *(Tensor(x.astype(np.float64)) for x in others))
    with pytest.raises(TypeError, match=f"^{case.op.name}: .*float32.*float64"):
        case.op(*inputs, **case.settings)


@pytest.mark.parametrize("case", CASES)
def test_neither_inputs_nor_cotangent_are_changed(case: Case) -> None:
    inputs = [Tensor(x.copy()) for x in case.inputs]
    y = case.op(*inputs, **case.settings)
    g = np.random.default_rng(0).standard_normal(y.shape)
    kept_g, kept_y = g.copy(), y.value.copy()
    case.op.vjp(g, node_of(y))
    np.testing.assert_array_equal(g, kept_g)
    np.testing.assert_array_equal(y.value, kept_y)
    for x, before in zip(inputs, case.inputs, strict=True):
        np.testing.assert_array_equal(x.value, before)


@pytest.mark.parametrize("case", CASES)
def test_a_vjp_takes_a_cotangent_that_cannot_be_written(case: Case) -> None:
    y = case.op(*(x.astype(np.float32) for x in case.inputs), **case.settings)
    one, node = np.ones((), np.float32), node_of(y)
    some = case.op.vjp(np.broadcast_to(one, y.shape), node)
    for got, expected in zip(some, case.op.vjp(np.full(y.shape, one), node), strict=True):
        if expected is None:  # of an input that was not given
            assert got is None
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [np.float64, np.float32, np.float16, int, list])
def test_the_target_of_a_loss_takes_on_the_dtype_of_the_prediction(dtype: Any, target: Any) -> None:
    x, y = Tensor(normal(3, 2).astype(dtype)), np.arange(6.0).reshape(3, 2)
    loss = ops.mean_squared_error(x, y.tolist() if target is list else y.astype(target))
    assert loss.dtype == backward(loss)[x].dtype == dtype
    np.testing.assert_allclose(loss.value, np.mean((x.value - y) ** 2), rtol=1e-6)


# Arbitrary shapes


SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, max_side=3)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_arithmetic_broadcasts_as_numpy_does(name: str, shapes: Any) -> None:
    a, b = shapes.input_shapes
    x, y = normal(*a), off_zero(*b)
    np.testing.assert_array_equal(OPS[name](x, y).value, getattr(np, name)(x, y))
    check_vjp(OPS[name], x, y)


@pytest.mark.parametrize("name", ["sum", "mean"])
@given(shape=SHAPES, keepdims=st.booleans(), data=st.data())
def test_sums_and_means_over_any_axes(name: str, shape: tuple, keepdims: bool, data: st.DataObject) -> None:
    axis = data.draw(st.none() | hnp.valid_tuple_axes(len(shape)))
    x = normal(*shape)
    got = OPS[name](x, axis, keepdims).value
    np.testing.assert_allclose(got, getattr(np, name)(x, axis, keepdims=keepdims), rtol=1e-12)
    check_vjp(OPS[name], x, axis=axis, keepdims=keepdims)


@given(shape=hnp.array_shapes(max_dims=3, max_side=4), keepdims=st.booleans(), data=st.data())
def test_max_gives_its_cotangent_to_the_first_of_equal_entries(
    shape: tuple, keepdims: bool, data: st.DataObject
) -> None:
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    x = Tensor(np.round(normal(*shape)))
    y = ops.max(x, axis, keepdims)
    g = normal(*y.shape)

    rows = x.value.reshape(1, -1) if axis is None else np.moveaxis(x.value, axis, -1).reshape(-1, shape[axis])
    expected = np.zeros_like(rows)
    for row, of_row, g_row in zip(rows, expected, np.ravel(g), strict=True):
        of_row[list(row).index(max(row))] = g_row
    if axis is not None:
        moved = np.moveaxis(x.value, axis, -1).shape
        expected = np.moveaxis(expected.reshape(moved), -1, axis)
    np.testing.assert_array_equal(backward(y, g)[x], expected.reshape(shape))


@given(shape=SHAPES, data=st.data())
def test_transpose_with_any_order_of_axes(shape: tuple, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(shape))))
    axes = tuple(axis - len(shape) * data.draw(st.booleans()) for axis in order)
    x = normal(*shape)
    np.testing.assert_array_equal(ops.transpose(x, axes).value, x.transpose(order))
    check_vjp(ops.transpose, x, axes=axes)


@given(shape=hnp.array_shapes(max_dims=3, max_side=4), data=st.data())
def test_slice_with_any_basic_index(shape: tuple, data: st.DataObject) -> None:
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    x = Tensor(normal(*shape))
    y = x[index]
    np.testing.assert_array_equal(y.value, x.value[index])
    g, gx = normal(*y.shape), np.zeros(shape)
    gx[index] = g
    np.testing.assert_array_equal(backward(y, g)[x], gx)


@given(shape=hnp.array_shapes(max_dims=3, max_side=3), data=st.data())
def test_pad_and_concat_of_any_shape(shape: tuple, data: st.DataObject) -> None:
    x = normal(*shape)
    widths = tuple((data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in shape)
    np.testing.assert_array_equal(ops.pad(x, widths, 0.5).value, np.pad(x, widths, constant_values=0.5))
    check_vjp(ops.pad, x, widths=widths)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    np.testing.assert_array_equal(ops.concat(x, -x, axis=axis).value, np.concatenate([x, -x], axis))
    check_vjp(ops.concat, x, -x, axis=axis)


@given(shape=hnp.array_shapes(max_dims=3, max_side=4), data=st.data())
def test_softmax_of_any_shape(shape: tuple, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = 3 * normal(*shape)
    for name in ("softmax", "log_softmax"):
        expected = getattr(activation, name)(x, axis)
        np.testing.assert_allclose(OPS[name](x, axis).value, expected, rtol=1e-10, atol=1e-12)
        check_vjp(OPS[name], x, axis=axis)


@pytest.mark.parametrize("exponent", [2, 3, 1, 0, -1, 0.5, -1.5])
def test_a_power_with_a_constant_exponent(exponent: float) -> None:
    for x in (positive(2, 3), np.array([-1.5, 2])):
        if exponent % 1 == 0 or x.min() > 0:
            leaf, g = Tensor(x), normal(*x.shape)
            y = leaf**exponent
            np.testing.assert_allclose(y.value, x**exponent, rtol=1e-14)
            gx = backward(y, g, wrt=[leaf])[leaf]
            np.testing.assert_allclose(gx, g * exponent * x ** (exponent - 1), rtol=1e-14)


def test_the_power_of_zero() -> None:
    x, exponent = Tensor(np.zeros(4)), Tensor(np.array([0.0, 1, 2, 3]))
    y = x**exponent
    np.testing.assert_array_equal(y.value, [1, 0, 0, 0])
    gradients = backward(y)
    np.testing.assert_array_equal(gradients[x], [0, 1, 0, 0])
    np.testing.assert_array_equal(gradients[exponent], [0, 0, 0, 0])


# Ties, kinks and extreme values


def gradient(op: Op, x: Any, **settings: Any) -> np.ndarray:
    leaf = Tensor(np.asarray(x, np.float64))
    return backward(op(leaf, **settings))[leaf]


def test_subgradients_at_the_kink() -> None:
    for zero in (0.0, -0.0):
        assert gradient(ops.relu, zero) == 0
        assert gradient(ops.leaky_relu, zero, slope=0.25) == 0.25
        assert gradient(ops.step, zero) == 0
        assert ops.relu(zero).value == ops.leaky_relu(zero).value == ops.step(zero).value == 0
    assert gradient(ops.step, 1.0) == 0


def test_max_pooling_gives_its_cotangent_to_the_first_of_equal_pixels() -> None:
    x = np.array([[1.0, 2, 2], [2, 2, 0]])[None, None]
    np.testing.assert_array_equal(
        gradient(ops.max_pool2d, x, kernel_size=2, stride=1)[0, 0], [[0, 2, 0], [0, 0, 0]]
    )


def test_p_norm_pooling_of_a_window_of_zeros_has_no_gradient() -> None:
    x = np.array([[0.0, 0, 3, -4]])[None, None]
    for p in (1, 2, 7.5):
        assert not gradient(ops.p_norm_pool2d, x, kernel_size=(1, 2), p=p)[0, 0, 0, :2].any()
    np.testing.assert_allclose(
        gradient(ops.p_norm_pool2d, x, kernel_size=(1, 2), p=2).ravel(), [0, 0, 0.6, -0.8]
    )


def test_an_infinitely_large_p_tends_to_the_maximum() -> None:
    x = np.array([[0.5, -3.0, 2.0, 1e-3]])[None, None]
    for p in (1e3, 1e6):
        np.testing.assert_allclose(ops.p_norm_pool2d(x, (1, 4), p).value, 3)
        gx = gradient(ops.p_norm_pool2d, x, kernel_size=(1, 4), p=p)
        np.testing.assert_allclose(gx.ravel(), [0, -1, 0, 0], atol=1e-99)


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_values_neither_overflow_nor_warn(dtype: Any) -> None:
    x = Tensor(np.array([-1000, -100, 0, 100, 1000], dtype))
    np.testing.assert_array_equal(ops.sigmoid(x).value[[0, 2, 4]], [0, 0.5, 1])
    np.testing.assert_array_equal(ops.tanh(x).value, [-1, -1, 0, 1, 1])
    softplus = np.array([0, 0, np.log(2), 100, 1000], dtype)
    np.testing.assert_allclose(ops.softplus(x).value, softplus, rtol=1e-6, atol=1e-40)
    np.testing.assert_allclose(ops.softmax(x).value, [0, 0, 0, 0, 1], atol=1e-40)
    np.testing.assert_array_equal(ops.log_softmax(x).value, [-2000, -1100, -1000, -900, 0])
    for name in ("sigmoid", "tanh", "softplus", "softmax", "log_softmax"):
        y = OPS[name](x)
        assert np.isfinite(backward(y, np.arange(5, dtype=dtype))[x]).all()
    np.testing.assert_array_equal(backward(ops.softplus(x))[x][[0, 2, 4]], [0, 0.5, 1])
    logits = Tensor(np.array([[1000, -1000], [-1000, 1000]], dtype))
    loss = ops.cross_entropy(logits, [1, 1])
    assert loss.value == 1000
    np.testing.assert_array_equal(backward(loss)[logits], [[0.5, -0.5], [0, 0]])


def test_nan_stays_nan() -> None:
    x = np.array([[np.nan, 1.0]])
    for name in ("relu", "leaky_relu", "sigmoid", "tanh", "softplus", "exp", "negative", "log"):
        y = OPS[name](x).value
        assert np.isnan(y[0, 0]), name
        assert np.isfinite(y[0, 1]), name
    for name in ("softmax", "log_softmax", "sum", "mean", "max"):
        assert np.isnan(OPS[name](x).value).all(), name


# What ops promise beyond their formula


def test_flatten_and_global_average() -> None:
    x = Tensor(normal(2, 3, 2, 4))
    np.testing.assert_array_equal(ops.flatten(x).value, x.value.reshape(2, 24))
    assert ops.flatten(Tensor(normal(3))).shape == (3, 1)
    assert ops.flatten(Tensor(np.ones((0, 2, 3)))).shape == (0, 6)
    y = ops.global_avg_pool2d(x)
    assert y.shape == (2, 3, 1, 1)
    np.testing.assert_allclose(y.value[..., 0, 0], x.value.mean(axis=(2, 3)))
    np.testing.assert_allclose(backward(y)[x], np.full(x.shape, 1 / 8))


def test_the_vjp_of_max_pooling_is_unpooling_with_its_switches() -> None:
    x = Tensor(distinct(2, 3, 6, 5))
    y = ops.max_pool2d(x, 3, stride=2, padding=1)
    g = normal(*y.shape)
    unpooled = ops.max_unpool2d(g, ops.switches(y), x.shape[2:])
    np.testing.assert_array_equal(backward(y, g)[x], unpooled.value)
    np.testing.assert_array_equal(ops.switches(y), pooling.max_pool2d(x.value, (3, 3), (2, 2), (1, 1))[1])


def test_unpooling_goes_back_by_the_switches_that_it_checked() -> None:
    y, switches = Tensor(normal(1, 1, 1, 2)), np.array([[[[3, 0]]]], np.int32)
    x = ops.max_unpool2d(y, switches, (2, 2))
    switches[:] = 10**9  # far outside the plane
    np.testing.assert_array_equal(backward(x, np.arange(4.0).reshape(1, 1, 2, 2))[y], [[[[3, 0]]]])


def test_dropout_scales_what_it_keeps() -> None:
    x = Tensor(np.ones((100, 100)))
    y = ops.dropout(x, 0.25, np.random.default_rng(0))
    np.testing.assert_allclose(np.unique(y.value), [0, 4 / 3])
    assert abs((y.value == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(backward(y)[x], y.value)
    np.testing.assert_array_equal(ops.dropout(x, 0.25, np.random.default_rng(0)).value, y.value)


def test_concat_takes_a_list_too() -> None:
    a, b = Tensor(normal(2, 3)), Tensor(normal(2, 1))
    for y in (ops.concat(a, b), ops.concat([a, b]), ops.concat((a, b))):
        np.testing.assert_array_equal(y.value, np.concatenate([a.value, b.value], 1))
        assert backward(y)[b].shape == (2, 1)


def test_operators_and_methods_are_the_ops() -> None:
    x, y = Tensor(positive(2, 3)), Tensor(normal(2, 3))
    array = y.value
    for symbol in (operator.add, operator.sub, operator.mul, operator.truediv):
        for left, right in ((x, y), (x, array), (array, x), (x, 2), (2.5, x)):
            value = symbol(*(each.value if isinstance(each, Tensor) else each for each in (left, right)))
            np.testing.assert_array_equal(symbol(left, right).value, value)
    np.testing.assert_array_equal((x @ array.T).value, (array @ Tensor(x.value.T)).value.T)
    np.testing.assert_array_equal((-x).value, -x.value)
    np.testing.assert_array_equal((x**3).value, x.value**3)
    np.testing.assert_array_equal((x**y).value, x.value**array)
    np.testing.assert_array_equal((x**array).value, x.value**array)
    np.testing.assert_array_equal((2**y).value, 2**array)
    np.testing.assert_array_equal((x.value**y).value, x.value**array)
    assert x[0, 1].value == x.value[0, 1]
    assert [row.shape for row in x] == [(3,), (3,)]
    assert x.reshape(3, 2).shape == x.reshape((3, 2)).shape == x.reshape([3, -1]).shape == (3, 2)
    assert x.transpose().shape == x.transpose(1, 0).shape == x.transpose((1, 0)).shape == (3, 2)
    for method in ("sum", "mean", "max"):
        value = getattr(x.value, method)(1, keepdims=True)
        np.testing.assert_array_equal(getattr(x, method)(1, keepdims=True).value, value)


@pytest.mark.parametrize("number", [np.float32(2), np.float64(2), np.int64(2), 2])
def test_a_numpy_number_as_a_setting_is_a_number(number: Any) -> None:
    x = np.ones((1, 1, 4, 4), np.float32)
    for y in (ops.power(x, 2), ops.leaky_relu(x, number), ops.pad(x, ((0, 0),) * 4, number)):
        assert y.dtype == np.float32
        assert backward(y)[y.inputs[0]].dtype == np.float32
    if not isinstance(number, np.floating):
        assert ops.max_pool2d(x, number).shape == (1, 1, 2, 2)
        assert ops.conv2d(x, x[..., :2, :2], stride=number, padding=(0, number)).shape == (1, 1, 2, 4)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
def test_conv2d_computes_only_the_cotangents_that_are_wanted(
    wanted: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    spies = []
    for name in ("conv2d_vjp_input", "conv2d_vjp_weight", "conv2d_vjp_bias"):
        spies.append(mock.Mock(wraps=getattr(convolution_kernels, name)))
        monkeypatch.setattr(convolution_kernels, name, spies[-1])
    leaves = [Tensor(normal(1, 2, 4, 4)), Tensor(normal(3, 2, 3, 3)), Tensor(normal(3))]
    got = backward(ops.conv2d(*leaves), wrt=[leaves[i] for i in wanted])
    assert [spy.call_count for spy in spies] == [int(i in wanted) for i in range(3)]
    assert got.keys() == {leaves[i] for i in wanted}


@pytest.mark.parametrize("op", [ops.linear, ops.matmul], ids=["linear", "matmul"])
def test_products_compute_only_the_cotangents_that_are_wanted(op: Op) -> None:
    leaves = [Tensor(normal(3, 3)), Tensor(normal(3, 3)), Tensor(normal(3))][: len(op.input_names)]
    y = op(*leaves)
    for number in range(len(leaves)):
        needs = tuple(i == number for i in range(len(leaves)))
        cotangents = op.vjp(normal(3, 3), node_of(y, needs))
        assert [g is not None for g in cotangents] == list(needs)


# Errors: (what was called, the error, what its message must say)

IMAGES = np.ones((1, 4, 5, 6))
WEIGHT = np.ones((6, 4, 3, 3))
X = np.ones((2, 3))

ERRORS: list[tuple[Callable[[], Any], type[Exception], list[str]]] = [
    (
        lambda: ops.conv2d(np.ones((3, 8, 8)), WEIGHT),
        ShapeError,
        ["conv2d: x", "(3, 8, 8)", "four axes (n, c, h, w)"],
    ),
    (lambda: ops.conv2d(IMAGES[:0], WEIGHT), ShapeError, ["conv2d: x is empty", "(0, 4, 5, 6)"]),
    (lambda: ops.conv2d(IMAGES, WEIGHT[0]), ShapeError, ["conv2d: weight", "(4, 3, 3)", "four axes"]),
    (lambda: ops.conv2d(IMAGES, WEIGHT[:0]), ShapeError, ["conv2d: weight", "(0, 4, 3, 3)"]),
    (
        lambda: ops.conv2d(np.ones((1, 3, 8, 8)), np.ones((16, 4, 3, 3))),
        ShapeError,
        ["conv2d: x has 3 channels, weight expects 4 (x (1, 3, 8, 8), weight (16, 4, 3, 3))"],
    ),
    (lambda: ops.conv2d(IMAGES, WEIGHT, np.ones(4)), ShapeError, ["conv2d: bias", "(4,)", "(6,)"]),
    (lambda: ops.conv2d(IMAGES, WEIGHT, groups=3), ShapeError, ["conv2d: groups is 3", "divisor"]),
    (lambda: ops.conv2d(IMAGES, WEIGHT, groups=0), ShapeError, ["conv2d: groups is 0", "divisor"]),
    (lambda: ops.conv2d(IMAGES, WEIGHT, groups=2), ShapeError, ["conv2d: x has 4 channels", "expects 8"]),
    (
        lambda: ops.conv2d(IMAGES, np.ones((6, 4, 3, 7))),
        ShapeError,
        ["conv2d: the kernel is larger", "(6, 4, 3, 7)"],
    ),
    (
        lambda: ops.conv2d(IMAGES, WEIGHT, dilation=3),
        ShapeError,
        ["conv2d: the kernel is larger", "dilation 3"],
    ),
    (lambda: ops.conv2d(IMAGES, WEIGHT, stride=0), ValueError, ["conv2d: stride is 0", "at least 1"]),
    (
        lambda: ops.conv2d(IMAGES, WEIGHT, padding=(0, -1)),
        ValueError,
        ["conv2d: padding is (0, -1)", "at least 0"],
    ),
    (
        lambda: ops.conv2d(IMAGES, WEIGHT, dilation=(1, 0)),
        ValueError,
        ["conv2d: dilation is (1, 0)", "at least 1"],
    ),
    (
        lambda: ops.conv2d(IMAGES, WEIGHT, stride=1.5),
        TypeError,
        ["conv2d: stride is 1.5", "whole number or a pair"],
    ),
    (
        lambda: ops.conv2d(IMAGES, WEIGHT, stride=(1, 2, 3)),
        TypeError,
        ["conv2d: stride is (1, 2, 3)", "pair"],
    ),
    (lambda: ops.conv2d(IMAGES, WEIGHT, padding="same"), TypeError, ["conv2d: padding is 'same'", "pair"]),
    (lambda: ops.max_pool2d(X, 2), ShapeError, ["max_pool2d: x", "(2, 3)", "four axes"]),
    (lambda: ops.max_pool2d(IMAGES[:0], 2), ShapeError, ["max_pool2d: x is empty", "(0, 4, 5, 6)"]),
    (lambda: ops.max_pool2d(IMAGES, 6), ShapeError, ["max_pool2d: kernel_size 6", "larger", "(1, 4, 5, 6)"]),
    (lambda: ops.max_pool2d(IMAGES, 2, dilation=5), ShapeError, ["max_pool2d: kernel_size 2", "larger"]),
    (
        lambda: ops.max_pool2d(IMAGES, 3, padding=2),
        ShapeError,
        ["max_pool2d: padding is 2", "half", "kernel_size 3"],
    ),
    (
        lambda: ops.max_pool2d(IMAGES[..., :2, :2], 2, stride=1, padding=1, dilation=3),
        ShapeError,
        ["max_pool2d", "dilation 3", "outside the image", "(1, 4, 2, 2)"],
    ),
    (lambda: ops.max_pool2d(IMAGES, 0), ValueError, ["max_pool2d: kernel_size is 0", "at least 1"]),
    (lambda: ops.max_pool2d(IMAGES, 2, stride=0), ValueError, ["max_pool2d: stride is 0", "at least 1"]),
    (lambda: ops.max_pool2d(IMAGES, 2.0), TypeError, ["max_pool2d: kernel_size is 2.0", "whole number"]),
    (lambda: ops.avg_pool2d(X, 2), ShapeError, ["avg_pool2d: x", "(2, 3)", "four axes"]),
    (lambda: ops.avg_pool2d(IMAGES, (2, 7)), ShapeError, ["avg_pool2d: kernel_size (2, 7)", "larger"]),
    (
        lambda: ops.avg_pool2d(IMAGES, 1, padding=1),
        ShapeError,
        ["avg_pool2d: padding is 1", "half", "kernel_size 1"],
    ),
    (
        lambda: ops.p_norm_pool2d(IMAGES, 2, p=0.5),
        ValueError,
        ["p_norm_pool2d: p is 0.5", "a finite number, at least 1"],
    ),
    (
        lambda: ops.p_norm_pool2d(IMAGES, 2, p=np.inf),
        ValueError,
        ["p_norm_pool2d: p is inf", "a finite number, at least 1"],
    ),
    (lambda: ops.p_norm_pool2d(IMAGES, 2, p=np.nan), ValueError, ["p_norm_pool2d: p is nan"]),
    (lambda: ops.p_norm_pool2d(X, 2), ShapeError, ["p_norm_pool2d: x", "(2, 3)"]),
    (lambda: ops.adaptive_avg_pool2d(X), ShapeError, ["adaptive_avg_pool2d: x", "(2, 3)"]),
    (
        lambda: ops.adaptive_avg_pool2d(IMAGES, 0),
        ValueError,
        ["adaptive_avg_pool2d: output_size is 0", "at least 1"],
    ),
    (
        lambda: ops.max_unpool2d(IMAGES, np.zeros((1, 4, 5, 5), int), (5, 6)),
        ShapeError,
        ["max_unpool2d: switches", "(1, 4, 5, 5)", "(1, 4, 5, 6)"],
    ),
    (
        lambda: ops.max_unpool2d(IMAGES, np.zeros(IMAGES.shape), (5, 6)),
        ShapeError,
        ["switches", "float64", "integers"],
    ),
    (
        lambda: ops.max_unpool2d(IMAGES, np.full(IMAGES.shape, 30), (5, 6)),
        ValueError,
        ["max_unpool2d", "switch", "(5, 6)"],
    ),
    (
        lambda: ops.max_unpool2d(IMAGES, np.full(IMAGES.shape, -1), (5, 6)),
        ValueError,
        ["max_unpool2d", "switch", "(5, 6)"],
    ),
    (lambda: ops.switches(Tensor(X)), ValueError, ["switches: y", "(2, 3)", "max_pool2d"]),
    (lambda: ops.switches(ops.relu(X)), ValueError, ["switches: y", "relu", "max_pool2d"]),
    (lambda: ops.linear(np.ones(3), X), ShapeError, ["linear", "x (n, j)", "(3,)", "(2, 3)"]),
    (lambda: ops.linear(X, np.ones((3, 4))), ShapeError, ["linear", "w (k, j)", "(2, 3)", "(3, 4)"]),
    (lambda: ops.linear(X, X, np.ones(3)), ShapeError, ["linear: b", "(3,)", "(2,)"]),
    (lambda: ops.matmul(X, X), ShapeError, ["matmul", "x (2, 3)", "y (2, 3)", "(…, j, n)"]),
    (lambda: ops.matmul(X, np.ones(3)), ShapeError, ["matmul", "x (2, 3)", "y (3,)"]),
    (
        lambda: ops.matmul(np.ones((2, 2, 3)), np.ones((5, 3, 2))),
        ShapeError,
        ["matmul", "(2,)", "(5,)", "broadcast"],
    ),
    *(
        (
            lambda name=name: OPS[name](X, np.ones(2)),
            ShapeError,
            [f"{name}: shapes (2, 3) and (2,)", "broadcast"],
        )
        for name in ("add", "subtract", "multiply", "divide", "power")
    ),
    (lambda: ops.reshape(X, (4, 2)), ShapeError, ["reshape: x", "(2, 3)", "(4, 2)"]),
    (lambda: ops.transpose(X, (0, 0)), ShapeError, ["transpose: axes (0, 0)", "(2, 3)"]),
    (lambda: ops.transpose(X, (0, 2)), ShapeError, ["transpose: axes (0, 2)", "(2, 3)"]),
    (lambda: ops.pad(X, 1), ShapeError, ["pad: widths 1", "(before, after)", "(2, 3)"]),
    (lambda: ops.pad(X, ((0, 1),)), ShapeError, ["pad: widths ((0, 1),)", "(before, after)", "(2, 3)"]),
    (lambda: ops.pad(X, ((0, 1), (-1, 0))), ShapeError, ["pad: widths ((0, 1), (-1, 0))", ">= 0"]),
    (lambda: ops.concat(X, np.ones((3, 3))), ShapeError, ["concat: shapes (2, 3), (3, 3)", "axis 1"]),
    (lambda: ops.concat(X, np.ones(3)), ShapeError, ["concat: shapes (2, 3), (3,)", "axis 1"]),
    (lambda: ops.concat(X, X, axis=2), ShapeError, ["concat: axis is 2", "(2, 3)"]),
    (lambda: ops.concat([]), ShapeError, ["concat: expected at least one array"]),
    (lambda: ops.slice(X, 2), ShapeError, ["slice: index 2", "(2, 3)"]),
    (lambda: ops.slice(X, (0, 0, 0)), ShapeError, ["slice: index (0, 0, 0)", "(2, 3)"]),
    (lambda: ops.slice(X, [0, 5]), ShapeError, ["slice: index [0, 5]", "(2, 3)"]),
    *(
        (lambda name=name: OPS[name](X, axis=2), ShapeError, [f"{name}: axis is 2", "(2, 3)"])
        for name in ("sum", "mean", "max", "softmax", "log_softmax")
    ),
    (lambda: ops.sum(X, (0, -2)), ShapeError, ["sum: axis is (0, -2)", "(2, 3)"]),
    (lambda: ops.max(X, (0, 1)), TypeError, ["max: axis is (0, 1)", "one axis"]),
    (lambda: ops.cross_entropy(X, [0, 3]), ValueError, ["cross_entropy: labels", "[0, 3]", "(2, 3)"]),
    (lambda: ops.cross_entropy(X, [-1, 0]), ValueError, ["cross_entropy: labels", "[-1, 0]", "(2, 3)"]),
    (lambda: ops.cross_entropy(X, [0]), ShapeError, ["cross_entropy", "(2, 3)", "(1,)", "n integer labels"]),
    (
        lambda: ops.cross_entropy(X, [0.0, 1.0]),
        TypeError,
        ["labels are floats", "integers: labels.astype(int)"],
    ),
    (lambda: ops.cross_entropy(X, ["a", "b"]), TypeError, ["cross_entropy: labels are of dtype <U1"]),
    (lambda: ops.cross_entropy(X[0], [0]), ShapeError, ["cross_entropy", "(n, k)", "(3,)"]),
    (lambda: ops.cross_entropy(X[:0], np.zeros(0, int)), ShapeError, ["cross_entropy", "(0, 3)"]),
    (lambda: ops.mean_squared_error(X, X[0]), ShapeError, ["mean_squared_error: x (2, 3) and y (3,)"]),
    (lambda: ops.mean_squared_error(X[:0], X[:0]), ShapeError, ["mean_squared_error: x (0, 3)", "empty"]),
    (lambda: ops.batch_norm(np.ones(3)), ShapeError, ["batch_norm", "x (n, c, …)", "(3,)"]),
    (lambda: ops.batch_norm(X[:0]), ShapeError, ["batch_norm", "(0, 3)"]),
    (
        lambda: ops.batch_norm(X, np.ones(2), np.ones(2)),
        ShapeError,
        ["batch_norm", "(c,)", "x (2, 3)", "(2,)"],
    ),
    (
        lambda: ops.batch_norm(X, mean=np.ones(2), variance=np.ones(3)),
        ShapeError,
        ["batch_norm", "(c,)", "(2,)"],
    ),
    (lambda: ops.batch_norm(X, np.ones(3)), ValueError, ["batch_norm", "w and b", "both or none"]),
    (lambda: ops.batch_norm(X, b=np.ones(3)), ValueError, ["batch_norm", "w and b", "both or none"]),
    (
        lambda: ops.batch_norm(X, mean=np.ones(3)),
        ValueError,
        ["batch_norm", "mean and variance", "both or none"],
    ),
    (
        lambda: ops.dropout(X, 1.0, np.random.default_rng(0)),
        ValueError,
        ["dropout: p is 1.0", "at least 0 and below 1"],
    ),
    (
        lambda: ops.dropout(X, -0.1, np.random.default_rng(0)),
        ValueError,
        ["dropout: p is -0.1", "at least 0 and below 1"],
    ),
    (lambda: ops.gelu(X, "exact"), ValueError, ["gelu: approximate is 'exact'", "'none' or 'tanh'"]),
    (lambda: ops.conv1d(IMAGES, WEIGHT), ShapeError, ["conv1d: x", "(1, 4, 5, 6)", "three axes (n, c, l)"]),
    (lambda: ops.conv1d(IMAGES[0], WEIGHT), ShapeError, ["conv1d: weight", "three axes (k, c/groups, kl)"]),
    (lambda: ops.conv1d(IMAGES[0], WEIGHT[0]), ShapeError, ["conv1d: x has 5 channels, weight expects 3"]),
    (
        lambda: ops.conv1d(IMAGES[0], np.ones((2, 5, 8)), padding=0),
        ShapeError,
        ["conv1d: the kernel is larger", "padding 0", "x (4, 5, 6), weight (2, 5, 8)"],
    ),
    (lambda: ops.conv1d(IMAGES[0], WEIGHT[0], stride=(1, 1)), TypeError, ["conv1d: stride is (1, 1)"]),
    (
        lambda: ops.conv_transpose2d(IMAGES, WEIGHT),
        ShapeError,
        ["conv_transpose2d: x has 4 channels, weight expects 6 (x (1, 4, 5, 6), weight (6, 4, 3, 3))"],
    ),
    (
        lambda: ops.conv_transpose2d(IMAGES, WEIGHT[:4], np.ones(3)),
        ShapeError,
        ["conv_transpose2d: bias has shape (3,), expected (4,)"],
    ),
    (lambda: ops.conv_transpose2d(IMAGES, WEIGHT[0]), ShapeError, ["four axes (c, k/groups, kh, kw)"]),
    (lambda: ops.conv_transpose2d(IMAGES, WEIGHT[:4], groups=3), ShapeError, ["groups is 3", "divisor"]),
    (
        lambda: ops.conv_transpose2d(IMAGES, WEIGHT[:4], stride=2, output_padding=2),
        ValueError,
        ["output_padding is (2, 2)", "less than stride (2, 2) or dilation (1, 1)"],
    ),
    (
        lambda: ops.conv_transpose2d(IMAGES, WEIGHT[:4], padding=4),
        ShapeError,
        ["conv_transpose2d: padding (4, 4) leaves nothing"],
    ),
    (lambda: ops.upsample(X, 2), ShapeError, ["upsample: x", "(2, 3)", "four axes"]),
    (lambda: ops.upsample(IMAGES), ValueError, ["upsample: size is None, scale_factor None", "one of them"]),
    (lambda: ops.upsample(IMAGES, 2, 2), ValueError, ["size is 2, scale_factor 2", "one of them"]),
    (
        lambda: ops.upsample(IMAGES, 2, mode="cubic"),
        ValueError,
        ["mode is 'cubic'", "expected 'nearest'"],
    ),
    (
        lambda: ops.upsample(IMAGES, 2, align_corners=True),
        ValueError,
        ["align_corners is for"],
    ),
    (lambda: ops.upsample(IMAGES, 2.5), TypeError, ["upsample: size is 2.5", "whole number"]),
    (lambda: ops.upsample(IMAGES, 0), ValueError, ["upsample: size is 0", "at least 1"]),
    (lambda: ops.upsample(IMAGES, scale_factor=(1, 2, 3)), TypeError, ["scale_factor is (1, 2, 3)", "pair"]),
    (lambda: ops.upsample(IMAGES, scale_factor=0), ValueError, ["scale_factor is 0", "above 0"]),
    (lambda: ops.upsample(IMAGES, scale_factor=0.1), ShapeError, ["scale_factor 0.1 leaves nothing"]),
    (lambda: ops.adaptive_max_pool2d(X), ShapeError, ["adaptive_max_pool2d: x", "(2, 3)"]),
    (
        lambda: ops.adaptive_avg_pool2d(IMAGES, (None, 0)),
        ValueError,
        ["adaptive_avg_pool2d: output_size is (5, 0)", "at least 1"],
    ),
    (lambda: ops.layer_norm(X, 2), ShapeError, ["layer_norm: normalized_shape is 2", "x (2, 3)"]),
    (lambda: ops.layer_norm(X, ()), ShapeError, ["layer_norm: normalized_shape is ()"]),
    (lambda: ops.layer_norm(X[:, :1], 1), ShapeError, ["layer_norm: x (2, 1) has one value to normalise"]),
    (lambda: ops.layer_norm(X[:0], 3), ShapeError, ["layer_norm: x (0, 3)", "or none"]),
    (lambda: ops.group_norm(IMAGES, 3), ShapeError, ["group_norm: num_groups is 3", "x (1, 4, 5, 6)"]),
    (lambda: ops.group_norm(X, 3), ShapeError, ["group_norm: x (2, 3) has one value to normalise"]),
    (lambda: ops.group_norm(IMAGES, 2.0), TypeError, ["group_norm: num_groups is 2.0", "whole number"]),
    (lambda: ops.relu(np.array(["a"])), TypeError, ["Tensor", "<U1", "float32"]),
    (lambda: ops.relu(np.array([1j])), TypeError, ["Tensor", "complex128", "float32"]),
]


@pytest.mark.parametrize(("call", "error", "words"), ERRORS, ids=[" ".join(words) for _, _, words in ERRORS])
def test_errors_say_what_came_and_what_was_expected(
    call: Callable[[], Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    for word in words:
        assert word in str(caught.value)
