"""One line for the user who waits while numba compiles the kernels for this processor."""

from __future__ import annotations

import sys
import time
from typing import Any

from numba.core import event

__all__ = ["LINE"]

LINE = "minixai: numba compiles the kernels for this processor and keeps them: half a minute, once"
PATIENCE = 2.0  # seconds of compiling in this process that need no explanation


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
