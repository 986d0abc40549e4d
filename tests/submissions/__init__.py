"""Wrong submissions of the coursework, and the marks that each must lose."""

from __future__ import annotations

from typing import NamedTuple


class Wrong(NamedTuple):
    """A submission that is right but for some solution cells.

    answers: the sources of those cells, by grade_id; loses: the grade_ids of exactly those test cells that
    score nothing, where the others keep their full marks.
    """

    answers: dict[str, str]
    loses: set[str]
