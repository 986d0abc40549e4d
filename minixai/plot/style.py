"""Colours and sizes that all pictures share. The colours follow Okabe and Ito, safe for the colour-blind."""

from typing import Any

INK = "#222222"
FAINT = "#8a8a8a"
WARNING = "#D55E00"

SIGNAL = "#000000"
DISTRACTOR = "#B0508F"
FILTER = "#D55E00"
PATTERN = "#0072B2"
OUTPUT_MAP = "cividis"

TITLE_SIZE = 20
HEADING_SIZE = 15
TEXT_SIZE = 13

RC: dict[Any, Any] = {
    "font.size": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "axes.labelsize": TEXT_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
