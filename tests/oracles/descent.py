"""The steps of optimisers, one number at a time."""

from __future__ import annotations

import math

import numpy as np

from tests.oracles import Array


def sgd_step(
    p: Array, g: Array, velocity: Array, lr: float, momentum: float, decay: float
) -> tuple[Array, Array]:
    """The new p and velocity."""
    new_p, new_velocity = np.zeros(p.shape), np.zeros(p.shape)
    for i in np.ndindex(p.shape):
        new_velocity[i] = momentum * velocity[i] + g[i] + decay * p[i]
        new_p[i] = p[i] - lr * new_velocity[i]
    return new_p, new_velocity


def adam_step(
    p: Array,
    g: Array,
    mean: Array,
    square: Array,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    decay: float,
    number: int,
) -> tuple[Array, Array, Array]:
    """The new p, and the means of the gradients and of their squares (Kingma and Ba 2015, algorithm 1)."""
    new_p, new_mean, new_square = (np.zeros(p.shape) for _ in range(3))
    for i in np.ndindex(p.shape):
        gradient = g[i] + decay * p[i]
        new_mean[i] = betas[0] * mean[i] + (1 - betas[0]) * gradient
        new_square[i] = betas[1] * square[i] + (1 - betas[1]) * gradient**2
        m, v = new_mean[i] / (1 - betas[0] ** number), new_square[i] / (1 - betas[1] ** number)
        new_p[i] = p[i] - lr * m / (math.sqrt(v) + eps)
    return new_p, new_mean, new_square
