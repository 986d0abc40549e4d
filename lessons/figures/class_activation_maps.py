"""The drawing of lesson 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image as Pillow

from figures import as_jpeg, show_image, slide
from minixai.bootstrap import mean_interval
from minixai.plot import Picture, style

Values = np.ndarray
GREY = np.array([0.299, 0.587, 0.114])  # luminance of RGB
SIDES = ((0.62, 0.31), (0.56, 0.38), (0.5, 0.44), (0.47, 0.47))  # of two objects, of the image's


def numbers(rows: Mapping[str, Mapping[str, Values]]) -> Picture:
    """Rows of small maps (h, w), all on one scale, with their numbers in them."""
    limit = max(np.abs(each).max() for row in rows.values() for each in row.values())
    columns = max(map(len, rows.values()))
    picture = slide(2.7 * len(rows) + 0.3)
    for panels, (name, row) in zip(picture.subplots(len(rows), columns, squeeze=False), rows.items(),
                                   strict=True):  # fmt: skip
        for axes in panels[len(row) :]:
            axes.axis("off")
        for axes, (title, values) in zip(panels, row.items(), strict=False):
            show_image(axes, values, title, cmap="RdBu_r", vmin=-limit, vmax=limit)
            for (i, j), value in np.ndenumerate(values):
                colour = "white" if abs(value) > 0.6 * limit else style.INK
                text = f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−")
                axes.text(j, i, text, ha="center", va="center", size=20, color=colour)
        panels[0].set_ylabel(name)
    return picture


def show_over(axes: Axes, photo: Values, values: Values, title: str) -> None:
    """A map (h, w), red where positive, on its own scale, over a photo (h, w, 3) in grey."""
    grey = photo / 255 @ GREY
    limit = np.abs(values).max()
    tall, wide = photo.shape[:2]
    show_image(axes, 0.35 + 0.6 * grey, title, cmap="gray", vmin=0, vmax=1, extent=(0, wide, tall, 0))
    if limit == 0:
        axes.text(wide / 2, tall / 2, "all zero", ha="center", va="center", size=22, weight="bold")
    else:
        strength = np.minimum(1, 0.15 + np.abs(values) / limit) * 0.8
        axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, alpha=strength, extent=(0, wide, tall, 0))
    axes.set_xlabel(f"±{limit:.2g}")


def over_photos(rows: Mapping[str, tuple[Values, Mapping[str, Values]]]) -> Image:
    """Rows of a photo (h, w, 3) uint8 and maps (h, w) over it."""
    columns = 1 + max(len(maps) for _, maps in rows.values())
    picture = slide((min(12.6 / columns, 2.6) + 0.65) * len(rows))
    grid = picture.subplots(len(rows), columns, squeeze=False)
    for panels, (name, (photo, maps)) in zip(grid, rows.items(), strict=True):
        show_image(panels[0], photo)
        panels[0].set_ylabel(name)
        for axes in panels[1 + len(maps) :]:
            axes.axis("off")
        for axes, (title, values) in zip(panels[1:], maps.items(), strict=False):
            show_over(axes, photo, values, title)
    return as_jpeg(picture)


def marks(found: Mapping[str, Mapping[str, Mapping[str, Values]]], controls: Sequence[str]) -> Picture:
    """By network, map and mark the mean over images with its interval; controls are grey."""
    marked = {mark: None for network in found.values() for row in network.values() for mark in row}
    picture = slide(2.0 + 0.36 * sum(map(len, found.values())))
    heights = [len(rows) for rows in found.values()]
    grid = picture.subplots(len(found), len(marked), squeeze=False, sharex="col", height_ratios=heights)
    for panels, (network, rows) in zip(grid, found.items(), strict=True):
        for axes, mark in zip(panels, marked, strict=True):
            for k, (row, values) in enumerate(rows.items()):
                mean, low, high = mean_interval(values[mark])
                colour = style.FAINT if row in controls else style.PATTERN
                axes.hlines(k, low, high, color=colour, linewidth=5)
                axes.plot(mean, k, "o", color=colour, markersize=11)
            names = list(rows) if axes is panels[0] else []
            axes.set(yticks=range(len(rows)), yticklabels=names or [""] * len(rows), xlim=(0, 1.05))
            axes.set_ylim(len(rows) - 0.5, -0.5)
        panels[0].set_ylabel(network)
    for axes, mark in zip(grid[-1], marked, strict=True):
        axes.set_xlabel(mark)
    return picture


def field(photo: Values, box: tuple[float, ...], slopes: Values, cell: tuple[float, ...]) -> Image:
    """A photo and what a place sees of it (h, w); its field and its cell are (top, left, side), in pixels."""
    picture = slide(5.6)
    left, right = picture.subplots(1, 2)
    tall, wide = slopes.shape
    whole = {"extent": (0, wide, tall, 0)}
    show_image(left, photo, "what one place sees (blue) and paints (red)", **whole)
    show_image(right, slopes, "how much its maps change with each pixel", cmap="cividis", **whole)
    for axes in (left, right):
        for (top, start, side), colour in ((box, style.PATTERN), (cell, style.FILTER)):
            axes.add_patch(Rectangle((start, top), side, side, fill=False, edgecolor=colour, linewidth=5))
    return as_jpeg(picture)


def wishes(shares: Mapping[str, Values]) -> Picture:
    """Bars of the mean share of a map in a wished-for box, with the interval over the boxes."""
    picture = slide(0.8 + 0.55 * len(shares))
    axes = picture.subplots()
    for k, (name, values) in enumerate(shares.items()):
        mean, low, high = mean_interval(values)
        colour = style.FILTER if name.startswith("the best") else style.PATTERN
        axes.barh(k, mean, color=style.FAINT if name.startswith("an even") else colour)
        axes.hlines(k, low, high, color=style.INK, linewidth=4)
    axes.set(yticks=range(len(shares)), yticklabels=list(shares), xlim=(0, 0.6))
    axes.set_xlabel("share of the map in the box that was wished for, mean over boxes")
    axes.invert_yaxis()
    return picture


def details(photo: Values, maps: Mapping[str, Values]) -> Image:
    """A photo (h, w, 3) and maps (h, w) without sign, each on its own scale, clipped at 99.5 %."""
    picture = slide(7.0)
    first, *others = picture.subplots(2, (len(maps) + 2) // 2).flat
    show_image(first, photo, "photo")
    for axes in others[len(maps) :]:
        axes.axis("off")
    for axes, (name, values) in zip(others, maps.items(), strict=False):
        size = np.abs(values)
        show_image(axes, size, name, cmap="gray_r", vmin=0, vmax=np.percentile(size, 99.5) or 1)
    picture.supxlabel("Each map has its own scale: white is 0, black its 99.5th percentile.", size=14)
    return as_jpeg(picture)


def two_on_grey(photo: Values, size: int) -> tuple[Values, Values]:
    """A square photo twice on grey: (32, size, size, 3) uint8, and where it is, (32, 2, size, size).

    In opposite corners, in four pairs of sizes, in each corner, and mirrored.
    """
    whole, images, boxes = Pillow.fromarray(photo), [], []
    for sides, below, right, mirrored in product(SIDES, *[(0, 1)] * 3):
        image, box = np.full((size, size, 3), 124, np.uint8), np.zeros((2, size, size), bool)
        for k, share in enumerate(sides):
            side = round(share * size)
            rows, columns = (
                slice(size - side, size) if far else slice(side) for far in (below ^ k, right ^ k)
            )
            pixels = np.asarray(whole.resize((side, side), Pillow.Resampling.LANCZOS))
            image[rows, columns] = pixels[:, ::-1] if mirrored ^ k else pixels
            box[k, rows, columns] = True
        images.append(image)
        boxes.append(box)
    return np.stack(images), np.stack(boxes)
