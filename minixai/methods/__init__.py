"""Explanations: every method takes (model, x, target=None, …) and returns an Explanation.

A file of this folder is found because it is here: what it marks with `@method` is `minixai.methods.<name>`.
"""

from importlib import import_module as _import
from pkgutil import iter_modules as _modules_in
from typing import TYPE_CHECKING

from minixai.methods.backprop import *
from minixai.methods.catalogue import METHODS, TOOLS, method
from minixai.methods.collecting import activations
from minixai.methods.controls import *
from minixai.methods.curvature import *
from minixai.methods.explanation import *
from minixai.methods.ledger import Ledger
from minixai.methods.microscope import Trace
from minixai.methods.optimised_inputs import *
from minixai.methods.path import *
from minixai.methods.patterns import *
from minixai.methods.perturbation import *
from minixai.methods.projection import *
from minixai.methods.question import Answer, Question
from minixai.methods.relevance import *
from minixai.methods.unit import Unit

# isort: split
from minixai.methods.activation_maps import *  # last in METHODS, behind those that it builds on

for _found in _modules_in(__path__, f"{__name__}."):
    _import(_found.name)

if not TYPE_CHECKING:  # who would take any name

    def __getattr__(name):
        """A method that no line here names: one of another file, or of a notebook."""
        if name in METHODS:
            return METHODS[name].function
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; there are {', '.join(METHODS)}")


def __dir__() -> list[str]:
    return sorted({name for name in globals() if not name.startswith("_")} - {"TYPE_CHECKING"} | {*METHODS})
