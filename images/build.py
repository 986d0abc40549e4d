"""`python images/build.py`: draw the pictures of README.md and the slides, small enough for a web page.

They need the weights of SqueezeNet, and the photos of scikit-image (the extra `lessons` or `test`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import toy
from PIL import Image

from minixai.cli import main
from minixai.plot import Picture

FOLDER = Path(__file__).parent
WIDTH = 1200  # pixels
PICTURES = {
    "distractor_demo": ["demo"],
    "compare_chelsea": ["compare", "chelsea", "--quick", "--percentile", "99.5"],
    "compare_coffee": ["compare", "coffee", "--quick", "--percentile", "99.5"],
    "compare_astronaut": ["compare", "astronaut", "--target", "812", "--percentile", "99.5"],
}
DRAWN: dict[str, Callable[[], Picture]] = {"toy_quality": toy.quality, "toy_patterns": toy.patterns}


def build(name: str, command: list[str]) -> None:
    """Run a command of minixai and keep a smaller copy of its picture."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.png"
        if main([*command, "--save", str(path)]):
            raise SystemExit(1)
        with Image.open(path) as image:
            keep(name, image.convert("RGB"))


def keep(name: str, image: Image.Image) -> None:
    """Write a smaller copy of a picture beside this file."""
    size = (WIDTH, WIDTH * image.height // image.width)
    small = image.resize(size, Image.Resampling.LANCZOS)
    small.save(FOLDER / f"{name}.jpg", quality=85, subsampling=0, optimize=True)


if __name__ == "__main__":
    for name, command in PICTURES.items():
        build(name, command)
    for name, draw in DRAWN.items():
        keep(name, Image.fromarray(draw().pixels()))
