"""The demo of planted concepts: where a concept's filter turns away from it, and where its pattern does."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.concepts.fitting import Concept, concept_in
from minixai.data.patches import planted, stripes
from minixai.files import write_whole
from minixai.methods.collecting import features
from minixai.nn import Conv2d, Module, ReLU, Sequential
from minixai.plot.page import render
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["CORRELATIONS", "concept_page", "concept_picture", "orientations", "row_at"]

ANGLES = tuple(float(angle) for angle in range(0, 91, 5))
CORRELATIONS = (0.0, 0.3, 0.6)
IMAGES = 2000
UNITS, FILTER = 8, 7  # oriented filters, and their size in pixels
BIAS = -0.5
SHOWN = ((True, False), (False, True), (True, True), (False, False))  # concept, distractor
LEVELS = 1.5  # a pixel of −1.5 is black, of 1.5 white


@dataclass(frozen=True, eq=False)
class Row:
    """The concept at an angle and a correlation, and the truth: what showing it changes in the layer (8,)."""

    concept: Concept
    truth: Array

    def cosine(self, direction: str) -> float:
        """Of the pattern or the filter to the truth."""
        return float(getattr(self.concept, direction) @ self.truth)


def orientations() -> Module:
    """A layer of eight oriented filters of unit length, with a negative bias and a ReLU."""
    model = Sequential(Conv2d(1, UNITS, FILTER), ReLU())
    w = np.array([[stripes(180 * k / UNITS, 0, FILTER)] for k in range(UNITS)])
    w -= w.mean(axis=(2, 3), keepdims=True)
    w /= np.sqrt(np.square(w).sum(axis=(2, 3), keepdims=True))
    model.load_state_dict({"0.weight": w, "0.bias": np.full(UNITS, BIAS)})
    return model


def row_at(angle: float, correlation: float, images: int = IMAGES, seed: int = 0) -> Row:
    """Draw images, and fit the concept; the truth is of the same images with it and without it."""
    sample, model = planted(images, angle, correlation, seed=seed), orientations()
    (with_it, unit), (without, _) = (
        features("demo", model, "1", x, "mean") for x in (sample.with_it, sample.without)
    )
    truth = (with_it - without).mean(axis=0)
    concept = concept_in("demo", with_it[sample.t], without[~sample.t], unit, "1", "mean", "ridge", seed)
    return Row(concept, truth / np.linalg.norm(truth))


def concept_picture(angles: Sequence[float] = ANGLES, images: int = IMAGES, seed: int = 0) -> Picture:
    """Draw how pattern and filter leave the truth, as the distractor turns and as it is correlated."""
    from minixai.plot.concepts import Turning, turning

    turned = [row_at(angle, 0.0, images, seed) for angle in angles]
    correlated = [row_at(90.0, correlation, images, seed) for correlation in CORRELATIONS]
    cosines = {
        name: tuple(np.array([row.cosine(name) for row in rows]) for rows in (turned, correlated))
        for name in ("pattern", "filter")
    }
    examples = _examples(30.0, seed)
    return turning(Turning(np.array(angles), np.array(CORRELATIONS), cosines, examples[:3], images))


def concept_page(
    path: str | Path, angles: Sequence[float] = ANGLES, images: int = IMAGES, seed: int = 0
) -> None:
    """Write the demo as one web page with sliders, which needs no server and no network.

    Raises:
        ValueError: the suffix is not .html.
        OSError: the file cannot be written.
    """
    from minixai.plot.picture import checked_suffix

    path = checked_suffix("concept_page", path, [".html"])
    page = render(table_of(angles, images, seed), "concepts.html", images=f"{images:,}", units=str(UNITS))
    write_whole("concept_page", path, page.encode())


def table_of(angles: Sequence[float] = ANGLES, images: int = IMAGES, seed: int = 0) -> dict[str, Any]:
    """What the page draws, ready for JSON.

    rows: by correlation, then by angle. examples: by angle, four images of 24×24 bytes in base64.
    """
    rows = []
    for correlation in CORRELATIONS:
        for angle in angles:
            row = row_at(angle, correlation, images, seed)
            concept = row.concept
            rows.append(
                {
                    "cosine": {name: round(row.cosine(name), 3) for name in ("pattern", "filter")},
                    "accuracy": {name: round(held.accuracy, 3) for name, held in concept.held_out.items()},
                    "truth": row.truth.round(3).tolist(),
                    "pattern": concept.pattern.round(3).tolist(),
                    "filter": concept.filter.round(3).tolist(),
                }
            )
    return {
        "grid": {"angle": list(angles), "correlation": list(CORRELATIONS)},
        "start": {"angle": min(range(len(angles)), key=lambda k: abs(angles[k] - 30)), "correlation": 0},
        "turns": [180 * k / UNITS for k in range(UNITS)],
        "rows": rows,
        "examples": [base64.b64encode(_examples(angle, seed).tobytes()).decode() for angle in angles],
    }


def _examples(angle: float, seed: int) -> np.ndarray:
    """(4, 24, 24) uint8: images with the concept, the distractor, both, none; the same at every angle."""
    sample = planted(64, angle, seed=seed)
    found = [sample.x[np.flatnonzero((sample.t == t) & (sample.distractor == e))[0], 0] for t, e in SHOWN]
    grey = np.clip((np.array(found) + LEVELS) / (2 * LEVELS), 0, 1)
    return (255 * grey).round().astype(np.uint8)
