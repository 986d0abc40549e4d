"""The ledger of a relevance method: where the relevance went on its way back to the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.columns import aligned, minus
from minixai.op import Trait
from minixai.rules.shares import per_image, refusal
from minixai.tape import Node
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["Ledger", "Row"]

NAMES = {"epsilon": "ε", "zero": "zero denominators"}  # of leaks; others are called by their reason
ORDER = ("bias", "epsilon", "zero", "gate", "padding", "pattern")  # of the columns; then a rule's own reasons
HEADER = ("layer", "operation", "relevance in", "passed on")


@dataclass(frozen=True, eq=False)
class Row:
    """What one operation did with the relevance that came; the arrays are (n,), float64.

    came = passed_on + all leaks, which stand by their reason; a rule may have reasons of its own. A layer and
    the affine steps that a table fuses with it are one operation, such as "conv2d + batch_norm".
    bias: to the bias, or another constant. epsilon: to the stabiliser ε. zero: dropped, because the
    denominator was zero. gate: at an activation, such as a ReLU that was not active. padding: to pixels
    outside the image. pattern: at units with wᵀa other than 1.
    """

    layer: str | None
    op: str
    came: Array
    passed_on: Array
    leaks: dict[str, Array]


@dataclass(frozen=True, eq=False, repr=False)
class Ledger:
    """Row by row from the explained unit to the input; start = arrived + all leaks.

    It prints as a table, a batch as its sum.
    """

    start: Array  # (n,): where the walk starts, with seed "value" the explained score
    rows: list[Row]  # one for each operation, in the order of the walk: a layer called twice has two
    arrived: Array  # (n,): at the input, the sum of the map

    @property
    def leaks(self) -> dict[str, Array]:
        """The sums over the rows, each (n,), by reason."""
        nothing = np.zeros_like(self.start)
        seen = dict.fromkeys(reason for row in self.rows for reason in row.leaks)
        reasons = sorted(seen, key=lambda reason: ORDER.index(reason) if reason in ORDER else len(ORDER))
        return {
            key: sum((row.leaks.get(key, nothing) for row in self.rows), start=nothing) for key in reasons
        }

    @property
    def gap(self) -> Array:
        """(n,): what arrived and what leaked, less start. Zero up to rounding if the rules book all leaks."""
        return self.arrived + sum(self.leaks.values()) - self.start

    def __repr__(self) -> str:
        return "\n".join([aligned([self._header(), *self._cells()], left=(0, 1)), "", self._balance()])

    def _repr_html_(self) -> str:
        style = ("text-align: left", "text-align: left", *["text-align: right"] * len(self._header()[2:]))
        lines = [
            "".join(f'<{tag} style="{s}">{escape(c)}</{tag}>' for c, s in zip(cells, style, strict=True))
            for tag, cells in [("th", self._header()), *(("td", cells) for cells in self._cells())]
        ]
        rows = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table>{rows}</table><p>{escape(self._balance())}</p>"

    def plot(self, title: str = "Where the relevance went") -> Picture:
        """Draw a waterfall: the start, every operation's leaks, and what arrives at the input."""
        from minixai.plot.waterfall import Step, waterfall

        steps = [
            Step(row.layer or row.op, NAMES.get(key, key), float(leak.sum()))
            for row in self.rows
            for key, leak in row.leaks.items()
        ]
        return waterfall(float(self.start.sum()), steps, float(self.arrived.sum()), title, self._batch())

    def _header(self) -> tuple[str, ...]:
        return *HEADER, *(NAMES.get(key, key) for key in self.leaks)

    def _cells(self) -> Iterator[tuple[str, ...]]:
        for row in self.rows:
            sums = [row.came, row.passed_on, *(row.leaks.get(key, np.zeros(1)) for key in self.leaks)]
            yield (row.layer or "", row.op, *(_number(float(a.sum())) for a in sums))

    def _balance(self) -> str:
        parts = [f"input {_number(self.arrived.sum())}"]
        parts += [f"{NAMES.get(key, key)} {_number(leak.sum())}" for key, leak in self.leaks.items()]
        gap = f"; gap {np.abs(self.gap).max():.1g}"
        return f"{self._batch()}start {_number(self.start.sum())} = {' + '.join(parts)}{gap}"

    def _batch(self) -> str:
        return f"sum over {len(self.start)} images: " if len(self.start) > 1 else ""


def booking(rows: list[Row], images: int) -> Callable[[Node, Array, Any], None]:
    """The observer of `backward` that writes a row for each node.

    It refuses by name where the rows of arrays are no longer these images.
    """

    def book(node: Node, g: Array, answer: Any) -> None:
        if not _keeps_images(node, images):
            raise refusal(node, f"moves the batch axis of {images} images, so that no leak can be booked")
        rows.append(row_of(node, g, answer))

    return book


def _keeps_images(node: Node, images: int) -> bool:
    """Whether arrays have a row for each image and, where entries only move, in the same order."""
    paths = [x for x, need in zip(node.arrays, node.needs, strict=True) if need]
    if any(len(np.atleast_1d(array)) != images for array in (node.value, *paths)):
        return False
    if Trait.REARRANGE not in node.traits:
        return True
    numbered = [np.broadcast_to(_numbers(x), x.shape) for x in node.arrays]
    return bool(np.all((moved := node.op.forward(*numbered, **node.params)) == _numbers(moved)))


def _numbers(x: Array) -> Array:
    """(n, 1, …, 1): the number of each row."""
    return np.arange(len(x), dtype=x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def row_of(node: Node, g: Array, shares: Any) -> Row:
    """What came, was passed on to inputs that matter, and leaked."""
    nothing = np.zeros(len(g))
    passed = (per_image(r) for r, need in zip(shares, node.needs, strict=False) if need and r is not None)
    leaks: dict[str, Array] = {
        key: np.asarray(leak, np.float64) for key, leak in getattr(shares, "leaks", {}).items()
    }
    for reason, leak in leaks.items():
        if leak.shape != nothing.shape:
            raise refusal(
                node, f"the leak {reason!r} has shape {leak.shape}, expected {nothing.shape}: one an image"
            )
    return Row(node.layer, node.name, per_image(g), sum(passed, start=nothing), leaks)


def _number(value: float) -> str:
    return minus(f"{value + 0:.4g}")  # + 0 makes 0 of −0
