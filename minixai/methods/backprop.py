"""The gradient, and what changes when its backward pass rectifies."""

from __future__ import annotations

from minixai import rules
from minixai.methods.catalogue import method
from minixai.methods.question import Question
from minixai.rules import Rules
from minixai.typing import Array

__all__ = ["deconvnet", "gradient", "guided_backprop", "input_x_gradient"]


@method(
    "gradient",
    "function",
    shows="how the score would change with a pixel",
    fails="noisy; follows the weights, which turn to cancel distractors",
    paper="Simonyan et al. 2013",
    seed="one",
)
def gradient(ask: Question) -> Rules:
    """map = ∂score/∂x: how the score changes when a pixel does (Simonyan et al. 2013, section 3).

    Shows the function, not the signal: it points where the network looks to cancel distractors too.
    """
    return Rules()


@method(
    "input × gradient",
    "attribution",
    shows="each pixel's first-order share of the score",
    fails="adds up only without biases; blind where the pixel is zero",
    paper="Shrikumar et al. 2016",
    seed="one",
)
def input_x_gradient(ask: Question) -> Array:
    """map = x ⊙ ∂score/∂x: a first-order share of the score; exact for ReLU networks without bias."""
    return ask.x * ask.walk().map


@method(
    "DeConvNet",
    "signal",
    shows="what a unit responds to, through the switches of max pooling",
    wants="switches",
    fails="partly reconstructs the image whatever the class; can be zero everywhere",
    paper="Zeiler and Fergus 2014",
)
def deconvnet(ask: Question) -> Rules:
    """The gradient with gx = max(g, 0) at every ReLU (Zeiler and Fergus 2014, section 2.1).

    Unpools with the switches, rectifies, filters with the transposed weights. It partly reconstructs the
    image whatever the class, and can be zero everywhere where backward weights are mostly negative; it
    then warns.
    """
    return rules.deconvnet()


@method(
    "guided backprop",
    "signal",
    shows="what a unit responds to, where ReLU was active",
    fails="sharp, but partly reconstructs the image whatever the class (Nie et al. 2018)",
    paper="Springenberg et al. 2014",
)
def guided_backprop(ask: Question) -> Rules:
    """The gradient with gx = max(g, 0) where x > 0, else 0, at every ReLU (Springenberg et al. 2014).

    Sharp, but it partly reconstructs the image whatever the class (Nie et al. 2018).
    """
    return rules.guided_backprop()
