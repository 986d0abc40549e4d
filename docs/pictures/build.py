"""`python -m docs.pictures.build`: draw the pictures of README.md and the slides.

They need the weights of SqueezeNet, and the photos of scikit-image (the extra `lessons` or `test`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from docs.pictures import FOLDER, joint, keep, maps, optimised, toy, walks
from minixai.cli import main
from minixai.demo import concept_picture
from minixai.methods.microscope import Trace
from minixai.plot import Picture

COMMANDS = {
    "distractor_demo": ["demo"],
    "compare_chelsea": ["compare", "chelsea", "--quick", "--percentile", "99.5"],
    "compare_coffee": ["compare", "coffee", "--quick", "--percentile", "99.5"],
    "compare_astronaut": ["compare", "astronaut", "--target", "812", "--percentile", "99.5"],
}
DRAWN: dict[str, Callable[[], Picture]] = {
    "toy_quality": toy.quality,
    "toy_patterns": toy.patterns,
    "concepts": concept_picture,
    "joint_patterns": joint.joint,
    "optimised_classes": optimised.classes,
    "optimised_growth": optimised.growth,
    "invariances": optimised.curved,
    "cam_guided": maps.guided,
    "cam_two_objects": maps.two_objects,
    "cam_by_layer": maps.by_layer,
    "filters_and_patterns": maps.filters,
}
WALKS: dict[str, Callable[[], Trace]] = {"walk_squeezenet": walks.squeezenet, "walk_lenet": walks.lenet}


def picture_of(command: list[str]) -> np.ndarray:
    """The picture that a command of minixai saves."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        if main([*command, "--save", str(path)]):
            raise SystemExit(1)
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))


if __name__ == "__main__":
    for name, command in COMMANDS.items():
        keep(picture_of(command), FOLDER / f"{name}.jpg")
    for name, draw in DRAWN.items():
        keep(draw().pixels(), FOLDER / f"{name}.jpg")
    for name, walk in WALKS.items():
        walk().save(FOLDER / f"{name}.gif")
