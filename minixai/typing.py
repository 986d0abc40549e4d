"""What type checkers should know of arrays and tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minixai.tape import Tensor

__all__ = ["Array", "Operators"]

Array = np.ndarray[Any, np.dtype[np.floating[Any]]]


class Operators:
    """The operators and methods of tensors; `minixai.ops.operators` says what they do."""

    __add__: Callable[..., Tensor]
    __radd__: Callable[..., Tensor]
    __sub__: Callable[..., Tensor]
    __rsub__: Callable[..., Tensor]
    __mul__: Callable[..., Tensor]
    __rmul__: Callable[..., Tensor]
    __truediv__: Callable[..., Tensor]
    __rtruediv__: Callable[..., Tensor]
    __matmul__: Callable[..., Tensor]
    __rmatmul__: Callable[..., Tensor]
    __neg__: Callable[..., Tensor]
    __pow__: Callable[..., Tensor]
    __getitem__: Callable[..., Tensor]
    __iter__: Callable[..., Iterator[Tensor]]
    reshape: Callable[..., Tensor]
    transpose: Callable[..., Tensor]
    sum: Callable[..., Tensor]
    mean: Callable[..., Tensor]
    max: Callable[..., Tensor]
