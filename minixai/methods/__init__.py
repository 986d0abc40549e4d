"""Explanations: every method takes (model, x, target=None, …) and returns an Explanation."""

from minixai.methods.backprop import deconvnet, gradient, guided_backprop, input_x_gradient
from minixai.methods.explanation import Explanation, ZeroMapWarning, side_by_side

METHODS = {method.__name__: method for method in (gradient, input_x_gradient, deconvnet, guided_backprop)}
"""All methods by name, in the order in which `minixai compare` shows them."""

__all__ = [
    "METHODS",
    "Explanation",
    "ZeroMapWarning",
    "deconvnet",
    "gradient",
    "guided_backprop",
    "input_x_gradient",
    "side_by_side",
]
