"""Inputs that excite SqueezeNet's classes, and what a class of a small network is invariant to."""

from __future__ import annotations

from functools import cache

from matplotlib import rc_context

from minixai import data, models
from minixai.methods import OptimisedInput, invariances, maximise
from minixai.models.squeezenet import SqueezeNet
from minixai.plot import Picture, style
from minixai.plot.maps import number

CLASSES = {13: "junco", 130: "flamingo", 285: "Egyptian cat", 701: "parachute", 968: "cup", 971: "bubble"}
GROWN = {285: "Egyptian cat", 968: "cup"}
PHOTOS = ("chelsea", "coffee", "astronaut", "china", "flower")
WAYS = {
    "edge penalty": {},
    "no penalty": {"penalty": None},
    "no penalty,\nno jitter": {"penalty": None, "jitter": 0},
}
UNIT, BETA = ("features.9", (20, 8, 8)), 30.0


@cache
def _squeezenet() -> SqueezeNet:
    return models.squeezenet1_0("imagenet")


def _grown(targets: list[int], **settings: object) -> OptimisedInput:
    net = _squeezenet()
    photos = net.preprocess([data.photo(name) for name in PHOTOS])
    return maximise(net, target=targets, others=photos, progress=False, **settings)


def classes() -> Picture:
    """What excites six classes, with and without what keeps noise away."""
    found = {way: _grown(list(CLASSES), **settings) for way, settings in WAYS.items()}
    with rc_context(style.RC):
        picture = Picture((12.8, 7.2), 100, layout="constrained")
        grid = picture.subplots(len(WAYS), len(CLASSES))
        for line, (way, result) in zip(grid, found.items(), strict=True):
            line[0].set_ylabel(way)
            for k, axes in enumerate(line):
                axes.imshow(result.images()[-1, k])
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                contrast = result.contrast[k]
                raised = f", contrast × {number(contrast, 2)}" if contrast > 1 else ""
                axes.set_xlabel(f"score {number(result.score[k], 3)}{raised}", size=10)
        best = found["edge penalty"].others.max(axis=1)
        for axes, name, score in zip(grid[0], CLASSES.values(), best, strict=True):
            axes.set_title(f"{name}\n(photos to {number(score, 2)})", size=style.TEXT_SIZE)
        picture.suptitle(
            "What excites six classes of SqueezeNet: the higher the score, the less one sees",
            size=style.HEADING_SIZE,
            weight="bold",
            x=0.01,
            ha="left",
        )
    return picture


def growth() -> Picture:
    """How two of them grow, and their scores beside those of noise and photos."""
    names = {**dict(enumerate(data.imagenet_labels())), **GROWN}
    title = "Inputs that excite a class of SqueezeNet, and what five photos and noise score"
    return _grown(list(GROWN)).plot([names[k] for k in sorted(names)], title)


def curved() -> Picture:
    """Where a unit's score falls least and most around an input that excites it."""
    net = models.pretrained("cifar10_allcnn")
    layer, neuron = UNIT
    x = maximise(net, layer, neuron, progress=False).x
    found = invariances(net, x, layer=layer, neuron=neuron, beta=BETA, span=60, count=1, progress=False)
    return found.plot(f"{found.unit}: the expansion holds only nearby (β = {BETA:g})")
