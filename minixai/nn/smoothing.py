"""A network without kinks, so that its second derivatives are not zero almost everywhere."""

from __future__ import annotations

import copy
from typing import Any

from minixai import ops
from minixai.nn.activations import ReLU, Softplus
from minixai.nn.module import Module, check_model, traced
from minixai.nn.resizing import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from minixai.settings import finite_number
from minixai.tape import Tensor, tape_of

__all__ = ["smoothed"]

KINKED = {ops.relu, ops.relu6, ops.leaky_relu, ops.hardswish, ops.hardsigmoid, ops.max}
KINKED |= {ops.max_pool2d, ops.adaptive_max_pool2d}


def smoothed(model: Module, x: Any, beta: float) -> Module:
    """A copy of the model without kinks, which shares its parameters; the model is left as it is.

    ReLU becomes log(1 + exp(beta · z)) / beta, max pooling the mean of the real pixels of its windows. As
    beta grows, a model without max pooling computes what it did: each ReLU is off by log(2)/beta at most. The
    gap that averaging makes stays: compare `predict` of both.

    x: an input of the model, (1, …): the tape of its prediction says whether a kink is left.
    beta: the steepness, in one over the unit of what ReLU sees.
    Raises ValueError, which names the operation, for another kink, such as that of a LeakyReLU or of a
    function that `forward` calls, and for max pooling with dilation.
    """
    call = "smoothed"
    x = check_model(call, model).check_input(call, x)
    beta = finite_number(call, "beta", beta, above=0)
    copies: dict[int, Any] = {id(parameter): parameter for parameter in model.parameters()}
    for name, module in model.named_modules():
        if (smooth := _smooth(f"{call}: layer {name!r}", module, beta)) is not None:
            copies[id(module)] = smooth.train(module.training)
    found = copy.deepcopy(model, copies)
    output, _ = traced(call, found, Tensor(x))
    for node in tape_of(output).values():
        if node and node.op in KINKED:
            raise ValueError(
                f"{call}: {node.label} has a kink, expected ReLU, MaxPool2d and AdaptiveMaxPool2d to be "
                "layers of mx.nn, and no other kinks: give the model such layers, or smooth ones"
            )
    return found


def _smooth(name: str, module: Module, beta: float) -> Module | None:
    """What stands for a layer; None where it can stay."""
    if isinstance(module, ReLU):
        return Softplus(beta, threshold=None)
    if isinstance(module, AdaptiveMaxPool2d):
        return AdaptiveAvgPool2d(module.output_size)
    if isinstance(module, MaxPool2d):
        settings = dict(module.settings)
        if settings.pop("dilation") not in (1, (1, 1)):
            raise ValueError(f"{name} has dilation, expected max pooling without: no averaging has it")
        return AvgPool2d(**settings, count_include_pad=False)
    return None
