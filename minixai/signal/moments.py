"""Moments of the input x and the output y of linear units, over samples that come batch by batch.

A sample is what a unit sees at once: a row of a dense layer's input, or a patch of a convolution's, at
every place. All that a pattern needs are sums over samples of some number times x, and such a sum is the
operation's own VJP with respect to its weight: one path for any stride, padding, dilation and groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minixai import kernels
from minixai.context import apart
from minixai.errors import ShapeError
from minixai.tape import Node, Tensor
from minixai.typing import Array

__all__ = ["Moments", "moments_of"]

FAR = 64  # standard deviations from zero: there float32 has four digits left for what varies
WEIGHTS_AT_A_TIME = 1 << 20  # weights of a dense layer whose sums are made at a time: they stay in the cache


@dataclass
class Moments:
    """Sums for k linear units over all samples (x, y); float64, those of a single call may be float32.

    count: the number of samples. mean_y: (k,), ȳ. square_y: (k,), Σ (y − ȳ)².
    positive_count: (k,), the number of samples with y > 0. positive_y: (k,), Σ (y − ȳ) over them.
    sum_x: (groups, …), Σ x, the same for all units of a group.
    cross: Σ x·(y − ȳ), of the weight's shape: {"linear": over all samples}, or {"positive": over those
        with y > 0, "negative": over the others}.
    positive_x: Σ x over the samples with y > 0, of the weight's shape; None where cross is "linear".
    rounding: (k,), the coarsest of the calls: eps of the dtype in which x times y was summed up. Where it was
        not kept, as in older files, that of float32.
    """

    count: int
    mean_y: Array
    square_y: Array
    positive_count: Array
    positive_y: Array
    sum_x: Array
    cross: dict[str, Array]
    positive_x: Array | None = None
    rounding: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not self.rounding.size:
            self.rounding = np.full(len(self.mean_y), np.finfo(np.float32).eps, np.float64)

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """All arrays by name, those of `cross` as "cross.linear" and so on."""
        for name, value in vars(self).items():
            if name == "cross":
                yield from ((f"cross.{kind}", array) for kind, array in value.items())
            elif isinstance(value, np.ndarray):
                yield name, value

    def over_all(self) -> Array:
        """(k, d): Σ x·(y − ȳ) over all samples."""
        total = sum(self.cross.values(), start=np.zeros(()))
        return total.reshape(len(self.mean_y), -1)

    @staticmethod
    def empty(weight_shape: tuple[int, ...], groups: int = 1, by_sign: bool = True) -> Moments:
        """Those of no sample, to which others are added."""
        mean_y, square_y, positive_count, positive_y, rounding = np.zeros((5, weight_shape[0]))
        sum_x = np.zeros((groups, *weight_shape[1:]))
        kinds = ("positive", "negative") if by_sign else ("linear",)
        cross: dict[str, Array] = {kind: np.zeros(weight_shape) for kind in kinds}
        positive_x = np.zeros(weight_shape) if by_sign else None
        return Moments(0, mean_y, square_y, positive_count, positive_y, sum_x, cross, positive_x, rounding)

    @staticmethod
    def from_arrays(count: int, arrays: Mapping[str, Array]) -> Moments:
        """Put together again what `arrays` gave; float64 copies."""
        copies = {name: np.array(array, np.float64, order="C") for name, array in arrays.items()}
        return Moments._put_together(count, copies)

    @staticmethod
    def _put_together(count: int, arrays: Mapping[str, Array]) -> Moments:
        cross = {name.removeprefix("cross."): a for name, a in arrays.items() if name.startswith("cross.")}
        rest: dict[str, Any] = {name: a for name, a in arrays.items() if not name.startswith("cross.")}
        return Moments(count, cross=cross, **rest)

    def copy(self) -> Moments:
        """The same in float64, sharing no memory."""
        return Moments.from_arrays(self.count, dict(self.arrays()))

    def add(self, other: Moments, origin: Array | None = None) -> None:
        """Take in another's samples, by the update of Chan, Golub and LeVeque (1979).

        ȳ moves, and a sum of x·(y − ȳ) by that move times Σ x: nothing large is ever subtracted.
        origin: of sum_x's shape, what the other's x is measured from; None is zero.
        Raises ShapeError where the shapes or the kinds differ.
        """
        mine, its = ({name: array.shape for name, array in m.arrays()} for m in (self, other))
        if mine != its:
            raise ShapeError(f"Moments.add: other has arrays {its}, expected {mine}")
        origin = np.zeros_like(other.sum_x) if origin is None else origin
        shifts = self._add_outputs(other)
        sums = self._sums(), other._sums(), origin.reshape(len(origin), -1), other.count
        if self.positive_x is None:
            kernels.moments.add_linear(*sums, *shifts)
        else:
            kernels.moments.add_by_sign(*sums, (other.positive_count, other.positive_y), *shifts)
        self.sum_x += other.sum_x + other.count * origin.astype(np.float64)

    def _add_outputs(self, other: Moments) -> tuple[Array, Array]:
        """Take in what the other has of y alone; how far both ȳ were above the new one."""
        count = self.count + other.count
        step = other.mean_y - self.mean_y
        mean = self.mean_y + step * (other.count / count)
        shift, other_shift = self.mean_y - mean, other.mean_y - mean
        self.square_y += other.square_y + step**2 * (self.count * other.count / count)
        self.positive_y += other.positive_y + self.positive_count * shift + other.positive_count * other_shift
        self.positive_count += other.positive_count
        np.maximum(self.rounding, other.rounding, out=self.rounding)
        self.mean_y[:] = mean
        self.count = count
        return shift, other_shift

    def add_call(self, node: Node) -> None:
        """Take in one call of a layer, some units at a time where it has many weights.

        Far from zero float32 holds little of what varies. So a dense layer's x is measured from its mean; not
        that of images, since what lies outside them stays zero: where they are far, all is in float64.
        """
        dense, far, units = node.value.ndim == 2, _is_far(node), len(self.mean_y)
        if far and not dense:
            node = _in_double(node)
        near, origin = _from_mean(node) if dense else (node, None)
        step = max(1, WEIGHTS_AT_A_TIME // node.arrays[0][0].size) if dense else units
        for first in range(0, units, step):
            some = slice(first, first + step)
            part = self._of(some)
            y, mean = _outputs(node, some, far)
            if dense and len(y) == 1:
                part._add_row(node.arrays[0][0], mean)
            else:
                part.add(_of_outputs(near, y, mean, self.positive_x is not None), origin)
        self.count, self.sum_x = part.count, part.sum_x

    def _add_row(self, x: Array, y: Array) -> None:
        """Take in one row x (d,) of a dense layer with outputs y (k,): the sums of one sample are its own."""
        none, active = np.zeros_like(y), (y > 0).astype(y.dtype)
        only = Moments(1, y, none, active, none, x, {}, rounding=none)
        kernels.moments.add_row(self._sums(), x, active, *self._add_outputs(only))
        self.sum_x += x

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


def moments_of(node: Node, by_sign: bool = True) -> Moments:
    """The moments of one call of a convolution or a dense layer."""
    moments = Moments.empty(node.arrays[1].shape, node.params.get("groups", 1), by_sign)
    moments.add_call(node)
    return moments


def _is_far(node: Node) -> bool:
    """Whether an input is so far from zero, beside its spread, that float32 is too coarse for it."""
    x = node.arrays[0]
    if x.dtype == np.float64:
        return False
    mean, spread = kernels.moments.mean_and_spread(_by_place(x))
    typical = np.sqrt(np.mean(spread**2))  # for what never varies, such as a pixel in the corner
    return bool((np.abs(mean) > FAR * np.where(spread > 0, spread, typical)).any())


def _outputs(node: Node, units: slice, far: bool) -> tuple[Array, Array]:
    """y (n, k, places) of some units, and ȳ (k,); in float64 where x, or y, is far from zero."""
    y, (_, _, b) = _by_place(node.value[:, units]), _x_w_b(node)
    mean, spread = kernels.moments.mean_and_spread(y)
    terms = np.abs(mean) + (0 if b is None else np.abs(b[units]))
    coarse = np.flatnonzero(far | (terms > FAR * spread))
    if y.dtype == np.float64 or not coarse.size:
        return y, mean
    if node.params.get("groups", 1) > 1:
        coarse = np.arange(y.shape[1])
    y = y.astype(np.float64)
    y[:, coarse] = _outputs_in_double(node, units.start + coarse)
    mean[coarse] = y[:, coarse].mean(axis=(0, 2))
    return y, mean


def _outputs_in_double(node: Node, units: np.ndarray) -> Array:
    x, w, b = _x_w_b(node)
    if x.ndim > 2:
        return _by_place(_in_double(node, units).value)
    y = kernels.product.rows_dot(x, w, units)  # without a copy of the weight in float64
    return (y if b is None else y + b[units])[:, :, None]


def _in_double(node: Node, units: Any = slice(None)) -> Node:
    """The same call in float64, of some units."""
    x, w, b = _x_w_b(node)
    found = (
        a if a is None else Tensor(a.astype(np.float64))
        for a in (x, w[units], None if b is None else b[units])
    )
    again = apart(lambda: node.op(*found, **node.params).node, recording=True)
    assert again is not None
    return again


def _x_w_b(node: Node) -> tuple[Array, Array, Array | None]:
    """The arrays of a layer; None for the bias that it does not have."""
    x, w, b = (*node.arrays, None)[:3]
    return x, w, b


def _by_place(a: Array) -> Array:
    return a.reshape(*a.shape[:2], -1)


def _from_mean(node: Node) -> tuple[Node, Array]:
    """The same call of a dense layer with x measured from its mean, and that mean (1, d)."""
    x = node.arrays[0]
    origin = x.mean(axis=0, keepdims=True, dtype=np.float64).astype(x.dtype)
    return replace(node, arrays=(x - origin, *node.arrays[1:])), origin


def _of_outputs(node: Node, y: Array, mean: Array, by_sign: bool) -> Moments:
    """The moments of units with outputs y (n, k, places); the sums of x in x's dtype."""
    n, k, places = y.shape
    groups = node.params.get("groups", 1)
    # For each group its units' rows, kind after kind, and behind them one of ones, for Σ x.
    dtype = node.arrays[0].dtype
    rows, (count, positive_y, square_y) = kernels.moments.centred_by_sign(y, mean, groups, dtype)
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
    rounding = np.full(k, np.finfo(dtype).eps)
    return Moments(n * places, mean, square_y, count, positive_y, sums[:, -1], cross, positive_x, rounding)


def _weight_vjp(g: Array, node: Node) -> Array:
    """Σ g·x, by the VJP of the operation with a weight for all the rows of g (n, groups, rows, places)."""
    w, outputs = node.arrays[1], g.shape[1] * g.shape[2]
    stand_in = np.broadcast_to(np.zeros((), w.dtype), (outputs, *w.shape[1:]))
    count = len(node.inputs)
    arrays, needs = (node.arrays[0], stand_in, None)[:count], (False, True, False)[:count]
    wider = replace(node, arrays=arrays, needs=needs)
    _, gw, *_ = node.op.vjp(g.reshape(len(g), outputs, *node.value.shape[2:]), wider)
    return np.asarray(gw)
