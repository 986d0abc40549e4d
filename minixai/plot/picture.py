"""`Picture`, a figure that draws, shows and saves itself without pyplot and without a display."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from minixai.files import write_whole
from minixai.plot import style
from minixai.plot.sliders import in_notebook, open_window, show_windows

# Without the date, and with names of our own in an SVG, two runs write the same bytes.
SAME_NAMES = {"svg.hashsalt": "minixai"}
METADATA: dict[str, dict[str, None]] = {".pdf": {"CreationDate": None}, ".png": {}, ".svg": {"Date": None}}


class Picture(Figure):
    """A matplotlib figure on an Agg canvas, which pyplot does not know: a notebook shows it once.

    Args:
        figsize: width and height in inches.
        dpi: pixels an inch.
        **kwargs: as `matplotlib.figure.Figure` takes them.
    """

    @style.drawn({})
    def __init__(self, figsize: tuple[float, float] = (6.4, 4.8), dpi: float = 100, **kwargs: Any) -> None:
        super().__init__(figsize=figsize, dpi=dpi, **kwargs)
        FigureCanvasAgg(self)

    @style.drawn(SAME_NAMES)
    def draw(self, renderer: Any) -> None:
        """As every figure, whatever the user's settings, and whatever characters the font lacks."""
        for text in self.findobj(Text):
            text.set_text(style.drawable(text.get_text()))
        super().draw(renderer)

    @style.drawn(SAME_NAMES)
    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """As every figure, whatever the user's settings."""
        super().savefig(*args, **kwargs)

    def show(self, warn: bool = True) -> None:
        """Show the picture in a notebook, or in a window until it is closed.

        Raises RuntimeError where there is neither a notebook nor a display. warn: as every figure has it.
        """
        if in_notebook():
            from IPython.display import display

            display(self)
        elif window := open_window(tuple(self.get_size_inches())):
            axes = window.add_axes((0, 0, 1, 1))
            axes.imshow(self.pixels())
            axes.set_axis_off()
            show_windows()
        else:
            raise RuntimeError('Picture.show: there is no display here: .save("picture.png") writes a file')

    def _repr_png_(self) -> bytes:
        return self._rendered(".png")

    def pixels(self) -> np.ndarray:
        """The drawn picture: (height, width, 3) uint8, RGB."""
        canvas = cast(FigureCanvasAgg, self.canvas)
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3]

    def save(self, path: str | Path) -> None:
        """Write the picture to path, as PNG, SVG or PDF by its suffix; a file there is replaced whole.

        Raises:
            ValueError: the suffix is none of these.
            OSError: the file cannot be written.
        """
        path = checked_suffix("Picture.save", path, METADATA)
        write_whole("Picture.save", path, self._rendered(path.suffix.lower()))

    def _rendered(self, suffix: str) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format=suffix[1:], dpi=self.dpi, metadata=METADATA[suffix])
        return buffer.getvalue()


def animation(
    frames: Sequence[np.ndarray], milliseconds: int | list[int], palette_of: np.ndarray, colours: int = 128
) -> bytes:
    """A GIF of frames (height, width, 3) uint8 that runs for ever.

    milliseconds: of every frame, or of each. palette_of: pixels whose colours all frames have: without one
    palette, or with dithering, the still parts flicker and cost space.
    """
    from PIL import Image

    palette = Image.fromarray(palette_of).quantize(colours, Image.Quantize.MAXCOVERAGE)
    first, *others = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames
    ]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
    return buffer.getvalue()


def checked_suffix(call: str, path: str | Path, known: Any) -> Path:
    """The path, whose suffix is one of those known, in capitals or not."""
    path = Path(path)
    if path.suffix.lower() not in known:
        raise ValueError(
            f"{call}: {str(path)!r} ends in {path.suffix!r}, expected {', '.join(sorted(known))}"
        )
    return path
