"""What the rules of layers with weights are made of: with another x or w, and shares in proportion to q.

Average pooling is such a layer too: its shares are scaled by w = 1, and it has no bias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from minixai import kernels
from minixai.kernels.filters import made_of
from minixai.nn.fusing import Fused
from minixai.op import Trait
from minixai.rules.shares import Shares, refusal
from minixai.tape import Node
from minixai.typing import Array

__all__ = [
    "Part",
    "Term",
    "in_shares",
    "layer_of",
    "minus",
    "of",
    "plus",
    "quotient",
    "vjp_with_weight",
    "with_weight",
]

Weight = Array | Callable[[], Array]  # or what makes it, where it is used
Part = tuple[Array, Weight]  # x and w, both perhaps changed: q_ij = x_i·w_ij
Term = tuple[Any, list[Part], Any]  # scale, parts, b: scale·R_j is shared by the sum of the parts, and b


def plus(x: Array) -> Array:
    """x⁺ = max(x, 0)."""
    return np.maximum(x, 0)


def minus(x: Array) -> Array:
    """x⁻ = min(x, 0)."""
    return np.minimum(x, 0)


def of(w: Array, make: Callable[..., Array], *settings: Any) -> Callable[[], Array]:
    """What makes make(w, *settings). Of a convolution it is kept as long as w, and so are its transforms."""
    if w.ndim < 3:  # dense ones may take gigabytes, and have no transforms
        return partial(make, w, *settings)
    return partial(made_of, w, (make, *settings), lambda w: make(w, *settings))


def quotient(g: Array, z: Array, b: Any = 0, epsilon: float = 0.0) -> tuple[Array, dict[str, Array]]:
    """s = g / (z + ε·sign z), 0 where it is not finite; and of each image what of g is not in (z − b)·s."""
    s, bias, to_epsilon, zero = kernels.relevance.quotient(g, z, b, epsilon)
    return s, {"bias": bias, "epsilon": to_epsilon, "zero": zero}


def layer_of(node: Node) -> tuple[Array, Array, Array]:
    """x, w and b of a layer, b as it broadcasts to the output; 0 where there is none."""
    weighted = Trait.WEIGHTED in node.traits
    if not weighted and Trait.POOL not in node.traits:
        raise refusal(node, "the rule is for convolutions, dense layers and average pooling")
    parameters = zip(node.needs[1:], node.inputs[1:], strict=True)
    if not node.needs[0] or any(need and p is not None and p.node for need, p in parameters):
        what = "expected the input x first, then weights that do not depend on the network's input"
        raise refusal(node, what, "mx.rules.linearised()")
    if isinstance(node, Fused):
        return node.arrays[0], node.arrays[1], node.shift
    one = np.ones((), node.value.dtype)
    x, w, b = (*node.arrays, None)[:3] if weighted else (*node.arrays, one, None)
    b = 0 * one if b is None else b
    return x, w, b.reshape(-1, *[1] * (node.value.ndim - 2)) if b.ndim else b


def with_weight(node: Node, x: Array, w: Array) -> Array:
    """Σ_i x_i·w_ij."""
    if Trait.POOL in node.traits:
        result = node.op.forward(x, **node.params)
        return w * (result[0] if isinstance(result, tuple) else result)
    return np.asarray(node.op.forward(x, w, **node.params))


def vjp_with_weight(node: Node, s: Array, w: Array) -> Array:
    """Σ_j w_ij·s_j."""
    if Trait.POOL in node.traits:
        (gx,) = node.op.vjp(s, node)
        return w * np.asarray(gx)
    changed = (node.arrays[0], w, None)[: len(node.inputs)]
    only_x = (True, False, False)[: len(node.inputs)]
    gx, *_ = node.op.vjp(s, replace(node, arrays=changed, needs=only_x))
    return np.asarray(gx)


def in_shares(g: Array, node: Node, *terms: Term, z: Array | None = None, epsilon: float = 0.0) -> Shares:
    """Σ over terms of scale·R_j·q_ij / (z_j + ε·sign z_j), with z_j = Σ_i q_ij + b_j; book the leaks.

    z: of a single term, where the tape holds it; else it is computed.
    """
    given: list[Array] = []
    leaks = dict.fromkeys(("bias", "epsilon", "zero"), np.zeros(len(g)))
    to_b: Any = 0
    for scale, parts, b in terms:
        r = g if np.isscalar(scale) and scale == 1 else scale * g
        if not np.any(r):
            continue
        some = [(x, w() if callable(w) else w) for x, w in parts if np.any(x)]  # after a ReLU there is no x⁻
        z_j = _sums(node, some, b) if z is None else z
        s, leaked = quotient(r, z_j, b, epsilon)
        given += [kernels.relevance.product(x, vjp_with_weight(node, s, w)) for x, w in some]
        leaks = {reason: leak + leaked[reason] for reason, leak in leaks.items()}
        if node.needs[2:] == (True,):
            to_b += (b * s).sum(axis=(0, *range(2, g.ndim)))
    relevance = sum(given[1:], start=given[0]) if given else np.zeros_like(node.arrays[0])
    shares: list[Array | None] = [relevance, *[None] * (len(node.inputs) - 1)]
    if node.needs[2:] == (True,):
        shares[2] = np.zeros_like(node.arrays[2]) + to_b
    return Shares(shares, **leaks)


def _sums(node: Node, parts: list[tuple[Array, Array]], b: Any) -> Array:
    """z_j = Σ_i q_ij + b_j."""
    first, *others = [with_weight(node, x, w) for x, w in parts] or [np.zeros_like(node.value)]
    z = sum(others, start=first)
    return z + b if np.any(b) else z
