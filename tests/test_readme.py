"""The README's code runs as it stands there, and its pictures are there."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

import minixai as mx
from benchmarks import tables
from minixai.cli import main
from minixai.evaluate import Bench
from minixai.methods.catalogue import METHODS, markdown_table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEN_LINES, OWN_METHOD, SHIPPED, OWN_PATTERNS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def cat(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(mx.data.photo("chelsea")).save("cat.jpg", quality=95)


@pytest.mark.usefixtures("cat")
def test_ten_lines(capsys):
    names: dict = {}
    exec(TEN_LINES, names)
    assert names["e"].target == [285]
    assert "[285]" in capsys.readouterr().out
    assert all(Path(name).stat().st_size > 10_000 for name in ("guided.png", "deconvnet.png"))


@pytest.mark.usefixtures("cat")
def test_the_method_in_ten_lines_is_guided_backprop():
    model = mx.models.squeezenet1_0(weights="imagenet")
    x = model.preprocess(mx.data.photo("cat.jpg"))
    try:
        exec(OWN_METHOD, {"__name__": "__main__"})
        np.testing.assert_array_equal(
            mx.methods.my_method(model, x, target=285).map,
            mx.methods.guided_backprop(model, x, target=285).map,
        )
        assert "`my_method`" in markdown_table()
    finally:
        METHODS.pop("my_method", None)


TRIED = """
import minixai as mx
import numpy as np

model = mx.models.lenet5()
x = np.random.default_rng(0).random((1, 1, 28, 28))
mine, shipped = mx.methods.my_method(model, x, layer="features.3"), mx.methods.guided_backprop
np.testing.assert_array_equal(mine.map, shipped(model, x, layer="features.3").map)
print("my_method" in dir(mx.methods))
"""


def test_the_method_works_in_a_notebook():
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(each) for each in (OWN_METHOD, TRIED)]
    )
    NotebookClient(notebook, timeout=120).execute()
    assert notebook.cells[1].outputs[0].text == "True\n"


def test_the_method_works_as_a_file_of_the_package(tmp_path):
    package = tmp_path / "minixai"
    shutil.copytree(ROOT / "minixai", package, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    (package / "methods" / "mine.py").write_text(OWN_METHOD, encoding="utf-8")
    command = f"{TRIED}\nimport minixai.cli; print(mx.__file__); minixai.cli.main(['methods'])"
    run = [sys.executable, "-X", "utf8", "-c", command]
    out = subprocess.run(run, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert out.returncode == 0, out.stderr
    assert out.stdout.startswith(f"True\n{package / '__init__.py'}\n")
    assert "\nmy_method (this page)\n    shows: signal: what ReLUs let through\n" in out.stdout


@pytest.mark.usefixtures("cat")
def test_patterns_that_come_with_a_network(capsys):
    names: dict = {}
    exec(SHIPPED, names)
    assert "pattern" in capsys.readouterr().out
    np.testing.assert_allclose(names["e"].ledger.gap, 0, atol=1e-4 * abs(names["e"].score).max())
    assert Path("signal.png").stat().st_size > 10_000


def test_patterns_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(OWN_PATTERNS, {})
    assert "ρ over all samples" in capsys.readouterr().out
    assert Path("patterns.safetensors").stat().st_size > 100_000


@pytest.mark.usefixtures("cat")
def test_commands(capsys):
    commands = [line.split("#")[0] for line in README.splitlines() if line.startswith("minixai ")]
    with_files = [shlex.split(command)[1:] for command in commands if "--save" in command]
    assert len(with_files) == 5
    for arguments in with_files:
        arguments += ["--quick"] if arguments[0] == "compare" else []
        assert main(arguments) == 0, capsys.readouterr().err
        assert Path(arguments[arguments.index("--save") + 1]).stat().st_size > 10_000


@pytest.mark.parametrize(
    "name", ["README.md", "benchmarks/README.md", "experiments/README.md", "lessons/README.md"]
)
def test_links_and_pictures_are_there(name):
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


def test_the_table_is_that_of_the_code():
    table = README.partition("<!-- methods -->\n")[2].partition("\n<!-- /methods -->")[0]
    assert table == markdown_table()  # of minixai.methods.catalogue


def test_the_table_of_marks_is_that_of_the_bench():
    table = README.partition("<!-- bench -->\n")[2].partition("\n<!-- /bench -->")[0]
    assert table == Bench.load(ROOT / "experiments" / "results" / "bench.json").markdown()


def test_the_table_of_times_is_what_was_measured():
    table = README.partition("<!-- speed -->\n")[2].partition("\n<!-- /speed -->")[0]
    (name,) = re.findall(r"\(benchmarks/results/(.*?\.json)\)", README)
    text = (ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8")
    assert table == tables.markdown(json.loads(text))  # python -m benchmarks --redraw FILE --markdown


def test_the_files_to_read_are_as_long_as_it_says():
    table = README.partition("<!-- reading -->\n")[2].partition("\n<!-- /reading -->")[0]
    rows = re.findall(r"^\| \d \| \[`(.*?)`\]\(minixai/\1\) \| (\d+) \|", table, re.MULTILINE)
    said = {name: int(lines) for name, lines in rows}
    found = {name: len((ROOT / "minixai" / name).read_text(encoding="utf-8").splitlines()) for name in said}
    assert len(said) == 5
    assert said == {name: round(lines, -1) for name, lines in found.items()}
    assert f"In this order, {sum(said.values())} lines" in README


def test_the_tape_stays_short():
    assert len((ROOT / "minixai" / "tape.py").read_text(encoding="utf-8").splitlines()) <= 200
