"""The drawing of lesson 15."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from figures import show_image, slide
from minixai.bootstrap import mean_interval
from minixai.evaluate import Bench, DegradationComparison
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
    count = len(next(iter(table.values()))["edges"])
    values = np.array([[np.nanmedian(row[what]) for what in columns] for row in table.values()])
    axes.imshow(np.abs(values), cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        words = f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
        axes.text(j, i, words, ha="center", va="center", size=17, color="white" if value > 0.8 else style.INK)
    axes.set(
        xticks=range(len(columns)), xticklabels=columns, yticks=range(len(table)), yticklabels=list(table)
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xlabel(f"rank correlation of the map with …, median of {count} squares")
    axes.axhline(len(table) - 3.5, color=style.INK, linewidth=1.5)
    axes.spines[:].set_visible(False)
    return picture


def excesses(found: Mapping[str, Sequence[float]]) -> Picture:
    """For each method the excess with the trained and with the untrained network."""
    picture = slide(4.4)
    axes = picture.subplots()
    places = np.arange(len(found))
    for k, (state, colour) in enumerate({"trained": style.PATTERN, "untrained": style.ORANGE}.items()):
        axes.bar(
            places + 0.38 * k - 0.19, [each[k] for each in found.values()], 0.36, color=colour, label=state
        )
    axes.axhline(0, color=style.INK, linewidth=1)
    axes.set(xticks=places, ylabel="own share less others'")
    axes.set_xticklabels([name.replace(" ", "\n", 1) for name in found])
    axes.set_title("share of the map on this image's strong edges, less that on other images'")
    axes.legend(frameon=False)
    return picture


def cascades(
    panels: Mapping[str, Mapping[str, Array]],
    layers: Sequence[str],
    floors: Mapping[str, float] | None = None,
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


def forgotten(photo: Array, maps: Mapping[str, Array], alike: Sequence[float]) -> Picture:
    """A photo, and maps (1, h, w) by name, white where strong, with a likeness below each."""
    picture = slide(2.6)
    first, *panels = picture.subplots(1, 1 + len(maps))
    show_image(first, photo, "photo")
    for axes, (name, values), likeness in zip(panels, maps.items(), alike, strict=True):
        show_image(
            axes, values[0], name.replace(".", "\n"), cmap="gray", vmin=0, vmax=np.percentile(values, 99)
        )
        axes.set_xlabel(f"{likeness:.2f}".replace("-", "−"))
    return picture


def suppressor_shares(shares: Mapping[str, float], formula: Mapping[str, float]) -> Picture:
    """The suppressor's share of each method's map, and of those that have one the closed form."""
    picture = slide(4.4)
    axes = picture.subplots()
    places = np.arange(len(shares))
    axes.barh(places, list(shares.values()), color=style.FILTER, height=0.6)
    for k, (name, share) in enumerate(shares.items()):
        if name in formula:
            axes.vlines(
                formula[name], k - 0.42, k + 0.42, color=style.INK, label="by hand" if k == 0 else None
            )
        axes.text(share + 0.008, k, f"{share:.2f}", va="center")
    axes.set(yticks=places, yticklabels=list(shares), xlim=(0, 0.65), xlabel="share of the map on $x_2$")
    axes.set_title("$x_2$ knows nothing of the class")
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="lower right")
    return picture


def bench_marks(table: Bench, rows: Sequence[str]) -> Picture:
    """ROC AUC: the mean with its interval, each problem on its own, and the mean of untrained networks."""
    picture = slide(6.2)
    axes = picture.subplots()
    for k, row in enumerate(rows):
        colour = style.FAINT if table.rows[row] else style.PATTERN
        each = [table.mean(row, "roc_auc", problem)[0] for problem in table.problems]
        mean, low, high = table.mean(row, "roc_auc")
        axes.plot(each, [k] * len(each), "|", color=colour, markersize=11, markeredgewidth=1.5, alpha=0.6)
        axes.hlines(k, low, high, color=colour, linewidth=6)
        axes.plot(mean, k, "o", color=colour, markersize=11)
        axes.plot(table.mean(row, "roc_auc", state="untrained")[0], k, "x", color=style.FILTER, mew=2.5)
    for label, look in {
        "mean, 95 % over trainings": {"marker": "o", "color": style.PATTERN, "markersize": 11},
        "one problem": {"marker": "|", "color": style.PATTERN, "markersize": 11, "linestyle": ""},
        "mean, untrained": {"marker": "x", "color": style.FILTER, "mew": 2.5, "linestyle": ""},
    }.items():
        axes.plot([], [], label=label, **look)
    axes.axvline(0.5, color=style.INK, linewidth=1, linestyle=":")
    axes.set(yticks=range(len(rows)), yticklabels=rows, xlim=(0.1, 1.01), ylim=(len(rows) - 0.4, -0.6))
    axes.set_xlabel("ROC AUC (dotted: chance)")
    axes.legend(frameon=False, loc="upper left")
    return picture


def two_checks(
    checked: Mapping[tuple[str, str], tuple[float, float, float]], titles: Mapping[str, str]
) -> Picture:
    """(problem, method) → (likeness without any layer, that of another image, ROC AUC): AUC over likeness."""
    picture = slide(5.6)
    axes = picture.subplots()
    markers = dict(zip(dict.fromkeys(problem for problem, _ in checked), "osD^v", strict=True))
    for (problem, name), (stays, _, auc) in checked.items():
        axes.plot(stays, auc, markers[problem], color=LOOKS[name][0], markersize=15, alpha=0.85)
    for name in dict.fromkeys(name for _, name in checked):
        axes.plot([], [], "o", color=LOOKS[name][0], label=name, markersize=12)
    for problem, marker in markers.items():
        axes.plot([], [], marker, color=style.FAINT, label=titles[problem], markersize=12)
    axes.axhline(0.5, color=style.INK, linewidth=1, linestyle=":")
    axes.set(xlim=(-0.15, 0.8), ylim=(0.45, 1.02), ylabel="ROC AUC: lies on the truth")
    axes.set_xlabel("rank correlation with the map of a network that has forgotten everything")
    axes.text(-0.13, 0.465, "passes the test", color=style.FAINT)
    axes.text(0.78, 0.465, "fails the test", color=style.FAINT, ha="right")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return picture


def watermarks(
    on_mark: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
    moved: Mapping[str, Sequence[float]],
    even: float,
) -> Picture:
    """The share of each map on the stripe without and with it, a line a training; then what it does to y."""
    picture = slide(5.0)
    *panels, last = picture.subplots(1, len(on_mark) + 1, width_ratios=[*(1 for _ in on_mark), 1.3])
    colours = {"none": style.FAINT, "random": style.ORANGE, "informative": style.PATTERN}
    for axes, (name, by_kind) in zip(panels, on_mark.items(), strict=True):
        for kind, each in by_kind.items():
            axes.plot([0, 1], np.transpose(each), "o-", color=colours[kind], linewidth=2)
        axes.axhline(even, color=style.INK, linestyle=":", linewidth=1.5)
        axes.set(xticks=[0, 1], xticklabels=["without", "with"], xlim=(-0.3, 1.3), ylim=(0.1, 0.23))
        axes.set_title(f"{name}\n(all three alike)" if name == "|x|" else name)
    for axes in panels[1:]:
        axes.set_yticklabels([])
    panels[0].set_ylabel("share of the map on the stripe, from .10")
    panels[0].text(1.25, even, "even", ha="right", va="bottom")
    for k, (kind, each) in enumerate(moved.items()):
        last.plot([k] * len(each), each, "o", color=colours[kind], markersize=12)
    last.axhline(0, color=style.INK, linewidth=1)
    last.set(xticks=range(len(moved)), xticklabels=list(moved), xlim=(-0.5, 2.5))
    last.set_title("score of 5 less that of 2:\nshift by the stripe")
    last.set_ylabel("in standard deviations")
    return picture


def degraded(fallen: Mapping[str, DegradationComparison]) -> Picture:
    """For each fill the mean probability under the curve of every order, with its interval."""
    picture = slide(4.8)
    panels = picture.subplots(1, len(fallen), sharey=True, sharex=True)
    for axes, (fill, comparison) in zip(panels, fallen.items(), strict=True):
        for k, (name, curve) in enumerate(comparison.curves.items()):
            mean, low, high = mean_interval(curve.area)
            colour = style.FAINT if name in comparison.controls else style.PATTERN
            axes.hlines(k, low, high, color=colour, linewidth=5)
            axes.plot(mean, k, "o", color=colour, markersize=12)
        first = next(iter(comparison.curves.values()))
        axes.axvline(first.area.mean(), color=style.INK, linestyle=":", linewidth=1.5)
        axes.set(title=f"fill: {fill}", xlabel="mean probability: lower is better")
        axes.set_yticks(range(len(comparison.curves)), list(comparison.curves))
    panels[0].invert_yaxis()
    return picture
