"""Coursework: how it is laid out for nbgrader and marked; a folder for each piece.

Each has its master (jupytext, py:percent), its checks, and the answers that these compare with. `check_x`
is what students see below an exercise; `mark_x`, which they do not see, has further cases and other numbers.
"""

from minixai.course.command import add_arguments, run
from minixai.course.grading import grade
from minixai.course.honesty import own_work
from minixai.course.layout import (
    METADATA,
    lay_out,
    masters,
    nbgrader_of,
    notebook_from,
    notebook_of,
    seeds_of,
)
from minixai.course.platforms import enter_roster, export_grades
from minixai.course.regrading import regrade

__all__ = [
    "METADATA",
    "add_arguments",
    "enter_roster",
    "export_grades",
    "grade",
    "lay_out",
    "masters",
    "nbgrader_of",
    "notebook_from",
    "notebook_of",
    "own_work",
    "regrade",
    "run",
    "seeds_of",
]
