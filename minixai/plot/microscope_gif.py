"""The tape microscope for slides: a GIF of what leaves each node, from the unit to the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minixai.plot import style
from minixai.plot.maps import HEAT_COLOURS, number
from minixai.plot.microscope import Step, Walk, as_signal, names_of, parting, rows_of
from minixai.plot.picture import Picture, animation

__all__ = ["gif_of"]

WIDTH, HEIGHT, DPI = 9.6, 4.9, 90  # inches
FRAMES = 24  # nodes that are shown, at most
FRAME_MS, LAST_MS = 450, 3500


def gif_of(walks: Sequence[Walk], photo: np.ndarray | None, title: str) -> bytes:
    """Frames of those nodes where a walk goes through weights or to another place, then the map."""
    frames = _frames(walks, photo, title)
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    return animation(frames, durations, np.vstack([frames[-1], _all_colours(frames[-1].shape[1])]), 255)


def _all_colours(width: int) -> np.ndarray:
    """(40, width, 3) uint8: those of heat maps, and greys."""
    from matplotlib import colormaps

    lines = [colormaps[name](np.linspace(0, 1, width), bytes=True)[:, :3] for name in (HEAT_COLOURS, "Greys")]
    return np.repeat(np.array(lines), 20, axis=0)


@style.drawn(style.PLAIN_TEXT)
def _frames(walks: Sequence[Walk], photo: np.ndarray | None, title: str) -> list[np.ndarray]:
    rows = rows_of(walks)
    parted = parting(walks) if len(walks) == 2 else None
    places = _shown(walks, rows, None if parted is None else parted[0])
    picture = Picture((WIDTH, HEIGHT), dpi=DPI)
    picture.text(0.02, 0.95, title, size=style.HEADING_SIZE, weight="bold", va="center")
    caption = picture.text(0.02, 0.885, "", va="center")
    columns = len(walks) + (photo is not None)
    width = min(0.96 / columns, 0.5 * HEIGHT / WIDTH + 0.1)
    left = (1 - columns * width) / 2
    if photo is not None:
        axes = _tile(picture, left, width)
        axes.imshow(photo)
        axes.set_title("the input", size=style.TEXT_SIZE)
        left += width
    panels = [
        _Panel(picture, walk, name, left + k * width, width, [row[k] for row in rows])
        for k, (walk, name) in enumerate(zip(walks, names_of(walks), strict=True))
    ]
    found = []
    for place in places:
        step = next(step for panel in panels if (step := panel.step(place)) is not None)
        apart = ". Here the walks part" if parted and parted == (place, "left") else ""
        caption.set_text(f"node {place + 1} of {len(rows)}: {_name(step)}{apart}")
        for panel in panels:
            panel.show(place)
        found.append(picture.pixels())
    caption.set_text("the walk has come to the input: what arrived is the map")
    for panel in panels:
        panel.end()
    return [*found, picture.pixels()]


class _Panel:
    """A walk's picture, and below it its ledger so far, or how large what arrives is."""

    def __init__(
        self, picture: Picture, walk: Walk, name: str, left: float, width: float, numbers: list[int | None]
    ) -> None:
        self.walk, self.name, self.numbers = walk, name, numbers
        self.image = _tile(picture, left, width)
        self.image.set_title(name, size=style.TEXT_SIZE, weight="bold")
        self.words = self.image.set_xlabel("", size=style.TEXT_SIZE - 3)
        self.chart = picture.add_axes((left + 0.1 * width, 0.05, 0.8 * width, 0.14))
        self.chart.set(xlim=(-0.5, len(numbers) - 0.5), xticks=[], yticks=[])
        self.chart.spines["left"].set_visible(False)
        self.levels = np.array(list(walk.levels)) if walk.conserves else walk.sizes
        ends = [*self.levels, *([walk.start, 0.0] if walk.conserves else [])]  # what is shared out, from 0
        low, high = min(ends), max(ends)
        margin = 0.15 * (high - low or 1)
        self.chart.set_ylim(low - margin, high + margin)
        (self.line,) = self.chart.plot([], [], color=style.BLUE, drawstyle="steps-mid", linewidth=2)
        self.said = self.chart.text(
            0.5, 1.0, "", transform=self.chart.transAxes, size=style.TEXT_SIZE - 3, ha="center"
        )

    def step(self, place: int) -> Step | None:
        """The walk's step at a place of both."""
        at = self.numbers[place]
        return None if at is None else self.walk.steps[at]

    def show(self, place: int) -> None:
        """What has come so far."""
        step = self.step(place)
        if step is not None:
            self._draw(_summed(step.left[0]))
            self.words.set_text(step.rule)
        passed = {k: self.levels[at] for k, at in enumerate(self.numbers[: place + 1]) if at is not None}
        self.line.set_data(list(passed), list(passed.values()))
        level = float(list(passed.values())[-1])
        left = f"not yet leaked: {number(level, 4)}, of {number(self.walk.start, 4)}"
        self.said.set_text(left if self.walk.conserves else "size of what arrives (log)")

    def end(self) -> None:
        """The map."""
        walk = self.walk
        if walk.signal and walk.pixels is not None:
            self.image.clear()
            self.image.imshow(as_signal(walk.pixels))
            self.image.set(xticks=[], yticks=[])
            self.image.set_title(self.name, size=style.TEXT_SIZE, weight="bold")
        else:
            self._draw(_summed(walk.map))
        self.image.set_xlabel(f"the map ({walk.kind})", size=style.TEXT_SIZE - 3)

    def _draw(self, values: np.ndarray) -> None:
        limit = float(np.abs(values).max()) or 1.0
        for old in list(self.image.images):
            old.remove()
        height, width = values.shape
        look: dict[str, Any] = {"extent": (0, 1, 0, 1), "aspect": height / width if height > 1 else 0.2}
        self.image.imshow(values, HEAT_COLOURS, vmin=-limit, vmax=limit, **look)


def _tile(picture: Picture, left: float, width: float) -> Any:
    axes = picture.add_axes((left + 0.05 * width, 0.29, 0.9 * width, 0.5))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def _summed(values: np.ndarray) -> np.ndarray:
    """(h, w): the sum over channels; a vector as a row."""
    maps = values.reshape(-1, *values.shape[-2:]) if values.ndim > 1 else values.reshape(1, 1, -1)
    return maps.sum(axis=0)


def _shown(walks: Sequence[Walk], rows: Sequence[Any], parted: int | None) -> list[int]:
    """The places where a map of pixels changes, thinned out evenly, with that where the walks part."""
    changing = [
        place
        for place, row in enumerate(rows)
        for step in [walk.steps[k] for walk, k in zip(walks, row, strict=True) if k is not None][:1]
        if len(step.inputs) == 1 and step.inputs[0].shape != step.y.shape and _summed(step.left[0]).size > 1
    ] or list(range(len(rows)))
    chosen = np.unique(np.linspace(0, len(changing) - 1, FRAMES).round().astype(int))
    return sorted({changing[k] for k in chosen} | ({parted} if parted is not None else set()))


def _name(step: Step) -> str:
    return f"{step.fused} ({step.layer})" if step.layer else step.fused
