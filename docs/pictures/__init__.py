"""The pictures of README.md and experiments/README.md, small enough for a web page."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from minixai.files import write_whole

__all__ = ["FOLDER", "keep"]

FOLDER = Path(__file__).parent
WIDTH = 1200  # pixels


def keep(pixels: np.ndarray, path: Path) -> None:
    """Write a smaller copy of a picture (height, width, 3) uint8 as JPEG."""
    image = Image.fromarray(pixels)
    size = (WIDTH, WIDTH * image.height // image.width)
    jpeg = io.BytesIO()
    smaller = image.resize(size, Image.Resampling.LANCZOS)
    smaller.save(jpeg, "JPEG", quality=85, subsampling=0, optimize=True)
    write_whole("pictures", path, jpeg.getvalue())
