"""Layers, networks and their training, with PyTorch's names, shapes and state-dict keys."""

from minixai.nn import init
from minixai.nn.activations import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minixai.nn.containers import ModuleDict, ModuleList, Sequential
from minixai.nn.fields import receptive_field
from minixai.nn.merge import merge_batch_norm
from minixai.nn.module import Module, Parameter
from minixai.nn.normalisation import BatchNorm1d, BatchNorm2d, Dropout, GroupNorm, LayerNorm
from minixai.nn.optimisers import SGD, Adam
from minixai.nn.resizing import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    MaxPool2d,
    PNormPool2d,
    Upsample,
)
from minixai.nn.shaping import Flatten, Identity
from minixai.nn.smoothing import smoothed
from minixai.nn.training import Epoch, fit
from minixai.nn.weighted import Conv1d, Conv2d, ConvTranspose2d, Linear

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Adam",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Epoch",
    "Flatten",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "PNormPool2d",
    "Parameter",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Upsample",
    "fit",
    "init",
    "merge_batch_norm",
    "receptive_field",
    "smoothed",
]
