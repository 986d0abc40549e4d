"""Files that are written whole or not at all, and by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO
from uuid import uuid4

from minixai.errors import warn

__all__ = ["check_writable", "clear_unfinished", "locked", "write_whole"]

LONGEST = 200  # bytes of a name: file systems take 255
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)  # what file systems say that have none


def write_whole(call: str, path: Path, content: bytes | Iterable[bytes] | Callable[[Path], object]) -> None:
    """Write beside `path`, then rename: `path` holds all of the content, or what it held before.

    A file that is there keeps its mode, and its owner where the system allows it; one that is read-only is
    refused. The file is written that a symbolic link points to.

    content: the bytes, pieces of them, or what writes them to a path.
    Raises OSError, of the kind that the system gives, with the call and the path in its message.
    """
    target = Path(os.path.realpath(path))
    folder = _beside(target)
    unfinished = folder / target.name
    try:
        before = _replaceable(target)
        folder.mkdir(0o700)
        unfinished.touch()
        new = unfinished.stat()
        if callable(content):
            content(unfinished)  # it may put another file in its place
        else:
            with unfinished.open("wb") as file:
                file.writelines([content] if isinstance(content, bytes) else content)
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())  # the bytes must be on the disk before the name points to them
        _make_like(unfinished, before or new)
        unfinished.replace(target)
    except OSError as error:
        raise _cannot_write(call, path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_writable(call: str, path: Path) -> None:
    """Raise what `write_whole` would, of the kind that the system gives: better now than after the work.

    ValueError where another kind of thing than a file is there, a folder or a device.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            what = "a folder" if target.is_dir() else "no regular file"
            raise ValueError(f"{call}: {path} is {what}, expected a file")
        _replaceable(target)
        folder = _beside(target)
        folder.mkdir(0o700)
        folder.rmdir()
    except OSError as error:
        raise _cannot_write(call, path, error) from error


def clear_unfinished(path: Path) -> None:
    """Remove what `write_whole` left beside a file where its process was killed; call it under `locked`."""
    target = Path(os.path.realpath(path))
    for other in target.parent.iterdir():
        if other.name.startswith(f"{_hidden(target)}.") and other.suffix == ".tmp":
            shutil.rmtree(other, ignore_errors=True)


def _beside(target: Path) -> Path:
    """A new name in its folder."""
    return target.parent / f"{_hidden(target)}.{uuid4().hex}.tmp"


def _hidden(target: Path) -> str:
    """What names of ours beside it begin with: its own name, or a digest where that leaves no room."""
    name = os.fsencode(target.name)
    return f".{target.name}" if len(name) <= LONGEST else f".{sha256(name).hexdigest()}"


def _cannot_write(call: str, path: Path, error: OSError) -> OSError:
    return OSError(error.errno, f"{call}: cannot write {path}: {error.strerror}")


def _replaceable(target: Path) -> os.stat_result | None:
    """The state of the file that is there, if one is; OSError where it must not be replaced."""
    try:
        before = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, expected a file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "it is read-only")
    return before


def _make_like(unfinished: Path, before: os.stat_result) -> None:
    if hasattr(os, "chown"):
        for owner in ((before.st_uid, -1), (-1, before.st_gid)):
            with contextlib.suppress(OSError):
                os.chown(unfinished, *owner)
    unfinished.chmod(stat.S_IMODE(before.st_mode))


@contextlib.contextmanager
def locked(call: str, path: Path, wait: bool = False) -> Iterator[None]:
    """Keep other processes out of `locked` for the same path; one that ends, however it ends, is out.

    wait: until others are out, instead of raising BlockingIOError.
    Raises OSError where `path` cannot be written.
    """
    target = Path(os.path.realpath(path))
    lock = target.parent / f"{_hidden(target)}.lock"
    try:
        _replaceable(target)
        file = _opened_lock(lock, wait)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, f"{call}: {path} is in use by another call or process") from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise _cannot_write(call, path, error) from error
        warn(f"{call}: the file system has no locks; let no other process use {path}", RuntimeWarning)
        file = lock.open("ab")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows lets no one remove it while it is open: there it stays
            lock.unlink()
        file.close()


def _opened_lock(lock: Path, wait: bool) -> IO[bytes]:
    """The file, with the system's lock; opened anew where its holder has removed it meanwhile."""
    while True:
        file = lock.open("ab")
        try:
            _lock(file, wait)
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes], wait: bool) -> None:
        while True:
            file.seek(0)
            try:
                return msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if not wait:
                    raise BlockingIOError(errno.EAGAIN, "locked") from error
            time.sleep(0.1)

else:
    import fcntl

    def _lock(file: IO[bytes], wait: bool) -> None:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
