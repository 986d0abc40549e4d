"""Explanations: every method takes (model, x, target=None, …) and returns an Explanation."""

from minixai.methods.backprop import deconvnet, gradient, guided_backprop, input_x_gradient
from minixai.methods.explanation import Explanation, ZeroMapWarning

__all__ = ["Explanation", "ZeroMapWarning", "deconvnet", "gradient", "guided_backprop", "input_x_gradient"]
