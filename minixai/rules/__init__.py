"""Tables of rules: operation → what the way back does there in place of the gradient."""

from minixai.rules.backprop import deconvnet, guided_backprop
from minixai.rules.table import Rules

__all__ = ["Rules", "deconvnet", "guided_backprop"]
