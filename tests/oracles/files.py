"""The file formats by hand: bytes put together with `struct`, and decoded again one value at a time."""

from __future__ import annotations

import math
import struct

import numpy as np

IDX_CODES = {"uint8": (8, "B"), "int8": (9, "b"), "int16": (11, "h"), "int32": (12, "i")}
IDX_CODES |= {"float32": (13, "f"), "float64": (14, "d")}


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file: magic number, sizes, values, all big endian."""
    code, letter = IDX_CODES[array.dtype.name]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + b"".join(struct.pack(f">{letter}", value) for value in array.ravel().tolist())


def deep_compression_bytes(layers: list[tuple]) -> bytes:
    """A Deep-Compression file of layers (codebook of 256, biases, entries, gaps)."""
    data = b"".join(struct.pack("<I", len(entries)) for _, _, entries, _ in layers)
    for codebook, biases, entries, gaps in layers:
        data += struct.pack("<256f", *codebook) + struct.pack(f"<{len(biases)}f", *biases) + bytes(entries)
        padded = [*gaps, 0]
        data += bytes(padded[i] + 16 * padded[i + 1] for i in range(0, len(gaps), 2))
    return data


def decode_deep_compression(data: bytes, shapes: list[tuple]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases, one entry after the other."""
    counts = [struct.unpack_from("<I", data, 4 * i)[0] for i in range(len(shapes))]
    at = 4 * len(shapes)
    layers = []
    for count, shape in zip(counts, shapes, strict=True):
        codebook = struct.unpack_from("<256f", data, at)
        biases = struct.unpack_from(f"<{shape[0]}f", data, at + 1024)
        at += 1024 + 4 * shape[0]
        weight = [codebook[0]] * math.prod(shape)
        place = -1
        for i in range(count):
            pair = data[at + count + i // 2]
            place += (pair // 16 if i % 2 else pair % 16) + 1
            weight[place] = codebook[data[at + i]]
        at += count + math.ceil(count / 2)
        layers.append((np.array(weight, np.float32).reshape(shape), np.array(biases, np.float32)))
    assert at == len(data)
    return layers


def random_layers(shapes: list[tuple], seed: int) -> list[tuple]:
    """Layers for `deep_compression_bytes`, with codebook index 0 at code 0, as pruned weights have."""
    rng = np.random.default_rng(seed)
    layers = []
    for shape in shapes:
        gaps: list[int] = []
        while (gap := int(rng.integers(0, 16))) + 1 + sum(gaps) + len(gaps) <= math.prod(shape):
            gaps.append(gap)
        codebook = [0.0, *rng.standard_normal(255).tolist()]
        entries = rng.integers(0, 256, len(gaps)).tolist()
        layers.append((codebook, rng.standard_normal(shape[0]).tolist(), entries, gaps))
    return layers
