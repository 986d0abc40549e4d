"""What a unit is invariant to: how its score curves around an input, and how far that says anything."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minixai.columns import aligned, minus
from minixai.data import Preprocess
from minixai.errors import ShapeError, speaking_as, warn
from minixai.methods.catalogue import TOOLS
from minixai.methods.explanation import MapWarning
from minixai.methods.optimised_inputs import UNIT, preprocess_of
from minixai.methods.question import Question
from minixai.methods.unit import Indices, Layer, Neuron, Unit
from minixai.nn import Module, smoothed
from minixai.plot.inputs import as_images, contrast_of
from minixai.progress import progress_bar
from minixai.settings import finite_number, generator, whole_number
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["Invariances", "invariances"]

FIRST_ANGLE = 0.05  # radians, of the climb
LONGER, SHORTER = 1.5, 0.3  # the next angle, after a step up and after one down
FAR = 0.5  # of the model's score, beyond which the copy is called another network
NEAR = 0.1  # of the score, by which an expansion may be off that holds
POINTS = 25  # of a great circle
FIRST = np.zeros(1, np.intp)  # the number of the only input
ACCURACY = 1e-2  # of the curvatures that Lanczos' method finds
SHOWN = (0, 0.25, 0.5, 0.75, 1)  # of the angles, of which a picture shows the inputs
VISIBLE = 0.01  # of the greatest change of a pixel
CUT = 0.15  # of the range of the scores, what a panel shows beyond it

TOOLS["methods.invariances"] = {
    "shows": "in which directions around an input a unit's score falls least and most",
    "wants": "an input that excites the unit; SciPy",
    "fails": "the expansion holds only nearby: the true scores stand beside it; averaged pooling is another "
    "network than maximum pooling",
    "paper": "Berkes and Wiskott 2006; doubted by Zeiler and Fergus 2014",
    "cost": "about a hundred walks back",
}


@dataclass(frozen=True, eq=False, repr=False)
class Invariances:
    """Great circles through an input, in which the score curves least and most, and the score along them.

    All inputs have x's norm r: x(θ) = cos θ · x + sin θ · r · v.
    """

    unit: Unit
    target: Indices  # (1,): the index of the unit; −1 for a layer or feature map
    beta: float
    x: Array  # (1, …): where the smooth copy's score is greatest, as far as the climb went
    score: float  # of the smooth copy at x
    model_score: float  # of the model itself at x
    slope: float  # of the smooth copy at x, the steepest within the sphere, score per radian; 0 at a maximum
    curvatures: Array  # (k,): d²score/dθ² at x, in score per radian², from the greatest to the least
    directions: Array  # (k, …): v, of norm 1, at right angles to x and to each other
    angles: Array  # (m,): θ in degrees
    scores: Array  # (k, m): of the smooth copy at x(θ)
    model_scores: Array  # (k, m): of the model itself
    expansion: Array  # (k, m): score + slope along v · θ + curvature · θ² / 2
    walks: int  # back, that Lanczos' method took, two for each product with the Hessian
    preprocess: Preprocess | None = None

    def __repr__(self) -> str:
        names, curvatures, reach = self._names(), self.curvatures, self.reach
        rows = [("", "curvature / rad²", "holds to")]
        rows += [
            (name, minus(f"{c:.4g}"), f"{r:.3g}°")
            for name, c, r in zip(names, curvatures, reach, strict=True)
        ]
        return aligned(rows)

    @property
    def reach(self) -> Array:
        """(k,): the first angle, in degrees, where the expansion is off by a tenth of the score, or inf."""
        wrong = np.abs(self.expansion - self.scores) > NEAR * np.abs(self.scores)
        return np.where(wrong, np.abs(self.angles), np.inf).min(axis=1)

    def inputs(self) -> Array:
        """(k, m, …): x(θ)."""
        return np.stack([_circle(self.x, v, np.radians(self.angles)) for v in self.directions])

    def plot(self, title: str = "") -> Picture:
        """Draw a strip of inputs for each direction, and the scores along it.

        Images are in raised contrast, all by one factor. Raises ShapeError for inputs that are no images.
        """
        from minixai.plot import style
        from minixai.plot.maps import number
        from minixai.plot.strips import Curve, Strip, spread, strips

        images, names = self._images(), self._names()
        at = spread(len(self.angles), SHOWN)
        rows = []
        for i, (name, reach) in enumerate(zip(names, self.reach, strict=True)):
            curves = [
                Curve(
                    "expansion", self.angles, self.expansion[i], {"color": style.ORANGE, "linestyle": "--"}
                ),
                Curve("smooth copy", self.angles, self.scores[i], {"color": style.BLUE}),
                Curve(
                    "the model", self.angles, self.model_scores[i], {"color": style.BLACK, "linestyle": ":"}
                ),
            ]
            true = np.concatenate([self.scores[i], self.model_scores[i], [self.score]])
            low, high = true.min(), true.max()
            room = CUT * (high - low)
            words = f"curvature {number(self.curvatures[i], 3)}"
            if np.isfinite(reach):
                words += f", holds to {number(reach, 2)}°"
            below = [f"{number(self.angles[k], 3)}°" for k in at]
            rows.append(Strip(name, images[i, at], below, words, curves, (low - room, high + room)))
        note = (
            f"Curvature in score per radian². An expansion holds while it is off by less than {NEAR:.0%} of "
            "the score. Images are cropped to what changes."
        )
        return strips(rows, "angle from the input, degrees", title, note)

    def save(self, path: str | Path) -> None:
        """Write all directions as one film (.gif), or the picture that `plot` draws (.png, .svg, .pdf).

        Raises ValueError for another suffix, OSError where the file cannot be written.
        """
        from minixai.plot.film import save_film
        from minixai.plot.picture import METADATA, checked_suffix

        path = checked_suffix("Invariances.save", path, {*METADATA, ".gif"})
        if path.suffix.lower() != ".gif":
            return self.plot().save(path)
        there_and_back = [*range(len(self.angles)), *range(len(self.angles) - 2, 0, -1)]
        captions = [
            minus(f"{self.angles[k]:+.3g}°: scores " + ", ".join(f"{y:.4g}" for y in self.scores[:, k]))
            for k in there_and_back
        ]
        frames = self._images().swapaxes(0, 1)[there_and_back]
        save_film("Invariances.save", path, frames, captions, self._names())

    def _images(self) -> np.ndarray:
        """(k, m, h, w, 3) uint8, cropped to the square around what the directions change."""
        inputs = self.inputs()
        if self.directions.ndim == 4:
            rows, columns = self._changed()
            inputs = inputs[..., rows, columns]
        contrast = contrast_of(inputs[0, [inputs.shape[1] // 2]], self.preprocess)
        return as_images(contrast[0] * inputs, self.preprocess)

    def _changed(self) -> tuple[slice, slice]:
        """The rows and columns of a square."""
        changes = np.abs(self.directions).max(axis=(0, 1))
        seen = changes > VISIBLE * changes.max()
        places = [np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0)]
        side = 1 + max(int(each[-1] - each[0]) for each in places)
        top, left = (max(0, min(int(p[0]), n - side)) for p, n in zip(places, seen.shape, strict=True))
        return slice(top, top + side), slice(left, left + side)

    def _names(self) -> list[str]:
        half = len(self.curvatures) // 2
        return [f"flattest {i + 1}" for i in range(half)] + [f"steepest {half - i}" for i in range(half)]


def invariances(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    *,
    beta: float = 30.0,
    count: int = 2,
    climb: int = 50,
    span: float = 30.0,
    step: float | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Invariances:
    """Find the directions around an input in which a unit's score falls least, and those in which most.

    Among the inputs of x's norm r, the score of a smooth copy of the model (`nn.smoothed`) has along a great
    circle through x the second derivative r² vᵀHv − gᵀx, g and H its gradient and Hessian at x. Lanczos'
    method finds the greatest and the least of them, by products Hv = (g(x + εv) − g(x − εv)) / 2ε.

    What it does not show: Zeiler and Fergus (2014, section 1.1) doubted it, since the invariances of higher
    layers are too complex for a quadratic form. Compare `scores` and `model_scores` with `expansion`.

    model, target, layer, neuron: as the methods take them.
    x: (1, …), an input that excites the unit, such as `maximise` finds.
    beta: of the smooth copy, see `nn.smoothed`.
    count: how many directions of each kind.
    climb: at most so many steps up, to the copy's own best input nearby.
    span: the angle to which the score is followed, in degrees.
    step: ε / r; None means the cube root of the dtype's precision, .005 or 6e-6.
    seed: where Lanczos' method starts.

    Raises ImportError without SciPy, ShapeError for another batch than one or fewer numbers than directions,
    ValueError where x or its gradient in the copy is zero, for a kink that `smoothed` refuses, and for a
    wrong argument. Warns where the copy's score is far from the model's, as with maximum pooling.
    Berkes and Wiskott 2006.
    """
    call = "invariances"
    _scipy_linalg()
    beta = finite_number(call, "beta", beta, above=0)
    count, climb = whole_number(call, "count", count), whole_number(call, "climb", climb, least=0)
    span = finite_number(call, "span", span, above=0, most=180)
    rng = generator(call, "seed", seed)
    step = None if step is None else finite_number(call, "step", step, above=0)
    ask = Question(call, model, x, target, layer, neuron, takes=UNIT)
    of_copy = ask.target if layer is None else None
    if len(ask.x) != 1 or ask.x.size <= 2 * count + 1:
        expected = f"expected one input (1, …) of more than {2 * count + 1} numbers"
        raise ShapeError(f"{call}: x has shape {ask.x.shape}, {expected}")
    if not ask.x.any():
        raise ValueError(f"{call}: x is zero everywhere, expected an input that excites the unit")
    with speaking_as(call, "smoothed"):
        copy = smoothed(model, ask.x, beta)
    smooth = Question(call, copy, ask.x, of_copy, layer, neuron, takes=UNIT)
    smooth.start_from(ask.cotangent)  # the same unit, also where its place is that of a maximum
    best = _climb(smooth, climb)
    if not best.g.any():
        raise ValueError(
            f"{call}: the gradient of {ask.unit} is zero at x, expected an input that excites it"
        )
    model_score = float(ask.values(best.x, FIRST)[0])
    if abs(model_score - best.score) > FAR * abs(model_score):
        warn(
            f"{call}: the smooth copy scores {best.score:.3g} where the model scores {model_score:.3g}: the "
            "directions are another network's; a larger beta mends it only where pooling is no maximum",
            MapWarning,
        )
    step = float(np.cbrt(np.finfo(best.x.dtype).eps)) if step is None else step
    curvatures, directions, walks = _extremes(smooth, best, count, step, rng, progress)
    angles = np.linspace(-span, span, POINTS)
    theta = np.radians(angles)
    along = best.radius * np.array([float((best.g * v).sum()) for v in directions])
    circles = [_circle(best.x, v, theta) for v in directions]
    return Invariances(
        ask.unit,
        ask.target,
        beta,
        best.x,
        best.score,
        model_score,
        best.radius * float(np.linalg.norm(best.tangents.coordinates(best.g))),
        curvatures,
        directions,
        angles,
        np.stack([_values(smooth, points) for points in circles]),
        np.stack([_values(ask, points) for points in circles]),
        best.score + along[:, None] * theta + curvatures[:, None] * theta**2 / 2,
        walks,
        preprocess_of(model),
    )


class Tangents:
    """The directions at right angles to x, in d − 1 coordinates.

    They are the columns but the first of the reflection that takes the first axis to ±x/‖x‖.
    """

    def __init__(self, x: Array) -> None:
        w = x.ravel().astype(np.float64)
        w /= np.linalg.norm(w)
        w[0] += np.copysign(1, w[0])
        self._w, self._shape = w / np.linalg.norm(w), x.shape[1:]

    def vector(self, u: Array) -> Array:
        """(…): the direction of coordinates (d − 1,)."""
        return self._reflected(np.concatenate([[0.0], u.ravel()])).reshape(self._shape)

    def coordinates(self, v: Array) -> Array:
        """(d − 1,): those of the part of v that is at right angles to x."""
        return self._reflected(v.ravel().astype(np.float64))[1:]

    def _reflected(self, v: Array) -> Array:
        return v - 2 * (self._w @ v) * self._w


class Point(NamedTuple):
    """An input, its score and gradient, and its sphere."""

    x: Array  # (1, …)
    score: float
    g: Array  # (…) float64

    @property
    def radius(self) -> float:
        """‖x‖."""
        return float(np.linalg.norm(self.x.astype(np.float64)))

    @property
    def tangents(self) -> Tangents:
        """At x."""
        return Tangents(self.x)


def _at(ask: Question, x: Array) -> Point:
    (score,), (g,) = ask.values_and_gradients(x, FIRST)
    return Point(x, float(score), g.astype(np.float64))


def _climb(ask: Question, steps: int) -> Point:
    """Follow the gradient along the sphere; a step that leads down is taken back, and the next is shorter."""
    best, angle = _at(ask, ask.x), FIRST_ANGLE
    for _ in range(steps):
        tangents = best.tangents
        uphill = tangents.coordinates(best.g)
        if not uphill.any():
            break
        v = tangents.vector(uphill / np.linalg.norm(uphill))
        moved = _at(ask, _circle(best.x, v, np.array([angle])))
        if moved.score > best.score:
            best, angle = moved, LONGER * angle
        else:
            angle *= SHORTER
    return best


def _extremes(
    ask: Question, best: Point, count: int, step: float, rng: np.random.Generator, progress: bool
) -> tuple[Array, Array, int]:
    """The greatest and the least second derivatives along great circles, their directions, and the walks."""
    linalg, tangents, radius = _scipy_linalg(), best.tangents, best.radius
    size, pull, walks = best.x.size - 1, float((best.g * best.x[0]).sum()), 0
    with progress_bar(progress, None, ask.call, unit="product", leave=False) as bar:

        def product(u: Array) -> Array:
            nonlocal walks
            walks += 2
            bar.update(1)
            hv = hessian_product(ask, best.x, tangents.vector(u), step * radius)
            return radius**2 * tangents.coordinates(hv) - pull * u.ravel()

        operator = linalg.LinearOperator((size, size), product, dtype=np.dtype(np.float64))
        first = rng.standard_normal(size)
        again = {"rng": rng} if "rng" in signature(linalg.eigsh).parameters else {}  # since SciPy 1.17
        values, vectors = linalg.eigsh(operator, 2 * count, which="BE", tol=ACCURACY, v0=first, **again)
    order = np.argsort(-values)
    return values[order], np.stack([tangents.vector(vectors[:, k]) for k in order]), walks


def hessian_product(ask: Question, x: Array, v: Array, step: float) -> Array:
    """(…) float64: Hv ≈ (g(x + step·v) − g(x − step·v)) / (2·step), for x (1, …) and a direction v (…)."""
    points = np.concatenate([x + step * v, x - step * v]).astype(x.dtype)
    ahead, behind = ask.gradients(points, np.zeros(2, np.intp)).astype(np.float64)
    return (ahead - behind) / (2 * step)


def _circle(x: Array, v: Array, theta: Array) -> Array:
    """(m, …): inputs on the great circle through x (1, …) along v, at angles (m,) in radians."""
    theta = theta.reshape(-1, *[1] * v.ndim)
    radius = np.linalg.norm(x.astype(np.float64))
    return (np.cos(theta) * x + np.sin(theta) * radius * v).astype(x.dtype)


def _values(ask: Question, points: Array) -> Array:
    """(m,): the scores, a point at a time."""
    return np.concatenate([ask.values(points[[k]], FIRST) for k in range(len(points))])


def _scipy_linalg() -> Any:
    try:
        return import_module("scipy.sparse.linalg")
    except ImportError as error:
        raise ImportError('invariances: it needs SciPy: pip install "minixai[lessons]"') from error
