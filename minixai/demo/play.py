"""`minixai play`: data of two dimensions, and their networks' training, to scrub through as a web page."""

from __future__ import annotations

import base64
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minixai import ops
from minixai.columns import printable
from minixai.demo.numbers import angle_to
from minixai.files import check_writable, write_whole
from minixai.methods import METHODS
from minixai.nn import Adam, Linear, Module, ReLU, Sequential, fit
from minixai.plot.page import render
from minixai.settings import whole_number
from minixai.signal import fit_patterns
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = ["SETS", "add_play_arguments", "play_page", "recorded", "run_play"]

POINTS = 160
FRAMES = 101  # of a training, with the network before it
EXTENT = 3.0  # data lie in [−3, 3]²
SIDE = 25  # of the surface
GRID = 9  # points along an axis at which methods are asked
ANGLES = tuple(range(20, 161, 20))  # degrees, of the suppressor's distractor to its signal
SIGNAL, DISTRACTOR, NOISE = 0.7, 0.9, 0.25  # lengths, and a standard deviation
ASKED = {"gradient": "gradient", "LRP": "lrp", "S_a": "pattern_net"}
FILE = "play.html"


Sample = tuple[Array, Any]  # x (n, 2), y (n,) of 0 and 1


class Set(NamedTuple):
    """A data set: its points and labels by a generator, and the units of its network's hidden layer."""

    make: Callable[[np.random.Generator], Sample]
    units: int
    steps: int  # of training from frame to frame
    says: str


def blobs(rng: np.random.Generator) -> Sample:
    """Two clouds."""
    y = rng.integers(2, size=POINTS)
    return np.outer(2 * y - 1, (1.1, 0.6)) + 0.55 * rng.standard_normal((POINTS, 2)), y


def xor(rng: np.random.Generator) -> Sample:
    """Four clouds, of which those opposite to each other are one class."""
    signs = rng.choice((-1, 1), (POINTS, 2))
    return 1.3 * signs + 0.4 * rng.standard_normal((POINTS, 2)), (signs.prod(axis=1) > 0).astype(int)


def rings(rng: np.random.Generator) -> Sample:
    """A disc, and a ring around it."""
    y, turn = rng.integers(2, size=POINTS), rng.uniform(0, 2 * np.pi, POINTS)
    radius = np.where(y, 0.8 * np.sqrt(rng.random(POINTS)), 2 + 0.2 * rng.standard_normal(POINTS))
    return radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1), y


def suppressed(angle: float) -> Callable[[np.random.Generator], Sample]:
    """A signal along x₁, and a distractor at this angle to it that knows nothing of the class."""

    def make(rng: np.random.Generator) -> Sample:
        y, turn = rng.integers(2, size=POINTS), np.radians(angle)
        epsilon, noise = rng.standard_normal(POINTS), rng.standard_normal((POINTS, 2))
        distractor = np.outer(DISTRACTOR * epsilon, (np.cos(turn), np.sin(turn)))
        return np.outer(SIGNAL * (2 * y - 1), (1, 0)) + distractor + NOISE * noise, y

    return make


SETS = {
    "blobs": Set(blobs, 4, 1, "One line is enough: watch the units agree on it."),
    "XOR": Set(xor, 6, 3, "No line is enough: the units have to share the work."),
    "rings": Set(rings, 6, 3, "The units fence the disc in."),
    "suppressor": Set(
        suppressed(60), 0, 2, "Turn the distractor: the filter follows it, the pattern stays on the signal."
    ),
}


def add_play_arguments(parser: ArgumentParser) -> None:
    """Give a parser the options of `minixai play`."""
    parser.add_argument("--html", metavar="FILE", default=FILE, help="the page (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of data and weights (%(default)s)")


def run_play(args: Namespace) -> int:
    """Write the page; returns 0, the exit status."""
    check_writable("--html", Path(args.html))
    play_page(args.html, args.seed)
    print(f"saved {printable(args.html)}")
    return 0


def play_page(path: str | Path, seed: int = 0, frames: int = FRAMES) -> None:
    """Write the page: data, the recorded trainings, and at a point that one moves what three methods say.

    Raises:
        ValueError: the suffix is not .html, or the seed is negative.
        OSError: the file cannot be written.
    """
    from minixai.plot.picture import checked_suffix

    path = checked_suffix("play_page", path, [".html"])
    page = render(table_of(seed, frames), "play.html", points=str(POINTS))
    write_whole("play_page", path, page.encode())


def table_of(seed: int = 0, frames: int = FRAMES) -> dict[str, Any]:
    """What the page draws, ready for JSON; arrays are in base64, of float32, or of bytes for colours."""
    whole_number("play_page", "seed", seed, least=0)
    whole_number("play_page", "frames", frames, least=2)
    sets = {}
    for name, each in SETS.items():
        angles = ANGLES if name == "suppressor" else (None,)
        runs = []
        for angle in angles:
            one = each if angle is None else each._replace(make=suppressed(angle))
            x, y, found = recorded(one, seed, frames)
            runs.append({"x": packed(x), "y": y.tolist(), **{key: packed(a) for key, a in found.items()}})
        sets[name] = {"says": each.says, "units": each.units, "angles": angles, "runs": runs}
    return {
        "sets": sets,
        "frames": frames,
        "extent": EXTENT,
        "side": SIDE,
        "grid": GRID,
        "methods": list(ASKED),
        "start": {"set": "suppressor", "angle": ANGLES.index(60)},
    }


def recorded(data: Set, seed: int, frames: int = FRAMES) -> tuple[Array, Any, dict[str, Array]]:
    """The points x (n, 2), y (n,), and by name what `measured` says of each frame, stacked."""
    x, y = data.make(np.random.default_rng(seed))
    x = x.astype(np.float32)
    rng = np.random.default_rng(seed + 1)
    hidden = [Linear(2, data.units, rng=rng), ReLU()] if data.units else []
    model = Sequential(*hidden, Linear(data.units or 2, 1, rng=rng))
    optimiser = Adam(model.parameters(), lr=0.05)
    found = [measured(model, x, y)]
    for _ in range(frames - 1):
        fit(model, x, y[:, None], data.steps, len(x), optimiser, logistic, progress=False)
        found.append(measured(model, x, y))
    return x, y, {key: np.stack([each[key] for each in found]) for key in found[0]}


def logistic(z: Tensor, y: Tensor) -> Tensor:
    """The mean of log(1 + e^z) − y·z."""
    return (ops.softplus(z) - z * y).mean()


def measured(model: Module, x: Array, y: Any) -> dict[str, Any]:
    """Of a network: loss, accuracy, the surface of p, units and their patterns, and what methods say.

    surface: (SIDE, SIDE) uint8, p from 0 to 255, the upper left first. w, a: (units, 2), b: (units,), and v:
    (units,), the weights behind them. angles: (2,), of the first unit's w and a to x₁, in degrees. scores:
    (GRID²,), at the points of the grid. said: (methods, GRID², 2).
    """
    z = model.predict(x, len(x))[:, 0].astype(np.float64)
    loss = np.mean(np.logaddexp(0, z) - y * z)
    surface = ops.sigmoid.forward(model.predict(places(SIDE), SIDE**2)).reshape(SIDE, SIDE)
    layers: Any = model
    signal = np.array([1.0, 0.0])
    first, last = layers[0], layers[len(layers) - 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a silent unit has no pattern, and no map comes back through it
        patterns = fit_patterns(model, [x], ("linear", "positive"), progress=False)
        said = [dict(_asked(model, patterns))[name] for name in ASKED]
    w, a = first.weight.value, patterns["0"].by_kind["linear"]
    return {
        "loss": np.array(loss),
        "accuracy": np.array(((z > 0) == y).mean()),
        "surface": np.rint(255 * surface).astype(np.uint8),
        "w": w,
        "b": first.bias.value,
        "v": last.weight.value[0] if len(layers) > 1 else np.ones(1),
        "a": a,
        "angles": np.array([angle_to(w[0], signal), angle_to(a[0], signal)]),
        "scores": model.predict(places(GRID), GRID**2)[:, 0],
        "said": np.stack(said),
    }


def _asked(model: Module, patterns: Any) -> Iterator[tuple[str, Array]]:
    for name, method in ASKED.items():
        settings = {"patterns": patterns} if METHODS[method].takes_patterns else {}
        yield name, METHODS[method].function(model, places(GRID), target=0, **settings).map


def places(side: int) -> Array:
    """(side², 2) float32: a grid over the data's square, row by row from the upper left."""
    along = np.linspace(-EXTENT, EXTENT, side, dtype=np.float32)
    x1, x2 = np.meshgrid(along, -along)
    return np.stack([x1.ravel(), x2.ravel()], axis=1)


def packed(array: Any) -> dict[str, Any]:
    """An array as the page reads it."""
    array = array if array.dtype == np.uint8 else array.astype("<f4")
    kind = "u8" if array.dtype == np.uint8 else "f4"
    return {"kind": kind, "shape": array.shape, "data": base64.b64encode(array.tobytes()).decode()}
