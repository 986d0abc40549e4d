"""The checks of lesson 11 take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np

import minixai as mx
from minixai.checks import signal
from tests.solutions import lesson_checks


def positive_pattern(x, y, w):
    active = y > 0
    numerator = x[active].T @ (y[active] - y.mean())
    return numerator / (w @ numerator)


def centred(x):
    return x - x.mean(axis=0)


def reader(d, y):
    return np.linalg.lstsq(centred(d), centred(y))[0]


def correlation(p, y):
    return np.corrcoef(p, y)[0, 1]


def rho(d, y):
    return 1 - correlation(d @ reader(d, y), y)


def rest(w, x_a, x):
    return x - np.outer(x @ w, centred(x_a).T @ (x_a @ w) / np.sum(centred(x_a @ w) ** 2))


def held_out_rho(w, x_a, x_v, x_test):
    return 1 - correlation(rest(w, x_a, x_test) @ reader(rest(w, x_a, x_v), x_v @ w), x_test @ w)


def summed(x, w, stride, padding, weights=lambda y: y - y.mean(axis=(0, 2, 3), keepdims=True)):
    weight = mx.Tensor(w)
    y = mx.ops.conv2d(mx.Tensor(x), weight, stride=stride, padding=padding)
    return mx.backward(y, weights(y.value), wrt=[weight])[weight]


def divided(numerator, w):
    return numerator / (w * numerator).sum(axis=(1, 2, 3), keepdims=True)


def conv_pattern(x, w, stride, padding):
    return divided(summed(x, w, stride, padding), w)


def moved_by(fit, x, y, c):
    return np.linalg.norm(fit(x + c, y) - fit(x, y)) / np.linalg.norm(fit(x, y))


RIGHT = [
    (signal.check_positive_pattern, positive_pattern),
    (signal.check_rho, rho),
    (signal.check_held_out_rho, held_out_rho),
    (signal.check_conv_pattern, conv_pattern),
    (signal.check_moved_by, moved_by),
]


def over_wa(numerator, w):
    return numerator / (w @ numerator)


def uneven_counts(x, y, w):
    active = y > 0
    return over_wa(x[active].T @ y[active] / active.sum() - x[active].sum(axis=0) / len(y) * y.mean(), w)


def no_intercept(d, y):
    return d @ np.linalg.lstsq(d, y)[0]


WRONG = {
    signal.check_positive_pattern: {
        "E[y] over the active samples only": lambda x, y, w: over_wa(
            x[y > 0].T @ (y[y > 0] - y[y > 0].mean()), w
        ),
        "E[y] is not subtracted": lambda x, y, w: over_wa(x[y > 0].T @ y[y > 0], w),
        "not divided": lambda x, y, w: x[y > 0].T @ (y[y > 0] - y.mean()),
        "but for the number of active": lambda x, y, w: x[y > 0].T @ (y[y > 0] - y.mean()) / np.sum(y > 0),
        "E₊[x] by that of all": uneven_counts,
        "that is a, over all samples": lambda x, y, w: over_wa(centred(x).T @ centred(y), w),
        "divided by the variance of y": lambda x, y, w: (
            x[y > 0].T @ (y[y > 0] - y.mean()) / np.sum(y > 0) / y.var()
        ),
        "got the shape (), expected (2,)": lambda x, y, w: y.mean(),
    },
    signal.check_rho: {
        "that is the correlation": lambda d, y: 1 - rho(d, y),
        "the square of the correlation": lambda d, y: 1 - (1 - rho(d, y)) ** 2,
        "1 plus the correlation": lambda d, y: 2 - rho(d, y),
        "not subtracted before the fit": lambda d, y: 1 - correlation(no_intercept(d, y), y),
        "subtracted nowhere": lambda d, y: (
            1 - no_intercept(d, y) @ y / np.linalg.norm(no_intercept(d, y)) / np.linalg.norm(y)
        ),
        "without the inverse": lambda d, y: 1 - correlation(d @ (centred(d).T @ centred(y)), y),
        "the best single column": lambda d, y: 1 - max(abs(correlation(column, y)) for column in d.T),
        "got the shape (1,), expected ()": lambda d, y: np.array([rho(d, y)]),
    },
    signal.check_held_out_rho: {
        "1 less its size": lambda *all_of: 1 - abs(1 - held_out_rho(*all_of)),
        "v is fitted to the test samples": lambda w, x_a, x_v, x_test: held_out_rho(w, x_a, x_test, x_test),
        "a is fitted to all samples": lambda w, *x: held_out_rho(w, np.concatenate(x), *x[1:]),
        "a is fitted to the test samples": lambda w, x_a, x_v, x_test: held_out_rho(w, x_test, x_v, x_test),
        "changed samples": lambda w, x_a, x_v, x_test: held_out_rho(w, x_v, x_a, x_test),
        "that is the correlation": lambda *all_of: 1 - held_out_rho(*all_of),
    },
    signal.check_conv_pattern: {
        "ȳ is not subtracted": lambda x, w, *how: divided(summed(x, w, *how, lambda y: y), w),
        "and not divided": lambda x, w, *how: summed(x, w, *how, lambda y: y),
        "not divided": summed,
        "divided by one number": lambda x, w, *how: summed(x, w, *how) / (w * summed(x, w, *how)).sum(),
        "divided by wᵀw": lambda x, w, *how: summed(x, w, *how) / (w * w).sum(axis=(1, 2, 3), keepdims=True),
        "a cotangent of ones": lambda x, w, *how: divided(summed(x, w, *how, np.ones_like), w),
        "of each place on its own": lambda x, w, *how: (
            conv_pattern(x, w, *how)
            if len(x) == 1
            else divided(summed(x, w, *how, lambda y: y - y.mean(axis=0)), w)
        ),
        "of each image on its own": lambda x, w, *how: divided(
            summed(x, w, *how, lambda y: y - y.mean(axis=(2, 3), keepdims=True)), w
        ),
        "over all units": lambda x, w, *how: divided(summed(x, w, *how, lambda y: y - y.mean()), w),
        "got the shape (2,), expected (1, 1, 1, 2)": lambda x, w, *how: conv_pattern(x, w, *how).ravel(),
    },
    signal.check_moved_by: {
        "not divided by the length of a": lambda fit, x, y, c: np.linalg.norm(fit(x + c, y) - fit(x, y)),
        "length of a′": lambda fit, x, y, c: (
            np.linalg.norm(fit(x + c, y) - fit(x, y)) / np.linalg.norm(fit(x + c, y))
        ),
        "y moves too": lambda fit, x, y, c: (
            moved_by(fit, x, y, c)
            if len(x) == 1
            else np.linalg.norm(fit(x + c, (x + c) @ np.linalg.lstsq(x, y)[0]) - fit(x, y))
            / np.linalg.norm(fit(x, y))
        ),
    },
}


TestChecks = lesson_checks(11, RIGHT, WRONG, plain=lambda answer: np.asarray(answer).tolist())
