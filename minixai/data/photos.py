"""Photos from files, the one that comes with minixai, and those that other packages bundle."""

from __future__ import annotations

import os
import stat
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from minixai.data._reading import one_error
from minixai.errors import FileFormatError

if TYPE_CHECKING:
    from PIL import Image

# name: the package that brings it, the file's place in it
_BUNDLED = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "camera": ("skimage", "data/camera.png"),
    "chelsea": ("minixai", "data/bundled/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}
_WHOLE = 2**25  # pixels, more than any network looks at: larger photos are reduced
_MOST = 250_000_000  # pixels: phones have 200 million, and Pillow takes 4 bytes for each
_DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and microscopes fill of 16
_SMOOTH = ("L", "LA", "RGB", "RGBA", "CMYK")  # modes whose values can be averaged
_ORIENTATION = 0x0112  # EXIF's tag

_limit = threading.Lock()  # Pillow's belongs to the process
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_limit.acquire, after_in_parent=_limit.release, after_in_child=_limit.release)


def photo(name: str | os.PathLike[str]) -> np.ndarray:
    """Read a photo, upright (its EXIF orientation is applied), grey made RGB, transparency laid on white.

    A photo of more than 2²⁵ (33.6 million) pixels is read at half its size, of more than 2²⁷ at a quarter:
    pixels are averaged. In 16 bits white is the largest value of the fewest bits (8, 10, 12, 14 or 16) that
    hold all values, since cameras of 12 bits write files of 16.

    Parameters
    ----------
    name : the path of an image file, or `"chelsea"`, or one of the photos that scikit-image (`"astronaut"`,
        `"camera"`, `"coffee"`) and scikit-learn (`"china"`, `"flower"`) bundle.

    Returns
    -------
    (h, w, 3) uint8, RGB, 0 to 255

    Raises
    ------
    FileNotFoundError : neither a file nor a bundled photo.
    ImportError : the package that bundles the photo is not installed.
    FileFormatError : the file is no image, is damaged, has pixels of floating point, or more than 250
        million of them.
    """
    path = Path(name)
    if not path.is_file():
        path = _bundled(str(name))
    with path.open("rb") as file, one_error("photo", path), _opened(file) as image:
        if image.width * image.height > _MOST:
            size = f"{image.width}×{image.height} pixels"
            raise FileFormatError(f"photo: {path} has {size}, expected at most {_MOST // 10**6} million")
        if image.mode == "F":
            raise FileFormatError(f"photo: {path} has pixels of floating point, expected 8 or 16 bits")
        return _rgb(image, file, path)


def _bundled(name: str) -> Path:
    """The file of a bundled photo, found without importing the package that brings it."""
    if name not in _BUNDLED:
        path = Path(name)
        if path.exists() and not stat.S_ISDIR(path.stat().st_mode):
            raise FileNotFoundError(f"photo: {name!r} is a device, expected a file")
        bundled = ", ".join(sorted(_BUNDLED))
        raise FileNotFoundError(f"photo: there is no file {name!r}; the bundled photos are {bundled}")
    package, place = _BUNDLED[name]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(
            f'photo: {name!r} comes with {package}, which is missing: pip install "minixai[lessons]"'
        )
    return Path(spec.origin).parent / place


def _opened(file: IO[bytes]) -> Image.Image:
    """Pillow's image, without its own limit, which takes the photos of today's phones for an attack."""
    from PIL import Image

    with _limit:
        before = Image.MAX_IMAGE_PIXELS
        try:
            Image.MAX_IMAGE_PIXELS = None
            return Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _rgb(image: Image.Image, file: IO[bytes], path: Path) -> np.ndarray:
    """The pixels of any image as RGB of 8 bits, upright, and no more than `_WHOLE` of them."""
    from PIL import Image, ImageOps
    from PIL.PngImagePlugin import PngImageFile

    width, height = image.size
    factor = next(factor for factor in (1, 2, 4) if width * height <= _WHOLE * factor**2)
    of_16_bits = isinstance(image, PngImageFile) and image.tile[0][3] == "RGB;16B"
    if factor > 1:
        image.draft(image.mode, (max(1, width // factor), max(1, height // factor)))  # as a JPEG is decoded
        factor //= round(width / image.width)
    image.load()
    orientation = image.getexif().get(_ORIENTATION)  # what loading has not applied, as it may that of a TIFF
    if image.mode.startswith("I"):
        image = Image.fromarray(_eight_bits(np.asarray(image), path))
    elif of_16_bits and np.asarray(image).max() < 2 ** (_DEPTHS[-2] - 8):
        high, low = np.asarray(image), np.asarray(_low_bytes(file))
        image = Image.fromarray(_eight_bits(high.astype(np.uint16) << 8 | low, path))
    if factor > 1:
        if image.mode not in _SMOOTH:
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image = image.reduce(factor)
    if orientation in range(2, 9):
        exif = Image.Exif()  # that of the file is lost on the way
        exif[_ORIENTATION] = orientation
        image.info["exif"] = exif.tobytes()
        image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(opaque, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _low_bytes(file: IO[bytes]) -> Image.Image:
    """The lower bytes of a PNG's colours of 16 bits: Pillow takes the second of two if told so."""
    from PIL.PngImagePlugin import PngImageFile

    file.seek(0)
    image = PngImageFile(file)
    tiles: Any = [(*image.tile[0][:3], "RGB;16L")]
    image.tile = tiles
    return image


def _eight_bits(values: np.ndarray, path: Path) -> np.ndarray:
    """Values of 16 bits in 8, since Pillow's own conversion clips them."""
    least, largest = values.min(), values.max()
    if least < 0 or largest > 65535:
        raise FileFormatError(f"photo: {path} has values from {least} to {largest}, expected 0 to 65535")
    white = next(2**bits - 1 for bits in _DEPTHS if largest < 2**bits)
    eight = np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)
    return np.stack([eight[row] for row in values])  # row by row: NumPy makes indices of 64 bits
