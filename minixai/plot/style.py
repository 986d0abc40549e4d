"""Colours and sizes that all pictures share. The colours follow Okabe and Ito, safe for the colour-blind."""

from typing import Any

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)  # of one panel, in this order

INK = "#222222"
FAINT = "#8a8a8a"
WARNING = VERMILION

SIGNAL = BLACK
DISTRACTOR = "#B0508F"
FILTER = VERMILION
PATTERN = BLUE
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
