"""The checks of lesson 1 take right answers, and the lesson's own, and name what is wrong with others."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minixai import ops
from minixai.checks import CheckError, autodiff, tell
from minixai.tape import Tensor, backward

Array = np.ndarray
LESSON = Path(__file__).parents[1] / "lessons" / "01_chain_rule_as_a_tape.py"


def walk(tape, start=1.0, part=lambda g, slope: g * slope, replace=False):
    g = dict.fromkeys(tape, 0.0)
    g[tape[-1]] = start
    for entry in reversed(tape):
        for each, slope in zip(entry.inputs, entry.slopes, strict=True):
            g[each] = part(g[entry], slope) + (0 if replace else g[each])
    return g


def forward(tape):
    g = dict.fromkeys(tape, 0.0) | {tape[-1]: 1.0}
    for entry in tape:
        for each, slope in zip(entry.inputs, entry.slopes, strict=True):
            g[each] += g[entry] * slope
    return g


def product_vjp(g, x, y):
    return g * y, g * x


def matmul_vjp(g, x, y):
    return g @ y.T, x.T @ g


def softmax_vjp(g, y):
    return y * (g - (g * y).sum(axis=-1, keepdims=True))


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def layer_factor(gain, slopes):
    return gain * np.sqrt(np.mean(np.square(slopes)))


def in_place(g, y):
    g *= 1 - y**2
    return g


def rules(tanh=lambda g, y: g * (1 - y**2), product=product_vjp, matmul=matmul_vjp):
    return {
        ops.tanh: lambda g, node: [tanh(g, node.value)],
        ops.multiply: lambda g, node: product(g, *node.arrays),
        ops.matmul: lambda g, node: matmul(g, *node.arrays),
    }


RIGHT = {
    "walk": walk,
    "tanh_vjp": lambda g, y: g * (1 - y**2),
    "product_vjp": product_vjp,
    "matmul_vjp": matmul_vjp,
    "softmax_vjp": softmax_vjp,
    "suspects": {"reverse": "ones", "magnitude": "positive", "sine": "zero"},
    "layer_factor": layer_factor,
    "rules": rules(),
}

WRONG: list[tuple[str, Any, str]] = [
    ("walk", lambda tape: None, "not done yet"),
    ("walk", lambda tape: [1.0 for _ in tape], "got list, expected a dict"),
    ("walk", lambda tape: {tape[-1]: 1.0}, r"no derivative for the entries \[0, 1, 2\]"),
    ("walk", lambda tape: walk(tape, replace=True), "a second path replaces the first"),
    ("walk", lambda tape: walk(tape, part=lambda g, slope: slope), "not multiplied by what arrived"),
    ("walk", lambda tape: walk(tape, part=lambda g, slope: g), "not multiplied by the slope"),
    ("walk", lambda tape: walk(tape, start=0.0), "must start with 1"),
    ("walk", forward, "from the last entry to the first"),
    ("walk", lambda tape: walk(tape, start=2.0), "got .*, expected"),
    ("tanh_vjp", lambda g, y: None, "not done yet"),
    ("tanh_vjp", lambda g, y: 1 - y**2, "g is missing"),
    ("tanh_vjp", lambda g, y: g * (1 - np.tanh(y) ** 2), "the output already"),
    ("tanh_vjp", lambda g, y: g * (1 - y) ** 2, r"not \(1 − y\)²"),
    ("tanh_vjp", lambda g, y: g * y * (1 - y), "derivative of the sigmoid"),
    ("tanh_vjp", lambda g, y: np.sum(g * (1 - y**2)), r"the shape \(\), expected \(1, 2\)"),
    ("tanh_vjp", in_place, "writes to an array that it was given"),
    ("product_vjp", lambda g, x, y: None, "not done yet"),
    ("product_vjp", lambda g, x, y: (g * y, None), "gy: not done yet"),
    ("product_vjp", lambda g, x, y: g * y, r"got float64 of the shape \(1, 2\), expected a tuple \(gx, gy\)"),
    ("product_vjp", lambda g, x, y: (g * x, g * y), "the two are swapped"),
    ("product_vjp", lambda g, x, y: (y, x), "g is missing"),
    ("product_vjp", lambda g, x, y: (g * x * y, g * x * y), "one factor too many"),
    ("product_vjp", lambda g, x, y: (g * y, x), "gy: .*\n.*g is missing"),
    ("matmul_vjp", lambda g, x, y: None, "not done yet"),
    ("matmul_vjp", lambda g, x, y: (g @ y, x @ g), "to be transposed"),
    ("matmul_vjp", lambda g, x, y: (y.T @ g, g @ x.T), "order of the factors"),
    ("matmul_vjp", lambda g, x, y: (x.T @ g, g @ y.T), "the two are swapped"),
    ("matmul_vjp", lambda g, x, y: (np.ones_like(g) @ y.T, x.T @ g), "taken for ones"),
    ("matmul_vjp", lambda g, x, y: (g * y.T, x.T * g), "entry by entry"),
    ("matmul_vjp", lambda g, x, y: (g @ y.T, x.T @ g[:2, :2]), r"the shape \(3, 2\), expected \(3, 4\)"),
    ("softmax_vjp", lambda g, y: None, "not done yet"),
    ("softmax_vjp", lambda g, y: g * y * (1 - y), "depends on every x of its row"),
    ("softmax_vjp", lambda g, y: 0 * y, "zeros are right for a cotangent of ones"),
    ("softmax_vjp", lambda g, y: y * (g - (g * y).sum()), "runs over one row"),
    ("softmax_vjp", lambda g, y: y * (g - g.sum(axis=-1, keepdims=True)), "of g·y, not of g"),
    ("softmax_vjp", lambda g, y: y * (g - (g * y).sum(axis=-1)), "keepdims=True is missing"),
    ("softmax_vjp", lambda g, y: softmax_vjp(g, softmax(y)), "no softmax is to be taken"),
    ("suspects", None, "not done yet"),
    ("suspects", {"reverse"}, "got set, expected a dict"),
    ("suspects", {"centre": "ones"}, "centre has a right VJP"),
    ("suspects", {"cosine": "ones"}, "got 'cosine', expected names among softplus"),
    ("suspects", {"reverse": "ones"}, "2 more have a wrong VJP"),
    ("suspects", {"reverse": "ones", "magnitude": "zero", "sine": "zero"}, "magnitude: got 'zero'"),
    ("layer_factor", lambda gain, slopes: None, "not done yet"),
    ("layer_factor", lambda gain, slopes: gain * np.mean(slopes), "not the square of the mean"),
    ("layer_factor", lambda gain, slopes: gain**2 * np.mean(slopes**2), "the root is missing"),
    ("layer_factor", lambda gain, slopes: math.sqrt(gain * np.mean(slopes**2)), "not belong under the root"),
    ("layer_factor", lambda gain, slopes: gain * np.linalg.norm(slopes), "the mean is wanted"),
    ("layer_factor", lambda gain, slopes: np.sqrt(np.mean(slopes**2)), "the gain is missing"),
    ("layer_factor", lambda gain, slopes: gain * slopes, r"the shape \(4,\), expected \(\)"),
    ("rules", {}, "there is none for tanh"),
    ("rules", rules(tanh=lambda g, y: None), "the one for tanh is not done yet"),
    ("rules", rules(product=lambda g, x, y: None), "the one for multiply is not done yet"),
    ("rules", rules(matmul=lambda g, x, y: None), "the one for matmul is not done yet"),
    ("rules", rules(tanh=lambda g, y: g), "the gradient of x: got"),
    ("rules", rules(product=lambda g, x, y: (g * y, g * y)), "the gradient of s: got"),
]


@pytest.mark.parametrize("name", list(RIGHT))
def test_a_right_answer_passes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    tell(getattr(autodiff, f"check_{name}"), RIGHT[name])
    assert capsys.readouterr().out == f"{name.replace('_', ' ')}: right\n"


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG)
def test_a_wrong_answer_is_told_why(name: str, answer: Callable[..., Any], mistake: str) -> None:
    with pytest.raises(CheckError, match=mistake) as error:
        getattr(autodiff, f"check_{name}")(answer)
    assert str(error.value).startswith(name)


def test_the_suspects_are_what_the_check_says() -> None:
    rng = np.random.default_rng(0)
    anywhere, ones = rng.normal(size=5), np.ones(5)
    cases = {
        "ones": (anywhere, ones),
        "positive": (1 + rng.random(5), anywhere),
        "zero": (0 * ones, anywhere),
    }
    accepted = {}
    for name, op in autodiff.suspects().items():
        if not vjp_agrees(op, anywhere, anywhere):
            (accepted[name],) = (case for case, (x, g) in cases.items() if vjp_agrees(op, x, g))
    assert accepted == RIGHT["suspects"]


def vjp_agrees(op, x: Array, g: Array) -> bool:
    tensor = Tensor(x)
    steps = 1e-6 * np.eye(len(x))
    differences = [np.sum(g * (op(Tensor(x + h)).value - op(Tensor(x - h)).value)) / 2e-6 for h in steps]
    return np.allclose(backward(op(tensor), g)[tensor], differences, atol=1e-6)


def test_the_lesson_gives_right_solutions() -> None:
    text = LESSON.read_text(encoding="utf-8").replace("\n# ", "\n").replace("\n#\n", "\n\n")
    blocks = re.findall(r"Solution</summary>\n.*?```python\n(.*?)```", text, re.DOTALL)
    answers: dict[str, Any] = {"np": np}
    exec("\n".join(blocks), answers)
    solved = [name for name in RIGHT if name in answers]
    assert solved == [name for name in RIGHT if name != "rules"]
    for name in solved:
        getattr(autodiff, f"check_{name}")(answers[name])
