"""Rules of layer-wise relevance propagation: the relevance R_j of an output is shared among its inputs.

Input i gets R_i = Σ_j q_ij / Σ_i q_ij · R_j. The rules differ in q, most often some form of x_i·w_ij,
and in what else stands in the denominator: what goes to the bias, to ε, or to a denominator that is zero,
is lost on the way, and the rule books it. Everywhere x⁺ = max(x, 0) and x⁻ = min(x, 0); average pooling
is a layer with weights and no bias. Bach et al. 2015; Montavon et al. 2017; Montavon et al. 2019.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from minixai import ops
from minixai.errors import RuleError
from minixai.rules.table import Rules
from minixai.tape import Array, Node, Rule, Tensor, tape_of

__all__ = [
    "Shares",
    "alpha_beta",
    "box",
    "composite",
    "epsilon",
    "epsilon_alpha2_beta1",
    "epsilon_gamma_box",
    "epsilon_plus",
    "flat",
    "gamma",
    "norm",
    "pass_through",
    "per_image",
    "vjp_with_weight",
    "w_square",
    "with_weight",
    "z_plus",
]

Bias = Literal["separate", "joint", "ignore"]
Part = tuple[Array, Array]  # x and w, both perhaps changed: q_ij = x_i·w_ij
Term = tuple[Any, list[Part], Any]  # scale, parts, b: scale·R_j is shared by the sum of the parts, and b

WEIGHTED = (ops.conv2d, ops.linear, ops.matmul)
POOLS = (ops.avg_pool2d, ops.adaptive_avg_pool2d)
MOVES = (ops.max_pool2d, ops.reshape, ops.transpose, ops.slice, ops.concat, ops.dropout)


class Shares(list[Array | None]):
    """The relevance of every input, and in `leaks` what was lost for each image, (n,), by its reason.

    bias: to the bias, or to another constant. epsilon: to ε. zero: to denominators that are zero. gate,
    padding, pattern: see `minixai.rules.patterns`.
    """

    def __init__(self, shares: Iterable[Array | None], **leaks: Array) -> None:
        super().__init__(shares)
        self.leaks = leaks


def per_image(relevance: Array) -> Array:
    """(n,): the sum over each image, in float64."""
    return relevance.reshape(len(relevance), -1).sum(axis=1, dtype=np.float64)


# One rule a function


def epsilon(epsilon: float = 1e-6) -> Rule:
    """R_i = Σ_j x_i·w_ij / (z_j + ε·sign z_j) · R_j, with z_j = Σ_i x_i·w_ij + b_j and sign 0 = +1."""
    if epsilon < 0:
        raise ValueError(f"epsilon: epsilon is {epsilon}, expected at least 0")

    def rule(g: Array, node: Node) -> Shares:
        x, w, b = _layer(node)
        return _share(g, node, (1, [(x, w)], b), epsilon=epsilon)

    return rule


def gamma(gamma: float = 0.25) -> Rule:
    """Where z_j ≥ 0: q = x⁺·(w + γw⁺) + x⁻·(w + γw⁻), b + γb⁺; else w⁺, w⁻ change places, b + γb⁻."""
    if gamma < 0:
        raise ValueError(f"gamma: gamma is {gamma}, expected at least 0")

    def rule(g: Array, node: Node) -> Shares:
        x, w, b = _layer(node)
        xp, xn, wp, wn = _plus(x), _minus(x), w + gamma * _plus(w), w + gamma * _minus(w)
        above = node.value >= 0
        return _share(
            g,
            node,
            (above, [(xp, wp), (xn, wn)], b + gamma * _plus(b)),
            (~above, [(xp, wn), (xn, wp)], b + gamma * _minus(b)),
        )

    return rule


def alpha_beta(alpha: float = 2, beta: float = 1, bias: Bias = "separate") -> Rule:
    """α times the share with q = x⁺w⁺ + x⁻w⁻ and b⁺, less β times that with q = x⁺w⁻ + x⁻w⁺ and b⁻.

    bias: "separate" is that; "joint" has b in both denominators; "ignore" in none.
    Raises ValueError unless α − β = 1 and β ≥ 0.
    """
    if not np.isclose(alpha - beta, 1) or beta < 0:
        raise ValueError(f"alpha_beta: alpha is {alpha}, beta {beta}, expected alpha − beta = 1, beta >= 0")
    if bias not in ("separate", "joint", "ignore"):
        raise ValueError(f"alpha_beta: bias is {bias!r}, expected 'separate', 'joint' or 'ignore'")

    def rule(g: Array, node: Node) -> Shares:
        x, w, b = _layer(node)
        xp, xn, wp, wn = _plus(x), _minus(x), _plus(w), _minus(w)
        bp, bn = {"separate": (_plus(b), _minus(b)), "joint": (b, b), "ignore": (0 * b, 0 * b)}[bias]
        excite: Term = (alpha, [(xp, wp), (xn, wn)], bp)
        inhibit: Term = (-beta, [(xp, wn), (xn, wp)], bn)
        return _share(g, node, *([excite, inhibit] if beta else [excite]))

    return rule


def z_plus() -> Rule:
    """R_i = Σ_j q_ij / (Σ_i q_ij + b⁺_j) · R_j with q = x⁺w⁺ + x⁻w⁻: α = 1, β = 0."""
    return alpha_beta(1, 0)


def w_square() -> Rule:
    """R_i = Σ_j w_ij² / Σ_i w_ij² · R_j, the sum over real pixels, not padding."""
    return lambda g, node: _share(g, node, _by_weight(node, np.square))


def flat() -> Rule:
    """R_i = Σ_j 1 / Σ_i 1 · R_j, the sum over real pixels, not padding."""
    return lambda g, node: _share(g, node, _by_weight(node, np.ones_like))


def box(low: Any, high: Any) -> Rule:
    """z^B: q = (x_i − l_i)·w⁺_ij + (x_i − h_i)·w⁻_ij, for inputs l ≤ x ≤ h (Montavon et al. 2017).

    low, high: numbers, or arrays that broadcast to x, such as (c, 1, 1).
    The rule raises ValueError where x lies outside.
    """

    def rule(g: Array, node: Node) -> Shares:
        x, w, _ = _layer(node)
        least, most = (np.broadcast_to(np.asarray(bound, x.dtype), x.shape) for bound in (low, high))
        slack = 1e-5 * (most - least)  # of rounding
        if np.any(x < least - slack) or np.any(x > most + slack):
            raise ValueError(f"box: x is in [{x.min():g}, {x.max():g}], which is not within low and high")
        return _share(g, node, (1, [(x - least, _plus(w)), (x - most, _minus(w))], 0))

    return rule


def norm() -> Rule:
    """R_i = Σ_j x_i·w_ij / Σ_i x_i·w_ij · R_j: the shares add up to one, the bias gets none."""

    def rule(g: Array, node: Node) -> Shares:
        x, w, _ = _layer(node)
        return _share(g, node, (1, [(x, w)], 0))

    return rule


def pass_through() -> Rule:
    """R_i = R_i: from the output to the input of the same shape."""

    def rule(g: Array, node: Node) -> Shares:
        if g.shape != node.inputs[0].shape:
            raise _refusal(node, f"pass_through: output {g.shape} and input {node.inputs[0].shape} differ")
        return Shares([g, *[None] * (len(node.inputs) - 1)])

    return rule


# How operations without weights pass relevance on


def in_proportion(g: Array, node: Node) -> Shares:
    """A sum x + y: R_x = x / (x + y) · R. The share of a constant is booked as that of a bias."""
    s, dropped = _quotient(g, node.value)
    constant = sum(per_image(a * s) for a, need in zip(node.arrays, node.needs, strict=True) if not need)
    shares = [
        a * ga if need else None
        for a, ga, need in zip(node.arrays, node.op.vjp(s, node), node.needs, strict=True)
    ]
    return Shares(shares, bias=constant + np.zeros(len(g)), zero=per_image(dropped))


def back_to_its_place(g: Array, node: Node) -> Shares:
    """The VJP of an operation that only moves entries. What constants get is booked as a bias's share."""
    shares = node.op.vjp(g, node)
    lost = [per_image(r) for r, need in zip(shares, node.needs, strict=True) if r is not None and not need]
    return Shares(shares, bias=sum(lost, start=np.zeros(len(g))))


def without_border(g: Array, node: Node) -> Shares:
    """The VJP of padding. The border is a constant: its relevance is booked as a bias's share."""
    (x,) = node.arrays
    border = np.pad(np.zeros_like(x), node.params["widths"], constant_values=1)
    return Shares(node.op.vjp(g, node), bias=per_image(border * g))


def past_a_constant(g: Array, node: Node) -> Shares:
    """A product with a constant: R_x = R."""
    if sum(node.needs) != 1:
        raise _refusal(node, "a product of two tensors, expected one of them to be a constant")
    x = node.inputs[node.needs.index(True)]
    if x.shape != g.shape:
        raise _refusal(node, f"the constant makes {g.shape} of {x.shape}, expected the same shape")
    return Shares(g if need else None for need in node.needs)


def merge_first(g: Array, node: Node) -> Shares:
    """Batch normalisation has no rule of its own."""
    raise _refusal(node, "merge it into the convolution before it: minixai.nn.merge_batch_norm")


# Tables


def composite(
    first: Rule | None = None,
    conv: Rule | None = None,
    dense: Rule | None = None,
    pool: Rule | None = None,
) -> Rules:
    """A strict table, with rules by position and kind of layer.

    first: for the layers with no other layer with weights before them; None means as the others.
    conv: `z_plus()` if None. dense: for linear and matmul, `epsilon()` if None. pool: for average
    pooling, `epsilon(0)` if None.
    ReLU, and multiplication by a constant, pass relevance on; max pooling, reshape, transpose, pad,
    slice, concat and dropout bring it back to its place; sums share it in proportion. Any other
    operation raises RuleError.
    """
    conv, dense, pool = conv or z_plus(), dense or epsilon(), pool or epsilon(0)
    table: dict[Any, Rule] = dict.fromkeys(MOVES, back_to_its_place) | dict.fromkeys(POOLS, pool)
    table |= {ops.relu: pass_through(), ops.add: in_proportion, ops.multiply: past_a_constant}
    table |= {ops.pad: without_border, ops.batch_norm: merge_first}
    table |= {ops.conv2d: _positioned(first, conv)}
    table |= dict.fromkeys((ops.linear, ops.matmul), _positioned(first, dense))
    return Rules(table, strict=True)


def epsilon_plus() -> Rules:
    """z⁺ on convolutions, ε on dense layers."""
    return composite(conv=z_plus(), dense=epsilon())


def epsilon_alpha2_beta1() -> Rules:
    """αβ with α = 2, β = 1 on convolutions, ε on dense layers."""
    return composite(conv=alpha_beta(2, 1), dense=epsilon())


def epsilon_gamma_box(low: Any, high: Any) -> Rules:
    """z^B on the first layer, γ = ¼ on the other convolutions, ε on dense layers.

    low, high: the least and largest values of the model's input, numbers or (c, 1, 1).
    """
    return composite(first=box(low, high), conv=gamma(0.25), dense=epsilon())


# What the rules are made of


def _positioned(first: Rule | None, other: Rule) -> Rule:
    """`first` where no layer with weights lies before, else the other rule."""
    if first is None:
        return other

    def rule(g: Array, node: Node) -> Any:
        before = (tensor.node for tensor in tape_of(node.inputs[0]))
        return (other if any(n and n.op in WEIGHTED for n in before) else first)(g, node)

    return rule


def _layer(node: Node) -> tuple[Array, Array, Array]:
    """x, w and b of a linear layer; a pool's own weights are scaled by w = 1."""
    if node.op not in WEIGHTED + POOLS:
        raise _refusal(node, "the rule is for convolutions, dense layers and average pooling")
    if not node.needs[0] or any(n and t.node for n, t in zip(node.needs[1:], node.inputs[1:], strict=True)):
        raise _refusal(node, "expected an input x, and weights that do not depend on the network's input")
    one = np.ones((), node.value.dtype)
    x, w, b = (*node.arrays, one, 0 * one)[:3] if node.op in POOLS else (*node.arrays, 0 * one)[:3]
    return x, w, b.reshape(-1, *[1] * (node.value.ndim - 2)) if b.ndim else b


def _by_weight(node: Node, of_weight: Any) -> Term:
    """The term with q_ij = of_weight(w_ij)."""
    x, w, _ = _layer(node)
    return 1, [(np.ones_like(x), of_weight(w))], 0


def _share(g: Array, node: Node, *terms: Term, epsilon: float = 0.0) -> Shares:
    """Σ over terms of scale·R_j·q_ij / (z_j + ε·sign z_j), with z_j = Σ_i q_ij + b_j; book the leaks."""
    relevance, to_bias = np.zeros_like(node.arrays[0]), np.zeros_like(g)
    to_epsilon, dropped = np.zeros_like(g), np.zeros_like(g)
    for scale, parts, b in terms:
        some = [(x, w) for x, w in parts if np.any(x)]  # after a ReLU there is no x⁻
        z = sum((with_weight(node, x, w) for x, w in some), start=np.zeros_like(g)) + b
        offset = (epsilon * np.where(z >= 0, 1, -1)).astype(z.dtype)
        s, zero = _quotient(scale * g, z + offset)
        relevance += sum(x * vjp_with_weight(node, s, w) for x, w in some)
        to_bias += b * s
        to_epsilon += offset * s
        dropped += zero
    leaks = {"bias": to_bias, "epsilon": to_epsilon, "zero": dropped}
    shares: list[Array | None] = [relevance, *[None] * (len(node.inputs) - 1)]
    if node.needs[2:] == (True,):
        shares[2] = to_bias.sum(axis=(0, *range(2, g.ndim)))
    return Shares(shares, **{reason: per_image(leak) for reason, leak in leaks.items()})


def _quotient(g: Array, z: Array) -> tuple[Array, Array]:
    """g/z, 0 where it is not finite; and the g that were dropped there."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        s = g / z
    finite = np.isfinite(s)
    return np.where(finite, s, 0), np.where(finite, 0, g)


def with_weight(node: Node, x: Array, w: Array) -> Array:
    """Σ_i x_i·w_ij."""
    if node.op in POOLS:
        return w * node.op.forward(x, **node.params)
    return node.op.forward(x, w, **node.params)


def vjp_with_weight(node: Node, s: Array, w: Array) -> Array:
    """Σ_j w_ij·s_j."""
    if node.op in POOLS:
        return w * np.asarray(node.op.vjp(s, node)[0])
    changed = replace(node, inputs=(node.inputs[0], Tensor(w)), needs=(True, False))
    return np.asarray(node.op.vjp(s, changed)[0])


def _plus(x: Array) -> Array:
    return np.maximum(x, 0)


def _minus(x: Array) -> Array:
    return np.minimum(x, 0)


def _refusal(node: Node, what: str) -> RuleError:
    return RuleError(f"{node.op.name} (layer {node.layer!r}): {what}")
