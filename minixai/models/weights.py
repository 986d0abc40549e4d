"""Files of weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minixai import data
from minixai.data.arrays import open_arrays
from minixai.errors import FileFormatError
from minixai.nn import Module

__all__ = ["load_weights", "save_weights"]


def load_weights(model: Module, path: str | Path, arrays: Mapping[str, Any] | None = None) -> None:
    """Load a state dict from .npz or .safetensors, and set the model to eval mode.

    FileFormatError says where the file does not fit the model, which is then left as it was; its names and
    shapes are compared before an array is read.
    arrays: what was read from the file, where it had to be renamed.
    """
    if arrays is None:
        with open_arrays(path) as stored:
            return load_weights(model, path, stored)
    try:
        model.load_state_dict(arrays)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path} does not fit {type(model).__name__}: {error.args[0]}") from error
    model.eval()


def save_weights(model: Module, path: str | Path) -> None:
    """Save the state dict as .safetensors; the file is there whole or not at all."""
    data.write_arrays(path, model.state_dict())
