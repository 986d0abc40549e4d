"""Sums over the samples of linear units, those with y > 0 apart from the others."""

from __future__ import annotations

import numpy as np
from numba import njit

from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each
from minixai.typing import Array

__all__ = ["add_by_sign", "add_linear", "centred_by_sign"]


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # sums in any order, so that it can be vectorised
def _centred_by_sign(y, mean, active, above, below, sums):
    """One unit's rows; sums = the count of y > 0, Σ (y − mean) over them, Σ (y − mean)² over all."""
    one, zero = y.dtype.type(1), y.dtype.type(0)
    for i in range(y.shape[0]):
        count, of_above, of_squares = 0.0, 0.0, 0.0
        for p in range(np.uint64(y.shape[1])):
            centred = y[i, p] - mean
            positive = y[i, p] > zero
            active[i, p] = one if positive else zero
            above[i, p] = centred if positive else zero
            below[i, p] = zero if positive else centred
            count += np.float64(one if positive else zero)
            of_above += np.float64(centred if positive else zero)
            of_squares += np.float64(centred) * np.float64(centred)
        sums[0] += count
        sums[1] += of_above
        sums[2] += of_squares


@njit(cache=True, nogil=True)
def _add_linear(total, total_x, batch, batch_x, shift, batch_shift):
    for j in range(total.size):
        total[j] += batch[j] + total_x[j] * shift + batch_x[j] * batch_shift


@njit(cache=True, nogil=True)
def _add_by_sign(above, below, above_x, x, b_above, b_below, b_above_x, b_x, shift, b_shift):
    for j in range(above.size):
        above[j] += b_above[j] + above_x[j] * shift + b_above_x[j] * b_shift
        below[j] += b_below[j] + (x[j] - above_x[j]) * shift + (b_x[j] - b_above_x[j]) * b_shift
        above_x[j] += b_above_x[j]


def centred_by_sign(y: Array, mean: Array, groups: int) -> tuple[Array, Array]:
    """Split y − mean, unit by unit, by the sign of y.

    y: (n, k, places). mean: (k,) float64.
    Returns (n, groups, 3·k/groups + 1, places) of y's dtype: for the units of a group, 1 where y > 0 else 0;
    y − mean where y > 0, else 0; y − mean where y ≤ 0, else 0; and one row of ones. And (3, k) float64: the
    count of y > 0, Σ (y − mean) over them, and Σ (y − mean)² over all.
    """
    y, (n, k, places) = readable(y), y.shape
    units = k // groups
    rows, sums = np.empty((n, groups, 3 * units + 1, places), y.dtype), np.zeros((k, 3))
    rows[:, :, -1] = 1

    def fill(unit: int) -> None:
        group, place = divmod(unit, units)
        active, above, below = (rows[:, group, place + units * part] for part in range(3))
        _centred_by_sign(y[:, unit], y.dtype.type(mean[unit]), active, above, below, sums[unit])

    for_each(fill, k)
    return rows, sums.T


def add_linear(total: tuple[Array, ...], batch: tuple[Array, ...], shift: Array, b_shift: Array) -> None:
    """Add to Σ x·(y − ȳ) that of a batch, when ȳ moves by −shift, and the batch's by −b_shift.

    total, batch: Σ x·(y − ȳ) (k, d), and Σ x (g, d), one row for the k/g units of a group.
    """
    units, batch = len(shift) // len(total[1]), tuple(map(readable, batch))

    def add(k: int) -> None:
        _add_linear(
            total[0][k], total[1][k // units], batch[0][k], batch[1][k // units], shift[k], b_shift[k]
        )

    for_each(add, len(shift))


def add_by_sign(total: tuple[Array, ...], batch: tuple[Array, ...], shift: Array, b_shift: Array) -> None:
    """The same for the samples with y > 0 and the others, each on their own.

    total, batch: Σ x·(y − ȳ) over y > 0 (k, d), over the others (k, d); Σ x over y > 0 (k, d), which is
        added up too, and over all (g, d), which is not.
    """
    units, batch = len(shift) // len(total[3]), tuple(map(readable, batch))

    def add(k: int) -> None:
        (above, below, above_x), x = (a[k] for a in total[:3]), total[3][k // units]
        (b_above, b_below, b_above_x), b_x = (a[k] for a in batch[:3]), batch[3][k // units]
        _add_by_sign(above, below, above_x, x, b_above, b_below, b_above_x, b_x, shift[k], b_shift[k])

    for_each(add, len(shift))
