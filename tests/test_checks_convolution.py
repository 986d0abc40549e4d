"""The checks of lesson 2 take right answers, and name what is wrong with the others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai.checks import CheckError, convolution
from tests.oracles import convolution as convolution_oracle
from tests.oracles import pooling as pooling_oracle

Array = np.ndarray
LESSON = Path(__file__).parents[1] / "lessons" / "02_convolution_by_hand.ipynb"


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def conv2d(x, w, b, stride=1, padding=0):
    y = convolution_oracle.conv2d(x[None], w, b, (stride, stride), (padding, padding))
    return y[0]


def padded(x: Array, before: int, after: int) -> Array:
    return np.pad(x, ((0, 0), (before, after), (before, after)))


def im2col(x, kh, kw, stride=1, padding=0):
    x = padded(x, padding, padding)
    h, w = output_size(x.shape[1], kh, stride), output_size(x.shape[2], kw, stride)
    cols = np.zeros((len(x), kh, kw, h, w))
    for c, u, v, r, q in np.ndindex(*cols.shape):
        cols[c, u, v, r, q] = x[c, r * stride + u, q * stride + v]
    return cols.reshape(len(x) * kh * kw, h * w)


def max_pool(x, size, stride):
    y, switches = pooling_oracle.max_pool2d(x[None], (size, size), (stride, stride), (0, 0), (1, 1), False)
    return y[0], switches[0]


def max_unpool(y, switches, h, w):
    return pooling_oracle.max_unpool2d(y[None], switches[None], (h, w))[0]


def dense_windows(x, w, b, stride, padding):
    rows = output_size(x.shape[1], w.shape[2], stride, padding)
    columns = output_size(x.shape[2], w.shape[3], stride, padding)
    return conv2d(x, w, b, 1, padding)[:, :rows, :columns]


def last_maximum(x, size, stride):
    y, turned = max_pool(x[:, ::-1, ::-1], size, stride)
    return y[:, ::-1, ::-1], x[0].size - 1 - turned[:, ::-1, ::-1]


def last_value(y, switches, h, w):
    x = np.zeros((len(y), h * w))
    for c in range(len(y)):
        x[c, switches[c].ravel()] = y[c].ravel()
    return x.reshape(len(y), h, w)


def columns_for_rows(y, switches, h, w):
    return max_unpool(y, switches % w * h + switches // w, h, w)


def in_window(x, size, stride):
    y, switches = max_pool(x, size, stride)
    top, left = np.indices(y.shape)[1:] * stride
    return y, (switches // x.shape[2] - top) * size + switches % x.shape[2] - left


def down_columns(x, size, stride):
    y, switches = max_pool(x, size, stride)
    return y, switches % x.shape[2] * x.shape[1] + switches // x.shape[2]


def from_zero(x, size, stride):
    y, switches = max_pool(x, size, stride)
    return np.maximum(y, 0), switches


def from_channel_to_channel(x, size, stride):
    y, switches = max_pool(x, size, stride)
    return y, switches + x[0].size * np.arange(len(x))[:, None, None]


def written_to(x, size, stride):
    y, switches = max_pool(x, size, stride)
    x[:] = 0
    return y, switches


def reordered(order: tuple[int, ...]) -> Callable[..., Any]:
    def answer(x, kh, kw, stride, padding):
        cols = im2col(x, kh, kw, stride, padding)
        h = output_size(x.shape[1], kh, stride, padding)
        return cols.reshape(len(x), kh, kw, h, -1).transpose(order).reshape(cols.shape)

    return answer


RIGHT: dict[str, Any] = {
    "one_output": -2,
    "output_size": output_size,
    "conv2d": conv2d,
    "im2col": im2col,
    "max_pool": max_pool,
    "max_unpool": max_unpool,
}
WRONG: list[tuple[str, Any, str]] = [
    ("one_output", -3, "the bias is missing"),
    ("one_output", 0, "turned by 180°"),
    ("one_output", 2, "rows and columns of the kernel are swapped"),
    ("one_output", -1, "row and column of the place are swapped"),
    ("one_output", -4, "by 1 pixel a step"),
    ("one_output", 1, "the other filter"),
    ("one_output", 7, "2.1: got 7, expected -2"),
    ("output_size", lambda s, k, t, p, d: (s + 2 * p - d * (k - 1) - 1) / t + 1, "not rounded down"),
    ("output_size", lambda s, k, t, p, d: -((d * (k - 1) + 1 - s - 2 * p) // t) + 1, "rounded up, not down"),
    ("output_size", lambda s, k, t, p, d: float(output_size(s, k, t, p, d)), "expected an int"),
    ("output_size", lambda s, k, t, p, d: output_size(s, k, t, p, d) - 1, "the first place is not counted"),
    ("output_size", lambda s, k, t, p, d: (s + p - d * (k - 1) - 1) // t + 1, "on one side only"),
    ("output_size", lambda s, k, t, p, d: output_size(s, k, 1, p, d), "the stride is ignored"),
    ("output_size", lambda s, k, t, p, d: output_size(s, k, t, p, 1), "the dilation is ignored"),
    ("output_size", lambda s, k, t, p, d: (s + 2 * p - d * k) // t + 1, "taken for dilation · kernel pixels"),
    ("conv2d", lambda x, w, b, s, p: conv2d(x, w, b, s, p).astype(int), "stored as integers"),
    ("conv2d", lambda x, w, b, s, p: conv2d(x, w[:, :, ::-1, ::-1], b, s, p), "turned by 180°"),
    ("conv2d", lambda x, w, b, s, p: conv2d(x, w.swapaxes(2, 3), b, s, p), "rows and columns of the kernel"),
    ("conv2d", lambda x, w, b, s, p: conv2d(x, w, 0 * b, s, p), "the bias is missing"),
    ("conv2d", dense_windows, "by 1 pixel a step"),
    ("conv2d", lambda x, w, b, s, p: conv2d(x, w, b, 1, p), "the stride is ignored"),
    ("conv2d", lambda x, w, b, s, p: conv2d(x, w, b, s, 0), "the padding is forgotten"),
    ("conv2d", lambda x, w, b, s, p: conv2d(padded(x, 0, 2 * p), w, b, s), "none before it"),
    ("conv2d", lambda x, w, b, s, p: conv2d(x, w, len(x) * b, s, p), "once a channel of x"),
    ("conv2d", lambda x, w, b, s, p: conv2d(x[:1], w[:, :1], b, s, p), "only the first channel"),
    ("im2col", lambda x, *args: im2col(x, *args).T, "a patch is a row"),
    ("im2col", reordered((1, 2, 0, 3, 4)), "the channel runs fastest"),
    ("im2col", reordered((0, 2, 1, 3, 4)), "the column v in the kernel runs slower"),
    ("im2col", reordered((0, 1, 2, 4, 3)), "the column q of the place runs slower"),
    ("im2col", lambda x, kh, kw, s, p: im2col(x, kh, kw, 1, p), "the stride is ignored"),
    ("im2col", lambda x, kh, kw, s, p: im2col(x, kh, kw, s, 0), "the padding is forgotten"),
    ("max_pool", lambda x, size, stride: max_pool(x, size, stride)[0], "expected the two arrays"),
    ("max_pool", lambda x, size, stride: max_pool(x, size, size), "the stride is ignored"),
    ("max_pool", from_zero, "starts at 0"),
    ("max_pool", from_channel_to_channel, "goes on from channel to channel"),
    ("max_pool", lambda *args: (max_pool(*args)[0], max_pool(*args)[1] * 1.0), "float64, expected integers"),
    ("max_pool", last_maximum, "at a tie the last maximum"),
    ("max_pool", in_window, "the place in the window"),
    ("max_pool", down_columns, "down the columns"),
    ("max_pool", written_to, "writes to an array"),
    ("max_unpool", last_value, "the last value is kept"),
    ("max_unpool", columns_for_rows, "switches are read down the columns"),
]


@pytest.mark.parametrize("exercise", RIGHT)
def test_the_right_answer_passes(exercise: str) -> None:
    getattr(convolution, f"check_{exercise}")(RIGHT[exercise])


@pytest.mark.parametrize("exercise", RIGHT)
def test_not_done_yet_is_told(exercise: str) -> None:
    stub = None if exercise == "one_output" else lambda *args: None
    with pytest.raises(CheckError, match="not done yet"):
        getattr(convolution, f"check_{exercise}")(stub)


@pytest.mark.parametrize(("exercise", "answer", "told"), WRONG)
def test_a_mistake_is_named(exercise: str, answer: Any, told: str) -> None:
    with pytest.raises(CheckError) as error:
        getattr(convolution, f"check_{exercise}")(answer)
    assert told in str(error.value)


def test_the_solutions_in_the_lesson_pass() -> None:
    cells = json.loads(LESSON.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    answers: dict[str, Any] = {"np": np}
    for solution in re.findall(r"Solution</summary>\n\n```python\n(.*?)```", text, re.DOTALL):
        exec(solution, answers)
    for exercise in RIGHT.keys() - {"one_output"}:
        getattr(convolution, f"check_{exercise}")(answers[exercise])


def test_the_example_is_what_every_convolution_gives() -> None:
    x, w, b, y = convolution.example()
    np.testing.assert_array_equal(conv2d(x, w, b, 2, 1), y)
    tensors = mx.Tensor(x[None]), mx.Tensor(w), mx.Tensor(b)
    np.testing.assert_array_equal(mx.ops.conv2d(*tensors, stride=2, padding=1).value, y[None])
