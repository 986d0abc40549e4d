"""What was measured of ρ: the table, its intervals and its picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minixai.columns import aligned, interval
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["SAMPLES", "Quality", "mean_over_units"]

SAMPLES = {"all": "ρ over all samples", "active": "ρ₊ over the samples with y > 0"}
LEVEL = 0.95  # of the bootstrap intervals


@dataclass(frozen=True, eq=False, repr=False)
class Quality:
    """ρ(S) of several estimators by layer; prints as a table of the means over units.

    estimators, ridges: what was measured. samples: "all", or "active" for ρ₊. images: it was tested on.
    units: {layer: (u,)}, the numbers of the units that were measured.
    rho: {layer: (ridges, estimators, u)} float64; NaN where it is undefined.
    resampled: (layers, draws, ridges, estimators), the means over units for redrawn test images.
    """

    estimators: tuple[str, ...]
    ridges: tuple[float, ...]
    samples: str
    images: int
    units: dict[str, np.ndarray]
    rho: dict[str, Array]
    resampled: Array

    def means(self) -> tuple[Array, Array, Array]:
        """The means over the units where ρ is defined: (mean, low, high), each (layers, ridges, estimators).

        low and high are the 95 % percentile bootstrap interval over the test images, the patterns and v as
        they are.
        """
        return _with_interval(np.stack([mean_over_units(rho) for rho in self.rho.values()]), self.resampled)

    def difference(self, one: str, other: str) -> tuple[Array, Array, Array]:
        """ρ of one estimator less that of another, paired: (mean, low, high), each (layers, ridges)."""
        for name in (one, other):
            if name not in self.estimators:
                measured = ", ".join(self.estimators)
                raise ValueError(f"Quality.difference: {name!r} was not measured, expected one of {measured}")
        i, j = self.estimators.index(one), self.estimators.index(other)
        mean, resampled = self.means()[0], self.resampled
        return _with_interval(mean[..., i] - mean[..., j], resampled[..., i] - resampled[..., j])

    @property
    def heading(self) -> str:
        """What was measured."""
        intervals = f"{100 * LEVEL:.0f} % bootstrap intervals"
        return f"{SAMPLES[self.samples]}, mean over units; {self.images:,} test images, {intervals}"

    def __repr__(self) -> str:
        rows = [("layer", "units", "ridge", *self.estimators)]
        for (name, rho), *of_layer in zip(self.rho.items(), *self.means(), strict=True):
            units = str(np.isfinite(rho).any(axis=(0, 1)).sum())
            for ridge, *of_ridge in zip(self.ridges, *of_layer, strict=True):
                rows.append((name, units, f"{ridge:g}", *map(_cell, *of_ridge)))
        return f"{self.heading}\n{aligned(rows)}"

    def plot(self, title: str = "") -> Picture:
        """Draw the means with their intervals: over the layers, or a panel a layer over several ridges."""
        from minixai.plot.quality import by_layer, by_ridge

        means = self.means()
        if len(self.ridges) == 1:
            series = {name: [a[:, 0, i] for a in means] for i, name in enumerate(self.estimators)}
            return by_layer(list(self.rho), series, title, self.heading)
        series = {name: [a[..., i] for a in means] for i, name in enumerate(self.estimators)}
        return by_ridge(list(self.rho), np.array(self.ridges), series, title, self.heading)


def mean_over_units(rho: Array) -> Array:
    """The mean over the units, the last axis, where they are defined; NaN where none is."""
    defined = np.isfinite(rho)
    with np.errstate(invalid="ignore"):
        mean: Array = np.where(defined, rho, 0).sum(axis=-1) / defined.sum(axis=-1)
    return mean


def _with_interval(mean: Array, resampled: Array) -> tuple[Array, Array, Array]:
    """With the interval of what was resampled, (layers, draws, …)."""
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return mean, low, high


def _cell(mean: float, low: float, high: float) -> str:
    return "undefined" if np.isnan(mean) else interval((mean, low, high))
