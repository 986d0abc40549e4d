"""Images with the channels of a pixel side by side, as sums over pixels want them.

That is the transpose of a matrix (channels, pixels), and slow number by number: one of the two lies far
apart. So 16 channels of 16 pixels are turned at a time, in registers: four times, each vector is interleaved
with the one eight further on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minixai.kernels.compiling import njit
from minixai.kernels.microkernel import VECTOR_BYTES

__all__ = ["SIDE", "place_rows"]

SIDE = 16  # of a block


@intrinsic
def _turn_in_registers(_, source, first, step, count, target, to, p, c):
    """As `_turn`."""
    i64 = types.int64
    signature = types.void(source, i64, i64, i64, target, to, i64, i64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target, to = (
            context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 4, 5)
        )
        _, first, step, count, _, _, p, c = args
        size = signature.args[0].dtype.bitwidth // 8
        vector = ir.VectorType(context.get_data_type(signature.args[0].dtype), SIDE)
        places = ir.VectorType(ir.IntType(32), SIDE)
        halves = [places([k // 2 + half + k % 2 * SIDE for k in range(SIDE)]) for half in (0, SIDE // 2)]

        def at(data: Any, place: Any) -> Any:
            return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())

        rows, last = [], builder.sub(count, ir.IntType(64)(1))
        for k in range(SIDE):
            number = ir.IntType(64)(k)
            number = builder.select(builder.icmp_signed("<", number, last), number, last)
            place = builder.add(first, builder.mul(step, number))
            rows.append(builder.load(at(source, place), align=size))
        for _ in range(4):
            pairs = zip(rows[: SIDE // 2], rows[SIDE // 2 :], strict=True)
            rows = [builder.shuffle_vector(*pair, half) for pair in pairs for half in halves]
        for k in range(SIDE):
            place = builder.load(builder.gep(to, [builder.add(p, ir.IntType(64)(k))]))
            builder.store(rows[k], at(target, builder.add(place, c)), align=size)
        return context.get_dummy_value()

    return signature, codegen


@njit(cache=True, nogil=True)
def _turn(source, first, step, count, target, to, p, c):
    """target[to[p + j] + c + i] = source[first + i·step + j], i and j below 16; of rows only so many."""
    for i in range(SIDE):
        for j in range(SIDE):
            target[to[p + j] + c + i] = source[first + min(i, count - 1) * step + j]


_turn_block = _turn_in_registers if VECTOR_BYTES else _turn


@njit(cache=True, nogil=True)
def _place_pixels(source, first, step, channels, room, count, target, to):
    """target[to[j] + c] = source[first + c·step + j], for all channels c and so many pixels j.

    Channels behind the last are overwritten where there is room for so many.
    """
    if count < SIDE or max(channels, room) < SIDE:
        for c in range(channels):
            for j in range(np.uint64(count)):
                target[np.uint64(to[j] + c)] = source[np.uint64(first + c * step) + j]
        return
    for begin in range(0, channels, SIDE):
        c = max(0, min(begin, channels - SIDE))  # the last block may overlap the one before
        for p in range(0, count, SIDE):
            p = min(p, count - SIDE)
            _turn_block(source, first + c * step + p, step, channels - c, target, to, p, c)


@njit(cache=True, nogil=True)
def place_rows(x, image, channels, first, size, target, at, long, room, free):
    """target[at + (i·size[1] + j)·long + c] = x[image, channels[0] + c, first[0] + i, first[1] + j].

    For i, j within `size`, where that lies inside the image. Other pixels are written to target[free:]; up to
    `room`, channels behind the last may be overwritten.
    """
    _, in_all, height, width = x.shape
    top, bottom = max(0, first[0]), min(height, first[0] + size[0])
    if bottom <= top:
        return
    to = np.empty((bottom - top) * width, np.int64)
    for i in range(bottom - top):
        row = at + (top + i - first[0]) * size[1] * long
        for j in range(width):
            column = j - first[1]
            to[i * width + j] = row + column * long if 0 <= column < size[1] else free
    start = ((image * in_all + channels[0]) * height + top) * width
    its = channels[1] - channels[0]
    _place_pixels(x.reshape(-1), start, height * width, its, room, to.size, target, to)
