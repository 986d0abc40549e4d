"""ρ(S) of one unit, from its samples one by one."""

from __future__ import annotations

import numpy as np

from tests.oracles import Array


def patches(x: Array, w_shape: tuple, stride: int, padding: int, dilation: int, group: slice) -> list[Array]:
    """What a unit of a convolution sees of an image (c, h, w), row by row, flat."""
    _, _, kh, kw = w_shape
    height, width = x.shape[1:]
    found = []
    for row in range(-padding, height + padding - dilation * (kh - 1), stride):
        for column in range(-padding, width + padding - dilation * (kw - 1), stride):
            patch = []
            for channel in x[group]:
                for u in range(kh):
                    for v in range(kw):
                        r, q = row + u * dilation, column + v * dilation
                        inside = 0 <= r < height and 0 <= q < width
                        patch.append(float(channel[r, q]) if inside else 0.0)
            found.append(np.array(patch))
    return found


def distractors(samples: list[Array], w: Array, b: float, above: Array, below: Array, active: bool):
    """(d̂, s) of the samples: s = wᵀx, d̂ = x − above·s where s + b > 0, else x − below·s."""
    found = []
    for x in samples:
        s = float(w @ x)
        if s + b > 0:
            found.append((x - above * s, s))
        elif not active:
            found.append((x - below * s, s))
    return found


def fit(pairs: list[tuple[Array, float]], ridge: float, mean_variance: float) -> Array:
    """v, the least-squares fit of s from d̂, with the penalty ridge · mean_variance."""
    d, s = (np.array(each) for each in zip(*pairs, strict=True))
    d, s = d - d.mean(axis=0), s - s.mean()
    return np.linalg.solve(d.T @ d / len(d) + ridge * mean_variance * np.eye(d.shape[1]), d.T @ s / len(d))


def rho(pairs: list[tuple[Array, float]], v: Array) -> float:
    """1 − corr(s, vᵀd̂)."""
    return 1 - np.corrcoef([v @ d for d, _ in pairs], [s for _, s in pairs])[0, 1]
