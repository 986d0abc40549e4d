"""Concepts, drawn from arrays: projections of images, scores of many tests, and how directions turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from minixai.plot import style
from minixai.plot.picture import Picture

__all__ = ["Turning", "projections", "scores", "turning"]

NOTE_SIZE = 11
BINS = 15
CENTRED = {"ha": "center", "va": "center"}
WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 2}


@style.drawn(style.PLAIN_TEXT)
def projections(panels: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str = "") -> Picture:
    """Draw histograms of images with a concept and of others along a direction, a panel a direction.

    panels: heading → projections with it (n,) and without (m,), 0 being the middle.
    """
    picture = Picture((11.0, 4.4), 150, layout="constrained")
    picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    for axes, (heading, (with_it, without)) in zip(
        picture.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        edges = np.histogram_bin_edges(np.concatenate([with_it, without, [0]]), BINS)
        for values, colour, label in (
            (without, style.FAINT, "others"),
            (with_it, style.PATTERN, "with the concept"),
        ):
            axes.hist(values, edges, color=colour, alpha=0.6, label=label)
        axes.axvline(0, color=style.INK, linewidth=1)
        axes.set(xlabel="along the direction, from the middle of the means", ylabel="held-out images")
        axes.set_title(heading, loc="left")
    keys = axes.get_legend_handles_labels()
    picture.legend(*keys, loc="outside lower center", ncols=2, frameon=False, fontsize=NOTE_SIZE)
    return picture


@style.drawn(style.PLAIN_TEXT)
def scores(
    names: Sequence[str],
    score: np.ndarray,
    error: np.ndarray,
    random: np.ndarray,
    significant: np.ndarray,
    title: str = "",
) -> Picture:
    """Draw TCAV scores (k,) with error bars (k,), over the range of random concepts (2, k).

    significant: (k,), which are filled. NaN stands for a concept that was not found.
    """
    places = np.arange(len(names))
    picture = Picture((max(7.0, 2.2 + 1.5 * len(names)), 5.0), 150, layout="constrained")
    picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    axes = picture.add_subplot()
    axes.axhline(0.5, color=style.FAINT, linewidth=1, zorder=0)
    axes.bar(
        places,
        random[1] - random[0],
        0.7,
        random[0],
        color=style.FAINT,
        alpha=0.3,
        label="95 % of random concepts",
    )
    for filled, label in ((True, "p < .05, corrected for all tests"), (False, "not significant")):
        some = (significant == filled) & ~np.isnan(score)
        axes.errorbar(
            places[some],
            score[some],
            error[some],
            fmt="o",
            color=style.PATTERN,
            markerfacecolor=style.PATTERN if filled else "white",
            markersize=9,
            capsize=4,
            label=label,
        )
    for place in places[np.isnan(score)]:
        axes.text(
            place, 0.5, "not found", rotation=90, ha="center", va="center", color=style.WARNING, bbox=WHITE
        )
    axes.set_xticks(places, names)
    axes.set(xlim=(-0.6, len(names) - 0.4), ylim=(-0.04, 1.04), ylabel="images whose logit grows along it")
    axes.set_title("error bars: standard deviation over the runs", size=NOTE_SIZE, loc="left")
    picture.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=NOTE_SIZE)
    return picture


@dataclass(frozen=True, eq=False)
class Turning:
    """Cosines to a concept's true direction, of its pattern and its filter.

    cosines: {"pattern" or "filter": ((angles,) with a distractor that knows nothing of the concept,
    (correlations,) with one at 90°)}. examples: (3, h, w) uint8, with the concept, the distractor, and both.
    """

    angles: np.ndarray
    correlations: np.ndarray
    cosines: Mapping[str, Sequence[np.ndarray]]
    examples: np.ndarray
    images: int


@style.drawn(style.PLAIN_TEXT)
def turning(scene: Turning) -> Picture:
    """Draw the cosines as the distractor turns, and as it is correlated with the concept."""
    picture = Picture((12.8, 6.0), 150)
    picture.text(
        0.02, 0.95, "A concept's filter turns with a distractor; its pattern errs where they are correlated",
        size=style.HEADING_SIZE, weight="bold", va="center",
    )  # fmt: skip
    for k, (image, heading) in enumerate(zip(scene.examples, ("concept", "distractor", "both"), strict=True)):
        axes = picture.add_axes((0.02, 0.64 - 0.275 * k, 0.115, 0.2))
        axes.imshow(image, "gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.set_title(heading, size=NOTE_SIZE, pad=3)
    left, right = picture.add_axes((0.21, 0.19, 0.42, 0.62)), picture.add_axes((0.71, 0.19, 0.27, 0.62))
    for name, colour in (("pattern", style.PATTERN), ("filter", style.FILTER)):
        turned, correlated = scene.cosines[name]
        left.plot(scene.angles, turned, "o-", color=colour, linewidth=3, markersize=6, label=name)
        right.plot(scene.correlations, correlated, "o-", color=colour, linewidth=3, markersize=8, label=name)
    for axes in (left, right):
        axes.set_ylim(0, 1.04)
        axes.axhline(1, color=style.FAINT, linewidth=1, zorder=0)
    left.set(
        xlabel="angle of the distractor's stripes to the concept's (°)",
        ylabel="cosine to the true direction",
        xticks=np.arange(0, 91, 15),
    )
    left.set_title("the distractor knows nothing of the concept", loc="left")
    left.legend(frameon=False, loc="lower right")
    right.set(xlabel="correlation of distractor and concept", xticks=scene.correlations)
    right.set_title("the distractor at 90°", loc="left")
    note = (
        f"{scene.images:,} images a point. True direction: what showing the concept changes in a layer of "
        "eight oriented filters, in the same images."
    )
    picture.text(0.02, 0.03, note, size=NOTE_SIZE)
    return picture
