"""Marks of maps, methods × problems, drawn from arrays."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from minixai.plot import style
from minixai.plot.picture import Picture

__all__ = ["mark_sheet"]

CELL = (0.62, 0.29)  # inches
LABELS, HEAD, FOOT = 2.9, 2.1, 1.2  # inches, for the rows' names, the problems' names, the note
DOTS, GAP, MARGIN = 2.6, 1.15, 0.2  # inches, the panel on the right, between panels, around the sheet
GROUP = 0.5  # cells between methods and controls
SMALL, NOTE = 9.5, 11
COLOURS, FULL = "RdBu", 0.5  # how far from chance the colours are strongest
READ = "Blue is better: ROC AUC above 0.5, which is chance; false alarms below those of an even map, white."
STATES: dict[str, dict[str, Any]] = {
    "trained": {"marker": "o", "color": style.BLUE},
    "untrained": {"marker": "o", "markerfacecolor": "white", "color": style.FAINT},
    "labels shuffled": {"marker": "x", "color": style.VERMILION},
}


@style.drawn(style.PLAIN_TEXT)
def mark_sheet(
    rows: Sequence[str],
    controls: Sequence[bool],
    problems: Sequence[str],
    auc: np.ndarray,
    alarms: np.ndarray,
    even: np.ndarray,
    states: np.ndarray,
    title: str,
    note: str,
) -> Picture:
    """Draw ROC AUC and false alarms as coloured tables, and the AUC on other networks as dots.

    auc, alarms: (rows, problems), NaN where there is none; problems without false alarms are left out there.
    even: (problems,), the false alarms of an even map, which are white. states: (rows, 3), the mean AUC on
    trained networks, on untrained ones and on those trained with shuffled labels. controls: which rows are.
    """
    place = [number + GROUP * control for number, control in enumerate(controls)]
    tables = [("ROC AUC", list(problems), auc, auc - 0.5)]
    asked = ~np.isnan(alarms).all(axis=0)
    if asked.any():
        names = [name for name, is_asked in zip(problems, asked, strict=True) if is_asked]
        tables.append(("false alarms", names, alarms[:, asked], (even - alarms)[:, asked]))
    columns = sum(len(names) for _, names, *_ in tables)
    width = MARGIN + LABELS + CELL[0] * columns + GAP * len(tables) + DOTS + MARGIN
    deep = CELL[1] * (len(rows) + GROUP)
    height = HEAD + deep + FOOT
    picture = Picture((width, height), 150)
    top, bottom = 1 - MARGIN / height, 0.7 * MARGIN / height
    picture.text(MARGIN / width, top, title, size=style.HEADING_SIZE, weight="bold", va="top")
    words = textwrap.fill(f"{READ} {note}", int((width - 2 * MARGIN) * 72 / (0.57 * NOTE)))
    picture.text(MARGIN / width, bottom, words, size=NOTE, va="bottom")

    left = MARGIN + LABELS
    for number, (heading, names, values, better) in enumerate(tables):
        across = len(names) * CELL[0]
        axes = picture.add_axes((left / width, FOOT / height, across / width, deep / height))
        _table(axes, place, names, values, better, heading)
        labels = [f"[{row}]" if control else row for row, control in zip(rows, controls, strict=True)]
        axes.set_yticks([] if number else place, [] if number else labels, size=NOTE)
        left += across + GAP
    _dots(picture.add_axes((left / width, FOOT / height, DOTS / width, deep / height)), place, states)
    return picture


def _table(
    axes: Any,
    place: Sequence[float],
    columns: Sequence[str],
    values: np.ndarray,
    better: np.ndarray,
    heading: str,
) -> None:
    """Numbers on colours: blue as far as better (rows, columns) is above 0, red below."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    colours = colormaps[COLOURS]
    for (i, j), value in np.ndenumerate(values):
        if np.isnan(value):
            axes.text(j, place[i], "–", ha="center", va="center", size=SMALL, color=style.FAINT)
            continue
        depth = float(np.clip(better[i, j] / FULL, -1, 1))
        cell = Rectangle(
            (j - 0.5, place[i] - 0.5), 1, 1, facecolor=colours(0.5 + 0.5 * depth), edgecolor="white"
        )
        axes.add_patch(cell)
        ink = "white" if abs(depth) > 0.65 else style.INK
        axes.text(j, place[i], f"{value:.2f}".lstrip("0"), ha="center", va="center", size=SMALL, color=ink)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(place[-1] + 0.5, -0.5))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), columns, size=SMALL, rotation=40, ha="left", rotation_mode="anchor")
    axes.set_xlabel(heading, size=NOTE, loc="left", weight="bold")


def _dots(axes: Any, place: Sequence[float], states: np.ndarray) -> None:
    axes.axvline(0.5, color=style.FAINT, linewidth=0.8)
    axes.hlines(place, 0, 1, color=style.FAINT, alpha=0.2, linewidth=0.8)
    for (label, look), values in zip(STATES.items(), states.T, strict=True):
        axes.plot(values, place, linestyle="none", markersize=6, label=label, **look)
    axes.set(xlim=(0, 1), ylim=(place[-1] + 0.5, -0.5), yticks=[], xticks=[0, 0.5, 1])
    axes.tick_params(labelsize=SMALL)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("ROC AUC, mean of all problems", size=NOTE, loc="left", weight="bold")
    legend: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "frameon": False}
    axes.legend(fontsize=SMALL, title="the network was", title_fontsize=SMALL, alignment="left", **legend)
