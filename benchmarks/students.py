"""What students start: commands and lessons, each a process of its own, from its start to its end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

LESSONS = Path(__file__).parents[1] / "lessons"
RUN_LESSON = "import build, sys; build.execute(build.convert(build.FOLDER / f'{sys.argv[1]}.py'))"
COMMANDS = {
    "compare": ("compare", "chelsea", "--save", "compare.png"),
    "demo": ("demo", "--save", "demo.png"),
    "demo page": ("demo", "--html", "demo.html"),
}


def command(name: str) -> Callable[[], None]:
    return lambda: run(["-m", "minixai", *COMMANDS[name]], tempfile.gettempdir())


def lesson(name: str) -> Callable[[], None]:
    """It is executed as for its notebook, which is not written."""
    return lambda: run(["-c", RUN_LESSON, name], LESSONS)


def run(arguments: list[str], folder: str | Path) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip()[-500:]}")
