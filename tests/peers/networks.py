"""Small networks, written once for both libraries, whose layers have the same names and arguments.

nn is minixai's or PyTorch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import minixai as mx


def as_arrays(model: Any) -> dict[str, np.ndarray]:
    """The state of a model of PyTorch."""
    return {key: tensor.detach().numpy() for key, tensor in model.state_dict().items()}


def as_tensors(state: dict[str, np.ndarray]) -> dict[str, Any]:
    """The state of a model of minixai, for PyTorch."""
    return {key: torch.from_numpy(array) for key, array in state.items()}


def branched(nn: Any, concat: Any) -> Any:
    """Stride, padding, biases, overlapping pools, branches that are concatenated and one that is added."""

    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
            self.left = nn.Sequential(nn.Conv2d(8, 6, 1), nn.ReLU())
            self.right = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1), nn.ReLU())
            self.inner = nn.Sequential(nn.Conv2d(12, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 12, 1))
            self.top = nn.Sequential(nn.ReLU(), nn.AvgPool2d(3, 2, 1), nn.Flatten())
            self.dense = nn.Sequential(nn.Linear(48, 30), nn.ReLU(), nn.Linear(30, 5))

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            x = concat([self.left(x), self.right(x)])
            return self.dense(self.top(x + self.inner(x)))

    return Branched()


def plain(nn: Any, relu: Any) -> Any:
    """Two convolutions, each followed by relu(model, its number, x), and a dense layer."""

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv0, self.relu0 = nn.Conv2d(3, 8, 3), nn.ReLU()
            self.conv1, self.relu1 = nn.Conv2d(8, 4, 3, 2, 1), nn.ReLU()
            self.flatten, self.dense = nn.Flatten(), nn.Linear(64, 5)

        def forward(self, x: Any) -> Any:
            x = relu(self, 0, self.conv0(x))
            return self.dense(self.flatten(relu(self, 1, self.conv1(x))))

    return Plain()


def separate_modules(model: Any, number: int, x: Any) -> Any:
    return getattr(model, f"relu{number}")(x)


def one_module(model: Any, number: int, x: Any) -> Any:
    return model.relu0(x)


def function(model: Any, number: int, x: Any) -> Any:
    return mx.ops.relu(x) if isinstance(x, mx.Tensor) else torch.relu(x)
