"""Two objects of one class in one photo: are both found, and does Grad-CAM++, made for them, do it better?"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from PIL import Image

import minixai as mx
from experiments import style
from experiments.networks import Network
from minixai.bootstrap import mean_interval
from minixai.columns import interval
from minixai.methods import MapWarning, cam, grad_cam, grad_cam_plus_plus, layer_relevance
from minixai.plot import Picture
from minixai.plot.style import LINES

__all__ = ["IMAGES", "compose", "draw", "measure", "tables"]

IMAGES = {"squeezenet": (0, 64)}  # to fit to, none; compositions
LAYER = "features.12"
GREY = (124, 117, 104)  # ImageNet's mean colour
OBJECTS = {"chelsea": (20, 100, 260), "coffee": (60, 190, 290)}  # rows and columns from, side
BOXES = 2
SIDES = ((150, 70), (140, 80), (125, 95), (110, 110))  # of both objects, in pixels
MARGIN = 4

Method = Callable[[Any, np.ndarray, int], np.ndarray]  # (model, x, target) -> (n, h, w)


def compose(photo: str, sides: tuple[int, int], arrangement: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(size, size, 3) uint8, a photo's object twice on grey in opposite corners; (2, size, size), the boxes.

    arrangement: 0 to 7: the corner of the larger one, and whether each is mirrored.
    """
    top, left, side = OBJECTS[photo]
    whole = Image.fromarray(mx.data.photo(photo)[top : top + side, left : left + side])
    canvas = np.full((size, size, 3), GREY, np.uint8)
    boxes = np.zeros((BOXES, size, size), bool)
    below, right, mirrored = arrangement & 1, arrangement >> 1 & 1, arrangement >> 2 & 1
    for k, of_object in enumerate(sides):
        rows, columns = (
            slice(size - MARGIN - of_object, size - MARGIN) if far else slice(MARGIN, MARGIN + of_object)
            for far in (below ^ k, right ^ k)
        )
        pixels = np.asarray(whole.resize((of_object, of_object), Image.Resampling.LANCZOS))
        canvas[rows, columns] = pixels[:, ::-1] if mirrored ^ k else pixels
        boxes[k, rows, columns] = True
    return canvas, boxes


def weighted_at_random(model: Any, x: np.ndarray, target: int) -> np.ndarray:
    """ReLU(Σ_k w_k·A^k), w drawn: what the maps of the layer show by themselves."""
    maps = model.trace(mx.Tensor(x), record=False)[1][LAYER][0].value
    rows = [np.random.default_rng(k).standard_normal(maps.shape[1]) for k in range(len(x))]
    coarse = np.maximum(np.einsum("nk,nkhw->nhw", np.stack(rows), maps), 0)
    return _enlarged(coarse, x.shape[2])


def _enlarged(coarse: np.ndarray, size: int) -> np.ndarray:
    return mx.ops.upsample(mx.Tensor(coarse[:, None]), size=size, mode="bilinear").value[:, 0]


def _map(method: Callable[..., Any], **settings: Any) -> Method:
    def call(model: Any, x: np.ndarray, target: int) -> np.ndarray:
        return np.maximum(np.asarray(method(model, x, target, **settings)).sum(axis=1), 0)

    return call


def untrained(model: Any, x: np.ndarray, target: int) -> np.ndarray:
    """Grad-CAM of a copy with weights that were drawn, the first of ten in which the class is not silent."""
    copies = (mx.evaluate.untrained(model, seed) for seed in range(10))
    drawn = next(each for each in copies if each.predict(x).reshape(len(x), -1)[:, target].all())
    return _map(grad_cam, layer=LAYER)(drawn, x, target)


METHODS: dict[str, Method] = {
    "CAM": _map(cam),
    "Grad-CAM": _map(grad_cam, layer=LAYER),
    "Grad-CAM++, exponential": _map(grad_cam_plus_plus, layer=LAYER),
    "Grad-CAM++, normalised": _map(grad_cam_plus_plus, layer=LAYER, formula="normalised"),
    "layer relevance": _map(layer_relevance, layer=LAYER),
    "[another class] Grad-CAM": lambda model, x, target: METHODS["Grad-CAM"](model, x, 817),  # sports car
    "[another class] Grad-CAM++": lambda model, x, target: METHODS["Grad-CAM++, exponential"](model, x, 817),
    "[weights at random]": weighted_at_random,
    "[untrained] Grad-CAM": untrained,
}
MARKS = {
    "balance": "weaker peak / stronger peak",
    "both": "both above half of the largest value",
    "inside": "share of the map inside the boxes",
}


def marks(maps: np.ndarray, boxes: np.ndarray) -> dict[str, np.ndarray]:
    """(n,) each: of maps (n, h, w) ≥ 0 and boxes (n, 2, h, w); a map of zeros finds nothing."""
    peaks = np.where(boxes, maps[:, None], 0).max(axis=(2, 3))
    highest, total = maps.max(axis=(1, 2)), maps.sum(axis=(1, 2))
    weaker, stronger = peaks.min(axis=1), peaks.max(axis=1)
    inside = (maps * boxes.any(axis=1)).sum(axis=(1, 2))
    return {
        "balance": np.divide(weaker, stronger, out=np.zeros(len(maps)), where=stronger > 0),
        "both": ((weaker > highest / 2) & (highest > 0)).astype(float),
        "inside": np.divide(inside, total, out=np.zeros(len(maps)), where=total > 0),
    }


def measure(network: Network, fit_images: int, test_images: int, folder: Path) -> dict[str, Any]:
    """The marks of every method on compositions, of which so many are made."""
    model, size = network.model, network.model.preprocess.size
    cases = list(itertools.product(OBJECTS, SIDES, range(8)))[:test_images]
    found: dict[str, Any] = {name: {mark: [] for mark in MARKS} for name in METHODS}
    area, right = [], []
    classes = {p: int(model.predict(model.preprocess(mx.data.photo(p))).argmax()) for p in OBJECTS}
    for photo, sides, arrangement in cases:
        canvas, boxes = compose(photo, sides, arrangement, size)
        target = classes[photo]
        x = model.preprocess(canvas)
        right.append(int(model.predict(x).argmax() == target))
        area.append(float(boxes.any(axis=0).mean()))
        for name, method in METHODS.items():
            with warnings.catch_warnings(action="ignore", category=MapWarning):
                of_map = marks(method(model, x, target).astype(float), boxes[None])
            for mark, values in of_map.items():
                found[name][mark].append(round(float(values[0]), 4))
    labels = [[photo, *sides, arrangement] for photo, sides, arrangement in cases]
    return {"title": network.title, "cases": labels, "right": right, "area": area, "marks": found}


def tables(results: dict[str, Any]) -> list[str]:
    """The means with 95 % bootstrap intervals over compositions, and paired differences from Grad-CAM."""
    found = []
    for result in results.values():
        of_methods = result["marks"]
        rows = [
            [name, *(interval(map(float, mean_interval(np.array(each[mark]))), ".2f") for mark in MARKS)]
            for name, each in of_methods.items()
        ]
        area, right = np.mean(result["area"]), np.mean(result["right"])
        n = len(result["cases"])
        heading = f"{n} compositions, {100 * right:.0f} % recognised, boxes cover {100 * area:.0f} %"
        found.append(style.markdown([heading, *MARKS.values()], rows))
        base = of_methods["Grad-CAM"]
        rows = [
            [
                f"{name} less Grad-CAM",
                *(
                    interval(map(float, mean_interval(np.array(each[m]) - np.array(base[m]))), "+.3f")
                    for m in MARKS
                ),
            ]
            for name, each in of_methods.items()
            if name != "Grad-CAM" and not name.startswith("[")
        ]
        found.append(style.markdown(["paired", *MARKS.values()], rows))
    return found


def draw(results: dict[str, Any]) -> Picture:
    """The balance of both peaks against the smaller object's size, and the share inside the boxes."""
    (result,) = results.values()
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((12.8, 6.0), 150, layout="constrained")
        row = picture.subplots(1, 2)
        ratio = np.array([small / large for _, large, small, _ in result["cases"]])
        sizes = np.unique(ratio)
        for axes, mark in zip(row, ("balance", "inside"), strict=True):
            for k, (name, each) in enumerate(result["marks"].items()):
                values = np.array(each[mark])
                means = [values[ratio == size].mean() for size in sizes]
                control = name.startswith("[")
                look = {"color": style.FAINT if control else LINES[k], "linestyle": ":" if control else "-"}
                wide = max(2, 8 - 3 * k)  # the first two lie below others
                axes.plot(sizes, means, "sDv^"[k - 5] if control else "o", linewidth=wide, label=name, **look)
            axes.set(xlabel="side of the smaller object / the larger", ylabel=MARKS[mark], ylim=(0, 1.04))
        keys = row[0].get_legend_handles_labels()
        picture.legend(*keys, loc="outside lower center", ncols=3, frameon=False)
        style.title(picture, "Two objects of one class: Grad-CAM finds both, Grad-CAM++ no better")
    return picture
