"""The IDX format of MNIST: a magic number, the sizes, then the values, all big endian."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path
from typing import IO, cast

import numpy as np

from minixai.data._reading import MAX_DEFLATE_RATIO, one_error, open_file, read_up_to
from minixai.errors import FileFormatError

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an IDX file, plain or gzipped.

    Returns
    -------
    array of the shape and dtype (uint8, int8, int16, int32, float32 or float64) that the header names,
    in the machine's byte order.

    Raises
    ------
    FileFormatError : a file that is truncated, too long, damaged, or no IDX file. A header that promises
        more than the file can hold is refused before any memory is taken.
    """
    path = Path(path)
    with open_file("read_idx", path) as file, one_error("read_idx", path):
        file_size = os.fstat(file.fileno()).st_size
        gzipped = file.peek(2)[:2] == b"\x1f\x8b"
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if gzipped else file
        dtype, shape = _read_header(stream, path)
        size = math.prod(shape) * dtype.itemsize
        promise = f"its header, {dtype.name} {shape}, promises {size}"
        if gzipped and size > MAX_DEFLATE_RATIO * file_size:
            raise FileFormatError(f"read_idx: {path} has {file_size} bytes gzipped, {promise} unpacked")
        if not gzipped and file_size != file.tell() + size:
            raise FileFormatError(
                f"read_idx: {path} has {file_size - file.tell()} bytes of values, {promise}"
            )
        values = read_up_to(stream, size + 1)  # one more, to see that the file ends there
        if len(values) != size:
            came = f"more than {size}" if len(values) > size else str(len(values))
            raise FileFormatError(f"read_idx: {path} has {came} bytes of values, {promise}")
        return np.frombuffer(values, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _read_header(stream: IO[bytes], path: Path) -> tuple[np.dtype, tuple[int, ...]]:
    """The values' dtype and shape."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        expected = "00 00, then 08, 09, 0b, 0c, 0d or 0e, then the number of axes"
        raise FileFormatError(f"read_idx: {path} starts with {magic.hex(' ')!r}, an IDX file with {expected}")
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise FileFormatError(f"read_idx: {path} ends within the sizes of its {magic[3]} axes")
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    if 0 in shape:
        raise FileFormatError(f"read_idx: {path} has the shape {shape}, expected no empty axis")
    return np.dtype(_DTYPES[magic[2]]), shape
