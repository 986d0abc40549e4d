"""Two rules for ReLU. All else keeps its gradient, which for max pooling is unpooling with the switches."""

from __future__ import annotations

from collections.abc import Sequence

from minixai import ops
from minixai.rules.table import Rules
from minixai.tape import Array, Node

__all__ = ["deconvnet", "guided_backprop"]


def rectify_cotangent(g: Array, node: Node) -> tuple[Array]:
    """gx = max(g, 0), whatever the input was."""
    return (ops.relu.forward(g),)


def rectify_both(g: Array, node: Node) -> Sequence[Array | None]:
    """gx = max(g, 0) where x > 0, else 0."""
    return node.op.vjp(ops.relu.forward(g), node)


def deconvnet() -> Rules:
    """ReLU passes on positive cotangents (Zeiler and Fergus 2014, section 2.1)."""
    return Rules({ops.relu: rectify_cotangent})


def guided_backprop() -> Rules:
    """ReLU passes on positive cotangents where it was active (Springenberg et al. 2014, section 3.4)."""
    return Rules({ops.relu: rectify_both})
