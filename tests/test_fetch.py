"""Finding and downloading files, against a web server of our own on this machine."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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
    failures = 0
    requests = 0

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
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if broken else content)

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
    """An empty cache folder, no MINIXAI_DATA, and no waiting between the attempts."""
    monkeypatch.delenv("MINIXAI_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
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


def test_a_server_that_is_down(web, cache, monkeypatch):
    with Web(("127.0.0.1", 0), Answer) as closed:
        url = closed.url
    register(monkeypatch, url)
    assert_not_found(cache, url)


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
