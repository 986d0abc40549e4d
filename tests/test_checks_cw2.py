"""The checks of coursework 2 take the master's solutions, and name what is wrong with others."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest

import minixai as mx
from minixai.checks import CheckError
from minixai.course.cw2 import checks as cw2
from tests.oracles import convolution as convolution_oracle
from tests.oracles import pooling as pooling_oracle
from tests.submissions.cw2 import SOLUTIONS, WRONG, changed

ANSWERS = {  # exercise: the solution cell and the functions that its check takes
    "conv2d": ("cw2-conv2d", ["conv2d"]),
    "conv2d_vjp_input": ("cw2-vjp-input", ["conv2d_vjp_input"]),
    "conv2d_vjp_weight": ("cw2-vjp-weight", ["conv2d_vjp_weight"]),
    "transposed": ("cw2-transposed", ["transposed"]),
    "max_pool2d": ("cw2-max-pool", ["max_pool2d"]),
    "unpooling": ("cw2-unpool", ["max_unpool2d", "gather"]),
    "conv2d_fast": ("cw2-fast", ["inside", "conv2d_fast"]),
}


def seems_compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    function.nopython_signatures = [()]  # type: ignore[attr-defined]
    return function


INTERPRETED = SimpleNamespace(njit=seems_compiled)


def functions(source: str, exercise: str, compiler: Any = INTERPRETED) -> list[Callable[..., Any]]:
    """The functions that a solution cell defines; by default they only seem to be compiled."""
    names: dict[str, Any] = {"np": np, "mx": mx, "numba": compiler, "__name__": "__main__"}
    if "= conv2d" in source:
        exec(SOLUTIONS["cw2-conv2d"], names)
    if "pooling." in source:
        exec("from minixai.kernels import pooling", names)
    exec(source, names)
    return [names[name] for name in ANSWERS[exercise][1]]


def run(kind: str, exercise: str, answers: list[Any], seed: int = 0) -> None:
    getattr(cw2, f"{kind}_{exercise}")(*answers, seed)


@pytest.mark.parametrize("exercise", ANSWERS)
def test_the_solutions_pass_for_several_seeds(exercise: str) -> None:
    for seed in (0, 1, 12, 77):
        run("check", exercise, functions(SOLUTIONS[ANSWERS[exercise][0]], exercise), seed)
        run("mark", exercise, functions(SOLUTIONS[ANSWERS[exercise][0]], exercise), seed)


@pytest.mark.slow
@pytest.mark.parametrize("exercise", ANSWERS)
def test_the_compiled_solutions_pass(exercise: str) -> None:
    answers = functions(SOLUTIONS[ANSWERS[exercise][0]], exercise, numba)
    run("check", exercise, answers)
    run("mark", exercise, answers)


def solve_by_hand(numbers: cw2.Axis) -> tuple[int, int]:
    places = convolution_oracle.output_size(*numbers[:5])
    reads = [
        (r, u)
        for r in range(places)
        for u in range(numbers.kernel)
        if r * numbers.stride + u * numbers.dilation == numbers.pixel + numbers.padding
    ]
    return places, len(reads)


def test_the_numbers_by_hand() -> None:
    for seed in range(100):
        cw2.check_by_hand(*solve_by_hand(cw2.axis(seed)), seed)
    assert len({cw2.axis(seed) for seed in range(20)}) == 20


@pytest.mark.parametrize("seed", [0, 7717])
def test_the_solution_by_hand_passes(seed: int) -> None:
    names: dict[str, Any] = {"cw2": cw2, "SEED": seed}
    exec(SOLUTIONS["cw2-by-hand"], names)
    cw2.check_by_hand(names["places"], names["readers"], seed)


def test_wrong_numbers_by_hand_are_told_without_the_right_one() -> None:
    numbers = cw2.axis(0)
    places, readers = solve_by_hand(numbers)
    reach = numbers.dilation * (numbers.kernel - 1) + 1
    room = numbers.size + 2 * numbers.padding - reach
    dense, _ = solve_by_hand(numbers._replace(dilation=1))
    for wrong, told in [
        (None, "not done yet"),
        (places - 1, "the first place is not counted"),
        (room + 1, "the stride is ignored"),
        (dense, "the dilation is ignored"),
        (99, "99 is not right"),
    ]:
        with pytest.raises(CheckError, match=told) as error:
            cw2.check_by_hand(wrong, readers, 0)
        assert f"expected {places}" not in str(error.value)
    with pytest.raises(CheckError, match="readers: 0 is not right"):
        cw2.check_by_hand(places, 0, 0)


@pytest.mark.parametrize("exercise", ANSWERS)
def test_not_done_is_told(exercise: str) -> None:
    def stub(*arguments: Any) -> Any:
        raise NotImplementedError

    with pytest.raises(CheckError, match="not done yet"):
        run("check", exercise, [lambda *arguments: None for _ in ANSWERS[exercise][1]])
    with pytest.raises(NotImplementedError):
        run("check", exercise, [stub for _ in ANSWERS[exercise][1]])


ROW, COLUMN = "r * stride + u * dilation - padding", "q * stride + v * dilation - padding"
MISTAKES: list[tuple[str, str, list[tuple[str, str]], str]] = [
    ("check", "conv2d", [("w[k, c, u, v]", "w[k, c, kh - 1 - u, kw - 1 - v]")], "turned by 180°"),
    ("check", "conv2d", [("w[k, c, u, v]", "w[k, c, v, u]")], "rows and columns of the kernel are swapped"),
    ("check", "conv2d", [("r * stride + u", "r + u"), ("q * stride + v", "q + v")], "1 pixel a step"),
    ("check", "conv2d", [("u * dilation -", "u -"), ("v * dilation -", "v -")], "lie side by side"),
    ("check", "conv2d", [("0 <= row < height and 0 <= column", "row < height and column")], "index −1"),
    (
        "check",
        "conv2d",
        [(ROW, f"min(max({ROW}, 0), height - 1)"), (COLUMN, f"min(max({COLUMN}, 0), width - 1)")],
        "the edge is repeated",
    ),
    ("check", "conv2d", [(ROW, f"{ROW} + padding"), (COLUMN, f"{COLUMN} + padding")], "the image's corner"),
    ("check", "conv2d", [("range(channels)", "range(1)")], "only the first channel"),
    ("check", "conv2d", [("in range(n)", "in range(1)")], "only the first image"),
    ("check", "conv2d", [("    y = np", "    w[:] = 1\n    y = np")], "writes to an array"),
    ("check", "conv2d", [("+ 2 * padding", "")], "got the shape (1, 1, 1, 1), expected (1, 1, 3, 3)"),
    ("check", "conv2d", [("@numba.njit\n", "")], "not compiled"),
    ("check", "conv2d", [("x.dtype", "np.float64")], "got float64, expected float32"),
    ("check", "conv2d_vjp_input", [("w[k, c, u, v]", "w[k, c, kh - 1 - u, kw - 1 - v]")], "turned by 180°"),
    ("check", "conv2d_vjp_input", [("w[k, c, u, v]", "w[k, c, v, u]")], "rows and columns of the kernel"),
    (
        "check",
        "conv2d_vjp_input",
        [("+=", "=")],
        "expected [[[[31.  2.]\n   [10. 20.]]]]\n    likely mistake: a pixel keeps its last product",
    ),
    ("check", "conv2d_vjp_input", [("g.dtype", "np.float64")], "got float64, expected float32"),
    ("check", "conv2d_vjp_input", [(" - padding", "")], "the image's corner"),
    ("check", "conv2d_vjp_input", [("range(filters)", "range(1)")], "only the first filter"),
    ("check", "conv2d_vjp_input", [("range(n)", "range(1)")], "only the first image"),
    (
        "check",
        "conv2d_vjp_weight",
        [("gw[k, c, u, v]", "gw[k, c, kh - 1 - u, kw - 1 - v]")],
        "turned by 180°",
    ),
    ("check", "conv2d_vjp_weight", [("gw[k, c, u, v]", "gw[k, c, v, u]")], "rows and columns"),
    ("check", "conv2d_vjp_weight", [("total +=", "total =")], "a weight keeps its last product"),
    ("check", "conv2d_vjp_weight", [("g.dtype", "np.float64")], "got float64, expected float32"),
    ("check", "conv2d_vjp_weight", [("= total", "= total / n")], "the mean over the images"),
    ("check", "conv2d_vjp_weight", [("range(n)", "range(1)")], "only the first image"),
    ("check", "conv2d_vjp_weight", [("range(n)", "range(n - 1, n)")], "only the last image"),
    (
        "check",
        "transposed",
        [("w.swapaxes(0, 1)[:, :, ::-1, ::-1]", "w.transpose(1, 0, 3, 2)")],
        "turn by 180°",
    ),
    ("check", "transposed", [("[:, :, ::-1, ::-1]", "")], "the kernels are not turned"),
    ("check", "transposed", [("[:, :, ::-1, ::-1]", "[::-1, ::-1, ::-1, ::-1]")], "all four axes"),
    ("mark", "transposed", [(".swapaxes(0, 1)", "")], "got the shape (4, 1, 5, 5), expected (1, 4, 5, 5)"),
    ("check", "transposed", [("dilation * (w", "(w")], "the dilation is forgotten"),
    (
        "check",
        "transposed",
        [("dilation * (w.shape[2] - 1) - padding", "padding")],
        "of the convolution itself",
    ),
    (
        "check",
        "transposed",
        [("dilation * (w", "1.0 * dilation * (w")],
        "padding: got 1.0, expected an int",
    ),
    (
        "mark",
        "transposed",
        [("dilation * (w.shape[2] - 1) - padding", "max(dilation * (w.shape[2] - 1) - padding, 0)")],
        "a negative padding is right, too",
    ),
    ("check", "transposed", [("    return filters, ", "    return filters  # ")], "expected the two"),
    ("check", "max_pool2d", [("x[i, c, top, left]", "0.0")], "starts at 0"),
    (
        "check",
        "max_pool2d",
        [("value > best", "value >= best")],
        "the last maximum, or the last NaN, is taken",
    ),
    ("check", "max_pool2d", [("= place", "= place % width * height + place // width")], "down the columns"),
    (
        "check",
        "max_pool2d",
        [("= place", "= place + (i * channels + c) * height * width")],
        "from plane to plane",
    ),
    (
        "check",
        "max_pool2d",
        [("= place", "= (place // width + padding) * (width + 2 * padding) + place % width + padding")],
        "the padded plane",
    ),
    (
        "check",
        "max_pool2d",
        [
            (
                "= place",
                "= (place // width - r * stride + padding) * size + place % width - q * stride + padding",
            )
        ],
        "place in the window",
    ),
    ("check", "max_pool2d", [("np.int64", "np.float64")], "switches: got float64, expected int64"),
    ("check", "max_pool2d", [("np.int64", "np.int32")], "switches: got int32, expected int64"),
    (
        "check",
        "max_pool2d",
        [("columns), x.dtype", "columns), np.float64")],
        "y: got float64, expected float32",
    ),
    ("check", "max_pool2d", [(" and not np.isnan(best)", "")], "or the last NaN, is taken"),
    ("check", "max_pool2d", [(" or (np.isnan(value) and not np.isnan(best))", "")], "where y is NaN"),
    (
        "check",
        "max_pool2d",
        [("best, place = x[i, c, top, left], top * width + left", "best, place = -np.inf, 0")],
        "x [[[[-inf -inf -inf -inf]]]], size 3, stride 2, padding 1, switches: got [[[[0 0]]]]",
    ),
    (
        "check",
        "max_pool2d",
        [("r * stride - padding", "r * stride"), ("q * stride - padding", "q * stride")],
        "the image's corner",
    ),
    ("check", "unpooling", [("+=", "=")], "the last value is kept"),
    (
        "check",
        "unpooling",
        [("@numba.njit\ndef gather", "def gather")],
        "gather: the function is not compiled",
    ),
    ("check", "unpooling", [("y.dtype", "np.float64")], "max_unpool2d: got float64, expected float32"),
    (
        "check",
        "unpooling",
        [("switches.shape, x.dtype", "switches.shape")],
        "gather: got float64, expected float32",
    ),
    ("check", "conv2d_fast", [("- 1 - offset) // stride + 1", "- 1 - offset) // stride")], "expected (1, 3)"),
    (
        "check",
        "conv2d_fast",
        [("-(offset // stride)", "-(offset // stride) + 1")],
        "inside(-1, 5, 2, 4): got (2, 3)",
    ),
    ("check", "conv2d_fast", [("max(first, stop)", "stop")], "inside(9, 5, 2, 4): got (0, -2)"),
    ("mark", "conv2d_fast", [("max(first, stop)", "stop")], "expected 0 ≤ first = stop"),
    (
        "check",
        "conv2d_fast",
        [("columns), x.dtype", "columns), np.float64")],
        "got float64, expected float32",
    ),
    (
        "check",
        "conv2d_fast",
        [
            ("for q in range(out.size):", "if out.size:"),
            ("out[q] += pixels[q * stride]", "out += pixels[: (out.size - 1) * stride + 1 : stride]"),
        ],
        "no pixel is read on its own",
    ),
]


@pytest.mark.parametrize(("kind", "exercise", "changes", "told"), MISTAKES)
def test_a_mistake_is_named(kind: str, exercise: str, changes: list[tuple[str, str]], told: str) -> None:
    grade_id = ANSWERS[exercise][0]
    answers = functions(changed(grade_id, *changes), exercise)
    with pytest.raises(CheckError) as error:
        run(kind, exercise, answers)
    assert told in str(error.value)


def test_an_index_outside_is_told_with_the_case() -> None:
    answers = functions(changed("cw2-conv2d", ("0 <= row < height", "0 <= row <= height")), "conv2d")
    with pytest.raises(IndexError) as error:
        run("check", "conv2d", answers)
    case, hint = error.value.__notes__
    assert "x (1, 1, 2, 2), w (1, 1, 2, 2), stride 1, padding 1" in case
    assert "leave it out" in hint


@pytest.mark.parametrize("exercise", ["conv2d", "conv2d_fast"])
def test_a_padded_copy_of_the_image_is_told(exercise: str) -> None:
    grade_id = ANSWERS[exercise][0]
    copy = "    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))\n    padding = 0\n"
    unpacking = "    n, channels, height, width = x.shape\n"
    answers = functions(changed(grade_id, (unpacking, copy + unpacking)), exercise)
    with pytest.raises(CheckError, match="as large as the padded image"):
        run("check", exercise, answers)


def test_the_transposed_convolution_with_negative_padding() -> None:
    [conv2d] = functions(SOLUTIONS["cw2-conv2d"], "conv2d")
    [transposed] = functions(SOLUTIONS["cw2-transposed"], "transposed")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 2, 5, 4)), rng.normal(size=(3, 2, 2, 2))
    g = rng.normal(size=conv2d(x, w, 1, 3, 2).shape)
    filters, padding = transposed(w, 3, 2)
    assert padding == -1
    back = conv2d(g, filters, 1, padding, 2)
    np.testing.assert_allclose(back, cw2.answers.vjp_input(g, w, x.shape, 1, 3, 2), atol=1e-12)


def test_python_s_order_of_loops_is_told() -> None:
    source = WRONG["not compiled, and the old order of loops"].answers["cw2-fast"]
    with pytest.raises(CheckError, match="columns of y must be the innermost"):
        run("check", "conv2d_fast", functions(source, "conv2d_fast"))


@pytest.mark.parametrize(
    ("exercise", "told"),
    [
        ("conv2d", "minixai.ops"),
        ("conv2d_vjp_input", "minixai.ops"),
        ("conv2d_vjp_weight", "minixai.kernels.convolution"),
        ("max_pool2d", "minixai.kernels.pooling"),
        ("unpooling", "minixai.ops"),
        ("conv2d_fast", "minixai.kernels.convolution.conv2d_direct"),
    ],
)
def test_minixai_is_out_of_reach(exercise: str, told: str) -> None:
    source = WRONG["minixai's own function"].answers[ANSWERS[exercise][0]]
    with pytest.raises(CheckError, match=f"the answer calls {told}"):
        run("check", exercise, functions(source, exercise))


@pytest.mark.slow
def test_so_are_kernels_that_a_compiled_function_calls() -> None:
    source = WRONG["minixai's own function"].answers["cw2-fast"]
    inside, conv2d_fast = functions(source, "conv2d_fast", numba)
    x, w = np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 2, 2))
    assert conv2d_fast(x, w, 1, 1, 1).shape == (1, 1, 3, 3)  # compiled before the check takes the kernel away
    with pytest.raises(CheckError, match="conv2d_direct"):
        run("check", "conv2d_fast", [inside, conv2d_fast])


def test_and_the_functions_of_the_checks() -> None:
    def conv2d(*arguments: Any) -> Any:
        return cw2.answers.conv2d(*arguments)

    with pytest.raises(CheckError, match=r"the answer calls minixai\.course\.cw2\.answers\.conv2d of"):
        cw2.check_conv2d(conv2d, 0)


def test_helpers_are_interpreted_while_the_answer_is_and_no_longer() -> None:
    source = (
        "@numba.njit\ndef helper(x): return x\n@numba.njit\ndef inside(): return helper\nconv2d_fast = helper"
    )
    inside, helper = functions(source, "conv2d_fast", numba)
    assert cw2._interpreted(inside)() is helper.py_func  # type: ignore[attr-defined]
    assert inside.py_func() is helper  # type: ignore[attr-defined]


@pytest.mark.parametrize("exercise", ANSWERS)
def test_the_numbers_depend_on_the_seed(exercise: str) -> None:
    """Answers to one seed, told one after the other, are wrong for another."""
    answers = functions(SOLUTIONS[ANSWERS[exercise][0]], exercise)
    told: list[Any] = []

    def learn(answer: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*arguments: Any) -> Any:
            told.append(answer(*arguments))
            return told[-1]

        return seems_compiled(recorded)

    def repeat(*arguments: Any) -> Any:
        return told.pop(0)

    run("mark", exercise, [learn(answer) for answer in answers], 0)
    with pytest.raises(CheckError):
        run("mark", exercise, [seems_compiled(repeat) for _ in answers], 1)


def test_the_references_are_those_of_the_oracles() -> None:
    for case in cw2._drawn([*cw2.SHOWN, *cw2.HIDDEN], 3):
        pairs = [(number, number) for number in case.layout]
        x, w, g = case.x, case.w, case.g
        np.testing.assert_allclose(
            cw2.answers.conv2d(x, w, *case.layout), convolution_oracle.conv2d(x, w, None, *pairs)
        )
        np.testing.assert_allclose(
            cw2.answers.vjp_input(g, w, x.shape, *case.layout),
            convolution_oracle.conv2d_vjp_input(g, w, x.shape, *pairs),
        )
        np.testing.assert_allclose(
            cw2.answers.vjp_weight(g, x, w.shape, *case.layout),
            convolution_oracle.conv2d_vjp_weight(g, x, w.shape, *pairs),
        )
    for x, layout in cw2._images([*cw2.POOLS, *cw2.HIDDEN_POOLS], 3):
        pairs = [(number, number) for number in layout]
        for got, expected in zip(
            cw2.answers.max_pool2d(x, *layout), pooling_oracle.max_pool2d(x, *pairs), strict=True
        ):
            np.testing.assert_array_equal(got, expected)
