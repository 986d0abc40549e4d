"""Running a submission: within the container a notebook comes in on stdin, and goes out, run, on stdout."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import DeadKernelError
from nbgrader.preprocessors import Execute
from traitlets import Integer

from minixai.course.layout import masters, notebook_of

__all__ = ["RunWhole", "main"]

WARM = Path("/home/student/.cache")  # what the image comes with; its file system is read-only


class RunWhole(Execute):
    """nbgrader's Execute, except that cells which could not be run, as the kernel had ended, get an error.

    nbgrader would give full marks to a test without output, had it not given up the notebook.
    """

    iopub_timeout = Integer(60, help="seconds for what was printed to arrive").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Run the cells of the notebook in place."""
        self._ended = set[int]()
        with suppress(DeadKernelError):
            super().preprocess(nb, resources)
        for k, cell in enumerate(nb.cells):
            if cell.cell_type == "code" and cell.source.strip() and k not in self._ended:
                said = "the kernel ended before this cell did"
                cell.outputs.append(
                    nbformat.v4.new_output("error", ename="NotRun", evalue=said, traceback=[said])
                )
        return nb, resources

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:
        """Run a cell, and remember that it came to its end."""
        ran = super().preprocess_cell(cell, resources, index)
        self._ended.add(index)
        return ran


def main(argv: Sequence[str] | None = None) -> int:
    """Run the notebook on stdin; with --warm, run all masters, which leaves compiled kernels in WARM."""
    parser = argparse.ArgumentParser(prog="python -m minixai.course.inside", description=__doc__)
    parser.add_argument("--warm", action="store_true")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell")
    args = parser.parse_args(argv)
    if args.warm:
        for master in masters().values():
            RunWhole(timeout=args.timeout).preprocess(notebook_of(master, 0), {})
        return 0
    if WARM.is_dir():
        shutil.copytree(WARM, Path.home() / ".cache", dirs_exist_ok=True)
    notebook = nbformat.reads(sys.stdin.buffer.read().decode(), as_version=4)
    with os.fdopen(os.dup(1), "wb") as answer:  # which the kernel does not inherit
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(nowhere, stream)
        RunWhole(timeout=args.timeout).preprocess(notebook, {})
        answer.write(nbformat.writes(notebook).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
