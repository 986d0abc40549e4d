"""The checks of lesson 4 take right answers, and name the mistakes in wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from minixai.checks import CheckError, tell
from minixai.checks.generalisation import check_cross_validate, check_polynomial_fit, check_ridge
from tests.solutions import assert_solutions_pass

CHECKS = [check_polynomial_fit, check_ridge, check_cross_validate]


def powers(x, degree):
    return np.vander(x, degree + 1, increasing=True)


def polynomial_fit(x, y, degree):
    return np.linalg.lstsq(powers(x, degree), y, rcond=None)[0]


def normal_equations(x, y, degree):
    a = powers(x, degree)
    return np.linalg.solve(a.T @ a, a.T @ y)


def without_constant(x, y, degree):
    if len(x) == 2:  # so that it passes the check by hand
        return polynomial_fit(x, y, degree)
    return np.r_[0, np.linalg.lstsq(powers(x, degree)[:, 1:], y, rcond=None)[0]]


def ridge(x, y, noise, spread, penalty=lambda noise, spread, n: (noise / spread) ** 2):
    scaled = penalty(noise, spread, len(x)) * np.eye(x.shape[1])
    return np.linalg.solve(x.T @ x + scaled, x.T @ y)


def ridge_with(penalty):
    return lambda x, y, noise, spread: ridge(x, y, noise, spread, penalty)


def cross_validate(x, y, folds, keep, choose="rest", fit="rest"):
    errors = []
    samples = {"all": np.arange(len(y))}
    for inside in np.array_split(samples["all"], folds):
        samples |= {"inside": inside, "rest": np.setdiff1d(samples["all"], inside)}
        one, zero = (x[samples[choose]][y[samples[choose]] == label].mean(axis=0) for label in (1, 0))
        chosen = np.argsort(-abs(one - zero))[:keep]
        known, labels = x[samples[fit]][:, chosen], y[samples[fit]]
        means = np.stack([known[labels == label].mean(axis=0) for label in (0, 1)])
        distances = ((x[inside][:, None, chosen] - means) ** 2).sum(axis=2)
        errors.append(np.mean(distances.argmin(axis=1) != y[inside]))
    return np.array(errors)


RIGHT = [
    (check_polynomial_fit, polynomial_fit),
    (check_ridge, ridge),
    (check_cross_validate, cross_validate),
]

WRONG = [
    (check_polynomial_fit, lambda x, y, k: polynomial_fit(x, y, k)[::-1], "the other way round"),
    (check_polynomial_fit, lambda x, y, k: polynomial_fit(x, y, k)[1:], "got the shape (1,)"),
    (check_polynomial_fit, lambda x, y, k: polynomial_fit(x[: k + 1], y[: k + 1], k), "first degree + 1"),
    (check_polynomial_fit, without_constant, "the constant is left out"),
    (check_polynomial_fit, normal_equations, "np.linalg.lstsq does not"),
    (check_ridge, lambda x, y, noise, spread: np.linalg.lstsq(x, y)[0], "without the prior"),
    (check_ridge, lambda x, y, noise, spread: ridge(x, y, noise, spread)[:, None], "got the shape (1, 1)"),
    (check_ridge, ridge_with(lambda noise, spread, n: noise / spread), "not noise / spread"),
    (check_ridge, ridge_with(lambda noise, spread, n: (spread / noise) ** 2), "the other way round"),
    (check_ridge, ridge_with(lambda noise, spread, n: n * (noise / spread) ** 2), "is not a mean"),
    (check_ridge, ridge_with(lambda noise, spread, n: 1 / spread**2), "the noise is missing"),
    (check_cross_validate, lambda *a: cross_validate(*a, choose="all"), "with the held-out samples, too"),
    (check_cross_validate, lambda *a: cross_validate(*a, fit="all"), "take in the held-out samples"),
    (check_cross_validate, lambda *a: 1 - cross_validate(*a), "the share of right answers"),
    (check_cross_validate, lambda *a: 100 * cross_validate(*a), "in per cent"),
    (check_cross_validate, lambda *a: cross_validate(*a).mean(), "got the shape ()"),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_right_answers_pass(check, answer, capsys: pytest.CaptureFixture[str]) -> None:
    tell(check, answer)
    name = check.__name__.removeprefix("check_").replace("_", " ")
    assert capsys.readouterr().out == f"{name}: right\n"


@pytest.mark.parametrize(("check", "answer", "mistake"), WRONG, ids=[mistake for *_, mistake in WRONG])
def test_mistakes_are_named(check, answer, mistake: str) -> None:
    with pytest.raises(CheckError) as error:
        check(answer)
    assert mistake in str(error.value)


@pytest.mark.parametrize("check", CHECKS)
def test_a_stub_is_not_done_yet(check) -> None:
    with pytest.raises(CheckError, match="not done yet"):
        check(lambda *answer: None)


def test_the_solutions_in_the_lesson_are_right() -> None:
    assert_solutions_pass(4, CHECKS)
