"""A feature map of conv, ReLU, max pool (3, stride 2, padding 1) and conv, projected to pixels in loops."""

import numpy as np

from tests.oracles.convolution import conv2d, conv2d_vjp_input
from tests.oracles.pooling import max_pool2d, max_unpool2d, places

POOL = {"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1)}
CONV = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}


def maps_and_projection(x, weights, channel, switches):
    """(the second convolution's output, the map's projection) for x (n, c, h, w).

    switches: "recorded", or the place within a window, (row, column), that is taken for all of them.
    """
    before = conv2d(x, weights["0.weight"], weights["0.bias"], **CONV)
    active = np.where(before > 0, before, 0)
    pooled, recorded = max_pool2d(active, **POOL)
    maps = conv2d(pooled, weights["3.weight"], weights["3.bias"], **CONV)

    start = np.zeros(maps.shape)
    start[:, channel] = maps[:, channel]
    g = conv2d_vjp_input(start, weights["3.weight"], pooled.shape, **CONV)
    chosen = recorded if switches == "recorded" else fixed(pooled.shape, active.shape[2:], switches)
    g = max_unpool2d(g, chosen, active.shape[2:])
    g = np.where(g > 0, g, 0)
    return maps, conv2d_vjp_input(g, weights["0.weight"], x.shape, **CONV)


def fixed(shape, size, place):
    """The switches that take one place of every window, or the pixel of the window nearest to it."""
    chosen = np.zeros(shape, int)
    for (r, q), pixels in places(size, **POOL):
        wanted = (2 * r - 1 + place[0], 2 * q - 1 + place[1])
        row, column = min(pixels, key=lambda p: (p[0] - wanted[0]) ** 2 + (p[1] - wanted[1]) ** 2)
        chosen[:, :, r, q] = row * size[1] + column
    return chosen
