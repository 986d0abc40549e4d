"""Every lesson runs, and its notebook is that of its source."""

from __future__ import annotations

import base64
import importlib.util
import re
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

LESSONS = Path(__file__).parents[1] / "lessons"
SOURCES = sorted(LESSONS.glob("[0-9][0-9]_*.py"))
SECONDS = 60
MOST_LINES, MOST_WORDS = 25, 220  # of a cell that is to be shown on a projector


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"lessons_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load(LESSONS / "build.py")


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
    assert 15 <= len(committed.cells) <= 60


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_no_cell_is_too_long_for_a_projector(source: Path) -> None:
    found = [text for cell in build.convert(source).cells if (text := too_long(cell))]
    assert not found


def too_long(cell: Any) -> str:
    """What is too long about a cell, or nothing."""
    if cell.cell_type == "code":
        lines = cell.source.count("\n") + 1
        return f"{cell.id} has {lines} lines" if lines > MOST_LINES else ""
    words = len(re.findall(r"\w[\w'’-]*", prose_of(cell.source)))
    return f"{cell.id} has {words} words" if words > MOST_WORDS else ""


def prose_of(text: str) -> str:
    """A text cell without references, what folds out, formulas, code and addresses."""
    folded = r"<details>.*?</details>|^## References.*"
    other = r"```.*?```|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\]\([^)]*\)"
    return re.sub(f"{folded}|{other}", " ", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("kind", "text", "verdict"),
    [
        ("code", "\n".join(25 * ["x"]), ""),
        ("code", "\n".join(26 * ["x"]), "0 has 26 lines"),
        ("markdown", 220 * "the word $a$ `b` " + "<details>\n\nmore\n\n</details>", "0 has 440 words"),
        ("markdown", 110 * "the word $a$ `b` " + "<details>\n\nmore\n\n</details>", ""),
        ("markdown", 110 * "the [word](https://a.b/c) " + "it's", "0 has 221 words"),
    ],
)
def test_a_long_cell_is_found(kind: str, text: str, verdict: str) -> None:
    assert too_long(nbformat.from_dict({"cell_type": kind, "source": text, "id": "0"})) == verdict


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_exercises_and_sections_have_the_number_of_the_lesson(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    number = int(source.stem[:2])
    assert re.findall(r"^# # (\d+) · ", text, re.MULTILINE) == [str(number)]
    for kind in (r"^# ## (\d+)\.(\d+)", r"^# ### Exercise (\d+)\.(\d+)"):
        found = [(int(lesson), int(k)) for lesson, k in re.findall(kind, text, re.MULTILINE)]
        assert found == [(number, k + 1) for k in range(len(found))] != []


def inputs(notebook: Any) -> list[tuple[str, str, str, Any]]:
    return [(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_index_shows_a_picture_of_the_notebook(source: Path) -> None:
    committed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    picture = build.thumbnail(committed)  # fails unless one cell, with one picture, has the tag
    path = build.thumbnail_path(source)
    assert path.stat().st_size <= 15_000
    with Image.open(path) as image:
        assert image.size == picture.size == (build.WIDTH, picture.height)
        # JPEG loses up to 5.5 grey levels of 255 here.
        assert np.abs(np.asarray(image, float) - np.asarray(picture, float)).mean() < 7
    index = (LESSONS / "README.md").read_text(encoding="utf-8")
    assert len(re.findall(rf"!\[[^]]{{20,}}\]\(thumbnails/{source.stem}\.jpg\)", index)) == 1


def test_figures_belong_to_a_lesson_or_to_several() -> None:
    found = {path.stem for path in (LESSONS / "figures").glob("*.py")} - {"__init__"}
    for shared in found - {source.stem[3:] for source in SOURCES}:
        imported = re.compile(rf"^from figures(\.{shared} import | import {shared}\b)", re.MULTILINE)
        users = [source.stem for source in SOURCES if imported.search(source.read_text(encoding="utf-8"))]
        assert len(users) > 1, shared


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_first_import_of_figures_says_what_it_needs(source: Path) -> None:
    first, *_ = re.findall(r"^from figures.*", source.read_text(encoding="utf-8"), re.MULTILINE)
    assert first.endswith("  # needs lessons/figures/ beside this notebook")


def test_the_long_runs_of_lesson_4_are_made_anew() -> None:
    runs = load(LESSONS / "results" / "generalisation.py")
    x, y, x_test, y_test = runs.digits_in_two()
    sets = {"test": (x_test, y_test)}
    errors = runs.errors_over_time(runs.Stack(16), x, runs.partly_random(y), sets, stops=(50,))
    with np.load(runs.FILE) as saved:
        of_file = saved["random/test"][runs.WIDTHS.index(16), runs.STOPS.index(50)]
    assert errors["test"][0] == pytest.approx(of_file, abs=1.0)  # per cent: another BLAS rounds otherwise


PNG = base64.b64encode(b"a picture").decode()
TINY = """\
# %% [markdown]
# # 99 · A title
#
# The lesson's aim.

# %% [markdown]
# ## 99.1 A section
#
# Before.
# <details><summary>Hint</summary>
#
# folded away
#
# </details>
#
# > **Predict 1.** Up
# > or down?

# %%
code

# %% [markdown]
# **Answer to prediction 1.** Down.
"""


def test_slides_show_predictions_and_pictures_and_note_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    monkeypatch.setattr(build, "SLIDES", tmp_path / "slides")
    source = tmp_path / "99_tiny.py"
    source.write_text(TINY, encoding="utf-8")
    notebook = build.convert(source)
    (cell,) = (cell for cell in notebook.cells if cell.cell_type == "code")
    cell.outputs = [
        nbformat.v4.new_output("stream", text="a number 1.5\n"),
        nbformat.v4.new_output("display_data", {"image/png": PNG}),
    ]
    nbformat.write(notebook, tmp_path / "99_tiny.ipynb")
    page = build.slides("99_tiny").read_text(encoding="utf-8")
    notes = re.findall(r'<aside class="notes">(.*?)</aside>', page, re.DOTALL)
    slides = re.findall(
        r"<section>(.*?)</section>", re.sub(r"<aside.*?</aside>", "", page, flags=re.DOTALL), re.DOTALL
    )
    assert ["The lesson's aim" in slide for slide in slides] == [True, False, False]
    assert ["Up\nor down" in slide for slide in slides] == [False, True, False]
    assert [PNG in slide for slide in slides] == [False, False, True]
    assert "Before." in notes[0]
    assert "a number 1.5" in notes[0]
    assert "Down." in notes[1]
    assert "folded away" not in page
    assert not any("Before." in slide or "Down." in slide for slide in slides)


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
