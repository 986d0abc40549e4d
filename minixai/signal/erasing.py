"""Erasing a concept: x without its signal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.settings import finite_array
from minixai.signal.covariance import pseudo_inverse
from minixai.typing import Array

__all__ = ["Eraser", "eraser", "remove"]

EPS = np.finfo(np.float64).eps
ROUNDING = 1e-20  # of R²: so little of t is in x where it was erased before
SHARED = 1e-10  # of the correlations of what is read: concepts that are combinations of others


def eraser(x: Any, t: Any) -> Eraser:
    """An eraser of what is linearly known of t in x, fitted to x and t.

    x − A Wᵀ(x − μ),  W = Σ_x⁺ σ,  A = Σ_x W Σ_y⁺ = σ (σᵀ Σ_x⁺ σ)⁺,  σ = cov[x, t],  μ = E[x]

    It subtracts the signal S_A(x − μ), A being the joint pattern of the least-squares filters W that read t.
    cov[x − S, t] = 0: no linear model can tell t any more, on these samples. This is LEACE, the smallest such
    change in the mean square. It is also why ρ(S_a) = 1 in-sample: y = Wᵀx is the part of t that x has, and
    nothing linear of it is left in x − S. With as many numbers a sample as samples, or more, it fits chance.

    Args:
        x: (n, …), such as a layer's output; d numbers a sample, of which a (d, d) covariance is kept.
        t: (n,) or (n, k), one or several concepts: whether they are there (0 or 1), or how much. Classes are
            given as k columns of zeros and ones.

    Returns:
        An `Eraser`, which takes more samples with `update`.

    Raises:
        ShapeError: x is not (n, …), or t not (n,) or (n, k).
        TypeError: x or t holds no numbers.
        ValueError: x or t holds NaN or infinity.

    Belrose et al. 2023, arXiv 2306.03819; Haufe et al. 2014, NeuroImage 87, eq. 6.
    """
    return Eraser(_Sums.of("eraser", x, t))


def remove(x: Any, t: Any) -> Array:
    """x less what is linearly known of t in it: `eraser(x, t)(x)`, (n, …) in x's dtype if that is a float."""
    return Eraser(_Sums.of("remove", x, t))(x)


@dataclass
class _Sums:
    """Sums over samples, measured from their means; float64."""

    call: str
    shape: tuple[int, ...]  # of a sample
    count: int
    mean_x: Array  # (d,)
    mean_t: Array  # (k,)
    xx: Array  # (d, d): Σ (x − x̄)(x − x̄)ᵀ
    xt: Array  # (d, k): Σ (x − x̄)(t − t̄)ᵀ
    tt: Array  # (k,): Σ (t − t̄)²

    @staticmethod
    def of(call: str, x: Any, t: Any) -> _Sums:
        """Those of a batch."""
        x, t = finite_array(call, "x", x), finite_array(call, "t", t, np.float64)
        if x.ndim < 2 or x.size == 0:
            raise ShapeError(f"{call}: x has shape {x.shape}, expected (n, …) with n of at least 1")
        if t.ndim not in (1, 2) or len(t) != len(x):
            expected = f"({len(x)},) or ({len(x)}, k) as x is {x.shape}"
            raise ShapeError(f"{call}: t has shape {t.shape}, expected {expected}")
        shape = x.shape[1:]
        x, t = x.reshape(len(x), -1).astype(np.float64), t.reshape(len(t), -1)
        mean_x, mean_t = x.mean(axis=0), t.mean(axis=0)
        x, t = x - mean_x, t - mean_t
        return _Sums(call, shape, len(x), mean_x, mean_t, x.T @ x, x.T @ t, np.square(t).sum(axis=0))

    @property
    def samples(self) -> str:
        """The shape of x, in words."""
        return f"(n, {', '.join(map(str, self.shape))})"

    @property
    def concepts(self) -> str:
        """Their number, in words."""
        return f"{len(self.mean_t)} concept{'s' * (len(self.mean_t) > 1)}"

    def plus(self, call: str, other: _Sums) -> _Sums:
        """Those of both, by the update of Chan, Golub and LeVeque (1979)."""
        if (self.shape, len(self.mean_t)) != (other.shape, len(other.mean_t)):
            raise ShapeError(
                f"{call}: x is {other.samples} with {other.concepts}, "
                f"expected {self.samples} with {self.concepts}"
            )
        count = self.count + other.count
        step_x, step_t = other.mean_x - self.mean_x, other.mean_t - self.mean_t
        part, both = other.count / count, self.count * other.count / count
        return _Sums(
            self.call,
            self.shape,
            count,
            self.mean_x + part * step_x,
            self.mean_t + part * step_t,
            self.xx + other.xx + both * np.outer(step_x, step_x),
            self.xt + other.xt + both * np.outer(step_x, step_t),
            self.tt + other.tt + both * step_t**2,
        )


class Eraser:
    """x ↦ x − S(x), S(x) = A Wᵀ(x − μ): see `signal.eraser`, which makes it."""

    def __init__(self, sums: _Sums) -> None:
        self._sums = sums

    def update(self, x: Any, t: Any) -> Eraser:
        """Take in more samples; batches give what all samples at once give, to rounding. Returns itself."""
        self._sums = self._sums.plus("Eraser.update", _Sums.of("Eraser.update", x, t))
        self.__dict__.pop("_filter_pattern", None)  # of the samples before
        return self

    def merge(self, other: Eraser) -> Eraser:
        """The eraser of the samples of both; ShapeError where they are of other shapes."""
        return Eraser(self._sums.plus("Eraser.merge", other._sums))

    @property
    def count(self) -> int:
        """The number of samples."""
        return self._sums.count

    @property
    def mean(self) -> Array:
        """(…): μ."""
        return self._sums.mean_x.reshape(self._sums.shape)

    @property
    def filter(self) -> Array:
        """(k, …): the least-squares filter of each concept, W = Σ_x⁺ cov[x, t]."""
        return self._filter_pattern[0].reshape(-1, *self._sums.shape)

    @property
    def pattern(self) -> Array:
        """(k, …): their joint patterns, A = Σ_x W Σ_y⁺."""
        return self._filter_pattern[1].reshape(-1, *self._sums.shape)

    @cached_property
    def _filter_pattern(self) -> tuple[Array, Array]:
        sums = self._sums
        if constant := np.flatnonzero(sums.tt <= EPS * sums.count * sums.mean_t**2).tolist():
            raise ValueError(
                f"{sums.call}: concept {constant[0]} of t is constant over {sums.count} samples, "
                "expected some with it and some without"
            )
        w = pseudo_inverse(sums.xx, EPS * len(sums.xx) ** 2) @ sums.xt
        there = np.einsum("dk,dk->k", w, sums.xt) > ROUNDING * sums.tt
        w, xt = w * there, sums.xt * there
        return w.T, pseudo_inverse(w.T @ xt, SHARED) @ xt.T

    def signal(self, x: Any) -> Array:
        """The signal S(x) = A Wᵀ(x − μ): (n, …) float64, of the samples fitted to or of others.

        Raises ShapeError where they have another shape, ValueError where a concept was constant.
        """
        x = finite_array("eraser", "x", x)
        if x.shape[1:] != self._sums.shape or x.ndim < 2:
            raise ShapeError(f"eraser: x has shape {x.shape}, expected {self._sums.samples}")
        w, a = self._filter_pattern
        y = (x.reshape(len(x), -1) - self._sums.mean_x) @ w.T
        return (y @ a).reshape(x.shape)

    def __call__(self, x: Any) -> Array:
        """x − S(x): (n, …) in x's dtype, float64 where that is none of floats."""
        erased = x - self.signal(x)
        dtype = np.asarray(x).dtype
        return erased.astype(dtype if dtype.kind == "f" else np.float64, copy=False)

    def __repr__(self) -> str:
        return f"Eraser({self._sums.concepts} of x {self._sums.samples}, {self.count:,} samples)"
