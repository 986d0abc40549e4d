"""One line for the user who waits while numba compiles the kernels for this processor."""

from __future__ import annotations

import sys
from typing import Any

from numba.core import event

__all__: list[str] = []


class _Teller(event.Listener):
    """Says once in a process that kernels are being compiled; silent where they come from numba's cache."""

    told = False

    def on_start(self, compiling: Any) -> None:
        module = compiling.data["dispatcher"].py_func.__module__
        if not self.told and module.startswith("minixai.kernels."):
            self.told = True
            print(
                "minixai: numba compiles the kernels for this processor, half a minute at the first use",
                file=sys.stderr,
            )

    def on_end(self, compiling: Any) -> None:
        """Nothing more to say."""


event.register("numba:compile", _Teller())
