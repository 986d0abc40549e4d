"""The operations of the tape. Each stands with its VJP directly below it."""

from minixai.op import Op
from minixai.ops.activation import leaky_relu, log_softmax, relu, relu6, sigmoid, softmax, step, tanh
from minixai.ops.arithmetic import add, divide, exp, linear, log, matmul, multiply, negative, power, subtract
from minixai.ops.convolution import conv1d, conv2d, conv_transpose2d
from minixai.ops.loss import cross_entropy, mean_squared_error
from minixai.ops.normalisation import batch_norm, dropout, group_norm, layer_norm
from minixai.ops.pooling import avg_pool2d, max_pool2d, max_unpool2d, p_norm_pool2d, switches
from minixai.ops.rectifiers import elu, gelu, hardsigmoid, hardswish, silu, softplus
from minixai.ops.reduction import max, mean, sum
from minixai.ops.resizing import adaptive_avg_pool2d, adaptive_max_pool2d, global_avg_pool2d, upsample
from minixai.ops.shaping import concat, flatten, pad, reshape, slice, transpose
from minixai.tape import operations

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "add",
    "avg_pool2d",
    "batch_norm",
    "concat",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "divide",
    "dropout",
    "elu",
    "exp",
    "flatten",
    "gelu",
    "global_avg_pool2d",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "layer_norm",
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
    "relu6",
    "reshape",
    "sigmoid",
    "silu",
    "slice",
    "softmax",
    "softplus",
    "step",
    "subtract",
    "sum",
    "switches",
    "tanh",
    "transpose",
    "upsample",
]

operations |= {name: each for name, each in globals().items() if isinstance(each, Op)}  # for tensors
