"""Numbers and tables as text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

__all__ = ["aligned", "escaped", "interval", "minus", "printable"]


def minus(text: str) -> str:
    """The text with minus signs for its hyphens: −1, not -1."""
    return text.replace("-", "−")


def interval(triple: Iterable[float], form: str = ".3f") -> str:
    """A mean and its interval: 0.41 [0.30, 0.52]."""
    mean, low, high = (minus(format(each, form)) for each in triple)
    return f"{mean} [{low}, {high}]"


def printable(text: str) -> str:
    """The text in one line, with escapes for what a terminal would obey, or cannot show."""
    return "".join(c if c.isprintable() else escaped(c) for c in " ".join(text.split()))


def escaped(character: str) -> str:
    """As Python writes it where it cannot be shown: \\x1b, \\udcff."""
    return character.encode("unicode_escape").decode("ascii")


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Rows of cells as lines of columns: those numbered in `left` to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if number in left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
