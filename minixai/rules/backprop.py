"""Two rules for rectifiers. All else keeps its gradient: for max pooling, unpooling with the switches."""

from __future__ import annotations

from collections.abc import Iterable

from minixai import ops
from minixai.op import Trait
from minixai.rules.table import Rules
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["deconvnet", "guided_backprop"]


def rectify_cotangent(g: Array, node: Node) -> tuple[Array]:
    """gx = max(g, 0), whatever the input was."""
    return (ops.relu.forward(g),)


def rectify_both(g: Array, node: Node) -> Iterable[Array | None]:
    """gx = max(g, 0) where x > 0, else 0."""
    return node.op.vjp(ops.relu.forward(g), node)


def deconvnet() -> Rules:
    """ReLU passes on positive cotangents (Zeiler and Fergus 2014, section 2.1)."""
    return Rules({Trait.RECTIFIER: rectify_cotangent})


def guided_backprop() -> Rules:
    """ReLU passes on positive cotangents where it was active (Springenberg et al. 2014, section 3.4)."""
    return Rules({Trait.RECTIFIER: rectify_both})
