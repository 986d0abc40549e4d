"""The pictures of lesson 6, DeConvNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from figures import as_jpeg, show_image, slide
from figures.maps import Values, beside_baselines, beside_image, show_signal
from minixai.plot import Picture, style
from minixai.plot.maps import in_channels, largest
from minixai.plot.projection import mosaic

OWN_SCALE = "Each map is on its own scale; grey is zero."


def pooled_and_back(panels: Mapping[str, Values], windows: int) -> Picture:
    """Images of 24×24 or fewer values, with a grid of windows."""
    picture = slide(3.7)
    for axes, (title, values) in zip(picture.subplots(1, len(panels)), panels.items(), strict=True):
        show_image(axes, values, title, cmap="gray", vmin=0, vmax=1, extent=(0, 24, 24, 0))
        axes.set(xticks=range(0, 25, windows), yticks=range(0, 25, windows))
        axes.tick_params(labelbottom=False, labelleft=False, length=0)
        axes.grid(color=style.FILTER, linewidth=1, alpha=0.7)
    return picture


def way_back(image: Values, steps: Mapping[str, Values], field: tuple[slice, slice]) -> Picture:
    """An image and the steps of a walk back from one activation, whose receptive field is framed."""
    picture = slide(3.1)
    first, *others = picture.subplots(1, 1 + len(steps))
    show_image(first, image, "image", cmap="gray", extent=(0, 24, 24, 0))
    for axes, (title, values) in zip(others, steps.items(), strict=True):
        show_signal(axes, values, title, extent=(0, 24, 24, 0))
    for axes in (first, others[-1]):
        _frame(axes, *field)
    picture.supxlabel(OWN_SCALE, size=14)
    return picture


def _frame(axes: Axes, rows: slice, columns: slice) -> None:
    x, y = (columns.start, columns.stop), (rows.start, rows.stop)
    axes.plot([x[k] for k in (0, 1, 1, 0, 0)], [y[k] for k in (0, 0, 1, 1, 0)], color=style.FILTER)


def row_of_maps(image: Values, maps: Mapping[str, Values]) -> Picture:
    """An image (h, w) and maps of it side by side."""
    picture = beside_image(2.9 if len(maps) > 1 else 4.5, image, maps, show_signal)
    picture.supxlabel(OWN_SCALE, size=14)
    return picture


def strongest(top: Any, images: Values) -> Picture:
    """Of each feature map the patches (of images (n, h, w)) and projections of its strongest activations."""
    kinds = {"patches": None, **{f"projections,\n{kind} switches": kind for kind in top.projections}}
    picture = slide(3.5 * len(top.channels))
    for k, row in enumerate(picture.subplots(len(top.channels), len(kinds), squeeze=False)):
        row[0].set_ylabel(
            f"map {top.channels[k]}, activations\n{top.values[k][0]:.1f} to {top.values[k][-1]:.1f}"
        )
        for axes, (title, kind) in zip(row, kinds.items(), strict=True):
            shown = images[top.indices[k]] if kind is None else top.projections[kind][k].map[:, 0]
            tiles = [each[field][..., None] for each, field in zip(shown, top.fields[k], strict=True)]
            if kind is not None:
                tiles = [in_channels(tile, largest(tile) or 1) for tile in tiles]
            show_image(
                axes, mosaic([np.broadcast_to(t, (*t.shape[:2], 3)) for t in tiles]), "" if k else title
            )
            axes.spines[:].set_visible(False)
    picture.supxlabel(
        f"Cropped to the receptive field, less what lies outside the image. {OWN_SCALE}", size=14
    )
    return picture


def same_unit(images: Values, rows: Mapping[str, Values]) -> Picture:
    """Images (n, h, w) in the first row, and below them the maps (n, h, w) of each kind."""
    picture = slide(0.4 + 1.65 * (1 + len(rows)))
    first, *others = picture.subplots(1 + len(rows), len(images))
    for axes, image in zip(first, images, strict=True):
        show_image(axes, image, cmap="gray")
    for row, maps in zip(others, rows.values(), strict=True):
        for axes, values in zip(row, maps, strict=True):
            show_signal(axes, values)
    for row, label in zip((first, *others), ("image", *rows), strict=True):
        row[0].set_ylabel(label)
    picture.supxlabel(OWN_SCALE, size=14)
    return picture


def of_a_photo(photo: Values, signals: Mapping[str, Values]) -> Image:
    """A photo and signals (h, w, 3) of it; the strongest half percent of each is clipped."""
    picture = slide(4.9)
    first, *others = picture.subplots(1, 1 + len(signals))
    show_image(first, photo, "photo")
    for axes, (title, signal) in zip(others, signals.items(), strict=True):
        limit = np.percentile(np.abs(signal[signal != 0]), 99.5)
        show_image(axes, np.clip(signal / (2 * limit) + 0.5, 0, 1), title)
    picture.supxlabel(f"{OWN_SCALE} The strongest half percent is clipped.", size=14)
    return as_jpeg(picture)


def occluded(image: Values, measured: Any) -> Picture:
    """What a grey square changes: at each of its places the feature map, the probability and the class."""
    picture = slide(4.2)
    panels = picture.subplots(1, 5)
    covered = image.copy()
    covered[: measured.patch[0], : measured.patch[1]] = 0.5
    show_image(panels[0], covered, "image, and the\nsquare", cmap="gray", vmin=0, vmax=1)
    show_signal(panels[1], measured.projection.map[0, 0], f"projection of\nmap {measured.channel}")
    for axes, values, title in (
        (panels[2], measured.activation, f"sum over\nmap {measured.channel}"),
        (panels[3], measured.probability, f"probability of\nclass {measured.target}"),
    ):
        shown = show_image(axes, values, title, cmap="viridis", extent=_centres(measured, image.shape))
        axes.set(xlim=(0, image.shape[1]), ylim=(image.shape[0], 0))
        picture.colorbar(shown, cax=axes.inset_axes((0, -0.12, 1, 0.06)), orientation="horizontal")
    _classes(panels[4], measured, image.shape)
    picture.supxlabel(
        "Each value stands where the square's centre was; each panel is on its own scale.", size=14
    )
    return picture


def _centres(measured: Any, size: Sequence[int]) -> tuple[float, float, float, float]:
    (h, w), (rows, columns) = measured.patch, measured.activation.shape
    top, left = (h - 1) / 2, (w - 1) / 2
    return left, left + columns, top + rows, top


def _classes(axes: Axes, measured: Any, size: Sequence[int]) -> None:
    found = np.unique(measured.best)
    colours = [style.LINES[k] for k in range(len(found))]
    numbered = np.searchsorted(found, measured.best)
    settings = {"cmap": ListedColormap(colours), "vmin": -0.5, "vmax": len(found) - 0.5}
    show_image(axes, numbered, "most probable\nclass", extent=_centres(measured, size), **settings)
    axes.set(xlim=(0, size[1]), ylim=(size[0], 0))
    patches = [Patch(color=colour, label=str(number)) for colour, number in zip(colours, found, strict=True)]
    axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, frameon=False)


def all_classes(image: Values, rows: Mapping[str, Values]) -> Picture:
    """The maps (10, h, w) of all classes, a row for each method."""
    picture = slide(1.3 * len(rows) + 0.8)
    for i, (row, (name, maps)) in enumerate(zip(picture.subplots(len(rows), 11), rows.items(), strict=True)):
        show_image(row[0], image, "" if i else "image", cmap="gray")
        row[0].set_ylabel(name)
        for k, (axes, values) in enumerate(zip(row[1:], maps, strict=True)):
            show_signal(axes, values, "" if i else f"class {k}")
    picture.supxlabel(OWN_SCALE, size=14)
    return picture


def own_image(
    found: Mapping[str, tuple[Values, float, float]], named: Mapping[str, float], chance: float
) -> Picture:
    """Left the cosines of maps with their image, (own, other, mean); right how often a map finds it."""
    picture = slide(5.2)
    left, right = picture.subplots(1, 2, width_ratios=(1.25, 1))
    values, others, means = zip(*found.values(), strict=True)
    beside_baselines(left, values, list(zip(others, means, strict=True)), list(found))
    left.set(
        title="cosine of a map with its own image\n(grey: another image; dashed: the mean digit)",
        ylim=(-0.3, 1),
    )
    right.bar(range(len(named)), list(named.values()), color=style.FILTER, width=0.6)
    right.axhline(chance, color=style.FAINT, linewidth=4)
    right.set(xticks=range(len(named)), xticklabels=list(named), ylim=(0, 1))
    right.set_yticks((0, 0.25, 0.5, 0.75, 1), ("0 %", "25 %", "50 %", "75 %", "100 %"))
    right.set_title("how often its own image is the most similar\nof 50 (grey: by chance)")
    return picture
