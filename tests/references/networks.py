"""The networks of patterns.npz, written once for both libraries: nn is minixai's or PyTorch's."""

from __future__ import annotations

from typing import Any


def everything(nn: Any) -> Any:
    """Padding, stride, dilation and groups; a dead, an always-on and three constant neurons."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, (3, 2), stride=2, padding=(2, 1), dilation=2, groups=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(72, 10),
        nn.ReLU(),
        nn.Linear(10, 5),
    )


def averages(nn: Any) -> Any:
    """A convolution without bias, average pooling, and a convolution that gives the logits."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Conv2d(6, 5, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def shared(nn: Any) -> Any:
    """One convolution called twice: layers 2 and 4 are the same module, whose moments are pooled."""
    twice = nn.Conv2d(4, 4, 3, padding=1)
    layers = (nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), twice, nn.ReLU(), twice, nn.ReLU())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 5))


NETWORKS = {"everything": everything, "averages": averages, "shared": shared}
