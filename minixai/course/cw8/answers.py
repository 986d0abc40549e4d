"""The answers of coursework 8, to compare with: one sample, one unit after the other."""

from __future__ import annotations

import numpy as np

from minixai.checks.report import Array

Layers = list[tuple[Array, Array]]
CONSTANT = 1e-10  # a standard deviation below this share of the largest size is rounding


def false_share(maps: Array, truth: Array) -> float:
    """Σ|m| outside the truth over Σ|m|, both over all samples; NaN where all of it is 0."""
    outside = everything = 0.0
    for row in maps:
        for j, value in enumerate(row):
            everything += abs(value)
            outside += 0 if truth[j] else abs(value)
    return outside / everything if everything else float("nan")


def precision(maps: Array, truth: Array) -> float:
    """The share of truth among the k largest |m|, k the truth's size; equal ones count by their mean."""
    k = int(sum(truth))
    found = []
    for row in np.abs(maps):
        least = sorted(row, reverse=True)[k - 1]
        above = [bool(truth[j]) for j, value in enumerate(row) if value > least]
        tied = [bool(truth[j]) for j, value in enumerate(row) if value == least]
        found.append((sum(above) + (k - len(above)) * sum(tied) / len(tied)) / k)
    return sum(found) / len(found)


def on_scale(marks: Array, right: Array, random: Array, drawn: Array) -> Array:
    """(mean(marks) − mean(right)) / (mean(random) − mean(right)), and its interval over the drawn seeds."""

    def position(seeds: Array) -> float:
        n = len(seeds)
        m, low, high = (sum(each[k] for k in seeds) / n for each in (marks, right, random))
        return float((m - low) / (high - low))

    resampled = [position(seeds) for seeds in drawn]
    return np.array([position(np.arange(len(marks))), *np.percentile(resampled, [2.5, 97.5])])


def repaired(
    layers: Layers,
    fitted_to: Array,
    x: Array,
    *,
    gates: bool = True,
    score: bool = True,
    weights: bool = True,
    centred: bool = True,
    after: bool = False,
) -> Array:
    """PatternAttribution with the linear patterns of each unit; the settings turned are mistakes."""
    h, patterns = fitted_to, []
    for number, (w, b) in enumerate(layers):
        y = h @ w.T + b
        hidden = number < len(layers) - 1
        outputs = np.maximum(y, 0) if after and hidden else y
        patterns.append(np.array([_pattern(h, outputs[:, k], centred) for k in range(len(w))]))
        h = np.maximum(y, 0) if hidden else y
    maps = np.zeros_like(x)
    for n, sample in enumerate(x):
        passed, active = sample, []
        for w, b in layers:
            y = w @ passed + b
            active.append(y > 0)
            passed = np.maximum(y, 0)
        g = y if score else np.ones_like(y)
        for number in reversed(range(len(layers))):
            w, a = layers[number][0], patterns[number]
            if gates and number < len(layers) - 1:
                g = g * active[number]
            g = g @ (w * a if weights else a)
        maps[n] = g
    return maps


def _pattern(h: Array, y: Array, centred: bool = True) -> Array:
    """cov[h, y] / var[y], 0 where y varies by no more than rounding."""
    constant = y.std() <= CONSTANT * np.abs(y).max()
    if centred:
        h, y = h - h.mean(axis=0), y - y.mean()
    power = sum(value * value for value in y)
    return np.zeros(h.shape[1]) if constant else sum(h[i] * y[i] for i in range(len(y))) / power
