"""The solutions that fold out in a lesson, run from its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minixai as mx

LESSONS = Path(__file__).parents[1] / "lessons"


def assert_solutions_pass(lesson: int, checks: Sequence[Callable[[Any], None]]) -> None:
    """Every solution of a lesson passes its check: that of `check_x` defines x."""
    (source,) = LESSONS.glob(f"{lesson:02}_*.py")
    text = source.read_text(encoding="utf-8")
    solutions = re.findall(r"^# ```python\n(.*?)^# ```", text, re.DOTALL | re.MULTILINE)
    assert len(solutions) == len(checks)
    names: dict[str, Any] = {"np": np, "mx": mx}
    for solution in solutions:
        exec(re.sub(r"^# ?", "", solution, flags=re.MULTILINE), names)
    for check in checks:
        check(names[check.__name__.removeprefix("check_")])
