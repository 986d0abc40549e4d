"""Checks of lesson 3: cross entropy, a step of SGD, and XOR with one hidden unit."""

from __future__ import annotations

import math

import numpy as np

from minixai.checks.report import Answer, Array, CheckError, compare, result_of, tuple_of

__all__ = ["check_cross_entropy", "check_sgd_step", "check_xor_weights"]


def check_cross_entropy(cross_entropy: Answer) -> None:
    """Check cross_entropy(z (n, k), labels (n,)) -> the mean loss () and its gradient (n, k)."""
    with np.errstate(all="ignore"):  # an answer that overflows is told so below
        loss, gradient = tuple_of("3.1 by hand", cross_entropy(np.zeros((1, 2)), np.array([0])), 2)
        compare("3.1 by hand, loss", loss, math.log(2), {"the sign: losses are positive": -math.log(2)})
        compare("3.1 by hand, gradient", gradient, [[-0.5, 0.5]], {"the sign": [[0.5, -0.5]]})

        z, labels = np.random.default_rng(0).normal(size=(4, 3)), np.array([2, 0, 0, 1])
        softmax = np.array([[math.exp(a) / sum(math.exp(b) for b in row) for a in row] for row in z])
        losses = [-math.log(row[label]) for row, label in zip(softmax, labels, strict=True)]
        one_hot = np.array([[float(k == label) for k in range(3)] for label in labels])
        loss, gradient = tuple_of("3.1 random", cross_entropy(z, labels), 2)
        compare(
            "3.1 random, loss",
            loss,
            sum(losses) / 4,
            {
                "the sum over the samples, not the mean": sum(losses),
                "the mean over the classes too": sum(losses) / 12,
                "the log is missing": -(softmax * one_hot).sum() / 4,
                "the softmax sums over all samples, each row has its own sum": _loss_of_one_softmax(
                    z, labels
                ),
                "the softmax is missing: that is the logit": -(z * one_hot).sum() / 4,
            },
        )
        compare(
            "3.1 random, gradient",
            gradient,
            (softmax - one_hot) / 4,
            {
                "not divided by n, as the loss is": softmax - one_hot,
                "the one-hot label is not subtracted": softmax / 4,
                "the sign: softmax − one-hot": (one_hot - softmax) / 4,
            },
        )

        loss, gradient = cross_entropy(np.array([[1000.0, 0.0]]), np.array([1]))
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            # inf is log(0) of a softmax that is right; nan is inf / inf
            mistake = (
                "a probability of exp(−1000) is 0, and log(0) infinite; take log p as z − log Σ exp(z)"
                if np.isinf(loss) and np.isfinite(gradient).all()
                else "exp(1000) overflows; subtract each row's largest logit first"
            )
            raise CheckError(f"3.1 large logits: got the loss {loss}, expected 1000.0", mistake)
        compare("3.1 large logits, loss", loss, 1000)
        compare("3.1 large logits, gradient", gradient, [[1, -1]])


def check_sgd_step(sgd_step: Answer) -> None:
    """Check sgd_step(p, v, g, lr, momentum) -> the new p and v, arrays of one shape."""
    _check_step("3.2 by hand", sgd_step, np.array([1.0]), np.array([2.0]), np.array([3.0]), 0.1, 0.5)
    p, v, g = np.random.default_rng(0).normal(size=(3, 2, 4))
    _check_step("3.2 random", sgd_step, p, v, g, 0.03, 0.9)


def _loss_of_one_softmax(z: Array, labels: Array) -> float:
    e = np.exp(z)
    return float(-np.mean([math.log(row[label] / e.sum()) for row, label in zip(e, labels, strict=True)]))


def _check_step(
    exercise: str, sgd_step: Answer, p: Array, v: Array, g: Array, lr: float, momentum: float
) -> None:
    """Compare one step with loops over its numbers; the arrays given must stay as they are."""
    right_p, right_v = np.empty_like(p), np.empty_like(v)
    for i in np.ndindex(p.shape):
        right_v[i] = momentum * v[i] + g[i]
        right_p[i] = p[i] - lr * right_v[i]
    new_p, new_v = tuple_of(exercise, result_of(exercise, sgd_step, p, v, g, lr, momentum), 2)
    compare(
        f"{exercise}, v",
        new_v,
        right_v,
        {
            "the momentum is missing": g,
            "lr is in the velocity (as in the PDP book); here it comes in with p": momentum * v + lr * g,
            "lr, with a minus, is in the velocity; here it comes in with p": momentum * v - lr * g,
            "g times (1 − momentum): that is a running mean, as in Adam": momentum * v + (1 - momentum) * g,
            "that is the new p; p comes first, then v": right_p,
        },
    )
    compare(
        f"{exercise}, p",
        new_p,
        right_p,
        {
            "the sign: you walk uphill": p + lr * right_v,
            "p follows g, not the velocity": p - lr * g,
            "p follows the old velocity, not the new one": p - lr * v,
            "lr is missing": p - right_v,
        },
    )


def check_xor_weights(xor_weights: Answer) -> None:
    """Check xor_weights() -> v (2,), c, d (2,), u, b, so that step(d·x + u·step(v·x + c) + b) is XOR."""
    parts = tuple_of("3.3", xor_weights(), 5)
    for name, part, shape in zip("vcdub", parts, ((2,), (), (2,), (), ()), strict=True):
        part = np.asarray(part)
        if part.shape != shape or part.dtype.kind not in "iuf":
            raise CheckError(f"3.3: {name} has shape {part.shape}, {part.dtype}, expected numbers {shape}")
    v, c, d, u, b = (np.asarray(part, np.float64) for part in parts)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])

    output = np.heaviside(x @ d + u * np.heaviside(x @ v + c, 0) + b, 0)
    mistakes = {
        "that is OR: the hidden unit must push the output down at (1, 1)": [0, 1, 1, 1],
        "that is AND: the hidden unit alone, perhaps": [0, 0, 0, 1],
        "the output is turned round: change the signs of d, u and b": [1, 0, 0, 1],
        "the output never fires: b is too low": [0, 0, 0, 0],
        "the output always fires: b is too high": [1, 1, 1, 1],
    }
    compare("3.3 the four outputs", output, [0, 1, 1, 0], mistakes)

    hidden = _steep_sigmoid(x @ v + c)
    if np.abs(_steep_sigmoid(x @ d + u * hidden + b) - [0, 1, 1, 0]).max() > 0.01:
        raise CheckError(
            "3.3: right with steps, but not with steep sigmoids in their place",
            "a unit's sum is exactly 0 for some input; move its bias off the jump",
        )


def _steep_sigmoid(z: Array) -> Array:
    """A smooth step: 1 / (1 + exp(−1000 z))."""
    return (1 + np.tanh(500 * z)) / 2
