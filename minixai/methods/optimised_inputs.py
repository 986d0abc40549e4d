"""Inputs that excite a unit: the score's gradient changes the input in place of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minixai import ops
from minixai.columns import aligned, minus
from minixai.context import apart
from minixai.data import Preprocess
from minixai.errors import ShapeError, came, several_names, warn
from minixai.methods.catalogue import TOOLS
from minixai.methods.explanation import MapWarning
from minixai.methods.question import Question
from minixai.methods.unit import Indices, Layer, Neuron, Unit
from minixai.nn import Adam, Module, Parameter
from minixai.nn.module import check_model
from minixai.plot.inputs import as_images, contrast_of
from minixai.progress import progress_bar
from minixai.settings import finite_array, finite_number, generator, one_of, whole_number
from minixai.tape import Tensor, backward
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture
    from minixai.plot.strips import Strip

__all__ = ["OptimisedInput", "maximise"]

UNIT = ("target", "layer", "neuron")  # the arguments that name one
RATE = 0.1  # of Adam, in units
START = 0.01  # the deviation of the noise at the start, in units
LOUDER = 2.0 ** np.arange(1, 8) * START  # deviations of noise in which a unit is looked for that is silent
SHADES = 4  # a bounded input has so many units from its least to its greatest value
DRAWS = 16  # of noise, beside the result
STAGES = (0.1, 0.25, 0.5, 1)  # of the way, of which a picture shows the inputs
CUT = 0.2  # of the steps: their penalty, of noise that Adam makes, does not set a panel's range
KEPT = 24  # inputs on the way
SMALLEST = 5  # pixels: the penalty's coarsest image is larger

TOOLS["methods.maximise"] = {
    "shows": "an input that excites a unit, a feature map or a class",
    "wants": "a start where the model has no preprocess",
    "fails": "one of many, far from any photo: it shows what raises the score, not what the unit sees in "
    "photos; the penalty decides how it looks",
    "paper": "Erhan et al. 2009; Simonyan et al. 2013",
    "cost": "a walk back for each step",
}


@dataclass(frozen=True, eq=False, repr=False)
class OptimisedInput:
    """Inputs that excite units, each with its score on the way, and what other inputs score."""

    unit: Unit
    target: Indices  # (n,): the index of the unit; −1 for a layer or feature map
    x: Array  # (n, …): the inputs
    score: Array  # (n,): the unit's value at x
    penalty: Array  # (n,): weight · h(x), what the optimiser takes off; zero without a penalty
    scores: Array  # (n, steps): at the input of each step, moved by the jitter
    penalties: Array  # (n, steps)
    steps: Indices  # (k,): those of which the input is kept
    frames: Array  # (k, n, …)
    noise: Array  # (n, draws): scores of Gaussian noise of x's norm, clipped to the same range
    others: Array  # (n, m): scores of the other inputs that were given
    preprocess: Preprocess | None = None

    def __repr__(self) -> str:
        return self.table()

    def plot(self, classes: Sequence[str] | None = None, title: str = "") -> Picture:
        """Draw how each input grew, and its score beside those of noise and of the others.

        Images are shown in raised contrast, by the factor that stands below the last one.

        classes: the names of the model's classes.
        Raises ShapeError for inputs that are no images.
        """
        from minixai.plot.strips import strips

        if classes is not None:
            several_names("plot", "classes", classes)
        rows = [self._strip(i, images, classes) for i, images in enumerate(self.images().swapaxes(0, 1))]
        return strips(rows, "step", title)

    def _strip(self, i: int, images: np.ndarray, classes: Sequence[str] | None) -> Strip:
        """How the i-th input grew."""
        from minixai.plot import style
        from minixai.plot.maps import number
        from minixai.plot.strips import Curve, Strip, spread

        at = spread(len(images), STAGES)
        below = [f"step {self.steps[k]}" for k in at]
        if self.contrast[i] > 1:
            below[-1] += f", contrast × {number(self.contrast[i], 2)}"
        scores, rest = self.scores[i], self.scores[i] - self.penalties[i]
        step = np.arange(len(scores))
        noise, others = self.noise[i].max(), self.others[i].max(initial=-np.inf)
        words = f"score {number(self.score[i], 3)}, noise to {number(noise, 2)}"
        dotted = {"color": style.VERMILION, "linestyle": ":"}
        curves = [Curve("score", step, scores, {"color": style.BLUE})]
        if self.penalties[i].any():
            dashed = {"color": style.BLUE, "linestyle": "--", "linewidth": 1.5}
            curves.append(Curve("score less penalty", step, rest, dashed))
        curves.append(Curve(f"best of {len(self.noise[i])} noises of its norm", None, noise, dotted))
        if self.others.size:
            curves.append(
                Curve(f"best of {len(self.others[i])} other inputs", None, others, {"color": style.GREEN})
            )
            words += f", others to {number(others, 2)}"
        settled = rest[int(CUT * len(rest)) :]
        low, high = min(0, scores.min(), settled.min()), max(scores.max(), others, noise)
        room = 0.05 * (high - low)
        return Strip(self.heading(i, classes), images[at], below, words, curves, (low - room, high + room))

    def save(self, path: str | Path, classes: Sequence[str] | None = None) -> None:
        """Write the growth as a film (.gif), or the picture that `plot` draws (.png, .svg, .pdf).

        Raises ValueError for another suffix, OSError where the file cannot be written.
        """
        from minixai.plot.film import save_film
        from minixai.plot.picture import METADATA, checked_suffix

        path = checked_suffix("OptimisedInput.save", path, {*METADATA, ".gif"})
        if path.suffix.lower() != ".gif":
            return self.plot(classes).save(path)
        at = np.minimum(self.steps, self.scores.shape[1] - 1)
        captions = [
            minus(f"step {step}: scores " + ", ".join(f"{score:.4g}" for score in self.scores[:, k]))
            for step, k in zip(self.steps, at, strict=True)
        ]
        names = [self.heading(i, classes) for i in range(len(self.x))]
        save_film("OptimisedInput.save", path, self.images(), captions, names)

    @property
    def contrast(self) -> Array:
        """(n,): what the images of each input are multiplied by, at least 1, to be seen."""
        return contrast_of(self.x, self.preprocess)

    def table(self, classes: Sequence[str] | None = None) -> str:
        """The scores, as text: of each input, less the penalty, and the best of noise and of the others."""
        rows = [("", "score", "less penalty", "noise", *(["others"] if self.others.size else []))]
        for i, score in enumerate(self.score):
            best = [each.max() for each in (self.noise[i], self.others[i]) if each.size]
            numbers = (score, score - self.penalty[i], *best)
            rows.append((self.heading(i, classes), *(minus(f"{each:.4g}") for each in numbers)))
        return aligned(rows)

    def images(self) -> np.ndarray:
        """(k, n, h, w, 3) uint8, RGB: the inputs that are kept as images, of raised contrast."""
        factor = self.contrast.reshape(-1, *[1] * (self.x.ndim - 1))
        return as_images(factor * self.frames, self.preprocess)

    def heading(self, i: int, classes: Sequence[str] | None = None) -> str:
        """What the i-th input excites."""
        if self.unit.layer is not None:
            return self.unit.label
        return f"class {self.target[i]}" if classes is None else classes[self.target[i]]


def maximise(
    model: Module,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    target: Any = None,
    *,
    penalty: str | None = "edges",
    weight: float | None = None,
    jitter: int | None = None,
    steps: int = 150,
    start: Any = None,
    low: Any = None,
    high: Any = None,
    others: Any = None,
    seed: int = 0,
    progress: bool = True,
) -> OptimisedInput:
    """Climb by Adam to an input that excites a unit: x* = argmax f(x) − weight · h(x) in [low, high].

    What it does not show: what the unit looks for in photos. The result is one of many, and no photo: its
    score can pass theirs many times over, and the penalty decides how it looks. The scores of noise of the
    same norm and of photos stand beside its own, and another seed shows another one.

    "edges": h(x) = Σ_{s ≥ 0} ‖δˢ(x) − g ∗ δˢ(x)‖², g the 5×5 Gaussian exp(−i²/2) of sum 1 (zeros outside),
    δ the mean of 2×2 pixels, each channel alone, while min(height, width) > 5. It takes less of large
    shapes than of fine noise. "l2": h(x) = ‖x‖² / 100. Both in units: a unit of x is a quarter of high − low,
    or 1 without bounds.

    model: a Module; it answers in eval mode, and is left as it was.
    layer, neuron: as the methods take them; "max" means the place that is strongest at the start.
    target: in place of a layer a class, or n of them, each of which gets an input.
    penalty: "edges", "l2" or None. weight: in the unit of the score; None means h·w / 224²: Fleuret's
        images have 224×224 pixels, and weight 1.
    jitter: each step moves the image by up to so many pixels, what goes out on one side comes in on the
        other, so that the result does not hang on the places of strides; None means 1/14 of the side.
    steps: of Adam, whose rate falls from .1 units to zero.
    start: (n, …), the model's input; None means N(0, .01²), in units, of the size that `model.preprocess`
        gives, or louder where the unit is silent.
    low, high: bounds of x, numbers or arrays that broadcast to it; None means those of `model.preprocess`.
    others: (m, …), inputs of the model whose scores stand beside, such as photos.
    seed: draws start, jitter and noise.

    Raises ValueError where neither target nor layer is given, where there is no start, and for a unit that is
    silent, whose gradient is zero at the start and in louder noise; TypeError or ValueError for a wrong
    argument. Warns of a unit that falls silent on the way.

    Erhan et al. 2009; Simonyan et al. 2013, section 2; the penalty "edges": F. Fleuret, Deep
    learning, lecture 9.4.
    """
    call = "maximise"
    if target is None and layer is None:
        raise ValueError(f"{call}: neither target nor layer is given, expected one of them")
    if penalty is not None:
        one_of(call, "penalty", penalty, PENALTIES)
    weight = None if weight is None else finite_number(call, "weight", weight, least=0)
    jitter = None if jitter is None else whole_number(call, "jitter", jitter, least=0)
    steps = whole_number(call, "steps", steps)
    rng = generator(call, "seed", seed)
    check_model(call, model)
    others = None if others is None else model.check_input(call, others, "others")
    given = None if start is None else model.check_input(call, start, "start")
    n = len(target) if isinstance(target, Sized) else 1
    shape = _size(call, model, n) if given is None else given.shape
    if n not in (1, shape[0]):
        raise ShapeError(f"{call}: start holds {shape[0]} inputs for {n} targets, expected as many")
    bounds = _bounds(call, model, low, high, shape)
    begin = bounds.clip(bounds.noise(START, shape, rng) if given is None else given)
    if begin.ndim != 4 and (jitter or penalty == "edges"):
        expected = "expected images (n, c, h, w), or jitter=0 and penalty 'l2' or None"
        raise ShapeError(f"{call}: start has shape {begin.shape}, {expected}")
    others = begin[:0] if others is None else others
    if others.shape[1:] != begin.shape[1:]:
        raise ShapeError(f"{call}: others has shape {others.shape}, expected (m, *{begin.shape[1:]})")
    image = begin.shape[2:] if begin.ndim == 4 else (1, 1)
    jitter = min(image) // 14 if jitter is None else jitter
    weight = math.prod(image) / 224**2 if weight is None else weight
    ask = Question(call, model, begin, target, layer, neuron, takes=UNIT)
    begin = _awake(ask, start is None, bounds, rng)
    climbed = _climb(ask, begin, penalty, weight, jitter, steps, bounds, rng, progress)
    x = climbed.frames[-1]
    everyone = np.arange(len(x))
    loud = np.stack([ask.values(_noise_like(x, bounds, rng), everyone) for _ in range(DRAWS)], axis=1)
    beside = [ask.values(np.repeat(other[None], len(x), axis=0), everyone) for other in others]
    return OptimisedInput(
        ask.unit,
        ask.target,
        x,
        ask.values(x, everyone),
        _taken_off(penalty, weight, x / bounds.unit)[0],
        *climbed,
        loud,
        np.array(beside, x.dtype).reshape(-1, len(x)).T,
        preprocess_of(model),
    )


def edges(z: Tensor) -> Tensor:
    """(n,): what is left of images (n, c, h, w) after a blur, at all scales."""
    i = np.arange(-2, 3)
    gaussian = np.exp(-(i**2) / 2)
    blur = (np.outer(gaussian, gaussian) / gaussian.sum() ** 2).astype(z.dtype)[None, None]
    n, c, h, w = z.shape
    scale, found = z.reshape(n * c, 1, h, w), None
    while min(scale.shape[2:]) > SMALLEST:
        left = scale - ops.conv2d(scale, blur, padding=2)
        energy = (left * left).reshape(n, -1).sum(axis=1)
        found = energy if found is None else found + energy
        scale = ops.avg_pool2d(scale, 2, ceil_mode=True)
    if found is None:
        raise ShapeError(
            f"maximise: penalty 'edges' of images {h}×{w}, expected more than {SMALLEST} pixels a side; "
            "take 'l2' or None"
        )
    return found


def l2(z: Tensor) -> Tensor:
    """(n,): ‖z‖² / 100."""
    return (z * z).reshape(len(z.value), -1).sum(axis=1) * 0.01


PENALTIES: dict[str, Callable[[Tensor], Tensor]] = {"edges": edges, "l2": l2}


class Bounds(NamedTuple):
    """Of the input; they broadcast to it."""

    low: Array | None
    high: Array | None
    unit: Array

    def clip(self, x: Array) -> Array:
        """x within them."""
        if self.low is None and self.high is None:
            return x
        return np.clip(x, self.low, self.high)

    def noise(self, deviation: float, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Gaussian noise of a deviation in units, within them."""
        return self.clip((deviation * self.unit * rng.standard_normal(shape)).astype(self.unit.dtype))


class Climb(NamedTuple):
    """As `OptimisedInput` has them."""

    scores: Array
    penalties: Array
    steps: Indices
    frames: Array


def preprocess_of(model: Module) -> Preprocess | None:
    """What makes the model's input of photos, if it says so."""
    found = getattr(model, "preprocess", None)
    return found if isinstance(found, Preprocess) else None


def _bounds(call: str, model: Module, low: Any, high: Any, shape: tuple[int, ...]) -> Bounds:
    """Those that are given for inputs of a shape, else those of the model's photos."""
    found: list[Array | None] = []
    for name, value in (("low", low), ("high", high)):
        bound = None if value is None else finite_array(call, name, value, model.dtype)
        if bound is not None and not _broadcasts(bound.shape, shape):
            raise ShapeError(f"{call}: {name} has shape {bound.shape}, which does not broadcast to {shape}")
        found.append(bound)
    if (prepare := preprocess_of(model)) is not None:
        ends = ((prepare.scale * v - np.array(prepare.mean)) / np.array(prepare.std) for v in (0, 255))
        of_photos = [end.astype(model.dtype).reshape(-1, 1, 1) for end in ends]
        found = [own if given is None else given for given, own in zip(found, of_photos, strict=True)]
    least, greatest = found
    if least is None or greatest is None:
        return Bounds(least, greatest, np.ones((), model.dtype))
    if np.any(least >= greatest):
        raise ValueError(f"{call}: low is {came(low)} and high {came(high)}, expected low below high")
    return Bounds(least, greatest, ((greatest - least) / SHADES).astype(model.dtype))


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _size(call: str, model: Module, n: int) -> tuple[int, ...]:
    """That of n inputs of the model."""
    if (prepare := preprocess_of(model)) is None:
        raise ValueError(
            f"{call}: start is None, and the model has no preprocess that says how large its input is; "
            "expected an input to begin with, such as 0.01 * rng.standard_normal((1, 1, 28, 28))"
        )
    return n, len(prepare.mean), prepare.size, prepare.size


def _awake(ask: Question, louder: bool, bounds: Bounds, rng: np.random.Generator) -> Array:
    """The start; louder: where a unit is silent, louder noise to which it answers takes its place."""
    x, everyone = ask.x.copy(), np.arange(len(ask.x))
    asleep = _silent(ask.gradients(x, everyone))
    for deviation in LOUDER if louder else ():
        if not asleep.any():
            break
        noise = bounds.noise(deviation, x.shape, rng)
        found = asleep & ~_silent(ask.gradients(noise, everyone))
        x[found] = noise[found]
        asleep &= ~found
    if asleep.any():
        which = f"{ask.unit.label} {ask.target[asleep][0]}" if ask.unit.layer is None else ask.unit.label
        where = f"the start and in {len(LOUDER)} inputs of louder noise" if louder else "the start"
        raise ValueError(
            f"{ask.call}: {which} is silent: its gradient is zero at {where}, so there is no way up; "
            "expected one that answers: give start an input that excites it, such as a photo, or name another"
        )
    return x


def _silent(g: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n,): whose gradient is zero."""
    return np.logical_not(g.reshape(len(g), -1).any(axis=1))


def _climb(
    ask: Question,
    begin: Array,
    penalty: str | None,
    weight: float,
    jitter: int,
    steps: int,
    bounds: Bounds,
    rng: np.random.Generator,
    progress: bool,
) -> Climb:
    """Adam on z, the input in units, with the gradient of weight · h − f."""
    z = Parameter(begin / bounds.unit)
    adam = Adam([z], RATE)
    kept = np.unique(np.linspace(0, steps, KEPT + 1).round().astype(np.intp))
    everyone = np.arange(len(begin))
    scores, penalties, frames = [], [], [begin]
    with progress_bar(progress, range(1, steps + 1), ask.call, unit="step", leave=False) as bar:
        for step in bar:
            by = rng.integers(-jitter, jitter + 1, 2)
            y, g = ask.values_and_gradients(_moved(z.value * bounds.unit, by), everyone)
            g = _moved(g, -by) * bounds.unit
            h, gh = _taken_off(penalty, weight, z.value)
            adam.lr = RATE * (1 - (step - 1) / steps)
            adam.step({z: gh - g})
            z.value = bounds.clip(z.value * bounds.unit) / bounds.unit
            scores.append(y)
            penalties.append(h)
            bar.set_postfix(score=float(y.mean()), refresh=False)
            if step in kept:
                frames.append(bounds.clip(z.value * bounds.unit))
    if (asleep := _silent(g)).any():
        fallen = ", ".join(str(i) for i in np.flatnonzero(asleep))
        warn(
            f"{ask.call}: {ask.unit.label} fell silent on the way (input {fallen}): the penalty alone has "
            "changed it since; a smaller weight may keep it awake",
            MapWarning,
        )
    return Climb(np.stack(scores, axis=1), np.stack(penalties, axis=1), kept, np.stack(frames))


def _moved(x: Array, by: Indices) -> Array:
    """The images, so many pixels down and to the right; what goes out comes in."""
    return np.roll(x, by, (2, 3)) if by.any() else x


def _taken_off(penalty: str | None, weight: float, z: Array) -> tuple[Array, Array]:
    """(n,) and (n, …): weight · h, and its gradient."""
    if penalty is None:
        return np.zeros(len(z), z.dtype), np.zeros_like(z)
    leaf = Tensor(z)
    h = apart(lambda: PENALTIES[penalty](leaf) * weight, recording=True)
    return h.value, backward(h, wrt=[leaf])[leaf]


def _noise_like(x: Array, bounds: Bounds, rng: np.random.Generator) -> Array:
    """Gaussian noise of each input's norm, clipped to the bounds."""
    noise = rng.standard_normal(x.shape)
    axes = tuple(range(1, x.ndim))
    norm, of_noise = (np.sqrt(np.square(each).sum(axis=axes, keepdims=True)) for each in (x, noise))
    return bounds.clip((noise * norm / of_noise).astype(x.dtype))
