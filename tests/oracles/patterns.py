"""Pattern estimators from explicit samples: every patch is laid out, each mean taken as it is written."""

from __future__ import annotations

import numpy as np


def patches(x, kernel, stride, padding, dilation):
    """The patches of images x (n, c, h, w), place by place: (n·places, c, kh, kw)."""
    n, c, h, w = x.shape
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel, stride, padding, dilation
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw))
    padded[:, :, ph : ph + h, pw : pw + w] = x
    rows = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    columns = (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    found = []
    for i in range(n):
        for r in range(rows):
            for q in range(columns):
                patch = np.empty((c, kh, kw))
                for u in range(kh):
                    for v in range(kw):
                        patch[:, u, v] = padded[i, :, r * sh + u * dh, q * sw + v * dw]
                found.append(patch)
    return np.array(found)


def conv_samples(x, w, b, stride, padding, dilation, groups):
    """For each unit its samples, flat (places, d), and its outputs (places,)."""
    every = patches(x, w.shape[2:], stride, padding, dilation)
    in_group, of_group = w.shape[1], len(w) // groups
    samples = []
    for k in range(len(w)):
        first = k // of_group * in_group
        own = every[:, first : first + in_group].reshape(len(every), -1)
        samples.append((own, own @ w[k].reshape(-1) + b[k]))
    return samples


def pattern(x, y, w, kind):
    """The pattern of one unit from samples x (n, d) and outputs y (n,), with weight w (d,)."""
    chosen = {"linear": y == y, "positive": y > 0, "negative": y <= 0}[kind.removesuffix("_centred")]
    if not chosen.any() or np.ptp(y) == 0:
        return np.zeros_like(w)
    mean_y = y[chosen].mean() if kind.endswith("_centred") else y.mean()
    mean_xy = np.mean([xi * yi for xi, yi in zip(x[chosen], y[chosen], strict=True)], axis=0)
    mean_x = x[chosen].mean(axis=0)
    numerator = mean_xy - mean_x * mean_y
    denominator = w @ mean_xy - w @ mean_x * mean_y
    return numerator / denominator if abs(denominator) > 1e-12 * np.abs(w) @ np.abs(numerator) else 0 * w


def joint_pattern(x, w, b):
    """The patterns (k, d) of units with weights w (k, d) that see the same samples x (n, d)."""
    y = np.array([[unit @ sample for unit in w] for sample in x]) + b
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    covariance_x = np.mean([np.outer(sample - mean_x, sample - mean_x) for sample in x], axis=0)
    covariance_y = np.mean([np.outer(output - mean_y, output - mean_y) for output in y], axis=0)
    return (covariance_x @ w.T @ np.linalg.pinv(covariance_y, rcond=1e-12)).T
