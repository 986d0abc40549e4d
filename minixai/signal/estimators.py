"""Signal estimators of a linear filter: which part of x does the filter's output y speak of?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Self

import numpy as np

from minixai import kernels, ops
from minixai.arrays import numbers
from minixai.errors import ShapeError
from minixai.settings import finite_number, generator
from minixai.signal.moments import Moments, moments_of
from minixai.signal.patterns import pattern_of
from minixai.tape import Tensor

__all__ = [
    "FilterEstimator",
    "IdentityEstimator",
    "LinearEstimator",
    "RandomEstimator",
    "SignalEstimator",
    "TwoComponentEstimator",
    "ridge",
]


def ridge(x: np.ndarray, y: np.ndarray, l2: float = 0.0) -> tuple[np.ndarray, float]:
    """Fit the linear filter that reads y from x, with an L2 penalty on w and none on b.

    minimise Σᵢ (yᵢ − wᵀxᵢ − b)² + λ‖w‖²:  w = (XᵀX + λI)⁻¹Xᵀy with X and y centred,  b = ȳ − wᵀx̄

    Isotropic noise of standard deviation σ adds Nσ²·I to XᵀX (in expectation), so it shrinks and turns w
    as λ = Nσ² does. Where XᵀX + λI is singular, w is the shortest of the minimisers.

    Args:
        x: (n, d), n at least 2.
        y: (n,).
        l2: λ, at least 0, in units of x².

    Returns:
        w (d,) float64 and b, a float.

    Raises:
        ShapeError: x is not (n, d) with n ≥ 2, or y is not (n,).
        ValueError: x or y is not finite, or λ is negative or not finite.
    """
    x, y = _samples("ridge", x, y, least=2)
    l2 = finite_number("ridge", "l2", l2, least=0)
    mean_x, mean_y = x.mean(axis=0), y.mean()
    d = x.shape[1]
    # The penalty as d more rows: better conditioned than the normal equations, and fit for singular ones.
    rows = np.vstack([x - mean_x, np.sqrt(l2) * np.eye(d)])
    targets = np.append(y - mean_y, np.zeros(d))
    w = kernels.product.one_blas_thread(lambda: np.linalg.lstsq(rows, targets)[0])
    return w, float(mean_y - (mean_x * w).sum())


class SignalEstimator(ABC):
    """A signal estimator S of the linear filter y = wᵀx + b: x = S(x) + distractor.

    `fit` learns what S needs from points and the filter's own output on them; `signal` applies S. Where S
    lies along a pattern a with wᵀa = 1, wᵀS(x) = y: the output is that of the signal alone, and what the
    filter makes of the distractor, wᵀ(x − S(x)) = −b, is constant, as the bias cancels its mean. The paper
    has no bias.

    Args:
        w: (d,), the filter.
        b: its bias.

    Raises:
        ShapeError: w is not (d,).

    Kindermans et al. 2017, arXiv 1705.05598, section 3.
    """

    def __init__(self, w: np.ndarray, b: float = 0.0) -> None:
        call = type(self).__name__
        self.w = np.array(numbers(call, "w", w), dtype=np.float64)
        self.b = finite_number(call, "b", b)
        if self.w.ndim != 1:
            raise ShapeError(f"{call}: w has shape {self.w.shape}, expected (d,)")

    def output(self, x: np.ndarray) -> np.ndarray:
        """The filter's output y = wᵀx + b: (n,) float64 for points x (n, d)."""
        return kernels.product.matrix_product(self._points("output", x), self.w[:, None])[:, 0] + self.b

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Learn from points x (n, d) and the filter's own output y (n,) on them, and from them alone.

        Returns the estimator.

        Raises:
            ShapeError: x is not (n, d) with n ≥ 1, or y is not (n,).
            ValueError: x or y is not finite.
        """
        self._learn(*self._checked("fit", x, y), more=False)
        return self

    def partial_fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Learn from more points, as `fit` does: batches give what one `fit` to all gives, to rounding."""
        self._learn(*self._checked("partial_fit", x, y), more=True)
        return self

    @abstractmethod
    def signal(self, x: np.ndarray) -> np.ndarray:
        """The signal S(x): (n, d) float64 for points x (n, d)."""

    def _learn(self, x: np.ndarray, y: np.ndarray, more: bool) -> None:  # noqa: B027 (some learn nothing)
        """Learn from checked points, more of them or others."""

    def _points(self, call: str, x: np.ndarray) -> np.ndarray:
        call, d = f"{type(self).__name__}.{call}", len(self.w)
        x = numbers(call, "x", x).astype(np.float64, copy=False)
        if x.ndim != 2 or x.shape[1] != d:
            raise ShapeError(f"{call}: x has shape {x.shape}, expected (n, {d}) as w is ({d},)")
        return x

    def _checked(self, call: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _samples(f"{type(self).__name__}.{call}", self._points(call, x), y)


class IdentityEstimator(SignalEstimator):
    """All of x is signal: S_x(x) = x, which has no one direction. Nothing is learned.

    Kindermans et al. 2017, arXiv 1705.05598.
    """

    def signal(self, x: np.ndarray) -> np.ndarray:
        """The signal S_x(x) = x: (n, d) float64, a copy of the points x (n, d)."""
        return self._points("signal", x).copy()


class _AlongPattern(SignalEstimator):
    """An estimator with one direction, its pattern (d,)."""

    pattern: np.ndarray

    def signal(self, x: np.ndarray) -> np.ndarray:
        """The signal S(x) = pattern·(wᵀx + b): (n, d) float64 for points x (n, d).

        Raises:
            RuntimeError: the pattern is not fitted yet.
        """
        return np.outer(self.output(x), self.pattern)


class RandomEstimator(_AlongPattern):
    """The signal lies anywhere: S(x) = u·(wᵀx + b) / (wᵀu), u ~ N(0, I). Nothing is learned.

    The baseline: a filter of d weights and a random direction tell next to nothing of each other. A filter
    of zeros has the pattern 0.

    Args:
        w: (d,), the filter.
        b: its bias.
        seed: of u.

    Kindermans et al. 2017, arXiv 1705.05598.
    """

    def __init__(self, w: np.ndarray, b: float = 0.0, seed: int = 0) -> None:
        super().__init__(w, b)
        self.pattern = _scaled(
            generator("RandomEstimator", "seed", seed).standard_normal(self.w.shape), self.w
        )


class FilterEstimator(_AlongPattern):
    """The signal lies along the filter: S_w(x) = w·(wᵀx + b) / (wᵀw). Nothing is learned.

    A filter of zeros has the pattern 0.

    Kindermans et al. 2017, arXiv 1705.05598.
    """

    def __init__(self, w: np.ndarray, b: float = 0.0) -> None:
        super().__init__(w, b)
        self.pattern = _scaled(self.w, self.w)


class _Fitted(SignalEstimator):
    """An estimator whose patterns come from moments of the points and their outputs."""

    by_sign: bool
    _moments: Moments | None = None

    def _learn(self, x: np.ndarray, y: np.ndarray, more: bool) -> None:
        node = ops.linear(Tensor(x), Tensor(self.w[None])).node
        assert node is not None
        moments = moments_of(replace(node, value=y[:, None]), self.by_sign)
        if more and self._moments is not None:
            self._moments.add(moments)
        else:
            self._moments = moments

    def _pattern(self, kind: str) -> np.ndarray:
        if self._moments is None:
            raise RuntimeError(f"{type(self).__name__}: there is no pattern yet, call fit(x, y) first")
        return pattern_of(self._moments, self.w[None], kind)[0]


class LinearEstimator(_Fitted, _AlongPattern):
    """The signal is what varies with the output: S_a(x) = a·(wᵀx + b), a = cov[x, y] / var[y].

    y is the filter's own output, so wᵀa = 1 and var[y] = wᵀcov[x, y], which is what cov[x, y] is divided by
    (see `pattern_of`). Given the labels that w was fitted to in y's place, the pattern has the same direction
    after plain least squares, another after an L2 penalty. A constant output has the pattern 0.

    Kindermans et al. 2017, arXiv 1705.05598, eq. 4; Haufe et al. 2014, NeuroImage 87, theorem 1.
    """

    by_sign = False

    @property
    def pattern(self) -> np.ndarray:  # type: ignore[override]
        """The pattern a (d,) float64; RuntimeError before the first fit."""
        return self._pattern("linear")


class TwoComponentEstimator(_Fitted):
    """One pattern where the output is positive, one elsewhere: S_a±(x) = a₊·y for y > 0, else a₋·y.

    a₊ = (E₊[xy] − E₊[x]·m) / wᵀ(E₊[xy] − E₊[x]·m), E₊ the mean over the points with y > 0; a₋ alike, over
    the others. m is E[y] over *all* points, as in the paper, or with `centred` E₊[y] and E₋[y], so that each
    pattern is its own cov[x, y] / var[y].

    They differ where the distractor has a mean. In the toy model x = a_s·y + a_d·ε with E[ε] = μ and
    y ~ U(−1, 1), the paper's are a₊ = a_s + 1.5μ·a_d and a₋ = a_s − 1.5μ·a_d, which is a_s for μ = 0 only;
    the centred ones are a_s for every μ.

    Here y = wᵀx + b, both where the points are parted and as the pattern's factor, so the signal passes
    through 0 where the output does. The paper has no bias, and its patterns leave nothing of y in the
    distractor; with a bias they leave cov[x − S(x), y] = −b·π₊(E₊[y] − E[y])·(a₊ − a₋), π₊ being the share
    of the points with y > 0; `evaluate.quality` therefore takes wᵀx for the factor. A regime without points
    has the pattern 0 (see `pattern_of`).

    Args:
        w: (d,), the filter.
        b: its bias.
        centred: take the mean of y over each regime instead of over all points.

    Kindermans et al. 2017, arXiv 1705.05598, the equation of S_a±.
    """

    by_sign = True

    def __init__(self, w: np.ndarray, b: float = 0.0, centred: bool = False) -> None:
        super().__init__(w, b)
        self.centred = centred

    @property
    def positive(self) -> np.ndarray:
        """The pattern a₊ (d,) float64 of outputs y > 0; RuntimeError before the first fit."""
        return self._pattern("positive_centred" if self.centred else "positive")

    @property
    def negative(self) -> np.ndarray:
        """The pattern a₋ (d,) float64 of outputs y ≤ 0; RuntimeError before the first fit."""
        return self._pattern("negative_centred" if self.centred else "negative")

    def signal(self, x: np.ndarray) -> np.ndarray:
        """The signal a₊·max(y, 0) + a₋·min(y, 0), y = wᵀx + b: (n, d) float64 for points x (n, d).

        Raises:
            RuntimeError: the patterns are not fitted yet.
        """
        y = self.output(x)
        return np.outer(np.maximum(y, 0), self.positive) + np.outer(np.minimum(y, 0), self.negative)


def _scaled(u: np.ndarray, w: np.ndarray) -> np.ndarray:
    """u / (wᵀu), or 0 where wᵀu is 0."""
    y = (w * u).sum()  # NumPy's sum, for that of BLAS depends on the number of its threads
    return u / y if y else np.zeros_like(u)


def _samples(call: str, x: np.ndarray, y: np.ndarray, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    x, y = (numbers(call, *each).astype(np.float64, copy=False) for each in (("x", x), ("y", y)))
    if x.ndim != 2 or len(x) < least:
        raise ShapeError(f"{call}: x has shape {x.shape}, expected (n, d) with n of at least {least}")
    if y.shape != (len(x),):
        raise ShapeError(f"{call}: y has shape {y.shape}, expected ({len(x)},) as x is {x.shape}")
    for name, array in (("x", x), ("y", y)):
        if not np.isfinite(array).all():
            raise ValueError(f"{call}: {name} holds NaN or infinity, expected finite numbers")
    return x, y
