"""The checks of coursework 2: convolution, pooling and unpooling as compiled loops over (n, c, h, w)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from minixai.checks.report import (
    Answer,
    Array,
    CheckError,
    compare,
    compare_array,
    likely_mistakes,
    result_of,
    tuple_of,
)
from minixai.course.cw2 import answers
from minixai.course.cw2.answers import Axis
from minixai.course.honesty import own_work

OUT_OF_REACH = ("minixai.ops", "minixai.kernels", "minixai.nn")
AXIS_ENDS = [(14, 25), (4, 7), (2, 4), (1, 4), (2, 4), (4, 14)]  # each excludes the upper one


def axis(seed: int) -> Axis:
    """The numbers of exercise 1, for which each likely mistake gives a wrong answer."""
    rng = np.random.default_rng(seed)
    while True:
        drawn = Axis(*(int(rng.integers(*ends)) for ends in AXIS_ENDS))
        told_apart = (
            answers.places_along(drawn) not in _wrong_places(drawn).values()
            and answers.readers(drawn) not in _ignored(answers.readers, drawn).values()
        )
        if told_apart and answers.readers(drawn) > 1:
            return drawn


def check_by_hand(places: Any, readers: Any, seed: int) -> None:
    """places: how often the kernel fits along the axis; readers: how many products the pixel is in."""
    numbers = axis(seed)
    _check_number("1 places", places, answers.places_along(numbers), _wrong_places(numbers))
    _check_number("1 readers", readers, answers.readers(numbers), _ignored(answers.readers, numbers))


def _check_number(case: str, got: Any, expected: int, mistakes: Mapping[str, int]) -> None:
    """As `compare`, but it does not tell the number."""
    if got is None:
        raise CheckError(f"{case}: not done yet")
    if got != expected:
        raise CheckError(f"{case}: {got} is not right", *likely_mistakes(got, mistakes))


def _wrong_places(numbers: Axis) -> dict[str, int]:
    size, kernel, stride, padding, dilation, _ = numbers
    return {
        "the first place is not counted": answers.places_along(numbers) - 1,
        **_ignored(answers.places_along, numbers),
        "the padding is counted on one side only": answers.places_along(
            numbers._replace(size=size - padding)
        ),
        "a dilated kernel taken for dilation · kernel pixels": (
            (size + 2 * padding - dilation * kernel) // stride + 1
        ),
    }


def _ignored(count: Answer, numbers: Axis) -> dict[str, int]:
    idle = {"stride": 1, "padding": 0, "dilation": 1}
    return {f"the {name} is ignored": count(numbers._replace(**{name: n})) for name, n in idle.items()}


class _Case(NamedTuple):
    """A convolution, and a cotangent of its output."""

    x: Array
    w: Array
    g: Array
    layout: tuple[int, int, int]  # stride, padding, dilation

    def __str__(self) -> str:
        stride, padding, dilation = self.layout
        shapes = f"{self.x.dtype}, x {self.x.shape}, w {self.w.shape}"
        return f"{shapes}, stride {stride}, padding {padding}, dilation {dilation}"


SHOWN = [  # shapes of x and w, layout
    ((1, 2, 5, 5), (2, 2, 3, 3), (1, 0, 1)),
    ((2, 1, 5, 6), (3, 1, 3, 3), (1, 1, 1)),
    ((2, 3, 7, 6), (2, 3, 3, 3), (2, 1, 1)),
    ((1, 2, 8, 9), (2, 2, 2, 3), (2, 2, 3)),
]
HIDDEN = [
    ((3, 2, 6, 7), (2, 2, 3, 3), (1, 1, 2)),
    ((2, 2, 5, 4), (3, 2, 1, 1), (3, 0, 1)),
    ((1, 1, 4, 5), (1, 1, 2, 2), (1, 3, 1)),  # some windows lie in the padding whole
    ((2, 3, 9, 8), (4, 3, 3, 2), (4, 2, 2)),  # no window reads some of the pixels
    ((1, 2, 4, 4), (1, 2, 3, 3), (1, 5, 5)),  # only the middle weight meets pixels
]


def _drawn(shapes: Iterable[Any], seed: int, dtype: type = np.float64) -> list[_Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for x_shape, w_shape, layout in shapes:
        x, w = rng.normal(size=x_shape), rng.normal(size=w_shape)
        g = rng.normal(size=answers.conv2d(x, w, *layout).shape)
        cases.append(_Case(x.astype(dtype), w.astype(dtype), g.astype(dtype), layout))
    return cases


def _by_hand() -> _Case:
    """The example of the docstrings."""
    x, w = np.array([[[[1.0, 2], [3, 4]]]]), np.array([[[[0.0, 1], [0, 10]]]])
    return _Case(x, w, np.array([[[[3.0, 0, 0], [1, 2, 0], [0, 0, 0]]]]), (1, 1, 1))


def _shown(seed: int) -> list[_Case]:
    return [_by_hand(), *_drawn(SHOWN, seed), *_drawn(SHOWN[2:3], seed, np.float32)]


def _hidden(seed: int) -> list[_Case]:
    return _drawn(HIDDEN, seed) + _drawn(SHOWN, seed, np.float32)


def check_conv2d(conv2d: Answer, seed: int) -> None:
    """conv2d(x, w, stride, padding, dilation): x (n, c, h, w), w (k, c, kh, kw); result (n, k, h', w')."""
    _check_conv2d("2", conv2d, _shown(seed))
    _check_no_copy("2", conv2d)


def mark_conv2d(conv2d: Answer, seed: int) -> None:
    """As `check_conv2d`, with other shapes."""
    _check_conv2d("2", conv2d, _hidden(seed))


def _check_conv2d(exercise: str, conv2d: Answer, cases: list[_Case]) -> None:
    for case in cases:
        x, w, _, layout = case
        stride, padding, dilation = layout
        expected = answers.conv2d(x, w, *layout)
        rows, columns = expected.shape[2:]
        mistakes = {
            "the kernel is turned by 180°, as in a true convolution": answers.conv2d(x, _turned(w), *layout),
            "the window moves by 1 pixel a step, not by the stride": (
                answers.conv2d(x, w, 1, padding, dilation)[:, :, :rows, :columns]
            ),
            "the weights lie side by side, not `dilation` pixels apart": (
                answers.conv2d(x, w, stride, padding, 1)[:, :, :rows, :columns]
            ),
            "outside the image the edge is repeated, expected zeros": (
                answers.conv2d(answers.padded(x, padding, padding, mode="edge"), w, stride, 0, dilation)
            ),
            "index −1 reads the last row or column, expected zeros outside the image": (
                answers.conv2d(
                    answers.padded(answers.padded(x, padding, 0, mode="wrap"), 0, padding),
                    w,
                    stride,
                    0,
                    dilation,
                )
            ),
            "the first window begins at the image's corner, not at that of the padding": (
                answers.conv2d(answers.padded(x, 0, 2 * padding), w, stride, 0, dilation)
            ),
            "only the first channel of x is read": answers.conv2d(x[:, :1], w[:, :1], *layout),
            "only the first image is done": _only_first(expected),
        }
        if w.shape[2] == w.shape[3]:
            swapped = "rows and columns of the kernel are swapped"
            mistakes[swapped] = answers.conv2d(x, w.swapaxes(2, 3), *layout)
        for got in _results(f"{exercise} {case}", conv2d, x, w, *layout):
            compare_array(f"{exercise} {case}", got, expected, mistakes)


def _check_no_copy(exercise: str, conv2d: Answer) -> None:
    """The padding is so wide that no memory holds a padded copy of x."""
    wide = 10**8
    x, w = np.array([[[[1.0, 2], [3, 4]]]]), np.array([[[[10.0]]]])
    case = f"{exercise} {_Case(x, w, x, (wide, wide, 1))}"
    expected = np.array([[[[0.0, 0, 0], [0, 10, 0], [0, 0, 0]]]])
    try:
        for got in _results(case, conv2d, x, w, wide, wide, 1):
            compare_array(case, got, expected)
    except MemoryError as error:
        raise CheckError(
            f"{case}: the answer asks for an array as large as the padded image, expected that it leaves out "
            "the products whose pixel is outside"
        ) from error


def check_conv2d_vjp_input(conv2d_vjp_input: Answer, seed: int) -> None:
    """conv2d_vjp_input(g, w, height, width, stride, padding, dilation): g (n, k, h', w'), w (k, c, kh, kw).

    The result (n, c, height, width).
    """
    _check_vjp_input(conv2d_vjp_input, _shown(seed))


def mark_conv2d_vjp_input(conv2d_vjp_input: Answer, seed: int) -> None:
    """As `check_conv2d_vjp_input`, with other shapes."""
    _check_vjp_input(conv2d_vjp_input, _hidden(seed))


def _check_vjp_input(conv2d_vjp_input: Answer, cases: list[_Case]) -> None:
    for case in cases:
        x, w, g, layout = case
        stride, padding, dilation = layout
        expected = answers.vjp_input(g, w, x.shape, *layout)
        wider = (*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)
        mistakes = {
            "the kernel is turned by 180°; a product goes back to the pixel that it came from": (
                answers.vjp_input(g, _turned(w), x.shape, *layout)
            ),
            "a pixel keeps its last product, expected the sum of all": (
                answers.vjp_input(g[:, -1:], w[-1:], x.shape, *layout, last=True)
            ),
            "the first window begins at the image's corner, not at that of the padding": (
                answers.vjp_input(g, w, wider, stride, 0, dilation)[:, :, : x.shape[2], : x.shape[3]]
            ),
            "only the first filter is used": answers.vjp_input(g[:, :1], w[:1], x.shape, *layout),
            "only the first image is done": _only_first(expected),
        }
        if w.shape[2] == w.shape[3]:
            swapped = "rows and columns of the kernel are swapped"
            mistakes[swapped] = answers.vjp_input(g, w.swapaxes(2, 3), x.shape, *layout)
        for got in _results(f"3 {case}", conv2d_vjp_input, g, w, *x.shape[2:], *layout):
            compare_array(f"3 {case}", got, expected, mistakes)


def check_conv2d_vjp_weight(conv2d_vjp_weight: Answer, seed: int) -> None:
    """conv2d_vjp_weight(g, x, kh, kw, stride, padding, dilation): g (n, k, h', w'), x (n, c, h, w).

    The result (k, c, kh, kw).
    """
    _check_vjp_weight(conv2d_vjp_weight, _shown(seed))


def mark_conv2d_vjp_weight(conv2d_vjp_weight: Answer, seed: int) -> None:
    """As `check_conv2d_vjp_weight`, with other shapes."""
    _check_vjp_weight(conv2d_vjp_weight, _hidden(seed))


def _check_vjp_weight(conv2d_vjp_weight: Answer, cases: list[_Case]) -> None:
    for case in cases:
        x, w, g, layout = case
        expected = answers.vjp_weight(g, x, w.shape, *layout)
        mistakes = {
            "the kernel is turned by 180°": _turned(expected),
            "a weight keeps its last product, expected the sum of all": (
                answers.vjp_weight(g[-1:], x[-1:], w.shape, *layout, last=True)
            ),
            "the mean over the images, expected their sum": expected / len(x),
            "only the first image is used": answers.vjp_weight(g[:1], x[:1], w.shape, *layout),
            "only the last image is used": answers.vjp_weight(g[-1:], x[-1:], w.shape, *layout),
            "rows and columns of the kernel are swapped": expected.swapaxes(2, 3),
        }
        for got in _results(f"4 {case}", conv2d_vjp_weight, g, x, *w.shape[2:], *layout):
            compare_array(f"4 {case}", got, expected, mistakes)


def check_transposed(transposed: Answer, seed: int) -> None:
    """transposed(w, padding, dilation): the filters (c, k, s, s) and the padding, from w (k, c, s, s)."""
    _check_transposed(transposed, [((2, 1, 2, 2), 0, 1), ((2, 3, 3, 3), 1, 2)], seed)


def mark_transposed(transposed: Answer, seed: int) -> None:
    """As `check_transposed`, with other shapes, and with more padding than the kernel reaches."""
    _check_transposed(transposed, [((4, 1, 5, 5), 3, 1), ((2, 2, 1, 1), 0, 3), ((3, 2, 2, 2), 4, 3)], seed)


def _check_transposed(transposed: Answer, cases: Iterable[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for shape, padding, dilation in cases:
        w = rng.normal(size=shape)
        case = f"5 w {shape}, padding {padding}, dilation {dilation}"
        got = result_of(case, own_work(transposed, *OUT_OF_REACH), w, padding, dilation)
        filters, border = tuple_of(case, got, 2, "the two: the filters and the padding")
        expected = _turned(w).swapaxes(0, 1)
        mistakes = {
            "rows and columns are swapped, expected a turn by 180°": w.transpose(1, 0, 3, 2),
            "filters and channels change places, but the kernels are not turned": w.swapaxes(0, 1),
            "the kernels are turned, but filters and channels do not change places": _turned(w),
            "all four axes are turned": expected[::-1, ::-1],
        }
        compare_array(f"{case}, filters", filters, expected, mistakes)
        reach = dilation * (shape[2] - 1)
        wrong = {
            "that is the padding of the convolution itself": padding,
            "the dilation is forgotten": shape[2] - 1 - padding,
            "a negative padding is right, too": max(reach - padding, 0),
        }
        compare(f"{case}, padding", border, reach - padding, wrong)
        if not isinstance(border, int | np.integer):
            raise CheckError(f"{case}, padding: got {border!r}, expected an int")


POOLS = [
    ((1, 1, 4, 6), (2, 2, 0)),
    ((2, 2, 5, 7), (3, 2, 1)),
    ((1, 3, 6, 5), (3, 1, 1)),
]  # x; size, stride, padding
HIDDEN_POOLS = [((3, 2, 7, 6), (2, 3, 0)), ((2, 1, 5, 8), (4, 2, 2)), ((1, 2, 3, 3), (1, 1, 0))]


def check_max_pool2d(max_pool2d: Answer, seed: int) -> None:
    """max_pool2d(x, size, stride, padding): x (n, c, h, w); the maxima and their switches (n, c, h', w')."""
    rows = [-1, -4, -2], [1, np.nan, np.nan, 3], [-np.inf] * 4
    first, *special = [(np.array([[[row]]], float), (3, 2, 1)) for row in rows]
    drawn = _images(POOLS, seed) + _images(POOLS[:1], seed, np.float32)
    _check_max_pool2d(max_pool2d, [first, *drawn, *special])


def mark_max_pool2d(max_pool2d: Answer, seed: int) -> None:
    """As `check_max_pool2d`, with other shapes, with a NaN and −∞ among numbers."""
    drawn = _images(HIDDEN_POOLS + POOLS, seed)
    broken, layout = drawn[1]
    broken = broken.copy()
    broken[0, 0, 1, 6] = np.nan
    empty = np.where(drawn[0][0] < 2, -np.inf, drawn[0][0]), drawn[0][1]
    _check_max_pool2d(max_pool2d, [*drawn, (broken, layout), empty, *_images(POOLS, seed, np.float32)])


def _images(
    shapes: Iterable[Any], seed: int, dtype: type = np.float64
) -> list[tuple[Array, tuple[int, int, int]]]:
    """Small whole numbers, so that there are ties; most are negative, so that zeros would be noticed."""
    rng = np.random.default_rng(seed)
    return [(rng.integers(-6, 3, shape).astype(dtype), layout) for shape, layout in shapes]


def _check_max_pool2d(max_pool2d: Answer, cases: Iterable[Any]) -> None:
    for x, layout in cases:
        size, stride, padding = layout
        shown = x if x.size <= 4 else x.shape
        case = f"6 {x.dtype}, x {shown}, size {size}, stride {stride}, padding {padding}"
        y, switches = answers.max_pool2d(x, *layout)
        framed = answers.padded(x, padding, padding)
        wrong_y = {
            "the padding counts as zeros, expected −∞": answers.max_pool2d(framed, size, stride, 0)[0],
            "the maximum starts at 0, so no negative one is found": np.maximum(y, 0),
            "the first window begins at the image's corner, not at that of the padding": (
                answers.max_pool2d(answers.padded(x, 0, 2 * padding, -np.inf), size, stride, 0)[0]
            ),
            "only the first image is done": _only_first(y),
        }
        row, column = np.divmod(switches, x.shape[3])
        top, left = np.indices(y.shape[2:]) * stride - padding
        n, c = np.indices(y.shape)[:2]
        last = answers.max_pool2d(x, size, stride, padding, last=True)[1]
        wrong_switches = {
            "at a tie the last maximum, or the last NaN, is taken, not the first": last,
            "that is the place in the padded plane": (row + padding) * framed.shape[3] + column + padding,
            "that is the place in the window, not in the plane": (row - top) * size + column - left,
            "counted down the columns, not along the rows": column * x.shape[2] + row,
            "the count goes on from plane to plane, it starts anew in each": (
                (n * x.shape[1] + c) * x[0, 0].size + switches
            ),
        }
        for got in _results(case, max_pool2d, x, *layout):
            got_y, got_switches = tuple_of(case, got, 2, "the two: y and switches")
            if np.isnan(y).any() and np.shape(got_y) == y.shape:
                compare(f"{case}, where y is NaN", np.isnan(got_y), np.isnan(y))
                got_y = np.where(np.isnan(y), 0, got_y)
            compare_array(f"{case}, y", got_y, np.where(np.isnan(y), 0, y), wrong_y)
            compare_array(f"{case}, switches", got_switches, switches, wrong_switches)


def check_unpooling(max_unpool2d: Answer, gather: Answer, seed: int) -> None:
    """max_unpool2d(y, switches, height, width): (n, c, height, width); gather(x, switches): as switches."""
    by_hand = np.array([[[[1.0, 5, 2, 0]]]]), (3, 1, 1)
    cases = [by_hand, *_images(POOLS, seed), *_images(POOLS[:1], seed, np.float32)]
    _check_unpooling(max_unpool2d, gather, cases, seed)


def mark_unpooling(max_unpool2d: Answer, gather: Answer, seed: int) -> None:
    """As `check_unpooling`, with other shapes."""
    cases = _images(HIDDEN_POOLS + POOLS, seed) + _images(POOLS, seed, np.float32)
    _check_unpooling(max_unpool2d, gather, cases, seed)


def _check_unpooling(max_unpool2d: Answer, gather: Answer, cases: Iterable[Any], seed: int) -> None:
    rng, only_first = np.random.default_rng(seed + 1), "only the first image is done"
    for x, layout in cases:
        switches = answers.max_pool2d(x, *layout)[1]
        y = rng.normal(size=switches.shape).astype(x.dtype)
        x = rng.normal(size=x.shape).astype(x.dtype)
        flat = switches.reshape(*switches.shape[:2], -1)
        n, c = np.ogrid[: len(x), : x.shape[1]]
        place = n[..., None], c[..., None], flat
        summed, last = (np.zeros((*x.shape[:2], x[0, 0].size), x.dtype) for _ in range(2))
        np.add.at(summed, place, y.reshape(flat.shape))
        last[place] = y.reshape(flat.shape)
        mistakes = {
            "where windows share a switch the last value is kept, expected the sum": last.reshape(x.shape),
            only_first: _only_first(summed.reshape(x.shape)),
        }
        case = f"7 {x.dtype}, switches {switches.shape}, plane {x.shape[2:]}"
        for got in _results(f"{case}, max_unpool2d", max_unpool2d, y, switches, *x.shape[2:]):
            compare_array(f"{case}, max_unpool2d", got, summed.reshape(x.shape), mistakes)
        gathered = x.reshape(summed.shape)[place].reshape(y.shape)
        for got in _results(f"{case}, gather", gather, x, switches):
            compare_array(f"{case}, gather", got, gathered, {only_first: _only_first(gathered)})


def check_conv2d_fast(inside: Answer, conv2d_fast: Answer, seed: int) -> None:
    """inside(offset, size, stride, count): (first, stop); conv2d_fast as conv2d, along the rows of x."""
    _check_inside(inside, [(-1, 5, 2, 4), (9, 5, 2, 4), (-9, 5, 1, 4), *_offsets(20, seed)])
    _check_conv2d("8", conv2d_fast, _shown(seed))
    _check_no_copy("8", conv2d_fast)
    _check_order(conv2d_fast, (1, 3, 4, 9))


def mark_conv2d_fast(inside: Answer, conv2d_fast: Answer, seed: int) -> None:
    """As `check_conv2d_fast`, with other numbers and shapes."""
    _check_inside(inside, _offsets(60, seed))
    _check_conv2d("8", conv2d_fast, _hidden(seed))
    _check_order(conv2d_fast, (2, 2, 3, 12))


def _offsets(number: int, seed: int) -> list[tuple[int, ...]]:
    rng = np.random.default_rng(seed)
    return [
        tuple(int(rng.integers(*ends)) for ends in [(-9, 9), (1, 9), (1, 4), (1, 9)]) for _ in range(number)
    ]


def _check_inside(inside: Answer, cases: Iterable[tuple[int, ...]]) -> None:
    for offset, size, stride, count in cases:
        case = f"8 inside({offset}, {size}, {stride}, {count})"
        expected = [q for q in range(count) if 0 <= q * stride + offset < size]
        for got in _results(case, inside, offset, size, stride, count):
            first, stop = tuple_of(case, got, 2, "the two: first and stop")
            if list(range(first, stop)) != expected or not 0 <= first <= stop <= count:
                right = f"{(expected[0], expected[-1] + 1)}" if expected else f"0 ≤ first = stop ≤ {count}"
                raise CheckError(f"{case}: got {(first, stop)}, expected {right}")


def _check_order(conv2d_fast: Answer, shape: tuple[int, ...]) -> None:
    """The pixels of a row are read one after the other: what the time depends on, without a clock."""
    x = np.arange(np.prod(shape), dtype=float).reshape(shape).view(_Recorded)
    _interpreted(conv2d_fast)(x, np.ones((2, shape[1], 1, 1)), 1, 0, 1)
    if not x.read:
        raise CheckError("8 conv2d_fast: no pixel is read on its own, expected a loop over the columns of y")
    steps = np.diff(x.read)
    along = np.count_nonzero(steps == 1)
    if 2 * along < len(steps):
        raise CheckError(
            f"8 conv2d_fast: {along} of {len(steps)} steps lead from a pixel of x to the next one in memory, "
            "expected most of them: the loop over the columns of y must be the innermost"
        )


class _Recorded(np.ndarray[Any, np.dtype[Any]]):
    """An array that notes the numbers that are read from it one by one."""

    def __array_finalize__(self, parent: Any) -> None:
        self.read: list[float] = getattr(parent, "read", [])

    def __getitem__(self, place: Any) -> Any:
        value = super().__getitem__(place)
        if np.ndim(value) == 0:
            self.read.append(float(value))
        return value


def _results(case: str, answer: Answer, *arguments: Any) -> Iterator[Any]:
    """What a compiled answer gives when Python runs it, and then compiled.

    Python comes first, for it notices an index that lies outside, and calls of what is out of reach.
    """
    try:
        got = result_of(case, _interpreted(answer, *OUT_OF_REACH), *arguments)
    except IndexError as error:
        error.add_note(
            "An index is outside its array. If it is that of a pixel outside the image: leave it out."
        )
        raise
    yield got
    if not hasattr(answer, "nopython_signatures"):
        raise CheckError(f"{case}: the function is not compiled, expected @numba.njit above it")
    yield result_of(case, answer, *arguments)
    if not answer.nopython_signatures:
        raise CheckError(f"{case}: the function is compiled in object mode, expected @numba.njit above it")


def _interpreted(answer: Answer, *out_of_reach: str) -> Answer:
    """The answer run by Python, as are the compiled functions that it calls by name."""
    function = getattr(answer, "py_func", answer)
    names = function.__globals__

    def run(*arguments: Any) -> Any:
        compiled = {name: value for name, value in names.items() if hasattr(value, "py_func")}
        names.update({name: value.py_func for name, value in compiled.items()})
        try:
            return own_work(function, *out_of_reach)(*arguments)
        finally:
            names.update(compiled)

    return run


def _turned(w: Array) -> Array:
    return w[:, :, ::-1, ::-1]


def _only_first(images: Array) -> Array:
    return np.concatenate([images[:1], np.zeros_like(images[1:])])
