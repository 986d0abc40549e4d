"""The coursework, graded by nbgrader: full marks for solutions, none for blank versions or for cheating."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from minixai import course
from tests import grading
from tests.submissions import Wrong

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[course]')")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of nbgrader's own libraries
]
SEED = 12
ASSIGNMENTS = [master.stem for master in sorted(course.MASTERS.glob("cw*.py"))]
RELEASE = course.MASTERS.parent / "release"


def wrong(assignment: str) -> dict[str, Wrong]:
    return importlib.import_module(f"tests.submissions.{assignment}").WRONG


CASES = [(assignment, name) for assignment in ASSIGNMENTS for name in wrong(assignment)]


@pytest.fixture(scope="session")
def term(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course directory of another term than the released one."""
    folder = tmp_path_factory.mktemp("course") / "term"
    assert course.lay_out(folder, SEED) == ASSIGNMENTS
    return folder


@pytest.fixture(scope="session")
def graded(term: Path) -> Callable[[str, str, Any], grading.Scores]:
    def grade(assignment: str, student: str, notebook: Any) -> grading.Scores:
        grading.submit(term, student, assignment, notebook)
        return grading.autograde(term, assignment, student)

    return grade


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_points_add_up_to_100(term: Path, assignment: str) -> None:
    graded_cells = grading.cells_of(grading.read(term, "source", assignment), grade=True)
    assert sum(cell.metadata.nbgrader.points for cell in graded_cells.values()) == 100


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_release_has_no_solution_and_no_hidden_test(term: Path, assignment: str) -> None:
    source, release = (grading.read(term, kind, assignment) for kind in ("source", "release"))
    secret = hidden_lines(source)
    assert secret
    shown = [line.strip() for cell in release.cells for line in cell.source.splitlines()]
    assert secret.isdisjoint(shown)
    text = json.dumps(release)
    for word in ("BEGIN", "SOLUTION", "HIDDEN", str(course.seeds_of(SEED)[1])):
        assert word not in text


def hidden_lines(notebook: Any) -> set[str]:
    """The lines of solutions and hidden tests, less those that say nothing alone."""
    lines: set[str] = set()
    for cell in notebook.cells:
        inside = False
        for line in map(str.strip, cell.source.splitlines()):
            if "### BEGIN" in line or "### END" in line:
                inside = "BEGIN" in line
            elif inside and len(line) > len("return None"):
                lines.add(line)
    return lines


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_what_is_committed_is_the_release_of_seed_0(
    assignment: str, tmp_path_factory: pytest.TempPathFactory, first_term: Path
) -> None:
    committed = json.loads((RELEASE / assignment / f"{assignment}.ipynb").read_text(encoding="utf-8"))
    assert committed == grading.read(first_term, "release", assignment), "run python lessons/build.py"


@pytest.fixture(scope="session")
def first_term(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course") / "first"
    course.lay_out(folder)
    return folder


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_solution_gets_full_marks_in_every_cell(
    assignment: str, term: Path, graded: Callable[..., grading.Scores]
) -> None:
    source = grading.read(term, "source", assignment)
    scores = graded(assignment, "solution", source)
    for grade_id in automatic(source):
        assert scores[grade_id][0] == scores[grade_id][1] > 0, grade_id
    run = nbformat.read(term / "autograded" / "solution" / assignment / f"{assignment}.ipynb", as_version=4)
    for output in (output for cell in run.cells for output in cell.get("outputs", [])):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_blank_version_gets_nothing_in_any_cell(
    assignment: str, term: Path, graded: Callable[..., grading.Scores]
) -> None:
    scores = graded(assignment, "blank", grading.read(term, "release", assignment))
    assert {grade_id: scores[grade_id][0] for grade_id in scores} == dict.fromkeys(scores, 0)


@pytest.mark.parametrize(("assignment", "name"), CASES, ids=[f"{a}-{n}" for a, n in CASES])
def test_a_wrong_submission_loses_the_marks_it_should(
    assignment: str, name: str, term: Path, graded: Callable[..., grading.Scores]
) -> None:
    source = grading.read(term, "source", assignment)
    submission = wrong(assignment)[name]
    scores = graded(assignment, name.replace(" ", "_"), grading.answered(source, submission.answers))
    assert {grade_id for grade_id in automatic(source) if scores[grade_id][0] == 0} == submission.loses
    for grade_id in automatic(source).keys() - submission.loses:
        assert scores[grade_id][0] == scores[grade_id][1], grade_id


def automatic(source: Any) -> dict[str, Any]:
    """The cells that nbgrader marks by itself."""
    return grading.cells_of(source, grade=True, solution=False)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_one_wrong_submission_calls_minixai_s_own_function(assignment: str) -> None:
    assert any("own function" in name for name in wrong(assignment))
