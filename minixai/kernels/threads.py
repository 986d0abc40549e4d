"""One pool of threads for all kernels: compiled loops and BLAS calls that release Python's lock.

At first there is a thread for each core that this process may use: no more than its affinity and its
container's quota allow, nor than the environment variable OMP_NUM_THREADS says, which BLAS and PyTorch heed,
too. More threads than cores would only wait for each other: there are never more.

While tasks that call BLAS are at work, BLAS is held to one thread per call. Otherwise its threads and ours
would wait for each other's cores.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import itertools
import math
import os
import sys
import threading
from _thread import start_new_thread
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from minixai.settings import whole_number

__all__ = [
    "TASK_WORK",
    "even",
    "for_each",
    "for_each_run",
    "get_num_threads",
    "set_num_threads",
    "workspace",
]


TASK_WORK = 1 << 22  # multiplications of one task: fewer are done before a second thread has woken up
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "quota period" in microseconds, or "max period"


def _cores() -> int:
    """How many cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = map(int, QUOTA.read_text(encoding="ascii").split())
        cores = min(cores, -(-quota // period))
    return max(1, cores)


def _asked_for() -> int:
    """By the environment; where it says nothing that can be understood, as many as there are cores."""
    number = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(number) if number.isdecimal() and int(number) else _cores()


class _Team:
    """Threads that do jobs. An interrupt of who hands them out harms nothing: each step is one of C's.

    (It may leave the locks of `concurrent.futures`, which are Python's, taken for good.)
    """

    def __init__(self, size: int) -> None:
        self.size, self.begun, self.lock = size, 0, threading.Lock()
        self.jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()

    def do(self, job: Callable[[], object]) -> None:
        """Some day, in some thread; at exit, when no thread begins, perhaps never."""
        with self.lock, contextlib.suppress(RuntimeError):
            if self.begun < self.size:
                start_new_thread(_serve, (self.jobs,))
                self.begun += 1
        self.jobs.put(job)

    def disband(self) -> None:
        """The threads end when they have done what was handed out."""
        for _ in range(self.begun):
            self.jobs.put(None)


def _serve(jobs: SimpleQueue[Callable[[], object] | None]) -> None:
    while job := jobs.get():
        job()
        del job  # and the arrays that it holds


class _Pool:
    """A team, and the callers for whom BLAS is held to one thread."""

    def __init__(self, threads: int) -> None:
        self.team = _Team(threads)
        self.lock = threading.RLock()
        self.callers: set[object] = set()
        self.own: list[tuple[Any, int]] = []  # BLAS libraries and their own numbers of threads, while held

    def enter(self, caller: object) -> None:
        """From now on this caller is inside."""
        self.callers.add(caller)
        self._settle()

    def leave(self, caller: object) -> None:
        """From now on it is not."""
        self.callers.discard(caller)
        self._settle()

    def _settle(self) -> None:
        """Hold BLAS to one thread exactly if there are callers. Left half done, it can be done again."""
        with self.lock:
            if self.callers and not self.own:
                self.own = [(library, library.num_threads) for library in _blas().lib_controllers]
                _set_blas_threads((library, 1) for library, _ in self.own)
            elif self.own and not self.callers:
                _set_blas_threads(self.own)
                self.own = []

    def resize(self, threads: int) -> None:
        """Those who are inside keep the threads that they have."""
        former, self.team = self.team, _Team(threads)
        former.disband()


def _keep_freed_memory() -> None:
    """glibc gives freed blocks back to the system, whose pages must be cleared anew at every step.
    Here it is told to keep them, up to 2 GB, for the next step.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, musl has not
        if mallopt:
            mallopt(M_MMAP_MAX, 0)
            mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h

_keep_freed_memory()
_pool = _Pool(min(_asked_for(), _cores()))
_local = threading.local()
_controller: ThreadpoolController | None = None


def _blas() -> ThreadpoolController:
    global _controller
    if _controller is None:  # finding the libraries takes half a millisecond, so they are found once
        _controller = ThreadpoolController().select(user_api="blas")
    return _controller


def _set_blas_threads(numbers: Iterable[tuple[Any, int]]) -> None:
    for library, number in numbers:
        library.set_num_threads(number)
        # threadpoolctl 3.8 heeds only the thread that came first, but it is the last to leave that restores.
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread()


def _start_afresh_in_child() -> None:
    """A forked child has none of its parent's threads, and inherits the limit that a caller set to BLAS."""
    global _pool
    inherited, _pool = _pool, _Pool(_pool.team.size)
    inherited.callers.clear()
    inherited._settle()  # also where the last caller had left, and not yet settled


if hasattr(os, "register_at_fork"):
    os.register_at_fork(  # under the lock: BLAS is limited exactly if there are callers
        before=lambda: _pool.lock.acquire(),
        after_in_parent=lambda: _pool.lock.release(),
        after_in_child=_start_afresh_in_child,
    )


def get_num_threads() -> int:
    """The number of threads that the kernels use."""
    return _pool.team.size


def set_num_threads(threads: int) -> None:
    """Let the kernels use so many threads, at least one, at most one a core. Results do not depend on it."""
    _pool.resize(min(whole_number("set_num_threads", "threads", threads), _cores()))


def for_each(task: Callable[[int], None], count: int, blas: bool = True) -> None:
    """Run task(0) … task(count-1), in any order and side by side; the first error ends it and is raised.

    blas: whether the tasks may call BLAS. Where they do not, a single task costs no more than its call.
    """
    pool, caller = _pool, object()
    if not blas:
        return _share_out(pool.team, task, count)
    try:
        pool.enter(caller)
        _share_out(pool.team, task, count)
    finally:
        try:
            pool.leave(caller)
        except BaseException:  # an interrupt, which may come anywhere
            pool.leave(caller)
            raise


def for_each_run(task: Callable[[int, int], None], items: int, entries: int, at_once: int) -> None:
    """Run task(first, last) over all items, which have so many entries together, at_once entries a task.

    At least one item a task, whatever its size. The tasks may not call BLAS.
    """
    step = max(1, at_once * items // max(entries, 1))
    for_each(lambda k: task(k * step, min((k + 1) * step, items)), -(-items // step), blas=False)


def even(tasks: int) -> int:
    """So many tasks, or one more, which two threads share evenly; one alone stays alone."""
    return tasks + tasks % 2 if tasks > 1 else 1


def _share_out(team: _Team, task: Callable[[int], None], count: int) -> None:
    if min(team.size, count) <= 1:
        for number in range(count):
            task(number)
        return
    numbers, ended = itertools.count(), SimpleQueue[None]()
    errors: list[BaseException] = []
    places = [None] * max(0, min(team.size, count) - 1)  # for helpers; who comes when all are taken is late
    helpers = len(places)

    def work() -> None:
        try:
            while not errors and (number := next(numbers)) < count:
                task(number)
        except BaseException as error:
            errors.append(error)

    def help_out() -> None:
        try:
            places.pop()
        except IndexError:
            return
        work()
        ended.put(None)

    try:
        for _ in range(helpers):  # in the caller's context: NumPy keeps its error settings there
            team.do(partial(contextvars.copy_context().run, help_out))
        work()
        while places:
            with contextlib.suppress(IndexError):
                places.pop()
                helpers -= 1
        for _ in range(helpers):
            ended.get()
    except BaseException as error:  # an interrupt: the helpers end after their task
        errors.insert(0, error)
    if errors:
        raise errors.pop(0)


def workspace(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An uninitialised array that belongs to the calling thread, until its next call."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if getattr(_local, "buffer", None) is None or _local.buffer.size < size:
        _local.buffer = None  # or there would be room for both
        _local.buffer = np.empty(size, np.uint8)
    return _local.buffer[:size].view(dtype).reshape(shape)
