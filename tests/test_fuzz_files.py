"""Cut and altered files: each loads or raises FileFormatError, takes little memory, and changes nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as safetensors_bytes

from minixai.data import downloads, fetch, read_arrays, read_deep_compression, read_idx
from minixai.errors import FileFormatError
from tests.oracles.files import deep_compression_bytes, idx_bytes, random_layers

SHAPES = [(4, 3, 3, 3), (6, 4, 1, 1)]
RANDOM_CASES = 10_000
MEMORY = 4 << 20  # bytes; the files have at most 4 KB, and a piece of reading 256 KB


class Format(NamedTuple):
    name: str
    content: bytes
    read: Callable[[Path], object]


def npz_bytes(write: Callable) -> bytes:
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    write(stream, weight=rng.standard_normal((3, 4)), bias=np.zeros(40, np.float32), steps=np.array(3))
    return stream.getvalue()


def formats() -> list[Format]:
    rng = np.random.default_rng(0)
    images = idx_bytes(rng.integers(0, 4, (6, 7, 5), dtype=np.uint8))
    arrays = {"weight": rng.standard_normal((3, 4)), "bias": np.zeros(9, np.float32), "steps": np.array(3)}
    layers = deep_compression_bytes(random_layers(SHAPES, seed=0))
    return [
        Format("images.idx", images, read_idx),
        Format("images.idx.gz", gzip.compress(images, mtime=0), read_idx),
        Format("stored.npz", npz_bytes(np.savez), read_arrays),
        Format("deflated.npz", npz_bytes(np.savez_compressed), read_arrays),
        Format("weights.safetensors", safetensors_bytes(arrays, {"model": "lenet5"}), read_arrays),
        Format("layers.net", layers, lambda path: read_deep_compression(path, SHAPES)),
    ]


def name_of(form: Format) -> str:
    return form.name


every_format = pytest.mark.parametrize("form", formats(), ids=name_of)


def alter(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three changes: bits flipped, bytes overwritten, cut out, doubled or put in."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        # Half of the changes hit the first bytes, where the headers are.
        start = int(rng.integers(0, len(data) if rng.random() < 0.5 else min(len(data), 120)))
        length = int(rng.integers(1, 9))
        noise = rng.bytes(length)
        match rng.integers(0, 6):
            case 0:
                data[start] ^= 1 << int(rng.integers(0, 8))
            case 1:
                data[start : start + length] = noise
            case 2:
                data[start : start + length] = b"\xff" * length
            case 3:
                del data[start : start + length]
            case 4:
                data[start:start] = noise
            case 5:
                data[start:start] = data[start : start + 10 * length]
        data = data or bytearray(noise)
    return bytes(data)


@pytest.fixture
def traced_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak_memory(call: Callable[[], object]) -> int:
    """The bytes that a call takes, at most, beyond those in use before."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    call()
    return tracemalloc.get_traced_memory()[1] - before


def loads(form: Format, folder: Path, content: bytes) -> bool:
    """Whether the file loads; an error other than FileFormatError, or much memory, fails the test."""
    path = folder / form.name
    path.write_bytes(content)
    messages: list[str] = []

    def read() -> None:
        try:
            form.read(path)
        except FileFormatError as error:
            messages.append(str(error))

    assert peak_memory(read) < MEMORY
    assert all(form.name in message for message in messages)
    return not messages


@pytest.mark.slow
@every_format
def test_altered_files_load_or_raise_the_one_error(form, tmp_path, traced_memory):
    rng = np.random.default_rng(int.from_bytes(form.name.encode(), "big"))
    assert loads(form, tmp_path, form.content)
    refused = 0
    for _ in range(RANDOM_CASES // len(formats()) + 1):
        content = alter(form.content, rng)
        refused += not loads(form, tmp_path, content)
        assert (tmp_path / form.name).read_bytes() == content
    assert refused > RANDOM_CASES // len(formats()) // 2
    assert [path.name for path in tmp_path.iterdir()] == [form.name]


@pytest.mark.slow
def test_altered_safetensors_load_where_the_library_loads_them(tmp_path, traced_memory):
    form = formats()[4]
    rng, loaded = np.random.default_rng(1), 0
    for _ in range(1000):
        content = alter(form.content, rng)
        try:
            theirs = load_safetensors(content)
        except Exception:  # they have several
            theirs = None
        assert loads(form, tmp_path, content) == (theirs is not None)
        if theirs:
            loaded += 1
            ours = read_arrays(tmp_path / form.name)
            assert {name: array.tobytes() for name, array in ours.items()} == {
                name: array.tobytes() for name, array in theirs.items()
            }
    assert loaded > 20


@pytest.mark.slow
@every_format
def test_every_truncation_is_noticed(form, tmp_path, traced_memory):
    for length in range(len(form.content)):
        assert not loads(form, tmp_path, form.content[:length]), length


@pytest.mark.parametrize("form", [form for form in formats() if not form.name.endswith("npz")], ids=name_of)
def test_bytes_appended_are_noticed(form, tmp_path, traced_memory):
    # A zip's directory is found from its end, whatever stands around it, so npz is left out.
    assert not loads(form, tmp_path, form.content + b"more")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "header"),
    [(formats()[0], range(3, 16)), (formats()[5], range(4 * len(SHAPES)))],
    ids=["images.idx", "layers.net"],
)
def test_every_other_size_in_a_header_is_noticed(form, header, tmp_path, traced_memory):
    for place in header:
        for value in range(256):
            if value != form.content[place]:
                content = bytearray(form.content)
                content[place] = value
                assert not loads(form, tmp_path, bytes(content)), (place, value)


def gzip_bomb(promised: int) -> Format:
    """50 MB of zeros in 50 KB, under a header that promises another number of them."""
    header = b"\0\0\x08\x01" + promised.to_bytes(4, "big")
    return Format("bomb.idx.gz", gzip.compress(header + bytes(50_000_000)), read_idx)


@pytest.mark.parametrize("promised", [1, 1000, 2**32 - 1])
def test_a_gzip_bomb_takes_no_memory(promised, tmp_path, traced_memory):
    bomb = gzip_bomb(promised)
    assert not loads(bomb, tmp_path, bomb.content)


def test_a_gzip_bomb_is_unpacked_no_further_than_promised(tmp_path, traced_memory):
    path = tmp_path / "bomb.idx.gz"
    path.write_bytes(gzip_bomb(1_000_000).content)

    def read() -> None:
        with pytest.raises(FileFormatError, match="has more than 1000000 bytes of values"):
            read_idx(path)

    assert peak_memory(read) < MEMORY


@pytest.mark.slow
def test_a_known_hash_notices_every_bit_and_every_truncation(tmp_path, monkeypatch):
    content = formats()[4].content
    source = downloads._Source("https://nowhere.invalid/a", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(downloads._SOURCES, "weights.safetensors", source)
    monkeypatch.setenv("MINIXAI_DATA", str(tmp_path))
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    assert fetch("weights.safetensors") == path
    altered = [
        content[:i] + bytes([content[i] ^ 1 << bit]) + content[i + 1 :]
        for i in range(len(content))
        for bit in range(8)
    ]
    for data in altered + [content[:length] for length in range(len(content))]:
        path.write_bytes(data)
        with pytest.raises(FileFormatError, match="it is truncated or altered"):
            fetch("weights.safetensors")
