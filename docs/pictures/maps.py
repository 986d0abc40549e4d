"""Class activation maps on photos: beside guided backprop, of two objects, and layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np

import minixai as mx
from experiments.two_objects import compose
from minixai.methods import cam, grad_cam, grad_cam_plus_plus, guided_backprop, guided_grad_cam, side_by_side
from minixai.plot import Picture, draw_filters

__all__ = ["by_layer", "filters", "guided", "two_objects"]

LAYER = "features.12"
LAYERS = ("features.3", "features.5", "features.8", "features.10", LAYER)
SPORTS_CAR = 817


def _network() -> tuple[Any, list[str]]:
    return mx.models.squeezenet1_0("imagenet"), [name.split(",")[0] for name in mx.data.imagenet_labels()]


def guided() -> Picture:
    """Grad-CAM, guided backprop and their product, on two photos."""
    model, names = _network()
    x = np.concatenate([model.preprocess(mx.data.photo(photo)) for photo in ("chelsea", "coffee")])
    maps = [
        grad_cam(model, x, layer=LAYER),
        guided_backprop(model, x),
        guided_grad_cam(model, x, layer=LAYER),
    ]
    title = "Grad-CAM says where, guided backprop shows detail"
    return side_by_side(maps, None, 99.5, names, True, title)


def two_objects() -> Picture:
    """CAM, Grad-CAM and Grad-CAM++ of a photo with two cats, for the cat and for what is not there."""
    model, names = _network()
    photo, _ = compose("chelsea", (140, 80), 0, model.preprocess.size)
    x = model.preprocess(photo)
    maps = []
    for target in (None, SPORTS_CAR):
        maps += [cam(model, x, target), grad_cam(model, x, target, LAYER)]
        maps += [
            grad_cam_plus_plus(model, x, target, LAYER, formula=formula)
            for formula in ("exponential", "normalised")
        ]
    title = "Two cats: Grad-CAM finds both; ++ leaves out what speaks against a class"
    return side_by_side(maps, photo, None, names, True, title)


def by_layer() -> Picture:
    """Grad-CAM of one photo at five layers."""
    model, names = _network()
    x = model.preprocess(mx.data.photo("chelsea"))
    maps = [grad_cam(model, x, layer=layer) for layer in LAYERS]
    title = "Grad-CAM layer by layer: the earlier the layer, the finer the map"
    return side_by_side(maps, None, None, names, True, title)


def filters() -> Picture:
    """The first layer's filters of a shipped network, and its patterns."""
    model: Any = mx.models.pretrained("cifar10_maxpool")
    first = next(name for name, module in model.named_modules() if hasattr(module, "weight"))
    w = model.state_dict()[f"{first}.weight"]
    title = "First layer: filters are what is computed, patterns what in the images varies with it"
    return draw_filters(w, model.patterns[first].by_kind["linear"], title)
