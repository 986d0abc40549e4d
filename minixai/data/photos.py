"""Photos from files and from the packages that bundle some."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minixai.data._reading import one_error
from minixai.errors import FileFormatError

if TYPE_CHECKING:
    from PIL import Image

# name: the package that brings it, the file's place in it
_BUNDLED = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "camera": ("skimage", "data/camera.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}


def photo(name: str | os.PathLike[str]) -> np.ndarray:
    """Read a photo, upright (its EXIF orientation is applied), grey made RGB, transparency laid on white.

    Parameters
    ----------
    name : the path of an image file, or one of the photos that scikit-image (`"astronaut"`, `"camera"`,
        `"chelsea"`, `"coffee"`) and scikit-learn (`"china"`, `"flower"`) bundle.

    Returns
    -------
    (h, w, 3) uint8, RGB, 0 to 255

    Raises
    ------
    FileNotFoundError : neither a file nor a bundled photo.
    ImportError : the package that bundles the photo is not installed.
    FileFormatError : the file is no image, is damaged, or has so many pixels (179 million, twice
        `PIL.Image.MAX_IMAGE_PIXELS`) that Pillow calls it a decompression bomb; from half of that it warns.
    """
    from PIL import Image

    path = Path(name)
    if not path.is_file():
        path = _bundled(str(name))
    with path.open("rb") as file, one_error("photo", path), Image.open(file) as image:
        return _rgb(image, path)


def _bundled(name: str) -> Path:
    """The file of a bundled photo, found without importing the package that brings it."""
    if name not in _BUNDLED:
        bundled = ", ".join(sorted(_BUNDLED))
        raise FileNotFoundError(f"photo: there is no file {name!r}; the bundled photos are {bundled}")
    package, place = _BUNDLED[name]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(
            f'photo: {name!r} comes with {package}, which is missing: pip install "minixai[lessons]"'
        )
    return Path(spec.origin).parent / place


def _rgb(image: Image.Image, path: Path) -> np.ndarray:
    """The pixels of any image as RGB of 8 bits."""
    from PIL import Image, ImageOps

    if image.mode == "F":
        raise FileFormatError(f"photo: {path} has pixels of floating point, expected 8 or 16 bits")
    image = ImageOps.exif_transpose(image) or image
    if image.mode.startswith("I"):
        image = _eight_bits(image, path)
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(opaque, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _eight_bits(image: Image.Image, path: Path) -> Image.Image:
    """A grey image of 16 bits (modes I;16 and I) in 8, since Pillow's own conversion clips it."""
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise FileFormatError(
            f"photo: {path} has values from {values.min()} to {values.max()}, expected 0 to 65535"
        )
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))
