"""ROAD's noisy linear imputation: removed pixels as what their neighbours say (Rong et al. 2022)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from minixai.typing import Array

__all__ = ["Mask", "road"]

Mask = np.ndarray[Any, np.dtype[np.bool_]]

WEIGHTS = {(0, 1): 1 / 6, (1, 0): 1 / 6, (1, 1): 1 / 12, (1, -1): 1 / 12}  # of a step, and of its reverse
NOISE = 0.1  # in standard deviations of the image


def road(image: Array, removed: Mask, rng: np.random.Generator) -> Array:
    """(c, h, w): each removed pixel as the weighted mean of its eight neighbours, plus N(0, (0.1·std x)²).

    x_p = Σ_q w_pq·x_q / Σ_q w_pq, w = 1/6 beside and 1/12 across, solved for all removed pixels at once;
    known ones keep their values. Where none is left, the mean of each channel.
    Rong et al. 2022, arXiv 2202.00449, section 4.3; the noise covers what the shape of a hole would tell.

    removed: (h, w) bool.
    """
    if not removed.any():
        return image
    filled = image.astype(np.float64)
    if removed.all():
        filled[:] = image.mean(axis=(1, 2), keepdims=True)
    else:
        filled[:, removed] = _solved(filled, removed)
    noise = NOISE * image.std() * rng.standard_normal((len(image), int(removed.sum())))
    filled[:, removed] += noise
    return filled.astype(image.dtype)


def _solved(image: Array, removed: Mask) -> Array:
    """(c, m): the values of the m removed pixels."""
    sparse, linalg = _scipy("sparse"), _scipy("sparse.linalg")
    h, w = removed.shape
    number = np.arange(h * w).reshape(h, w)
    pairs, weights = [], []
    for (down, across), weight in WEIGHTS.items():
        left, right = max(-across, 0), w - max(across, 0)
        here = number[: h - down, left:right].ravel()
        there = number[down:, left + across : right + across].ravel()
        pairs += [(here, there), (there, here)]
        weights += [np.full(len(here), weight)] * 2
    rows, columns = (np.concatenate(each) for each in zip(*pairs, strict=True))
    links = sparse.csr_array((np.concatenate(weights), (rows, columns)), shape=(h * w, h * w))
    unknown, known = np.flatnonzero(removed), np.flatnonzero(~removed)
    of_unknown = links[unknown]
    total = np.asarray(of_unknown.sum(axis=1)).ravel()
    system = sparse.diags_array(total) - of_unknown[:, unknown]
    right_side = of_unknown[:, known] @ image.reshape(len(image), -1)[:, known].T
    return np.asarray(linalg.splu(system.tocsc()).solve(right_side)).T


def _scipy(module: str) -> Any:
    try:
        return import_module(f"scipy.{module}")
    except ImportError as error:
        raise ImportError("degrade: fill 'road' needs SciPy: pip install \"minixai[lessons]\"") from error
