"""`python -m experiments NAME …`: measure, print the tables of experiments/README.md, and draw the pictures.

With --redraw nothing is measured: tables and pictures are made of the numbers in results/.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from docs import pictures
from experiments import (
    correction,
    degradation,
    embedding,
    grid,
    limits,
    rho,
    right_answers,
    sanity,
    tcav,
    two_objects,
)
from experiments.networks import NETWORKS
from minixai.evaluate import Bench, bench
from minixai.files import write_whole

MEASURED = {
    "rho": rho,
    "rho_limits": limits,
    "degradation": degradation,
    "tcav": tcav,
    "correction": correction,
    "sanity": sanity,
    "two_objects": two_objects,
    "embedding": embedding,
}
FOLDER = Path(__file__).parent


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m experiments", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=[*MEASURED, "grid", "bench"])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, help="some of the experiment's, not all")
    parser.add_argument("--images", nargs=2, type=int, metavar=("FIT", "TEST"), help="to fit to, to test on")
    parser.add_argument("--redraw", action="store_true", help="measure nothing")
    for option, default in (
        ("cache", FOLDER.parent / "out" / "experiments"),
        ("results", FOLDER / "results"),
        ("pictures", pictures.FOLDER),
    ):
        parser.add_argument(f"--{option}", type=Path, default=default, metavar="DIR", help=f"{default}")
    options = parser.parse_args(arguments)
    for folder in (options.cache, options.results, options.pictures):
        folder.mkdir(parents=True, exist_ok=True)
    if options.name == "grid":
        draw_grids(options)
    elif options.name == "bench":
        mark(options)
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Run an experiment network by network; what is measured stays, should it be stopped."""
    experiment, path = MEASURED[options.name], options.results / f"{options.name}.json"
    for name, images in experiment.IMAGES.items():
        if options.redraw or name not in (options.networks or experiment.IMAGES):
            continue
        start = time.monotonic()
        network = NETWORKS[name](options.cache)
        result = experiment.measure(network, *(options.images or images), options.cache)
        result["minutes"] = round((time.monotonic() - start) / 60, 1)
        results = read(path) | {name: result}
        write(path, {key: results[key] for key in experiment.IMAGES if key in results})
    results = read(path)
    print("\n\n".join(experiment.tables(results)))
    pictures.keep(experiment.draw(results).pixels(), options.pictures / f"{options.name}.jpg")


def mark(options: argparse.Namespace) -> None:
    """Run the default bench, which goes on from what is in results/."""
    path = options.results / "bench.json"
    found = Bench.load(path) if options.redraw else bench(effort="default", file=path)
    print("\n\n".join([*right_answers.tables(found), *found.remarks()]))
    pictures.keep(found.plot().pixels(), options.pictures / "bench.jpg")


def read(path: Path) -> dict[str, Any]:
    """The results by network; none where there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, results: dict[str, Any]) -> None:
    """Write a file that `read` reads."""
    write_whole("experiments", path, f"{json.dumps(results, separators=(',', ':'))}\n".encode())


def draw_grids(options: argparse.Namespace) -> None:
    """Draw what has no numbers."""
    for name, images in grid.IMAGES.items():
        if name in (options.networks or grid.IMAGES):
            fit, test = options.images or images
            picture = grid.draw(NETWORKS[name](options.cache), fit, test, options.cache)
            pictures.keep(picture.pixels(), options.pictures / f"grid_{name}.jpg")


if __name__ == "__main__":
    main()
