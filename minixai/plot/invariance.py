"""Curves over the amount of a transformation, drawn from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context

from minixai.plot import style
from minixai.plot.picture import Picture

__all__ = ["curves"]

SIZE = (12.8, 4.6)  # inches


def curves(
    amounts: np.ndarray,
    xlabel: str,
    distances: Mapping[str, np.ndarray],
    quantity: str,
    probability: np.ndarray,
    names: Sequence[str],
    title: str = "",
) -> Picture:
    """Draw the distances of each layer and the probability, (n, k), over amounts (k,), a line a name.

    quantity: heads the panel of the probability.
    """
    panels = {f"{layer}: distance of features": lines for layer, lines in distances.items()}
    panels[quantity] = probability
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture(SIZE, 150, layout="constrained")
        if title:
            picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
        row = picture.subplots(1, len(panels), squeeze=False)[0]
        for axes, (heading, lines) in zip(row, panels.items(), strict=True):
            for k, (line, name) in enumerate(zip(lines, names, strict=True)):
                axes.plot(amounts, line, color=style.LINES[k % len(style.LINES)], linewidth=2, label=name)
            axes.set(title=heading, xlabel=xlabel, xmargin=0)
            axes.set_ylim(bottom=0)
        row[-1].set_ylim(0, 1.02)
        keys = row[-1].get_legend_handles_labels()
        picture.legend(*keys, loc="outside lower center", ncols=min(len(names), 5), frameon=False)
    return picture
