"""The pages of the demos: templates that a table is put into."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import numpy as np

from minixai.plot import style

SHARED = ("head", "themed")  # templates: the head of all pages, and what those look like that know the dark
COLOUR_STOPS = 9  # of the colours of y, from −1 to 1


def output_colours(y: np.ndarray) -> list[str]:
    """The colours of outputs y (n,) in [−1, 1], as #rrggbb."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in colormaps[style.OUTPUT_MAP]((y + 1) / 2)]


def render(table: dict[str, Any], template: str = "page.html", **texts: str) -> str:
    """A page: its template with the style's colours, the texts by their names, and the table as JSON."""
    names = ("INK", "FAINT", "WARNING", "SIGNAL", "DISTRACTOR", "FILTER", "PATTERN")
    parts = {name: _text(f"{name}.html") for name in SHARED}
    parts |= {name: getattr(style, name) for name in names} | texts
    parts["colours"] = ", ".join(output_colours(np.linspace(-1, 1, COLOUR_STOPS)))
    # Within a script element only "</" could end it.
    parts["table"] = json.dumps(table, allow_nan=False, separators=(",", ":")).replace("</", "<\\/")
    page = _text(template)
    for name, text in parts.items():
        page = page.replace("{{" + name + "}}", text)
    return page


def _text(template: str) -> str:
    return files("minixai.plot").joinpath(template).read_text("utf-8")
