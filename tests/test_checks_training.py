"""The checks of lesson 3 take right answers, and name the mistakes in wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from minixai.checks import CheckError, tell
from minixai.checks.training import (
    check_cross_entropy,
    check_sgd_step,
    check_xor_weights,
)
from tests.solutions import assert_solutions_pass


def softmax(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def cross_entropy(z, labels):
    n, p = len(z), softmax(z)
    shifted = z - z.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[range(n), labels].mean(), (p - np.eye(z.shape[1])[labels]) / n


def overflowing(z, labels):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return -np.log(p[range(len(z)), labels]).mean(), (p - np.eye(z.shape[1])[labels]) / len(z)


def underflowing(z, labels):
    return -np.log(softmax(z)[range(len(z)), labels]).mean(), cross_entropy(z, labels)[1]


def one_softmax(z, labels):
    return -np.log((np.exp(z) / np.exp(z).sum())[range(len(z)), labels]).mean()


def loss_as(change):
    """A right gradient beside a loss that is wrong, but for the check by hand."""
    return lambda z, labels: (
        cross_entropy(z, labels)[0] if len(z) == 1 else change(z, labels),
        cross_entropy(z, labels)[1],
    )


def gradient_as(change):
    return lambda z, labels: (cross_entropy(z, labels)[0], change(cross_entropy(z, labels)[1], z, labels))


def sgd_step(p, v, g, lr, momentum):
    v = momentum * v + g
    return p - lr * v, v


def in_place(p, v, g, lr, momentum):
    v *= momentum
    v += g
    return p - lr * v, v


CHECKS = [check_cross_entropy, check_sgd_step, check_xor_weights]

RIGHT = [
    (check_cross_entropy, cross_entropy),
    (check_sgd_step, sgd_step),
    (check_xor_weights, lambda: ([1, 1], -1.5, [1, 1], -2, -0.5)),
    # The hidden unit is on unless an input is.
    (check_xor_weights, lambda: (np.array([-6.4, -6.4]), 2.2, np.array([-4.2, -4.2]), -9.4, 6.3)),
    (check_xor_weights, lambda: ([1, -1], -0.5, [-1.0, 1.0], 2, -0.5)),
]

WRONG = [
    (check_cross_entropy, lambda z, labels: cross_entropy(z, labels)[0], "expected a tuple of 2"),
    (check_cross_entropy, lambda z, labels: (*cross_entropy(z, labels), 0), "got tuple of 3"),
    (check_cross_entropy, lambda z, labels: (-cross_entropy(z, labels)[0], None), "losses are positive"),
    (check_cross_entropy, lambda z, labels: (cross_entropy(z, labels)[0], None), "gradient: not done yet"),
    (check_cross_entropy, gradient_as(lambda g, z, labels: -g), "the sign"),
    (check_cross_entropy, loss_as(lambda z, labels: 4 * cross_entropy(z, labels)[0]), "the sum over the"),
    (check_cross_entropy, loss_as(lambda z, labels: cross_entropy(z, labels)[0] / 3), "the classes too"),
    (check_cross_entropy, loss_as(lambda z, y: -softmax(z)[range(4), y].mean()), "the log is missing"),
    (check_cross_entropy, loss_as(lambda z, y: -z[range(4), y].mean()), "the softmax is missing"),
    (check_cross_entropy, gradient_as(lambda g, z, labels: len(z) * g), "not divided by n"),
    (
        check_cross_entropy,
        gradient_as(lambda g, z, labels: g if len(z) == 1 else softmax(z) / 4),
        "the one-hot label is not subtracted",
    ),
    (
        check_cross_entropy,
        gradient_as(lambda g, z, labels: g if len(z) == 1 else -g),
        "the sign: softmax − one-hot",
    ),
    (check_cross_entropy, loss_as(one_softmax), "sums over all samples"),
    (check_cross_entropy, overflowing, "exp(1000) overflows"),
    (check_cross_entropy, underflowing, "log(0) infinite"),
    (
        check_sgd_step,
        lambda p, v, g, lr, m: p - lr * g,
        "got float64 of the shape (1,), expected a tuple of 2",
    ),
    (check_sgd_step, lambda p, v, g, lr, m: (p - lr * g, g), "the momentum is missing"),
    (check_sgd_step, lambda p, v, g, lr, m: (p - m * v - lr * g, m * v + lr * g), "as in the PDP book"),
    (check_sgd_step, lambda p, v, g, lr, m: (p + m * v - lr * g, m * v - lr * g), "with a minus"),
    (check_sgd_step, lambda p, v, g, lr, m: (p, m * v + (1 - m) * g), "a running mean"),
    (check_sgd_step, lambda p, v, g, lr, m: (p + lr * (m * v + g), m * v + g), "uphill"),
    (check_sgd_step, lambda p, v, g, lr, m: (p - lr * g, m * v + g), "not the velocity"),
    (check_sgd_step, lambda p, v, g, lr, m: (p - lr * v, m * v + g), "the old velocity"),
    (check_sgd_step, lambda p, v, g, lr, m: (p - (m * v + g), m * v + g), "lr is missing"),
    (check_sgd_step, lambda p, v, g, lr, m: sgd_step(p, v, g, lr, m)[::-1], "p comes first"),
    (check_sgd_step, in_place, "writes to an array that it was given"),
    (check_xor_weights, lambda: ([1, 1], -1.5, [1, 1]), "got tuple of 3, expected a tuple of 5"),
    (check_xor_weights, lambda: (1, -1.5, [1, 1], -2, -0.5), "v has shape ()"),
    (check_xor_weights, lambda: ([1, 1], None, [1, 1], -2, -0.5), "c has shape (), object"),
    (check_xor_weights, lambda: ([1, 1], -1.5, [1, 1], 0, -0.5), "that is OR"),
    (check_xor_weights, lambda: ([1, 1], -1.5, [0, 0], 1, -0.5), "that is AND"),
    (check_xor_weights, lambda: ([1, 1], -1.5, [-1, -1], 2, 0.5), "turned round"),
    (check_xor_weights, lambda: ([1, 1], -1.5, [1, 1], -2, -5), "never fires"),
    (check_xor_weights, lambda: ([1, 1], -1.5, [1, 1], 0, 5), "always fires"),
    (check_xor_weights, lambda: ([1, 1], -1, [1, 1], -2, -0.5), "off the jump"),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_right_answers_pass(check, answer, capsys: pytest.CaptureFixture[str]) -> None:
    tell(check, answer)
    name = check.__name__.removeprefix("check_").replace("_", " ")
    assert capsys.readouterr().out == f"{name}: right\n"


def test_the_solutions_in_the_lesson_are_right() -> None:
    assert_solutions_pass(3, CHECKS)


@pytest.mark.parametrize(("check", "answer", "mistake"), WRONG, ids=[mistake for *_, mistake in WRONG])
def test_mistakes_are_named(check, answer, mistake: str) -> None:
    with pytest.raises(CheckError) as error:
        check(answer)
    assert mistake in str(error.value)


@pytest.mark.parametrize("check", CHECKS)
def test_a_stub_is_not_done_yet(check) -> None:
    with pytest.raises(CheckError, match="not done yet"):
        check(lambda *answer: None)
