"""Units that share their samples: what an estimator says of them, and the sums that ρ is made of."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from minixai import kernels
from minixai.evaluate.criterion.solvers import Solver, parts_of, read_out
from minixai.signal.estimators import FilterEstimator, RandomEstimator
from minixai.signal.patterns import TOLERANCE, LayerPatterns
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["ESTIMATORS", "KINDS", "Cohort", "cohorts_of", "rho_of", "rng_for"]

KINDS = {  # of the patterns a₊ and a₋
    "linear": ("linear", "linear"),
    "two_component": ("positive", "negative"),
    "two_component_centred": ("positive_centred", "negative_centred"),
}
ESTIMATORS = ("random", "filter", *KINDS)


@dataclass(eq=False)
class Cohort:
    """Units of a layer that share their samples: those of a group, or one where only y > 0 counts."""

    layer: str
    units: np.ndarray  # (m,): their numbers
    channels: slice  # of the layer's input
    w: Array  # (m, d) float64
    b: Array  # (m,) float64
    active: bool
    signal: Array  # (2, estimators, m, d): a₊ and a₋
    rounding: Array  # (m,): what s varies less than is constant
    solver: Solver
    v: Array = field(init=False)  # (ridges, estimators, m, d); see `solve`
    sums: list[tuple[Array, Array]] = field(default_factory=list)  # over places; see `score`

    def samples(self, x: Array) -> tuple[Array, np.ndarray]:
        """z (n, places, d + 2m), and which of them count (n, places); x (n, places, c, …).

        s = wᵀx and y anew in float64: far from zero, those of a float32 model are too coarse.
        """
        x = x[:, :, self.channels].reshape(*x.shape[:2], -1).astype(np.float64)
        s = kernels.product.matrix_product(x.reshape(-1, x.shape[2]), self.w.T).reshape(*x.shape[:2], -1)
        y = s + self.b
        z = np.concatenate([x, s * (y > 0), s * (y <= 0)], axis=2)
        return z, y[..., 0] > 0 if self.active else np.ones(y.shape[:2], bool)

    def solve(self) -> None:
        """Fit v to the samples that the solver was given."""
        self.v = self.solver.solution()

    def score(self, z: Array, kept: np.ndarray, more: bool) -> None:
        """Take in test images: Σ 1, s, s² over places (n, 3, m), and Σ p, p², ps (n, 3, ridges,
        estimators, m).

        p = vᵀd̂; both less their means when v was fitted. more: they are those that came last.
        """
        x, above, below = parts_of(z - self.solver.mean, self.signal)
        p, s, one = read_out(self.v, self.signal, x, above, below), above + below, kept[..., None] + 0.0
        of_s = np.stack([(one * power).sum(axis=1) for power in (np.ones_like(s), s, s**2)], axis=1)
        one, s = one[..., None, None], s[:, :, None, None]
        of_p = np.stack([(one * p * factor).sum(axis=1) for factor in (1, p, s)], axis=1)
        if more:
            last_s, last_p = self.sums.pop()
            of_s, of_p = last_s + of_s, last_p + of_p
        self.sums.append((of_s, of_p))

    def by_image(self) -> tuple[Array, ...]:
        """The sums of all test images."""
        return tuple(np.concatenate(batches) for batches in zip(*self.sums, strict=True))


def cohorts_of(
    node: Node,
    patterns: LayerPatterns,
    estimators: tuple[str, ...],
    active: bool,
    units: int | None,
    seed: int,
    solver: Callable[[Array], Solver],
) -> Iterator[Cohort]:
    """The units of a layer that are measured, from one of its calls, and what S says of each."""
    (_, w, b), groups, layer = node.arrays, node.params.get("groups", 1), node.layer or ""
    rng = rng_for(seed, f"units of {layer}")
    chosen = np.sort(rng.permutation(len(w))[:units])
    signal = _signal(w, patterns, estimators, chosen, rng.integers(2**32, size=len(w)))
    group = chosen // (len(w) // groups)
    share = chosen if active else group
    rows = w.reshape(len(w), -1)[chosen].astype(np.float64)
    bias = np.zeros(len(w)) if b is None else b.astype(np.float64)
    size = np.abs(rows).sum(axis=1) * np.abs(node.arrays[0]).max()
    rounding = TOLERANCE * np.finfo(np.float64).eps * size
    for each in np.unique(share):
        mine = share == each
        start = group[mine][0] * w.shape[1]
        channels, of_mine = slice(start, start + w.shape[1]), signal[:, :, mine]
        unit = chosen[mine], channels, rows[mine], bias[chosen[mine]]
        yield Cohort(layer, *unit, active, of_mine, rounding[mine], solver(of_mine))


def rho_of(of_s: Array, of_p: Array, least: Array) -> Array:
    """ρ (…, ridges, estimators, m) from sums as `score` makes them; NaN where s varies no more than least."""
    n, s, ss = np.moveaxis(of_s[..., None, None, :], -4, 0)
    p, pp, ps = np.moveaxis(of_p, -4, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        var_s, var_p, cov = ss / n - (s / n) ** 2, pp / n - (p / n) ** 2, ps / n - p * s / n**2
        correlation = np.where(var_p == 0, 0, cov / np.sqrt(var_s * var_p))
    return np.where(var_s > least**2, 1 - correlation, np.nan)


def rng_for(seed: int, purpose: str, *more: int) -> np.random.Generator:
    """A generator of its own for each purpose."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *more])


def _signal(
    w: Array, patterns: LayerPatterns, estimators: tuple[str, ...], units: np.ndarray, seeds: np.ndarray
) -> Array:
    """(2, estimators, m, d) float64: a₊ and a₋; NaN where there is no such pattern."""
    rows = w.reshape(len(w), -1).astype(np.float64)
    found = []
    for name in estimators:
        if name == "random":
            a = [RandomEstimator(rows[k], seed=int(seeds[k])).pattern for k in units]
        elif name == "filter":
            a = [FilterEstimator(rows[k]).pattern for k in units]
        if name not in KINDS:
            found.append([a, a])
            continue
        missing = np.full(w.shape, np.nan)
        of_kinds = [patterns.by_kind.get(kind, missing) for kind in KINDS[name]]
        found.append([of_kind[units].reshape(len(units), -1) for of_kind in of_kinds])
    return np.array(found, np.float64).swapaxes(0, 1)
