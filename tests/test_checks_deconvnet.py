"""The checks of DeConvNet by hand take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from minixai import ops, rules
from minixai.checks import CheckError, deconvnet
from tests.solutions import assert_solutions_pass


def unpool(y, switches, size):
    x = np.zeros(size)
    np.add.at(x.reshape(-1), switches, y)
    return x


def unpool_last(y, switches, size):
    x = np.zeros(size)
    x.reshape(-1)[switches] = y
    return x


def unpool_corner(y, switches, size):
    x = np.zeros(size)
    x[:: size[0] // y.shape[0], :: size[1] // y.shape[1]] = y
    return x


def relu_rule(g, node):
    return (np.maximum(g, 0),)


def stamp(g, w, stride, turn=np.array, place=np.add):
    (_, rows, columns), (_, c, kh, kw) = g.shape, w.shape
    x = np.zeros((c, (rows - 1) * stride + kh, (columns - 1) * stride + kw))
    for r, q in np.ndindex(rows, columns):
        window = x[:, r * stride : r * stride + kh, q * stride : q * stride + kw]
        window[:] = place(window, np.tensordot(g[:, r, q], turn(w), 1))
    return x


RIGHT = [
    (deconvnet.check_unpool, unpool),
    (deconvnet.check_relu_rule, relu_rule),
    (deconvnet.check_transposed_conv, stamp),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_the_right_answer_passes(check, answer) -> None:
    check(answer)


def test_minixai_passes() -> None:
    deconvnet.check_unpool(lambda y, s, size: ops.max_unpool2d(as_batch(y), as_batch(s), size).value[0, 0])
    deconvnet.check_relu_rule(rules.deconvnet()[ops.relu])


def as_batch(plane):
    return plane[None, None]


def test_the_solutions_in_the_lesson_pass() -> None:
    assert_solutions_pass(5, [check for check, _ in RIGHT])


@pytest.mark.parametrize("check", [check for check, _ in RIGHT])
def test_not_done_yet(check) -> None:
    with pytest.raises(CheckError, match="not done yet"):
        check(lambda *arguments: None)


WRONG = {
    deconvnet.check_unpool: {
        "the last value is kept": unpool_last,
        "read down the columns": lambda y, s, size: unpool(y, s, size[::-1]).T,
        "the whole window gets the value": lambda y, s, size: np.kron(y, np.ones((2, 2))),
        "the first pixel of the window": unpool_corner,
        "got the shape (8,), expected (2, 4)": lambda y, s, size: unpool(y, s, size).reshape(-1),
    },
    deconvnet.check_relu_rule: {
        "that is the gradient": lambda g, node: (g * (node.arrays[0] > 0),),
        "that is guided backprop": lambda g, node: (np.maximum(g, 0) * (node.arrays[0] > 0),),
        "passed on as it is": lambda g, node: (g,),
        "the magnitude": lambda g, node: (np.abs(g),),
        "the input is rectified": lambda g, node: (node.value,),
        "expected a tuple of 1: the cotangent of each input": lambda g, node: np.maximum(g, 0),
    },
    deconvnet.check_transposed_conv: {
        "where windows overlap the last value is kept": lambda g, w, stride: stamp(
            g, w, stride, place=lambda old, new: new
        ),
        "turned by 180°": lambda g, w, stride: stamp(g, w, stride, turn=lambda w: w[..., ::-1, ::-1]),
        "rows and columns of the kernel are swapped": lambda g, w, stride: stamp(
            g, w, stride, turn=lambda w: w.swapaxes(2, 3) if w.shape[2] == w.shape[3] else w
        ),
        "only the first of the k maps": lambda g, w, stride: stamp(g[:1], w[:1], stride),
        "got the shape (3, 4, 4), expected (3, 5, 6)": lambda g, w, stride: stamp(g, w, 1),
    },
}


@pytest.mark.parametrize(
    ("check", "mistake", "answer"),
    [(check, mistake, answer) for check, wrong in WRONG.items() for mistake, answer in wrong.items()],
)
def test_the_mistake_is_named(check, mistake: str, answer) -> None:
    with pytest.raises(CheckError) as error:
        check(answer)
    assert mistake in str(error.value)
