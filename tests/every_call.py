"""A model that trains, and every method and study of it, as several tests call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minixai as mx
from minixai import evaluate, nn
from minixai.methods import METHODS
from tests.networks import float64

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 6, 6))
CONCEPT = RNG.standard_normal((12, 3, 6, 6)) + 3, RNG.standard_normal((24, 3, 6, 6))
PHOTOS = RNG.integers(0, 256, (2, 6, 6, 3), np.uint8)
PREPARE = mx.data.Preprocess(6, scale=1 / 255)
FEW: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 3, "progress": False},
    "smoothgrad": {"n_samples": 3, "progress": False},
    "vargrad": {"n_samples": 3, "progress": False},
    "occlusion": {"patch": 3, "progress": False},
    "rise": {"n_masks": 5, "grid": 2, "progress": False},
}


def trained() -> nn.Module:
    """In train mode, with dropout, running statistics, a softmax and patterns."""
    rng = np.random.default_rng(1)
    model = nn.Sequential(
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 4, 3, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.5, rng=1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 4, rng=rng),
        nn.Softmax(1),
    )
    float64(model)
    model[0].running_mean, model[0].running_var = np.array([0.1, -0.2, 0.3]), np.array([0.5, 1.0, 2.0])
    batches = [RNG.standard_normal((20, 3, 6, 6)) for _ in range(2)]
    model.patterns = mx.signal.fit_patterns(model, batches, progress=False)
    return model.train()


def plain(model: nn.Module) -> nn.Module:
    """The same without batch normalisation, which relevance methods have no rule for."""
    without = nn.Sequential(*[model[k] for k in range(1, len(model))])
    without.patterns = {f"{int(name) - 1}": a.by_kind["linear"] for name, a in model.patterns.items()}
    return without


def averaged(model: nn.Module) -> nn.Module:
    """Its first layers, and an end of global average pooling and a dense layer."""
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4, rng=2)
    return float64(nn.Sequential(*[model[k] for k in range(4)], *end))


def explained(name: str) -> Callable[..., np.ndarray]:
    """(model, x, target) -> the map of the method of this name."""

    def call(model: nn.Module, x: Any = X, target: Any = None) -> np.ndarray:
        strict = METHODS[name].takes_patterns or name in ("lrp", "deep_taylor", "layer_relevance")
        taken = plain(model) if strict else averaged(model) if name == "cam" else model
        return METHODS[name].function(taken, x, target, **FEW.get(name, {})).map

    return call


def degraded(model: nn.Module, x: Any = X, target: Any = None) -> np.ndarray:
    return evaluate.degrade(model, x, None, target, patch=3, progress=False).scores


def inserted(model: nn.Module, x: Any = X, target: Any = None) -> np.ndarray:
    both = evaluate.insertion_deletion(model, x, None, target, steps=3, progress=False)
    return np.stack([curve.scores for curve in both])


def moved(model: nn.Module, x: Any = X, target: Any = None) -> np.ndarray:
    curves = evaluate.invariance_curves(
        model,
        PHOTOS[: len(x)],
        target,
        layers=["1"],
        transformation="rotation",
        amounts=[0, 20],
        preprocess=PREPARE,
    )
    return np.concatenate([curves.distances["1"], curves.probability])


def occluded(model: nn.Module, x: Any = X, target: Any = None) -> np.ndarray:
    found = evaluate.occlusion_sensitivity(model, x[:1], target, layer="2", patch=3, progress=False)
    return np.stack([found.activation, found.probability])


CALLS: dict[str, Callable[..., np.ndarray]] = {
    **{name: explained(name) for name in METHODS},
    "degrade": degraded,
    "insertion_deletion": inserted,
    "invariance_curves": moved,
    "occlusion_sensitivity": occluded,
}
WITHOUT_TARGET: dict[str, Callable[..., np.ndarray]] = {
    "project": lambda model: mx.methods.project(model, X, "2", (1,)).map,
    "top_activations": lambda model: (
        mx.methods.top_activations(model, [X], "2", [1], n=2, progress=False).values
    ),
    "maximise": lambda model: mx.methods.maximise(model, target=[0, 1], start=X, steps=2, progress=False).x,
    "invariances": lambda model: (
        mx.methods.invariances(model, X[:1], layer="2", neuron=(0, "max"), count=1, progress=False).scores
    ),
    "smoothed": lambda model: nn.smoothed(model, X, 10.0).predict(X),
    "correspondence": lambda model: np.array(evaluate.correspondence(model, X, 0 * X, "1")),
    "fit_patterns": lambda model: mx.signal.fit_patterns(model, [X, X], progress=False)["1"].by_kind[
        "linear"
    ],
    "concepts.fit": lambda model: mx.concepts.fit(model, "2", *CONCEPT).filter,
    "concepts.tcav": lambda model: mx.concepts.tcav(model, X, 0, "2", *CONCEPT, runs=2).scores,
    "local_pattern": lambda model: mx.signal.local_pattern(model, X, CONCEPT[0], 9.0, 0),
    "quality": lambda model: evaluate.quality(model, [X, X], [X], draws=3, progress=False).rho["1"],
    "predict": lambda model: model.predict(X),
}
