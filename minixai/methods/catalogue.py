"""The catalogue of methods: what each shows, what it needs and where it fails."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from minixai.methods.explanation import Explanation

__all__ = ["METHODS", "Method", "catalogued", "markdown_table"]

Function = TypeVar("Function", bound=Callable[..., Explanation])


class Method(NamedTuple):
    """A method's entry in the catalogue, a line for each."""

    function: Callable[..., Explanation]
    shows: str  # function, signal or attribution, and of what
    needs: str  # what it costs; what it wants beside the model and x
    fails: str
    paper: str

    @property
    def quick(self) -> bool:
        """Whether it takes one walk back."""
        return self.needs.startswith("one walk")

    @property
    def takes_patterns(self) -> bool:
        """Whether it needs fitted patterns."""
        return "patterns" in inspect.signature(self.function).parameters


METHODS: dict[str, Method] = {}
"""All methods by name, in the order in which `minixai compare` shows them."""


def catalogued(shows: str, needs: str, fails: str, paper: str) -> Callable[[Function], Function]:
    """Enter the decorated method into METHODS: the command line, the README and `compare` then know it."""

    def enter(function: Function) -> Function:
        METHODS[function.__name__] = Method(function, shows, needs, fails, paper)
        return function

    return enter


def markdown_table() -> str:
    """The catalogue as README.md has it."""
    rows = [("method", "shows", "needs", "where it fails", "paper"), ("---",) * 5]
    rows += [(f"`{name}`", *method[1:]) for name, method in METHODS.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
