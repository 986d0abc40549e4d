"""Grading anew after a check, a notebook or a submission has changed, with what was marked by hand kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from minixai.course.grading import Mark, course_at, grade, mark_of
from minixai.course.layout import cause_of

__all__ = ["regrade"]

Place = tuple[str, str, str]  # cell, notebook, student


class _ByHand(NamedTuple):
    """What a person gave to a cell."""

    score: float | None
    extra: float | None
    comment: str | None
    answer: str | None  # to which it was given; None of a test, and of what was still to be looked at


def regrade(
    folder: str | Path, assignment: str, marks: str | Path | None = None, container: bool = True
) -> dict[str, Mark | str]:
    """Make the student version anew, grade all submissions anew, and keep the marks by hand.

    A mark by hand counts where the answer is still the one to which it was given. Where the answer has
    changed, and where a person overruled a test, it is kept, but the submission counts as unmarked until
    somebody has looked at it.

    marks: another course, of which the marks by hand are taken: that of before, where cells have been added.
    Returns and raises what `grade` does; ValueError also where nbgrader makes no student version, as where
    cells have been added to a notebook with submissions.
    """
    api = course_at("regrade", folder, container)
    before = _by_hand(api if marks is None else course_at("regrade", marks), assignment)
    done = api.generate_assignment(assignment)
    if not done["success"]:
        raise ValueError(
            f"regrade: nbgrader made no student version of {assignment}: {cause_of(done)} (lay out another "
            f"folder, put submitted/ there, and name this one with --marks)"
        )
    outcomes: dict[str, Mark | str] = {}
    try:
        outcomes = grade(folder, assignment, container, again=True)
    finally:
        lost = _give_back(api, assignment, before)
    with api.gradebook as gradebook:
        for student, outcome in outcomes.items():
            if isinstance(outcome, Mark):
                outcomes[student] = mark_of(gradebook.find_submission(assignment, student))
    for student in sorted({student for _, _, student in lost}):
        cells = ", ".join(cell for cell, _, whose in lost if whose == student)
        outcomes[student] = f"no place is left for what was given by hand to {cells}"
    return outcomes


def _by_hand(api: Any, assignment: str) -> dict[Place, _ByHand]:
    """The marks and comments that persons gave."""
    answers = dict(_answers(api, assignment))
    found = dict[Place, _ByHand]()
    with api.gradebook as gradebook:
        for submission in gradebook.assignment_submissions(assignment):
            for notebook in submission.notebooks:
                comments = {each.name: each.manual_comment for each in notebook.comments}
                for grade in notebook.grades:
                    place = grade.name, notebook.name, submission.student.id
                    settled = grade.manual_score is not None and not grade.needs_manual_grade
                    answer = answers.get(place) if settled else None
                    comment = comments.pop(grade.name, None)
                    found[place] = _ByHand(grade.manual_score, grade.extra_credit, comment, answer)
                for cell, comment in comments.items():
                    place = cell, notebook.name, submission.student.id
                    found[place] = _ByHand(None, None, comment, None)
    return {place: each for place, each in found.items() if each != _ByHand(None, None, None, None)}


def _give_back(api: Any, assignment: str, before: dict[Place, _ByHand]) -> list[Place]:
    """Write them into the gradebook; returns those for which there is no place in it."""
    from nbgrader.api import MissingEntry

    answers = dict(_answers(api, assignment))
    lost = []
    with api.gradebook as gradebook:
        for place, (score, extra, comment, answer) in before.items():
            cell, notebook, student = place
            try:
                if comment is not None:
                    gradebook.find_comment(cell, notebook, assignment, student).manual_comment = comment
                if score is not None or extra is not None:
                    grade = gradebook.find_grade(cell, notebook, assignment, student)
                    grade.manual_score, grade.extra_credit = score, extra
                    if score is not None:
                        grade.needs_manual_grade = answer is None or answers.get(place) != answer
            except MissingEntry:
                lost.append(place)
        gradebook.db.commit()
    return lost


def _answers(api: Any, assignment: str) -> Iterator[tuple[Place, str]]:
    """The answers that persons mark, as they were graded last."""
    import nbformat

    for path in Path(api.coursedir.root, "autograded").glob(f"*/{assignment}/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            about = cell.metadata.get("nbgrader", {})
            if about.get("grade") and about.get("solution"):
                yield (about["grade_id"], path.stem, path.parts[-3]), cell.source
