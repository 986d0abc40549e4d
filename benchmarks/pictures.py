"""What was measured as pictures, in minixai's style."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.rows import INPUT_VJP, PEER, SIDES, Group
from benchmarks.tables import SCALE, Entry, ratios, seconds, sides_of
from minixai.plot import Picture, style

__all__ = ["picture"]

COLOURS = (style.BLUE, style.SKY, style.PURPLE, style.GREEN, style.VERMILION, style.ORANGE)
LOOKS = {
    side: {"color": colour, "marker": marker, "markersize": size}
    for side, colour, marker, size in zip(SIDES, COLOURS, "o^vsDP", (9, 7, 7, 5, 7, 7), strict=True)
}
PANEL = (5.4, 4.2)  # inches
ROW, NAMES = 0.27, 2.6  # inches, of a row and of the rows' names
NOTE = "(medians of the rounds, bars from the least to the largest)"


def picture(group: Group, entries: list[Entry]) -> Picture | None:
    """Of a group, where there is another side to it."""
    if not any(ratios(entry) for entry in entries):
        return None
    return growing(group, entries) if group.grows else beside(group, entries)


@style.drawn(style.PLAIN_TEXT)
def growing(group: Group, entries: list[Entry]) -> Picture:
    """Times over what grows, a panel for each title."""
    titles = list(dict.fromkeys(entry["title"] for entry in entries))
    columns = min(3, len(titles))
    lines = -(-len(titles) // columns)
    sheet, scale = _sheet(group, PANEL[0] * columns, PANEL[1] * lines), SCALE[group.unit]
    for number, title in enumerate(titles, start=1):
        axes = sheet.add_subplot(lines, columns, number)
        panel = [entry for entry in entries if entry["title"] == title]
        for side in sides_of(panel):
            known, middle, reach = _spread([seconds(entry, side) for entry in panel])
            at = [panel[number]["at"] for number in known]
            axes.errorbar(at, middle * scale, yerr=reach * scale, label=side, **LOOKS[side])
        axes.set(xscale="log", yscale="log", xlabel=group.at, ylabel=group.unit)
        axes.set_title(title, size=style.TEXT_SIZE, loc="left")
        places = sorted({entry["at"] for entry in panel})
        axes.set_xticks(places, [str(place) for place in places])
        axes.xaxis.set_minor_locator(NullLocator())
        _plain(axes.yaxis)
    _legend(sheet)
    return sheet


@style.drawn(style.PLAIN_TEXT)
def beside(group: Group, entries: list[Entry]) -> Picture:
    """Times by PyTorch's, a line for each row; input VJPs in a panel of their own."""
    compared = [entry for entry in entries if ratios(entry)]
    vjps = [entry for entry in compared if entry["title"].endswith(INPUT_VJP)]
    others = [entry for entry in compared if entry not in vjps]
    panels = {"forward": others, "input VJP": vjps} if vjps and others else {"": compared}
    height = ROW * max(map(len, panels.values())) + 1.6
    sheet = _sheet(group, (NAMES + PANEL[0]) * len(panels), height)
    for number, (heading, panel) in enumerate(panels.items(), start=1):
        axes = sheet.add_subplot(1, len(panels), number)
        axes.set_title(heading, size=style.TEXT_SIZE, loc="left")
        for side in sides_of(panel):
            if side != PEER:
                known, middle, reach = _spread([ratios(entry, side) for entry in panel])
                axes.errorbar(middle, known, xerr=reach, linestyle="", label=side, **LOOKS[side])
        axes.axvline(1, color=LOOKS[PEER]["color"], label=PEER)
        axes.set(xscale="log", xlabel=f"time / {PEER}'s", ylim=(len(panel) - 0.5, -0.5))
        axes.set_yticks(range(len(panel)), [_name(entry, group.at) for entry in panel], size=10)
        axes.grid(axis="y", alpha=0.3)
        _plain(axes.xaxis)
    _legend(sheet)
    return sheet


def _sheet(group: Group, width: float, height: float) -> Picture:
    sheet = Picture((width, height + 0.9), 100, layout="constrained")
    title = f"{group.about[0].upper()}{group.about[1:]}\n{NOTE}"
    sheet.suptitle(title, size=style.TEXT_SIZE, x=0.01, ha="left")
    return sheet


def _name(entry: Entry, heading: str) -> str:
    at = "" if entry["at"] is None else f", {heading} {entry['at']}"
    return f"{entry['title'].removesuffix(INPUT_VJP)}{at}"


def _spread(rounds: list[list[float]]) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Which of them have values; their medians, and how far the least and the largest lie off: (2, known)."""
    known = [number for number, each in enumerate(rounds) if each]
    middle = np.array([median(rounds[number]) for number in known])
    ends = np.array([(min(rounds[number]), max(rounds[number])) for number in known]).T
    return known, middle, abs(ends - middle)


def _plain(axis: Any) -> None:
    """1, 2, 5, 10, … as people write them, or powers of ten where the axis is long."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _legend(sheet: Picture) -> None:
    """One for all panels: a panel may lack a side."""
    keys = {
        label: handle
        for axes in sheet.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    labels = [side for side in SIDES if side in keys]
    sheet.legend(
        [keys[label] for label in labels], labels, loc="outside lower center", ncols=len(keys), frameon=False
    )
