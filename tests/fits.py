"""Networks and convolutions to fit patterns of, data far from zero, and whether two fits are the same."""

from __future__ import annotations

import numpy as np

from minixai import nn
from minixai.signal import Patterns
from tests.networks import cast

CONVOLUTIONS = {
    "plain": {},
    "padding": {"padding": (1, 2)},
    "stride": {"stride": (2, 3), "padding": (1, 1)},
    "dilation": {"dilation": (2, 1), "padding": (2, 0)},
    "groups": {"groups": 2, "padding": (1, 1)},
    "depthwise": {"groups": 4, "stride": (2, 2)},
}


def network(dtype: type = np.float64, seed: int = 0) -> nn.Module:
    net = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, rng=seed),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 4, 3, groups=2, rng=seed + 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 5, rng=seed + 2),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(5, 3, rng=seed + 3),
    )
    return cast(net, dtype)


def far_from_zero(n: int = 40, offset: float = 1e4) -> tuple[nn.Module, np.ndarray]:
    """A float32 convolution with padding and groups, and images many standard deviations from zero."""
    net = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, rng=0), nn.ReLU())
    net[0].bias.value = -offset * net[0].weight.value.sum(axis=(1, 2, 3))
    return net, (np.random.default_rng(3).normal(offset, 1, (n, 4, 8, 8))).astype(np.float32)


def assert_same(a: Patterns, b: Patterns, tolerance: float = 0.0) -> None:
    assert list(a) == list(b)
    for name in a:
        assert list(a[name].by_kind) == list(b[name].by_kind)
        for kind in a[name].by_kind:
            np.testing.assert_allclose(
                a[name].of(kind), b[name].of(kind), rtol=tolerance, atol=tolerance, err_msg=f"{name} {kind}"
            )
        np.testing.assert_array_equal(a[name].positive_count, b[name].positive_count)
