"""Is a VJP right? Compare it with central differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.context import no_tape
from minixai.op import Op
from minixai.tape import Tensor, backward

__all__ = ["check_vjp"]


def check_vjp(
    op: Op, *args: Any, seed: int = 0, step: float = 1e-6, tolerance: float = 1e-6, **params: Any
) -> None:
    """Raise AssertionError unless the VJP of op agrees with (f(x + h) − f(x − h)) / 2h, f = ⟨cotangent, op⟩.

    args: the inputs of op, made float64. Three cotangents are drawn at random: with one of ones,
    a softmax VJP that returns zeros would pass. tolerance: of |difference| / (1 + |expected|).
    """
    rng = np.random.default_rng(seed)
    arrays = [np.array(a, np.float64) for a in args]
    inputs = [Tensor(a) for a in arrays]  # views: what is written to an array, they see

    def value() -> np.ndarray:
        with no_tape():
            return np.array(op(*inputs, **params).value)  # a copy: a view of x would change with it

    for _ in range(3):
        output = op(*inputs, **params)
        cotangent = rng.standard_normal(output.shape)
        got = backward(output, cotangent)
        for number, (x, array) in enumerate(zip(inputs, arrays, strict=True)):
            expected = np.empty(x.shape)
            for i in np.ndindex(x.shape):
                kept = array[i]
                array[i] = kept + step
                above = value()
                array[i] = kept - step
                below = value()
                array[i] = kept
                expected[i] = np.sum((above - below) * cotangent) / (2 * step)
            error = np.abs(got[x] - expected) / (1 + np.abs(expected))
            if not np.all(error <= tolerance):
                worst = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
                raise AssertionError(
                    f"check_vjp: {op.name}, input {number}, entry {tuple(map(int, worst))}: the VJP gives "
                    f"{got[x][worst]:.9g}, central differences give {expected[worst]:.9g}"
                )
