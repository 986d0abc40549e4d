"""The two directions of a concept in a layer: the pattern, and the filter of a linear classifier."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from minixai.settings import one_of
from minixai.typing import Array

__all__ = [
    "CLASSIFIERS",
    "DIRECTIONS",
    "SPLITS",
    "Classifier",
    "Direction",
    "Split",
    "checked_classifier",
    "direction_of",
    "directions_of",
    "split",
    "unit",
]

Classifier = Literal["ridge", "logistic", "svm"]
Direction = Literal["pattern", "filter"]
Split = Literal["pattern", "filter", "signal"]
CLASSIFIERS: tuple[Classifier, ...] = get_args(Classifier)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
SPLITS: tuple[Split, ...] = get_args(Split)
RIDGE = 0.01  # the penalty, in units of the mean variance along the directions that the samples span


def checked_classifier(call: str, classifier: Classifier) -> Classifier:
    """The classifier; ImportError where it needs scikit-learn, which is not installed."""
    if one_of(call, "classifier", classifier, CLASSIFIERS) != "ridge":
        try:
            import sklearn  # noqa: F401
        except ImportError:
            raise ImportError(
                f"{call}: classifier {classifier!r} needs scikit-learn, which is missing: "
                'pip install "minixai[lessons]", or take "ridge"'
            ) from None
    return classifier


def direction_of(direction: Direction, h: Array, others: Array, classifier: Classifier = "ridge") -> Array:
    """(d,): the pattern or the filter, of any length, from samples with the concept (n, d), others (m, d)."""
    return pattern_of(h, others) if direction == "pattern" else filter_of(h, others, classifier)


def directions_of(direction: Direction, h: Array, others: Array, classifier: Classifier) -> Array:
    """(k, d): those of the same samples (n, d) beside others (k, m, d), drawn k times."""
    if direction == "pattern":
        return pattern_of(h, others)
    return np.stack([filter_of(h, drawn, classifier) for drawn in others])


def pattern_of(h: Array, others: Array) -> Array:
    """cov[h, t] / var[t], which for t ∈ {0, 1} is the difference of the means, μ₁ − μ₀."""
    difference: Array = h.mean(axis=-2) - others.mean(axis=-2)
    return difference


def filter_of(h: Array, others: Array, classifier: Classifier) -> Array:
    """(d,): the normal of a linear classifier in which both sets weigh the same.

    "ridge": (Σ + λI)⁻¹(μ₁ − μ₀), which the pattern is for λ → ∞. The others are scikit-learn's.
    """
    if classifier == "ridge":
        return _ridge(h, others)
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    x, t = np.concatenate([h, others]), np.repeat([1, 0], [len(h), len(others)])
    x = x - x.mean(axis=0)
    scale = np.sqrt(np.square(x).sum() / len(x)) or 1.0
    made: Any = LogisticRegression(class_weight="balanced", max_iter=10_000)
    if classifier == "svm":
        made = SVC(kernel="linear", class_weight="balanced")
    return np.asarray(made.fit(x / scale, t).coef_[0])


def _ridge(h: Array, others: Array) -> Array:
    """Least squares of t from h, in the smaller of the two forms of the normal equations."""
    middle = (h.mean(axis=0) + others.mean(axis=0)) / 2
    sizes = np.repeat([len(h), len(others)], [len(h), len(others)])
    weight = np.sqrt(0.5 / sizes)  # of a sample, so that each set has ½ in all
    rows = weight[:, None] * (np.concatenate([h, others]) - middle)
    target = weight * np.repeat([0.5, -0.5], [len(h), len(others)])
    n, d = rows.shape
    penalty = RIDGE * np.square(rows).sum() / min(n, d)
    if not penalty:
        return np.zeros(d)
    if n < d:
        found: Array = rows.T @ np.linalg.solve(rows @ rows.T + penalty * np.eye(n), target)
        return found
    return np.linalg.solve(rows.T @ rows + penalty * np.eye(d), rows.T @ target)


def unit(v: Array) -> Array:
    """v / ‖v‖, or 0 where v is 0."""
    length = np.linalg.norm(v)
    return v / length if length else v


def split(call: str, pattern: Array, weight: Array, direction: Split) -> tuple[Array, Array]:
    """w and a, with wᵀa = 1, that take h apart as a·wᵀh + rest; an error for another direction.

    "pattern" and "filter": both are that one. "signal": w reads by the filter, a is the pattern.
    """
    one_of(call, "direction", direction, SPLITS)
    w = pattern if direction == "pattern" else weight
    a = weight if direction == "filter" else pattern
    return w, a / np.sum(w * a)
