"""Measure ρ: check what is asked for, fit patterns and v, test, and sum up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from typing import Any

import numpy as np

from minixai import kernels
from minixai.bootstrap import resamplings
from minixai.errors import came, several_names, speaking_as
from minixai.evaluate.criterion.cohorts import ESTIMATORS, KINDS, Cohort, cohorts_of, rho_of
from minixai.evaluate.criterion.result import SAMPLES, Quality, mean_over_units
from minixai.evaluate.criterion.samples import Reader
from minixai.evaluate.criterion.solvers import Descent, NormalEquations
from minixai.methods.unit import check_layer
from minixai.nn import SGD, Adam, Module, Parameter
from minixai.nn.module import check_model
from minixai.settings import finite_array, finite_number, one_of, whole_number
from minixai.signal.fitting import fit_patterns
from minixai.signal.layers import Batch, images_of, linear_calls, linear_layers
from minixai.signal.patterns import Patterns, check_patterns
from minixai.typing import Array

__all__ = ["quality"]

MOST_INPUTS = 10_000  # of a unit: their covariance takes .8 GB
DRAWS_AT_A_TIME = 100  # resamplings at a time


def quality(
    model: Module,
    fit: Iterable[Batch],
    test: Iterable[Batch],
    estimators: Sequence[str] = ("random", "filter", "linear", "two_component"),
    layers: Sequence[str] | None = None,
    *,
    patterns: Patterns | None = None,
    samples: str = "all",
    ridge: float | Sequence[float] = 1e-6,
    units: int | None = 32,
    patches: int | None = 50,
    optimiser: Callable[[list[Parameter]], Any] | None = None,
    draws: int = 1000,
    seed: int = 0,
    progress: bool = True,
) -> Quality:
    """Measure the quality of signal estimators, layer by layer, on images that nothing was fitted to.

    ρ(S) = 1 − max_v corr(wᵀx, vᵀd̂),  d̂ = x − S(x),  v = (cov[d̂, d̂] + λI)⁻¹ cov[d̂, wᵀx]

    1: nothing of the output is left in the distractor; 0: all of it. As in the paper, patterns come from the
    first half of `fit`, v from the second, ρ from `test`.

    On the very samples that they were fitted to, S_a and S_a± have cov[d̂, wᵀx] = 0, so there ρ = 1 for any
    data and network, and a v fitted to these samples is rounding. On other images ρ tells how well patterns
    and v generalise: it grows with the number of images, and may exceed 1. An input i that never varies has
    d̂ᵢ = −aᵢ·wᵀx but for a constant: ρ is then near 0 for estimators with aᵢ ≠ 0 (random, filter). ρ is
    undefined (NaN) for a unit whose output or distractor is constant.

    model: a `Module`; it runs in eval mode.
    fit: a list of batches, as `fit_patterns` takes them. With `patterns` any iterable, all for v.
    test: any iterable of batches. 24 bytes an image, unit, estimator and ridge are kept of them.
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
    optimiser: None solves the normal equations. A function of a list of parameters that returns an optimiser,
        such as `functools.partial(mx.nn.Adam, lr=1e-2)`, fits v as in the paper, with a step a batch; for
        several epochs `fit` holds the batches several times.
    draws: of the bootstrap over the test images. seed: of all that is drawn.

    Raises ValueError for unknown names, too few batches, patterns of another model, or a unit with more than
    10 000 inputs and no optimiser; and what `fit_patterns` raises.
    Kindermans et al. 2017, arXiv 1705.05598, the quality criterion and figure 3.
    """
    check_model("quality", model)
    estimators, ridges = tuple(several_names("quality", "estimators", estimators)), _ridges(ridge)
    _check(estimators, samples, units=units, patches=patches)
    whole_number("quality", "draws", draws)
    whole_number("quality", "seed", seed, least=0)
    if optimiser is not None and (not callable(optimiser) or isinstance(optimiser, SGD | Adam)):
        expected = "a function of a list of parameters: functools.partial(mx.nn.Adam, lr=1e-2)"
        raise TypeError(f"quality: optimiser is {came(optimiser)}, expected {expected}")
    if patterns is not None:
        check_patterns("quality", patterns).check_model("quality", model)
    fit, test = several_names("quality", "fit", fit), several_names("quality", "test", test)
    for name in several_names("quality", "layers", [] if layers is None else layers):
        check_layer("quality", model, name, "layers")
    first, source = _first_of(fit, halved=patterns is None)
    x = images_of("quality", model, first)[:1]
    wanted = list(patterns) if layers is None and patterns is not None else layers
    names = list(linear_layers("quality", model, x, ("linear",), wanted))
    calls = linear_calls("quality", model, x)
    if optimiser is None:
        _check_sizes({name: calls[name][0].arrays[1][0].size for name in names})
    if patterns is None:
        patterns, source = _fit_on_first_half(model, fit, names, estimators, progress)
    _check_patterns(patterns, names, estimators)

    solver = (
        partial(Descent, ridges=ridges, optimiser=optimiser)
        if optimiser
        else partial(NormalEquations, ridges=ridges)
    )
    cohorts = [
        cohort
        for name in names
        for cohort in cohorts_of(
            calls[name][0], patterns[name], estimators, samples == "active", units, seed, solver
        )
    ]
    reader = Reader(model, cohorts, patches, seed, progress)
    for cohort, _, z, kept in reader.samples(source, "fit v"):
        cohort.solver.add(z[kept])
    for cohort in cohorts:
        cohort.solve()
    for cohort, call, z, kept in reader.samples(test, "test"):
        cohort.score(z, kept, more=call > 0)
    if not cohorts[0].sums:
        raise ValueError("quality: test is empty, expected at least one batch")
    return _summed_up(cohorts, estimators, ridges, samples, draws, seed)


def _ridges(ridge: float | Sequence[float]) -> tuple[float, ...]:
    """One or several positive numbers."""
    ridges = np.atleast_1d(finite_array("quality", "ridge", ridge))
    if ridges.ndim > 1 or not ridges.size:
        raise ValueError(f"quality: ridge is {came(ridge)}, expected at least one number")
    return tuple(finite_number("quality", "ridge", each, above=0) for each in ridges)


def _check(estimators: tuple[str, ...], samples: str, **numbers: int | None) -> None:
    if "identity" in estimators:
        raise ValueError("quality: ρ of the identity is undefined: x − S(x) = 0 varies with nothing")
    if not estimators or not all(each in ESTIMATORS for each in estimators):
        raise ValueError(
            f"quality: estimators is {came(estimators)}, expected some of {', '.join(ESTIMATORS)}"
        )
    one_of("quality", "samples", samples, SAMPLES)
    for name, number in numbers.items():
        if number is not None:
            whole_number("quality", name, number)


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
            "quality: fit is halved, for the patterns and for v; expected a list of at least two "
            "batches, or fitted patterns"
        )
    source = iter(batches)
    for first in source:
        return first, itertools.chain([first], source)
    raise ValueError("quality: fit is empty, expected at least one batch")


def _fit_on_first_half(
    model: Module, batches: Any, layers: list[str], estimators: tuple[str, ...], progress: bool
) -> tuple[Patterns, Iterator[Batch]]:
    """The patterns of the first half of the batches, and the second half."""
    half = len(batches) // 2
    kinds = tuple(dict.fromkeys(kind for name in estimators for kind in KINDS.get(name, ()))) or ("linear",)
    of_layers = dict.fromkeys(layers, kinds)
    with speaking_as("quality", "fit_patterns"):
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


def _summed_up(
    cohorts: list[Cohort],
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
        rho[layer] = rho_of(of_s.sum(axis=0), of_p.sum(axis=0), rounding)
        means = [
            mean_over_units(rho_of(_resampled(block, of_s), _resampled(block, of_p), rounding))
            for block in np.split(counts, range(DRAWS_AT_A_TIME, draws, DRAWS_AT_A_TIME))
        ]
        resampled.append(np.concatenate(means))
    return Quality(estimators, ridges, samples, counts.shape[1], units, rho, np.stack(resampled))


def _resampled(counts: Array, sums: Array) -> Array:
    """(draws, …): what the sums of the images (n, …) add up to, each counted so often."""
    total = kernels.product.matrix_product(counts, sums.reshape(len(sums), -1))
    return total.reshape(-1, *sums.shape[1:])
