"""What a feature map responds to: projections to pixels, and the strongest activations of a stream.

Zeiler and Fergus 2014, sections 2.1 and 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minixai import ops
from minixai import rules as tables
from minixai.errors import ShapeError, came, several_names
from minixai.methods.explanation import Explanation
from minixai.methods.question import Question
from minixai.methods.unit import Layer, Neuron, check_layer, select_unit
from minixai.nn import Module
from minixai.nn.fields import receptive_field
from minixai.nn.module import check_model, traced
from minixai.progress import progress_bar
from minixai.rules.switches import SWITCHES, unpooling
from minixai.settings import generator, one_of, whole_number
from minixai.tape import Tensor
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["TopActivations", "project", "top_activations"]


def project(
    model: Module,
    x: Any,
    layer: Layer,
    neuron: Neuron | None = None,
    *,
    switches: str = "recorded",
    rng: np.random.Generator | int = 0,
) -> Explanation:
    """Project one activation, a feature map or a whole layer to pixels, by DeConvNet.

    All other activations of the layer are set to zero; what remains is unpooled, rectified and filtered
    with the transposed weights, down to the input. Zeiler and Fergus 2014, section 2.1.

    x: (n, c, h, w), the model's input. layer: a module's name, or (name, call).
    neuron: (channel, row, column) or (channel, "max") for one activation, (channel,) for a feature map,
        None for the whole layer.
    switches: where max pooling puts back what it is given: "recorded", where the maximum was; or, to see
        what the switches are worth, "random" (drawn by rng), "centre" or "first" in every window.
    Raises as the other methods do, and ValueError for unknown switches.
    """
    return projected("project", model, x, layer, neuron, switches, rng)


def projected(
    call: str,
    model: Module,
    x: Any,
    layer: Layer,
    neuron: Neuron | None,
    switches: str = "recorded",
    rng: np.random.Generator | int = 0,
) -> Explanation:
    """What `project` returns, for a call whose name the errors and warnings begin with."""
    check_layer(call, check_model(call, model), layer)
    one_of(call, "switches", switches, SWITCHES)
    rng = generator(call, "rng", rng)
    ask = Question(call, model, x, layer=layer, neuron=neuron, seed="value", takes=("layer", "neuron"))
    rules, method = tables.deconvnet(), "DeConvNet"
    if switches != "recorded":
        rules[ops.max_pool2d], method = unpooling(switches, rng), f"DeConvNet, {switches} switches"
    explanation = ask.explanation(method, "signal", ask.walk(rules))
    explanation.warn_of_zeros()
    return explanation


@dataclass(frozen=True, eq=False)
class TopActivations:
    """For each of k feature maps the m images of a stream in which it is strongest, the strongest first.

    projections: for each kind of switches k Explanations, each of the map's m images (x) with the
    activations (score) and their places in the layer (target).
    """

    layer: Layer
    channels: tuple[int, ...]  # (k,)
    indices: np.ndarray[Any, np.dtype[np.intp]]  # (k, m): the images' numbers in the stream, from 0
    fields: list[list[tuple[slice, slice]]]  # k lists of m: the rows and columns that the activation sees
    projections: dict[str, list[Explanation]]

    @property
    def values(self) -> Array:
        """(k, m): the activations."""
        return np.stack([e.score for e in next(iter(self.projections.values()))])

    def plot(self, title: str = "") -> Picture:
        """Draw the image patches of every feature map, and beside them the projections.

        Both are cropped to the receptive field of the activation. A projection v is shown in the
        image's channels as v/(2·max|v|) + ½, in which zero is grey, each on its own scale.
        """
        from minixai.plot.maps import number
        from minixai.plot.projection import FeatureMap, feature_maps

        maps = []
        for k, (channel, values) in enumerate(zip(self.channels, self.values, strict=True)):
            explained = {kind: each[k] for kind, each in self.projections.items()}
            photos = next(iter(explained.values()))._photos(None)
            maps.append(
                FeatureMap(
                    f"{self.layer}, map {channel}",
                    f"activations {number(values[0], 3)} to {number(values[-1], 3)}",
                    self._crop(k, photos),
                    {kind: self._crop(k, e._images(e.map)) for kind, e in explained.items()},
                )
            )
        return feature_maps(maps, title)

    def _crop(self, k: int, images: Array) -> list[Array]:
        """Images (m, h, w, c) cropped to the fields of feature map k."""
        return [image[field] for image, field in zip(images, self.fields[k], strict=True)]


class _Hit(NamedTuple):
    value: float
    number: int  # of the image in the stream
    image: Array  # (c, h, w)


def top_activations(
    model: Module,
    images: Iterable[Any],
    layer: Layer,
    channels: Sequence[int],
    *,
    n: int = 9,
    switches: Sequence[str] = ("recorded",),
    rng: np.random.Generator | int = 0,
    progress: bool = True,
) -> TopActivations:
    """Find the n images in which each feature map is strongest, and project each activation to pixels.

    An image counts once, with its largest activation; of equal ones the earlier image is first. Only the
    n images of each map are kept, so the stream may be long. Zeiler and Fergus 2014, figure 2.

    images: batches (n, c, h, w) of the model's input, all of one size.
    layer: a module's name, or (name, call), whose output is (n, k, h', w'). channels: its maps.
    switches: the kinds of switches to project with, as in `project`. rng: draws the random ones.
    Raises ValueError for wrong arguments or an empty stream, ShapeError for a layer without maps or
    images of different sizes.
    """
    call = "top_activations"
    check_model(call, model)
    check_layer(call, model, layer)
    n, channels = whole_number(call, "n", n), _channels(call, channels)
    kinds = tuple(several_names(call, "switches", switches))
    if not kinds:
        raise ValueError(f"{call}: switches is {came(switches)}, expected one or more")
    for kind in kinds:
        one_of(call, "switches", kind, SWITCHES)
    generator(call, "rng", rng)
    images = several_names(call, "images", images)
    best: list[list[_Hit]] = [[] for _ in channels]
    seen = 0
    with progress_bar(progress, images, "top activations", unit="batch", leave=False) as bar:
        for batch in bar:
            x = model.check_input(call, batch, "a batch of images")
            if seen and x.shape[1:] != best[0][0].image.shape:
                first = best[0][0].image.shape
                raise ShapeError(f"{call}: a batch has images {x.shape[1:]}, the first had {first}")
            for kept, values in zip(best, _strongest(model, x, layer, channels), strict=True):
                _keep(kept, values, x, seen, n)
            seen += len(x)
    if not seen:
        raise ValueError(f"{call}: images holds no batch, expected at least one")

    def explain(kind: str) -> list[Explanation]:
        return [
            projected(call, model, np.stack([hit.image for hit in kept]), layer, (channel, "max"), kind, rng)
            for channel, kept in zip(channels, best, strict=True)
        ]

    projections = {kind: explain(kind) for kind in kinds}
    fields = _fields(model, layer, projections[kinds[0]])
    indices = np.array([[hit.number for hit in kept] for kept in best])
    return TopActivations(layer, channels, indices, fields, projections)


def _channels(call: str, channels: Any) -> tuple[int, ...]:
    """The numbers of feature maps, one or more."""
    numbers = tuple(several_names(call, "channels", channels))
    if not numbers:
        raise ValueError(f"{call}: channels is {came(channels)}, expected one or more")
    return tuple(whole_number(call, "channels", number, least=0) for number in numbers)


def _strongest(model: Module, x: Array, layer: Layer, channels: Sequence[int]) -> Array:
    """(k, n): the largest activation of each feature map in each image."""
    found = traced("top_activations", model, Tensor(x), record=False)
    maps = select_unit("top_activations", *found, layer=layer).tensor.value
    if maps.ndim != 4:
        raise ShapeError(f"top_activations: layer {layer!r} gives {maps.shape}, expected maps (n, k, h, w)")
    if max(channels) >= maps.shape[1]:
        raise ValueError(
            f"top_activations: channels is {channels!r}, but layer {layer!r} has {maps.shape[1]} maps"
        )
    return maps[:, list(channels)].max(axis=(2, 3)).T


def _keep(kept: list[_Hit], values: Array, x: Array, start: int, n: int) -> None:
    """Merge a batch's activations of a map into its n strongest; of equals the earlier stays first."""
    for i in np.argsort(-values, kind="stable")[:n]:
        if len(kept) < n or values[i] > kept[-1].value:
            kept.append(_Hit(float(values[i]), start + int(i), x[i].copy()))
            kept.sort(key=lambda hit: -hit.value)
            del kept[n:]


def _fields(model: Module, layer: Layer, explained: Sequence[Explanation]) -> list[list[tuple[slice, slice]]]:
    """The receptive fields of the units that were explained."""
    x = Tensor(explained[0].x[:1])
    y = select_unit("top_activations", *traced("top_activations", model, x), layer=layer).tensor
    places = [np.unravel_index(e.target, y.shape[1:])[1:] for e in explained]
    return [
        [receptive_field(y, x, int(row), int(column)) for row, column in zip(*each, strict=True)]
        for each in places
    ]
