"""The checks of lesson 10 take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np

from minixai.checks import activation_maps
from tests.solutions import lesson_checks


def grad_cam_map(maps, gradient):
    return np.einsum("k,khw->hw", gradient.mean(axis=(1, 2)), maps)


def alpha(maps, gradient, total=lambda maps: maps.sum(axis=(1, 2), keepdims=True)):
    below = 2 * gradient**2 + gradient**3 * total(maps)
    return np.divide(gradient**2, below, out=np.zeros_like(gradient), where=below != 0)


def receptive_field(kernels, strides):
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side, step = side + (kernel - 1) * step, step * stride
    return side, step


def moving_filter(rows, columns, sign=(-1, -1)):
    middle = max(abs(rows), abs(columns))
    weights = np.zeros((3, 3, 2 * middle + 1, 2 * middle + 1))
    weights[range(3), range(3), middle + sign[0] * rows, middle + sign[1] * columns] = 1
    return weights


RIGHT = [
    (activation_maps.check_grad_cam_map, grad_cam_map),
    (activation_maps.check_alpha, alpha),
    (activation_maps.check_receptive_field, receptive_field),
    (activation_maps.check_moving_filter, moving_filter),
]


def own_strides(kernels, strides):
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        step *= stride
        side += (kernel - 1) * step
    return side, step


def one_stride(kernels, strides):
    side = 1 + sum((k - 1) * s for k, s in zip(kernels, [1, *strides[:-1]], strict=True))
    return side, np.prod(strides)


WRONG = {
    activation_maps.check_grad_cam_map: {
        "the sum of the gradient": lambda a, g: np.einsum("k,khw->hw", g.sum(axis=(1, 2)), a),
        "the gradient of each place": lambda a, g: (a * g).sum(axis=0),
        "the ReLU is already in it": lambda a, g: np.maximum(grad_cam_map(a, g), 0),
        "the mean over the maps": lambda a, g: grad_cam_map(a, g) / len(a),
        "changed places": lambda a, g: grad_cam_map(g, a),
        "got the shape (1, 2, 2), expected (2, 2)": lambda a, g: grad_cam_map(a, g)[None],
    },
    activation_maps.check_alpha: {
        "A of the place": lambda a, g: alpha(a, g, lambda a: a),
        "the sum over all maps": lambda a, g: alpha(a, g, np.sum),
        "the normalised formula": lambda a, g: alpha(a, g) / alpha(a, g).sum(axis=(1, 2), keepdims=True),
        "already times g": lambda a, g: alpha(a, g) * g,
        "already times ReLU(g)": lambda a, g: alpha(a, g) * np.maximum(g, 0),
        "the ReLU belongs to g": lambda a, g: np.where(g > 0, alpha(a, g), 0),
        "α is 0 where its denominator is 0": lambda a, g: np.divide(
            1, 2 + g * a.sum(axis=(1, 2), keepdims=True), out=np.full_like(g, np.nan), where=g != 0
        ),
    },
    activation_maps.check_receptive_field: {
        "those of the layers below it count": own_strides,
        "those of all layers below multiply": one_stride,
        "the strides are left out": lambda k, s: (1 + sum(k) - len(k), np.prod(s)),
        "1 is missing": lambda k, s: (receptive_field(k, s)[0] - 1, np.prod(s)),
        "the strides are summed": lambda k, s: (receptive_field(k, s)[0], sum(s)),
        "steps and side": lambda k, s: receptive_field(k, s)[::-1],
        "got the shape (), expected (2,)": lambda k, s: receptive_field(k, s)[0],
    },
    activation_maps.check_moving_filter: {
        "moves the other way": lambda *move: moving_filter(*move, sign=(1, 1)),
        "every channel goes to all three": lambda *move: np.broadcast_to(
            moving_filter(*move).max(axis=(0, 1)), moving_filter(*move).shape
        ),
        "rows and columns": lambda *move: moving_filter(*move[::-1]),
        "flipped by rows only": lambda *move: moving_filter(*move, sign=(-1, 1) if all(move) else (-1, -1)),
        "flipped by columns only": lambda *move: moving_filter(
            *move, sign=(1, -1) if all(move) else (-1, -1)
        ),
        "got the shape (3, 3), expected (3, 3, 3, 3)": lambda *move: moving_filter(*move)[0, 0],
    },
}


TestChecks = lesson_checks(10, RIGHT, WRONG, plain=lambda answer: np.asarray(answer).tolist())
