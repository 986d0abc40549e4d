"""The rows on minixai's side. Each prepares its work and returns the call to time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minixai as mx
from minixai.kernels import threads

VERSIONS = {"minixai": mx.__version__, "numpy": np.__version__}


def count_threads() -> int:
    return threads.get_num_threads()


def images(batch: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, *shape), np.float32)


def vgg16_forward(batch: int) -> Callable[[], Any]:
    model, x = mx.models.vgg16(), images(batch, 3, 224, 224)
    return lambda: model.predict(x)


def vgg16_guided_backprop(batch: int) -> Callable[[], Any]:
    model, x = mx.models.vgg16(), images(batch, 3, 224, 224)
    return lambda: mx.methods.guided_backprop(model, x, target=0)


def squeezenet_forward(batch: int) -> Callable[[], Any]:
    model, x = mx.models.squeezenet1_0(), images(batch, 3, 227, 227)
    return lambda: model.predict(x)


def lenet5_training_step(batch: int) -> Callable[[], Any]:
    model, x = mx.models.lenet5(), mx.Tensor(images(batch, 1, 28, 28))
    labels = np.arange(batch) % 10
    optimiser = mx.nn.Adam(model.parameters())

    def step() -> None:
        loss = mx.ops.cross_entropy(model(x), labels)
        optimiser.step(mx.backward(loss, wrt=optimiser.parameters))

    return step
