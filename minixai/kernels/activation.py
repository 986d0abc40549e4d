"""Activation functions with loops of their own, and their VJPs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each
from minixai.typing import Array

__all__ = ["gelu", "gelu_vjp", "relu", "relu_vjp"]


ENTRIES_A_TASK = 1 << 19  # entries: less is done before a second thread has woken up
ROOT_HALF = math.sqrt(0.5)
DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)


@njit(cache=True, nogil=True)
def _relu(x, y):
    for i in range(x.size):
        y[i] = 0 if x[i] <= 0 else x[i]  # so written, NaN stays NaN


@njit(cache=True, nogil=True)
def _relu_vjp(g, y, gx):
    for i in range(g.size):
        gx[i] = 0 if y[i] <= 0 else g[i]


@njit(cache=True, nogil=True)
def _normal_below(x):
    """Φ(x), the share of a standard normal distribution below x; erfc keeps the digits of a small share."""
    return 0.5 * math.erfc(-ROOT_HALF * x)


@njit(cache=True, nogil=True)
def _gelu(x, y):
    for i in range(x.size):
        v = np.float64(x[i])
        y[i] = v * _normal_below(v)


@njit(cache=True, nogil=True)
def _gelu_vjp(g, x, gx):
    for i in range(g.size):
        v = np.float64(x[i])
        gx[i] = g[i] * (_normal_below(v) + v * DENSITY_AT_0 * math.exp(-0.5 * v * v))


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


def gelu(x: Array) -> Array:
    """y = x · Φ(x), with the normal distribution's Φ; computed in float64."""
    return _blockwise(_gelu, x)


def gelu_vjp(g: Array, x: Array) -> Array:
    """gx = (Φ(x) + x · φ(x)) · g, with the normal density φ."""
    return _blockwise(_gelu_vjp, g, x)
