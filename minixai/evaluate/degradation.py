"""Degradation: does the probability fall fast when what an explanation calls relevant is taken away?

The order of the patches is that of the attribution, summed over a patch and its channels, with its sign.
An attribution of None gives a random order, the baseline of all others; equal sums are ordered at random
as well. What is drawn depends on the seed and on the image's number in x.

The grid starts at the upper left. Where the image is not a multiple of the patch, the last row and column
of patches hold what is left (of 224 pixels and patches of 9: 625 patches, the last ones 8 pixels wide).
They are ranked by their sum like all others, so that a narrow one has less weight in the order, as it
has in the image; and every pixel belongs to one patch.

A degraded image is one that the model never saw: a fall may come from what was taken away or from what
stands there instead. Compare fills, and always with a random order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai import kernels
from minixai.bootstrap import mean_interval
from minixai.columns import aligned, interval, minus
from minixai.errors import ShapeError, came
from minixai.evaluate.given import given_map
from minixai.evaluate.imputation import Mask, road
from minixai.evaluate.randomisation import untrained
from minixai.methods import METHODS
from minixai.methods.question import Numbers, Question
from minixai.nn import Module
from minixai.ops.sizes import Size, check_images, pair
from minixai.settings import finite_array, one_of, whole_number
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["Degradation", "DegradationComparison", "compare_degradation", "degrade", "insertion_deletion"]

Imputed = Callable[[Numbers, Mask], Array]  # (images, which pixels are removed) -> images

ORDERS = {"morf": "most relevant first", "lerf": "least relevant first"}
BLUR = 0.05  # σ of the Gaussian blur, as a share of the image's shorter side
LEVEL = 0.95  # of the bootstrap intervals


@dataclass(frozen=True, eq=False, repr=False)
class Degradation:
    """The probability of a class while patches of an image are replaced, or put in, one step at a time."""

    patch: str  # "9×9 patches", or "pixels"
    change: str  # "replaced by …", or "inserted into …"
    order: str  # "morf" or "lerf"
    patches: int  # in an image
    steps: Numbers  # (s + 1,): how many are changed; the first is 0
    scores: Array  # (n, s + 1) float64: the probability of the class
    target: Numbers  # (n,): the class
    quantity: str  # what the scores are: "probability (softmax of the logits)", …

    @property
    def fractions(self) -> Array:
        """(s + 1,): the share of the patches that are changed, from 0 to at most 1."""
        return self.steps / self.patches

    @property
    def area(self) -> Array:
        """(n,): the area under the curve over its width: its mean height, by the trapezoidal rule."""
        return np.trapezoid(self.scores, self.steps, axis=1) / self.steps[-1]

    def __repr__(self) -> str:
        first, last = self.scores[:, 0].mean(), self.scores[:, -1].mean()
        reach = f"after {self.steps[-1]} of {self.patches}"
        return (
            f"Degradation({_images(self)}, {self.patch} {self.change}, {ORDERS[self.order]}: "
            f"{self.quantity} {first:.3f} → {last:.3f} {reach}, area {self.area.mean():.3f})"
        )

    def plot(self, title: str = "") -> Picture:
        """Draw the mean over the images, with its bootstrap interval."""
        return DegradationComparison({"mean": self}).plot(title)


@dataclass(frozen=True, eq=False, repr=False)
class DegradationComparison:
    """Curves of the same images, measured in the same way; prints as a table of their areas.

    Intervals are percentile bootstraps over the images, at 95 %; differences from the first curve are
    paired, image by image.

    curves: name → Degradation; put the random order first.
    controls: the names of those that are no explanations, which the picture sets apart.
    Raises ValueError where there is none, or they differ in patch, change, steps, images, class or quantity.
    """

    curves: Mapping[str, Degradation]
    controls: Collection[str] = ()

    def __post_init__(self) -> None:
        if not self.curves:
            raise ValueError("DegradationComparison: curves is empty, expected at least one")
        first, *others = self.curves
        for name in others:
            if _protocol(self.curves[name]) != _protocol(self.curves[first]):
                raise ValueError(
                    f"DegradationComparison: {name!r} differs from {first!r} in patch, change, steps, "
                    "images, class or quantity, expected the same"
                )

    @property
    def heading(self) -> str:
        """What was done; the order where all curves share it."""
        first, orders = next(iter(self.curves.values())), {curve.order for curve in self.curves.values()}
        order = f", {ORDERS[first.order]}" if len(orders) == 1 else ""
        return f"{first.patch} {first.change}{order}"

    def __repr__(self) -> str:
        first_name, first = next(iter(self.curves.items()))
        rows = [("", "area", f"difference from {first_name}" if len(self.curves) > 1 else "")]
        for name, curve in self.curves.items():
            change = "" if curve is first else _interval(curve.area - first.area, "+.3f")
            rows.append((name, _interval(curve.area, ".3f"), change))
        reach = f"{first.steps[-1]} of {first.patches}; {_images(first)}"
        return f"{self.heading}; {reach}\n{aligned(rows, left=(0, 1, 2))}"

    def plot(self, title: str = "") -> Picture:
        """Draw the mean of each curve over the images in a band, its bootstrap interval."""
        from minixai.plot.degradation import probability_curves

        first = next(iter(self.curves.values()))
        labels = {name: f"{name}: area {_interval(curve.area, '.2f')}" for name, curve in self.curves.items()}
        bands = {labels[name]: mean_interval(curve.scores, LEVEL) for name, curve in self.curves.items()}
        apart = {labels[name] for name in self.controls}
        several = f"mean of {_images(first)}, {100 * LEVEL:.0f} % bootstrap intervals"
        note = f"{self.heading}; {several if len(first.scores) > 1 else 'one image'}"
        xlabel = f"{first.patch} {first.change.split()[0]}, of {first.patches}"
        return probability_curves(first.steps, bands, xlabel, first.quantity, title, note, apart)


def degrade(
    model: Module,
    x: Any,
    attribution: Any,
    target: Any = None,
    *,
    patch: Size = 9,
    steps: int | None = 100,
    order: str = "morf",
    fill: Any = "patch mean",
    seed: int = 0,
    batch_size: int = 32,
    progress: bool = True,
) -> Degradation:
    """Replace one patch after the other, in the order of an attribution, and track the class's probability.

    scores_k = P(target | x with the first k patches replaced), k = 0 … steps

    With the defaults the experiment of Kindermans et al. 2017: 9 × 9 patches, the most relevant first, each
    replaced by its own mean in each channel. A curve that falls fast speaks for the attribution. patch=1
    with a fill is the pixel flipping of Bach et al. 2015, a fill with larger patches the region
    perturbation of Samek et al. 2015.

    x: (n, c, h, w), the model's input. attribution: an Explanation of x, an array (n, c, h, w) or
    (n, h, w), or None for a random order.
    target: the class, one or n of them; None means the most probable one of x as it is.
    patch: the side or (height, width), in pixels. steps: patches to replace; None means all, as does a
    number beyond all.
    order: "morf", most relevant first, or "lerf", least relevant first, its reverse.
    fill: "patch mean"; "blur", the image after a Gaussian of σ = 5 % of its shorter side; "road", what the
    pixels that are left say of their neighbours, with noise (Rong et al. 2022; needs SciPy), so that the
    hole itself tells little; a number or c of them, in the model's input; or an array of x's shape.
    seed: of a random order. batch_size: images at a time; bounds the memory.

    Raises ShapeError for an attribution or a fill that does not fit x; ValueError for an Explanation of
    another x, values that are not finite, a patch larger than the image, an unknown order or fill, the
    mean of patches of one pixel.
    """
    ask = _ask("degrade", model, x, target, batch_size)
    one_of("degrade", "order", order, ORDERS)
    size = pair("degrade", "patch", patch)
    patches = _patches(ask, size)
    filled, change = _filled(ask, fill, patches, seed=seed)
    ranks = _ranks(ask, attribution, patches, seed)
    total = ranks.shape[1]
    if order == "lerf":
        ranks = total - 1 - ranks
    last = total if steps is None else min(whole_number("degrade", "steps", steps), total)
    counts = np.arange(last + 1)
    scores = _scores(ask, ask.x, filled, ranks[:, patches], counts, progress)
    name = "pixels" if size == (1, 1) else f"{size[0]}×{size[1]} patches"
    quantity = str(ask.probability)
    return Degradation(name, f"replaced by {change}", order, total, counts, scores, ask.target, quantity)


def compare_degradation(
    model: Module,
    x: Any,
    attributions: Mapping[str, Any],
    target: Any = None,
    *,
    controls: bool = False,
    **settings: Any,
) -> DegradationComparison:
    """Degrade in the order of several attributions, and in a random order, which comes first.

    attributions: name → what `degrade` takes, or a function (model, x, target) -> that.
    controls: with the orders of the catalogue's controls besides (edges, |x|), and of each function's map of
    an untrained copy of the model: a method that is no better than these has shown nothing.
    settings, and what is raised: those of `degrade`; ValueError where a name is given twice.
    """
    asked = Question("compare_degradation", model, x, target).target
    given = {name: each(model, x, asked) if callable(each) else each for name, each in attributions.items()}
    orders: dict[str, Any] = {"random": None}
    if controls:
        orders |= {
            method.title: method.function(model, x)
            for method in METHODS.values()
            if method.control and method.title != "random"
        }
        other, asks = untrained(model), [name for name, each in attributions.items() if callable(each)]
        orders |= {f"{name}, untrained": attributions[name](other, x, asked) for name in asks}
    if twice := orders.keys() & given.keys():
        raise ValueError(f"compare_degradation: {min(twice)!r} is the name of a control, expected another")
    curves = {name: degrade(model, x, order, target, **settings) for name, order in (orders | given).items()}
    return DegradationComparison(curves, tuple(orders))


def insertion_deletion(
    model: Module,
    x: Any,
    attribution: Any,
    target: Any = None,
    *,
    steps: int = 224,
    fill: Any = 0.0,
    start: Any = "blur",
    seed: int = 0,
    batch_size: int = 32,
    progress: bool = True,
) -> tuple[Degradation, Degradation]:
    """Insert an image's pixels into a blurred copy, and delete them; the most relevant ones first.

    Petsiuk et al. 2018, section 4.1. The area is high under the first curve and low under the second if
    the attribution ranks the pixels well. Both go from no pixel to all, in equal shares.

    steps: the shares; at most one for each pixel. fill: of deleted pixels, as in `degrade`. start: what
    the pixels are inserted into, as a fill. The other arguments and errors are those of `degrade`.
    """
    ask = _ask("insertion_deletion", model, x, target, batch_size)
    patches = _patches(ask, (1, 1))
    filled, deleted = _filled(ask, fill, patches, seed=seed)
    empty, inserted = _filled(ask, start, patches, "start")
    if callable(empty):
        raise ValueError(f"{ask.call}: start is 'road', which needs pixels that are left, expected another")
    ranks = _ranks(ask, attribution, patches, seed)
    total = ranks.shape[1]
    shares = min(whole_number(ask.call, "steps", steps), total)
    counts = np.arange(shares + 1) * total // shares
    insertion = _scores(ask, empty, ask.x, ranks[:, patches], counts, progress)
    deletion = _scores(ask, ask.x, filled, ranks[:, patches], counts, progress)
    pairs = (f"inserted into {inserted}", insertion), (f"replaced by {deleted}", deletion)
    inserting, deleting = (
        Degradation("pixels", change, "morf", total, counts, scores, ask.target, str(ask.probability))
        for change, scores in pairs
    )
    return inserting, deleting


def _ask(call: str, model: Module, x: Any, target: Any, batch_size: int) -> Question:
    ask = Question(call, model, x, target, batch_size=batch_size)
    check_images(call, ask.x)
    return ask


def _patches(ask: Question, size: tuple[int, int]) -> Numbers:
    """(h, w): the number of the patch that each pixel belongs to, row by row from the upper left."""
    image = ask.x.shape[2:]
    if any(side > whole for side, whole in zip(size, image, strict=True)):
        raise ValueError(f"{ask.call}: patch is {size}, expected at most the image {image}")
    rows, columns = (np.arange(whole) // side for whole, side in zip(image, size, strict=True))
    return rows[:, None] * (columns[-1] + 1) + columns


def _ranks(ask: Question, attribution: Any, patches: Numbers, seed: int) -> Numbers:
    """(n, patches): the place of each patch in the order, 0 for the most relevant one."""
    seed = whole_number(ask.call, "seed", seed, least=0)
    ranks = []
    for i, heat in enumerate(_heat(ask, attribution)):
        sums = np.bincount(patches.ravel(), heat.ravel())
        lots = np.random.default_rng([seed, i]).random(len(sums))
        ranks.append(np.argsort(np.lexsort((lots, -sums))))
    return np.stack(ranks)


def _heat(ask: Question, attribution: Any) -> Array:
    """(n, h, w) float64: the attribution of each pixel."""
    x = ask.x
    pixels = (len(x), *x.shape[2:])
    if attribution is None:
        return np.zeros(pixels)
    heat = given_map(ask, attribution, x.shape, pixels)
    return heat.sum(axis=1) if heat.ndim == 4 else heat


def _filled(
    ask: Question, fill: Any, patches: Numbers, name: str = "fill", seed: int = 0
) -> tuple[Array | Imputed, str]:
    """(n, c, h, w): the images with every patch replaced, or what replaces them; and what by, in words."""
    call, x = ask.call, ask.x
    if isinstance(fill, str):
        if fill == "blur":
            return _blurred(x), "a blurred copy"
        if fill == "road":
            return partial(_imputed, x, seed), "noisy linear imputation"
        if fill != "patch mean":
            raise ValueError(
                f"{call}: {name} is {came(fill)}, expected 'patch mean', 'blur', 'road' or numbers"
            )
        if patches.max() + 1 == patches.size:
            raise ValueError(f"{call}: {name} is 'patch mean', which is the pixel itself where patch is 1")
        return _patch_means(x, patches), "their mean"
    filled = finite_array(call, name, fill, x.dtype)
    if filled.shape == x.shape:
        return filled, "another image"
    if filled.shape not in ((), x.shape[1:2]):
        raise ShapeError(
            f"{call}: {name} has shape {filled.shape}, expected a number, {x.shape[1]} of them or {x.shape}"
        )
    words = f"{filled:g}" if filled.ndim == 0 else "one colour"
    return np.broadcast_to(filled.reshape(-1, 1, 1), x.shape), words


def _patch_means(x: Array, patches: Numbers) -> Array:
    """Every pixel as its patch's mean, in each channel."""
    number, pixels = patches.ravel(), np.bincount(patches.ravel())
    means = np.stack([np.bincount(number, plane.ravel()) / pixels for plane in x.reshape(-1, *patches.shape)])
    return means[:, patches].reshape(x.shape).astype(x.dtype)


def _blurred(x: Array) -> Array:
    """A Gaussian blur, its weights scaled to a sum of one inside the image."""
    sigma = BLUR * min(x.shape[2:])
    rows, columns = (
        np.exp(-(np.subtract.outer(np.arange(side), np.arange(side)) ** 2) / (2 * sigma**2))
        for side in x.shape[2:]
    )
    rows, columns = (weights / weights.sum(axis=1, keepdims=True) for weights in (rows, columns))
    return kernels.product.between(rows, x, columns).astype(x.dtype)


def _imputed(x: Array, seed: int, images: Numbers, changed: Mask) -> Array:
    """The images without the pixels changed (m, h, w); what is drawn depends on the image and their count."""
    rngs = [np.random.default_rng([seed, i, each.sum()]) for i, each in zip(images, changed, strict=True)]
    return np.stack([road(x[i], each, rng) for i, each, rng in zip(images, changed, rngs, strict=True)])


def _scores(
    ask: Question, start: Array, end: Array | Imputed, ranks: Numbers, counts: Numbers, progress: bool
) -> Array:
    """(n, s + 1): the probability where the pixels of ranks (n, h, w) below each count are those of end."""
    scores = np.empty((len(start), len(counts)))
    for steps, images in ask.pairs(len(counts), progress):
        changed = ranks[images] < counts[steps, None, None]
        if callable(end):
            points = end(images, changed)
        else:
            points = np.where(changed[:, None], end[images], start[images])
        scores[images, steps] = ask.probabilities(points, images)
    return scores


def _images(curve: Degradation) -> str:
    return f"{len(curve.scores)} image{'s' if len(curve.scores) > 1 else ''}"


def _protocol(curve: Degradation) -> tuple[Any, ...]:
    """What curves that are compared must share."""
    steps, target = curve.steps.tolist(), curve.target.tolist()
    return curve.patch, curve.change, curve.patches, steps, target, curve.quantity


def _interval(values: Array, form: str) -> str:
    """The mean over the images and, of more than one, its interval: "0.41 [0.30, 0.52]"."""
    triple = [float(each) for each in mean_interval(values, LEVEL)]
    return interval(triple, form) if len(values) > 1 else minus(format(triple[0], form))
