"""The checks of All-CNN and guided backprop take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from minixai import ops, rules
from minixai.checks import CheckError, guided
from minixai.models import allcnn
from minixai.tape import Tensor
from tests.solutions import assert_solutions_pass


def p_norm_pool(f, size, stride, p, reduce=np.sum, magnitude=np.abs, root=True):
    windows = np.lib.stride_tricks.sliding_window_view(f, (size, size), (1, 2))[:, ::stride, ::stride]
    powers = reduce(magnitude(windows) ** p, axis=(3, 4))
    return powers ** (1 / p) if root else powers


def added_parameters(maps, size):
    return sum(size * size * count * count + count for count in maps)


def control(weights, rng):
    return {name: rng.permutation(a.ravel()).reshape(a.shape) for name, a in weights.items()}


def relu_rules(f, r):
    return r * (f > 0), np.maximum(r, 0), np.maximum(r, 0) * (f > 0)


RIGHT = [
    (guided.check_p_norm_pool, p_norm_pool),
    (guided.check_added_parameters, added_parameters),
    (guided.check_relu_rules, relu_rules),
    (guided.check_control, control),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_the_right_answer_passes(check, answer) -> None:
    check(answer)


def test_minixai_passes() -> None:
    guided.check_p_norm_pool(lambda f, size, stride, p: ops.p_norm_pool2d(f[None], size, p, stride).value[0])
    guided.check_relu_rules(minixai_rules)


def minixai_rules(f, r):
    node = ops.relu(Tensor(f)).node
    tables = {ops.relu: ops.relu.vjp}, rules.deconvnet(), rules.guided_backprop()
    return [table[ops.relu](r, node)[0] for table in tables]


def test_the_networks_have_the_added_parameters() -> None:
    convolutions, pools = (
        sum(parameter.value.size for parameter in allcnn("C", variant, width=0.5).parameters())
        for variant in ("all", "base")
    )
    assert added_parameters((48, 96), 3) == convolutions - pools


def test_the_solutions_in_the_lesson_pass() -> None:
    assert_solutions_pass(7, [check for check, _ in RIGHT])


def test_a_control_may_leave_the_values_in_their_filter() -> None:
    def within(weights, rng):
        return {
            name: rng.permuted(a.reshape(len(a), -1), axis=a.ndim > 1).reshape(a.shape)
            for name, a in weights.items()
        }

    guided.check_control(within)


@pytest.mark.parametrize("check", [check for check, _ in RIGHT])
def test_not_done_yet(check) -> None:
    with pytest.raises(CheckError, match="not done yet"):
        check(lambda *arguments: None)


WRONG = {
    guided.check_p_norm_pool: {
        "the p-th root is forgotten": lambda f, size, stride, p: p_norm_pool(f, size, stride, p, root=False),
        "the magnitudes are forgotten": lambda f, size, stride, p: p_norm_pool(
            f, size, stride, p, magnitude=np.array
        ),
        "that has the mean over the window": lambda f, size, stride, p: p_norm_pool(
            f, size, stride, p, reduce=np.mean
        ),
        "got the shape (1, 1, 3), expected (1, 1, 2)": lambda f, size, stride, p: p_norm_pool(f, size, 1, p),
        "the limit": lambda f, size, stride, p: p_norm_pool(f, size, stride, min(p, 100) / (1 + (p > 9))),
    },
    guided.check_added_parameters: {
        "the biases are forgotten": lambda maps, size: sum((size * count) ** 2 for count in maps),
        "not for one": lambda maps, size: sum(size**2 * count + count for count in maps),
        "has size · size weights": lambda maps, size: sum(size * count**2 + count for count in maps),
        "only the first pool": lambda maps, size: added_parameters(maps[:1], size),
    },
    guided.check_relu_rules: {
        "gradient, by hand: got the shape (), expected (4,)": lambda f, r: (np.sum(r),) * 3,
        "that looks at R alone": lambda f, r: (r * (f > 0), np.maximum(r, 0), np.maximum(r, 0)),
        "that looks at f alone": lambda f, r: (r * (f > 0),) * 3,
        "that asks for f > 0 and R > 0": lambda f, r: (relu_rules(f, r)[2],) * 3,
        "either sign opens this gate": lambda f, r: (*relu_rules(f, r)[:2], r * ((f > 0) | (r > 0))),
        "the gate is open at f = 0 too": lambda f, r: (r * (f >= 0), *relu_rules(f, r)[1:]),
        "R is passed on as it is": lambda f, r: (r,) * 3,
        "f is rectified": lambda f, r: (np.maximum(f, 0),) * 3,
        "the magnitude of R": lambda f, r: (r * (f > 0), np.abs(r), np.abs(r) * (f > 0)),
        "expected three arrays": lambda f, r: np.maximum(r, 0),
    },
    guided.check_control: {
        "these are other values": lambda weights, rng: {
            name: rng.normal(size=a.shape).astype(a.dtype) for name, a in weights.items()
        },
        "every value is still in its place": lambda weights, rng: weights,
        "each is still whole": lambda weights, rng: {name: rng.permutation(a) for name, a in weights.items()},
        "its shape: got the shape": lambda weights, rng: {
            name: rng.permutation(a.ravel()) for name, a in weights.items()
        },
        "rng is not used": lambda weights, rng: control(weights, np.random.default_rng(0)),
        "expected a dict with the same names": lambda weights, rng: list(control(weights, rng)),
        "writes to an array": lambda weights, rng: [rng.shuffle(a) for a in weights.values()],
    },
}


@pytest.mark.parametrize(
    ("check", "mistake", "answer"),
    [(check, mistake, answer) for check, wrong in WRONG.items() for mistake, answer in wrong.items()],
)
def test_the_mistake_is_named(check, mistake: str, answer) -> None:
    with pytest.raises(CheckError) as error, np.errstate(invalid="ignore"):
        check(answer)
    assert mistake in str(error.value)
