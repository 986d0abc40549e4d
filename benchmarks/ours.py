"""The rows on minixai's side. Each prepares its work and returns the call to time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minixai as mx
from minixai.kernels import threads
from minixai.signal.fitting import add_batch
from minixai.signal.layers import linear_layers

KINDS = ("linear", "positive", "negative")
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


def vgg16_lrp_epsilon(batch: int) -> Callable[[], Any]:
    model, x = mx.models.vgg16(), images(batch, 3, 224, 224)
    rules = mx.rules.composite(conv=mx.rules.epsilon(), dense=mx.rules.epsilon())
    return lambda: mx.methods.lrp(model, x, target=0, rules=rules)


def squeezenet_forward(batch: int) -> Callable[[], Any]:
    model, x = mx.models.squeezenet1_0(), images(batch, 3, 227, 227)
    return lambda: model.predict(x)


def squeezenet_guided_backprop(batch: int) -> Callable[[], Any]:
    model, x = mx.models.squeezenet1_0(), images(batch, 3, 227, 227)
    return lambda: mx.methods.guided_backprop(model, x, target=0)


def lenet5_training_step(batch: int) -> Callable[[], Any]:
    model, x = mx.models.lenet5(), mx.Tensor(images(batch, 1, 28, 28))
    labels = np.arange(batch) % 10
    optimiser = mx.nn.Adam(model.parameters())

    def step() -> None:
        loss = mx.ops.cross_entropy(model(x), labels)
        optimiser.step(mx.backward(loss, wrt=optimiser.parameters))

    return step


def vgg16_pattern_fit(batch: int) -> Callable[[], Any]:
    return pattern_fit(mx.models.vgg16(), images(batch, 3, 224, 224))


def allcnn_pattern_fit(batch: int) -> Callable[[], Any]:
    return pattern_fit(mx.models.allcnn(), images(batch, 3, 32, 32))


def pattern_fit(model: mx.nn.Module, x: np.ndarray) -> Callable[[], Any]:
    """A call adds one more batch to the sums of all layers; the weights keep activations of one size."""
    rng = np.random.default_rng(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.value = mx.nn.init.kaiming_normal(parameter.shape, rng)
    layers = linear_layers("benchmark", model, x[:1], KINDS, None)
    moments: dict[str, Any] = {}
    return lambda: add_batch(moments, model, x, layers)
