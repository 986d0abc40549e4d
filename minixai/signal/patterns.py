"""Patterns: for every unit of a network, the direction of the signal that it reads."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minixai import data
from minixai.columns import aligned
from minixai.data._reading import one_error
from minixai.data.sealed import digest
from minixai.errors import came
from minixai.nn import Module, Parameter
from minixai.rules.patterns import Kind, units_dot
from minixai.settings import one_of
from minixai.signal.covariance import pseudo_inverse
from minixai.signal.moments import Moments
from minixai.typing import Array

__all__ = [
    "KINDS",
    "OF_ALL_SAMPLES",
    "Kind",
    "LayerPatterns",
    "Patterns",
    "check_patterns",
    "digest_of",
    "pattern_of",
]

OF_ALL_SAMPLES = ("linear", "joint")  # whatever the sign of y
KINDS = (*OF_ALL_SAMPLES, "positive", "negative", "positive_centred", "negative_centred")
TOLERANCE = 64  # in units of the dtype's rounding; what is smaller beside its own terms counts as zero
FORMAT = "minixai patterns 1"


def pattern_of(moments: Moments, w: Array, kind: str = "linear") -> Array:
    """The pattern of every unit: a = Σ x·(y − m) / wᵀΣ x·(y − m), so that wᵀa = 1.

    kind, which says what is summed over and what m is:
        "linear": all samples, ȳ. Then a = cov[x, y] / var[y].
        "positive", "negative": those with y > 0, or the others; m is ȳ of *all* samples, as in the paper.
        "positive_centred", "negative_centred": the same with the mean of y over these samples. Then a is
        their own cov[x, y] / var[y]; a mean of x that is no signal has no influence on it.
        "joint": all samples and all units of a group at once, A = Σ_x W Σ_y⁺ = cov[x, y] cov[y]⁺, where
        cov[y] = Wᵀ cov[x, y]. Then x − A y has no covariance with any y, and WᵀA = I where no unit is a
        combination of others; else they share. Units that are not fewer than their inputs have A = (Wᵀ)⁺,
        which says nothing of the data. That of uncorrelated units is "linear".
    w: the weight. A unit gets the pattern 0 where its output is constant, where it has no such samples,
    or where the denominator is zero beside its terms, by 64 roundings of what was summed up.
    Returns an array of w's shape and dtype.
    Kindermans et al. 2017, arXiv 1705.05598, eq. 4 and the equation of S_{a±}; "joint": Haufe et al. 2014,
    NeuroImage 87, eq. 6.
    """
    weight = w.reshape(len(w), -1)
    mean_x = _by_unit(moments.sum_x / moments.count, len(w))
    terms_of_y = np.abs(moments.mean_y) + (np.abs(weight) * np.abs(mean_x)).sum(axis=1)
    varies = np.sqrt(moments.square_y / moments.count) > TOLERANCE * np.finfo(np.float64).eps * terms_of_y
    if kind == "joint":
        return _joint(moments, weight, varies).reshape(w.shape).astype(w.dtype)
    numerator, size = _numerator(moments, weight, mean_x, kind)
    denominator = (weight * numerator).sum(axis=1)
    not_zero = np.abs(denominator) > TOLERANCE * moments.rounding * size
    defined = varies & (_count(moments, kind) > 0) & not_zero
    scale = np.divide(1, denominator, out=np.zeros_like(denominator), where=defined)
    return (numerator * scale[:, None]).reshape(w.shape).astype(w.dtype)


def _joint(moments: Moments, weight: Array, varies: Array) -> Array:
    """(k, d): Σ_x W Σ_y⁺ of the units of each group, 0 where a unit does not vary."""
    xy = moments.over_all() * varies[:, None]
    groups = len(moments.sum_x)
    found = []
    for w, c, rounding in zip(*(np.split(a, groups) for a in (weight, xy, moments.rounding)), strict=True):
        covariance = w.astype(np.float64) @ c.T
        deviation = np.sqrt(np.maximum(np.diagonal(covariance), 0))
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
        terms = np.linalg.norm(scale[:, None] * (np.abs(w) @ np.abs(c.T)) * scale)
        found.append(pseudo_inverse((covariance + covariance.T) / 2, rounding.max() * terms) @ c)
    return np.concatenate(found)


def _by_unit(of_groups: Array, units: int) -> Array:
    """(units, d): for every unit what its group has; a view where there is one group."""
    rows = of_groups.reshape(len(of_groups), 1, -1)
    return np.broadcast_to(rows, (len(rows), units // len(rows), rows.shape[2])).reshape(units, -1)


def _numerator(moments: Moments, weight: Array, mean_x: Array, kind: str) -> tuple[Array, Array]:
    """Σ x·(y − m) over the samples of a kind (k, d), and how large the terms of wᵀ of it are (k,).

    Terms with x measured from its mean: far from zero, those with x itself hide what varies.
    """
    if kind == "linear":
        total = moments.over_all()
        return total, np.einsum("kd,kd->k", np.abs(weight), np.abs(total))
    sign, _, centred = kind.partition("_")
    if kind not in KINDS or moments.positive_x is None:
        raise ValueError(f"pattern_of: kind is {kind!r}, expected one of {', '.join(_kinds_in(moments))}")
    of_y, sum_x = moments.positive_y, moments.positive_x.reshape(weight.shape)
    if sign == "negative":
        of_y, sum_x = -of_y, _by_unit(moments.sum_x, len(weight)) - sum_x
    about_all = moments.cross[sign].reshape(weight.shape)
    near = about_all - mean_x * of_y[:, None]
    size = np.einsum("kd,kd->k", np.abs(weight), np.abs(near))
    if not centred:
        return about_all, size + np.abs(np.einsum("kd,kd->k", weight, mean_x) * of_y)
    count = _count(moments, kind)
    change = (sum_x - mean_x * count[:, None]) * (of_y / np.maximum(count, 1))[:, None]  # from ȳ to theirs
    return near - change, size + np.einsum("kd,kd->k", np.abs(weight), np.abs(change))


def _count(moments: Moments, kind: str) -> Array:
    """(k,): the number of samples of a kind. Sums over none are differences, and zero to rounding only."""
    if kind.startswith("positive"):
        return moments.positive_count
    return moments.count - (moments.positive_count if kind.startswith("negative") else 0 * moments.mean_y)


def _kinds_in(moments: Moments) -> tuple[str, ...]:
    return KINDS if moments.positive_x is not None else OF_ALL_SAMPLES


@dataclass(frozen=True, eq=False)
class LayerPatterns:
    """The patterns of one layer.

    by_kind: {kind: array of the weight's shape and dtype}.
    wa: {kind: (k,)}, wᵀa of every unit: 1, or 0 where the pattern is 0; with "joint" between them where units
        are combinations of each other.
    count: the number of samples. positive_count: (k,), the number of those with y > 0.
    """

    by_kind: dict[str, Array]
    wa: dict[str, Array]
    count: int
    positive_count: Array

    def of(self, kind: str) -> Array:
        """The pattern of this kind; ValueError where it was not fitted."""
        if kind not in self.by_kind:
            raise ValueError(f"patterns: kind is {kind!r}, this layer has {', '.join(self.by_kind)}")
        return self.by_kind[kind]

    linear = property(lambda self: self.of("linear"), doc="S_a: cov[x, y] / var[y].")
    joint = property(lambda self: self.of("joint"), doc="S_A: cov[x, y] cov[y]⁺, of all units at once.")
    positive = property(lambda self: self.of("positive"), doc="a₊ of S_a±.")
    negative = property(lambda self: self.of("negative"), doc="a₋ of S_a±.")


class Patterns(Mapping[str, LayerPatterns]):
    """Fitted patterns by layer: `p["features.0"].positive` has the shape of the layer's weight.

    They print as a table. Made by `fit_patterns`, or read by `Patterns.load`.

    layers: {name: LayerPatterns}. model: `digest_of` the model.
    weights, moments: what the patterns were computed from, by layer, which `merge` needs; None where the
        file was saved without.
    """

    def __init__(
        self,
        layers: Mapping[str, LayerPatterns],
        model: str,
        weights: Mapping[str, Array] | None = None,
        moments: Mapping[str, Moments] | None = None,
    ) -> None:
        self.layers, self.model = dict(layers), model
        self.weights, self.moments = weights, moments

    @classmethod
    def from_moments(
        cls,
        moments: Mapping[str, Moments],
        weights: Mapping[str, Array],
        kinds: Mapping[str, tuple[str, ...]],
        model: str,
    ) -> Patterns:
        """Compute the patterns of these kinds; moments, weights and kinds by layer."""
        layers = {}
        for name, m in moments.items():
            w = weights[name]
            by_kind = {kind: pattern_of(m, w, kind) for kind in kinds[name]}
            wa = {kind: units_dot(w, a) for kind, a in by_kind.items()}
            layers[name] = LayerPatterns(by_kind, wa, m.count, m.positive_count)
        return cls(layers, model, weights, moments)

    def __getitem__(self, layer: str) -> LayerPatterns:
        if layer not in self.layers:
            raise KeyError(f"patterns: no layer {layer!r}, expected one of {', '.join(self.layers)}")
        return self.layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def choose(self, kind: Kind = "positive") -> dict[str, tuple[Array, Array]]:
        """{layer: (its patterns of one kind, their wᵀa)}.

        kind: one kind for all layers, where it makes sense (a layer with no ReLU behind it has the linear
            pattern alone), or by layer, {"default": kind, "8": kind}, where a named layer must have its
            kind.
        Raises ValueError for an unknown kind or layer, or a kind that was not fitted.
        """
        if not isinstance(kind, str | Mapping):
            raise TypeError(
                f"patterns: kind is {came(kind)}, expected one of {', '.join(KINDS)}, or by layer"
            )
        named = {"default": kind} if isinstance(kind, str) else dict(kind)
        default = named.pop("default", "positive")
        for name in named:
            if name not in self.layers:
                raise ValueError(f"patterns: kind names layer {name!r}, expected {', '.join(self.layers)}")
        for each in (default, *named.values()):
            one_of("patterns", "kind", each, KINDS)
        chosen = {}
        for name, layer in self.layers.items():
            by_sign = not set(layer.by_kind) <= set(OF_ALL_SAMPLES)
            of_layer = named.get(name, default if by_sign or default in OF_ALL_SAMPLES else "linear")
            chosen[name] = layer.of(of_layer), layer.wa[of_layer]
        return chosen

    def check_model(self, call: str, model: Module) -> None:
        """Raise ValueError where they are not of this model, as its weights and biases are now."""
        if self.model != digest_of(model):
            raise ValueError(
                f"{call}: patterns are of another model, or of other weights or biases; "
                "refit them to this one: signal.fit_patterns(model, batches)"
            )

    def merge(self, other: Patterns) -> Patterns:
        """The patterns of both sets of data together, as if fitted in one pass, to rounding.

        Raises ValueError for another model or other layers, or where one of them has no moments.
        """
        if self.moments is None or other.moments is None or self.weights is None:
            raise ValueError("Patterns.merge: one was saved with moments=False, so it cannot be merged")
        if self.model != other.model or list(self) != list(other):
            raise ValueError("Patterns.merge: the other patterns are of another model, or of other layers")
        kinds = {name: tuple(layer.by_kind) for name, layer in self.layers.items()}
        if any(set(other[name].by_kind) != set(of_layer) for name, of_layer in kinds.items()):
            raise ValueError("Patterns.merge: the other patterns are of other kinds")
        both = {name: m.merge(other.moments[name]) for name, m in self.moments.items()}
        return Patterns.from_moments(both, self.weights, kinds, self.model)

    def save(self, path: str | os.PathLike[str], moments: bool = True, dtype: Any = None) -> None:
        """Save as .safetensors, whole or not at all, with a digest that notices an altered bit.

        moments: with what `merge` needs, in float64. Without them the file is small, and final.
        dtype: of the patterns in the file, such as np.float16; None as they are.
        """
        arrays: dict[str, np.ndarray] = {}
        for name, layer in self.layers.items():
            for kind, a in layer.by_kind.items():
                arrays[f"{name}/{kind}"] = a if dtype is None else a.astype(dtype)
                arrays[f"{name}/wa.{kind}"] = layer.wa[kind]
            arrays[f"{name}/positive_count"] = layer.positive_count
            if moments and self.moments is not None and self.weights is not None:
                arrays[f"{name}/weight"] = self.weights[name]
                arrays |= {f"{name}/moments.{key}": a for key, a in self.moments[name].arrays()}
        counts = {name: layer.count for name, layer in self.layers.items()}
        described = {"format": FORMAT, "model": self.model, "counts": json.dumps(counts)}
        data.write_sealed(path, arrays, described)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Patterns:
        """Read what `save` wrote; FileFormatError says where a file is altered, or something else."""
        arrays, described = data.read_sealed(path, FORMAT)
        with one_error("Patterns.load", Path(path)):
            return cls._from_file(arrays, described)

    @classmethod
    def _from_file(cls, arrays: Mapping[str, Array], described: Mapping[str, str]) -> Patterns:
        layers, weights, moments = {}, {}, {}
        for name, count in json.loads(described["counts"]).items():
            own = {key.removeprefix(f"{name}/"): a for key, a in arrays.items() if key.startswith(f"{name}/")}
            by_kind = {kind: own[kind] for kind in KINDS if kind in own}
            by_kind = {kind: a.astype(np.result_type(a, np.float32)) for kind, a in by_kind.items()}
            wa = {kind: own[f"wa.{kind}"] for kind in by_kind}
            layers[name] = LayerPatterns(by_kind, wa, count, own["positive_count"])
            if "weight" in own:
                weights[name] = own["weight"]
                sums = {key: a for key, a in own.items() if key.startswith("moments.")}
                moments[name] = Moments.from_arrays(
                    count, {key.removeprefix("moments."): a for key, a in sums.items()}
                )
        return cls(layers, described["model"], weights or None, moments or None)

    def __repr__(self) -> str:
        rows = [("layer", "units", "samples", "never fired", "always fired", "wᵀa")]
        for name, layer in self.layers.items():
            fired = layer.positive_count
            never, always = int((fired == 0).sum()), int((fired == layer.count).sum())
            wa = "; ".join(f"{kind} {_ones_and_zeros(of_kind)}" for kind, of_kind in layer.wa.items())
            rows.append((name, str(len(fired)), f"{layer.count:,}", str(never), str(always), wa))
        return aligned(rows, left=(0, 5))


class _Known(NamedTuple):
    """A digest, and what it is of: weights, whose arrays never change, and a digest of the rest."""

    digest: str
    weights: dict[str, weakref.ref[Array]]
    others: str

    def holds(self, weights: Mapping[str, Array]) -> bool:
        """Whether it is of these very arrays."""
        same = self.weights.keys() == weights.keys()
        return same and all(self.weights[key]() is array for key, array in weights.items())


_known: weakref.WeakKeyDictionary[Module, _Known] = weakref.WeakKeyDictionary()


def check_patterns(call: str, patterns: Any) -> Patterns:
    """The patterns; TypeError where they are something else, with the way on."""
    if isinstance(patterns, Patterns):
        return patterns
    way_on = "Patterns.load(path)" if isinstance(patterns, str | os.PathLike) else "fit_patterns"
    raise TypeError(
        f"{call}: patterns is {came(patterns)}, expected fitted patterns: minixai.signal.{way_on}"
    )


def digest_of(model: Module) -> str:
    """SHA-256 of what a model computes with, as float32: so that its copy in float64 has the same.

    Weights, biases and running statistics count; the number of batches that were seen does not. As long as
    the model holds the same parameters, it is not computed anew.
    """
    state = list(model.named_state())
    weights = {key: held.value for key, held in state if isinstance(held, Parameter)}
    others = {key: a for key, a in state if not isinstance(a, Parameter) and a.dtype.kind == "f"}
    of_others, known = _digest(others), _known.get(model)
    if known and known.others == of_others and known.holds(weights):
        return known.digest
    found = _digest(weights | others)
    _known[model] = _Known(found, {key: weakref.ref(a) for key, a in weights.items()}, of_others)
    return found


def _digest(arrays: Mapping[str, Array]) -> str:
    return digest({key: array.astype(np.float32, copy=False) for key, array in arrays.items()})


def _ones_and_zeros(wa: Array) -> str:
    """How many units have wᵀa = 1, and how many no pattern; the others share one."""
    ones, zeros = (int(np.isclose(wa, value, atol=0.01).sum()) for value in (1, 0))
    others = len(wa) - ones - zeros
    if ones == len(wa):
        return "1"
    return f"1 in {ones}, 0 in {zeros}" + (f", between in {others}" if others else "")
