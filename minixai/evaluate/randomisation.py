"""Sanity checks: does a map change when the network forgets what it learned (Adebayo et al. 2018)?

Asks whether a map depends on the network at all: it is "faithful to the model" at its weakest, and says
nothing of whether it is right. A map that stays may do so since the first layers and the image decide it;
a map that changes may change for the scale of the logit alone. And the task confounds the test: where any
network would look at the object, a map that stays is no fault (Yona and Greenfeld 2021).
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.columns import aligned, minus
from minixai.errors import ShapeError, several_names
from minixai.methods import METHODS, MapWarning
from minixai.methods.question import Question
from minixai.nn import Module, Parameter
from minixai.nn.init import fan_in, uniform
from minixai.progress import progress_bar
from minixai.settings import whole_number
from minixai.similarity import rank_correlation
from minixai.tape import Tensor
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["MEASURES", "Randomisation", "randomise", "untrained"]

CALL = "randomise"
ORDERS = {
    "cascading": "all layers from the last down to the one named are",
    "independent": "only the layer named is",
}
WAYS = {"drawn": "re-initialised", "shuffled": "shuffled"}

Call = Callable[[Module, Array, Any], Any]


def _spearman(one: Array, other: Array) -> Array:
    return rank_correlation(one, other)


def _spearman_abs(one: Array, other: Array) -> Array:
    return rank_correlation(np.abs(one), np.abs(other))


def _ssim(one: Array, other: Array) -> Array:
    metrics = _scikit_image("metrics")
    pairs = zip(_scaled(one), _scaled(other), strict=True)
    return np.array([metrics.structural_similarity(a, b, win_size=5, data_range=1.0) for a, b in pairs])


def _hog(one: Array, other: Array) -> Array:
    """Pearson's correlation of the histograms of oriented gradients."""
    feature = _scikit_image("feature")
    side = max(2, min(one.shape[1:]) // 8)
    hog = partial(feature.hog, pixels_per_cell=(side, side), cells_per_block=(1, 1))
    found = []
    for a, b in zip(_scaled(one), _scaled(other), strict=True):
        a, b = (each - each.mean() for each in (hog(a), hog(b)))
        product = np.sqrt(np.square(a).sum() * np.square(b).sum())
        found.append(a @ b / product if product else np.nan)
    return np.array(found)


MEASURES: dict[str, tuple[str, Callable[[Array, Array], Array]]] = {
    "spearman": ("rank correlation", _spearman),
    "spearman_abs": ("rank correlation of |map|", _spearman_abs),
    "ssim": ("SSIM", _ssim),
    "hog": ("correlation of HOGs", _hog),
}


def _alike(measure: str, one: Array, other: Array) -> Array:
    """(n,): NaN where a map is zero."""
    dark = ~(one.any(axis=(1, 2)) & other.any(axis=(1, 2)))
    return np.where(dark, np.nan, MEASURES[measure][1](one, other))


def _scikit_image(module: str) -> Any:
    try:
        return import_module(f"skimage.{module}")
    except ImportError as error:
        raise ImportError(
            f'{CALL}: SSIM and HOG need scikit-image: pip install "minixai[lessons]", or choose '
            "measures=('spearman', 'spearman_abs')"
        ) from error


def _scaled(maps: Array) -> Array:
    """Each map by its largest |value|, from [−1, 1] to [0, 1]."""
    most = np.abs(maps).max(axis=(1, 2), keepdims=True)
    return maps / np.where(most > 0, 2 * most, 1) + 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Randomisation:
    """How like the map of the trained network the maps of ever more random ones are; prints as a table."""

    order: str  # "cascading" or "independent"
    way: str  # "drawn" or "shuffled"
    layers: tuple[str, ...]  # from the last to the first
    likeness: Mapping[str, Mapping[str, Array]]  # method → measure → (layers, n)
    elsewhere: Mapping[str, Mapping[str, Array]]  # method → measure → (n,), with the next image's map
    maps: Mapping[str, Array]  # method → (1 + layers, h, w): of the first image, summed over the channels

    def __repr__(self) -> str:
        measures = [*next(iter(self.likeness.values()))]
        places = sorted({0, len(self.layers) // 2, len(self.layers) - 1})
        rows = [["", "", *(self.layers[k] for k in places), "another image"]]
        for method, found in self.likeness.items():
            for measure in measures:
                values = [_mean(found[measure][k]) for k in places]
                other = _mean(self.elsewhere[method][measure])
                rows.append([method, MEASURES[measure][0], *map(_words, (*values, other))])
        images = next(iter(self.elsewhere.values()))[measures[0]].size
        what = f"{self.order}, weights {WAYS[self.way]}: {ORDERS[self.order]}; {images} images"
        return f"Randomisation, {what}\n{aligned(rows, left=(0, 1))}"

    def plot(self, title: str = "") -> Picture:
        """Draw the mean likeness over the layers, a panel a measure, a line a method."""
        from minixai.plot.randomisation import likeness_curves

        measures = [*next(iter(self.likeness.values()))]
        lines = {
            MEASURES[m][0]: {name: [_mean(row) for row in found[m]] for name, found in self.likeness.items()}
            for m in measures
        }
        floors = {
            MEASURES[m][0]: {name: _mean(found[m]) for name, found in self.elsewhere.items()}
            for m in measures
        }
        return likeness_curves(self.layers, lines, floors, title or self._title())

    def plot_maps(self, title: str = "") -> Picture:
        """Draw the first image's maps, a row a method, a column a layer: Adebayo et al. 2018, figure 2."""
        from minixai.plot.randomisation import map_grid

        return map_grid(("trained", *self.layers), self.maps, title or self._title())

    def _title(self) -> str:
        return f"Maps of ever more random networks ({self.order}, {WAYS[self.way]})"


def randomise(
    model: Module,
    x: Any,
    methods: Sequence[str] | Mapping[str, Call] | None = None,
    order: str = "cascading",
    *,
    way: str = "drawn",
    target: Any = None,
    measures: Sequence[str] = tuple(MEASURES),
    fit: Callable[[Module], Any] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Randomisation:
    """Randomise the layers, the last one first, and compare each map with that of the trained network.

    Adebayo et al. 2018, section 3: "cascading" randomises from the last layer down to each one,
    "independent" each layer alone. A low likeness says that the map depends on those layers.

    model: is not changed; a copy is. x: (n, c, h, w). target: the class; None means the largest logit of the
    trained model, whose maps are asked for throughout.
    methods: names of the catalogue, or name → function (model, x, target) -> map; None means all that take
        one walk back, without those that take patterns.
    way: "drawn", weights and biases from U(±1/√fan_in), scales 1 and shifts 0, as layers begin; "shuffled",
        the entries of each parameter among themselves, which keeps their distribution.
    measures: "spearman", "spearman_abs" (the rank correlation of the maps, and of their |values|), "ssim"
        (windows of 5 pixels) and "hog" (Pearson's, of 9 orientations in cells of an eighth of the image),
        both of maps divided by their largest |value|. Maps are summed over the channels before.
    fit: model -> patterns; each random network has its own. Pattern methods need it.

    A map that is zero is like nothing: NaN, which means leave out. A last layer with a ReLU behind it may be
    silent when drawn. Beside each stands what another image's map has (`elsewhere`; NaN for one image): less
    alike than that is not alike at all.
    Raises ValueError for an unknown name, order, way or measure, or pattern methods without `fit`;
    ImportError for SSIM or HOG without scikit-image.
    """
    if order not in ORDERS or way not in WAYS:
        raise ValueError(
            f"{CALL}: order is {order!r} and way {way!r}, expected one of {', '.join(ORDERS)} and of "
            f"{', '.join(WAYS)}"
        )
    for name in several_names(CALL, "measures", measures):
        if name not in MEASURES:
            raise ValueError(f"{CALL}: measures has {name!r}, expected some of {', '.join(MEASURES)}")
    ask = Question(CALL, model, x, target)
    if ask.x.ndim != 4:
        raise ShapeError(f"{CALL}: x has shape {ask.x.shape}, expected images (n, c, h, w)")
    rng = np.random.default_rng(whole_number(CALL, "seed", seed, least=0))
    calls, layers = _calls(methods, fit), _layers(model, ask.x)
    before = _maps(calls, _refitted(copy.deepcopy(model), fit), ask)
    likeness: dict[str, dict[str, list[Array]]] = {name: {m: [] for m in measures} for name in calls}
    shown = {name: [maps[0]] for name, maps in before.items()}
    changed = copy.deepcopy(model)
    with progress_bar(progress, layers, CALL, unit="layer", leave=False) as bar:
        for layer in bar:
            changed = changed if order == "cascading" else copy.deepcopy(model)
            _forget(dict(changed.named_modules())[layer], way, rng)
            for name, maps in _maps(calls, _refitted(changed, fit), ask).items():
                shown[name].append(maps[0])
                for m in measures:
                    likeness[name][m].append(_alike(m, before[name], maps))
    elsewhere = {
        name: {m: _alike(m, maps, np.roll(maps, 1, axis=0)) for m in measures}
        if len(maps) > 1
        else dict.fromkeys(measures, np.full(1, np.nan))
        for name, maps in before.items()
    }
    return Randomisation(
        order,
        way,
        tuple(layers),
        {name: {m: np.stack(rows) for m, rows in found.items()} for name, found in likeness.items()},
        elsewhere,
        {name: np.stack(maps) for name, maps in shown.items()},
    )


def untrained(model: Module, seed: int = 0) -> Module:
    """A copy of the model whose layers have forgotten what they learned: as "drawn" by `randomise`.

    A method that shows the same of it has shown nothing of the model. It comes without patterns.
    """
    other, rng = copy.deepcopy(model), np.random.default_rng(whole_number("untrained", "seed", seed, least=0))
    for _, layer in other.named_modules():
        _forget(layer, "drawn", rng)
    if hasattr(other, "patterns"):
        other.patterns = None
    return other


def _calls(methods: Sequence[str] | Mapping[str, Call] | None, fit: Any) -> dict[str, Call]:
    """By title."""
    if isinstance(methods, Mapping):
        return dict(methods)
    if methods is None:
        methods = [name for name, each in METHODS.items() if each.quick and (fit or not each.takes_patterns)]
    calls: dict[str, Call] = {}
    for name in several_names(CALL, "methods", methods):
        if name not in METHODS:
            raise ValueError(f"{CALL}: methods has {name!r}, expected some of {', '.join(METHODS)}")
        method = METHODS[name]
        if method.takes_patterns and fit is None:
            raise ValueError(f"{CALL}: {name} takes patterns, expected fit, a function model -> patterns")
        quiet = {"progress": False} if "progress" in inspect.signature(method.function).parameters else {}
        calls[method.title] = partial(method.function, **quiet)
    return calls


def _layers(model: Module, x: Array) -> list[str]:
    """The names of the layers with parameters of their own, the last that is called first."""
    _, outputs = model.trace(Tensor(x[:1]), record=False)
    modules = dict(model.named_modules())
    return [name for name in outputs if name and _parameters(modules[name])][::-1]


def _parameters(layer: Module) -> list[Parameter]:
    return [value for value in vars(layer).values() if isinstance(value, Parameter)]


def _forget(layer: Module, way: str, rng: np.random.Generator) -> None:
    """Give a layer's own parameters other values."""
    parameters = _parameters(layer)
    bound = max((1 / np.sqrt(fan_in(p.shape)) for p in parameters if p.ndim > 1), default=None)
    for p in parameters:
        if way == "shuffled":
            drawn = rng.permutation(p.value.ravel()).reshape(p.shape)
        elif bound is not None:
            drawn = uniform(p.shape, bound, rng)
        else:  # a normalisation's scale and shift
            drawn = np.full(p.shape, 1.0 if p is parameters[0] else 0.0)
        p.value = drawn.astype(p.dtype)


def _refitted(model: Module, fit: Callable[[Module], Any] | None) -> Module:
    if fit is not None:
        model.patterns = fit(model)
    return model


def _maps(calls: Mapping[str, Call], model: Module, ask: Question) -> dict[str, Array]:
    """{method: (n, h, w)}: maps of the classes of the trained model, summed over the channels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)  # a zero map is like nothing, and counts so
        return {
            name: np.asarray(call(model, ask.x, ask.target), np.float64).sum(axis=1)
            for name, call in calls.items()
        }


def _mean(values: Array) -> float:
    """Of those that are numbers; NaN where none is."""
    found = values[~np.isnan(values)]
    return float(found.mean()) if len(found) else np.nan


def _words(value: float) -> str:
    return "–" if np.isnan(value) else minus(f"{value:.2f}")
