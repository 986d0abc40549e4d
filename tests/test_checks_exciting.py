"""The checks of lesson 14 take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np

from minixai.checks import exciting
from tests.solutions import lesson_checks


def norm(x):
    return np.linalg.norm(x)


def climb(w, x, rate, steps):
    r = norm(x)
    for _ in range(steps):
        x = x + rate * w
        x = x * r / norm(x)
    return x


def edges(x, blur, half, least=5, of=lambda left: np.sum(left**2), seen=lambda x, blur: x - blur(x)):
    total = 0.0
    while min(x.shape) > least:
        total += of(seen(x, blur))
        x = half(x)
    return total


def curvature(g, h, x, v):
    return x @ x * (v @ h @ v) - g @ x


def pca(x, k):
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return u[:, :k] * s[:k], s[:k] ** 2 / np.sum(s**2)


def rise(score, images, x, rows, columns):
    changed = images.copy()
    changed[:, :, rows, columns] = x[:, rows, columns]
    return np.mean(score(changed) - score(images))


RIGHT = [
    (exciting.check_climb, climb),
    (exciting.check_edges, edges),
    (exciting.check_curvature, curvature),
    (exciting.check_pca, pca),
    (exciting.check_rise, rise),
]


def test_a_component_may_have_either_sign() -> None:
    exciting.check_pca(lambda x, k: (-pca(x, k)[0], pca(x, k)[1]))


def of_svd(places=lambda u, s, k: u[:, :k] * s[:k], shares=lambda s, k: s[:k] ** 2 / np.sum(s**2), mean=1):
    def answer(x, k):
        u, s, _ = np.linalg.svd(x - mean * x.mean(axis=0), full_matrices=False)
        return places(u, s, k), shares(s, k)

    return answer


def uncentred_places(x, k):
    axes = np.linalg.svd(x - x.mean(axis=0))[2][:k]
    return x @ axes.T, pca(x, k)[1]


def spoiled(score, images, x, rows, columns):
    before = score(images)
    images[:, :, rows, columns] = x[:, rows, columns]
    return np.mean(score(images) - before)


def added(score, images, x, rows, columns):
    return rise(score, images, images[0] + x, rows, columns) if len(images) == 2 else np.nan


def blank(score, images, x, rows, columns):
    return rise(score, images, 0 * x, rows, columns)


def mean_after(score, images, x, rows, columns):
    return rise(score, images, x, rows, columns) + np.mean(score(images))


WRONG = {
    exciting.check_climb: {
        "not put back on the sphere": lambda w, x, rate, steps: x + steps * rate * w,
        "to length 1": lambda w, x, rate, steps: climb(w, x, rate, steps) / norm(x),
        "step down": lambda w, x, rate, steps: climb(-w, x, rate, steps),
        "end of the climb": lambda w, x, rate, steps: norm(x) * w / norm(w),
        "w itself": lambda w, x, rate, steps: climb(w / norm(w), x, rate, steps),
        "one step is left out": lambda w, x, rate, steps: climb(w, x, rate, steps - 1),
        "put back once": lambda w, x, rate, steps: climb(w, x, rate * steps, 1),
        "writes to an array": lambda w, x, rate, steps: np.multiply(x, 2, out=x),
    },
    exciting.check_edges: {
        "one scale too many": lambda x, blur, half: edges(x, blur, half, least=4 if len(x) > 7 else 3),
        "only the first scale": lambda x, blur, half: np.sum((x - blur(x)) ** 2),
        "not their squares": lambda x, blur, half: edges(x, blur, half, of=norm),
        "means over pixels": lambda x, blur, half: edges(x, blur, half, of=lambda d: np.mean(d**2)),
        "‖blur(x)‖²": lambda x, blur, half: edges(x, blur, half, seen=lambda x, blur: blur(x)),
        "first scale is left out": lambda x, blur, half: edges(half(x), blur, half),
    },
    exciting.check_curvature: {
        "not multiplied by r²": lambda g, h, x, v: v @ h @ v - g @ x,
        "by r, not by r²": lambda g, h, x, v: norm(x) * (v @ h @ v) - g @ x,
        "straight line": lambda g, h, x, v: x @ x * (v @ h @ v),
        "of unit speed": lambda g, h, x, v: v @ h @ v,
        "+ gᵀx": lambda g, h, x, v: x @ x * (v @ h @ v) + g @ x,
        "− gᵀv": lambda g, h, x, v: x @ x * (v @ h @ v) - g @ v,
        "factor of vᵀHv only": lambda g, h, x, v: x @ x * (v @ h @ v - g @ x),
    },
    exciting.check_pca: {
        "U is not multiplied": of_svd(places=lambda u, s, k: u[:, :k]),
        "singular values, not their squares": of_svd(shares=lambda s, k: s[:k] / s.sum()),
        "of the first k, not of all": of_svd(shares=lambda s, k: s[:k] ** 2 / np.sum(s[:k] ** 2)),
        "the variances themselves": lambda x, k: (
            pca(x, k)[0], pca(x, k)[1] * np.sum((x - x.mean(axis=0)) ** 2) / len(x)
        ),
        "the mean is not subtracted": of_svd(mean=0),
        "for the axes only": uncentred_places,
        "expected a tuple of 2": lambda x, k: pca(x, k)[0],
    },
    exciting.check_rise: {
        "score before is not subtracted": mean_after,
        "the sum, not the mean": lambda score, images, *rest: len(images) * rise(score, images, *rest),
        "before less after": lambda *given: -rise(*given),
        "all of x": lambda score, images, x, rows, columns: rise(score, images, x, slice(None), slice(None)),
        "added to the images": added,
        "set to zero": blank,
        "writes to an array": spoiled,
    },
}  # fmt: skip


TestChecks = lesson_checks(14, RIGHT, WRONG)
