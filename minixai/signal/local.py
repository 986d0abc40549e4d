"""PatternLocal: the pattern of a model's score among data around an input."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai.errors import ShapeError, warn
from minixai.nn import Module
from minixai.settings import finite_number
from minixai.signal.fitting import PatternWarning
from minixai.typing import Array

__all__ = ["local_pattern"]

FEW = 10  # samples: fewer say nothing of a covariance


def local_pattern(model: Module, x: Any, data: Any, width: float, target: Any = None) -> Array:
    """The pattern of a model's output among data near each input (PatternLocal).

    a(x) = Σ_x w_x, Σ_x the covariance of the data and w_x the least-squares fit of the output f to them, both
    with the weights exp(−‖x − xᵢ‖² / (2d·width²)), d numbers an input. As the fit is to the same data, that
    is their weighted covariance with f,  a(x) = Σᵢ pᵢ (xᵢ − x̄)(f(xᵢ) − f̄); other local models have other w.

    A linear pattern of all data is blind to what acts in products, as in XOR; near x the output is closer to
    linear. Gjølbye et al. tuned it on XAI-TRIS: its marks there are on what it was tuned to.

    Args:
        model: a Module with outputs (n, k); it answers in eval mode. A final softmax is not looked through.
        x: (n, …), inputs to explain. data: (m, …), inputs that are typical.
        width: above 0, in units of x: how far around x, as a root mean square over an input's numbers.
        target: which output, one index or (n,); None means the largest at x.

    Returns:
        (n, …) float64, in units of x times units of f.

    Raises:
        ShapeError: x or data is none of the model's input, or data has another shape than x.
        TypeError: target is no index. ValueError: a NaN, a width that is not above 0, or an unknown output.
        Warns where the weights are those of fewer than ten samples.

    Gjølbye et al., NeurIPS 2025.
    """
    x, data = model.check_input("local_pattern", x), model.check_input("local_pattern", data, "data")
    width = finite_number("local_pattern", "width", width, above=0)
    if x.shape[1:] != data.shape[1:]:
        raise ShapeError(f"local_pattern: data has shape {data.shape}, expected (m, …) like x {x.shape}")
    outputs = _flat(model.predict(data))
    classes = _classes(model, x, target, outputs.shape[1])
    flat_x, flat_data = _flat(x), _flat(data)
    found, fewest = np.empty_like(flat_x), np.inf
    for i, (each, k) in enumerate(zip(flat_x, classes, strict=True)):
        distance = np.square(flat_data - each).mean(axis=1) / (2 * width**2)
        p = np.exp(distance.min() - distance)
        p /= p.sum()
        fewest = min(fewest, 1 / np.square(p).sum())
        f = outputs[:, k] - p @ outputs[:, k]
        found[i] = (p * f) @ (flat_data - p @ flat_data)
    if fewest < FEW:
        what = f"width {width:g} takes the weight of {fewest:.1f} of {len(data)} samples"
        warn(f"local_pattern: {what}; a wider one, or more data, is less of chance", PatternWarning)
    return found.reshape(x.shape)


def _flat(a: Array) -> Array:
    return a.reshape(len(a), -1).astype(np.float64)


def _classes(model: Module, x: Array, target: Any, outputs: int) -> np.ndarray:
    if target is None:
        return _flat(model.predict(x)).argmax(axis=1)
    index = np.asarray(target)
    if index.dtype.kind not in "iu" or index.shape not in ((), (len(x),)):
        raise TypeError(f"local_pattern: target is {target!r}, expected an index, {len(x)} of them, or None")
    if np.any((index < 0) | (index >= outputs)):
        raise ValueError(f"local_pattern: target is {target!r}, expected indices in [0, {outputs})")
    return np.broadcast_to(index, (len(x),))
