"""minixai: explaining neural networks from scratch.

An explanation is another way of walking the same tape back: see `minixai.tape`.
"""

from minixai import (
    checks,
    concepts,
    data,
    evaluate,
    gradcheck,
    kernels,
    methods,
    models,
    nn,
    op,
    ops,
    plot,
    rules,
    signal,
)
from minixai.context import no_tape
from minixai.kernels.threads import set_num_threads
from minixai.methods import Explanation
from minixai.tape import Tensor, backward

__version__ = "0.4.0"

__all__ = [
    "Explanation",
    "Tensor",
    "backward",
    "checks",
    "concepts",
    "data",
    "evaluate",
    "gradcheck",
    "kernels",
    "methods",
    "models",
    "nn",
    "no_tape",
    "op",
    "ops",
    "plot",
    "rules",
    "set_num_threads",
    "signal",
]
