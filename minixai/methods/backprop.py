"""The gradient, and what changes when its backward pass rectifies.

All take (model, x, target, layer, neuron, seed):

x: (n, …), the model's input, cast to the model's dtype.
target: the class to explain, one number or one per image; None means the largest logit. A final
    softmax is skipped.
layer, neuron: in place of a class, a unit within the network. layer is a module's name, such as
    "features.3", or (name, call) where it is called more than once; neuron is (channel, row, column),
    (channel, "max"), (channel,) for a whole feature map, or (index,); without it the whole layer is
    explained.
seed: where the way back starts, "one" or the unit's "value".

They return an Explanation, and raise ValueError for a wrong argument or a NaN, ShapeError for an
empty batch or a wrong shape.
"""

from __future__ import annotations

from typing import Any

from minixai import rules as tables
from minixai.methods.catalogue import catalogued
from minixai.methods.explanation import Explanation
from minixai.methods.ledger import Ledger, Row, watched
from minixai.methods.unit import Layer, Neuron, select_unit
from minixai.nn import Module
from minixai.rules import Rules
from minixai.rules.relevance import per_image
from minixai.tape import Tensor, backward

__all__ = ["deconvnet", "gradient", "guided_backprop", "input_x_gradient"]


def walk_back(
    method: str,
    kind: str,
    model: Module,
    x: Any,
    target: Any,
    layer: Layer | None,
    neuron: Neuron | None,
    seed: str | None,
    rules: Rules | None = None,
    times_input: bool = False,
    ledger: bool = False,
) -> Explanation:
    """Explain a unit by one walk back over the tape with a table of rules, and keep a ledger if asked."""
    leaf = Tensor(model.check_input(method, x))
    with model.evaluating():
        output, layers = model.trace(leaf)
    model.check_output(method, output.value)
    unit = select_unit(output, layers, target, layer, neuron)
    cotangent = unit.cotangent(seed or ("one" if layer is None else "value"))
    rows: list[Row] = []
    table = watched(rules or {}, rows) if ledger else rules
    g = backward(unit.tensor, cotangent, table, wrt=[leaf])[leaf]
    map_ = leaf.value * g if times_input else g
    return Explanation(
        method,
        kind,
        map_,
        leaf.value,
        unit.name,
        unit.target,
        unit.score,
        getattr(model, "preprocess", None),
        Ledger(per_image(cotangent), rows, per_image(map_)) if ledger else None,
    )


@catalogued(
    shows="function: how the score would change with a pixel",
    needs="one walk back",
    fails="noisy; follows the weights, which turn to cancel distractors",
    paper="Simonyan et al. 2013",
)
def gradient(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "one",
) -> Explanation:
    """map = ∂score/∂x: how the score changes when a pixel does (Simonyan et al. 2013, section 3).

    Shows the function, not the signal: it points where the network looks to cancel distractors too.
    """
    return walk_back("gradient", "function", model, x, target, layer, neuron, seed)


@catalogued(
    shows="attribution: each pixel's first-order share of the score",
    needs="one walk back",
    fails="adds up only without biases; blind where the pixel is zero",
    paper="Shrikumar et al. 2016",
)
def input_x_gradient(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str = "one",
) -> Explanation:
    """map = x ⊙ ∂score/∂x: a first-order share of the score; exact for ReLU networks without bias."""
    return walk_back(
        "input × gradient", "attribution", model, x, target, layer, neuron, seed, times_input=True
    )


@catalogued(
    shows="signal: what a unit responds to, through the switches of max pooling",
    needs="one walk back; switches",
    fails="partly reconstructs the image whatever the class; can be zero everywhere",
    paper="Zeiler and Fergus 2014",
)
def deconvnet(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str | None = None,
) -> Explanation:
    """The gradient with gx = max(g, 0) at every ReLU (Zeiler and Fergus 2014, section 2.1).

    Unpools with the switches, rectifies, filters with the transposed weights. seed: None means "one"
    from a logit and "value" from an inner unit. It partly reconstructs the image whatever the class,
    and can be zero everywhere where backward weights are mostly negative; it then warns.
    """
    return walk_back("DeConvNet", "signal", model, x, target, layer, neuron, seed, tables.deconvnet())


@catalogued(
    shows="signal: what a unit responds to, where ReLU was active",
    needs="one walk back",
    fails="sharp, but partly reconstructs the image whatever the class (Nie et al. 2018)",
    paper="Springenberg et al. 2014",
)
def guided_backprop(
    model: Module,
    x: Any,
    target: Any = None,
    layer: Layer | None = None,
    neuron: Neuron | None = None,
    seed: str | None = None,
) -> Explanation:
    """The gradient with gx = max(g, 0) where x > 0, else 0, at every ReLU (Springenberg et al. 2014).

    seed: None means "one" from a logit and "value" from an inner unit. Sharp, but it partly
    reconstructs the image whatever the class (Nie et al. 2018).
    """
    return walk_back(
        "guided backprop", "signal", model, x, target, layer, neuron, seed, tables.guided_backprop()
    )
