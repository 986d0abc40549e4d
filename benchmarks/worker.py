"""Some rows of one side in a process of its own: `python -m benchmarks.worker JOB`, both ways in JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, TypedDict

import psutil


class Task(TypedDict):
    function: str
    arguments: dict[str, Any]


class Job(TypedDict):
    module: str  # of this package
    threads: int | None  # None: as many as it takes by itself
    warm_up: int
    seconds: float
    repeat: int
    tasks: list[Task]


def measure(job: Job) -> dict[str, Any]:
    """What each task took, and the share of all cores that others took; or the package that is missing."""
    try:
        module = importlib.import_module(f"benchmarks.{job['module']}")
        if job["threads"]:
            module.set_threads(job["threads"])
        start, before = time.perf_counter(), busy_time() - own_time()
        done = [measure_one(module, task, job) for task in job["tasks"]]
        by_others = busy_time() - own_time() - before
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    busy = by_others / (time.perf_counter() - start) / psutil.cpu_count()
    how = {"busy": max(busy, 0), "threads": module.count_threads(), "versions": module.VERSIONS}
    return {"tasks": done, **how}


def measure_one(module: Any, task: Task, job: Job) -> dict[str, Any]:
    """Seconds of a call, and the most memory that the process has had."""
    call = getattr(module, task["function"])(**task["arguments"])
    warm_up(call, job["warm_up"], job["seconds"])
    times = time_calls(call, job["repeat"], job["seconds"])
    return {
        "seconds": median(times) / job["repeat"],
        "calls": len(times) * job["repeat"],
        "peak_bytes": peak_memory(),
    }


def warm_up(call: Callable[[], Any], most: int, seconds: float) -> None:
    """Two calls, which may compile and find their memory, and more while there is time."""
    end = time.perf_counter() + seconds
    for number in range(most):
        if number < 2 or time.perf_counter() < end:
            call()


def time_calls(call: Callable[[], Any], repeat: int, seconds: float) -> list[float]:
    times: list[float] = []
    while not times or sum(times) < seconds:
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        times.append(time.perf_counter() - start)
    return times


def busy_time() -> float:
    """The seconds that all cores together have worked since the machine was started."""
    times = psutil.cpu_times()
    return times.user + times.system + getattr(times, "nice", 0.0)


def own_time() -> float:
    """The seconds that cores have worked for this process and its children."""
    return sum(os.times()[:4])


def peak_memory() -> int:
    """The high-water mark of this process's resident memory in bytes."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
