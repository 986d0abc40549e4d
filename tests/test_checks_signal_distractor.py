"""The checks of lesson 5 take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np

from minixai.checks import signal_distractor
from minixai.signal import LinearEstimator, ridge
from tests.solutions import lesson_checks


def filter_of(a_s, a_d):
    across = np.array([-a_d[1], a_d[0]])
    return across / (across @ a_s)


def pattern(x, y):
    covariance = np.cov(x.T, y)
    return covariance[:-1, -1] / covariance[-1, -1]


def left_behind(w, l2, n):
    return l2 * w / n


RIGHT = [
    (signal_distractor.check_filter_of, filter_of),
    (signal_distractor.check_pattern, pattern),
    (signal_distractor.check_pattern, lambda x, y: LinearEstimator(*ridge(x, y)).fit(x, y).pattern),
    (signal_distractor.check_left_behind, left_behind),
]
CHECKS = [
    signal_distractor.check_filter_of,
    signal_distractor.check_pattern,
    signal_distractor.check_left_behind,
]

WRONG = {
    signal_distractor.check_filter_of: {
        "columns of your matrix": lambda a_s, a_d: np.linalg.solve(np.array([a_s, a_d]).T, [1.0, 0.0]),
        "cancels the signal": lambda a_s, a_d: np.linalg.solve([a_s, a_d], [0.0, 1.0]),
        "a_s itself": lambda a_s, a_d: a_s / (a_s @ a_s),
        "w·a_s is not 1": lambda a_s, a_d: a_s - (a_s @ a_d) / (a_d @ a_d) * a_d,
        "got the shape (), expected (2,)": lambda a_s, a_d: 1.0,
    },
    signal_distractor.check_pattern: {
        "the means are not subtracted": lambda x, y: x.T @ y / (y @ y),
        "the standard deviation": lambda x, y: pattern(x, y) * y.std(),
        "not divided by the variance": lambda x, y: pattern(x, y) * y.var(),
        "by n − 1 in one": lambda x, y: np.cov(x.T, y)[:-1, -1] / y.var(),
        "the filter w": lambda x, y: ridge(x, y)[0] if len(x) > 2 else pattern(x, y),
        "got [0.5 2. ], expected [ 1.5 -1. ]": lambda x, y: x.mean(axis=0),
        "got the shape (1, 2), expected (2,)": lambda x, y: pattern(x, y)[None],
    },
    signal_distractor.check_left_behind: {
        "not divided by n": lambda w, l2, n: l2 * w,
        "the sign": lambda w, l2, n: -l2 / n * w,
        "least squares": lambda w, l2, n: 0 * w,
        "got the shape (), expected (2,)": lambda w, l2, n: l2 / n,
    },
}


TestChecks = lesson_checks(5, RIGHT, WRONG, plain=np.ndarray.tolist)
