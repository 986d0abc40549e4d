"""Units that share their samples: what an estimator says of them, and the sums that ρ is made of."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

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
    active: bool
    signal: Array  # (2, estimators, m, d): a₊ and a₋
    rounding: Array  # (m,): what s varies less than is constant
    solver: Solver
    v: Array = field(init=False)  # (ridges, estimators, m, d); see `solve`
    sums: list[tuple[Array, Array]] = field(default_factory=list)  # over places; see `score`

    def samples(self, x: Array, y: Array, s: Array) -> tuple[Array, np.ndarray]:
        """z (n, places, d + 2m) float64, and which of them count (n, places); x (n, places, c, …)."""
        x, y, s = x[:, :, self.channels].reshape(*y.shape[:2], -1), y[..., self.units], s[..., self.units]
        z = np.concatenate([x, s * (y > 0), s * (y <= 0)], axis=2, dtype=np.float64)
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
    w, groups, layer = node.arrays[1], node.params.get("groups", 1), node.layer or ""
    rng = rng_for(seed, f"units of {layer}")
    chosen = np.sort(rng.permutation(len(w))[:units])
    signal = _signal(w, patterns, estimators, chosen, rng.integers(2**32, size=len(w)))
    group = chosen // (len(w) // groups)
    share = chosen if active else group
    size = np.abs(node.value).reshape(-1, len(w), node.value[0, 0].size).mean(axis=(0, 2))
    rounding = TOLERANCE * np.finfo(w.dtype).eps * size
    for each in np.unique(share):
        mine = share == each
        start = group[mine][0] * w.shape[1]
        channels = slice(start, start + w.shape[1])
        of_mine = signal[:, :, mine]
        yield Cohort(layer, chosen[mine], channels, active, of_mine, rounding[chosen[mine]], solver(of_mine))


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
