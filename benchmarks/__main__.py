"""`python -m benchmarks`: tables of times and memory, minixai beside PyTorch, captum and ONNX Runtime.

All that was measured is written to a JSON file, with pictures beside it; README.md in this folder says how
to read them. Without --rows every group runs but `students`, which times what students start.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from benchmarks import machine, tables
from benchmarks.rows import Group, Row, groups
from minixai.files import write_whole

FOLDER = Path(__file__).parents[1] / "out" / "benchmarks"
ROUNDS = 5
ON_DEMAND = "students"
INSTALL = 'pip install -e ".[bench]"'
WANTED = ("torch", "captum", "onnx", "onnxruntime")

Report = dict[str, Any]


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rows", nargs="+", metavar="NAME", help="groups, or parts of rows' names; --list shows them")
    add("--rounds", type=_from_one, default=ROUNDS, metavar="N", help="of all sides in turn (%(default)s)")
    add("--quick", action="store_true", help="one round; the ratios are then rough")
    add("--threads", type=_numbers, default=_powers(), metavar="1,2,4", help="of the group `threads`")
    add("--json", type=Path, metavar="FILE", help="what to write, in place of out/benchmarks/DATE.json")
    add("--redraw", type=Path, metavar="FILE", help="measure nothing: tables and pictures of a JSON file")
    add("--before", type=Path, metavar="FILE", help="a JSON file of earlier, to compare with")
    add("--markdown", action="store_true", help="print README.md's table, too")
    add("--list", action="store_true", help="show all groups and rows, and end")
    options = parser.parse_args(arguments)
    known = groups(options.threads)
    if options.list:
        print("\n\n".join(_listed(known)))
        return
    chosen = _chosen(parser, known, options.rows)
    before = _read(parser, "--before", options.before)["rows"] if options.before else []
    if options.redraw:
        report, path = _read(parser, "--redraw", options.redraw), options.redraw
        print(tables.head(report))
        for name, group in (chosen if options.rows else known).items():
            _show(group, [entry for entry in report["rows"] if entry["group"] == name], before, path)
    else:
        path = options.json or FOLDER / f"{datetime.now():%Y-%m-%d-%H%M}.json"
        if options.json and not path.parent.is_dir():
            parser.error(f"--json: there is no folder {path.parent}")
        if importlib.util.find_spec("psutil") is None:
            parser.error(f"psutil is not installed: {INSTALL}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            report = _measure(chosen, 1 if options.quick else options.rounds, before, path)
        except (KeyboardInterrupt, CalledProcessError) as error:
            why = "interrupted" if isinstance(error, KeyboardInterrupt) else "a measurement failed"
            parser.exit(1, f"{why}: {path} has what was measured before\n")
    if options.markdown:
        print(f"\n{tables.markdown(report)}")


def _measure(chosen: dict[str, Group], rounds: int, before: list[tables.Entry], path: Path) -> Report:
    """Group by group; what is measured stays in the file, should it be stopped."""
    from benchmarks.rounds import measured

    if missing := [name for name in WANTED if importlib.util.find_spec(name) is None]:
        print(f"not installed, and so not measured: {', '.join(missing)} ({INSTALL})", file=sys.stderr)
    report: Report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "machine": machine.describe_machine(),
        "versions": {},
        "rounds": rounds,
        "rows": [],
    }
    with tempfile.TemporaryDirectory(prefix="minixai-benchmarks-") as folder:
        for name, group in chosen.items():
            found: list[tables.Entry] = []
            for entries, versions in measured(name, group, rounds, folder):
                found += entries
                report["rows"] += entries
                report["versions"] |= versions
                write_whole("benchmarks", path, _text(report).encode())
                print(f"{name}: {len(found)} of {len(group.rows)} rows", file=sys.stderr)
            _show(group, found, before, path)
    print(f"\n{tables.head(report)}\n{path}")
    return report


def _text(report: Report) -> str:
    """As JSON, a line for each row, which come last."""
    head = json.dumps({name: report[name] for name in report if name != "rows"}, indent=1)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in report["rows"])
    return f'{head[:-2]},\n "rows": [\n{rows}\n ]\n}}\n'


def _show(group: Group, entries: list[tables.Entry], before: list[tables.Entry], path: Path) -> None:
    """Print a group's table, and draw it beside the file."""
    from benchmarks.pictures import picture

    if entries:
        print(f"\n{group.about}\n{tables.table(group, entries, before)}", flush=True)
        if drawn := picture(group, entries):
            drawn.save(path.with_name(f"{path.stem}_{entries[0]['group']}.png"))


def _chosen(
    parser: argparse.ArgumentParser, known: dict[str, Group], names: list[str] | None
) -> dict[str, Group]:
    """The groups that are asked for, or those of their rows."""
    if names is None:
        return {name: group for name, group in known.items() if name != ON_DEMAND}

    def is_meant(name: str, key: str, row: Row) -> bool:
        return name == key if name in known else name.lower() in row.title.lower()

    every = [(key, row) for key, group in known.items() for row in group.rows]
    for name in names:
        if not any(is_meant(name, *each) for each in every):
            parser.error(
                f"--rows: no group or row is called {name!r}, expected {', '.join(known)}, "
                "or a part of a row's name (--list shows them)"
            )
    some = {
        key: [row for row in group.rows if any(is_meant(name, key, row) for name in names)]
        for key, group in known.items()
    }
    return {key: known[key]._replace(rows=rows) for key, rows in some.items() if rows}


def _listed(known: dict[str, Group]) -> Iterator[str]:
    for name, group in known.items():
        titles = dict.fromkeys(row.title for row in group.rows)
        demand = "; only where it is asked for" if name == ON_DEMAND else ""
        yield "\n    ".join([f"{name}: {group.about}{demand}", *titles])


def _read(parser: argparse.ArgumentParser, option: str, path: Path) -> Report:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        parser.error(f"{option}: {path} cannot be read: {error}")
    if not isinstance(report, dict) or not {"date", "machine", "versions", "rounds", "rows"} <= report.keys():
        parser.error(f"{option}: {path} was not written by --json")
    return report


def _from_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 1")
    return int(text)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({_from_one(each.strip()) for each in text.split(",")}))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r}, expected numbers from 1, such as 1,2,4") from None


def _powers() -> tuple[int, ...]:
    """1, 2, 4, … up to the cores that this process may use."""
    return tuple(2**k for k in range(machine.cores().bit_length()))


if __name__ == "__main__":
    main()
