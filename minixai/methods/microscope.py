"""What `Explanation.trace` returns: a walk back, or two, node by node, as a page, a GIF, or numbers."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.context import apart
from minixai.files import write_whole
from minixai.methods.ledger import NAMES, WHY, row_of
from minixai.op import Trait
from minixai.rules.table import Made, at_work, formula_of, source_of
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.microscope import Step, Walk

__all__ = ["Trace"]

SUFFIXES = (".gif", ".html")
HEIGHT = 900  # pixels, of the page in a notebook
WAY_ON = "expected one of a method that is one walk back, such as lrp, guided_backprop or gradient"


@dataclass(frozen=True, eq=False)
class Trace:
    """A walk back, or two in step. A notebook shows it as a page; `save` writes it as a page or a GIF.

    walks: with their steps, each with arrays, sums and leaks. photo: (h, w, 3), or None where x is no image.
    """

    walks: Sequence[Walk]
    photo: np.ndarray | None
    classes: Sequence[str] | None

    @property
    def title(self) -> str:
        """Whose walks they are, and from where."""
        methods = " beside ".join(dict.fromkeys(walk.method for walk in self.walks))
        units = " and ".join(dict.fromkeys(walk.unit[0] for walk in self.walks))
        return f"{methods}: the walk back from {units}"

    def save(self, path: str | Path) -> None:
        """Write it by the suffix: .html, one page that needs no server and no network; .gif, for slides.

        Raises:
            ValueError: the suffix is none of these.
            OSError: the file cannot be written.
        """
        from minixai.plot.picture import checked_suffix

        path = checked_suffix("Trace.save", path, SUFFIXES)
        content = self.page().encode() if path.suffix.lower() == ".html" else self.gif()
        write_whole("Trace.save", path, content)

    def page(self) -> str:
        """The page, as HTML."""
        from minixai.plot.microscope import page_of

        return page_of(self.walks, self.photo, self.classes, self.title, WHY)

    def gif(self) -> bytes:
        """The walk as an animation."""
        from minixai.plot.microscope_gif import gif_of

        return gif_of(self.walks, self.photo, self.title)

    def __repr__(self) -> str:
        what = " beside ".join(walk.method for walk in self.walks)
        return f"Trace({what}, {len(self.walks[0].steps)} steps)"

    def _repr_html_(self) -> str:
        title, page = html.escape(self.title), html.escape(self.page())
        look = f"width: 100%; height: {HEIGHT}px; border: 0"
        return f'<iframe title="{title}" style="{look}" srcdoc="{page}"></iframe>'


def steps_again(
    again: Callable[[Array], Any] | None, method: str, x: Array, map_: Array, image: int
) -> list[Step]:
    """What the walk did that made this map of x, seen as it is walked once more.

    Raises ValueError where the map was not made by one walk, or is another now.
    """
    if again is None:
        what = "was not made by one walk back of a method, or is a copy that knows no model"
        raise ValueError(f"trace: the explanation by {method} {what}, {WAY_ON}")
    walks: list[Any] = []
    answer = apart(lambda: again(x), walks=walks)
    if not np.array_equal(answer.map, map_):
        raise ValueError(
            f"trace: {method} gives another map now: the model, its patterns or the rules have changed since"
        )
    if len(walks) != 1 or not np.array_equal(walks[0].answer.map, map_):
        raise ValueError(f"trace: the map of {method} is not where one walk back ends, {WAY_ON}")
    numbers: dict[int, int] = {}
    counter = count()

    def number(array: Array) -> int:
        return numbers.setdefault(id(array), next(counter))

    return [_step(each, number, image) for each in walks[0].seen]


def _step(seen: Any, number: Callable[[Array], int], image: int) -> Step:
    from minixai.plot.microscope import Step

    node, came, answer, table_rule = seen
    rule = at_work(table_rule, node)
    own = rule is node.op.vjp
    given = [*answer, *[None] * len(node.inputs)]
    on_the_way = [
        (x, np.zeros_like(x) if left is None else np.asarray(left))
        for x, need, left in zip(node.arrays, node.needs, given, strict=False)
        if need
    ]
    leaks = row_of(node, came, answer).leaks
    formula = formula_of(node.op if own else rule)
    if not all(np.isfinite(each).all() for each in (came, *(left for _, left in on_the_way))):
        raise ValueError(f"trace: the cotangents overflow {came.dtype} at {node.label}")
    return Step(
        layer=node.layer,
        op=node.op.name,
        fused=node.name,
        y=node.value[image],
        came=came[image],
        inputs=tuple(x[image] for x, _ in on_the_way),
        left=tuple(left[image] for _, left in on_the_way),
        made=number(node.value),
        uses=tuple(number(x) for x, _ in on_the_way),
        leaks={NAMES.get(key, key): float(leak[image]) for key, leak in leaks.items()},
        rule=f"the gradient of {node.name}" if own else _name(rule),
        formula=formula,
        source=source_of(rule),
        own=own,
        gate=not {Trait.GATE, Trait.RECTIFIER}.isdisjoint(node.traits),
    )


def _name(rule: Any) -> str:
    return repr(rule) if isinstance(rule, Made) else getattr(rule, "__name__", repr(rule))
