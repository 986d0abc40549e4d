"""Integrated gradients, SmoothGrad and VarGrad of one input, in loops; `gradient` is a function of it."""

import numpy as np


def integrated_gradients(gradient, x, baseline, steps):
    """(x − x′) times the mean gradient at the middles of equal steps from x′ to x."""
    total = np.zeros(x.shape)
    for k in range(steps):
        total += gradient(baseline + (2 * k + 1) / (2 * steps) * (x - baseline))
    return (x - baseline) * total / steps


def mean_and_variance(gradient, x, noise):
    """Of the gradients at x + noise, over the samples."""
    mean = sum(gradient(x + sample) for sample in noise) / len(noise)
    return mean, sum((gradient(x + sample) - mean) ** 2 for sample in noise) / len(noise)


def tanh_network(x, w0, b0, w1):
    """The score w1 · tanh(w0 · x + b0) and its gradient, in closed form."""
    hidden = np.tanh(w0 @ x + b0)
    return w1 @ hidden, ((1 - hidden**2) * w1) @ w0
