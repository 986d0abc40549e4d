"""Bars of progress. Without one tqdm is not touched: an interrupt could leave its lock taken for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["progress_bar"]


class _Unseen:
    """What goes through a bar, without one."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = items

    def __enter__(self) -> _Unseen:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def update(self, number: int) -> None:
        """So many more are done."""

    def set_postfix(self, **_: Any) -> None:
        """What stands behind the bar."""


def progress_bar(progress: bool, items: Iterable[Any] | None, label: str, **settings: Any) -> Any:
    """A context and an iterator of the items, with tqdm's bar and settings if progress is asked for."""
    if not progress:
        return _Unseen(() if items is None else items)
    from tqdm.auto import tqdm

    return tqdm(items, label, **settings)
