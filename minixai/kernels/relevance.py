"""What relevance propagation does beside the layers' own sums: quotients, products, and sums of leaks."""

from __future__ import annotations

import math

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each, for_each_run
from minixai.typing import Array

__all__ = ["product", "quotient", "sum_of_each"]

ENTRIES_A_TASK = 1 << 18
FAST = {"reassoc"}  # sums in any order, so that they can be vectorised; the order is the same at each call


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _quotient(g, z, epsilon, s, sums):
    nothing = g.dtype.type(0)
    for row in range(g.shape[0]):
        of_s, to_epsilon, dropped = 0.0, 0.0, 0.0
        for i in range(np.uint64(g.shape[1])):
            offset = epsilon if z[row, i] >= 0 else -epsilon
            q = g[row, i] / (z[row, i] + offset)
            finite = abs(q) < np.inf
            kept = q if finite else nothing
            s[row, i] = kept
            of_s += np.float64(kept)
            to_epsilon += np.float64(kept) * np.float64(offset)
            dropped += np.float64(nothing if finite else g[row, i])
        sums[row, 0], sums[row, 1], sums[row, 2] = of_s, to_epsilon, dropped


@njit(cache=True, nogil=True, fastmath=FAST)
def _sum(x):
    total = 0.0
    for i in range(np.uint64(x.size)):
        total += np.float64(x[i])
    return total


def quotient(g: Array, z: Array, b: Array, epsilon: float) -> tuple[Array, Array, Array, Array]:
    """s = g / (z + ε·sign z), sign 0 = +1, and 0 where it is not finite; and what of g is not in z·s.

    g, z: (n, …). b: a part of z that is the same for every image, as it broadcasts to z.
    Returns s; and for each image the sums, (n,) in float64, of b·s, of ε·sign z·s, and of the g that have
    no finite s.
    """
    n, each = len(g), np.broadcast_to(b, (1, *g.shape[1:]))[0]
    axes = min(1, each.ndim)  # of b's units; behind these it is the same everywhere
    axes = max((axis + 1 for axis, step in enumerate(each.strides) if step), default=axes)
    places = math.prod(each.shape[axes:])
    b = each[(..., *[0] * (each.ndim - axes))].ravel()
    s = np.empty(g.shape, g.dtype)
    sums = np.empty((n * len(b), 3))
    rows = [a.reshape(len(sums), places) for a in (readable(g), readable(z), s)]

    def fill(first: int, last: int) -> None:
        of_g, of_z, of_s, leaks = (a[first:last] for a in (*rows, sums))
        _quotient(of_g, of_z, g.dtype.type(epsilon), of_s, leaks)

    with np.errstate(all="ignore"):  # without numba
        for_each_run(fill, len(sums), s.size, ENTRIES_A_TASK)
    of_s, to_epsilon, dropped = np.moveaxis(sums.reshape(n, len(b), 3), 2, 0)
    return s, of_s @ b.astype(np.float64), to_epsilon.sum(axis=1), dropped.sum(axis=1)


def product(x: Array, y: Array) -> Array:
    """x · y, entry by entry."""
    out = np.empty(x.shape, x.dtype)
    factors = [array.reshape(-1) for array in (readable(x), readable(y), out)]

    def fill(number: int) -> None:
        np.multiply(*(a[number * ENTRIES_A_TASK : (number + 1) * ENTRIES_A_TASK] for a in factors))

    for_each(fill, -(-out.size // ENTRIES_A_TASK), blas=False)
    return out


def sum_of_each(x: Array) -> Array:
    """(n,): the sum of each x[i], in float64."""
    known = x.dtype in (np.float32, np.float64)  # to numba; and no loop is compiled for what is rare
    rows = readable(x if known else x.astype(np.float64)).reshape(len(x), x.size // max(1, len(x)))
    sums = np.empty((len(x), -(-rows.shape[1] // ENTRIES_A_TASK)))

    def fill(number: int) -> None:
        row, block = divmod(number, sums.shape[1])
        sums[row, block] = _sum(rows[row, block * ENTRIES_A_TASK : (block + 1) * ENTRIES_A_TASK])

    for_each(fill, sums.size, blas=False)
    return sums.sum(axis=1)
