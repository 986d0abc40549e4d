"""The checks of All-CNN and guided backprop: p-norm pooling, its cost, the rules of ReLU, a control."""

from __future__ import annotations

import numpy as np

from minixai.checks.report import Answer, Array, CheckError, compare, kind_of, result_of, tuple_of

__all__ = ["check_added_parameters", "check_control", "check_p_norm_pool", "check_relu_rules"]


def check_p_norm_pool(p_norm_pool: Answer) -> None:
    """p_norm_pool(f, size, stride, p): f (c, h, w), size and stride numbers, p >= 1; (c, h', w')."""
    rng = np.random.default_rng(0)
    by_hand = np.array([[[3.0, 0, 6, -8], [-4, 0, 0, 0]]])  # p = 2 over 2×2 windows: [[[5, 10]]]
    for case, f, size, stride, p in [
        ("by hand", by_hand, 2, 2, 2.0),
        ("by hand", by_hand, 2, 2, 1.0),
        ("windows that overlap", rng.normal(size=(2, 5, 7)), 3, 2, 3.0),
        ("a broken p", rng.normal(size=(3, 4, 5)), 2, 1, 2.5),
    ]:
        c, h, w = f.shape
        shape = c, (h - size) // stride + 1, (w - size) // stride + 1
        powers, values = np.zeros((2, *shape))
        for channel, i, j in np.ndindex(*shape):
            for row, column in np.ndindex(size, size):
                value = f[channel, stride * i + row, stride * j + column]
                powers[channel, i, j] += abs(value) ** p
                values[channel, i, j] += value
        mistakes = {
            "the p-th root is forgotten": powers,
            "the magnitudes are forgotten, |f| in place of f": values,
            "that has the mean over the window, the formula has the sum": (powers / size**2) ** (1 / p),
        }
        compare(f"7.1 {case}, p = {p:g}", p_norm_pool(f, size, stride, p), powers ** (1 / p), mistakes)

    f = rng.normal(size=(2, 4, 4))
    largest = np.abs(f).reshape(2, 2, 2, 2, 2).max(axis=(2, 4))
    compare("7.1 the limit, p = 200", p_norm_pool(f, 2, 2, 200.0), largest, rtol=4 ** (1 / 200) - 1)


def check_added_parameters(added_parameters: Answer) -> None:
    """added_parameters(maps, size): how many maps each pool has, k integers; a number."""
    for maps, size in [((2,), 1), ((2, 3), 3), ((48, 96), 3), ((5, 7, 11), 2)]:
        expected = sum(count * (size * size * count + 1) for count in maps)
        mistakes = {
            "the biases are forgotten, one for each map": expected - sum(maps),
            "a filter has weights for every map of its input, not for one": sum(
                count * (size * size + 1) for count in maps
            ),
            "a filter has size · size weights for each map of its input": sum(
                count * (size * count + 1) for count in maps
            ),
            "only the first pool is replaced": maps[0] * (size * size * maps[0] + 1),
        }
        compare(f"7.2 maps {maps}, {size}×{size}", added_parameters(maps, size), expected, mistakes, rtol=0)


def check_relu_rules(relu_rules: Answer) -> None:
    """relu_rules(f, r): f and r of one shape; three arrays of that shape: gradient, DeConvNet, guided."""
    rng = np.random.default_rng(1)
    for case, f, r in [
        ("by hand", np.array([1.0, -2.0, 3.0, -4.0]), np.array([5.0, 6.0, -7.0, -8.0])),
        ("at zero", np.array([0.0, 0.0, 1.0]), np.array([2.0, -2.0, 0.0])),
        ("random", rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))),
    ]:
        got = tuple_of(f"7.3 {case}", relu_rules(f, r), 3, "three arrays")
        answers = {
            "gradient": (f > 0) * r,
            "DeConvNet": (r > 0) * r,
            "guided backprop": (f > 0) * (r > 0) * r,
        }
        mistakes = {
            "that looks at f alone: it is the gradient": answers["gradient"],
            "that looks at R alone: it is DeConvNet": answers["DeConvNet"],
            "that asks for f > 0 and R > 0: it is guided backprop": answers["guided backprop"],
            "either sign opens this gate, it should take both": ((f > 0) | (r > 0)) * r,
            "the gate is open at f = 0 too": (f >= 0) * r,
            "R is passed on as it is": r,
            "f is rectified and passed on, R is what comes back": np.maximum(f, 0),
            "the magnitude of R, not its positive part": np.abs(r),
        }
        for (name, expected), one in zip(answers.items(), got, strict=True):
            compare(f"7.3 {name}, {case}", one, expected, mistakes)


def check_control(control: Answer) -> None:
    """control(weights, rng): a state dict; another, whose arrays have their values in random places."""
    rng = np.random.default_rng(2)
    shapes = {"conv.weight": (6, 4, 3, 3), "conv.bias": (6,), "dense.weight": (5, 40)}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    got = result_of("7.4", control, weights, np.random.default_rng(0))
    if not isinstance(got, dict) or set(got) != set(weights):
        came = list(got) if isinstance(got, dict) else kind_of(got)
        raise CheckError(f"7.4: got {came}, expected a dict with the same names")
    for name, a in weights.items():
        b = np.asarray(got[name])
        mistakes = {"these are other values: then their distribution differs as well": np.sort(b, None)}
        compare(f"7.4 {name}, its values in order", np.sort(b, None), np.sort(a, None), mistakes)
        compare(f"7.4 {name}, its shape", b.shape, a.shape)
        if np.array_equal(a, b):
            raise CheckError(f"7.4 {name}: every value is still in its place")
        if a.ndim > 1 and _filters(a) == _filters(b):
            raise CheckError(
                f"7.4 {name}: the filters have other places, but each is still whole",
                "rng.permutation(a) moves whole filters, and so keeps what they detect; shuffle a.ravel()",
            )
    again = control(weights, np.random.default_rng(1))
    if all(np.array_equal(got[name], again[name]) for name in weights):
        raise CheckError("7.4: two generators give the same control", "rng is not used")


def _filters(weight: Array) -> set[tuple[float, ...]]:
    return {tuple(row) for row in weight.reshape(len(weight), -1).tolist()}
