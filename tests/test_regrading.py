"""Grading anew: marks change where they should, and what was marked by hand is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from minixai import course
from minixai.course.grading import Mark

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[course]')")
container = pytest.importorskip("minixai.course.container")
pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's own libraries

MASTER = """\
# %%
SEED = 0

# %% nbgrader={"grade": false, "grade_id": "f", "locked": false, "schema_version": 3, "solution": true, "task": false}
def f(x):
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "t", "locked": true, "points": 70, "schema_version": 3, "solution": false, "task": false}
assert f(2) == 4

# %% [markdown] nbgrader={"grade": true, "grade_id": "report", "locked": false, "points": 30, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
# As expected.
### END SOLUTION
"""  # noqa: E501
SECOND_TEST = """
# %% nbgrader={"grade": true, "grade_id": "u", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
assert f(3) == 3
"""  # noqa: E501


@pytest.fixture(autouse=True)
def _run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run cells in this process: a kernel takes seconds."""

    def preprocess(_: Any, notebook: Any, resources: Any) -> Any:
        names: dict[str, Any] = {}
        for cell in notebook.cells:
            if cell.cell_type == "code":
                try:
                    exec(cell.source, names)
                except AssertionError as error:
                    cell.outputs = [
                        nbformat.v4.new_output("error", ename="AssertionError", evalue=str(error))
                    ]
                    cell.outputs[0].traceback = []
                except ZeroDivisionError:
                    raise container.NotRunError("it could not be run") from None
        return notebook, resources

    monkeypatch.setattr(container.Contained, "preprocess", preprocess)


def lay_out(folder: Path, master: str) -> Path:
    path = folder / "coursework" / "cw6" / "master.percent.py"
    path.parent.mkdir(parents=True)
    path.write_text(master, encoding="utf-8")
    course.lay_out(folder / "term", 5, folder / "coursework")
    return folder / "term"


def submit(term: Path, student: str, report: str, answer: str = "return x") -> None:
    work = nbformat.read(term / "release" / "cw6" / "cw6.ipynb", as_version=4)
    work.cells[1].source = f"def f(x):\n    {answer}"
    work.cells[3].source = report
    target = term / "submitted" / student / "cw6" / "cw6.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(work, target)


def mark_by_hand(term: Path, student: str, score: float, cell: str = "report") -> None:
    with course.nbgrader_of(term).gradebook as gradebook:
        grade = gradebook.find_grade(cell, "cw6", "cw6", student)
        grade.manual_score, grade.needs_manual_grade = score, False
        if cell == "report":
            gradebook.find_comment(cell, "cw6", "cw6", student).manual_comment = f"for {student}"
        gradebook.db.commit()


def comment_for(term: Path, student: str) -> str:
    with course.nbgrader_of(term).gradebook as gradebook:
        return gradebook.find_comment("report", "cw6", "cw6", student).manual_comment


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A term with a wrong test, whose reports are marked by hand; Cem's test is overruled."""
    term = lay_out(tmp_path / "first", MASTER)
    for student in ("ada", "ben", "cem"):
        submit(term, student, f"What {student} found.")
    assert course.grade(term, "cw6", container=False)["ada"] == Mark(0, 100, True)
    for student, score in (("ada", 21), ("ben", 22), ("cem", 23)):
        mark_by_hand(term, student, score)
    mark_by_hand(term, "cem", 70, "t")
    return term


def mend(term: Path) -> None:
    source = term / "source" / "cw6" / "cw6.ipynb"
    source.write_text(source.read_text(encoding="utf-8").replace("f(2) == 4", "f(2) == 2"), encoding="utf-8")


def test_a_mended_test_changes_the_marks_and_keeps_those_by_hand(marked: Path) -> None:
    mend(marked)
    submit(marked, "ben", "What Ben found later.")
    assert course.regrade(marked, "cw6", container=False) == {
        "ada": Mark(91, 100, False),
        "ben": Mark(92, 100, True),  # another answer: to be looked at
        "cem": Mark(93, 100, True),  # a test that was overruled: to be looked at
    }
    assert [comment_for(marked, student) for student in ("ada", "ben")] == ["for ada", "for ben"]
    assert course.regrade(marked, "cw6", container=False)["ben"] == Mark(92, 100, True)
    mark_by_hand(marked, "ben", 30)
    assert course.regrade(marked, "cw6", container=False)["ben"] == Mark(100, 100, False)


def test_what_cannot_be_run_any_more_has_no_mark(marked: Path) -> None:
    submit(marked, "ada", "What ada found.", "return 1 / 0")
    assert course.regrade(marked, "cw6", container=False)["ada"] == "it could not be run"
    with course.nbgrader_of(marked).gradebook as gradebook:
        assert gradebook.find_submission("cw6", "ada").needs_manual_grade


def test_marks_by_hand_move_to_a_course_with_other_cells(marked: Path, tmp_path: Path) -> None:
    source = lay_out(tmp_path / "second", MASTER + SECOND_TEST) / "source" / "cw6" / "cw6.ipynb"
    (marked / "source" / "cw6" / "cw6.ipynb").write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match=r"Cannot add or remove cells .* \(lay out another folder"):
        course.regrade(marked, "cw6", container=False)

    second = tmp_path / "second" / "term"
    for student in ("ada", "ben"):
        submit(second, student, f"What {student} found.")
    assert course.regrade(second, "cw6", marks=marked, container=False) == {
        "ada": Mark(26, 105, False),
        "ben": Mark(27, 105, False),
        "cem": "no place is left for what was given by hand to t, report",
    }
    assert comment_for(second, "ada") == "for ada"
