"""minixai's side. Each function prepares its work and returns the call to time."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import minixai as mx
from benchmarks.inputs import CHAIN, OPERATIONS, TINY, WEIGHTS, images, labels
from benchmarks.students import command, lesson  # noqa: F401
from minixai.kernels import convolution as kernels
from minixai.kernels import threads
from minixai.signal.fitting import add_batch
from minixai.signal.layers import linear_layers

KINDS = ("linear", "positive", "negative")
VERSIONS = {"minixai": mx.__version__, "numpy": np.__version__}

set_threads, count_threads = threads.set_num_threads, threads.get_num_threads


@cache
def network(model: str, channels: int = 0) -> mx.nn.Module:
    if model == "one_layer":
        return mx.nn.Conv2d(channels, channels, 3, padding=1)
    makers = {"vgg16": "vgg16", "squeezenet": "squeezenet1_0", "allcnn": "allcnn", "lenet5": "lenet5"}
    return getattr(mx.models, makers[model])()


def forward(model: str, batch: int, size: int | None = None, channels: int = 0) -> Callable[[], Any]:
    net, x = network(model, channels), images(model, batch, size, channels)
    return lambda: net.predict(x)


def guided_backprop(model: str, batch: int) -> Callable[[], Any]:
    net, x = network(model), images(model, batch)
    return lambda: mx.methods.guided_backprop(net, x, target=0)


def lrp_epsilon(model: str, batch: int) -> Callable[[], Any]:
    net, x, rules = network(model), images(model, batch), epsilon()
    return lambda: mx.methods.lrp(net, x, target=0, rules=rules)


def epsilon() -> mx.rules.Rules:
    return mx.rules.composite(conv=mx.rules.epsilon(), dense=mx.rules.epsilon())


def training_step(model: str, batch: int) -> Callable[[], Any]:
    net, x, classes = network(model), mx.Tensor(images(model, batch)), labels(batch)
    optimiser = mx.nn.Adam(net.parameters())

    def step() -> None:
        loss = mx.ops.cross_entropy(net(x), classes)
        optimiser.step(mx.backward(loss, wrt=optimiser.parameters))

    return step


def pattern_fit(model: str, batch: int) -> Callable[[], Any]:
    """A call adds one more batch to the sums of all layers; the weights keep activations of one size."""
    net, x = evened(model), images(model, batch)
    layers = linear_layers("benchmark", net, x[:1], KINDS, None)
    moments: dict[str, Any] = {}
    return lambda: add_batch(moments, net, x, layers)


@cache
def evened(model: str) -> mx.nn.Module:
    net, rng = network(model), np.random.default_rng(0)
    for parameter in net.parameters():
        if parameter.ndim > 1:
            parameter.take_over(mx.nn.init.kaiming_normal(parameter.shape, rng))
    return net


def tiny(name: str) -> mx.Tensor:
    array = np.ones(TINY[name], np.float32)
    return mx.nn.Parameter(array) if name in WEIGHTS else mx.Tensor(array)


def operation(name: str) -> Callable[[], Any]:
    op, (names, settings) = getattr(mx.ops, name), OPERATIONS[name]
    inputs = [tiny(each) for each in names]
    return lambda: op(*inputs, **settings)


def walk_back() -> Callable[[], Any]:
    x = y = tiny("x")
    for _ in range(CHAIN):
        y = mx.ops.relu(y)
    return lambda: mx.backward(y, wrt=[x])


def convolution(
    x_shape: list[int], w_shape: list[int], stride: int, padding: int, algorithm: str | None = None
) -> Callable[[], Any]:
    x, w, b, geometry = convolved(x_shape, w_shape, stride, padding)
    return lambda: kernels.conv2d(x, w, b, geometry, algorithm)


def convolution_vjp_input(
    x_shape: list[int], w_shape: list[int], stride: int, padding: int, algorithm: str | None = None
) -> Callable[[], Any]:
    x, w, b, geometry = convolved(x_shape, w_shape, stride, padding)
    g = kernels.conv2d(x, w, b, geometry)
    return lambda: kernels.conv2d_vjp_input(g, w, x.shape, geometry, algorithm)


def convolved(x_shape: list[int], w_shape: list[int], stride: int, padding: int) -> tuple[Any, ...]:
    """x, w, b and geometry. A parameter's array, for whose filters are kept from call to call."""
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape, np.float32) for shape in (x_shape, w_shape))
    geometry = kernels.Geometry((stride, stride), (padding, padding))
    return x, mx.nn.Parameter(w).value, np.zeros(len(w), np.float32), geometry


def explanation(method: str, **settings: Any) -> Callable[[], Any]:
    net, x, known = network("squeezenet"), images("squeezenet", 1), mx.methods.METHODS[method]
    if known.takes_patterns:
        settings["patterns"] = mx.signal.fit_patterns(net, [images("squeezenet", 2)], progress=False)
    elif method == "lrp":
        settings["rules"] = epsilon()  # as captum's
    elif "progress" in inspect.signature(known.function).parameters:
        settings["progress"] = False
    warnings.simplefilter("ignore")  # a map of random weights may be all zeros
    return lambda: known.function(net, x, target=0, **settings)
