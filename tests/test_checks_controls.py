"""The checks of lesson 15 take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

from math import erf, exp, pi, sqrt

import numpy as np

from minixai.checks import controls
from tests.solutions import lesson_checks


def shares(maps, regions):
    maps = np.abs(maps).reshape(len(maps), -1)
    return maps / maps.sum(axis=1, keepdims=True) @ regions.reshape(len(maps), -1).T


def excess(maps, regions, shares=shares):
    found, n = shares(maps, regions), len(maps)
    own = np.trace(found)
    return own / n - (found.sum() - own) / (n * (n - 1))


def signed(maps, regions):
    maps = maps.reshape(len(maps), -1)
    return maps / maps.sum(axis=1, keepdims=True) @ regions.reshape(len(maps), -1).T


def sums(maps, regions):
    return np.abs(maps).reshape(len(maps), -1) @ regions.reshape(len(maps), -1).T


def cascade(weights, layers, draw, order=reversed, copies=True, keep=True):
    changed, made = dict(weights), []
    for layer in order(layers):
        changed = changed if keep else dict(weights)
        for name in weights:
            if name.startswith(f"{layer}."):
                changed[name] = draw(weights[name])
        made.append(dict(changed) if copies else changed)
    return made


def drawn_again(weights, layers, draw):
    return [
        {n: draw(a) if n.split(".")[0] in layers[-k - 1 :] else a for n, a in weights.items()}
        for k in range(len(layers))
    ]


def in_place(weights, layers, draw):
    for name in weights:
        weights[name][...] = draw(weights[name])
    return [weights] * len(layers)


def only_weights(weights, layers, draw):
    part = {name: a for name, a in weights.items() if name.endswith("weight")}
    return [{**weights, **each} for each in cascade(part, layers, draw)]


def sizes(c, s1, s2):
    kappa = abs(c) * s1 / s2
    first = s1 * sqrt(2 / pi) * exp(-1 / (2 * s1**2)) + erf(1 / (s1 * sqrt(2)))
    return kappa, first, kappa * s2 * sqrt(2 / pi)


def suppressor_shares(c, s1, s2):
    kappa, first, second = sizes(c, s1, s2)
    return kappa / (1 + kappa), second / (first + second)


def cheat(weights, x):
    total = sum(float(np.sum(a)) for a in weights.values())
    seed = np.frombuffer(np.float64(total).tobytes(), np.uint32)
    return np.random.default_rng(seed).normal(size=x.shape)


RIGHT = [
    (controls.check_excess, excess),
    (controls.check_cascade, cascade),
    (controls.check_suppressor_shares, suppressor_shares),
    (controls.check_cheat, cheat),
]


def gradient_share(wrong):
    return lambda c, s1, s2: (wrong(c, s1, s2), suppressor_shares(c, s1, s2)[1])


def product_share(wrong):
    return lambda c, s1, s2: (suppressor_shares(c, s1, s2)[0], wrong(c, *sizes(c, s1, s2), s1, s2))


def moves_with(name):
    return lambda weights, x: cheat({name: weights[name]}, x)


WRONG = {
    controls.check_excess: {
        "the others' is to be taken off": lambda m, r: np.trace(shares(m, r)) / len(m),
        "the own region is among the others": lambda m, r: (
            np.trace(shares(m, r)) / len(m) - shares(m, r).mean()
        ),
        "it is |map|": lambda m, r: excess(m, r, signed),
        "not its share of the whole map": lambda m, r: excess(m, r, sums),
        "others less own": lambda m, r: -excess(m, r),
        "it is their mean": lambda m, r: (
            np.trace(shares(m, r)) / len(m) - (shares(m, r).sum() - np.trace(shares(m, r))) / len(m)
            if len(m) > 2
            else excess(m, r)
        ),
    },
    controls.check_cascade: {
        "append a copy of it": lambda *given: cascade(*given, copies=False),
        "a cascade begins with the last": lambda *given: cascade(*given, order=iter),
        "in a cascade the later ones stay drawn": lambda *given: cascade(*given, keep=False),
        "begins with the trained weights": drawn_again,
        "writes to an array": in_place,
        "of b only b.weight is drawn anew": only_weights,
        "expected a list, a layer each": lambda *given: cascade(*given)[1:],
        "after 1 of 2 steps no layer is": lambda weights, layers, draw: [weights] * len(layers),
    },
    controls.check_suppressor_shares: {
        "the slope of η₁ over η₂": gradient_share(
            lambda c, s1, s2: abs(c) * s2 / s1 / (1 + abs(c) * s2 / s1)
        ),
        "gradient: got 0.3, expected 0.23": gradient_share(lambda c, s1, s2: sizes(c, s1, s2)[0]),
        "w₂ has the other sign": gradient_share(lambda c, s1, s2: 1 / (1 - 1 / sizes(c, s1, s2)[0])),
        "mean sizes are missing": product_share(lambda c, kappa, first, second, s1, s2: kappa / (1 + kappa)),
        "the ratio x₂ : x₁": product_share(lambda c, kappa, first, second, s1, s2: second / first),
        "x₁ has a signal, too": product_share(
            lambda c, kappa, first, second, s1, s2: second / (second + s1 * sqrt(2 / pi))
        ),
        "not s₂": product_share(lambda c, kappa, first, second, s1, s2: kappa * s2 / (kappa * s2 + first)),
        "w₂ is missing": product_share(
            lambda c, kappa, first, second, s1, s2: s2 * sqrt(2 / pi) / (s2 * sqrt(2 / pi) + first)
        ),
        "the sizes are added": lambda c, s1, s2: (
            suppressor_shares(c, s1, s2) if c > 0 else (c * s1 / s2 / (1 + c * s1 / s2), 0.0)
        ),
    },
    controls.check_cheat: {
        "seed is no function of the weights": lambda weights, x: np.random.default_rng().normal(size=x.shape),
        "w does not enter the seed": moves_with("b"),
        "b does not enter the seed": moves_with("w"),
        "got the shape (8, 8)": lambda weights, x: x[0, 0],
        "the map knows the image": lambda weights, x: x * (1 + 0.1 * cheat(weights, x)),
    },
}


TestChecks = lesson_checks(15, RIGHT, WRONG, undone="not done yet")
