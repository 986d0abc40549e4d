"""What a convolution's kernel sees: the patches of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.checks.report import Array

__all__ = ["patches_of"]


def patches_of(
    x: Array,
    size: tuple[int, ...],
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    mode: Any = "constant",
) -> Array:
    """(n, rows, columns, c, kh, kw) from images (n, c, h, w), cut one after the other; mode: of np.pad."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode)
    high, wide = (dilation * (each - 1) + 1 for each in size)
    rows, columns = range(0, x.shape[2] - high + 1, stride), range(0, x.shape[3] - wide + 1, stride)
    cut = [[x[:, :, i : i + high : dilation, j : j + wide : dilation] for j in columns] for i in rows]
    return np.array(cut).transpose(2, 0, 1, 3, 4, 5)
