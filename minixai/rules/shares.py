"""What a rule that shares out relevance answers: the relevance of every input, and what leaked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from minixai import kernels
from minixai.errors import RuleError
from minixai.op import Op
from minixai.tape import Node, operations
from minixai.typing import Array

__all__ = ["Shares", "booked", "per_image", "refusal"]

LRP_TABLE = "a table such as mx.rules.composite(conv=mx.rules.gamma())"


class Shares:
    """The cotangents of a node's inputs, and in `leaks` what was lost for each image, (n,), by its reason.

    A reason may be any name. Those of the shipped rules are bias (or another constant), epsilon, zero (a
    denominator that is zero), and those of `minixai.rules.patterns`: gate, padding, pattern.
    """

    def __init__(self, cotangents: Iterable[Array | None], /, **leaks: Array) -> None:
        self.cotangents, self.leaks = tuple(cotangents), leaks

    def __iter__(self) -> Iterator[Array | None]:
        return iter(self.cotangents)

    def __repr__(self) -> str:
        return f"Shares({self.cotangents!r}, leaks={self.leaks!r})"


def per_image(relevance: Array) -> Array:
    """(n,): the sum over each image, in float64."""
    return kernels.relevance.sum_of_each(relevance)


def booked(shares: Iterable[Array | None], node: Node) -> tuple[list[Array | None], Array]:
    """The shares of inputs that want one; and the sum of the others, which are constants, for each image."""
    pairs = list(zip(shares, node.needs, strict=False))
    constants = (per_image(r) for r, need in pairs if r is not None and not need)
    return [r if need else None for r, need in pairs], sum(constants, start=np.zeros(len(node.value)))


def refusal(node: Node, what: str, offer: str = "", table: str = LRP_TABLE) -> RuleError:
    """The error of a rule that does not fit a node. offer: a rule that admits it, in which table."""
    admits = f"; rules[{_key_of(node)}] = {offer} admits it, where rules is {table}" if offer else ""
    return RuleError(f"{node.label}: {what}{admits}")


def _key_of(node: Node) -> str:
    """What a table finds this call under, and none of the operation's that are of another kind."""
    exception = isinstance(node.op, Op) and node.traits != node.op.traits
    if exception:
        return f"mx.op.{node.traits[0]!r}"
    return f"mx.ops.{node.op.name}" if operations.get(node.op.name) is node.op else node.op.name
