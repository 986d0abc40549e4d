"""Tables of rules: operation → what the way back does there in place of the gradient."""

from minixai.rules.backprop import deconvnet, guided_backprop

__all__ = ["deconvnet", "guided_backprop"]
