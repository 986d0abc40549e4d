"""Writing files whole, and whether they can be written."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

__all__ = ["check_writable", "write_whole"]


def write_whole(call: str, path: Path, content: bytes | Callable[[Path], object]) -> None:
    """Write beside `path`, then rename: `path` holds all of the content, or what it held before.

    content: the bytes, or a function that writes them to a file of a given name.
    Raises OSError, of the kind that the system gives, with the call and the path in its message.
    """
    unfinished = _unfinished(path)
    try:
        with unfinished.open("xb") as file:
            if isinstance(content, bytes):
                file.write(content)
        if not isinstance(content, bytes):
            mode = unfinished.stat().st_mode
            content(unfinished)
            unfinished.chmod(mode)  # which the function may have changed
        with unfinished.open("r+b") as file:
            os.fsync(file.fileno())  # the bytes must be on the disk before the name points to them
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"{call}: cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def check_writable(call: str, path: Path) -> None:
    """Raise what `write_whole` would, of the kind that the system gives: better now than after the work.

    ValueError where another kind of thing than a file is there, a folder or a device.
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            what = "a folder" if path.is_dir() else "no regular file"
            raise ValueError(f"{call}: {path} is {what}, expected a file")
        unfinished = _unfinished(path)
        try:
            unfinished.open("xb").close()
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"{call}: cannot write {path}: {error.strerror}") from error


def _unfinished(path: Path) -> Path:
    """A new name beside the path."""
    return path.with_name(f".{path.name}.{uuid4().hex}.tmp")
