"""Gradients at many points: on a path to x, or around x.

The unit, and the seed's value, are chosen at x and stay the same at all other points.

batch_size: points at a time; bounds the memory, and does not change the result beyond rounding.
progress: whether to show a bar. An interrupted call leaves the model as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.methods.catalogue import method
from minixai.methods.question import Answer, Question
from minixai.settings import finite_array, finite_number, whole_number
from minixai.typing import Array

__all__ = ["integrated_gradients", "smoothgrad", "vargrad"]


@method(
    "integrated gradients",
    "attribution",
    shows="the score's rise from a baseline, shared out along the straight path to x",
    cost="many walks back",
    wants="a baseline",
    fails="depends on the baseline, and is blind where x equals it; noisy",
    paper="Sundararajan et al. 2017",
    seed="one",
)
def integrated_gradients(
    ask: Question,
    *,
    baseline: Any = 0.0,
    steps: int = 50,
    batch_size: int = 8,
    progress: bool = True,
) -> Answer:
    """map = (x − x′) ⊙ mean_k ∂score/∂x at x′ + (k + ½)/steps · (x − x′), k = 0 … steps − 1.

    The midpoint rule for the integral on the straight path from the baseline x′ (Sundararajan et al.
    2017, eq. 1). With the integral itself the map's sum is score(x) − score(x′); what the rule misses is
    `gap` (n,): Σ map − (score(x) − score(x′)), 0 for a linear model, smaller with more steps.

    baseline: a number or an array that broadcasts to x's shape, in the model's input.

    Raises, besides what `gradient` raises, ShapeError for a baseline that does not fit, ValueError for
    one that is not finite or for too few steps.
    """
    steps = whole_number(ask.call, "steps", steps)
    x, start = ask.x, _baseline(ask, baseline)
    mean = np.zeros(x.shape)
    for numbers, images in ask.pairs(steps, progress):
        share = ((numbers + 0.5) / steps).reshape(-1, *(1,) * (x.ndim - 1)).astype(x.dtype)
        points = start[images] + share * (x[images] - start[images])
        for i, g in zip(images, ask.gradients(points, images), strict=True):
            mean[i] += g / steps
    map_ = (x - start) * mean
    change = np.zeros(len(x))
    for images in ask.batches(len(x)):
        change[images] = ask.values(x[images], images) - ask.values(start[images], images)
    return Answer(map_, gap=map_.reshape(len(x), -1).sum(axis=1) - change)


@method(
    "SmoothGrad",
    "function",
    shows="the gradient averaged over noisy copies of x",
    cost="many walks back",
    wants="the noise's size",
    fails="smooths the noise away, and with it fine structure; still the function, not the signal",
    paper="Smilkov et al. 2017",
    seed="one",
)
def smoothgrad(
    ask: Question,
    *,
    n_samples: int = 50,
    sigma: float = 0.15,
    noise: Any = None,
    noise_seed: int = 0,
    batch_size: int = 8,
    progress: bool = True,
) -> Array:
    """map = mean_s ∂score/∂x at x + noise_s, noise_s ~ N(0, (sigma · (max x − min x))²).

    Smilkov et al. 2017, section 2, who take sigma from 0.1 to 0.2. max and min are each image's own.

    noise: (n_samples, *x.shape), added to x as it is; then nothing is drawn, and sigma does not count.
    noise_seed: of what is drawn. Sample s gets the same draw in every image of every batch.

    Raises, besides what `gradient` raises, ShapeError for noise of a wrong shape, ValueError for a
    negative sigma, for noise that is not finite or for too few samples.
    """
    draws = _Noise(ask, n_samples, sigma, noise, noise_seed)
    mean = np.zeros(ask.x.shape)
    for _, i, g in _noisy_gradients(ask, draws, progress):
        mean[i] += g / draws.n_samples
    return mean


@method(
    "VarGrad",
    "function",
    shows="how much the gradient varies around x",
    cost="many walks back",
    wants="the noise's size",
    fails="has no sign: it does not say what speaks for or against",
    paper="Adebayo et al. 2018",
    seed="one",
)
def vargrad(
    ask: Question,
    *,
    n_samples: int = 50,
    sigma: float = 0.15,
    noise: Any = None,
    noise_seed: int = 0,
    batch_size: int = 8,
    progress: bool = True,
) -> Array:
    """map = mean_s (g_s − mean g)², g_s the gradients that `smoothgrad` averages.

    Adebayo et al. 2018, section 2. Never negative: it shows where the gradient depends on the noise,
    not in which direction the score changes. The arguments are those of `smoothgrad`.
    """
    draws = _Noise(ask, n_samples, sigma, noise, noise_seed)
    mean, squares = np.zeros(ask.x.shape), np.zeros(ask.x.shape)
    for s, i, g in _noisy_gradients(ask, draws, progress):  # Welford: E[g²] − E[g]² would cancel
        off = g - mean[i]
        mean[i] += off / (s + 1)
        squares[i] += off * (g - mean[i])
    return squares / draws.n_samples


class _Noise:
    """The noise of sample s on image i: given, or drawn anew whenever it is asked for."""

    def __init__(self, ask: Question, n_samples: int, sigma: float, noise: Any, noise_seed: int) -> None:
        call, x = ask.call, ask.x
        self.seed = whole_number(call, "noise_seed", noise_seed, least=0)
        sigma = finite_number(call, "sigma", sigma, least=0)
        pixels = x.reshape(len(x), -1)
        self.scale = sigma * (pixels.max(axis=1) - pixels.min(axis=1))
        self.given = None if noise is None else finite_array(call, "noise", noise)
        if self.given is not None:
            if self.given.shape[1:] != x.shape:
                came = f"noise has shape {self.given.shape}"
                raise ShapeError(f"{call}: {came}, expected (n_samples, *{x.shape})")
            n_samples = len(self.given)
        self.n_samples = whole_number(call, "n_samples", n_samples)

    def of(self, s: int, i: int, shape: tuple[int, ...]) -> Array:
        """The draw depends on s alone, so that neither batches nor the other images change it."""
        if self.given is not None:
            return self.given[s, i]
        return self.scale[i] * np.random.default_rng([self.seed, s]).standard_normal(shape)


def _noisy_gradients(ask: Question, draws: _Noise, progress: bool) -> Iterator[tuple[int, int, Array]]:
    """(sample, image, gradient at the image with the sample's noise), sample by sample, in float64."""
    x = ask.x
    for samples, images in ask.pairs(draws.n_samples, progress):
        pairs = list(zip(samples, images, strict=True))
        points = np.stack([x[i] + draws.of(s, i, x.shape[1:]) for s, i in pairs]).astype(x.dtype)
        for (s, i), g in zip(pairs, ask.gradients(points, images), strict=True):
            yield s, i, g.astype(np.float64)


def _baseline(ask: Question, baseline: Any) -> Array:
    start = finite_array(ask.call, "baseline", baseline, ask.x.dtype)
    try:
        return np.broadcast_to(start, ask.x.shape)
    except ValueError:
        came = f"baseline has shape {start.shape}"
        raise ShapeError(f"{ask.call}: {came}, expected a number or what fits x {ask.x.shape}") from None
