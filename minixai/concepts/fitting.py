"""A concept in a layer: its pattern, its filter, and whether the layer holds it at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.columns import aligned
from minixai.concepts.chance import LEVEL, beyond_chance
from minixai.concepts.directions import (
    DIRECTIONS,
    Classifier,
    Direction,
    checked_classifier,
    direction_of,
    unit,
)
from minixai.errors import ShapeError, warn
from minixai.methods.collecting import Pool, checked_pool, features
from minixai.methods.unit import Layer, Unit
from minixai.nn import Module
from minixai.nn.module import check_model
from minixai.settings import one_of, whole_number
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["Concept", "ConceptWarning", "concept_in", "fit", "images_of"]

HELD_OUT = 3  # one image in so many


class ConceptWarning(UserWarning):
    """A layer does not hold a concept."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """How a direction tells held-out images apart.

    accuracy: in [0, 1], the mean of that on images with the concept and that on the others, so that chance
    is ½. p_value: of Fisher's exact test, one-sided. with_it, without: the projections on the direction, from
    the middle of the two means of the images fitted to.
    """

    accuracy: float
    p_value: float
    with_it: Array
    without: Array


@dataclass(frozen=True, eq=False)
class Concept:
    """A concept's two directions in a layer; it prints as a table. `concepts.fit` makes it.

    pattern, filter: unit vectors of `shape`, the layer's, or (channels,) where it is pooled over places.
    mean_with, mean_without: of the same shape, the means of the images fitted to.
    held_out: {"pattern": …, "filter": …}, how they do on images held out; chance: ½.
    """

    unit: Unit  # the layer
    layer: Layer  # as it was named
    pool: Pool
    classifier: Classifier
    pattern: Array
    filter: Array
    mean_with: Array
    mean_without: Array
    held_out: dict[str, HeldOut]
    images: tuple[int, int]  # with the concept and others, fitted to and held out together
    chance: float = 0.5

    @property
    def shape(self) -> tuple[int, ...]:
        """That of a direction."""
        return self.pattern.shape

    @property
    def accuracy(self) -> float:
        """The classifier's on held-out images; see `HeldOut`."""
        return self.held_out["filter"].accuracy

    @property
    def p_value(self) -> float:
        """How often chance would be as accurate."""
        return self.held_out["filter"].p_value

    @property
    def found(self) -> bool:
        """Whether the classifier beats chance: p < .05."""
        return self.p_value < LEVEL

    @property
    def angle(self) -> float:
        """Between the pattern and the filter, in degrees."""
        cosine = float(np.sum(self.pattern * self.filter))
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

    def direction(self, direction: Direction) -> Array:
        """The pattern or the filter, by name."""
        found: Array = getattr(self, one_of("Concept.direction", "direction", direction, DIRECTIONS))
        return found

    def check_found(self, call: str) -> None:
        """Raise ValueError where the layer does not hold the concept."""
        if not self.found:
            raise ValueError(f"{call}: concept {self.not_found}")

    @property
    def not_found(self) -> str:
        """What to say where it does not beat chance."""
        return (
            f"is not found in layer {self.unit}: accuracy {self.accuracy:.2f} on held-out images does not "
            f"beat chance ({self.chance:.2f}, p = {self.p_value:.2f}); try more images or another layer"
        )

    def __repr__(self) -> str:
        rows = [("direction", "accuracy", "chance", "p", "to the pattern")]
        for name in DIRECTIONS:
            held = self.held_out[name]
            angle = 0 if name == "pattern" else self.angle
            rows.append(
                (name, f"{held.accuracy:.2f}", f"{self.chance:.2f}", f"{held.p_value:.2g}", f"{angle:.0f}°")
            )
        with_it, without = self.images
        heading = f"concept in {self.unit}: {with_it} images, {without} others; {self.classifier} classifier"
        lines = [heading, aligned(rows)]
        return "\n".join(lines if self.found else [*lines, f"The concept {self.not_found}."])

    def plot(self, title: str = "") -> Picture:
        """Draw how the held-out images lie along the pattern and along the filter."""
        from minixai.plot.concepts import projections

        panels = {
            f"{name}: accuracy {self.held_out[name].accuracy:.2f}": (
                self.held_out[name].with_it,
                self.held_out[name].without,
            )
            for name in DIRECTIONS
        }
        verdict = (
            f"filter {self.angle:.0f}° from the pattern" if self.found else "not found: no better than chance"
        )
        return projections(panels, title or f"Concept in {self.unit}: {verdict}")


def fit(
    model: Module,
    layer: Layer,
    concept: Any,
    others: Any,
    classifier: Classifier = "ridge",
    pool: Pool = "mean",
    seed: int = 0,
) -> Concept:
    """Fit a concept's pattern and filter in a layer.

    With t = 1 for images that show the concept and 0 for others, and h the layer's output:
    pattern a = cov[h, t] / var[t] = μ₁ − μ₀;  filter w, the normal of a linear classifier of t (a CAV).

    The pattern says where the concept lies in h; the filter also cancels what disturbs reading it, and turns
    with it. Where something is correlated with the concept in these images, the pattern has both, and the
    filter may not. They are fitted to two thirds of the images; the rest says whether the layer holds the
    concept. It warns where that is no better than chance, and then nothing else speaks of this concept.

    Args:
        model: a Module; it answers in eval mode, and is left as it was.
        layer: a module's name, such as "features.3", or (name, call) where it is called more than once.
        concept: (n, …), the model's input: images that show the concept; n of at least 6.
        others: (m, …), images that do not; or {name: images}, other concepts, for a relative one.
        classifier: "ridge" (λ a hundredth of the mean variance), or scikit-learn's "logistic" or "svm", with
            its own penalties; both sets weigh the same.
        pool: "mean" takes the mean over places, all axes behind that of channels, the second, so that a
            direction is one of channels; None takes every unit.
        seed: of the choice of the images that are held out.

    Returns:
        A `Concept`, float64.

    Raises:
        ValueError: a setting or the layer is unknown, an array holds NaN, or too few images.
        ShapeError: an array is none of the model's input.
        ImportError: the classifier needs scikit-learn.

    Kim et al. 2018, arXiv 1711.11279 (the filter); Pahde et al. 2025, arXiv 2202.03482 (the pattern).
    """
    pool, classifier = checked_pool("fit", pool), checked_classifier("fit", classifier)
    seed = whole_number("fit", "seed", seed, least=0)
    h, of_layer = features("fit", model, layer, images_of("fit", "concept", model, concept), pool)
    h0, _ = features("fit", model, layer, images_of("fit", "others", model, others), pool)
    found = concept_in("fit", h, h0, of_layer, layer, pool, classifier, seed)
    if not found.found:
        warn(f"fit: the concept {found.not_found}", ConceptWarning)
    return found


def concept_in(
    call: str,
    h: Array,
    h0: Array,
    of_layer: Unit,
    layer: Layer,
    pool: Pool,
    classifier: Classifier,
    seed: int,
) -> Concept:
    """The concept from what the layer says of its images (n, …) and of others (m, …)."""
    shape, sets = h.shape[1:], [each.reshape(len(each), -1) for each in (h, h0)]
    for name, each in zip(("concept", "others"), sets, strict=True):
        if len(each) < 2 * HELD_OUT:
            raise ValueError(f"{call}: {name} has {len(each)} images, expected at least {2 * HELD_OUT}")
    rng = np.random.default_rng(seed)
    shuffled = [each[rng.permutation(len(each))] for each in sets]
    fitted = [each[len(each) // HELD_OUT :] for each in shuffled]
    rest = [each[: len(each) // HELD_OUT] for each in shuffled]
    with_it, without = fitted
    directions = {name: unit(direction_of(name, with_it, without, classifier)) for name in DIRECTIONS}
    if not directions["pattern"].any():
        raise ValueError(f"{call}: layer {of_layer} says the same of the concept's images and of the others")
    return Concept(
        of_layer,
        layer,
        pool,
        classifier,
        directions["pattern"].reshape(shape),
        directions["filter"].reshape(shape),
        with_it.mean(axis=0).reshape(shape),
        without.mean(axis=0).reshape(shape),
        {name: _held_out(v, fitted, rest) for name, v in directions.items()},
        (len(h), len(h0)),
    )


def _held_out(v: Array, fitted: list[Array], rest: list[Array]) -> HeldOut:
    """Called with the concept is what lies on its mean's side of the middle."""
    middle = sum(each.mean(axis=0) @ v for each in fitted) / 2
    with_it, without = (each @ v - middle for each in rest)
    hits, alarms = int((with_it > 0).sum()), int((without > 0).sum())
    accuracy = (hits / len(with_it) + 1 - alarms / len(without)) / 2
    p = beyond_chance(hits, len(with_it), hits + alarms, len(with_it) + len(without))
    return HeldOut(accuracy, p, with_it, without)


def images_of(call: str, name: str, model: Module, images: Any) -> Array:
    """Images as an array of the model's input; those of several concepts, {name: images}, joined."""
    check_model(call, model)
    if not isinstance(images, Mapping):
        return model.check_input(call, images, name)
    found = [model.check_input(call, each, f"{name}[{key!r}]") for key, each in images.items()]
    if not found or len({each.shape[1:] for each in found}) > 1:
        shapes = ", ".join(str(each.shape) for each in found) or "none"
        raise ShapeError(f"{call}: {name} has images of shapes {shapes}, expected some, all of one size")
    return np.concatenate(found)
