"""The pool of threads: many callers, forked children, errors, and BLAS left as it was."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import platform
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl

import minixai as mx
from minixai.bootstrap import mean_interval
from minixai.kernels import compiling, threads
from minixai.signal.estimators import RandomEstimator, ridge
from tests.kernel_calls import bits, every_kernel

pytestmark = pytest.mark.usefixtures("number_of_threads", "many_cores")
CORES = threads._cores()
# Before any test, and what it starts, has changed them.
AT_FIRST = threads.get_num_threads(), threads._asked_for()
SECONDS = 60  # after which a call counts as hanging

needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods() or sys.platform == "darwin",
    reason="platform: no fork, or (macOS) system libraries that do not survive one",
)


@pytest.fixture
def two_blas_threads() -> Iterator[None]:
    if not blas_threads():
        pytest.skip("platform: threadpoolctl finds no BLAS here whose threads it can limit")
    # From a thread that ends: threadpoolctl 3.8 heeds nobody beside a living thread that has set a limit.
    limits = in_passing_thread(lambda: threadpoolctl.threadpool_limits(2, user_api="blas"))
    assert blas_threads() == {2}
    yield
    in_passing_thread(limits.restore_original_limits)


def blas_threads() -> set[int]:
    """The threads of NumPy's BLAS: scipy, say, may load another one later, which is none of ours."""
    ours = {library["filepath"] for library in threads._blas().info()}
    loaded = threadpoolctl.threadpool_info()
    return {each["num_threads"] for each in loaded if each["user_api"] == "blas" and each["filepath"] in ours}


def in_passing_thread(function: Callable[[], Any]) -> Any:
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        return executor.submit(function).result(SECONDS)


def start(function: Callable[..., Any], *args: Any) -> concurrent.futures.Future:
    """Run a function in a thread of its own, which a failed test does not wait for."""
    future: concurrent.futures.Future = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(function(*args))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def within_time(function: Callable[[], Any]) -> Any:
    """The result of a function; TimeoutError where it hangs."""
    return start(function).result(SECONDS)


class Inside:
    """A caller that stays inside for_each until it is told to leave."""

    def __init__(self) -> None:
        self.arrived, self.may_leave = threading.Event(), threading.Event()

    def __enter__(self) -> Inside:
        self.caller = start(lambda: threads.for_each(self._wait, 1))
        assert self.arrived.wait(SECONDS)
        return self

    def _wait(self, _: int) -> None:
        self.arrived.set()
        assert self.may_leave.wait(SECONDS)

    def __exit__(self, *_: object) -> None:
        self.may_leave.set()
        self.caller.result(SECONDS)


def all_bits(calls: dict[str, Callable]) -> dict[str, list[tuple]]:
    return {name: bits(call()) for name, call in calls.items()}


def in_forked_child(function: Callable[[], Any]) -> Any:
    """What a function returns in a forked child."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send(function()))
    with warnings.catch_warnings():  # from Python 3.12 on, for a fork with other threads: what is tested here
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        child.start()
    sender.close()
    try:
        assert receiver.poll(SECONDS), "the child hangs"
        return receiver.recv()
    finally:
        child.kill()
        child.join()
        receiver.close()


# The tasks of one call


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_every_task_runs_once(number: int, count: int) -> None:
    threads.set_num_threads(number)
    done: list[int] = []
    within_time(lambda: threads.for_each(done.append, count))
    assert sorted(done) == list(range(count))


@pytest.mark.parametrize("number", [1, 2, 5])
def test_as_many_threads_work_side_by_side_as_were_asked_for(number: int) -> None:
    threads.set_num_threads(number)
    assert threads.get_num_threads() == number
    meeting = threading.Barrier(number)
    within_time(lambda: threads.for_each(lambda _: meeting.wait(SECONDS), number))


def test_at_first_there_is_a_thread_for_each_core() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found, asked_for = AT_FIRST
    assert found == min(CORES, asked_for)
    assert 1 <= CORES <= (cores or 1)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1), ("max 100000", 8)],
)
def test_a_container_allows_so_many_cores_as_its_quota(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # many_cores
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
    assert threads._cores() == 8
    (tmp_path / "cpu.max").write_text(quota)
    assert threads._cores() == cores


@pytest.mark.parametrize(("value", "number"), [("3", 3), ("4,2", 4), ("", 16), ("many", 16), ("0", 16)])
def test_the_environment_says_how_many_threads_there_are(
    value: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert threads._asked_for() == number


def test_there_are_no_more_threads_than_cores() -> None:
    threads.set_num_threads(100)
    assert threads.get_num_threads() == 16


def test_a_single_task_is_done_by_its_caller() -> None:
    threads.set_num_threads(2)
    done: list[int] = []
    for count in (1, 0):
        threads.for_each(lambda _: done.append(threading.get_ident()), count, blas=False)
    assert done == [threading.get_ident()]


@pytest.mark.parametrize("number", [0, -1])
def test_there_is_at_least_one_thread(number: int) -> None:
    with pytest.raises(ValueError, match=f"set_num_threads: threads is {number}, expected at least 1"):
        threads.set_num_threads(number)


def test_the_number_of_threads_is_a_whole_one() -> None:
    with pytest.raises(TypeError, match=r"set_num_threads: threads is 2\.5, expected a whole number"):
        threads.set_num_threads(2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_task_may_call_for_each(number: int) -> None:
    threads.set_num_threads(number)
    done: list[tuple[int, int]] = []
    within_time(lambda: threads.for_each(lambda i: threads.for_each(lambda j: done.append((i, j)), 5), 5))
    assert sorted(done) == [(i, j) for i in range(5) for j in range(5)]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_error_in_a_task_is_raised_and_the_pool_works_on(number: int) -> None:
    threads.set_num_threads(number)

    def fail(i: int) -> None:
        if i == 7:
            raise ZeroDivisionError("task 7")

    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="task 7"):
            within_time(lambda: threads.for_each(fail, 20))
    test_every_task_runs_once(number, 50)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_error_ends_what_was_not_begun(number: int) -> None:
    threads.set_num_threads(number)
    done: list[int] = []
    all_there = threading.Barrier(number)

    def fail_first(i: int) -> None:
        if i < number:
            all_there.wait(SECONDS)
        if i == 0:
            raise ZeroDivisionError
        time.sleep(0.02)
        done.append(i)

    with pytest.raises(ZeroDivisionError):
        within_time(lambda: threads.for_each(fail_first, 60))
    assert len(done) <= number  # those that were under way


def test_kernels_can_be_called_at_exit() -> None:
    code = """
import atexit, numpy as np, minixai as mx
net = mx.nn.Sequential(mx.nn.Conv2d(3, 8, 3, rng=0), mx.nn.ReLU())
mx.set_num_threads(3)
x = np.ones((4, 3, 40, 40), np.float32)
atexit.register(lambda: print("at exit", np.array_equal(net.predict(x), y)))
y = net.predict(x)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS)
    assert (done.stdout, done.stderr.removeprefix(f"{compiling.LINE}\n")) == ("at exit True\n", "")


@pytest.mark.parametrize("by_the_caller", [True, False])
def test_an_error_is_raised_whichever_thread_it_happened_in(by_the_caller: bool) -> None:
    threads.set_num_threads(2)
    both, caller = threading.Barrier(2), threading.current_thread()

    def fail(_: int) -> None:
        both.wait(SECONDS)
        if (threading.current_thread() is caller) == by_the_caller:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        threads.for_each(fail, 2)


def test_tasks_run_with_the_callers_numpy_error_settings() -> None:
    threads.set_num_threads(2)
    both, seen = threading.Barrier(2), []

    def look(_: int) -> None:
        both.wait(SECONDS)
        seen.append(np.geterr())

    with np.errstate(all="ignore", divide="raise"):
        threads.for_each(look, 2)
        assert seen == [np.geterr()] * 2


def test_a_workspace_belongs_to_its_thread() -> None:
    mine = threads.workspace((2, 3), np.dtype(np.float32))
    assert (mine.shape, mine.dtype) == ((2, 3), np.float32)
    theirs = within_time(lambda: threads.workspace((2, 3), np.dtype(np.float32)))
    assert not np.shares_memory(mine, theirs)
    larger = threads.workspace((50, 50), np.dtype(np.float64))
    assert (larger.shape, larger.dtype) == ((50, 50), np.float64)


def test_one_line_says_what_takes_so_long_where_kernels_are_compiled_anew(tmp_path: Path) -> None:
    code = """
from minixai.kernels import compiling, convolution
import numpy as np
compiling.PATIENCE = 0
convolution.conv2d(*np.ones((2, 1, 1, 1, 1)), None, convolution.Geometry())
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for lines in (1, 0):  # then numba's cache has them
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.stderr == f"{compiling.LINE}\n" * lines


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="platform: another malloc than glibc's, which is told nothing"
)
def test_freed_memory_is_kept_for_the_next_step() -> None:
    code = """
import resource, numpy as np, minixai
for _ in range(2):  # the second time no page needs to be cleared anew
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.empty(64 << 20, np.uint8).fill(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS)
    assert int(done.stdout) < 16  # 32, or 16 384, if it had been given back


# BLAS


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_has_one_thread_inside_and_its_own_number_afterwards() -> None:
    seen: list[set[int]] = []
    threads.for_each(lambda _: seen.append(blas_threads()), 1)
    assert seen == [{1}]
    assert blas_threads() == {2}
    with pytest.raises(ZeroDivisionError):
        threads.for_each(lambda _: 1 // 0, 3)
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_blas_threads")
@pytest.mark.parametrize("change", [None, 3], ids=["", "set_num_threads in between"])
def test_blas_is_limited_until_the_last_caller_has_left(change: int | None) -> None:
    first, second = Inside(), Inside()
    with first:
        if change:
            threads.set_num_threads(change)
        with second:
            first.__exit__()
            assert blas_threads() == {1}
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_is_restored_by_whoever_leaves_last() -> None:
    other = Inside()
    threads.for_each(lambda _: other.__enter__(), 1)
    assert blas_threads() == {1}
    other.__exit__()
    assert blas_threads() == {2}
    with Inside():
        assert blas_threads() == {1}, "a call by one thread keeps the others from limiting BLAS"


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_is_restored_after_many_concurrent_callers() -> None:
    def call_often() -> None:
        for _ in range(200):
            threads.for_each(lambda _: None, 4)

    for caller in [start(call_often) for _ in range(6)]:
        caller.result(SECONDS)
    assert blas_threads() == {2}


def criterion() -> np.ndarray:
    net = mx.nn.Sequential(mx.nn.Linear(120, 40, rng=0), mx.nn.ReLU())
    batches = np.random.default_rng(0).standard_normal((6, 100, 120)).astype(np.float32)
    rho = mx.evaluate.quality(net, list(batches[:4]), batches[4:], units=None, progress=False, draws=20)
    return np.concatenate([*rho.units.values(), *rho.rho.values(), rho.resampled], axis=None)


def by_descent() -> np.ndarray:
    net = mx.nn.Sequential(mx.nn.Linear(120, 40, rng=0), mx.nn.ReLU())
    batches = np.random.default_rng(0).standard_normal((6, 100, 120)).astype(np.float32)
    optimiser = partial(mx.nn.Adam, lr=1e-2)
    options = {"units": None, "progress": False, "draws": 20, "optimiser": optimiser}
    return np.stack([*mx.evaluate.quality(net, list(batches[:4]), batches[4:], **options).rho.values()])


RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((3, 150, 170)).astype(np.float32), RNG.standard_normal((3, 170, 160), np.float32)
X, W = RNG.standard_normal((2000, 300)), RNG.standard_normal(30_000)

USES_OF_BLAS: dict[str, Callable[[], np.ndarray]] = {
    "matmul": lambda: mx.ops.matmul(A, B).value,
    "matmul's VJP": lambda: mx.backward((y := mx.ops.matmul(a := mx.Tensor(A), B)), y.value)[a],
    "adaptive_avg_pool2d": lambda: mx.ops.adaptive_avg_pool2d(A[None], output_size=60).value,
    "ridge": lambda: ridge(X, X[:, 0] ** 2, l2=0.1)[0],
    "RandomEstimator": lambda: RandomEstimator(W).pattern,
    "mean_interval": lambda: np.stack(mean_interval(X[:, :50], draws=300)),
    "quality": criterion,
    "quality by descent": by_descent,
}


@pytest.mark.parametrize("name", USES_OF_BLAS)
def test_results_have_the_same_bits_with_any_number_of_blas_threads(name: str) -> None:
    if not blas_threads():
        pytest.skip("platform: threadpoolctl finds no BLAS here whose threads it can limit")
    results = []
    for number in (1, 2, 4):
        limits = in_passing_thread(partial(threadpoolctl.threadpool_limits, number, user_api="blas"))
        try:
            results.append(bits(USES_OF_BLAS[name]()))
        finally:
            in_passing_thread(limits.restore_original_limits)
    assert results == [results[0]] * 3


# Kernels from several threads and processes


@pytest.mark.parametrize("number", [1, 2, 3])
def test_threads_that_call_every_kernel_at_once_get_the_serial_bits(number: int) -> None:
    calls = every_kernel(np.float32, images=8, size=40)
    expected = all_bits(calls)
    threads.set_num_threads(number)
    together = threading.Barrier(4)

    def call_all(first: int) -> list[str]:
        together.wait(SECONDS)
        names = [*calls][first:] + [*calls][:first]  # each caller begins elsewhere
        return [name for _ in range(3) for name in names if bits(calls[name]()) != expected[name]]

    for caller in [start(call_all, first) for first in (0, 5, 10, 15)]:
        assert caller.result(SECONDS) == []


@needs_fork
def test_a_forked_child_can_call_every_kernel() -> None:
    threads.set_num_threads(2)
    calls = every_kernel(np.float32, images=8, size=40)
    expected = all_bits(calls)
    assert in_forked_child(lambda: all_bits(calls)) == expected
    assert in_forked_child(threads.get_num_threads) == 2
    assert within_time(lambda: all_bits(calls)) == expected


@needs_fork
@pytest.mark.usefixtures("two_blas_threads")
def test_a_child_forked_while_a_thread_is_inside_for_each_can_call_every_kernel() -> None:
    calls = every_kernel(np.float32)
    expected = all_bits(calls)
    with Inside():
        assert in_forked_child(lambda: all_bits(calls)) == expected
        assert in_forked_child(blas_threads) == {2}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


@needs_fork
@pytest.mark.usefixtures("two_blas_threads")
def test_a_child_forked_after_the_last_caller_left_and_before_blas_is_free_frees_it() -> None:
    caller = object()
    threads._pool.enter(caller)
    threads._pool.callers.discard(caller)  # as `leave` does first
    assert blas_threads() == {1}
    assert in_forked_child(blas_threads) == {2}
    threads._pool.leave(caller)
    assert blas_threads() == {2}


@needs_fork
@pytest.mark.usefixtures("two_blas_threads")
def test_children_forked_while_threads_call_kernels_can_call_them_too() -> None:
    calls = every_kernel(np.float32, images=4, size=20)
    expected, stop = all_bits(calls), threading.Event()

    def call_until_stopped() -> None:
        while not stop.is_set():
            assert all_bits(calls) == expected

    callers = [start(call_until_stopped) for _ in range(2)]
    try:
        for _ in range(10):
            time.sleep(0.003)  # somewhere else in the kernels every time
            assert in_forked_child(lambda: (all_bits(calls), blas_threads())) == (expected, {2})
    finally:
        stop.set()
    for caller in callers:
        caller.result(SECONDS)
    assert blas_threads() == {2}
