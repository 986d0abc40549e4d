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
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import minixai
from minixai.course.layout import masters
from tests.extras import NEED_NBGRADER

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "minixai"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# The table of floors, and the package itself on the highest.
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^ +\| (\d) \| (.*?) \|", CONTRIBUTING, re.MULTILINE)
FLOORS = {place: int(floor) for floor, places in ROWS for place in re.findall(r"`(\w+)`", places)}
FLOORS |= dict.fromkeys(("__init__", "__main__"), max(FLOORS.values()))


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
    assert all(name in peers for name in ("torch", "captum", "h5py", "mne", "concept-erasure"))
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
IMPORTABLE = [name for name in MODULES if find_spec("nbgrader") or name not in NEED_NBGRADER]


def imports(path: Path, type_checking: bool = True) -> Iterator[tuple[int, str]]:
    """The line and the dotted name of everything that a file imports, inside functions too.

    A module that a file takes from its own package is an import of both.
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
                if whole in MODULES:
                    yield node.lineno, whole
                if whole not in MODULES or source == package:
                    yield node.lineno, source


def floor_of(module: str) -> int:
    place = module.split(".")[1] if "." in module else "__init__"
    assert place in FLOORS, f"minixai/{place} has no floor in the design"
    return FLOORS[place]


@pytest.mark.parametrize("module", MODULES)
def test_a_floor_imports_only_itself_and_floors_below(module):
    floor = floor_of(module)
    upwards = {
        name: f"line {line}"
        for line, name in imports(MODULES[module])
        if name.split(".")[0] == "minixai" and floor_of(name) > floor
    }
    assert upwards == {}


def import_graph() -> dict[str, list[str]]:
    """The modules of the package that each of them imports."""
    found = {module: {name for _, name in imports(path)} for module, path in MODULES.items()}
    return {module: sorted(names & MODULES.keys() - {module}) for module, names in found.items()}


def cycles(graph: dict[str, list[str]]) -> set[tuple[str, ...]]:
    """Circles in a graph, each node pointing to the next and the last to the first; none if there is none.

    Each is cut at its end before the next is looked for.
    """
    found = set()
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            _, *cycle = reversed(error.args[1])
            start = cycle.index(min(cycle))
            cycle = cycle[start:] + cycle[:start]
            found.add(tuple(cycle))
            graph = graph | {cycle[-1]: [name for name in graph[cycle[-1]] if name != cycle[0]]}
        else:
            return found


def test_circles_are_found():
    assert cycles({"a": ["b", "d"], "b": ["c"], "c": ["a"], "d": ["a"], "e": ["a"]}) == {
        ("a", "b", "c"),
        ("a", "d"),
    }
    assert cycles({"a": ["b", "c"], "b": ["c"]}) == set()


def test_no_imports_run_in_a_circle():
    assert cycles(import_graph()) == set()


def test_no_test_file_imports_another():
    users = [
        f"{path.name}, line {line}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for line, name in imports(path)
        if name.startswith("tests.test_")
    ]
    assert users == []


def test_only_plot_imports_matplotlib():
    users = [
        f"{module}, line {line}: {name}"
        for module, path in MODULES.items()
        for line, name in imports(path, type_checking=False)
        if name.split(".")[0] in ("matplotlib", "mpl_toolkits") and not module.startswith("minixai.plot")
    ]
    assert users == []


@pytest.mark.parametrize(("folder", "package"), [("tests/oracles", "minixai"), ("benchmarks", "tests")])
def test_a_folder_imports_nothing_of(folder, package):
    files = (ROOT / folder).rglob("*.py")
    found = [
        f"{path.name}: {name}" for path in files for _, name in imports(path) if name.split(".")[0] == package
    ]
    assert found == []


def test_import_minixai_loads_nothing_slow():
    heavy = {"numba", "matplotlib", "pooch", "PIL", "tqdm", "safetensors", "scipy", "torch"}
    loaded = run("-W", "error", "-c", "import minixai, sys; print(*sys.modules, sep='\\n')")
    assert heavy & set(loaded) == set()


def test_every_module_can_be_imported_first():
    """Whichever is first, the package itself comes before it: what that loads need not be loaded anew."""
    code = """
import importlib, sys
import minixai
loaded = {*sys.modules}
for name in sys.argv[1:]:
    for each in [each for each in sys.modules if each.startswith("minixai.") and each not in loaded]:
        del sys.modules[each]
    importlib.import_module(name)
"""
    run("-W", "error", "-c", code, *IMPORTABLE)


def test_no_module_bears_the_name_of_a_function_that_its_package_exports():
    code = """
import importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    package, _, last = name.rpartition(".")
    if package and getattr(sys.modules[package], last) is not module:
        print(name)
"""
    assert run("-W", "error", "-c", code, *IMPORTABLE) == []


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
    assert {"docs/pictures/rho.jpg", "experiments/recipes/cifar10.py"} <= names


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
    pieces = sorted(masters())
    assert printed[0] == f"laid out {', '.join(pieces)} in term"
    for kind, solved in (("source", True), ("release", False)):
        notebooks = sorted((tmp_path / "term" / kind).glob("*/*.ipynb"))
        assert [notebook.stem for notebook in notebooks] == pieces
        assert all(("BEGIN SOLUTION" in each.read_text(encoding="utf-8")) == solved for each in notebooks)
