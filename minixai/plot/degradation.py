"""Curves of a probability with bands, drawn from arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import rc_context

from minixai.plot import style
from minixai.plot.picture import Picture

__all__ = ["probability_curves"]

SIZE = (11.0, 5.6)  # inches
NOTE_SIZE = 11


def probability_curves(
    steps: np.ndarray,
    bands: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    xlabel: str,
    ylabel: str,
    title: str = "",
    note: str = "",
) -> Picture:
    """Draw means, each in its band from low to high, over steps (s,).

    bands: what the legend says → (mean, low, high), each (s,), in [0, 1]. note: stands below the title.
    """
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture(SIZE, 150, layout="constrained")
        if title:
            picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
        axes = picture.add_subplot()
        for k, (label, (mean, low, high)) in enumerate(bands.items()):
            colour = style.LINES[k % len(style.LINES)]
            axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
            axes.plot(steps, mean, color=colour, linewidth=2, label=label)
        axes.set(xlabel=xlabel, ylabel=ylabel, xmargin=0, ylim=(0, 1.02))
        axes.set_title(note, size=NOTE_SIZE, loc="left")
        picture.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=NOTE_SIZE)
    return picture
