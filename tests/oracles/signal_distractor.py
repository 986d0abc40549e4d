"""Ridge regression, patterns and the quality criterion, by the formulas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Points = Sequence[Sequence[float]]


def ridge(x: Points, y: Sequence[float], l2: float) -> tuple[tuple[float, float], float]:
    """w = (XᵀX + λI)⁻¹Xᵀy of the centred data, d = 2, by Cramer's rule, and b = ȳ − wᵀx̄."""
    n = len(x)
    m1, m2, my = sum(p[0] for p in x) / n, sum(p[1] for p in x) / n, sum(y) / n
    g11 = g12 = g22 = c1 = c2 = 0.0
    for p, target in zip(x, y, strict=True):
        d1, d2, dy = p[0] - m1, p[1] - m2, target - my
        g11 += d1 * d1
        g12 += d1 * d2
        g22 += d2 * d2
        c1 += d1 * dy
        c2 += d2 * dy
    g11 += l2
    g22 += l2
    determinant = g11 * g22 - g12 * g12
    w1, w2 = (g22 * c1 - g12 * c2) / determinant, (g11 * c2 - g12 * c1) / determinant
    return (w1, w2), my - w1 * m1 - w2 * m2


def linear_pattern(x: Points, y: Sequence[float]) -> tuple[float, float]:
    """a = (E[xy] − E[x]E[y]) / (E[y²] − E[y]²), d = 2."""
    n = len(x)
    mean_y = sum(y) / n
    variance = sum(v * v for v in y) / n - mean_y**2
    a = []
    for d in range(2):
        mean_xy = sum(p[d] * v for p, v in zip(x, y, strict=True)) / n
        a.append((mean_xy - sum(p[d] for p in x) / n * mean_y) / variance)
    return a[0], a[1]


def regime_pattern(
    x: Points, y: Sequence[float], w: Sequence[float], positive: bool, centred: bool
) -> list[float]:
    """a₊ or a₋: (E±[xy] − E±[x]·m) / wᵀ(E±[xy] − E±[x]·m), m = E[y], or E±[y] where centred."""
    own = [i for i in range(len(y)) if (y[i] > 0) == positive]
    m = sum(y[i] for i in own) / len(own) if centred else sum(y) / len(y)
    numerator = []
    for d in range(len(w)):
        mean_xy = sum(x[i][d] * y[i] for i in own) / len(own)
        numerator.append(mean_xy - sum(x[i][d] for i in own) / len(own) * m)
    denominator = sum(w[d] * numerator[d] for d in range(len(w)))
    return [value / denominator for value in numerator]


def rho(x: np.ndarray, signal: np.ndarray, y: np.ndarray) -> float:
    """ρ = 1 − max_v corr(y, vᵀ(x − S)): the best v is the least-squares fit of y, the correlation its R."""
    rest = x - signal
    rest, y = rest - rest.mean(axis=0), y - y.mean()
    fitted = rest @ np.linalg.lstsq(rest, y, rcond=1e-9)[0]
    return float(1 - np.sqrt(fitted @ fitted / (y @ y)))
