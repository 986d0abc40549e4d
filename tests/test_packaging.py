"""What is installed, and what imports what."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import minixai

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "minixai"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# The floors of the design: a file imports from its own floor and from those below.
FLOORS = {
    "__init__": 6, "__main__": 6, "cli": 6, "course": 6, "demo": 6, "page": 6, "checks": 6,
    "evaluate": 5,
    "methods": 4, "models": 4,
    "nn": 3, "rules": 3,
    "ops": 2, "gradcheck": 2, "signal": 2,
    "tape": 1, "kernels": 1, "data": 1, "plot": 1, "files": 0, "typing": 1,
    "errors": 0, "columns": 0, "bootstrap": 1,
}  # fmt: skip


def run(*arguments, cwd: Path = ROOT, **environment: str) -> list[str]:
    """Run this Python with arguments in a process of its own, and return the lines that it prints."""
    command = [sys.executable, *map(str, arguments)]
    env = {**os.environ, "PYTHONUTF8": "1", **environment}
    done = subprocess.run(command, cwd=cwd, env=env, encoding="utf-8", capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


# ---------------------------------------------------------------- versions


def lower_bounds(requirements: list[str]) -> dict[str, str]:
    """`["numpy>=2.0"]` as `{"numpy": "2.0"}`; requirements with another bound have no place here."""
    bounds = {}
    for requirement in requirements:
        name, bound = requirement.split(">=")
        bounds[name.lower()] = bound
    return bounds


def read_yaml(name: str):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_environment_yml_has_the_lower_bounds_of_pyproject():
    listed = [entry for entry in read_yaml("environment.yml")["dependencies"] if ">=" in entry]
    expected = lower_bounds(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lessons"])
    assert lower_bounds(listed) == {"python": PROJECT["requires-python"].removeprefix(">="), **expected}


def test_oldest_txt_pins_the_lower_bounds_of_pyproject():
    lines = (ROOT / ".github" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.lower().split("==") for line in lines if "==" in line)
    bounds = lower_bounds(PROJECT["dependencies"])
    lessons = lower_bounds(PROJECT["optional-dependencies"]["lessons"])
    bounds |= {name: lessons[name] for name in ("scikit-learn", "scikit-image")}
    assert {name: re.sub(r"^(\d+\.\d+)\.0$", r"\1", pin) for name, pin in pins.items()} == bounds


def test_the_workflow_begins_at_the_oldest_python():
    matrix = read_yaml(".github/workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]
    oldest = next(entry for entry in matrix["include"] if entry["versions"] == "oldest")
    assert PROJECT["requires-python"] == f">={oldest['python']}"
    assert (ROOT / oldest["constraints"]).is_file()


def test_a_dependency_has_one_lower_bound_in_all_extras():
    bounds: dict[str, set[str]] = {}
    for requirements in PROJECT["optional-dependencies"].values():
        for requirement in requirements:
            name = re.match(r"[\w-]+", requirement)[0]
            bounds.setdefault(name, set()).add(requirement)
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


def test_the_extras_exist():
    assert set(PROJECT["optional-dependencies"]) == {
        "lessons",
        "browser",
        "course",
        "distributed",
        "test",
        "peers",
        "bench",
    }
    peers = " ".join(PROJECT["optional-dependencies"]["peers"])
    assert all(name in peers for name in ("torch", "captum", "h5py", "mne"))
    assert "torch" not in " ".join(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"])


def test_the_version_is_that_of_the_citation_and_the_changelog():
    assert read_yaml("CITATION.cff")["version"] == minixai.__version__
    assert f"## [{minixai.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------- imports


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# A master of coursework, `master.percent.py`, is a notebook's source, no module.
MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if path.stem.isidentifier()}


def imports(path: Path, type_checking: bool = True) -> Iterator[tuple[int, str]]:
    """The line and the dotted name of everything that a file imports, inside functions too.

    type_checking: with what stands under `if TYPE_CHECKING`, which never runs.
    """
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not type_checking:
        for node in list(ast.walk(tree)):
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
                node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (start, node.module) if part)
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield node.lineno, whole if whole in MODULES else source


def floor_of(module: str) -> int:
    place = module.split(".")[1] if "." in module else "__init__"
    assert place in FLOORS, f"minixai/{place} has no floor in the design"
    return FLOORS[place]


@pytest.mark.parametrize("module", MODULES)
def test_a_floor_imports_only_itself_and_floors_below(module):
    floor = floor_of(module)
    upwards = [
        f"line {line}: {name}"
        for line, name in imports(MODULES[module])
        if name.split(".")[0] == "minixai" and floor_of(name) > floor
    ]
    assert upwards == []


def test_only_plot_imports_matplotlib():
    users = [
        f"{module}, line {line}: {name}"
        for module, path in MODULES.items()
        for line, name in imports(path, type_checking=False)
        if name.split(".")[0] in ("matplotlib", "mpl_toolkits") and not module.startswith("minixai.plot")
    ]
    assert users == []


def test_the_oracles_import_nothing_of_minixai():
    oracles = (ROOT / "tests" / "oracles").glob("*.py")
    found = [f"{path.name}: {name}" for path in oracles for _, name in imports(path) if "minixai" in name]
    assert found == []


def test_import_minixai_loads_nothing_slow():
    heavy = {"numba", "matplotlib", "pooch", "PIL", "tqdm", "safetensors", "scipy", "torch"}
    loaded = run("-W", "error", "-c", "import minixai, sys; print(*sys.modules, sep='\\n')")
    assert heavy & set(loaded) == set()


def test_every_module_can_be_imported_first():
    code = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [each for each in sys.modules if each.partition(".")[0] == "minixai"]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    run("-W", "error", "-c", code, *MODULES)


def test_no_module_bears_the_name_of_a_function_that_its_package_exports():
    code = """
import importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    package, _, last = name.rpartition(".")
    if package and getattr(sys.modules[package], last) is not module:
        print(name)
"""
    assert run("-W", "error", "-c", code, *MODULES) == []


# ---------------------------------------------------------------- wheel and sdist


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> dict[str, Path]:
    """The sdist, and the wheel built from it; from a copy, since a build reads what an earlier one left."""
    source = tmp_path_factory.mktemp("source") / "minixai"
    outside = ("venv", ".venv", ".git", "build", "dist", "out", "*.egg-info", ".*_cache", "__pycache__")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*outside))
    folder = tmp_path_factory.mktemp("dist")
    run("-m", "build", "--no-isolation", "--outdir", folder, source)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return {"source": source, "sdist": sdist, "wheel": wheel}


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(distributions):
    source = distributions["source"]
    files = (path for path in (source / "minixai").rglob("*") if path.is_file())
    package = {path.relative_to(source).as_posix() for path in files}
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        names = set(wheel.namelist())
    info = f"minixai-{minixai.__version__}.dist-info"
    assert {name for name in names if not name.startswith(info)} == package
    assert "minixai/py.typed" in names
    assert f"{info}/licenses/LICENSE" in names


@pytest.mark.slow
def test_the_sdist_holds_the_tests_and_what_they_read(distributions):
    with tarfile.open(distributions["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"LICENSE", "README.md", "Makefile", "environment.yml", "CITATION.cff", "CHANGELOG.md"} <= names
    assert {"tests/conftest.py", "tests/oracles/__init__.py", ".github/oldest.txt"} <= names


def install(distribution: Path, folder: Path) -> Path:
    """The folder that has minixai as it is installed from a distribution, for PYTHONPATH."""
    site = folder / "site"
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    run("-m", "pip", "install", *offline, "--target", site, distribution, cwd=folder)
    return site


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_what_is_built_installs_and_runs_outside_the_checkout(distributions, kind, tmp_path):
    site = install(distributions[kind], tmp_path)
    code = """
import importlib.metadata, minixai
(command,) = importlib.metadata.distribution("minixai").entry_points
assert callable(command.load())
print(minixai.__file__, importlib.metadata.version("minixai"), command.name, sep="\\n")
"""
    printed = run("-c", code, cwd=tmp_path, PYTHONPATH=str(site))
    assert printed == [str(site / "minixai" / "__init__.py"), minixai.__version__, "minixai"]


@pytest.mark.slow
def test_the_wheel_alone_lays_out_a_course(distributions, tmp_path):
    pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[course]')")
    site = install(distributions["wheel"], tmp_path)
    printed = run("-m", "minixai", "course", "term", "--seed", 7, cwd=tmp_path, PYTHONPATH=str(site))
    pieces = [f"cw{k}" for k in range(1, 7)]
    assert printed[0] == f"laid out {', '.join(pieces)} in term"
    for kind, solved in (("source", True), ("release", False)):
        notebooks = sorted((tmp_path / "term" / kind).glob("*/*.ipynb"))
        assert [notebook.stem for notebook in notebooks] == pieces
        assert all(("BEGIN SOLUTION" in each.read_text(encoding="utf-8")) == solved for each in notebooks)
