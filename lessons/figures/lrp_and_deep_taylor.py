"""The pictures of lesson 8, LRP and deep Taylor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Image
from matplotlib.axes import Axes

from figures import as_jpeg, show_image, slide
from figures.maps import Values, show_heat
from minixai.plot import Picture, style

COLOURS = (style.FILTER, style.PATTERN, style.GREEN)


def shares_of_one(shares: Mapping[str, Values]) -> Picture:
    """Bars of what each rule gives to three inputs, with their sum."""
    picture = slide(4.2)
    for axes, (name, each) in zip(picture.subplots(1, len(shares), sharey=True), shares.items(), strict=True):
        axes.bar(range(3), each, color=[style.FILTER if share > 0 else style.PATTERN for share in each])
        axes.axhline(0, color=style.INK, linewidth=1)
        axes.set(title=f"{name}\nsum {each.sum():.2f}", xticks=range(3))
        axes.set_xticklabels(["$x_1$", "$x_2$", "$x_3$"])
    picture.axes[0].set_ylabel("share of R = 1")
    return picture


def of_a_photo(photo: Values, maps: Mapping[str, Values]) -> Image:
    """A photo (h, w, 3) and heat maps (h, w) of it, each clipped at its 99.5th percentile."""
    picture = slide(6.8)
    first, *others = picture.subplots(2, 3).flat
    show_image(first, photo, "photo")
    for axes, (name, values) in zip(others, maps.items(), strict=True):
        limit = np.percentile(np.abs(values), 99.5)
        show_heat(axes, np.clip(values, -limit, limit), name)
    picture.supxlabel("Each map has its own scale, below it; beyond it the colours are clipped.", size=14)
    return as_jpeg(picture)


def arrived(shares: Mapping[str, Mapping[str, float]]) -> Picture:
    """By network and table the part of the score that arrives at the pixels."""
    picture = slide(4.6)
    axes = picture.subplots()
    for k, ((network, by_table), colour) in enumerate(zip(shares.items(), COLOURS, strict=False)):
        places = np.arange(len(by_table)) + 0.36 * (k - 0.5)
        axes.bar(places, 100 * np.array(list(by_table.values())), 0.34, color=colour, label=network)
    axes.axhline(100, color=style.FAINT, linewidth=3)
    axes.set(xticks=range(len(by_table)), xticklabels=list(by_table), ylabel="% of the score", ylim=(0, 165))
    axes.set_title("what arrives at the pixels, mean over the images")
    axes.legend(frameon=False, ncols=2, loc="upper left")
    return picture


def similarity(cosines: Values, names: Sequence[str], images: int) -> Picture:
    """A matrix of cosines (n, n), none negative, with its numbers."""
    picture = slide(6.6)
    axes = picture.subplots()
    shown = axes.imshow(cosines, "cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(cosines):
        colour = "white" if value < 0.6 else style.INK
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", size=15, color=colour)
    axes.set(xticks=range(len(names)), yticks=range(len(names)), xticklabels=names, yticklabels=names)
    axes.set_title(f"cosine between the maps of two tables, median over {images} digits")
    picture.colorbar(shown, ax=axes)
    return picture


def two_classes(cosines: Mapping[str, Values]) -> Picture:
    """By table the cosines of the maps of two classes: the median and the middle half."""
    picture = slide(4.6)
    axes = picture.subplots()
    for k, each in enumerate(cosines.values()):
        low, middle, high = np.percentile(each, (25, 50, 75))
        axes.barh(k, middle, color=style.PATTERN)
        axes.hlines(k, low, high, color=style.INK, linewidth=4)
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.set(yticks=range(len(cosines)), yticklabels=list(cosines), xlim=(-0.25, 1))
    axes.invert_yaxis()
    axes.set_title("cosine of the maps of two classes (bar: median, line: the middle half)")
    return picture


def products_and_places(ratios: Mapping[str, Values], by_distance: Mapping[str, Values]) -> Picture:
    """Left σ₂/σ₁ of products of matrices; right the cosine of two units' maps by their distance."""
    picture = slide(5.0)
    left, right = picture.subplots(1, 2)
    for (kind, values), colour in zip(ratios.items(), COLOURS, strict=True):
        left.semilogy(range(1, len(values) + 1), values, color=colour, label=kind)
    left.set(xlabel="number of random matrices multiplied", title=r"$\sigma_2/\sigma_1$ of the product")
    left.set(ylim=(1e-8, 3))
    left.legend(frameon=False, loc="lower left")
    for (kind, values), colour in zip(by_distance.items(), COLOURS, strict=False):
        right.plot(range(len(values)), values, "o-", color=colour, label=kind)
    right.set(xlabel="distance of the two units in the layer, places", ylim=(-0.05, 1.05))
    right.set_title("cosine of the maps of two units, median")
    right.legend(frameon=False)
    return picture


def on_the_way_down(panels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Picture:
    """By network and line the cosine of the relevance of two classes, at each layer down to the pixels."""
    picture = slide(5.2)
    drawn = picture.subplots(1, len(panels), sharey=True, squeeze=False).flat
    for axes, (network, by_table) in zip(drawn, panels.items(), strict=True):
        _descent(axes, by_table)
        axes.set_title(network)
    picture.axes[0].set_ylabel("median cosine of two classes")
    return picture


def _descent(axes: Axes, by_table: Mapping[str, Mapping[str, float]]) -> None:
    for (name, by_layer), colour in zip(by_table.items(), COLOURS, strict=True):
        axes.plot(range(len(by_layer)), list(by_layer.values()), "o-", color=colour, label=name)
    axes.set(xticks=range(len(by_layer)), ylim=(-0.1, 1.6), yticks=(0, 0.25, 0.5, 0.75, 1))
    axes.set_xticklabels(list(by_layer), rotation=40, ha="right")
    axes.legend(frameon=False, loc="upper left")
