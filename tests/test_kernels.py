"""Every kernel against plain loops, and the same bits from any number of threads.

This file also runs with NUMBA_DISABLE_JIT=1, where an index outside an array raises: keep the arrays small.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minixai import nn
from minixai.arrays import frozen, read_only
from minixai.kernels import (
    activation,
    channels_last,
    convolution,
    descent,
    direct,
    direct_weight,
    filters,
    microkernel,
    moments,
    normalisation,
    pooling,
    product,
    relevance,
    threads,
    winograd,
    winograd_weight,
)
from tests.kernel_calls import MODULES, bits, every_kernel
from tests.oracles import activation as activation_oracle
from tests.oracles import convolution as convolution_oracle
from tests.oracles import dense as dense_oracle
from tests.oracles import descent as descent_oracle
from tests.oracles import pooling as pooling_oracle
from tests.oracles import relevance as relevance_oracle

DTYPES = [np.float32, np.float64]
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[..., ::-1].copy()[..., ::-1],
    "transposed": lambda a: a.T.copy().T,
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


pytestmark = pytest.mark.usefixtures("number_of_threads", "many_cores")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into_small_blocks(monkeypatch)


def cut_into_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation, "ENTRIES_A_TASK", 16)
    monkeypatch.setattr(convolution, "ENTRIES_A_TASK", 16)
    monkeypatch.setattr(descent, "ENTRIES_A_TASK", 16)
    monkeypatch.setattr(moments, "ENTRIES_A_TASK", 16)
    monkeypatch.setattr(normalisation, "ENTRIES_A_TASK", 16)
    monkeypatch.setattr(relevance, "ENTRIES_A_TASK", 16)
    monkeypatch.setattr(pooling, "ENTRIES_A_TASK", 16)
    monkeypatch.setattr(pooling, "STRIP", 8)
    monkeypatch.setattr(product, "FEW", 0)
    monkeypatch.setattr(product, "LINES_A_TASK", 4)
    monkeypatch.setattr(product, "WORK_A_TASK", 600)
    monkeypatch.setattr(product, "ROWS_A_TASK", 1)
    for name, value in {"PLANE_NUMBERS": 64, "TASK_WORK": 1, "COLUMNS": 24}.items():
        monkeypatch.setattr(direct, name, value)
    for name, value in {"RUN_NUMBERS": 64, "TASK_WORK": 1, "PARTS": 3, "SUMS_A_TASK": 16}.items():
        monkeypatch.setattr(direct_weight, name, value)
    for name, value in {"TILES": 2, "TASK_WORK": 1}.items():
        monkeypatch.setattr(winograd, name, value)
    for name, value in {"TILES": 2, "PRODUCT_NUMBERS": 1}.items():
        monkeypatch.setattr(winograd_weight, name, value)


def draw_arrays(seed: int, dtype: Any, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def assert_close(got: np.ndarray, expected: np.ndarray, dtype: Any) -> None:
    assert got.dtype == dtype
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


# Convolution


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    kernel, stride, padding, dilation = (draw(pairs(*r)) for r in ((1, 3), (1, 3), (0, 3), (1, 3)))
    groups, in_group = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    out_group = draw(st.sampled_from([1, 2, 17]))  # more than a panel of filters
    least = [max(1, dilation[a] * (kernel[a] - 1) + 1 - 2 * padding[a]) for a in (0, 1)]
    size = [least[a] + draw(st.integers(0, 4)) for a in (0, 1)]
    return {
        "x_shape": (draw(st.integers(1, 3)), groups * in_group, *size),
        "w_shape": (groups * out_group, in_group, *kernel),
        "geometry": convolution.Geometry(stride, padding, dilation, groups),
        "seed": draw(st.integers(0, 99)),
        "small": draw(st.booleans()),
    }


MOSTLY_PADDING = {  # a column of the kernel that sees no pixel, in a row as wide as the output's
    "x_shape": (2, 3, 2, 2),
    "w_shape": (2, 3, 3, 3),
    "geometry": convolution.Geometry((1, 1), (3, 3), (3, 3)),
    "seed": 0,
    "small": False,
}


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=150)
@example(case=MOSTLY_PADDING)
@given(case=convolutions())
def test_conv2d_and_its_vjps_equal_the_loops(dtype: Any, case: dict[str, Any]) -> None:
    x_shape, w_shape, geometry = case["x_shape"], case["w_shape"], case["geometry"]
    y_shape = convolution_oracle.y_shape(x_shape, w_shape, *geometry[:3])
    x, w, b, g = draw_arrays(case["seed"], dtype, x_shape, w_shape, w_shape[:1], y_shape)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if case["small"]:
            cut_into_small_blocks(monkeypatch)
        y = convolution.conv2d(x, w, b, geometry, "direct")
        y_without_bias = convolution.conv2d(x, w, None, geometry)
        gx = convolution.conv2d_vjp_input(g, w, x_shape, geometry, "direct")
        gw = convolution.conv2d_vjp_weight(g, x, w_shape, geometry)
        gb = convolution.conv2d_vjp_bias(g)
    assert_close(y, convolution_oracle.conv2d(x, w, b, *geometry), dtype)
    assert_close(y_without_bias, convolution_oracle.conv2d(x, w, None, *geometry), dtype)
    assert_close(gx, convolution_oracle.conv2d_vjp_input(g, w, x_shape, *geometry), dtype)
    assert_close(gw, convolution_oracle.conv2d_vjp_weight(g, x, w_shape, *geometry), dtype)
    assert_close(gb, convolution_oracle.conv2d_vjp_bias(g), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=150)
@given(case=convolutions())
def test_conv2d_equals_the_direct_convolution(dtype: Any, case: dict[str, Any]) -> None:
    x, w = draw_arrays(case["seed"], dtype, case["x_shape"], case["w_shape"])
    y = convolution.conv2d(x, w, None, case["geometry"])
    direct = np.full_like(y, np.nan)
    convolution.conv2d_direct(x, w, *case["geometry"], direct)
    assert_close(direct, y, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=100)
@given(
    n=st.integers(1, 3),
    groups=st.integers(1, 2),
    c=st.sampled_from([1, 2, 18]),
    k=st.sampled_from([1, 16, 35]),
    size=st.tuples(st.integers(1, 6), st.integers(16, 20)),
    small=st.booleans(),
)
def test_pointwise_convolution_and_its_vjp_equal_the_loops(
    dtype: Any, n: int, groups: int, c: int, k: int, size: tuple[int, int], small: bool
) -> None:
    geometry = convolution.Geometry(groups=groups)
    x, w, b, g = draw_arrays(
        n, dtype, (n, groups * c, *size), (groups * k, c, 1, 1), (groups * k,), (n, groups * k, *size)
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        if small:
            cut_into_small_blocks(monkeypatch)
        y = convolution.conv2d(x, w, b, geometry, "pointwise")
        gx = convolution.conv2d_vjp_input(g, w, x.shape, geometry, "pointwise")
    grouped = x.reshape(n, groups, c, -1), w.reshape(groups, k, c), g.reshape(n, groups, k, -1)
    expected = np.einsum("igcp,gkc->igkp", grouped[0], grouped[1], dtype=float).reshape(y.shape)
    assert_close(y, expected + b.reshape(-1, 1, 1), dtype)
    assert_close(gx, np.einsum("igkp,gkc->igcp", grouped[2], grouped[1], dtype=float).reshape(x.shape), dtype)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "geometry", "dtype", "algorithm"),
    [
        ((1, 64, 14, 14), (64, 64, 3, 3), convolution.Geometry(padding=(1, 1)), np.float32, "winograd"),
        ((1, 64, 14, 14), (64, 64, 3, 3), convolution.Geometry(padding=(1, 1)), np.float64, "direct"),
        ((1, 64, 5, 5), (64, 64, 3, 3), convolution.Geometry(padding=(1, 1)), np.float32, "direct"),
        ((8, 64, 7, 7), (64, 64, 3, 3), convolution.Geometry(padding=(1, 1)), np.float32, "winograd"),
        ((1, 64, 14, 14), (64, 64, 3, 3), convolution.Geometry((2, 2), (1, 1)), np.float32, "direct"),
        ((1, 64, 14, 14), (64, 64, 3, 3), convolution.Geometry(dilation=(2, 2)), np.float32, "direct"),
        ((1, 64, 14, 14), (64, 32, 3, 3), convolution.Geometry(groups=2), np.float32, "direct"),
        ((1, 3, 14, 14), (64, 3, 3, 3), convolution.Geometry(), np.float32, "direct"),
        ((1, 64, 14, 14), (64, 64, 5, 5), convolution.Geometry(), np.float32, "direct"),
        ((1, 64, 14, 14), (64, 64, 1, 1), convolution.Geometry(), np.float64, "pointwise"),
        ((1, 64, 14, 14), (64, 64, 1, 1), convolution.Geometry((2, 2)), np.float32, "direct"),
        ((1, 64, 14, 14), (64, 64, 1, 1), convolution.Geometry(padding=(1, 1)), np.float32, "direct"),
    ],
)
def test_the_algorithm_is_chosen_by_shape(
    x_shape: tuple, w_shape: tuple, geometry: convolution.Geometry, dtype: Any, algorithm: str
) -> None:
    assert convolution.fastest(x_shape, w_shape, dtype, geometry) == algorithm


@pytest.mark.parametrize("name", ["conv2d", "conv2d_vjp_input"])
@pytest.mark.parametrize(
    ("algorithm", "w_shape", "possible"),
    [
        ("winograd", (4, 4, 1, 1), "pointwise"),
        ("pointwise", (4, 4, 3, 3), "winograd"),
        ("fft", (4, 4, 2, 2), ""),
    ],
)
def test_an_algorithm_that_cannot_do_it_is_refused(
    name: str, algorithm: str, w_shape: tuple, possible: str
) -> None:
    x, w = draw_arrays(0, np.float32, (1, 4, 8, 8), w_shape)
    geometry = convolution.Geometry(padding=(w_shape[2] // 2,) * 2)
    calls = {
        "conv2d": lambda: convolution.conv2d(x, w, None, geometry, algorithm),
        "conv2d_vjp_input": lambda: convolution.conv2d_vjp_input(x, w, x.shape, geometry, algorithm),
    }
    with pytest.raises(
        ValueError, match=f"{name}: algorithm is '{algorithm}', expected one of .*{possible}.*'direct'"
    ):
        calls[name]()


def seen_by(x_shape: tuple, w_shape: tuple, geometry: convolution.Geometry, pixel: tuple) -> np.ndarray:
    """Which outputs are computed from a pixel."""
    seen = np.zeros(convolution_oracle.y_shape(x_shape, w_shape, *geometry[:3]), bool)
    for at_x, _, at_y in convolution_oracle.products(x_shape, w_shape, *geometry):
        seen[at_y] |= at_x == pixel
    return seen


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "geometry", [convolution.Geometry(padding=(1, 1)), convolution.Geometry((2, 1), groups=2)]
)
@pytest.mark.parametrize("algorithm", ["winograd", "direct"])
def test_what_is_not_finite_reaches_the_outputs_that_see_it_and_no_other(
    algorithm: str, geometry: convolution.Geometry, dtype: Any, bad: float
) -> None:
    if algorithm == "winograd" and not convolution.serves(
        algorithm, (2, 4, 6, 6), (4, 4, 3, 3), dtype, geometry
    ):
        algorithm = "direct"
    pixel = (1, 2, 3, 4)
    x, w = draw_arrays(0, dtype, (2, 4, 6, 6), (4, 4 // geometry.groups, 3, 3))
    x[pixel] = bad
    with np.errstate(invalid="ignore"):  # BLAS multiplies inf by 0 in lanes that it throws away
        y = convolution.conv2d(x, w, None, geometry, algorithm)
    np.testing.assert_array_equal(np.isfinite(y), ~seen_by(x.shape, w.shape, geometry, pixel))

    (g,) = draw_arrays(1, dtype, y.shape)
    g[1, 2, 0, 1] = bad
    reached = convolution_oracle.conv2d_vjp_input(~np.isfinite(g), np.ones_like(w), x.shape, *geometry) > 0
    with np.errstate(invalid="ignore"):
        gx = convolution.conv2d_vjp_input(g, w, x.shape, geometry, algorithm)
    np.testing.assert_array_equal(np.isfinite(gx), ~reached)
    np.testing.assert_array_equal(np.isfinite(convolution.conv2d_vjp_bias(g)), [True, True, False, True])


@pytest.mark.parametrize("algorithm", ["winograd", "direct"])
def test_a_nan_weight_reaches_its_channel_and_no_other(algorithm: str) -> None:
    x, w = draw_arrays(0, np.float32, (2, 3, 5, 5), (4, 3, 3, 3))
    w[2, 1, 0, 0] = np.nan
    y = convolution.conv2d(x, w, None, convolution.Geometry(padding=(1, 1)), algorithm)
    assert np.isnan(y[:, 2]).all()
    assert np.isfinite(np.delete(y, 2, axis=1)).all()


def test_the_bias_vjp_is_added_up_in_float64() -> None:
    g = np.full((1, 1, 30, 100), np.float32(0.1))
    g[0, 0, 0, 0] = 2.0**24  # in float32 the others, a tenth each, would be lost beside it
    assert convolution.conv2d_vjp_bias(g)[0] == np.float32(2.0**24 + 2999 * float(np.float32(0.1)))


@pytest.mark.parametrize("parts", [1, 8])
def test_the_weight_vjp_adds_up_the_runs_in_float64(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_weight, "RUN_NUMBERS", 1)  # every image is a run
    monkeypatch.setattr(direct_weight, "TASK_WORK", 1)
    monkeypatch.setattr(direct_weight, "PARTS", parts)
    g, x = np.ones((3000, 1, 1, 1), np.float32), np.ones((3000, 1, 1, 1), np.float32)
    g[0] = 2.0**24  # in float32 the ones would be lost beside it
    gw = convolution.conv2d_vjp_weight(g, x, (1, 1, 1, 1), convolution.Geometry())
    assert gw.item() == np.float32(2.0**24 + 2999)


# Winograd


@st.composite
def convolutions_3x3(draw: st.DrawFn) -> dict[str, Any]:
    padding = draw(pairs(0, 2))
    size = [max(1, 3 - 2 * padding[a]) + draw(st.integers(0, 7)) for a in (0, 1)]
    return {
        "x_shape": (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *size),
        "k": draw(st.integers(1, 4)),
        "padding": padding,
        "seed": draw(st.integers(0, 99)),
        "small": draw(st.booleans()),
    }


@settings(max_examples=100)
@given(case=convolutions_3x3())
def test_winograd_and_its_input_vjp_equal_the_loops(case: dict[str, Any]) -> None:
    x_shape, w_shape = case["x_shape"], (case["k"], case["x_shape"][1], 3, 3)
    geometry = convolution.Geometry(padding=case["padding"])
    y_shape = convolution_oracle.y_shape(x_shape, w_shape, *geometry[:3])
    x, w, b, g = draw_arrays(case["seed"], np.float32, x_shape, w_shape, w_shape[:1], y_shape)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if case["small"]:
            cut_into_small_blocks(monkeypatch)
        y = convolution.conv2d(x, w, b, geometry, "winograd")
        gx = convolution.conv2d_vjp_input(g, w, x_shape, geometry, "winograd")
    assert_close(y, convolution_oracle.conv2d(x, w, b, *geometry), np.float32)
    assert_close(gx, convolution_oracle.conv2d_vjp_input(g, w, x_shape, *geometry), np.float32)


def test_the_transform_of_turned_filters_is_the_transform_at_the_reciprocal_points() -> None:
    (w,) = draw_arrays(0, np.float64, (3,))
    np.testing.assert_allclose(winograd.G @ w[::-1], (winograd.G @ w)[winograd.RECIPROCAL], rtol=1e-14)


@settings(max_examples=100)
@given(case=convolutions_3x3())
def test_the_weight_vjp_by_winograd_equals_the_loops(case: dict[str, Any]) -> None:
    x_shape, w_shape, padding = case["x_shape"], (case["k"], case["x_shape"][1], 3, 3), case["padding"]
    y_shape = convolution_oracle.y_shape(x_shape, w_shape, (1, 1), padding, (1, 1))
    g, x = draw_arrays(case["seed"], np.float32, y_shape, x_shape)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if case["small"]:
            cut_into_small_blocks(monkeypatch)
        gw = winograd_weight.conv2d_vjp_weight(g, x, padding)
    assert_close(gw, convolution_oracle.conv2d_vjp_weight(g, x, w_shape, padding=padding), np.float32)


@pytest.mark.parametrize("mean", [0, 5])
def test_the_rounding_errors_of_the_weight_vjps_are_small(mean: float) -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 16, 30, 30)) + mean, rng.standard_normal((2, 16, 28, 28))
    x = np.maximum(x, 0)
    exact = convolution.conv2d_vjp_weight(g, x, (16, 16, 3, 3), convolution.Geometry())
    g, x = g.astype(np.float32), x.astype(np.float32)
    direct = direct_weight.conv2d_vjp_weight(g, x, (3, 3), *convolution.Geometry())
    for gw in (winograd_weight.conv2d_vjp_weight(g, x, (0, 0)), direct):
        assert np.abs(gw - exact).max() < 5e-6 * np.abs(exact).max()


def test_winograd_adds_up_the_runs_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd_weight, "TILES", 1)  # every image is a run
    g, x = np.ones((9, 1, 1, 1), np.float32), np.ones((9, 1, 3, 3), np.float32)
    g[0], g[8] = 2.0**30, -(2.0**30)  # in float32 the ones would be lost beside them
    np.testing.assert_allclose(winograd_weight.conv2d_vjp_weight(g, x, (0, 0)), 7, rtol=1e-5)


@pytest.mark.parametrize(
    ("w_shape", "geometry", "dtype", "by_winograd"),
    [
        ((64, 64, 3, 3), convolution.Geometry(padding=(1, 1)), np.float32, True),
        ((64, 64, 3, 3), convolution.Geometry(padding=(1, 1)), np.float64, False),
        ((64, 64, 3, 3), convolution.Geometry((2, 2), (1, 1)), np.float32, False),
        ((64, 64, 3, 3), convolution.Geometry((1, 1), (2, 2), (2, 2)), np.float32, False),
        ((64, 32, 3, 3), convolution.Geometry(padding=(1, 1), groups=2), np.float32, False),
        ((64, 64, 2, 3), convolution.Geometry(padding=(1, 1)), np.float32, False),
        ((64, 2, 3, 3), convolution.Geometry(padding=(1, 1)), np.float32, False),
    ],
)
def test_the_weight_vjp_is_by_winograd_where_that_can_be_and_pays(
    w_shape: tuple,
    geometry: convolution.Geometry,
    dtype: Any,
    by_winograd: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x_shape = (1, w_shape[1] * geometry.groups, 16, 16)
    x, g = draw_arrays(0, dtype, x_shape, convolution_oracle.y_shape(x_shape, w_shape, *geometry[:3]))
    calls = []

    def counting(*arguments: Any) -> np.ndarray:
        calls.append(arguments)
        return np.zeros(w_shape, dtype)

    monkeypatch.setattr(winograd_weight, "conv2d_vjp_weight", counting)
    convolution.conv2d_vjp_weight(g, x, w_shape, geometry)
    assert len(calls) == by_winograd


# ReLU and GELU
# The product in registers, and what is kept of weights


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=50)
@given(
    q=st.integers(1, 40),
    columns=st.integers(microkernel.LANES, 140),
    k=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_the_product_in_registers_equals_the_plain_one(
    dtype: Any, turned: bool, q: int, columns: int, k: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b, bias = (rng.integers(-4, 5, shape).astype(dtype) for shape in ((q, k), (q, columns), (k,)))
    panels, long = -(-k // 16), -(-q // 16) * 16
    padded = np.zeros((long, panels * 16), dtype)
    padded[:q, :k] = a
    if turned:  # a's rows are packed, not its columns
        packed, a_step = padded.reshape(-1, 16, panels * 16).swapaxes(1, 2), 16 * 16
        a_at = np.arange(q) // 16 * (panels * 16 * 16) + np.arange(q) % 16
    else:
        packed, a_step, a_at = padded.reshape(long, panels, 16).swapaxes(0, 1), long * 16, np.arange(q) * 16
    b_at = rng.permutation(q) * columns  # anywhere
    rows = np.empty_like(b)
    rows[b_at // columns] = b
    bias = np.concatenate([bias, np.zeros(panels * 16 - k, dtype)])
    for multiply in (microkernel.multiply, microkernel.multiply_plainly):
        c = np.full((panels * 16 + 1, columns), np.nan, dtype)
        multiply(
            packed.reshape(-1), a_at, a_step, turned, (0, panels * 16), rows.reshape(-1), 0, b_at, columns,
            bias, c.reshape(-1), 0, columns,
        )  # fmt: skip
        np.testing.assert_array_equal(c[:k], a.T @ b + bias[:k, None])  # exact: whole numbers
        assert np.isnan(c[-1]).all()


def test_what_is_made_of_frozen_weights_is_kept_until_they_are_freed() -> None:
    calls: list[np.ndarray] = []

    def make(w: np.ndarray) -> np.ndarray:
        calls.append(w)
        return w + 1

    before = filters.kept_bytes()
    w = frozen(np.ones(100))
    first = filters.made_of(w, "plus one", make)
    assert filters.made_of(w, "plus one", make) is first
    assert not first.flags.writeable
    filters.made_of(w, "another kind", make)
    assert len(calls) == 2
    assert filters.kept_bytes() - before == 2 * first.nbytes
    calls.clear()
    del w
    assert filters.kept_bytes() == before


def test_what_is_made_of_what_is_kept_is_kept_too_and_freed_with_it() -> None:
    before = filters.kept_bytes()
    w = frozen(np.ones(100))
    of_w = filters.made_of(w, "plus one", lambda w: w + 1)
    assert filters.made_of(of_w, "copy", np.copy) is filters.made_of(of_w, "copy", np.copy)
    assert filters.kept_bytes() - before == 2 * w.nbytes
    del w, of_w
    assert filters.kept_bytes() == before


def test_no_interrupt_can_keep_what_was_made_of_weights_that_are_gone() -> None:
    """An interrupt comes between two lines of Python: there is none while what was kept goes."""
    w, events = frozen(np.ones(100)), list[str]()
    filters.made_of(w, "plus one", lambda w: w + 1)
    before = filters.kept_bytes()
    sys.setprofile(lambda frame, event, arg: events.append(event))
    del w
    sys.setprofile(None)
    assert filters.kept_bytes() == before - 800
    assert "call" not in events


def test_nothing_is_kept_of_weights_that_somebody_can_write_to() -> None:
    memory = np.ones(3)
    w = read_only(memory)
    assert filters.made_of(w, "plus one", lambda w: w + 1)[0] == 2
    memory[:] = 5
    assert filters.made_of(w, "plus one", lambda w: w + 1)[0] == 6


def test_of_many_weights_those_last_used_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [frozen(np.full(8, i, np.float64)) for i in range(3)]
    monkeypatch.setattr(filters, "_kept", type(filters._kept)())
    monkeypatch.setattr(filters, "MOST_BYTES", 2 * weights[0].nbytes)
    made = [filters.made_of(w, "copy", np.copy) for w in weights[:2]]
    assert filters.made_of(weights[0], "copy", np.copy) is made[0]
    filters.made_of(weights[2], "copy", np.copy)
    assert filters.made_of(weights[0], "copy", np.copy) is made[0]
    assert filters.made_of(weights[1], "copy", np.copy) is not made[1]


def test_weights_that_training_replaces_are_transformed_anew() -> None:
    rng = np.random.default_rng(0)
    layer = nn.Conv2d(32, 32, 3, padding=1, rng=0)
    x = rng.standard_normal((1, 32, 16, 16), np.float32)
    layer(x)
    layer.weight.value = 2 * layer.weight.value
    y = layer(x).value - layer.bias.value.reshape(-1, 1, 1)
    expected = convolution.conv2d(x, layer.weight.value, None, convolution.Geometry(padding=(1, 1)), "direct")
    np.testing.assert_allclose(y, expected, atol=1e-4)
    before = filters.kept_bytes()
    del layer
    gc.collect()
    assert filters.kept_bytes() <= before - 4 * 36 * 32 * 32


# ReLU


@pytest.mark.parametrize("dtype", DTYPES)
@given(size=st.integers(0, 70), seed=st.integers(0, 99), small=st.booleans())
def test_relu_and_its_vjp_equal_the_loops(dtype: Any, size: int, seed: int, small: bool) -> None:
    x, g = draw_arrays(seed, dtype, (size,), (size,))
    x[::5] = 0
    x[1::5] = -0.0
    with pytest.MonkeyPatch.context() as monkeypatch:
        if small:
            cut_into_small_blocks(monkeypatch)
        y, gx = activation.relu(x), activation.relu_vjp(g, activation.relu(x))
    assert_close(y, activation_oracle.relu(x), dtype)
    assert_close(gx, activation_oracle.relu_vjp(g, y), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@given(size=st.integers(0, 70), seed=st.integers(0, 99), small=st.booleans())
def test_gelu_and_its_vjp_equal_the_loops(dtype: Any, size: int, seed: int, small: bool) -> None:
    x, g = draw_arrays(seed, dtype, (size,), (size,))
    x *= 4
    with pytest.MonkeyPatch.context() as monkeypatch:
        if small:
            cut_into_small_blocks(monkeypatch)
        y, gx = activation.gelu(x), activation.gelu_vjp(g, x)
    assert_close(y, activation_oracle.gelu(x), dtype)
    assert_close(gx, activation_oracle.gelu_vjp(g, x), dtype)


def test_gelu_keeps_the_digits_of_small_values() -> None:
    """1 + erf(x/√2) would have none left. Φ(−10) is computed with thirty digits."""
    np.testing.assert_allclose(activation.gelu(np.array([-10.0])), -10 * 7.619853024160527e-24, rtol=1e-13)


def test_relu_keeps_nan_and_inf() -> None:
    x = np.array([np.nan, np.inf, -np.inf, -0.0])
    np.testing.assert_array_equal(activation.relu(x), [np.nan, np.inf, 0, 0])
    assert not np.signbit(activation.relu(x)[3])
    np.testing.assert_array_equal(
        activation.relu_vjp(np.array([np.nan, np.inf, np.nan]), np.array([1.0, 1.0, 0.0])),
        [np.nan, np.inf, 0],
    )


# The steps of optimisers


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (7, 9)])
@pytest.mark.parametrize("decay", [0, 0.1])
@pytest.mark.parametrize("small", [False, True])
def test_steps_equal_the_loops(
    dtype: Any, shape: tuple, decay: float, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if small:
        cut_into_small_blocks(monkeypatch)
    p, g, velocity, mean, square = draw_arrays(0, dtype, *[shape] * 5)
    square = np.asarray(square**2)
    expected, its_velocity = descent_oracle.sgd_step(p, g, velocity, 0.2, 0.9, decay)
    assert_close(descent.sgd_step(p, g, velocity, 0.2, 0.9, decay), expected, dtype)
    assert_close(velocity, its_velocity, dtype)
    expected, _ = descent_oracle.sgd_step(p, g, np.zeros(shape), 0.2, 0.9, decay)
    assert_close(descent.sgd_step(p, g, None, 0.2, 0.9, decay), expected, dtype)
    settings = 0.1, (0.8, 0.95), 1e-3, decay, 3
    expected, its_mean, its_square = descent_oracle.adam_step(p, g, mean, square, *settings)
    assert_close(descent.adam_step(p, g, mean, square, *settings), expected, dtype)
    assert_close(mean, its_mean, dtype)
    assert_close(square, its_square, dtype)


# Normalisation


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3, 19), (5, 4, 1), (1, 1, 6), (7, 2, 3)])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("small", [False, True])
def test_normalisation_equals_the_loops(
    dtype: Any, shape: tuple, own: bool, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if small:
        cut_into_small_blocks(monkeypatch)
    x, g, w, b = draw_arrays(0, dtype, shape, shape, *[shape[1:2]] * 2)
    mean, spread = moments.mean_and_spread(x) if own else (0.3 * w, np.abs(b) + 1)
    mean, scale = mean.astype(dtype), (1 / spread).astype(dtype)
    y = normalisation.normalise(x, mean, scale * w, b)
    assert_close(y, dense_oracle.batch_norm(x, w, b, mean, 1 / scale.astype(float) ** 2, eps=0), dtype)
    got = normalisation.normalise_vjp(g, x, mean, scale, scale * w, own)
    for each, expected in zip(got, dense_oracle.batch_norm_vjp(g, x, w, mean, scale, own), strict=True):
        assert_close(each, expected, dtype)


def test_what_is_not_finite_in_x_stays_out_of_the_cotangents_with_fixed_moments() -> None:
    x = np.array([[[np.inf, np.nan, 1.0]]])
    gx, _, _ = normalisation.normalise_vjp(np.ones_like(x), x, *np.ones((3, 1)), False)
    np.testing.assert_array_equal(gx, np.ones_like(x))


# Relevance


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "of_b"),
    [
        ((2, 3, 4, 5), (3, 1, 1)),
        ((3, 5), (5,)),
        ((2, 3, 4), (1, 1, 4)),
        ((2, 3, 4), ()),
        ((3,), ()),
        ((0, 2, 3), (2, 1)),
        ((2, 0, 3), (1, 1)),
        ((2, 40), (1,)),
    ],
)
@pytest.mark.parametrize("epsilon", [0, 0.1])
@pytest.mark.parametrize("small", [False, True])
def test_the_quotient_and_its_leaks_equal_the_loops(
    dtype: Any, shape: tuple, of_b: tuple, epsilon: float, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if small:
        cut_into_small_blocks(monkeypatch)
    g, z, b = draw_arrays(0, dtype, shape, shape, of_b)
    z = np.where(abs(z) < 0.1, 0, z)  # what is close to −ε or ε tells rounding errors
    if z.size:
        z.ravel()[1], g.ravel()[2] = np.nan, np.inf
    s, *sums = relevance.quotient(g, z, b, epsilon)
    of_loops, *sums_of_loops = relevance_oracle.quotient(g, z, b, epsilon)
    assert_close(s, of_loops, dtype)
    for got, expected in zip(sums, sums_of_loops, strict=True):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_a_quotient_that_overflows_is_dropped() -> None:
    g, z = np.array([[1e30, 2]], np.float32), np.array([[1e-30, 1]], np.float32)
    s, _, _, dropped = relevance.quotient(g, z, np.zeros(()), 0)
    np.testing.assert_array_equal(s, [[0, 2]])
    np.testing.assert_array_equal(dropped, g[:, 0])


@pytest.mark.parametrize("dtype", [*DTYPES, np.float16, bool, np.int64])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3,), (0, 2), (2, 0)])
def test_sum_of_each_adds_up_in_float64(dtype: Any, shape: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into_small_blocks(monkeypatch)
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    assert relevance.sum_of_each(x).dtype == np.float64
    np.testing.assert_array_equal(
        relevance.sum_of_each(x), [float(sum(map(float, row.ravel()))) for row in x]
    )
    millions = np.full((1, 1 << 12), 1e4 + 1e-3, np.float32)
    np.testing.assert_allclose(relevance.sum_of_each(millions), millions[0, 0].item() * (1 << 12), rtol=1e-14)


def test_relu_takes_any_number_of_axes() -> None:
    for shape in [(), (0,), (1,), (2, 0, 3), (2, 3, 1, 2)]:
        assert activation.relu(np.ones(shape)).shape == shape


# Products of matrices


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=st.tuples(*[st.integers(0, 9)] * 3), seed=st.integers(0, 99), small=st.booleans())
def test_matrix_product_equals_the_loops(dtype: Any, shape: tuple, seed: int, small: bool) -> None:
    a, b = draw_arrays(seed, dtype, shape[:2], shape[1:])
    with pytest.MonkeyPatch.context() as monkeypatch:
        if small:
            cut_into_small_blocks(monkeypatch)
        assert_close(product.matrix_product(a, b), dense_oracle.matrix_product(a, b), dtype)


STACKS = [
    ((), (3,)),
    ((5,), ()),
    ((5,), (5,)),
    ((2, 1, 3), (4, 1)),
    ((1,), (30,)),
    ((2, 3), (1, 3)),
    ((0,), (1,)),
]


@pytest.mark.parametrize("stacks", STACKS)
@pytest.mark.parametrize("work", [0, 100, 1000, None])
def test_matrix_product_of_stacks_is_that_of_each_pair(
    stacks: tuple, work: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = draw_arrays(0, np.float64, (*stacks[0], 3, 4), (*stacks[1], 4, 6))
    if work is not None:
        cut_into_small_blocks(monkeypatch)
        monkeypatch.setattr(product, "WORK_A_TASK", work)
    got, stack = product.matrix_product(a, b), np.broadcast_shapes(*stacks)
    assert got.shape == (*stack, 3, 6)
    for place in np.ndindex(stack):
        of_a, of_b = (np.broadcast_to(each, (*stack, *each.shape[-2:]))[place] for each in (a, b))
        assert_close(got[place], dense_oracle.matrix_product(of_a, of_b), np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=st.tuples(*[st.integers(0, 9)] * 3), seed=st.integers(0, 99))
def test_rows_dot_equals_the_loops_in_float64(dtype: Any, shape: tuple, seed: int) -> None:
    a, b = (array + dtype(1e4) for array in draw_arrays(seed, dtype, shape[:2], shape[:0:-1]))
    rows = np.arange(len(b))[::-2]
    expected = dense_oracle.matrix_product(a.astype(np.float64), b[rows].T.astype(np.float64))
    np.testing.assert_allclose(product.rows_dot(a, b, rows), expected, rtol=1e-14)


def test_mean_and_spread_lose_nothing_far_from_zero() -> None:
    x = np.random.default_rng(0).normal(1e6, 1, (3, 70, 5)).astype(np.float32)
    mean, spread = moments.mean_and_spread(x)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2), dtype=np.float64), rtol=1e-15)
    np.testing.assert_allclose(spread, x.std(axis=(0, 2), dtype=np.float64), rtol=1e-12)


# Pooling


@st.composite
def poolings(draw: st.DrawFn, dilated: bool = False, ceil_mode: bool = False) -> dict[str, Any]:
    """Settings in which every window holds a pixel, as minixai.ops makes sure of."""
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    dilation = draw(pairs(1, 3)) if dilated else (1, 1)
    padding = draw(st.integers(0, kernel[0] // 2)), draw(st.integers(0, kernel[1] // 2))
    ceil = draw(st.booleans()) if ceil_mode else False
    least = [max(1, dilation[a] * (kernel[a] - 1) + 1 - 2 * padding[a]) for a in (0, 1)]
    size = least[0] + draw(st.integers(0, 5)), least[1] + draw(st.integers(0, 5))
    windows = pooling.Windows(kernel, stride, padding, dilation, ceil)
    while not all(pixels for _, pixels in pooling_oracle.places(size, *windows)):
        size = size[0] + 1, size[1] + 1
    return {
        "x_shape": (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *size),
        "windows": windows,
        "seed": draw(st.integers(0, 99)),
        "small": draw(st.booleans()),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=150)
@given(case=poolings(dilated=True, ceil_mode=True), ties=st.booleans())
def test_max_pooling_and_unpooling_equal_the_loops(dtype: Any, case: dict[str, Any], ties: bool) -> None:
    windows, size = case["windows"], case["x_shape"][2:]
    (x,) = draw_arrays(case["seed"], dtype, case["x_shape"])
    x = np.round(x) if ties else x
    expected, switches = pooling_oracle.max_pool2d(x, *windows)
    g, gx = draw_arrays(case["seed"] + 1, dtype, switches.shape, x.shape)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if case["small"]:
            cut_into_small_blocks(monkeypatch)
        y, got_switches = pooling.max_pool2d(x, windows)
        unpooled = pooling.max_unpool2d(g, got_switches, size)
        gathered = pooling.max_unpool2d_vjp(gx, got_switches)
    assert_close(y, expected, dtype)
    np.testing.assert_array_equal(got_switches, switches)
    assert_close(unpooled, pooling_oracle.max_unpool2d(g, switches, size), dtype)
    assert_close(gathered, pooling_oracle.max_unpool2d_vjp(gx, switches), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("strip", [1, 100, pooling.STRIP])
@pytest.mark.parametrize(
    "windows",
    [
        pooling.Windows((3, 3), (2, 2), (1, 1)),
        pooling.Windows((2, 2), (2, 2), ceil_mode=True),
        pooling.Windows((3, 2), (1, 1), (0, 1), (1, 3)),
        pooling.Windows((5, 5), (3, 3), (2, 2), ceil_mode=True),
    ],
)
def test_runs_of_rows_over_many_planes_take_nan_inf_and_ties_as_the_loops(
    windows: pooling.Windows, strip: int, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.array([-np.inf, 0, 1, np.inf, np.nan], dtype)
    x = np.random.default_rng(0).choice(values, (2, 2, 9, 41), p=[0.7, 0.1, 0.1, 0.05, 0.05])
    expected, switches = pooling_oracle.max_pool2d(x, *windows)
    monkeypatch.setattr(pooling, "STRIP", strip)
    y, got_switches = pooling.max_pool2d(x, windows)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(got_switches, switches)


@given(case=poolings(dilated=True, ceil_mode=True), shift=st.integers(0, 2))
def test_windows_say_whether_each_of_them_holds_a_pixel(case: dict[str, Any], shift: int) -> None:
    windows, size = case["windows"], case["x_shape"][2:]
    assert windows.all_meet(size)
    size = tuple(max(1, s - shift) for s in size)
    if min(windows._replace(ceil_mode=False).output_size(size)) >= 1:
        assert windows.all_meet(size) == all(pixels for _, pixels in pooling_oracle.places(size, *windows))


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=150)
@given(case=poolings(ceil_mode=True))
def test_average_pooling_and_its_vjp_equal_the_loops(
    dtype: Any, count_include_pad: bool, case: dict[str, Any]
) -> None:
    windows, x_shape = case["windows"], case["x_shape"]
    settings = (windows.kernel, windows.stride, windows.padding, windows.ceil_mode, count_include_pad)
    (x,) = draw_arrays(case["seed"], dtype, x_shape)
    expected = pooling_oracle.avg_pool2d(x, *settings)
    (g,) = draw_arrays(case["seed"] + 1, dtype, expected.shape)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if case["small"]:
            cut_into_small_blocks(monkeypatch)
        y = pooling.avg_pool2d(x, windows, count_include_pad)
        gx = pooling.avg_pool2d_vjp(g, x_shape[2:], windows, count_include_pad)
    assert_close(y, expected, dtype)
    assert_close(gx, pooling_oracle.avg_pool2d_vjp(g, x_shape[2:], *settings), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=150)
@given(case=poolings(), p=st.sampled_from([1, 1.5, 2, 3, 10]), zeros=st.booleans())
def test_p_norm_pooling_and_its_vjp_equal_the_loops(
    dtype: Any, case: dict[str, Any], p: float, zeros: bool
) -> None:
    windows, x_shape = case["windows"], case["x_shape"]
    (x,) = draw_arrays(case["seed"], dtype, x_shape)
    x = np.trunc(x) if zeros else x
    expected = pooling_oracle.p_norm_pool2d(x, p, *windows[:3])
    (g,) = draw_arrays(case["seed"] + 1, dtype, expected.shape)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if case["small"]:
            cut_into_small_blocks(monkeypatch)
        y = pooling.p_norm_pool2d(x, p, windows)
        gx = pooling.p_norm_pool2d_vjp(g, x, y, p, windows)
    assert_close(y, expected, dtype)
    assert_close(gx, pooling_oracle.p_norm_pool2d_vjp(g, x, p, *windows[:3]), dtype)


def test_the_first_maximum_in_row_major_order_is_the_switch() -> None:
    x = np.array([[0, 1, 1], [1, 1, 0], [1, 0, 1]], np.float32)[None, None]
    _, switches = pooling.max_pool2d(x, pooling.Windows((2, 2), (1, 1)))
    np.testing.assert_array_equal(switches[0, 0], [[1, 1], [3, 4]])
    _, switches = pooling.max_pool2d(np.zeros((1, 1, 3, 3)), pooling.Windows((3, 3), (3, 3), (1, 1)))
    np.testing.assert_array_equal(switches[0, 0], [[0]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_pooling_keeps_nan_and_inf_in_their_windows(dtype: Any) -> None:
    row = np.array([np.nan, 1, np.nan, 0, 0, np.nan, np.inf, 1, -np.inf, -np.inf, 2, -np.inf], dtype)
    x, windows = row[None, None, None], pooling.Windows((1, 2), (1, 2))
    y, switches = pooling.max_pool2d(x, windows)
    np.testing.assert_array_equal(y.ravel(), [np.nan, np.nan, np.nan, np.inf, -np.inf, 2])
    np.testing.assert_array_equal(switches.ravel(), [0, 2, 5, 6, 8, 10])
    mean = pooling.avg_pool2d(x, windows, True)
    np.testing.assert_array_equal(mean.ravel(), [np.nan, np.nan, np.nan, np.inf, -np.inf, -np.inf])
    norm = pooling.p_norm_pool2d(x, 3, windows)
    np.testing.assert_array_equal(norm.ravel(), [np.nan, np.nan, np.nan, np.inf, np.inf, np.inf])


def test_p_norm_pooling_neither_overflows_nor_vanishes() -> None:
    windows = pooling.Windows((1, 2), (1, 2))
    for scale in (1e-30, 1e30):
        x = np.array([3 * scale, -4 * scale], np.float32)[None, None, None]
        y = pooling.p_norm_pool2d(x, 2, windows)
        np.testing.assert_allclose(y.item(), 5 * scale, rtol=1e-6)
        gx = pooling.p_norm_pool2d_vjp(np.ones_like(y), x, y, 2, windows)
        np.testing.assert_allclose(gx.ravel(), [0.6, -0.8], rtol=1e-6)
    x = np.array([3.0, -4.0], np.float32)[None, None, None]
    assert pooling.p_norm_pool2d(x, 1000, windows).item() == 4


# All kernels


def test_every_kernel_is_among_the_calls() -> None:
    public = {name for module in MODULES for name in module.__all__ if name[0].islower()}
    public -= {"conv2d_direct", "fastest", "one_blas_thread", "pays", "serves"}
    assert public == {name.split()[0] for name in every_kernel(np.float32)}


@pytest.mark.parametrize("name", every_kernel(np.float32))
@pytest.mark.usefixtures("small_blocks")
def test_any_number_of_threads_and_any_run_gives_the_same_bits(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, share_out = [], threads._share_out

    def counting(team: Any, task: Callable[[int], None], count: int) -> None:
        counts.append(count)
        share_out(team, task, count)

    monkeypatch.setattr(threads, "_share_out", counting)
    for dtype in DTYPES:
        call = every_kernel(dtype)[name]
        threads.set_num_threads(1)
        counts.clear()
        expected = bits(call())
        assert max(counts) > 1, "one block: the threads share nothing"
        for number in (1, 2, 3, 5):
            threads.set_num_threads(number)
            assert all(bits(call()) == expected for _ in range(5)), f"{number} threads"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", every_kernel(np.float32))
def test_the_layout_of_the_inputs_in_memory_makes_no_difference(name: str, layout: str) -> None:
    expected, got = every_kernel(np.float32)[name](), every_kernel(np.float32, LAYOUTS[layout])[name]()
    for one, other in zip(*(r if isinstance(r, tuple) else (r,) for r in (expected, got)), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", every_kernel(np.float32))
def test_no_kernel_changes_its_inputs_or_returns_their_memory(name: str) -> None:
    inputs: list[tuple[np.ndarray, bytes]] = []

    def remember(array: np.ndarray) -> np.ndarray:
        inputs.append((array, array.tobytes()))
        return array

    result = every_kernel(np.float32, remember)[name]()
    for array, before in inputs:
        assert array.tobytes() == before
        for output in result if isinstance(result, tuple) else (result,):
            assert not np.shares_memory(output, array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_loop_is_compiled_anew_for_arrays_that_are_read_only(dtype: Any) -> None:
    loops = {
        f"{module.__name__}.{name}": loop
        for module in (
            activation,
            convolution,
            descent,
            direct,
            channels_last,
            direct_weight,
            microkernel,
            moments,
            normalisation,
            pooling,
            winograd,
            winograd_weight,
        )
        for name, loop in vars(module).items()
        if hasattr(loop, "signatures")
    }

    def run(layout: Callable) -> dict[str, int]:
        for call in every_kernel(dtype, layout).values():
            call()
        moments.centred_by_sign(layout(np.ones((3, 4, 7), dtype)), np.zeros(4), 2, dtype)
        moments.mean_and_spread(layout(np.ones((3, 4, 7), dtype)))
        return {name: len(loop.signatures) for name, loop in loops.items()}

    assert run(np.asarray) == run(read_only)
