"""The checks of lesson 9 take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

from math import factorial

import numpy as np

from minixai.checks import paths
from tests.solutions import lesson_checks


def path(gradient, x, baseline, steps, shift=0.5):
    points = [baseline + (k + shift) / steps * (x - baseline) for k in range(steps)]
    return np.mean([gradient(point) for point in points], axis=0)


def integrated_gradients(gradient, x, baseline, steps):
    return (x - baseline) * path(gradient, x, baseline, steps)


def by_sets(v, weigh):
    n = len(v).bit_length() - 1
    values = np.zeros(n)
    for i in range(n):
        for s in range(len(v)):
            if not s >> i & 1:
                values[i] += weigh(s.bit_count(), n) * (v[s + 2**i] - v[s])
    return values


def shapley(v):
    return by_sets(v, lambda k, n: factorial(k) * factorial(n - k - 1) / factorial(n))


def conditional_shares(w, x, given_1, given_2):
    first, second, both = w[0] * x[0] + w[1] * given_1, w[1] * x[1] + w[0] * given_2, w @ x
    return np.array([first + both - second, second + both - first]) / 2


def baseline_for(w, x, wish):
    return x - wish / w


RIGHT = [
    (paths.check_integrated_gradients, integrated_gradients),
    (paths.check_shapley, shapley),
    (paths.check_conditional_shares, conditional_shares),
    (paths.check_baseline_for, baseline_for),
]


def test_shapley_agrees_with_the_closed_form_of_two_parts() -> None:
    v = np.random.default_rng(0).normal(size=4)
    interaction = v[3] - v[2] - v[1] + v[0]
    np.testing.assert_allclose(shapley(v), [v[1] - v[0] + interaction / 2, v[2] - v[0] + interaction / 2])


WRONG = {
    paths.check_integrated_gradients: {
        "the beginnings of the steps": lambda f, x, b, n: (x - b) * path(f, x, b, n, 0),
        "the ends of the steps": lambda f, x, b, n: (x - b) * path(f, x, b, n, 1),
        "on the way from 0": lambda f, x, b, n: (x - b) * path(f, x, 0 * x, n),
        "the factor is x, it is": lambda f, x, b, n: x * path(f, x, b, n),
        "without the factor": lambda f, x, b, n: path(f, x, b, n),
        "the sum over the steps": lambda f, x, b, n: n * integrated_gradients(f, x, b, n),
        "the sign": lambda f, x, b, n: -integrated_gradients(f, x, b, n),
        "got the shape (), expected (2,)": lambda f, x, b, n: integrated_gradients(f, x, b, n).sum(),
    },
    paths.check_shapley: {
        "all sets have the same weight": lambda v: by_sets(v, lambda k, n: 2.0 ** (1 - n)),
        "without weights": lambda v: by_sets(v, lambda k, n: 1),
        "adds to none": lambda v: by_sets(v, lambda k, n: k == 0),
        "that is occlusion": lambda v: by_sets(v, lambda k, n: k == n - 1),
        "the parts in reverse": lambda v: shapley(v)[::-1],
        "the sign": lambda v: -shapley(v),
        "the sum over all orders": lambda v: shapley(v) * factorial(len(v).bit_length() - 1),
        "got the shape (1,), expected (2,)": lambda v: shapley(v)[:1],
    },
    paths.check_conditional_shares: {
        "that is marginal": lambda w, x, *given: w * x,
        "have changed places": lambda w, x, one, two: conditional_shares(w, x, two, one),
        "the order in which x₁ is first": lambda w, x, one, two: np.array(
            [w[0] * x[0] + w[1] * one, w[1] * (x[1] - one)]
        ),
        "the order in which x₂ is first": lambda w, x, one, two: np.array(
            [w[0] * (x[0] - two), w[1] * x[1] + w[0] * two]
        ),
        "the sum over the two orders": lambda *given: 2 * conditional_shares(*given),
    },
    paths.check_baseline_for: {
        "the sign": lambda w, x, wish: x + wish / w,
        "that is x − x′": lambda w, x, wish: wish / w,
        "multiplied by w": lambda w, x, wish: x - wish * w,
        "that is x′ − x": lambda w, x, wish: -wish / w,
    },
}


TestChecks = lesson_checks(9, RIGHT, WRONG, plain=lambda answer: np.asarray(answer).tolist())
