"""Bugs planted in the gradient, and the mark that catches each: what a mark sees, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from minixai import nn, ops
from minixai.evaluate import compare_degradation
from minixai.evaluate.marks import MARKS
from minixai.evaluate.problems import PROBLEMS, Samples, train
from minixai.methods import Question
from minixai.op import Trait
from minixai.rules import Rules

FITTED, SHOWN = 4000, 64


def learned(problem: str, network: str) -> tuple[nn.Module, Samples]:
    """A network, and images that it gets right."""
    planted = PROBLEMS[problem].draw(n=FITTED + 2 * SHOWN, seed=0)
    samples = Samples.of(planted, float(planted.x.std()))
    model, test = train(network, samples[:FITTED], seed=0), samples[FITTED:]
    return model, test[np.flatnonzero(model.predict(test.x).argmax(axis=1) == test.y)[:SHOWN]]


@pytest.fixture(scope="module")
def xor() -> tuple[nn.Module, Samples]:
    return learned("xor_white", "mlp")


@pytest.fixture(scope="module")
def linear() -> tuple[nn.Module, Samples]:
    return learned("linear_white", "cnn")


def flipped(g, node):
    x, w, *bias = node.arrays
    return node.op.vjp(g, replace(node, arrays=(x, w[:, :, ::-1, ::-1], *bias)))


RIGHT = Rules()
GATE_FORGOTTEN = Rules({Trait.RECTIFIER: lambda g, node: [g]})
FILTER_FLIPPED = Rules({ops.conv2d: flipped})


def mapped(rules: Rules, model: nn.Module, shown: Samples) -> np.ndarray:
    return Question("gradient", model, shown.x, shown.y).walk(rules).map


def mark(name: str, heat: np.ndarray, shown: Samples) -> float:
    return float(np.mean(MARKS[name].function(heat, shown.truth)))


MORE: list[str] = ["share", "precision", "roc_auc"]


@pytest.mark.parametrize("name", MORE)
def test_a_forgotten_gate_costs_every_mark_where_the_answer_is_not_linear(xor, name):
    model, shown = xor
    right, wrong = (mark(name, mapped(rules, model, shown), shown) for rules in (RIGHT, GATE_FORGOTTEN))
    assert right - wrong > 0.3


@pytest.mark.parametrize("name", MORE)
def test_where_it_is_linear_a_forgotten_gate_goes_unseen(linear, name):
    """Why the bench has other problems, too: averaged over the gates, a linear answer is as right as ever."""
    model, shown = linear
    right, wrong = (mark(name, mapped(rules, model, shown), shown) for rules in (RIGHT, GATE_FORGOTTEN))
    assert abs(right - wrong) < 0.1


@pytest.mark.parametrize("name", MORE)
def test_a_flipped_filter_costs_every_mark(linear, name):
    model, shown = linear
    right, wrong = (mark(name, mapped(rules, model, shown), shown) for rules in (RIGHT, FILTER_FLIPPED))
    assert right - wrong > 0.2


def areas(x_times: Callable[[np.ndarray], np.ndarray], model: nn.Module, shown: Samples) -> float:
    """How much less the area under the curve is than in a random order, most relevant first."""
    heat = x_times(mapped(RIGHT, model, shown) * shown.x)
    settings = {"patch": 1, "fill": 0.0, "steps": 20, "progress": False}
    found = compare_degradation(model, shown.x, {"map": heat}, shown.y, **settings)
    return float(np.mean(found.curves["random"].area - found.curves["map"].area))


def test_a_turned_sign_costs_degradation_and_no_mark_of_the_truth(xor):
    """These marks take |map|. What orders by the sign, the most relevant first, sees it."""
    model, shown = xor
    heat = mapped(RIGHT, model, shown)
    for name in MORE:
        assert mark(name, heat, shown) == mark(name, -heat, shown)
    right, wrong = (areas(sign, model, shown) for sign in (np.positive, np.negative))
    assert right > 0.2
    assert wrong < 0
