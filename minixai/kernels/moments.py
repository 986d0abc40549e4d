"""Sums over the samples of linear units, those with y > 0 apart from the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each, for_each_run
from minixai.typing import Array

__all__ = ["add_by_sign", "add_linear", "add_row", "centred_by_sign", "mean_and_spread"]

ENTRIES_A_TASK = 1 << 18  # entries: less is done before a second thread has woken up


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _mean_and_spread(x, start, stop, mean, spread):
    """Of some channels, by sums of differences from the first entry, so that nothing large is squared."""
    for i in range(x.shape[0]):
        for c in range(start, stop):
            first, total, squares = np.float64(x[0, c, 0]), 0.0, 0.0
            for p in range(np.uint64(x.shape[2])):
                step = np.float64(x[i, c, p]) - first
                total += step
                squares += step * step
            mean[c] += total
            spread[c] += squares
    count = x.shape[0] * x.shape[2]
    for c in range(start, stop):
        mean[c] /= count
        spread[c] = np.sqrt(max(spread[c] / count - mean[c] * mean[c], 0.0))
        mean[c] += np.float64(x[0, c, 0])


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # sums in any order, so that it can be vectorised
def _centred_by_sign(y, mean, active, above, below, sums):
    """One unit's rows; sums = the count of y > 0, Σ (y − mean) over them, Σ (y − mean)² over all."""
    one, zero = active.dtype.type(1), active.dtype.type(0)
    for i in range(y.shape[0]):
        count, of_above, of_squares = 0.0, 0.0, 0.0
        for p in range(np.uint64(y.shape[1])):
            centred = active.dtype.type(np.float64(y[i, p]) - mean)
            positive = y[i, p] > 0
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
def _add_linear(total, total_x, batch, batch_x, origin, count, shift, b_shift):
    its_origin = count * b_shift
    for j in range(total.size):
        total[j] += batch[j] + total_x[j] * shift + batch_x[j] * b_shift + its_origin * origin[j]


@njit(cache=True, nogil=True)
def _add_by_sign(total, batch, origin, of_y, shift, b_shift):
    (above, below, above_x, x), (b_above, b_below, b_above_x, b_x) = total, batch
    count, count_above, y_above = of_y
    above_origin = y_above + count_above * b_shift
    below_origin = (count - count_above) * b_shift - y_above  # Σ (y − ȳ) is 0
    for j in range(above.size):
        above[j] += b_above[j] + above_x[j] * shift + b_above_x[j] * b_shift + above_origin * origin[j]
        others, its_others = x[j] - above_x[j], b_x[j] - b_above_x[j]
        below[j] += b_below[j] + others * shift + its_others * b_shift + below_origin * origin[j]
        above_x[j] += b_above_x[j] + count_above * origin[j]


@njit(cache=True, nogil=True)
def _add_row_linear(total, total_x, x, shift, step):
    for j in range(total.size):
        total[j] += total_x[j] * shift + x[j] * step


@njit(cache=True, nogil=True)
def _add_row_by_sign(above, below, above_x, total_x, x, active, shift, step):
    step_above, step_below = active * step, step - active * step
    for j in range(above.size):
        above[j] += above_x[j] * shift + x[j] * step_above
        below[j] += (total_x[j] - above_x[j]) * shift + x[j] * step_below
        above_x[j] += x[j] * active


def mean_and_spread(x: Array) -> tuple[Array, Array]:
    """The mean and the standard deviation of every channel of x (n, c, places): (c,) float64 each."""
    x, (mean, spread) = readable(x), np.zeros((2, x.shape[1]))

    def fill(first: int, last: int) -> None:
        _mean_and_spread(x, first, last, mean, spread)

    for_each_run(fill, len(mean), x.size, ENTRIES_A_TASK)
    return mean, spread


def centred_by_sign(y: Array, mean: Array, groups: int, dtype: Any) -> tuple[Array, Array]:
    """Split y − mean, unit by unit, by the sign of y.

    y: (n, k, places). mean: (k,) float64.
    Returns (n, groups, 3·k/groups + 1, places) of this dtype: for the units of a group, 1 where y > 0 else 0;
    y − mean where y > 0, else 0; y − mean where y ≤ 0, else 0; and one row of ones. And (3, k) float64: the
    count of y > 0, Σ (y − mean) over them, and Σ (y − mean)² over all.
    """
    y, (n, k, places) = readable(y), y.shape
    units = k // groups
    rows, sums = np.empty((n, groups, 3 * units + 1, places), dtype), np.zeros((k, 3))
    rows[:, :, -1] = 1

    def fill(unit: int) -> None:
        group, place = divmod(unit, units)
        active, above, below = (rows[:, group, place + units * part] for part in range(3))
        _centred_by_sign(y[:, unit], mean[unit], active, above, below, sums[unit])

    for_each(fill, k, blas=False)
    return rows, sums.T


def add_linear(
    total: tuple[Array, ...],
    batch: tuple[Array, ...],
    origin: Array,
    count: int,
    shift: Array,
    b_shift: Array,
) -> None:
    """Add to Σ x·(y − ȳ) that of a batch, when ȳ moves by −shift, and the batch's by −b_shift.

    total, batch: Σ x·(y − ȳ) (k, d), and Σ x (g, d), one row for the k/g units of a group.
    origin: (g, d), what x is measured from in the batch, of so many samples.
    """
    units, origin, batch = len(shift) // len(origin), readable(origin), tuple(map(readable, batch))

    def add(k: int) -> None:
        (mine, x), (its, its_x), group = total, batch, k // units
        _add_linear(mine[k], x[group], its[k], its_x[group], origin[group], count, shift[k], b_shift[k])

    for_each(add, len(shift), blas=False)


def add_by_sign(
    total: tuple[Array, ...],
    batch: tuple[Array, ...],
    origin: Array,
    count: int,
    above: tuple[Array, Array],
    shift: Array,
    b_shift: Array,
) -> None:
    """The same for the samples with y > 0 and the others, each on their own.

    total, batch: Σ x·(y − ȳ) over y > 0 (k, d), over the others (k, d); Σ x over y > 0 (k, d), which is
        added up too, and over all (g, d), which is not.
    above: (k,) each, of the batch's samples with y > 0: their number, and Σ (y − ȳ).
    """
    units, origin, batch = len(shift) // len(origin), readable(origin), tuple(map(readable, batch))

    def add(k: int) -> None:
        group = k // units
        mine, its = ((*(sums[k] for sums in of[:3]), of[3][group]) for of in (total, batch))
        of_y = float(count), above[0][k], above[1][k]
        _add_by_sign(mine, its, origin[group], of_y, shift[k], b_shift[k])

    for_each(add, len(shift), blas=False)


def add_row(total: tuple[Array, ...], x: Array, active: Array, shift: Array, step: Array) -> None:
    """The same for one sample x (d,) of all units, which has y − ȳ = step from the new ȳ.

    total: as for `add_linear` or `add_by_sign`, of one group. active: (k,), 1 where y > 0 else 0.
    """
    x = readable(x)

    def add(k: int) -> None:
        if len(total) == 2:
            _add_row_linear(total[0][k], total[1][0], x, shift[k], step[k])
        else:
            above, below, above_x = (sums[k] for sums in total[:3])
            _add_row_by_sign(above, below, above_x, total[3][0], x, active[k], shift[k], step[k])

    for_each(add, len(shift), blas=False)
