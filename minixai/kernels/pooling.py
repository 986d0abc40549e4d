"""Pooling over windows of the image planes (n, c, h, w), its VJPs, and unpooling with switches.

A switch is the place of a window's maximum: its index in the flattened plane. At a tie it is the
first in row-major order. Every plane is worked on alone, so threads share them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.layout import readable
from minixai.kernels.threads import even, for_each
from minixai.typing import Array

__all__ = [
    "Windows",
    "avg_pool2d",
    "avg_pool2d_vjp",
    "max_pool2d",
    "max_unpool2d",
    "max_unpool2d_vjp",
    "p_norm_pool2d",
    "p_norm_pool2d_vjp",
]

Switches = np.ndarray[Any, np.dtype[np.int32]]
Pair = tuple[int, int]

ENTRIES_A_TASK = 1 << 17  # entries of the larger array
STRIP = 1 << 10  # outputs of one run of max pooling: what they need stays in the nearest cache


class Windows(NamedTuple):
    """Where the windows lie: (vertical, horizontal) pairs, and whether the last may hang over the edge."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    def output_size(self, size: tuple[int, ...]) -> Pair:
        """How many windows there are along each axis; the last must begin inside the image or its padding."""
        rows, columns = (self._count(size[axis], axis) for axis in (0, 1))
        return rows, columns

    def all_meet(self, size: tuple[int, ...]) -> bool:
        """Whether there is a pixel in every window; a dilated one may step over a small image."""
        for axis, count in enumerate(self.output_size(size)):
            stride, padding = self.stride[axis], self.padding[axis]
            starts = range(-padding, count * stride - padding, stride)
            first = [start % self.dilation[axis] for start in starts[: -(-padding // stride)]]  # not outside
            if max([starts[-1], *first]) >= size[axis]:
                return False
        return True

    def _count(self, size: int, axis: int) -> int:
        stride, padding = self.stride[axis], self.padding[axis]
        room = size + 2 * padding - self.dilation[axis] * (self.kernel[axis] - 1) - 1
        if not self.ceil_mode:
            return room // stride + 1
        count = -(-room // stride) + 1
        return count - 1 if (count - 1) * stride >= size + padding else count


# Max pooling works off a run of rows of the output, counted over all planes, tap by tap. The pixels under
# its taps stand in a strip, row behind row, and dealt out by the stride: strip[b, c] is column c·stride + b.
# So the pixels under one tap are contiguous, and the loops over them long however narrow the planes are: LLVM
# vectorises them, by unsigned indices, which spare numba its test for negative ones.


@njit(cache=True, nogil=True)
def _fill_strip(x, rows, down, wide, shift, stride, padding, strip):
    """strip = row i·stride + shift of x for each row i of the output; -inf outside, left and right too."""
    h, w = x.shape[1:]
    pixels, lines = x.reshape(-1), np.empty(rows[1] - rows[0], np.int64)  # where each row begins, or -1
    for r in range(lines.size):
        p, i = divmod(rows[0] + r, down)
        row = i * stride[0] + shift
        lines[r] = (p * h + row) * w if 0 <= row < h else -1
    step = stride[1]
    first, end = (padding + step - 1) // step, min((w + padding) // step, wide)  # of whole groups of `step`
    start, count = first * step - padding, np.uint64(max(0, end - first))
    heap, other = strip[0], strip[-1]
    for r in range(lines.size):
        if lines[r] < 0:
            strip[:, r * wide : (r + 1) * wide] = -np.inf
            continue
        at, seen = np.uint64(r * wide + first), np.uint64(lines[r] + start)
        if step == 1:
            for c in range(count):
                heap[at + c] = pixels[seen + c]
        elif step == 2:  # both heaps at once: LLVM loads whole vectors
            for c in range(count):
                q = seen + np.uint64(2) * c
                heap[at + c], other[at + c] = pixels[q], pixels[q + np.uint64(1)]
        else:
            for b in range(step):
                for c in range(count):
                    strip[b, at + c] = pixels[seen + np.uint64(step) * c + np.uint64(b)]
    for q in range(min(w, wide * step - padding)):
        if not start <= q < end * step - padding:
            c, b = divmod(q + padding, step)
            for r in range(lines.size):
                if lines[r] >= 0:
                    strip[b, r * wide + c] = pixels[lines[r] + q]


@njit(cache=True, nogil=True)
def _max_pool(x, y, switches, kernel, stride, padding, dilation, most):
    planes, down, across = y.shape
    w = x.shape[2]
    wide = across + (kernel[1] - 1) * dilation[1] // stride[1]  # of one row in the strip
    run = min(max(1, most // wide), planes * down)
    strip = np.full((stride[1], run * wide), -np.inf, x.dtype)
    best, ways = np.empty(run * wide, x.dtype), np.empty(run * wide, np.int32)  # from the window's corner
    lefts = (np.arange(across) * stride[1] - padding[1]).astype(np.int32)
    ways_in = ((dilation[1] - 1 - np.minimum(lefts, 0)) // dilation[1] * dilation[1]).astype(np.int32)
    values, places = y.reshape(-1), switches.reshape(-1)
    for start in range(0, planes * down, run):
        rows = start, min(start + run, planes * down)
        count = np.uint64((rows[1] - rows[0]) * wide - (wide - across))
        best[:] = -np.inf
        for u in range(kernel[0]):
            shift = u * dilation[0] - padding[0]
            _fill_strip(x, rows, down, wide, shift, stride, padding[1], strip)
            for v in range(kernel[1]):
                c, b = divmod(v * dilation[1], stride[1])
                line, way = strip[b, c:], np.int32(u * dilation[0] * w + v * dilation[1])
                for q in range(count):
                    value = line[q]
                    better = (value > best[q]) | np.isnan(value)
                    best[q] = value if better else best[q]
                    ways[q] = way if better else ways[q]
        i = start % down
        for r in range(rows[1] - rows[0]):
            top = i * stride[0] - padding[0]
            way_down = (dilation[0] - 1 - min(top, 0)) // dilation[0] * dilation[0] * w
            at, to = np.uint64(r * wide), np.uint64((start + r) * across)
            for j in range(np.uint64(across)):
                value = best[at + j]
                way = ways[at + j] if value > -np.inf or np.isnan(value) else way_down + ways_in[j]
                values[to + j], places[to + j] = value, top * w + lefts[j] + way
            i = i + 1 if i + 1 < down else 0


@njit(cache=True, nogil=True)
def _unpool(g, switches, gx):
    for p in range(g.shape[0]):
        for i in range(g.shape[1]):
            gx[p, np.uint64(switches[p, i])] += g[p, i]


@njit(cache=True, nogil=True)
def _gather(g, switches, gx):
    for p in range(switches.shape[0]):
        for i in range(switches.shape[1]):
            gx[p, i] = g[p, np.uint64(switches[p, i])]


@njit(cache=True, nogil=True)
def _window(i, size, kernel, stride, padding):
    """A window's first row (or column) inside the image, and the one after its last."""
    start = i * stride - padding
    return max(start, 0), min(start + kernel, size)


@njit(cache=True, nogil=True)
def _window_area(i, size, kernel, stride, padding, count_padding):
    """A window's extent along one axis: inside the image, or inside the image and its padding."""
    start = i * stride - padding
    if count_padding:
        return min(start + kernel, size + padding) - start
    return min(start + kernel, size) - max(start, 0)


@njit(cache=True, nogil=True)
def _avg_pool(x, y, kernel, stride, padding, count_padding):
    planes, h, w = x.shape
    line = np.empty(w)  # the sum of the rows of pixels under a row of windows
    for p in range(planes):
        for i in range(y.shape[1]):
            top, bottom = _window(i, h, kernel[0], stride[0], padding[0])
            height = _window_area(i, h, kernel[0], stride[0], padding[0], count_padding)
            line[:] = 0
            for row in range(top, bottom):
                pixels = x[p, row]
                for column in range(np.uint64(w)):
                    line[column] += pixels[column]
            for j in range(y.shape[2]):
                left, right = _window(j, w, kernel[1], stride[1], padding[1])
                area = height * _window_area(j, w, kernel[1], stride[1], padding[1], count_padding)
                s = 0.0
                for column in range(left, right):
                    s += line[np.uint64(column)]
                y[p, i, j] = s / area


@njit(cache=True, nogil=True)
def _avg_pool_vjp(g, gx, kernel, stride, padding, count_padding):
    planes, h, w = gx.shape
    line = np.empty(w)  # what a row of windows gives to each row of pixels under it
    for p in range(planes):
        for i in range(g.shape[1]):
            top, bottom = _window(i, h, kernel[0], stride[0], padding[0])
            height = _window_area(i, h, kernel[0], stride[0], padding[0], count_padding)
            line[:] = 0
            for j in range(g.shape[2]):
                left, right = _window(j, w, kernel[1], stride[1], padding[1])
                area = height * _window_area(j, w, kernel[1], stride[1], padding[1], count_padding)
                share = g[p, i, j] / area
                for column in range(left, right):
                    line[np.uint64(column)] += share
            for row in range(top, bottom):
                pixels = gx[p, row]
                for column in range(np.uint64(w)):
                    pixels[column] += line[column]


@njit(cache=True, nogil=True)
def _p_norm_pool(x, y, kernel, stride, padding, norm):
    planes, h, w = x.shape
    for p in range(planes):
        for i in range(y.shape[1]):
            top, bottom = _window(i, h, kernel[0], stride[0], padding[0])
            for j in range(y.shape[2]):
                left, right = _window(j, w, kernel[1], stride[1], padding[1])
                largest = 0.0
                for row in range(top, bottom):
                    for column in range(left, right):
                        magnitude = abs(x[p, row, column])
                        if magnitude > largest or np.isnan(magnitude):
                            largest = magnitude
                s = 0.0
                if 0 < largest < np.inf:  # divided by the largest, no power can overflow
                    for row in range(top, bottom):
                        for column in range(left, right):
                            s += (abs(x[p, row, column]) / largest) ** norm
                    largest *= s ** (1 / norm)
                y[p, i, j] = largest


@njit(cache=True, nogil=True)
def _p_norm_pool_vjp(g, x, y, gx, kernel, stride, padding, norm):
    planes, h, w = x.shape
    for p in range(planes):
        for i in range(g.shape[1]):
            top, bottom = _window(i, h, kernel[0], stride[0], padding[0])
            for j in range(g.shape[2]):
                left, right = _window(j, w, kernel[1], stride[1], padding[1])
                if y[p, i, j] == 0:
                    continue
                for row in range(top, bottom):
                    for column in range(left, right):
                        share = (abs(x[p, row, column]) / y[p, i, j]) ** (norm - 1)
                        gx[p, row, column] += g[p, i, j] * np.sign(x[p, row, column]) * share


def _planewise(loop: Callable[..., None], arrays: list[Any], *settings: Any) -> None:
    """Run a loop over the planes of all arrays, some at a time."""
    flat = [array.reshape(-1, *array.shape[2:]) for array in arrays]
    planes = len(flat[0])
    tasks = min(planes, even(-(-max(array.size for array in flat) // ENTRIES_A_TASK)))

    def fill(number: int) -> None:
        block = slice(planes * number // tasks, planes * (number + 1) // tasks)
        loop(*(array[block] for array in flat), *settings)

    for_each(fill, tasks, blas=False)


def max_pool2d(x: Array, windows: Windows) -> tuple[Array, Switches]:
    """y = the maximum of each window, and its switch; what lies in the padding is never the maximum."""
    y = np.empty(x.shape[:2] + windows.output_size(x.shape[2:]), x.dtype)
    switches = np.empty(y.shape, np.int32)
    _planewise(_max_pool, [readable(x), y, switches], *windows[:4], STRIP)
    return y, switches


def max_unpool2d(y: Array, switches: Switches, size: Pair) -> Array:
    """x[switch] = Σ of the y with this switch, 0 elsewhere: the VJP of max pooling."""
    x = np.zeros((*y.shape[:2], size[0] * size[1]), y.dtype)
    arrays = [readable(array).reshape(*y.shape[:2], -1) for array in (y, switches)]
    _planewise(_unpool, [*arrays, x])
    return x.reshape(*y.shape[:2], *size)


def max_unpool2d_vjp(g: Array, switches: Switches) -> Array:
    """gy = g[switch]."""
    gy = np.empty(switches.shape, g.dtype)
    arrays = readable(g), readable(switches), gy
    _planewise(_gather, [array.reshape(*switches.shape[:2], -1) for array in arrays])
    return gy


def avg_pool2d(x: Array, windows: Windows, count_include_pad: bool) -> Array:
    """y = the mean of each window, over its pixels or over its pixels and padding."""
    y = np.empty(x.shape[:2] + windows.output_size(x.shape[2:]), x.dtype)
    _planewise(_avg_pool, [readable(x), y], *windows[:3], count_include_pad)
    return y


def avg_pool2d_vjp(g: Array, size: Pair, windows: Windows, count_include_pad: bool) -> Array:
    """gx = Σ over the windows of a pixel: g / area."""
    gx = np.zeros(g.shape[:2] + tuple(size), g.dtype)
    _planewise(_avg_pool_vjp, [readable(g), gx], *windows[:3], count_include_pad)
    return gx


def p_norm_pool2d(x: Array, p: float, windows: Windows) -> Array:
    """y = (Σ |x|^p)^(1/p) over each window."""
    y = np.empty(x.shape[:2] + windows.output_size(x.shape[2:]), x.dtype)
    _planewise(_p_norm_pool, [readable(x), y], *windows[:3], float(p))
    return y


def p_norm_pool2d_vjp(g: Array, x: Array, y: Array, p: float, windows: Windows) -> Array:
    """gx = Σ over the windows of a pixel: g · sign(x) · (|x| / y)^(p−1), 0 where y = 0."""
    gx = np.zeros(x.shape, g.dtype)
    arrays = [readable(array) for array in (g, x, y)]
    _planewise(_p_norm_pool_vjp, [*arrays, gx], *windows[:3], float(p))
    return gx
