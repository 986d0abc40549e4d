"""The readers and the writer of array files: IDX, npz, safetensors, Deep Compression."""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from minixai.data import fetch, read_arrays, read_deep_compression, read_idx, write_arrays, write_sealed
from minixai.errors import FileFormatError
from minixai.files import locked, write_whole
from tests.oracles.files import (
    IDX_CODES,
    decode_deep_compression,
    deep_compression_bytes,
    idx_bytes,
    random_layers,
)

SHAPES = [(4, 3, 3, 3), (6, 4, 1, 1), (2, 6, 5, 3)]


def save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def idx_array(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(shape) * 50).astype(dtype)


# IDX


@pytest.mark.parametrize("dtype", IDX_CODES)
@pytest.mark.parametrize("packed", [False, True])
def test_read_idx_gives_what_was_written(tmp_path, dtype, packed):
    array = idx_array(dtype, (3, 4, 5))
    data = idx_bytes(array)
    read = read_idx(save(tmp_path / "values", gzip.compress(data) if packed else data))
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "starts with ''"),
        (b"\0\0\x08", "starts with '00 00 08'"),
        (b"\0\0\x0a\x01\0\0\0\x01\0", "starts with '00 00 0a 01'"),
        (b"\0\0\x08\0\0", "starts with '00 00 08 00'"),
        (b"\x89PNG\r\n\x1a\n", "starts with '89 50 4e 47'"),
        (b"\0\0\x08\x02\0\0\0\x01\0", "ends within the sizes of its 2 axes"),
        (b"\0\0\x08\x02\0\0\0\x01\0\0\0\0", r"shape \(1, 0\), expected no empty axis"),
        (b"\0\0\x08\x01\0\0\0\x05abcd", r"has 4 bytes of values, its header, uint8 \(5,\), promises 5"),
        (b"\0\0\x08\x01\0\0\0\x03abcd", r"has 4 bytes of values, its header, uint8 \(3,\), promises 3"),
        (b"\0\0\x08\x03" + b"\xff" * 12 + b"abcd", "has 4 bytes of values"),
    ],
)
def test_read_idx_names_what_is_wrong(tmp_path, data, message):
    with pytest.raises(FileFormatError, match=f"read_idx: .*{message}"):
        read_idx(save(tmp_path / "values.idx", data))


@pytest.mark.parametrize(
    ("values", "promised", "message"),
    [
        (b"abcd", 5, "has 4 bytes of values, .* promises 5"),
        (b"abcd", 3, "has more than 3 bytes of values, .* promises 3"),
        (b"abcd", 2**32 - 1, "bytes gzipped, .* promises 4294967295 unpacked"),
    ],
)
def test_read_idx_checks_what_comes_out_of_gzip(tmp_path, values, promised, message):
    data = gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", promised) + values)
    with pytest.raises(FileFormatError, match=message):
        read_idx(save(tmp_path / "values.gz", data))


def test_read_idx_notices_damage_within_gzip(tmp_path):
    data = bytearray(gzip.compress(idx_bytes(idx_array("uint8", (30, 30)))))
    data[-8] ^= 1  # the checksum of the contents
    with pytest.raises(FileFormatError, match="cannot be read: CRC"):
        read_idx(save(tmp_path / "values.gz", bytes(data)))


# npz and safetensors


@contextlib.contextmanager
def track_memory() -> Iterator[Callable[[], int]]:
    """A function that says how many bytes were taken at most since."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        "conv.weight": rng.standard_normal((4, 3, 2, 2)).astype(np.float32),
        "conv.bias": rng.standard_normal(4),
        "norm.num_batches_tracked": np.array(7),
        "mask": rng.random((3, 2)) > 0.5,
        "fortran": np.asfortranarray(rng.standard_normal((3, 4))),
        "big_endian": np.arange(5, dtype=">i2"),
        "strided": np.arange(10, dtype=np.uint8)[::2],
        "empty": np.zeros((0, 3), np.float16),
    }


def assert_same(read: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(read) == set(expected)
    for name, array in expected.items():
        assert read[name].dtype == array.dtype.newbyteorder("="), name
        assert read[name].dtype.isnative
        assert read[name].flags.writeable
        assert read[name].shape == array.shape
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_read_arrays_npz(tmp_path, write):
    write(tmp_path / "weights.npz", **arrays())
    assert_same(read_arrays(tmp_path / "weights.npz"), arrays())


def test_write_arrays_and_read_arrays_safetensors(tmp_path):
    from safetensors import safe_open

    path = tmp_path / "weights.safetensors"
    write_arrays(path, {"old": np.zeros(3)})
    write_arrays(path, arrays(), metadata={"model": "lenet5"})
    assert_same(read_arrays(path), arrays())
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"model": "lenet5"}
    assert os.listdir(tmp_path) == ["weights.safetensors"]


def npz(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def npy(header: str, values: bytes, version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + values


def npy_header(descr: str = "<f4", shape: str = "(2,)", order: str = "False") -> str:
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}}}\n"


def test_the_handmade_npy_is_right(tmp_path):
    read = read_arrays(npz(tmp_path / "a.npz", {"x.npy": npy(npy_header(), struct.pack("<2f", 1, 2))}))
    np.testing.assert_array_equal(read["x"], np.array([1, 2], np.float32))


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy(npy_header(shape="(3,)"), bytes(8)), r"x has 8 bytes of values, .* float32 \(3,\), promises 12"),
        (npy(npy_header(shape="(1,)"), bytes(8)), r"x has 8 bytes of values, .* promises 4"),
        (npy(npy_header(shape="(-2,)"), bytes(8)), "x has 8 bytes of values"),
        (npy(npy_header(shape="(-1, -2)"), bytes(8)), "x has 8 bytes of values"),
        (npy(npy_header(shape="(0, 2**62, 4)"), b""), "cannot be read"),
        (npy(npy_header(shape="(0, 4611686018427387904, 4)"), b""), "cannot be read"),
        (npy(npy_header(shape="('2',)"), bytes(8)), "cannot be read"),
        (npy(npy_header("|O"), bytes(8)), "x has dtype object, expected numbers"),
        (npy(npy_header("<U1"), bytes(8)), "x has dtype <U1, expected numbers"),
        (npy(npy_header("<f5"), bytes(8)), "cannot be read"),
        (npy("__import__('os')\n", bytes(8)), "cannot be read"),
        (npy("{" * 5000, bytes(8)), "cannot be read"),
        (npy(npy_header(), bytes(8), b"\x09\x00"), "cannot be read|version"),
        (b"\x93NUMPY\x01", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_read_arrays_names_what_is_wrong_in_an_npz(tmp_path, member, message):
    with pytest.raises(FileFormatError, match=f"read_arrays: .*({message})"):
        read_arrays(npz(tmp_path / "a.npz", {"x.npy": member}))


def test_read_arrays_never_unpickles(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FileFormatError, match="x has dtype object, expected numbers"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_read_arrays_refuses_compressions_whose_bombs_are_larger(tmp_path, compression):
    path = npz(tmp_path / "a.npz", {"x.npy": npy(npy_header(), bytes(8))}, compression)
    with pytest.raises(FileFormatError, match="x is neither stored nor deflated"):
        read_arrays(path)


def test_read_arrays_refuses_foreign_and_double_members(tmp_path):
    with pytest.raises(FileFormatError, match=r"holds 'readme.txt', expected .npy files"):
        read_arrays(npz(tmp_path / "a.npz", {"readme.txt": b"hello"}))
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", npy(npy_header(), bytes(8)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x.npy", npy(npy_header(), bytes(8)))
    with pytest.raises(FileFormatError, match=r"holds 'x.npy', expected .npy files, each name once"):
        read_arrays(tmp_path / "b.npz")


def safetensors(header: dict | bytes, values: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + values


def entry(dtype: str = "F32", shape: tuple = (2,), offsets: tuple = (0, 8)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_the_handmade_safetensors_is_right(tmp_path):
    data = safetensors({"x": entry()}, struct.pack("<2f", 1, 2))
    read = read_arrays(save(tmp_path / "a.safetensors", data))
    np.testing.assert_array_equal(read["x"], np.array([1, 2], np.float32))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        safetensors({"x": entry()}, bytes(7)),
        safetensors({"x": entry()}, bytes(9)),
        safetensors({"x": entry(shape=(3,))}, bytes(8)),
        safetensors({"x": entry(shape=(2**62, 2**62))}, bytes(8)),
        safetensors({"x": entry(offsets=(0, 2**63))}, bytes(8)),
        safetensors({"x": entry(offsets=(8, 0))}, bytes(8)),
        safetensors({"x": entry(), "y": entry()}, bytes(8)),
        safetensors({"x": entry(), "y": entry(offsets=(12, 20))}, bytes(20)),
        safetensors({"x": entry("BF16")}, bytes(8)),
        safetensors({"x": entry("F99")}, bytes(8)),
        safetensors(b"{", bytes(8)),
        safetensors({"x": entry()}, bytes(8), length=2**63),
        safetensors({"x": entry()}, bytes(8), length=2),
        safetensors({"x": entry(shape=(2.0,))}, bytes(8)),
        safetensors({"x": entry(shape=(True, 2))}, bytes(8)),
        safetensors({"x": entry(shape=(-1, -2))}, bytes(8)),
        safetensors({"x": {"dtype": "F32"}}, bytes(8)),
        safetensors({"x": [1, 2]}, bytes(8)),
        safetensors([entry()], bytes(8)),
        safetensors({"x": entry(), "__metadata__": {"a": 1}}, bytes(8)),
        safetensors(b"[" * 100_000, b""),
    ],
)
def test_read_arrays_refuses_inconsistent_safetensors(tmp_path, data):
    with pytest.raises(FileFormatError, match=r"read_arrays: .*a.safetensors"):
        read_arrays(save(tmp_path / "a.safetensors", data))


def test_bfloat16_is_read_as_float32(tmp_path):
    numbers = np.array([0, -0.0, 1, -2.5, 3.0e38, 1e-40, np.inf, np.nan], np.float32)
    upper = (numbers.view(np.uint32) >> 16).astype("<u2")
    data = safetensors({"x": entry("BF16", (2, 4), (0, 16))}, upper.tobytes())
    read = read_arrays(save(tmp_path / "a.safetensors", data))["x"]
    assert (read.dtype, read.shape) == (np.float32, (2, 4))
    np.testing.assert_array_equal(read.view(np.uint32).ravel(), numbers.view(np.uint32) >> 16 << 16)


@pytest.mark.parametrize("code", ["F8_E4M3", "F8_E5M2"])
def test_a_dtype_without_a_place_in_numpy_is_named_with_the_way_on(tmp_path, code):
    data = safetensors({"x": entry(code, (8,))}, bytes(8))
    with pytest.raises(FileFormatError, match=rf"x is of {code}, expected one of BOOL, .*: save it anew"):
        read_arrays(save(tmp_path / "a.safetensors", data))


@pytest.mark.parametrize("write", ["npz", "safetensors"])
def test_names_and_shapes_are_compared_before_an_array_is_read(tmp_path, write, monkeypatch):
    net = mx.nn.Linear(3, 2, rng=0)
    large = {"weight": np.zeros((3, 2)), "bias": np.zeros(2), "huge": np.zeros(1 << 20)}
    for arrays_in_file in (large, {"weight": np.zeros((2, 3)), "bias": np.zeros(1 << 20)}):
        path = tmp_path / f"a.{write}"
        if write == "npz":
            np.savez_compressed(path, **arrays_in_file)
        else:
            write_arrays(path, arrays_in_file)
        with track_memory() as peak, pytest.raises(FileFormatError, match="does not fit Linear: load_state"):
            mx.models.load_weights(net, path)
        assert peak() < 1 << 20


def test_a_header_of_an_npy_takes_no_memory(tmp_path):
    header = npy_header() + " " * (1 << 24)
    member = b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header.encode() + bytes(8)
    path = npz(tmp_path / "a.npz", {"x.npy": member}, zipfile.ZIP_DEFLATED)
    with track_memory() as peak, pytest.raises(FileFormatError, match="cannot be read"):
        read_arrays(path)
    assert peak() < 1 << 20


def test_the_library_reads_what_is_written_and_writes_what_is_read(tmp_path):
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "a.safetensors"
    write_arrays(path, arrays(), metadata={"model": "lenet5"})
    theirs = load_file(path)
    assert_same({name: np.array(array) for name, array in theirs.items()}, arrays())
    save_file({name: np.array(a, order="C") for name, a in theirs.items()}, path, {"model": "lenet5"})
    assert_same(read_arrays(path), arrays())


def test_read_arrays_names_the_formats_it_knows(tmp_path):
    with pytest.raises(FileFormatError, match=r"ends in '.pth', expected .npz or .safetensors"):
        read_arrays(save(tmp_path / "a.pth", b"abc"))


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors"])
def test_a_file_of_another_format_is_refused(tmp_path, name):
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_arrays(save(tmp_path / name, b"not what the name says" * 10))


@pytest.mark.parametrize(
    "read",
    [
        lambda folder: read_idx(folder / "a.idx"),
        lambda folder: read_arrays(folder / "a.npz"),
        lambda folder: read_arrays(folder / "a.safetensors"),
        lambda folder: read_deep_compression(folder / "a.net", SHAPES),
    ],
)
def test_a_missing_file_is_file_not_found(tmp_path, read):
    with pytest.raises(FileNotFoundError):
        read(tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, getattr(os, "mkfifo", None)], ids=["folder", "pipe"])
@pytest.mark.parametrize("name", ["a.idx", "a.npz", "a.safetensors", "a.net"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, make, name):
    if make is None:
        pytest.skip("platform: there are no pipes with names")
    make(tmp_path / name)
    readers = {"a.idx": read_idx, "a.net": lambda path: read_deep_compression(path, SHAPES)}
    with pytest.raises(FileFormatError, match=r"read_\w+: .* is a folder, a pipe or a device"):
        readers.get(name, read_arrays)(tmp_path / name)


# Writing


posix = pytest.mark.skipif(os.name == "nt", reason="platform: modes and links are others")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, mode):
    path = save(tmp_path / "a.safetensors", b"before")
    path.chmod(mode)
    write_arrays(path, {"x": np.zeros(2)})
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_new_file_has_the_mode_of_new_files(tmp_path):
    own = os.umask(0o027)
    try:
        write_arrays(tmp_path / "a.safetensors", {"x": np.zeros(2)})
    finally:
        os.umask(own)
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == 0o640


@posix
@pytest.mark.skipif(
    not hasattr(os, "chown") or os.getuid() != 0, reason="platform: only root gives files away"
)
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path):
    path = save(tmp_path / "a.safetensors", b"before")
    os.chown(path, 1234, 2345)
    write_arrays(path, {"x": np.zeros(2)})
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_stays_one(tmp_path, there):
    (tmp_path / "far").mkdir()
    if there:
        save(tmp_path / "far" / "b", b"before")
    (tmp_path / "a.safetensors").symlink_to(Path("far", "b"))
    write_arrays(tmp_path / "a.safetensors", {"x": np.zeros(2)})
    assert (tmp_path / "a.safetensors").is_symlink()
    assert not (tmp_path / "far" / "b").is_symlink()
    assert list(read_arrays(tmp_path / "a.safetensors")) == ["x"]
    assert os.listdir(tmp_path / "far") == ["b"]


def test_a_read_only_file_is_not_replaced(tmp_path, monkeypatch):
    path = save(tmp_path / "a.safetensors", b"before")
    path.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda *_: False)  # which it never is for root
    with pytest.raises(PermissionError, match=r"cannot write .*a.safetensors: it is read-only"):
        write_arrays(path, {"x": np.zeros(2)})
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["a.safetensors"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="platform: there are no pipes with names")
def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "a.safetensors")
    with pytest.raises(OSError, match=r"cannot write .*a.safetensors: it is a pipe or a device"):
        write_arrays(tmp_path / "a.safetensors", {"x": np.zeros(2)})
    assert (tmp_path / "a.safetensors").is_fifo()


@posix
@pytest.mark.parametrize("write", [write_arrays, lambda path, x: write_sealed(path, x, {"format": "a"})])
def test_a_full_disk_is_an_os_error_with_words(tmp_path, write):
    import resource

    write(tmp_path / "a.safetensors", {"x": np.arange(3)})
    before = (tmp_path / "a.safetensors").read_bytes()
    own = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, own[1]))
    try:
        with pytest.raises(OSError, match=r"write_\w+: cannot write .*a.safetensors: File too large"):
            write(tmp_path / "a.safetensors", {"x": np.zeros(1000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, own)
    assert os.listdir(tmp_path) == ["a.safetensors"]
    assert (tmp_path / "a.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "array", [np.array([None]), np.array(["a"]), np.zeros(2, np.complex128), np.zeros(2, "M8[s]")]
)
def test_write_arrays_names_a_dtype_that_has_no_place(tmp_path, array):
    with pytest.raises(TypeError, match=r"write_arrays: x has dtype .*, expected bool, integers or floats"):
        write_arrays(tmp_path / "a.safetensors", {"x": array})
    assert os.listdir(tmp_path) == []


def test_write_arrays_wants_its_own_suffix_and_no_reserved_name(tmp_path):
    with pytest.raises(ValueError, match=r"ends in '.npz', expected '.safetensors'"):
        write_arrays(tmp_path / "a.npz", {"x": np.zeros(2)})
    with pytest.raises(ValueError, match="named '__metadata__'"):
        write_arrays(tmp_path / "a.safetensors", {"__metadata__": np.zeros(2)})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({3: np.zeros(2)},), TypeError, r"a name in arrays is 3, expected a string"),
        (({"\udcff": np.zeros(2)},), ValueError, r"a name in arrays is '\\udcff', which UTF-8 cannot hold"),
        (({"x": np.zeros(2)}, {"n": 3}), TypeError, "a key or a value in metadata is 3, expected a string"),
        (([np.zeros(2)],), TypeError, r"arrays is a list.*, expected \{name: …\}"),
        (({"x": np.zeros(2)}, "n"), TypeError, r"metadata is 'n', expected \{name: …\}"),
    ],
)
def test_write_arrays_wants_strings(tmp_path, arguments, error, message):
    with pytest.raises(error, match=f"write_arrays: {message}"):
        write_arrays(tmp_path / "a.safetensors", *arguments)
    assert os.listdir(tmp_path) == []


@posix
def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path):
    path = tmp_path / f"{'a' * 243}.safetensors"  # 255 bytes
    with locked("test", path):
        write_arrays(path, {"x": np.arange(3)})
    assert list(read_arrays(path)) == ["x"]
    assert os.listdir(tmp_path) == [path.name]
    with pytest.raises(IsADirectoryError, match="write_whole: cannot write /: "):
        write_whole("write_whole", Path("/"), b"")


@pytest.mark.parametrize("place", ["missing/a.safetensors", "file/a.safetensors", "folder.safetensors"])
def test_write_arrays_says_where_it_cannot_write(tmp_path, place):
    save(tmp_path / "file", b"")
    (tmp_path / "folder.safetensors").mkdir()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(OSError, match=r"write_arrays: cannot write .*safetensors: "):
        write_arrays(tmp_path / place, {"x": np.zeros(2)})
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"]
)
def test_write_arrays_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch, error):
    path = tmp_path / "a.safetensors"
    write_arrays(path, {"x": np.arange(3)})

    def fail(descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)) as raised:
        write_arrays(path, {"x": np.zeros(1000)})
    if isinstance(error, OSError):
        assert raised.value.errno == errno.ENOSPC
        assert "a.safetensors: No space left" in str(raised.value)
    assert os.listdir(tmp_path) == ["a.safetensors"]
    np.testing.assert_array_equal(read_arrays(path)["x"], np.arange(3))


# Deep Compression


@pytest.mark.parametrize("seed", range(5))
def test_read_deep_compression_equals_the_loops(tmp_path, seed):
    data = deep_compression_bytes(random_layers(SHAPES, seed))
    read = read_deep_compression(save(tmp_path / "a.net", data), SHAPES)
    for (weight, bias), (weight_, bias_) in zip(read, decode_deep_compression(data, SHAPES), strict=True):
        assert weight.dtype == bias.dtype == np.float32
        assert weight.flags.writeable
        np.testing.assert_array_equal(weight, weight_)
        np.testing.assert_array_equal(bias, bias_)


def test_a_layer_without_entries_is_the_codebook_s_first_value(tmp_path):
    data = deep_compression_bytes([([0.5] * 256, [1.0, 2.0], [], [])])
    [(weight, bias)] = read_deep_compression(save(tmp_path / "a.net", data), [(2, 3, 1, 1)])
    np.testing.assert_array_equal(weight, np.full((2, 3, 1, 1), 0.5, np.float32))
    np.testing.assert_array_equal(bias, [1, 2])


def test_squeezenet_decodes_exactly(data_dir):
    expected = read_arrays(data_dir / "squeezenet" / "squeezenet_v1.0.npz")
    names = [name.removesuffix(".weight") for name in expected if name.endswith(".weight")]
    shapes = [expected[f"{name}.weight"].shape for name in names]
    layers = read_deep_compression(fetch("squeezenet/compressed_SqueezeNet.net"), shapes)
    assert len(layers) == 26
    for name, (weight, bias) in zip(names, layers, strict=True):
        np.testing.assert_array_equal(weight, expected[f"{name}.weight"], err_msg=name)
        np.testing.assert_array_equal(bias, expected[f"{name}.bias"], err_msg=name)


def test_read_deep_compression_names_what_is_wrong(tmp_path):
    codebook, bias = [0.0] * 256, [0.0, 0.0]
    good = deep_compression_bytes([(codebook, bias, [1, 2], [0, 3])])
    size = len(good)
    shape = (2, 3, 1, 1)

    def read(data: bytes, shapes: list[tuple[int, ...]]) -> None:
        read_deep_compression(save(tmp_path / "a.net", data), shapes)

    read(good, [shape])
    with pytest.raises(FileFormatError, match="has 3 bytes, expected at least 4 for the counts of 1 layers"):
        read(good[:3], [shape])
    with pytest.raises(FileFormatError, match=f"has {size + 1} bytes, .* add up to {size}"):
        read(good + b"\0", [shape])
    with pytest.raises(FileFormatError, match=f"has {size - 1} bytes, .* add up to {size}"):
        read(good[:-1], [shape])
    with pytest.raises(FileFormatError, match=f"has {size} bytes, .* add up to {size + 4}"):
        read(good, [(3, 2, 1, 1)])
    with pytest.raises(FileFormatError, match=r"layer 0 stores 7 entries, its weight .* has room for 6"):
        read(struct.pack("<I", 7) + good[4:], [shape])
    with pytest.raises(FileFormatError, match=r"layer 0: the last entry is at 6, .* ends before"):
        read(good[:-1] + bytes([5 * 16]), [shape])
