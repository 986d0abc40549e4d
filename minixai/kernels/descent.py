"""The steps of optimisers: all that a parameter needs in one pass over its numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each
from minixai.typing import Array

__all__ = ["adam_step", "sgd_step"]

ENTRIES_A_TASK = 1 << 17


@njit(cache=True, nogil=True)
def _descend(p, g, out, settings):
    lr, decay = settings[0], settings[1]
    for i in range(np.uint64(p.size)):
        out[i] = p[i] - lr * (g[i] + decay * p[i])


@njit(cache=True, nogil=True)
def _descend_on(p, g, velocity, out, settings):
    lr, momentum, decay = settings[0], settings[1], settings[2]
    for i in range(np.uint64(p.size)):
        velocity[i] = momentum * velocity[i] + g[i] + decay * p[i]
        out[i] = p[i] - lr * velocity[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _adam(p, g, mean, square, out, settings):
    rate, of_mean, to_mean, of_square = settings[0], settings[1], settings[2], settings[3]
    to_square, bias, eps, decay = settings[4], settings[5], settings[6], settings[7]
    for i in range(np.uint64(p.size)):
        step = g[i] + decay * p[i]
        mean[i] = of_mean * mean[i] + to_mean * step
        square[i] = of_square * square[i] + to_square * step * step
        out[i] = p[i] - rate * mean[i] / (np.sqrt(square[i] / bias) + eps)


def _stepped(loop: Callable[..., None], p: Array, g: Array, state: list[Array], *settings: float) -> Array:
    """What the loop makes of p, with settings of its dtype; it changes the state, which is row-major."""
    out = np.empty(p.shape, p.dtype)
    flat = [array.reshape(-1) for array in (readable(p), readable(g), *state, out)]
    its = np.array(settings, p.dtype)

    def fill(number: int) -> None:
        block = slice(number * ENTRIES_A_TASK, (number + 1) * ENTRIES_A_TASK)
        loop(*(array[block] for array in flat), its)

    with np.errstate(all="ignore"):  # without numba
        for_each(fill, -(-out.size // ENTRIES_A_TASK), blas=False)
    return out


def sgd_step(p: Array, g: Array, velocity: Array | None, lr: float, momentum: float, decay: float) -> Array:
    """velocity ← momentum · velocity + g + decay · p, None being 0; returns p − lr · velocity."""
    if velocity is None:
        return _stepped(_descend, p, g, [], lr, decay)
    return _stepped(_descend_on, p, g, [velocity], lr, momentum, decay)


def adam_step(
    p: Array,
    g: Array,
    mean: Array,
    square: Array,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    decay: float,
    number: int,
) -> Array:
    """mean ← β₁·mean + (1 − β₁)·g, square ← β₂·square + (1 − β₂)·g², with g + decay · p for g.

    Returns p − lr · mean/(1 − β₁ⁿ) / (√(square/(1 − β₂ⁿ)) + eps), n being the number of the step, from 1.
    """
    b1, b2 = betas
    settings = lr / (1 - b1**number), b1, 1 - b1, b2, 1 - b2, 1 - b2**number, eps, decay
    return _stepped(_adam, p, g, [mean, square], *settings)
