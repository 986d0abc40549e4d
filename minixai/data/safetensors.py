"""The safetensors format, as its library reads and writes it; BF16, which NumPy lacks, becomes float32."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from minixai.data.stored import Source, StoredArray
from minixai.errors import FileFormatError, came

__all__ = ["stored_arrays", "writer"]

DTYPES = {
    "BOOL": np.dtype("?"),
    **{f"{kind.upper()}{8 * size}": np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"f{size}") for size in (2, 4, 8)},
    "BF16": np.dtype("f4"),  # BF16 is the upper half of a float32
}


def stored_arrays(source: Source) -> tuple[dict[str, StoredArray], dict[str, str]]:
    """The arrays of a file by name, once their header is found to be right, and the strings about them."""
    from safetensors import safe_open

    file = safe_open(source.path, "numpy")
    bfloats = cache(partial(_bfloats, source.path))
    arrays = {}
    for name in file.keys():  # noqa: SIM118
        piece = file.get_slice(name)
        code, shape = piece.get_dtype(), tuple(piece.get_shape())
        if code not in DTYPES:
            raise FileFormatError(
                f"{source}: {name} is of {code}, expected one of {', '.join(DTYPES)}: "
                "save it anew as one of these, such as float32"
            )
        read = partial(_bfloat, bfloats, name) if code == "BF16" else partial(file.get_tensor, name)
        arrays[name] = StoredArray(source, shape, DTYPES[code], read)
    return arrays, file.metadata() or {}


def _bfloats(path: Path) -> dict[str, dict[str, Any]]:
    from safetensors import deserialize

    return dict(deserialize(path.read_bytes()))


def _bfloat(bfloats: Callable[[], dict[str, dict[str, Any]]], name: str) -> np.ndarray:
    stored = bfloats()[name]
    upper = np.frombuffer(stored["data"], "<u2").reshape(stored["shape"])
    return (upper.astype(np.uint32) << 16).view(np.float32)


def writer(
    call: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> Callable[[Path], None]:
    """What writes the arrays to a path, for `write_whole`.

    Raises, at once, TypeError for a dtype that has no place in the format, or names and metadata that are no
    strings, ValueError for a name that UTF-8 cannot hold, or a reserved one.
    """
    for name in arrays:
        _check_string(call, "a name in arrays", name)
    for each in itertools.chain(*(metadata or {}).items()):
        _check_string(call, "a key or a value in metadata", each)
    if "__metadata__" in arrays:
        raise ValueError(f"{call}: an array is named '__metadata__', which the format keeps for itself")
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            expected = "bool, integers or floats of at most 64 bits"
            raise TypeError(f"{call}: {name} has dtype {array.dtype}, expected {expected}")
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return lambda path: _save(path, contiguous, dict(metadata) if metadata else None)


def _check_string(call: str, what: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{call}: {what} is {came(value)}, expected a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{call}: {what} is {value!r}, which UTF-8 cannot hold") from None


def _save(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        save_file(arrays, path, metadata)
    except SafetensorError as error:  # of an error of the system it keeps the words only
        if (said := re.search(r"os error (\d+)", str(error))) is None:
            raise
        raise OSError(int(said[1]), os.strerror(int(said[1]))) from error
