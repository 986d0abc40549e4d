"""ONNX Runtime's side: forward passes of our networks, exported by a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.inputs import images

VERSIONS = {"onnxruntime": onnxruntime.__version__}
TOLERANCE = 1e-4  # of the largest output

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = (
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
)


def set_threads(threads: int) -> None:
    options.intra_op_num_threads = threads


def count_threads() -> int:
    return options.intra_op_num_threads


def forward(model: str, batch: int, size: int | None = None, channels: int = 0) -> Callable[[], Any]:
    session, x = opened(model, size, channels), images(model, batch, size, channels)
    return lambda: session.run(None, {"x": x})


def opened(model: str, size: int | None, channels: int) -> Any:
    """A session that has been seen to give what minixai gives."""
    path = Path(tempfile.gettempdir()) / f"{model}_{size}_{channels}.onnx"
    if not path.exists():
        arguments = json.dumps({"model": model, "size": size, "channels": channels})
        subprocess.run([sys.executable, "-m", "benchmarks.onnx_models", path, arguments], check=True)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with np.load(path.with_suffix(".npz")) as known:
        x, expected = known["x"], known["y"]
    check(model, session.run(None, {"x": x})[0], expected)
    return session


def check(model: str, y: np.ndarray, expected: np.ndarray) -> None:
    """Raise RuntimeError unless both sides' outputs agree."""
    error = abs(y - expected).max() / abs(expected).max()
    if not error <= TOLERANCE:
        raise RuntimeError(f"{model}: ONNX Runtime's output is off by {error:.0e} of the largest of ours")
