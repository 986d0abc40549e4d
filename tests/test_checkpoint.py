"""A fit that is killed goes on where it was, and a cluster gives what one process gives."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from minixai import files
from minixai.errors import FileFormatError
from minixai.signal import Patterns, fit_patterns
from minixai.signal.checkpoint import FORMAT
from minixai.signal.moments import Moments
from minixai.signal.patterns import KINDS
from tests.fits import assert_same, far_from_zero, network

BATCHES = [np.random.default_rng(seed).random((4, 2, 8, 8)) for seed in range(12)]


class KilledError(Exception):
    """In place of a signal, where one process is enough."""


def until(number: int) -> Iterator[np.ndarray]:
    """The first batches, and then the end of the process."""
    yield from BATCHES[:number]
    raise KilledError


def fit(batches, path: Path, net: mx.nn.Module | None = None, **options) -> Patterns:
    options = {"save_every": 2, "progress": False, **options}
    return fit_patterns(net or network(), batches, checkpoint=path, **options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fit.safetensors"


@pytest.fixture(scope="module")
def uninterrupted() -> Patterns:
    return fit_patterns(network(), BATCHES, progress=False)


@pytest.mark.parametrize("stops", [[1], [2], [5], [11], [3, 4, 9], [12]])
def test_it_ends_bit_for_bit_as_an_uninterrupted_fit(path: Path, uninterrupted: Patterns, stops) -> None:
    for number in stops:
        with pytest.raises(KilledError):
            fit(until(number), path)
    assert_same(fit(BATCHES, path), uninterrupted)
    assert_same(fit(BATCHES, path), uninterrupted)  # again: nothing is left to do


def test_more_batches_are_added_to_a_finished_fit(path: Path, uninterrupted: Patterns) -> None:
    fit(BATCHES[:7], path)
    assert_same(fit(BATCHES, path), uninterrupted)


def test_far_from_zero_it_goes_on_as_well(path: Path) -> None:
    net, x = far_from_zero()
    batches = np.split(x, 8)
    fit(batches[:3], path, net, kinds=KINDS)
    assert_same(fit(batches, path, net, kinds=KINDS), fit_patterns(net, [x], KINDS, progress=False), 1e-6)


def test_only_batches_behind_the_checkpoint_are_computed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KilledError):
        fit(until(7), path)
    computed = []
    add_call = Moments.add_call
    monkeypatch.setattr(Moments, "add_call", lambda *a: computed.append(1) or add_call(*a))
    fit(BATCHES, path)
    assert len(computed) == 4 * (12 - 6)  # layers, batches


def test_what_does_not_belong_to_the_checkpoint_is_refused(path: Path) -> None:
    with pytest.raises(KilledError):
        fit(until(6), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"is of a fit with model .*, this one has .*; take another file"):
        fit(BATCHES, path, network(seed=1))
    with pytest.raises(ValueError, match="is of a fit with layers"):
        fit(BATCHES, path, layers=["0"])
    with pytest.raises(ValueError, match="is of other data: its first 6 batches are not these"):
        fit([BATCHES[1], *BATCHES], path)
    altered = [*BATCHES]
    altered[5] = altered[5].copy()
    altered[5][3, 1, 7, 7] += 1e-12
    with pytest.raises(ValueError, match="is of other data"):
        fit(altered, path)
    with pytest.raises(ValueError, match="is of 6 batches, these are 4"):
        fit(BATCHES[:4], path)
    assert path.read_bytes() == before


def test_damaged_checkpoints_are_refused_and_kept(path: Path) -> None:
    with pytest.raises(KilledError):
        fit(until(6), path)
    whole = bytearray(path.read_bytes())
    for damaged in (whole[:-1], whole[: len(whole) // 2], b"", whole[:5000] + b"\x00" + whole[5001:]):
        path.write_bytes(damaged)
        if damaged != whole:
            with pytest.raises(FileFormatError):
                fit(BATCHES, path)
            assert path.read_bytes() == damaged
    fit(BATCHES[:1], path.with_name("other.safetensors")).save(path)
    with pytest.raises(FileFormatError, match="expected 'minixai checkpoint 1'"):
        fit(BATCHES, path)


def test_a_place_for_no_file_is_refused_before_the_work(tmp_path: Path) -> None:
    for place in (tmp_path / "none" / "fit.safetensors", tmp_path / "fit.npz", ""):
        with pytest.raises(ValueError, match=r"expected a \.safetensors file in a folder"):
            fit(until(1), place)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="platform: there are no pipes with names")
@pytest.mark.parametrize("make", [Path.mkdir, getattr(os, "mkfifo", None)])
def test_what_is_no_file_is_refused_before_the_work(path: Path, make) -> None:
    make(path)
    with pytest.raises(OSError, match=r"fit_patterns: cannot write .*fit\.safetensors: "):
        fit(until(1), path)


def test_what_a_killed_process_left_is_cleared(path: Path) -> None:
    left = path.with_name(f".{path.name}.0123.tmp")
    other = path.with_name(".other.safetensors.0123.tmp")
    for folder in (left, other):
        folder.mkdir()
        (folder / path.name).write_bytes(b"half")
    fit(BATCHES[:2], path)
    assert not left.exists()
    assert other.exists()


def test_a_second_fit_on_the_same_file_is_refused_while_the_first_runs(path: Path, uninterrupted) -> None:
    refused = []

    def batches() -> Iterator[np.ndarray]:
        for number, batch in enumerate(BATCHES):
            if number in (1, 7):  # before anything is saved, and after
                with pytest.raises(BlockingIOError, match=r"fit_patterns: .*\.safetensors is in use"):
                    fit(BATCHES, path)
                refused.append(number)
            yield batch

    assert_same(fit(batches(), path), uninterrupted)
    assert refused == [1, 7]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


HOLD = """
import sys
from pathlib import Path
from minixai.files import locked
with locked("fit_patterns", Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_process_that_is_killed_holds_no_lock(path: Path, uninterrupted: Patterns) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(BlockingIOError, match="is in use by another"):
            fit(BATCHES, path)
        process.kill()
    assert [each.name for each in path.parent.iterdir()] == [f".{path.name}.lock"]
    assert_same(fit(BATCHES, path), uninterrupted)


def test_a_file_system_without_locks_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files, "_lock", refuse)
    with pytest.warns(RuntimeWarning, match="the file system has no locks; let no other process use"):
        fit(BATCHES[:2], path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_written_is_noticed_before_the_work(path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError, match=r"fit_patterns: cannot write .*fit\.safetensors: Permission"):
        fit(until(1), path)


def test_a_file_without_what_a_checkpoint_has_is_refused(path: Path) -> None:
    with pytest.raises(KilledError):
        fit(until(6), path)
    arrays, about = mx.data.read_sealed(path, FORMAT)
    for key in ("batches", "chain", "counts"):
        mx.data.write_sealed(path, arrays, {k: text for k, text in about.items() if k != key})
        with pytest.raises(FileFormatError, match=f"fit_patterns: .* cannot be read: it lacks '{key}'"):
            fit(BATCHES, path)
    mx.data.write_sealed(path, {}, about)
    with pytest.raises(FileFormatError, match=r"fit_patterns: .* cannot be read: .* missing 5 "):
        fit(BATCHES, path)


WORK = """
import os
import sys
from pathlib import Path
import time
from tests.test_checkpoint import BATCHES, fit
path = Path(sys.argv[1])
for line in sys.stdin:  # each asks for another process, which has imported all already
    if not (child := os.fork()):
        break
    print(child, flush=True)
    os.waitpid(child, 0)
    print("over", flush=True)
else:
    sys.exit()

def batches():
    for number, batch in enumerate(BATCHES):
        if number == 1:
            print("ready", flush=True)
        time.sleep(0.02)
        yield batch

fit(batches(), path, save_every=1).save(path.with_name("patterns.safetensors"))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_twenty_times_the_file_is_the_same(path: Path, uninterrupted: Patterns) -> None:
    """At random moments, many of them while a checkpoint is written."""
    root = Path(__file__).parents[1]
    done = path.with_name("patterns.safetensors")
    whole = path.with_name("whole.safetensors")
    uninterrupted.save(whole)
    rng, kills, resumed = random.Random(0), 0, 0
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WORK, str(path)], cwd=root, text=True, **pipes) as maker:
        while kills < 20:
            print(file=maker.stdin, flush=True)
            told = {maker.stdout.readline().strip() for _ in range(2)} - {"ready"}
            time.sleep(rng.uniform(0, 0.6))
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(told.pop()), signal.SIGKILL)
                kills += 1
            assert maker.stdout.readline() == "over\n"
            resumed += path.exists() and not done.exists()
            if done.exists():
                assert done.read_bytes() == whole.read_bytes()
                done.unlink()
                path.unlink()
    assert resumed > 0
    fit(BATCHES, path, save_every=1).save(done)
    assert done.read_bytes() == whole.read_bytes()
