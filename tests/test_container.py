"""Submissions in containers: what is asked of podman or docker, and what those that misbehave get."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import pytest

from minixai import __version__, cli, course
from tests import standin

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[course]')")
container = pytest.importorskip("minixai.course.container")
inside = pytest.importorskip("minixai.course.inside")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of nbgrader's own libraries
    pytest.mark.skipif(os.name == "nt", reason="platform: the stand-in is a shell script"),
]
MASTER = """\
# %%
SEED = 0

# %% nbgrader={"grade": false, "grade_id": "f", "locked": false, "schema_version": 3, "solution": true, "task": false}
def f(x):
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "t", "locked": true, "points": 9, "schema_version": 3, "solution": false, "task": false}
assert f(SEED) == SEED

# %% nbgrader={"grade": true, "grade_id": "u", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
assert SEED >= 0
"""  # noqa: E501


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    container._answering.cache_clear()


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a stand-in for podman, the only runtime on the path, was asked for."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", standin.path_with(tmp_path / "bin"))
    return standin.podman(tmp_path / "bin")


def notebook(*sources: str) -> Any:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


@pytest.fixture
def term(tmp_path: Path) -> Path:
    """A course of one small piece, and five submissions."""
    master = tmp_path / "coursework" / "cw1" / "master.percent.py"
    master.parent.mkdir(parents=True)
    master.write_text(MASTER, encoding="utf-8")
    folder = tmp_path / "term"
    course.lay_out(folder, 5, tmp_path / "coursework")
    return folder


def submit(term: Path, **answers: str) -> None:
    """An answer f(x) for each student."""
    for student, answer in answers.items():
        work = nbformat.read(term / "release" / "cw1" / "cw1.ipynb", as_version=4)
        work.cells[1].source = f"def f(x):\n    {answer}"
        target = term / "submitted" / student / "cw1" / "cw1.ipynb"
        target.parent.mkdir(parents=True)
        nbformat.write(work, target)


@pytest.mark.slow
def test_each_submission_is_run_for_itself_and_one_that_fails_does_not_stop_the_others(
    term: Path, asked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(
        term,
        dies="import os; os._exit(1)",
        ends="import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
        hog="bytearray(50 << 30)",
    )
    assert cli.main(["course", str(term), "grade", "cw1"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "dies  0  of 10",
        "ends  -         not marked: it was killed: more than 4096 MiB?",
        "hog   1  of 10",
    ]
    runs = [line for line in asked.read_text().splitlines() if line.startswith("run ")]
    assert len(runs) == 3
    words = [line.split()[0] for line in asked.read_text().splitlines()]
    assert words[:5] == ["info", "image", "build", "image", "run"]
    page = (term / "feedback" / "dies" / "cw1" / "cw1.html").read_text(encoding="utf-8")
    assert page.count("the kernel ended before this cell did") >= 2
    assert "MemoryError" in (term / "feedback" / "hog" / "cw1" / "cw1.html").read_text(encoding="utf-8")

    assert cli.main(["course", str(term), "grade", "cw1"]) == 1  # only the one without a mark is run again
    assert len([line for line in asked.read_text().splitlines() if line.startswith("run ")]) == 4


def test_what_is_asked_of_the_runtime() -> None:
    limited = container.Contained(memory=100, disk=7, processes=9, timeout=3)
    assert limited.command("docker", "a-name", "an-image") == [
        *("docker", "run", "--rm", "--interactive", "--name", "a-name", "--pull", "never"),
        *("--network", "none", "--read-only", "--tmpfs", "/tmp:size=7m,mode=1777"),
        *("--cap-drop", "all", "--security-opt", "no-new-privileges", "--log-driver", "none"),
        *("--memory", "100m", "--memory-swap", "100m", "--pids-limit", "9", "--ulimit", "nproc=9:9"),
        *("--ulimit", "data=104857600:104857600", "--ulimit", "nofile=1024:1024", "--env", "HOME=/tmp"),
        *("--workdir", "/tmp", "an-image", "python", "-m", "minixai.course.inside", "--timeout", "3"),
    ]


RUNTIME = """\
#!{python}
import json, pathlib, sys, time
if sys.argv[1] == "run":
    {run}
elif sys.argv[1] == "rm":
    pathlib.Path(__file__).with_name("removed").write_text(sys.argv[-1])
    raise SystemExit
"""


def runtime(folder: Path, run: str) -> None:
    script = folder / "podman"
    script.write_text(RUNTIME.format(python=sys.executable, run=run), encoding="utf-8")
    script.chmod(0o755)


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ("raise SystemExit(137)", "it was killed: more than 4096 MiB?"),
        ("sys.exit('no\\nspace left')", "podman ended with status 1: space left"),
        ("print('{')", "what came back is no notebook"),
        ("print('x' * 2_000)", "its outputs have more than 0 MB"),
        ("print(sys.stdin.read().replace('code', 'raw'))", "what came back is no notebook"),
        ("book = json.load(sys.stdin); book['cells'] *= 2; print(json.dumps(book))", "other cells came back"),
    ],
)
def test_what_comes_back_wrong_is_no_mark(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str, told: str
) -> None:
    runtime(asked.parent, run)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "container").mkdir()
    monkeypatch.setattr(container, "LARGEST", 1_500)
    with pytest.raises(container.NotRunError, match=told):
        container.Contained().preprocess(notebook("1"), {})


def test_only_outputs_are_taken_from_what_comes_back(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge = (
        "book = json.load(sys.stdin); cell = book['cells'][0]; cell['source'] = 'pass'; "
        "cell['metadata'] = {'nbgrader': {'points': 99}}; cell['execution_count'] = 4; "
        "cell['outputs'] = [{'output_type': 'stream', 'name': 'stdout', 'text': 'hello'}]; "
        "print(json.dumps(book))"
    )
    runtime(asked.parent, forge)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "container").mkdir()
    ran = notebook("1 / 0")
    container.Contained().preprocess(ran, {})
    (cell,) = ran.cells
    assert (cell.source, cell.metadata, cell.execution_count) == ("1 / 0", {}, 4)
    assert [output.text for output in cell.outputs] == ["hello"]


def test_a_container_is_removed_when_its_time_is_over(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "container").mkdir()
    wait = container.subprocess.Popen.wait
    monkeypatch.setattr(  # a minute is a hundredth of a second
        container.subprocess.Popen,
        "wait",
        lambda process, timeout=None: wait(process, timeout and timeout / 6000),
    )
    with pytest.raises(container.NotRunError, match="it took more than 20 minutes"):
        container.Contained().preprocess(notebook("while True: pass"), {})
    *_, run, removed = (line.split() for line in asked.read_text().splitlines())
    assert removed == ["rm", "--force", run[run.index("--name") + 1]]


def test_without_a_runtime_one_line_says_how_to_go_on(
    term: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(term, ada="return x")
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert cli.main(["course", str(term), "grade", "cw1"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "minixai: error: grade: podman is not installed, docker is not installed: install podman, or add "
        "--no-container, which runs the students' code with your rights\n"
    )
    docker = tmp_path / "none" / "docker"
    docker.write_text("#!/bin/sh\necho Cannot connect to the daemon >&2\nexit 1\n")
    docker.chmod(0o755)
    container._answering.cache_clear()
    assert cli.main(["course", str(term), "grade", "cw1"]) == 2
    assert "docker says 'Cannot connect to the daemon': install podman" in capsys.readouterr().err
    assert not (term / "autograded").exists()


def test_an_image_that_cannot_be_built_is_told_before_the_work(
    term: Path, asked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = asked.parent / "podman"
    script.write_text(script.read_text().replace('touch "$here/built"', "exit 125"))
    submit(term, ada="return x")
    assert cli.main(["course", str(term), "grade", "cw1"]) == 2
    assert "grade: podman build ended with status 125; above it says why" in capsys.readouterr().err
    assert not (term / "autograded").exists()


def test_a_changed_file_makes_another_image(asked: Path, tmp_path: Path) -> None:
    folder = tmp_path / "container"
    folder.mkdir()
    (folder / "Containerfile").write_text("FROM a")
    first = container._image("podman", folder)
    assert container._image("podman", folder) == first
    (folder / "minixai-9+mended.whl").write_text("a wheel")
    assert container._image("podman", folder) != first


def test_without_a_container_only_the_term_s_own_version_grades(
    term: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = term / "nbgrader_config.py"
    assert f'c.Contained.version = "{__version__}"' in config.read_text()
    config.write_text(config.read_text().replace(f'version = "{__version__}"', 'version = "0.0.9"'))
    submit(term, ada="return x")
    assert cli.main(["course", str(term), "grade", "cw1", "--no-container"]) == 2
    assert capsys.readouterr().err == (
        f"minixai: error: grade: the term was made with minixai 0.0.9, this is {__version__}: leave "
        "--no-container away, or pip install minixai==0.0.9\n"
    )


def test_what_is_wrong_with_the_course_is_one_line(
    term: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, assignment, told in (
        (tmp_path, "cw1", "has no nbgrader_config.py, expected a folder that minixai course laid out"),
        (term, "cw9", "grade: 'cw9' is no assignment, expected one of cw1"),
        (term, "cw1", "has no folder submitted/NAME/cw1"),
    ):
        assert cli.main(["course", str(folder), "grade", assignment]) == 2
        assert told in capsys.readouterr().err


def test_a_term_is_pinned_to_what_is_installed(term: Path) -> None:
    assert (term / "requirements.txt").read_text() == f"minixai[lessons]=={__version__}\n"
    constraints = (term / "container" / "constraints.txt").read_text().splitlines()
    assert f"nbgrader=={version('nbgrader')}" in constraints
    assert f"numpy=={version('numpy')}" in constraints
    assert not [line for line in constraints if "==" not in line and not line.startswith("# ")]
    assert f"'minixai[course,lessons]=={__version__}'" in (term / "container" / "Containerfile").read_text()
