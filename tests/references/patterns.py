"""What stands in patterns.npz; make_patterns.py says what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minixai import data

REFERENCES = data.read_arrays(Path(__file__).with_name("patterns.npz"))


def reference(name: str, part: str) -> dict[str, np.ndarray]:
    """A part of a network's arrays, by what is left of their keys."""
    prefix = f"{name}/{part}/"
    return {key.removeprefix(prefix): a for key, a in REFERENCES.items() if key.startswith(prefix)}
