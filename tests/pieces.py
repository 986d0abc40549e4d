"""What the checks of every piece of coursework must do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import pytest

from minixai.checks import CheckError

SEEDS = (0, 1, 12, 77, 3_000_000_000)


def check_and_mark(piece: ModuleType, name: str) -> list[Any]:
    """What students see below an answer, and the marking; each takes the answer and a seed."""
    return [getattr(piece, f"{kind}_{name}") for kind in ("check", "mark")]


def piece_checks(
    piece: ModuleType, names: Iterable[str], answers: Callable[[int], Mapping[str, Any]]
) -> type:
    """What holds of each answer in every piece, as a class of tests: `TestPiece = piece_checks(…)`.

    piece: its module of checks. names: of its answers. answers: the master's, by name, of a seed.
    """

    class TestPiece:
        @pytest.mark.parametrize("seed", SEEDS)
        @pytest.mark.parametrize("name", names)
        def test_the_solution_passes(self, name: str, seed: int) -> None:
            for check in check_and_mark(piece, name):
                check(answers(seed)[name], seed)

        @pytest.mark.parametrize("name", names)
        def test_what_is_not_done_fails(self, name: str) -> None:
            def blank(*args: Any, **kwargs: Any) -> None:
                raise NotImplementedError

            for check in check_and_mark(piece, name):
                with pytest.raises(NotImplementedError):
                    check(blank, 0)
                with pytest.raises(CheckError, match="not done yet"):
                    check(lambda *args, **kwargs: None, 0)

    return TestPiece
