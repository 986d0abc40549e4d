"""The checks of DeConvNet by hand: unpooling, the rule of ReLU, transposed convolution."""

from __future__ import annotations

import numpy as np

from minixai import ops
from minixai.checks.report import Answer, compare, cotangents_of
from minixai.tape import Tensor, backward

__all__ = ["check_relu_rule", "check_transposed_conv", "check_unpool"]


def check_unpool(unpool: Answer) -> None:
    """unpool(y, switches, size): y and switches (h', w'), size (h, w); the result (h, w).

    A switch is row · w + column of the pixel that was the maximum of its window.
    """
    by_hand = np.array([[1.0, 2.0]]), np.array([[5, 2]]), (2, 4)  # [[0, 0, 2, 0], [0, 1, 0, 0]]
    rng = np.random.default_rng(0)
    side_by_side = rng.normal(size=(2, 3)), np.array([[7, 2, 4], [19, 15, 23]]), (4, 6)
    overlapping = rng.normal(size=(2, 2)), np.array([[7, 7], [11, 8]]), (4, 5)
    for case, (y, switches, size) in [
        ("by hand", by_hand),
        ("windows side by side", side_by_side),
        ("windows that share a maximum", overlapping),
    ]:
        expected, last, columns = np.zeros((3, *size))
        for r, q in np.ndindex(*y.shape):
            row, column = divmod(switches[r, q], size[1])
            expected[row, column] += y[r, q]
            last[row, column] = y[r, q]
            columns.T[divmod(switches[r, q], size[0])] += y[r, q]
        spread = np.kron(y, np.ones((size[0] // y.shape[0], size[1] // y.shape[1])))
        corner = np.zeros(size)
        corner[:: size[0] // y.shape[0], :: size[1] // y.shape[1]][: y.shape[0], : y.shape[1]] = y
        mistakes = {
            "where windows share a maximum the last value is kept, they should add up": last,
            "switches are read down the columns, not along the rows": columns,
            "the whole window gets the value, the switch is not used": spread,
            "the first pixel of the window gets the value, the switch is not used": corner,
        }
        compare(f"5.1 {case}", unpool(y, switches, size), expected, mistakes)


def check_relu_rule(relu_rule: Answer) -> None:
    """relu_rule(g, node): a tuple of one array, of the shape of g."""
    x = Tensor(np.array([[1.0, -2.0, 3.0, -4.0]]))
    node = ops.relu(x).node
    g = np.array([[5.0, 6.0, -7.0, -8.0]])  # every pair of signs of x and g
    (got,) = cotangents_of("5.2 by hand", relu_rule, g, node)
    active = x.value > 0
    mistakes = {
        "that is the gradient: it lets through where the input was positive": g * active,
        "that is guided backprop: it asks for both, DeConvNet looks at the cotangent alone": (
            np.maximum(g, 0) * active
        ),
        "the cotangent is passed on as it is": g,
        "the magnitude of the cotangent, not its positive part": np.abs(g),
        "the input is rectified, not the cotangent": np.maximum(x.value, 0),
    }
    compare("5.2 by hand", got, [[5, 6, 0, 0]], mistakes)
    rng = np.random.default_rng(1)
    w, v, start = (rng.normal(size=shape) for shape in ((5, 4), (2, 5), (3, 2)))
    x = Tensor(rng.normal(size=(3, 4)))
    y = ops.linear(ops.relu(ops.linear(x, w)), v)
    expected = np.maximum(start @ v, 0) @ w
    walked = backward(y, start, {ops.relu: relu_rule}, wrt=[x])[x]
    compare("5.2 in a table, through two layers", walked, expected)


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
        case = f"5.3 g {g.shape}, w {w.shape}, stride {stride}"
        got = transposed_conv(g, w, stride)
        compare(case, got, expected, mistakes)
        x = rng.normal(size=shape)
        y = ops.conv2d.forward(x[None], w, stride=stride)[0]
        compare(f"{case}: Σ conv(x) · g = Σ x · transposed(g)", np.sum(x * got), np.sum(y * g))
