"""A stand-in for podman: it writes down what it is asked for, and runs a container's command as a process.

Of the limits it knows that of the data of a process. Docker and podman are not there where tests run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT = """\
#!/bin/bash
here=$(dirname "$0")
printf '%s\\n' "$*" >> "$here/asked"
case "$1" in
    info) exit 0;;
    image) test -e "$here/built";;
    build) touch "$here/built";;
    rm) kill -KILL -- "-$(cat "$here/group")";;
    run)
        until [[ "$1" == localhost/* ]]; do
            [[ "$1" == data=* ]] && bytes=${1##*:}
            shift
        done
        shift 2  # the image, and python
        ulimit -d $((bytes / 1024))
        export PYTHONPATH=ROOT HOME="$here"
        set -m
        PYTHON "$@" <&0 &
        echo $! > "$here/group"
        wait $!;;
esac
"""


def podman(folder: Path) -> Path:
    """Put it into a folder; returns the file in which it writes what it was asked for."""
    script = folder / "podman"
    script.write_text(SCRIPT.replace("ROOT", str(ROOT)).replace("PYTHON", sys.executable), encoding="utf-8")
    script.chmod(0o755)
    return folder / "asked"


def path_with(folder: Path) -> str:
    """A PATH on which this podman, and the commands of this environment, come first."""
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
