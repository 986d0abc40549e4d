"""A small network, and images with a planted patch, for tests of concepts."""

from __future__ import annotations

import numpy as np

from minixai import nn
from tests.networks import float64

PATCH = np.array([[1.0, -1, 1], [-1, 1, -1], [1, -1, 1]])


def with_patch(n: int, seed: int, strength: float = 2.0) -> np.ndarray:
    """Noise (n, 1, 8, 8) with the patch at a random place; strength 0 leaves it out."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1, 8, 8))
    for image, (row, column) in zip(x, rng.integers(0, 6, (n, 2)), strict=True):
        image[0, row : row + 3, column : column + 3] += strength * PATCH
    return x


def detector(weight: float = 1.0) -> nn.Module:
    """Its first map answers to the patch, and the first of three logits to that map by this weight."""
    net = float64(
        nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1, rng=0),
            nn.ReLU(),
            nn.Conv2d(6, 5, 3, padding=1, rng=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(5, 3, rng=2),
        )
    )
    state = net.state_dict()
    state["0.weight"][0] = PATCH / 9
    state["0.bias"][0] = -1.0
    state["2.weight"][0] = 0
    state["2.weight"][0, 0, 1, 1] = 1
    state["6.weight"][0] = 0
    state["6.weight"][0, 0] = weight
    net.load_state_dict(state)
    return net
