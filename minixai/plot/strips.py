"""Strips of images, each with a panel of curves beside it, drawn from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.plot import style
from minixai.plot.picture import Picture

if TYPE_CHECKING:
    from matplotlib.artist import Artist

__all__ = ["Curve", "Strip", "spread", "strips"]

WIDTH, ROW, HEAD, FOOT = 12.8, 2.6, 0.5, 0.8  # inches
PANEL = 1.7  # the width of a panel in images
NOTE_SIZE = 11


@dataclass(frozen=True)
class Curve:
    """y over x, or a level all along the panel where x is None; look: as matplotlib's lines take it."""

    label: str
    x: np.ndarray | None
    y: np.ndarray
    look: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Strip:
    """Images (k, h, w, 3) with words below each, and curves, with words above them."""

    heading: str
    images: np.ndarray
    below: Sequence[str]
    words: str
    curves: Sequence[Curve]
    ylim: tuple[float | None, float | None] = (None, None)


def spread(total: int, shares: Sequence[float]) -> list[int]:
    """The numbers, of 0 … total − 1, that lie at these shares of the way."""
    return [round(share * (total - 1)) for share in shares]


@style.drawn(style.PLAIN_TEXT)
def strips(rows: Sequence[Strip], xlabel: str, title: str = "", note: str = "") -> Picture:
    """Draw strips below each other, with one legend for all panels."""
    across = len(rows[0].images)
    picture = Picture((WIDTH, HEAD + ROW * len(rows) + FOOT), 150, layout="constrained")
    if title:
        picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    ratios = [1] * across + [PANEL]
    grid = picture.subplots(len(rows), across + 1, squeeze=False, width_ratios=ratios)
    keys: dict[str, Artist] = {}
    for strip, (*line, panel) in zip(rows, grid, strict=True):
        for axes, image, words in zip(line, strip.images, strip.below, strict=True):
            axes.imshow(image)
            axes.set(xticks=[], yticks=[])
            axes.set_xlabel(words, size=NOTE_SIZE)
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(strip.heading)
        for curve in strip.curves:
            look = {"linewidth": 2.5, "label": curve.label, **curve.look}
            if curve.x is None:
                panel.axhline(float(curve.y), **look)
            else:
                panel.plot(curve.x, curve.y, **look)
        panel.set(xmargin=0, ylim=strip.ylim)
        panel.set_title(strip.words, size=NOTE_SIZE + 1, loc="left")
        handles, labels = panel.get_legend_handles_labels()
        keys |= dict(zip(labels, handles, strict=True))
    grid[-1][-1].set_xlabel(xlabel)
    legend: dict[str, Any] = {"ncols": 4, "frameon": False, "fontsize": NOTE_SIZE, "alignment": "left"}
    picture.legend(list(keys.values()), list(keys), title=note, loc="outside lower center", **legend)
    return picture
