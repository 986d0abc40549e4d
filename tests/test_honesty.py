"""Answers that call what they should write are found out, and nothing stays changed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai.checks import CheckError, own_work
from minixai.kernels.convolution import conv2d_direct
from minixai.methods import METHODS

X = np.arange(9.0).reshape(1, 1, 3, 3)
W = np.ones((1, 1, 2, 2))
MODULES = ("minixai.ops", "minixai.kernels", "minixai.methods")
renamed = mx.ops.conv2d


def own(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.array([[(x[0, 0, r : r + 2, q : q + 2] * w[0, 0]).sum() for q in (0, 1)] for r in (0, 1)])


def by_operation(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return mx.ops.conv2d(x, w).value[0, 0]


def by_another_name(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return renamed(x, w).value[0, 0]


def by_a_closure() -> Callable[..., Any]:
    conv2d = mx.ops.conv2d
    return lambda x, w: conv2d(x, w).value[0, 0]


def by_an_operator(x: np.ndarray, w: np.ndarray) -> Any:
    return mx.Tensor(x) * w


def by_a_table(x: np.ndarray, w: np.ndarray) -> Any:
    return METHODS["gradient"].function(None, x)


def by_a_compiled_kernel(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = np.zeros((1, 1, 2, 2))
    conv2d_direct(x, w, (1, 1), (0, 0), (1, 1), 1, y)
    return y[0, 0]


def by_a_compiled_kernel_in_its_module(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = np.zeros((1, 1, 2, 2))
    mx.kernels.convolution.conv2d_direct(x, w, (1, 1), (0, 0), (1, 1), 1, y)
    return y[0, 0]


def who_catches_it(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    try:
        return by_operation(x, w)
    except AssertionError:
        return own(x, w)


BORROWED = [
    by_operation,
    by_another_name,
    by_a_closure(),
    by_an_operator,
    by_a_table,
    by_a_compiled_kernel,
    by_a_compiled_kernel_in_its_module,
    who_catches_it,
]


def test_own_work_is_run() -> None:
    np.testing.assert_array_equal(own_work(own, *MODULES)(X, w=W), by_operation(X, W))


@pytest.mark.parametrize("answer", BORROWED)
def test_a_call_into_minixai_is_refused(answer: Callable[..., Any]) -> None:
    with pytest.raises(CheckError, match=r"the answer calls minixai\.\w+.* of minixai: write it yourself"):
        own_work(answer, *MODULES)(X, W)


@pytest.mark.parametrize("answer", [by_operation, by_a_compiled_kernel, own])
def test_afterwards_all_is_as_before(answer: Callable[..., Any]) -> None:
    before = sys.getprofile()
    for _ in range(2):
        with contextlib.suppress(CheckError):
            own_work(answer, *MODULES)(X, W)
    assert sys.getprofile() is before
    np.testing.assert_array_equal(by_a_compiled_kernel(X, W), own(X, W))
    np.testing.assert_array_equal(answer(X, W), own(X, W))


def test_only_the_modules_that_are_named_are_out_of_reach() -> None:
    np.testing.assert_array_equal(own_work(by_operation, "minixai.methods")(X, W), own(X, W))
    np.testing.assert_array_equal(own_work(by_operation, "minixai.o")(X, W), own(X, W))


def test_what_the_answer_leaves_in_its_module_stays() -> None:
    def remember(x: np.ndarray, w: np.ndarray) -> None:
        globals()["remembered"] = x

    own_work(remember, *MODULES)(X, W)
    assert globals().pop("remembered") is X


def test_an_error_of_the_answer_is_its_own() -> None:
    def fails(x: np.ndarray, w: np.ndarray) -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        own_work(fails, *MODULES)(X, W)
