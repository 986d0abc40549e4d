"""Whether maps change when the network forgets what it learned, and know where the way back began."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments import style
from experiments.networks import KINDS, Network
from minixai import nn, signal
from minixai.columns import minus
from minixai.evaluate import convergence, randomise
from minixai.plot import Picture
from minixai.plot.randomisation import likeness_curves

IMAGES = {  # to fit to and to test on; no patterns where there are none to fit to
    "cifar10_allcnn": (500, 12),
    "cifar10_maxpool": (500, 12),
    "squeezenet_photos": (0, 2),
}
METHODS = (
    "gradient",
    "input_x_gradient",
    "deconvnet",
    "guided_backprop",
    "lrp",
    "deep_taylor",
    "sobel_edges",
)
PATTERNS = ("pattern_net", "pattern_attribution")
MEASURES = {"spearman": "rank correlation", "spearman_abs": "of |map|", "ssim": "SSIM", "hog": "HOG"}
STARTS, LARGE_STARTS = (16, 3), (4, 1)  # units and images of `convergence`; for images larger than CIFAR-10's


def measure(network: Network, fit_images: int, test_images: int, folder: Path) -> dict[str, Any]:
    """Cascading randomisation and convergence of the same images."""
    x = network.inputs(network.test[:test_images])
    fit = _fitted(network, fit_images) if fit_images else None
    methods = [*METHODS, *(PATTERNS if fit else ())]
    found = randomise(network.model, x, methods, measures=tuple(MEASURES), fit=fit, progress=False)
    likeness = {
        name: {m: [_rounded(row) for row in rows] for m, rows in by_measure.items()}
        for name, by_measure in found.likeness.items()
    }
    elsewhere = {
        name: {m: _rounded(values) for m, values in by_measure.items()}
        for name, by_measure in found.elsewhere.items()
    }
    if not fit_images:
        network.model.patterns = None
    walks = [name for name in methods if name != "sobel_edges"]
    starts, images = STARTS if x.shape[2] <= 32 else LARGE_STARTS
    c = convergence(network.model, x[:images], walks, starts=starts, progress=False)
    return {
        "title": network.title,
        "test_images": len(x),
        "starts": (starts, images),
        "layers": found.layers,
        "likeness": likeness,
        "elsewhere": elsewhere,
        "cosine": {name: [_median(row) for row in rows] for name, rows in c.cosine.items()},
        "ratio": {name: [_median(row) for row in rows] for name, rows in c.ratio.items()},
        "classes": {name: _median(values) for name, values in c.classes.items()},
    }


def _fitted(network: Network, images: int) -> Callable[[nn.Module], signal.Patterns]:
    batches = network.batches(network.fit[:images])
    return lambda model: signal.fit_patterns(model, batches, KINDS, progress=False)


def _rounded(values: np.ndarray) -> float | None:
    found = values[~np.isnan(values)]
    return round(float(found.mean()), 4) if len(found) else None


def _median(values: np.ndarray) -> float | None:
    found = values[~np.isnan(values)]
    return round(float(np.median(found)), 4) if len(found) else None


def draw(results: dict[str, Any]) -> Picture:
    """Adebayo's curves of the max-pooling network."""
    result = results.get("cifar10_maxpool") or next(iter(results.values()))
    lines = {
        text: {name: found[m] for name, found in result["likeness"].items()} for m, text in MEASURES.items()
    }
    floors = {
        text: {name: found[m] for name, found in result["elsewhere"].items()} for m, text in MEASURES.items()
    }
    title = f"Maps of ever more random networks: {result['title']}"
    return likeness_curves(result["layers"], lines, floors, title)


def tables(results: dict[str, Any]) -> list[str]:
    """Likeness after the last layer, after all layers and to another image; then convergence."""
    return [table for result in results.values() for table in (_likeness(result), _convergence(result))]


def _likeness(result: dict[str, Any]) -> str:
    rows = []
    for name, found in result["likeness"].items():
        cells = [
            " / ".join(_words(value) for value in (found[m][0], found[m][-1], result["elsewhere"][name][m]))
            for m in MEASURES
        ]
        rows.append([name, *cells])
    first, last = result["layers"][0], result["layers"][-1]
    what = f"{result['title']}, {result['test_images']} images: from {first} / down to {last} / another image"
    return style.markdown([what, *(text.replace("|", r"\|") for text in MEASURES.values())], rows)


def _convergence(result: dict[str, Any]) -> str:
    layers = result["layers"][::-1]
    places = sorted({0, len(layers) // 2, len(layers) - 1})
    rows = []
    for name, cosine in result["cosine"].items():
        ratio = result["ratio"][name]
        cells = [f"{_words(cosine[k])} / {_words(ratio[k])}" for k in places]
        rows.append([name, *cells, _words(result["classes"][name])])
    starts, images = result["starts"]
    what = f"{starts} units, {images} image{'s' if images > 1 else ''}"
    heading = f"{result['title']}, {what}: \\|cosine\\| / σ₂/σ₁ from"
    return style.markdown([heading, *(layers[k] for k in places), "\\|cosine\\| of classes"], rows)


def _words(value: float | None) -> str:
    return "–" if value is None else minus(f"{value:.2f}")
