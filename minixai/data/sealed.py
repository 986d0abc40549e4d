"""Files of named arrays with a digest, in which an altered bit never goes unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from minixai.data._reading import one_error, open_file
from minixai.data.arrays import write_safetensors
from minixai.data.safetensors import stored_arrays
from minixai.data.stored import Source
from minixai.errors import FileFormatError

__all__ = ["digest", "read_sealed", "write_sealed"]


def write_sealed(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], about: Mapping[str, str]
) -> None:
    """Write arrays, and strings about them, to a `.safetensors` file with their SHA-256.

    The file appears whole or not at all, and replaces one that was there. about: must have "format", the
    name by which `read_sealed` knows the file.

    Raises
    ------
    ValueError : `path` does not end in `.safetensors`.
    OSError : the folder is missing or cannot be written, or the disk is full.
    """
    metadata = {"about": json.dumps({**about, "sha256": digest(arrays, about)}, sort_keys=True)}
    write_safetensors("write_sealed", Path(path), arrays, metadata)


def read_sealed(
    path: str | os.PathLike[str], format: str, check: Callable[[dict[str, str]], None] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read what `write_sealed` wrote: the arrays, and the strings about them.

    check: called with these strings before the arrays are read; its errors are passed on.

    Raises
    ------
    FileFormatError : the file is truncated or altered, or it is of another format.
    """
    path = Path(path)
    with open_file("read_sealed", path):
        with one_error("read_sealed", path):
            stored, metadata = stored_arrays(Source("read_sealed", path))
            about = json.loads(metadata.get("about", "{}"))
            came = about.get("format", "another format")
        if came != format:
            raise FileFormatError(f"read_sealed: {path} is of {came!r}, expected {format!r}")
        if check:
            check(about)
        arrays = {name: np.asarray(array) for name, array in stored.items()}
    expected = about.pop("sha256", None)
    if digest(arrays, about) != expected:
        raise FileFormatError(f"read_sealed: {path} was altered: its SHA-256 is not the one that it names")
    return arrays, about


def digest(arrays: Mapping[str, np.ndarray], about: Mapping[str, str] | None = None) -> str:
    """SHA-256 of all names, dtypes, shapes and values, and of strings about them."""
    sha = hashlib.sha256(json.dumps(dict(about or {}), sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        dtype = array.dtype.newbyteorder("<")
        sha.update(f"\n{name} {dtype.str} {array.shape}\n".encode())
        sha.update(np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8).data)
    return sha.hexdigest()
