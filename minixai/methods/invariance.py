"""How features follow a moved photo, and whether they match the same part of different photos.

Zeiler and Fergus 2014, sections 4.1 (figure 5) and 4.3 (table 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai import ops
from minixai.data import Preprocess
from minixai.errors import ShapeError
from minixai.methods.unit import Layer, select_unit
from minixai.nn import Module
from minixai.tape import Tensor
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["InvarianceCurves", "correspondence", "invariance_curves"]

UNITS = {"translation": "pixels down", "scale": "factor", "rotation": "degrees"}
GREY = (128, 128, 128)  # of what comes in from outside the photo


@dataclass(frozen=True, eq=False)
class InvarianceCurves:
    """What a transformation of photos does to the features of layers and to the class."""

    kind: str  # "translation", "scale" or "rotation"
    amounts: Array  # (k,): in pixels of the photo, as a factor, in degrees
    distances: dict[Layer, Array]  # layer → (n, k): ‖features(T x) − features(x)‖₂
    probability: Array  # (n, k): of the class
    target: np.ndarray[Any, np.dtype[np.intp]]  # (n,): the class

    def plot(self, classes: Sequence[str] | None = None, title: str = "") -> Picture:
        """Draw the curves, a panel for each layer and one for the probability; a line is a photo.

        classes: the names of the model's classes.
        """
        from minixai.plot.invariance import curves

        names = [f"class {t}" if classes is None else classes[t] for t in self.target]
        distances = {str(layer): each for layer, each in self.distances.items()}
        xlabel = f"{self.kind}, {UNITS[self.kind]}"
        return curves(self.amounts, xlabel, distances, self.probability, names, title)


def invariance_curves(
    model: Module,
    photos: Sequence[Any],
    kind: str,
    amounts: Sequence[float],
    layers: Sequence[Layer],
    target: Any = None,
    preprocess: Preprocess | None = None,
) -> InvarianceCurves:
    """Move photos, and measure the distances of features and the probability of the class.

    photos: n of (h, w, 3) uint8 RGB. kind: "translation" (downwards, in pixels of the photo), "scale" (a
    factor, about the centre) or "rotation" (anticlockwise, in degrees, about the centre). What comes in
    from outside is grey. amounts: k numbers. layers: names of modules, or (name, call).
    target: the class, one or n of them; None means that of each photo as it is.
    preprocess: None means the model's own.
    Raises ValueError for an unknown kind, a scale that is not positive or a model without preprocess.
    Zeiler and Fergus 2014, figure 5.
    """
    if kind not in UNITS:
        raise ValueError(f"invariance_curves: kind is {kind!r}, expected one of {', '.join(UNITS)}")
    if kind == "scale" and min(amounts) <= 0:
        raise ValueError(f"invariance_curves: amounts holds the scale {min(amounts)}, expected above 0")
    prepare = getattr(model, "preprocess", None) if preprocess is None else preprocess
    if prepare is None:
        raise ValueError("invariance_curves: the model has no preprocess of its own, expected one")
    features, logits = _look(model, prepare(photos), layers)
    best = logits.argmax(axis=1) if target is None else np.broadcast_to(target, len(photos))
    distances: dict[Layer, list[Array]] = {layer: [] for layer in layers}
    probability = []
    for amount in amounts:
        moved, logits = _look(model, prepare([_move(photo, kind, amount) for photo in photos]), layers)
        for layer in layers:
            distances[layer].append(np.linalg.norm(moved[layer] - features[layer], axis=1))
        probability.append(ops.softmax.forward(logits)[np.arange(len(photos)), best])
    return InvarianceCurves(
        kind,
        np.asarray(amounts, float),
        {layer: np.stack(each, axis=1) for layer, each in distances.items()},
        np.stack(probability, axis=1),
        best,
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
    x, occluded = (model.check_input("correspondence", each) for each in (x, occluded))
    if x.shape != occluded.shape or len(x) < 2:
        raise ShapeError(
            f"correspondence: x {x.shape} and occluded {occluded.shape}, expected one shape, n at least 2"
        )
    (whole, _), (hidden, _) = (_look(model, each, [layer]) for each in (x, occluded))
    signs = np.sign(whole[layer] - hidden[layer])
    return float(sum((signs != each).mean(axis=1).sum() for each in signs))


def _look(model: Module, x: Any, layers: Sequence[Layer]) -> tuple[dict[Layer, Array], Array]:
    """The features (n, d) of layers, and the logits (n, k)."""
    output, outputs = model.trace(Tensor(model.check_input("invariance_curves", x)))
    model.check_output("invariance_curves", output.value)
    features = {
        layer: select_unit("invariance_curves", output, outputs, layer=layer).tensor.value for layer in layers
    }
    logits = select_unit("invariance_curves", output, outputs).tensor.value
    return {layer: each.reshape(len(each), -1) for layer, each in features.items()}, logits


def _move(photo: Any, kind: str, amount: float) -> np.ndarray:
    """A photo shifted, scaled or rotated."""
    from PIL import Image

    image = Image.fromarray(np.asarray(photo))
    shift = amount if kind == "translation" else 0
    scale = amount if kind == "scale" else 1
    angle = math.radians(amount) if kind == "rotation" else 0
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    x, y = image.width / 2, image.height / 2
    # The colour at (u, v) comes from centre + R(angle)/scale · ((u, v) − centre − (0, shift)).
    back = (cos, -sin, x - cos * x + sin * (y + shift), sin, cos, y - sin * x - cos * (y + shift))
    resampling = Image.Resampling.BILINEAR
    return np.array(image.transform(image.size, Image.Transform.AFFINE, back, resampling, fillcolor=GREY))
