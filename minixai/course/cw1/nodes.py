"""The nodes that answers are handed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minixai.checks.report import Answer, CheckError

LOOKS = 100


class Entry:
    """What the coursework calls a Node; it refuses to be looked at without end, and to be written on."""

    def __init__(
        self, value: Any, inputs: Sequence[Entry] = (), vjp: Answer | None = None, name: str = ""
    ) -> None:
        self.value, self.vjp, self.name = np.asarray(value), vjp, name
        self._inputs, self.looks = tuple(inputs), 0

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in ("value", "vjp", "name", "_inputs", "looks"):
            raise CheckError(f"the answer writes {name} on a node: leave no marks there, use a dict or a set")
        super().__setattr__(name, value)

    @property
    def inputs(self) -> tuple[Entry, ...]:
        """What the node was computed from."""
        self.looks += 1
        if self.looks > LOOKS:
            raise CheckError(
                f"the inputs of {self.name} were looked at more than {LOOKS} times: "
                "remember which nodes you have seen, and look at each a few times only"
            )
        return self._inputs


def reachable(output: Entry) -> set[Entry]:
    """The nodes that the output was computed from; their looks are counted anew."""
    found, todo = {output}, [output]
    while todo:
        new = set(todo.pop()._inputs) - found
        found |= new
        todo.extend(new)
    for node in found:
        node.looks = 0
    return found
