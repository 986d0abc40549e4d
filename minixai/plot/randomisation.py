"""How maps change while a network forgets what it learned, drawn from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minixai.plot import style
from minixai.plot.maps import HEAT_COLOURS, largest
from minixai.plot.picture import Picture

__all__ = ["convergence_curves", "likeness_curves", "map_grid"]

PANEL = (4.6, 3.9)  # inches
MARKERS = "os^Dv<>P*X"
SMALL, NOTE = 9, 11
SIDE, NAMES = 0.92, 1.6  # inches, of a map and of the methods' names
OTHER_IMAGE = "Short lines on the right: how like the maps of two images are. Below that, maps are not alike."


def _look(number: int) -> dict[str, Any]:
    """Of a method's line: where the colours begin anew, it is dashed."""
    again, colour = divmod(number, len(style.LINES))
    marker = MARKERS[number % len(MARKERS)]
    return {"color": style.LINES[colour], "marker": marker, "linestyle": "--" if again else "-"}


@style.drawn(style.PLAIN_TEXT)
def likeness_curves(
    layers: Sequence[str],
    lines: Mapping[str, Mapping[str, Sequence[float]]],
    floors: Mapping[str, Mapping[str, float]],
    title: str = "",
) -> Picture:
    """Draw a panel a measure: a method's likeness, from 1 for the trained network down the layers.

    lines: measure → method → (layers,). floors: measure → method → the likeness to another image's map.
    """
    picture = Picture((PANEL[0] * len(lines), PANEL[1] + 1.7), 150, layout="constrained")
    picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    panels = picture.subplots(1, len(lines), squeeze=False, sharey=True)[0]
    places = np.arange(len(layers) + 1)
    for axes, (measure, methods) in zip(panels, lines.items(), strict=True):
        axes.axhline(0, color=style.FAINT, linewidth=0.8)
        for k, (method, values) in enumerate(methods.items()):
            look, floor = _look(k), floors[measure][method]
            axes.plot(places, [1, *values], markersize=5, label=method, **look)
            axes.plot([places[-1] + 0.3, places[-1] + 0.9], [floor] * 2, color=look["color"], linewidth=2.5)
        axes.set_xticks(places, ["trained", *layers], size=SMALL, rotation=90)
        axes.set_title(measure, size=NOTE, loc="left", weight="bold")
        axes.set_xlim(-0.3, places[-1] + 1)
    look = {"ncols": min(6, len(next(iter(lines.values())))), "frameon": False, "fontsize": NOTE}
    picture.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", title=OTHER_IMAGE, **look
    )
    return picture


@style.drawn(style.PLAIN_TEXT)
def map_grid(columns: Sequence[str], maps: Mapping[str, np.ndarray], title: str = "") -> Picture:
    """Draw heat maps (columns, h, w), a row a method, each on its own scale: only the pattern is compared."""
    width, height = NAMES + SIDE * len(columns) + 0.3, 1.9 + SIDE * len(maps)
    picture = Picture((width, height), 150)
    picture.text(0.15 / width, 1 - 0.15 / height, title, size=style.HEADING_SIZE, weight="bold", va="top")
    for i, (method, row) in enumerate(maps.items()):
        bottom = height - 1.75 - SIDE * (i + 1)
        for j, (name, heat) in enumerate(zip(columns, row, strict=True)):
            frame = NAMES + SIDE * j, bottom, SIDE - 0.06, SIDE - 0.06
            axes = picture.add_axes(tuple(np.divide(frame, (width, height) * 2)))
            limit = largest(heat) or 1.0
            axes.imshow(heat, HEAT_COLOURS, vmin=-limit, vmax=limit)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if i == 0:
                axes.set_title(name, size=SMALL, rotation=60, ha="left", va="bottom")
            if j == 0:
                axes.set_ylabel(method, size=SMALL, rotation=0, ha="right", va="center")
    return picture


@style.drawn(style.PLAIN_TEXT)
def convergence_curves(
    layers: Sequence[str],
    cosine: Mapping[str, Sequence[float]],
    ratio: Mapping[str, Sequence[float]],
    classes: Mapping[str, float],
    title: str = "",
) -> Picture:
    """Draw both over the layers (l,) where the way back began, a line a method; the classes' cosine apart."""
    picture = Picture((12.4, 5.4), 150, layout="constrained")
    picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    places = np.arange(len(layers))
    headings = "median |cosine| of maps from random starts", "σ₂/σ₁ of the maps of single units"
    for axes, found, heading in zip(picture.subplots(1, 2), (cosine, ratio), headings, strict=True):
        ends = classes if found is cosine else {}
        for k, (method, values) in enumerate(found.items()):
            look = _look(k)
            axes.plot(places, values, markersize=5, label=method, **look)
            if method in ends:
                axes.plot(len(layers) + 0.3, ends[method], markersize=7, **look)
        names = [*layers, "classes"] if ends else layers
        axes.set_xticks([*places, len(layers) + 0.3] if ends else places, names, size=SMALL, rotation=90)
        axes.set_title(heading, size=NOTE, loc="left", weight="bold")
        axes.set(ylim=(-0.03, 1.05))
    handles = axes.get_legend_handles_labels()
    note = "The start is forgotten where the cosine is 1, or the ratio 0. From the first layer to the last."
    picture.legend(*handles, loc="outside lower center", title=note, ncols=6, frameon=False, fontsize=NOTE)
    return picture
