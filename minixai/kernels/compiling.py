"""numba's `njit`, with a cache that never stops a kernel, and one line for the user who waits for it."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable
from typing import Any

import numba
from numba.core import event
from numba.core.caching import FunctionCache

from minixai.errors import warn

__all__ = ["LINE", "njit"]

LINE = "minixai: numba compiles the kernels for this processor and keeps them: half a minute, once"
PATIENCE = 2.0  # seconds of compiling in this process that need no explanation


class _Cache(FunctionCache):
    """What is compiled, in files: where they are damaged they are made anew, where none can be, none are."""

    def load_overload(self, sig, target_context):
        """The compiled code, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever unpickling makes of a file that is cut or altered
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig, data):
        """Keep the compiled code for the next process."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _uncached(error)


@functools.cache
def _say_once(message: str) -> None:
    warn(message, RuntimeWarning)


def _uncached(error: Exception) -> None:
    reason = error.strerror if isinstance(error, OSError) else "no folder is writable"
    _say_once(
        f"kernels: compiled code cannot be kept ({reason}), so each process compiles anew: "
        "name a folder for it in the environment variable NUMBA_CACHE_DIR"
    )


def njit(*, cache: bool, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function at its first call; a warning, given once, says where nothing can be cached."""

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        if cache and dispatcher is not function:  # which it is with NUMBA_DISABLE_JIT=1
            try:
                dispatcher._cache = _Cache(function)
            except RuntimeError as error:  # numba found no folder
                _uncached(error)
        return dispatcher

    return compiled


class _Teller(event.Listener):
    """Says so once in a process; nothing where the kernels come from numba's cache."""

    def __init__(self) -> None:
        self.under_way, self.began, self.spent, self.told = 0, 0.0, 0.0, False

    def on_start(self, compiling: Any) -> None:
        if not compiling.data["dispatcher"].py_func.__module__.startswith("minixai.kernels."):
            return
        now = time.monotonic()
        if not self.under_way:
            self.began = now
        self.under_way += 1  # what a kernel calls is compiled while it is
        if not self.told and self.spent + now - self.began > PATIENCE:
            self.told = True
            print(LINE, file=sys.stderr)

    def on_end(self, compiling: Any) -> None:
        if compiling.data["dispatcher"].py_func.__module__.startswith("minixai.kernels."):
            self.under_way -= 1
            if not self.under_way:
                self.spent += time.monotonic() - self.began


event.register("numba:compile", _Teller())
