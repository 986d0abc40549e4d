"""A method answers a question with a table of rules, or with a map; the catalogue says what each shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, Required, TypedDict, Unpack, overload

from minixai.methods.explanation import Explanation
from minixai.methods.question import Answer, Question
from minixai.methods.unit import Layer, Neuron, Seed
from minixai.nn import Module
from minixai.settings import one_of
from minixai.tape import Rule
from minixai.typing import Array

__all__ = ["METHODS", "TOOLS", "Method", "markdown_table", "method"]

P = ParamSpec("P")
Says = Callable[Concatenate[Question, P], Mapping[Any, Rule] | Array | Answer]


class OfUnit(Protocol[P]):
    """A method that explains any unit by walks that start somewhere."""

    __name__: str

    def __call__(
        self,
        model: Module,
        x: Any,
        target: Any = None,
        layer: Layer | None = None,
        neuron: Neuron | None = None,
        seed: Seed | None = None,
        *args: P.args,
        **settings: P.kwargs,
    ) -> Explanation:
        """Explain the unit at x."""


class OfScore(Protocol[P]):
    """A method that explains any unit by its score alone."""

    __name__: str

    def __call__(
        self,
        model: Module,
        x: Any,
        target: Any = None,
        layer: Layer | None = None,
        neuron: Neuron | None = None,
        *args: P.args,
        **settings: P.kwargs,
    ) -> Explanation:
        """Explain the unit at x."""


class OfClass(Protocol[P]):
    """A method that explains a class."""

    __name__: str

    def __call__(
        self, model: Module, x: Any, target: Any = None, *args: P.args, **settings: P.kwargs
    ) -> Explanation:
        """Explain the class at x."""


KINDS = ("function", "signal", "attribution", "control")
ASKS: dict[str, Any] = {"unit": OfUnit, "score": OfScore, "class": OfClass}
WORDS = {
    "model": "a Module; it answers in eval mode, and is left as it was.",
    "x": "(n, …), the model's input, cast to the model's dtype.",
    "target": """the class to explain, one number or one per image; None means the largest logit. A final
    softmax or sigmoid is looked through.""",
    "layer": """in place of a class, a module's name, such as "features.3", or (name, call) where it is
    called more than once.""",
    "neuron": """of the layer: (channel, row, column), (channel, "max"), (channel,) for a feature map, or
    (i,); None explains the whole layer.""",
    "seed": """where the way back starts, "one" or the unit's "value"; None means "one" from a logit and
    "value" from within.""",
}
RAISES = """Raises TypeError or ValueError for a wrong argument, ValueError for a NaN, ShapeError for an empty
batch or a wrong shape."""


class About(TypedDict, total=False):
    """What a row of the catalogue says of a method."""

    shows: Required[str]
    fails: Required[str]  # where
    paper: Required[str]
    cost: str  # "one walk back", "many walks back", "many forward passes"
    wants: str  # beside the model and x


@dataclass(frozen=True)
class Method:
    """A row of the catalogue; see `About`."""

    function: Callable[..., Explanation]
    title: str  # in figures
    kind: str  # "function", "signal" or "attribution"; "control", what knows nothing of the network
    shows: str
    fails: str
    paper: str
    cost: str = "one walk back"
    wants: str = ""

    @property
    def quick(self) -> bool:
        """Whether it takes one walk back."""
        return self.cost == "one walk back"

    @property
    def control(self) -> bool:
        """Whether it is no explanation, but what explanations are held against."""
        return self.kind == "control"

    @property
    def takes_patterns(self) -> bool:
        """Whether it needs fitted patterns."""
        return "patterns" in inspect.signature(self.function).parameters

    @property
    def takes_maps(self) -> bool:
        """Whether it explains a class by the maps of a layer."""
        takes = inspect.signature(self.function).parameters
        return "layer" in takes and "neuron" not in takes

    @property
    def needs(self) -> str:
        """What it costs and wants."""
        return f"{self.cost}; {self.wants}" if self.wants else self.cost


METHODS: dict[str, Method] = {}
"""All methods by name, in the order in which `minixai compare` shows them."""


@overload
def method(
    title: str, kind: str, *, seed: Seed | None = ..., ledger: bool = ..., **about: Unpack[About]
) -> Callable[[Says[P]], OfUnit[P]]: ...
@overload
def method(
    title: str, kind: str, *, asks: Literal["score"], **about: Unpack[About]
) -> Callable[[Says[P]], OfScore[P]]: ...
@overload
def method(
    title: str, kind: str, *, asks: Literal["class"], **about: Unpack[About]
) -> Callable[[Says[P]], OfClass[P]]: ...
def method(
    title: str,
    kind: str,
    *,
    asks: str = "unit",
    seed: Seed | None = None,
    ledger: bool = False,
    **about: Unpack[About],
) -> Any:
    """Make a method of a function (question, *, settings) -> a table of rules, a map, or an `Answer`.

    It gets the signature of all methods, with its own settings by name, their checks and docstring, and a row
    in METHODS: the command line, the README and `compare` then know it.

    asks: for a "unit", for one by its "score" alone, so that there is no seed, or for a "class" only.
    seed: the default. ledger: whether the walk with a table keeps one.
    """

    one_of("method", "kind", kind, KINDS)

    def enter(say: Says[...]) -> Callable[..., Explanation]:
        asked, signature = _signature(say, asks, seed)
        known = METHODS.get(say.__name__)
        if known and known.function.__module__ != say.__module__:
            raise ValueError(f"method: {say.__name__} is a method of {known.function.__module__} already")

        def answered(unit: dict[str, Any], settings: dict[str, Any]) -> tuple[Question, Answer]:
            question = Question(say.__name__, **unit, batch_size=settings.get("batch_size"), takes=asked)
            said = say(question, **settings)
            if isinstance(said, Mapping):
                said = question.walk(said, ledger)
            return question, said if isinstance(said, Answer) else Answer(said)

        def explain(*args: Any, **kwargs: Any) -> Explanation:
            try:
                given = signature.bind(*args, **kwargs)
            except TypeError as error:
                takes = f"expected {', '.join(signature.parameters)}"
                raise TypeError(f"{say.__name__}: {error}, {takes}") from None
            given.apply_defaults()
            unit = {name: given.arguments.pop(name) for name in asked}
            settings = given.kwargs
            question, answer = answered(unit, settings)
            del unit["x"]  # an explanation keeps its own
            quick = METHODS[say.__name__].quick
            again = (lambda x: answered({**unit, "x": x}, settings)[1]) if quick else None
            explanation = question.explanation(title, kind, answer, again)
            explanation.warn_of_zeros(answer.dark)
            return explanation

        update_wrapper(explain, say)
        words = "\n".join(f"{name}: {WORDS[name]}" for name in asked)
        explain.__doc__ = f"{inspect.getdoc(say)}\n\n{words}\n\n{RAISES}"
        explain.__signature__ = signature  # type: ignore[attr-defined]
        explain.__annotations__ = {}  # those of `say` are not its own
        METHODS[say.__name__] = Method(explain, title, kind, **about)
        return explain

    return enter


def _signature(say: Says[...], asks: str, seed: Seed | None) -> tuple[list[str], inspect.Signature]:
    """The names of what is asked, and the protocol's signature with the function's own settings behind."""
    of_all = list(inspect.signature(ASKS[asks].__call__).parameters.values())[1:-2]
    of_all = [p.replace(default=seed) if p.name == "seed" else p for p in of_all]
    _, *own = inspect.signature(say).parameters.values()
    return [p.name for p in of_all], inspect.Signature([*of_all, *own], return_annotation="Explanation")


TOOLS: dict[str, About] = {}
"""What explains no input, by name: functions that make inputs."""


def markdown_table() -> str:
    """The catalogue as README.md has it, without the controls."""
    rows = [("method", "shows", "needs", "where it fails", "paper"), ("---",) * 5]
    rows += [
        (f"`{name}`", f"{each.kind}: {each.shows}", each.needs, each.fails, each.paper)
        for name, each in METHODS.items()
        if not each.control
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
