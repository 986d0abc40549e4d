"""The operations of the tape. Each stands with its VJP directly below it."""

from minixai.op import Op
from minixai.ops.activation import leaky_relu, log_softmax, relu, sigmoid, softmax, softplus, step, tanh
from minixai.ops.arithmetic import add, divide, exp, linear, log, matmul, multiply, negative, power, subtract
from minixai.ops.convolution import conv2d
from minixai.ops.loss import cross_entropy, mean_squared_error
from minixai.ops.normalisation import batch_norm, dropout
from minixai.ops.pooling import (
    adaptive_avg_pool2d,
    avg_pool2d,
    global_avg_pool2d,
    max_pool2d,
    max_unpool2d,
    p_norm_pool2d,
    switches,
)
from minixai.ops.reduction import max, mean, sum
from minixai.ops.shaping import concat, flatten, pad, reshape, slice, transpose
from minixai.tape import operations

__all__ = [
    "adaptive_avg_pool2d",
    "add",
    "avg_pool2d",
    "batch_norm",
    "concat",
    "conv2d",
    "cross_entropy",
    "divide",
    "dropout",
    "exp",
    "flatten",
    "global_avg_pool2d",
    "leaky_relu",
    "linear",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "max_unpool2d",
    "mean",
    "mean_squared_error",
    "multiply",
    "negative",
    "p_norm_pool2d",
    "pad",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "slice",
    "softmax",
    "softplus",
    "step",
    "subtract",
    "sum",
    "switches",
    "tanh",
    "transpose",
]

operations |= {name: each for name, each in globals().items() if isinstance(each, Op)}  # for tensors
