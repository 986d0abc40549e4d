"""What is made of weights before they are used, kept as long as the weights are.

A parameter's array is never written to: training puts another in its place. So what was made of it stays
right, and is kept under the array's identity until the array is freed. Of an array that somebody could still
write to, nothing is kept.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial

from minixai.arrays import frozen, is_frozen
from minixai.kernels.layout import readable
from minixai.typing import Array

__all__ = ["kept_bytes", "made_of"]

MOST_BYTES = 1 << 30  # of all that is kept; beyond, what was not used for the longest time goes

Made = dict[Hashable, Array]  # of one array of weights, by its kind

_kept: OrderedDict[int, tuple[weakref.ref[Array], Made]] = OrderedDict()  # by the identity of the weights


def made_of(w: Array, kind: Hashable, make: Callable[[Array], Array]) -> Array:
    """make(w), read-only. A second call for the same array and kind may return the same result.

    There is no lock, which a forked child might inherit taken: each step leaves what is kept in order.
    """
    if not is_frozen(w):
        return readable(make(readable(w)))
    _, of_one = _kept.get(id(w), (None, {}))
    made = of_one.get(kind)
    if is_new := made is None:
        made = frozen(readable(make(readable(w))))  # so that what is made of it is kept, too
        freed = weakref.ref(w, partial(_kept.pop, id(w)))  # all in C: no interrupt can lose it
        _kept.setdefault(id(w), (freed, {}))[1][kind] = made
    with contextlib.suppress(KeyError):  # another thread's need of room
        _kept.move_to_end(id(w))
    while is_new and len(_kept) > 1 and kept_bytes() > MOST_BYTES:
        _kept.popitem(last=False)
    return made


def kept_bytes() -> int:
    """How much memory is taken by what is kept."""
    return sum(array.nbytes for _, of_one in list(_kept.values()) for array in list(of_one.values()))
