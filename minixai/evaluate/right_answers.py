"""The bench: do maps lie on what the target is known to depend on? Methods and controls, on trained networks.

Each mark says whether a map is right about the *data*. Whether it is faithful to the *network* is another
question: a network that uses a suppressor well is right to do so, and a map that shows it is called wrong
here. And the problems are small: what a method earns on them it need not earn on photos.
"""

from __future__ import annotations

import inspect
import json
import os
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.bootstrap import mean_interval
from minixai.columns import aligned, interval, minus
from minixai.errors import FileFormatError, RuleError, several_names
from minixai.evaluate.marks import MARKS
from minixai.evaluate.problems import PROBLEMS, Samples, train
from minixai.files import write_whole
from minixai.methods import METHODS, ZeroMapWarning
from minixai.methods.catalogue import Method
from minixai.nn import Module
from minixai.progress import progress_bar
from minixai.signal import fit_patterns, local_pattern
from minixai.typing import Array

if TYPE_CHECKING:
    from minixai.plot.picture import Picture

__all__ = ["CAVEAT", "Bench", "bench"]

CAVEAT = (
    "Marks say whether maps lie on what the target depends on in the data. They do not say whether maps are "
    "faithful to the network, which may use suppressors and be right to. The problems are small."
)
FORMAT = "minixai bench 1"
STATES = ("trained", "untrained", "shuffled")
KINDS = {"S_a": "linear", "S_a±": "positive", "S_a± centred": "positive_centred"}
LEVEL = 0.95
LOCAL_PATTERN, LOCAL_TITLE = "local_pattern", "PatternLocal (tuned on XAI-TRIS)"
LOCAL_WIDTH = 0.5  # of the data's standard deviation: the best of six on networks of another seed

Call = Callable[..., Any]  # (model, x, target) -> a map


@dataclass(frozen=True)
class Effort:
    """How much is done: on which problems, how often, with how many images, by how many steps."""

    problems: Mapping[str, Collection[str]]  # by name, the networks trained on it
    trainings: int
    fitted: int  # images to train on
    shown: int  # images that are explained
    settings: Mapping[str, int]  # of methods that take more than a walk, where they have them


def _networks(names: Collection[str]) -> dict[str, Collection[str]]:
    return {name: tuple(PROBLEMS[name].networks) for name in names}


USUAL = _networks([name for name in PROBLEMS if not name.endswith("_64")])
EFFORTS = {
    "quick": Effort(
        {
            "two_features": ("linear",),
            "distractor": ("linear", "mlp"),
            "linear_white": ("mlp",),
            "xor_white": ("cnn",),
            "watermark_random": ("mlp",),
        },
        trainings=1,
        fitted=4000,
        shown=32,
        settings={"n_masks": 200, "n_samples": 10, "steps": 10},
    ),
    "default": Effort(USUAL, 3, 8000, 64, {"n_masks": 300, "n_samples": 20, "steps": 20}),
    "full": Effort(_networks(PROBLEMS), 10, 8000, 128, {"n_masks": 2000, "n_samples": 50, "steps": 50}),
}
BATCH = 500  # images at a time, of those that patterns are fitted to
ALWAYS = {"batch_size": 256, "progress": False}


@dataclass(frozen=True)
class Row:
    """A line of the table: a method with some of its settings, or a control."""

    title: str
    control: bool
    call: Call
    wants_data: bool = False  # takes those that the network was trained on, as data=


@dataclass(frozen=True)
class Cell:
    """What was measured on one network.

    accuracy: on new images, of the network in each state. marks: {state: {row: {mark: mean over images}}},
    with "zero", the share of maps that are zero everywhere. refused: {row: what it said}, where a method
    does not take the network. notes: {row: what it warned of}.
    """

    problem: str
    network: str
    training: int
    accuracy: Mapping[str, float]
    marks: Mapping[str, Mapping[str, Mapping[str, float | None]]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from others."""
        return self.problem, self.network, self.training

    def lacks(self, row: str) -> bool:
        """Whether the row is still to be measured."""
        return row not in self.refused and row not in self.marks["trained"]

    def joined(self, other: Cell) -> Cell:
        """With the rows of a cell of the same network; ValueError where the network came out otherwise."""
        if other.accuracy != self.accuracy:
            what = f"training {self.training} of {self.network} on {self.problem}"
            came = f"its accuracy is {dict(other.accuracy)}, in the file {dict(self.accuracy)}"
            raise ValueError(f"bench: {what} came out otherwise: {came}; name another file")
        marks = {state: {**rows, **other.marks[state]} for state, rows in self.marks.items()}
        refused, notes = {**self.refused, **other.refused}, {**self.notes, **other.notes}
        return replace(self, marks=marks, refused=refused, notes=notes)


@dataclass(frozen=True, eq=False, repr=False)
class Bench:
    """Marks of methods and controls; prints as a table. Intervals are bootstraps over the trainings, at 95 %.

    Of three trainings such an interval goes from the least to the largest: it is a hint, no more.
    """

    effort: str
    rows: Mapping[str, bool]  # by title, whether it is a control
    cells: Sequence[Cell]

    @property
    def problems(self) -> list[str]:
        """The names of the problems, in the order of the bench."""
        return list(dict.fromkeys(cell.problem for cell in self.cells))

    @property
    def sorted_rows(self) -> list[str]:
        """The titles: methods by their ROC AUC, the best first, then the controls in the same way."""
        auc = {row: np.nan_to_num(self.mean(row, "roc_auc")[0]) for row in self.rows}
        return sorted(self.rows, key=lambda row: (self.rows[row], -auc[row]))

    def values(
        self,
        row: str,
        mark: str,
        problem: str | None = None,
        state: str = "trained",
        network: str | None = None,
    ) -> Array:
        """(trainings,): means over the problems that have the mark, each the mean over its networks."""
        by_training: dict[int, dict[str, list[float]]] = {}
        for cell in self.cells:
            found = cell.marks.get(state, {}).get(row, {}).get(mark)
            wanted = problem in (None, cell.problem) and network in (None, cell.network)
            if found is not None and wanted:
                by_training.setdefault(cell.training, {}).setdefault(cell.problem, []).append(found)
        in_order = [by_training[training].values() for training in sorted(by_training)]
        return np.array([np.mean([np.mean(each) for each in found]) for found in in_order])

    def mean(
        self,
        row: str,
        mark: str,
        problem: str | None = None,
        state: str = "trained",
        network: str | None = None,
    ) -> tuple[float, float, float]:
        """The mean over the trainings and its interval; NaN where nothing was measured."""
        values = self.values(row, mark, problem, state, network)
        if not len(values):
            return (np.nan,) * 3
        mean, low, high = (float(each) for each in mean_interval(values, LEVEL, draws=2000))
        return mean, low, high

    def table(self, problem: str | None = None) -> list[list[str]]:
        """Words: each row's marks, with intervals, and its ROC AUC on networks that know nothing."""
        heading = ["", *(mark.title for mark in MARKS.values()), "AUC untrained", "AUC labels shuffled"]
        rows = [heading]
        for row in self.sorted_rows:
            cells = [self._words(row, mark, problem) for mark in MARKS]
            others = [self._words(row, "roc_auc", problem, state) for state in STATES[1:]]
            rows.append([f"[{row}]" if self.rows[row] else row, *cells, *others])
        return rows

    def __repr__(self) -> str:
        trainings = len({cell.training for cell in self.cells})
        words = ", ".join(
            f"{number} {what}{'s' if number > 1 else ''}"
            for number, what in ((len(self.problems), "problem"), (trainings, "training"))
        )
        lines = [
            f"Bench ({self.effort}): {words}; [controls] know no network",
            aligned(self.table()),
            f"More is better, but for false alarms; ROC AUC of chance is 0.5. {CAVEAT}",
            *self.remarks(),
        ]
        return "\n".join(lines)

    def markdown(self) -> str:
        """The table as README.md has it."""
        heading, *rows = ([cell.replace("|", r"\|") for cell in row] for row in self.table())
        return "\n".join(f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rows))

    def remarks(self) -> list[str]:
        """Networks that were refused, methods that refused one, and maps that are not what they seem."""
        said: list[str] = []
        warned: dict[str, dict[str, None]] = {}
        for cell in self.cells:
            where = f"{PROBLEMS[cell.problem].title}, {cell.network}"
            least = PROBLEMS[cell.problem].networks[cell.network]
            if not cell.marks:
                came = f"accuracy {cell.accuracy['trained']:.3f} in training {cell.training}"
                said.append(f"refused: {where}: {came}, expected at least {least}")
            said += [f"{row} takes no {cell.network}: {why}" for row, why in cell.refused.items()]
            for row, why in cell.notes.items():
                warned.setdefault(why, {})[f"{row} ({cell.network})"] = None
        dark = {row: self.mean(row, "zero")[0] for row in self.rows}
        zero = [f"{row} {100 * share:.0f} %" for row, share in dark.items() if share >= 0.005]
        said += [f"maps that are zero everywhere: {', '.join(zero)}"] if zero else []
        said += [f"{why}: {', '.join(where)}" for why, where in warned.items()]
        return list(dict.fromkeys(said))

    def plot(self, title: str = "") -> Picture:
        """Draw ROC AUC and false alarms, methods × problems, and beside them the AUC on other networks."""
        from minixai.plot.right_answers import mark_sheet

        rows, problems = self.sorted_rows, self.problems
        by_problem = {
            mark: np.array([[self.mean(row, mark, problem)[0] for problem in problems] for row in rows])
            for mark in ("roc_auc", "false_alarms")
        }
        states = np.array([[self.mean(row, "roc_auc", state=state)[0] for state in STATES] for row in rows])
        even = [self._even(problem) for problem in problems]
        return mark_sheet(
            rows,
            [self.rows[row] for row in rows],
            [PROBLEMS[name].title for name in problems],
            by_problem["roc_auc"],
            by_problem["false_alarms"],
            np.array(even),
            states,
            title or f"Do maps lie on what the target depends on? ({self.effort} bench)",
            CAVEAT,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that was measured to a JSON file, which `bench` can go on from."""
        content = {
            "format": FORMAT,
            "effort": self.effort,
            "rows": dict(self.rows),
            "cells": [asdict(cell) for cell in self.cells],
        }
        write_whole(
            "Bench.save", Path(path), json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Bench:
        """Read what `save` wrote; FileFormatError for another file."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}, expected {FORMAT!r}")
            return cls(content["effort"], content["rows"], [Cell(**cell) for cell in content["cells"]])
        except (ValueError, LookupError, TypeError) as error:
            raise FileFormatError(f"Bench.load: {path} is no bench: {error}") from error

    def _words(self, row: str, mark: str, problem: str | None, state: str = "trained") -> str:
        triple = self.mean(row, mark, problem, state)
        if np.isnan(triple[0]):
            return "–"
        several = len(self.values(row, mark, problem, state)) > 1
        return interval(triple, ".2f") if several else minus(f"{triple[0]:.2f}")

    def _even(self, problem: str) -> float:
        """The share of suppressors among the features, which an even map gets as false alarms."""
        truth = PROBLEMS[problem].draw(n=1).truth
        return float((truth == -1).mean())


def bench(
    methods: Sequence[str] | Mapping[str, Call] | None = None,
    problems: Sequence[str] | None = None,
    effort: str = "default",
    *,
    file: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Bench:
    """Train small networks on problems whose truth is known, explain them by all methods, and mark the maps.

    On each network: every method and every control, at images of the test set that the network gets right,
    for their class; then the same methods at the same images on the network as it was drawn ("untrained"),
    and on one trained with the labels shuffled. The pattern methods have a row for each estimator, and
    `signal.local_pattern` has one, among the data that the network was trained on. The
    marks are those of `evaluate.marks`: means over the images, with intervals over the trainings, of which
    each has data and first weights of its own. A map of zeros counts as an even one.

    methods: names of the catalogue, or "local_pattern", or name → function (model, x, target) -> map; None
        means all of the catalogue, those of your own among them, and "local_pattern". Controls always come
        along.
    problems: names of `evaluate.problems.PROBLEMS`; None means those of the effort.
    effort: "quick" (a minute: five problems, one training), "default" (thirteen problems, three trainings),
        "full" (64×64 pixels too, ten trainings).
    file: JSON, written after each network. If it is there, what it has is not measured again, and methods
        that it lacks are measured on its networks, which are trained once more, and join it.

    A network below its problem's accuracy is refused: its marks would be about the network. What a method
    does not take is "–", with the reason below the table.

    Raises ValueError for an unknown name, or a file of another effort, of networks that came out otherwise,
    or of methods that are not named where it lacks a network; FileFormatError for another file.
    """
    if effort not in EFFORTS:
        raise ValueError(f"bench: effort is {effort!r}, expected one of {', '.join(map(repr, EFFORTS))}")
    chosen, rows = EFFORTS[effort], _rows(methods, EFFORTS[effort])
    tasks = _tasks(chosen, problems)
    before = _before(file, effort, rows, tasks)
    done = {cell.key: cell for cell in before.cells if cell.marks}  # refused networks are tried again
    controls = {**before.rows, **{row.title: row.control for row in rows}}

    def keep() -> None:
        if file is not None:
            Bench(effort, controls, list(done.values())).save(file)

    keep()  # what cannot be written is better known before the work
    with progress_bar(progress, tasks, "bench", unit="network") as bar:
        for task in bar:
            problem, network, training = task
            bar.set_postfix(problem=problem, network=network, refresh=False)
            cell = done.get(task)
            missing = [row for row in rows if cell is None or cell.lacks(row.title)]
            if missing:
                measured = _measure(problem, network, training, missing, chosen)
                done[task] = measured if cell is None else cell.joined(measured)
                keep()
    return Bench(effort, controls, [done[task] for task in tasks])


def _tasks(effort: Effort, problems: Sequence[str] | None) -> list[tuple[str, str, int]]:
    names = list(effort.problems) if problems is None else several_names("bench", "problems", problems)
    for name in names:
        if name not in PROBLEMS:
            raise ValueError(f"bench: problems has {name!r}, expected some of {', '.join(PROBLEMS)}")
    networks = {name: effort.problems.get(name, tuple(PROBLEMS[name].networks)) for name in names}
    return [
        (name, network, training)
        for training in range(effort.trainings)
        for name in names
        for network in networks[name]
    ]


def _before(
    file: str | os.PathLike[str] | None,
    effort: str,
    rows: Sequence[Row],
    tasks: Sequence[tuple[str, str, int]],
) -> Bench:
    """What a file has, to which these rows and tasks can be added."""
    if file is None or not Path(file).exists():
        return Bench(effort, {}, [])
    before = Bench.load(file)
    if before.effort != effort:
        raise ValueError(f"bench: {file} is of effort {before.effort!r}, expected {effort!r}")
    others = before.rows.keys() - {row.title for row in rows}
    measured = {cell.key for cell in before.cells if cell.marks}
    if others and (new := [task for task in tasks if task not in measured]):
        lacking = " ".join(map(str, new[0]))
        what = f"is of other methods, too ({', '.join(sorted(others))}), and lacks {lacking}"
        raise ValueError(f"bench: {file} {what}: name all methods, or another file")
    return before


def _rows(methods: Sequence[str] | Mapping[str, Call] | None, effort: Effort) -> list[Row]:
    controls = [row for method in METHODS.values() if method.control for row in _variants(method, effort)]
    if isinstance(methods, Mapping):
        return [*(Row(title, False, call) for title, call in methods.items()), *controls]
    known = [*METHODS, LOCAL_PATTERN]
    names = known if methods is None else several_names("bench", "methods", methods)
    for name in names:
        if name not in known:
            raise ValueError(f"bench: methods has {name!r}, expected some of {', '.join(known)}")
    chosen = [METHODS[name] for name in names if name in METHODS and not METHODS[name].control]
    local = [Row(LOCAL_TITLE, False, _local, wants_data=True)] if LOCAL_PATTERN in names else []
    return [*(row for method in chosen for row in _variants(method, effort)), *local, *controls]


def _variants(method: Method, effort: Effort) -> Iterator[Row]:
    """A method with the settings of the effort; one that takes patterns once for each estimator."""
    known = inspect.signature(method.function).parameters
    settings: dict[str, Any] = {} if method.quick else {**effort.settings, **ALWAYS}
    call = partial(method.function, **{name: value for name, value in settings.items() if name in known})
    if not method.takes_patterns:
        yield Row(method.title, method.control, call)
        return
    for estimator, kind in KINDS.items():
        yield Row(f"{method.title} {estimator}", False, partial(call, kind=kind))
    yield Row(f"{method.title} S_w", False, partial(_of_filters, call))


def _local(model: Module, x: Array, target: Any, data: Array) -> Array:
    return local_pattern(model, x, data, LOCAL_WIDTH, target)


def _of_filters(call: Call, model: Module, x: Array, target: Any) -> Any:
    """With the filters w/(wᵀw) for patterns."""
    filters = {}
    for name in model.patterns:  # type: ignore[attr-defined]
        w = model.state_dict()[f"{name}.weight"]
        length = np.square(w).sum(axis=tuple(range(1, w.ndim)), keepdims=True)
        filters[name] = np.divide(w, length, out=np.zeros_like(w), where=length > 0)
    return call(model, x, target, patterns=filters)


def _measure(problem: str, network: str, training: int, rows: Sequence[Row], effort: Effort) -> Cell:
    new = max(500, 2 * effort.shown)
    planted = PROBLEMS[problem].draw(n=effort.fitted + new, seed=training)
    samples = Samples.of(planted, float(planted.x[: effort.fitted].std()))
    fitted, test = samples[: effort.fitted], samples[effort.fitted :]
    mixed = np.random.default_rng([training, 1]).permutation(fitted.y)
    models = {
        "trained": train(network, fitted, training),
        "untrained": train(network, fitted, training, epochs=0),
        "shuffled": train(network, Samples(fitted.x, mixed, fitted.truth), training),
    }
    predicted = {state: model.predict(test.x).argmax(axis=1) for state, model in models.items()}
    accuracy = {state: float((answer == test.y).mean()) for state, answer in predicted.items()}
    if accuracy["trained"] < PROBLEMS[problem].networks[network]:
        return Cell(problem, network, training, accuracy)
    shown = test[np.flatnonzero(predicted["trained"] == test.y)[: effort.shown]]
    marks: dict[str, dict[str, dict[str, float | None]]] = {state: {} for state in STATES}
    refused: dict[str, str] = {}
    notes: dict[str, str] = {}
    batches = [fitted.x[i : i + BATCH] for i in range(0, len(fitted.x), BATCH)]
    for state, model in models.items():
        model.patterns = fit_patterns(model, batches, tuple(KINDS.values()), progress=False)
        for row in rows:
            found = _maps(row, model, shown, fitted.x, refused, notes if state == "trained" else {})
            if found is not None:
                of_images = {name: mark.function(found, shown.truth) for name, mark in MARKS.items()}
                of_images["zero"] = (found.reshape(len(found), -1) == 0).all(axis=1).astype(np.float64)
                marks[state][row.title] = {name: _mean(each) for name, each in of_images.items()}
    return Cell(problem, network, training, accuracy, marks, refused, notes)


def _maps(
    row: Row, model: Module, shown: Samples, data: Array, refused: dict[str, str], notes: dict[str, str]
) -> Array | None:
    """The maps of a row, or None and the reason."""
    beside = {"data": data} if row.wants_data else {}
    with warnings.catch_warnings(record=True, action="always", category=UserWarning) as said:
        try:
            found = np.asarray(row.call(model, shown.x, shown.y, **beside))
        except (ValueError, RuleError, OverflowError) as error:
            refused[row.title] = " ".join(str(error).split())
            return None
    for each in said:
        if not isinstance(each.message, ZeroMapWarning):
            notes[row.title] = str(each.message).partition(": ")[2]
    return found


def _mean(values: Array) -> float | None:
    """The mean of those that are numbers, to four digits; None where there is none."""
    found = values[~np.isnan(values)]
    return round(float(found.mean()), 4) if len(found) else None
