"""A table of rules, and rules that know how they were made."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial, wraps
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

from minixai.nn.fusing import fused
from minixai.op import Op
from minixai.tape import Node, Rule, Tensor, rule_for
from minixai.typing import Array

__all__ = ["Made", "Rules", "at_work", "formula_of", "has", "maker", "saying", "source_of"]

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])
Word = Literal["fuses", "refuses", "assumes silence"]


class Rules(dict[Any, Rule]):
    """Rules by (layer, op), layer, op or trait. A strict table must cover every operation that it meets.

    `table[op]` is the rule of the op or, where it has none, of its first trait that has one.
    """

    def __init__(self, table: Mapping[Any, Rule] | None = None, strict: bool = False) -> None:
        super().__init__(table or {})
        self.strict = strict

    def __or__(self, other: Mapping[Any, Rule]) -> Rules:  # type: ignore[override]
        return Rules({**self, **other}, self.strict)

    def copy(self) -> Rules:
        """Another table with the same rules, as strict."""
        return Rules(self, self.strict)

    def read(self, tape: Mapping[Tensor, Node | None], kept: Collection[Tensor] = ()) -> dict[Tensor, Any]:
        """The tape as this table wants it: affine steps fused with their layers where their rule says so."""
        return fused(tape, lambda node: has(rule_for(node, self), "fuses"), kept)

    def admit(self, tape: Mapping[Tensor, Node | None]) -> None:
        """Raise RuleError where a node on the way has no rule, or one that refuses."""
        for node in self.read(tape).values():
            if node and any(node.needs) and has(rule := rule_for(node, self), "refuses"):
                rule(np.zeros_like(node.value), node)

    def __missing__(self, key: Any) -> Rule:
        for trait in key.traits if isinstance(key, Op) else ():
            if trait in self:
                return self[trait]
        raise KeyError(key)


def saying(word: Word) -> Callable[[F], F]:
    """Decorate a rule, or the function that makes it, with a word that tables look for.

    "fuses": of an affine step, which is fused with the layer before it. "refuses": it raises RuleError.
    "assumes silence": it takes a unit with z ≤ 0 for one that says nothing.
    """

    def said(rule: F) -> F:
        rule.__dict__.setdefault("says", set()).add(word)
        return rule

    return said


def has(rule: Rule, word: Word) -> bool:
    """Whether a rule says a word."""
    return word in getattr(rule, "says", ())


class Made:
    """A rule that prints as the call that made it, and that is made so again when it is unpickled."""

    def __init__(self, make: partial[Rule], rule: Rule) -> None:
        self.make, self.rule = make, rule
        self.says: set[Word] = getattr(make.func, "says", set())

    def __call__(self, g: Array, node: Node) -> Iterable[Array | None]:
        """The cotangents of the node's inputs."""
        return self.rule(g, node)

    def __repr__(self) -> str:
        settings = [
            *map(_short, self.make.args),
            *(f"{k}={_short(v)}" for k, v in self.make.keywords.items()),
        ]
        return f"{self.make.func.__name__}({', '.join(settings)})"

    def __reduce__(self) -> Any:
        return self.make, ()


def at_work(rule: Rule, node: Node) -> Rule:
    """The rule that answers at a node, where one chooses it by the node."""
    while of := getattr(getattr(rule, "rule", rule), "of", None):
        rule = of(node)
    return rule


def formula_of(rule: Rule) -> str:
    """The first line of what its docstring says."""
    doc = inspect.getdoc(rule.make.func if isinstance(rule, Made) else rule) or ""
    return doc.partition("\n\n")[0].replace("\n", " ")


def source_of(rule: Rule) -> str:
    """The function that does its work, as it is written; "" where there is no source."""
    function: Any = rule
    while isinstance(function, Made):
        function = function.rule
    try:
        return textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):
        return ""


def _short(setting: Any) -> str:
    """Patterns and arrays by their class only."""
    return repr(setting) if len(repr(setting)) <= 40 else f"<{type(setting).__name__}>"


def maker(make: Callable[P, Rule]) -> Callable[P, Rule]:
    """Decorate a function settings -> rule: its rules become `Made`."""

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> Rule:
        return Made(partial(made, *args, **kwargs), make(*args, **kwargs))

    return made
