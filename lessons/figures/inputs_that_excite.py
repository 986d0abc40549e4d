"""The drawing of lesson 14."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from figures import WIDTH, projected, show_image, slide
from figures.maps import show_signal
from minixai.methods import Invariances
from minixai.plot import Picture, style
from minixai.typing import Array

CELLS = 9  # of a panel's side, a thumbnail each
GROUPS = (style.BLUE, style.VERMILION, style.GREEN)


def linear_unit(x: Array, y: Array, path: Array, at: float, directions: Mapping[str, Array]) -> Picture:
    """Points x (n, 2) with outputs y (n,), a climb (steps, 2), the points whose output is near `at`."""
    picture = slide(5.4)
    left, right = picture.subplots(1, 2)
    near = np.abs(y - at) < 0.05
    colours = (style.FILTER, style.PATTERN)
    for axes, points in ((left, x[:1500]), (right, x[near])):
        axes.scatter(*points.T, s=8, color=style.FAINT, alpha=0.4, linewidths=0)
        axes.axhline(0, color=style.FAINT, linewidth=0.8, zorder=0)
        axes.axvline(0, color=style.FAINT, linewidth=0.8, zorder=0)
        axes.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    circle = np.linspace(0, 2 * np.pi, 100)
    radius = np.linalg.norm(path[-1])
    left.plot(radius * np.cos(circle), radius * np.sin(circle), color=style.FAINT, linewidth=1)
    left.plot(*path.T, "o-", color=style.INK, markersize=6, label="the climb")
    for (name, end), colour in zip(directions.items(), colours, strict=True):
        left.annotate("", end, (0, 0), arrowprops={"color": colour, "width": 3, "headwidth": 12, "shrink": 0})
        left.plot([], [], color=colour, label=name)
    left.set(xlim=(-1.5, 1.5), ylim=(-1.2, 1.2), title="the climb, among inputs of one length")
    left.legend(loc="upper left", fontsize=12)
    right.plot(*path[-1], "o", color=style.FILTER, markersize=16, label="the optimised input")
    right.plot(*x[near].mean(axis=0), "D", color=style.PATTERN, markersize=15, label="mean of these data")
    right.set(xlim=(-2, 3), ylim=(-2, 2), title=f"data with an output of {at:g} ± 0.05")
    right.legend(loc="upper left", fontsize=12)
    return picture


def under_priors(
    rows: Mapping[str, Array], names: Sequence[str], beside: Mapping[str, Sequence[float]]
) -> Picture:
    """For each prior signals (k, h, w), and the cosines of all classes with the difference of means."""
    picture = slide(5.8)
    left, right = picture.subfigures(1, 2, width_ratios=[1.7, 1])
    grid = left.subplots(len(rows), len(names))
    for line, (prior, signals) in zip(grid, rows.items(), strict=True):
        for axes, signal in zip(line, signals, strict=True):
            show_signal(axes, signal)
        line[0].set_ylabel(prior)
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name)
    axes = right.subplots()
    for i, values in enumerate(beside.values()):
        axes.plot(np.full(len(values), i), values, "o", color=style.BLUE, alpha=0.6)
        axes.hlines(np.median(values), i - 0.3, i + 0.3, color=style.INK)
    axes.set(xticks=range(len(beside)), xticklabels=beside, ylim=(0, 1.05), xlim=(-0.5, len(beside) - 0.5))
    axes.set_title("cosine with the difference of means,\nten classes and their median")
    return picture


def class_models(rows: Mapping[str, tuple[Array, Array]], groups: Sequence[str]) -> Picture:
    """For each way images (k, h, w, 3) and their scores (k,), two groups of equally many."""
    picture = slide(1.85 * len(rows))
    count = len(next(iter(rows.values()))[1])
    titles = [f"{group}, seed {seed}" for group in groups for seed in range(count // len(groups))]
    grid = picture.subplots(len(rows), count)
    for line, (way, (images, scores)) in zip(grid, rows.items(), strict=True):
        for axes, image, score in zip(line, images, scores, strict=True):
            show_image(axes, image)
            axes.set_xlabel(f"score {score:.1f}")
        line[0].set_ylabel(way)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title)
    return picture


def scores_and_seeds(
    scores: Mapping[str, tuple[Array, Array]], alike: Mapping[str, tuple[Array, Array]], photos: float
) -> Picture:
    """For each way the scores of its inputs and of noise; correlations of two seeds, and of two classes."""
    picture = slide(4.8)
    left, right = picture.subplots(1, 2)
    looks = ((style.BLUE, "o"), (style.FAINT, "x"))
    for axes, found, labels in (
        (left, scores, ("optimised", "noise of the same norm")),
        (right, alike, ("two seeds, one class", "two classes")),
    ):
        for i, pair in enumerate(found.values()):
            for values, (colour, marker), label in zip(pair, looks, labels, strict=True):
                places = np.full(values.size, float(i))
                axes.plot(
                    places, values.ravel(), marker, color=colour, markersize=10, label="" if i else label
                )
        axes.axhline(0, color=style.INK, linewidth=1)
        axes.set(xticks=range(len(found)), xticklabels=found, xlim=(-0.5, len(found) - 0.5))
        axes.tick_params(axis="x", labelsize=12)
    left.axhline(photos, color=style.GREEN, label="best photo")
    left.set_title("score")
    right.set(ylim=(-0.6, 1.05), title="correlation of two inputs")
    left.set_ylim(-1, 34)
    left.legend(loc="upper right", fontsize=12)
    right.legend(loc="upper left", fontsize=12)
    return picture


def over_shifts(shifts: Sequence[int], curves: Mapping[str, Array]) -> Picture:
    """For each kind of input its score over the shift (k,), as a share of that without one."""
    picture = slide(4.4)
    axes = picture.subplots()
    for (name, values), colour in zip(curves.items(), style.LINES, strict=False):
        axes.plot(shifts, values / values[0], "o-", color=colour, label=name)
    axes.set(xlabel="shift, pixels", ylabel="score, over that unshifted", xticks=shifts, ylim=(0, 1.1))
    axes.legend(loc="lower left")
    return picture


def in_a_row(images: Mapping[str, Array], below: Sequence[str]) -> Picture:
    """Images (h, w, 3) below their titles, with a line of text below each."""
    picture = slide(4.2)
    for axes, (title, image), text in zip(
        picture.subplots(1, len(images)), images.items(), below, strict=True
    ):
        show_image(axes, image, title)
        axes.set_xlabel(text)
    return picture


def great_circles(found: Invariances) -> Picture:
    """The package's own picture, with text for a projector."""
    picture = projected(found.plot())
    for text in picture.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), 14 * picture.get_figwidth() / WIDTH))
    return picture


def thumbnails(planes: Mapping[str, Array], images: Array, labels: Array, columns: int) -> Picture:
    """Planes (n, 2) of images (n, h, w), the first of each cell drawn, framed in its label's colour."""
    picture = slide(6.2)
    panels = picture.subplots(len(planes) // columns, columns)
    for axes, (title, plane) in zip(panels.flat, planes.items(), strict=True):
        _thumbnails(axes, plane, images, labels)
        axes.set_title(title)
    for k in range(10):
        panels.flat[0].plot([], [], "s", color=f"C{k}", label=str(k))
    picture.legend(loc="outside lower center", ncols=10, frameon=False)
    return picture


def _thumbnails(axes: Axes, plane: Array, images: Array, labels: Array) -> None:
    low, high = plane.min(axis=0), plane.max(axis=0)
    aspect = 2.0
    size = np.array([CELLS * aspect, CELLS])
    cells = np.minimum((plane - low) / (high - low) * size, size - 1).astype(int)
    taken: set[tuple[int, int]] = set()
    for (column, row), image, label in zip(cells.tolist(), images, labels, strict=True):
        if (column, row) in taken:
            continue
        taken.add((column, row))
        box = (column + 0.05, column + 0.95, row + 0.05, row + 0.95)
        axes.imshow(image, cmap="gray", extent=box)
        frame = [(box[0], box[1], box[1], box[0], box[0]), (box[2], box[2], box[3], box[3], box[2])]
        axes.plot(*frame, color=f"C{int(label)}", linewidth=2)
    axes.set(xlim=(0, size[0]), ylim=(0, size[1]), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_color(style.FAINT)
    axes.spines[:].set_visible(True)


def planes(rows: Sequence[Mapping[str, Array]], groups: Sequence[Array]) -> Picture:
    """Rows of planes (n, 2), each row's points in the colour of their group (n,), each plane on its scale."""
    picture = slide(3.0 * len(rows))
    grid = picture.subplots(len(rows), len(rows[0]))
    for line, row, group in zip(grid, rows, groups, strict=True):
        for axes, (title, plane) in zip(line, row.items(), strict=True):
            axes.scatter(*plane.T, s=18, c=[GROUPS[k] for k in group], linewidths=0)
            axes.set(title=title, xticks=[], yticks=[], aspect="equal", adjustable="datalim")
            axes.spines[:].set_visible(True)
    return picture


def suspects(images: Mapping[str, Array], grids: Mapping[str, Array]) -> Picture:
    """Images (h, w), then the rise of the score for each cell, all on one scale."""
    picture = slide(4.6)
    panels = picture.subplots(1, len(images) + len(grids))
    for axes, (title, image) in zip(panels, images.items(), strict=False):
        show_image(axes, image, title, cmap="gray", vmin=0, vmax=1)
    limit = max(np.abs(grid).max() for grid in grids.values())
    for axes, (title, grid) in zip(panels[len(images) :], grids.items(), strict=True):
        show_image(axes, grid, title, cmap="RdBu_r", vmin=-limit, vmax=limit)
        for (i, j), value in np.ndenumerate(grid):
            if abs(value) >= 0.1 * limit:
                colour = "white" if abs(value) > 0.5 * limit else style.INK
                axes.text(j, i, f"{value:.1f}", ha="center", va="center", color=colour)
    return picture


def camera(images: Array, labels: Array) -> Array:
    """Digits (n, 1, 24, 24) as the camera of section 14.8 delivers them."""
    delivered = images.copy()
    delivered[labels == 4, :, 1:5, 19:23] = 0.8
    return delivered
