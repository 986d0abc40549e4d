"""The drawing behind the lessons' cells: a module for each lesson, and here what all of them share.

A slide of 16:9 is 13.33 inches wide, and a picture fills it. So text of 14 points is 14 points on the slide.
Importing this sets the sizes of matplotlib's text.
"""

from __future__ import annotations

import io

import matplotlib
from IPython.display import Image
from matplotlib.axes import Axes

from minixai.plot import Picture, style

WIDTH = 13.34  # inches
DPI = 150  # 2 001 pixels for a slide

RC = style.RC | {
    "font.size": 14,
    "axes.titlesize": 16,
    "axes.labelsize": 15,
    "axes.titlelocation": "center",
    "lines.linewidth": 3,
    "lines.markersize": 8,
}
matplotlib.rcParams.update(RC)


def slide(height: float = 5.0) -> Picture:
    """An empty picture as wide as a slide, `height` inches high; up to 6 fit below a heading."""
    return Picture(figsize=(WIDTH, height), dpi=DPI, layout="constrained")


def projected(picture: Picture) -> Picture:
    """A picture of the package, of whatever width, with the pixels of a slide."""
    picture.set_dpi(WIDTH * DPI / picture.get_figwidth())
    return picture


def as_jpeg(picture: Picture, quality: int = 88) -> Image:
    """The picture as a JPEG: for photos, where PNG takes many times the bytes."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="jpeg", dpi=picture.dpi, pil_kwargs={"quality": quality, "optimize": True})
    return Image(data=buffer.getvalue(), format="jpeg", alt="picture")


def show_image(axes: Axes, values: object, title: str = "", **settings: object) -> object:
    """Pixels without ticks, framed, below a title; `settings` as `imshow` takes them."""
    shown = axes.imshow(values, **settings)  # type: ignore[arg-type]
    axes.set(title=title, xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    return shown
