"""Explanations: every method takes (model, x, target=None, …) and returns an Explanation."""

from typing import Any

from minixai.methods.backprop import deconvnet, gradient, guided_backprop, input_x_gradient
from minixai.methods.catalogue import METHODS, catalogued
from minixai.methods.explanation import Explanation, ZeroMapWarning, side_by_side
from minixai.methods.ledger import Ledger
from minixai.methods.path import integrated_gradients, smoothgrad, vargrad
from minixai.methods.patterns import pattern_attribution, pattern_net
from minixai.methods.perturbation import occlusion, rise
from minixai.methods.projection import TopActivations, project, top_activations
from minixai.methods.relevance import deep_taylor, lrp

__all__ = [
    "METHODS",
    "Explanation",
    "Ledger",
    "TopActivations",
    "ZeroMapWarning",
    "catalogued",
    "deconvnet",
    "deep_taylor",
    "gradient",
    "guided_backprop",
    "input_x_gradient",
    "integrated_gradients",
    "lrp",
    "occlusion",
    "pattern_attribution",
    "pattern_net",
    "project",
    "rise",
    "side_by_side",
    "smoothgrad",
    "top_activations",
    "vargrad",
]


def __getattr__(name: str) -> Any:
    """A method that is in the catalogue, but has no line here."""
    if name in METHODS:
        return METHODS[name].function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
