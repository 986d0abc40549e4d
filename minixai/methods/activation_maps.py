"""Class activation maps: which places of a layer speak for a class.

A: the maps of a layer, (n, k, h, w); S: the class's logit; Z = h·w. The map of the layer's places stands in
`layer_map`, (n, h, w). Enlarged to x, each of x's c channels gets an equal share: the map's sum over the
channels, which `plot` shows, is in units of the layer's map.

layer: a module's name, or (name, call), whose output is maps; None means the maps that the last layer with
    weights reads, before any pooling. `layer` of the explanation says which.
relu: whether what is below 0 is cut off, as the papers do; else it speaks against the class.
upsample: True interpolates bilinearly between the centres of the layer's places (`ops.upsample`, mode
    "bilinear", align_corners=False); False gives each pixel the value of its place ("nearest"). Either takes
    it that the places lie evenly over x, which padding and borders do not keep exactly.

They warn of a map without a value above 0. Besides what `gradient` raises, MapsError where there are no such
maps, and ShapeError where x is no images (n, c, h, w).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from minixai import ops
from minixai import rules as tables
from minixai.errors import warn
from minixai.methods.catalogue import method
from minixai.methods.explanation import MapWarning
from minixai.methods.question import Answer, Question
from minixai.methods.relevance import default_table
from minixai.methods.unit import Layer
from minixai.op import Trait
from minixai.ops.sizes import check_images
from minixai.rules import Rules
from minixai.settings import check_rules, one_of
from minixai.tape import Node, Rule, Tensor
from minixai.typing import Array

__all__ = [
    "DenominatorWarning",
    "MapsError",
    "NegativeMapWarning",
    "cam",
    "grad_cam",
    "grad_cam_plus_plus",
    "guided_grad_cam",
    "layer_relevance",
]

Formula = Literal["exponential", "normalised", "softmax"]


class MapsError(ValueError):
    """A network, or a layer, has no maps of the kind that a method takes."""


class NegativeMapWarning(MapWarning):
    """A map speaks against the class everywhere."""


class DenominatorWarning(MapWarning):
    """A denominator of Grad-CAM++ is zero or below, where its formula has no meaning."""


@method(
    "CAM",
    "attribution",
    asks="class",
    shows="what each place of the last maps gives to the logit",
    cost="one forward pass",
    wants="global average pooling and one layer as the network's end",
    fails="coarse; a place sees more than its pixels; leaves out the bias",
    paper="Zhou et al. 2016",
)
def cam(ask: Question, *, upsample: bool = True) -> Answer:
    """map = Σ_k w_k·A^k, A what is averaged over all places, w the class's weights (Zhou et al. 2016, eq. 2).

    Of networks that end in global average pooling and one dense or 1×1 layer: the map's mean over the places,
    and the class's bias, add up to the logit. So it is where a 1×1 layer stands before the pooling; of a ReLU
    between them CAM knows nothing, and the sum is not the logit.
    """
    maps, weights = _averaged(ask)
    rows = weights[ask.target].astype(np.float64)
    return _enlarged(ask, np.einsum("nk,nkhw->nhw", rows, maps.value), False, upsample, ask.name_of(maps))


@method(
    "Grad-CAM",
    "attribution",
    asks="class",
    shows="which places of a layer speak for the class",
    cost="one walk back, to the layer",
    wants="a layer with maps",
    fails="coarse; one weight a map, so that places differ only by what is active there",
    paper="Selvaraju et al. 2017",
)
def grad_cam(
    ask: Question, layer: Layer | None = None, *, relu: bool = True, upsample: bool = True
) -> Answer:
    """map = ReLU(Σ_k w_k·A^k), w_k = 1/Z·Σ_ij ∂S/∂A^k_ij (Selvaraju et al. 2017, eq. 1 and 2).

    Where global average pooling and one layer follow A, it is CAM / Z, before the ReLU.
    """
    return _grad_cam(ask, layer, relu, upsample)


def _grad_cam(ask: Question, layer: Layer | None, relu: bool, upsample: bool) -> Answer:
    chosen, name = _maps(ask, layer)
    weights = ask.walk(to=chosen).map.mean(axis=(2, 3), dtype=np.float64)
    return _enlarged(ask, np.einsum("nk,nkhw->nhw", weights, chosen.value), relu, upsample, name)


@method(
    "Grad-CAM++",
    "attribution",
    asks="class",
    shows="as Grad-CAM, from the places where a rise of the map would raise the score",
    cost="one walk back, to the layer",
    wants="a layer with maps",
    fails="as Grad-CAM; what speaks against the class has no weight; the exponential has units of its own",
    paper="Chattopadhay et al. 2018",
)
def grad_cam_plus_plus(
    ask: Question,
    layer: Layer | None = None,
    *,
    formula: Formula = "exponential",
    relu: bool = True,
    upsample: bool = True,
) -> Answer:
    """map = ReLU(Σ_k w_k·A^k), w_k = Σ_ij α_ij·ReLU(Y′_ij), α = Y″/(2Y″ + Y‴·Σ_ab A^k_ab).

    Chattopadhay et al. 2018, eq. 10 and 19; Y′, Y″, Y‴ are derivatives by A^k_ij where S is linear in A, as
    networks of ReLU are piece by piece.

    formula: "exponential", Y = e^S: Y′ = g, Y″ = g², Y‴ = g³, g = ∂S/∂A, all times e^S, which is dropped: it
        cancels in α, and scales the map. "normalised", as the authors' program has it: that α, divided by its
        sum over the map's places with g > 0. "softmax", Y the class's probability p_c among the logits S_l:
        with u_l = ∂S_l/∂A, m, v, κ the mean and the second and third central moments of u under p, and
        D = u_c − m, they are p_c·D, p_c·(D² − v), p_c·(D³ − 3vD − κ); a walk back for each class.

    α is 0 where its denominator is, or Y″. A denominator below 0, or of another sign than Y″, is taken as it
    is; a warning says how often, among the places with Y′ > 0, which alone have weight.
    """
    one_of(ask.call, "formula", formula, get_args(Formula))
    chosen, name = _maps(ask, layer)
    maps = chosen.value.astype(np.float64)
    first, second, third = _of_softmax(ask, chosen) if formula == "softmax" else _of_exponential(ask, chosen)
    rising = first > 0
    denominator = 2 * second + third * maps.sum(axis=(2, 3), keepdims=True)
    alpha = np.divide(second, denominator, out=np.zeros_like(second), where=denominator != 0)
    _warn_of_denominators(ask, rising & (second != 0), second * denominator)
    if formula == "normalised":
        total = np.where(rising, alpha, 0).sum(axis=(2, 3), keepdims=True)
        alpha = np.divide(alpha, total, out=np.zeros_like(alpha), where=total != 0)
    weights = np.where(rising, alpha * first, 0).sum(axis=(2, 3))
    how = formula if formula != "exponential" else ""
    return _enlarged(ask, np.einsum("nk,nkhw->nhw", weights, maps), relu, upsample, name, how)


@method(
    "guided Grad-CAM",
    "signal",
    asks="class",
    shows="guided backprop, where Grad-CAM is above 0",
    cost="two walks back",
    wants="a layer with maps",
    fails="its detail is guided backprop's, which knows little of the class",
    paper="Selvaraju et al. 2017",
)
def guided_grad_cam(ask: Question, layer: Layer | None = None) -> Answer:
    """map = guided backprop ⊙ Grad-CAM, enlarged bilinearly (Selvaraju et al. 2017, section 3.2)."""
    where = _grad_cam(ask, layer, relu=True, upsample=True)
    guided = ask.walk(tables.guided_backprop()).map
    return replace(where, map=where.map.sum(axis=1, keepdims=True) * guided)


@method(
    "layer relevance",
    "attribution",
    asks="class",
    shows="how much of the score is shared out to each place of a layer",
    cost="one walk back, to the layer",
    wants="a layer with maps, and a table of rules that covers every operation",
    fails="coarse; as the rules",
    paper="Bach et al. 2015",
)
def layer_relevance(
    ask: Question,
    layer: Layer | None = None,
    *,
    rules: Mapping[Any, Rule] | None = None,
    relu: bool = False,
    upsample: bool = True,
) -> Answer:
    """map = Σ_k R^k, R the relevance that comes to the layer's maps (Bach et al. 2015, eq. 1).

    rules: a table, taken as a strict one, such as `rules.composite(…)` or
        `rules.pattern_attribution(patterns)`; None means that of `lrp` without rules. With `rules.epsilon`
        everywhere it is Σ_k A^k ⊙ ∂S/∂A^k where nothing but ReLU is active in between and no bias is.

    Raises RuleError for an operation that the table does not cover.
    """
    if rules is not None:
        check_rules(ask.call, rules)
    chosen, name = _maps(ask, layer)
    table, how = default_table(ask) if rules is None else (Rules(rules), "")
    table.strict = True
    ask.start_from(ask.cotangent * ask.output.value)
    relevance = ask.walk(table, to=chosen).map.sum(axis=1, dtype=np.float64)
    return _enlarged(ask, relevance, relu, upsample, name, how)


def _maps(ask: Question, layer: Layer | None) -> tuple[Tensor, str]:
    """The maps that are looked at, and their name."""
    check_images(ask.call, ask.x)
    if layer is None:
        return _last_maps(ask)
    chosen = ask.inner(layer)
    if chosen.tensor.ndim != 4:
        came = f"layer {chosen.unit} returned {chosen.tensor.shape}"
        raise MapsError(f"{ask.call}: {came}, expected maps (n, channels, h, w)")
    return chosen.tensor, chosen.unit.where


def _last_maps(ask: Question) -> tuple[Tensor, str]:
    """The maps that the last layer with weights reads, before any pooling, and the name of their layer."""
    tape = ask.tape()
    last = next((node for node in reversed(tape.values()) if node and Trait.WEIGHTED in node.traits), None)
    node = last
    while last and node and (tensor := _before(node)) is not None:
        node = tape[tensor]
        several = tensor.ndim == 4 and tensor.shape[2] * tensor.shape[3] > 1
        made = node and not _pools(node) and Trait.WEIGHTED in node.before.union(node.traits)
        if several and made:
            return tensor, ask.name_of(tensor) or f"what {last.layer} reads"
    what = "no layer with weights reads maps that another one made"
    raise MapsError(f"{ask.call}: {what}, expected a layer with maps, named as layer=; gradient needs none")


def _before(node: Node) -> Tensor | None:
    """The first of its inputs that comes from x."""
    return next((x for x, need in zip(node.inputs, node.needs, strict=True) if need), None)


def _pools(node: Node) -> bool:
    """Whether it makes maps of another size, or means, without weights."""
    if Trait.WEIGHTED in node.traits:
        return False
    return Trait.POOL in node.traits or node.arrays[0].shape[2:] != node.value.shape[2:]


def _averaged(ask: Question) -> tuple[Tensor, Array]:
    """What is averaged over all places, (n, k, h, w), and the classes' weights, (classes, k).

    The averaging comes before the layer with the weights or, but for a ReLU, right behind it.
    """
    check_images(ask.call, ask.x)
    tape = ask.tape()
    tensor = ask.output
    averaged: Node | None = None
    layer: Node | None = None
    while (node := tape[tensor]) is not None and node.needs[0]:
        if averaged is None and _averages(node):
            averaged = node
        elif layer is None and _at_each_place(node):
            layer = node
        elif not (
            Trait.RECTIFIER in node.traits if averaged and not layer else Trait.REARRANGE in node.traits
        ):
            break
        tensor = node.inputs[0]  # type: ignore[assignment]
        if averaged and layer:
            before = layer.arrays[0]  # for what lies between may have changed places
            if (before.ndim == 4 and before.shape == tensor.shape) or _same(before, averaged.value):
                return tensor, layer.arrays[1].reshape(len(layer.arrays[1]), -1)
            break
    what = "the network does not end in global average pooling and one dense or 1×1 layer"
    raise MapsError(f"{ask.call}: {what}; grad_cam takes any layer with maps")


def _same(a: Array, b: Array) -> bool:
    return np.array_equal(a.ravel(), b.ravel())


def _averages(node: Node) -> bool:
    """Whether it takes the mean, or the sum, of each map."""
    x = node.arrays[0]
    if Trait.POOL not in node.traits or x.ndim != 4 or node.value.size != x.shape[0] * x.shape[1]:
        return False
    (shares,) = node.op.vjp(np.ones_like(node.value), node)
    each = np.asarray(shares)
    return bool(np.allclose(each, each.flat[0]))


def _at_each_place(node: Node) -> bool:
    """Whether it is a dense layer of vectors, or a 1×1 convolution of all channels that keeps the places."""
    if Trait.UNITS not in node.traits:
        return False
    x, w = node.arrays[:2]
    if w.ndim == 2:
        return x.ndim == 2
    return w.shape[1:] == (x.shape[1], *[1] * (x.ndim - 2)) and node.value.shape[2:] == x.shape[2:]


def _of_exponential(ask: Question, maps: Tensor) -> tuple[Array, Array, Array]:
    """The derivatives of e^S by the maps, over e^S."""
    g = ask.walk(to=maps).map.astype(np.float64)
    return g, g**2, g**3


def _of_softmax(ask: Question, maps: Tensor) -> tuple[Array, Array, Array]:
    """The derivatives of the class's probability by the maps; the second and third over the probability."""
    logits = ask.output.value.reshape(len(ask.x), -1).astype(np.float64)
    if logits.shape[1] < 2:
        raise ValueError(f"{ask.call}: formula is 'softmax', expected another for a model with one logit")
    p = np.asarray(ops.softmax.forward(logits))
    of_class = ask.walk(to=maps).map.astype(np.float64)
    moments = np.zeros((3, *of_class.shape))  # of u − u_c
    for k in range(logits.shape[1]):
        start = np.zeros_like(logits)
        start[:, k] = 1
        ask.start_from(start.reshape(ask.output.shape))
        away = ask.walk(to=maps).map - of_class
        for power, moment in enumerate(moments, start=1):
            moment += p[:, k, None, None, None] * away**power
    mean, square, cube = moments
    variance = square - mean**2
    skew = cube - 3 * mean * square + 2 * mean**3
    d = -mean
    of_target = p[np.arange(len(p)), ask.target][:, None, None, None]
    return of_target * d, d**2 - variance, d**3 - 3 * variance * d - skew


def _warn_of_denominators(ask: Question, counted: np.ndarray[Any, np.dtype[np.bool_]], signs: Array) -> None:
    """signs: 0 where a denominator is zero, negative where it has not the sign of Y″."""
    zero, turned = (int((counted & found).sum()) for found in (signs == 0, signs < 0))
    if zero or turned:
        where = f"at {zero} and has another sign than Y″ at {turned} of {int(counted.sum())} places"
        warn(f"{ask.call}: the denominator of α is zero {where} with Y′ > 0", DenominatorWarning)


def _enlarged(
    ask: Question, layer_map: Array, relu: bool, upsample: bool, layer: str, how: str = ""
) -> Answer:
    """The map of the layer's places (n, h, w), enlarged to x."""
    below = np.flatnonzero((layer_map <= 0).all(axis=(1, 2)) & (layer_map < 0).any(axis=(1, 2)))
    if relu:
        layer_map = np.maximum(layer_map, 0)
    elif below.size:
        which = ", ".join(map(str, below[:5])) + (", …" if below.size > 5 else "")
        warn(f"{ask.call}: the map of image {which} has no value above 0", NegativeMapWarning)
    mode = "bilinear" if upsample else "nearest"
    pixels = ops.upsample.forward(layer_map[:, None], size=ask.x.shape[2:], mode=mode)
    dark = "no value was above 0, and relu=True cuts off the rest" if relu and below.size else Answer.dark
    return Answer(ask.of_pixels(pixels[:, 0]), how=how, layer=layer, layer_map=layer_map, dark=dark)
