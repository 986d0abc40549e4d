"""Checks say what is wrong with an answer, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from minixai.checks import CheckError, compare, tell


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
