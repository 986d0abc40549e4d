"""The operators of tensors, such as x + y and x[0], and their methods, such as x.sum()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minixai.ops import arithmetic, reduction, shaping
from minixai.tape import Tensor


def _several(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """f(2, 3) and f((2, 3)) are the same."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes


METHODS: dict[str, Callable[..., Any]] = {
    "__add__": lambda x, y: arithmetic.add(x, y),
    "__radd__": lambda x, y: arithmetic.add(y, x),
    "__sub__": lambda x, y: arithmetic.subtract(x, y),
    "__rsub__": lambda x, y: arithmetic.subtract(y, x),
    "__mul__": lambda x, y: arithmetic.multiply(x, y),
    "__rmul__": lambda x, y: arithmetic.multiply(y, x),
    "__truediv__": lambda x, y: arithmetic.divide(x, y),
    "__rtruediv__": lambda x, y: arithmetic.divide(y, x),
    "__matmul__": lambda x, y: arithmetic.matmul(x, y),
    "__rmatmul__": lambda x, y: arithmetic.matmul(y, x),
    "__neg__": lambda x: arithmetic.negative(x),
    "__pow__": lambda x, exponent: arithmetic.power(x, exponent),
    "__getitem__": lambda x, index: shaping.slice(x, index),
    "__iter__": lambda x: (shaping.slice(x, i) for i in range(len(x.value))),
    "reshape": lambda x, *shape: shaping.reshape(x, _several(shape)),
    "transpose": lambda x, *axes: shaping.transpose(x, _several(axes) or None),
    "sum": lambda x, axis=None, keepdims=False: reduction.sum(x, axis, keepdims),
    "mean": lambda x, axis=None, keepdims=False: reduction.mean(x, axis, keepdims),
    "max": lambda x, axis=None, keepdims=False: reduction.max(x, axis, keepdims),
}

for name, method in METHODS.items():
    setattr(Tensor, name, method)
