"""The weight VJP of convolutions of any kind, as the sum that defines it.

    gw[k, c, u, v] = Σ_t g[t, k] · x[pixel(t) + (u, v), c]        t: every output of every image

With the channels of a pixel side by side, that is a product of matrices for each (u, v): the cotangents,
transposed, times the pixels that stand at one place under the kernel. Its rows need no copy, since the
microkernel takes them from wherever they lie. And the weights in a row of the kernel see neighbouring pixels,
whose channels are one long row: one product serves all v. Where it is not long, for there are few channels,
the pixels below it are laid beside each pixel, as if they were more channels: one product serves all (u, v).

Accuracy: in a run of outputs, that of a sum, one term after the other; what runs give is added up in float64.
In float32, on random numbers, errors stay below 5e-6 of the largest, which `tests/test_kernels.py` holds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minixai.kernels.channels_last import place_rows
from minixai.kernels.compiling import njit
from minixai.kernels.microkernel import LANES, PANEL, multiply
from minixai.kernels.threads import TASK_WORK, for_each, for_each_run, get_num_threads, workspace
from minixai.typing import Array

__all__ = ["Cut", "conv2d_vjp_weight", "cut", "over_parts"]

Pair = tuple[int, int]

RUN_NUMBERS = 1 << 17  # of pixels and cotangents in one run: they stay in the cache
RUN_OUTPUTS = 1 << 11  # in one run: a longer sum rounds more
PARTS = 8  # of the runs, which threads share: a sum each
SUM_NUMBERS = 1 << 22  # of the sums of all parts
SUMS_A_TASK = 1 << 18  # put in order: less is done before a second thread has woken up


class Cut(NamedTuple):
    """How work is cut. Parts have sums of their own, and depend on shapes alone; no sum depends on slices."""

    parts: int  # of the runs
    slices: int  # of the panels of units

    def tasks(self, runs: int, panels: int) -> list[tuple[int, Pair, Pair]]:
        """The part, its runs and its panels, of each task."""
        return [
            (part, _share(runs, part, self.parts), _share(panels, number, self.slices))
            for part in range(self.parts)
            for number in range(self.slices)
        ]


def _share(count: int, number: int, of: int) -> Pair:
    return count * number // of, count * (number + 1) // of


def cut(runs: int, panels: int, weights: int, work: int) -> Cut:
    """For sums of so many weights, by so many multiplications."""
    tasks = max(1, work // TASK_WORK)
    parts = max(1, min(PARTS, runs, tasks, SUM_NUMBERS // max(weights, 1)))
    return Cut(parts, max(1, min(panels, tasks // parts, -(-get_num_threads() // parts))))


@njit(cache=True, nogil=True)
def _add_runs(g, x, groups, below, total, runs, shape, panels, stride, padding, dilation, buffer):
    """total[group, k, u, v] += what some runs give to the units of some panels.

    A run is so many (images, rows) of the outputs as `shape` says. below: how many rows of the kernel are
    laid beside each other, all or one.
    """
    n, _, out_h, out_w = g.shape
    _, units, kh, kw, long = total.shape
    channels = x.shape[1] // groups
    first_unit, last_unit = panels[0] * PANEL, min(panels[1] * PANEL, units)
    side = (panels[1] - panels[0]) * PANEL
    height = (shape[1] - 1) * stride[0] + (kh - 1) * dilation[0] + 1
    width = (out_w - 1) * stride[1] + (kw - 1) * dilation[1] + 1
    at_once = kw if dilation[1] == 1 else 1  # weights v of one product
    columns, plane = max(at_once * long, LANES), height * width * long
    free, most = shape[0] * plane, shape[0] * shape[1] * out_w
    of_pixels = free + columns
    cotangents, sums = buffer[of_pixels:], buffer[of_pixels + (most + 1) * side :]
    zeros, g_at, x_at = np.zeros(side, g.dtype), np.arange(most) * side, np.empty(most, np.int64)
    down = (out_h + shape[1] - 1) // shape[1]
    for run in range(runs[0], runs[1]):
        first_image, first_row = run // down * shape[0], run % down * shape[1]
        images, rows = min(shape[0], n - first_image), min(shape[1], out_h - first_row)
        count = images * rows * out_w
        for group in range(groups):
            its_channels = group * channels, (group + 1) * channels
            its_units = group * units + first_unit, group * units + last_unit
            buffer[: of_pixels + count * side] = 0
            for i in range(images):
                image, at = first_image + i, i * rows * out_w
                for u in range(below):
                    corner = first_row * stride[0] - padding[0] + u * dilation[0], -padding[1]
                    place = i * plane + u * channels
                    place_rows(
                        x, image, its_channels, corner, (height, width), buffer, place, long, channels, free
                    )
                place_rows(
                    g, image, its_units, (first_row, 0), (rows, out_w), cotangents, at * side, side, side, 0
                )
                for t in range(rows * out_w):
                    r, q = t // out_w * stride[0], t % out_w * stride[1]
                    x_at[at + t] = ((i * height + r) * width + q) * long
            for u in range(kh):
                for v in range(0, kw, at_once):
                    multiply(
                        cotangents, g_at[:count], PANEL, False, (0, last_unit - first_unit),
                        buffer, (u * dilation[0] * width + v * dilation[1]) * long, x_at[:count], columns,
                        zeros, sums, 0, columns,
                    )  # fmt: skip
                    for k in range(first_unit, last_unit):
                        its_total = total[group, k, u, v : v + at_once].reshape(-1)
                        line = sums[(k - first_unit) * columns :]
                        for j in range(np.uint64(its_total.size)):
                            its_total[j] += line[j]


@njit(cache=True, nogil=True)
def _over_parts(total, units, gw):
    sums = total[0]
    for k in range(units[0], units[1]):
        of_unit = sums[k].reshape(-1)
        for part in range(1, len(total)):
            others = total[part, k].reshape(-1)
            for j in range(np.uint64(of_unit.size)):
                of_unit[j] += others[j]
        for c in range(gw.shape[1]):
            for u in range(gw.shape[2]):
                for b in range(gw.shape[3]):
                    for v in range(gw.shape[4]):
                        gw[k, c, u, b, v] = sums[k, u, v, b, c]


def over_parts(total: Array, dtype: Any) -> Array:
    """gw[k, c, u, b, v] = Σ_part total[part, k, u, v, b, c], added up in total[0]."""
    _, units, kh, kw, below, channels = total.shape
    gw = np.empty((units, channels, kh, below, kw), dtype)

    def fill(first: int, last: int) -> None:
        _over_parts(total, (first, last), gw)

    for_each_run(fill, units, total.size, SUMS_A_TASK)
    return gw


def conv2d_vjp_weight(
    g: Array, x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """gw[k, c] = Σ_i x[i, c] ⋆ g[i, k], of shape (k, c/groups, *kernel)."""
    n, outputs, out_h, out_w = g.shape
    units, channels = outputs // groups, x.shape[1] // groups
    panels, at_once = -(-units // PANEL), kernel[1] if dilation[1] == 1 else 1
    below = kernel[0] if at_once * channels < 2 * LANES and stride[0] == 1 else 1
    long, kh = below * channels, kernel[0] // below
    width = (out_w - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1
    of_row = stride[0] * width * long + out_w * panels * PANEL
    most_rows = max(1, min(RUN_NUMBERS // of_row, RUN_OUTPUTS // out_w))
    rows = -(-out_h // -(-out_h // most_rows))
    images = max(1, min(n, most_rows // out_h))
    runs = -(-n // images) * -(-out_h // rows)
    columns = max(at_once * long, LANES)
    work = n * out_h * out_w * groups * panels * PANEL * kh * columns * kernel[1] // at_once
    how = cut(runs, panels, outputs * kernel[0] * kernel[1] * channels, work)
    total = np.zeros((how.parts, groups, units, kh, kernel[1], long))
    tasks = how.tasks(runs, panels)
    height, side = (rows - 1) * stride[0] + (kh - 1) * dilation[0] + 1, -(-panels // how.slices) * PANEL
    size = images * height * width * long + columns + (images * rows * out_w + 1 + columns) * side

    def fill(number: int) -> None:
        part, its_runs, its_panels = tasks[number]
        _add_runs(
            g, x, groups, below, total[part], its_runs, (images, rows), its_panels,
            stride, padding, dilation, workspace((size,), g.dtype),
        )  # fmt: skip

    for_each(fill, len(tasks), blas=False)
    gw = over_parts(total.reshape(how.parts, outputs, kh, kernel[1], below, channels), g.dtype)
    return gw.reshape(outputs, channels, *kernel)
