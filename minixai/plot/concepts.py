"""Concepts, drawn from arrays: projections of images, and scores of many tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minixai.plot import style
from minixai.plot.picture import Picture

__all__ = ["projections", "scores"]

NOTE_SIZE = 11
BINS = 15


@style.drawn(style.PLAIN_TEXT)
def projections(panels: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str = "") -> Picture:
    """Draw histograms of images with a concept and of others along a direction, a panel a direction.

    panels: heading → projections with it (n,) and without (m,), 0 being the middle.
    """
    picture = Picture((11.0, 4.4), 150, layout="constrained")
    picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    for axes, (heading, (with_it, without)) in zip(
        picture.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        edges = np.histogram_bin_edges(np.concatenate([with_it, without, [0]]), BINS)
        for values, colour, label in ((without, style.FAINT, "others"), (with_it, style.PATTERN, "with the concept")):
            axes.hist(values, edges, color=colour, alpha=0.6, label=label)
        axes.axvline(0, color=style.INK, linewidth=1)
        axes.set(xlabel="along the direction, from the middle of the means", ylabel="held-out images")
        axes.set_title(heading, loc="left")
    keys = axes.get_legend_handles_labels()
    picture.legend(*keys, loc="outside lower center", ncols=2, frameon=False, fontsize=NOTE_SIZE)
    return picture


@style.drawn(style.PLAIN_TEXT)
def scores(
    names: Sequence[str],
    score: np.ndarray,
    error: np.ndarray,
    random: np.ndarray,
    significant: np.ndarray,
    title: str = "",
) -> Picture:
    """Draw TCAV scores (k,) with error bars (k,), over the range of random concepts (2, k).

    significant: (k,), which are filled. NaN stands for a concept that was not found.
    """
    places = np.arange(len(names))
    picture = Picture((max(7.0, 2.2 + 1.5 * len(names)), 5.0), 150, layout="constrained")
    picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    axes = picture.add_subplot()
    axes.axhline(0.5, color=style.FAINT, linewidth=1, zorder=0)
    axes.bar(
        places,
        random[1] - random[0],
        0.7,
        random[0],
        color=style.FAINT,
        alpha=0.3,
        label="95 % of random concepts",
    )
    for filled, label in ((True, "p < .05, corrected for all tests"), (False, "not significant")):
        some = (significant == filled) & ~np.isnan(score)
        axes.errorbar(
            places[some],
            score[some],
            error[some],
            fmt="o",
            color=style.PATTERN,
            markerfacecolor=style.PATTERN if filled else "white",
            markersize=9,
            capsize=4,
            label=label,
        )
    for place in places[np.isnan(score)]:
        axes.text(place, 0.5, "not found", rotation=90, ha="center", va="center", color=style.WARNING)
    axes.set_xticks(places, names)
    axes.set(xlim=(-0.6, len(names) - 0.4), ylim=(-0.04, 1.04), ylabel="images whose logit grows along it")
    axes.set_title("error bars: standard deviation over the runs", size=NOTE_SIZE, loc="left")
    picture.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=NOTE_SIZE)
    return picture
