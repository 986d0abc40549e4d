"""The tape microscope: a walk back, or two side by side, node by node, as one web page or as a GIF."""

from __future__ import annotations

import base64
import difflib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np

from minixai.plot import style
from minixai.plot.maps import HEAT_COLOURS
from minixai.plot.page import render
from minixai.typing import Array

__all__ = ["Step", "Walk", "as_signal", "names_of", "page_of", "parting", "rows_of"]

MAPS = 8  # feature maps, and units of a vector, that are shown
ROUNDING = 1e-4  # of the largest value: what two walks may differ by before they part
SHADES = 127  # of a colour map, an odd number: zero has one of its own


@dataclass(frozen=True, eq=False)
class Step:
    """What a walk did at one node, for one image; sums are in float64.

    y: the node's output. came: the cotangent that arrived, of y's shape. inputs, left: the inputs that come
    from x, and the cotangents that they got. made, uses: numbers that y and the inputs have on the tape.
    leaks: by reason. rule, formula, source: what the table had for the node. own: whether that is no rule
    but the node's own VJP. gate: whether it is an activation.
    """

    layer: str | None
    op: str
    fused: str  # with the affine steps behind it
    y: Array
    came: Array
    inputs: tuple[Array, ...]
    left: tuple[Array, ...]
    made: int
    uses: tuple[int, ...]
    leaks: dict[str, float]
    rule: str
    formula: str
    source: str
    own: bool
    gate: bool

    @property
    def passed_on(self) -> float:
        """The sum of what left."""
        return sum(total(each) for each in self.left)

    @property
    def stopped(self) -> dict[str, float] | None:
        """Of the entries that came, the share that an activation lets through as zero; None elsewhere.

        silent: where x ≤ 0. negative: of the others, where the cotangent is below zero.
        """
        if not self.gate or len(self.left) != 1 or not np.any(self.came):
            return None
        here = self.came != 0
        lost = here & (self.left[0] == 0)
        silent, negative = lost & (self.inputs[0] <= 0), lost & (self.inputs[0] > 0) & (self.came < 0)
        shares = {"all": lost, "silent": silent, "negative": negative}
        return {name: float(each.sum() / here.sum()) for name, each in shares.items()}


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk from a unit to the input: its steps in their order, and the map that it ends with.

    conserves: whether it shares out relevance, so that start = arrived + all leaks. pixels: the map as an
    image (h, w, c), if x is one. signal: whether it is shown in the image's channels, not as a heat map.
    """

    method: str
    kind: str
    unit: tuple[str, str]  # what is explained, and its value
    steps: Sequence[Step]
    map: Array
    pixels: Array | None
    signal: bool
    conserves: bool

    @cached_property
    def start(self) -> float:
        """What the walk starts with, summed."""
        return total(self.steps[0].came)

    @property
    def sizes(self) -> Array:
        """Of each step the logarithm of Σ|g| that arrived, the least there is where it is zero."""
        sizes = np.array([np.abs(step.came).sum(dtype=np.float64) for step in self.steps])
        return np.log10(np.maximum(sizes, sizes[sizes > 0].min(initial=1)))

    @property
    def levels(self) -> Iterator[float]:
        """What of the start has not leaked, after each step."""
        level = self.start
        for step in self.steps:
            level -= sum(step.leaks.values())
            yield level


def total(array: Array) -> float:
    """The sum, in float64."""
    return float(array.sum(dtype=np.float64))


def names_of(walks: Sequence[Walk]) -> list[str]:
    """The walks' methods; of two by one method with what tells them apart, their units or their rules."""
    if len({walk.method for walk in walks}) == len(walks):
        return [walk.method for walk in walks]
    if len({walk.unit for walk in walks}) == len(walks):
        return [f"{walk.method} of {walk.unit[0]}" for walk in walks]
    for row in rows_of(walks):
        steps = [walk.steps[k] for walk, k in zip(walks, row, strict=True) if k is not None]
        if len({step.rule for step in steps}) == len(walks):
            return [f"{walk.method}, {step.rule}" for walk, step in zip(walks, steps, strict=True)]
    return [f"{walk.method} {k + 1}" for k, walk in enumerate(walks)]


def rows_of(walks: Sequence[Walk]) -> list[tuple[int | None, ...]]:
    """The steps of one walk, or of two in step: at each node of the tape the numbers of their steps.

    None stands where a node is fused with the layer before it in one of them.
    """
    if len(walks) == 1:
        return [(k,) for k in range(len(walks[0].steps))]
    one, two = ([(step.layer, step.op) for step in walk.steps] for walk in walks)
    rows: list[tuple[int | None, ...]] = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if what == "equal":
            rows += zip(range(i, j), range(k, m), strict=True)
        else:
            rows += [(each, None) for each in range(i, j)] + [(None, each) for each in range(k, m)]
    return rows


def parting(walks: Sequence[Walk]) -> tuple[int, str] | None:
    """The row where two walks part, and whether it is at the "start", in what "came" or in what "left".

    They are compared relative to their largest value at the start: a walk that starts with the unit's value
    and one that starts with 1 are together at first. None where they never part.
    """
    one, two = (walk.steps for walk in walks)
    scales = [float(np.abs(steps[0].came).max()) or 1.0 for steps in (one, two)]

    def apart(a: Sequence[Array], b: Sequence[Array]) -> bool:
        return any(_differ(x / scales[0], y / scales[1]) for x, y in zip(a, b, strict=True))

    if one[0].came.shape != two[0].came.shape or apart([one[0].came], [two[0].came]):
        return 0, "start"
    for row, (i, j) in enumerate(rows_of(walks)):
        if i is None or j is None:
            continue
        if apart([one[i].came], [two[j].came]):
            return row, "came"
        if apart(one[i].left, two[j].left):
            return row, "left"
    return None


def _differ(x: Array, y: Array) -> bool:
    return bool(np.abs(x - y).max() > ROUNDING * max(np.abs(x).max(), np.abs(y).max()))


def page_of(
    walks: Sequence[Walk],
    photo: np.ndarray | None,
    classes: Sequence[str] | None,
    title: str,
    why: Mapping[str, str],
) -> str:
    """The page: everything on it is in it.

    photo: (h, w, 3), uint8 or floats in [0, 1]. classes: the names of the model's classes. why: what to say
    of leaks, by their reason.
    """
    table = table_of(walks, photo, classes, title, why)
    return render(table, "microscope.html", title=escape(title))


def table_of(
    walks: Sequence[Walk],
    photo: np.ndarray | None,
    classes: Sequence[str] | None,
    title: str,
    why: Mapping[str, str],
) -> dict[str, Any]:
    """What the page draws, ready for JSON; pictures are numbers of `images`, PNGs in base64."""
    images = Images()
    parted = parting(walks) if len(walks) == 2 else None
    return {
        "title": title,
        "photo": None if photo is None else images.rgb(_bytes(photo)),
        "walks": [
            {"name": name, **_of_walk(walk, images, classes)}
            for name, walk in zip(names_of(walks), walks, strict=True)
        ],
        "rows": rows_of(walks),
        "parting": None if parted is None else {"row": parted[0], "where": parted[1]},
        "why": why,
        "palette": list(style.LINES),
        "images": images.found,
    }


def _of_walk(walk: Walk, images: Images, classes: Sequence[str] | None) -> dict[str, Any]:
    steps = [
        {
            "layer": step.layer,
            "op": step.fused,
            "y": _view(step.y, images, classes, signed=False),
            "came": _view(step.came, images, classes, signed=True, by=step.y),
            "left": [
                _view(left, images, classes, signed=True, by=step.y if x.shape == step.y.shape else x)
                for x, left in zip(step.inputs, step.left, strict=True)
            ],
            "sums": {"came": total(step.came), "passed on": step.passed_on, "still there": level},
            "size": float(np.abs(step.came).sum(dtype=np.float64)),
            "leaks": step.leaks,
            "stopped": step.stopped,
            "rule": {"name": step.rule, "formula": step.formula, "source": step.source, "own": step.own},
            "rail": rail,
        }
        for step, level, rail in zip(walk.steps, walk.levels, _rails(walk.steps), strict=True)
    ]
    return {
        "method": walk.method,
        "kind": walk.kind,
        "unit": walk.unit,
        "conserves": walk.conserves,
        "start": walk.start,
        "arrived": total(walk.map),
        "map": _view(walk.map, images, None, signed=True),
        "picture": images.rgb(as_signal(walk.pixels)) if walk.signal and walk.pixels is not None else None,
        "steps": steps,
    }


def _view(
    array: Array, images: Images, classes: Sequence[str] | None, signed: bool, by: Array | None = None
) -> dict[str, Any]:
    """Feature maps (c, h, w), the strongest of `by` first, and their sum; of a vector the strongest units.

    Where these are zero and others are not, the others are shown.
    """
    by = array if by is None else by
    if array.size == max(array.shape, default=1):
        order = _strongest(by.ravel(), array.ravel())
        names = classes if classes is not None and len(classes) == array.size else None
        return {
            "shape": array.shape,
            "units": order.tolist(),
            "names": None if names is None else [names[k] for k in order],
            "values": [float(array.ravel()[k]) for k in order],
            "limit": float(np.abs(array).max()),
        }
    maps, by = (each.reshape(-1, *each.shape[-2:]) for each in (array, by))
    order = _strongest(np.maximum(by, 0).sum(axis=(1, 2)), np.abs(maps).sum(axis=(1, 2)))
    shown, summed = maps[order], maps.sum(axis=0)
    low, high = min(float(shown.min()), 0.0), max(float(shown.max()), 0.0)
    span = max(-low, high)
    return {
        "shape": array.shape,
        "sum": images.signed(summed) if signed else images.grey(summed),
        "sum limit": float(np.abs(summed).max()),
        "channels": order.tolist(),
        "maps": [images.signed(m, span) if signed else images.grey(m, low, high) for m in shown],
        "strengths": [float(each.sum(dtype=np.float64)) for each in shown],
        "limits": [low, high],
    }


def _strongest(strengths: Array, carried: Array) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The numbers of the strongest, or of those that carry most, where the strongest carry nothing."""
    order = np.argsort(-strengths, kind="stable")[:MAPS]
    return order if np.any(carried[order]) else np.argsort(-np.abs(carried), kind="stable")[:MAPS]


@dataclass(eq=False)
class Images:
    """PNGs in base64, each kept once."""

    found: list[str] = field(default_factory=list)
    numbers: dict[Any, int] = field(default_factory=dict)

    def signed(self, values: Array, limit: float | None = None) -> int:
        """Values (h, w) from −limit to limit, in the colours of heat maps; None takes the largest |value|."""
        limit = float(np.abs(values).max()) if limit is None else limit
        level = np.clip(values / (limit or 1), -1, 1) * (SHADES // 2) + SHADES // 2
        return self._indexed(np.rint(level).astype(np.uint8), HEAT_COLOURS)

    def grey(self, values: Array, low: float | None = None, high: float | None = None) -> int:
        """Values (h, w) in shades of grey, low (the least) as white and high (the largest) as black."""
        low = float(values.min()) if low is None else low
        high = float(values.max()) if high is None else high
        level = (values - low) / ((high - low) or 1) * (SHADES - 1)
        return self._indexed(np.rint(level).astype(np.uint8), "Greys")

    def rgb(self, pixels: np.ndarray) -> int:
        """(h, w, 3) uint8."""
        from PIL import Image

        return self._kept((pixels.shape, pixels.tobytes()), lambda: Image.fromarray(pixels))

    def _indexed(self, level: np.ndarray, colours: str) -> int:
        from PIL import Image

        def picture() -> Image.Image:
            image = Image.fromarray(level, "L").copy()
            image.putpalette(_palette(colours))
            return image

        return self._kept((colours, level.shape, level.tobytes()), picture)

    def _kept(self, key: Any, picture: Callable[[], Any]) -> int:
        if key not in self.numbers:
            buffer = io.BytesIO()
            picture().save(buffer, "PNG", optimize=True)
            self.numbers[key] = len(self.found)
            self.found.append(base64.b64encode(buffer.getvalue()).decode())
        return self.numbers[key]


def _palette(colours: str) -> list[int]:
    """The shades of a colour map as R, G, B, R, G, B, …"""
    from matplotlib import colormaps

    shades = colormaps[colours](np.linspace(0, 1, SHADES), bytes=True)
    return [int(each) for each in shades[:, :3].ravel()]


def _bytes(photo: np.ndarray) -> np.ndarray:
    return photo if photo.dtype == np.uint8 else np.rint(255 * np.clip(photo, 0, 1)).astype(np.uint8)


def as_signal(pixels: Array) -> np.ndarray:
    """v/(2·max|v|) + ½, zero being grey, as RGB."""
    half = pixels / (2 * (np.abs(pixels).max() or 1)) + 0.5
    return _bytes(np.broadcast_to(half, (*half.shape[:2], 3)))


def _rails(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Of each step its lane, and the lines to the lanes of the next step, as a graph of commits has them."""
    waiting: list[int] = [steps[0].made]
    rails = []
    for step in steps:
        lane = waiting.index(step.made) if step.made in waiting else 0
        before = list(waiting)
        others = [each for each in step.uses if each not in waiting]
        kept = waiting[lane : lane + 1] and others[:1]
        waiting[lane : lane + 1] = [*kept, *others[1:]]
        lines = [(k, waiting.index(each)) for k, each in enumerate(before) if each in waiting]
        lines += [(lane, waiting.index(each)) for each in step.uses if each in waiting]
        rails.append({"lane": lane, "lines": sorted(set(lines))})
    return rails
