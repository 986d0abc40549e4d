"""What was measured as tables: in a terminal, and in README.md."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from benchmarks.rows import BY_CAPTUM, OURS, PEER, SIDES, Group
from minixai.columns import aligned

__all__ = ["head", "markdown", "ratios", "table"]

Entry = dict[str, Any]  # a row of a report
SCALE = {"s": 1, "ms": 1e3, "µs": 1e6}


def head(report: dict[str, Any]) -> str:
    """When and on what it was measured, and what was compared."""
    machine = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    run = f"{report['date']}, commit {report['commit'] or 'unknown'}, rounds: {report['rounds']}"
    return "\n".join([run, machine, versions])


def seconds(entry: Entry, side: str) -> list[float]:
    """Of a call, in each round; [] where the side is missing."""
    return entry["sides"].get(side, {}).get("seconds", [])


def ratios(entry: Entry, side: str = OURS) -> list[float]:
    """A side's time by PyTorch's, round by round; [] where one of them is missing."""
    pairs = zip(seconds(entry, side), seconds(entry, PEER), strict=False)
    return [mine / theirs for mine, theirs in pairs]


def table(group: Group, entries: list[Entry], before: Iterable[Entry] = ()) -> str:
    """The rows of one group. before: an earlier report's, whose times of ours stand last."""
    titles = list(dict.fromkeys(entry["title"] for entry in entries))
    sides = sides_of(entries)
    earlier = {key(entry): entry for entry in before}
    headings = ["row", group.at, *(f"{side} {group.unit}" for side in sides), "busy"]
    headings += [f"/{PEER}", "range"] if PEER in sides else []
    headings += [f"{side} MB" for side in (OURS, PEER)] if group.memory else []
    headings += ["before", "/before"] if earlier else []
    lines = [headings]
    for entry in sorted(entries, key=lambda entry: titles.index(entry["title"])):
        results = [entry["sides"].get(side, {}) for side in sides]
        found = ratios(entry)
        cells = [entry["title"], place(entry), *(time(result, group.unit) for result in results)]
        cells.append(f"{max(result.get('busy', 0) for result in results):.0%}")
        if PEER in sides:
            cells += [middle(found), f"{min(found):.2f}–{max(found):.2f}" if found else ""]
        cells += [peak(entry, side) for side in (OURS, PEER)] if group.memory else []
        if earlier:
            then = earlier.get(key(entry), {"sides": {}})["sides"].get(OURS, {})
            cells.append(time(then, group.unit))
            cells.append(middle([median(seconds(entry, OURS)) / median(then["seconds"])] if then else []))
        lines.append(cells)
    return aligned(lines)


def markdown(report: dict[str, Any]) -> str:
    """The whole networks, as README.md has them."""
    entries = [entry for entry in report["rows"] if entry["group"] == "models"]
    sides = sides_of(entries)
    headings = ["", "batch", *(f"{side} ms" for side in sides), f"minixai/{PEER}"]
    lines = [[*headings, *(f"{side} MB" for side in (OURS, PEER))]]
    lines.append(["---"] * len(lines[0]))
    for entry in entries:
        captum = " (PyTorch: captum)" if entry["function"] in BY_CAPTUM else ""
        times = [time(entry["sides"].get(side, {}), "ms") for side in sides]
        peaks = [peak(entry, side) for side in (OURS, PEER)]
        lines.append([f"{entry['title']}{captum}", place(entry), *times, middle(ratios(entry)), *peaks])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def middle(found: list[float]) -> str:
    return f"{median(found):.2f}" if found else ""


def sides_of(entries: list[Entry]) -> list[str]:
    """All that one of them has, in order."""
    return [side for side in SIDES if any(side in entry["sides"] for entry in entries)]


def key(entry: Entry) -> tuple[Any, ...]:
    """What says which row it is."""
    return entry["group"], entry["title"], entry["at"]


def place(entry: Entry) -> str:
    return "" if entry["at"] is None else str(entry["at"])


def time(result: dict[str, Any], unit: str) -> str:
    """The median of the rounds, to three figures."""
    if "seconds" not in result:
        return f"no {result['missing']}" if result else ""
    value = SCALE[unit] * median(result["seconds"])
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def peak(entry: Entry, side: str) -> str:
    result = entry["sides"].get(side, {})
    return f"{result['peak_bytes'] / 1e6:.0f}" if "peak_bytes" in result else ""
