"""Batch normalisation merged into the layer before it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minixai import ops
from minixai.nn.module import Module, Parameter, check_model, traced
from minixai.nn.normalisation import BatchNorm
from minixai.nn.shaping import Identity
from minixai.nn.weighted import Conv1d, Conv2d, ConvTranspose2d, Linear
from minixai.op import Trait
from minixai.tape import Tensor, tape_of

__all__ = ["merge_batch_norm"]

Weighted = Conv1d | Conv2d | ConvTranspose2d | Linear


def merge_batch_norm(model: Module, x: Any) -> Module:
    """A copy of the model in which batch normalisation is part of the layer with a weight before it.

    w' = w·s, b' = (b − mean)·s + bias, with s = weight / √(variance + eps): the outputs in eval mode are
    the same. The model itself is left as it is; in the copy an Identity stands for each one that is merged.
    One that does not stand directly behind a layer with a weight stays as it is.

    x: an input of the model, (1, …): the tape of its prediction says which layer comes before which.
    Raises ValueError, which names the layer, where something else uses what the layer before it puts out, or
    either is called twice; and where there is nothing to merge.
    """
    x = check_model("merge_batch_norm", model).check_input("merge_batch_norm", x)
    output, _ = traced("merge_batch_norm", model, Tensor(x))
    modules = dict(model.named_modules())
    nodes = [node for node in tape_of(output).values() if node]
    calls = [node.layer or "" for node in nodes]
    used = [tensor for node in nodes for tensor in node.inputs]
    pairs = []
    for node in nodes:
        before, name = node.inputs[0], node.layer or ""
        if node.op is not ops.batch_norm or Trait.AFFINE not in node.traits or before is None:
            continue
        layer = (before.node and before.node.layer) or ""
        weighted, norm = modules.get(layer), modules.get(name)
        if not (isinstance(weighted, Weighted) and isinstance(norm, BatchNorm)):
            continue
        if not used.count(before) == calls.count(layer) == calls.count(name) == 1:
            raise ValueError(
                f"merge_batch_norm: layer {name!r} follows {layer!r}, but one of them is called twice, or "
                f"something else uses what {layer!r} puts out; give {name!r} a layer of its own to follow"
            )
        pairs.append((weighted, norm))
    if not pairs:
        raise ValueError(
            "merge_batch_norm: no batch normalisation with running statistics stands directly behind a "
            "Conv1d, Conv2d, ConvTranspose2d or Linear: there is nothing to merge, use the model as it is"
        )
    copies: dict[int, Any] = {id(norm): Identity().train(norm.training) for _, norm in pairs}
    merged = copy.deepcopy(model, copies)
    for weighted, norm in pairs:
        _merge(copies[id(weighted)], norm)
    return merged


def _merge(layer: Weighted, norm: BatchNorm) -> None:
    """Change the layer's weight and bias."""
    dtype, one, zero = layer.weight.dtype, np.ones(1), np.zeros(1)
    weight, shift, bias = (
        default if parameter is None else parameter.value
        for parameter, default in ((norm.weight, one), (norm.bias, zero), (layer.bias, zero))
    )
    scale = weight / np.sqrt(np.asarray(norm.running_var, float) + norm.eps)
    layer.weight.value = (layer.weight.value * _by_output(scale, layer)).astype(dtype)
    layer.bias = Parameter(((bias - np.asarray(norm.running_mean)) * scale + shift).astype(dtype))


def _by_output(scale: np.ndarray, layer: Weighted) -> np.ndarray:
    """What stands for each output, as it broadcasts to the weight."""
    shape = layer.weight.shape
    if isinstance(layer, ConvTranspose2d):  # (in, out/groups, kh, kw)
        each = scale.reshape(layer.groups, shape[1], 1, 1)
        return np.repeat(each, shape[0] // layer.groups, axis=0)
    return scale.reshape(-1, *[1] * (len(shape) - 1))
