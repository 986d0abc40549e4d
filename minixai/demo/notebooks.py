"""The demo as a Jupyter widget."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from minixai.demo.drawing import draw
from minixai.demo.numbers import RANGES, Params, angles_in_words, compute
from minixai.plot.distractor import SIZE

__all__ = ["notebook"]

DPI = 75


def notebook(params: Params | None = None) -> Any:
    """The demo as a Jupyter widget, sliders above the picture and its angles. Needs ipywidgets."""
    import ipywidgets
    from IPython.display import display

    from minixai.plot import Picture

    start = asdict(params or Params())
    seed = start.pop("seed")

    def show(**values: Any) -> None:
        scene = compute(Params(**values, seed=seed))
        made = Picture(figsize=SIZE, dpi=DPI)
        draw(made, scene)
        display(made)
        print(angles_in_words(scene.angle_w, scene.angle_a))

    sliders = {
        spec.name: (ipywidgets.IntSlider if spec.name == "points" else ipywidgets.FloatSlider)(
            value=start[spec.name],
            min=min(spec.low, start[spec.name]),
            max=max(spec.high, start[spec.name]),
            step=spec.step,
            description=spec.label,
            style={"description_width": "150px"},
            layout={"width": "400px"},
            continuous_update=False,
        )
        for spec in RANGES
    }
    shown = ipywidgets.interactive_output(show, sliders)
    shown.layout.height = f"{SIZE[1] * DPI + 30:.0f}px"  # a fixed height does not flicker
    grid = ipywidgets.GridBox(list(sliders.values()), layout={"grid_template_columns": "410px 410px"})
    return ipywidgets.VBox([grid, shown])
