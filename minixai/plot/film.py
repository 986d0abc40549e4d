"""Films of images, as GIF files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minixai.files import write_whole
from minixai.plot import style

__all__ = ["save_film"]

SIDE = 224  # pixels, at least, of each image
GAP, LINE, TEXT = 8, 30, 18  # pixels: around images, of a line of text, of its letters
SHOWN, LAST = 120, 1500  # milliseconds


def save_film(
    call: str, path: Path, frames: np.ndarray, captions: Sequence[str], names: Sequence[str] = ()
) -> None:
    """Write frames (k, n, h, w, 3) uint8 as a film that shows n images side by side, again and again.

    captions: k lines below. names: n of them, above the images. Small images are enlarged pixel by pixel.
    Raises OSError, in the call's name, where the file cannot be written.
    """
    film = [_drawn(images, caption, names) for images, caption in zip(frames, captions, strict=True)]
    buffer = io.BytesIO()
    lasting = [SHOWN] * (len(film) - 1) + [LAST]
    film[0].save(buffer, "GIF", save_all=True, append_images=film[1:], duration=lasting, loop=0)
    write_whole(call, path, buffer.getvalue())


def _drawn(images: np.ndarray, caption: str, names: Sequence[str]) -> Image.Image:
    n, h, w, _ = images.shape
    factor = max(1, -(-SIDE // max(h, w)))
    high, wide, above = factor * h, factor * w, LINE if names else GAP
    sheet = Image.new("RGB", (GAP + n * (wide + GAP), above + high + LINE), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)
    for k, image in enumerate(images):
        left = GAP + k * (wide + GAP)
        sheet.paste(Image.fromarray(image).resize((wide, high), Image.Resampling.NEAREST), (left, above))
        if names:
            draw.text((left, GAP // 2), names[k], style.INK, font)
    draw.text((GAP, above + high + GAP // 2), caption, style.INK, font)
    return sheet
