"""Tables of rules: kind of operation → what the way back does there in place of the gradient."""

from minixai.rules.approximations import halves, linearised, signal_takes_all
from minixai.rules.backprop import deconvnet, guided_backprop
from minixai.rules.composites import composite, epsilon_alpha2_beta1, epsilon_gamma_box, epsilon_plus
from minixai.rules.patterns import pattern_attribution, pattern_net
from minixai.rules.relevance import (
    alpha_beta,
    box,
    epsilon,
    flat,
    gamma,
    norm,
    pass_through,
    w_square,
    z_plus,
)
from minixai.rules.shares import Shares
from minixai.rules.switches import unpooling
from minixai.rules.table import Rules

__all__ = [
    "Rules",
    "Shares",
    "alpha_beta",
    "box",
    "composite",
    "deconvnet",
    "epsilon",
    "epsilon_alpha2_beta1",
    "epsilon_gamma_box",
    "epsilon_plus",
    "flat",
    "gamma",
    "guided_backprop",
    "halves",
    "linearised",
    "norm",
    "pass_through",
    "pattern_attribution",
    "pattern_net",
    "signal_takes_all",
    "unpooling",
    "w_square",
    "z_plus",
]
