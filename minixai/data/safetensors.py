"""The safetensors format: a header of JSON, which says what stands where, then the values of the arrays."""

from __future__ import annotations

import itertools
import json
import math
import os
import struct
from collections.abc import Iterator, Mapping
from functools import partial
from io import BufferedReader
from typing import Any

import numpy as np

from minixai.data.stored import Source, StoredArray
from minixai.errors import FileFormatError

__all__ = ["pieces", "stored_arrays"]

DTYPES = {
    "BOOL": np.dtype("?"),
    **{f"{kind.upper()}{8 * size}": np.dtype(f"<{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}
BFLOAT16 = "BF16"  # the upper half of a float32
LONGEST_HEADER = 100_000_000  # bytes, by the format's definition
ALIGNMENT = 8  # bytes


def stored_arrays(file: BufferedReader, source: Source) -> tuple[dict[str, StoredArray], dict[str, str]]:
    """The arrays of a file by name, once all of its header is found to be right, and the strings about them.

    BF16 is read as float32.
    """
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(LONGEST_HEADER, size - 8):
        raise FileFormatError(f"{source} cannot be read: of its {size} bytes the header should have {length}")
    header = json.loads(file.read(length), object_pairs_hook=partial(_each_once, source))
    if not isinstance(header, dict):
        raise FileFormatError(f"{source} has a header of another kind")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise FileFormatError(f"{source} has a __metadata__ that is no dict of strings")
    places, arrays = [], {}
    for name, entry in header.items():
        code, shape, begin, end = _entry(entry, f"{source}: {name}")
        places.append((begin, end))
        read = partial(_read, file, 8 + length + begin, code, shape)
        arrays[name] = StoredArray(source, shape, _dtype(code), read)
    last = 0
    for begin, end in sorted(places):
        if begin != last:
            raise FileFormatError(f"{source}: there are gaps or overlaps between the values of its arrays")
        last = end
    if 8 + length + last != size:
        raise FileFormatError(f"{source} has {size} bytes, its header promises {8 + length + last}")
    return arrays, metadata


def _each_once(source: Source, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise FileFormatError(f"{source} has a name twice in its header")
    return found


def _entry(entry: Any, where: str) -> tuple[str, tuple[int, ...], int, int]:
    """Code of the dtype, shape, and where the values begin and end."""
    code, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    if code != BFLOAT16 and code not in DTYPES:
        raise FileFormatError(
            f"{where} is of {code}, expected one of {', '.join(DTYPES)}, {BFLOAT16}: "
            "save it anew as one of these, such as float32"
        )
    if any(type(number) is not int or number < 0 for number in (*shape, begin, end)):
        raise FileFormatError(f"{where} has shape {shape} and offsets {begin}, {end}: no sizes")
    size = 2 if code == BFLOAT16 else DTYPES[code].itemsize
    if math.prod(shape) * size != end - begin:
        raise FileFormatError(
            f"{where} has {end - begin} bytes of values, its header, {code} {shape}, "
            f"promises {math.prod(shape) * size}"
        )
    return code, shape, begin, end


def _dtype(code: str) -> np.dtype[Any]:
    """The dtype as which values are read, in the machine's byte order."""
    return np.dtype(np.float32) if code == BFLOAT16 else DTYPES[code].newbyteorder("=")


def _read(file: BufferedReader, begin: int, code: str, shape: tuple[int, ...]) -> np.ndarray:
    values = np.empty(shape, DTYPES["U16" if code == BFLOAT16 else code])
    file.seek(begin)
    if file.readinto(values.reshape(-1).view(np.uint8).data) != values.nbytes:
        raise EOFError("it was cut meanwhile")
    if code == BFLOAT16:
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(_dtype(code), copy=False)


def pieces(
    call: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> Iterator[bytes | memoryview]:
    """The bytes of a file: the header, then the values of each array, the widest dtypes first.

    Raises, at once, TypeError for a dtype that has no place in the format, ValueError for a reserved name.
    """
    if "__metadata__" in arrays:
        raise ValueError(f"{call}: an array is named '__metadata__', which the format keeps for itself")
    codes = {dtype: code for code, dtype in DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    end = 0
    for name, array in ordered:
        code = codes.get(array.dtype.newbyteorder("<"))
        if code is None:
            expected = "bool, integers or floats of at most 64 bits"
            raise TypeError(f"{call}: {name} has dtype {array.dtype}, expected {expected}")
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": code, "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return itertools.chain([struct.pack("<Q", len(text)), text], map(_bytes_of, (a for _, a in ordered)))


def _bytes_of(array: np.ndarray) -> memoryview:
    values = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return values.reshape(-1).view(np.uint8).data
