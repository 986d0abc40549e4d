"""What a call needs to know of its surroundings, in context variables: no flag on a shared object.

What is set `apart` is set in this thread only and ends with the call, so that no interrupt, thread or
generator can leave it wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, copy_context
from types import MappingProxyType
from typing import Any, TypeVar

__all__ = [
    "apart",
    "current_layer",
    "edited",
    "edits",
    "letting_go",
    "network_call",
    "no_tape",
    "recording",
    "training",
    "walks",
]

Result = TypeVar("Result")

recording: ContextVar[bool] = ContextVar("recording", default=True)  # whether operations leave nodes
letting_go: ContextVar[Callable[[Any, Any], bool] | None] = ContextVar(
    "letting_go", default=None
)  # (node, operation that takes its output) -> whether it is not kept, but made again for who reads it
training: ContextVar[bool | None] = ContextVar("training", default=None)  # None: as each module was set
current_layer: ContextVar[str | None] = ContextVar("current_layer", default=None)
edits: ContextVar[Mapping[Any, Callable[[Any], Any]]] = ContextVar(
    "edits", default=MappingProxyType({})
)  # module -> output -> output
network_call: ContextVar[Any] = ContextVar("network_call", default=None)  # of the whole one that goes on
walks: ContextVar[list[Any] | None] = ContextVar("walks", default=None)  # where a question's walks are kept


def apart(call: Callable[[], Result], **values: Any) -> Result:
    """Call in a context of its own, in which these variables have these values, and no network is called."""

    def inside() -> Result:
        for variable, value in {"network_call": None, "current_layer": None, **values}.items():
            VARIABLES[variable].set(value)
        return call()

    return copy_context().run(inside)


VARIABLES = {
    variable.name: variable
    for variable in (recording, letting_go, training, current_layer, network_call, walks)
}


@contextlib.contextmanager
def no_tape() -> Iterator[None]:
    """Within this context operations only compute: nothing is kept for a way back."""
    token = recording.set(False)
    try:
        yield
    finally:
        recording.reset(token)


@contextlib.contextmanager
def edited(module: Any, edit: Callable[[Any], Any]) -> Iterator[None]:
    """Within this context what a module returns is edited, after edits from outside; in this thread only."""
    outer = edits.get()
    before = outer.get(module, lambda output: output)
    token = edits.set({**outer, module: lambda output: edit(before(output))})
    try:
        yield
    finally:
        edits.reset(token)
