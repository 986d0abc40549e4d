"""The checks of DeConvNet: transposed convolution, five walks with bugs, the baseline of a cosine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minixai import ops
from minixai.checks.report import Answer, Array, CheckError, compare, tuple_of
from minixai.rules import Rules, deconvnet, unpooling
from minixai.tape import Node, Rule, Tensor, backward, rule_for

__all__ = ["BUGS", "account", "check_own_and_other", "check_transposed_conv", "check_verdict", "suspects"]

BUGS = {
    "none": "nothing is wrong",
    "gate": "a ReLU asks what went in, in place of what comes back",
    "unrectified": "a ReLU passes on all that comes back",
    "switches": "a pooling layer puts every value in the first pixel of its window",
    "turned": "a convolution's filters are turned by 180°",
}
PLANTED = {
    "A": ("gate", "relu1"),
    "B": ("turned", "conv2"),
    "C": ("none", ""),
    "D": ("switches", "pool2"),
    "E": ("unrectified", "relu2"),
}


def check_transposed_conv(transposed_conv: Answer) -> None:
    """transposed_conv(g, w, stride): g (k, h', w'), w (k, c, kh, kw); the result (c, h, w), no padding."""
    by_hand = np.array([[[1.0, 2.0]]]), np.array([[[[1.0, 10.0]]]]), 1  # [[[1, 12, 20]]]
    rng = np.random.default_rng(2)
    cases = [
        (rng.normal(size=g), rng.normal(size=w), stride)
        for g, w, stride in [
            ((1, 2, 3), (1, 1, 2, 2), 1),
            ((3, 3, 2), (3, 2, 3, 3), 1),
            ((2, 2, 3), (2, 3, 3, 2), 2),
        ]
    ]
    for g, w, stride in [by_hand, *cases]:
        (_, h_out, w_out), (_, c, kh, kw) = g.shape, w.shape
        shape = c, (h_out - 1) * stride + kh, (w_out - 1) * stride + kw
        expected, last, turned, swapped, first = np.zeros((5, *shape))
        for k, row, column in np.ndindex(*g.shape):
            window = np.s_[:, row * stride : row * stride + kh, column * stride : column * stride + kw]
            expected[window] += g[k, row, column] * w[k]
            last[window] = g[k, row, column] * w[k]
            turned[window] += g[k, row, column] * w[k, :, ::-1, ::-1]
            first[window] += (k == 0) * g[0, row, column] * w[0]
            if kh == kw:
                swapped[window] += g[k, row, column] * w[k].swapaxes(1, 2)
        mistakes = {
            "where windows overlap the last value is kept, they should add up": last,
            "the kernel is turned by 180°: stamp it as it is": turned,
            "only the first of the k maps is used": first,
        }
        if kh == kw:
            mistakes["rows and columns of the kernel are swapped; transposed is the matrix"] = swapped
        case = f"6.1 g {g.shape}, w {w.shape}, stride {stride}"
        got = transposed_conv(g, w, stride)
        compare(case, got, expected, mistakes)
        x = rng.normal(size=shape)
        y = ops.conv2d.forward(x[None], w, stride=stride)[0]
        compare(f"{case}: Σ conv(x) · g = Σ x · transposed(g)", np.sum(x * got), np.sum(y * g))


def check_own_and_other(own_and_other: Answer) -> None:
    """own_and_other(maps, x): both (n, h, w); cosines (n,) with the own image, and means over the others."""
    rng = np.random.default_rng(3)
    by_hand = np.array([[[3.0, 4.0]], [[0.0, 2.0]]]), np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    for case, maps, x in [
        ("by hand", *by_hand),  # (0.6, 1) and (0.8, 0)
        ("random", rng.normal(size=(4, 3, 5)), rng.normal(1, 1, size=(4, 3, 5))),
    ]:
        n = len(x)
        each, products, centred = np.zeros((3, n, n))
        for i, j in np.ndindex(n, n):
            products[i, j] = (maps[i] * x[j]).sum()
            each[i, j] = products[i, j] / np.sqrt((maps[i] ** 2).sum() * (x[j] ** 2).sum())
            centred[i, j] = np.corrcoef(maps[i].ravel(), x[j].ravel())[0, 1]
        expected = _own_and_other(each)
        mistakes = {
            "the own image is among the others": (expected[0], each.mean(axis=1)),
            "not divided by the lengths": _own_and_other(products),
            "the means are subtracted: that is the correlation": _own_and_other(centred),
            "each image with other maps, it should be each map with other images": _own_and_other(each.T),
            "the first is for the own image, the second for the others": expected[::-1],
        }
        got = tuple_of(f"6.3 {case}", own_and_other(maps, x), 2, "two arrays: own and other")
        compare(f"6.3 {case}", got, expected, mistakes)


def _own_and_other(each: Array) -> tuple[Array, Array]:
    own = np.diag(each)
    return own, (each.sum(axis=1) - own) / (len(each) - 1)


def check_verdict(verdict: Mapping[str, tuple[str, str]] | None) -> None:
    """verdict: for each letter of `suspects` the bug, a name in BUGS, and the layer, "" where none is."""
    if verdict is None:
        raise CheckError("6.2: not done yet")
    if set(verdict) != set(PLANTED):
        raise CheckError(
            f"6.2: got {', '.join(verdict) or 'nothing'}, expected a verdict on {', '.join(PLANTED)}"
        )
    for letter, given in verdict.items():
        bug, layer = tuple_of(f"6.2 {letter}", given, 2, "a pair: the bug and the layer")
        if bug not in BUGS:
            raise CheckError(f"6.2 {letter}: got {bug!r}, expected one of {', '.join(BUGS)}")
        if (bug, layer) != PLANTED[letter]:
            raise CheckError(f"6.2 {letter}: got {bug!r} in {layer!r}", HINTS[_kind_of_evidence(letter)])


HINTS = {
    "none": "a column of zeros speaks for itself, however odd the map looks",
    "adjoint": "what a convolution or a pooling layer does wrong shows in its own row alone, the adjoint gap",
    "sign": "a ReLU of DeConvNet passes on nothing negative; of what it does pass on, ask where it came from",
}


def _kind_of_evidence(letter: str) -> str:
    bug, _ = PLANTED[letter]
    return "none" if bug == "none" else "adjoint" if bug in ("turned", "switches") else "sign"


def account(output: Tensor, start: Array, rules: Rules, x: Tensor) -> dict[str, tuple[float, ...]]:
    """What a table does in the layers between an output and x, by layer.

    At a ReLU: of what it passes on, the share that is negative; of the positive values that came, the share
    that it stops. At a convolution M or a pooling layer: |⟨Mx, g⟩ − ⟨x, gx⟩| / (‖Mx‖‖g‖) for the input x that
    it had, the g that came and the gx passed on; zero where gx = Mᵀg.
    """
    found: dict[str, tuple[float, ...]] = {}

    def watched(g: Array, node: Node) -> list[Array | None]:
        answer = list(rule_for(node, rules)(g, node))
        gx = np.asarray(answer[0], float)
        found[str(node.layer)] = _at_a_relu(g, gx) if node.op is ops.relu else (_adjoint_gap(g, gx, node),)
        return answer

    backward(output, start, {op: watched for op in (ops.relu, ops.conv2d, ops.max_pool2d)}, wrt=[x])
    return found


def _at_a_relu(g: Array, gx: Array) -> tuple[float, float]:
    """The share of what is passed on that is negative, and of the positive that came what was stopped."""
    passed, came = gx[gx != 0], gx[g > 0]
    return _share(passed < 0), _share(came <= 0)


def _share(each: Array) -> float:
    return float(each.mean()) if each.size else 0.0


def _adjoint_gap(g: Array, gx: Array, node: Node) -> float:
    x, y = node.arrays[0].astype(float), node.value.astype(float)
    if node.op is ops.conv2d:
        y = y - node.arrays[2].reshape(-1, 1, 1)
    return float(
        abs((y * g).sum() - (x * gx).sum()) / np.sqrt((y * y).sum() * np.square(g, dtype=float).sum())
    )


def suspects() -> dict[str, Rules]:
    """Five tables for the walk of DeConvNet in lesson 6's network; some have one bug, in one layer."""
    planted: dict[str, tuple[Any, Rule]] = {
        "gate": (ops.relu, ops.relu.vjp),
        "turned": (ops.conv2d, _turned),
        "switches": (ops.max_pool2d, unpooling("first")),
        "unrectified": (ops.relu, lambda g, node: (g,)),
    }
    tables = {letter: deconvnet() for letter in PLANTED}
    for letter, (bug, layer) in PLANTED.items():
        if bug in planted:
            op, rule = planted[bug]
            tables[letter][layer, op] = rule
    return tables


def _turned(g: Array, node: Node) -> tuple[Array, None, None]:
    x, w = Tensor(node.arrays[0]), node.arrays[1][..., ::-1, ::-1]
    return backward(ops.conv2d(x, w, **node.params), g, wrt=[x])[x], None, None
