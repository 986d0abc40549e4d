"""Sliders below a picture, and where pictures are shown: a window, or a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from minixai.plot import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase
    from matplotlib.widgets import Slider


DPI = 80  # of a window that fits a laptop's screen


class Range(NamedTuple):
    """A parameter's name, what its slider says, and the values it runs over."""

    name: str
    label: str
    low: float
    high: float
    step: float


@style.drawn(style.RC)
def add_sliders(
    figure: FigureBase,
    ranges: Sequence[Range],
    values: dict[str, float],
    on_change: Callable[[float], object],
) -> dict[str, Slider]:
    """Fill a figure with one slider a range, in two columns. Keep what is returned: it keeps them alive."""
    from matplotlib.widgets import Slider

    sliders = {}
    rows = (len(ranges) + 1) // 2
    for k, spec in enumerate(ranges):
        column, row = divmod(k, rows)
        box = (0.17 + 0.5 * column, 0.75 - 0.75 * row / rows, 0.24, 0.15)
        value = values[spec.name]
        slider = Slider(
            figure.add_axes(box),
            spec.label,
            min(spec.low, value),
            max(spec.high, value),
            valinit=value,
            valstep=spec.step,
            color=style.PATTERN,
        )
        slider.on_changed(on_change)
        sliders[spec.name] = slider
    return sliders


def open_window(size: tuple[float, float]) -> Figure | None:
    """A new figure in a window of its own, or None where there is no display."""
    import matplotlib.pyplot as plt
    from matplotlib.backends import BackendFilter, backend_registry

    try:
        figure = plt.figure(figsize=size, dpi=DPI)
    except ImportError:  # the backend that is asked for has no toolkit here
        return None
    if plt.get_backend().lower() in backend_registry.list_builtin(BackendFilter.INTERACTIVE):
        return figure
    plt.close(figure)
    return None


def in_notebook() -> bool:
    """Whether this is a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def show_windows() -> None:
    """Show the open windows, and wait until they are closed unless pyplot is in interactive mode."""
    import matplotlib.pyplot as plt

    plt.show()
