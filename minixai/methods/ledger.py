"""The ledger of a relevance method: where the relevance went on its way back to the input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.rules import Rules
from minixai.rules.relevance import Shares, per_image
from minixai.tape import Array, Node, Rule

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["Ledger", "Row"]

LEAKS = {"bias": "bias", "epsilon": "ε", "zero": "zero denominators"}
HEADER = ("layer", "operation", "relevance in", "passed on", *LEAKS.values())


@dataclass(frozen=True, eq=False)
class Row:
    """What one operation did with the relevance that came; the arrays are (n,), float64.

    came = passed_on + bias + epsilon + zero. bias: to the bias, or another constant. epsilon: to the
    stabiliser ε. zero: dropped, because the denominator was zero.
    """

    layer: str | None
    op: str
    came: Array
    passed_on: Array
    bias: Array
    epsilon: Array
    zero: Array

    @property
    def sums(self) -> list[float]:
        """The five entries, each summed over the images."""
        return [float(a.sum()) for a in (self.came, self.passed_on, self.bias, self.epsilon, self.zero)]


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
        """The sums over the rows, each (n,), by reason: bias, epsilon and zero."""
        nothing = np.zeros_like(self.start)
        return {key: sum((getattr(row, key) for row in self.rows), start=nothing) for key in LEAKS}

    @property
    def gap(self) -> Array:
        """(n,): start less what arrived and what leaked. Zero up to rounding if the rules book all leaks."""
        return self.start - self.arrived - sum(self.leaks.values())

    def __repr__(self) -> str:
        table = [HEADER, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if k < 2 else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in table
        ]
        return "\n".join([*lines, "", self._balance()])

    def _repr_html_(self) -> str:
        style = ("text-align: left", "text-align: left", *["text-align: right"] * (len(HEADER) - 2))
        lines = [
            "".join(f'<{tag} style="{s}">{escape(c)}</{tag}>' for c, s in zip(cells, style, strict=True))
            for tag, cells in [("th", HEADER), *(("td", cells) for cells in self._cells())]
        ]
        rows = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table>{rows}</table><p>{escape(self._balance())}</p>"

    def plot(self, title: str = "Where the relevance went") -> Picture:
        """Draw a waterfall: the start, every operation's leaks, and what arrives at the input."""
        from minixai.plot.waterfall import Step, waterfall

        steps = [
            Step(row.layer or row.op, LEAKS[key], float(getattr(row, key).sum()))
            for row in self.rows
            for key in LEAKS
        ]
        return waterfall(float(self.start.sum()), steps, float(self.arrived.sum()), title, self._batch())

    def _cells(self) -> Iterator[tuple[str, ...]]:
        for row in self.rows:
            yield (row.layer or "", row.op, *map(_number, row.sums))

    def _balance(self) -> str:
        parts = [f"input {_number(self.arrived.sum())}"]
        parts += [f"{LEAKS[key]} {_number(leak.sum())}" for key, leak in self.leaks.items()]
        gap = f"; gap {np.abs(self.gap).max():.1g}"
        return f"{self._batch()}start {_number(self.start.sum())} = {' + '.join(parts)}{gap}"

    def _batch(self) -> str:
        return f"sum over {len(self.start)} images: " if len(self.start) > 1 else ""


def watched(rules: Mapping[Any, Rule], rows: list[Row]) -> Rules:
    """The same rules, strict, that leave a row for each operation."""

    def watching(rule: Rule) -> Rule:
        def watched_rule(g: Array, node: Node) -> Any:
            shares = rule(g, node)
            rows.append(_row(g, node, shares))
            return shares

        return watched_rule

    return Rules({key: watching(rule) for key, rule in rules.items()}, strict=True)


def _row(g: Array, node: Node, shares: Any) -> Row:
    """What came, was passed on to inputs that matter, and leaked."""
    nothing = np.zeros(len(g))
    passed = (per_image(r) for r, need in zip(shares, node.needs, strict=True) if need and r is not None)
    leaks = shares.leaks if isinstance(shares, Shares) else {}
    booked = {key: leaks.get(key, nothing) for key in LEAKS}
    return Row(node.layer, node.op.name, per_image(g), sum(passed, start=nothing), **booked)


def _number(value: float) -> str:
    return f"{value + 0:.4g}".replace("-", "−")  # + 0 makes 0 of −0
