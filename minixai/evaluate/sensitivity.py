"""Occlusion sensitivity: what a grey square does, wherever it lies (Zeiler and Fergus 2014, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.errors import ShapeError, several_names
from minixai.evaluate.run import Run
from minixai.methods.explanation import Explanation
from minixai.methods.projection import projected
from minixai.methods.unit import Indices, Layer, check_layer, class_indices
from minixai.nn import Module
from minixai.nn.module import check_model
from minixai.ops.sizes import Size, pair
from minixai.progress import progress_bar
from minixai.settings import finite_number, whole_number
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["OcclusionSensitivity", "occlusion_sensitivity"]

CALL = "occlusion_sensitivity"


@dataclass(frozen=True, eq=False)
class OcclusionSensitivity:
    """What was measured with the square at each of r × q places, row by row from the upper left."""

    channel: int  # the feature map that is strongest without the square
    target: int  # the class
    activation: Array  # (r, q): Σ over the feature map
    probability: Array  # (r, q): of the class
    best: Indices  # (r, q): the most probable class
    quantity: str  # what the probability is: "probability (softmax of the logits)", …
    projection: Explanation  # of the feature map, without the square
    patch: tuple[int, int]  # the square's height and width, in pixels
    stride: tuple[int, int]  # the steps between its places

    def plot(self, classes: Sequence[str] | None = None, title: str = "") -> Picture:
        """Draw the paper's five panels: image, activation, projection, probability, most probable class.

        classes: the names of the model's classes.
        """
        from minixai.plot.sensitivity import five_panels

        if classes is not None:
            several_names("plot", "classes", classes)
        e = self.projection

        def name(number: int) -> str:
            return f"class {number}" if classes is None else classes[number]

        return five_panels(
            e._photos(None)[0],
            self.activation,
            e._images(e.map)[0],
            self.probability,
            self.quantity,
            self.best,
            e.unit.label,
            name(self.target),
            {int(number): name(number) for number in np.unique(self.best)},
            self.patch,
            self.stride,
            title,
        )


def occlusion_sensitivity(
    model: Module,
    x: Any,
    target: int | None = None,
    *,
    layer: Layer,
    patch: Size | None = None,
    stride: Size | None = None,
    fill: float = 0.0,
    batch_size: int = 8,
    progress: bool = True,
) -> OcclusionSensitivity:
    """Slide a square over an image; record a feature map's sum, the class's probability and the best class.

    The feature map is the one of the layer with the largest sum in the image as it is, and the square is
    always wholly inside the image. Zeiler and Fergus 2014, figure 7.

    x: (1, c, h, w), the model's input.
    target: the class; None means the most probable one of the image as it is.
    layer: a module's name, or (name, call), with maps.
    patch: the square's side or (height, width), in pixels; None means a quarter of the image.
    stride: the step between places; None means a quarter of patch.
    fill: the square's value, in the model's input. batch_size: images at a time; bounds the memory.

    Raises ShapeError for more than one image or a layer without maps, TypeError or ValueError for a target
    that is no class, ValueError for a patch that does not fit.
    """
    check_model(CALL, model)
    check_layer(CALL, model, layer)
    x = model.check_input(CALL, x)
    if x.ndim != 4 or len(x) != 1:
        raise ShapeError(f"{CALL}: x has shape {x.shape}, expected one image (1, c, h, w)")
    class_indices(CALL, target, 1)
    h, w = x.shape[2:]
    size = pair(CALL, "patch", (max(h // 4, 1), max(w // 4, 1)) if patch is None else patch)
    step = pair(CALL, "stride", (max(size[0] // 4, 1), max(size[1] // 4, 1)) if stride is None else stride)
    if size[0] > h or size[1] > w:
        raise ValueError(f"{CALL}: patch is {size}, expected at most the image {(h, w)}")
    batch_size = whole_number(CALL, "batch_size", batch_size)
    fill = finite_number(CALL, "fill", fill)
    run = Run(CALL, model, x)
    channel, chosen = int(_sums(run, layer)[0].argmax()), int(run.chosen(target).target[0])
    _, quantity = run.probabilities()
    tops, lefts = range(0, h - size[0] + 1, step[0]), range(0, w - size[1] + 1, step[1])
    places = [(top, left) for top in tops for left in lefts]
    starts, measured = range(0, len(places), batch_size), []
    for start in progress_bar(progress, starts, CALL, unit="batch", leave=False):
        batch = places[start : start + batch_size]
        covered = np.repeat(x, len(batch), axis=0)
        for image, (top, left) in zip(covered, batch, strict=True):
            image[:, top : top + size[0], left : left + size[1]] = fill
        measured.append(_measure(model, covered, layer))
    sums, p = (np.concatenate(each) for each in zip(*measured, strict=True))
    grid = len(tops), len(lefts)
    return OcclusionSensitivity(
        channel,
        chosen,
        sums[:, channel].reshape(grid),
        p[:, chosen].reshape(grid),
        p.argmax(axis=1).reshape(grid),
        str(quantity),
        projected(CALL, model, x, layer, (channel,)),
        size,
        step,
    )


def _measure(model: Module, x: Array, layer: Layer) -> tuple[Array, Array]:
    """The sum of every feature map, (n, k), and the probability of every class, (n, classes)."""
    run = Run(CALL, model, x)
    return _sums(run, layer), run.probabilities()[0]


def _sums(run: Run, layer: Layer) -> Array:
    """(n, k): those of the feature maps of a layer."""
    maps = run.features(layer)
    if maps.ndim != 4:
        raise ShapeError(f"{CALL}: layer {layer!r} gives {maps.shape}, expected maps (n, k, h, w)")
    return maps.sum(axis=(2, 3))
