"""Fitting patterns: one pass over the data, batch by batch, for every layer and kind."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import nullcontext
from typing import Any

from minixai.errors import several_names, warn
from minixai.nn import Module
from minixai.nn.module import check_model
from minixai.progress import progress_bar
from minixai.settings import whole_number
from minixai.signal.checkpoint import Checkpoint
from minixai.signal.layers import Batch, Kinds, LinearLayer, add_batch, check_rules, images_of, linear_layers
from minixai.signal.moments import Moments
from minixai.signal.patterns import Patterns, digest_of

__all__ = ["PatternWarning", "fit_patterns"]


class PatternWarning(UserWarning):
    """A pattern is not what its name promises."""


def fit_patterns(
    model: Module,
    batches: Iterable[Batch],
    kinds: Kinds = ("linear", "positive", "negative"),
    layers: Sequence[str] | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: int = 100,
    client: Any = None,
) -> Patterns:
    """Fit the patterns of all convolutions and dense layers in one pass over the data.

    For a unit y = wᵀx + b, over all samples (rows x of a dense layer's input; patches x of a convolution's,
    zero outside the image):  a = Σ x·(y − ȳ) / wᵀΣ x·(y − ȳ), the sums over all samples, or over those with
    y > 0, or over the others (see `pattern_of`). Batch norm and other affine steps behind a layer are part of
    its units, y = s·(wᵀx + b) + t. Only one batch and the sums are in memory, the sums in
    float64: 24 bytes a weight, or 8 where only "linear" and "joint" are asked for.

    model: a `Module`; it runs in eval mode.
    batches: any iterable of images (n, …), cast to the model's dtype; or of (images, labels, …); or of
        functions without arguments that return either, called where the batch is worked on.
    kinds: of patterns, for layers with a ReLU behind them, at once or behind what only moves entries (max
        pooling, pad, concat); the others get "linear", and "joint" if it is among them. As a dict, such as
        {"default": kinds, "8": kinds}, it says for a named layer what it gets.
    layers: the names of those to fit; None means all, of a model that PatternNet can explain.
    progress: print what memory the sums take, and show a bar.
    checkpoint: a `.safetensors` file, to which the sums are saved every `save_every` batches and at the
        end. If it is there, the fit goes on where it ended: the batches up to there are read again and
        compared, and the result is that of an uninterrupted fit, bit for bit.
    client: a `dask.distributed.Client`: its workers share the batches and merge the sums in pairs; the
        result is the same to rounding.

    Raises ValueError for no batches, NaN, unknown names, or a checkpoint of another model, other data or
    other settings; ShapeError for a wrong shape; RuleError, with layers None, for what PatternNet refuses;
    FileFormatError for a damaged checkpoint; OSError where none can be written, or where another fit that
    is not done yet has it. Warns where joint patterns say nothing of the data, since units are not fewer than
    inputs.
    Kindermans et al. 2017, arXiv 1705.05598, section 4.
    """
    check_model("fit_patterns", model)
    save_every = whole_number("fit_patterns", "save_every", save_every)
    if client is not None and checkpoint is not None:
        raise ValueError("fit_patterns: checkpoint is for a fit in one process, expected None with a client")
    source = iter(several_names("fit_patterns", "batches", batches))
    first = next(source, None)
    if first is None:
        raise ValueError("fit_patterns: batches is empty, expected at least one")
    x = images_of("fit_patterns", model, first)[:1]
    fitted = linear_layers("fit_patterns", model, x, kinds, layers)
    if layers is None:
        check_rules("fit_patterns", model, x)
    _warn_of_determined(fitted)
    if progress:
        print(_estimate(fitted))
    model_digest = digest_of(model)
    total = len(batches) if isinstance(batches, Sized) else None
    all_batches = _with_bar(itertools.chain([first], source), total, progress)
    if client is not None:
        from minixai.signal.cluster import fit_on_cluster

        moments = fit_on_cluster(client, model, all_batches, fitted)
    else:
        by_sign = json.dumps({name: layer.by_sign for name, layer in fitted.items()})
        settings = {"model": model_digest, "layers": by_sign}
        with nullcontext() if checkpoint is None else Checkpoint(checkpoint, settings) as saved:
            moments = _fit(model, all_batches, fitted, saved, save_every)
    weights = {name: layer.weight for name, layer in fitted.items()}
    kinds_by_layer = {name: layer.kinds for name, layer in fitted.items()}
    return Patterns.from_moments(moments, weights, kinds_by_layer, model_digest)


def _fit(
    model: Module,
    batches: Iterable[Batch],
    layers: Mapping[str, LinearLayer],
    checkpoint: Checkpoint | None,
    save_every: int,
) -> dict[str, Moments]:
    moments, number = checkpoint.moments if checkpoint else {}, 0
    for number, batch in enumerate(batches, start=1):
        x = images_of("fit_patterns", model, batch)
        if checkpoint and checkpoint.covers(number, x):
            continue
        add_batch(moments, model, x, layers)
        if checkpoint and number % save_every == 0:
            checkpoint.save(number, moments)
    if checkpoint:
        checkpoint.finish(number, moments)
    return moments


def _warn_of_determined(layers: Mapping[str, LinearLayer]) -> None:
    found = [name for name, layer in layers.items() if "joint" in layer.kinds and layer.determined]
    if found:
        what = f"layer {', '.join(map(repr, found))} has as many units as inputs, or more"
        warn(f"fit_patterns: {what}: its joint patterns are (Wᵀ)⁺, whatever the data", PatternWarning)


def _with_bar(batches: Iterable[Batch], total: int | None, progress: bool) -> Iterator[Batch]:
    with progress_bar(progress, batches, "fit_patterns", total=total, unit="batch") as bar:
        yield from bar


def _estimate(layers: Mapping[str, LinearLayer]) -> str:
    """What is fitted, and what memory it takes."""
    weights = sum(layer.weight.size for layer in layers.values())
    size = sum(layer.weight.size * (24 if layer.by_sign else 8) for layer in layers.values())
    return f"fit_patterns: {len(layers)} layers with {weights:,} weights; the sums take {size / 1e6:,.1f} MB"
