"""Colours and sizes that all pictures share. The colours follow Okabe and Ito, safe for the colour-blind."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from minixai.columns import escaped

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)  # of one panel, in this order

INK = "#222222"
FAINT = "#8a8a8a"
WARNING = VERMILION

SIGNAL = BLACK
DISTRACTOR = "#B0508F"
FILTER = VERMILION
PATTERN = BLUE
OUTPUT_MAP = "cividis"

TITLE_SIZE = 20
HEADING_SIZE = 15
TEXT_SIZE = 13

RC: dict[Any, Any] = {
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "axes.labelsize": TEXT_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
PLAIN_TEXT = {**RC, "text.parse_math": False}

P = ParamSpec("P")
Result = TypeVar("Result")
_lock = threading.RLock()  # matplotlib's settings belong to the process
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def drawn(settings: Mapping[str, Any]) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Decorate what draws: in there matplotlib has these settings and its own defaults, not the user's.

    One thread draws at a time. The settings change in one step of the interpreter, so that an interrupt
    leaves all of them or none.
    """

    def decorate(draw: Callable[P, Result]) -> Callable[P, Result]:
        @wraps(draw)
        def drawing(*args: P.args, **kwargs: P.kwargs) -> Result:
            import matplotlib

            of_process: Any = matplotlib.rcParams
            with _lock:
                before = _raw(of_process)
                try:
                    ours = _raw(matplotlib.rcParamsDefault) | _raw(matplotlib.RcParams(settings))
                    dict.update(of_process, ours)
                    return draw(*args, **kwargs)
                finally:
                    try:
                        dict.update(of_process, before)
                    except BaseException:  # an interrupt, which may come anywhere
                        dict.update(of_process, before)
                        raise

        return drawing

    return decorate


def drawable(text: str) -> str:
    """The text, with escapes such as \\u732b for characters that the font lacks; white space is blanks."""
    if text.isascii() and text.isprintable():
        return text
    known = _characters()
    return "".join(c if c == "\n" or ord(c) in known else " " if c.isspace() else escaped(c) for c in text)


@cache
def _characters() -> set[int]:
    """Those that matplotlib's own font has, which is on every machine, bold or not."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    plain, bold = (
        get_font(findfont(FontProperties(family="DejaVu Sans", weight=weight))).get_charmap()
        for weight in ("normal", "bold")
    )
    return set(plain) & set(bold)


def _raw(parameters: dict[Any, Any]) -> dict[str, Any]:
    """All but the backend, as they are: looking them up would choose one."""
    return {key: value for key, value in dict.items(parameters) if key != "backend"}
