"""Convolutions of any kind as the sums that define them, by products whose sums stay in registers.

Each output is the sum of some pixels, each times a weight; they stand at the same *shifts* from every output:

    y[k, r, q] = bias[k] + Σ_{c,u,v} w[k, c, u, v] · x[c, r·step + rows[u], q·step + columns[v]]

So y is the product of the filters with a matrix whose rows (c, u, v) are images, shifted by one weight's
place. im2col writes that matrix, kh·kw times as large as x. Here it is only pointed at: the image is padded
once, in planes as wide as y and a little more, and row (c, u, v) begins at its shift in a plane. Where the
step is 2, x is split in planes of its even and odd rows and columns, whose neighbours belong to neighbouring
outputs.

The input VJP is of the same kind. Pixel h gets cotangents from the outputs (h + padding − u·dilation)/stride,
for those u that divide evenly. Pixels one stride apart meet the same u: a convolution of step 1.

Accuracy: that of a sum, one term after the other. In float32, on SqueezeNet's activations, errors stay below
3e-6 of the largest output, which `tests/test_models.py` holds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.microkernel import LANES, PANEL, multiply
from minixai.kernels.threads import TASK_WORK, even, for_each, get_num_threads, workspace
from minixai.typing import Array

__all__ = ["Sum", "correlate", "pack", "pointwise"]

Pair = tuple[int, int]

PLANE_NUMBERS = 1 << 18  # of the planes of one run, and of its sums: they stay in the cache
MOST_TASKS = 64
COLUMNS = 480  # of one run of `pointwise`; whole blocks of the microkernel


class Sum(NamedTuple):
    """Which pixels an output (r, q) is the sum of: those at (r, q)·step + (rows[u], columns[v])."""

    step: Pair
    rows: tuple[int, ...]
    columns: tuple[int, ...]


class _Layout(NamedTuple):
    """Where the rows of the matrix begin in the planes of one run of outputs."""

    phases: np.ndarray  # (planes of a channel, 2): the first row and column of x in each, before the origin
    size: Pair  # of a plane
    row_at: np.ndarray  # of each (c, u, v)


@lru_cache(maxsize=256)
def _layout(pixels: Sum, channels: int, rows: int, columns: int) -> _Layout:
    """For runs of `rows` and `columns` of outputs."""
    down, right = ([shift // pixels.step[a] for shift in pixels[1 + a]] for a in (0, 1))
    up, left = min(down), min(right)
    size = rows + max(down) - up, columns + max(right) - left
    phases: list[Pair] = []
    at = []
    for u, row in enumerate(pixels.rows):
        for v, column in enumerate(pixels.columns):
            q, s = down[u] - up, right[v] - left  # steps, in a plane
            phase = row - q * pixels.step[0], column - s * pixels.step[1]
            if phase not in phases:
                phases.append(phase)
            at.append((phases.index(phase) * size[0] + q) * size[1] + s)
    plane = size[0] * size[1] * len(phases)
    row_at = (np.arange(channels)[:, None] * plane + np.array(at)).reshape(-1)
    for array in (row_at, places := np.array(phases)):
        array.flags.writeable = False
    return _Layout(places, size, row_at)


def pack(filters: Array) -> Array:
    """(groups, k, q) as (groups, panels of 16 filters, q, 16), with zeros behind the last filter."""
    groups, k, q = filters.shape
    panels = -(-k // PANEL)
    if k % PANEL:
        filters = np.concatenate([filters, np.zeros((groups, panels * PANEL - k, q), filters.dtype)], axis=1)
    return np.ascontiguousarray(filters.reshape(groups, panels, PANEL, q).swapaxes(2, 3))


def _bias(bias: Array | None, groups: int, k: int, dtype: np.dtype) -> Array:
    """Of each group, as long as its panels."""
    padded = np.zeros((groups, -(-k // PANEL) * PANEL), dtype)
    if bias is not None:
        padded[:, :k] = bias.reshape(groups, k)
    padded.flags.writeable = False
    return padded


@njit(cache=True, nogil=True)
def _fill_plane(x, image, channel, phase, step, first_row, plane):
    """plane[i, j] = x[image, channel] at (first_row + i, j)·step + phase, where that lies inside it."""
    channels, height, width = x.shape[1:]
    pixels, s = x.reshape(-1), np.uint64(step[1])
    top = first_row * step[0] + phase[0]
    first_line, last_line = _inside(top, height, step[0], plane.shape[0])
    first, last = _inside(phase[1], width, step[1], plane.shape[1])
    begin, count = first * step[1] + phase[1], np.uint64(last - first)
    for i in range(first_line, last_line):
        row = (image * channels + channel) * height + top + i * step[0]
        inside, seen = plane[i, first:], pixels[row * width + begin :]
        if s == 1:  # a loop of its own: the compiler can vectorise it
            for j in range(count):
                inside[j] = seen[j]
        else:
            for j in range(count):
                inside[j] = seen[j * s]


@njit(cache=True, nogil=True)
def _inside(start, size, step, count):
    """The range of the i below count for which start + i·step lies in a row of this size."""
    first = min(count, max(0, (step - 1 - start) // step))
    return first, max(first, min(count, (size - 1 - start) // step + 1))


@njit(cache=True, nogil=True)
def _run(x, filters, bias, y, first, every, shape, rows, units, panels, step, phases, size, row_at, buffer):
    """Some units of the outputs y[…, first[0]::every[0], first[1]::every[1]] of this shape.

    A unit is a run of rows of a group of channels of an image; of them, the filters of some panels.
    """
    groups, _, q, _ = filters.shape
    channels, k = x.shape[1] // groups, y.shape[1] // groups
    runs = (shape[0] + rows - 1) // rows
    columns = (rows * size[1] + LANES - 1) // LANES * LANES
    in_planes = channels * len(phases) * size[0] * size[1]
    planes, sums = buffer[:in_planes], buffer[in_planes + columns :]
    planes = planes.reshape(channels, len(phases), size[0], size[1])
    filter_at = np.arange(q) * PANEL
    outputs = panels[0] * PANEL, min(panels[1] * PANEL, k)
    pixels = y.reshape(-1)
    for unit in range(units[0], units[1]):
        of_group, run = divmod(unit, runs)
        image, group = divmod(of_group, groups)
        if runs > 1 or unit == units[0]:  # else what lies outside the image is the same, and still 0
            planes[:] = 0
        for c in range(channels):
            for f in range(len(phases)):
                phase = phases[f, 0], phases[f, 1]
                _fill_plane(x, image, group * channels + c, phase, step, run * rows, planes[c, f])
        multiply(
            filters[group].reshape(-1), filter_at, q * PANEL, False, outputs, buffer, 0, row_at, columns,
            bias[group], sums, 0, columns,
        )  # fmt: skip
        for m in range(outputs[0], outputs[1]):
            for r in range(min(rows, shape[0] - run * rows)):
                row = (run * rows + r) * every[0] + first[0]
                at = ((image * y.shape[1] + group * k + m) * y.shape[2] + row) * y.shape[3] + first[1]
                line, target = sums[(m - outputs[0]) * columns + r * size[1] :], pixels[at:]
                if every[1] == 1:
                    for j in range(np.uint64(shape[1])):
                        target[j] = line[j]
                else:
                    for j in range(np.uint64(shape[1])):
                        target[j * np.uint64(every[1])] = line[j]


@njit(cache=True, nogil=True)
def _run_pointwise(x, filters, bias, y, units, runs, panels, buffer):
    """Some units of a 1×1 convolution. A unit is a run of pixels of a group of channels of an image."""
    groups, _, channels, _ = filters.shape
    k, size = y.shape[1] // groups, x.shape[2] * x.shape[3]
    filter_at, row_at = np.arange(channels) * PANEL, np.arange(channels) * size
    whole = panels[0] * PANEL, min(panels[1] * PANEL, k // PANEL * PANEL)
    rest = whole[1], min(panels[1] * PANEL, k)
    source, target = x.reshape(-1), y.reshape(-1)
    for unit in range(units[0], units[1]):
        of_group, run = divmod(unit, runs)
        first = size * run // runs
        columns = size * (run + 1) // runs - first
        x_at, y_at = of_group * channels * size + first, of_group * k * size + first
        weights, start = filters[of_group % groups].reshape(-1), bias[of_group % groups]
        multiply(
            weights, filter_at, channels * PANEL, False, whole, source, x_at, row_at, columns,
            start, target, y_at + whole[0] * size, size,
        )  # fmt: skip
        if rest[0] < rest[1]:  # a panel that is not full
            multiply(
                weights, filter_at, channels * PANEL, False, rest, source, x_at, row_at, columns,
                start, buffer, 0, columns,
            )  # fmt: skip
            for m in range(rest[1] - rest[0]):
                line, pixels = buffer[m * columns :], target[y_at + (rest[0] + m) * size :]
                for t in range(np.uint64(columns)):
                    pixels[t] = line[t]


def _cut(units: int, panels: int, work: int) -> tuple[int, int]:
    """In how many tasks the units are cut, and each of these by panels of filters. No sum depends on it."""
    tasks = max(1, min(MOST_TASKS, work // TASK_WORK))
    of_units = min(units, tasks)
    return of_units, max(1, min(panels, tasks // of_units, -(-get_num_threads() // of_units)))


def correlate(
    x: Array,
    filters: Array,
    bias: Array | None,
    pixels: Sum,
    y: Array,
    first: Pair = (0, 0),
    every: Pair = (1, 1),
) -> None:
    """Fill y[:, :, first[0]::every[0], first[1]::every[1]] with the sums over the pixels, and the bias.

    x: (n, c, h, w). filters: `pack` of (groups, k/groups, c/groups · rows · columns). y: (n, k, …).
    """
    groups, panels, q, _ = filters.shape
    channels, k = x.shape[1] // groups, y.shape[1] // groups
    shape = tuple(-(-(y.shape[2 + a] - first[a]) // every[a]) for a in (0, 1))
    _, size, _ = _layout(pixels, channels, 1, shape[1])
    numbers = max(channels * pixels.step[0] * pixels.step[1], panels * PANEL) * size[1]
    rows = max(1, min(shape[0], PLANE_NUMBERS // numbers))
    runs = even(-(-shape[0] // rows))
    rows = -(-shape[0] // runs)
    runs = -(-shape[0] // rows)
    phases, size, row_at = _layout(pixels, channels, rows, shape[1])
    units = len(x) * groups * runs
    tasks, slices = _cut(units, panels, units * panels * PANEL * q * rows * size[1])
    columns = -(-rows * size[1] // LANES) * LANES
    most = -(-panels // slices) * PANEL
    numbers = channels * len(phases) * size[0] * size[1] + columns + most * columns
    padded = _bias(bias, groups, k, x.dtype)

    def fill(number: int) -> None:
        task, part = divmod(number, slices)
        _run(
            x, filters, padded, y, first, every, shape, rows,
            (units * task // tasks, units * (task + 1) // tasks),
            (panels * part // slices, panels * (part + 1) // slices),
            pixels.step, phases, size, row_at, workspace((numbers,), x.dtype),
        )  # fmt: skip

    for_each(fill, tasks * slices, blas=False)


def pointwise(x: Array, filters: Array, bias: Array | None, y: Array) -> None:
    """Fill y with the 1×1 convolution: one product, of the filters with the images as they stand in memory.

    Shapes as for `correlate`. An image has at least LANES pixels.
    """
    groups, panels, q, _ = filters.shape
    size = x.shape[2] * x.shape[3]
    runs = max(1, size // COLUMNS)
    units = len(x) * groups * runs
    tasks, slices = _cut(units, panels, len(x) * y.shape[1] * q * size)
    padded = _bias(bias, groups, y.shape[1] // groups, x.dtype)

    def fill(number: int) -> None:
        task, part = divmod(number, slices)
        _run_pointwise(
            x, filters, padded, y, (units * task // tasks, units * (task + 1) // tasks), runs,
            (panels * part // slices, panels * (part + 1) // slices),
            workspace((PANEL * 2 * COLUMNS,), x.dtype),
        )  # fmt: skip

    for_each(fill, tasks * slices, blas=False)
