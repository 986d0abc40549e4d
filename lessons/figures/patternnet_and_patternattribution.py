"""The drawing of lesson 12."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from IPython.display import Image

from figures import as_jpeg, show_image, slide
from figures.maps import beside_baselines, show_colours, show_heat
from minixai.bootstrap import mean_interval
from minixai.evaluate import Degradation
from minixai.plot import Picture, style

Values = np.ndarray
COLOURS = {
    "gradient": style.FAINT,
    "linear": style.PATTERN,
    "positive": style.FILTER,
    "centred": style.DISTRACTOR,
}


def kernels(rows: Mapping[str, Values]) -> Picture:
    """By name kernels (k, h, w): a row each, every kernel on its own scale."""
    picture = slide(1.9 * len(rows))
    columns = len(next(iter(rows.values())))
    for panels, (name, each) in zip(picture.subplots(len(rows), columns), rows.items(), strict=True):
        for axes, kernel in zip(panels, each, strict=True):
            show_heat(axes, kernel)
        panels[0].set_ylabel(name)
    return picture


def likeness(own: Mapping[str, Values], grey: Mapping[str, tuple[float, float]]) -> Picture:
    """Cosines of maps with their own images, and with others and the mean image as grey lines."""
    picture = slide(5.2)
    axes = picture.subplots()
    beside_baselines(axes, list(own.values()), list(grey.values()), list(own))
    axes.set(ylabel="cosine with the image", ylim=(-0.8, 1.05))
    axes.set_title("dot: own image; grey line: another digit; dashed: the mean digit")
    return picture


def trade_off(found: Mapping[tuple[str, str], tuple[float, float]]) -> Picture:
    """By network and kind the largest ‖w‖·‖a‖ and the |cosine| of two classes; the gradient as a line."""
    picture = slide(5.4)
    networks = list(dict.fromkeys(network for network, _ in found))
    for axes, network in zip(picture.subplots(1, len(networks), sharey=True), networks, strict=True):
        for (of, kind), (length, alike) in found.items():
            if of == network and kind == "gradient":
                axes.axhline(alike, color=COLOURS[kind], linestyle="--")
                axes.text(1.2, alike + 0.02, "gradient", color=style.FAINT)
            elif of == network:
                axes.plot(length, alike, "o", color=COLOURS[kind], markersize=16, label=kind)
        axes.set(xscale="log", xlim=(1, 3e4), ylim=(0, 1.05), xlabel=r"largest $\|w\|\cdot\|a\|$ of a unit")
        axes.set_title(network)
    picture.axes[0].set_ylabel("|cosine| of two classes' maps")
    picture.axes[0].legend(frameon=False, loc="lower right")
    return picture


def descents(found: Mapping[str, Mapping[str, list[float]]]) -> Picture:
    """By network and table σ₂/σ₁ of the walk from ten classes, at the input of each layer on the way down."""
    picture = slide(5.2)
    for axes, (network, by_table) in zip(
        picture.subplots(1, len(found), sharey=True), found.items(), strict=True
    ):
        for name, ratios in by_table.items():
            axes.plot(range(1, len(ratios) + 1), ratios, "o-", color=COLOURS[name], label=name)
        axes.set(ylim=(0, 1.02), xlabel="layers walked back", xticks=range(1, len(ratios) + 1), title=network)
    picture.axes[0].set_ylabel(r"$\sigma_2/\sigma_1$ (0: one map for all classes)")
    names = picture.axes[0].get_legend_handles_labels()
    picture.legend(*names, loc="outside lower center", ncols=4, frameon=False)
    return picture


def differences(by_fill: Mapping[str, Mapping[str, Degradation]], title: str) -> Picture:
    """By fill and order the area less that of the first order, with its interval over the images."""
    picture = slide(4.6)
    panels = picture.subplots(1, len(by_fill), sharey=True)
    for axes, (fill, curves) in zip(panels, by_fill.items(), strict=True):
        baseline, *others = curves.values()
        for k, curve in enumerate(others):
            mean, low, high = mean_interval(curve.area - baseline.area)
            axes.hlines(k, low, high, color=style.PATTERN, linewidth=5)
            axes.plot(mean, k, "o", color=style.PATTERN, markersize=12)
        axes.axvline(0, color=style.FAINT, linewidth=3)
        axes.set(yticks=range(len(others)), yticklabels=list(curves)[1:], title=f"replaced by {fill}")
        axes.set_xlabel("area less that of random")
        axes.locator_params(axis="x", nbins=5)
    panels[0].invert_yaxis()
    picture.suptitle(title)
    return picture


def of_a_photo(photo: Values, values: Values, title: str, signal: bool) -> Image:
    """A photo (h, w, 3) beside its map (3, h, w): a signal in colours, an attribution as a heat map."""
    picture = slide(5.4)
    left, right = picture.subplots(1, 2)
    show_image(left, photo, "photo")
    if signal:
        show_colours(right, values, title)
    else:
        show_heat(right, values.sum(axis=0), title)
    return as_jpeg(picture)
