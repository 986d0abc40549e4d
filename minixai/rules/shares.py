"""What a rule that shares out relevance answers: the relevance of every input, and what leaked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from minixai.errors import RuleError
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["Shares", "booked", "per_image", "refusal"]


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
    return relevance.reshape(len(relevance), -1).sum(axis=1, dtype=np.float64)


def booked(shares: Iterable[Array | None], node: Node) -> tuple[list[Array | None], Array]:
    """The shares of inputs that want one; and the sum of the others, which are constants, for each image."""
    pairs = list(zip(shares, node.needs, strict=False))
    constants = (per_image(r) for r, need in pairs if r is not None and not need)
    return [r if need else None for r, need in pairs], sum(constants, start=np.zeros(len(node.value)))


def refusal(node: Node, what: str) -> RuleError:
    """The error of a rule that does not fit a node."""
    return RuleError(f"{node.label}: {what}")
