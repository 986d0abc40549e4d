"""Grading a folder of submissions with nbgrader, as a teacher does."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from minixai import course

Scores = dict[str, tuple[float, float]]  # grade_id → (score, most)


def read(folder: Path, kind: str, assignment: str) -> Any:
    """The notebook of an assignment: kind is "source" or "release"."""
    return nbformat.read(folder / kind / assignment / f"{assignment}.ipynb", as_version=4)


def cells_of(notebook: Any, **wanted: bool) -> dict[str, Any]:
    """Cells by grade_id: those whose metadata has these values, such as grade=True."""
    return {
        cell.metadata.nbgrader.grade_id: cell
        for cell in notebook.cells
        if all(cell.metadata.get("nbgrader", {}).get(key) == value for key, value in wanted.items())
        and "nbgrader" in cell.metadata
    }


@functools.cache
def solutions_of(assignment: str) -> dict[str, str]:
    """The sources of a master's solution cells, by grade_id."""
    notebook = course.notebook_of(course.MASTERS / f"{assignment}.py", 0)
    return {
        grade_id: cell.source for grade_id, cell in cells_of(notebook, grade=False, solution=True).items()
    }


def answered(notebook: Any, answers: Mapping[str, str]) -> Any:
    """A copy with other sources of some solution cells."""
    changed = copy.deepcopy(notebook)
    cells = cells_of(changed, solution=True)
    for grade_id, source in answers.items():
        cells[grade_id].source = source
    return changed


def submit(folder: Path, student: str, assignment: str, notebook: Any) -> None:
    target = folder / "submitted" / student / assignment / f"{assignment}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(notebook, target)


def autograde(folder: Path, assignment: str, student: str) -> Scores:
    """The scores of a submission, from a gradebook that knows the assignment."""
    api = course.nbgrader_of(folder)
    done = api.autograde(assignment, student)
    assert done["success"], done
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(assignment, student)
        return {
            grade.name: (grade.score, grade.max_score)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }
