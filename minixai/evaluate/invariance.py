"""How features follow a moved photo, and whether they match the same part of different photos.

Zeiler and Fergus 2014, sections 4.1 (figure 5) and 4.3 (table 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.arrays import as_array
from minixai.data import Preprocess
from minixai.errors import ShapeError, came, several_names, speaking_as
from minixai.evaluate.run import Run
from minixai.methods.unit import Indices, Layer, check_layer, class_indices
from minixai.nn import Module
from minixai.nn.module import check_model
from minixai.settings import finite_array, one_of
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["InvarianceCurves", "correspondence", "invariance_curves"]

UNITS = {"translation": "pixels down", "scale": "factor", "rotation": "degrees"}
GREY = (128, 128, 128)  # of what comes in from outside the photo


@dataclass(frozen=True, eq=False)
class InvarianceCurves:
    """What a transformation of photos does to the features of layers and to the class."""

    transformation: str  # "translation", "scale" or "rotation"
    amounts: Array  # (k,): in pixels of the photo, as a factor, in degrees
    distances: dict[Layer, Array]  # layer → (n, k): ‖features(T x) − features(x)‖₂
    probability: Array  # (n, k): of the class
    target: Indices  # (n,): the class
    quantity: str  # what the probability is: "probability (softmax of the logits)", …

    def plot(self, classes: Sequence[str] | None = None, title: str = "") -> Picture:
        """Draw the curves, a panel for each layer and one for the probability; a line is a photo.

        classes: the names of the model's classes.
        """
        from minixai.plot.invariance import curves

        if classes is not None:
            several_names("plot", "classes", classes)
        names = [f"class {t}" if classes is None else classes[t] for t in self.target]
        distances = {str(layer): each for layer, each in self.distances.items()}
        xlabel = f"{self.transformation}, {UNITS[self.transformation]}"
        return curves(self.amounts, xlabel, distances, self.quantity, self.probability, names, title)


def invariance_curves(
    model: Module,
    photos: Sequence[Any],
    target: Any = None,
    *,
    layers: Sequence[Layer],
    transformation: str,
    amounts: Sequence[float],
    preprocess: Preprocess | None = None,
) -> InvarianceCurves:
    """Move photos, and measure the distances of features and the probability of the class.

    photos: n of (h, w, 3) uint8 RGB.
    target: the class, one or n of them; None means that of each photo as it is.
    layers: names of modules, or (name, call).
    transformation: "translation" (downwards, in pixels of the photo), "scale" (a factor, about the centre)
        or "rotation" (anticlockwise, in degrees, about the centre). What comes in from outside is grey.
    amounts: k numbers. preprocess: None means the model's own.

    Raises TypeError or ValueError for a target that is no class, ValueError for an unknown transformation or
    layer, a scale that is not positive or a model without preprocess.
    Zeiler and Fergus 2014, figure 5.
    """
    call = "invariance_curves"
    check_model(call, model)
    one_of(call, "transformation", transformation, UNITS)
    steps = _steps(call, amounts, transformation)
    prepare = _preparation(call, model, preprocess)
    layers = tuple(several_names(call, "layers", layers))
    for layer in layers:
        check_layer(call, model, layer, "layers")
    photos = _photos(call, photos)
    class_indices(call, target, len(photos))
    run = Run(call, model, prepare(photos))
    classes, still = run.chosen(target).target, _features(run, layers)
    distances, probability = [], []
    for amount in steps:
        moved = prepare([_move(photo, transformation, amount) for photo in photos])
        run = Run(call, model, moved)
        p, quantity = run.probabilities()
        pairs = zip(_features(run, layers), still, strict=True)
        distances.append([np.linalg.norm(new - old, axis=1) for new, old in pairs])
        probability.append(p[np.arange(len(photos)), classes])
    return InvarianceCurves(
        transformation,
        steps,
        {layer: each.T for layer, each in zip(layers, np.stack(distances, axis=1), strict=True)},
        np.stack(probability, axis=1),
        classes,
        str(quantity),
    )


def correspondence(model: Module, x: Any, occluded: Any, layer: Layer) -> float:
    """Δ = Σ_{i≠j} H(sign ε_i, sign ε_j), ε_i = features(x_i) − features(occluded_i).

    Small where hiding the same part changes the features of all images alike: the layer then has a notion
    of that part. Compare with parts hidden at random. H is the share of entries that differ, in [0, 1];
    the sum runs over the n·(n − 1) ordered pairs.

    x, occluded: (n, c, h, w), the model's input and the same with one part hidden. layer: a module's
    name, or (name, call). Raises ShapeError where x and occluded differ in shape, or n is 1.
    Zeiler and Fergus 2014, section 4.3.
    """
    call = "correspondence"
    check_model(call, model)
    check_layer(call, model, layer)
    x, occluded = (model.check_input(call, each, name) for each, name in ((x, "x"), (occluded, "occluded")))
    if x.shape != occluded.shape or len(x) < 2:
        raise ShapeError(
            f"{call}: x {x.shape} and occluded {occluded.shape}, expected one shape, n at least 2"
        )
    whole, hidden = (Run(call, model, each).features(layer) for each in (x, occluded))
    signs = np.sign(whole - hidden).reshape(len(x), -1)
    return float(sum((signs != each).mean(axis=1).sum() for each in signs))


def _photos(call: str, photos: Any) -> list[np.ndarray]:
    """The photos, each (h, w, 3) uint8."""
    found = [as_array(call, "photos", photo) for photo in several_names(call, "photos", photos)]
    for photo in found:
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
            came_as = f"{photo.dtype} of shape {photo.shape}"
            raise ShapeError(f"{call}: photos holds {came_as}, expected several of uint8 (h, w, 3)")
    return found


def _steps(call: str, amounts: Any, transformation: str) -> Array:
    """(k,) float64: amounts that a photo can be moved by."""
    steps = np.array(finite_array(call, "amounts", amounts, np.float64))
    if steps.ndim != 1 or not steps.size:
        raise ValueError(f"{call}: amounts is {came(amounts)}, expected one or more numbers in a list")
    if transformation == "scale" and steps.min() <= 0:
        raise ValueError(f"{call}: amounts holds the scale {steps.min():g}, expected above 0")
    return steps


def _preparation(call: str, model: Module, preprocess: Any) -> Callable[[list[Any]], Array]:
    """What makes inputs of photos; its errors begin with the call's name."""
    prepare = getattr(model, "preprocess", None) if preprocess is None else preprocess
    if not callable(prepare):
        what = "None, and the model has none of its own" if prepare is None else came(prepare)
        raise ValueError(f"{call}: preprocess is {what}, expected a minixai.data.Preprocess")

    def prepared(photos: list[Any]) -> Array:
        with speaking_as(call, "Preprocess"):
            return np.asarray(prepare(photos))

    return prepared


def _features(run: Run, layers: Sequence[Layer]) -> list[Array]:
    """Those of each layer, (n, d)."""
    found = [run.features(layer) for layer in layers]
    return [features.reshape(len(features), -1) for features in found]


def _move(photo: Any, transformation: str, amount: float) -> np.ndarray:
    """A photo shifted, scaled or rotated."""
    from PIL import Image

    image = Image.fromarray(photo)
    shift = amount if transformation == "translation" else 0
    scale = amount if transformation == "scale" else 1
    angle = math.radians(amount) if transformation == "rotation" else 0
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    x, y = image.width / 2, image.height / 2
    # The colour at (u, v) comes from centre + R(angle)/scale · ((u, v) − centre − (0, shift)).
    back = (cos, -sin, x - cos * x + sin * (y + shift), sin, cos, y - sin * x - cos * (y + shift))
    resampling = Image.Resampling.BILINEAR
    return np.array(image.transform(image.size, Image.Transform.AFFINE, back, resampling, fillcolor=GREY))
