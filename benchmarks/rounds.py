"""The rounds of a measurement: each side in a process of its own, in turn.

Within one process the idle threads of one side would slow the other down, and a change of the machine's
pace from one minute to the next strikes both sides. Other work on the machine falsifies the ratios, for it
slows PyTorch, whose threads wait for each other at every step, by far more than its share: so every process
waits for a quiet machine, and "busy" is what others took of it all the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.rows import SIDES, Group, Row
from benchmarks.tables import Entry
from benchmarks.worker import Job, Task

__all__ = ["measured"]

Versions = dict[str, str]

PROJECT = Path(__file__).parents[1]
QUIET = 10  # percent of the machine that others may take
PATIENCE = 50  # looks of a fifth of a second


def measured(name: str, group: Group, rounds: int, folder: str) -> Iterator[tuple[list[Entry], Versions]]:
    """The group's rows as they stand in a report, and the versions of packages, process by process.

    folder: where the workers put what they share.
    """
    for _, together in groupby(group.rows, key=attrgetter("process")):
        found = [Found(name, row) for row in together]
        versions: Versions = {}
        for _ in range(rounds):
            for side in SIDES:
                if asked := [each for each in found if side in each.row.sides]:
                    versions |= take_turn(side, group, asked, folder)
        yield [each.entry() for each in found], versions


class Found:
    """What the rounds gave for a row so far, side by side."""

    def __init__(self, group: str, row: Row) -> None:
        self.group, self.row = group, row
        self.rounds: dict[str, list[dict[str, Any]]] = {side: [] for side in row.sides}

    def entry(self) -> Entry:
        """As it stands in a report."""
        what = {name: getattr(self.row, name) for name in ("title", "at", "function", "arguments")}
        sides = {side: summary(rounds, self.row.parts) for side, rounds in self.rounds.items()}
        return {"group": self.group, **what, "sides": sides}


def take_turn(side: str, group: Group, asked: list[Found], folder: str) -> Versions:
    """One round of a side: a process that measures all these rows."""
    module, more = SIDES[side]
    job = Job(
        module=module,
        threads=asked[0].row.threads,
        warm_up=group.warm_up,
        seconds=group.seconds,
        repeat=group.repeat,
        tasks=[Task(function=f.row.function, arguments=f.row.arguments | more) for f in asked],
    )
    result = run_worker(job, folder)
    done = result.pop("tasks", [{}] * len(asked))  # none where a package is missing
    for each, of_task in zip(asked, done, strict=True):
        each.rounds[side].append(result | of_task)
    return result.get("versions", {})


def run_worker(job: Job, folder: str) -> dict[str, Any]:
    wait_for_quiet()
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(job)]
    environment = {**os.environ, "TMPDIR": folder, "TEMP": folder}
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def wait_for_quiet() -> None:
    """Until others leave the machine alone for a fifth of a second, or patience ends."""
    for _ in range(PATIENCE):
        if psutil.cpu_percent(interval=0.2) < QUIET:
            break


def summary(rounds: list[dict[str, Any]], parts: int) -> dict[str, Any]:
    """Seconds of a part of a call, round by round; the least peak, since the first round may compile."""
    if "missing" in rounds[0]:
        return rounds[0]
    return {
        "seconds": [float(f"{each['seconds'] / parts:.4g}") for each in rounds],
        "calls": sum(each["calls"] for each in rounds),
        "busy": round(median(each["busy"] for each in rounds), 3),
        "peak_bytes": min(each["peak_bytes"] for each in rounds),
        "threads": rounds[0]["threads"],
    }
