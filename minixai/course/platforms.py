"""Students in and grades out, in the files of learning platforms.

One file does both: the gradebook that Moodle, Canvas or Blackboard exports has a row for each student, and
the columns by which the platform knows them again. Students are read from it, and grades are written into a
copy of it.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

from minixai.course.grading import course_at, mark_of
from minixai.course.layout import unfit
from minixai.files import write_whole

__all__ = ["Exported", "Roster", "enter_roster", "export_grades"]

# How the platforms call what students are known by; the first that most rows have something in is taken.
KEYS = (
    "sis login id",  # Canvas
    "sis user id",
    "username",  # Blackboard, Moodle
    "anmeldename",
    "id number",  # Moodle
    "id-nummer",
    "email address",
    "e-mail-adresse",
    "id",  # nbgrader, Canvas
)
FIRST = ("first name", "first_name", "firstname", "vorname")
LAST = ("last name", "last_name", "lastname", "surname", "nachname")
EMAIL = ("email address", "email", "e-mail-adresse")
TOTAL = "minixai Final Points"  # Canvas passes over columns with "Final Points" in their name


class Table(NamedTuple):
    """A file of a platform."""

    path: Path
    encoding: str
    dialect: dict[str, Any]  # for csv
    header: list[str]
    rows: list[list[str]]  # each as long as the header
    students: dict[str, int]  # the row of each, by what students are known by
    nameless: list[str]  # who is known by nothing

    def column(self, names: tuple[str, ...]) -> int | None:
        """The first column of one of these names, which are in lower case."""
        return _column(self.header, names)


class Roster(NamedTuple):
    """What became of the rows of a file."""

    new: list[str]
    known: list[str]
    nameless: list[str]  # rows that were passed over
    others: list[str]  # in the gradebook, not in the file


class Exported(NamedTuple):
    """What was written."""

    pieces: list[str]
    unmarked: list[str]  # "ada cw6": left blank
    nameless: list[str]  # rows that were passed over
    others: list[str]  # students with submissions, and no row


def enter_roster(folder: str | Path, file: str | Path, key: str | None = None) -> Roster:
    """Enter the students of a platform's file, or of nbgrader's, into the gradebook of a course.

    key: the column of what a student is known by, which names the folder in submitted/. Where it is not
    given: the login, user name, number or address, whichever of them most rows have.

    Raises:
        ValueError: the folder is no course, the file has no such column, a student twice, or one whose folder
            could not be named so.
        OSError: the file cannot be read.
    """
    api = course_at("roster", folder)
    table = _read("roster", Path(file), key)
    first, last, email = (table.column(names) for names in (FIRST, LAST, EMAIL))
    full = table.column(("student",))
    new = []
    with api.gradebook as gradebook:
        before = {each.id for each in gradebook.students}
        for student, place in table.students.items():
            row = table.rows[place]
            about = {"first_name": first, "last_name": last, "email": email}
            details = {name: row[column].strip() for name, column in about.items() if column is not None}
            if full is not None and first is None:
                details["last_name"], _, details["first_name"] = map(str.strip, row[full].partition(","))
            gradebook.update_or_create_student(student, **{k: each for k, each in details.items() if each})
            if student not in before:
                new.append(student)
    known = [student for student in table.students if student in before]
    return Roster(new, known, table.nameless, sorted(before - set(table.students)))


def export_grades(folder: str | Path, file: str | Path, to: str | Path, key: str | None = None) -> Exported:
    """Write a platform's file with the grades of a course filled in, to be imported there.

    Each assignment that somebody has handed in has a column: that of its name, or a new one; and there is a
    column with their sum. A submission with a part still to be marked is left blank, and so is the sum; where
    there is no submission, the cell stays as it was.

    Raises what `enter_roster` does, and ValueError where the file has several columns for an assignment.
    """
    api = course_at("export", folder)
    table = _read("export", Path(file), key)
    with api.gradebook as gradebook:
        marks = {
            assignment.name: {
                each.student.id: mark_of(each) for each in gradebook.assignment_submissions(assignment.name)
            }
            for assignment in gradebook.assignments
        }
    pieces = sorted(name for name, got in marks.items() if got)
    unmarked = []
    sums = dict[str, float | None]()
    for piece in pieces:
        column = _place_for(table, piece)
        most = max(mark.most for mark in marks[piece].values())
        _fill_points(table, column, f"{most:g}")
        for student, mark in marks[piece].items():
            so_far = sums.get(student, 0.0)
            sums[student] = None if mark.unmarked or so_far is None else so_far + mark.score
            if mark.unmarked:
                unmarked.append(f"{student} {piece}")
            if student in table.students:
                table.rows[table.students[student]][column] = "" if mark.unmarked else _number(mark.score)
    total = _place_for(table, TOTAL)
    _fill_points(table, total, "(read only)")
    for student, place in table.students.items():
        got = sums.get(student)
        table.rows[place][total] = "" if got is None else _number(got)
    text = io.StringIO(newline="")
    csv.writer(text, **table.dialect).writerows([table.header, *table.rows])
    write_whole("export", Path(to), text.getvalue().encode(table.encoding))
    return Exported(pieces, unmarked, table.nameless, sorted(set(sums) - set(table.students)))


def _read(call: str, path: Path, key: str | None) -> Table:
    encoding, text = _text_of(call, path)
    first_line = text.partition("\n")[0]
    dialect: dict[str, Any] = {
        "delimiter": max(",;\t", key=first_line.count),
        "quoting": csv.QUOTE_ALL if text.startswith('"') else csv.QUOTE_MINIMAL,
    }
    rows = list(csv.reader(io.StringIO(text, newline=""), **dialect))
    if len(rows) < 2:
        raise ValueError(f"{call}: {path} has {len(rows)} rows, expected a header and a row for each student")
    header, *rows = rows
    if too_long := [k for k, row in enumerate(rows, 2) if len(row) > len(header)]:
        raise ValueError(f"{call}: row {too_long[0]} of {path} has more columns than the header")
    rows = [row + [""] * (len(header) - len(row)) for row in rows]
    column = _key_column(call, path, header, rows, key)
    students, nameless = dict[str, int](), []
    for place, row in enumerate(rows):
        name = row[column].strip()
        if name:
            _check_student(call, path, header[column], place + 2, name)
            if name in students:
                raise ValueError(
                    f"{call}: {path} has {name!r} in rows {students[name] + 2} and {place + 2} as "
                    f"{header[column]}, expected each once"
                )
            students[name] = place
        elif _is_student(row):
            nameless.append(" ".join(row[:2]).strip())
    return Table(path, encoding, dialect, header, rows, students, nameless)


def _text_of(call: str, path: Path) -> tuple[str, str]:
    """The encoding of a file, and what stands in it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise OSError(error.errno, f"{call}: cannot read {path}: {error.strerror}") from error
    encodings = ["utf-8-sig" if raw.startswith(codecs.BOM_UTF8) else "utf-8", "cp1252"]  # Excel's on Windows
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            text = raw.decode(encoding)
            if "\0" not in text:
                return encoding, text
    raise ValueError(f"{call}: {path} is no text, expected a CSV file, as which Excel can save a sheet")


def _key_column(call: str, path: Path, header: list[str], rows: list[list[str]], key: str | None) -> int:
    if key is not None:
        candidates, words = [key.strip().lower()], f"no column {key!r}"
    else:
        candidates, words = list(KEYS), "no column by which students are known"
    rows = [row for row in rows if _is_student(row)]
    for name in candidates:
        column = _column(header, (name,))
        if column is not None and 2 * sum(bool(row[column].strip()) for row in rows) >= len(rows):
            return column
    raise ValueError(f"{call}: {path} has {words}: name one with --key (there are {', '.join(header)})")


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    lower = [name.strip().lower() for name in header]
    return next((lower.index(name) for name in names if name in lower), None)


def _is_student(row: list[str]) -> bool:
    """Canvas has rows that are none, below the header."""
    return bool(row[0].strip()) and "Points Possible" not in row[0]


def _check_student(call: str, path: Path, column: str, row: int, name: str) -> None:
    wrong = unfit(name, "/\\]{}") or [c for c in name[:1] if c == "."]
    if wrong:
        raise ValueError(
            f"{call}: row {row} of {path} has {name!r} as {column}, and {wrong[0]!r} cannot stand in the "
            f"name of a folder in submitted/ (--key takes another column)"
        )


def _place_for(table: Table, name: str) -> int:
    """The column of an assignment; platforms write "Assignment: cw1 (Real)", "cw1 [… Score] |12"."""
    form = re.compile(rf"(?:[^:]*:\s*)?{re.escape(name)}\s*(?:[(\[].*)?", re.IGNORECASE)
    places = [k for k, title in enumerate(table.header) if form.fullmatch(title.strip())]
    if len(places) > 1:
        titles = ", ".join(table.header[k] for k in places)
        raise ValueError(f"export: {table.path} has several columns for {name}: {titles}; leave one in")
    if places:
        return places[0]
    for row in (table.header, *table.rows):
        row.append(name if row is table.header else "")
    return len(table.header) - 1


def _fill_points(table: Table, column: int, content: str) -> None:
    """Say in Canvas's second row what can be had."""
    for row in table.rows:
        if "Points Possible" in row[0] and not row[column].strip():
            row[column] = content


def _number(score: float) -> str:
    return f"{round(score, 2):g}"
