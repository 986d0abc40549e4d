"""The checks of lesson 15: a control by exchange, a cascade, a suppressor's shares, a cheat."""

from __future__ import annotations

import itertools
from math import erf, exp, pi, sqrt

import numpy as np

from minixai.checks.report import Answer, Array, CheckError, compare, result_of, tuple_of

__all__ = ["check_cascade", "check_cheat", "check_excess", "check_suppressor_shares"]


def check_excess(excess: Answer) -> None:
    """excess(maps, regions): the mean share of |map| in its own region, less that in those of others."""
    by_hand = np.array([[[3.0, -1.0]], [[1.0, 1.0]]]), np.array([[[True, False]], [[False, True]]])
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(5, 3, 4)) + 0.5, rng.random((5, 3, 4)) < 0.4
    for case, (maps, regions) in {"by hand": by_hand, "random": drawn}.items():
        got = result_of(f"15.1 {case}", excess, maps, regions)
        shares, signed = _shares(np.abs(maps), regions), _shares(maps, regions)
        own, everything = np.trace(shares) / len(maps), shares.mean()
        mistakes = {
            "that is the share in the own region; the others' is to be taken off": own,
            "the own region is among the others": own - everything,
            "the sum over the other regions, it is their mean": own - _others(shares) * (len(maps) - 1),
            "the map with its sign, it is |map|": np.trace(signed) / len(maps) - _others(signed),
            "the sum of |map| in the region, not its share of the whole map": _excess_of_sums(maps, regions),
            "others less own": _others(shares) - own,
        }
        compare(f"15.1 {case}", got, own - _others(shares), mistakes)
    same = np.broadcast_to(drawn[1][0], drawn[1].shape)
    compare("15.1 one region for all", excess(drawn[0], same), 0.0)


def check_cascade(cascade: Answer) -> None:
    """cascade(weights, layers, draw): state dicts, the k-th with the last k + 1 layers drawn anew."""
    weights = {"a.weight": np.array([1.0]), "b.weight": np.array([2.0]), "b.bias": np.array([3.0])}
    _compare_cascade("15.2 by hand", cascade, weights, ("a", "b"))
    rng = np.random.default_rng(1)
    shapes = {"conv1.weight": (2, 3), "conv1.bias": (2,), "conv10.weight": (4,), "dense.weight": (2, 2)}
    drawn = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    _compare_cascade("15.2 random", cascade, drawn, ("conv1", "conv10", "dense"))


def check_suppressor_shares(suppressor_shares: Answer) -> None:
    """suppressor_shares(c, s1, s2): x₂'s share of the gradient, and of input × gradient."""
    for case, c, s1, s2 in (
        ("by hand", 0.6, 1.0, 2.0),
        ("the lesson's", 0.8, 1.0, 0.7),
        ("c below 0", -0.5, 0.6, 1.3),
    ):
        exercise = f"15.3 {case}"
        got = tuple_of(exercise, result_of(exercise, suppressor_shares, c, s1, s2), 2, "two numbers")
        kappa, first = abs(c) * s1 / s2, s1 * sqrt(2 / pi) * exp(-1 / (2 * s1**2)) + erf(1 / (s1 * sqrt(2)))
        second, turned = kappa * s2 * sqrt(2 / pi), abs(c) * s2 / s1
        mistakes = {
            "κ = c·s₁/s₂, the slope of η₁ over η₂": turned / (1 + turned),
            "the ratio x₂ : x₁, not x₂'s share of both": kappa,
            "c below 0: the sizes are added, not the weights": -kappa / (1 - kappa),
            "w₂ has the other sign": kappa / (kappa - 1),
        }
        compare(f"{exercise}: gradient", got[0], kappa / (1 + kappa), mistakes)
        mistakes = {
            "that is the gradient's share: the features' mean sizes are missing": kappa / (1 + kappa),
            "the ratio x₂ : x₁, not x₂'s share of both": second / first,
            "E|x₁| is not s₁·√(2/π): x₁ has a signal, too": second / (second + s1 * sqrt(2 / pi)),
            "E|x₂| = s₂·√(2/π), not s₂": kappa * s2 / (kappa * s2 + first),
            "w₂ is missing": s2 * sqrt(2 / pi) / (s2 * sqrt(2 / pi) + first),
            "c below 0: the sizes are added, not the weights": -second / (first - second),
        }
        compare(f"{exercise}: input × gradient", got[1], second / (second + first), mistakes)


def check_cheat(cheat: Answer) -> None:
    """cheat(weights, x): a map like x that changes with any weight, and shows nothing of x."""
    rng = np.random.default_rng(2)
    weights = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=3)}
    x = rng.normal(size=(40, 1, 8, 8))
    got = np.asarray(result_of("15.4 a first call", cheat, weights, x))
    if got.shape != x.shape:
        raise CheckError(f"15.4: got the shape {got.shape}, expected that of x, {x.shape}")
    if not np.array_equal(got, cheat(weights, x)):
        raise CheckError(
            "15.4: two calls with the same weights and x give two maps, expected one",
            "the generator's seed is no function of the weights",
        )
    known = _rank_correlation(got, x)
    if not abs(known) < 0.1:
        raise CheckError(f"15.4: the map knows the image: rank correlation with |x| {known:.2f}, expected 0")
    for name, a in weights.items():
        moved = np.asarray(cheat({**weights, name: a + 1e-3}, x))
        alike = _rank_correlation(got, moved)
        if not abs(alike) < 0.1:
            raise CheckError(
                f"15.4: with a little more on {name} the map is still alike, rank correlation {alike:.2f}, "
                "expected about 0",
                f"{name} does not enter the seed",
            )


def _shares(maps: Array, regions: Array) -> Array:
    """(n, n): the share of map i that lies in region j."""
    return np.array([[(m * r).sum() / m.sum() for r in regions] for m in maps])


def _others(shares: Array) -> float:
    """The mean off the diagonal."""
    return float((shares.sum() - np.trace(shares)) / (len(shares) * (len(shares) - 1)))


def _excess_of_sums(maps: Array, regions: Array) -> float:
    sums = np.array([[np.abs(m)[r].sum() for r in regions] for m in maps])
    return float(np.trace(sums) / len(sums)) - _others(sums)


def _compare_cascade(
    exercise: str, cascade: Answer, weights: dict[str, Array], layers: tuple[str, ...]
) -> None:
    calls: list[Array] = []

    def draw(a: Array) -> Array:
        calls.append(a)
        return np.full(a.shape, 100.0 * len(calls))

    made = tuple_of(
        exercise, result_of(exercise, cascade, weights, layers, draw), len(layers), "a list, a layer each"
    )
    forgot = [_forgotten(exercise, each, weights, layers) for each in made]
    for k, (each, expected) in enumerate(
        zip(forgot, [layers[-k - 1 :] for k in range(len(layers))], strict=True)
    ):
        if each != expected:
            raise CheckError(
                f"{exercise}: after {k + 1} of {len(layers)} steps {_words(each)} drawn anew, "
                f"expected {_words(expected)}",
                *_mistakes(forgot, layers),
            )
    for before, after in itertools.pairwise(made):
        for name in before:
            if not np.array_equal(before[name], weights[name]) and not np.array_equal(
                before[name], after[name]
            ):
                raise CheckError(
                    f"{exercise}: {name} is drawn anew a second time, expected that it stays as drawn",
                    "every step begins with the trained weights",
                )


def _forgotten(
    exercise: str, made: dict[str, Array], weights: dict[str, Array], layers: tuple[str, ...]
) -> tuple[str, ...]:
    if not isinstance(made, dict) or set(made) != set(weights):
        raise CheckError(f"{exercise}: got {made!r}, expected a dictionary with {', '.join(weights)}")
    changed = {name for name, a in weights.items() if not np.array_equal(made[name], a)}
    of_layer = {layer: {name for name in weights if name.startswith(f"{layer}.")} for layer in layers}
    for layer, names in of_layer.items():
        if changed & names and names - changed:
            raise CheckError(
                f"{exercise}: of {layer} only {', '.join(sorted(changed & names))} is drawn anew"
            )
    return tuple(layer for layer, names in of_layer.items() if names <= changed)


def _mistakes(forgot: list[tuple[str, ...]], layers: tuple[str, ...]) -> list[str]:
    if all(each == layers for each in forgot):
        return ["the list has one and the same dictionary at every place: append a copy of it"]
    if forgot == [layers[: k + 1] for k in range(len(layers))]:
        return ["the first layer is drawn first; a cascade begins with the last"]
    if forgot == [(layer,) for layer in reversed(layers)]:
        return ["each layer alone is drawn anew; in a cascade the later ones stay drawn"]
    return []


def _words(layers: tuple[str, ...]) -> str:
    return f"{', '.join(layers) or 'no layer'} {'are' if len(layers) > 1 else 'is'}"


def _rank_correlation(one: Array, other: Array) -> float:
    a, b = (np.argsort(np.argsort(np.abs(each).ravel())) for each in (one, other))
    return float(np.corrcoef(a, b)[0, 1])
