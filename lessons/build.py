"""Make the lessons' and the coursework's notebooks from their sources: python lessons/build.py [NAME ...]

`python lessons/build.py --slides NAME ...` makes `slides/NAME.slides.html` of executed notebooks: the
predictions and the figures, with what the notebook says of them as the speaker's notes (key S).

Each `NN_name.py` (jupytext, py:percent) beside this file becomes an executed `NN_name.ipynb`. All outputs are
made anew, cell ids are numbered, and nothing that differs between two runs is kept. A small copy of the
picture of the cell tagged by `# %% tags=["thumbnail"]` becomes `thumbnails/NN_name.jpg`, for the index.

Each master of coursework is run, with its solutions; `coursework/release/` gets the students' versions of
seed 0. That needs the extra `course`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from PIL import Image

from minixai import course
from minixai.files import write_whole

FOLDER = Path(__file__).resolve().parent
TIMEOUT = 60  # seconds a cell
RELEASE = FOLDER / "coursework" / "release"
SLIDES = FOLDER / "slides"
MAX_BYTES = 3_000_000
TAG = "thumbnail"
WIDTH = 240  # of a thumbnail, pixels
WIDGET = "application/vnd.jupyter.widget-view+json"

FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)  # hints and solutions
HEADING = re.compile(r"^## (.+)", re.MULTILINE)
PREDICTION = re.compile(r"^> \*\*Predict.*(?:\n>.*)*", re.MULTILINE)
SLIDE_STYLE = """
.reveal .slides { text-align: left; }
.reveal h1 { font-size: 190%; }
.reveal .slides blockquote { width: 90%; font-size: 130%; }
.reveal .jp-RenderedImage img { width: 100%; max-height: 620px; object-fit: contain; }
"""


class ThisPython(AsyncKernelManager):
    """Runs the kernel in the interpreter that runs us, whatever kernels are installed for others."""

    @property
    def kernel_spec(self) -> KernelSpec:
        # Only errors: of a kernel on this machine that listens to this machine, warnings say nothing.
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


def sources() -> list[Path]:
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def convert(source: Path) -> Any:
    """The notebook of a source, without outputs."""
    return course.notebook_from(source.read_text(encoding="utf-8"), prefix=source.stem[:2])


def execute(notebook: Any) -> None:
    """Run every cell; raises CellExecutionError at the first that errs."""
    client = NotebookClient(
        notebook,
        kernel_manager_class=ThisPython,
        timeout=TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    # nbclient must not act as the front end of output widgets: it then sleeps, at times, until its timeout
    # (https://github.com/jupyter/nbclient/issues/312).
    client.widget_registry = {}
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:  # zmq needs it on Windows
        runner.run(client.async_execute())
    notebook.metadata = nbformat.from_dict(course.METADATA)
    for cell in notebook.cells:
        views = [output for output in cell.get("outputs", []) if WIDGET in output.get("data", {})]
        if views:  # widgets have random ids, and mean nothing without their kernel
            views[0]["data"] = {"text/plain": "The sliders appear when this cell is run."}
            cell["outputs"] = views[:1]


def pictures(output: Any) -> list[str]:
    """The pictures in an output of a cell, as base64."""
    return [data for kind, data in output.get("data", {}).items() if kind in ("image/png", "image/jpeg")]


def thumbnail(notebook: Any) -> Image.Image:
    """A small copy of the picture that the tagged cell of an executed notebook shows."""
    (cell,) = (cell for cell in notebook.cells if TAG in cell.metadata.get("tags", []))
    (shown,) = (bytes_ for output in cell.outputs for bytes_ in pictures(output))
    with Image.open(io.BytesIO(base64.b64decode(shown))) as image:
        size = (WIDTH, round(WIDTH * image.height / image.width))
        return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def thumbnail_path(source: Path) -> Path:
    return source.parent / "thumbnails" / f"{source.stem}.jpg"


def release() -> None:
    """Run every master, then write the students' versions of the term of seed 0."""
    for name, master in course.masters().items():
        execute(course.notebook_of(master, seed=0))
        print(f"{name}: runs")
    with tempfile.TemporaryDirectory() as folder:
        course.lay_out(folder)
        shutil.copytree(Path(folder) / "release", RELEASE, dirs_exist_ok=True)


def build(source: Path) -> None:
    """Execute a lesson; write its notebook and its thumbnail."""
    notebook = convert(source)
    execute(notebook)
    text = f"{nbformat.writes(notebook)}\n".encode()
    size = len(text)
    if size > MAX_BYTES:
        sys.exit(f"{source.stem}: the notebook has {size} bytes, at most {MAX_BYTES} are allowed")
    target = source.with_suffix(".ipynb")
    write_whole("lessons", target, text)
    picture = io.BytesIO()
    thumbnail(notebook).save(picture, "JPEG", quality=80, subsampling=0, optimize=True)
    write_whole("lessons", thumbnail_path(source), picture.getvalue())
    print(f"{target.name}: {len(notebook.cells)} cells, {size // 1000} kB")


def slides_of(notebook: Any) -> Any:
    """A notebook of slides: its title, each prediction, and each cell with a picture, below its section.

    A picture's notes are the text since the last one and directly after it, less what folds out, and what
    its cell prints.
    """
    made: list[Any] = []
    heading, notes, after_picture = "", "", False

    def add(kind: str, text: str) -> None:
        made.append(nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}}))

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = FOLDED.sub("", cell.source).strip()
            if not made:
                add("slide", text)
                continue
            if after_picture:
                add("notes", text)
            else:
                notes += f"\n\n{text}"
            after_picture = False
            heading = (HEADING.findall(text) or [heading])[-1]
            for prediction in PREDICTION.findall(text):
                add("slide", f"### {heading}\n\n{prediction}")
        elif shown := [output for output in cell.outputs if pictures(output)]:
            add("slide", f"### {heading}")
            made.append(
                nbformat.v4.new_code_cell("", outputs=shown, metadata={"slideshow": {"slide_type": "-"}})
            )
            printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
            add("notes", f"{notes}\n\n```\n{printed}```" if printed else notes)
            notes, after_picture = "", True
    for k, cell in enumerate(made):
        cell["id"] = f"slide-{k:02d}"
    return nbformat.v4.new_notebook(cells=made, metadata=notebook.metadata)


def slides(name: str) -> Path:
    """Write the slides of an executed lesson; the browser that shows them fetches reveal.js."""
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True)
    exporter.reveal_width, exporter.reveal_height = "1280", "720"
    page, _ = exporter.from_notebook_node(slides_of(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)))
    SLIDES.mkdir(exist_ok=True)
    target = SLIDES / f"{name}.slides.html"
    write_whole("lessons", target, page.replace("</head>", f"<style>{SLIDE_STYLE}</style></head>").encode())
    return target


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Make the notebooks, or slides, of lessons.")
    parser.add_argument(
        "names", nargs="*", help="NN_name of a lesson, or coursework; all of them where none is given"
    )
    parser.add_argument("--slides", action="store_true", help="make slides of the executed notebooks")
    options = parser.parse_args(arguments)
    lessons = [source.stem for source in sources()]
    if options.slides:
        for name in options.names or lessons:
            print(slides(name).relative_to(FOLDER.parent))
        return
    for name in options.names or ["coursework", *lessons]:
        if name == "coursework":
            release()
        else:
            build(FOLDER / f"{name}.py")


if __name__ == "__main__":
    main(sys.argv[1:])
