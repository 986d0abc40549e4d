"""The cache of compiled kernels: full, unwritable or damaged, it stops nothing."""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from pathlib import Path
from types import ModuleType

import numba
import pytest

from minixai.kernels import compiling

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="platform: nothing is compiled")

KERNELS = """
from minixai.kernels.compiling import njit

@njit(cache=True, nogil=True)
def inner(x):
    return x + 1

@njit(cache=True, nogil=True)
def outer(x):
    return 2 * inner(x)
"""


@pytest.fixture(autouse=True)
def not_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    compiling._say_once.cache_clear()


def imported_anew(folder: Path) -> ModuleType:
    """The kernels as a new process has them."""
    path = folder / "kernels_of_a_test.py"
    if not path.exists():
        path.write_text(KERNELS, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cached(folder: Path, suffix: str = "nb*") -> list[Path]:
    return sorted((folder / "__pycache__").glob(f"*.{suffix}"))


def hits(folder: Path) -> int:
    """Call the kernels as a new process would; how many of them came out of the cache."""
    module = imported_anew(folder)
    assert module.outer(3) == 8
    return sum(len(kernel.stats.cache_hits) for kernel in (module.inner, module.outer))


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    assert hits(tmp_path) == 0
    assert len(cached(tmp_path)) == 4
    assert hits(tmp_path) == 1  # the inner one is within the outer


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage", [lambda whole: b"", lambda whole: whole[:-9], lambda whole: b"\x80garbage"]
)
def test_damaged_files_are_made_anew(tmp_path: Path, suffix: str, damage) -> None:
    hits(tmp_path)
    for path in cached(tmp_path, suffix):
        path.write_bytes(damage(path.read_bytes()))
    assert hits(tmp_path) == 0
    assert hits(tmp_path) == 1


@pytest.mark.skipif(os.name == "nt", reason="platform: its folders for caches are not found by HOME")
def test_without_a_place_for_the_cache_kernels_compile_and_it_is_said_once(tmp_path, monkeypatch) -> None:
    (tmp_path / "__pycache__").write_bytes(b"a file where the folder should be")
    monkeypatch.setenv("HOME", str(tmp_path / "__pycache__"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.warns(RuntimeWarning, match=r"no folder is writable.* NUMBA_CACHE_DIR") as said:
        assert hits(tmp_path) == 0
    assert len(said) == 1


@pytest.mark.skipif(os.name == "nt", reason="platform: files have no limit")
def test_on_a_full_disk_kernels_compile_and_it_is_said_once(tmp_path: Path) -> None:
    import resource

    module = imported_anew(tmp_path)
    own = resource.getrlimit(resource.RLIMIT_FSIZE)
    with warnings.catch_warnings(record=True, action="always") as said:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, own[1]))
        try:
            result = module.outer(3)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, own)
    assert result == 8
    assert ["NUMBA_CACHE_DIR" in str(each.message) for each in said] == [True]
    assert said[0].filename == __file__
    assert cached(tmp_path) == []
    assert hits(tmp_path) == 0


def test_every_kernel_is_compiled_with_this_cache() -> None:
    kernels = (ROOT / "minixai" / "kernels").glob("*.py")
    users = [
        path.name
        for path in kernels
        if re.search(r"numba import .*njit|numba\.njit", path.read_text("utf-8"))
    ]
    assert users == ["compiling.py"]
