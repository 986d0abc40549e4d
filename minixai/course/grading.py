"""Grading a piece, in one command: every submission is run, marked, and given its feedback page."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

from minixai.course.layout import cause_of, nbgrader_of

__all__ = ["Mark", "course_at", "grade", "mark_of"]


class Mark(NamedTuple):
    """What a submission got."""

    score: float  # less what was taken off for being late
    most: float
    unmarked: bool  # a part of it is still to be marked by hand


def grade(
    folder: str | Path, assignment: str, container: bool = True, again: bool = False
) -> dict[str, Mark | str]:
    """Run and mark the submissions of an assignment that are not marked yet, and write their feedback.

    container: whether they are run in containers, with podman or docker; if not, with your rights.
    again: also those that are marked.
    Returns, for each student, the mark, or why there is none; then the other submissions are marked all the
    same.

    Raises:
        ValueError: the folder is no course, or has no such assignment or no submission.
        OSError: neither podman nor docker answers, or the image cannot be built; without a container, minixai
            is another than that of the term.
    """
    from minixai.course.container import Contained

    api = course_at("grade", folder, container)
    with api.gradebook as gradebook:
        known = [each.name for each in gradebook.assignments]
    if assignment not in known:
        raise ValueError(f"grade: {assignment!r} is no assignment, expected one of {', '.join(known)}")
    students = sorted(path.parent.name for path in Path(folder).glob(f"submitted/*/{assignment}"))
    if not students:
        raise ValueError(f"grade: {folder} has no folder submitted/NAME/{assignment}")
    with contextlib.chdir(folder):
        Contained(config=api.config).get_ready()
    outcomes = {student: _graded(api, assignment, student, again) for student in students}
    done = api.generate_feedback(assignment)
    if not done["success"] and any(isinstance(each, Mark) for each in outcomes.values()):
        raise ValueError(f"grade: nbgrader made no feedback: {cause_of(done)}")
    return outcomes


def _graded(api: Any, assignment: str, student: str, again: bool) -> Mark | str:
    done = api.autograde(assignment, student, force=again)
    with api.gradebook as gradebook:
        if done["success"]:
            return mark_of(gradebook.find_submission(assignment, student))
        for notebook in gradebook.update_or_create_submission(assignment, student).notebooks:
            for each in notebook.grades:
                each.needs_manual_grade = True  # what it got before does not count
        gradebook.db.commit()
    return cause_of(done)


def course_at(call: str, folder: str | Path, container: bool = True) -> Any:
    """The NbGraderAPI of a folder; ValueError where none was laid out."""
    for file in ("nbgrader_config.py", "gradebook.db"):
        if not Path(folder, file).is_file():
            raise ValueError(
                f"{call}: {folder} has no {file}, expected a folder that minixai course laid out"
            )
    return nbgrader_of(folder, container)


def mark_of(submission: Any) -> Mark:
    """The mark of nbgrader's SubmittedAssignment."""
    score = max(0.0, submission.score - (submission.late_submission_penalty or 0))
    return Mark(score, submission.max_score, submission.needs_manual_grade)
