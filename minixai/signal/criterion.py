"""The quality criterion ρ(S): how much of a unit's output can still be read from what S calls distractor?

An estimator S leaves the distractor d̂ = x − S(x) of a unit y = wᵀx + b. All estimators here have the form
S(x) = a₊·s₊ + a₋·s₋, where s = wᵀx, s₊ = s where y > 0 and else 0, s₋ = s − s₊; and all but the two-component
ones have a₊ = a₋. So d̂ is linear in z = (x, s₊, s₋), and the covariance of z is all that a least-squares
fit of s from d̂ needs: one matrix for all units and estimators of a layer.

The sign is that of y, as when the patterns are fitted. The factor is s, as in the paper, and not y: with a
bias in it, S_a± would leave cov[d̂, y] = −b·π₊·(E₊[y] − E[y])·(a₊ − a₋) on the samples it was fitted to.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.bootstrap import resamplings
from minixai.columns import aligned
from minixai.data.sealed import digest
from minixai.ops.sizes import pair
from minixai.signal.estimators import FilterEstimator, RandomEstimator
from minixai.signal.fitting import fit_patterns
from minixai.signal.layers import Batch, images_of, linear_calls, linear_layers
from minixai.signal.patterns import TOLERANCE, LayerPatterns, Patterns
from minixai.tape import Node, Tensor
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["ESTIMATORS", "Quality", "quality"]

KINDS = {  # of the patterns a₊ and a₋
    "linear": ("linear", "linear"),
    "two_component": ("positive", "negative"),
    "two_component_centred": ("positive_centred", "negative_centred"),
}
ESTIMATORS = ("random", "filter", *KINDS)
SAMPLES = {"all": "ρ over all samples", "active": "ρ₊ over the samples with y > 0"}
MOST_INPUTS = 10_000  # of a unit: their covariance takes .8 GB
NOTHING = 1e-10  # the share of the variance of x below which that of d̂ is rounding
LEVEL = 0.95  # of the bootstrap intervals
BLOCK = 100  # resamplings at a time


@dataclass(frozen=True, eq=False, repr=False)
class Quality:
    """ρ(S) of several estimators by layer; prints as a table of the means over units.

    estimators, ridges: what was measured. samples: "all", or "active" for ρ₊. images: it was tested on.
    units: {layer: (u,)}, the numbers of the units that were measured.
    rho: {layer: (ridges, estimators, u)} float64; NaN where it is undefined.
    resampled: (layers, draws, ridges, estimators), the means over units for redrawn test images.
    """

    estimators: tuple[str, ...]
    ridges: tuple[float, ...]
    samples: str
    images: int
    units: dict[str, np.ndarray]
    rho: dict[str, Array]
    resampled: Array

    def means(self) -> tuple[Array, Array, Array]:
        """The means over the units where ρ is defined: (mean, low, high), each (layers, ridges, estimators).

        low and high are the 95 % percentile bootstrap interval over the test images, the patterns and v as
        they are.
        """
        return _with_interval(np.stack([_mean(rho) for rho in self.rho.values()]), self.resampled)

    def difference(self, one: str, other: str) -> tuple[Array, Array, Array]:
        """ρ of one estimator less that of another, paired: (mean, low, high), each (layers, ridges)."""
        for name in (one, other):
            if name not in self.estimators:
                measured = ", ".join(self.estimators)
                raise ValueError(f"Quality.difference: {name!r} was not measured, expected one of {measured}")
        i, j = self.estimators.index(one), self.estimators.index(other)
        mean, resampled = self.means()[0], self.resampled
        return _with_interval(mean[..., i] - mean[..., j], resampled[..., i] - resampled[..., j])

    @property
    def heading(self) -> str:
        """What was measured."""
        intervals = f"{100 * LEVEL:.0f} % bootstrap intervals"
        return f"{SAMPLES[self.samples]}, mean over units; {self.images:,} test images, {intervals}"

    def __repr__(self) -> str:
        rows = [("layer", "units", "ridge", *self.estimators)]
        for (name, rho), *of_layer in zip(self.rho.items(), *self.means(), strict=True):
            units = str(np.isfinite(rho).any(axis=(0, 1)).sum())
            for ridge, *of_ridge in zip(self.ridges, *of_layer, strict=True):
                rows.append((name, units, f"{ridge:g}", *map(_cell, *of_ridge)))
        return f"{self.heading}\n{aligned(rows)}"

    def plot(self, title: str = "") -> Picture:
        """Draw the means with their intervals: over the layers, or a panel a layer over several ridges."""
        from minixai.plot.quality import by_layer, by_ridge

        means = self.means()
        if len(self.ridges) == 1:
            series = {name: [a[:, 0, i] for a in means] for i, name in enumerate(self.estimators)}
            return by_layer(list(self.rho), series, title, self.heading)
        series = {name: [a[..., i] for a in means] for i, name in enumerate(self.estimators)}
        return by_ridge(list(self.rho), np.array(self.ridges), series, title, self.heading)


def quality(
    model: Any,
    batches_fit: Iterable[Batch],
    batches_test: Iterable[Batch],
    estimators: Sequence[str] = ("random", "filter", "linear", "two_component"),
    layers: Sequence[str] | None = None,
    patterns: Patterns | None = None,
    samples: str = "all",
    ridge: float | Sequence[float] = 1e-6,
    units: int | None = 32,
    patches: int | None = 50,
    optimiser: Callable[[list[Tensor]], Any] | None = None,
    draws: int = 1000,
    seed: int = 0,
    progress: bool = True,
) -> Quality:
    """Measure the quality of signal estimators, layer by layer, on images that nothing was fitted to.

    ρ(S) = 1 − max_v corr(wᵀx, vᵀd̂),  d̂ = x − S(x),  v = (cov[d̂, d̂] + λI)⁻¹ cov[d̂, wᵀx]

    1: nothing of the output is left in the distractor; 0: all of it. As in the paper, patterns come from the
    first half of `batches_fit`, v from the second, ρ from `batches_test`.

    On the very samples that they were fitted to, S_a and S_a± have cov[d̂, wᵀx] = 0, so there ρ = 1 for any
    data and network, and a v fitted to these samples is rounding. On other images ρ tells how well patterns
    and v generalise: it grows with the number of images, and may exceed 1. An input i that never varies has
    d̂ᵢ = −aᵢ·wᵀx but for a constant: ρ is then near 0 for estimators with aᵢ ≠ 0 (random, filter). ρ is
    undefined (NaN) for a unit whose output or distractor is constant.

    model: a `Module`; it runs in eval mode.
    batches_fit: a list of batches, as `fit_patterns` takes them. With `patterns` any iterable, all for v.
    batches_test: any iterable of batches. 24 bytes an image, unit, estimator and ridge are kept of them.
    estimators: "random" (u·wᵀx / wᵀu), "filter" (w·wᵀx / wᵀw), "linear" (S_a), "two_component" (S_a±),
        "two_component_centred". The identity leaves d̂ = 0, so that ρ(S_x) is undefined.
    layers: their names; None means all, or those of `patterns`.
    patterns: fitted ones. Of a layer that lacks a kind ρ is NaN; with None all layers get all kinds.
    samples: "all", or "active" for ρ₊: only those with y > 0. Then each unit has a covariance of its own,
        and time and memory grow with `units`.
    ridge: λ over the mean variance of the inputs; several give a curve. Below 1e-7 the rounding of a float32
        model shows.
    units: the number measured in a layer, drawn at random; None means all.
    patches: the number of places at which a convolution is looked at, drawn at random for each image; None
        means all, with the memory of all patches of a batch.
    optimiser: None solves the normal equations. A function of a list of tensors that returns an optimiser,
        such as `functools.partial(mx.nn.Adam, lr=1e-2)`, fits v as in the paper, with a step a batch; for
        several epochs `batches_fit` holds the batches several times.
    draws: of the bootstrap over the test images. seed: of all that is drawn.

    Raises ValueError for unknown names, too few batches, patterns of another model, or a unit with more than
    10 000 inputs and no optimiser; and what `fit_patterns` raises.
    Kindermans et al. 2017, arXiv 1705.05598, the quality criterion and figure 3.
    """
    estimators, ridges = tuple(estimators), tuple(map(float, np.atleast_1d(ridge)))
    _check(estimators, samples, ridges, units=units, patches=patches, draws=draws)
    if patterns is not None and patterns.model != digest(model.state_dict()):
        raise ValueError("quality: patterns are of another model, or of other weights")
    first, source = _first_of(batches_fit, halved=patterns is None)
    x = images_of("quality", model, first)[:1]
    wanted = list(patterns) if layers is None and patterns is not None else layers
    names = list(linear_layers("quality", model, x, ("linear",), wanted))
    calls = linear_calls("quality", model, x)
    if optimiser is None:
        _check_sizes({name: calls[name][0].arrays[1][0].size for name in names})
    if patterns is None:
        patterns, source = _fit_on_first_half(model, batches_fit, names, estimators, progress)
    _check_patterns(patterns, names, estimators)

    fit = partial(_Descent, optimiser=optimiser) if optimiser else _NormalEquations
    cohorts = [
        cohort
        for name in names
        for cohort in _cohorts(calls[name][0], patterns[name], estimators, samples == "active", units, seed)
    ]
    for cohort in cohorts:
        cohort.fit = fit(cohort.signal, ridges)
    reader = _Reader(model, cohorts, patches, seed, progress)
    for cohort, _, z, kept in reader.samples(source, "fit v"):
        cohort.fit.add(z[kept])
    for cohort in cohorts:
        cohort.v = cohort.fit.solution()
    for cohort, call, z, kept in reader.samples(batches_test, "test"):
        cohort.score(z, kept, more=call > 0)
    if not cohorts[0].sums:
        raise ValueError("quality: batches_test is empty, expected at least one batch")
    return _summed_up(cohorts, estimators, ridges, samples, draws, seed)


def _check(
    estimators: tuple[str, ...], samples: str, ridges: tuple[float, ...], **numbers: int | None
) -> None:
    if "identity" in estimators:
        raise ValueError("quality: ρ of the identity is undefined: x − S(x) = 0 varies with nothing")
    if not estimators or not set(estimators) <= set(ESTIMATORS):
        raise ValueError(f"quality: estimators is {estimators}, expected some of {', '.join(ESTIMATORS)}")
    if samples not in SAMPLES:
        raise ValueError(f"quality: samples is {samples!r}, expected one of {', '.join(map(repr, SAMPLES))}")
    if not ridges or not all(0 < each < np.inf for each in ridges):
        raise ValueError(f"quality: ridge is {ridges}, expected positive numbers")
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ValueError(f"quality: {name} is {number}, expected at least 1")


def _check_sizes(inputs: dict[str, int]) -> None:
    for name, size in inputs.items():
        if size > MOST_INPUTS:
            raise ValueError(
                f"quality: the units of layer {name!r} have {size:,} inputs, whose covariance takes "
                f"{8e-9 * size**2:.1f} GB; leave it out of layers, or give an optimiser"
            )


def _first_of(batches: Iterable[Batch], halved: bool) -> tuple[Batch, Iterator[Batch]]:
    """The first of the batches, and all of them; if they are to be halved, they must be a list."""
    if halved and not (isinstance(batches, Sized) and len(batches) > 1):
        raise ValueError(
            "quality: batches_fit is halved, for the patterns and for v; expected a list of at least two "
            "batches, or fitted patterns"
        )
    source = iter(batches)
    for first in source:
        return first, itertools.chain([first], source)
    raise ValueError("quality: batches_fit is empty, expected at least one batch")


def _fit_on_first_half(
    model: Any, batches: Any, layers: list[str], estimators: tuple[str, ...], progress: bool
) -> tuple[Patterns, Iterator[Batch]]:
    """The patterns of the first half of the batches, and the second half."""
    half = len(batches) // 2
    kinds = tuple(dict.fromkeys(kind for name in estimators for kind in KINDS.get(name, ()))) or ("linear",)
    of_layers = dict.fromkeys(layers, kinds)
    patterns = fit_patterns(model, itertools.islice(batches, half), of_layers, layers, progress)
    return patterns, itertools.islice(batches, half, None)


def _check_patterns(patterns: Patterns, layers: list[str], estimators: tuple[str, ...]) -> None:
    if unknown := [name for name in layers if name not in patterns]:
        raise ValueError(f"quality: layers names {unknown[0]!r}, expected some of {', '.join(patterns)}")
    for name in estimators:
        kinds = set(KINDS.get(name, ()))
        if not any(kinds <= set(patterns[layer].by_kind) for layer in layers):
            wanted = " and ".join(sorted(kinds))
            raise ValueError(f"quality: no layer has patterns of kind {wanted}, which {name!r} needs")


def _rng(seed: int, purpose: str, *more: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *more])


@dataclass(eq=False)
class _Cohort:
    """Units of a layer that share their samples: those of a group, or one where only y > 0 counts."""

    layer: str
    units: np.ndarray  # (m,): their numbers
    channels: slice  # of the layer's input
    active: bool
    signal: Array  # (2, estimators, m, d): a₊ and a₋
    rounding: Array  # (m,): what s varies less than is constant
    fit: Any = None
    v: Array = field(default_factory=lambda: np.empty(0))  # (ridges, estimators, m, d)
    sums: list[tuple[Array, Array]] = field(default_factory=list)  # over places; see `score`

    def samples(self, x: Array, y: Array, s: Array) -> tuple[Array, np.ndarray]:
        """z (n, places, d + 2m) float64, and which of them count (n, places); x (n, places, c, …)."""
        x, y, s = x[:, :, self.channels].reshape(*y.shape[:2], -1), y[..., self.units], s[..., self.units]
        z = np.concatenate([x, s * (y > 0), s * (y <= 0)], axis=2, dtype=np.float64)
        return z, y[..., 0] > 0 if self.active else np.ones(y.shape[:2], bool)

    def score(self, z: Array, kept: np.ndarray, more: bool) -> None:
        """Take in test images: Σ 1, s, s² over places (n, 3, m), and Σ p, p², ps (n, 3, ridges,
        estimators, m).

        p = vᵀd̂; both less their means when v was fitted. more: they are those that came last.
        """
        x, above, below = _parts(z - self.fit.mean, self.signal)
        p, s, one = _read(self.v, self.signal, x, above, below), above + below, kept[..., None] + 0.0
        of_s = np.stack([(one * power).sum(axis=1) for power in (np.ones_like(s), s, s**2)], axis=1)
        one, s = one[..., None, None], s[:, :, None, None]
        of_p = np.stack([(one * p * factor).sum(axis=1) for factor in (1, p, s)], axis=1)
        if more:
            last_s, last_p = self.sums.pop()
            of_s, of_p = last_s + of_s, last_p + of_p
        self.sums.append((of_s, of_p))

    def by_image(self) -> tuple[Array, ...]:
        """The sums of all test images."""
        return tuple(np.concatenate(batches) for batches in zip(*self.sums, strict=True))


def _cohorts(
    node: Node,
    patterns: LayerPatterns,
    estimators: tuple[str, ...],
    active: bool,
    units: int | None,
    seed: int,
) -> Iterator[_Cohort]:
    w, groups, layer = node.arrays[1], node.params.get("groups", 1), node.layer or ""
    rng = _rng(seed, f"units of {layer}")
    chosen = np.sort(rng.permutation(len(w))[:units])
    signal = _signal(w, patterns, estimators, chosen, rng.integers(2**32, size=len(w)))
    group = chosen // (len(w) // groups)
    share = chosen if active else group
    size = np.abs(node.value).reshape(-1, len(w), node.value[0, 0].size).mean(axis=(0, 2))
    rounding = TOLERANCE * np.finfo(w.dtype).eps * size
    for each in np.unique(share):
        mine = share == each
        start = group[mine][0] * w.shape[1]
        channels = slice(start, start + w.shape[1])
        yield _Cohort(layer, chosen[mine], channels, active, signal[:, :, mine], rounding[chosen[mine]])


def _signal(
    w: Array, patterns: LayerPatterns, estimators: tuple[str, ...], units: np.ndarray, seeds: np.ndarray
) -> Array:
    """(2, estimators, m, d) float64: a₊ and a₋; NaN where there is no such pattern."""
    rows = w.reshape(len(w), -1).astype(np.float64)
    found = []
    for name in estimators:
        if name == "random":
            a = [RandomEstimator(rows[k], seed=int(seeds[k])).pattern for k in units]
        elif name == "filter":
            a = [FilterEstimator(rows[k]).pattern for k in units]
        if name not in KINDS:
            found.append([a, a])
            continue
        missing = np.full(w.shape, np.nan)
        of_kinds = [patterns.by_kind.get(kind, missing) for kind in KINDS[name]]
        found.append([of_kind[units].reshape(len(units), -1) for of_kind in of_kinds])
    return np.array(found, np.float64).swapaxes(0, 1)


@dataclass(frozen=True)
class _Reader:
    """Where samples come from: the calls of a model's layers, at places drawn for each image."""

    model: Any
    cohorts: list[_Cohort]
    patches: int | None
    seed: int
    progress: bool

    def samples(
        self, batches: Iterable[Batch], label: str
    ) -> Iterator[tuple[_Cohort, int, Array, np.ndarray]]:
        """(cohort, number of the call, z (n, places, d + 2m), which samples count (n, places))."""
        from tqdm.auto import tqdm

        total = len(batches) if isinstance(batches, Sized) else None
        images = 0
        with tqdm(batches, f"quality: {label}", total, disable=not self.progress, unit="batch") as bar:
            for batch in bar:
                x = images_of("quality", self.model, batch)
                calls = linear_calls("quality", self.model, x)
                for layer, cohorts in itertools.groupby(self.cohorts, lambda cohort: cohort.layer):
                    together = list(cohorts)
                    for number, node in enumerate(calls[layer]):
                        found = _at(node, self._places(layer, node, number, images))
                        yield from ((cohort, number, *cohort.samples(*found)) for cohort in together)
                images += len(x)

    def _places(self, layer: str, node: Node, call: int, images: int) -> np.ndarray:
        """(n, places): those of each image, whose numbers begin at `images`; the same in any batch."""
        n, count = len(node.value), node.value[0, 0].size
        if self.patches is None or self.patches >= count:
            return np.tile(np.arange(count), (n, 1))
        rngs = (_rng(self.seed, f"places in {layer}", call, images + i) for i in range(n))
        return np.stack([rng.choice(count, self.patches, replace=False, shuffle=False) for rng in rngs])


def _at(node: Node, places: np.ndarray) -> tuple[Array, Array, Array]:
    """x (n, places, c, …), y and s = wᵀx (n, places, k) of a layer's call."""
    (x, w, b), image = node.arrays, np.arange(len(places))[:, None]
    y = node.value.reshape(*node.value.shape[:2], -1)[image, :, places]
    s = y if b is None else y - b
    if x.ndim == 2:
        return x[:, None], y, s
    stride, dilation = (pair("quality", name, node.params[name]) for name in ("stride", "dilation"))
    top, left = pair("quality", "padding", node.params["padding"], least=0)
    padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
    span = [step * (size - 1) + 1 for step, size in zip(dilation, w.shape[2:], strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, span, (2, 3))
    row, column = np.divmod(places, node.value.shape[3])
    patches = windows[..., :: dilation[0], :: dilation[1]]
    return patches[image, :, row * stride[0], column * stride[1]], y, s


def _parts(z: Array, signal: Array) -> list[Array]:
    """z as x, s₊ and s₋."""
    d, m = signal.shape[3], signal.shape[2]
    return np.split(z, [d, d + m], axis=-1)


def _read(v: Array, signal: Array, x: Array, above: Array, below: Array) -> Array:
    """vᵀd̂ = vᵀx − vᵀa₊·s₊ − vᵀa₋·s₋: (…, ridges, estimators, m)."""
    va = (v * signal[:, None]).sum(axis=-1)
    p = (x @ v.reshape(-1, v.shape[-1]).T).reshape(*x.shape[:-1], *v.shape[:-1])
    return p - above[..., None, None, :] * va[0] - below[..., None, None, :] * va[1]


class _NormalEquations:
    """v from the covariance of z, added up sample by sample (Chan, Golub and LeVeque 1979)."""

    def __init__(self, signal: Array, ridges: tuple[float, ...]) -> None:
        size = signal.shape[3] + 2 * signal.shape[2]
        self.signal, self.ridges = signal, ridges
        self.count, self.mean, self.scatter = 0, np.zeros(size), np.zeros((size, size))

    def add(self, z: Array) -> None:
        """Take in samples z (rows, d + 2m)."""
        if not len(z):
            return
        count, mean = self.count + len(z), z.mean(axis=0)
        centred, step = z - mean, mean - self.mean
        self.scatter += centred.T @ centred
        self.scatter += np.outer(step, step * (self.count * len(z) / count))
        self.mean, self.count = self.mean + step * (len(z) / count), count

    def solution(self) -> Array:
        """v (ridges, estimators, m, d).

        cov[d̂, d̂] = C + U·B·Uᵀ, with C = cov[x, x], U = (cov[x, s₊], cov[x, s₋], a₊, a₋) and
        B = (0, −I; −I, V), V = cov[s±, s±]; so C is decomposed once, and (C + λI + U·B·Uᵀ)⁻¹ comes from
        Woodbury's identity, with B⁻¹ = (−V, −I; −I, 0).
        """
        m, d = self.signal.shape[2:]
        cov = self.scatter / max(self.count, 1)
        values, basis = np.linalg.eigh(cov[:d, :d])
        if not values.any():  # x never varies
            return np.full((len(self.ridges), *self.signal.shape[1:]), np.nan)
        a, c = self.signal @ basis, (cov[d:, :d] @ basis).reshape(2, m, d)
        by_unit = np.arange(m)
        V = cov[d:, d:].reshape(2, m, 2, m)[:, by_unit, :, by_unit]  # (m, 2, 2)
        inverse_B = np.zeros((m, 4, 4))
        inverse_B[:, :2, :2] = -V
        inverse_B[:, :2, 2:] = inverse_B[:, 2:, :2] = -np.eye(2)
        U = np.concatenate([np.broadcast_to(c[:, None], a.shape), a]).transpose(1, 2, 0, 3)
        with_s = c.sum(axis=0) - np.einsum("temd,mt->emd", a, V.sum(axis=2))  # cov[d̂, s]
        found = []
        for ridge in self.ridges:
            spectrum = np.maximum(values, 0) + ridge * values.mean()
            scaled = U / spectrum
            inner = inverse_B + scaled @ U.swapaxes(-1, -2)
            out = np.linalg.solve(inner, scaled @ with_s[..., None])
            found.append((with_s - (out * U).sum(axis=-2)) / spectrum @ basis.T)
        total = values.sum()
        left = total - 2 * np.einsum("tmd,temd->em", c, a) + np.einsum("temd,mts,semd->em", a, V, a)
        undefined = (V.sum(axis=(1, 2)) <= 0) | (left <= NOTHING * total)  # s or d̂ does not vary
        return np.where(undefined[..., None], np.nan, found)


class _Descent:
    """v by an optimiser, a step for each batch of samples; they are centred on the batch's mean."""

    def __init__(
        self, signal: Array, ridges: tuple[float, ...], optimiser: Callable[[list[Tensor]], Any]
    ) -> None:
        self.signal, self.ridges = signal, np.array(ridges)[:, None, None, None]
        self.v = Tensor(np.zeros((len(ridges), *signal.shape[1:])))
        self.optimiser = optimiser([self.v])
        self.count, self.mean = 0, np.zeros(signal.shape[3] + 2 * signal.shape[2])

    def add(self, z: Array) -> None:
        """Make a step down ½E[(vᵀd̂ − s)²] + ½λ‖v‖², from samples z (rows, d + 2m)."""
        if not len(z):
            return
        self.count += len(z)
        mean = z.mean(axis=0)
        self.mean += (mean - self.mean) * (len(z) / self.count)
        x, above, below = _parts(z - mean, self.signal)
        error = _read(self.v.value, self.signal, x, above, below) - (above + below)[:, None, None]
        g = np.tensordot(error, x, (0, 0))
        for a, part in zip(self.signal, (above, below), strict=True):
            g -= np.einsum("nrem,nm->rem", error, part)[..., None] * a
        self.optimiser.step({self.v: g / len(z) + self.ridges * x.var(axis=0).mean() * self.v.value})

    def solution(self) -> Array:
        """v (ridges, estimators, m, d)."""
        return self.v.value if self.count else np.full_like(self.v.value, np.nan)


def _rho(of_s: Array, of_p: Array, least: Array) -> Array:
    """ρ (…, ridges, estimators, m) from sums as `score` makes them; NaN where s varies no more than least."""
    n, s, ss = np.moveaxis(of_s[..., None, None, :], -4, 0)
    p, pp, ps = np.moveaxis(of_p, -4, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        var_s, var_p, cov = ss / n - (s / n) ** 2, pp / n - (p / n) ** 2, ps / n - p * s / n**2
        correlation = np.where(var_p == 0, 0, cov / np.sqrt(var_s * var_p))
    return np.where(var_s > least**2, 1 - correlation, np.nan)


def _summed_up(
    cohorts: list[_Cohort],
    estimators: tuple[str, ...],
    ridges: tuple[float, ...],
    samples: str,
    draws: int,
    seed: int,
) -> Quality:
    units, rho, resampled = {}, {}, []
    counts = resamplings(sum(len(of_s) for of_s, _ in cohorts[0].sums), draws, seed).astype(np.float64)
    for layer, of_layer in itertools.groupby(cohorts, lambda cohort: cohort.layer):
        together = list(of_layer)
        units[layer] = np.concatenate([cohort.units for cohort in together])
        rounding = np.concatenate([cohort.rounding for cohort in together])
        parts = zip(*(cohort.by_image() for cohort in together), strict=True)
        of_s, of_p = (np.concatenate(part, axis=-1) for part in parts)
        rho[layer] = _rho(of_s.sum(axis=0), of_p.sum(axis=0), rounding)
        means = [
            _mean(_rho(np.tensordot(block, of_s, 1), np.tensordot(block, of_p, 1), rounding))
            for block in np.split(counts, range(BLOCK, draws, BLOCK))
        ]
        resampled.append(np.concatenate(means))
    return Quality(estimators, ridges, samples, counts.shape[1], units, rho, np.stack(resampled))


def _mean(rho: Array) -> Array:
    """The mean over the units, the last axis, where they are defined; NaN where none is."""
    defined = np.isfinite(rho)
    with np.errstate(invalid="ignore"):
        mean: Array = np.where(defined, rho, 0).sum(axis=-1) / defined.sum(axis=-1)
    return mean


def _with_interval(mean: Array, resampled: Array) -> tuple[Array, Array, Array]:
    """With the interval of what was resampled, (layers, draws, …)."""
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return mean, low, high


def _cell(mean: float, low: float, high: float) -> str:
    return "undefined" if np.isnan(mean) else f"{mean:.3f} [{low:.3f}, {high:.3f}]".replace("-", "−")
