"""What the readers share: taking no more memory than a file can fill, and one error for a damaged file."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

from minixai.errors import FileFormatError

# Deflate codes at best 258 bytes in two bits, so no more than this comes out of one byte of a .gz or .zip.
MAX_DEFLATE_RATIO = 1032
_PIECE = 1 << 18


def open_file(call: str, path: Path) -> BufferedReader:
    """The file, open for reading; FileFormatError for a pipe, which could be waited for without end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileFormatError(f"{call}: {path} is a folder, a pipe or a device, expected a file")
    return path.open("rb")


@contextmanager
def one_error(call: str, path: Path) -> Iterator[None]:
    """Raise FileFormatError for whatever the parsers inside make of damaged bytes.

    They raise a dozen kinds (zlib.error, EOFError, BadZipFile, SyntaxError, struct.error, ...), and which
    ones changes with their version, so a list of them would never be complete.
    """
    try:
        yield
    except FileFormatError:
        raise
    except Exception as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise FileFormatError(f"{call}: {path} cannot be read: {reason}") from error


def read_up_to(stream: IO[bytes], size: int) -> bytearray:
    """At most `size` bytes, piece by piece: memory grows with what is there, not with what is promised."""
    data = bytearray()
    while len(data) < size and (piece := stream.read(min(size - len(data), _PIECE))):
        data += piece
    return data
