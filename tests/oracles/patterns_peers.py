"""The pattern formulas of the authors' code and of four unmaintained packages, for a dense layer.

Each function takes batches of x (n, d), w (k, d), b (k,) and returns patterns (k, d) by kind, in the dtype
of x; the packages compute in float32. They agree in this: a regime is that of wᵀx + b, the mean of y is the
global one, and batches are merged exactly, weighted by their counts. They differ in the side on which
wᵀx + b = 0 falls, in the kinds that they have, and in what a zero denominator gives. "Zero" is an exact zero
in each of them, so that a constant neuron gets rounding divided by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tests.oracles import Array

Batches = Sequence[Array]
Patterns = dict[str, Array]
Mask = Callable[[Array], Array]

MASKS: dict[str, Mask] = {
    "linear": np.ones_like,
    "positive": lambda y: (y > 0).astype(y.dtype),
    "negative": lambda y: (y <= 0).astype(y.dtype),
}


def nn_patterns(batches: Batches, w: Array, b: Array) -> Patterns:
    """The authors' nn-patterns, patterns/combined.py: y with its bias; patterns are divided by wᵀa twice."""
    mean_y = running_means(batches, w, b, MASKS["linear"], with_bias=True)[1]
    patterns = {}
    for kind, mask in MASKS.items():
        mean_x, _, mean_xy = running_means(batches, w, b, mask, with_bias=True)
        a = by_w(mean_xy - mean_x * mean_y[:, None], w)
        patterns[kind] = by_w(a, w)
    return patterns


def innvestigate(batches: Batches, w: Array, b: Array) -> Patterns:
    """iNNvestigate 1.0, tools/pattern.py: y without the bias; linear patterns are divided by wᵀcov, too."""
    mean_y = running_means(batches, w, b, MASKS["linear"], with_bias=False)[1]
    patterns = {}
    for kind, mask in MASKS.items():
        mean_x, _, mean_xy = running_means(batches, w, b, mask, with_bias=False)
        patterns[kind] = by_w(mean_xy - mean_x * mean_y[:, None], w)
    return patterns


def torchlrp(batches: Batches, w: Array, b: Array) -> Patterns:
    """TorchLRP, lrp/patterns.py: as iNNvestigate, but wᵀx + b = 0 is positive; no negative patterns."""
    masks: dict[str, Mask] = {"linear": MASKS["linear"], "positive": lambda y: (y >= 0).astype(y.dtype)}
    mean_y = running_means(batches, w, b, MASKS["linear"], with_bias=False)[1]
    patterns = {}
    for kind, mask in masks.items():
        mean_x, _, mean_xy = running_means(batches, w, b, mask, with_bias=False)
        patterns[kind] = by_w(mean_xy - mean_x * mean_y[:, None], w)
    return patterns


def pytorch_patternnet_freiburg(batches: Batches, w: Array, b: Array) -> Patterns:
    """TNTLFreiburg's pytorch_patternnet, patterns.py: linear patterns are divided by E[y²] − E[y]².

    The denominator of a₊ is a difference of two products, wᵀE₊[xy] − wᵀ(E₊[x]E[y]). No negative patterns.
    """
    mean_x, mean_y, mean_xy = running_means(batches, w, b, MASKS["linear"], with_bias=False)
    mean_yy = sum(((x @ w.T) ** 2).sum(0) for x in batches) / sum(len(x) for x in batches)
    linear = divide(mean_xy - mean_x * mean_y[:, None], mean_yy - mean_y**2)
    mean_x, _, mean_xy = running_means(batches, w, b, MASKS["positive"], with_bias=False)
    product = mean_x * mean_y[:, None]
    positive = divide(mean_xy - product, (w * mean_xy).sum(1) - (w * product).sum(1))
    return {"linear": linear, "positive": positive}


def pytorch_patternnet_knurps(batches: Batches, w: Array, b: Array) -> Patterns:
    """KnurpsBram's PyTorch-PatternNet: sums over all batches, y with its bias, positive patterns only.

    0/0 is made 0 in the means and in the pattern, but a number over zero stays infinite.
    """
    n, n_positive, sum_y = 0, np.zeros_like(b), np.zeros_like(b)
    sum_x, sum_xy = np.zeros_like(w), np.zeros_like(w)
    for x in batches:
        y = x @ w.T + b
        mask = MASKS["positive"](y)
        n, n_positive, sum_y = n + len(x), n_positive + mask.sum(0), sum_y + y.sum(0)
        sum_x, sum_xy = sum_x + mask.T @ x, sum_xy + (mask * y).T @ x
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_x, mean_xy = (not_nan(total / n_positive[:, None]) for total in (sum_x, sum_xy))
        product = mean_x * (sum_y / n)[:, None]
        denominator = (w * mean_xy).sum(1) - (w * product).sum(1)
        return {"positive": not_nan((mean_xy - product) / denominator[:, None])}


def running_means(
    batches: Batches, w: Array, b: Array, mask_of: Mask, with_bias: bool
) -> tuple[Array, Array, Array]:
    """E[x] (k, d), E[y] (k,) and E[xy] (k, d) of a regime, zeros where nothing is in it."""
    count = np.zeros(len(w), w.dtype)
    means = [np.zeros_like(w), np.zeros(len(w), w.dtype), np.zeros_like(w)]
    for x in batches:
        output = x @ w.T + b
        mask, y = mask_of(output), output if with_bias else output - b
        n = mask.sum(0)
        here = [divide(mask.T @ x, n), divide((mask * y).sum(0), n), divide((mask * y).T @ x, n)]
        count = count + n
        share = divide(n, count)
        means = [
            old * column(1 - share, old) + new * column(share, new)
            for old, new in zip(means, here, strict=True)
        ]
    return means[0], means[1], means[2]


def by_w(a: Array, w: Array) -> Array:
    """a / wᵀa"""
    return divide(a, (w * a).sum(1))


def divide(a: Array, by: Array) -> Array:
    """Row by row; a zero divisor counts as 1."""
    return a / column(np.where(by == 0, by.dtype.type(1), by), a)


def column(values: Array, like: Array) -> Array:
    return values.reshape(-1, *[1] * (like.ndim - 1))


def not_nan(a: Array) -> Array:
    return np.where(np.isnan(a), a.dtype.type(0), a)
