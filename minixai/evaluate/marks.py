"""Marks of maps where the truth is known: "is it right about the data?", not "is it faithful to the model?".

A model may use what is no truth: a suppressor, to cancel what it shares with the truth. A map that is
faithful to it then shows the suppressor, and these marks call that wrong.

maps: (n, …), of which the |values| count. truth: of the same shape, 1 associated with the target, −1 a
suppressor, 0 neither (`data.SuppressorSample`). A map of zeros counts as an even one. Each returns (n,)
float64, in [0, 1], NaN where the truth has nothing to ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minixai.errors import ShapeError
from minixai.settings import finite_array
from minixai.similarity import ranks
from minixai.typing import Array

__all__ = ["MARKS", "Mark", "false_alarms", "pointing_game", "precision", "roc_auc", "share_on_truth"]


def share_on_truth(maps: Array, truth: Array) -> Array:
    """Σ|map| over the truth / Σ|map| over all. An even map gets the truth's size.

    Arras et al. 2022, CLEVR-XAI, "relevance mass accuracy".
    """
    return _share(*_rows("share_on_truth", maps, truth), 1)


def false_alarms(maps: Array, truth: Array) -> Array:
    """Σ|map| over suppressors / Σ|map| over all; NaN where there are none. The less the better.

    After Haufe, Wilming, Clark et al. 2024, arXiv 2409.14590.
    """
    return _share(*_rows("false_alarms", maps, truth), -1)


def precision(maps: Array, truth: Array) -> Array:
    """The share of truth among the k strongest features, k being the truth's size. Ties count by their mean.

    Arras et al. 2022, CLEVR-XAI, "relevance rank accuracy"; Clark et al. 2024, XAI-TRIS, eq. 7.
    """
    heat, true = _rows("precision", maps, truth)
    return np.array([_precision(row, of_row == 1) for row, of_row in zip(heat, true, strict=True)])


def roc_auc(maps: Array, truth: Array) -> Array:
    """The probability that a feature of the truth has more than one that is none; a tie counts half.

    The area under the ROC curve, by the rank sum (Mann and Whitney 1947). ½ is chance. Marks of Wilming et
    al. 2022, arXiv 2111.07473.
    """
    heat, true = _rows("roc_auc", maps, truth)
    inside = (true == 1).sum(axis=1)
    pairs = inside * (true.shape[1] - inside)
    wins = (ranks(heat) * (true == 1)).sum(axis=1) - inside * (inside + 1) / 2
    return np.divide(wins, pairs, out=np.full(len(heat), np.nan), where=pairs > 0)


def pointing_game(maps: Array, truth: Array) -> Array:
    """1 where the strongest feature is of the truth, else 0; of several equal ones their mean.

    Zhang et al. 2018, section 5.1; without their tolerance of 15 pixels.
    """
    heat, true = _rows("pointing_game", maps, truth)
    strongest = heat == heat.max(axis=1, keepdims=True)
    found = (strongest & (true == 1)).sum(axis=1) / strongest.sum(axis=1)
    return np.where((true == 1).any(axis=1), found, np.nan)


@dataclass(frozen=True)
class Mark:
    """A mark: its function, its words, and whether more is better."""

    function: Callable[[Array, Array], Array]
    title: str
    more_is_better: bool = True


MARKS = {
    "share": Mark(share_on_truth, "share on the truth"),
    "precision": Mark(precision, "precision"),
    "roc_auc": Mark(roc_auc, "ROC AUC"),
    "false_alarms": Mark(false_alarms, "false alarms", more_is_better=False),
}


def _rows(call: str, maps: Array, truth: Array) -> tuple[Array, Array]:
    """|maps| and the truth, each (n, k)."""
    heat, truth = np.abs(finite_array(call, "maps", maps, np.float64)), np.asarray(truth)
    if heat.shape != truth.shape or heat.ndim < 2:
        raise ShapeError(f"{call}: maps have shape {heat.shape}, truth {truth.shape}, expected one (n, …)")
    return heat.reshape(len(heat), -1), truth.reshape(len(truth), -1)


def _share(heat: Array, truth: Array, of: int) -> Array:
    dark = heat.max(axis=1) == 0
    heat = np.where(dark[:, None], 1, heat / np.where(dark, 1, heat.max(axis=1))[:, None])
    found = (heat * (truth == of)).sum(axis=1) / heat.sum(axis=1)
    return np.where((truth == of).any(axis=1), found, np.nan)


def _precision(heat: Array, true: Array) -> float:
    """Those above the k-th value count whole, those that tie with it for the places that are left."""
    k = int(true.sum())
    if k == 0:
        return np.nan
    least = np.partition(heat, -k)[-k]
    above, tied = heat > least, heat == least
    return float((true[above].sum() + true[tied].mean() * (k - above.sum())) / k)
