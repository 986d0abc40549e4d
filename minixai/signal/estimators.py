"""Signal estimators of a linear filter: which part of x does the filter's output y speak of?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np

from minixai.errors import ShapeError

CONSTANT = 1e-12  # an output that varies by less than this share of its size is constant


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
    x, y = _samples("ridge", x, y)
    if not (np.isfinite(l2) and l2 >= 0):
        raise ValueError(f"ridge: l2 is {l2}, expected a finite number of at least 0")
    mean_x, mean_y = x.mean(axis=0), y.mean()
    d = x.shape[1]
    # The penalty as d more rows: better conditioned than the normal equations, and fit for singular ones.
    rows = np.vstack([x - mean_x, np.sqrt(l2) * np.eye(d)])
    w = np.linalg.lstsq(rows, np.append(y - mean_y, np.zeros(d)))[0]
    return w, float(mean_y - mean_x @ w)


class SignalEstimator(ABC):
    """A signal estimator S of the linear filter y = wᵀx + b: x = S(x) + distractor.

    `fit` learns what S needs from points and the filter's own output on them; `signal` applies S.

    Args:
        w: (d,), the filter.
        b: its bias.

    Raises:
        ShapeError: w is not (d,).
    """

    def __init__(self, w: np.ndarray, b: float = 0.0) -> None:
        self.w = np.asarray(w, dtype=np.float64)
        self.b = float(b)
        if self.w.ndim != 1:
            raise ShapeError(f"{type(self).__name__}: w has shape {self.w.shape}, expected (d,)")

    def output(self, x: np.ndarray) -> np.ndarray:
        """The filter's output y = wᵀx + b: (n,) float64 for points x (n, d)."""
        return self._points("output", x) @ self.w + self.b

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Learn from points x (n, d) and the filter's output y (n,) on them; returns the estimator."""
        return self

    @abstractmethod
    def signal(self, x: np.ndarray) -> np.ndarray:
        """The signal S(x): (n, d) float64 for points x (n, d)."""

    def _points(self, call: str, x: np.ndarray) -> np.ndarray:
        x, d = np.asarray(x, dtype=np.float64), len(self.w)
        if x.ndim != 2 or x.shape[1] != d:
            call = f"{type(self).__name__}.{call}"
            raise ShapeError(f"{call}: x has shape {x.shape}, expected (n, {d}) as w is ({d},)")
        return x


class IdentityEstimator(SignalEstimator):
    """All of x is signal: S_x(x) = x, which has no one direction.

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
        if not hasattr(self, "pattern"):
            raise RuntimeError(f"{type(self).__name__}.signal: there is no pattern yet, call fit(x, y) first")
        return np.outer(self.output(x), self.pattern)


class FilterEstimator(_AlongPattern):
    """The signal lies along the filter: S_w(x) = w·(wᵀx + b) / (wᵀw). Nothing is learned.

    A filter of zeros has the pattern 0.

    Kindermans et al. 2017, arXiv 1705.05598.
    """

    def __init__(self, w: np.ndarray, b: float = 0.0) -> None:
        super().__init__(w, b)
        norm2 = self.w @ self.w
        self.pattern = self.w / norm2 if norm2 else np.zeros_like(self.w)


class LinearEstimator(_AlongPattern):
    """The signal is what varies with the output: S_a(x) = a·(wᵀx + b), a = cov[x, y] / var[y].

    y is the filter's own output, so wᵀa = 1. The pattern of the labels that w was fitted to has the same
    direction after plain least squares, another after an L2 penalty. A constant output has the pattern 0.

    Kindermans et al. 2017, arXiv 1705.05598; Haufe et al. 2014, NeuroImage 87, theorem 1.
    """

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Learn the pattern a = cov[x, y] / var[y] from points x (n, d) and the filter's output y (n,).

        Raises:
            ShapeError: x is not (n, d) with n ≥ 2, or y is not (n,).
            ValueError: x or y is not finite.
        """
        x, y = _samples("LinearEstimator.fit", self._points("fit", x), y)
        centred = y - y.mean()
        if np.abs(centred).max() <= CONSTANT * np.abs(y).max():
            self.pattern = np.zeros_like(self.w)
        else:
            self.pattern = (x - x.mean(axis=0)).T @ centred / (centred @ centred)
        return self


def _samples(call: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise ShapeError(f"{call}: x has shape {x.shape}, expected (n, d) with n of at least 2")
    if y.shape != (len(x),):
        raise ShapeError(f"{call}: y has shape {y.shape}, expected ({len(x)},) as x is {x.shape}")
    for name, array in (("x", x), ("y", y)):
        if not np.isfinite(array).all():
            raise ValueError(f"{call}: {name} holds NaN or infinity, expected finite numbers")
    return x, y
