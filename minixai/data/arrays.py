"""Named arrays in files, as weights are kept: `.npz` and `.safetensors`, never pickle."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from minixai.data._reading import MAX_DEFLATE_RATIO, one_error, read_up_to
from minixai.errors import FileFormatError
from minixai.files import write_whole


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read all arrays of a `.npz` or `.safetensors` file, by name, in the file's order.

    Nothing is unpickled, and sizes are checked against the file's before memory is taken.

    Raises
    ------
    FileFormatError : a file that is truncated, damaged, holds Python objects, or is of another format.
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors}
    if path.suffix not in readers:
        raise FileFormatError(f"read_arrays: {path} ends in {path.suffix!r}, expected {' or '.join(readers)}")
    with path.open("rb") as file, one_error("read_arrays", path):
        return readers[path.suffix](file, path)


def write_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays, and strings that describe them, to a `.safetensors` file.

    The file appears whole or not at all: it is written beside `path` and then renamed. A file that was
    there is replaced.

    Raises
    ------
    ValueError : `path` does not end in `.safetensors`.
    TypeError : an array's dtype has no place in the format (objects, strings, complex128, ...).
    OSError : the folder is missing or cannot be written, or the disk is full.
    """
    from safetensors.numpy import save

    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"write_arrays: {path} ends in {path.suffix!r}, expected '.safetensors'")
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    if "__metadata__" in contiguous:
        raise ValueError("write_arrays: an array is named '__metadata__', which the format keeps for itself")
    for name, array in contiguous.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            expected = "bool, integers or floats of at most 64 bits"
            raise TypeError(f"write_arrays: {name} has dtype {array.dtype}, expected {expected}")
    data = save(contiguous, dict(metadata) if metadata else None)
    write_whole("write_arrays", path, data)


def _read_safetensors(file: IO[bytes], path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)


def _read_npz(file: IO[bytes], path: Path) -> dict[str, np.ndarray]:
    file_size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > MAX_DEFLATE_RATIO * file_size:
            raise FileFormatError(f"read_arrays: {path} has {file_size} bytes, promises {unpacked} unpacked")
        arrays = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name in arrays:
                raise FileFormatError(
                    f"read_arrays: {path} holds {member.filename!r}, expected .npy files, each name once"
                )
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise FileFormatError(f"read_arrays: {path}: {name} is neither stored nor deflated")
            with archive.open(member) as stream:
                arrays[name] = _read_npy(stream, member.file_size, f"{path}: {name}")
        return arrays


def _read_npy(stream: IO[bytes], size: int, where: str) -> np.ndarray:
    """One array, from a stream that should hold `size` bytes."""
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise FileFormatError(f"read_arrays: {where} is of .npy version {version}, expected 1.0 or 2.0")
    shape, fortran_order, dtype = read_header(stream)
    if dtype.kind not in "biufc":
        raise FileFormatError(f"read_arrays: {where} has dtype {dtype}, expected numbers")
    expected = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or stream.tell() + expected != size:
        raise FileFormatError(
            f"read_arrays: {where} has {size - stream.tell()} bytes of values, "
            f"its header, {dtype} {shape}, promises {expected}"
        )
    values = read_up_to(stream, expected + 1)  # reading on to the end makes zipfile check the CRC
    if len(values) != expected:
        raise FileFormatError(f"read_arrays: {where} has {len(values)} bytes, its header promises {expected}")
    array = np.frombuffer(values, dtype).reshape(shape, order="F" if fortran_order else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)
