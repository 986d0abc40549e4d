"""The solutions that fold out in a lesson, run from its text; and what the checks of every lesson must do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai.checks import CheckError

Answer = Callable[..., Any]
Check = Callable[[Answer], None]

LESSONS = Path(__file__).parents[1] / "lessons"


def assert_solutions_pass(lesson: int, checks: Sequence[Check]) -> None:
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


def lesson_checks(
    lesson: int,
    right: Sequence[tuple[Check, Answer]],
    wrong: Mapping[Check, Mapping[str, Answer]],
    plain: Callable[[Any], Any] | None = None,
    solved: Sequence[Check] | None = None,
    undone: str = "by hand: not done yet",
) -> type:
    """What the checks of every lesson must do, as a class of tests: `TestChecks = lesson_checks(…)`.

    right: a check and an answer that passes. wrong: check → what its message names → such an answer.
    plain: makes of a right answer's arrays lists and numbers, which must pass too. solved: the checks whose
        solutions fold out, in place of those of `right`. undone: what an answer None is told.
    """
    checks = list(dict.fromkeys(check for check, _ in right))
    mistakes = [(check, mistake, answer) for check, each in wrong.items() for mistake, answer in each.items()]

    class TestChecks:
        @pytest.mark.parametrize(("check", "answer"), right)
        def test_the_right_answer_passes(self, check: Check, answer: Answer) -> None:
            check(answer)
            if plain:
                check(lambda *arguments: plain(answer(*arguments)))

        def test_the_solutions_in_the_lesson_pass(self) -> None:
            assert_solutions_pass(lesson, solved or checks)

        @pytest.mark.parametrize("check", checks)
        def test_not_done_yet(self, check: Check) -> None:
            with pytest.raises(CheckError, match=undone):
                check(lambda *arguments: None)

        @pytest.mark.parametrize(("check", "mistake", "answer"), mistakes)
        def test_the_mistake_is_named(self, check: Check, mistake: str, answer: Answer) -> None:
            with pytest.raises(CheckError) as error:
                check(answer)
            assert mistake in str(error.value)

    return TestChecks
