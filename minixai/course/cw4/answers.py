"""The answers of coursework 4, to compare with: one claim after the other, of a layer that is a matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minixai.checks.report import Answer, Array

Shared = tuple[Array, dict[str, Array]]  # relevance, leaks
Step = tuple[str, Callable[[Array], Array], Callable[[Array, Array], Shared]]  # name, forward, rule


class Layer(NamedTuple):
    """A layer z = op(x, w) + b, what arrives at it, and the matrix that stands for op and w."""

    name: str
    op: Answer
    x: Array
    w: Array
    b: Any  # broadcasts to z
    r: Array  # of z's shape
    matrix: Array  # (outputs, inputs)

    def claims(self, x: Any = None) -> Array:
        """(n, outputs, inputs): x_i·w_ij."""
        x = np.broadcast_to(self.x if x is None else x, self.x.shape)
        return x.reshape(len(x), 1, -1) * self.matrix

    def biases(self) -> Array:
        """(n, outputs)."""
        return np.broadcast_to(self.b, self.r.shape).reshape(len(self.r), -1)


def share(layer: Layer, q: Array, others: Mapping[str, Array], scale: float = 1.0) -> Shared:
    """Σ_j q_ij / (Σ_i q_ij + others_j) · scale·R_j, and what the others get, and zero denominators."""
    relevance = np.zeros((len(q), q.shape[2]))
    leaks = {reason: np.zeros(len(q)) for reason in [*others, "zero"]}
    for n, j in np.ndindex(*q.shape[:2]):
        r = scale * layer.r[n].flat[j]
        z = q[n, j].sum() + sum(other[n, j] for other in others.values())
        if z == 0:
            leaks["zero"][n] += r
            continue
        relevance[n] += q[n, j] / z * r
        for reason, other in others.items():
            leaks[reason][n] += other[n, j] / z * r
    return relevance.reshape(layer.x.shape), leaks


def shared_out(layer: Layer, parts: Array) -> Array:
    """Σ_j part_ij·R_j."""
    r = layer.r.reshape(len(parts), -1)
    return np.einsum("nji,nj->ni", parts, r).reshape(layer.x.shape)


def epsilon_rule(layer: Layer, epsilon: float) -> Shared:
    """The shares of the claims, the bias and ε·sign z."""
    q, b = layer.claims(), layer.biases()
    return share(layer, q, {"bias": b, "epsilon": epsilon * sign(q.sum(2) + b)})


def two_shares(layer: Layer, *parts: tuple[float, Array, Array]) -> Shared:
    """The sum of two shares, each with its scale, claims and bias."""
    (up, up_leaks), (down, down_leaks) = (share(layer, q, {"bias": b}, scale=scale) for scale, q, b in parts)
    return up + down, {reason: up_leaks[reason] + down_leaks[reason] for reason in up_leaks}


def walk(
    steps: Sequence[Step], inputs: Sequence[Array], r: Array
) -> tuple[Array, list[tuple[str, Array, Array, Any]]]:
    """The relevance of the first input, and for each step its name, what came, was passed on, leaked."""
    rows = []
    for (name, _, rule), x in zip(reversed(steps), reversed(inputs), strict=True):
        came, (r, leaks) = r, rule(x, r)
        rows.append((name, per_image(came), per_image(r), leaks))
    return r, rows


def removal(
    score: Callable[[Array], Array],
    x: Array,
    relevance: Array,
    counts: Sequence[int],
    fill: float,
    last: bool = False,
) -> Array:
    """The scores (n, counts) without the most relevant pixels; last: without the last of them, a mistake."""
    scores = np.zeros((len(x), len(counts)))
    for n, k in np.ndindex(*scores.shape):
        order = sorted(range(x[n].size), key=lambda i, n=n: (-relevance[n].flat[i], i))  # type: ignore[misc]
        image = x[n].copy()
        for i in order[max(counts[k] - 1, 0) if last else 0 : counts[k]]:
            image.flat[i] = fill
        scores[n, k] = score(image[None])[0]
    return scores


def sign(z: Array) -> Array:
    """−1 or +1; that of 0 is +1."""
    return np.where(z >= 0, 1.0, -1.0)


def plus(x: Array) -> Array:
    """x⁺."""
    return np.maximum(x, 0)


def minus(x: Array) -> Array:
    """x⁻."""
    return np.minimum(x, 0)


def per_image(a: Array) -> Array:
    """The sum over all axes but the first."""
    return a.reshape(len(a), -1).sum(axis=1)
