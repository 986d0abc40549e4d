"""The checks of PatternNet by hand take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import re

import numpy as np
import pytest

import minixai as mx
from minixai import rules
from minixai.checks import CheckError, patterns, tell
from minixai.evaluate import degrade
from tests.solutions import lesson_checks


def pattern_net_rule(a):
    return lambda g, node: (g @ a, None, None)


def attribute(x, w1, b1, a1, w2, b2, a2, target, m=lambda w, a: w * a, start=None, gate=None, bias=0):
    z = w1 @ x + b1
    y = w2 @ np.maximum(z, 0) + b2
    r = np.where(np.arange(len(y)) == target, y, 0) if start is None else start(y, b2, target)
    r = (r + bias * b2) @ m(w2, a2)
    r = r * (z > 0 if gate is None else gate(z, b1))
    return (r + bias * b1) @ m(w1, a1)


def leaks(r, z, w, a):
    on = z > 0
    return r[~on].sum(), (r * (1 - (w * a).sum(axis=1)))[on].sum()


def replace_patch(image, row, column, size):
    image = image.copy()
    patch = image[:, row * size : (row + 1) * size, column * size : (column + 1) * size]
    patch[:] = patch.mean(axis=(1, 2), keepdims=True)
    return image


RIGHT = [
    (patterns.check_pattern_net_rule, pattern_net_rule),
    (patterns.check_attribute, attribute),
    (patterns.check_leaks, leaks),
    (patterns.check_replace_patch, replace_patch),
]


def test_minixai_passes() -> None:
    def as_table(a):
        return lambda g, node: rules.pattern_net({"": a})[mx.ops.linear](g, node)

    patterns.check_pattern_net_rule(as_table)

    def by_table(x, w1, b1, a1, w2, b2, a2, target):
        net = mx.nn.Sequential(mx.nn.Linear(*w1.T.shape), mx.nn.ReLU(), mx.nn.Linear(*w2.T.shape))
        net.load_state_dict({"0.weight": w1, "0.bias": b1, "2.weight": w2, "2.bias": b2})
        e = mx.methods.pattern_attribution(net, x[None], target=target, patterns={"0": a1, "2": a2})
        return e.map[0]

    patterns.check_attribute(by_table)


def test_degrade_replaces_patches_like_the_exercise() -> None:
    """One step of `degrade`, through a network that shows what it is given."""
    x = np.random.default_rng(0).random((1, 3, 8, 8))
    seen = []

    class Watching(mx.nn.Module):
        def forward(self, x):
            seen.append(x.value)
            return mx.ops.flatten(x)

    order = np.zeros((1, 8, 8))
    order[:, 4:8, 0:4] = 1
    degrade(Watching(), x, order, patch=4, steps=1, progress=False)
    patched = replace_patch(x[0].astype(np.float32), 1, 0, 4)
    np.testing.assert_allclose(np.concatenate(seen)[-1], patched, rtol=1e-6)


@pytest.mark.parametrize("check", [check for check, _ in RIGHT])
def test_not_done_yet(check, capsys: pytest.CaptureFixture[str]) -> None:
    tell(check, lambda *arguments: None)
    assert re.fullmatch(r"12\.\d by hand: not done yet\n", capsys.readouterr().out)


def test_a_rule_that_answers_nothing_is_not_done_yet() -> None:
    with pytest.raises(CheckError, match="by hand: not done yet"):
        patterns.check_pattern_net_rule(lambda a: lambda g, node: None)


def score(y, target):
    return np.where(np.arange(len(y)) == target, y, 0)


def placed(image, row, column, size, value):
    image = image.copy()
    image[:, row * size : (row + 1) * size, column * size : (column + 1) * size] = value
    return image


def in_pixels(image, row, column, size):
    image = image.copy()
    patch = image[:, row : row + size, column : column + size]
    patch[:] = patch.mean(axis=(1, 2), keepdims=True)
    return image


def in_place(image, row, column, size):
    image[:] = replace_patch(image, row, column, size)
    return image


def patch_of(image, row, column, size):
    return image[:, row * size : (row + 1) * size, column * size : (column + 1) * size]


WRONG = {
    patterns.check_pattern_net_rule: {
        "w is left in": lambda a: lambda g, node: (g @ node.arrays[1], None, None),
        "w ⊙ a in place of a": lambda a: lambda g, node: (g @ (a * node.arrays[1]), None, None),
        "a is transposed": lambda a: lambda g, node: (g @ (a.T if len(a) == len(a.T) else a), None, None),
        "the bias is added": lambda a: lambda g, node: ((g + node.arrays[2]) @ a, None, None),
        "the layer's output": lambda a: lambda g, node: (node.value @ a, None, None),
        "got float64 of the shape (1, 2), expected a tuple of 3": lambda a: lambda g, node: g @ a,
        "got tuple of 1, expected a tuple of 3": lambda a: lambda g, node: (g @ a,),
        "expected a function": lambda a: a,
        "got the shape (2,), expected (1, 2)": lambda a: lambda g, node: ((g @ a).sum(axis=0), None, None),
    },
    patterns.check_attribute: {
        "starts at 1": lambda *n: attribute(*n, start=lambda y, b, t: score(np.ones_like(y), t)),
        "the score without its bias": lambda *n: attribute(*n, start=lambda y, b, t: score(y - b, t)),
        "all scores": lambda *n: attribute(*n, start=lambda y, b, t: y),
        "the gate is missing": lambda *n: attribute(*n, gate=lambda z, b: 1),
        "not in the gate": lambda *n: attribute(*n, gate=lambda z, b: z - b > 0),
        "that is PatternNet": lambda *n: attribute(*n, m=lambda w, a: a),
        "that is the gradient": lambda *n: attribute(*n, m=lambda w, a: w),
        "a bias is added": lambda *n: attribute(*n, bias=1),
        "got the shape (), expected (2,)": lambda *n: attribute(*n).sum(),
    },
    patterns.check_leaks: {
        "the gate comes first": lambda *n: leaks(*n)[::-1],
        "a second time": lambda r, z, w, a: (leaks(r, z, w, a)[0], r @ (1 - (w * a).sum(axis=1))),
        "the sign": lambda *n: (leaks(*n)[0], -leaks(*n)[1]),
        "what arrives, not what leaks": lambda r, z, w, a: (
            leaks(r, z, w, a)[0],
            (r * (w * a).sum(axis=1))[z > 0].sum(),
        ),
        "what passes the gate": lambda r, z, w, a: (r[z > 0].sum(), leaks(r, z, w, a)[1]),
        "not times the relevance": lambda r, z, w, a: (leaks(r, z, w, a)[0], leaks(1 + 0 * r, z, w, a)[1]),
    },
    patterns.check_replace_patch: {
        "one mean for all channels": lambda *n: placed(*n, patch_of(*n).mean()),
        "zero in place": lambda *n: placed(*n, 0),
        "of the whole image": lambda *n: placed(*n, n[0].mean(axis=(1, 2), keepdims=True)),
        "count patches, not pixels": in_pixels,
        "changed places": lambda image, row, column, size: replace_patch(image, column, row, size),
        "at the border": lambda *n: placed(*n, patch_of(*n).sum(axis=(1, 2), keepdims=True) / n[3] ** 2),
        "writes to an array that it was given": in_place,
    },
}


TestChecks = lesson_checks(12, RIGHT, WRONG)
