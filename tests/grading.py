"""Grading submissions with nbgrader, as a teacher does.

`python -m tests.grading COURSE ASSIGNMENT STUDENT ...` grades what lies there, and prints the marks.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

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
    notebook = course.notebook_of(course.masters()[assignment], 0)
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
    api = course.nbgrader_of(folder, container=False)
    done = api.autograde(assignment, student)
    assert done["success"], done
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(assignment, student)
        return {
            grade.name: (grade.score, grade.max_score)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


class Graded(NamedTuple):
    """What a submission got."""

    scores: Scores
    troubles: list[str]  # errors, and what went to stderr, of its notebook


def grade_all(course_folder: Path, assignment: str, submissions: Mapping[str, Any]) -> dict[str, Graded]:
    """Grade notebooks, in two copies of the course side by side: a gradebook takes one at a time."""
    students = list(submissions)

    def grade(k: int) -> dict[str, Graded]:
        mine = students[k::2]
        folder = course_folder.with_name(f"{course_folder.name}-{assignment}-{k}")
        shutil.copytree(course_folder, folder)
        for student in mine:
            submit(folder, student, assignment, submissions[student])
        done = subprocess.run(
            [sys.executable, "-m", "tests.grading", str(folder), assignment, *mine],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # they share the cores
            capture_output=True,
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
        return {student: Graded(*each) for student, each in json.loads(done.stdout.splitlines()[-1]).items()}

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(grade, range(2))
    return first | second


def troubles(folder: Path, assignment: str, student: str) -> list[str]:
    """The errors, and what went to stderr, of a graded notebook."""
    path = folder / "autograded" / student / assignment / f"{assignment}.ipynb"
    outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
    return [
        output.get("evalue", output.get("text"))
        for output in outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


if __name__ == "__main__":
    given, name, *all_students = sys.argv[1:]
    marks = {
        each: (autograde(Path(given), name, each), troubles(Path(given), name, each)) for each in all_students
    }
    print(f"\n{json.dumps(marks)}")
