"""Checks say what is wrong with an answer, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from minixai.checks import CheckError, compare, tell
from minixai.checks.report import compare_array, result_of, tuple_of


def check_double(double) -> None:
    compare("1.1 by hand", double(2.0), 4.0, {"that is the square": 4.0})
    x = np.arange(3.0)
    compare("1.1", double(x), 2 * x, {"that is the square": x**2, "that is x": x})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda x: 2 * x, "double: right"),
        (lambda x: None, "1.1 by hand: not done yet"),
        (lambda x: x * x, "1.1: got [0. 1. 4.], expected [0. 2. 4.]\n    likely mistake: that is the square"),
        (lambda x: x, "1.1 by hand: got 2.0, expected 4.0"),
        (lambda x: [x, x], "1.1 by hand: got the shape (2,), expected ()"),
        (lambda x: "four", "1.1 by hand: got <U4, expected numbers"),
    ],
)
def test_what_is_told(answer, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    tell(check_double, answer)
    assert capsys.readouterr().out == f"{told}\n"
    if not told.endswith("right"):
        with pytest.raises(CheckError) as error:
            check_double(answer)
        assert str(error.value) == told


def test_an_error_in_the_answer_is_its_own() -> None:
    with pytest.raises(ZeroDivisionError):
        tell(check_double, lambda x: 1 / 0)


def test_of_a_large_array_the_first_difference_is_told() -> None:
    expected = np.zeros((5, 6))
    got = expected.copy()
    got[2, 3:] = 0.5
    with pytest.raises(CheckError, match=r"^2\.1: at \[2, 3\] got 0\.5, expected 0; 3 of 30 differ$"):
        compare("2.1", got, expected)


def test_the_dtype_is_compared() -> None:
    compare_array("1", np.float32([1 / 3]), np.float32([1 / 3 + 1e-6]))
    with pytest.raises(CheckError, match=r"1: got float64, expected float32"):
        compare_array("1", np.array([0.5]), np.float32([0.5]))


@pytest.mark.parametrize("held", [lambda x: x, lambda x: [1, (x,)], lambda x: {"x": x}])
def test_an_argument_that_is_written_to_is_found(held) -> None:
    x = np.array([1.0, np.nan])
    assert result_of("1", lambda given: 3, held(x)) == 3

    def writes(given):
        x[0] = 2
        return 3

    with pytest.raises(CheckError, match=r"^1: the answer writes to an array that it was given"):
        result_of("1", writes, held(x))


def test_an_answer_s_warnings_are_kept_back_and_its_errors_say_where() -> None:
    assert result_of("1", lambda x, scale: x / 0 * scale, np.ones(1), scale=2) == np.inf
    with pytest.raises(ZeroDivisionError) as error:
        result_of("1 by hand", lambda: 1 / 0)
    assert error.value.__notes__ == ["It was raised while the check ran: 1 by hand"]
    with pytest.raises(CheckError, match=r"^1: not done yet$"):
        result_of("1", lambda: None)


@pytest.mark.parametrize(
    ("got", "told"),
    [(None, "not done yet"), ((1,), "got tuple of 1, expected a pair"), (3, "got int, expected a pair")],
)
def test_another_number_of_results_is_told(got, told: str) -> None:
    assert tuple_of("1", [1, 2], 2, "a pair") == (1, 2)
    with pytest.raises(CheckError, match=told):
        tuple_of("1", got, 2, "a pair")
