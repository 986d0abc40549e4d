"""Gradients at many points: on a path to x, or around x.

The arguments x, target, layer, neuron and seed are those of `minixai.methods.backprop`. The unit, and
the seed's value, are chosen at x and stay the same at all other points.

batch_size: points at a time; bounds the memory, and does not change the result beyond rounding.
progress: whether to show a bar. An interrupted call leaves the model as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.methods.catalogue import catalogued
from minixai.methods.explanation import Explanation
from minixai.methods.probe import Probe, whole_number
from minixai.methods.unit import Layer, Neuron
from minixai.nn import Module
from minixai.tape import Array

__all__ = ["integrated_gradients", "smoothgrad", "vargrad"]


@catalogued(
    shows="attribution: the score's rise from a baseline, shared out along the straight path to x",
    needs="many walks back; a baseline",
    fails="depends on the baseline, and is blind where x equals it; noisy",
    paper="Sundararajan et al. 2017",
)
def integrated_gradients(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "one",
    baseline: Any = 0.0,
    steps: int = 50,
    batch_size: int = 8,
    progress: bool = True,
) -> Explanation:
    """map = (x − x′) ⊙ mean_k ∂score/∂x at x′ + (k + ½)/steps · (x − x′), k = 0 … steps − 1.

    The midpoint rule for the integral on the straight path from the baseline x′ (Sundararajan et al.
    2017, eq. 1). With the integral itself the map's sum is score(x) − score(x′); what the rule misses is
    `gap` (n,): Σ map − (score(x) − score(x′)), 0 for a linear model, smaller with more steps.

    baseline: a number or an array that broadcasts to x's shape, in the model's input.

    Raises, besides what `gradient` raises, ShapeError for a baseline that does not fit, ValueError for
    one that is not finite or for too few steps.
    """
    probe = Probe("integrated gradients", model, x, target, layer, neuron, seed, batch_size)
    steps = whole_number(probe.method, "steps", steps)
    x, start = probe.x, _baseline(probe, baseline)
    mean = np.zeros(x.shape)
    for numbers, images in probe.pairs(steps, progress):
        share = ((numbers + 0.5) / steps).reshape(-1, *(1,) * (x.ndim - 1)).astype(x.dtype)
        points = start[images] + share * (x[images] - start[images])
        for i, g in zip(images, probe.gradients(points, images), strict=True):
            mean[i] += g / steps
    map_ = (x - start) * mean
    change = np.zeros(len(x))
    for images in probe.batches(len(x)):
        change[images] = probe.values(x[images], images) - probe.values(start[images], images)
    return probe.explanation("attribution", map_, gap=map_.reshape(len(x), -1).sum(axis=1) - change)


@catalogued(
    shows="function: the gradient averaged over noisy copies of x",
    needs="many walks back; the noise's size",
    fails="smooths the noise away, and with it fine structure; still the function, not the signal",
    paper="Smilkov et al. 2017",
)
def smoothgrad(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "one",
    n_samples: int = 50,
    sigma: float = 0.15,
    noise: Any = None,
    noise_seed: int = 0,
    batch_size: int = 8,
    progress: bool = True,
) -> Explanation:
    """map = mean_s ∂score/∂x at x + noise_s, noise_s ~ N(0, (sigma · (max x − min x))²).

    Smilkov et al. 2017, section 2, who take sigma from 0.1 to 0.2. max and min are each image's own.

    noise: (n_samples, *x.shape), added to x as it is; then nothing is drawn, and sigma does not count.
    noise_seed: of what is drawn. Sample s gets the same draw in every image of every batch.

    Raises, besides what `gradient` raises, ShapeError for noise of a wrong shape, ValueError for a
    negative sigma, for noise that is not finite or for too few samples.
    """
    probe = Probe("SmoothGrad", model, x, target, layer, neuron, seed, batch_size)
    draws = _Noise(probe, n_samples, sigma, noise, noise_seed)
    mean = np.zeros(probe.x.shape)
    for _, i, g in _noisy_gradients(probe, draws, progress):
        mean[i] += g / draws.n_samples
    return probe.explanation("function", mean)


@catalogued(
    shows="function: how much the gradient varies around x",
    needs="many walks back; the noise's size",
    fails="has no sign: it does not say what speaks for or against",
    paper="Adebayo et al. 2018",
)
def vargrad(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "one",
    n_samples: int = 50,
    sigma: float = 0.15,
    noise: Any = None,
    noise_seed: int = 0,
    batch_size: int = 8,
    progress: bool = True,
) -> Explanation:
    """map = mean_s (g_s − mean g)², g_s the gradients that `smoothgrad` averages.

    Adebayo et al. 2018, section 2. Never negative: it shows where the gradient depends on the noise,
    not in which direction the score changes. The arguments are those of `smoothgrad`.
    """
    probe = Probe("VarGrad", model, x, target, layer, neuron, seed, batch_size)
    draws = _Noise(probe, n_samples, sigma, noise, noise_seed)
    mean, squares = np.zeros(probe.x.shape), np.zeros(probe.x.shape)
    for s, i, g in _noisy_gradients(probe, draws, progress):  # Welford: E[g²] − E[g]² would cancel
        off = g - mean[i]
        mean[i] += off / (s + 1)
        squares[i] += off * (g - mean[i])
    return probe.explanation("function", squares / draws.n_samples)


class _Noise:
    """The noise of sample s on image i: given, or drawn anew whenever it is asked for."""

    def __init__(self, probe: Probe, n_samples: int, sigma: float, noise: Any, noise_seed: int) -> None:
        method, x = probe.method, probe.x
        self.seed = whole_number(method, "noise_seed", noise_seed, least=0)
        if not 0 <= sigma < np.inf:
            raise ValueError(f"{method}: sigma is {sigma}, expected a share of the range, at least 0")
        pixels = x.reshape(len(x), -1)
        self.scale = sigma * (pixels.max(axis=1) - pixels.min(axis=1))
        self.given = None if noise is None else np.asarray(noise)
        if self.given is not None:
            if self.given.shape[1:] != x.shape:
                came = f"noise has shape {self.given.shape}"
                raise ShapeError(f"{method}: {came}, expected (n_samples, *{x.shape})")
            if not np.isfinite(self.given).all():
                raise ValueError(f"{method}: noise holds NaN or inf, expected finite numbers")
            n_samples = len(self.given)
        self.n_samples = whole_number(method, "n_samples", n_samples)

    def of(self, s: int, i: int, shape: tuple[int, ...]) -> Array:
        """The draw depends on s alone, so that neither batches nor the other images change it."""
        if self.given is not None:
            return self.given[s, i]
        return self.scale[i] * np.random.default_rng([self.seed, s]).standard_normal(shape)


def _noisy_gradients(probe: Probe, draws: _Noise, progress: bool) -> Iterator[tuple[int, int, Array]]:
    """(sample, image, gradient at the image with the sample's noise), sample by sample, in float64."""
    x = probe.x
    for samples, images in probe.pairs(draws.n_samples, progress):
        pairs = list(zip(samples, images, strict=True))
        points = np.stack([x[i] + draws.of(s, i, x.shape[1:]) for s, i in pairs]).astype(x.dtype)
        for (s, i), g in zip(pairs, probe.gradients(points, images), strict=True):
            yield s, i, g.astype(np.float64)


def _baseline(probe: Probe, baseline: Any) -> Array:
    start = np.asarray(baseline, probe.x.dtype)
    if not np.isfinite(start).all():
        raise ValueError(f"{probe.method}: baseline holds NaN or inf, expected finite numbers")
    try:
        return np.broadcast_to(start, probe.x.shape)
    except ValueError:
        came = f"baseline has shape {start.shape}"
        raise ShapeError(
            f"{probe.method}: {came}, expected a number or what fits x {probe.x.shape}"
        ) from None
