"""PyTorch's side, with captum for explanations; the functions of `ours`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.inputs import CHAIN, OPERATIONS, TINY, WEIGHTS, images, labels
from benchmarks.torch_models import VGG16, AllCNNC, LeNet5, SqueezeNet
from benchmarks.torch_patterns import PatternFit

VERSIONS = {"torch": version("torch")}
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "vgg16": VGG16,
    "squeezenet": SqueezeNet,
    "allcnn": AllCNNC,
    "lenet5": LeNet5,
}

set_threads, count_threads = torch.set_num_threads, torch.get_num_threads


@cache
def network(model: str, channels: int = 0) -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv2d(channels, channels, 3, padding=1) if model == "one_layer" else NETWORKS[model]()


def forward(model: str, batch: int, size: int | None = None, channels: int = 0) -> Callable[[], Any]:
    net, x = network(model, channels).eval(), torch.from_numpy(images(model, batch, size, channels))

    def call() -> Any:
        with torch.inference_mode():
            return net(x)

    return call


def guided_backprop(model: str, batch: int) -> Callable[[], Any]:
    return explained("guided_backprop", model, batch)


def lrp_epsilon(model: str, batch: int) -> Callable[[], Any]:
    return explained("lrp", model, batch)


def explanation(method: str, **settings: Any) -> Callable[[], Any]:
    return explained(method, "squeezenet", 1, **settings)


def explained(method: str, model: str, batch: int, **settings: Any) -> Callable[[], Any]:
    """captum's method. Where no rule is set its LRP takes epsilon, of 1e-9, at every layer."""
    from captum import attr

    VERSIONS["captum"] = version("captum")
    warnings.simplefilter("ignore")  # captum speaks of its hooks at every call
    net, x = network(model).eval(), torch.from_numpy(images(model, batch)).requires_grad_()
    at_once = {"nt_samples_batch_size": 8}
    if method == "gradient":
        return lambda: attr.Saliency(net).attribute(x, 0, abs=False)
    if method in ("smoothgrad", "vargrad"):
        noisy, samples = attr.NoiseTunnel(attr.Saliency(net)), settings["n_samples"]
        return lambda: noisy.attribute(x, method, samples, stdevs=0.15, target=0, abs=False, **at_once)
    if method == "integrated_gradients":
        path, steps = attr.IntegratedGradients(net), settings["steps"]
        return lambda: path.attribute(x, target=0, n_steps=steps, internal_batch_size=8)
    if method == "occlusion":
        window, step = ((3, size, size) for size in (settings["patch"], settings["stride"]))
        return lambda: attr.Occlusion(net).attribute(x, window, step, target=0, perturbations_per_eval=8)
    if method == "grad_cam":  # of the layer that ours takes by itself, enlarged as ours
        of_layer, enlarged = attr.LayerGradCam(net, net.features[12]), attr.LayerAttribution.interpolate
        return lambda: enlarged(of_layer.attribute(x, 0), tuple(x.shape[2:]), "bilinear")
    if method == "guided_grad_cam":
        guided = attr.GuidedGradCam(net, net.features[12])
        return lambda: guided.attribute(x, 0)
    names = {
        "input_x_gradient": "InputXGradient",
        "deconvnet": "Deconvolution",
        "guided_backprop": "GuidedBackprop",
        "lrp": "LRP",
    }
    known = getattr(attr, names[method])(net)
    return lambda: known.attribute(x, target=0)


def training_step(model: str, batch: int) -> Callable[[], Any]:
    net, x, classes = network(model), torch.from_numpy(images(model, batch)), torch.from_numpy(labels(batch))
    optimiser = torch.optim.Adam(net.parameters())

    def step() -> None:
        optimiser.zero_grad()
        functional.cross_entropy(net(x), classes).backward()
        optimiser.step()

    return step


def pattern_fit(model: str, batch: int) -> Callable[[], Any]:
    """A call adds one more batch to the sums of all layers; the weights keep activations of one size."""
    fitting, x = evened(model), torch.from_numpy(images(model, batch))
    return lambda: fitting.add(x)


@cache
def evened(model: str) -> PatternFit:
    net = network(model)
    for parameter in net.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
        else:
            nn.init.zeros_(parameter)
    return PatternFit(net)


def tiny(name: str) -> torch.Tensor:
    return torch.ones(TINY[name], requires_grad=name in (*WEIGHTS, "x"))  # so that there is a tape


def operation(name: str) -> Callable[[], Any]:
    names, settings = OPERATIONS[name]
    op: Any = torch.add if name == "add" else getattr(functional, name)
    inputs = [tiny(each) for each in names]
    return lambda: op(*inputs, **settings)


def walk_back() -> Callable[[], Any]:
    x = y = tiny("x")
    for _ in range(CHAIN):
        y = torch.relu(y)
    g = torch.ones_like(y)
    return lambda: torch.autograd.grad(y, x, g, retain_graph=True)


def convolution(x_shape: list[int], w_shape: list[int], stride: int, padding: int) -> Callable[[], Any]:
    x, w, b = torch.randn(x_shape), torch.randn(w_shape), torch.zeros(w_shape[0])

    def call() -> Any:
        with torch.inference_mode():
            return functional.conv2d(x, w, b, stride, padding)

    return call


def convolution_vjp_input(
    x_shape: list[int], w_shape: list[int], stride: int, padding: int
) -> Callable[[], Any]:
    w = torch.randn(w_shape)
    g = torch.randn_like(functional.conv2d(torch.randn(x_shape), w, None, stride, padding))
    return lambda: torch.nn.grad.conv2d_input(x_shape, w, g, stride, padding)
