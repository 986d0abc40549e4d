"""The coursework as an nbgrader course: `minixai course DIR --seed S`.

A master (jupytext, py:percent, with nbgrader's metadata) becomes a notebook of the term: its `SEED` and its
`HIDDEN_SEED` are replaced by two numbers drawn from the teacher's own, of which students see only the first.
The dot in a master's name keeps it from being taken for a module.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from minixai import __version__
from minixai.course.pinned import write_pins
from minixai.files import write_whole
from minixai.settings import whole_number

__all__ = [
    "METADATA",
    "cause_of",
    "lay_out",
    "masters",
    "nbgrader_of",
    "notebook_from",
    "notebook_of",
    "seeds_of",
    "unfit",
]

COURSEWORK = Path(__file__).resolve().parent
MASTER = "master.percent.py"
CONFIG = f"""\
import os
import sys

from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute

from minixai.course.container import Contained

c = get_config()
c.CourseDirectory.course_id = "minixai"
c.ClearSolutions.code_stub = {{"python": "raise NotImplementedError  # your code here"}}
c.ClearSolutions.text_stub = "*Your answer here.*"

# Submissions are run in a container each, whoever calls nbgrader.
c.Autograde.autograde_preprocessors = [
    Contained if each is Execute else each for each in Autograde().autograde_preprocessors
]
c.Contained.timeout = 120  # seconds a cell
c.Contained.version = "{__version__}"  # of minixai, with which the term was made

# nbgrader calls the command `alembic`, which is not on the path where no environment is activated.
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
"""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def masters(coursework: str | Path = COURSEWORK) -> dict[str, Path]:
    """The masters of all pieces, by their names."""
    return {master.parent.name: master for master in sorted(Path(coursework).glob(f"*/{MASTER}"))}


def lay_out(folder: str | Path, seed: int = 0, coursework: str | Path = COURSEWORK) -> list[str]:
    """Make an nbgrader course directory: the configuration, `source/` with solutions, `release/` without.

    Beside them stands to what the term is pinned: `requirements.txt` for students, `container/` for grading.

    seed: the teacher's own number; it varies weights, data and expected numbers.
    coursework: a folder with a folder for each piece, in which its master is.
    Returns the names of the assignments. The folder must be new or empty, and keeps its permissions; it is
    filled whole or left as it was.

    Raises:
        ValueError: the folder is not empty, nbgrader cannot work in it, the seed is negative, or there are no
            masters.
        ImportError: nbgrader or jupytext is not installed (the extra `course`).
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    for library in ("nbgrader", "jupytext"):
        if importlib.util.find_spec(library) is None:
            raise ImportError(f"course: {library} is not installed (pip install -e '.[course]')")
    whole_number("course", "seed", seed, least=0)
    pieces = masters(coursework)
    if not pieces:
        raise ValueError(f"course: {coursework} has no folder with a {MASTER}")
    _check_name(folder)
    with _filled_whole(folder) as course:
        (course / "source").mkdir()
        write_whole("course", course / "nbgrader_config.py", CONFIG.encode())
        write_pins(course)
        for name, master in pieces.items():
            _write_source(course, name, notebook_of(master, seed))
        _release(course, list(pieces))
    return list(pieces)


def unfit(name: str, also: str = "") -> list[str]:
    """The characters of a name with which nbgrader misses files, by a pattern, or its database, by a URL."""
    return [c for c in name if c in f"*?[%{also}" or not c.isprintable()]


def _check_name(folder: Path) -> None:
    path = str(folder.resolve())
    if wrong := unfit(path):
        raise ValueError(f"course: nbgrader cannot work in {path!r}, for it has {wrong[0]!r} in its name")


@contextmanager
def _filled_whole(folder: Path) -> Iterator[Path]:
    """A new folder within this one, whose contents move up into it at the end; or nothing is left of it.

    So an empty folder stays the one that it is, with its permissions, wherever it is mounted or linked.
    """
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    moved: list[Path] = []
    try:
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir() or any(path.name != "lost+found" for path in folder.iterdir()):
            raise ValueError(f"course: {folder} is not an empty folder, expected a new one")
        with tempfile.TemporaryDirectory(dir=folder.resolve(), prefix="unfinished-") as beside:
            yield Path(beside)
            for made in sorted(Path(beside).iterdir()):
                moved.append(made.rename(folder / made.name))
    except BaseException as error:
        for made in moved:
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        for path in new:
            with contextlib.suppress(OSError):
                path.rmdir()
        if isinstance(error, OSError) and error.filename is not None:
            raise OSError(error.errno, f"course: cannot write {folder}: {error.strerror}") from error
        raise


def seeds_of(seed: int) -> tuple[int, int]:
    """The numbers that stand for SEED and HIDDEN_SEED in the term of a teacher's seed."""
    whole_number("course", "seed", seed, least=0)
    shown, hidden = np.random.SeedSequence(seed).generate_state(2)
    return int(shown) % 10_000, int(hidden)


def notebook_of(master: Path, seed: int) -> Any:
    """The notebook of a master for a term, with solutions and hidden tests, not yet run."""
    text = master.read_text(encoding="utf-8")
    shown, hidden = seeds_of(seed)
    text, found = re.subn(r"^SEED = 0\b", f"SEED = {shown}", text, flags=re.MULTILINE)
    if found != 1:
        raise ValueError(f"course: {master} has {found} lines SEED = 0, expected one")
    return notebook_from(text.replace("HIDDEN_SEED", str(hidden)), prefix=master.parent.name)


def notebook_from(text: str, prefix: str) -> Any:
    """The notebook of a jupytext source (py:percent), its cells numbered from PREFIX-00 on."""
    import jupytext
    import nbformat

    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat_minor = 5
    for k, cell in enumerate(notebook.cells):
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's own
        cell["id"] = f"{prefix}-{k:02d}"
    nbformat.validate(notebook)
    return notebook


def nbgrader_of(folder: str | Path, container: bool = True) -> Any:
    """The NbGraderAPI of a course directory, with the configuration that lies there.

    container: if False, submissions are run with the rights of this process.
    """
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", str(folder)).load_config()
    config.CourseDirectory.root = str(Path(folder).resolve())
    if not container:
        config.Contained.runtime = "none"
    return NbGraderAPI(config=config)


def _write_source(course: Path, name: str, notebook: Any) -> None:
    import nbformat

    target = course / "source" / name / f"{name}.ipynb"
    target.parent.mkdir()
    write_whole("course", target, (nbformat.writes(notebook) + "\n").encode())


def _release(course: Path, assignments: list[str]) -> None:
    api = nbgrader_of(course)
    for assignment in assignments:
        done = api.generate_assignment(assignment)
        if not done["success"]:
            raise ValueError(f"course: nbgrader made no student version of {assignment}: {cause_of(done)}")


def cause_of(done: dict[str, Any]) -> str:
    """The error for which a call of NbGraderAPI was not done."""
    said = done.get("log", "") + done.get("error", "")
    found = re.search(r"^ *(?:[\w.]+\.)?(\w+(?:Error|Exception): .*)", said, re.MULTILINE)
    return found[1].removeprefix("NotRunError: ") if found else said
