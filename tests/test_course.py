"""Laying out a course: from masters to source/ and release/, whole or not at all."""

from __future__ import annotations

import errno
import importlib.util
import os
from pathlib import Path

import nbformat
import pytest

from minixai import cli, course
from minixai.course import layout

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[course]')")
pytestmark = pytest.mark.filterwarnings("ignore")  # of nbgrader's own libraries

MASTER = """\
# %%
SEED = 0  # of the term

# %% nbgrader={"grade": false, "grade_id": "cw7-f", "locked": false, "schema_version": 3, "solution": true, "task": false}
def f(x):
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "cw7-t", "locked": true, "points": 9, "schema_version": 3, "solution": false, "task": false}
assert f(SEED) == SEED
### BEGIN HIDDEN TESTS
assert f(HIDDEN_SEED) == HIDDEN_SEED
### END HIDDEN TESTS
"""  # noqa: E501


@pytest.fixture
def coursework(tmp_path: Path) -> Path:
    folder = tmp_path / "coursework"
    master = folder / "cw7" / "master.percent.py"
    master.parent.mkdir(parents=True)
    master.write_text(MASTER, encoding="utf-8")
    return folder


def sources(folder: Path, kind: str) -> list[str]:
    notebook = nbformat.read(folder / kind / "cw7" / "cw7.ipynb", as_version=4)
    nbformat.validate(notebook)
    return [cell.source for cell in notebook.cells]


def test_source_has_the_solutions_and_release_has_not(coursework: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "term"
    assert course.lay_out(folder, 5, coursework) == ["cw7"]
    shown, hidden = course.seeds_of(5)
    assert sources(folder, "source") == [
        f"SEED = {shown}  # of the term",
        "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION",
        "assert f(SEED) == SEED\n### BEGIN HIDDEN TESTS\n"
        f"assert f({hidden}) == {hidden}\n### END HIDDEN TESTS",
    ]
    assert sources(folder, "release") == [
        f"SEED = {shown}  # of the term",
        "def f(x):\n    raise NotImplementedError  # your code here",
        "assert f(SEED) == SEED",
    ]
    assert sorted(path.name for path in folder.iterdir()) == [
        "container",
        "gradebook.db",
        "nbgrader_config.py",
        "release",
        "requirements.txt",
        "source",
    ]


def test_seeds_differ_from_term_to_term_and_do_not_show_the_teacher_s() -> None:
    pairs = [course.seeds_of(seed) for seed in range(50)]
    assert len({hidden for _, hidden in pairs}) == 50
    assert len({shown for shown, _ in pairs}) > 45
    assert pairs[3] == course.seeds_of(3)
    assert all(seed not in pair for seed, pair in enumerate(pairs))


def test_an_empty_folder_is_taken_as_it_is(
    coursework: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, link = tmp_path / "private", tmp_path / "link"
    private.mkdir(mode=0o700)
    link.symlink_to(private)
    before = private.stat()
    monkeypatch.chdir(link)
    course.lay_out(".", 0, coursework)
    assert (private / "release" / "cw7" / "cw7.ipynb").is_file()
    assert link.is_symlink()
    assert (before.st_ino, before.st_mode) == (private.stat().st_ino, private.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="platform: no umask")
def test_a_new_folder_is_as_private_as_the_umask_says(
    coursework: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "_release", lambda *_: None)
    before = os.umask(0o027)
    try:
        course.lay_out(tmp_path / "new" / "term", 0, coursework)
    finally:
        os.umask(before)
    for made in (tmp_path / "new").rglob("*"):
        assert made.stat().st_mode & 0o777 == (0o750 if made.is_dir() else 0o640), made


@pytest.mark.parametrize("name", ["[2026]", "a*", "what?", "100%", "a\nb", "a\udcffb"])
def test_a_name_in_which_nbgrader_cannot_work_is_refused_before_the_work(
    coursework: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(layout, "notebook_of", lambda *_: pytest.fail("the work has begun"))
    with pytest.raises(ValueError, match=r"course: nbgrader cannot work in .*, for it has '.*' in its name"):
        course.lay_out(tmp_path / name, 0, coursework)
    assert [path.name for path in tmp_path.iterdir()] == ["coursework"]


def test_a_folder_that_cannot_be_made_is_told_before_the_work(
    coursework: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "x")

    monkeypatch.setattr(layout, "notebook_of", lambda *_: pytest.fail("the work has begun"))
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError, match=r"course: cannot write .*term: Permission denied"):
        course.lay_out(tmp_path / "term", 0, coursework)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device", "x"), KeyboardInterrupt()]
)
def test_what_fails_at_the_last_step_leaves_the_folder_as_it_was(
    coursework: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(layout, "_release", lambda *_: None)
    rename = Path.rename

    def fails_at_the_second(path: Path, to: Path) -> Path:
        if path.name == "source":
            raise error
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fails_at_the_second)
    empty = tmp_path / "empty"
    empty.mkdir()
    told = "course: cannot write .*: No space left on device" if isinstance(error, OSError) else None
    for folder in (empty, tmp_path / "new" / "term"):
        with pytest.raises(type(error), match=told):
            course.lay_out(folder, 0, coursework)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coursework", "empty"]
    assert list(empty.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(coursework: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "grades.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"full is not an empty folder, expected a new one"):
        course.lay_out(full, 0, coursework)
    assert [path.name for path in full.iterdir()] == ["grades.csv"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (MASTER.replace("SEED = 0", "NUMBER = 0"), "0 lines SEED = 0, expected one"),
        (MASTER.replace("### END SOLUTION", ""), "no student version of cw7"),
    ],
)
def test_a_master_that_cannot_be_made_leaves_nothing(
    coursework: Path, tmp_path: Path, source: str, told: str
) -> None:
    course.masters(coursework)["cw7"].write_text(source, encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        course.lay_out(tmp_path / "term", 0, coursework)
    assert [path.name for path in tmp_path.iterdir()] == ["coursework"]


def test_errors_of_the_command_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "term"
    assert cli.main(["course", str(folder), "--seed", "-1"]) == 2
    assert capsys.readouterr().err == "minixai: error: course: seed is -1, expected at least 0\n"
    (tmp_path / "file").write_text("")
    assert cli.main(["course", str(tmp_path / "file")]) == 2
    assert "is not an empty folder" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"course: .*term has no folder with a master\.percent\.py"):
        course.lay_out(folder, 0, folder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.main(["course", str(folder)]) == 2
    assert "nbgrader is not installed (pip install -e '.[course]')" in capsys.readouterr().err
    assert not folder.exists()
