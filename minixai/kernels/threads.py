"""One pool of threads for all kernels: compiled loops and BLAS calls that release Python's lock.

While the pool works, BLAS is held to one thread per call. Otherwise its threads and ours would
wait for each other's cores.
"""

from __future__ import annotations

import contextvars
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = ["for_each", "get_num_threads", "set_num_threads", "workspace"]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Pool:
    """The threads, and the count of callers for whom BLAS is held to one thread."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.lock = threading.Lock()
        self.executor: ThreadPoolExecutor | None = None
        self.callers = 0
        self.blas_limit: Any = None

    def __enter__(self) -> ThreadPoolExecutor:
        with self.lock:
            if self.executor is None:
                self.executor = ThreadPoolExecutor(self.threads, "minixai")
            if self.callers == 0:
                self.blas_limit = _blas().limit(limits=1, user_api="blas")
                _let_any_thread_limit_blas()
            self.callers += 1
            return self.executor

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.callers -= 1
            if self.callers == 0:
                self.blas_limit.restore_original_limits()
                _let_any_thread_limit_blas()

    def resize(self, threads: int) -> None:
        """Those who are inside keep the threads that they have."""
        with self.lock:
            self.threads, self.executor = threads, None


# glibc keeps freed memory up to twice the largest block that was ever mapped and freed, at most of 32 MB;
# the pages of what it gives back to the system must be cleared anew at every step.
np.empty(24 << 20, np.uint8)

_pool = _Pool(_cores())
_local = threading.local()
_controller: ThreadpoolController | None = None


def _blas() -> ThreadpoolController:
    global _controller
    if _controller is None:  # finding the libraries takes half a millisecond, so they are found once
        _controller = ThreadpoolController()
    return _controller


def _let_any_thread_limit_blas() -> None:
    """threadpoolctl 3.8 heeds only the thread that came first, but it is the last to leave that restores."""
    for library in _blas().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread()


def _start_afresh_in_child() -> None:
    """A forked child has none of its parent's threads, and inherits the limit that a caller set to BLAS."""
    global _pool
    inherited, _pool = _pool, _Pool(_pool.threads)
    if inherited.callers:
        inherited.blas_limit.restore_original_limits()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(  # under the lock: BLAS is limited exactly if there are callers
        before=lambda: _pool.lock.acquire(),
        after_in_parent=lambda: _pool.lock.release(),
        after_in_child=_start_afresh_in_child,
    )


def get_num_threads() -> int:
    """The number of threads that the kernels use; at first, that of the cores."""
    return _pool.threads


def set_num_threads(threads: int) -> None:
    """Let the kernels use so many threads, at least one. Results do not depend on it."""
    if threads < 1:
        raise ValueError(f"set_num_threads: threads is {threads}, expected at least 1")
    _pool.resize(threads)


def for_each(task: Callable[[int], None], count: int) -> None:
    """Run task(0) … task(count-1), in any order and side by side; the first error is raised."""
    pool = _pool
    with pool as executor:
        numbers = itertools.count()

        def work() -> None:
            while (number := next(numbers)) < count:
                task(number)

        helpers = [  # in the caller's context: NumPy keeps its error settings there
            executor.submit(contextvars.copy_context().run, work) for _ in range(min(pool.threads, count) - 1)
        ]
        try:
            work()
        finally:
            running = [helper for helper in helpers if not helper.cancel()]
            errors = [error for helper in running if (error := helper.exception())]
    if errors:
        raise errors[0]


def workspace(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An uninitialised array that belongs to the calling thread, until its next call."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if getattr(_local, "buffer", None) is None or _local.buffer.size < size:
        _local.buffer = np.empty(size, np.uint8)
    return _local.buffer[:size].view(dtype).reshape(shape)
