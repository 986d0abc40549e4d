"""Answers that must be the student's own: while they run, what minixai has of them is out of reach."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from minixai.checks.report import CheckError

__all__ = ["own_work"]


def own_work(answer: Callable[..., Any], *modules: str) -> Callable[..., Any]:
    """`answer`, in which a call into these modules of minixai raises CheckError.

    modules: such as "minixai.methods", which means its submodules, too. Functions, methods and operations
    are found out however they were imported; of kernels compiled by numba, those that stand under a name of
    their module or of the answer's. The error is raised again when the answer has returned, so catching
    it does not help.
    """

    @functools.wraps(answer)
    def run(*args: Any, **kwargs: Any) -> Any:
        with _out_of_reach(modules, getattr(answer, "__globals__", {})):
            return answer(*args, **kwargs)

    return run


@contextlib.contextmanager
def _out_of_reach(modules: tuple[str, ...], names: dict[str, Any]) -> Iterator[None]:
    called: list[CheckError] = []

    def refuse(function: str, *args: Any, **kwargs: Any) -> None:
        called.append(CheckError(f"the answer calls {function} of minixai: write it yourself"))
        raise called[0]

    def watch(frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__")
        if event == "call" and _is_in(module, modules):
            refuse(f"{module}.{frame.f_code.co_qualname}")

    namespaces = [vars(module) for name, module in sys.modules.items() if _is_in(name, modules)] + [names]
    kernels = [_compiled_in(namespace, modules) for namespace in namespaces]
    before = sys.getprofile()
    for namespace, compiled in zip(namespaces, kernels, strict=True):
        namespace.update({name: functools.partial(refuse, _full_name(k)) for name, k in compiled.items()})
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)
        for namespace, compiled in zip(namespaces, kernels, strict=True):
            namespace.update(compiled)
        if called:
            raise called[0]


def _is_in(name: Any, modules: tuple[str, ...]) -> bool:
    return isinstance(name, str) and any(
        name == module or name.startswith(f"{module}.") for module in modules
    )


def _compiled_in(namespace: dict[str, Any], modules: tuple[str, ...]) -> dict[str, Any]:
    """What a namespace has of the modules that numba has compiled: a profile does not see such calls."""
    return {
        name: value
        for name, value in namespace.items()
        if hasattr(value, "py_func") and _is_in(value.__module__, modules)
    }


def _full_name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"
