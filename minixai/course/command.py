"""`minixai course DIR …`: lay out a course, enter its students, grade, and hand out the grades."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from minixai.columns import aligned, printable
from minixai.course.grading import Mark, grade
from minixai.course.layout import lay_out
from minixai.course.platforms import enter_roster, export_grades
from minixai.course.regrading import regrade

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """Give a parser the folder of a course, and what can be done with it."""
    parser.add_argument("folder", metavar="DIR", help="of the course; to lay it out, a new or empty one")
    parser.add_argument(
        "--seed", type=int, default=0, help="your number, kept from students: it varies data and answers (0)"
    )
    parser.set_defaults(act=_lay_out)
    actions = parser.add_subparsers(title="what to do with a course that is laid out", metavar="")

    action = actions.add_parser("roster", help="enter the students of a file into its gradebook")
    _add_file(action)
    action.set_defaults(act=_roster)

    action = actions.add_parser("grade", help="run and mark what is in submitted/, each in a container")
    _add_grading(action)
    action.set_defaults(act=_grade)

    action = actions.add_parser("regrade", help="grade all anew, and keep what was marked by hand")
    _add_grading(action)
    action.add_argument("--marks", metavar="DIR", help="another course, whose marks by hand are taken")
    action.set_defaults(act=_regrade)

    action = actions.add_parser("export", help="write the file again with the grades filled in")
    _add_file(action)
    action.add_argument("to", metavar="TO.csv", help="what to write")
    action.set_defaults(act=_export)


def _add_file(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE.csv", help="the gradebook that Moodle, Canvas or Blackboard exports"
    )
    parser.add_argument(
        "--key", metavar="COLUMN", help="of the names of the folders in submitted/ (login, number or address)"
    )


def _add_grading(parser: ArgumentParser) -> None:
    parser.add_argument("assignment", metavar="cwN")
    parser.add_argument(
        "--no-container",
        dest="container",
        action="store_false",
        help="run the students' code with your rights",
    )


def run(args: Namespace) -> int:
    """Do what the options of `add_arguments` say.

    Returns the exit status: 0, or 1 where a submission could not be run.
    """
    return args.act(args)


def _lay_out(args: Namespace) -> int:
    assignments = lay_out(args.folder, args.seed)
    folder = printable(args.folder)
    print(f"laid out {', '.join(assignments)} in {folder}")
    print("hand out release/, put what comes back into submitted/NAME/cwN/, then:")
    print(f"minixai course {folder} grade cwN")
    return 0


def _roster(args: Namespace) -> int:
    found = enter_roster(args.folder, args.file, args.key)
    print(f"{len(found.new)} new students, {len(found.known)} known before")
    _note("rows passed over, as the column of names is empty there", found.nameless)
    _note("in the gradebook, but not in the file", found.others)
    return 0


def _grade(args: Namespace) -> int:
    return _print_marks(grade(args.folder, args.assignment, args.container))


def _regrade(args: Namespace) -> int:
    return _print_marks(regrade(args.folder, args.assignment, args.marks, args.container))


def _print_marks(outcomes: dict[str, Mark | str]) -> int:
    rows = []
    for student, mark in outcomes.items():
        if isinstance(mark, Mark):
            words = "and a part still to be marked by hand" if mark.unmarked else ""
            rows.append((printable(student), f"{mark.score:g}", f"of {mark.most:g}", words))
        else:
            rows.append((printable(student), "-", "", printable(f"not marked: {mark}")))
    print(aligned(rows, left=(0, 2, 3)))
    return int(not all(isinstance(mark, Mark) for mark in outcomes.values()))


def _export(args: Namespace) -> int:
    found = export_grades(args.folder, args.file, args.to, args.key)
    print(f"wrote {', '.join(found.pieces) or 'no grades'} and their sum to {printable(args.to)}")
    _note("left blank, as a part is still to be marked by hand", found.unmarked)
    _note("rows passed over, as the column of names is empty there", found.nameless)
    _note("have submitted, but are not in the file", found.others)
    return 0


def _note(words: str, names: Sequence[str]) -> None:
    if names:
        print(printable(f"note: {words}: {', '.join(names)}"), file=sys.stderr)
