"""The logits of a network that ends in probabilities."""

from __future__ import annotations

from functools import partial

from minixai.context import apart
from minixai.op import Trait
from minixai.tape import Node, Tensor

__all__ = ["logits_of"]


def logits_of(output: Tensor) -> tuple[Tensor, Node | None]:
    """The output before a final softmax, log-softmax or sigmoid, and the node of that one or None.

    What only rearranges entries behind it is done to the logits. A link along the batch is none of classes.
    """
    moves: list[Node] = []
    tensor = output
    while (node := tensor.node) and Trait.REARRANGE in node.traits and len(tensor.inputs) == 1:
        moves.append(node)
        (tensor,) = tensor.inputs
    if node is None or Trait.LINK not in node.traits or node.params.get("axis") in (0, -tensor.ndim):
        return output, None
    (logits,) = tensor.inputs
    for move in reversed(moves):
        logits = apart(partial(move.op, logits, **move.params), current_layer=move.layer)
    return logits, node
