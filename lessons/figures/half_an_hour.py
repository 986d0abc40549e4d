"""The drawing of the half hour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from figures import show_image, slide
from minixai.plot import Picture, style
from minixai.typing import Array

COLOURS = {
    "signal": style.SIGNAL,
    "distractor": style.DISTRACTOR,
    "filter w": style.FILTER,
    "pattern a": style.PATTERN,
}


def cloud(x: Array, y: Array, arrows: Mapping[str, Array], title: str) -> Picture:
    """Points x (n, 2), coloured by y (n,), and an arrow (2,) for each name."""
    picture = slide(5.6)
    axes, words = picture.subplots(1, 2, width_ratios=[1.3, 1])
    dots = axes.scatter(*x.T, c=y, s=12, alpha=0.5, linewidths=0, cmap=style.OUTPUT_MAP, vmin=-1, vmax=1)
    for name, v in arrows.items():
        look = {"color": COLOURS[name], "width": 4, "headwidth": 15, "shrink": 0}
        axes.annotate("", v, (0, 0), arrowprops=look)
    axes.set(xlim=(-3, 3), ylim=(-2.2, 2.2), aspect="equal", xlabel="$x_1$", ylabel="$x_2$", title=title)
    picture.colorbar(dots, ax=axes, label="$y$", shrink=0.8)
    words.axis("off")
    for line, (name, v) in enumerate(arrows.items()):
        text = f"{name} = ({v[0]:.2f}, {v[1]:.2f})".replace("-", "−")
        words.text(0, 0.75 - 0.17 * line, text, color=COLOURS[name], size=20, weight="bold")
    return picture


def marked(maps: Mapping[str, Array], marks: Mapping[str, str]) -> Picture:
    """Maps (h, w), each on its own scale, with a line about each below it."""
    picture = slide(3.9)
    for axes, (name, values) in zip(picture.subplots(1, len(maps)), maps.items(), strict=True):
        limit = np.abs(values).max()
        show_image(axes, values, name, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_xlabel(marks[name])
    return picture
