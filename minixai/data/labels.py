"""The names of ImageNet's classes."""

from __future__ import annotations

import re
from pathlib import Path

from minixai.data._reading import one_error
from minixai.data.downloads import fetch
from minixai.errors import FileFormatError

_CLASSES = 1000
_LINE = re.compile(r"(?P<index>\d+)[:,] (?P<name>\S.*)")


def imagenet_labels() -> list[str]:
    """Return the names of ImageNet's 1 000 classes; the place in the list is the class index.

    Raises
    ------
    WeightsNotFoundError : the file of names is neither here nor to be had from the web.
    FileFormatError : the file is damaged.
    """
    return _parse(fetch("squeezenet/imagenet_labels.txt"))


def _parse(path: Path) -> list[str]:
    """The names in lines "index: name" or "index, name"."""
    with one_error("imagenet_labels", path):
        lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) != _CLASSES:
        raise FileFormatError(f"imagenet_labels: {path} has {len(lines)} lines, expected {_CLASSES}")
    names = []
    for i, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None or match["index"] != str(i):
            raise FileFormatError(f"imagenet_labels: {path}, line {i + 1}: {line!r}, expected '{i}: name'")
        names.append(match["name"].replace("_", " "))
    return names
