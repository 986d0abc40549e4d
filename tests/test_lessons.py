"""Every lesson runs, its notebook is that of its source, and its exercises tell right answers from wrong."""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import nbformat
import pytest

LESSONS = Path(__file__).parents[1] / "lessons"
SOURCES = sorted(LESSONS.glob("[0-9][0-9]_*.py"))
SECONDS = 60


def load_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lessons_build", LESSONS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load_build()


def test_there_are_lessons_and_the_index_has_them() -> None:
    assert SOURCES == build.sources() != []
    index = (LESSONS / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\((\d\d_\w+)\.ipynb\)", index) == [source.stem for source in SOURCES]


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_source_runs(source: Path) -> None:
    notebook = build.convert(source)
    start = time.monotonic()
    build.execute(notebook)
    assert time.monotonic() - start < SECONDS
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
            assert build.WIDGET not in output.get("data", {})


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_notebook_is_that_of_the_source(source: Path) -> None:
    path = source.with_suffix(".ipynb")
    committed = nbformat.read(path, as_version=4)
    nbformat.validate(committed)
    assert inputs(committed) == inputs(build.convert(source)), "run python lessons/build.py"
    counts = [cell.execution_count for cell in committed.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "widgets" not in committed.metadata
    assert path.stat().st_size <= build.MAX_BYTES
    assert 15 <= len(committed.cells) <= 30


def inputs(notebook: Any) -> list[tuple[str, str, str]]:
    return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]


def test_a_failing_cell_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "99_fails.py"
    source.write_text("# %%\n1 / 0\n", encoding="utf-8")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        build.execute(build.convert(source))


def test_the_kernel_is_this_python(tmp_path: Path) -> None:
    source = tmp_path / "99_kernel.py"
    source.write_text("# %%\nimport sys\nsys.executable\n", encoding="utf-8")
    notebook = build.convert(source)
    build.execute(notebook)
    assert notebook.cells[0].outputs[0].data["text/plain"] == repr(sys.executable)


# Lesson 4: wrong answers, and the mistake that its check should name.
WRONG = {
    "filter_of": {
        "lambda a_s, a_d: np.linalg.solve(np.array([a_s, a_d]).T, [1.0, 0.0])": "columns of your matrix",
        "lambda a_s, a_d: np.linalg.solve(np.array([a_s, a_d]), [0.0, 1.0])": "cancels the signal",
        "lambda a_s, a_d: np.array(a_s) / np.dot(a_s, a_s)": "a_s itself",
        "lambda a_s, a_d: 1.0": "got the shape ()",
    },
    "pattern": {
        "lambda x, y: x.T @ y / (y @ y)": "the means are not subtracted",
        "lambda x, y: (x - x.mean(0)).T @ (y - y.mean()) / len(y) / y.std()": "the standard deviation",
        "lambda x, y: (x - x.mean(0)).T @ (y - y.mean()) / len(y)": "not divided by the variance",
        "lambda x, y: x.mean(0)": "expected",
    },
    "left_behind": {
        "lambda w, l2, n: l2 * w": "not divided by n",
        "lambda w, l2, n: -l2 / n * w": "the sign",
        "lambda w, l2, n: 0 * w": "least squares",
    },
}
CHECKS = {"filter_of": "check_filter", "pattern": "check_pattern", "left_behind": "check_left_behind"}


@pytest.fixture(scope="module")
def lesson_4() -> tuple[dict[str, Any], list[str]]:
    """The names that the first two code cells of lesson 4 define, and the solutions that its text gives."""
    notebook = build.convert(LESSONS / "04_signal_and_distractor.py")
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    names: dict[str, Any] = {}
    with matplotlib.rc_context():  # the lesson sets its style
        for cell in code[:2]:
            exec(cell, names)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return names, re.findall(r"Solution</summary>\n\n```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("exercise", list(WRONG))
def test_lesson_4_takes_its_solutions_and_no_wrong_answer(
    exercise: str, lesson_4: tuple[dict[str, Any], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    names, solutions = lesson_4
    (solution,) = (text for text in solutions if f"def {exercise}(" in text)
    answers: dict[str, Any] = {"np": names["np"]}
    exec(solution, answers)
    check = names[CHECKS[exercise]]
    check(answers[exercise])
    assert [line.split(": ")[1].split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        "right"
    ] * 2
    for wrong, mistake in WRONG[exercise].items():
        check(eval(wrong, answers))
        said = capsys.readouterr().out
        assert mistake in said
        assert "random: right" not in said
