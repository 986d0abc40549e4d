"""A picture of every kind, as a function that draws what was computed before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import minixai as mx
from minixai import demo, evaluate, nn, ops
from minixai.evaluate.right_answers import Cell
from minixai.methods import side_by_side
from minixai.plot import Picture, draw_feature_maps, draw_filters, draw_tape
from tests.networks import float64

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 8, 8))
MAPS, PHOTO = RNG.standard_normal((5, 4, 6, 6)), RNG.random((8, 8, 3))


def every_picture() -> dict[str, Callable[[], Picture]]:
    """By name; each call draws anew."""
    rng = np.random.default_rng(1)
    layers = nn.Conv2d(3, 4, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3, rng=rng)
    net = float64(nn.Sequential(*layers))
    net.preprocess = mx.data.Preprocess(8, scale=1 / 255)
    batches = [RNG.standard_normal((20, 3, 8, 8)) for _ in range(4)]
    heat, signal = mx.methods.gradient(net, X), mx.methods.guided_backprop(net, X)
    inner = mx.methods.gradient(net, X, layer="1", neuron=(0, "max"))
    ledger = mx.methods.lrp(net, X[:1]).ledger
    random = evaluate.degrade(net, X, None, patch=2, progress=False)
    given = evaluate.degrade(net, X, heat, patch=2, progress=False)
    photos = RNG.integers(0, 256, (2, 8, 8, 3), np.uint8)
    moved = evaluate.invariance_curves(
        net, photos, layers=["1"], transformation="rotation", amounts=[-9, 0, 9]
    )
    hidden = evaluate.occlusion_sensitivity(net, X[:1], layer="1", patch=4, progress=False)
    one, two = (
        evaluate.quality(net, batches, batches, ridge=ridge, draws=5, progress=False)
        for ridge in (1e-6, [1e-6, 1e-3])
    )
    top = mx.methods.top_activations(net, [X], "1", [0, 2], n=2, progress=False)
    grown = mx.methods.maximise(net, target=[0, 1], start=X, others=X, steps=5, progress=False)
    flat = mx.methods.invariances(net, X[:1], layer="1", neuron=(0, "max"), count=1, progress=False)
    images = RNG.standard_normal((16, 3, 8, 8)) + 3, RNG.standard_normal((40, 3, 8, 8))
    concept = mx.concepts.fit(net, "1", *images)
    tested = mx.concepts.tcav(net, X, 0, "1", {"a": images[0], "b": images[1][:9]}, images[1], runs=2)
    y = ops.relu(mx.Tensor(1.0) * 2 - 3)
    forgot = evaluate.randomise(net, X, ["gradient"], measures=("spearman",), progress=False)
    began = evaluate.convergence(net, X, ["gradient"], starts=2, progress=False)
    marks = dict.fromkeys(("share", "precision", "roc_auc", "false_alarms", "zero"), 0.5)
    states = {state: {"gradient": marks} for state in ("trained", "untrained", "shuffled")}
    cell = Cell("two_features", "linear", 0, {"trained": 1.0}, states)
    bench = evaluate.Bench("quick", {"gradient": False}, [cell])
    return {
        "maps": lambda: side_by_side([heat, signal, inner], title="-1 $x_1$"),
        "overlay": lambda: heat.plot(overlay=True, percentile=99),
        "waterfall": ledger.plot,
        "degradation": lambda: evaluate.DegradationComparison({"random": random, "given": given}).plot(
            "title"
        ),
        "invariance": lambda: moved.plot(title="title"),
        "occlusion": lambda: hidden.plot(title="title"),
        "quality by layer": lambda: one.plot("title"),
        "quality by ridge": lambda: two.plot("title"),
        "top activations": lambda: top.plot("title"),
        "optimised input": lambda: grown.plot(title="title"),
        "invariances": lambda: flat.plot("title"),
        "randomisation": lambda: forgot.plot("title"),
        "randomisation, maps": lambda: forgot.plot_maps("title"),
        "convergence": lambda: began.plot("title"),
        "bench": lambda: bench.plot("title"),
        "feature maps": lambda: draw_feature_maps(MAPS[0], PHOTO, "title"),
        "filters": lambda: draw_filters(MAPS[:, :3], MAPS[:, 1:], "title"),
        "tape": lambda: draw_tape(y, cotangents=mx.backward(y, wrt=mx.tape.tape_of(y)), title="title"),
        "signal and distractor": demo.picture,
        "concept": lambda: concept.plot("title"),
        "tcav": lambda: tested.plot("title"),
        "turning concept": lambda: demo.concept_picture([0.0, 90.0], 100),
    }
