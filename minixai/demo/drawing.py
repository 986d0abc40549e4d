"""The demo's picture: on any figure, as a file, and as a GIF."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from minixai.demo.numbers import Params, compute
from minixai.files import write_whole
from minixai.plot.distractor import SIZE, DistractorPlot, Scene

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from minixai.plot import Picture

__all__ = ["draw", "picture", "save"]

TURN = 15  # degrees between two frames of the GIF
FRAME_MS = 350
GIF_DPI = 75


def draw(figure: FigureBase, scene: Scene) -> DistractorPlot:
    """Draw the scene on an empty figure or subfigure; the plot's `update` then shows another in place."""
    return DistractorPlot(figure, scene)


def picture(params: Params | None = None, dpi: float = 100) -> Picture:
    """The picture of the parameters (None: the paper's), 12.8×7.2 inches."""
    from minixai.plot import Picture

    made = Picture(figsize=SIZE, dpi=dpi)
    draw(made, compute(params or Params()))
    return made


def save(path: str | Path, params: Params | None = None) -> None:
    """Write the picture as PNG, SVG or PDF, or as a GIF in which the distractor turns once.

    Raises:
        ValueError: the suffix is none of these, or a parameter is out of its range.
        OSError: the file cannot be written.
    """
    from minixai.plot.picture import METADATA, checked_suffix

    params = params or Params()
    path = checked_suffix("demo.save", path, [*METADATA, ".gif"])
    if path.suffix.lower() == ".gif":
        write_whole("demo.save", path, _turning(params))
    else:
        picture(params).save(path)


def _turning(params: Params) -> bytes:
    """A GIF of the distractor turning once, from its angle on."""
    from minixai.plot import Picture
    from minixai.plot.picture import animation

    figure = Picture(figsize=SIZE, dpi=GIF_DPI)
    plot = draw(figure, compute(params))
    frames = []
    for turned in range(0, 360, TURN):
        plot.update(compute(replace(params, angle=params.angle + turned)))
        frames.append(figure.pixels())
    return animation(frames, FRAME_MS, frames[0])
