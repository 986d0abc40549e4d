"""Names, colours and table cells that the experiments share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minixai.plot.style import FAINT, FILTER, GREEN, HEADING_SIZE, ORANGE, PATTERN, PURPLE, RC, SKY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minixai.plot import Picture

__all__ = ["COLOURS", "FAINT", "LABELS", "RC", "TICK_SIZE", "legend", "line", "markdown", "short"]

TICK_SIZE = 10
COLUMNS = 5  # of a legend
COLOURS = {
    "random": "#5c5c5c",
    "filter": FILTER,
    "linear": PATTERN,
    "two_component": GREEN,
    "two_component_centred": PURPLE,
    "identity": ORANGE,
    "gradient": SKY,
}
MARKERS = dict(zip(COLOURS, "os^Dvp*", strict=True))
LABELS = {
    "random": "random",
    "filter": "S_w",
    "linear": "S_a",
    "two_component": "S_a±",
    "two_component_centred": "S_a± centred",
    "identity": "S_x",
    "gradient": "size of gradient",
}
IN_WORDS = {
    "identity": "S_x, LRP-0",
    "filter": "filter S_w",
    "linear": "linear S_a",
    "two_component": "two-component S_a±",
}


def line(estimator: str) -> dict[str, Any]:
    """How an estimator is drawn."""
    return {
        "color": COLOURS[estimator],
        "marker": MARKERS[estimator],
        "label": IN_WORDS.get(estimator, LABELS[estimator]),
    }


def legend(picture: Picture, axes: Axes) -> None:
    """One legend for all panels, below them."""
    keys = axes.get_legend_handles_labels()
    picture.legend(*keys, loc="outside lower center", ncols=min(len(keys[0]), COLUMNS), frameon=False)


def title(picture: Picture, text: str) -> None:
    """What the picture shows."""
    picture.suptitle(text, size=HEADING_SIZE, weight="bold", x=0.01, ha="left")


def short(layer: str) -> str:
    """A layer's name for an axis: 12.expand3x3 for features.12.expand3x3, c1 for classifier.1."""
    return layer.removeprefix("features.").replace("classifier.", "c")


def markdown(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
