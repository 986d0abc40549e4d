"""Layers, networks and their training, with PyTorch's names, shapes and state-dict keys."""

from minixai.nn import init
from minixai.nn.containers import ModuleDict, ModuleList, Sequential
from minixai.nn.fields import receptive_field
from minixai.nn.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    MaxPool2d,
    PNormPool2d,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from minixai.nn.merge import merge_batch_norm
from minixai.nn.module import Module, Parameter
from minixai.nn.optimisers import SGD, Adam
from minixai.nn.training import Epoch, fit

__all__ = [
    "SGD",
    "Adam",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "Dropout",
    "Epoch",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "PNormPool2d",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "fit",
    "init",
    "merge_batch_norm",
    "receptive_field",
]
