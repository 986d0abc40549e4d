"""v = (cov[d̂, d̂] + λI)⁻¹ cov[d̂, s]: what reads the most of an output from its distractor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minixai import kernels
from minixai.nn import Parameter
from minixai.typing import Array

__all__ = ["Descent", "NormalEquations", "Solver", "parts_of", "read_out"]

NOTHING = 1e-10  # the share of the variance of x below which that of d̂ is rounding


def parts_of(z: Array, signal: Array) -> list[Array]:
    """z as x, s₊ and s₋."""
    d, m = signal.shape[3], signal.shape[2]
    return np.split(z, [d, d + m], axis=-1)


def read_out(v: Array, signal: Array, x: Array, above: Array, below: Array) -> Array:
    """vᵀd̂ = vᵀx − vᵀa₊·s₊ − vᵀa₋·s₋: (…, ridges, estimators, m)."""
    va = (v * signal[:, None]).sum(axis=-1)
    d = x.shape[-1]
    p = kernels.product.matrix_product(x.reshape(-1, d), v.reshape(-1, d).T).reshape(
        *x.shape[:-1], *v.shape[:-1]
    )
    return p - above[..., None, None, :] * va[0] - below[..., None, None, :] * va[1]


class NormalEquations:
    """v from the covariance of z, added up sample by sample (Chan, Golub and LeVeque 1979)."""

    def __init__(self, signal: Array, ridges: tuple[float, ...]) -> None:
        size = signal.shape[3] + 2 * signal.shape[2]
        self.signal, self.ridges = signal, ridges
        self.count, self.mean, self.scatter = 0, np.zeros(size), np.zeros((size, size))

    def add(self, z: Array) -> None:
        """Take in samples z (rows, d + 2m)."""
        if not len(z):
            return
        count, mean = self.count + len(z), z.mean(axis=0)
        centred, step = z - mean, mean - self.mean
        self.scatter += kernels.product.matrix_product(centred.T, centred)
        self.scatter += np.outer(step, step * (self.count * len(z) / count))
        self.mean, self.count = self.mean + step * (len(z) / count), count

    def solution(self) -> Array:
        """v (ridges, estimators, m, d).

        cov[d̂, d̂] = C + U·B·Uᵀ, with C = cov[x, x], U = (cov[x, s₊], cov[x, s₋], a₊, a₋) and
        B = (0, −I; −I, V), V = cov[s±, s±]; so C is decomposed once, and (C + λI + U·B·Uᵀ)⁻¹ comes from
        Woodbury's identity, with B⁻¹ = (−V, −I; −I, 0).
        """
        return kernels.product.one_blas_thread(self._solution)

    def _solution(self) -> Array:
        m, d = self.signal.shape[2:]
        cov = self.scatter / max(self.count, 1)
        values, basis = np.linalg.eigh(cov[:d, :d])
        if not values.any():  # x never varies
            return np.full((len(self.ridges), *self.signal.shape[1:]), np.nan)
        a, c = self.signal @ basis, (cov[d:, :d] @ basis).reshape(2, m, d)
        by_unit = np.arange(m)
        V = cov[d:, d:].reshape(2, m, 2, m)[:, by_unit, :, by_unit]  # (m, 2, 2)
        inverse_B = np.zeros((m, 4, 4))
        inverse_B[:, :2, :2] = -V
        inverse_B[:, :2, 2:] = inverse_B[:, 2:, :2] = -np.eye(2)
        U = np.concatenate([np.broadcast_to(c[:, None], a.shape), a]).transpose(1, 2, 0, 3)
        with_s = c.sum(axis=0) - np.einsum("temd,mt->emd", a, V.sum(axis=2))  # cov[d̂, s]
        found = []
        for ridge in self.ridges:
            spectrum = np.maximum(values, 0) + ridge * values.mean()
            scaled = U / spectrum
            inner = inverse_B + scaled @ U.swapaxes(-1, -2)
            out = np.linalg.solve(inner, scaled @ with_s[..., None])
            found.append((with_s - (out * U).sum(axis=-2)) / spectrum @ basis.T)
        total = values.sum()
        left = total - 2 * np.einsum("tmd,temd->em", c, a) + np.einsum("temd,mts,semd->em", a, V, a)
        undefined = (V.sum(axis=(1, 2)) <= 0) | (left <= NOTHING * total)  # s or d̂ does not vary
        return np.where(undefined[..., None], np.nan, found)


class Descent:
    """v by an optimiser, a step for each batch of samples; they are centred on the batch's mean."""

    def __init__(
        self, signal: Array, ridges: tuple[float, ...], optimiser: Callable[[list[Parameter]], Any]
    ) -> None:
        self.signal, self.ridges = signal, np.array(ridges)[:, None, None, None]
        self.v = Parameter(np.zeros((len(ridges), *signal.shape[1:])))
        self.optimiser = optimiser([self.v])
        self.count, self.mean = 0, np.zeros(signal.shape[3] + 2 * signal.shape[2])

    def add(self, z: Array) -> None:
        """Make a step down ½E[(vᵀd̂ − s)²] + ½λ‖v‖², from samples z (rows, d + 2m)."""
        if not len(z):
            return
        self.count += len(z)
        mean = z.mean(axis=0)
        self.mean += (mean - self.mean) * (len(z) / self.count)
        x, above, below = parts_of(z - mean, self.signal)
        error = read_out(self.v.value, self.signal, x, above, below) - (above + below)[:, None, None]
        g = kernels.product.matrix_product(error.reshape(len(x), -1).T, x).reshape(self.v.shape)
        for a, part in zip(self.signal, (above, below), strict=True):
            g -= np.einsum("nrem,nm->rem", error, part)[..., None] * a
        self.optimiser.step({self.v: g / len(z) + self.ridges * x.var(axis=0).mean() * self.v.value})

    def solution(self) -> Array:
        """v (ridges, estimators, m, d)."""
        return self.v.value if self.count else np.full_like(self.v.value, np.nan)


Solver = NormalEquations | Descent
