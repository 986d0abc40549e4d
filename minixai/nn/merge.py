"""Batch normalisation merged into the convolution before it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minixai import ops
from minixai.nn.layers import BatchNorm2d, Conv2d, Identity
from minixai.nn.module import Module, Parameter, check_model, traced
from minixai.tape import Tensor, tape_of

__all__ = ["merge_batch_norm"]


def merge_batch_norm(model: Module, x: Any) -> Module:
    """A copy of the model in which every BatchNorm2d is part of the convolution before it.

    w' = w·s, b' = (b − mean)·s + bias, with s = weight / √(variance + eps): the outputs in eval mode are
    the same. The model itself is left as it is; in the copy an Identity stands for each BatchNorm2d.

    x: an input of the model, (1, c, h, w): the tape of its prediction says which layer comes before which.
    Raises ValueError, which names the layer, where the input of a BatchNorm2d is not the output of a
    convolution which nothing else uses, or either is called twice.
    """
    x = check_model("merge_batch_norm", model).check_input("merge_batch_norm", x)
    output, _ = traced("merge_batch_norm", model, Tensor(x))
    modules = dict(model.named_modules())
    pairs = []
    nodes = [node for node in tape_of(output).values() if node]
    calls = [node.layer or "" for node in nodes]
    used = [tensor for node in nodes for tensor in node.inputs]
    for node in (node for node in nodes if node.op is ops.batch_norm):
        before, name = node.inputs[0], node.layer or ""
        layer = before.node.layer or "" if before and before.node else ""
        conv, norm = modules.get(layer), modules.get(name)
        alone = used.count(before) == calls.count(layer) == calls.count(name) == 1
        if not (isinstance(conv, Conv2d) and isinstance(norm, BatchNorm2d) and alone):
            raise ValueError(
                f"merge_batch_norm: layer {name!r} does not follow a convolution that only it uses, once"
            )
        pairs.append((conv, norm))
    copies: dict[int, Any] = {id(norm): Identity().train(norm.training) for _, norm in pairs}
    merged = copy.deepcopy(model, copies)
    for conv, norm in pairs:
        _merge(copies[id(conv)], norm)
    return merged


def _merge(conv: Conv2d, norm: BatchNorm2d) -> None:
    """Change the convolution's weight and bias."""
    dtype, zero, one = conv.weight.dtype, np.zeros(1), np.ones(1)
    weight = one if norm.weight is None else norm.weight.value
    shift = zero if norm.bias is None else norm.bias.value
    bias = zero if conv.bias is None else conv.bias.value
    scale = weight / np.sqrt(norm.running_var.astype(float) + norm.eps)
    conv.weight.value = (conv.weight.value * scale[:, None, None, None]).astype(dtype)
    conv.bias = Parameter(((bias - norm.running_mean) * scale + shift).astype(dtype))
