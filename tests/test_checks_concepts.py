"""The checks of lesson 13 take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np

from minixai.checks import concepts
from tests.solutions import lesson_checks


def centred(x):
    return x - x.mean(axis=0)


def covariance(h, t):
    return centred(h).T @ (t - t.mean()) / len(t)


def within(h):
    return centred(h).T @ centred(h) / len(h)


def directions(h, t):
    return covariance(h, t) / t.var(), np.linalg.solve(within(h), covariance(h, t))


def far(random, than):
    return np.abs(random - 0.5) >= abs(than - 0.5)


def rank_p(score, random_scores):
    return (1 + far(random_scores, score).sum()) / (1 + len(random_scores))


def signal(x, t, read=None, along=None):
    sigma = covariance(x, t)
    w = np.linalg.solve(within(x), sigma) if read is None else read(x, t)
    a = sigma if along is None else along(x, t)
    return np.outer(centred(x) @ w, a / (w @ a))


def erase(x, t):
    return x - signal(x, t)


def price(clean, marked, y, k):
    others = y != k
    return (marked[others] == k).mean() - (clean[others] == k).mean(), (clean[~others] == k).mean()


RIGHT = [
    (concepts.check_directions, directions),
    (concepts.check_rank_p, rank_p),
    (concepts.check_erase, erase),
    (concepts.check_price, price),
]


def plain(answer):
    """Lists and numbers in the place of arrays."""
    return [each.tolist() for each in answer] if isinstance(answer, tuple) else np.asarray(answer).tolist()


def filter_of(h, t):
    return directions(h, t)[1]


def pattern_of(h, t):
    return directions(h, t)[0]


WRONG = {
    concepts.check_directions: {
        "not divided by var[t]": lambda h, t: (covariance(h, t), filter_of(h, t)),
        "by the standard deviation of t": lambda h, t: (covariance(h, t) / t.std(), filter_of(h, t)),
        "the mean of the others goes off": lambda h, t: (h[t == 1].mean(axis=0), filter_of(h, t)),
        "that is the filter": lambda h, t: directions(h, t)[::-1],
        "that is the pattern": lambda h, t: 2 * (pattern_of(h, t),),
        "without the inverse of Σ": lambda h, t: (pattern_of(h, t), covariance(h, t)),
        "without the means": lambda h, t: (
            pattern_of(h, t),
            np.linalg.pinv(h.T @ h / len(h)) @ covariance(h, t),
        ),
        "larger by 1/var[t]": lambda h, t: (pattern_of(h, t), filter_of(h, t) / t.var()),
        "of unit length": lambda h, t: (pattern_of(h, t), filter_of(h, t) / np.linalg.norm(filter_of(h, t))),
        "expected the pattern and the filter": lambda h, t: pattern_of(h, t),
        "got the shape (), expected (2,)": lambda h, t: (0.0, filter_of(h, t)),
    },
    concepts.check_rank_p: {
        "the concept itself is not counted": lambda score, random: far(random, score).mean(),
        "above the line only": lambda score, random: (1 + far(random, score).sum()) / len(random),
        "equally far count, too": lambda score, random: (
            (1 + (np.abs(random - 0.5) > abs(score - 0.5)).sum()) / (1 + len(random))
        ),
        "may be far from it as well": lambda score, random: (1 + (random >= score).sum()) / (1 + len(random)),
        "that is 1 − p": lambda score, random: 1 - rank_p(score, random),
    },
    concepts.check_erase: {
        "that is the signal": signal,
        "not measured from its mean": lambda x, t: (
            erase(x, t)
            - np.outer(
                np.full(len(x), x.mean(axis=0) @ filter_of(x, t)),
                covariance(x, t) / (filter_of(x, t) @ covariance(x, t)),
            )
        ),
        "w for both": lambda x, t: x - signal(x, t, filter_of, filter_of),
        "a for both": lambda x, t: x - signal(x, t, covariance, covariance),
        "the mean is gone": lambda x, t: erase(x, t) - x.mean(axis=0),
        "wᵀa must be 1": lambda x, t: x - np.outer(centred(x) @ filter_of(x, t), pattern_of(x, t)),
        "got the shape (2,)": lambda x, t: x.mean(axis=0),
    },
    concepts.check_price: {
        "without the mark, too": lambda clean, marked, y, k: (
            (marked[y != k] == k).mean(),
            price(clean, marked, y, k)[1],
        ),
        "of other classes only": lambda clean, marked, y, k: (
            (marked == k).mean() - (clean == k).mean(),
            price(clean, marked, y, k)[1],
        ),
        "not the other way round": lambda clean, marked, y, k: (
            -price(clean, marked, y, k)[0],
            price(clean, marked, y, k)[1],
        ),
        "not of the marked": lambda clean, marked, y, k: (
            price(clean, marked, y, k)[0],
            (marked[y == k] == k).mean(),
        ),
        "that is what is lost": lambda clean, marked, y, k: (
            price(clean, marked, y, k)[0],
            1 - price(clean, marked, y, k)[1],
        ),
        "that is of those called k": lambda clean, marked, y, k: (
            price(clean, marked, y, k)[0],
            (y[clean == k] == k).mean(),
        ),
        "not of all": lambda clean, marked, y, k: (
            price(clean, marked, y, k)[0],
            ((clean == k) & (y == k)).mean(),
        ),
        "expected two numbers": lambda clean, marked, y, k: price(clean, marked, y, k)[0],
    },
}


TestChecks = lesson_checks(13, RIGHT, WRONG, plain=plain)
