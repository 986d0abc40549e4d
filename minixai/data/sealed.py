"""Files of named arrays with a digest, in which an altered bit never goes unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from minixai.data._reading import one_error
from minixai.errors import FileFormatError
from minixai.files import write_whole

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
    from safetensors.numpy import save_file

    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"write_sealed: {path} ends in {path.suffix!r}, expected '.safetensors'")
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    # In one string, since the library writes several in any order, and equal content should be equal bytes.
    metadata = {"about": json.dumps({**about, "sha256": digest(contiguous, about)}, sort_keys=True)}
    write_whole("write_sealed", path, lambda unfinished: save_file(contiguous, unfinished, metadata))


def read_sealed(path: str | os.PathLike[str], format: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read what `write_sealed` wrote: the arrays, and the strings about them.

    Raises
    ------
    FileFormatError : the file is truncated or altered, or it is of another format.
    """
    from safetensors import safe_open

    path = Path(path)
    with path.open("rb"), one_error("read_sealed", path), safe_open(path, "numpy") as file:
        about = json.loads((file.metadata() or {}).get("about", "{}"))
        if about.get("format") != format:
            came = repr(about.get("format", "another format"))
            raise FileFormatError(f"read_sealed: {path} is of {came}, expected {format!r}")
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    expected = about.pop("sha256", None)
    if digest(arrays, about) != expected:
        raise FileFormatError(f"read_sealed: {path} was altered: its SHA-256 is not the one that it names")
    return arrays, about


def digest(arrays: Mapping[str, np.ndarray], about: Mapping[str, str] | None = None) -> str:
    """SHA-256 of all names, dtypes, shapes and values, and of strings about them."""
    sha = hashlib.sha256(json.dumps(dict(about or {}), sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        sha.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        sha.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return sha.hexdigest()
