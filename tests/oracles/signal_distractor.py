"""Ridge regression and the linear pattern in two dimensions, by the formulas, one point at a time."""

from __future__ import annotations

from collections.abc import Sequence

Points = Sequence[Sequence[float]]


def ridge(x: Points, y: Sequence[float], l2: float) -> tuple[tuple[float, float], float]:
    """w = (XᵀX + λI)⁻¹Xᵀy of the centred data, by Cramer's rule, and b = ȳ − wᵀx̄."""
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
    """a = (E[xy] − E[x]E[y]) / (E[y²] − E[y]²)."""
    n = len(x)
    mean_y = sum(y) / n
    variance = sum(v * v for v in y) / n - mean_y**2
    a = []
    for d in range(2):
        mean_xy = sum(p[d] * v for p, v in zip(x, y, strict=True)) / n
        a.append((mean_xy - sum(p[d] for p in x) / n * mean_y) / variance)
    return a[0], a[1]
