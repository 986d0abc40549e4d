"""The five panels of occlusion sensitivity, drawn from arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch, Rectangle

from minixai.plot import style
from minixai.plot.maps import in_channels, largest
from minixai.plot.picture import Picture
from minixai.plot.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["five_panels"]

SIDE, GAP, MARGIN = 2.6, 0.3, 0.25  # inches, of a panel, between panels, around the sheet
TITLE, HEADING, KEY = 0.45, 0.5, 1.3  # inches, of the title, above and below the panels
NAMED = 6  # classes that get a colour
NOTE = "Each value stands where the square's centre was. The projection is of the image without the square."
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, "#bbbbbb")  # the last: others


def five_panels(
    photo: np.ndarray,
    activation: np.ndarray,
    projection: np.ndarray,
    probability: np.ndarray,
    quantity: str,
    best: np.ndarray,
    unit: str,
    target: str,
    classes: Mapping[int, str],
    patch: tuple[int, int],
    stride: tuple[int, int],
    title: str = "",
) -> Picture:
    """Draw the image, and where the square's centre lies the activation, the probability and the best class.

    photo: (h, w, 3). projection: (h, w, c), shown as v/(2·max|v|) + ½. activation, probability and best:
    (r, q). quantity: stands below the probability. classes: the names of all in best. patch, stride: the
    square's height and width, and its steps.
    """
    width, height = 5 * (SIDE + GAP) - GAP + 2 * MARGIN, TITLE + HEADING + SIDE + KEY + MARGIN
    h, w = photo.shape[:2]
    (top, left), (r, q) = ((size - step) / 2 for size, step in zip(patch, stride, strict=True)), best.shape
    extent = (left, left + q * stride[1], top + r * stride[0], top)
    with rc_context({**style.RC, "text.parse_math": False, "font.size": 10, "axes.titlesize": 11}):
        picture = Picture((width, height), 150)
        picture.text(
            MARGIN / width, 1 - MARGIN / height, title, va="top", size=style.HEADING_SIZE, weight="bold"
        )

        def panel(number: int, heading: str) -> Axes:
            left = MARGIN + number * (SIDE + GAP)
            axes = picture.add_axes((left / width, KEY / height, SIDE / width, SIDE / height))
            axes.set(xticks=[], yticks=[], xlim=(0, w), ylim=(h, 0), title=heading)
            axes.spines[:].set_color("#dddddd")
            axes.spines[:].set_visible(True)
            return axes

        def heat(
            number: int, values: np.ndarray, heading: str, low: float, high: float, label: str = ""
        ) -> None:
            drawn = panel(number, heading).imshow(values, "viridis", vmin=low, vmax=high, extent=extent)
            left, bottom = MARGIN + number * (SIDE + GAP), KEY - 0.25
            key = picture.add_axes((left / width, bottom / height, SIDE / width, 0.1 / height))
            picture.colorbar(drawn, cax=key, orientation="horizontal", label=label)

        first = panel(0, "image, and the square")
        first.imshow(photo, extent=(0, w, h, 0))
        first.add_patch(Rectangle((0, 0), *patch[::-1], color="gray"))
        heat(1, activation, f"sum over\n{unit}", min(0, activation.min()), max(0, activation.max()))
        signal = in_channels(projection, largest(projection) or 1)
        shown = np.broadcast_to(signal, (h, w, 3))
        panel(2, f"projection of\n{unit}").imshow(shown, extent=(0, w, h, 0))
        heat(3, probability, f"probability of\n{target}", 0, 1, quantity)
        _draw_classes(panel(4, "most probable class"), best, classes, extent)
        picture.text(MARGIN / width, MARGIN / height, NOTE, size=11)
    return picture


def _draw_classes(
    axes: Axes, best: np.ndarray, classes: Mapping[int, str], extent: tuple[float, float, float, float]
) -> None:
    """The most probable class in colours, those with the largest areas named below."""
    numbers, areas = np.unique(best, return_counts=True)
    named = [int(number) for number in numbers[np.argsort(-areas, kind="stable")][:NAMED]]
    colour = np.full(best.shape, NAMED)
    for k, number in enumerate(named):
        colour[best == number] = k
    axes.imshow(colour, ListedColormap(COLOURS), vmin=0, vmax=NAMED, extent=extent)
    keys = [Patch(color=COLOURS[k], label=classes[number]) for k, number in enumerate(named)]
    if len(numbers) > NAMED:
        keys.append(Patch(color=COLOURS[NAMED], label=f"{len(numbers) - NAMED} others"))
    axes.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False, ncols=2, fontsize=8)
