"""Moments of the input x and the output y of linear units, over samples that come batch by batch.

A sample is what a unit sees at once: a row of a dense layer's input, or a patch of a convolution's, at
every place. All that a pattern needs are sums over samples of some number times x, and such a sum is the
operation's own VJP with respect to its weight: one path for any stride, padding, dilation and groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["Moments", "moments_of"]

WEIGHTS_AT_A_TIME = 1 << 20  # weights of a dense layer whose sums are made at a time: they stay in the cache


@dataclass
class Moments:
    """Sums for k linear units over all samples (x, y); float64, those of a single batch may be float32.

    count: the number of samples. mean_y: (k,), ȳ. square_y: (k,), Σ (y − ȳ)².
    positive_count: (k,), the number of samples with y > 0. positive_y: (k,), Σ (y − ȳ) over them.
    sum_x: (groups, …), Σ x, the same for all units of a group.
    cross: Σ x·(y − ȳ), of the weight's shape: {"linear": over all samples}, or {"positive": over those
        with y > 0, "negative": over the others}.
    positive_x: Σ x over the samples with y > 0, of the weight's shape; None where cross is "linear".
    """

    count: int
    mean_y: Array
    square_y: Array
    positive_count: Array
    positive_y: Array
    sum_x: Array
    cross: dict[str, Array]
    positive_x: Array | None = None

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """All arrays by name, those of `cross` as "cross.linear" and so on."""
        for name, value in vars(self).items():
            if name == "cross":
                yield from ((f"cross.{kind}", array) for kind, array in value.items())
            elif isinstance(value, np.ndarray):
                yield name, value

    @staticmethod
    def empty(weight_shape: tuple[int, ...], groups: int = 1, by_sign: bool = True) -> Moments:
        """Those of no sample, to which others are added."""
        mean_y, square_y, positive_count, positive_y = np.zeros((4, weight_shape[0]))
        sum_x = np.zeros((groups, *weight_shape[1:]))
        kinds = ("positive", "negative") if by_sign else ("linear",)
        cross: dict[str, Array] = {kind: np.zeros(weight_shape) for kind in kinds}
        positive_x = np.zeros(weight_shape) if by_sign else None
        return Moments(0, mean_y, square_y, positive_count, positive_y, sum_x, cross, positive_x)

    @staticmethod
    def from_arrays(count: int, arrays: Mapping[str, Array]) -> Moments:
        """Put together again what `arrays` gave; float64 copies."""
        return Moments._put_together(
            count, {name: np.array(array, np.float64, order="C") for name, array in arrays.items()}
        )

    @staticmethod
    def _put_together(count: int, arrays: Mapping[str, Array]) -> Moments:
        cross = {name.removeprefix("cross."): a for name, a in arrays.items() if name.startswith("cross.")}
        rest: dict[str, Any] = {name: a for name, a in arrays.items() if not name.startswith("cross.")}
        return Moments(count, cross=cross, **rest)

    def copy(self) -> Moments:
        """The same in float64, sharing no memory."""
        return Moments.from_arrays(self.count, dict(self.arrays()))

    def add(self, other: Moments) -> None:
        """Take in another's samples, by the update of Chan, Golub and LeVeque (1979).

        ȳ moves, and a sum of x·(y − ȳ) by that move times Σ x: nothing large is ever subtracted.
        Raises ShapeError where the shapes or the kinds differ.
        """
        mine, its = ({name: array.shape for name, array in m.arrays()} for m in (self, other))
        if mine != its:
            raise ShapeError(f"Moments.add: other has arrays {its}, expected {mine}")
        count = self.count + other.count
        step = other.mean_y - self.mean_y
        mean = self.mean_y + step * (other.count / count)
        shift, other_shift = self.mean_y - mean, other.mean_y - mean
        add = kernels.moments.add_linear if self.positive_x is None else kernels.moments.add_by_sign
        add(self._sums(), other._sums(), shift, other_shift)
        self.sum_x += other.sum_x
        self.square_y += other.square_y + step**2 * (self.count * other.count / count)
        self.positive_y += other.positive_y + self.positive_count * shift + other.positive_count * other_shift
        self.positive_count += other.positive_count
        self.mean_y[:] = mean
        self.count = count

    def add_call(self, node: Node) -> None:
        """Take in one call of a layer, some units at a time where it has many weights."""
        step = (
            len(self.mean_y) if node.value.ndim > 2 else max(1, WEIGHTS_AT_A_TIME // node.arrays[0][0].size)
        )
        for first in range(0, len(self.mean_y), step):
            units = slice(first, first + step)
            part = self._of(units)
            part.add(moments_of(node, self.positive_x is not None, units))
        self.count, self.sum_x = part.count, part.sum_x

    def _of(self, units: slice) -> Moments:
        """Views of the sums of some units, and a copy of those that all share."""
        arrays = {name: array if name == "sum_x" else array[units] for name, array in self.arrays()}
        return Moments._put_together(self.count, {**arrays, "sum_x": self.sum_x.copy()})

    def merge(self, other: Moments) -> Moments:
        """The moments of the samples of both."""
        both = self.copy()
        both.add(other)
        return both

    def _sums(self) -> tuple[Array, ...]:
        """The sums of vectors, each vector laid out flat."""
        if self.positive_x is None:
            rows = [self.cross["linear"], self.sum_x]
        else:
            rows = [self.cross["positive"], self.cross["negative"], self.positive_x, self.sum_x]
        return tuple(row.reshape(len(row), -1) for row in rows)


def moments_of(node: Node, by_sign: bool = True, units: slice = slice(None)) -> Moments:
    """The moments of one call of a convolution or a dense layer, of its dtype.

    units: of a layer without groups, those that are asked for.
    """
    y = node.value[:, units]
    y = y.reshape(*y.shape[:2], -1)
    n, k, places = y.shape
    groups = node.params.get("groups", 1)
    mean = y.mean(axis=(0, 2), dtype=np.float64)
    # For each group its units' rows, kind after kind, and behind them one of ones, for Σ x.
    rows, (positive_count, positive_y, square_y) = kernels.moments.centred_by_sign(y, mean, groups)
    kinds: tuple[str, ...] = ("positive_x", "positive", "negative")
    if not by_sign:
        of_group = k // groups  # y − ȳ over y > 0 and over the others: one of the two is zero
        rows[:, :, 2 * of_group : -1] += rows[:, :, of_group : 2 * of_group]
        rows, kinds = rows[:, :, 2 * of_group :], ("linear",)
    sums = _weight_vjp(rows, node)

    shape = (k, *node.arrays[1].shape[1:])
    sums = sums.reshape(groups, -1, *shape[1:])
    by_kind = sums[:, :-1].reshape(groups, len(kinds), k // groups, *shape[1:]).swapaxes(0, 1)
    cross = {kind: part.reshape(shape) for kind, part in zip(kinds, by_kind, strict=True)}
    positive_x = cross.pop("positive_x", None)
    return Moments(n * places, mean, square_y, positive_count, positive_y, sums[:, -1], cross, positive_x)


def _weight_vjp(g: Array, node: Node) -> Array:
    """Σ g·x, by the VJP of the operation with a weight for all the rows of g (n, groups, rows, places)."""
    w, outputs = node.arrays[1], g.shape[1] * g.shape[2]
    stand_in = np.broadcast_to(np.zeros((), w.dtype), (outputs, *w.shape[1:]))
    count = len(node.inputs)
    arrays, needs = (node.arrays[0], stand_in, None)[:count], (False, True, False)[:count]
    wider = replace(node, arrays=arrays, needs=needs)
    _, gw, *_ = node.op.vjp(g.reshape(len(g), outputs, *node.value.shape[2:]), wider)
    return np.asarray(gw)
