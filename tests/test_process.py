"""The process stays as it was, after an interrupt too: settings of matplotlib and warnings, BLAS, files."""

from __future__ import annotations

import signal
import sys
import timeit
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import matplotlib
import numpy as np
import pytest
import threadpoolctl
from cycler import cycler
from PIL import Image

import minixai as mx
from minixai import context, nn
from minixai.data import photo
from minixai.kernels import threads
from minixai.plot import Picture
from tests.every_picture import every_picture

HOSTILE = {
    "axes.facecolor": "yellow",
    "axes.formatter.limits": [0, 1],
    "axes.grid": True,
    "axes.linewidth": 5,
    "axes.prop_cycle": cycler(color=["pink"]),
    "axes.titlelocation": "right",
    "axes.unicode_minus": False,
    "axes.xmargin": 0.4,
    "figure.autolayout": True,
    "figure.dpi": 33,
    "figure.facecolor": "black",
    "figure.subplot.left": 0.4,
    "font.family": "monospace",
    "hatch.linewidth": 7,
    "image.aspect": "auto",
    "image.cmap": "jet",
    "image.interpolation": "bicubic",
    "image.origin": "lower",
    "legend.fontsize": 30,
    "lines.linewidth": 9,
    "lines.marker": "x",
    "mathtext.fontset": "cm",
    "patch.edgecolor": "red",
    "savefig.bbox": "tight",
    "savefig.dpi": 30,
    "savefig.facecolor": "red",
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "text.color": "red",
    "text.usetex": True,
    "xtick.direction": "in",
    "xtick.labelsize": 3,
}


def rc_params() -> dict[str, Any]:
    """As they are, without choosing a backend."""
    return dict(dict.items(matplotlib.rcParams))


@pytest.fixture(scope="module")
def pictures() -> dict[str, Callable[[], Picture]]:
    return every_picture()


def test_a_users_settings_of_matplotlib_change_nothing(pictures) -> None:
    def drawn() -> dict[str, tuple[bytes, bytes]]:
        made = {name: draw() for name, draw in pictures.items()}
        return {name: (each.pixels().tobytes(), each._rendered(".svg")) for name, each in made.items()}

    expected = drawn()
    with matplotlib.rc_context(HOSTILE):
        before = rc_params()
        got = drawn()
        assert rc_params() == before
    assert [name for name in pictures if got[name] != expected[name]] == []


def test_pictures_drawn_in_threads_leave_the_settings(pictures) -> None:
    before = rc_params()
    expected = pictures["maps"]().pixels(), pictures["waterfall"]().pixels()
    with ThreadPoolExecutor(8) as executor:
        for drawn in executor.map(
            lambda k: [pictures["maps"], pictures["waterfall"]][k % 2]().pixels(), range(16)
        ):
            assert any(np.array_equal(drawn, each) for each in expected)
    assert rc_params() == before


def test_photos_read_in_threads_leave_the_filters(tmp_path) -> None:
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "a.png")
    before, interval = list(warnings.filters), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as executor:
            list(executor.map(photo, [tmp_path / "a.png"] * 400))
    finally:
        sys.setswitchinterval(interval)
    assert warnings.filters == before


# An interrupt at a random moment


@pytest.fixture
def two_blas_threads() -> Iterator[None]:
    with ThreadPoolExecutor(1) as passing:  # threadpoolctl 3.8 heeds nobody beside a living thread
        limits = passing.submit(threadpoolctl.threadpool_limits, 2, "blas").result()
    yield
    with ThreadPoolExecutor(1) as passing:
        passing.submit(limits.restore_original_limits).result()


@pytest.fixture
def interrupts(monkeypatch) -> Iterator[Callable[[Callable[[], Any], float], bool]]:
    """(call, seconds) -> whether the call was interrupted after so many seconds."""

    came: list[bool] = []

    def interrupt(*_: Any) -> None:
        came.append(True)
        raise KeyboardInterrupt

    def interrupted(call: Callable[[], Any], seconds: float) -> bool:
        came.clear()
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            call()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except (KeyboardInterrupt, TypeError, ValueError):  # matplotlib's C code makes one of its own of it
            if not came:
                raise
            return True
        return False

    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # what ends within a finaliser is swallowed
    handler = signal.signal(signal.SIGALRM, interrupt)
    yield interrupted
    signal.signal(signal.SIGALRM, handler)


def state(model: nn.Module, folder: Any) -> Any:
    """What an interrupt must leave as it was."""
    return (
        [library.num_threads for library in threads._blas().lib_controllers],
        [variable.get() for variable in context.VARIABLES.values()],
        [module.training for _, module in model.named_modules()],
        list(warnings.filters),
        rc_params(),
        sorted(folder.iterdir()),
    )


def network() -> nn.Module:
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, rng=rng),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5, rng=0),
        nn.Linear(8 * 64, 10, rng=rng),
    )


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="platform: no timer that interrupts")
@pytest.mark.usefixtures("two_blas_threads", "number_of_threads")
@pytest.mark.parametrize(("name", "draws"), [("predict", 1000), ("method", 600), ("fit", 350), ("plot", 50)])
def test_an_interrupt_leaves_all_as_it_was(interrupts, pictures, tmp_path, name, draws) -> None:
    threads.set_num_threads(2)
    model = network()
    x = np.random.default_rng(1).standard_normal((4, 3, 8, 8)).astype(np.float32)
    file = tmp_path / "tape.png"
    calls: dict[str, Callable[[], Any]] = {
        "predict": lambda: model.predict(x).tobytes(),
        "method": lambda: mx.methods.guided_backprop(model, x).map.tobytes(),
        "fit": lambda: nn.fit(network(), x, np.arange(4), epochs=2, batch_size=2, progress=False),
        "plot": lambda: (pictures["tape"]().save(file), file.read_bytes())[1],
    }
    call = calls[name]
    expected, seconds = call(), min(timeit.repeat(call, number=1, repeat=5))
    before, rng, hits = state(model, tmp_path), np.random.default_rng(0), 0
    while hits < draws:
        hits += interrupts(call, rng.uniform(1e-5, 1.1 * seconds))
        assert state(model, tmp_path) == before
        assert call() == expected
