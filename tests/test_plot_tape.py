"""The tape as a picture: every tensor has a box of its own, and the box says what is true."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Annotation

import minixai as mx
from minixai import ops
from minixai.plot import style
from minixai.plot.tape import MOST, draw_tape
from minixai.tape import tape_of

rng = np.random.default_rng(0)


def tensor(*shape: int) -> mx.Tensor:
    return mx.Tensor(rng.normal(size=shape))


def chain() -> mx.Tensor:
    return ops.relu(ops.linear(tensor(2, 3), tensor(4, 3), tensor(4)))


def twice() -> mx.Tensor:
    a = tensor()
    return (a + tensor()) * a


def square() -> mx.Tensor:
    a = tensor()
    return a * a


def branches() -> mx.Tensor:
    x = tensor(2, 3)
    h = ops.relu(x)
    return ops.sum((h + ops.tanh(x @ tensor(3, 3))) * h + (x * tensor(2, 3)) @ tensor(3, 3))


def lenet() -> mx.Tensor:
    return mx.models.lenet5()(mx.Tensor(np.zeros((1, 1, 28, 28), np.float32)))


def boxes(picture):
    return [patch for patch in picture.axes[0].patches if isinstance(patch, FancyBboxPatch)]


def arrows(picture):
    return [text for text in picture.axes[0].texts if isinstance(text, Annotation)]


def words(picture):
    return [text.get_text() for text in picture.axes[0].texts if text.get_text()]


@pytest.mark.parametrize("make", [chain, twice, square, branches, lenet, tensor])
def test_every_tensor_has_a_box_and_every_input_an_arrow(make):
    output = make()
    picture = draw_tape(output, cotangents=mx.backward(output, wrt=tape_of(output)))
    picture.pixels()
    tape = tape_of(output)
    assert len(boxes(picture)) == len(tape)
    assert len(arrows(picture)) == sum(len(each.inputs) for each in tape)
    placed = [box.get_window_extent() for box in boxes(picture)]
    assert not any(a.overlaps(b) for a, b in combinations(placed, 2))
    for arrow in arrows(picture):
        assert arrow.xyann[0] < arrow.xy[0]  # from left to right
    for text in picture.axes[0].texts:
        if text.get_text():
            extent, (left, bottom, right, top) = text.get_window_extent(), picture.bbox.extents
            assert left <= extent.x0 < extent.x1 <= right
            assert bottom <= extent.y0 < extent.y1 <= top


def test_what_the_boxes_say():
    a, b = mx.Tensor(np.float64(-2)), mx.Tensor(np.array([3.0, 4.0]))
    output = ops.sum(a * b)
    picture = draw_tape(output, {a: "a"}, mx.backward(output, wrt=tape_of(output)), title="a title")
    assert words(picture) == [
        "a title", "in orange: the cotangent",
        "a", "−2", "7", "leaf", "(2,)", "norm 2.8", "multiply", "(2,)", "norm 1.4", "sum", "−14", "1",
    ]  # fmt: skip
    orange = [t.get_text() for t in picture.axes[0].texts if t.get_color() == style.WARNING]
    assert orange == ["in orange: the cotangent", "7", "norm 2.8", "norm 1.4", "1"]


def test_without_cotangents_there_is_no_orange():
    picture = draw_tape(ops.relu(tensor(2)))
    assert words(picture) == ["leaf", "(2,)", "relu", "(2,)"]
    assert all(text.get_color() != style.WARNING for text in picture.axes[0].texts)


def test_more_than_can_be_read_is_refused():
    x = tensor()
    for _ in range(MOST):
        x = ops.tanh(x)
    with pytest.raises(ValueError, match=f"draw_tape: the tape has {MOST + 1} tensors"):
        draw_tape(x)
