"""A fit that can be killed: its sums in a file, and what tells whether the file belongs to the fit."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path

from minixai import data
from minixai.data._reading import one_error
from minixai.data.sealed import digest
from minixai.files import clear_unfinished, locked
from minixai.signal.moments import Moments
from minixai.typing import Array

__all__ = ["Checkpoint"]

FORMAT = "minixai checkpoint 1"


class Checkpoint:
    """The sums after some batches, and a chain of digests of these batches; as a context, for one fit alone.

    path: a `.safetensors` file. settings: of the fit, such as the digest of the model; a file with other
    settings is refused.
    """

    def __init__(self, path: str | os.PathLike[str], settings: dict[str, str]) -> None:
        self.path, self.settings = Path(path), settings
        self.chain = ""
        self.batches, self.expected = 0, ""
        self.moments: dict[str, Moments] = {}
        if self.path.suffix != ".safetensors" or not self.path.parent.is_dir():
            raise ValueError(
                f"fit_patterns: checkpoint is {str(path)!r}, expected a .safetensors file in a folder"
            )

    def __enter__(self) -> Checkpoint:
        with ExitStack() as stack:
            stack.enter_context(locked("fit_patterns", self.path))
            clear_unfinished(self.path)
            if self.path.exists():
                self._read()
            self._until_exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._until_exit.close()

    def _read(self) -> None:
        arrays, about = data.read_sealed(self.path, FORMAT, self._check_settings)
        with one_error("fit_patterns", self.path):
            self.batches, self.expected = int(about["batches"]), about["chain"]
            for name, count in json.loads(about["counts"]).items():
                own = {k.removeprefix(f"{name}/"): a for k, a in arrays.items() if k.startswith(f"{name}/")}
                self.moments[name] = Moments.from_arrays(count, own)

    def _check_settings(self, about: dict[str, str]) -> None:
        for key, value in self.settings.items():
            if about.get(key) != value:
                raise ValueError(
                    f"fit_patterns: checkpoint {self.path} is of a fit with {key} {about.get(key)}, "
                    f"this one has {value}; take another file, or delete it"
                )

    def covers(self, number: int, x: Array) -> bool:
        """Take note of batch `number`, from 1; whether the file's sums have it already.

        Raises ValueError where the batches are not those of the file.
        """
        self.chain = digest({"batch": x}, {"chain": self.chain})
        if number == self.batches and self.chain != self.expected:
            raise ValueError(
                f"fit_patterns: checkpoint {self.path} is of other data: its first {self.batches} batches "
                "are not these; take another file, or delete it"
            )
        return number <= self.batches

    def finish(self, batches: int, moments: dict[str, Moments]) -> None:
        """Save after the last batch, unless the file has it."""
        if batches < self.batches:
            raise ValueError(
                f"fit_patterns: checkpoint {self.path} is of {self.batches} batches, these are {batches}"
            )
        if batches > self.batches:
            self.save(batches, moments)

    def save(self, batches: int, moments: dict[str, Moments]) -> None:
        """Write the sums after so many batches."""
        arrays = {f"{name}/{key}": a for name, m in moments.items() for key, a in m.arrays()}
        counts = json.dumps({name: m.count for name, m in moments.items()})
        about = {"format": FORMAT, **self.settings, "batches": str(batches), "chain": self.chain}
        data.write_sealed(self.path, arrays, {**about, "counts": counts})
        self.batches = batches
