"""Does a modified backward pass still know where it began (Sixt et al. 2020)?

A product of non-negative matrices tends to rank 1, and then every unit's map is the same, but for a factor.
It need not: the identity is non-negative and does not converge, and convolutions are sparse and local. So it
is measured, layer by layer, as is how alike the maps of different classes are.

Asks whether a map can depend on what is explained: "faithful to the model" at its weakest.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.columns import aligned, minus
from minixai.errors import several_names
from minixai.methods import METHODS, MapWarning
from minixai.methods.question import Answer, Question
from minixai.nn import Module
from minixai.progress import progress_bar
from minixai.settings import whole_number
from minixai.tape import Tensor
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["Convergence", "convergence"]

CALL = "convergence"


@dataclass(frozen=True, eq=False, repr=False)
class Convergence:
    """How alike the maps are that start in different places; prints as a table.

    cosine: method → (layers, n), the median |cosine| of maps that start from random relevances of a layer
    (Sixt et al.'s cosine similarity convergence). ratio: method → (layers, n), σ₂/σ₁ of the maps of units at
    one place: 0 for rank 1, 1 where two directions are equally strong. classes: method → (n,), the median
    |cosine| of the maps of the 2·starts classes with the largest output. NaN where fewer than two maps are
    not zero.
    """

    layers: tuple[str, ...]  # from the first to the last
    cosine: Mapping[str, Array]
    ratio: Mapping[str, Array]
    classes: Mapping[str, Array]
    starts: int

    def __repr__(self) -> str:
        rows = [["", "", *self.layers, "classes"]]
        for name in self.cosine:
            median = [_words(_median(row)) for row in self.cosine[name]]
            rows.append([name, "|cosine|", *median, _words(_median(self.classes[name]))])
            rows.append(["", "σ₂/σ₁", *(_words(_median(row)) for row in self.ratio[name]), ""])
        images = len(next(iter(self.classes.values())))
        what = f"{self.starts} starts a layer, medians over {images} images"
        return f"Convergence, {what}: |cosine| 1 or σ₂/σ₁ 0 forgets the start\n{aligned(rows, left=(0, 1))}"

    def plot(self, title: str = "") -> Picture:
        """Draw both by layer, and the classes at the end, a line a method."""
        from minixai.plot.randomisation import convergence_curves

        by_layer = [
            {name: [_median(row) for row in rows] for name, rows in found.items()}
            for found in (self.cosine, self.ratio)
        ]
        classes = {name: _median(found) for name, found in self.classes.items()}
        title = title or "Does a map know where the way back began?"
        return convergence_curves(self.layers, by_layer[0], by_layer[1], classes, title)


def convergence(
    model: Module,
    x: Any,
    methods: Sequence[str] | None = None,
    layers: Sequence[str] | None = None,
    *,
    starts: int = 16,
    seed: int = 0,
    progress: bool = True,
) -> Convergence:
    """Start the way back from many places of a layer, and see how alike the maps are.

    The cosines are of maps that start from normal random numbers at all units of the layer. The singular
    values are those of a matrix of `starts` maps, each of length 1, of units drawn from one place, the one
    with the strongest activations: units of different places would differ by the place alone.
    Sixt et al. 2020, arXiv 1912.09818, section 4.

    x: (n, …), one image at a time is looked at. methods: names of the catalogue that take one walk back; None
    means all, pattern methods where the model has patterns. layers: None means all with parameters.
    Raises ValueError for a name that is no such method or layer.
    """
    starts = whole_number(CALL, "starts", starts, least=2)
    rng = np.random.default_rng(whole_number(CALL, "seed", seed, least=0))
    x = model.check_input(CALL, x)
    names = _methods(model, methods)
    _, outputs = model.trace(Tensor(x[:1]), record=False)
    modules = dict(model.named_modules())
    known = [name for name in outputs if name and hasattr(modules[name], "weight")]
    chosen = known if layers is None else list(several_names(CALL, "layers", layers))
    for name in chosen:
        if name not in outputs:
            raise ValueError(f"{CALL}: layers has {name!r}, expected some of {', '.join(outputs)}")
    cosine, ratio = ({name: np.full((len(chosen), len(x)), np.nan) for name in names} for _ in range(2))
    classes = {name: np.full(len(x), np.nan) for name in names}
    tasks = [(i, k) for i in range(len(x)) for k in range(len(chosen))]
    with progress_bar(progress, tasks, CALL, leave=False) as bar:
        for i, k in bar:
            image = np.repeat(x[i : i + 1], 2 * starts, axis=0)
            output = model.trace(Tensor(x[i : i + 1]), record=False)[1][chosen[k]][0].value[0]
            for name in names:
                ask = Question(name, model, image, layer=chosen[k], seed="one")
                ask.start_from(_starts(output, starts, rng))
                maps = _maps(name, ask)
                ratio[name][k, i], cosine[name][k, i] = _ratio(maps[:starts]), _cosine(maps[starts:])
    for i in range(len(x)):
        targets = np.argsort(-model.predict(x[i : i + 1]).ravel(), kind="stable")[: 2 * starts]
        image = np.repeat(x[i : i + 1], len(targets), axis=0)
        for name in names:
            classes[name][i] = _cosine(_maps(name, Question(name, model, image, targets)))
    return Convergence(tuple(chosen), _by_title(cosine), _by_title(ratio), _by_title(classes), starts)


def _by_title(found: Mapping[str, Array]) -> dict[str, Array]:
    return {METHODS[name].title: each for name, each in found.items()}


def _methods(model: Module, methods: Sequence[str] | None) -> list[str]:
    has_patterns = getattr(model, "patterns", None) is not None
    known = [
        name
        for name, each in METHODS.items()
        if each.quick and not each.control and (has_patterns or not each.takes_patterns)
    ]
    names = known if methods is None else list(several_names(CALL, "methods", methods))
    for name in names:
        if name not in known:
            raise ValueError(f"{CALL}: methods has {name!r}, expected some of {', '.join(known)}")
    return names


def _starts(output: Array, starts: int, rng: np.random.Generator) -> Array:
    """One unit each, of different feature maps at one place; then random numbers at all units."""
    units = np.flatnonzero(_at_one_place(output))
    chosen = rng.choice(units, min(starts, len(units)), replace=False)
    begin = np.zeros((2 * starts, output.size), output.dtype)
    begin[np.arange(len(chosen)), chosen] = 1
    begin[starts:] = rng.standard_normal(begin[starts:].shape)
    return begin.reshape(-1, *output.shape)


def _at_one_place(output: Array) -> Array:
    """Whether a unit of (c, h, w) is where the activations are strongest; all units of (k,) are."""
    if output.ndim != 3:
        return np.ones(output.shape, bool)
    strength = np.abs(output).sum(axis=0)
    return np.broadcast_to(strength == strength.max(), output.shape)


def _maps(name: str, ask: Question) -> Array:
    """(m, pixels): the maps of a method, as it would answer this question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)
        said = METHODS[name].function.__wrapped__(ask)  # type: ignore[attr-defined]
        said = ask.walk(said) if isinstance(said, Mapping) else said
    found = said.map if isinstance(said, Answer) else said
    return found.reshape(len(found), -1).astype(np.float64)


def _unit(maps: Array) -> Array:
    """Those that are not zero, each of length 1."""
    largest = np.abs(maps).max(axis=1)
    maps = maps[largest > 0] / largest[largest > 0, None]
    return maps / np.linalg.norm(maps, axis=1, keepdims=True)


def _ratio(maps: Array) -> float:
    values = np.linalg.svd(_unit(maps), compute_uv=False)
    return float(values[1] / values[0]) if len(values) > 1 else np.nan


def _cosine(maps: Array) -> float:
    unit = _unit(maps)
    pairs = np.abs(unit @ unit.T)[np.triu_indices(len(unit), 1)]
    return float(np.median(pairs)) if len(pairs) else np.nan


def _median(values: Array) -> float:
    found = values[~np.isnan(values)]
    return float(np.median(found)) if len(found) else np.nan


def _words(value: float) -> str:
    return "–" if np.isnan(value) else minus(f"{value:.2f}")
