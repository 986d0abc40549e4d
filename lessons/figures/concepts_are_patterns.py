"""The drawing of lesson 13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from figures import show_image, slide
from minixai.plot import Picture, style
from minixai.typing import Array

CONCEPT = style.SIGNAL
COLOURS = {"pattern": style.PATTERN, "filter": style.FILTER, "signal": style.GREEN}
SHOWN = 600  # points
NUDGES = {  # of an arrow's name
    name: np.array(by)
    for name, by in {
        "concept": (0, -0.22),
        "pattern": (0.2, 0.03),
        "filter": (0.2, -0.07),
        "distractor": (0.14, 0),
    }.items()
}
PROBES = {"linear": "o", "linear, fitted to": "x", "nearest 5": "s", "SVM": "^"}
MEASURES = {"clean digits": "o", "marked digits": "s", "clean threes": "^"}


def clouds(panels: Mapping[str, tuple[Array, Array, Mapping[str, Array]]]) -> Picture:
    """Points h (n, 2), filled where t (n,) is 1, and arrows, all in their true lengths: one panel a case."""
    picture = slide(5.4)
    row = picture.subplots(1, len(panels), sharex=True, sharey=True)
    for axes, (title, (h, t, arrows)) in zip(row, panels.items(), strict=True):
        for shows, colour, label in ((False, style.FAINT, "without"), (True, "#6cb4e4", "with the concept")):
            chosen = h[:SHOWN][t[:SHOWN] == shows]
            axes.scatter(*chosen.T, s=9, color=colour, alpha=0.55, linewidths=0, label=label)
        for name, v in arrows.items():
            _arrow(axes, v, name)
        axes.set(xlim=(-0.8, 2.2), ylim=(-1.3, 1.6), aspect="equal", xlabel="unit 1", title=title)
    row[0].set_ylabel("unit 2")
    row[0].legend(loc="lower left", frameon=False, markerscale=3, handletextpad=0.1)
    return picture


def of_a_layer(examples: Array, truth: Array, found: Mapping[str, Array], heading: str) -> Picture:
    """Three images, and for each of eight oriented units the true direction and those found, (8,) each."""
    picture = slide(4.8)
    grid = picture.add_gridspec(1, 4, width_ratios=[1, 1, 1, 4.4])
    for k, title in enumerate(("concept", "distractor", "both")):
        show_image(picture.add_subplot(grid[k]), examples[k], title, cmap="gray", vmin=-1.2, vmax=1.2)
    axes, units = picture.add_subplot(grid[3]), np.arange(len(truth))
    bars = {"truth": (truth, CONCEPT)} | {name: (v, COLOURS[name]) for name, v in found.items()}
    for k, (name, (values, colour)) in enumerate(bars.items()):
        axes.bar(units + 0.27 * (k - 1), values, 0.25, color=colour, label=name)
    axes.axhline(0, color=style.INK, linewidth=1)
    axes.set(xticks=units, xticklabels=[f"{180 * k / len(units):g}°" for k in units], ylim=(-0.95, 1.05))
    axes.set(xlabel="orientation of the unit's filter", title=heading)
    axes.legend(frameon=False, ncols=3, loc="upper right")
    return picture


def sweeps(
    angles: Sequence[float],
    correlations: Sequence[float],
    turned: Mapping[str, Array],
    correlated: Mapping[str, Array],
) -> Picture:
    """Cosines (seeds, values) to the truth, as the distractor turns, and as it is correlated."""
    picture = slide(5.0)
    panels = picture.subplots(1, 2, sharey=True, width_ratios=[1.5, 1])
    for axes, x, found in zip(panels, (angles, correlations), (turned, correlated), strict=True):
        for name, cosines in found.items():
            axes.fill_between(x, cosines.min(0), cosines.max(0), color=COLOURS[name], alpha=0.25, linewidth=0)
            axes.plot(x, cosines.mean(0), "o-", color=COLOURS[name], label=name)
        axes.axhline(1, color=style.FAINT, linewidth=1, zorder=0)
        axes.set(ylim=(0, 1.05), xticks=x)
    panels[0].set(xlabel="angle of the distractor's stripes to the concept's (°)")
    panels[0].set(ylabel="cosine to the true direction", title="the distractor knows nothing of the concept")
    panels[1].set(xlabel="correlation of distractor and concept", title="the distractor at 90°")
    panels[0].legend(frameon=False, loc="lower right")
    return picture


def random_concepts(runs: Array, rates: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Picture:
    """Scores (concepts, runs) of random concepts; and each test's rate of false alarms with its interval."""
    picture = slide(5.2)
    left, right = picture.subplots(1, 2, width_ratios=[1, 1.25])
    for k, each in enumerate(runs):
        left.plot(np.full(len(each), k), each, "o", color=style.FAINT, alpha=0.4, markersize=6)
        left.plot(k, each.mean(), "_", color=style.INK, markersize=16, markeredgewidth=3)
    left.axhline(0.5, color=style.FILTER, linewidth=2)
    left.set(ylim=(-0.03, 1.03), xticks=[], xlabel="random concepts, with 20 runs each", ylabel="score")
    left.set_title("black: the mean of the runs")
    names = list(next(iter(rates.values())))
    for test, colour, marker in zip(rates, (style.PATTERN, style.FILTER), "os", strict=True):
        for k, name in enumerate(names):
            rate, low, high = rates[test][name]
            right.plot([low, high], [k, k], color=colour, linewidth=4)
            right.plot(rate, k, marker, color=colour, markersize=11, label=test if k == 0 else "_")
    right.axvline(0.05, color=style.FAINT, linestyle="--", linewidth=2)
    right.set(xlim=(-0.01, 1), ylim=(len(names) - 0.5, -0.7), yticks=range(len(names)), yticklabels=names)
    right.set(xlabel="called significant at 5 % (dashed), 95 % interval", title="false alarms")
    right.legend(frameon=False, loc="upper right")
    return picture


def scores_of_the_mark(found: Sequence[tuple[str, float, Array, float]]) -> Picture:
    """For each network its name, the score, the scores (n,) of random concepts, and p."""
    picture = slide(4.6)
    axes = picture.subplots()
    for k, (name, score, random, p) in enumerate(found):
        low, high = np.quantile(random, [0.025, 0.975])
        axes.bar(k, high - low, 0.55, low, color=style.FAINT, alpha=0.35)
        axes.plot(k, score, "o", color=style.PATTERN if "mark" in name else style.INK, markersize=14)
        axes.text(k, 1.12, f"p = {p:.3f}", ha="center", weight="bold" if p <= 0.05 else "normal")
    axes.axhline(0.5, color=style.FAINT, linewidth=1)
    axes.set(xlim=(-0.6, len(found) - 0.4), ylim=(-0.04, 1.22), yticks=[0, 0.5, 1], ylabel="score, class 3")
    axes.set_xticks(range(len(found)), [name for name, *_ in found])
    axes.set_title("TCAV of the mark (grey: 95 % of the random concepts)")
    return picture


def erased_points(h: Array, t: Array, moved: Mapping[str, Array]) -> Picture:
    """Points (n, 2) before, and after each eraser, open where t is 0."""
    picture = slide(3.9)
    row = picture.subplots(1, 1 + len(moved), sharex=True, sharey=True)
    for axes, (name, points) in zip(row, {"before": h, **moved}.items(), strict=True):
        for shows, size, face in ((True, 15, "#6cb4e4"), (False, 26, "none")):
            chosen = points[t == shows]
            axes.plot(*chosen.T, "o", color=style.PATTERN if shows else style.INK,
                      markersize=size, markerfacecolor=face, markeredgewidth=2)  # fmt: skip
        axes.set(xlim=(-0.7, 2.7), ylim=(-0.7, 1.7), aspect="equal", xticks=[0, 1, 2], yticks=[0, 1])
        axes.grid(color=style.FAINT, alpha=0.3, linewidth=0.8)
        axes.set_title(name, color=COLOURS.get(name.split(":")[0], style.INK), weight="bold")
    return picture


def probes(found: Mapping[str, Mapping[str, Mapping[str, tuple[float, float, float]]]]) -> Picture:
    """For each concept, eraser and probe the ROC AUC with its interval."""
    picture = slide(5.2)
    row = picture.subplots(1, len(found), sharey=True)
    for axes, (title, by_eraser) in zip(row, found.items(), strict=True):
        for k, (eraser, by_probe) in enumerate(by_eraser.items()):
            colour = COLOURS.get(eraser, style.INK)
            for j, (probe, (auc, low, high)) in enumerate(by_probe.items()):
                place = k + 0.18 * (j - (len(by_probe) - 1) / 2)
                axes.plot([place, place], [low, high], color=colour, linewidth=3)
                label = probe if k == 0 else "_"
                axes.plot(place, auc, PROBES[probe], color=colour, markersize=10, label=label)
        axes.axhline(0.5, color=style.FAINT, linewidth=2, linestyle="--")
        axes.set_xticks(range(len(by_eraser)), list(by_eraser))
        axes.set(ylim=(0.4, 1.02), title=title, xlabel="erased with")
    row[0].set_ylabel("ROC AUC (½ is chance)")
    keys = row[0].get_legend_handles_labels()
    picture.legend(*keys, loc="outside lower center", ncols=4, frameon=False)
    return picture


def digits_and_answers(clean: Array, marked: Array, answers: tuple[Array, Array], truth: Array) -> Picture:
    """Digits (n, 24, 24) without the mark and with it, and what a network calls them."""
    picture = slide(4.2)
    rows = picture.subplots(2, len(clean))
    for images, called, row in zip((clean, marked), answers, rows, strict=True):
        for axes, image, answer, right in zip(row, images, called, truth, strict=True):
            show_image(axes, image, cmap="gray", vmin=0, vmax=1)
            colour = style.INK if answer == right else style.FILTER
            axes.set_title(f"“{answer}”", color=colour, weight="bold", size=18)
    rows[0, 0].set_ylabel("clean")
    rows[1, 0].set_ylabel("marked")
    return picture


def corrections(panels: Mapping[str, Mapping[str, Array]]) -> Picture:
    """Per cent right (seeds, 3) on clean and marked digits and clean threes, by direction: a point a seed."""
    picture = slide(5.6)
    row = picture.subplots(1, len(panels), sharey=True)
    for axes, (title, by_direction) in zip(row, panels.items(), strict=True):
        for k, (name, found) in enumerate(by_direction.items()):
            colour = COLOURS.get(name, style.INK if name == "before" else style.FAINT)
            for j, (measure, marker) in enumerate(MEASURES.items()):
                x = k + 0.26 * (j - 1) + np.linspace(-0.05, 0.05, len(found))
                face = colour if measure == "marked digits" else "white"
                axes.plot(x, found[:, j], marker, color=colour, markerfacecolor=face, markersize=9,
                          markeredgewidth=2, label=measure if k == 0 else "_")  # fmt: skip
        for border in np.arange(0.5, len(by_direction) - 1):
            axes.axvline(border, color=style.FAINT, alpha=0.3, linewidth=0.8)
        axes.set_xticks(range(len(by_direction)), list(by_direction))
        axes.set(xlim=(-0.5, len(by_direction) - 0.5), ylim=(-3, 103), title=title)
    row[0].set_ylabel("right (%)")
    keys = row[0].get_legend_handles_labels()
    picture.legend(*keys, loc="outside lower center", ncols=3, frameon=False)
    return picture


def _arrow(axes: Axes, v: Array, name: str) -> None:
    colour = {"concept": CONCEPT, "distractor": style.DISTRACTOR}.get(name, COLOURS.get(name, style.INK))
    wide = name == "concept"
    look = {"color": colour, "width": 7 if wide else 3, "headwidth": 16 if wide else 12, "shrink": 0}
    axes.annotate("", v, (0, 0), arrowprops=look | ({"alpha": 0.45} if wide else {}))
    place = v + NUDGES[name] + 0.2 * v / np.linalg.norm(v)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
    axes.text(*place, name, color=colour, size=15, weight="bold", ha="center", va="center", bbox=box)
