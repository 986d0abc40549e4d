"""Batch normalisation and its VJP: a channel at a time, which stays in the cache while it is used."""

from __future__ import annotations

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each_run
from minixai.typing import Array

__all__ = ["normalise", "normalise_vjp"]

ENTRIES_A_TASK = 1 << 18  # entries: less is done before a second thread has woken up


@njit(cache=True, nogil=True)
def _normalise(x, first, last, mean, slope, shift, y):
    for c in range(first, last):
        for i in range(x.shape[0]):
            line, out = x[i, c], y[i, c]
            for p in range(np.uint64(line.size)):
                out[p] = (line[p] - mean[c]) * slope[c] + shift[c]


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # sums in any order, so that it can be vectorised
def _sums(g, x, c, mean):
    """Σ g and Σ g·(x − mean) of one channel, in float64."""
    of_g, of_both = 0.0, 0.0
    for i in range(x.shape[0]):
        g_line, line = g[i, c], x[i, c]
        for p in range(np.uint64(line.size)):
            of_g += np.float64(g_line[p])
            of_both += np.float64(g_line[p]) * np.float64(line[p] - mean[c])
    return of_g, of_both


@njit(cache=True, nogil=True)
def _normalise_vjp(g, x, first, last, mean, scale, slope, own, gx, gw, gb):
    count = x.shape[0] * x.shape[2]
    for c in range(first, last):
        of_g, of_both = _sums(g, x, c, mean)
        gb[c], gw[c] = of_g, of_both * scale[c]
        g_mean = gx.dtype.type(of_g / count)
        share = gx.dtype.type(of_both / count * scale[c] * scale[c])
        for i in range(x.shape[0]):
            g_line, line, out = g[i, c], x[i, c], gx[i, c]
            for p in range(np.uint64(line.size)):
                away = g_mean + (line[p] - mean[c]) * share
                out[p] = (g_line[p] - away if own else g_line[p]) * slope[c]


def normalise(x: Array, mean: Array, slope: Array, shift: Array) -> Array:
    """y = (x − mean) · slope + shift: x (n, c, places), all else (c,), of one dtype."""
    x, mean, slope, shift = map(readable, (x, mean, slope, shift))
    y = np.empty(x.shape, x.dtype)

    def fill(first: int, last: int) -> None:
        _normalise(x, first, last, mean, slope, shift, y)

    for_each_run(fill, x.shape[1], x.size, ENTRIES_A_TASK)
    return y


def normalise_vjp(
    g: Array, x: Array, mean: Array, scale: Array, slope: Array, own: bool
) -> tuple[Array, Array, Array]:
    """The cotangents of x, w and b for y = z · w + b, z = (x − mean) · scale: see `normalise`.

    gw = Σ g·z and gb = Σ g, added up in float64. gx = (g − gb/m − z·gw/m) · slope, of m values a channel;
    g · slope where the mean and the scale are not x's own. slope: scale · w.
    """
    g, x, mean, scale, slope = map(readable, (g, x, mean, scale, slope))
    gx, (gw, gb) = np.empty(x.shape, x.dtype), np.empty((2, x.shape[1]), x.dtype)

    def fill(first: int, last: int) -> None:
        _normalise_vjp(g, x, first, last, mean, scale, slope, own, gx, gw, gb)

    for_each_run(fill, x.shape[1], x.size, ENTRIES_A_TASK)
    return gx, gw, gb
