"""The coursework, graded by nbgrader: full marks for solutions, none for blank versions or for cheating."""

from __future__ import annotations

import csv
import functools
import importlib
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from minixai import cli, course
from tests import grading, standin
from tests.submissions import Wrong

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[course]')")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of nbgrader's own libraries
]
SEED = 12
ASSIGNMENTS = list(course.masters())
COURSEWORK = Path(__file__).parents[1] / "lessons" / "coursework"


def wrong(assignment: str) -> dict[str, Wrong]:
    return importlib.import_module(f"tests.submissions.{assignment}").WRONG


Grade = Callable[[str], dict[str, grading.Graded]]
CASES = [(assignment, name) for assignment in ASSIGNMENTS for name in wrong(assignment)]


@pytest.fixture(scope="session")
def term(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course directory of another term than the released one."""
    folder = tmp_path_factory.mktemp("course") / "term"
    assert course.lay_out(folder, SEED) == ASSIGNMENTS
    return folder


@pytest.fixture(scope="session")
def graded(term: Path) -> Grade:
    """For an assignment, what all submissions got: "solution", "blank", and the wrong ones by name."""

    @functools.cache
    def grade(assignment: str) -> dict[str, grading.Graded]:
        source = grading.read(term, "source", assignment)
        submissions = {"solution": source, "blank": grading.read(term, "release", assignment)}
        submissions |= {
            name: grading.answered(source, each.answers) for name, each in wrong(assignment).items()
        }
        by_student = {f"student{k}": notebook for k, notebook in enumerate(submissions.values())}
        marks = grading.grade_all(term, assignment, by_student)
        return dict(zip(submissions, (marks[student] for student in by_student), strict=True))

    return grade


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_points_add_up_to_100(term: Path, assignment: str) -> None:
    graded_cells = grading.cells_of(grading.read(term, "source", assignment), grade=True)
    assert sum(cell.metadata.nbgrader.points for cell in graded_cells.values()) == 100


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_all_code_compiles_and_no_stub_stands_below_a_function(term: Path, assignment: str) -> None:
    source, release = (grading.read(term, kind, assignment) for kind in ("source", "release"))
    for grade_id, cell in grading.cells_of(release, solution=True, cell_type="code").items():
        stubs = [line for line in cell.source.splitlines() if "raise NotImplementedError" in line]
        assert stubs, grade_id
        assert len(stubs) == 1 or all(line.startswith(" ") for line in stubs), grade_id
    for cell in source.cells + release.cells:
        if cell.cell_type == "code":
            compile(cell.source, cell.id, "exec")


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
def test_what_is_committed_is_the_release_of_seed_0(assignment: str, first_term: Path) -> None:
    committed = nbformat.read(COURSEWORK / "release" / assignment / f"{assignment}.ipynb", as_version=4)
    assert committed == grading.read(first_term, "release", assignment), "run python lessons/build.py"


@pytest.fixture(scope="session")
def first_term(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course") / "first"
    course.lay_out(folder)
    return folder


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_solution_gets_full_marks_in_every_cell(assignment: str, term: Path, graded: Grade) -> None:
    scores, troubles = graded(assignment)["solution"]
    for grade_id in automatic(grading.read(term, "source", assignment)):
        assert scores[grade_id][0] == scores[grade_id][1] > 0, grade_id
    assert troubles == []


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_blank_version_gets_nothing_in_any_cell(assignment: str, graded: Grade) -> None:
    scores, troubles = graded(assignment)["blank"]
    assert {grade_id: scores[grade_id][0] for grade_id in scores} == dict.fromkeys(scores, 0)
    assert troubles


@pytest.mark.parametrize(("assignment", "name"), CASES, ids=[f"{a}-{n}" for a, n in CASES])
def test_a_wrong_submission_loses_the_marks_it_should(
    assignment: str, name: str, term: Path, graded: Grade
) -> None:
    scores, _ = graded(assignment)[name]
    loses = wrong(assignment)[name].loses
    for grade_id in automatic(grading.read(term, "source", assignment)):
        score, most = scores[grade_id]
        assert score == (0 if grade_id in loses else most), grade_id


def automatic(source: Any) -> dict[str, Any]:
    """The cells that nbgrader marks by itself."""
    return grading.cells_of(source, grade=True, solution=False)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_one_wrong_submission_calls_minixai_s_own_function(assignment: str) -> None:
    assert any("own function" in name for name in wrong(assignment))


def commands_of_the_guide() -> list[str]:
    text = (COURSEWORK / "README.md").read_text(encoding="utf-8")
    return "".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)).splitlines()


def test_every_command_of_the_teacher_s_guide_is_one() -> None:
    commands = [line.split()[1:] for line in commands_of_the_guide() if line.startswith("minixai ")]
    assert {command[2] for command in commands} == {"--seed", "roster", "grade", "regrade", "export"}
    for command in commands:
        cli._parser().parse_args(command)


@pytest.mark.skipif(os.name == "nt", reason="platform: the stand-in for podman is a shell script")
def test_the_commands_of_the_teacher_s_guide_grade_three_submissions(tmp_path: Path) -> None:
    install, *commands = commands_of_the_guide()
    assert install.startswith("pip install")
    commands = commands[: 1 + next(k for k, line in enumerate(commands) if " export " in line)]
    asked = standin.podman(tmp_path)
    (tmp_path / "class.csv").write_text("Username,cw1 (31)\nada,\nben,\ncem,\ndan,\n")
    lay_out, *commands = commands
    run([lay_out], tmp_path)
    term = tmp_path / "term"
    name = "one path of many"
    grading.submit(
        term, "cem", "cw1", grading.answered(grading.read(term, "source", "cw1"), wrong("cw1")[name].answers)
    )
    run(commands, tmp_path)
    lost = wrong("cw1")[name].loses
    points = grading.cells_of(grading.read(term, "source", "cw1"), grade=True)
    cem = 100 - sum(points[grade_id].metadata.nbgrader.points for grade_id in lost)
    with (tmp_path / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert [row["cw1 (31)"] for row in csv.DictReader(file)] == ["100", "0", f"{cem:g}", ""]
    for student in ("ada", "ben", "cem"):
        assert (term / "feedback" / student / "cw1" / "cw1.html").is_file()
    assert sum(line.startswith("run ") for line in asked.read_text().splitlines()) == 3


def run(commands: list[str], folder: Path) -> None:
    """Run lines of a shell script in a folder, with the commands of this environment and its podman."""
    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands)],
        cwd=folder,
        env=os.environ | {"PATH": standin.path_with(folder)},
        capture_output=True,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
