"""The tape as a graph: a box for every tensor, an arrow from each input to what was computed from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.patches import FancyBboxPatch

from minixai.plot import style
from minixai.plot.maps import number
from minixai.plot.picture import Picture
from minixai.tape import Tensor, tape_of
from minixai.typing import Array

__all__ = ["draw_tape"]

COLUMN, ROW, HEADING = 2.0, 1.15, 0.9  # inches, of a column, of a row, and of the title with the key
WIDTH, HEIGHT = 1.5, 0.85  # inches, of a box
BEND = 0.6  # inches, for an arrow that would else run through boxes or over another arrow
MOST = 200  # boxes


@style.drawn(style.PLAIN_TEXT)
def draw_tape(
    output: Tensor,
    labels: Mapping[Tensor, str] | None = None,
    cotangents: Mapping[Tensor, Array] | None = None,
    title: str = "",
) -> Picture:
    """Draw all tensors that `output` was computed from, left to right in the order of the computation.

    A box says what the tensor is (its label, else the operation that made it, else "leaf") and its value,
    or its shape where it has more than one entry. Leaves are grey.

    labels: names of tensors. cotangents: as `backward(output, wrt=tape_of(output))` returns them; a box
    then has a line for its own: the number, or the norm where it has more than one entry.
    Raises ValueError for more than 200 tensors, which nobody could read.
    """
    tape, labels, cotangents = list(tape_of(output)), labels or {}, cotangents or {}
    if len(tape) > MOST:
        raise ValueError(f"draw_tape: the tape has {len(tape)} tensors, expected at most {MOST}")
    columns = _columns(tape)
    rows = _rows(output, columns)
    width = COLUMN * max(2, 1 + max(columns.values()))
    height = ROW * (1 + max(rows.values())) + HEADING
    places = {
        tensor: (COLUMN * (columns[tensor] + 0.5), height - HEADING - ROW * (rows[tensor] + 0.5))
        for tensor in tape
    }
    picture = Picture((width, height), dpi=80)
    axes = picture.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    axes.text(0.3, height - 0.25, title, size=style.HEADING_SIZE, weight="bold", va="center")
    if cotangents:
        axes.text(0.3, height - 0.55, "in orange: the cotangent", color=style.WARNING, va="center")
    for tensor in tape:
        for k, each in enumerate(tensor.inputs):
            beside = rows[each] == rows[tensor] and k > 0
            _arrow(axes, places[each], places[tensor], bent=beside)
    for tensor in tape:
        _box(axes, places[tensor], tensor, labels.get(tensor), cotangents.get(tensor))
    return picture


def _columns(tape: list[Tensor]) -> dict[Tensor, int]:
    """An operation stands behind all its inputs; a leaf directly before the first that takes it."""
    columns: dict[Tensor, int] = {}
    for tensor in tape:
        columns[tensor] = 1 + max((columns[each] for each in tensor.inputs), default=-1)
    taken: dict[Tensor, int] = {}
    for tensor in tape:
        for each in tensor.inputs:
            taken[each] = min(columns[tensor], taken.get(each, columns[tensor]))
    return {t: columns[t] if t.node or t not in taken else taken[t] - 1 for t in tape}


def _rows(output: Tensor, columns: Mapping[Tensor, int]) -> dict[Tensor, int]:
    """First inputs stand in the row of their output; each other one begins the first row below with room."""
    rows: dict[Tensor, int] = {}
    full: set[tuple[int, int]] = set()
    todo = [(output, 0, columns[output] + 1)]  # tensor, first row, the column where its arrow ends
    while todo:
        tensor, row, end = todo.pop()
        if tensor in rows:
            continue
        line = [tensor]
        while line[-1].inputs and line[-1].inputs[0] not in rows:
            line.append(line[-1].inputs[0])
        span = range(columns[line[-1]], end)
        while any((row, column) in full for column in span):
            row += 1
        full.update((row, column) for column in span)
        rows.update((each, row) for each in line)
        todo += [(each, row + 1, columns[t]) for t in line for each in reversed(t.inputs[1:])]
    return rows


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], bent: bool) -> None:
    """From side to side, or from top to top."""
    (x, y), (right, up) = end, (0, HEIGHT / 2) if bent else (WIDTH / 2, 0)
    rad = -BEND / math.dist(start, end) if bent else 0
    arrow = {"arrowstyle": "-|>", "color": style.FAINT, "connectionstyle": f"arc3,rad={rad}", "shrinkA": 0}
    axes.annotate("", (x - right, y + up), (start[0] + right, start[1] + up), arrowprops=arrow)


def _box(
    axes: Any, place: tuple[float, float], tensor: Tensor, label: str | None, cotangent: Array | None
) -> None:
    x, y = place
    corner, shape = (x - WIDTH / 2, y - HEIGHT / 2), "round,pad=0,rounding_size=0.1"
    fill = "white" if tensor.node else "#eeeeee"
    axes.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, shape, facecolor=fill, edgecolor=style.FAINT))
    name = label or (tensor.node.op.name if tensor.node else "leaf")
    lines = [(name, style.INK), (_short(tensor.value, str(tensor.shape)), style.INK)]
    if cotangent is not None:
        lines.append(
            (_short(cotangent, f"norm {number(float(np.linalg.norm(cotangent)), 2)}"), style.WARNING)
        )
    for k, (text, colour) in enumerate(lines):
        weight, size = ("normal", 12) if k else ("bold", min(12, 160 / len(text)))
        height = y + HEIGHT * (0.5 - (k + 0.6) / (len(lines) + 0.2))
        axes.text(x, height, text, color=colour, weight=weight, size=size, ha="center", va="center")


def _short(array: Array, otherwise: str) -> str:
    return number(array.item(), 3) if array.size == 1 else otherwise
