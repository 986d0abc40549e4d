"""The checks of lesson 9: integrated gradients, Shapley values, conditional shares, a baseline for a wish."""

from __future__ import annotations

import itertools

import numpy as np

from minixai.checks.report import Answer, Array, compare

__all__ = [
    "check_baseline_for",
    "check_conditional_shares",
    "check_integrated_gradients",
    "check_shapley",
]


def check_integrated_gradients(integrated_gradients: Answer) -> None:
    """integrated_gradients(gradient, x, baseline, steps): (x − x′) ⊙ the mean gradient at the middles."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=4)

    def of_product(x: Array) -> Array:
        return np.array([x[1] ** 2, 2 * x[0] * x[1]])

    def of_exponential(x: Array) -> Array:
        return np.exp(w @ x) * w

    pair = np.array([1.0, 2.0]), np.array([0.0, 0.0])
    cases = [
        ("by hand", of_product, *pair, 1),
        ("by hand, two steps", of_product, *pair, 2),
        ("another baseline", of_exponential, rng.normal(size=4), rng.normal(size=4), 5),
    ]
    for case, gradient, x, baseline, steps in cases:
        way = x - baseline

        def mean(places: Array, start: Array, way: Array, gradient: Answer = gradient) -> Array:
            return np.mean([gradient(start + place * way) for place in places], axis=0)

        lefts = np.arange(steps) / steps
        middles = lefts + 0.5 / steps
        expected = way * mean(middles, baseline, way)
        mistakes = {
            "the points are the beginnings of the steps, not their middles": way * mean(lefts, baseline, way),
            "the points are the ends of the steps, not their middles": way
            * mean(lefts + 1 / steps, baseline, way),
            "the points are places on the way from 0, not from the baseline": way * mean(middles, 0 * x, x),
            "the factor is x, it is x − baseline": x * mean(middles, baseline, way),
            "without the factor x − baseline": mean(middles, baseline, way),
            "the sum over the steps, it is the mean": steps * expected,
            "the sign: it is x − baseline": -expected,
        }
        compare(f"9.1 {case}", integrated_gradients(gradient, x, baseline, steps), expected, mistakes)
    x, baseline = rng.normal(size=(2, 4))
    total = np.sum(integrated_gradients(of_exponential, x, baseline, 400))
    rise = np.exp(w @ x) - np.exp(w @ baseline)
    compare("9.1 with 400 steps the sum is the rise of the score", total, rise, rtol=1e-3, atol=1e-4)


def check_shapley(shapley: Answer) -> None:
    """shapley(v): the mean over all orders of what each part adds, from the scores v (2**n,) of all sets."""
    rng = np.random.default_rng(1)
    cases = [("by hand", np.array([0.0, 0.0, 0.0, 4.0])), ("one part", np.array([1.0, 3.0]))]
    cases += [(f"random, {n} parts", rng.normal(size=2**n)) for n in (2, 3, 4)]
    for case, v in cases:
        n = len(v).bit_length() - 1
        expected = _over_orders(v)
        with_and_without = [(v[_with(i, n)] - v[_with(i, n) - 2**i]) for i in range(n)]
        mistakes = {
            "all sets have the same weight; an order's sets have |S|! (n − |S| − 1)! / n!": np.array(
                [each.mean() for each in with_and_without]
            ),
            "the sum over the sets, without weights": np.array([each.sum() for each in with_and_without]),
            "only what a part adds to none": np.array([v[2**i] - v[0] for i in range(n)]),
            "only what a part adds to all others; that is occlusion": np.array(
                [v[-1] - v[-1 - 2**i] for i in range(n)]
            ),
            "the parts in reverse: bit 0 is the last bit of the number, s >> i & 1": expected[::-1],
            "the sign: with the part less without it": -expected,
            "the sum over all orders, it is the mean": expected * np.prod(np.arange(1, n + 1)),
        }
        got = shapley(v)
        compare(f"9.2 {case}", got, expected, mistakes)
        compare(f"9.2 {case}: the sum is v(all) − v(none)", np.sum(got), v[-1] - v[0])


def check_conditional_shares(conditional_shares: Answer) -> None:
    """conditional_shares(w, x, given_1, given_2): (2,), with E[x₂|x₁] and E[x₁|x₂]."""
    rng = np.random.default_rng(2)
    cases = [("by hand", np.array([1.0, -1.0]), np.array([2.0, 1.0]), 1.0, 1.0)]
    cases += [("random", rng.normal(size=2), rng.normal(size=2), *rng.normal(size=2))]
    for case, w, x, given_1, given_2 in cases:
        mistakes = {
            "that is marginal: a missing input is its mean, 0, whatever the other is": w * x,
            "given_1 and given_2 have changed places: given_1 is E[x₂|x₁]": _two(w, x, given_2, given_1),
            "only the order in which x₁ is first": _in_order(w, x, given_1, 0),
            "only the order in which x₂ is first": _in_order(w, x, given_2, 1),
            "the sum over the two orders, it is the mean": 2 * _two(w, x, given_1, given_2),
        }
        got = conditional_shares(w, x, given_1, given_2)
        compare(f"9.3 {case}", got, _two(w, x, given_1, given_2), mistakes)
        compare(f"9.3 {case}: the sum is w·x", np.sum(got), w @ x)


def check_baseline_for(baseline_for: Answer) -> None:
    """baseline_for(w, x, wish): the baseline x′ with w ⊙ (x − x′) = wish."""
    rng = np.random.default_rng(3)
    cases = [("by hand", np.array([2.0, -1.0]), np.array([1.0, 1.0]), np.array([0.0, 1.0]))]
    cases += [("random", *rng.normal(size=(3, 5)))]
    for case, w, x, wish in cases:
        mistakes = {
            "the sign: wish = w (x − x′)": x + wish / w,
            "that is x − x′, not x′": wish / w,
            "multiplied by w; solve w (x − x′) = wish for x′": x - wish * w,
            "that is x′ − x": -wish / w,
        }
        compare(f"9.4 {case}", baseline_for(w, x, wish), x - wish / w, mistakes)


def _over_orders(v: Array) -> Array:
    """The mean over all orders of what each part adds to those before it."""
    n = len(v).bit_length() - 1
    orders = list(itertools.permutations(range(n)))
    added = np.zeros(n)
    for order in orders:
        there = 0
        for part in order:
            added[part] += v[there + 2**part] - v[there]
            there += 2**part
    return added / len(orders)


def _with(part: int, n: int) -> Array:
    """The numbers of the sets that hold a part."""
    return np.array([s for s in range(2**n) if s >> part & 1])


def _in_order(w: Array, x: Array, given: float, first: int) -> Array:
    """The shares when input `first` comes first, and the other is `given` until it comes."""
    shares = np.zeros(2)
    shares[first] = w[first] * x[first] + w[1 - first] * given
    shares[1 - first] = w @ x - shares[first]
    return shares


def _two(w: Array, x: Array, given_1: float, given_2: float) -> Array:
    return (_in_order(w, x, given_1, 0) + _in_order(w, x, given_2, 1)) / 2
