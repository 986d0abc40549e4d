"""Controls: maps that know nothing of the network. What is no better than they are has shown nothing."""

from __future__ import annotations

import numpy as np

from minixai.methods.catalogue import method
from minixai.methods.question import Question
from minixai.ops.sizes import check_images
from minixai.settings import whole_number
from minixai.similarity import edges
from minixai.typing import Array

__all__ = ["input_size", "random_map", "sobel_edges"]


@method(
    "edges (Sobel)",
    "control",
    asks="class",
    shows="where the image changes, whatever the network",
    cost="no walk",
    fails="always: it is no explanation; what looks like it may be none either",
    paper="Adebayo et al. 2018",
)
def sobel_edges(ask: Question) -> Array:
    """map = √(gx² + gy²), the size of Sobel's slopes; see `similarity.edges`.

    Adebayo et al. 2018, figure 1, show it beside explanations.
    """
    check_images(ask.call, ask.x)
    return edges(ask.x)


@method(
    "|x|",
    "control",
    asks="class",
    shows="the input's own size",
    cost="no walk",
    fails="always: it is no explanation; methods that multiply by x inherit it",
    paper="Clark et al. 2024",
)
def input_size(ask: Question) -> Array:
    """map = |x|."""
    return np.asarray(np.abs(ask.x))


@method(
    "random",
    "control",
    asks="class",
    shows="nothing",
    cost="no walk",
    fails="always: it is no explanation",
    paper="Clark et al. 2024",
)
def random_map(ask: Question, *, map_seed: int = 0) -> Array:
    """map ~ N(0, 1). map_seed: of what is drawn, anew for each image of the batch."""
    seed = whole_number(ask.call, "map_seed", map_seed, least=0)
    return np.asarray(np.random.default_rng(seed).standard_normal(ask.x.shape))
