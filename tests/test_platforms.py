"""Students in and grades out, in the files of Moodle, Canvas and Blackboard."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest

from minixai import cli, course

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[course]')")
pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's own libraries

MASTER = """\
# %%
SEED = 0

# %% nbgrader={"grade": true, "grade_id": "t", "locked": true, "points": 75, "schema_version": 3, "solution": false, "task": false}
assert SEED >= 0

# %% [markdown] nbgrader={"grade": true, "grade_id": "report", "locked": false, "points": 25, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
# As expected.
### END SOLUTION
"""  # noqa: E501
MOODLE = """\
First name,Last name,ID number,Email address,Assignment: cw1 (Real),Last downloaded from this course
Ada,"Lovelace, Countess",7,ada@uni.example,-,1764260000
Björn,"O""Neil",,bjoern@uni.example,-,1764260000
Cem,Öz,9,cem@uni.example,12.00,1764260000
"""
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,cw2 (5501),Final Points
    Points Possible,,,,,100,(read only)
"Lovelace, Ada",101,7,ada@uni.example,A,,0
"O""Neil, Björn",102,8,bjoern@uni.example,A,,0
"Öz, Cem",103,9,cem@uni.example,A,,0
"Student, Test",104,,,A,,0
"""
BLACKBOARD = """\
"Last Name"\t"First Name"\t"Username"\t"ID"\t"cw1 [Total Pts: 100 Score] |31"\t"cw10 [Total Pts: 9 Score] |32"
"Lovelace"\t"Ada"\t"ada@uni.example"\t"7"\t""\t"4"
"O""Neil"\t"Björn"\t"bjoern@uni.example"\t"8"\t""\t""
"Öz"\t"Cem"\t"cem@uni.example"\t"9"\t""\t""
"""
EXCEL = """\
Vorname;Nachname;E-Mail-Adresse
Ada;Lovelace, Countess;ada@uni.example
Björn;O"Neil;bjoern@uni.example
Cem;Öz;cem@uni.example
"""
FILES = {
    "moodle": (MOODLE, "utf-8"),
    "canvas": (CANVAS, "utf-8-sig"),
    "blackboard": (BLACKBOARD, "utf-16"),
    "excel": (EXCEL, "cp1252"),
}
KEY = {"moodle": ("--key", "Email address")}


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("platforms")
    for name in ("cw1", "cw2", "cw3"):
        (folder / "coursework" / name).mkdir(parents=True)
        (folder / "coursework" / name / "master.percent.py").write_text(MASTER, encoding="utf-8")
    course.lay_out(folder / "term", 5, folder / "coursework")
    return folder / "term"


@pytest.fixture
def term(laid_out: Path, tmp_path: Path) -> Path:
    return shutil.copytree(laid_out, tmp_path / "term")


@pytest.fixture
def graded(term: Path) -> Path:
    """Ada has two pieces, Björn one whose report is not marked, Cem none, and Dan, in no file, one."""
    got = {
        ("cw1", "ada@uni.example"): (60.125, 20, 5.0),
        ("cw2", "ada@uni.example"): (75, 5, None),
        ("cw2", "bjoern@uni.example"): (75, None, None),
        ("cw2", "dan@uni.example"): (0, 0, None),
    }
    with course.nbgrader_of(term).gradebook as gradebook:
        for (piece, student), (automatic, by_hand, late) in got.items():
            gradebook.update_or_create_student(student)
            gradebook.add_submission(piece, student)
            gradebook.find_submission_notebook(piece, piece, student).late_submission_penalty = late
            test = gradebook.find_grade("t", piece, piece, student)
            test.auto_score, test.needs_manual_grade = automatic, False
            report = gradebook.find_grade("report", piece, piece, student)
            report.manual_score, report.needs_manual_grade = by_hand, by_hand is None
        gradebook.db.commit()
    return term


def written(tmp_path: Path, platform: str) -> Path:
    text, encoding = FILES[platform]
    path = tmp_path / f"{platform}.csv"
    path.write_text(text, encoding=encoding, newline="")
    return path


@pytest.mark.parametrize("platform", FILES)
def test_students_come_in_with_their_names(
    term: Path, tmp_path: Path, platform: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, platform)
    assert cli.main(["course", str(term), "roster", str(file), *KEY.get(platform, ())]) == 0
    out, err = capsys.readouterr()
    assert out == "3 new students, 0 known before\n"
    assert err == (
        "note: rows passed over, as the column of names is empty there: Student, Test 104\n"
        if platform == "canvas"
        else ""
    )
    ada = "Lovelace, Countess" if platform in ("moodle", "excel") else "Lovelace"
    with course.nbgrader_of(term).gradebook as gradebook:
        assert {each.id: (each.last_name, each.first_name) for each in gradebook.students} == {
            "ada@uni.example": (ada, "Ada"),
            "bjoern@uni.example": ('O"Neil', "Björn"),
            "cem@uni.example": ("Öz", "Cem"),
        }


@pytest.mark.parametrize(
    ("platform", "expected"),
    {
        "moodle": [
            ["Ada", "75.12", "1764260000", "80", "155.12"],
            ["Björn", "-", "1764260000", "", ""],
            ["Cem", "12.00", "1764260000", "", ""],
        ],
        "canvas": [
            ["    Points Possible", "100", "(read only)", "100", "(read only)"],
            ["Lovelace, Ada", "80", "0", "75.12", "155.12"],
            ['O"Neil, Björn', "", "0", "", ""],
            ["Öz, Cem", "", "0", "", ""],
            ["Student, Test", "", "0", "", ""],
        ],
        "blackboard": [
            ["Lovelace", "75.12", "4", "80", "155.12"],
            ['O"Neil', "", "", "", ""],
            ["Öz", "", "", "", ""],
        ],
        "excel": [
            ["Ada", "75.12", "80", "155.12"],
            ["Björn", "", "", ""],
            ["Cem", "", "", ""],
        ],
    }.items(),
)
def test_grades_go_out_in_the_platform_s_own_file(
    graded: Path, tmp_path: Path, platform: str, expected: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    file, to = written(tmp_path, platform), tmp_path / "out.csv"
    assert cli.main(["course", str(graded), "export", str(file), str(to), *KEY.get(platform, ())]) == 0
    said = capsys.readouterr().err
    assert "left blank, as a part is still to be marked by hand: bjoern@uni.example cw2\n" in said
    assert "have submitted, but are not in the file: dan@uni.example\n" in said

    text, encoding = FILES[platform]
    delimiter = {"blackboard": "\t", "excel": ";"}.get(platform, ",")
    raw = to.read_bytes()
    assert raw.startswith(file.read_bytes()[:2])  # the same byte order mark, the same quotes
    before = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    after = list(csv.reader(io.StringIO(raw.decode(encoding), newline=""), delimiter=delimiter))
    columns = len(before[0])
    assert after[0][:columns] == before[0]
    new = [
        name
        for name in ("cw1", "cw2")
        if not any(title.startswith((name + " ", f"Assignment: {name} ")) for title in before[0])
    ]
    assert after[0][columns:] == [*new, "minixai Final Points"]
    first_grade = {"moodle": 4, "canvas": 5, "blackboard": 4, "excel": 3}[platform]
    assert [[row[0], *row[first_grade:]] for row in after[1:]] == expected
    assert [row[:first_grade] for row in after] == [row[:first_grade] for row in before]


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ("", None, "has 0 rows, expected a header and a row for each student"),
        (
            "Name,Group\nAda,1\n",
            None,
            r"no column by which students are known: name one with --key \(there are Name, Group\)",
        ),
        (
            "Name,Group\nAda,1\n",
            "Login",
            r"has no column 'Login': name one with --key \(there are Name, Group\)",
        ),
        ("Username\nada\nben\nada\n", None, "has 'ada' in rows 2 and 4 as Username, expected each once"),
        (
            "Username\na/b\n",
            None,
            "row 2 of .* has 'a/b' as Username, and '/' cannot stand in the name of a folder",
        ),
        (
            "Username\n..\n",
            None,
            r"'\.' cannot stand in the name of a folder in submitted/ \(--key takes another",
        ),
        ("Username\nada,1\n", None, "row 2 of .* has more columns than the header"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line_and_changes_nothing(
    term: Path, tmp_path: Path, text: str, key: str | None, told: str
) -> None:
    (tmp_path / "class.csv").write_text(text)
    before = (term / "gradebook.db").read_bytes()
    with pytest.raises(ValueError, match=f"roster: .*{told}"):
        course.enter_roster(term, tmp_path / "class.csv", key)
    with pytest.raises(ValueError, match=f"export: .*{told}"):
        course.export_grades(term, tmp_path / "class.csv", tmp_path / "out.csv", key)
    assert (term / "gradebook.db").read_bytes() == before
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("content", [b"PK\x03\x04\x14\x00\x06", b"\xff\xfea", b"\x81"])
def test_a_file_that_is_no_text_is_told(term: Path, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "class.xlsx"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"roster: .*class\.xlsx is no text, expected a CSV file"):
        course.enter_roster(term, file)
    with pytest.raises(FileNotFoundError, match=r"roster: cannot read .*absent\.csv: No such file"):
        course.enter_roster(term, tmp_path / "absent.csv")


def test_two_columns_for_a_piece_are_refused(graded: Path, tmp_path: Path) -> None:
    (tmp_path / "class.csv").write_text("Username,cw1 (Real),cw1 (Percentage)\nada@uni.example,,\n")
    with pytest.raises(
        ValueError, match=r"several columns for cw1: cw1 \(Real\), cw1 \(Percentage\); leave one"
    ):
        course.export_grades(graded, tmp_path / "class.csv", tmp_path / "out.csv")


def test_a_second_roster_adds_and_says_who_is_not_in_it(term: Path, tmp_path: Path) -> None:
    file = tmp_path / "class.csv"
    file.write_text("id,first_name,last_name,email\nada,Ada,Lovelace,\nben,Ben,Oz,\n")
    assert course.enter_roster(term, file).new == ["ada", "ben"]
    file.write_text("id,first_name\nada,Augusta\ncem,Cem\n")
    assert course.enter_roster(term, file) == (["cem"], ["ada"], [], ["ben"])
    with course.nbgrader_of(term).gradebook as gradebook:
        ada = gradebook.find_student("ada")
        assert (ada.first_name, ada.last_name) == ("Augusta", "Lovelace")
