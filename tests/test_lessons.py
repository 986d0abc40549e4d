"""Every lesson runs, and its notebook is that of its source."""

from __future__ import annotations

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
