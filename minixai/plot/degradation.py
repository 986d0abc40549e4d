"""Curves of a probability with bands, drawn from arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import cycle

import numpy as np

from minixai.plot import style
from minixai.plot.picture import Picture

__all__ = ["probability_curves"]

SIZE = (11.0, 5.6)  # inches
NOTE_SIZE = 11
DASHES = (":", "--", "-.")  # of controls


@style.drawn(style.PLAIN_TEXT)
def probability_curves(
    steps: np.ndarray,
    bands: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    xlabel: str,
    ylabel: str,
    title: str = "",
    note: str = "",
    controls: Collection[str] = (),
) -> Picture:
    """Draw means, each in its band from low to high, over steps (s,).

    bands: what the legend says → (mean, low, high), each (s,), in [0, 1]. note: stands below the title.
    controls: the labels of those that are drawn in grey, each with dashes of its own.
    """
    picture = Picture(SIZE, 150, layout="constrained")
    if title:
        picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    axes = picture.add_subplot()
    colours, dashes = cycle(style.LINES), cycle(DASHES)
    for label, (mean, low, high) in bands.items():
        look = (style.FAINT, next(dashes)) if label in controls else (next(colours), "-")
        axes.fill_between(steps, low, high, color=look[0], alpha=0.12, linewidth=0)
        axes.plot(steps, mean, look[1], color=look[0], linewidth=2, label=label)
    axes.set(xlabel=xlabel, ylabel=ylabel, xmargin=0, ylim=(0, 1.02))
    axes.set_title(note, size=NOTE_SIZE, loc="left")
    picture.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=NOTE_SIZE)
    return picture
