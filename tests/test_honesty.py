"""Answers that call what they should write are found out, and nothing stays changed."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import pkgutil
import re
import sys
import types
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

import minixai as mx
import minixai.checks
import minixai.course
from minixai.checks import CheckError
from minixai.course import own_work
from minixai.course.cw1.answers import unbroadcast as aliased
from minixai.kernels.convolution import conv2d_direct
from minixai.methods import METHODS
from tests.extras import NEED_NBGRADER

X = np.arange(9.0).reshape(1, 1, 3, 3)
W = np.ones((1, 1, 2, 2))
MODULES = ("minixai.ops", "minixai.kernels", "minixai.methods")
KERNELS = {"conv2d": functools.partial(conv2d_direct)}
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


def by_a_kernel_that_is_a_default(x: np.ndarray, w: np.ndarray, kernel: Any = conv2d_direct) -> np.ndarray:
    y = np.zeros((1, 1, 2, 2))
    kernel(x, w, (1, 1), (0, 0), (1, 1), 1, y)
    return y[0, 0]


def by_a_kernel_in_a_table(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = np.zeros((1, 1, 2, 2))
    KERNELS["conv2d"](x, w, (1, 1), (0, 0), (1, 1), 1, y)
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
    by_a_kernel_that_is_a_default,
    by_a_kernel_in_a_table,
    by_a_compiled_kernel_in_its_module,
    functools.partial(by_a_kernel_that_is_a_default),
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


# ---------------------------------------------------------------- the answers that the checks compare with


def modules_of(package: Any) -> list[Any]:
    names = (each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    return [importlib.import_module(name) for name in names if name not in NEED_NBGRADER]


def functions_of(module: Any) -> dict[str, Callable[..., Any]]:
    """All that a module defines, the methods of its classes too, by its full name."""
    found = {}
    for holder in (module, *(each for each in vars(module).values() if inspect.isclass(each))):
        for each in vars(holder).values():
            each = each.fget if isinstance(each, property) else each
            if inspect.isfunction(each) and each.__globals__ is vars(module):
                found[f"{module.__name__}.{each.__qualname__}"] = each
    return found


REFERENCES = {
    name: function
    for package in (minixai.course, minixai.checks)
    for module in modules_of(package)
    for name, function in functions_of(module).items()
    if module.__name__ != "minixai.course.honesty"
}


def called(function: Callable[..., Any]) -> Any:
    """The function called with as many arguments as it must have, for it is not entered with fewer."""
    parameters = inspect.signature(function).parameters.values()
    must = sum(each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD for each in parameters)
    result = function(*[None] * must)
    return list(result) if inspect.isgenerator(result) else result


def test_the_answers_are_among_the_references() -> None:
    for name in (
        "cw1.answers.unbroadcast",
        "cw1.answers.matmul_cotangents",
        "cw1.nodes.Entry.inputs",
        "cw2.checks.check_conv2d",
        "cw3.answers.through_gates",
        "cw3.answers.at_centres",
        "cw6.answers.walked",
        "cw6.answers.curve",
    ):
        assert f"minixai.course.{name}" in REFERENCES
    with_answers = {name.split(".")[2] for name in REFERENCES if ".answers." in name}
    assert with_answers == set(minixai.course.masters())


@pytest.mark.parametrize("name", REFERENCES)
def test_all_that_the_checks_have_is_out_of_reach(name: str) -> None:
    function = REFERENCES[name]
    module = re.escape(function.__module__)
    with pytest.raises(CheckError, match=rf"^the answer calls {module}\..* of minixai: write it yourself$"):
        own_work(lambda: called(function))()


def by_an_alias(g: Any) -> Any:
    return aliased(g, (3,))


def by_a_default(g: Any, right: Any = aliased) -> Any:
    return right(g, (3,))


def by_map(g: Any) -> Any:
    return [*map(aliased, [g], [(3,)])]


def by_an_import(g: Any) -> Any:
    from minixai.course.cw1.answers import unbroadcast

    return unbroadcast(g, (3,))


def by_compiling_it(g: Any) -> Any:
    return compiled(g, (3,))


def by_a_watch_of_its_own(g: Any) -> Any:
    return allowed(g)


def by_code_of_another_module(g: Any) -> Any:
    globals_ = {**vars(sys.modules[aliased.__module__]), "__name__": "notebook"}
    return types.FunctionType(aliased.__code__, globals_)(g, (3,))


class Later:
    """What is made an array when the answer has long returned."""

    def __init__(self, g: Any) -> None:
        self.g = g

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return aliased(self.g, (3,))


compiled = numba.njit(aliased)
allowed = own_work(by_an_alias, given=[aliased])
BORROWED_REFERENCES = [
    by_an_alias,
    by_a_default,
    by_map,
    by_an_import,
    by_compiling_it,
    by_a_watch_of_its_own,
    by_code_of_another_module,
    Later,
    lambda g: ([Later(g)], 1),
    functools.partial(aliased, shape=(3,)),
    lambda g: own_work(by_an_alias, given=[aliased])(g),
]


@pytest.mark.parametrize("answer", BORROWED_REFERENCES)
def test_however_the_answer_holds_it(answer: Callable[..., Any]) -> None:
    with pytest.raises(CheckError, match="write it yourself"):
        own_work(answer)(np.ones((2, 3)))


def test_what_the_answer_is_handed_it_may_call_for_this_time() -> None:
    kept = []

    def answer(g: Any, unbroadcast: Any) -> Any:
        kept.append(unbroadcast)
        return unbroadcast(g, (3,))

    g = np.ones((2, 3))
    np.testing.assert_array_equal(own_work(answer)(g, aliased), [2, 2, 2])
    with pytest.raises(CheckError, match="write it yourself"):
        own_work(lambda g: kept[0](g, (3,)))(g)
    np.testing.assert_array_equal(own_work(by_an_alias, given=[aliased])(g), [2, 2, 2])
    with pytest.raises(CheckError, match=r"cw1\.answers\.matmul_cotangents"):
        own_work(lambda given: minixai.course.cw1.answers.matmul_cotangents(g, g, g))(aliased)
