"""The answers of coursework 1, to compare with: loops, and gradients written out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from minixai.checks.report import Array, CheckError, kind_of
from minixai.course.cw1.nodes import Entry, reachable


def hand_derivatives(x: Array, w: Array, b: int, t: Array) -> list[float]:
    """The derivatives of L = ½·Σ (relu(x·w + b) − t)² with respect to w1, w2 and b, row by row."""
    derivatives = [0.0, 0.0, 0.0]
    for row, target in zip(x.tolist(), t.tolist(), strict=True):
        z = row[0] * int(w[0]) + row[1] * int(w[1]) + b
        if z > 0:
            for k, factor in enumerate((*row, 1)):
                derivatives[k] += (z - target) * factor
    return derivatives


def cotangent_of(nodes: list[Entry], jacobians: dict[Entry, list[Array]], moved: Entry, g: Array) -> Array:
    """The cotangent of `moved`: how it moves all that follows, in float64, then the product with g."""
    size = moved.value.size
    moves: dict[Entry, Array] = {}
    for node in nodes:
        moves[node] = np.eye(size) if node is moved else np.zeros((node.value.size, size))
        for each, jacobian in zip(node._inputs, jacobians[node], strict=True):
            moves[node] = moves[node] + jacobian.astype(float) @ moves[each]
    return (np.ravel(g) @ moves[nodes[-1]]).reshape(moved.value.shape)


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """The cotangent of an array of this shape, which was broadcast to that of g."""
    total = np.zeros(shape, g.dtype)
    new = g.ndim - len(shape)
    for i in np.ndindex(g.shape):
        total[tuple(0 if size == 1 else k for k, size in zip(i[new:], shape, strict=True))] += g[i]
    return total


def matmul_cotangents(g: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """The cotangents of x and y in x @ y, in float64."""
    stack = g.shape[:-2]
    gx, gy = np.zeros((*stack, *x.shape[-2:])), np.zeros((*stack, *y.shape[-2:]))
    full_x, full_y = np.broadcast_to(x, gx.shape), np.broadcast_to(y, gy.shape)
    for *s, m, n in np.ndindex(g.shape):
        for j in range(x.shape[-1]):
            gx[*s, m, j] += float(g[*s, m, n]) * full_y[*s, j, n]
            gy[*s, j, n] += float(g[*s, m, n]) * full_x[*s, m, j]
    return unbroadcast(gx, x.shape), unbroadcast(gy, y.shape)


def descend(
    weights: dict[str, Array], images: Array, targets: Array, rate: float, steps: int
) -> tuple[dict[str, Array], list[float]]:
    """Gradient descent with the gradients written out. targets: (n, k), each row adds up to 1."""
    w1, b1, w2, b2 = weights.values()
    losses = []
    for _ in range(steps):
        hidden = np.maximum(images @ w1 + b1, 0)
        log_p = log_softmax(hidden @ w2 + b2)
        losses.append(-float(np.mean(np.sum(targets * log_p, axis=1))))
        g = (np.exp(log_p) - targets) / len(targets)
        back = (g @ w2.T) * (hidden > 0)
        w1, b1 = w1 - rate * images.T @ back, b1 - rate * back.sum(axis=0)
        w2, b2 = w2 - rate * hidden.T @ g, b2 - rate * g.sum(axis=0)
    return dict(zip(weights, (w1, b1, w2, b2), strict=True)), losses


def index_cotangent(g: Array, shape: tuple[int, ...], index: Any) -> Array:
    """The cotangent, in float64, of an x of this shape in x[index]."""
    gx = [0.0] * math.prod(shape)
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    for place, part in zip(np.ravel(places), np.ravel(g), strict=True):
        gx[place] += float(part)
    return np.reshape(gx, shape)


def log_softmax(x: Array) -> Array:
    """Along the last axis."""
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def tape() -> SimpleNamespace:
    """The coursework's operations on nodes, as its text defines them."""

    def add(a: Entry, b: Entry) -> Entry:
        new = [tuple(range(max(a.value.ndim, b.value.ndim) - each.value.ndim)) for each in (a, b)]
        return Entry(a.value + b.value, (a, b), lambda g: tuple(g.sum(axis=axes) for axes in new))

    def matmul(a: Entry, b: Entry) -> Entry:
        return Entry(a.value @ b.value, (a, b), lambda g: (g @ b.value.T, a.value.T @ g))

    def relu(a: Entry) -> Entry:
        return Entry(np.maximum(a.value, 0), (a,), lambda g: (g * (a.value > 0),))

    def scale(a: Entry, factor: float) -> Entry:
        return Entry(a.value * factor, (a,), lambda g: (g * factor,))

    def mean(a: Entry) -> Entry:
        return Entry(np.mean(a.value), (a,), lambda g: (np.full(a.value.shape, g / a.value.size),))

    def log_softmax_of(a: Entry) -> Entry:
        y = log_softmax(a.value)
        return Entry(y, (a,), lambda g: (g - np.exp(y) * g.sum(axis=-1, keepdims=True),))

    def index(a: Entry, at: Any) -> Entry:
        return Entry(a.value[at], (a,), lambda g: (index_cotangent(g, a.value.shape, at),))

    def backward(output: Entry, g: Any, wrt: Sequence[Entry]) -> list[Array]:
        arrived = {output: np.asarray(g, float)}
        if arrived[output].shape != output.value.shape:
            raise CheckError(f"backward: g is {kind_of(g)}, expected the shape {output.value.shape}")
        for node in sorted_from(output):
            if node.vjp:
                for each, part in zip(node._inputs, node.vjp(arrived[node]), strict=True):
                    arrived[each] = arrived[each] + part if each in arrived else part
        return [arrived[node] if node in arrived else np.zeros_like(node.value) for node in wrt]

    return SimpleNamespace(
        leaf=Entry, add=add, matmul=matmul, relu=relu, scale=scale, mean=mean,
        log_softmax=log_softmax_of, index=index, backward=backward,
    )  # fmt: skip


def sorted_from(output: Entry) -> list[Entry]:
    """Output first, and every node before its inputs."""
    uses = Counter(each for node in reachable(output) for each in node._inputs)
    ready, found = [output], []
    while ready:
        found.append(ready.pop())
        uses.subtract(found[-1]._inputs)
        ready.extend(each for each in dict.fromkeys(found[-1]._inputs) if uses[each] == 0)
    return found
