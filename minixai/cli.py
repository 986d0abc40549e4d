"""The `minixai` command."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

import numpy as np

from minixai import __version__, concepts, course, data, demo, models
from minixai.columns import printable
from minixai.concepts.directions import CLASSIFIERS
from minixai.errors import FileFormatError, RuleError, WeightsNotFoundError
from minixai.evaluate import bench, untrained
from minixai.evaluate.run import Run
from minixai.files import check_writable
from minixai.methods import METHODS, TOOLS, Explanation, MapsError, MapWarning, maximise, side_by_side
from minixai.methods.optimised_inputs import PENALTIES
from minixai.methods.unit import select_unit
from minixai.nn import Module
from minixai.plot.maps import check_percentile
from minixai.settings import generator
from minixai.signal import Patterns
from minixai.signal.patterns import KINDS
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = ["main"]


class Network(NamedTuple):
    """What the command knows of a model."""

    build: Callable[[Any], Module]
    weights: str | None  # those it has without --weights
    inner: str  # the layer whose strongest unit `compare` explains, too


NETWORKS = {
    "squeezenet": Network(models.squeezenet1_0, "imagenet", "features.12"),
    "vgg16": Network(models.vgg16, None, "features.29"),
    "lenet5": Network(models.lenet5, None, "features.4"),
    "cifar10_allcnn": Network(models.pretrained, "cifar10_allcnn", "features.13"),
    "cifar10_maxpool": Network(models.pretrained, "cifar10_maxpool", "features.10"),
}
DEFAULT, STAND_IN = "squeezenet", "cifar10_allcnn"
OF_METHODS = ("layer", "neuron", "seed", "patterns", "kind", "rescale")  # options that not every method takes
FAILED, INTERRUPTED, CUT_OFF = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, or with those of the command line.

    Returns the exit status: 0, or 2 after an error, of which one line on stderr says what it is. As a shell
    has it of commands that a signal ends, 130 after an interrupt, and 141, without a word, where what reads
    the output has ended (`| head`).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", MapWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's: what overflows is refused where it is used
        warnings.showwarning = lambda message, *_: _say("note:", message)
        try:
            return _run(argv)
        except BrokenPipeError:
            return CUT_OFF
        except KeyboardInterrupt:
            _say("interrupted")
            return INTERRUPTED
        except (ArithmeticError, ImportError, MemoryError, OSError, RuleError, ValueError) as error:
            _say("error:", _in_words(error))
            return FAILED


def _run(argv: Sequence[str] | None) -> int:
    if sys.stdout is None:
        raise OSError("standard output is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does: a name may not fit its encoding
    try:
        args = _parser().parse_args(argv)
        return args.run(args)
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            _drop(sys.stdout)
            raise type(error)(f"standard output: {error.strerror}") from error


def _in_words(error: Exception) -> str:
    """What an error says; one of the system that says which call it was needs no number in front."""
    if isinstance(error, OSError) and error.filename is None and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _say(*words: object) -> None:
    """Write a line to stderr, if there is one."""
    if sys.stderr is None:
        return
    try:
        print("minixai:", printable(" ".join(map(str, words))), file=sys.stderr, flush=True)
    except OSError:
        _drop(sys.stderr)


def _drop(stream: TextIO) -> None:
    """Let what the stream holds go nowhere: Python would fail to write it once more when it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._negative_number_matcher = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)  # -1e6 is one, too

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help or the version; argparse would pass over an output that cannot be written."""
        (file or sys.stdout).write(message)

    def error(self, message: str) -> NoReturn:
        """Leave it to `main` to say."""
        raise ValueError(f"{message} ({self.prog} --help lists what there is)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("minixai", description="Explain neural networks.")
    parser.add_argument("--version", action="version", version=f"minixai {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("demo", help="signal and distractor: why a filter does not show the signal")
    demo.add_arguments(command)
    command.set_defaults(run=demo.run)

    command = commands.add_parser(
        "play", help="a web page: scrub through trainings on data of two dimensions"
    )
    demo.add_play_arguments(command)
    command.set_defaults(run=demo.run_play)

    command = commands.add_parser("explain", help="explain a photo by one method")
    _add_common(command)
    command.add_argument("--method", choices=METHODS, default="guided_backprop", help="(%(default)s)")
    _add_unit(command)
    _add_start(command)
    command.set_defaults(run=_explain)

    command = commands.add_parser("compare", help="explain a photo by all methods, in one sheet")
    _add_common(command)
    command.add_argument(
        "--layer",
        type=_name,
        metavar="NAME",
        help="the layer whose strongest unit is explained below the class, and whose maps, if it has such, "
        "are made into class activation maps",
    )
    command.add_argument("--quick", action="store_true", help="only the methods that take one walk back")
    command.add_argument(
        "--controls",
        action="store_true",
        help="below, what knows nothing: edges, |x|, random, and an untrained network",
    )
    command.set_defaults(run=_compare)

    command = commands.add_parser("trace", help="walk the tape back node by node: a web page, or a GIF")
    _add_photo(command)
    command.add_argument("--method", choices=METHODS, default="lrp", help="(%(default)s)")
    other = command.add_mutually_exclusive_group()
    other.add_argument("--against", choices=METHODS, help="a second method, walked in step")
    other.add_argument(
        "--against-target", metavar="CLASS", help="a second class, by the same method, walked in step"
    )
    command.add_argument("--html", metavar="FILE", help="the page (PHOTO_METHOD.html, where there is no GIF)")
    command.add_argument("--save", metavar="FILE.gif", help="a GIF, for slides")
    _add_unit(command)
    _add_start(command)
    command.set_defaults(run=_trace, percentile=None)

    command = commands.add_parser(
        "maximise", help="grow an input that excites a class, a feature map or a unit"
    )
    command.add_argument(
        "--target",
        nargs="+",
        metavar="CLASS",
        help="class numbers, or parts of their names; an input for each",
    )
    _add_unit(command)
    command.add_argument(
        "--photos", nargs="+", metavar="PHOTO", default=(), help="photos whose scores stand beside"
    )
    command.add_argument("--save", metavar="FILE", help="a PNG, SVG or PDF, or a film: GIF (maximise.png)")
    _add_network(command)
    command.add_argument("--penalty", choices=(*PENALTIES, "none"), default="edges", help="(%(default)s)")
    command.add_argument("--weight", type=float, metavar="W", help="of the penalty (1 at 224×224 pixels)")
    command.add_argument("--jitter", type=int, metavar="PIXELS", help="(1/14 of the side)")
    command.add_argument("--steps", type=int, default=150, help="(%(default)s)")
    command.add_argument("--seed", type=int, default=0, help="draws the start (%(default)s)")
    command.set_defaults(run=_maximise)

    command = commands.add_parser(
        "concept", help="fit a concept in a layer to two folders of photos; without folders, a demo"
    )
    command.add_argument(
        "folders",
        nargs="*",
        metavar="DIR",
        help="photos that show the concept, then others: six of each, or more",
    )
    command.add_argument(
        "--save", metavar="FILE", help="a PNG, SVG or PDF, or of the demo .html (concept.png)"
    )
    _add_network(command)
    command.add_argument("--layer", type=_name, metavar="NAME", help="where the concept is looked for")
    command.add_argument("--classifier", choices=CLASSIFIERS, default="ridge", help="(%(default)s)")
    command.set_defaults(run=_concept)

    command = commands.add_parser(
        "course", help="lay out the coursework as an nbgrader course of your own term, and grade it"
    )
    course.add_arguments(command)
    command.set_defaults(run=course.run)

    command = commands.add_parser("bench", help="mark methods on problems whose right answer is known")
    efforts = command.add_mutually_exclusive_group()
    for effort, words in (("quick", "in a minute"), ("full", "64×64 pixels too, ten trainings; hours")):
        efforts.add_argument(f"--{effort}", dest="effort", action="store_const", const=effort, help=words)
    command.add_argument("--methods", nargs="+", metavar="NAME", help="some of them; controls come along")
    command.add_argument("--problems", nargs="+", metavar="NAME", help="some of them")
    command.add_argument("--json", metavar="FILE", help="keep all marks, and go on from those it has")
    command.add_argument("--save", metavar="FILE", help="a picture: PNG, SVG or PDF")
    command.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    command.set_defaults(run=_bench, effort="default")

    command = commands.add_parser("methods", help="list all methods: what they show, where they fail")
    command.set_defaults(run=_methods)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_photo(parser)
    parser.add_argument("--save", metavar="FILE", help="a PNG, SVG or PDF (PHOTO_METHOD.png)")
    parser.add_argument(
        "--percentile",
        type=float,
        metavar="P",
        help="clip the map at this percentile of its |values|, such as 99.5, to see the weak ones (none)",
    )
    parser.add_argument("--overlay", action="store_true", help="lay heat maps on the photo in grey")


def _add_photo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", metavar="PHOTO", help="an image file, or chelsea, coffee, astronaut, ...")
    _add_network(parser)
    parser.add_argument(
        "--patterns", metavar="FILE", help="fitted patterns, for PatternNet and PatternAttribution"
    )
    parser.add_argument("--kind", choices=KINDS, help="of patterns (positive)")
    parser.add_argument(
        "--rescale",
        action="store_const",
        const=True,
        help="with patterns, keep values from overflowing in a deep network: only their direction counts",
    )
    parser.add_argument(
        "--target", metavar="CLASS", help="a class number or a part of its name (the largest logit)"
    )


def _add_unit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--layer", type=_name, metavar="NAME", help="this layer in place of a class")
    parser.add_argument(
        "--neuron",
        type=_neuron,
        metavar="C,R,Q",
        help="one unit of the layer: C,R,Q, C,max or I; or a map: C",
    )


def _add_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", choices=("one", "value"), help="where the way back starts")


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        choices=NETWORKS,
        help=f"({DEFAULT}, or {STAND_IN} where its weights cannot be had)",
    )
    parser.add_argument(
        "--weights", metavar="FILE", help=".npz or .safetensors; vgg16 and lenet5 have none of their own"
    )


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def _neuron(text: str) -> tuple[int | str, ...]:
    try:
        return tuple(part if part == "max" else int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form C,R,Q or C,max or I") from None


class _Task:
    """What `explain`, `compare` and `trace` share: a photo, the model that sees it, what is to be made."""

    def __init__(self, args: argparse.Namespace, name: str) -> None:
        check_percentile("--percentile", args.percentile)
        photo = data.photo(args.photo)
        self.args = args
        self.photo_name = printable(Path(args.photo).stem)
        self.path = self.output_path(name)
        for option in ("weights", "patterns"):
            _check_readable(f"--{option}", getattr(args, option))
        self.network, self.model = _model(args)
        model: Any = self.model
        if args.patterns is not None:
            model.patterns = Patterns.load(args.patterns)
        self.x = self.model.check_input(name, _input(self.model, photo))
        (self.probabilities,), self.quantity = Run(name, model, self.x).probabilities()
        self.names = list(getattr(model, "classes", ())) or _class_names(len(self.probabilities))
        self.target = self.class_number(args.target)

    def output_path(self, name: str) -> Path:
        """Where what is made goes, if it can be written there."""
        return _output_path(self.args.save, self.args.photo, name)

    def class_number(self, text: str | None, option: str = "--target") -> int | None:
        """The class that an option names."""
        return None if text is None else _class_number(text, len(self.probabilities), self.names, option)

    def top(self) -> str:
        """Print the five most probable classes; returns a title with two of them, and a stand-in's name."""
        p = self.probabilities
        likely = np.argsort(-p, kind="stable")[:5]
        names = {k: self.names[k] if self.names else f"class {k}" for k in likely}
        print(self.quantity)
        for k in likely:
            print(f"{p[k]:.3f}  {k:4}  {names[k]}")
        by = f" (by {self.network})" if self.network != (self.args.model or DEFAULT) else ""
        return f"{self.photo_name}: " + ", ".join(f"{100 * p[k]:.1f} % {names[k]}" for k in likely[:2]) + by

    def explain(self, method: str, **options: Any) -> Explanation:
        """Explain what the options name, by the kind of patterns that was asked for."""
        if METHODS[method].takes_patterns:
            options |= _given(self.args, ("kind", "rescale"))
        return METHODS[method].function(self.model, self.x, **options)

    def save(self, explanations: Sequence[Explanation], title: str, with_edges: bool = False) -> int:
        """Draw the explanations, and say where the picture is."""
        args = self.args
        look = args.percentile, self.names, args.overlay, title, False, with_edges
        side_by_side(explanations, None, *look).save(self.path)
        print(f"saved {printable(str(self.path))}")
        if args.percentile is None:
            print("nothing is clipped; --percentile 99.5 would show weak values better")
        return 0


def _explain(args: argparse.Namespace) -> int:
    takes = inspect.signature(METHODS[args.method].function).parameters
    for name in _given(args, OF_METHODS):
        if name not in takes:
            raise ValueError(f"--{name}: {args.method} takes none")
    task = _Task(args, args.method)
    title = task.top()
    options = _given(args, ("layer", "neuron", "seed"))
    return task.save([task.explain(args.method, target=task.target, **options)], title)


class _Walks(_Task):
    """What `trace` makes: a page, a GIF or both."""

    def output_path(self, name: str) -> Path:
        args = self.args
        self.gif = None if args.save is None else _output_path(args.save, args.photo, "", "--save", [".gif"])
        page = args.html or (None if args.save else f"{Path(args.photo).stem}_{name}.html")
        self.page = None if page is None else _output_path(page, args.photo, "", "--html", [".html"])
        return self.page or self.gif or Path()


def _trace(args: argparse.Namespace) -> int:
    for option, method in (("method", args.method), ("against", args.against)):
        if method and not METHODS[method].quick:
            what = f"{method} takes {METHODS[method].cost}, and has no walk to show"
            raise ValueError(f"--{option}: {what}; expected one such as lrp, guided_backprop or gradient")
        takes = inspect.signature(METHODS[method].function).parameters if method else {}
        for name in _given(args, ("layer", "neuron", "seed")) if method else ():
            if name not in takes:
                raise ValueError(f"--{name}: {method} takes none")
    if args.layer is not None and args.against_target is not None:
        raise ValueError("--against-target: no class is explained where there is a --layer")
    task = _Walks(args, args.method)
    task.top()
    options = _given(args, ("layer", "neuron", "seed"))
    one = task.explain(args.method, target=task.target, **options)
    two = None
    if args.against is not None:
        two = task.explain(args.against, target=task.target, **options)
    elif args.against_target is not None:
        target = task.class_number(args.against_target, "--against-target")
        two = task.explain(args.method, target=target, **options)
    trace = one.trace(two, classes=task.names)
    for path in (task.page, task.gif):
        if path is not None:
            trace.save(path)
            print(f"saved {printable(str(path))}")
    return 0


def _compare(args: argparse.Namespace) -> int:
    task = _Task(args, "compare")
    title = task.top()
    layer = NETWORKS[task.network].inner if args.layer is None else args.layer
    neuron = _strongest_unit(task.model, task.x, layer)
    methods = {name: method for name, method in METHODS.items() if not method.control}
    if getattr(task.model, "patterns", None) is None:
        for name in _given(args, ("kind", "rescale")):
            raise ValueError(f"--{name}: {task.network} has no patterns: name their file with --patterns")
        missing = ", ".join(sorted(name for name, method in methods.items() if method.takes_patterns))
        methods = {name: method for name, method in methods.items() if not method.takes_patterns}
        print(f"without {missing}: name fitted patterns with --patterns")
    quick = [name for name, method in methods.items() if method.quick]
    of_maps = {"layer": layer} if len(neuron) == 3 else {}
    explanations = []
    for name in quick if args.quick else methods:
        try:
            options = of_maps if methods[name].takes_maps else {}
            explanations.append(task.explain(name, target=task.target, **options))
        except MapsError as error:
            print(f"without {error}")
    explanations += [task.explain(name, layer=layer, neuron=neuron) for name in quick]
    if args.controls:
        explanations += [task.explain(name) for name, method in METHODS.items() if method.control]
        task.model = _untrained(task.model, task.x, int(explanations[0].target[0]))
        for name in quick:
            if not methods[name].takes_patterns:
                e = task.explain(name, target=explanations[0].target)
                explanations.append(replace(e, method=f"{e.method}, untrained", kind="control"))
    return task.save(explanations, f"{title}. Below: the strongest unit of {layer}", with_edges=True)


def _untrained(model: Module, x: Array, target: int) -> Module:
    """The first of ten untrained copies in which the class is not silent; the last one if all are."""
    for seed in range(10):
        other = untrained(model, seed)
        if other.predict(x).reshape(-1)[target]:
            break
    return other


def _maximise(args: argparse.Namespace) -> int:
    from minixai.plot.picture import METADATA

    save = args.save or "maximise.png"
    path, *_ = [_output_path(save, photo, "", suffixes=[*METADATA, ".gif"]) for photo in args.photos or [""]]
    _check_readable("--weights", args.weights)
    photos = [data.photo(name) for name in args.photos]
    _, model = _model(args)
    options = _given(args, ("layer", "neuron", "weight", "jitter"))
    blank = _input(model, np.full((1, 1, 3), 128, np.uint8))
    names = None
    if args.target is not None:
        classes = model.predict(blank).reshape(-1).size
        names = list(getattr(model, "classes", ())) or _class_names(classes)
        options["target"] = [_class_number(text, classes, names) for text in args.target]
    if getattr(model, "preprocess", None) is None:
        noise = generator("maximise", "seed", args.seed).standard_normal(blank.shape) / 100
        options |= {"start": np.repeat(noise, len(args.target or [0]), axis=0), "low": 0, "high": 1}
    if photos:
        options["others"] = np.concatenate([_input(model, photo) for photo in photos])
    penalty = None if args.penalty == "none" else args.penalty
    found = maximise(model, penalty=penalty, steps=args.steps, seed=args.seed, **options)
    print(found.table(names))
    found.save(path, names)
    print(f"saved {printable(str(path))}")
    return 0


def _concept(args: argparse.Namespace) -> int:
    if args.folders and len(args.folders) != 2:
        raise ValueError(
            f"concept: {len(args.folders)} folders came, expected two: the concept's, and others"
        )
    if args.folders:
        path = _output_path(args.save or "concept.png", "", "")
        _check_readable("--weights", args.weights)
        name, model = _model(args)
        with_it, others = (
            np.concatenate([_input(model, photo) for photo in _photos(each)]) for each in args.folders
        )
        with warnings.catch_warnings(action="ignore", category=concepts.ConceptWarning):  # the table says it
            found = concepts.fit(model, args.layer or NETWORKS[name].inner, with_it, others, args.classifier)
        print(found)
        found.plot().save(path)
    elif Path(args.save or "").suffix.lower() == ".html":
        path = Path(args.save)
        demo.concept_page(path)
    else:
        path = _output_path(args.save or "concept.png", "", "")
        demo.concept_picture().save(path)
    print(f"saved {path}")
    return 0


def _photos(folder: str) -> Iterator[Array]:
    """The photos in a folder, by name."""
    files = sorted(
        path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise ValueError(f"concept: folder {folder} has no photos")
    return (data.photo(str(path)) for path in files)


def _bench(args: argparse.Namespace) -> int:
    path = None if args.save is None else _output_path(args.save, "", "bench")
    found = bench(args.methods, args.problems, args.effort, file=args.json)
    print(found.markdown() if args.markdown else found)
    if path is not None:
        found.plot().save(path)
        print(f"saved {path}")
    return 0


def _methods(args: argparse.Namespace) -> int:
    for name, method in sorted(METHODS.items(), key=lambda row: row[1].control):
        print(f"{name} ({method.paper})")
        for heading, text in (
            ("shows", f"{method.kind}: {method.shows}"),
            ("needs", method.needs),
            ("fails", method.fails),
        ):
            print(f"    {heading}: {text}")
    for name, about in {**TOOLS, **concepts.TOOLS}.items():
        print(f"{name} ({about['paper']})")
        for heading, text in (
            ("shows", about["shows"]),
            ("needs", f"{about['cost']}; {about['wants']}"),
            ("fails", about["fails"]),
        ):
            print(f"    {heading}: {text}")
    return 0


def _given(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Those of the options that the command line names, with their values."""
    return {name: value for name in names if (value := getattr(args, name, None)) is not None}


def _output_path(
    name: str | None, photo: str, made: str, option: str = "--save", suffixes: Collection[str] | None = None
) -> Path:
    """The path of what is made, a picture if no suffixes are given, if it can be written there."""
    from minixai.plot.picture import METADATA, checked_suffix

    name = f"{Path(photo).stem}_{made}.png" if name is None else name
    path = checked_suffix(option, name, METADATA if suffixes is None else suffixes)
    check_writable(option, path)
    if path.exists() and Path(photo).exists() and path.samefile(photo):
        raise ValueError(f"{option}: {path} is the photo, which would be overwritten")
    return path


def _check_readable(option: str, name: str | None) -> None:
    """An error unless it is a file; a FIFO would be waited for."""
    if name is not None and not Path(name).is_file():
        what = "is a folder or a device" if Path(name).exists() else "does not exist"
        raise FileNotFoundError(f"{option}: {name!r} {what}, expected a file")


def _model(args: argparse.Namespace) -> tuple[str, Module]:
    """The network that the options name, and its own name; where they name none, it may be the stand-in."""
    name = args.model or DEFAULT
    network = NETWORKS[name]
    weights = network.weights if args.weights is None else args.weights
    if weights is None:
        raise ValueError(f"--model {name} has no weights of its own: name their file with --weights")
    if network.build is models.pretrained and args.weights is not None:
        raise ValueError(f"--weights: {name} takes none, it comes with its own")
    try:
        return name, network.build(weights)
    except WeightsNotFoundError as error:
        if _given(args, ("model", "layer", "patterns", "target")):
            raise
        _say(f"note: {STAND_IN}, which comes with minixai, stands in for {name}: {error}")
        return STAND_IN, NETWORKS[STAND_IN].build(NETWORKS[STAND_IN].weights)


def _input(model: Module, photo: Array) -> Array:
    """What the model takes of a photo; LeNet-5 takes 28×28 pixels, grey, from 0 to 1."""
    preprocess = getattr(model, "preprocess", None)
    if preprocess is not None:
        return preprocess(photo)
    return data.Preprocess(28, scale=1 / 255)(photo).mean(axis=1, keepdims=True)


def _class_names(count: int) -> list[str] | None:
    """ImageNet's names where there are 1 000 classes; None, and a note, where they are not to be had."""
    if count != 1000:
        return None
    try:
        return data.imagenet_labels()
    except (WeightsNotFoundError, FileFormatError) as error:
        _say("note: classes are shown by number:", error)
        return None


def _class_number(text: str, classes: int, names: list[str] | None, option: str = "--target") -> int:
    """The class of this number, of this name, or the only one with this in its name."""
    if text.isdecimal():
        if int(text) >= classes:
            raise ValueError(f"{option} is {text}, expected a class in [0, {classes})")
        return int(text)
    if names is None:
        raise ValueError(f"{option} {text!r}: the classes have no names here, expected a number")
    parts = {k: name for k, name in enumerate(names) if text.lower() in name.lower()}
    found = {k: name for k, name in parts.items() if name.lower() == text.lower()} or parts
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise ValueError(f"{option} {text!r} is in no class's name")
    listed = ", ".join(f"{k} {name}" for k, name in list(found.items())[:10])
    more = f" and {len(found) - 10} more" if len(found) > 10 else ""
    raise ValueError(f"{option} {text!r} is in the names of {len(found)} classes: {listed}{more}")


def _strongest_unit(model: Module, x: Array, layer: str) -> tuple[int, ...]:
    """The neuron with the largest output of a layer."""
    output, layers = model.trace(Tensor(x), record=False)
    values = select_unit("compare", output, layers, layer=layer).tensor.value[0]
    return tuple(int(place) for place in np.unravel_index(values.argmax(), values.shape))
