"""Operations, layers, models and optimisers beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minixai as mx
from tests.peers.compare import assert_close

torch = pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[peers]')")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from benchmarks import torch_models  # noqa: E402
from tests.peers.networks import as_arrays, as_tensors  # noqa: E402

pytestmark = pytest.mark.peers

DTYPES = ["float64", "float32"]
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@pytest.fixture(autouse=True)
def seed() -> None:
    """The weights that PyTorch draws are the same in every run."""
    torch.manual_seed(0)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape)


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.5, 2, shape)


def tied(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(-1, 2, shape).astype(float)


def wide(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 5 * rng.standard_normal(shape)


def at_kinks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Where hardsigmoid, hardswish and relu6 change, and beside it."""
    return rng.choice([-3.5, -3, -1, 0, 2, 3, 5, 6, 7], shape)


def compare(ours: Callable[..., Any], theirs: Callable[..., Any], arrays: list[np.ndarray]) -> None:
    """The outputs of two functions, and the gradients of all arrays for a random cotangent, are the same."""
    mine = [mx.Tensor(array) for array in arrays]
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, expected = ours(*mine), theirs(*leaves)
    assert_close(y, expected.detach(), what="output")
    cotangent = np.asarray(np.random.default_rng(1).standard_normal(y.shape), y.dtype)
    expected.backward(torch.from_numpy(cotangent))
    gradients = mx.backward(y, cotangent)
    for number, (tensor, leaf) in enumerate(zip(mine, leaves, strict=True)):
        assert_close(gradients[tensor], leaf.grad, what=f"gradient of input {number}")


def draw_all(draw: Draw, shapes: tuple[tuple[int, ...], ...], dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [draw(rng, shape).astype(dtype) for shape in shapes]


# Operations: case(name, PyTorch's function, shapes of the inputs, settings that both functions take)


def case(
    op: str, theirs: Callable[..., Any], *shapes: tuple[int, ...], draw: Draw = normal, **settings: Any
) -> Any:
    described = " ".join([op, *map(str, shapes), *(f"{key}={value}" for key, value in settings.items())])
    return pytest.param(op, theirs, shapes, draw, settings, id=f"{described} {draw.__name__}")


def reduction(theirs: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: theirs(x) if axis is None else theirs(x, axis, keepdims)


def softplus(x: Any, beta: float = 1.0, threshold: float = 40) -> Any:
    return F.softplus(x, beta, threshold)  # by default PyTorch returns x itself from 20 on, 2e-9 too little


def upsample(x: Any, mode: str = "nearest", align_corners: bool | None = None, **size: Any) -> Any:
    return F.interpolate(x, **size, mode=mode, align_corners=align_corners)


def hardsigmoid(x: Any) -> Any:
    return F.relu6(x + 3) / 6  # the derivative of PyTorch's own is 1/6 in float32, of float64 too


def p_norm_pool2d(x: Any, kernel_size: Any, p: float = 2.0, stride: Any = None, padding: int = 0) -> Any:
    magnitudes = F.pad(x.abs(), [padding] * 4)  # lp_pool2d takes powers of x itself, and does not pad
    return F.lp_pool2d(magnitudes, p, kernel_size, stride)


def batch_norm(
    x: Any, w: Any = None, b: Any = None, mean: Any = None, variance: Any = None, eps: float = 1e-5
) -> Any:
    running = [None if array is None else torch.tensor(array, dtype=x.dtype) for array in (mean, variance)]
    return F.batch_norm(x, *running, w, b, training=mean is None, eps=eps)


def pad(x: Any, widths: Any, value: float = 0.0) -> Any:
    return F.pad(x, [width for pair in reversed(widths) for width in pair], value=value)


SMOOTH, KINKED = [F.elu, F.gelu, F.silu], [hardsigmoid, F.hardswish, F.relu6]
ELEMENTWISE = [
    case("exp", torch.exp, (3, 4)),
    case("log", torch.log, (3, 4), draw=positive),
    case("negative", torch.neg, (3, 4)),
    *(case("power", lambda x, exponent: x**exponent, (3, 4), exponent=e) for e in (3, 0, -1)),
    *(case("power", lambda x, exponent: x**exponent, (3, 4), exponent=e, draw=tied) for e in (2, 1, 0)),
    case("power", lambda x, exponent: x**exponent, (3, 4), exponent=-1.5, draw=positive),
    case("power", torch.pow, (3, 4), (3, 4), draw=positive),
    case("power", torch.pow, (3, 1), (4,), draw=positive),
    case("leaky_relu", F.leaky_relu, (3, 4)),
    case("leaky_relu", lambda x, slope: F.leaky_relu(x, slope), (9, 9), slope=0.3, draw=tied),
    case("relu", F.relu, (9, 9), draw=tied),  # 0 among them
    *(case(theirs.__name__, theirs, (9, 9), draw=draw) for theirs in SMOOTH for draw in (wide, tied)),
    *(case(theirs.__name__, theirs, (9, 9), draw=draw) for theirs in KINKED for draw in (wide, at_kinks)),
    case("elu", lambda x, alpha: F.elu(x, alpha), (9, 9), alpha=0.3, draw=tied),
    case("gelu", F.gelu, (2, 3, 300, 300)),  # several blocks
    case("gelu", F.gelu, (9, 9), approximate="tanh", draw=wide),
    case("softplus", softplus, (9, 9), beta=0.5, threshold=1.0, draw=wide),
    case("relu", F.relu, (2, 3, 300, 300)),  # several blocks
    case("sigmoid", torch.sigmoid, (3, 4)),
    case("softplus", softplus, (3, 4)),
    case("step", lambda x: (x > 0) + 0 * x, (9, 9), draw=tied),  # PyTorch's heaviside has no gradient at all
    case("tanh", torch.tanh, (3, 4)),
]
BINARY = [
    case(op, theirs, *shapes, draw=positive)
    for op, theirs in [
        ("add", torch.add),
        ("subtract", torch.subtract),
        ("multiply", torch.multiply),
        ("divide", torch.divide),
    ]
    for shapes in [((3, 4), (3, 4)), ((2, 1, 4), (3, 1)), ((2, 3, 4), ()), ((4,), (1, 4))]
]
REDUCTIONS = [
    case(op, reduction(theirs), (2, 3, 4), axis=axis, keepdims=keepdims)
    for op, theirs in [("sum", torch.sum), ("mean", torch.mean)]
    for axis, keepdims in [(None, False), (1, False), (-1, True), ((0, 2), False), ((0, 2), True)]
] + [
    case("max", reduction(torch.max), (2, 3, 4)),
    *(
        case("max", lambda x, axis, keepdims: x.max(axis, keepdims).values, (2, 5, 6), **settings, draw=tied)
        for settings in ({"axis": 1, "keepdims": False}, {"axis": -1, "keepdims": True})
    ),
]
PRODUCTS = [
    case("linear", F.linear, (3, 4), (5, 4), (5,)),
    case("linear", F.linear, (3, 4), (5, 4)),
    case("linear", F.linear, (1, 300), (1000, 300), (1000,)),  # several blocks of columns
    case("linear", F.linear, (600, 30), (10, 30), (10,)),  # and of rows
    case("matmul", torch.matmul, (3, 4), (4, 5)),
    case("matmul", torch.matmul, (300, 40), (40, 30)),
    case("matmul", torch.matmul, (2, 1, 3, 4), (6, 4, 5)),
]
SHAPING = [
    case("concat", lambda *xs, axis: torch.cat(xs, axis), (2, 3, 4), (2, 1, 4), (2, 2, 4), axis=1),
    case("concat", lambda *xs, axis: torch.cat(xs, axis), (2, 3), (5, 3), axis=0),
    case("flatten", lambda x: torch.flatten(x, 1), (2, 3, 4, 5)),
    case("pad", pad, (2, 3, 4, 5), widths=((0, 0), (0, 0), (1, 2), (0, 3)), value=1.5),
    case("reshape", torch.reshape, (2, 3, 4), shape=(4, -1)),
    case("slice", lambda x, index: x[index], (4, 5, 6), index=(slice(1, 3), 2)),
    case("slice", lambda x, index: x[index], (4, 5), index=([0, 0, 3], [1, 1, 2])),
    case("transpose", lambda x, axes: x.permute(axes), (2, 3, 4), axes=(2, 0, 1)),
    case("transpose", lambda x: x.permute(2, 1, 0), (2, 3, 4)),
]
SOFTMAX_AND_LOSSES = [
    case("softmax", lambda x, axis: torch.softmax(x, axis), (3, 4, 5), axis=1),
    case("softmax", lambda x: torch.softmax(x, -1), (3, 4)),
    case("log_softmax", lambda x, axis: torch.log_softmax(x, axis), (3, 4, 5), axis=1),
    case(
        "cross_entropy", lambda x, labels: F.cross_entropy(x, torch.tensor(labels)), (3, 4), labels=[3, 0, 3]
    ),
    case("mean_squared_error", F.mse_loss, (3, 4), (3, 4)),
]
NORMALISATION = [
    case("batch_norm", batch_norm, (3, 4, 5, 2), (4,), (4,)),
    case("batch_norm", batch_norm, (3, 4, 5, 2), (4,), (4,), eps=0.1),
    case("batch_norm", batch_norm, (6, 4)),
    case("batch_norm", batch_norm, (3, 2, 5, 2), (2,), (2,), mean=[0.3, -1], variance=[0.7, 2]),
    case("batch_norm", batch_norm, (3, 2, 5, 2), mean=[0.3, -1], variance=[0.7, 2]),
    *(
        case("layer_norm", F.layer_norm, (3, 4, 5, 2), normalized_shape=shape)
        for shape in [(5, 2), (4, 5, 2)]
    ),
    case("layer_norm", F.layer_norm, (3, 6), normalized_shape=(6,), eps=0.1),
    *(case("group_norm", F.group_norm, (3, 6, 5, 2), num_groups=groups) for groups in (1, 2, 6)),
    case("group_norm", F.group_norm, (3, 6), num_groups=2, eps=0.1),
]
CONVOLUTIONS = [
    case("conv2d", F.conv2d, *shapes, **settings)
    for shapes, settings in [
        (((2, 3, 8, 9), (4, 3, 3, 3), (4,)), {}),
        (((2, 3, 8, 9), (4, 3, 3, 3)), {"padding": 1}),
        (((2, 16, 13, 14), (8, 16, 3, 3), (8,)), {"padding": 1}),
        (((2, 16, 64, 64), (32, 16, 3, 3), (32,)), {"padding": 1}),  # several blocks an image
        (((17, 2, 4, 4), (3, 2, 3, 3), (3,)), {"padding": 1}),  # several images a block
        (((1, 3, 23, 23), (5, 3, 7, 7), (5,)), {"stride": 2}),
        (((1, 1, 12, 12), (6, 1, 5, 5), (6,)), {"padding": 2}),
        (((2, 3, 8, 9), (4, 3, 3, 2), (4,)), {"stride": (2, 1), "padding": (1, 2)}),
        (((2, 3, 8, 9), (4, 3, 2, 2), (4,)), {"stride": 3}),
        (((2, 3, 9, 9), (4, 3, 3, 3), (4,)), {"padding": 2, "dilation": (2, 3)}),
        (((2, 3, 9, 9), (4, 3, 3, 3), (4,)), {"stride": 2, "padding": (0, 3), "dilation": 2}),
        (((2, 4, 8, 9), (6, 2, 3, 3), (6,)), {"padding": 1, "groups": 2}),
        (((2, 4, 8, 9), (8, 1, 3, 3), (8,)), {"stride": 2, "padding": 1, "groups": 4}),
        (((2, 6, 8, 9), (4, 6, 1, 1), (4,)), {}),
        (((2, 6, 8, 9), (4, 6, 1, 1), (4,)), {"stride": 2}),
        (((2, 6, 8, 9), (4, 6, 1, 1), (4,)), {"padding": 1}),
        (((2, 6, 8, 9), (4, 3, 1, 1), (4,)), {"groups": 2}),
        (((1, 2, 2, 2), (3, 2, 5, 5), (3,)), {"padding": 2}),  # the kernel is larger than the image
        (((1, 2, 5, 5), (3, 2, 3, 3), (3,)), {"padding": 4}),  # some patches lie in the padding altogether
        (((3, 2, 4, 5), (3, 2, 4, 5), (3,)), {}),  # a single patch
    ]
]
CONVOLUTIONS += [
    case("conv1d", F.conv1d, *shapes, **settings)
    for shapes, settings in [
        (((2, 3, 8), (4, 3, 3), (4,)), {}),
        (((2, 3, 8), (4, 3, 3)), {"padding": 2, "stride": 3}),
        (((2, 4, 9), (6, 2, 3), (6,)), {"padding": 1, "groups": 2, "dilation": 2}),
        (((17, 16, 200), (32, 16, 5), (32,)), {"padding": 2}),  # several blocks
    ]
]
CONVOLUTIONS += [
    case("conv_transpose2d", F.conv_transpose2d, *shapes, **settings)
    for shapes, settings in [
        (((2, 3, 4, 5), (3, 4, 3, 3), (4,)), {}),
        (((2, 3, 4, 5), (3, 4, 2, 2)), {"stride": 2}),
        (((2, 3, 4, 5), (3, 4, 3, 3), (4,)), {"stride": 2, "padding": 1, "output_padding": 1}),
        (((2, 3, 4, 5), (3, 4, 4, 3), (4,)), {"stride": (3, 2), "padding": (2, 1), "output_padding": (2, 0)}),
        (((2, 4, 3, 5), (4, 3, 3, 3), (6,)), {"stride": 2, "groups": 2, "dilation": (1, 2)}),
        (((2, 3, 4, 5), (3, 2, 3, 3), (2,)), {"padding": 2, "output_padding": (2, 1), "dilation": 3}),
        (((2, 16, 30, 31), (16, 32, 3, 3), (32,)), {"padding": 1}),
        (((1, 3, 4, 5), (3, 4, 1, 1), (4,)), {}),
    ]
]
WINDOWS: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0), "ceil_mode": True},
    {
        "kernel_size": 2,
        "stride": 3,
        "padding": 1,
        "ceil_mode": True,
    },  # the last window would begin in the padding
]
POOLING = [
    *(
        case("max_pool2d", F.max_pool2d, (2, 3, 10, 8), **settings, draw=draw)
        for settings in [
            *WINDOWS,
            {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True},
        ]
        for draw in (normal, tied)
    ),
    *(
        case("avg_pool2d", F.avg_pool2d, (2, 3, 10, 8), **settings, count_include_pad=count)
        for settings in WINDOWS
        for count in (True, False)
    ),
    *(
        case("p_norm_pool2d", p_norm_pool2d, (2, 3, 8, 7), p=p, **settings)
        for p in (1, 2, 3.5)
        for settings in ({"kernel_size": 2}, {"kernel_size": (3, 2), "stride": 2, "padding": 1})
    ),
    *(
        case("adaptive_avg_pool2d", F.adaptive_avg_pool2d, (2, 3, 10, 7), output_size=output_size)
        for output_size in (1, 7, (3, 4), 12, (None, 3), (13, None))
    ),
    *(
        case("adaptive_max_pool2d", F.adaptive_max_pool2d, (2, 3, 10, 7), output_size=output_size, draw=draw)
        for output_size in (1, 7, (3, 4), 12, (None, 3))
        for draw in (normal, tied)
    ),
    *(
        case("upsample", upsample, (2, 3, 5, 7), **how)
        for size in [
            *({"scale_factor": factor} for factor in (2, 3, 1.5, 2.7, 0.6, 0.3, (2.0, 0.5), (4.25, 1.0))),
            *({"size": size} for size in (1, 5, 11, (10, 21), (3, 4), (64, 49))),
        ]
        for how in (
            size,
            size | {"mode": "bilinear"},
            size | {"mode": "bilinear", "align_corners": True},
        )
    ),
    case("global_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, 1), (2, 3, 10, 7)),
]
CASES = ELEMENTWISE + BINARY + REDUCTIONS + PRODUCTS + SHAPING + SOFTMAX_AND_LOSSES + NORMALISATION
CASES += CONVOLUTIONS + POOLING


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "theirs", "shapes", "draw", "settings"), CASES)
def test_operation(
    op: str,
    theirs: Callable[..., Any],
    shapes: tuple[tuple[int, ...], ...],
    draw: Draw,
    settings: dict[str, Any],
    dtype: str,
) -> None:
    compare(
        lambda *xs: getattr(mx.ops, op)(*xs, **settings),
        lambda *xs: theirs(*xs, **settings),
        draw_all(draw, shapes, dtype),
    )


def test_no_operation_is_left_out() -> None:
    with_tests_of_their_own = {"dropout", "max_unpool2d", "switches"}
    assert {each.values[0] for each in CASES} | with_tests_of_their_own == set(mx.ops.__all__)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("op", "theirs"),
    [
        ("relu", F.relu),
        ("leaky_relu", F.leaky_relu),
        *((theirs.__name__, theirs) for theirs in (F.relu6, F.hardsigmoid)),
        ("sigmoid", torch.sigmoid),
        ("tanh", torch.tanh),
        ("softplus", F.softplus),
        ("exp", torch.exp),
    ],
)
def test_zeros_and_numbers_that_are_not_finite(op: str, theirs: Callable[..., Any], dtype: str) -> None:
    array = np.array([-np.inf, -1e4, -0.0, 0.0, 1e4, np.inf, np.nan], dtype)
    x, leaf = mx.Tensor(array), torch.tensor(array, requires_grad=True)
    with np.errstate(over="ignore", invalid="ignore"):
        y = getattr(mx.ops, op)(x)
        gx = mx.backward(y)[x]
    expected = theirs(leaf)
    expected.sum().backward()
    np.testing.assert_allclose(y.value, expected.detach(), rtol=1e-6)
    np.testing.assert_allclose(gx, leaf.grad, rtol=1e-6)


def test_max_pooling_of_numbers_that_are_not_finite() -> None:
    rng = np.random.default_rng(0)
    x = rng.choice([-np.inf, -1.0, 0.0, 1.0, np.inf, np.nan], (3, 2, 9, 9))
    leaf = torch.tensor(x, requires_grad=True)
    expected, indices = F.max_pool2d(leaf, 3, 2, 1, return_indices=True)
    y = mx.ops.max_pool2d(x, 3, 2, 1)
    np.testing.assert_array_equal(y.value, expected.detach())
    np.testing.assert_array_equal(mx.ops.switches(y), indices)


@pytest.mark.parametrize("settings", WINDOWS, ids=str)
def test_switches(settings: dict[str, Any]) -> None:
    (x,) = draw_all(tied, ((2, 3, 10, 8),), "float64")
    _, indices = F.max_pool2d(torch.from_numpy(x), **settings, return_indices=True)
    np.testing.assert_array_equal(mx.ops.switches(mx.ops.max_pool2d(x, **settings)), indices)


@pytest.mark.parametrize("dtype", DTYPES)
def test_max_unpool2d(dtype: str) -> None:
    """Windows that do not overlap: where they do, PyTorch keeps one of the values that meet."""
    x, y = draw_all(normal, ((2, 3, 8, 9), (2, 3, 4, 3)), dtype)
    _, indices = F.max_pool2d(torch.from_numpy(x), (2, 3), return_indices=True)
    compare(
        lambda y: mx.ops.max_unpool2d(y, indices.numpy(), (8, 9)),
        lambda y: F.max_unpool2d(y, indices, (2, 3), output_size=(8, 9)),
        [y],
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_max_unpool2d_of_overlapping_windows_is_the_vjp_of_max_pooling(dtype: str) -> None:
    """Values that meet add up, as in PyTorch's gradient of max pooling; its unpooling keeps one of them."""
    x, y = draw_all(normal, ((2, 3, 9, 9), (2, 3, 4, 4)), dtype)
    leaf = torch.tensor(x, requires_grad=True)
    pooled, indices = F.max_pool2d(leaf, 3, 2, return_indices=True)
    assert len(np.unique(indices[0, 0])) < indices[0, 0].numel()  # some do meet
    pooled.backward(torch.from_numpy(y))
    assert_close(mx.ops.max_unpool2d(y, indices.numpy(), (9, 9)), leaf.grad)


@pytest.mark.parametrize("dtype", DTYPES)
def test_maximum_of_all_at_a_tie(dtype: str) -> None:
    """The cotangent goes to the first maximum, as along an axis; PyTorch divides it among them."""
    array = np.array([[1, 3], [3, 2]], dtype)
    x, leaf = mx.Tensor(array), torch.tensor(array, requires_grad=True)
    leaf.max().backward()
    np.testing.assert_array_equal(leaf.grad, [[0, 0.5], [0.5, 0]])
    np.testing.assert_array_equal(mx.backward(mx.ops.max(x))[x], [[0, 1], [0, 0]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_dropout(dtype: str) -> None:
    """The two draw other numbers, but scale by the same 1/(1 − p), on the way back too."""
    x, leaf = mx.Tensor(np.ones((100, 100), dtype)), torch.ones((100, 100), requires_grad=True)
    y, expected = mx.ops.dropout(x, 0.3, np.random.default_rng(0)), F.dropout(leaf, 0.3)
    expected.sum().backward()
    gx = mx.backward(y)[x]
    np.testing.assert_array_equal(gx, y.value)  # dropped and scaled alike
    assert y.dtype == dtype
    np.testing.assert_allclose(np.unique(y.value), np.unique(expected.detach()), rtol=1e-6)
    assert np.mean(y.value == 0) == pytest.approx(0.3, abs=0.02)


# Layers

LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Conv2d", (4, 6, 3), {}, (2, 4, 9, 8)),
    ("Conv2d", (4, 6, (3, 2)), {"stride": 2, "padding": 1, "groups": 2, "bias": False}, (2, 4, 9, 8)),
    ("Conv2d", (4, 6, 3, 1, 2, 2), {}, (2, 4, 9, 8)),
    ("Linear", (5, 3), {}, (4, 5)),
    ("Linear", (5, 3, False), {}, (4, 5)),
    ("Conv1d", (4, 6, 3), {}, (2, 4, 9)),
    ("Conv1d", (4, 6, 3, 2, 1, 2, 2, False), {}, (2, 4, 9)),
    ("ConvTranspose2d", (4, 6, 3), {}, (2, 4, 5, 3)),
    ("ConvTranspose2d", (4, 6, (3, 2), 2, 1, (1, 0), 2, False, (1, 2)), {}, (2, 4, 5, 3)),
    *(("BatchNorm1d", (4,), {}, shape) for shape in ((3, 4), (3, 4, 5))),
    ("BatchNorm1d", (4, 1e-2, None, False), {}, (3, 4)),
    ("BatchNorm1d", (4, 1e-2, 0.1, True, False), {}, (3, 4)),
    ("BatchNorm2d", (4,), {}, (3, 4, 5, 2)),
    ("BatchNorm2d", (4, 1e-2, 0.3), {}, (3, 4, 5, 2)),
    ("BatchNorm2d", (4,), {"affine": False}, (3, 4, 5, 2)),
    ("BatchNorm2d", (4,), {"momentum": None, "track_running_stats": False}, (3, 4, 5, 2)),
    ("LayerNorm", (6,), {}, (3, 4, 6)),
    ("LayerNorm", ((4, 6), 0.1), {"bias": False}, (3, 4, 6)),
    ("LayerNorm", ([4, 6],), {"elementwise_affine": False}, (3, 4, 6)),
    *(("GroupNorm", (2, 6), {}, shape) for shape in ((3, 6), (3, 6, 5), (3, 6, 2, 5))),
    ("GroupNorm", (3, 6, 0.1, False), {}, (3, 6, 2, 5)),
    ("MaxPool2d", (2,), {}, (2, 3, 9, 8)),
    ("MaxPool2d", (3, 2, 1, 2), {"ceil_mode": True}, (2, 3, 9, 8)),
    ("AvgPool2d", (2,), {}, (2, 3, 9, 8)),
    ("AvgPool2d", (3, 2, 1), {"ceil_mode": True, "count_include_pad": False}, (2, 3, 9, 8)),
    ("AdaptiveAvgPool2d", (1,), {}, (2, 3, 9, 8)),
    ("AdaptiveAvgPool2d", ((4, 3),), {}, (2, 3, 9, 8)),
    *(("AdaptiveMaxPool2d", (size,), {}, (2, 3, 9, 8)) for size in (1, (4, 3), (None, 11))),
    ("AdaptiveAvgPool2d", ((None, 11),), {}, (2, 3, 9, 8)),
    ("Upsample", (), {"scale_factor": 2}, (2, 3, 5, 4)),
    ("Upsample", ((7, 9), None, "bilinear", True), {}, (2, 3, 5, 4)),
    ("Upsample", (None, (2, 1.5), "bilinear"), {}, (2, 3, 5, 4)),
    ("Dropout", (0.5,), {}, (4, 5)),
    ("Flatten", (), {}, (2, 3, 4, 5)),
    ("Identity", (), {}, (4, 5)),
    ("ReLU", (), {}, (4, 5)),
    ("ReLU", (True,), {}, (4, 5)),
    ("LeakyReLU", (), {}, (4, 5)),
    ("LeakyReLU", (0.2, True), {}, (4, 5)),
    *((name, args, {}, (4, 5)) for name in ("ReLU6", "SiLU", "Hardswish") for args in ((), (True,))),
    *(("Hardsigmoid", args, {}, (4, 5)) for args in ((), (True,))),
    *(("ELU", args, {}, (4, 5)) for args in ((), (0.3, True))),
    *(("GELU", args, {}, (4, 5)) for args in ((), ("tanh",))),
    ("Sigmoid", (), {}, (4, 5)),
    ("Tanh", (), {}, (4, 5)),
    *(("Softplus", args, {}, (4, 5)) for args in ((), (3,), (0.5, 0.4))),
    ("Softmax", (1,), {}, (4, 5)),
]


def assert_same_state(ours: mx.nn.Module, theirs: Any) -> None:
    mine, expected = ours.state_dict(), as_arrays(theirs)
    assert list(mine) == list(expected)
    for key, array in expected.items():
        assert_close(mine[key], array, tolerance=None if array.dtype.kind == "f" else 0, what=key)


def compare_models(ours: mx.nn.Module, theirs: Any, x: np.ndarray) -> None:
    """The output, and the gradients of input and parameters for a random cotangent, are the same."""
    parameters, their_parameters = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert list(parameters) == list(their_parameters)
    wanted = [name for name, parameter in their_parameters.items() if parameter.requires_grad]
    tensor, leaf = mx.Tensor(x), torch.tensor(x, requires_grad=True)
    y, expected = ours(tensor), theirs(leaf)
    assert_close(y, expected.detach(), what="output")
    cotangent = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)
    expected_gradients = torch.autograd.grad(
        expected, [leaf, *(their_parameters[name] for name in wanted)], torch.from_numpy(cotangent)
    )
    tensors = [tensor, *(parameters[name] for name in wanted)]
    gradients = mx.backward(y, cotangent, wrt=tensors)
    for name, each, gradient in zip(["x", *wanted], tensors, expected_gradients, strict=True):
        assert_close(gradients[each], gradient, what=f"gradient of {name}")


def compare_layers(ours: mx.nn.Module, theirs: Any, x: np.ndarray) -> None:
    """The output of a network is the same, and what every layer makes of PyTorch's own input and cotangent.

    The gradient of a whole network in float32 is not compared: where rounding lifts one unit above 0,
    or decides which of two pixels is the larger, much of the gradient differs.
    """
    calls: dict[Any, list[Any]] = {}  # module -> input, output, cotangents of the input and of the output
    leaves = [module for module in theirs.modules() if not any(module.children())]
    for module in leaves:
        module.register_forward_hook(lambda module, inputs, output: calls.update({module: [*inputs, output]}))
        module.register_full_backward_hook(lambda module, gx, g: calls[module].extend([*gx, *g]))
    expected = theirs(torch.tensor(x, requires_grad=True))
    assert_close(ours.predict(x), expected.detach(), what="output")
    cotangent = np.random.default_rng(1).standard_normal(expected.shape).astype(x.dtype)
    expected.backward(torch.from_numpy(cotangent))

    modules = dict(ours.named_modules())
    for name, module in theirs.named_modules():
        if module not in leaves:
            continue
        inputs, output, gx, g = (tensor.detach().numpy() for tensor in calls[module])
        tensor = mx.Tensor(inputs)
        y = modules[name](tensor)
        gradients = mx.backward(y, g)
        assert_close(y, output, what=f"output of {name}")
        assert_close(gradients[tensor], gx, what=f"gradient of the input of {name}")
        for key, parameter in module.named_parameters():
            assert_close(
                gradients[getattr(modules[name], key)], parameter.grad, what=f"gradient of {name}.{key}"
            )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS, ids=str)
def test_layer(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...], dtype: str
) -> None:
    ours = getattr(mx.nn, name)(*args, **kwargs)
    theirs = getattr(nn, name)(*args, **kwargs).to(getattr(torch, dtype))
    ours.load_state_dict(as_arrays(theirs))
    assert_same_state(ours, theirs)
    (x,) = draw_all(normal, (shape,), dtype)
    if name == "Dropout":  # in training the two draw other numbers
        ours.eval(), theirs.eval()
    if name == "Hardsigmoid":
        compare(ours, hardsigmoid, [x])
    elif getattr(theirs, "inplace", False):  # PyTorch must not overwrite a leaf
        compare(ours, lambda leaf: theirs(leaf.clone()), [x])
    else:
        compare_models(ours, theirs, x)
    ours.eval(), theirs.eval()
    assert_same_state(ours, theirs)
    assert_close(ours(x).value, theirs(torch.from_numpy(x.copy())).detach(), what="output in eval mode")


def test_containers_have_pytorch_s_keys() -> None:
    def keys(library: Any) -> list[str]:
        linear, holder = library.Linear, library.Module()
        holder.body = library.ModuleList([linear(2, 2), library.Sequential(linear(2, 2), linear(2, 2))[1:]])
        holder.body.append(linear(2, 2))
        holder.heads = library.ModuleDict({"b": linear(2, 2), "a": linear(2, 2)})
        holder.tail = library.ModuleList([library.ReLU(), linear(2, 2)])[1:]
        return list(holder.state_dict())

    assert keys(mx.nn) == keys(nn)


def test_no_layer_is_left_out() -> None:
    """Of those that PyTorch has too."""
    classes = {name for name, value in vars(mx.nn).items() if isinstance(value, type)}
    layers = {
        name for name in classes if issubclass(getattr(mx.nn, name), mx.nn.Module) and hasattr(nn, name)
    }
    assert {name for name, *_ in LAYERS} == layers - {"Module", "ModuleDict", "ModuleList", "Sequential"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_running_statistics_of_batch_norm(dtype: str) -> None:
    theirs = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3, momentum=0.3)).to(
        getattr(torch, dtype)
    )
    ours = mx.nn.Sequential(mx.nn.Conv2d(2, 3, 3, bias=False), mx.nn.BatchNorm2d(3, momentum=0.3))
    ours.load_state_dict(as_arrays(theirs))
    for x in draw_all(normal, ((4, 2, 6, 5), (1, 2, 6, 5), (7, 2, 3, 3)), dtype):
        compare_models(ours, theirs, x)
    assert_same_state(ours, theirs)
    assert ours.state_dict()["1.num_batches_tracked"] == 3
    ours.eval(), theirs.eval()
    compare_models(ours, theirs, x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_running_statistics_without_momentum_are_those_of_all_batches(dtype: str) -> None:
    theirs = nn.BatchNorm1d(3, momentum=None).to(getattr(torch, dtype))
    ours = mx.nn.BatchNorm1d(3, momentum=None)
    ours.load_state_dict(as_arrays(theirs))
    for x in draw_all(normal, ((4, 3), (6, 3, 5), (7, 3)), dtype):
        compare_models(ours, theirs, x)
        assert_same_state(ours, theirs)
    ours.eval(), theirs.eval()
    compare_models(ours, theirs, x)


def test_weights_of_before_batches_were_counted() -> None:
    theirs, ours = nn.Sequential(nn.BatchNorm2d(3)), mx.nn.Sequential(mx.nn.BatchNorm2d(3))
    for model, x in ((theirs, torch.ones(2, 3, 4, 4)), (ours, np.ones((2, 3, 4, 4), np.float32))):
        model(x)
    state = {key: array + 1 for key, array in as_arrays(theirs).items() if "num" not in key}
    theirs.load_state_dict(as_tensors(state))
    ours.load_state_dict(state)
    assert_same_state(ours, theirs)


# Models


def squeezenet_arrays(folder: Any) -> dict[str, np.ndarray]:
    """The decoded weights under torchvision's names: both lists are in the order of the layers."""
    with np.load(folder / "squeezenet" / "squeezenet_v1.0.npz") as arrays:
        names = torch_models.SqueezeNet().state_dict()
        return dict(zip(names, arrays.values(), strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
def test_lenet5(dtype: str) -> None:
    theirs = torch_models.LeNet5().to(getattr(torch, dtype))
    ours = mx.models.lenet5()
    ours.load_state_dict(as_arrays(theirs))
    assert_same_state(ours, theirs)
    compare_models(ours, theirs, np.random.default_rng(0).random((4, 1, 28, 28)).astype(dtype))


@pytest.mark.slow
@pytest.mark.parametrize(("compared", "dtype"), [(compare_models, "float64"), (compare_layers, "float32")])
@pytest.mark.parametrize("size", [227, 224])
def test_squeezenet(size: int, compared: Callable[..., None], dtype: str, data_dir: Any) -> None:
    theirs = torch_models.SqueezeNet().eval()
    theirs.load_state_dict(as_tensors(squeezenet_arrays(data_dir)))
    theirs.to(getattr(torch, dtype))
    ours = mx.models.squeezenet1_0().eval()
    ours.load_state_dict(as_arrays(theirs))
    compared(ours, theirs, np.random.default_rng(0).normal(0, 60, (1, 3, size, size)).astype(dtype))


@pytest.mark.slow
def test_vgg16() -> None:
    """The gradients of the dense layers' own weights, gigabytes in float64, are left to the test below."""
    theirs = torch_models.VGG16().eval().double()
    theirs.classifier.requires_grad_(False)
    ours = mx.models.vgg16().eval()
    ours.load_state_dict(as_arrays(theirs))
    compare_models(ours, theirs, np.random.default_rng(0).standard_normal((1, 3, 64, 32)))


@pytest.mark.slow
def test_vgg16_from_a_file_of_torchvisions_names(tmp_path: Any) -> None:
    from safetensors.torch import save_file

    theirs = torch_models.VGG16().eval()
    save_file(theirs.state_dict(), tmp_path / "vgg16.safetensors")
    ours = mx.models.vgg16(weights=tmp_path / "vgg16.safetensors").eval()
    compare_layers(ours, theirs, np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype("float32"))


def test_squeezenet_from_a_file_of_torchvisions_names(tmp_path: Any) -> None:
    from safetensors.torch import save_file

    theirs = torch_models.SqueezeNet(num_classes=7).eval()
    save_file(theirs.state_dict(), tmp_path / "squeezenet.safetensors")
    ours = mx.models.squeezenet1_0(weights=tmp_path / "squeezenet.safetensors", num_classes=7)
    assert_same_state(ours, theirs)
    assert ours.preprocess is mx.data.TORCHVISION
    x = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype("float32")
    assert_close(ours.predict(x), theirs(torch.from_numpy(x)).detach())


def test_squeezenet_from_the_authors_file(data_dir: Any) -> None:
    theirs = torch_models.SqueezeNet()
    theirs.load_state_dict(as_tensors(squeezenet_arrays(data_dir)))
    for name in ("compressed_SqueezeNet.net", "squeezenet_v1.0.npz"):
        assert_same_state(mx.models.squeezenet1_0(weights=data_dir / "squeezenet" / name), theirs)


@pytest.mark.parametrize(
    ("photo", "classes", "probabilities"),
    [
        ("chelsea", [285, 282, 281, 287, 293], [0.663, 0.217, 0.066, 0.049, 0.003]),
        ("coffee", [967], [0.988]),
    ],
)
def test_top_classes_of_a_photo(
    photo: str, classes: list[int], probabilities: list[float], data_dir: Any
) -> None:
    """PyTorch's side reads, crops and resizes the photo with scikit-image."""
    import skimage

    rgb = getattr(skimage.data, photo)()
    side = min(rgb.shape[:2])
    top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
    square = rgb[top : top + side, left : left + side]
    resized = 255 * skimage.transform.resize(square, (227, 227), anti_aliasing=True)
    bgr = (resized[..., ::-1] - [104, 117, 123]).transpose(2, 0, 1)[None].astype("float32")
    theirs = torch_models.SqueezeNet().eval()
    theirs.load_state_dict(as_tensors(squeezenet_arrays(data_dir)))
    expected = torch.softmax(theirs(torch.from_numpy(bgr)), 1).detach().numpy()[0]
    top_classes = np.argsort(-expected)[: len(classes)]
    assert top_classes.tolist() == classes
    np.testing.assert_allclose(expected[top_classes], probabilities, atol=0.0005)

    ours = mx.models.squeezenet1_0(weights=data_dir / "squeezenet" / "compressed_SqueezeNet.net")
    logits = ours.predict(ours.preprocess(mx.data.photo(photo)))
    assert_close(mx.ops.softmax(logits).value[0], expected)


# Optimisers


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("SGD", {"lr": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        ("Adam", {}),
        ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3}),
        ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ],
    ids=str,
)
def test_optimiser(name: str, settings: dict[str, Any]) -> None:
    theirs = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 4)).double()
    ours = mx.nn.Sequential(mx.nn.Linear(6, 9), mx.nn.ReLU(), mx.nn.Linear(9, 4))
    ours.load_state_dict(as_arrays(theirs))
    their_optimiser = getattr(torch.optim, name)(theirs.parameters(), **settings)
    our_optimiser = getattr(mx.nn, name)(ours.parameters(), **settings)
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, labels = rng.standard_normal((8, 6)), rng.integers(0, 4, 8)
        their_optimiser.zero_grad()
        F.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(labels)).backward()
        their_optimiser.step()
        our_optimiser.step(mx.backward(mx.ops.cross_entropy(ours(mx.Tensor(x)), labels)))
        assert_same_state(ours, theirs)
