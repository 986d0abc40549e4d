"""ReLU and its VJP."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each
from minixai.typing import Array

__all__ = ["relu", "relu_vjp"]


ENTRIES_A_TASK = 1 << 19  # entries: less is done before a second thread has woken up


@njit(cache=True, nogil=True)
def _relu(x, y):
    for i in range(x.size):
        y[i] = 0 if x[i] <= 0 else x[i]  # so written, NaN stays NaN


@njit(cache=True, nogil=True)
def _relu_vjp(g, y, gx):
    for i in range(g.size):
        gx[i] = 0 if y[i] <= 0 else g[i]


def _blockwise(loop: Callable[..., None], *arrays: Array) -> Array:
    """Run a loop over blocks of the flat arrays, and of a new one of their shape, which it returns."""
    out = np.empty_like(arrays[0], order="C")
    flat = [array.reshape(-1) for array in (*map(readable, arrays), out)]

    def fill(number: int) -> None:
        block = slice(number * ENTRIES_A_TASK, (number + 1) * ENTRIES_A_TASK)
        loop(*(array[block] for array in flat))

    for_each(fill, -(-out.size // ENTRIES_A_TASK), blas=False)
    return out


def relu(x: Array) -> Array:
    """y = max(x, 0)."""
    return _blockwise(_relu, x)


def relu_vjp(g: Array, y: Array) -> Array:
    """gx = g where y > 0, else 0."""
    return _blockwise(_relu_vjp, g, y)
