"""Marks that ask the model: "is the map faithful to it?", not "is it right about the data?".

A map can be faithful to a model that is wrong. And each asks at inputs that the model may never have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minixai.errors import ShapeError
from minixai.evaluate.given import given_map
from minixai.methods.question import Question
from minixai.nn import Module
from minixai.settings import finite_array, finite_number, whole_number
from minixai.typing import Array

__all__ = ["infidelity", "max_sensitivity", "sparseness"]


def infidelity(
    model: Module,
    x: Any,
    attribution: Any,
    target: Any = None,
    *,
    perturbation: str = "noise",
    sigma: float = 0.1,
    p: float = 0.2,
    samples: int = 100,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool = True,
) -> Array:
    """Mean over perturbations I of (Iᵀφ − (f(x) − f(x − I)))²: (n,), 0 for a map that foretells all changes.

    Yeh et al. 2019, eq. 1. Asks whether the map is faithful to the model.

    f: the score, the logit of the class. x: (n, …). attribution: φ, an Explanation of x or an array like x.
    perturbation: "noise", I ~ N(0, sigma²), for maps of how f changes with a pixel (the gradient); "removal",
        I = x at pixels that are drawn with probability p, else 0, for maps that share out the score, of which
        Iᵀφ then is the sum over these pixels.
    target: the class, None means the largest logit. Units: those of the score, squared.

    Raises ShapeError for a map of another shape, ValueError for an Explanation of another x or an unknown
    perturbation.
    """
    call = "infidelity"
    if perturbation not in ("noise", "removal"):
        raise ValueError(f"{call}: perturbation is {perturbation!r}, expected 'noise' or 'removal'")
    sigma = finite_number(call, "sigma", sigma, above=0)
    p = finite_number(call, "p", p, above=0, below=1)
    samples = whole_number(call, "samples", samples)
    seed = whole_number(call, "seed", seed, least=0)
    ask = Question(call, model, x, target, batch_size=batch_size)
    phi = given_map(ask, attribution, ask.x.shape)
    total = np.zeros(len(ask.x))
    for numbers, images in ask.pairs(samples, progress):
        before = ask.x[images].astype(np.float64)
        rngs = [np.random.default_rng([seed, s, i]) for s, i in zip(numbers, images, strict=True)]
        if perturbation == "noise":
            change = np.stack([sigma * rng.standard_normal(ask.x.shape[1:]) for rng in rngs])
            told = change * phi[images]
        else:
            drawn = np.stack([rng.random(ask.x.shape[1:]) < p for rng in rngs])
            change, told = before * drawn, phi[images] * drawn
        fall = ask.score[images] - ask.values((before - change).astype(ask.x.dtype), images)
        missed = told.reshape(len(told), -1).sum(axis=1) - fall
        np.add.at(total, images, np.square(missed))
    return total / samples


def max_sensitivity(
    model: Module,
    x: Any,
    method: Callable[..., Any],
    target: Any = None,
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
) -> Array:
    """The largest ‖φ(x + δ) − φ(x)‖ / ‖φ(x)‖ over random δ, |δ| ≤ radius: (n,), 0 for a map that stays.

    Yeh et al. 2019, eq. 3, by Monte Carlo. It asks neither whether the map is faithful nor whether it is
    right: one that is the same for all x has 0. NaN where the map at x is zero.

    method: (model, x, target) -> a map. radius: of δ ~ U(−radius, radius) in each feature, in x's units.
    """
    call = "max_sensitivity"
    radius = finite_number(call, "radius", radius, above=0)
    samples = whole_number(call, "samples", samples)
    rng = np.random.default_rng(whole_number(call, "seed", seed, least=0))
    ask = Question(call, model, x, target)

    def phi(points: Array) -> Array:
        maps = np.asarray(method(model, points.astype(ask.x.dtype), ask.target), np.float64)
        return maps.reshape(len(maps), -1)

    before, most = phi(ask.x), np.zeros(len(ask.x))
    for _ in range(samples):
        moved = phi(ask.x + rng.uniform(-radius, radius, ask.x.shape))
        most = np.maximum(most, np.linalg.norm(moved - before, axis=1))
    length = np.linalg.norm(before, axis=1)
    return np.divide(most, length, out=np.full(len(most), np.nan), where=length > 0)


def sparseness(maps: Any) -> Array:
    """The Gini index of |map|: (n,), 0 for an even map, (k − 1)/k where one of k features has all.

    1 − 2 Σ_j |φ|₍ⱼ₎/Σ|φ| · (k − j + ½)/k, the |values| in ascending order, j = 1 … k (Chalasani et al. 2020,
    section 3; Hurley and Rickard 2009). NaN for a map of zeros. It asks neither whether the map is faithful
    nor whether it is right.
    """
    heat = np.abs(finite_array("sparseness", "maps", maps, np.float64))
    if heat.ndim < 2:
        raise ShapeError(f"sparseness: maps have shape {heat.shape}, expected (n, …)")
    heat = np.sort(heat.reshape(len(heat), -1), axis=1)
    k = heat.shape[1]
    largest = heat[:, -1:]
    heat = np.divide(heat, largest, out=np.full(heat.shape, np.nan), where=largest > 0)
    weights = (k - np.arange(1, k + 1) + 0.5) / k
    return 1 - 2 * (heat * weights).sum(axis=1) / heat.sum(axis=1)
