"""Named arrays in files, as weights are kept: `.npz` and `.safetensors`, never pickle."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import numpy as np

from minixai.data._reading import MAX_DEFLATE_RATIO, one_error, open_file, read_up_to
from minixai.data.safetensors import stored_arrays, writer
from minixai.data.stored import Source, StoredArray
from minixai.errors import FileFormatError, came
from minixai.files import write_whole

_LONGEST_HEADER = 1 << 14  # bytes of a .npy; NumPy refuses those of more than 10 000


@contextmanager
def open_arrays(path: str | os.PathLike[str]) -> Iterator[dict[str, StoredArray]]:
    """The arrays of a `.npz` or `.safetensors` file by name, in the file's order.

    Names, shapes and dtypes are read; the values of an array not before `np.asarray` asks for them, within
    the `with` block. Raises as `read_arrays` does.
    """
    path = Path(path)
    readers = {".npz": _npz_arrays, ".safetensors": _safetensors_arrays}
    if path.suffix not in readers:
        raise FileFormatError(f"read_arrays: {path} ends in {path.suffix!r}, expected {' or '.join(readers)}")
    with open_file("read_arrays", path) as file:
        with one_error("read_arrays", path):
            arrays = readers[path.suffix](file, Source("read_arrays", path))
        yield arrays


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read all arrays of a `.npz` or `.safetensors` file, by name, in the file's order.

    Nothing is unpickled, and sizes are checked against the file's before memory is taken. BF16, which
    NumPy lacks, becomes float32.

    Raises
    ------
    FileFormatError : a file that is truncated, damaged, holds Python objects, or is of another format; a
        dtype that NumPy lacks, such as those of 8 bits.
    """
    with open_arrays(path) as arrays:
        return {name: np.asarray(array) for name, array in arrays.items()}


def write_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays, and strings that describe them, to a `.safetensors` file.

    The file appears whole or not at all: it is written beside `path` and then renamed. A file that was
    there is replaced.

    Raises
    ------
    ValueError : `path` does not end in `.safetensors`.
    TypeError : an array's dtype has no place in the format (objects, strings, complex128, ...); a name or
        metadata that are no strings.
    OSError : the folder is missing or cannot be written, or the disk is full.
    """
    write_safetensors("write_arrays", Path(path), arrays, metadata)


def write_safetensors(
    call: str, path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None
) -> None:
    """What `write_arrays` does, under the name of any call."""
    if path.suffix != ".safetensors":
        raise ValueError(f"{call}: {path} ends in {path.suffix!r}, expected '.safetensors'")
    for name, given in (("arrays", arrays), ("metadata", {} if metadata is None else metadata)):
        if not isinstance(given, Mapping):
            raise TypeError(f"{call}: {name} is {came(given)}, expected {{name: …}}")
    values = {name: np.asarray(array) for name, array in arrays.items()}
    write_whole(call, path, writer(call, values, metadata))


def _safetensors_arrays(file: BufferedReader, source: Source) -> dict[str, StoredArray]:
    return stored_arrays(source)[0]


def _npz_arrays(file: BufferedReader, source: Source) -> dict[str, StoredArray]:
    file_size = os.fstat(file.fileno()).st_size
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_DEFLATE_RATIO * file_size:
        raise FileFormatError(f"{source} has {file_size} bytes, promises {unpacked} unpacked")
    arrays: dict[str, StoredArray] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name == member.filename or name in arrays:
            raise FileFormatError(f"{source} holds {member.filename!r}, expected .npy files, each name once")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileFormatError(f"{source}: {name} is neither stored nor deflated")
        arrays[name] = _npy_array(archive, member, source, name)
    return arrays


def _npy_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: Source, name: str) -> StoredArray:
    """What the header of one array says, if it fits the size of the member."""
    where = f"{source}: {name}"
    with archive.open(member) as stream:
        start = io.BytesIO(stream.read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(start)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise FileFormatError(f"{where} is of .npy version {version}, expected 1.0 or 2.0")
    shape, fortran_order, dtype = read_header(start)
    if dtype.kind not in "biufc":
        raise FileFormatError(f"{where} has dtype {dtype}, expected numbers")
    size, expected = member.file_size - start.tell(), math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size != expected:
        raise FileFormatError(
            f"{where} has {size} bytes of values, its header, {dtype} {shape}, promises {expected}"
        )

    def read() -> np.ndarray:
        with archive.open(member) as stream:
            stream.read(start.tell())
            values = read_up_to(stream, size + 1)  # reading on to the end makes zipfile check the CRC
        if len(values) != size:
            raise FileFormatError(f"{where} has {len(values)} bytes, its header promises {size}")
        array = np.frombuffer(values, dtype).reshape(shape, order="F" if fortran_order else "C")
        return array.astype(dtype.newbyteorder("="), copy=False)

    return StoredArray(source, shape, dtype.newbyteorder("="), read)
