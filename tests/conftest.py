"""What the tests share: the folder of data, the peers, and a run in which nothing may be skipped."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

PEERS = ("torch", "captum", "h5py", "mne")

settings.register_profile("minixai", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("minixai")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder that MINIXAI_DATA names; without it, the tests that need it are skipped."""
    folder = os.environ.get("MINIXAI_DATA")
    if not folder:
        pytest.skip("MINIXAI_DATA does not name the folder with MNIST, SqueezeNet and the reference outputs")
    path = Path(folder).resolve()
    if not path.is_dir():
        pytest.fail(f"MINIXAI_DATA names {path}, which is no folder")
    return path


@pytest.fixture
def number_of_threads() -> Iterator[None]:
    """What a test makes of the number of threads is undone."""
    from minixai.kernels import threads

    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this machine had more cores than any test asks threads for."""
    from minixai.kernels import threads

    monkeypatch.setattr(threads, "_cores", lambda: 16)


@pytest.fixture
def one_thread(number_of_threads: None) -> None:
    """Helpers that were called off keep arrays until a thread has seen to them: noise in what is measured."""
    from minixai.kernels import threads

    threads.set_num_threads(1)


@pytest.fixture(scope="module")
def squeezenets(data_dir: Path) -> tuple[Any, Any]:
    """Ours and PyTorch's with the authors' weights, in float64.

    In float32 rounding decides here and there which unit is above 0.
    """
    import minixai as mx
    from benchmarks import torch_models
    from tests.networks import float64
    from tests.peers.networks import as_tensors

    ours = float64(mx.models.squeezenet1_0(weights=data_dir / "squeezenet" / "compressed_SqueezeNet.net"))
    theirs = torch_models.SqueezeNet().eval().double()
    theirs.load_state_dict(as_tensors(ours.state_dict()))
    return ours, theirs


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the tests marked `peers` where a peer is missing, before a fixture imports it."""
    if item.get_closest_marker("peers"):
        missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
        if missing:
            pytest.skip(f"{', '.join(missing)} not installed (pip install -e '.[peers]')")


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """With MINIXAI_NO_SKIP=1 a skip is a failure, unless its reason begins with `platform:`."""
    if os.environ.get("MINIXAI_NO_SKIP") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith("platform:"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which MINIXAI_NO_SKIP=1 forbids: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at each test's report."""
    report = yield
    fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at each module's report, too: pytest.importorskip skips a whole module."""
    report = yield
    fail_if_skipped(report)
    return report
