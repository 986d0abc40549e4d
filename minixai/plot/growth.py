"""How optimised inputs grew, and their scores beside those of other inputs, drawn from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minixai.plot import style
from minixai.plot.maps import number
from minixai.plot.picture import Picture

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["Growth", "growth"]

WIDTH, ROW, HEAD, FOOT = 12.8, 2.5, 0.55, 0.65  # inches
STAGES = 4  # images of a row
SHARES = (0.1, 0.25, 0.5, 1)  # of the steps, where they are taken
BELOW = 0.3  # of the scores' range: what is lower, the penalty of the first steps, is cut off
NOTE_SIZE = 11


@dataclass(frozen=True)
class Growth:
    """One input: images (k, h, w, 3), scores and penalties (steps,), its score, those of noise and photos.

    contrast: what the images are multiplied by.
    """

    heading: str
    images: np.ndarray
    contrast: float
    scores: np.ndarray
    penalties: np.ndarray
    score: float
    noise: np.ndarray
    photos: np.ndarray

    @property
    def words(self) -> str:
        """The score, and the best of the others."""
        others = [("noise", self.noise), *([("photos", self.photos)] if self.photos.size else [])]
        best = ", ".join(f"{name} to {number(scores.max(), 2)}" for name, scores in others)
        return f"score {number(self.score, 3)}\n{best}"

    def draw_scores(self, axes: Axes) -> None:
        """The score, less the penalty, and lines for what else was scored."""
        steps = np.arange(len(self.scores))
        axes.plot(steps, self.scores, color=style.BLUE, linewidth=2.5, label="score at each step")
        if self.penalties.any():
            rest = self.scores - self.penalties
            axes.plot(steps, rest, "--", color=style.BLUE, linewidth=1.5, label="less the penalty")
        if self.photos.size:
            axes.axhline(self.photos.max(), color=style.GREEN, linewidth=2, label="best of the photos")
        best = f"best of {self.noise.size} × noise of its norm"
        axes.axhline(self.noise.max(), color=style.VERMILION, linewidth=2, linestyle=":", label=best)
        low, high = min(0, self.scores.min()), self.scores.max()
        axes.set(xmargin=0, ylim=(low - BELOW * (high - low), None))


@style.drawn(style.PLAIN_TEXT)
def growth(rows: Sequence[Growth], steps: np.ndarray, title: str = "") -> Picture:
    """Draw inputs as rows of images on the way, of these steps (k,), and a panel of the score."""
    height = HEAD + ROW * len(rows) + FOOT
    picture = Picture((WIDTH, height), 150, layout="constrained")
    if title:
        picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    grid = picture.subplots(len(rows), STAGES + 1, squeeze=False, width_ratios=[1] * STAGES + [1.6])
    at = [int(np.abs(steps - share * steps[-1]).argmin()) for share in SHARES]
    for row, line in zip(rows, grid, strict=True):
        for axes, k in zip(line, at, strict=False):
            axes.imshow(row.images[k])
            axes.set(xticks=[], yticks=[], xlabel=f"step {steps[k]}")
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(row.heading)
        if row.contrast > 1:
            line[STAGES - 1].set_xlabel(f"step {steps[at[-1]]}, contrast × {number(row.contrast, 2)}")
        row.draw_scores(line[-1])
        line[-1].set_title(row.words, size=style.TEXT_SIZE, loc="left")
    grid[-1][-1].set_xlabel("step")
    keys: dict[str, Artist] = {}
    for line in grid:
        lines, labels = line[-1].get_legend_handles_labels()
        keys |= dict(zip(labels, lines, strict=True))
    picture.legend(
        list(keys.values()), list(keys), loc="outside lower right", ncols=4, frameon=False, fontsize=NOTE_SIZE
    )
    return picture
