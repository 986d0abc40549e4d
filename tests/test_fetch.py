"""Finding and downloading files, against a web server of our own on this machine."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pooch
import pytest

from minixai.data import downloads, fetch
from minixai.errors import FileFormatError, WeightsNotFoundError

NAME = "folder/weights.bin"
CONTENT = b"the weights of a network " * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Web(ThreadingHTTPServer):
    """A server that sends `content`, after breaking off the first `failures` answers half way."""

    content = CONTENT
    promise: int | None = len(CONTENT)
    failures = 0
    requests = 0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.goes_on = threading.Event()  # what it waits for half way
        self.goes_on.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.bin"


class Answer(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.requests += 1
        content = self.server.content
        broken = self.server.requests <= self.server.failures
        self.send_response(200)
        if self.server.promise is not None:
            self.send_header("Content-Length", str(self.server.promise))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        if not broken and self.server.goes_on.wait(60):
            with contextlib.suppress(OSError):  # the client has had enough
                self.wfile.write(content[len(content) // 2 :])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(monkeypatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Web(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder, and no MINIXAI_DATA."""
    monkeypatch.delenv("MINIXAI_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    return tmp_path / "cache" / "minixai"


def register(monkeypatch, url: str, *editions: str) -> None:
    monkeypatch.setitem(downloads._SOURCES, NAME, downloads._Source(url, len(CONTENT), SHA256, editions))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def put(folder: Path, content: bytes) -> Path:
    path = folder / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_a_download_is_kept(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    path = fetch(NAME)
    assert path.read_bytes() == CONTENT
    assert fetch(NAME) == path
    assert files(cache) == [path]
    assert web.requests == 1


def test_a_broken_connection_is_tried_again(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    web.failures = 2
    assert fetch(NAME).read_bytes() == CONTENT
    assert web.requests == 3


def assert_not_found(cache: Path, url: str) -> str:
    with pytest.raises(WeightsNotFoundError) as raised:
        fetch(NAME)
    message = str(raised.value)
    for part in (f"fetch: {NAME} ({len(CONTENT)} bytes)", url, str(cache / NAME), "MINIXAI_DATA"):
        assert part in message
    assert files(cache) == []
    return message


def test_a_download_that_stays_truncated_leaves_nothing(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    web.failures = 100
    assert_not_found(cache, web.url)
    assert web.requests == 3


def test_a_download_with_another_hash_leaves_nothing(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    web.content = CONTENT[:-1] + b"!"
    message = assert_not_found(cache, web.url)
    assert SHA256 in message
    assert hashlib.sha256(web.content).hexdigest() in message


def test_a_download_of_another_size_is_refused_before_it_is_read(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    web.promise = 10**9
    assert f"the server offers 1000000000 bytes, expected {len(CONTENT)}" in assert_not_found(cache, web.url)
    assert web.requests == 1


def test_a_server_that_sends_more_is_left(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    web.promise, web.content = None, CONTENT * 1000
    assert f"sent more than the expected {len(CONTENT)} bytes" in assert_not_found(cache, web.url)
    assert web.requests == 1


def test_a_server_that_stands_still_is_left(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    monkeypatch.setattr(downloads, "STALLED", 0.1)
    web.goes_on.clear()
    try:
        assert "the server sent nothing for 0.1 s" in assert_not_found(cache, web.url)
    finally:
        web.goes_on.set()
    assert web.requests == 1


def test_two_who_want_the_same_file_download_it_once(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    web.goes_on.clear()
    with ThreadPoolExecutor(2) as executor:
        both = [executor.submit(fetch, NAME) for _ in range(2)]
        time.sleep(0.1)
        web.goes_on.set()
        assert {each.result(60) for each in both} == {cache / NAME}
    assert web.requests == 1
    assert files(cache) == [cache / NAME]


def test_what_a_killed_download_left_is_cleared(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    left = put(cache, b"").with_name(".weights.bin.0123.tmp")
    (cache / NAME).unlink()
    left.mkdir()
    (left / "weights.bin").write_bytes(CONTENT[:10])
    (cache / "folder" / ".weights.bin.lock").touch()
    assert fetch(NAME).read_bytes() == CONTENT
    assert files(cache) == [cache / NAME]


@pytest.mark.skipif(os.name == "nt", reason="platform: modes are others")
def test_a_download_may_be_read_by_whom_new_files_may(web, cache, monkeypatch, tmp_path):
    register(monkeypatch, web.url)
    (tmp_path / "other").touch()
    assert fetch(NAME).stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_server_that_is_down(web, cache, monkeypatch, capfd):
    with Web(("127.0.0.1", 0), Answer) as closed:
        url = closed.url
    register(monkeypatch, url)
    start = time.monotonic()
    assert "127.0.0.1:" in (message := assert_not_found(cache, url))
    assert f"({os.strerror(errno.ECONNREFUSED)})" in message
    assert time.monotonic() - start < 1  # it is not tried again
    assert capfd.readouterr() == ("", "")  # and nobody else says a word


def test_a_cache_that_cannot_be_written(web, cache, monkeypatch):
    register(monkeypatch, web.url)
    cache.parent.write_bytes(b"a file where the folder should be")
    assert_not_found(cache, web.url)


def test_minixai_data_is_looked_in_first(web, cache, tmp_path, monkeypatch):
    register(monkeypatch, web.url)
    path = put(tmp_path / "own", CONTENT)
    monkeypatch.setenv("MINIXAI_DATA", str(tmp_path / "own"))
    assert fetch(NAME) == path
    assert web.requests == 0
    assert files(cache) == []


@pytest.mark.parametrize("folder", ["", "missing"])
def test_a_folder_without_the_file_is_passed_over(web, cache, tmp_path, monkeypatch, folder):
    register(monkeypatch, web.url)
    monkeypatch.setenv("MINIXAI_DATA", str(tmp_path / folder) if folder else "")
    assert fetch(NAME) == cache / NAME
    assert web.requests == 1


@pytest.mark.parametrize("place", ["MINIXAI_DATA", "cache"])
def test_a_file_with_another_hash_is_refused_and_left_alone(web, cache, tmp_path, monkeypatch, place):
    register(monkeypatch, web.url)
    altered = CONTENT[:-1]
    path = put(tmp_path / "own" if place == "MINIXAI_DATA" else cache, altered)
    monkeypatch.setenv("MINIXAI_DATA", str(tmp_path / "own"))
    with pytest.raises(FileFormatError) as raised:
        fetch(NAME)
    for part in (str(path), hashlib.sha256(altered).hexdigest(), SHA256, web.url):
        assert part in str(raised.value)
    assert path.read_bytes() == altered
    assert web.requests == 0


def test_other_editions_are_taken(cache, tmp_path, monkeypatch):
    register(monkeypatch, "http://127.0.0.1/", hashlib.sha256(b"another edition").hexdigest())
    path = put(tmp_path / "own", b"another edition")
    monkeypatch.setenv("MINIXAI_DATA", str(tmp_path / "own"))
    assert fetch(NAME) == path


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no file 'resnet\.bin' is known, expected one of mnist/train"):
        fetch("resnet.bin")


@pytest.mark.parametrize("name", downloads._SOURCES)
def test_every_source_is_complete(name):
    source = downloads._SOURCES[name]
    assert source.url.startswith("https://")
    assert source.size > 0
    for digest in (source.sha256, *source.other_editions):
        assert len(bytes.fromhex(digest)) == 32


def test_the_files_here_have_the_sizes_and_hashes_of_their_sources(data_dir):
    found = [name for name in downloads._SOURCES if (data_dir / name).is_file()]
    assert "squeezenet/compressed_SqueezeNet.net" in found
    for name in found:
        path = fetch(name)
        assert path == Path(os.environ["MINIXAI_DATA"]) / name
        if not downloads._SOURCES[name].other_editions:
            assert path.stat().st_size == downloads._SOURCES[name].size
