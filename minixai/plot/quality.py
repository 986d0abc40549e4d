"""ρ(S) by layer, or over the ridge, drawn from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minixai.plot import style
from minixai.plot.picture import Picture

__all__ = ["by_layer", "by_ridge"]

HEIGHT = 5.0  # inches
MARKERS = "osD^vPX"
NOTE_SIZE = 11
BESIDE = 1.5  # from one estimator's ridge to the next one's, on the logarithmic axis
ROTATE = 60  # characters of layer names that fit side by side
LABELS = {
    "random": "random",
    "filter": "filter S_w",
    "linear": "linear S_a",
    "two_component": "two-component S_a±",
    "two_component_centred": "two-component, centred",
}

Series = Mapping[str, Sequence[np.ndarray]]


@style.drawn(style.PLAIN_TEXT)
def by_layer(layers: Sequence[str], series: Series, title: str = "", note: str = "") -> Picture:
    """Draw means with error bars, side by side in each layer.

    series: estimator → mean, low and high, each (layers,); NaN leaves a gap. note: stands below the title.
    """
    place, step = np.arange(len(layers)), 0.6 / max(len(series) - 1, 1)
    picture = _picture(max(10.5, 1.4 + 1.1 * len(layers)), title)
    axes = picture.add_subplot()
    for k, (name, bars) in enumerate(series.items()):
        _draw(axes, place + (k - (len(series) - 1) / 2) * step, bars, k, name, line=False)
    for border in place[1:] - 0.5:
        axes.axvline(border, color=style.FAINT, alpha=0.3, linewidth=0.8)
    rotation = 35 if sum(map(len, layers)) > ROTATE else 0
    axes.set_xticks(place, layers, rotation=rotation, ha="right" if rotation else "center")
    axes.set(xlim=(-0.5, len(layers) - 0.5), xlabel="layer", ylabel="ρ(S)")
    axes.set_title(note, size=NOTE_SIZE, loc="left")
    _scale(axes, series)
    picture.legend(loc="outside lower center", ncols=len(series), frameon=False, fontsize=NOTE_SIZE)
    return picture


@style.drawn(style.PLAIN_TEXT)
def by_ridge(
    layers: Sequence[str], ridges: np.ndarray, series: Series, title: str = "", note: str = ""
) -> Picture:
    """Draw means with error bars over the ridge, a panel a layer.

    series: estimator → mean, low and high, each (layers, ridges). note: stands above the legend.
    """
    columns = min(len(layers), 5)
    rows = -(-len(layers) // columns)
    picture = _picture(max(10.5, 2.9 * columns + 1), title, height=3.0 * rows + 1.6)
    panels = picture.subplots(rows, columns, sharey=True, squeeze=False)
    for number, axes in enumerate(panels.flat):
        if number >= len(layers):
            axes.set_axis_off()
            continue
        for k, (name, bars) in enumerate(series.items()):
            beside = ridges * BESIDE ** (k - (len(series) - 1) / 2)  # equal means do not hide each other
            _draw(axes, beside, [bar[number] for bar in bars], k, name, line=True)
        axes.set(xscale="log", xlabel="ridge", title=layers[number])
        _scale(axes, series)
    for axes in panels[:, 0]:
        axes.set_ylabel("ρ(S)")
    keys = panels[0, 0].get_legend_handles_labels()
    look: Any = {"ncols": len(series), "fontsize": NOTE_SIZE, "title_fontsize": NOTE_SIZE}
    picture.legend(*keys, loc="outside lower center", title=note, frameon=False, **look)
    return picture


def _picture(width: float, title: str, height: float = HEIGHT) -> Picture:
    picture = Picture((width, height), 150, layout="constrained")
    if title:
        picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    return picture


def _draw(axes: Any, x: np.ndarray, bars: Sequence[np.ndarray], k: int, name: str, line: bool) -> None:
    mean, low, high = bars
    reach = np.maximum([mean - low, high - mean], 0)  # of a skewed bootstrap the mean may lie outside
    axes.errorbar(
        x,
        mean,
        reach,
        color=style.LINES[k % len(style.LINES)],
        marker=MARKERS[k % len(MARKERS)],
        linestyle="-" if line else "none",
        markersize=7,
        capsize=3,
        label=LABELS.get(name, name),
    )


def _scale(axes: Any, series: Series) -> None:
    """From 0 to 1 at least, with lines there."""
    ends = np.concatenate([np.ravel(end) for _, low, high in series.values() for end in (low, high)])
    low, high = np.nanmin([0, *ends]), np.nanmax([1, *ends])
    axes.set_ylim(low - 0.04, high + 0.04)
    for level in (0, 1):
        axes.axhline(level, color=style.FAINT, linewidth=0.8, zorder=0)
