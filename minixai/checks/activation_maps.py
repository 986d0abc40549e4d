"""The checks of lesson 10: Grad-CAM's map, α of Grad-CAM++, the receptive field, a filter that moves."""

from __future__ import annotations

import numpy as np

from minixai.checks.report import Answer, Array, CheckError, compare, compare_array

__all__ = ["check_alpha", "check_grad_cam_map", "check_moving_filter", "check_receptive_field"]

MAPS = np.array([[[4.0, 0], [0, 4]], [[0, 0], [2, 0]], [[0, 4], [0, 2]]])  # of the lesson


def check_grad_cam_map(grad_cam_map: Answer) -> None:
    """grad_cam_map(maps, gradient): Σ_k w_k·A^k (h, w), w_k the mean of the gradient, all (k, h, w)."""
    by_hand = np.array([1.0, 2, -1])[:, None, None] / 4 * np.ones_like(MAPS)
    rng = np.random.default_rng(0)
    random = np.maximum(rng.normal(size=(5, 3, 4)), 0), rng.normal(size=(5, 3, 4))
    for case, maps, gradient in (("by hand", MAPS, by_hand), ("random", *random)):
        expected, summed = np.zeros(maps.shape[1:]), np.zeros(maps.shape[1:])
        for each, slopes in zip(maps, gradient, strict=True):
            summed += sum(slopes.flat) * each
            expected += sum(slopes.flat) / slopes.size * each
        mistakes = {
            "the sum of the gradient, not its mean": summed,
            "the gradient of each place, where its mean over the map is asked for": (maps * gradient).sum(
                axis=0
            ),
            "the ReLU is already in it": np.maximum(expected, 0),
            "the mean over the maps, not their sum": expected / len(maps),
            "map and gradient have changed places": np.tensordot(maps.mean(axis=(1, 2)), gradient, 1),
        }
        compare_array(f"10.1 {case}", grad_cam_map(maps, gradient), expected, mistakes)


def check_alpha(alpha: Answer) -> None:
    """alpha(maps, gradient): Grad-CAM++'s α at each place, all (k, h, w), 0 where it has no value."""
    rng = np.random.default_rng(1)
    signed, slopes = rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3, 5))
    slopes[0] = 0  # a map that the score does not depend on
    cases = [
        ("by hand", MAPS, np.array([1.0, 2, -1])[:, None, None] / 4 * np.ones_like(MAPS)),
        ("random", np.maximum(signed, 0), np.where(slopes == 0, 1, slopes)),
        ("maps and slopes of either sign, some slopes 0", signed, slopes),
        ("a denominator of 0", np.array([[[-4.0, 0]]]), np.array([[[0.5, 1.0]]])),  # 2g² + g³·(−4) at g = ½
    ]
    for case, maps, gradient in cases:
        expected = _alpha(gradient, np.array([sum(each.flat) * np.ones_like(each) for each in maps]))
        at_place, of_all = _alpha(gradient, maps), _alpha(gradient, np.full_like(maps, maps.sum()))
        mistakes = {
            "A of the place, where the sum over the map is asked for": at_place,
            "the sum over all maps, where that over its own map is asked for": of_all,
            "divided by the sum over the map, which is the normalised formula": _normalised(expected),
            "already times g": expected * gradient,
            "already times ReLU(g)": expected * np.maximum(gradient, 0),
            "the ReLU belongs to g, and not to α": np.where(gradient > 0, expected, 0),
        }
        got = alpha(maps, gradient)
        if np.shape(got) == maps.shape and not np.isfinite(np.asarray(got, float)).all():
            raise CheckError(f"10.2 {case}: got {got}", "α is 0 where its denominator is 0, or g")
        compare_array(f"10.2 {case}", got, expected, mistakes)


def _alpha(gradient: Array, total: Array) -> Array:
    alpha = np.zeros(gradient.shape)
    for place, g in np.ndenumerate(gradient):
        below = 2 * g**2 + g**3 * total[place]
        alpha[place] = g**2 / below if below else 0
    return alpha


def _normalised(alpha: Array) -> Array:
    total = alpha.sum(axis=(1, 2), keepdims=True)
    return np.divide(alpha, total, out=np.zeros_like(alpha), where=total != 0)


def check_receptive_field(receptive_field: Answer) -> None:
    """receptive_field(kernels, strides): the side of what a place sees, and the steps between places."""
    cases = {
        "by hand": ([3, 2, 3], [1, 2, 1]),
        "one layer": ([5], [3]),
        "strides one after the other": ([7, 3, 3, 3, 3], [2, 2, 1, 2, 1]),
    }
    for case, (kernels, strides) in cases.items():
        steps = [1]
        for stride in strides:
            steps.append(steps[-1] * stride)
        side = _side(kernels, steps[:-1])
        mistakes = {
            "each layer counts with its own stride too; those of the layers below it count": (
                _side(kernels, steps[1:]),
                steps[-1],
            ),
            "each kernel counts with one stride, where those of all layers below multiply": (
                _side(kernels, [1, *strides[:-1]]),
                steps[-1],
            ),
            "the strides are left out": (_side(kernels, [1] * len(kernels)), steps[-1]),
            "1 is missing: without any layer a place sees itself": (side - 1, steps[-1]),
            "the strides are summed, where they multiply": (side, sum(strides)),
            "steps and side have changed places": (steps[-1], side),
        }
        compare(f"10.3 {case}", receptive_field(kernels, strides), (side, steps[-1]), mistakes)


def _side(kernels: list[int], steps: list[int]) -> int:
    return 1 + sum((kernel - 1) * step for kernel, step in zip(kernels, steps, strict=True))


def check_moving_filter(moving_filter: Answer) -> None:
    """moving_filter(rows, columns): weights (3, 3, k, k), k odd, that move an image down and right."""
    for case, move in {"by hand": (0, 1), "up": (-2, 0), "both": (3, -5)}.items():
        side = 2 * max(map(abs, move)) + 1
        expected = _taps(side, *(side // 2 - each for each in move))
        one_way = _taps(side, *(side // 2 + each for each in move))
        mixed = np.broadcast_to(expected.max(axis=(0, 1)), expected.shape)
        mistakes = {
            "moves the other way: y[i] = Σ_a w[a]·x[i + a − k//2]": one_way,
            "every channel goes to all three": mixed,
            "rows and columns have changed places": _taps(side, *(side // 2 - each for each in move[::-1])),
            "flipped by rows only": _taps(side, side // 2 - move[0], side // 2 + move[1]),
            "flipped by columns only": _taps(side, side // 2 + move[0], side // 2 - move[1]),
        }
        if move[0] == 0 or move[1] == 0:  # there these two are none
            mistakes = dict(list(mistakes.items())[:3])
        compare(f"10.4 {case}", moving_filter(*move), expected, mistakes)


def _taps(side: int, row: int, column: int) -> Array:
    weights = np.zeros((3, 3, side, side))
    for channel in range(3):
        weights[channel, channel, row, column] = 1
    return weights
