"""One row of one side in a process of its own: `python -m benchmarks.worker SIDE ROW BATCH SECONDS`.

Prints what it measured as JSON, or the name of the package that is missing.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

WARM_UP = 3  # calls
LEAST = 3  # timed calls, however long they take


def measure(side: str, row: str, batch: int, seconds: float) -> dict[str, Any]:
    """Seconds of each call, and the most memory that the process ever had."""
    try:
        module = importlib.import_module(f"benchmarks.{side}")
        call = getattr(module, row)(batch)
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    times = time_calls(call, seconds)
    return {
        "seconds": times,
        "peak_bytes": peak_memory(),
        "threads": module.count_threads(),
        "versions": module.VERSIONS,
    }


def time_calls(call: Callable[[], Any], seconds: float) -> list[float]:
    for _ in range(WARM_UP):
        call()
    times: list[float] = []
    while len(times) < LEAST or sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def peak_memory() -> int:
    """The high-water mark of this process's resident memory in bytes."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    side, row, batch, seconds = sys.argv[1:]
    print(json.dumps(measure(side, row, int(batch), float(seconds))))
