"""Files that are too large for the package: where to get them, and the hashes they must have."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from minixai.errors import FileFormatError, WeightsNotFoundError
from minixai.files import clear_unfinished, locked, write_whole

STALLED = 20  # seconds without a byte, after which a download ends
ATTEMPTS = 3


class _Source(NamedTuple):
    url: str
    size: int  # bytes
    sha256: str
    other_editions: tuple[str, ...] = ()  # SHA-256s of the same content in another notation


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"
_GITHUB = "https://raw.githubusercontent.com"
_SOURCES = {
    "mnist/train-images-idx3-ubyte.gz": _Source(
        f"{_MNIST}/train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "mnist/train-labels-idx1-ubyte.gz": _Source(
        f"{_MNIST}/train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "mnist/t10k-images-idx3-ubyte.gz": _Source(
        f"{_MNIST}/t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "mnist/t10k-labels-idx1-ubyte.gz": _Source(
        f"{_MNIST}/t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "squeezenet/compressed_SqueezeNet.net": _Source(
        f"{_GITHUB}/songhan/SqueezeNet-Deep-Compression/"
        "5623e3cdbe1fcd83328c61ce2ee42c34ed319aa3/compressed_SqueezeNet.net",
        675_763,
        "e4ab6960ae8cd81505e1c2136921201507e930966c53deaf15862a395b3a3261",
    ),
    "squeezenet/imagenet_labels.txt": _Source(
        f"{_GITHUB}/pytorch/hub/6bb7ade92447ed6f5569cfc035ed64ef3e4b633b/imagenet_classes.txt",
        15_363,
        "2b03f63c0ea7a21c34dce2352c4fd2351a7e2d75f90ae74bb537b201ca5f35a4",
        # "0: tench" instead of "0, tench", spaces instead of underscores, no apostrophes
        ("5bd2bb48d1fd349581ab82a9a11909934c0786b4d3724a08b4c3592f594c1ff5",),
    ),
}


def fetch(name: str) -> Path:
    """Find a file of weights or data on this machine, or download it; its SHA-256 is checked every time.

    Looked for in the folder that the environment variable MINIXAI_DATA names, then in the user's cache
    folder, where a download is kept too. A download ends when the server sends nothing for 20 s, or
    more than the file should have; processes that want the same file wait for the first of them.

    Parameters
    ----------
    name : such as "squeezenet/compressed_SqueezeNet.net" or "mnist/t10k-images-idx3-ubyte.gz".

    Raises
    ------
    FileFormatError : the file is there and has another SHA-256 (it is left alone).
    WeightsNotFoundError : the file is not there and cannot be downloaded; says where to get and put it.
    """
    if name not in _SOURCES:
        raise ValueError(f"fetch: no file {name!r} is known, expected one of {', '.join(_SOURCES)}")
    source = _SOURCES[name]
    path = find(name) or _download(name, source)
    _check(path, source)
    return path


def find(name: str) -> Path | None:
    """The file in the first of the folders that has it, unchecked."""
    return next((path for folder in _folders() if (path := folder / name).is_file()), None)


def places(name: str) -> str:
    """Where to put a file that is missing, for an error's message."""
    return f"{_cache() / name}, or at {name} in a folder that the environment variable MINIXAI_DATA names"


def _folders() -> Iterator[Path]:
    """Where files are looked for; pooch is imported only when the first place lacks the file."""
    if named := os.environ.get("MINIXAI_DATA"):
        yield Path(named).expanduser()
    yield _cache()


def _cache() -> Path:
    import pooch

    return Path(pooch.os_cache("minixai"))


def _check(path: Path, source: _Source) -> None:
    with path.open("rb") as file:
        came = hashlib.file_digest(file, "sha256").hexdigest()
    if came not in (source.sha256, *source.other_editions):
        raise FileFormatError(
            f"fetch: {path} ({path.stat().st_size} bytes) has SHA-256 {came}, expected {source.sha256} "
            f"({source.size} bytes); it is truncated or altered: delete it, or replace it by {source.url}"
        )


def _download(name: str, source: _Source) -> Path:
    """Put the file into the cache, unless another process does so meanwhile."""
    path = _cache() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked("fetch", path, wait=True):
            clear_unfinished(path)
            if not path.exists():
                write_whole("fetch", path, _content(source))
    # No connection, no such page, no place to write; or ValueError for another hash.
    except (OSError, ValueError) as error:
        raise WeightsNotFoundError(
            f"fetch: {name} ({source.size} bytes) is not on this machine, and could not be downloaded from "
            f"{urlsplit(source.url).netloc} ({_in_words(error)}). "
            f"Get it from {source.url} and put it at {places(name)}."
        ) from error
    return path


def _content(source: _Source) -> bytes:
    """What is downloaded; where it breaks off half way it is tried again, where nothing came it is not."""
    from requests import RequestException

    for left in reversed(range(ATTEMPTS)):
        held = _Bounded(io.BytesIO(), source.size)
        try:
            _get(source, held)
            content = held.file.getvalue()
            if (came := hashlib.sha256(content).hexdigest()) == source.sha256:
                return content
            raise ValueError(f"{len(content)} bytes with SHA-256 {came} came, expected {source.sha256}")
        except (RequestException, ValueError):
            if not left or not held.file.tell():
                raise
    raise AssertionError("the last attempt returns or raises")


def _get(source: _Source, held: _Bounded) -> None:
    """Download what should have `size` bytes. OSErrors that are no RequestException say: not again."""
    import pooch

    with contextlib.ExitStack() as stack:

        def check_size(answer: Any, **_: Any) -> None:
            stack.callback(answer.close)
            promised = answer.headers.get("Content-Length", str(source.size))
            if (
                answer.status_code == 200
                and "Content-Encoding" not in answer.headers
                and promised != str(source.size)
            ):
                raise OSError(f"the server offers {promised} bytes, expected {source.size}")

        get = pooch.HTTPDownloader(
            timeout=STALLED, headers={"Accept-Encoding": "identity"}, hooks={"response": check_size}
        )
        try:
            get(source.url, held, None)
        except OSError as error:
            if any(isinstance(each, TimeoutError) for each in _causes(error)):
                raise TimeoutError(f"the server sent nothing for {STALLED} s") from error
            raise


def _in_words(error: Exception) -> str:
    """What an error says, or the system's error behind it: requests wraps it in several others."""
    *_, root = _causes(error)
    return (root.strerror if isinstance(root, OSError) else None) or str(error)


class _Bounded(NamedTuple):
    """A file that takes no more than so many bytes."""

    file: io.BytesIO
    size: int

    def write(self, piece: bytes) -> None:
        if self.file.tell() + len(piece) > self.size:
            raise OSError(f"the server sent more than the expected {self.size} bytes")
        self.file.write(piece)

    def flush(self) -> None:
        """At the end is early enough."""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
