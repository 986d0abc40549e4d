"""The drawing of lesson 11."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from figures import slide
from minixai.plot import Picture, style
from minixai.typing import Array

POSITIVE, NEGATIVE = "#009E73", "#E69F00"
LOOKS = {  # estimators, as minixai calls them: name, colour, marker
    "random": ("random", style.FAINT, "o"),
    "filter": ("$S_w$", style.FILTER, "s"),
    "linear": ("$S_a$", style.PATTERN, "D"),
    "two_component": (r"$S_{a\pm}$", POSITIVE, "^"),
    "two_component_centred": (r"$S_{a\pm}$ centred", style.DISTRACTOR, "v"),
}
SHOWN = 1500  # points


def readers(y: Array, along: Mapping[str, Array], rhos: Mapping[str, float]) -> Picture:
    """For each estimator its rest (n,), in units of a_d, the output y (n,), and the best reader of it."""
    picture = slide(4.4)
    panels = picture.subplots(1, len(along), sharey=True)
    for axes, (name, rest) in zip(panels, along.items(), strict=True):
        label, colour, _ = LOOKS[name]
        _points(axes, rest, y, colour)
        _reader(axes, rest, y, (-3.2, 3.2), label="reader")
        axes.set(xlim=(-3.2, 3.2), ylim=(-1.05, 1.05), xlabel="rest, in units of $a_d$")
        axes.set_title(f"{label}: ρ = {rhos[name]:.3f}", color=colour, weight="bold")
    panels[0].set_ylabel("output $y$")
    panels[0].legend(loc="upper left")
    return picture


def roof(
    x: Array, y: Array, patterns: Mapping[str, Array], along: Array, rho_of: Mapping[str, float]
) -> Picture:
    """The patterns on the points x (n, 2); then the rest (n,) of S_a± over y (n,), all and active samples."""
    picture = slide(5.2)
    left, middle, right = picture.subplots(1, 3, width_ratios=[1, 1.2, 1.2])
    left.scatter(*x[:SHOWN].T, c=y[:SHOWN], s=6, alpha=0.35, linewidths=0, cmap=style.OUTPUT_MAP)
    _arrows(left, patterns)
    left.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    left.set_title("true signal (1, 0); colour: $y$")
    for axes, samples, low in ((middle, "all", -1.0), (right, "y > 0", 0.0)):
        chosen = y >= low
        _points(axes, y[chosen], along[chosen], POSITIVE)
        _mean_line(axes, y[chosen], along[chosen], low)
        _reader(axes, y[chosen], along[chosen], (low, 1.0), label="straight line", linestyle="--")
        axes.set_title(f"rest of $S_{{a\\pm}}$, {samples}: ρ = {rho_of[samples]:.2f}", weight="bold")
        axes.set(xlim=(low, 1.0), ylim=(-3.2, 3.2), xticks=np.linspace(low, 1, 3))
        axes.set(xlabel="output $y$", ylabel="rest, in units of $a_d$")
        axes.legend(loc="lower left")
    return picture


def by_layer(measured: Mapping[str, tuple[Array, Array, Array]], layers: Sequence[str]) -> Picture:
    """(mean, low, high), each (layers, estimators), for each way of measuring ρ."""
    picture = slide(5.6)
    panels = picture.subplots(1, len(measured), sharey=True)
    for axes, (title, (mean, low, high)) in zip(panels, measured.items(), strict=True):
        for k, (label, colour, marker) in enumerate(LOOKS.values()):
            places = np.arange(len(layers)) + 0.15 * (k - 2)
            axes.vlines(places, low[:, k], high[:, k], color=colour, linewidth=2)
            axes.plot(places, mean[:, k], marker, color=colour, label=label)
        for level in (0, 1):
            axes.axhline(level, color=style.FAINT, linewidth=0.8, zorder=0)
        for border in np.arange(0.5, len(layers) - 1):
            axes.axvline(border, color=style.FAINT, alpha=0.3, linewidth=0.8)
        axes.set(xticks=range(len(layers)), xticklabels=layers, xlim=(-0.5, len(layers) - 0.5))
        axes.set_title(title, weight="bold")
    panels[0].set_ylabel("ρ, mean over 8 units")
    names = panels[0].get_legend_handles_labels()
    picture.legend(*names, loc="outside lower center", ncols=5, frameon=False)
    return picture


def over(series: Mapping[str, tuple[Sequence[float], Mapping[str, Array]]]) -> Picture:
    """For each x axis its values, and for each layer (mean, low, high) (3, values) of ρ."""
    picture = slide(5.0)
    panels = picture.subplots(1, len(series), sharey=True)
    colours = (style.PATTERN, style.FILTER)
    for axes, (label, (x, layers)) in zip(panels, series.items(), strict=True):
        for (name, (mean, low, high)), colour in zip(layers.items(), colours, strict=True):
            reach = np.maximum([mean - low, high - mean], 0)
            axes.errorbar(x, mean, reach, color=colour, marker="o", capsize=4, label=name)
        axes.set(xscale="log", xlabel=label, ylim=(0, 1.05))
        axes.axhline(1, color=style.FAINT, linewidth=0.8)
    panels[0].set_ylabel("held-out ρ of $S_a$")
    panels[0].legend(loc="lower right", frameon=False)
    counts = next(iter(series.values()))[0]
    panels[0].set_xticks(counts, counts)
    panels[0].minorticks_off()
    return picture


def one_sided(shares: Array, rhos: Sequence[float], errors: Sequence[float]) -> Picture:
    """ρ and the error of the signal (n,), over the share (n,) of the rest that is called signal."""
    picture = slide(5.0)
    axes = picture.subplots()
    axes.plot(shares, rhos, "o-", color=style.PATTERN)
    axes.plot(shares, errors, "s-", color=style.FILTER)
    axes.text(0.3, 0.94, "ρ", color=style.PATTERN, size=22, weight="bold", ha="center", va="top")
    axes.text(0.68, 0.55, "rms error of the signal", color=style.FILTER, size=18, weight="bold")
    axes.set(xlim=(0, 1.1), ylim=(0, 1.1), xticks=[0, 0.25, 0.5, 0.75, 1])
    axes.set(xlabel="share κ of the rest that is given back to the signal")
    axes.set_title("the signal gets worse, ρ stays at 1")
    return picture


def _points(axes: Axes, x: Array, y: Array, colour: str) -> None:
    axes.scatter(x[:SHOWN], y[:SHOWN], s=6, color=colour, alpha=0.35, linewidths=0)


def _reader(axes: Axes, x: Array, y: Array, ends: tuple[float, float], **look: str) -> None:
    line = np.polyval(np.polyfit(x, y, 1), ends)
    axes.plot(ends, line, color=style.INK, linewidth=2, **look)


def _mean_line(axes: Axes, y: Array, rest: Array, low: float) -> None:
    bins = np.linspace(low, 1, 11 if low == 0 else 21)
    means = [rest[(y >= left) & (y < right)].mean() for left, right in itertools.pairwise(bins)]
    middles = (bins[:-1] + bins[1:]) / 2
    axes.plot(middles, means, color=style.FILTER, label="its mean")


def _arrows(axes: Axes, patterns: Mapping[str, Array]) -> None:
    places = {"a": (1.5, -0.4), "a_+": (2.3, 1.55), "a_-": (0.6, -1.4)}
    colours = {"a": style.PATTERN, "a_+": POSITIVE, "a_-": NEGATIVE}
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    for name, a in patterns.items():
        look = {"color": colours[name], "width": 3, "headwidth": 12, "shrink": 0}
        axes.annotate("", a, (0, 0), arrowprops=look)
        centre = {"ha": "center", "va": "center", "bbox": box}
        axes.text(*places[name], f"${name}$", color=colours[name], size=20, **centre)
