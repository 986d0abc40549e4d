"""The file format of Deep Compression: pruned weights, a codebook for each layer, gaps of four bits."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from minixai.data._reading import one_error, open_file
from minixai.errors import FileFormatError

_CODEBOOK = 256


def read_deep_compression(
    path: str | os.PathLike[str], shapes: Sequence[tuple[int, ...]]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Decode the weights and biases of a Deep-Compression file.

    Little endian: the number of stored entries of each layer (uint32), then for each layer its codebook
    (256 float32), its biases (float32), the entries' codebook indices (one byte each) and the gaps between
    the entries (four bits each, low half first). In the flattened weight, with gaps d and codebook C,

        place[i] = (Σ_{j≤i} d[j] + 1) - 1,    weight[place[i]] = C[index[i]],    C[0] at all other places.

    Parameters
    ----------
    shapes : the shape (k, c, kh, kw) of each layer's weight, in the file's order.

    Returns
    -------
    for each layer, weight (k, c, kh, kw) float32 and bias (k,) float32

    Raises
    ------
    FileFormatError : the file's size is not what its counts add up to, or an entry lies outside its weight.

    Reference: Han, Mao, Dally, Deep Compression, ICLR 2016, arXiv 1510.00149, section 3.
    """
    path = Path(path)
    with open_file("read_deep_compression", path) as file, one_error("read_deep_compression", path):
        counts = _read_counts(file, path, shapes)
        return [
            _read_layer(file, count, shape, f"read_deep_compression: {path}: layer {i}")
            for i, (count, shape) in enumerate(zip(counts, shapes, strict=True))
        ]


def _read_counts(file: IO[bytes], path: Path, shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """The number of entries of each layer, once they agree with the file's size."""
    size = os.fstat(file.fileno()).st_size
    if size < 4 * len(shapes):
        expected = f"at least {4 * len(shapes)} for the counts of {len(shapes)} layers"
        raise FileFormatError(f"read_deep_compression: {path} has {size} bytes, expected {expected}")
    counts = _take(file, "<u4", len(shapes)).tolist()
    for i, (count, shape) in enumerate(zip(counts, shapes, strict=True)):
        if count > math.prod(shape):
            raise FileFormatError(
                f"read_deep_compression: {path}: layer {i} stores {count} entries, "
                f"its weight {shape} has room for {math.prod(shape)}"
            )
    expected_size = sum(
        4 + 4 * _CODEBOOK + 4 * shape[0] + count + (count + 1) // 2
        for count, shape in zip(counts, shapes, strict=True)
    )
    if size != expected_size:
        raise FileFormatError(
            f"read_deep_compression: {path} has {size} bytes, "
            f"its counts and the shapes add up to {expected_size}"
        )
    return counts


def _read_layer(
    file: IO[bytes], count: int, shape: tuple[int, ...], where: str
) -> tuple[np.ndarray, np.ndarray]:
    """The weight and bias of the layer that comes next."""
    codebook = _take(file, "<f4", _CODEBOOK)
    bias = _take(file, "<f4", shape[0])
    entries = _take(file, "u1", count)
    pairs = _take(file, "u1", (count + 1) // 2)
    gaps = np.stack([pairs & 15, pairs >> 4], axis=1).ravel()[:count]
    places = np.cumsum(gaps + np.int64(1)) - 1
    if count and places[-1] >= math.prod(shape):
        raise FileFormatError(f"{where}: the last entry is at {places[-1]}, its weight {shape} ends before")
    indices = np.zeros(math.prod(shape), np.uint8)
    indices[places] = entries
    return codebook[indices].reshape(shape), bias


def _take(file: IO[bytes], dtype: str, count: int) -> np.ndarray:
    """The next `count` numbers, in the machine's byte order."""
    values = np.frombuffer(file.read(count * np.dtype(dtype).itemsize), dtype, count)
    return values.astype(values.dtype.newbyteorder("="))
