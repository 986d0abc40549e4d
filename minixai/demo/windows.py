"""The demo in a window with sliders."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from minixai.demo.drawing import draw
from minixai.demo.numbers import RANGES, Params, compute
from minixai.plot.distractor import SIZE
from minixai.plot.sliders import add_sliders, open_window, show_windows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Window", "window"]

SLIDERS_HEIGHT = 2.2  # inches


class Window:
    """The picture above one slider for each parameter; moving a slider shows its scene.

    Keep it, the sliders die with it. `params` is what is shown, `sliders` has the sliders by parameter.
    """

    def __init__(self, figure: Figure, params: Params) -> None:
        self.figure = figure
        self.seed = params.seed
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[SIZE[1], SLIDERS_HEIGHT])[:, 0]
        self.sliders = add_sliders(below, RANGES, asdict(params), self._changed)
        self.plot = draw(above, compute(self.params))

    @property
    def params(self) -> Params:
        """Where the sliders stand."""
        values: dict[str, Any] = {name: slider.val for name, slider in self.sliders.items()}
        return Params(**values | {"points": int(values["points"]), "seed": self.seed})

    def _changed(self, _: float) -> None:
        self.plot.update(compute(self.params))
        self.figure.canvas.draw_idle()


def window(params: Params | None = None) -> Window | None:
    """Show the demo in a window until it is closed; None, at once, where there is no display."""
    figure = open_window((SIZE[0], SIZE[1] + SLIDERS_HEIGHT))
    if figure is None:
        return None
    shown = Window(figure, params or Params())
    show_windows()
    return shown
