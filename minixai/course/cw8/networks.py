"""Layers as a network of minixai's, its maps by the popular methods, and networks that are trained."""

from __future__ import annotations

import warnings

import numpy as np

from minixai import methods, nn
from minixai.checks.report import Array
from minixai.course.cw8.answers import Layers

METHODS = ("gradient", "input_x_gradient", "integrated_gradients", "guided_backprop", "lrp")
QUIET = {"integrated_gradients": {"progress": False, "steps": 16, "batch_size": 2000}}


def as_network(layers: Layers) -> nn.Sequential:
    """A minixai network in float64: dense layers (w (k, d), b (k,)), a ReLU between any two."""
    modules: list[nn.Module] = []
    for w, _ in layers:
        modules += [nn.Linear(w.shape[1], w.shape[0], rng=0), nn.ReLU()]
    net = nn.Sequential(*modules[:-1])
    arrays = {
        f"{2 * k}.{name}": a
        for k, pair in enumerate(layers)
        for name, a in zip(("weight", "bias"), pair, strict=True)
    }
    net.load_state_dict({name: np.array(a, np.float64) for name, a in arrays.items()})
    net.eval()
    return net


def score(layers: Layers, x: Array) -> Array:
    """The network's output (n,): above 0 it says class 1."""
    for w, b in layers[:-1]:
        x = np.maximum(x @ w.T + b, 0)
    w, b = layers[-1]
    return (x @ w.T + b)[:, 0]


def explain(method: str, layers: Layers, x: Array) -> Array:
    """The maps (n, d) of one of METHODS, as minixai makes them."""
    with warnings.catch_warnings(action="ignore"):
        return np.asarray(getattr(methods, method)(as_network(layers), x, **QUIET.get(method, {})))


def trained(x: Array, y: Array, seed: int, hidden: int = 16, epochs: int = 12) -> Layers:
    """The layers of a network with so many hidden units (0: none), trained on x (n, d) and y (n,)."""
    d, rng = x.shape[1], np.random.default_rng([seed, 0])
    modules: list[nn.Module] = [nn.Linear(d, hidden, rng=rng), nn.ReLU()] if hidden else []
    net = nn.Sequential(*modules, nn.Linear(hidden or d, 2, rng=rng))
    nn.fit(net, x, y, epochs, 64, nn.Adam(net.parameters(), lr=1e-2), seed=seed, progress=False)
    arrays = [np.asarray(a, np.float64) for a in net.state_dict().values()]
    *before, (w, b) = zip(arrays[::2], arrays[1::2], strict=True)
    return [*before, (np.diff(w, axis=0), np.diff(b))]  # the logit of class 1 less that of class 0
