"""A network that leans on a watermark, and what ClArC does to it: accuracy on clean and on marked digits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context

import minixai as mx
from experiments import style
from experiments.networks import Network
from minixai import concepts, nn
from minixai.concepts.directions import SPLITS
from minixai.plot import Picture

IMAGES = {"lenet": (8000, 2000)}
CLASS = 3  # whose training images carry the mark, most of them
SHARE = 0.9
SIDE = 4  # pixels, in the corner of the image
LAYERS = {"features.5": None, "classifier.2": None, "classifier.4": None}  # with the pool
CONCEPTS = {  # images with the mark, and others
    "any class": "300 digits of all classes, each with the mark and without",
    "class 3": "300 marked threes against 300 digits of the other classes, as the training set has them",
}
SHOWN = 300
COLOURS = {
    name: style.COLOURS[of]
    for name, of in {"pattern": "linear", "filter": "filter", "signal": "two_component"}.items()
}
EPOCHS, RATE = 4, 2e-3
SEEDS = (0, 1, 2)  # of the weights, the shuffling, and which threes are marked
TAUGHT = "features.5", "any class"  # where training goes on for an epoch, in an augmentative context


def measure(network: Network, fit_images: int, test_images: int, folder: Path) -> dict[str, Any]:
    """Train on marked threes, and measure before and after each correction: a list of each, by seed."""
    runs = [_run(network, fit_images, test_images, folder, seed) for seed in SEEDS]
    before, *after = ([run[number] for run in runs] for number in range(len(runs[0])))
    return {
        "title": network.title,
        "images": [fit_images, test_images],
        "before": _listed(before),
        "after": [_listed(row) for row in after],
    }


def _listed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What differs between seeds is a list."""
    first = rows[0]
    return {key: [row[key] for row in rows] if isinstance(first[key], float) else first[key] for key in first}


def _run(
    network: Network, fit_images: int, test_images: int, folder: Path, seed: int
) -> list[dict[str, Any]]:
    """Before, and after each correction, of a network drawn and trained by a seed."""
    assert network.labels is not None
    (y, y_test), rng = network.labels, np.random.default_rng(seed)
    x, y = network.fit[:fit_images], y[:fit_images]
    carries = (y == CLASS) & (rng.random(len(y)) < SHARE)
    train = network.inputs(np.where(carries[:, None, None], marked(x), x))
    model = _trained(train, y, seed, folder / f"lenet_marked_{fit_images}_{seed}.safetensors")
    clean, with_mark = (
        network.inputs(images[:test_images]) for images in (network.test, marked(network.test))
    )
    truth = y_test[:test_images]

    some = rng.choice(np.flatnonzero(~carries), min(SHOWN, len(x) // 4), replace=False)
    threes = np.flatnonzero(carries)[: len(some)]
    sets = {
        "any class": (network.inputs(marked(x[some])), network.inputs(x[some])),
        "class 3": (train[threes], network.inputs(x[some[y[some] != CLASS]])),
    }
    rows: list[dict[str, Any]] = [_accuracies(model.predict, clean, with_mark, truth)]
    for layer, pool in LAYERS.items():
        for name, (with_it, others) in sets.items():
            concept = concepts.fit(model, layer, with_it, others, pool=pool, seed=seed)
            for direction in SPLITS:
                with concepts.clarc(model, concept, direction=direction):
                    after = _accuracies(model.predict, clean, with_mark, truth)
                about = {"layer": layer, "concept": name, "direction": direction}
                rows.append({**about, "mode": "projective", **after})
                if (layer, name) == TAUGHT:
                    taught = copy.deepcopy(model)
                    with concepts.clarc(taught, concept, "augmentative", direction):
                        _train(taught, train, y, 1, seed)
                    after = _accuracies(taught.predict, clean, with_mark, truth)
                    rows.append({**about, "mode": "augmentative", **after})
    return rows


def marked(images: np.ndarray) -> np.ndarray:
    """Digits (n, 28, 28) uint8 with a white square in the corner."""
    found = images.copy()
    found[:, 1 : 1 + SIDE, 1 : 1 + SIDE] = 255
    return found


def _trained(x: np.ndarray, y: np.ndarray, seed: int, path: Path) -> nn.Module:
    if not path.exists():
        model = mx.models.lenet5(seed=seed)
        _train(model, x, y, EPOCHS, seed)
        mx.models.save_weights(model, path)
    return mx.models.lenet5(path)


def _train(model: nn.Module, x: np.ndarray, y: np.ndarray, epochs: int, seed: int) -> None:
    adam = nn.Adam(model.parameters(), lr=RATE)
    nn.fit(model, x, y, epochs, 64, adam, seed=seed, progress=False)


def _accuracies(
    predict: Callable[[np.ndarray], np.ndarray], clean: np.ndarray, with_mark: np.ndarray, y: np.ndarray
) -> dict[str, float]:
    """On clean digits, on the same with the mark, and how many of those that are no threes are called one."""
    called = {name: predict(x).argmax(axis=1) for name, x in (("clean", clean), ("marked", with_mark))}
    found = {name: float((of == y).mean()) for name, of in called.items()}
    found["clean_threes"] = float((called["clean"] == y)[y == CLASS].mean())
    found["called_three"] = float((called["marked"] == CLASS)[y != CLASS].mean())
    return {name: round(value, 4) for name, value in found.items()}


def tables(results: dict[str, Any]) -> list[str]:
    """Accuracies, in per cent: mean ± standard deviation over the seeds."""
    accuracies = "clean digits", "clean threes", "marked digits", "marked others called three"
    heading = ["layer", "images of the mark", "mode", "direction", *accuracies]
    keys = ("clean", "clean_threes", "marked", "called_three")
    found = []
    for result in results.values():
        rows = [["before", "", "", "", *_per_cent(result["before"], keys)]]
        for row in result["after"]:
            about = (row[key] for key in ("layer", "concept", "mode", "direction"))
            rows.append([*about, *_per_cent(row, keys)])
        found.append(style.markdown(heading, rows))
    return found


def _per_cent(row: dict[str, Any], keys: Sequence[str]) -> list[str]:
    return [f"{100 * np.mean(row[key]):.1f} ± {100 * np.std(row[key], ddof=1):.1f}" for key in keys]


def draw(results: dict[str, Any]) -> Picture:
    """Accuracy on clean and on marked digits, before (the mean) and after."""
    (result,) = results.values()
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((12.8, 4.8), 150, layout="constrained")
        row = picture.subplots(1, len(CONCEPTS), sharey=True)
        for axes, name in zip(row, CONCEPTS, strict=True):
            for k, direction in enumerate(SPLITS):
                of_direction = [
                    r
                    for r in result["after"]
                    if (r["concept"], r["direction"], r["mode"]) == (name, direction, "projective")
                ]
                colour = COLOURS[direction]
                places = np.arange(len(of_direction)) + 0.2 * (k - 1)
                for key, marker in (("clean", "o"), ("marked", "s")):
                    of_seeds = 100 * np.array([r[key] for r in of_direction])
                    axes.plot(
                        places + (0.03 if key == "marked" else -0.03),
                        of_seeds,
                        marker,
                        color=colour,
                        markersize=7,
                        markerfacecolor=colour if key == "marked" else "white",
                        label=[f"{direction}, {key}", *["_"] * (of_seeds.shape[1] - 1)],
                    )
            for key, line in (("clean", "--"), ("marked", "-")):
                axes.axhline(
                    100 * np.mean(result["before"][key]),
                    color=style.FAINT,
                    linestyle=line,
                    label=f"before, {key}",
                )
            axes.set_xticks(range(len(LAYERS)), LAYERS)
            axes.set(xlim=(-0.5, len(LAYERS) - 0.5), ylim=(50, 100))
            axes.set_title(f"mark shown by {name}", loc="left")
        row[0].set_ylabel("accuracy on digits (%)")
        style.legend(picture, row[0])
        style.title(picture, "A network that leans on a watermark, before and after ClArC: a point a seed")
    return picture
