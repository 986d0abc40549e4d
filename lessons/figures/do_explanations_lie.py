"""The drawing of lesson 15."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from figures import show_image, slide
from minixai.plot import Picture, style
from minixai.typing import Array

LOOKS = {  # methods: colour, line
    "gradient": (style.BLUE, "-"),
    "input × gradient": (style.SKY, "-"),
    "guided backprop": (style.VERMILION, "-"),
    "LRP": (style.GREEN, "-"),
    "deep Taylor": (style.ORANGE, "-"),
    "edges": (style.FAINT, "-"),
}


def line_up(photo: Array, maps: Sequence[Array]) -> Picture:
    """A photo, and unnamed maps (h, w), white where strong; the strongest percent is clipped."""
    picture = slide(5.6)
    grid = picture.subplots(2, 4)
    show_image(grid[0, 0], photo, "photo")
    grid[1, 0].axis("off")
    for axes, values, letter in zip(grid[:, 1:].ravel(), maps, "ABCDEF", strict=True):
        show_image(axes, values, letter, cmap="gray", vmin=0, vmax=np.percentile(values, 99))
    return picture


def against_controls(table: Mapping[str, Mapping[str, Array]]) -> Picture:
    """For each method and each control the median of the likenesses (n,), as words on a shade."""
    picture = slide(5.2)
    axes = picture.subplots()
    columns = list(next(iter(table.values())))
    values = np.array([[np.nanmedian(row[what]) for what in columns] for row in table.values()])
    shown = axes.imshow(np.abs(values), cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    shown.set_clip_on(True)
    for (i, j), value in np.ndenumerate(values):
        words = f"{value:.2f}".replace("-", "−")
        axes.text(j, i, words, ha="center", va="center", size=17)
    axes.set(xticks=range(len(columns)), xticklabels=columns, yticks=range(len(table)), yticklabels=list(table))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xlabel("rank correlation of the map with …, median of 12 squares")
    axes.axhline(len(table) - 3.5, color=style.INK, linewidth=1.5)
    axes.spines[:].set_visible(False)
    return picture


def excesses(found: Mapping[str, Sequence[float]]) -> Picture:
    """For each method the excess with the trained and with the untrained network."""
    picture = slide(4.4)
    axes = picture.subplots()
    places = np.arange(len(found))
    for k, (state, colour) in enumerate({"trained": style.PATTERN, "untrained": style.ORANGE}.items()):
        axes.bar(places + 0.38 * k - 0.19, [each[k] for each in found.values()], 0.36, color=colour, label=state)
    axes.axhline(0, color=style.INK, linewidth=1)
    axes.set(xticks=places, xticklabels=list(found), ylabel="own share less others'")
    axes.set_title("share of the map on this image's strong edges, less that on other images'")
    axes.legend(frameon=False)
    return picture


def cascades(
    panels: Mapping[str, Mapping[str, Array]], layers: Sequence[str], floors: Mapping[str, float] | None = None
) -> Picture:
    """For each panel and method the mean likeness (layers, n) over the layers that were forgotten."""
    picture = slide(5.4)
    row = picture.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (title, curves) in zip(row, panels.items(), strict=True):
        for name, alike in curves.items():
            colour, line = LOOKS[name]
            values = [1, *np.nanmean(alike, axis=1)]
            axes.plot(range(len(values)), values, line, marker="o", color=colour, label=name)
            if floors and title != "the author's":
                axes.axhline(floors[name], color=colour, linestyle=":", linewidth=1.5)
        axes.set(xticks=range(len(layers) + 1), ylim=(-0.1, 1.05), title=title)
        axes.set_xticklabels(["trained", *layers], rotation=45, ha="right")
        axes.axhline(0, color=style.FAINT, linewidth=1)
    row[0].set_ylabel("rank correlation with the trained map")
    row[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return picture
