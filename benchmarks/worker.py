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

import psutil

WARM_UP = 3  # calls
LEAST = 3  # timed calls, however long they take


def measure(side: str, row: str, batch: int, seconds: float) -> dict[str, Any]:
    """Seconds of each call, the share of all cores that others took, the most memory that the process had."""
    try:
        module = importlib.import_module(f"benchmarks.{side}")
        call = getattr(module, row)(batch)
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    for _ in range(WARM_UP):
        call()
    before = busy_time() - time.process_time()
    times = time_calls(call, seconds)
    by_others = busy_time() - time.process_time() - before
    return {
        "seconds": times,
        "busy": by_others / sum(times) / psutil.cpu_count(),
        "peak_bytes": peak_memory(),
        "threads": module.count_threads(),
        "versions": module.VERSIONS,
    }


def time_calls(call: Callable[[], Any], seconds: float) -> list[float]:
    times: list[float] = []
    while len(times) < LEAST or sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def busy_time() -> float:
    """The seconds that all cores together have worked since the machine was started."""
    times = psutil.cpu_times()
    return times.user + times.system + getattr(times, "nice", 0.0)


def peak_memory() -> int:
    """The high-water mark of this process's resident memory in bytes."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    side, row, batch, seconds = sys.argv[1:]
    print(json.dumps(measure(side, row, int(batch), float(seconds))))
