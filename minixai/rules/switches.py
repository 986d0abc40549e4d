"""Unpooling without the recorded switches, to see what they are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai import ops
from minixai.ops.sizes import pair
from minixai.rules.table import maker
from minixai.tape import Node, Rule
from minixai.typing import Array

__all__ = ["SWITCHES", "unpooling"]

SWITCHES = ("recorded", "random", "centre", "first")


@maker
def unpooling(switches: str, rng: np.random.Generator | int = 0) -> Rule:
    """The rule of max_pool2d by which every window's cotangent goes to one of its pixels.

    switches: "recorded" is the maximum, as in the gradient; "random" a pixel drawn by rng; "centre" the
    middle one and "first" the upper left one, or the nearest to it that lies inside the image.
    """
    if switches not in SWITCHES:
        raise ValueError(f"unpooling: switches is {switches!r}, expected one of {', '.join(SWITCHES)}")
    if switches == "recorded":
        return ops.max_pool2d.vjp
    rng = np.random.default_rng(rng)

    def rule(g: Array, node: Node) -> tuple[Array]:
        size = node.arrays[0].shape[2:]
        places = []
        for axis in (0, 1):
            start, step, taps = _windows(node, axis, g.shape)
            low = np.maximum(0, -(start // step))
            high = np.minimum(taps - 1, (size[axis] - 1 - start) // step)
            tap: Any
            if switches == "random":
                tap = rng.integers(low, high, g.shape, endpoint=True)
            else:
                tap = np.clip((taps - 1) // 2 if switches == "centre" else 0, low, high)
            places.append(start + tap * step)
        rows, columns = places
        to = np.broadcast_to(rows * size[1] + columns, g.shape)
        return (ops.max_unpool2d.forward(g, switches=to, size=size)[0],)

    return rule


def _windows(node: Node, axis: int, shape: tuple[int, ...]) -> tuple[np.ndarray, int, int]:
    """Along an axis: where the windows start, (h', 1) or (w',), the step between taps and their number."""
    params = node.params
    kernel, stride, padding, dilation = (
        pair("unpooling", "size", size, least=0)[axis]
        for size in (
            params["kernel_size"],
            params["stride"] or params["kernel_size"],
            params["padding"],
            params["dilation"],
        )
    )
    start = np.arange(shape[2 + axis]) * stride - padding
    return start[:, None] if axis == 0 else start, dilation, kernel
