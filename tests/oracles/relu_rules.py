"""Gradient, DeConvNet and guided backprop through conv, ReLU, max pool and conv, in loops."""

import numpy as np


def conv_relu_pool_backward(image, weights, neuron, rule, seed):
    """The map of one unit of the second convolution, and the unit's value."""
    w0, b0, w1, b1 = weights["0.weight"], weights["0.bias"], weights["3.weight"], weights["3.bias"]
    channels, height, width = image.shape
    padded = np.zeros((channels, height + 2, width + 2))
    padded[:, 1:-1, 1:-1] = image
    before = np.zeros((len(w0), height, width))
    for k in range(len(w0)):
        for r in range(height):
            for q in range(width):
                before[k, r, q] = (padded[:, r : r + 3, q : q + 3] * w0[k]).sum() + b0[k]
    active = np.maximum(before, 0)
    pooled = np.zeros((len(w0), height // 2, width // 2))
    switch = {}
    for k in range(len(w0)):
        for r in range(height // 2):
            for q in range(width // 2):
                places = [(2 * r + u, 2 * q + v) for u in range(2) for v in range(2)]
                values = [active[k][place] for place in places]
                pooled[k, r, q] = max(values)
                switch[k, r, q] = places[values.index(max(values))]

    k, r, q = neuron
    value = (pooled[:, r : r + 3, q : q + 3] * w1[k]).sum() + b1[k]
    start = value if seed == "value" else 1.0
    g_pooled = np.zeros(pooled.shape)
    g_pooled[:, r : r + 3, q : q + 3] = start * w1[k]
    g_active = np.zeros(active.shape)
    for (c, i, j), place in switch.items():
        g_active[c][place] += g_pooled[c, i, j]
    g_before = np.zeros(before.shape)
    for place in np.ndindex(before.shape):
        g, f = g_active[place], before[place]
        if rule == "gradient":
            g_before[place] = g if f > 0 else 0
        elif rule == "deconvnet":
            g_before[place] = g if g > 0 else 0
        else:
            g_before[place] = g if g > 0 and f > 0 else 0
    g_padded = np.zeros(padded.shape)
    for c, i, j in np.ndindex(before.shape):
        g_padded[:, i : i + 3, j : j + 3] += g_before[c, i, j] * w0[c]
    return g_padded[:, 1:-1, 1:-1], value
