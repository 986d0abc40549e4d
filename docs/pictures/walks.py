"""Walks back, for the GIFs: a photo through SqueezeNet, and a digit through LeNet-5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import minixai as mx
from minixai.methods.microscope import Trace

__all__ = ["lenet", "squeezenet"]

DIGIT = 8003  # of MNIST's test images, the first 8 000 of which LeNet-5 learns from


def squeezenet() -> Trace:
    """LRP ε⁺ beside guided backprop, of the cat Chelsea."""
    model: Any = mx.models.squeezenet1_0(weights="imagenet")
    return _both(model, model.preprocess(mx.data.photo("chelsea")), mx.data.imagenet_labels())


def lenet() -> Trace:
    """The same of a digit, by a network that has learned for two epochs."""
    images, labels = mx.data.mnist("test")
    x = (images / 255).astype(np.float32)[:, None]
    model = mx.models.lenet5(seed=0)
    mx.nn.fit(model, x[:8000], labels[:8000], epochs=2, progress=False)
    return _both(model, x[DIGIT : DIGIT + 1], [f"digit {k}" for k in range(10)])


def _both(model: Any, x: np.ndarray, classes: Sequence[str]) -> Trace:
    return mx.methods.lrp(model, x).trace(mx.methods.guided_backprop(model, x), classes=classes)
