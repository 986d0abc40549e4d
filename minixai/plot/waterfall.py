"""A waterfall: how a quantity falls, step by step, from what was there at first to what is left."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minixai.plot import style
from minixai.plot.maps import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minixai.plot.picture import Picture

__all__ = ["Step", "waterfall"]

MOST = 14  # steps; the smallest of more are drawn as one
NEGLIGIBLE = 1e-9  # of the largest of start, end and steps: not drawn


class Step(NamedTuple):
    """What is lost at one place, for one reason; a negative loss is a gain."""

    place: str
    reason: str
    loss: float


def waterfall(start: float, steps: Sequence[Step], end: float, title: str, note: str = "") -> Picture:
    """Draw from top to bottom the start, a bar for every step that loses anything, and the end.

    A bar spans what was there before and after the step, in the colour of its reason. The axis shows
    the range of the bars only.
    """
    from matplotlib import rc_context
    from matplotlib.patches import Patch

    from minixai.plot.picture import Picture

    reasons = _looks(dict.fromkeys(step.reason for step in steps))
    shown, smaller = _largest(steps, max([abs(start), abs(end), *(abs(step.loss) for step in steps)]))
    bars = [(step.place, step.loss, reasons[step.reason]) for step in shown]
    if smaller:
        bars.append(
            (f"{len(smaller)} smaller", sum(step.loss for step in smaller), {"facecolor": style.FAINT})
        )
    levels = start - np.cumsum([0.0, *(loss for _, loss, _ in bars)])
    last = len(bars) + 1

    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((12.8, max(3.6, 1.8 + 0.34 * last)), dpi=100, layout="constrained")
        axes = picture.add_subplot()
        for k, (_, loss, look) in enumerate(bars, start=1):
            before, after = levels[k - 1 : k + 1]
            axes.barh(k, after - before, left=before, height=0.7, **look)
            axes.plot([before, before], [k - 1, k], color=style.FAINT, linewidth=1, zorder=0)
            _say(axes, max(before, after), k, ("+" if loss < 0 else "") + number(-loss, 3))
        axes.plot([levels[-1]] * 2, [last - 1, last], color=style.FAINT, linewidth=1, zorder=0)
        for k, value in ((0, start), (last, end)):
            axes.plot(value, k, "D", color=style.INK, markersize=9)
            _say(axes, value, k, number(value, 4), weight="bold")
        axes.set_yticks(range(last + 1), ["start", *(place for place, _, _ in bars), "input"])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(last + 0.6, -0.6)
        axes.use_sticky_edges = False
        axes.margins(x=0.12)
        axes.set_xlabel(f"{note}relevance")
        axes.set_title(title, size=style.HEADING_SIZE, weight="bold", loc="left")
        seen = {step.reason for step in shown}
        keys = [Patch(label=reason, **look) for reason, look in reasons.items() if reason in seen]
        if keys:
            legend = picture.legend(handles=keys, loc="outside lower center", ncols=4, frameon=False)
            legend.set_title("− went to, + came from")
    return picture


def _looks(reasons: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour for each reason, and a hatch where the colours come round again."""
    looks = itertools.cycle(itertools.product(("", "//", "xx", ".."), style.LINES))
    return {
        reason: {"facecolor": c, "edgecolor": "white", "hatch": h, "linewidth": 0}
        for reason, (h, c) in zip(reasons, looks, strict=False)
    }


def _say(axes: Axes, x: float, y: float, text: str, **font: Any) -> None:
    """Write a number to the right of a bar."""
    size = style.TEXT_SIZE - 2
    axes.annotate(text, (x, y), (9, 0), textcoords="offset points", va="center", size=size, **font)


def _largest(steps: Sequence[Step], scale: float) -> tuple[list[Step], list[Step]]:
    """The steps to draw, in their order, and those that are drawn as one."""
    losing = [step for step in steps if abs(step.loss) > NEGLIGIBLE * scale]
    if len(losing) <= MOST:
        return losing, []
    least = sorted((abs(step.loss) for step in losing), reverse=True)[MOST - 2]
    return [s for s in losing if abs(s.loss) >= least], [s for s in losing if abs(s.loss) < least]
