"""The answers of coursework 6, to compare with: one unit, one patch after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minixai.checks.report import Array
from minixai.tape import Node


def scaled(d: Array, w: Array) -> Array:
    """The patterns along d with wᵀa = 1, zero where wᵀd = 0."""
    patterns = np.zeros_like(d)
    for k in range(len(d)):
        wd = sum(w[k].ravel()[i] * d[k].ravel()[i] for i in range(d[k].size))
        if wd != 0:
            patterns[k] = d[k] / wd
    return patterns


def walked(g: Array, matrix: Array, node: Node) -> Array:
    """The sum over all units of g times the unit's row of the matrix, put where the unit's inputs are."""
    x = node.arrays[0]
    if matrix.ndim == 2:
        gx = np.zeros(x.shape)
        for n, j, i in np.ndindex(len(g), *matrix.shape):
            gx[n, i] += g[n, j] * matrix[j, i]
        return gx.astype(x.dtype)
    (sh, sw), (ph, pw), (dh, dw) = (_pair(node.params[name]) for name in ("stride", "padding", "dilation"))
    groups = node.params["groups"]
    units, channels, height, width = matrix.shape
    padded = np.zeros((*x.shape[:2], x.shape[2] + 2 * ph, x.shape[3] + 2 * pw))
    for n, j, r, q in np.ndindex(*g.shape):
        first = j // (units // groups) * channels
        rows = slice(r * sh, r * sh + (height - 1) * dh + 1, dh)
        columns = slice(q * sw, q * sw + (width - 1) * dw + 1, dw)
        padded[n, first : first + channels, rows, columns] += g[n, j, r, q] * matrix[j]
    return padded[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]].astype(x.dtype)


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


def curve(
    predict: Callable[[Array], Array],
    x: Array,
    heat: Array,
    target: Array,
    patch: int,
    fill: Any,
    one: bool = False,
    larger: bool = False,
    by_rows: bool = False,
    logits: bool = False,
) -> Array:
    """The curves (n, 1 + patches); the last four arguments are mistakes."""
    n, _, height, width = x.shape
    rows, columns = height // patch, width // patch

    def windows(divisor: int) -> list[tuple[slice, ...]]:
        places = [(k // divisor * patch, k % divisor * patch) for k in range(rows * columns)]
        return [np.s_[:, r : r + patch, q : q + patch] for r, q in places]

    ranked, replaced = windows(columns), windows(rows if by_rows else columns)
    curves = np.zeros((n, 1 + len(ranked)))
    for i in range(n):
        relevance = [float(heat[i][window].sum()) for window in ranked]
        image = x[i].copy()
        order = sorted(range(len(ranked)), key=lambda k: (-relevance[k], -k if larger else k))
        curves[i, 0] = _probability(predict(image[None])[0], target[i], logits)
        for step, k in enumerate(order, 1):
            if one:
                image = x[i].copy()
            part = image[replaced[k]]
            pixels = max(part[0].size, 1)  # 0 where a wrong number lies outside the image
            means = part.sum(axis=(1, 2), keepdims=True) / pixels
            image[replaced[k]] = {"mean": means, "one mean": means.mean()}.get(fill, fill)
            curves[i, step] = _probability(predict(image[None])[0], target[i], logits)
    return curves


def _probability(y: Array, target: int, logits: bool) -> float:
    p = np.exp(y - max(y))
    return float(y[target] if logits else p[target] / sum(p))
