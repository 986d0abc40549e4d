"""`python -m benchmarks [--quick] [--json FILE]`: a table of times and memory, minixai beside PyTorch.

Every measurement is a process of its own, and the two sides take turns: within one process the
idle threads of one side would slow the other down, and a change of the machine's pace from one
minute to the next strikes both sides. Other work on the machine falsifies the ratios, for it slows
PyTorch, whose threads wait for each other at every step, by far more than its share: so every
measurement waits for a quiet machine, and "busy" is what others took of it all the same.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil

from benchmarks.machine import describe_machine
from minixai.files import write_whole

SIDES = {"ours": "minixai", "theirs": "PyTorch"}
PROJECT = Path(__file__).parent.parent


class Row(NamedTuple):
    title: str
    function: str  # in ours.py and theirs.py
    batch: int


class Effort(NamedTuple):
    rounds: int
    seconds: float  # of timed calls in a round


ROWS = [
    Row("VGG-16 forward", "vgg16_forward", 1),
    Row("VGG-16 forward", "vgg16_forward", 8),
    Row("VGG-16 guided backprop", "vgg16_guided_backprop", 1),
    Row("VGG-16 guided backprop", "vgg16_guided_backprop", 8),
    Row("VGG-16 LRP epsilon", "vgg16_lrp_epsilon", 1),
    Row("VGG-16 LRP epsilon", "vgg16_lrp_epsilon", 8),
    Row("SqueezeNet forward", "squeezenet_forward", 1),
    Row("SqueezeNet forward", "squeezenet_forward", 16),
    Row("SqueezeNet guided backprop", "squeezenet_guided_backprop", 1),
    Row("LeNet-5 training step", "lenet5_training_step", 64),
    Row("VGG-16 pattern fit", "vgg16_pattern_fit", 1),
    Row("VGG-16 pattern fit", "vgg16_pattern_fit", 4),
    Row("All-CNN-C pattern fit", "allcnn_pattern_fit", 100),
]
FULL, QUICK = Effort(rounds=5, seconds=2), Effort(rounds=1, seconds=0.5)
TABLE = "{:<27}{:>6}{:>14}{:>14}{:>8}{:>14}{:>6}{:>14}{:>14}"
HEADINGS = ["row", "batch", "minixai ms", "PyTorch ms", "ratio", "range", "busy", "minixai MB", "PyTorch MB"]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks", description="minixai beside PyTorch and captum")
    parser.add_argument("--quick", action="store_true", help="one round; the ratios are then rough")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured to a file")
    options = parser.parse_args()
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    date, machine = datetime.now(UTC).isoformat(timespec="seconds"), describe_machine()
    print(f"{date}, {machine['cores']} cores, {machine['cpu']}, {machine['system']}")
    print(TABLE.format(*HEADINGS))
    rows = []
    for row in ROWS:
        rows.append(measured(row, QUICK if options.quick else FULL))
        print(line(rows[-1]), flush=True)
    for side, name in SIDES.items():
        print(f"{name}: {setup([row[side] for row in rows])}")
    if options.json:
        report = {"date": date, "machine": machine, "rows": rows}
        write_whole("benchmarks", options.json, f"{json.dumps(report, indent=2)}\n".encode())


def measured(row: Row, effort: Effort) -> dict[str, Any]:
    """What each side gave in each round, and the ratio of their times, round by round."""
    rounds = [{side: run_worker(side, row, effort.seconds) for side in SIDES} for _ in range(effort.rounds)]
    result = row._asdict()
    result |= {side: summary([each[side] for each in rounds]) for side in SIDES}
    if all("missing" not in result[side] for side in SIDES):
        pairs = zip(*(result[side]["medians"] for side in SIDES), strict=True)
        result["ratios"] = [ours / theirs for ours, theirs in pairs]
    return result


def run_worker(side: str, row: Row, seconds: float) -> dict[str, Any]:
    wait_for_quiet()
    command = [sys.executable, "-m", "benchmarks.worker", side, row.function, str(row.batch), str(seconds)]
    output = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output)


def wait_for_quiet(seconds: int = 30) -> None:
    """Until others take less than a tenth of the machine for a second, or the seconds are over."""
    for _ in range(seconds):
        if psutil.cpu_percent(interval=1) < 10:
            break


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of every round's times; the least peak, since the first round may compile kernels."""
    if "missing" in rounds[0]:
        return rounds[0]
    return {
        "medians": [median(each["seconds"]) for each in rounds],
        "busy": median(each["busy"] for each in rounds),
        "peak_bytes": min(each["peak_bytes"] for each in rounds),
        "threads": rounds[0]["threads"],
        "versions": rounds[0]["versions"],
    }


def setup(summaries: list[dict[str, Any]]) -> str:
    """The versions of a side's packages, and how many threads they used."""
    present = [each for each in summaries if "missing" not in each]
    versions = {package: version for each in present for package, version in each["versions"].items()}
    threads = {f"{each['threads']} threads" for each in present}
    return ", ".join([*(" ".join(item) for item in versions.items()), *threads]) or "not installed"


def line(result: dict[str, Any]) -> str:
    sides = [result[side] for side in SIDES]
    times = [
        f"no {each['missing']}" if "missing" in each else f"{1e3 * median(each['medians']):.2f}"
        for each in sides
    ]
    peaks = ["" if "missing" in each else f"{each['peak_bytes'] / 1e6:.0f}" for each in sides]
    ratios = result.get("ratios")
    compared = [f"{median(ratios):.2f}", f"{min(ratios):.2f}-{max(ratios):.2f}"] if ratios else ["", ""]
    busy = f"{max(each.get('busy', 0) for each in sides):.0%}"
    return TABLE.format(result["title"], result["batch"], *times, *compared, busy, *peaks)


if __name__ == "__main__":
    main()
