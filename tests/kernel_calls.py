"""Calls of all kernels, and what tells two results apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minixai.kernels import (
    activation,
    convolution,
    descent,
    normalisation,
    pooling,
    product,
    relevance,
    winograd_weight,
)

MODULES = (
    activation,
    convolution,
    descent,
    normalisation,
    pooling,
    product,
    relevance,
    winograd_weight,
)


def every_kernel(
    dtype: Any, layout: Callable = np.asarray, images: int = 3, size: int = 7
) -> dict[str, Callable]:
    """Calls of all kernels, by name, on random arrays laid out in memory as `layout` does."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return layout(rng.standard_normal(shape).astype(dtype))

    geometries = {
        "": convolution.Geometry((2, 1), (1, 2), (1, 2), 2),
        " 3x3": convolution.Geometry(padding=(1, 1)),
        " 1x1": convolution.Geometry(),
    }
    kernels = {"": (2, 3), " 3x3": (3, 3), " 1x1": (1, 1)}
    calls: dict[str, Callable] = {}

    def add_convolution(case: str) -> None:
        geometry, kernel = geometries[case], kernels[case]
        x, w, b = array(images, 4, size, size + 1), array(6, 4 // geometry.groups, *kernel), array(6)
        g = array(images, 6, *geometry.output_size((size, size + 1), kernel))
        calls["conv2d" + case] = lambda: convolution.conv2d(x, w, b, geometry)
        calls["conv2d_vjp_input" + case] = lambda: convolution.conv2d_vjp_input(g, w, x.shape, geometry)
        calls["conv2d_vjp_weight" + case] = lambda: convolution.conv2d_vjp_weight(g, x, w.shape, geometry)
        calls["conv2d_vjp_bias" + case] = lambda: convolution.conv2d_vjp_bias(g)

    for case in geometries:
        add_convolution(case)

    g32, x32 = (layout(rng.standard_normal((1, c, size, size + 1), np.float32)) for c in (5, 4))
    w32, b32 = layout(rng.standard_normal((5, 4, 3, 3), np.float32)), layout(np.ones(5, np.float32))
    same = convolution.Geometry(padding=(1, 1))
    calls["conv2d by Winograd"] = lambda: convolution.conv2d(x32, w32, b32, same, "winograd")
    calls["conv2d_vjp_input by Winograd"] = lambda: convolution.conv2d_vjp_input(
        g32, w32, x32.shape, same, "winograd"
    )
    calls["conv2d_vjp_weight by Winograd"] = lambda: winograd_weight.conv2d_vjp_weight(g32, x32, (1, 1))

    x, g, p = array(images, 4, size, size + 1), array(images, 4, size, size + 1), 3.0
    windows = pooling.Windows((3, 2), (2, 1), (1, 1))
    gy = array(images, 4, *windows.output_size((size, size + 1)))
    y = np.abs(gy) + 1
    switches = layout(rng.integers(0, size * (size + 1), gy.shape, np.int32))
    lines, g_lines = (each.reshape(images, 4, -1) for each in (x, g))
    of_channels = [array(4) for _ in range(3)]
    a, b, of_units = array(images * size, size), array(size, size + 1), array(4, 1, 1)
    calls |= {
        "relu": lambda: activation.relu(x),
        "relu_vjp": lambda: activation.relu_vjp(g, x),
        "gelu": lambda: activation.gelu(x),
        "gelu_vjp": lambda: activation.gelu_vjp(g, x),
        "sgd_step": lambda: descent.sgd_step(x, g, np.array(x), 0.1, 0.9, 0.01),
        "adam_step": lambda: descent.adam_step(
            x, g, np.array(x), np.square(x), 0.1, (0.8, 0.9), 1e-3, 0.01, 2
        ),
        "normalise": lambda: normalisation.normalise(lines, *of_channels),
        "normalise_vjp": lambda: normalisation.normalise_vjp(g_lines, lines, *of_channels, True),
        "normalise_vjp of fixed moments": lambda: normalisation.normalise_vjp(
            g_lines, lines, *of_channels, False
        ),
        "quotient": lambda: relevance.quotient(g, x, of_units, 1e-3),
        "product": lambda: relevance.product(g, x),
        "sum_of_each": lambda: relevance.sum_of_each(x),
        "matrix_product": lambda: product.matrix_product(a, b),
        "matrix_product of few rows": lambda: product.matrix_product(b.T, a.T),
        "matrix_product of stacks": lambda: product.matrix_product(x, x.swapaxes(2, 3)),
        "matrix_product of a matrix and a stack": lambda: product.matrix_product(b.T, x),
        "between": lambda: product.between(b.T, x, b),
        "rows_dot": lambda: product.rows_dot(b.T, a, np.arange(len(a))[::2]),
        "max_pool2d": lambda: pooling.max_pool2d(x, windows),
        "max_unpool2d": lambda: pooling.max_unpool2d(gy, switches, (size, size + 1)),
        "max_unpool2d_vjp": lambda: pooling.max_unpool2d_vjp(g, switches),
        "avg_pool2d": lambda: pooling.avg_pool2d(x, windows, True),
        "avg_pool2d_vjp": lambda: pooling.avg_pool2d_vjp(gy, (size, size + 1), windows, False),
        "p_norm_pool2d": lambda: pooling.p_norm_pool2d(x, p, windows),
        "p_norm_pool2d_vjp": lambda: pooling.p_norm_pool2d_vjp(gy, x, y, p, windows),
    }
    return calls


def bits(result: Any) -> list[tuple]:
    """What two results share exactly if they are the same bit for bit."""
    arrays = result if isinstance(result, tuple) else (result,)
    return [(array.dtype.name, array.shape, array.tobytes()) for array in arrays]
