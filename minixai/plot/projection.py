"""Feature maps drawn from arrays: what makes each strongest, and the projections of its activations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minixai.plot import style
from minixai.plot.maps import in_channels, largest
from minixai.plot.picture import Picture

__all__ = ["FeatureMap", "feature_maps"]

DPI = 150
WIDTH = 12.8  # inches
LARGEST = 3.0  # inches, a mosaic's side
MARGIN, GAP = 0.25, 0.2  # inches, around the sheet and between mosaics
TITLE, HEADING, NAME, FOOT = 0.45, 0.55, 0.25, 0.3  # inches, of the lines of text
NOTE_SIZE = 11
ACROSS = 4  # mosaics side by side, where one feature map does not need more
NOTE = (
    "Cropped to the receptive field, less what lies outside the image. "
    "Projections: in the image's channels, each on its own scale; grey is zero."
)


@dataclass(frozen=True)
class FeatureMap:
    """A feature map's image patches, each (h, w, 3), uint8 or floats in [0, 1], and the projections.

    projections: for each kind of switches as many arrays (h, w, c) of any range, c 1 or 3.
    """

    title: str
    subtitle: str
    patches: Sequence[np.ndarray]
    projections: Mapping[str, Sequence[np.ndarray]]

    def mosaics(self) -> dict[str, np.ndarray]:
        """The pictures to draw side by side, by their names."""
        shown = {"image patches": mosaic([p / 255 if p.dtype == np.uint8 else p for p in self.patches])}
        for kind, signals in self.projections.items():
            tiles = [in_channels(signal, largest(signal) or 1) for signal in signals]
            shown[f"projections, {kind} switches"] = mosaic(
                [np.broadcast_to(t, (*t.shape[:2], 3)) for t in tiles]
            )
        return shown


def mosaic(tiles: Sequence[np.ndarray], empty: float = 1.0) -> np.ndarray:
    """Images (h, w, 3), row by row in square cells on white, or what is empty; smaller ones in the middle."""
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = -(-len(tiles) // columns)
    side = max(max(tile.shape[:2]) for tile in tiles)
    step = side + max(1, side // 20)
    sheet = np.full((rows * step - step + side, columns * step - step + side, 3), empty)
    for k, tile in enumerate(tiles):
        h, w = tile.shape[:2]
        top, left = k // columns * step + (side - h) // 2, k % columns * step + (side - w) // 2
        sheet[top : top + h, left : left + w] = tile
    return sheet


@style.drawn(style.PLAIN_TEXT)
def feature_maps(maps: Sequence[FeatureMap], title: str = "") -> Picture:
    """Draw feature maps, each as a row of mosaics: the image patches, then the projections."""
    mosaics = [feature_map.mosaics() for feature_map in maps]
    blocks = len(mosaics[0])
    across = max(1, min(len(maps), ACROSS // blocks))
    side = min(LARGEST, (WIDTH - 2 * MARGIN + GAP) / (across * blocks) - GAP)
    tall = side * max(image.shape[0] / image.shape[1] for shown in mosaics for image in shown.values())
    above = TITLE if title else 0
    below = HEADING + NAME + tall + GAP
    width = 2 * MARGIN - GAP + across * blocks * (side + GAP)
    height = 2 * MARGIN + above + -(-len(maps) // across) * below + FOOT
    picture = Picture((width, height), DPI)

    def write(left: float, top: float, text: str, **font: Any) -> None:
        picture.text(left / width, 1 - top / height, text, va="top", **font)

    write(MARGIN, MARGIN, title, size=style.HEADING_SIZE, weight="bold")
    for k, (feature_map, shown) in enumerate(zip(maps, mosaics, strict=True)):
        left = MARGIN + k % across * blocks * (side + GAP)
        top = MARGIN + above + k // across * below
        write(left, top, feature_map.title, size=style.TEXT_SIZE, weight="bold")
        write(left, top + HEADING / 2, feature_map.subtitle, size=NOTE_SIZE)
        for name, image in shown.items():
            write(left, top + HEADING, name, size=NOTE_SIZE, color=style.FAINT)
            bottom = height - top - HEADING - NAME - tall
            axes = picture.add_axes((left / width, bottom / height, side / width, tall / height))
            axes.imshow(image)
            axes.set_anchor("NW")
            axes.set_axis_off()
            left += side + GAP
    write(MARGIN, height - MARGIN - FOOT / 2, NOTE, size=NOTE_SIZE)
    return picture
