"""Submissions are run in containers: without network, bounded, with no file of the teacher's in reach.

`Contained` stands in the term's nbgrader_config.py in place of nbgrader's Execute. A container is given one
notebook on stdin and gives it back, run, on stdout; nothing is mounted. Of what comes back only the outputs
are taken. What they are worth is then found out here, by nbgrader.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
from traitlets import Enum, Integer, Unicode

from minixai import __version__
from minixai.course.inside import RunWhole
from minixai.course.pinned import CONTAINER

__all__ = ["Contained", "NotRunError"]

RUNTIMES = ("podman", "docker")
LARGEST = 50_000_000  # bytes of a notebook that has been run


class NotRunError(OSError):
    """A submission could not be run; it gets no marks, which is not to say none of them."""


class Contained(RunWhole):
    """Runs a notebook in a container of its own; the working directory is the term's folder."""

    runtime = Enum(
        (*RUNTIMES, "any", "none"), "any", help="any: the first that answers; none: run with your rights"
    ).tag(config=True)
    version = Unicode(__version__, help="of minixai, with which the term was made").tag(config=True)
    memory = Integer(4096, help="MiB, and as much for a process").tag(config=True)
    disk = Integer(1024, help="MiB of /tmp, in memory").tag(config=True)
    processes = Integer(512, help="processes and threads").tag(config=True)
    minutes = Integer(20, help="for the whole notebook").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Run the cells of the notebook in place."""
        if self.runtime == "none":
            self.get_ready()
            return super().preprocess(nb, resources)
        ran = _read(self._run(nbformat.writes(nb).encode()))
        if [cell.cell_type for cell in ran.cells] != [cell.cell_type for cell in nb.cells]:
            raise NotRunError("other cells came back than were sent")
        for cell, done in zip(nb.cells, ran.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = done.outputs, done.execution_count
        return nb, resources

    def get_ready(self) -> None:
        """Build the image, if it is not there; without a container, see that minixai is the term's."""
        if self.runtime != "none":
            _image(_answering(self.runtime), Path(CONTAINER))
        elif self.version != __version__:
            raise NotRunError(
                f"grade: the term was made with minixai {self.version}, this is {__version__}: leave "
                f"--no-container away, or pip install minixai=={self.version}"
            )

    def command(self, runtime: str, name: str, image: str) -> list[str]:
        """The command line of a container that takes a notebook on stdin and gives it back on stdout."""
        data = self.memory << 20
        return [
            *(runtime, "run", "--rm", "--interactive", "--name", name, "--pull", "never"),
            *("--network", "none", "--read-only", "--tmpfs", f"/tmp:size={self.disk}m,mode=1777"),
            *("--cap-drop", "all", "--security-opt", "no-new-privileges", "--log-driver", "none"),
            *("--memory", f"{self.memory}m", "--memory-swap", f"{self.memory}m"),
            *("--pids-limit", f"{self.processes}", "--ulimit", f"nproc={self.processes}:{self.processes}"),
            *("--ulimit", f"data={data}:{data}", "--ulimit", "nofile=1024:1024", "--env", "HOME=/tmp"),
            *("--workdir", "/tmp", image),
            *("python", "-m", "minixai.course.inside", "--timeout", f"{self.timeout}"),
        ]

    def _run(self, notebook: bytes) -> bytes:
        """What the container says to a notebook, at most LARGEST bytes and one more."""
        runtime = _answering(self.runtime)
        name = f"minixai-{uuid4().hex}"
        command = self.command(runtime, name, _image(runtime, Path(CONTAINER)))
        pipe = subprocess.PIPE
        with (
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process,
            ThreadPoolExecutor(3) as pool,
        ):
            pool.submit(_give, process.stdin, notebook)
            answer = pool.submit(_first, process.stdout, LARGEST + 1)
            words = pool.submit(_first, process.stderr, 100_000)
            try:
                status = process.wait(60 * self.minutes)
            except subprocess.TimeoutExpired:
                raise NotRunError(f"it took more than {self.minutes} minutes") from None
            finally:
                if process.poll() is None:
                    subprocess.run([runtime, "rm", "--force", name], capture_output=True)
        if status == 137:
            raise NotRunError(f"it was killed: more than {self.memory} MiB?")
        if status:
            raise NotRunError(f"{runtime} ended with status {status}: {_last_line(words.result())}")
        return answer.result()


def _read(answer: bytes) -> Any:
    """The notebook that came back."""
    if len(answer) > LARGEST:
        raise NotRunError(f"its outputs have more than {LARGEST // 1_000_000} MB")
    try:
        notebook = nbformat.reads(answer.decode(), as_version=4)
        nbformat.validate(notebook)
    except (ValueError, nbformat.ValidationError):
        raise NotRunError("what came back is no notebook") from None
    return notebook


def _give(stream: Any, content: bytes) -> None:
    with suppress(BrokenPipeError), stream:
        stream.write(content)


def _first(stream: Any, most: int) -> bytes:
    """The first bytes of a stream; it is read to its end, so that its writer is not held up."""
    got = bytearray()
    while piece := stream.read1(1 << 16):
        got += piece[: most - len(got)]
    return bytes(got)


def _last_line(text: bytes) -> str:
    return (text.decode(errors="replace").strip().splitlines() or ["no word"])[-1]


@functools.cache
def _answering(wanted: str) -> str:
    """The runtime that is wanted, or for "any" the first that answers."""
    told = []
    for runtime in RUNTIMES if wanted == "any" else (wanted,):
        if shutil.which(runtime) is None:
            told.append(f"{runtime} is not installed")
            continue
        done = subprocess.run([runtime, "info"], stdin=subprocess.DEVNULL, capture_output=True)
        if not done.returncode:
            return runtime
        told.append(f"{runtime} says {_last_line(done.stderr)!r}")
    raise NotRunError(
        f"grade: {', '.join(told)}: install podman, or add --no-container, which runs the students' code "
        "with your rights"
    )


def _image(runtime: str, folder: Path) -> str:
    """The image of a folder; built if there is none of these very files, which needs network and minutes."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    digest = sha256(b"".join(path.name.encode() + sha256(path.read_bytes()).digest() for path in files))
    image = f"localhost/minixai-term:{digest.hexdigest()[:16]}"
    if subprocess.run([runtime, "image", "inspect", image], capture_output=True).returncode:
        build = [runtime, "build", "--tag", image, "--file", f"{folder / 'Containerfile'}", f"{folder}"]
        if status := subprocess.run(build).returncode:
            raise NotRunError(f"grade: {runtime} build ended with status {status}; above it says why")
    return image
