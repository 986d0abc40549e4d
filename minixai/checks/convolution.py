"""The checks of convolution and pooling by hand. Images are single: (channels, height, width), no batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minixai.checks.patches import patches_of
from minixai.checks.report import Answer, Array, CheckError, compare, result_of, tuple_of

__all__ = [
    "Example",
    "check_conv2d",
    "check_im2col",
    "check_max_pool",
    "check_max_unpool",
    "check_one_output",
    "check_output_size",
    "example",
]


class Example(NamedTuple):
    """A convolution with stride 2 and padding 1: x (3, 5, 5), w (2, 3, 3, 3), b (2,), y (2, 3, 3)."""

    x: Array
    w: Array
    b: Array
    y: Array


def example() -> Example:
    """The whole numbers, as float64, of the convolution demo in the notes of Stanford's course CS231n.

    Reference: CS231n, Deep Learning for Computer Vision, notes on convolutional networks.
    """
    x = [
        [[2, 2, 2, 2, 0], [1, 2, 1, 1, 1], [2, 1, 1, 1, 2], [2, 0, 2, 2, 0], [2, 0, 2, 0, 2]],
        [[1, 1, 0, 2, 2], [2, 1, 1, 0, 0], [0, 0, 1, 1, 0], [2, 0, 0, 0, 0], [1, 0, 0, 2, 0]],
        [[0, 2, 0, 1, 2], [2, 1, 1, 2, 1], [0, 2, 1, 0, 2], [2, 2, 2, 1, 0], [2, 2, 2, 2, 0]],
    ]
    w = [
        [
            [[0, -1, -1], [-1, 0, 0], [-1, -1, 0]],
            [[-1, 0, -1], [0, 1, -1], [-1, -1, 0]],
            [[0, 0, -1], [1, 0, 0], [-1, 1, 1]],
        ],
        [
            [[1, 1, 0], [0, -1, 1], [-1, -1, 0]],
            [[0, 1, -1], [0, -1, -1], [1, 0, 0]],
            [[0, -1, -1], [1, 1, 1], [-1, 0, 1]],
        ],
    ]
    y = [[[1, -4, -1], [-4, -4, -4], [-2, -4, 3]], [[0, 0, -3], [0, -1, -2], [1, 1, 2]]]
    return Example(*(np.array(values, float) for values in (x, w, [1, 0], y)))


def check_one_output(value: Any) -> None:
    """value: the number in the last row, first column of the example's first channel."""
    x, w, b, y = example()
    mistakes = {
        "the bias is missing": y - b[:, None, None],
        "the kernel is turned by 180°": _conv2d(x, w[:, :, ::-1, ::-1], b, 2, 1),
        "rows and columns of the kernel are swapped": _conv2d(x, w.swapaxes(2, 3), b, 2, 1),
        "row and column of the place are swapped": y.swapaxes(1, 2),
        "the window has moved by 1 pixel a step, not by the stride": _conv2d(x, w, b, 1, 1),
        "that is the other filter": y[::-1],
    }
    compare("2.1", value, y[0, 2, 0], {mistake: answer[0, 2, 0] for mistake, answer in mistakes.items()})


def check_output_size(output_size: Answer) -> None:
    """output_size(size, kernel, stride, padding, dilation): an int, the number of places of the kernel."""
    for size, kernel, stride, padding, dilation in [
        (5, 3, 2, 1, 1),  # the example
        (7, 3, 1, 0, 1),
        (8, 3, 2, 0, 1),  # one pixel is left over
        (32, 5, 1, 2, 1),
        (9, 1, 1, 0, 1),
        (12, 3, 1, 0, 4),
        (20, 4, 3, 2, 2),
    ]:
        padded, extent = size + 2 * padding, dilation * (kernel - 1) + 1
        mistakes = {
            "not rounded down": (padded - extent) / stride + 1,
            "rounded up, not down": -((extent - padded) // stride) + 1,
            "the first place is not counted": (padded - extent) // stride,
            "the padding is counted on one side only": (size + padding - extent) // stride + 1,
            "the stride is ignored": padded - extent + 1,
            "the dilation is ignored": (padded - kernel) // stride + 1,
            "a dilated kernel taken for dilation · kernel pixels": (padded - dilation * kernel) // stride + 1,
        }
        case = f"2.2 size {size}, kernel {kernel}, stride {stride}, padding {padding}, dilation {dilation}"
        got = output_size(size, kernel, stride, padding, dilation)
        compare(case, got, len(range(0, padded - extent + 1, stride)), mistakes)
    if not isinstance(got, int | np.integer):
        raise CheckError(f"{case}: got {got!r}, expected an int")


def check_conv2d(conv2d: Answer) -> None:
    """conv2d(x, w, b, stride, padding): x (c, h, w), w (k, c, kh, kw), b (k,); the result (k, h', w')."""
    by_hand = np.array([[[1, 2], [3, 4]]]), np.array([[[[0.5, 1], [0, 0]]]]), np.array([1.0]), 1, 0  # 3.5
    rng = np.random.default_rng(0)
    cases = [
        (rng.normal(size=shape), rng.normal(size=kernel), rng.normal(size=kernel[0]), stride, padding)
        for shape, kernel, stride, padding in [
            ((1, 4, 4), (1, 1, 3, 3), 1, 0),
            ((2, 4, 5), (1, 2, 2, 3), 1, 0),
            ((1, 7, 6), (3, 1, 3, 2), 2, 0),
            ((3, 6, 5), (2, 3, 3, 3), 1, 1),
            ((2, 7, 8), (4, 2, 3, 2), 3, 2),
        ]
    ]
    for x, w, b, stride, padding in [by_hand, *cases]:
        expected = _conv2d(x, w, b, stride, padding)
        rows, columns = expected.shape[1:]
        dense = _conv2d(x, w, b, 1, padding)
        zeros_behind = np.pad(x, ((0, 0), (0, 2 * padding), (0, 2 * padding)))
        mistakes = {
            "the result is stored as integers": expected.astype(int),
            "the kernel is turned by 180°": _conv2d(x, w[:, :, ::-1, ::-1], b, stride, padding),
            "the stride is ignored": dense,
            "the window moves by 1 pixel a step, not by the stride": dense[:, :rows, :columns],
            "the padding is forgotten": _conv2d(x, w, b, stride, 0),
            "the zeros are all behind the image, none before it": _conv2d(zeros_behind, w, b, stride, 0),
            "the bias is missing": _conv2d(x, w, 0 * b, stride, padding),
            "the bias is added once a channel of x": _conv2d(x, w, len(x) * b, stride, padding),
            "only the first channel of x is read": _conv2d(x[:1], w[:, :1], b, stride, padding),
        }
        if w.shape[2] == w.shape[3]:
            mistakes["rows and columns of the kernel are swapped"] = _conv2d(
                x, w.swapaxes(2, 3), b, stride, padding
            )
        case = f"2.3 x {x.shape}, w {w.shape}, stride {stride}, padding {padding}"
        compare(case, result_of(case, conv2d, x, w, b, stride, padding), expected, mistakes)
    x, w, b, y = example()
    compare("2.3 the example", conv2d(x, w, b, 2, 1), y)


def check_im2col(im2col: Answer) -> None:
    """im2col(x, kh, kw, stride, padding): x (c, h, w); a patch a column, (c · kh · kw, h' · w')."""
    by_hand = np.arange(6.0).reshape(1, 2, 3), 2, 2, 1, 0  # [[0, 1], [1, 2], [3, 4], [4, 5]]
    rng = np.random.default_rng(1)
    cases = [
        (rng.normal(size=(2, 4, 5)), 2, 3, 1, 0),
        (rng.normal(size=(3, 5, 6)), 3, 3, 2, 0),
        (rng.normal(size=(2, 5, 4)), 3, 2, 2, 1),
    ]
    for x, kh, kw, stride, padding in [by_hand, *cases]:
        patches = _patches(x, kh, kw, stride, padding)
        size = len(x) * kh * kw
        expected = patches.reshape(-1, size).T
        dense = _patches(x, kh, kw, 1, padding)
        mistakes = {
            "a patch is a row, not a column": expected.T,
            "the channel runs fastest in a patch, not slowest": patches.transpose(3, 4, 2, 0, 1),
            "the column v in the kernel runs slower than the row u": patches.transpose(2, 4, 3, 0, 1),
            "the column q of the place runs slower than the row r": patches.transpose(2, 3, 4, 1, 0),
            "the stride is ignored": dense.reshape(-1, size).T,
            "the window moves by 1 pixel a step, not by the stride": (
                dense[: len(patches), : patches.shape[1]].reshape(-1, size).T
            ),
            "the padding is forgotten": _patches(x, kh, kw, stride, 0).reshape(-1, size).T,
        }
        mistakes = {
            mistake: answer.reshape(expected.shape) if answer.ndim == 5 else answer
            for mistake, answer in mistakes.items()
        }
        case = f"2.4 x {x.shape}, kernel {kh}×{kw}, stride {stride}, padding {padding}"
        compare(case, result_of(case, im2col, x, kh, kw, stride, padding), expected, mistakes)
    x, w, b, y = example()
    product = w.reshape(2, 27) @ im2col(x, 3, 3, 2, 1) + b[:, None]
    compare("2.4 w · columns + b of the example", product, y.reshape(2, 9))


def check_max_pool(max_pool: Answer) -> None:
    """max_pool(x, size, stride): x (c, h, w); the maxima y and their switches, both (c, h', w').

    A switch is r · w + q for the first maximum of the window, at row r and column q of the plane.
    """
    by_hand = np.array([[[1.0, 2, 0, 0], [4, 3, 0, 0]]]), 2, 2  # [[4, 0]] and [[4, 2]]
    rng = np.random.default_rng(2)
    cases = [
        (values, size, stride)
        for shape, size, stride in [
            ((1, 4, 6), 2, 2),
            ((2, 5, 7), 3, 2),
            ((2, 6, 5), 2, 1),
            ((1, 9, 8), 2, 3),
        ]
        for x in [rng.normal(size=shape)]
        for values in (x - 5, np.round(x))  # all below 0, and with ties
    ]
    for x, size, stride in [by_hand, *cases]:
        case = f"2.5 x {x.shape}, size {size}, stride {stride}"
        _check_pooled(case, result_of(case, max_pool, x, size, stride), x, size, stride)


def _check_pooled(case: str, got: Any, x: Array, size: int, stride: int) -> None:
    """Compare (y, switches) with those of plain loops."""
    got_y, got_switches = tuple_of(case, got, 2, "the two arrays y, switches")
    y, switches = _max_pool(x, size, stride)
    mistakes = {
        "the maximum starts at 0, so no negative one is found": np.maximum(y, 0),
        "the stride is ignored, the windows lie side by side": _max_pool(x, size, size)[0],
    }
    compare(f"{case}, y", got_y, y, mistakes)
    if np.asarray(got_switches).dtype.kind not in "iu":
        raise CheckError(f"{case}, switches: got {np.asarray(got_switches).dtype}, expected integers")
    c, r, q = np.indices(y.shape)
    row, column = np.divmod(switches, x.shape[2])
    mistakes = {
        "at a tie the last maximum is taken, not the first": _max_pool(x, size, stride, last=True)[1],
        "that is the place in the window, not in the plane": (row - r * stride) * size + column - q * stride,
        "counted down the columns, not along the rows": column * x.shape[1] + row,
        "the count goes on from channel to channel, it starts anew in each plane": c * x[0].size + switches,
    }
    compare(f"{case}, switches", got_switches, switches, mistakes)


def check_max_unpool(max_unpool: Answer) -> None:
    """max_unpool(y, switches, h, w): y, switches (c, h', w'); the result (c, h, w)."""
    by_hand = np.array([[[1, 2, 0.5, 0], [4, 3, 0, 0]]]), 2, 2  # the switches are 4 and 2
    rng = np.random.default_rng(3)
    cases = [(rng.normal(size=(1, 6, 9)), 3, 3), (rng.normal(size=(2, 5, 7)), 3, 2)]
    for x, size, stride in [by_hand, *cases]:
        switches = _max_pool(x, size, stride)[1]
        y = rng.normal(size=switches.shape)
        expected, last, columns = (np.zeros(x.shape) for _ in range(3))
        for c, r, q in np.ndindex(*switches.shape):
            row, column = divmod(switches[c, r, q], x.shape[2])
            expected[c, row, column] += y[c, r, q]
            last[c, row, column] = y[c, r, q]
            columns[c].flat[column * x.shape[1] + row] += y[c, r, q]
        mistakes = {
            "where windows share a switch the last value is kept, they should add up": last,
            "switches are read down the columns, not along the rows": columns,
        }
        case = f"2.6 y {y.shape}, h {x.shape[1]}, w {x.shape[2]}"
        got = result_of(case, max_unpool, y, switches, *x.shape[1:])
        compare(case, got, expected, mistakes)


def _patches(x: Array, kh: int, kw: int, stride: int, padding: int) -> Array:
    """The patches under the kernel: (h', w', c, kh, kw)."""
    return patches_of(x[None], (kh, kw), stride, padding)[0]


def _conv2d(x: Array, w: Array, b: Array, stride: int, padding: int) -> Array:
    patches = _patches(x, w.shape[2], w.shape[3], stride, padding)
    y = np.zeros((len(w), *patches.shape[:2]))
    for k, r, q in np.ndindex(*y.shape):
        y[k, r, q] = (patches[r, q] * w[k]).sum() + b[k]
    return y


def _max_pool(x: Array, size: int, stride: int, last: bool = False) -> tuple[Array, Array]:
    patches = _patches(x, size, size, stride, 0)
    y = np.zeros((len(x), *patches.shape[:2]))
    switches = np.zeros(y.shape, int)
    for c, r, q in np.ndindex(*y.shape):
        window = patches[r, q, c]
        y[c, r, q] = window.max()
        u, v = np.argwhere(window == y[c, r, q])[-1 if last else 0]
        switches[c, r, q] = (r * stride + u) * x.shape[2] + q * stride + v
    return y, switches
