"""The checks of LRP by hand take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np

from minixai.checks import relevance
from tests.solutions import lesson_checks


def sign(z):
    return np.where(z >= 0, 1, -1)


def pos(v):
    return np.maximum(v, 0)


def neg(v):
    return np.minimum(v, 0)


def quotient(r, z):
    return np.divide(r, z, out=np.zeros_like(r), where=z != 0)


def epsilon_rule(x, w, b, r, epsilon):
    z = w @ x + b
    return x * (w.T @ (r / (z + epsilon * sign(z))))


def leaks(x, w, b, r, epsilon):
    z = w @ x + b
    s = r / (z + epsilon * sign(z))
    return b @ s, (epsilon * sign(z)) @ s


def z_plus_rule(x, w, b, r):
    s = quotient(r, pos(w) @ pos(x) + neg(w) @ neg(x) + pos(b))
    return pos(x) * (pos(w).T @ s) + neg(x) * (neg(w).T @ s)


RIGHT = [
    (relevance.check_epsilon_rule, epsilon_rule),
    (relevance.check_leaks, leaks),
    (relevance.check_z_plus_rule, z_plus_rule),
]


def raw_z_plus(x, w, b, r):
    with np.errstate(all="ignore"):
        q = pos(x * w)
        return q.T @ (r / (q.sum(axis=1) + pos(b)))


WRONG = {
    relevance.check_epsilon_rule: {
        "bias is not in z": lambda x, w, b, r, e: epsilon_rule(x, w, 0 * b, r, e),
        "x is not multiplied back": lambda x, w, b, r, e: w.T @ (r / (w @ x + b + e * sign(w @ x + b))),
        "not divided by z": lambda x, w, b, r, e: x * (w.T @ r),
        "+ε also where z is negative": lambda x, w, b, r, e: x * (w.T @ (r / (w @ x + b + e))),
        "sign of ε is wrong": lambda x, w, b, r, e: epsilon_rule(x, w, b, r, -e),
        "ε is missing": lambda x, w, b, r, e: x * (w.T @ (r / (w @ x + b))),
        "sign 0 is 0": lambda x, w, b, r, e: x * (w.T @ (r / (w @ x + b + e * np.sign(w @ x + b)))),
        "sign 0 is −1": lambda x, w, b, r, e: (
            x * (w.T @ (r / (w @ x + b + e * np.where(w @ x + b > 0, 1, -1))))
        ),
        "got the shape (3,), expected (2,)": lambda x, w, b, r, e: np.zeros(3),
    },
    relevance.check_leaks: {
        "first number is for the bias": lambda x, w, b, r, e: leaks(x, w, b, r, e)[::-1],
        "ε is not in the denominators": lambda x, w, b, r, e: (
            b @ (r / (w @ x + b)),
            e * sign(w @ x + b) @ (r / (w @ x + b)),
        ),
        "ε in place of ε·sign z": lambda x, w, b, r, e: (
            leaks(x, w, b, r, e)[0],
            e * np.sum(r / (w @ x + b + e * sign(w @ x + b))),
        ),
        "not times the relevance": lambda x, w, b, r, e: leaks(x, w, b, 1 + 0 * r, e),
        "bias is not in z": lambda x, w, b, r, e: (
            b @ (r / (w @ x + e * sign(w @ x))),
            leaks(x, w, 0 * b, r, e)[1],
        ),
        "not divided by z + ε": lambda x, w, b, r, e: (b @ r, e * sign(w @ x + b) @ r),
        "got the shape (), expected (2,)": lambda x, w, b, r, e: r.sum() - epsilon_rule(x, w, b, r, e).sum(),
    },
    relevance.check_z_plus_rule: {
        "w⁺ with the whole of x": lambda x, w, b, r: x * (pos(w).T @ quotient(r, pos(w) @ x + pos(b))),
        "x⁻w⁻ is missing": lambda x, w, b, r: z_plus_rule(pos(x), w, b, r),
        "in place of b⁺": lambda x, w, b, r: pos(x * w).T @ quotient(r, pos(x * w).sum(axis=1) + b),
        "the bias is missing": lambda x, w, b, r: z_plus_rule(x, w, 0 * b, r),
        "x is not multiplied back": lambda x, w, b, r: (
            pos(w).T @ quotient(r, pos(x * w).sum(axis=1) + pos(b))
        ),
        "the denominator is z": lambda x, w, b, r: pos(x * w).T @ quotient(r, w @ x + b),
        "not divided by Σ q": lambda x, w, b, r: pos(x * w).T @ r,
        "0/0": raw_z_plus,
    },
}


TestChecks = lesson_checks(8, RIGHT, WRONG, plain=list)
