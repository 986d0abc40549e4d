"""The layers of a model whose units are linear: y = wᵀx + b."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minixai.signal.patterns import KINDS
from minixai.tape import Array, Node, Tensor, tape_of

__all__ = ["Batch", "Kinds", "LinearLayer", "images_of", "linear_calls", "linear_layers"]

Batch = Any  # images (n, …), a sequence of which they are the first, or a function that returns either
Kinds = Sequence[str] | Mapping[str, Sequence[str]]

LINEAR = ("conv2d", "linear")  # operations


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """A convolution or a dense layer of a model: its weight, and the kinds of patterns that it gets."""

    weight: Array
    kinds: tuple[str, ...]

    @property
    def by_sign(self) -> bool:
        """Whether samples with y > 0 are kept apart from the others."""
        return set(self.kinds) != {"linear"}


def images_of(call: str, model: Any, batch: Batch) -> Array:
    """The images of a batch, in the model's dtype."""
    batch = batch() if callable(batch) else batch
    x: Array = model.check_input(call, batch[0] if isinstance(batch, tuple | list) else batch)
    return x


def linear_calls(call: str, model: Any, x: Array) -> dict[str, list[Node]]:
    """Run the model; by layer, what the calls of convolutions and dense layers left on the tape."""
    return _linear_calls(_tape(call, model, x))


def linear_layers(
    call: str, model: Any, x: Array, kinds: Kinds, layers: Collection[str] | None
) -> dict[str, LinearLayer]:
    """The layers to fit, as the model calls them for images x."""
    tape = _tape(call, model, x)
    calls = _linear_calls(tape)
    named = (
        {"default": tuple(kinds)}
        if not isinstance(kinds, Mapping)
        else {k: tuple(v) for k, v in kinds.items()}
    )
    default = named.pop("default", ("linear", "positive", "negative"))
    _check_names(call, "layers", calls if layers is None else layers, calls)
    _check_names(call, "kinds", named, calls)
    for of_layer in (default, *named.values()):
        if not of_layer or not set(of_layer) <= set(KINDS):
            raise ValueError(f"{call}: kinds has {of_layer}, expected one or more of {', '.join(KINDS)}")

    behind: dict[Node, set[str]] = {}
    for tensor in tape:
        for each in tensor.inputs:
            if tensor.node and each.node:
                behind.setdefault(each.node, set()).add(tensor.node.op.name)
    found = {}
    for name, nodes in calls.items():
        operations = set().union(*(behind.get(node, set()) for node in nodes))
        if "batch_norm" in operations:
            raise ValueError(
                f"{call}: a batch normalisation follows {name!r}; merge it first: nn.merge_batch_norm"
            )
        if len({id(node.inputs[1]) for node in nodes}) > 1:
            raise ValueError(f"{call}: layer {name!r} has several weights, expected one")
        of_layer = named.get(name, default if "relu" in operations else ("linear",))
        if layers is None or name in layers:
            found[name] = LinearLayer(nodes[0].arrays[1].copy(), of_layer)
    return found


def _tape(call: str, model: Any, x: Array) -> list[Tensor]:
    with model.evaluating():
        output = model(Tensor(x))
    model.check_output(call, output.value)
    return tape_of(output)


def _linear_calls(tape: list[Tensor]) -> dict[str, list[Node]]:
    calls: dict[str, list[Node]] = {}
    for node in (tensor.node for tensor in tape):
        if node is not None and node.op.name in LINEAR:
            calls.setdefault(node.layer or "", []).append(node)
    return calls


def _check_names(call: str, argument: str, names: Collection[str], known: Collection[str]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"{call}: {argument} names {unknown[0]!r}, expected some of {', '.join(known)}")
