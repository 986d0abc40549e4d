"""A table of rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minixai.tape import Rule

__all__ = ["Rules"]


class Rules(dict[Any, Rule]):
    """Rules by (layer, op), layer or op. A strict table must cover every operation that it meets."""

    def __init__(self, table: Mapping[Any, Rule] | None = None, strict: bool = False) -> None:
        super().__init__(table or {})
        self.strict = strict
