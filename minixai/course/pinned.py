"""What a term is pinned to: the files that keep it from moving when packages get new versions."""

from __future__ import annotations

import platform
from pathlib import Path

from minixai import __version__
from minixai.files import write_whole

__all__ = ["CONTAINER", "write_pins"]

CONTAINER = "container"  # the folder in a term of which the image is built
GRADING = f"minixai[course,lessons]=={__version__}"
CONTAINERFILE = f"""\
# The packages with which submissions are run, as they were when the term was made.
# `minixai course TERM grade` builds it, once, and anew when a file in this folder has changed.
# To grade with mended checks, put your wheel of minixai here, its version {__version__}+mended.
FROM docker.io/library/python:{platform.python_version()}-slim
COPY . /term
RUN pip install --no-cache-dir --find-links /term --constraint /term/constraints.txt '{GRADING}'
RUN useradd --create-home --uid 61000 student
USER student
RUN python -m minixai.course.inside --warm
"""


def write_pins(folder: Path) -> None:
    """Write what students install, and what the container for grading is built of."""
    container = folder / CONTAINER
    container.mkdir()
    write_whole("course", folder / "requirements.txt", f"minixai[lessons]=={__version__}\n".encode())
    write_whole("course", container / "Containerfile", CONTAINERFILE.encode())
    write_whole("course", container / "constraints.txt", _constraints(GRADING).encode())


def _constraints(requirement: str) -> str:
    """A line NAME==VERSION for each package that a requirement needs, as it is installed here."""
    from importlib.metadata import PackageNotFoundError, distribution

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines, todo, seen = dict[str, str](), [Requirement(requirement)], set[tuple[str, str]]()
    while todo:
        each = todo.pop()
        name = canonicalize_name(each.name)
        try:
            found = distribution(each.name)
        except PackageNotFoundError:
            lines[name] = f"# {name} was not installed when the term was made: it is not pinned"
            continue
        if name != "minixai":  # the Containerfile says it
            lines[name] = f"{name}=={found.version}"
        wanted = {"", *each.extras} - {extra for known, extra in seen if known == name}
        seen |= {(name, extra) for extra in wanted}
        for needed in map(Requirement, found.requires or ()):
            if any(needed.marker is None or needed.marker.evaluate({"extra": extra}) for extra in wanted):
                todo.append(needed)
    return "".join(f"{lines[name]}\n" for name in sorted(lines))
