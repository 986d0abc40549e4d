"""A network of minixai's as an ONNX model, node by node of its tape: `python -m benchmarks.onnx_models`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper, save

import minixai as mx
from benchmarks.inputs import images
from benchmarks.ours import network
from minixai.tape import Node, tape_of

__all__ = ["exported"]

OPSET, IR_VERSION = 17, 8


def exported(model: mx.nn.Module, x: np.ndarray) -> tuple[ModelProto, np.ndarray]:
    """What the model does to images as large as x, of any batch; and its output for x."""
    output, _ = model.trace(mx.Tensor(x))
    leaves = {parameter: name for name, parameter in model.named_parameters()}
    names: dict[mx.Tensor, str] = {}
    nodes, weights = [], []
    for number, (tensor, node) in enumerate(tape_of(output).items()):
        names[tensor] = f"y{number}" if node else leaves.get(tensor, "x")
        if node:
            operator, settings = IN_ONNX[node.name](node)
            inputs = [names[each] for each in tensor.inputs]
            nodes.append(helper.make_node(operator, inputs, [names[tensor]], **settings))
        elif tensor in leaves:
            weights.append(numpy_helper.from_array(tensor.value, leaves[tensor]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *array.shape[1:]])
        for name, array in (("x", x), (names[output], output.value))
    ]
    graph = helper.make_graph(nodes, "minixai", ends[:1], ends[1:], weights)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION), output.value


def both(size: Any) -> list[int]:
    """(vertical, horizontal) of a setting that may be one number."""
    return list(size) if isinstance(size, tuple | list) else [size, size]


def of_windows(node: Node) -> dict[str, list[int]]:
    stride = node.params["stride"] or node.params["kernel_size"]
    padding, dilation = (both(node.params[name]) for name in ("padding", "dilation"))
    return {"strides": both(stride), "pads": 2 * padding, "dilations": dilation}


def conv2d(node: Node) -> tuple[str, dict[str, Any]]:
    return "Conv", {**of_windows(node), "group": node.params["groups"]}


def max_pool2d(node: Node) -> tuple[str, dict[str, Any]]:
    kernel, ceil = both(node.params["kernel_size"]), int(node.params["ceil_mode"])
    return "MaxPool", {**of_windows(node), "kernel_shape": kernel, "ceil_mode": ceil}


def adaptive_avg_pool2d(node: Node) -> tuple[str, dict[str, Any]]:
    if node.value.shape == node.arrays[0].shape:
        return "Identity", {}
    if node.value.shape[2:] == (1, 1):
        return "GlobalAveragePool", {}
    raise ValueError(f"onnx_models: adaptive pooling to {node.value.shape[2:]}, expected 1 or x's own size")


IN_ONNX: dict[str, Callable[[Node], tuple[str, dict[str, Any]]]] = {
    "conv2d": conv2d,
    "relu": lambda node: ("Relu", {}),
    "max_pool2d": max_pool2d,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "concat": lambda node: ("Concat", {"axis": node.params["axis"]}),
    "reshape": lambda node: ("Flatten", {}),  # as `nn.Flatten` calls it
    "linear": lambda node: ("Gemm", {"transB": 1}),
}


def main(path: Path, arguments: dict[str, Any]) -> None:
    """Write the model of a row, and beside it two images and our output for them."""
    x = images(**arguments | {"batch": 2})
    model, y = exported(network(arguments["model"], arguments.get("channels", 0)), x)
    np.savez(path.with_suffix(".npz"), x=x, y=y)
    save(model, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
