"""Answers that must be the student's own: while they run, what minixai has of them is out of reach."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FrameType, FunctionType, SimpleNamespace
from typing import Any

import numpy as np

from minixai.checks.report import Answer, CheckError
from minixai.tape import Tensor

__all__ = ["own_work"]

PACKAGE = Path(__file__).parents[1]
CHECKS = ("minixai.checks", "minixai.course")  # out of reach of every answer, for they have the right ones


def own_work(answer: Answer, *modules: str, given: Iterable[Answer] = ()) -> Answer:
    """`answer`, in which a call into these modules of minixai, or into any checks, raises CheckError.

    modules: such as "minixai.methods", which means its submodules, too.
    given: what the answer may call all the same, as it may the functions among its arguments.
    Functions, methods, operations and compiled kernels are found out by the file that their code is from,
    however the answer holds them; what its own compiled code calls, or another thread, is not. The error is
    raised again when the answer has returned, so catching it does not help.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        before = sys.getprofile()
        with _Watch((*modules, *CHECKS), [*args, *kwargs.values(), *given], run.__code__) as watch:
            sys.setprofile(watch)
            try:
                return _settled(answer(*args, **kwargs))
            finally:
                sys.setprofile(before)

    return functools.wraps(answer)(run)


def _settled(got: Any) -> Any:
    """What an answer gives, with arrays in place of what would be made an array later, unwatched."""
    if isinstance(got, tuple | list):
        return type(got)(map(_settled, got)) if type(got) in (tuple, list) else got
    if isinstance(got, dict):
        return {key: _settled(value) for key, value in got.items()}
    plain = isinstance(got, np.ndarray | np.generic | Tensor)
    return np.asarray(got) if hasattr(got, "__array__") and not plain else got


class _Watch:
    """A profile function that raises at a call into modules; in its context it hears of kernels as well."""

    def __init__(self, modules: Iterable[str], given: Iterable[Any], outermost: CodeType) -> None:
        self._prefixes = tuple(f"{module}." for module in modules)
        paths = [str(PACKAGE.joinpath(*module.split(".")[1:])) for module in modules]
        self._files = tuple(path + end for path in paths for end in (os.sep, ".py"))
        self._given, self._outermost = _codes_of(given), outermost
        self._called: CheckError | None = None

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code not in OWN:
            module = frame.f_globals.get("__name__")
            if frame.f_code.co_filename.startswith(self._files):  # whatever its globals say
                module = frame.f_code.co_filename.removeprefix(f"{PACKAGE.parent}{os.sep}")
                module = module.removesuffix(".py").replace(os.sep, ".")
            self.look(frame, module, frame.f_code.co_qualname)

    def look(self, frame: FrameType, module: Any, name: str) -> None:
        """Raise if what is called is out of reach, and not called by a given function."""
        if f"{module}.".startswith(self._prefixes) and not self._is_given(frame):
            self._called = CheckError(f"the answer calls {module}.{name} of minixai: write it yourself")
            raise self._called

    def _is_given(self, frame: FrameType | None) -> bool:
        while frame is not None and frame.f_code is not self._outermost:
            if frame.f_code in self._given:
                return True
            frame = frame.f_back
        return False

    def __enter__(self) -> _Watch:
        compiled = _compiled_class()
        self._hooked = compiled if compiled and "__call__" not in vars(compiled) else None
        if self._hooked:
            self._hooked.__call__ = _heard_call
        return self

    def __exit__(self, *_: object) -> None:
        if self._hooked:
            del self._hooked.__call__
        if self._called:
            raise self._called


def _compiled_class() -> Any:
    """The class of the functions that numba compiles; None as long as numba is not imported."""
    return getattr(sys.modules.get("numba.core.registry"), "CPUDispatcher", None)


def _heard_call(kernel: Any, *args: Any, **kwargs: Any) -> Any:
    """What calling a compiled function does, and the watch is told, which a profile function is not."""
    watch = sys.getprofile()
    if isinstance(watch, _Watch):
        sys.setprofile(None)  # not to hear of the next line
        watch.look(sys._getframe(1), kernel.py_func.__module__, kernel.py_func.__qualname__)
        sys.setprofile(watch)
    return super(sys.modules["numba.core.registry"].CPUDispatcher, kernel).__call__(*args, **kwargs)


def _codes_of(given: Iterable[Any]) -> set[CodeType]:
    """The code of the functions in what is given, its lists and its nodes, and of those that they define."""
    codes: set[CodeType] = set()
    todo, seen = list(given), set[int]()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, CodeType):
            codes.add(each)
            todo.extend(each.co_consts)
        elif isinstance(each, FunctionType):
            todo.append(each.__code__)
        elif isinstance(each, property):
            todo.append(each.fget)
        elif isinstance(each, tuple | list):
            todo.extend(each)
        elif isinstance(each, dict):
            todo.extend(each.values())
        elif isinstance(each, type):
            todo.extend(vars(each).values() if each.__module__.startswith(CHECKS) else ())
        elif isinstance(each, SimpleNamespace) or type(each).__module__.startswith(CHECKS):
            todo.extend([type(each), *vars(each).values()])
    return codes


OWN = {_heard_call.__code__, *_codes_of([_settled])}  # run while an answer does
