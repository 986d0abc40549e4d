"""How often TCAV calls a random concept significant: by the rank among random ones, and by Kim's t-test."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context

from experiments import style
from experiments.networks import Network
from minixai.concepts import Tcav
from minixai.concepts.chance import LEVEL
from minixai.concepts.directions import DIRECTIONS
from minixai.concepts.layer import gradients
from minixai.concepts.testing import LEAST_RANDOM, ranked
from minixai.methods.collecting import features
from minixai.plot import Picture

IMAGES = {"cifar10_maxpool": (5000, 500)}  # to draw concepts from, and of which those of a class are tested
LAYERS = ("features.4", "features.10")
CLASS = 3
TESTS = 200
SIZE, OTHERS, RUNS = 30, 170, 20
RULES = {"rank": "rank among 199 random concepts", "t_test": "t-test of the runs against ½"}


def measure(network: Network, fit_images: int, test_images: int, folder: Path) -> dict[str, Any]:
    """p of concepts that are images drawn at random, each with others of its own."""
    x, tested = network.inputs(network.fit[:fit_images]), network.inputs(network.test[:test_images])
    tested = tested[network.model.predict(tested).argmax(axis=1) == CLASS]
    found: dict[str, Any] = {}
    for layer in LAYERS:
        h = features("tcav", network.model, layer, x, "mean")[0]
        g = gradients("tcav", network.model, layer, tested, CLASS, "mean")
        for direction in DIRECTIONS:
            rng = np.random.default_rng(0)
            p: dict[str, list[float]] = {rule: [] for rule in RULES}
            for _ in range(TESTS):
                drawn = h[rng.choice(len(h), SIZE + OTHERS, replace=False)]
                scores, random = ranked(
                    drawn[:SIZE], drawn[SIZE:], g, direction, "ridge", RUNS, LEAST_RANDOM, rng
                )
                test = Tcav([], [], direction, CLASS, len(g), scores[None], random[None])
                p["rank"].append(float(test.p_value[0]))
                p["t_test"].append(float(test.p_t_test[0]))
            found.setdefault(layer, {})[direction] = {
                rule: [round(float(each), 4) for each in values] for rule, values in p.items()
            }
    return {"title": network.title, "images": len(tested), "p": found}


def binomial_interval(tests: int, share: float, cover: float = 0.95) -> tuple[int, int]:
    """The least and the most that Bin(tests, share) has, with half of the rest beyond each."""
    chance = [math.comb(tests, k) * share**k * (1 - share) ** (tests - k) for k in range(tests + 1)]
    below = np.cumsum(chance)
    rest = (1 - cover) / 2
    return int(np.searchsorted(below, rest, side="right")), int(np.searchsorted(below, 1 - rest))


def tables(results: dict[str, Any]) -> list[str]:
    """The rates at 5 %."""
    rows = [
        [result["title"], layer, direction, *(_rate(p[rule]) for rule in RULES)]
        for result in results.values()
        for layer, directions in result["p"].items()
        for direction, p in directions.items()
    ]
    return [style.markdown(["network", "layer", "direction", *RULES.values()], rows)]


def _rate(p: list[float]) -> str:
    return f"{sum(each < LEVEL for each in p)} of {len(p)} ({100 * np.mean(np.array(p) < LEVEL):.1f} %)"


def draw(results: dict[str, Any]) -> Picture:
    """The share of random concepts with a p below each value: on the diagonal where p is what it says."""
    panels = [
        (f"{layer}, {direction}", p)
        for result in results.values()
        for layer, directions in result["p"].items()
        for direction, p in directions.items()
    ]
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((12.8, 4.6), 150, layout="constrained")
        row = picture.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (heading, p) in zip(row, panels, strict=True):
            axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1)
            for rule, colour in (("rank", style.COLOURS["linear"]), ("t_test", style.COLOURS["filter"])):
                axes.ecdf(p[rule], color=colour, linewidth=2, label=RULES[rule])
            axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="p")
            axes.set_title(heading, loc="left", size=style.TICK_SIZE + 2)
        row[0].set_ylabel("share of concepts below p")
        style.legend(picture, row[0])
        style.title(
            picture,
            "Random concepts: the rank's p is what it says, the t-test's is not",
        )
    return picture
