"""Photos and their explanations side by side, as in the paper's figure 5."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context

from experiments import style
from experiments.networks import Network
from minixai import methods, signal
from minixai.plot import Picture
from minixai.plot.maps import HEAT_COLOURS, in_channels, largest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMAGES = {  # to fit to and to show
    "cifar10_allcnn": (2000, 6),
    "cifar10_maxpool": (2000, 6),
    "squeezenet_photos": (300, 6),
}
SMALL = 32  # pixels: a side up to which the largest value makes the scale
PERCENTILE = 99.5  # of the |values| of larger images, of which the largest are few
CANDIDATES = 100  # of which the images are chosen
WIDTH = 12.8  # inches
NOTE = (
    "Left: the network's answer. Signals: grey is zero. Others: red is positive. "
    "Each map on its own scale, from its "
)
SIZE = 11  # of letters
LETTERS = 12  # of a class's name that fit on the left
LEFT, ABOVE, BELOW, GAP = 1.1, 1.1, 0.35, 0.06  # inches


def columns(
    network: Network, patterns: signal.Patterns
) -> dict[str, Callable[[np.ndarray], methods.Explanation]]:
    """The methods, by what stands above their column."""
    model = network.model

    def of(method: Any, kind: str) -> Callable[[np.ndarray], methods.Explanation]:
        return partial(method, model, patterns=patterns, kind=kind)

    return {
        "gradient": partial(methods.gradient, model),
        "DeConvNet": partial(methods.deconvnet, model),
        "guided\nbackprop": partial(methods.guided_backprop, model),
        "PatternNet\nS_a": of(methods.pattern_net, "linear"),
        "PatternNet\nS_a±": of(methods.pattern_net, "positive"),
        "PatternNet\nS_a± centred": of(methods.pattern_net, "positive_centred"),
        "LRP-0\n(S_x)": partial(methods.input_x_gradient, model),
        "Pattern-\nAttribution\nS_a": of(methods.pattern_attribution, "linear"),
        "Pattern-\nAttribution\nS_a±": of(methods.pattern_attribution, "positive"),
        "Pattern-\nAttribution\nS_a± centred": of(methods.pattern_attribution, "positive_centred"),
    }


def draw(network: Network, fit_images: int, images: int, folder: Path) -> Picture:
    """A row for each of the images; what is explained is the network's first answer.

    A signal v is shown as v/(2·max|v|) + ½, a gradient or an attribution as its sum over the channels; for
    max|v|, larger images take a percentile.
    """
    patterns = network.patterns(fit_images, folder)
    x = _of_different_classes(network, images)
    explained = {heading: method(x) for heading, method in columns(network, patterns).items()}
    answers = [textwrap.fill(network.classes[k], LETTERS) for k in explained["gradient"].target]
    percentile = None if x.shape[2] <= SMALL else PERCENTILE
    extreme = f"percentile {percentile}." if percentile else "largest value."
    seen = network.model.preprocess.photos(x)
    height = ABOVE + len(x) * (WIDTH - LEFT) / (1 + len(explained)) + BELOW
    edges = {"left": LEFT / WIDTH, "right": 0.995, "top": 1 - ABOVE / height, "bottom": BELOW / height}
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((WIDTH, height), 150)
        style.title(picture, f"Explanations of {network.title}")
        picture.text(LEFT / WIDTH, 0.1 / height, NOTE + extreme, size=SIZE)
        spaces = {**edges, "wspace": 0.05, "hspace": 0.05}
        panels = picture.subplots(len(x), 1 + len(explained), squeeze=False, gridspec_kw=spaces)
        for axes, heading in zip(panels[0], ["photo", *explained], strict=True):
            axes.set_title(heading, size=SIZE)
        for row, photo, answer in zip(panels, seen, answers, strict=True):
            row[0].imshow(photo)
            row[0].set_ylabel(answer, size=SIZE, rotation=0, ha="right", va="center")
        for column, e in zip(panels.T[1:], explained.values(), strict=True):
            for axes, values in zip(column, network.model.preprocess.rgb(e.map), strict=True):
                _show(axes, values, e.kind == "signal", percentile)
        for axes in panels.flat:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
    return picture


def _show(axes: Axes, values: np.ndarray, signal: bool, percentile: float | None) -> None:
    """One map (h, w, 3), on its own scale."""
    shown = values if signal else values.sum(axis=2)
    limit = largest(shown, percentile)
    if limit == 0:
        axes.text(0.5, 0.5, "zero", ha="center", va="center", size=SIZE, transform=axes.transAxes)
    elif signal:
        axes.imshow(in_channels(shown, limit))
    else:
        axes.imshow(shown, HEAT_COLOURS, vmin=-limit, vmax=limit)


def _of_different_classes(network: Network, images: int) -> np.ndarray:
    """The input made of the first images to which the network gives answers that differ."""
    x = np.concatenate([make() for make in network.batches(network.test[:CANDIDATES])])
    _, first = np.unique(network.model.predict(x, network.batch).argmax(axis=1), return_index=True)
    return x[np.sort(first)[:images]]
