"""The answers of coursework 3, to compare with: one pixel after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minixai.checks.report import Array
from minixai.tape import Node, Rule


def through_gates(g: Array, f: Array, forward: bool, backward_: bool) -> Array:
    """g where the gates that are there are open: the forward one where f > 0, the other where g > 0."""
    gx = np.zeros_like(g)
    for at in np.ndindex(g.shape):
        if (f[at] > 0 or not forward) and (g[at] > 0 or not backward_):
            gx[at] = g[at]
    return gx


def at_switches(g: Array, x: Array, switches: Array) -> Array:
    """Unpooling: every value of g at its window's switch."""
    gx = np.zeros(x.shape, g.dtype)
    for n, c, i, j in np.ndindex(g.shape):
        gx[n, c].reshape(-1)[switches[n, c, i, j]] += g[n, c, i, j]
    return gx


def at_centres(g: Array, x: Array, windows: tuple[int, ...]) -> Array:
    """Unpooling: every value of g at its window's centre; windows: kernel, stride, padding."""
    kernel, stride, padding = windows
    gx = np.zeros(x.shape, g.dtype)
    for n, c, i, j in np.ndindex(g.shape):
        row, column = (k * stride - padding + kernel // 2 for k in (i, j))
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:  # not always, where it is a mistake
            gx[n, c, row, column] += g[n, c, i, j]
    return gx


def three_maps(x: Array, w1: Array, w2: Array) -> dict[str, Array]:
    """By name, each rule's map of w2·relu(w1 x)."""
    gates = {"gradient": (True, False), "DeConvNet": (False, True), "guided": (True, True)}
    return {name: through_gates(w2, w1 @ x, *both) @ w1 for name, both in gates.items()}


def places_of(plane: Array, where: Any) -> list[tuple[int, int]]:
    """The rows and columns that start_at's place means in a map."""
    if where is None:
        return list(np.ndindex(plane.shape))
    if where == "max":
        best = (0, 0)
        for place in np.ndindex(plane.shape):
            if plane[place] > plane[best]:
                best = place
        return [best]
    return [where]


def gated_rule(forward: bool, backward_: bool) -> Rule:
    """The rule of ReLU with these gates."""

    def rule(g: Array, node: Node) -> tuple[Array]:
        return (through_gates(g, node.arrays[0], forward, backward_),)

    return rule


def receptive_field(
    windows: Sequence[tuple[int, ...]], place: Sequence[int], size: Sequence[int], cut: bool = True
) -> list[int]:
    """[top, bottom, left, right] of what a unit sees; cut: at the image's border."""
    edges = []
    for at, length in zip(place, size, strict=True):
        needed = {at}
        for kernel, stride, padding in reversed(windows):
            needed = {n * stride - padding + tap for n in needed for tap in range(kernel)}
        inside = [n for n in needed if 0 <= n < length or not cut] or [0]
        edges += [min(inside), max(inside) + 1]
    return edges


def correlation(a: Array, b: Array) -> float:
    """nan where a or b is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return cosine(a - a.mean(), b - b.mean())


def cosine(a: Array, b: Array) -> float:
    """nan where a or b is zero."""
    norms = np.sqrt(np.sum(a * a) * np.sum(b * b))
    return float(np.sum(a * b) / norms) if norms else np.nan
