"""Writing files whole."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from uuid import uuid4

__all__ = ["write_whole"]


def write_whole(call: str, path: Path, content: bytes) -> None:
    """Write beside `path`, then rename: `path` holds all of the content, or what it held before.

    Raises OSError, of the kind that the system gives, with the call and the path in its message.
    """
    unfinished = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # the bytes must be on the disk before the name points to them
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"{call}: cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
