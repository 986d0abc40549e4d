"""The checks of lesson 14: a climb on a sphere, the edge penalty, a curvature, PCA, a test on data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minixai.checks.report import Answer, Array, compare, result_of, tuple_of

__all__ = ["check_climb", "check_curvature", "check_edges", "check_pca", "check_rise"]


def check_climb(climb: Answer) -> None:
    """climb(w, x, rate, steps): x (d,) after steps along the gradient of wᵀx, each put back on the sphere."""
    rng = np.random.default_rng(0)
    cases = [
        ("by hand", np.array([3.0, 4.0]), np.array([5.0, 0.0]), 1.0, 1),
        ("random", rng.normal(size=4), 3 * rng.normal(size=4), 0.3, 5),
    ]
    for case, w, x, rate, steps in cases:
        r = np.sqrt(np.sum(x * x))
        mistakes = {
            "not put back on the sphere": x + steps * rate * w,
            "put back to length 1, not to that of x": _climbed(w, x, rate, steps) / r,
            "put back once, after all steps, not after each": _on_sphere(x + steps * rate * w, r),
            "that is a step down": _climbed(-w, x, rate, steps),
            "that is the end of the climb, not where it is after these steps": r * w / np.sqrt(w @ w),
            "the gradient is w itself, not w/‖w‖": _climbed(w / np.sqrt(w @ w), x, rate, steps),
            "one step is left out": _climbed(w, x, rate, steps - 1),
        }
        got = result_of(f"14.1 {case}", climb, w, x, rate, steps)
        compare(f"14.1 {case}", got, _climbed(w, x, rate, steps), mistakes)
    got = result_of("14.1 the end of the climb", climb, w, x, 1.0, 500)
    compare("14.1 the end of the climb", got, r * w / np.sqrt(w @ w))


def check_edges(edges: Answer) -> None:
    """edges(x, blur, half): Σ over scales of ‖x − blur(x)‖², of an image x (h, w), while min(h, w) > 5."""
    lone = np.zeros((7, 7))
    lone[3, 3] = 1.0
    rng = np.random.default_rng(1)
    for case, x in {"by hand": lone, "random": rng.normal(size=(24, 20))}.items():
        scales = [x]
        while min(scales[-1].shape) > 5:
            scales.append(_half(scales[-1]))
        left = [each - _blur(each) for each in scales]
        energies = [np.sum(each**2) for each in left]
        expected = sum(energies[:-1])
        mistakes = {
            "one scale too many: an image of 5 pixels or fewer has no part": sum(energies),
            "only the first scale": energies[0],
            "norms, not their squares": sum(np.sqrt(each) for each in energies[:-1]),
            "means over pixels, not sums": sum(np.mean(each**2) for each in left[:-1]),
            "‖blur(x)‖² in place of ‖x − blur(x)‖²": sum(np.sum(_blur(each) ** 2) for each in scales[:-1]),
            "the first scale is left out": sum(energies[1:-1]),
        }
        compare(f"14.2 {case}", result_of(f"14.2 {case}", edges, x, _blur, _half), expected, mistakes)


def check_curvature(curvature: Answer) -> None:
    """curvature(g, h, x, v): d²f/dθ² along the great circle through x (d,) in the direction v (d,)."""
    rng = np.random.default_rng(2)
    x, v, g = rng.normal(size=(3, 4))
    v -= (v @ x) / (x @ x) * x
    h = rng.normal(size=(4, 4))
    cases = [
        (
            "by hand",
            np.array([4.0, 0, 0]),
            np.diag([2.0, 1, 0]),
            np.array([2.0, 0, 0]),
            np.array([0.0, 1, 0]),
        ),
        ("random", g, h + h.T, x, v / np.sqrt(v @ v)),
    ]
    for case, g, h, x, v in cases:
        square, bend, pull = float(x @ x), float(v @ h @ v), float(g @ x)
        mistakes = {
            "vᵀHv is not multiplied by r²": bend - pull,
            "multiplied by r, not by r²": np.sqrt(square) * bend - pull,
            "that is along a straight line: the circle bends back, − gᵀx": square * bend,
            "that is along a straight line of unit speed": bend,
            "+ gᵀx in place of − gᵀx": square * bend + pull,
            "− gᵀv, which is the slope, in place of − gᵀx": square * bend - float(g @ v),
            "r² is a factor of vᵀHv only": square * (bend - pull),
        }
        got = result_of(f"14.3 {case}", curvature, g, h, x, v)
        compare(f"14.3 {case}", got, square * bend - pull, mistakes)


def check_pca(pca: Answer) -> None:
    """pca(x, k): coordinates (n, k) of the rows of x (n, d), up to a sign each, and shares (k,)."""
    rng = np.random.default_rng(3)
    cases = [
        ("by hand", np.array([[0.0, 0], [2, 0], [0, 1], [2, 1]]), 1),
        ("random", rng.normal(size=(12, 4)) @ rng.normal(size=(4, 4)) + [5, -3, 2, 1], 2),
    ]
    for case, x, k in cases:
        centred = x - x.mean(axis=0)
        variances, axes = np.linalg.eigh(centred.T @ centred)
        order = np.argsort(-variances)
        variances, axes = np.maximum(variances[order], 0), axes[:, order]
        spreads = np.sqrt(variances)
        raw = np.linalg.svd(x, compute_uv=False)
        places, shares = tuple_of(f"14.4 {case}", result_of(f"14.4 {case}", pca, x, k), 2)
        expected = centred @ axes[:, :k]
        mistakes = {
            "the mean is not subtracted": _signed(x @ np.linalg.svd(x)[2][:k].T, expected),
            "U is not multiplied by the singular values": expected / spreads[:k],
            "the mean is subtracted for the axes only": _signed(x @ axes[:, :k], expected),
        }
        compare(f"14.4 {case}: coordinates", _signed(places, expected), expected, mistakes)
        mistakes = {
            "singular values, not their squares": spreads[:k] / spreads.sum(),
            "of the first k, not of all": variances[:k] / variances[:k].sum(),
            "the mean is not subtracted": raw[:k] ** 2 / np.sum(raw**2),
            "the variances themselves, not their shares": variances[:k] / len(x),
        }
        compare(f"14.4 {case}: shares", shares, variances[:k] / variances.sum(), mistakes)


def check_rise(rise: Answer) -> None:
    """rise(score, images, x, rows, columns): the mean rise of the score where a cell of x replaces theirs."""
    by_hand = np.ones((2, 1, 2, 2)), np.array([[[1.0, 2], [3, 4]]])
    rng = np.random.default_rng(4)
    drawn = rng.normal(size=(5, 1, 6, 6)), rng.normal(size=(1, 6, 6))
    weights = rng.normal(size=(1, 6, 6))
    cases: list[tuple[str, Array, Array, slice, slice, Callable[[Array], Array]]] = [
        ("by hand", *by_hand, slice(1, 2), slice(0, 2), lambda images: images.sum(axis=(1, 2, 3))),
        ("random", *drawn, slice(2, 4), slice(3, 6), lambda z: np.tanh((z * weights).sum(axis=(1, 2, 3)))),
    ]
    for case, images, x, rows, columns, score in cases:
        cell = (slice(None), slice(None), rows, columns)
        before, replaced, added, blank = score(images), images.copy(), images.copy(), images.copy()
        replaced[cell] = x[None][cell]
        added[cell] = added[cell] + x[None][cell]
        blank[cell] = 0
        expected = np.mean(score(replaced) - before)
        mistakes = {
            "the score before is not subtracted": np.mean(score(replaced)),
            "the sum, not the mean": np.sum(score(replaced) - before),
            "before less after": -expected,
            "all of x, not its cell": np.mean(score(np.broadcast_to(x, images.shape)) - before),
            "added to the images, not put in their place": np.mean(score(added) - before),
            "that is the cell set to zero": np.mean(score(blank) - before),
        }
        got = result_of(f"14.5 {case}", rise, score, images, x, rows, columns)
        compare(f"14.5 {case}", got, expected, mistakes)


def _on_sphere(x: Array, r: float) -> Array:
    return x * (r / np.sqrt(np.sum(x * x)))


def _climbed(w: Array, x: Array, rate: float, steps: int) -> Array:
    r = float(np.sqrt(np.sum(x * x)))
    for _ in range(steps):
        x = _on_sphere(x + rate * w, r)
    return x


def _blur(x: Array) -> Array:
    """The 5×5 Gaussian of sum 1, zeros outside."""
    gaussian = np.exp(-np.square([-2.0, -1, 0, 1, 2]) / 2)
    gaussian /= gaussian.sum()
    padded, blurred = np.pad(x, 2), np.zeros_like(x)
    for i in range(5):
        for j in range(5):
            blurred += gaussian[i] * gaussian[j] * padded[i : i + x.shape[0], j : j + x.shape[1]]
    return blurred


def _half(x: Array) -> Array:
    """The means of 2×2 pixels; at an odd edge those of fewer."""
    rows, columns = (range(0, size, 2) for size in x.shape)
    return np.array([[x[i : i + 2, j : j + 2].mean() for j in columns] for i in rows])


def _signed(places: Array, like: Array) -> Array:
    """The columns of (n, k), each with the sign that is nearer to `like`; what has another shape as it is."""
    places = np.asarray(places)
    if places.shape != like.shape or places.dtype.kind not in "iuf":
        return places
    return places * np.where((places * like).sum(axis=0) < 0, -1, 1)
