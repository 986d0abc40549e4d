"""ClArC: a concept taken out of a layer's output, or put into it, on the way forward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import numpy as np

from minixai.concepts.directions import Split, split
from minixai.concepts.fitting import Concept
from minixai.context import edited
from minixai.errors import ShapeError
from minixai.nn import Module
from minixai.nn.module import check_model
from minixai.settings import one_of
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = ["clarc"]

Mode = Literal["projective", "augmentative"]


@contextmanager
def clarc(
    model: Module, concept: Concept, mode: Mode = "projective", direction: Split = "signal"
) -> Iterator[None]:
    """Within this context a layer's output has no concept, or always has it.

    h ← h − a·wᵀ(h − m)/(wᵀa)

    direction: "pattern" takes the concept's pattern for both a and w, "filter" its filter; "signal" reads by
    the filter w and subtracts along the pattern a, as `signal.eraser` does.

    "projective": m is the mean of images without the concept, so that by w all images are as those are.
    "augmentative": m is the mean of images with it, so that all are as if they showed it: a model trained in
    this context learns that the concept means nothing.

    The model is unchanged: the edit holds in this thread, for predictions, explanations and training within
    the `with` block. A concept that is pooled over places is edited at every place: fit one that shows in a
    few places, such as a watermark, with pool=None (lesson 13). What w reads for other
    reasons goes, too, with "pattern" all that a class shares with the concept: measure what it costs on
    images without the concept.

    Args:
        model: the one that the concept was fitted to.
        concept: of `concepts.fit`.
        mode: "projective" or "augmentative".
        direction: "pattern", "filter" or "signal".

    Raises:
        ValueError: a setting is unknown, the concept was not found, or the model has no such layer.
        ShapeError: the layer's output does not fit the concept.

    Anders et al. 2022, arXiv 1912.11425; with patterns, Pahde et al. 2025, arXiv 2202.03482.
    """
    check_model("clarc", model)
    one_of("clarc", "mode", mode, get_args(Mode))
    w, a = split("clarc", concept.pattern, concept.filter, direction)
    concept.check_found("clarc")
    module = dict(model.named_modules()).get(str(concept.layer))
    if module is None:
        raise ValueError(
            f"clarc: the model has no layer {concept.layer!r}, expected the concept's, named without a call"
        )
    mean = concept.mean_with if mode == "augmentative" else concept.mean_without

    def edit(h: Tensor) -> Tensor:
        shape = h.shape[1:2] if concept.pool else h.shape[1:]
        if shape != w.shape:
            raise ShapeError(f"clarc: layer {concept.unit} returns {h.shape}, the concept is {w.shape}")
        return _moved(h, w, a, float(np.sum(w * mean)))

    with edited(module, edit):
        yield


def _moved(h: Tensor, w: Array, a: Array, at: float) -> Tensor:
    """h (n, …) moved along a to where its product with w is `at`, at every place behind w; wᵀa = 1."""
    units = tuple(range(1, 1 + w.ndim))
    w, a = (v.astype(h.dtype).reshape(*v.shape, *[1] * (h.ndim - 1 - v.ndim)) for v in (w, a))
    y = (h * w).sum(axis=units, keepdims=True)
    return h - (y - h.dtype.type(at)) * a
