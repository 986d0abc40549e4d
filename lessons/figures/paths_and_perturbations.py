"""The pictures of lesson 9, paths and perturbations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from IPython.display import Image
from matplotlib.axes import Axes

from figures import as_jpeg, show_image, slide
from figures.maps import Values, beside_image, show_heat
from minixai.bootstrap import mean_interval
from minixai.plot import Picture, style

OWN_SCALE = "Red speaks for the class, blue against it. Each map has its own scale, the number below it."
COLOURS = (style.FILTER, style.PATTERN)


def line(steps: int) -> Picture:
    """x₁x₂² with three ways from (0, 0) to (1, 2), and what is integrated on the straight one."""
    picture = slide(5.0)
    left, right = picture.subplots(1, 2, width_ratios=[1, 1.4])
    x1, x2 = np.meshgrid(np.linspace(-0.1, 1.2, 80), np.linspace(-0.2, 2.3, 80))
    look = {"colors": style.FAINT, "linewidths": 1.2}
    lines = left.contour(x1, x2, x1 * x2**2, levels=[0.25, 0.5, 1, 2, 3, 4, 5], **look)
    left.clabel(lines, fontsize=13, fmt="%.3g")
    left.plot([0, 1], [0, 2], "-o", color=style.INK)
    left.plot([0, 1, 1], [0, 0, 2], "--", color=style.GREEN)
    left.plot([0, 0, 1], [0, 2, 2], ":", color=style.DISTRACTOR)
    left.text(0.5, 0.05, "first $x_1$", color=style.GREEN, ha="center")
    left.text(0.02, 2.05, "first $x_2$", color=style.DISTRACTOR)
    left.text(0.12, 0.42, "straight", color=style.INK, rotation=45, ha="center", va="center")
    left.set(xlabel="$x_1$", ylabel="$x_2$", title="the score $x_1x_2^2$, and three ways to (1, 2)")
    alpha, middles = np.linspace(0, 1, 101), (np.arange(steps) + 0.5) / steps
    for factor, area, colour in ((2, "8/3", COLOURS[1]), (1, "4/3", COLOURS[0])):
        right.bar(middles, factor * 4 * middles**2, 1 / steps, color=colour, alpha=0.3, edgecolor="white")
        right.plot(alpha, factor * 4 * alpha**2, color=colour, label=f"$x_{factor}$: area {area}")
    right.set(xlabel=r"place $\alpha$ on the line", xlim=(0, 1), ylim=(0, 8.3))
    right.set_title(f"derivative × way, and its value in {steps} steps")
    right.legend(frameon=False, loc="upper left")
    return picture


def gaps(steps: Sequence[int], gaps: Values, errors: Values) -> Picture:
    """By number of steps the size of the gap and the error of the map, (steps, images)."""
    picture = slide(5.2)
    for axes, each, title in zip(
        picture.subplots(1, 2, sharey=True),
        (np.abs(gaps), errors),
        ("size of the gap, % of the rise of the score", "error of the map, % of its length"),
        strict=True,
    ):
        axes.loglog(steps, 100 * each, color=style.FAINT, alpha=0.35, linewidth=1)
        axes.loglog(steps, 100 * np.median(each, axis=1), "o-", color=style.PATTERN, label="median")
        axes.loglog([], [], color=style.FAINT, linewidth=1, label="single images")
        axes.set(title=title, xlabel="steps", xticks=steps[::2], xticklabels=steps[::2], ylim=(3e-3, 300))
        axes.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
        axes.minorticks_off()
    picture.axes[1].legend(frameon=False)
    return picture


def baselines(image: Values, grounds: Mapping[str, Values], maps: Mapping[str, Values]) -> Picture:
    """Above the baselines, below the maps of an image from each."""
    picture = slide(4.7)
    upper, lower = picture.subplots(2, 1 + len(maps))
    show_image(upper[0], image, "image", cmap="gray", vmin=0, vmax=1)
    lower[0].axis("off")
    for above, below, (name, values) in zip(upper[1:], lower[1:], maps.items(), strict=True):
        show_image(above, grounds[name], name, cmap="gray", vmin=0, vmax=1)
        show_heat(below, values)
    picture.supxlabel(OWN_SCALE, size=14)
    return picture


def table(values: Values, rows: Sequence[str], columns: Sequence[str], title: str) -> Picture:
    """Cosines (rows, columns) with their numbers."""
    picture = slide(0.62 * len(rows) + 1.6)
    axes = picture.subplots()
    picture.colorbar(_numbers(axes, values, rows, columns), ax=axes)
    axes.set_title(title)
    return picture


def controls(names: Sequence[str], signed: Values, sizes: Values) -> Picture:
    """How alike maps are to those of what was changed (methods, 3), and their sizes (methods, 4)."""
    picture = slide(5.6)
    left, right = picture.subplots(1, 2, width_ratios=[3, 4])
    changed = ["other\nclass", "other\nimage", "untrained\nnetwork"]
    _numbers(left, signed, names, changed)
    shown = _numbers(right, sizes, [""] * len(names), [*changed, "the image's\nedges"])
    left.set_title("rank correlation of the map with that of …")
    right.set_title("rank correlation of the sizes, |map|")
    picture.colorbar(shown, ax=right)
    return picture


def _numbers(axes: Axes, values: Values, rows: Sequence[str], columns: Sequence[str]) -> Any:
    shown = axes.imshow(values, "RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if abs(value) > 0.7 else style.INK
        axes.text(column, row, _text(value, 2), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    return shown


def _text(value: float, places: int) -> str:
    return f"{round(value, places) + 0.0:.{places}f}".replace("-", "−")  # + 0.0: no −0


def around(x: Values, smooth: Values, variance: Values, image: Values, maps: Mapping[str, Values]) -> Picture:
    """SmoothGrad and VarGrad of a ReLU over x; an image and its maps."""
    picture = slide(3.9)
    first, second, *others = picture.subplots(1, 2 + len(maps), width_ratios=[1.6, *[1] * (1 + len(maps))])
    first.plot(x, np.maximum(x, 0), color=style.FAINT, label="ReLU")
    first.plot(x, smooth, "o-", color=style.PATTERN, label="SmoothGrad", markersize=5)
    first.plot(x, variance, "s-", color=style.FILTER, label="VarGrad", markersize=5)
    first.set(xlabel="x, in units of σ", ylim=(-0.05, 1.55), title="one ReLU")
    first.legend(frameon=False, fontsize=13, loc="upper left")
    show_image(second, image, "image", cmap="gray")
    for axes, (name, values) in zip(others, maps.items(), strict=True):
        show_heat(axes, values, name)
    return picture


def of_a_photo(photo: Values, maps: Mapping[str, Values]) -> Image:
    """A photo (h, w, 3) and heat maps (1, h, w) of it, each clipped at its 99th percentile."""
    picture = slide(6.8)
    first, *others = picture.subplots(2, 3).flat
    show_image(first, photo, "photo")
    for axes, (name, (values,)) in zip(others, maps.items(), strict=True):
        limit = np.percentile(np.abs(values), 99)
        show_heat(axes, np.clip(values, -limit, limit), name)
    picture.supxlabel("Each map has its own scale, below it; beyond it the colours are clipped.", size=14)
    return as_jpeg(picture, quality=72)


def row(image: Values, maps: Mapping[str, Values]) -> Picture:
    """An image and heat maps of it."""
    picture = beside_image(3.4, image, maps, show_heat)
    picture.supxlabel(OWN_SCALE, size=14)
    return picture


def shares_of_four(answers: Mapping[str, Sequence[float]]) -> Picture:
    """Bars of the two shares by each method, with their sum."""
    picture = slide(4.0)
    panels = picture.subplots(1, len(answers), sharey=True)
    for axes, (name, shares) in zip(panels, answers.items(), strict=True):
        axes.bar(range(2), shares, color=COLOURS)
        total = sum(shares)
        complete = abs(total - 4) < 1e-3
        axes.set_title(f"{name}\nsum {total:.3g}", weight="bold" if complete else "normal")
        axes.set_xticks(range(2), ["$x_1$", "$x_2$"])
    picture.axes[0].set_ylabel("share of the score 4")
    return picture


def suppressor(
    sample: Any, score: Values, shares: Mapping[str, Values], means: tuple[Values, Values]
) -> Picture:
    """The points by class; shares (n,) of x₂ over x₂; the score (n,) over x₂, with means (x, y) of slices."""
    picture = slide(4.6)
    panels = picture.subplots(1, 2 + len(shares))
    shown = slice(0, 800)
    (x1, x2), y = sample.x[shown].T, sample.y[shown]
    drawn = [(x1, x2, "the data"), *((x2, each[shown], f"{name} share") for name, each in shares.items())]
    drawn.append((x2, score[shown], "score f, and its mean"))
    for axes, (across, up, title) in zip(panels, drawn, strict=True):
        for k, colour in enumerate(COLOURS):
            axes.scatter(across[y == k], up[y == k], s=10, color=colour, alpha=0.5, linewidths=0)
        axes.set(xlabel="$x_2$", title=title, ylim=(-3, 3))
    panels[0].set(xlabel="$x_1$", ylabel="$x_2$")
    panels[0].text(-3.9, 2.4, "z = −1", color=COLOURS[0])
    panels[0].text(1.6, -2.7, "z = 1", color=COLOURS[1])
    panels[1].set_ylabel("share of $x_2$")
    panels[-1].plot(*means, "o-", color=style.INK, markersize=6)
    for axes in panels[1:]:
        axes.axhline(0, color=style.INK, linewidth=1)
    return picture


def patches(image: Values, by_patch: Mapping[str, Values]) -> Picture:
    """An image, and values (3, 3) of its patches by "method, baseline"."""
    grounds = list(dict.fromkeys(name.split(", ")[1] for name in by_patch))
    methods = list(dict.fromkeys(name.split(", ")[0] for name in by_patch))
    picture = slide(6.6)
    panels = picture.subplots(len(grounds), 1 + len(methods))
    for row, ground in zip(panels, grounds, strict=True):
        show_image(row[0], image, cmap="gray", extent=(0, 3, 3, 0))
        row[0].set_ylabel(f"fill: {ground}", size=14)
        for axes, method in zip(row[1:], methods, strict=True):
            values = by_patch[f"{method}, {ground}"]
            limit = np.abs(values).max()
            show_image(axes, values, "" if axes.get_subplotspec().rowspan.start else method,
                       cmap="RdBu_r", vmin=-limit, vmax=limit)  # fmt: skip
            for (i, j), value in np.ndenumerate(values):
                colour = "white" if abs(value) > 0.6 * limit else style.INK
                axes.text(j, i, _text(value, 1), ha="center", va="center", color=colour, size=14)
    return picture


def degraded(by_fill: Mapping[str, Any]) -> Picture:
    """Curves of the mean probability, by fill, with bands of 95 %; controls in grey."""
    picture = slide(5.8)
    for axes, (fill, comparison) in zip(
        picture.subplots(1, len(by_fill), sharey=True), by_fill.items(), strict=True
    ):
        colours, dashes = iter(style.LINES), iter(("-", "--", ":", "-."))
        for name, curve in comparison.curves.items():
            control = name == "random" or name in comparison.controls
            look = {"color": style.FAINT, "linestyle": next(dashes)} if control else {"color": next(colours)}
            middle, low, high = mean_interval(curve.scores, draws=500)
            axes.fill_between(curve.steps, low, high, color=look["color"], alpha=0.15, linewidth=0)
            axes.plot(curve.steps, middle, label=name, **look)
        axes.set(xlabel="3×3 patches replaced, of 64", title=f"replaced by {fill}")
        axes.set(ylim=(0, 1.02), xlim=(0, 64))
    picture.axes[0].set_ylabel("probability of the class")
    handles = picture.axes[0].get_legend_handles_labels()
    picture.legend(*handles, loc="outside lower center", ncols=4, frameon=False)
    return picture


def wished(rows: Mapping[str, tuple[Values, ...]]) -> Picture:
    """By name an image, the baseline that was searched for, the map from it, and the map from black."""
    picture = slide(2.0 * len(rows) + 0.2)
    panels = picture.subplots(len(rows), 4)
    for i, (row, (name, (image, baseline, map_, plain))) in enumerate(zip(panels, rows.items(), strict=True)):
        show_image(row[0], image, "" if i else "image", cmap="gray", vmin=0, vmax=1)
        row[0].set_ylabel(name)
        show_image(row[1], baseline, "" if i else "baseline", cmap="gray", vmin=0, vmax=1)
        show_heat(row[2], map_, "" if i else "IG from it")
        show_heat(row[3], plain, "" if i else "IG from black")
    return picture
