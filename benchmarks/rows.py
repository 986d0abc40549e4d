"""What is measured: rows, in groups, and the sides that each of them has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.inputs import CHAIN
from benchmarks.shapes import shapes
from benchmarks.students import COMMANDS
from minixai.methods import METHODS

__all__ = ["BY_CAPTUM", "INPUT_VJP", "OURS", "PEER", "SIDES", "Group", "Row", "groups"]

OURS, PEER, ONNX = "minixai", "PyTorch", "ONNX Runtime"
INPUT_VJP = ", input VJP"
FORWARD, TWO, ALONE = (OURS, PEER, ONNX), (OURS, PEER), (OURS,)


class Side(NamedTuple):
    module: str  # of this package: has the functions that rows name
    arguments: dict[str, str]  # in addition to a row's


SIDES = {
    OURS: Side("ours", {}),
    "winograd": Side("ours", {"algorithm": "winograd"}),
    "pointwise": Side("ours", {"algorithm": "pointwise"}),
    "direct": Side("ours", {"algorithm": "direct"}),
    PEER: Side("theirs", {}),
    ONNX: Side("onnx_runtime", {}),
}


@dataclass(frozen=True)
class Row:
    """One line of a table. Neighbours of one `process` are measured in one, one after the other."""

    title: str
    function: str
    arguments: dict[str, Any]
    sides: tuple[str, ...]
    at: int | None = None  # the batch, or what else grows from row to row
    process: str = ""
    parts: int = 1  # operations of a call: the time is that of one
    threads: int | None = None  # None: as many as each side takes by itself


class Group(NamedTuple):
    """Rows that are timed alike and stand in one table."""

    about: str
    rows: list[Row]
    at: str = ""  # the heading over Row.at
    unit: str = "ms"
    seconds: float = 0.1  # of timed calls, for a row and a side in a round
    warm_up: int = 3  # calls before, at most
    repeat: int = 1  # calls that are timed together
    grows: bool = False  # from row to row of one title, with Row.at
    memory: bool = False  # whether peaks are of the row: its process did nothing smaller before


def models() -> Iterator[Row]:
    for title, function, model, sides, batches in (
        ("VGG-16 forward", "forward", "vgg16", FORWARD, (1, 8)),
        ("VGG-16 guided backprop", "guided_backprop", "vgg16", TWO, (1, 8)),
        ("VGG-16 LRP ε", "lrp_epsilon", "vgg16", TWO, (1, 8)),
        ("SqueezeNet forward", "forward", "squeezenet", FORWARD, (1, 16)),
        ("SqueezeNet guided backprop", "guided_backprop", "squeezenet", TWO, (1,)),
        ("LeNet-5 training step", "training_step", "lenet5", TWO, (64,)),
        ("All-CNN-C training step", "training_step", "allcnn", TWO, (64,)),
        ("VGG-16 pattern fit", "pattern_fit", "vgg16", TWO, (1, 4)),
        ("All-CNN-C pattern fit", "pattern_fit", "allcnn", TWO, (100,)),
    ):
        for batch in batches:
            yield Row(title, function, {"model": model, "batch": batch}, sides, batch, process=title)


def ops() -> Iterator[Row]:
    for name in ("add", "relu", "linear", "conv2d", "max_pool2d"):
        yield Row(name, "operation", {"name": name}, TWO)
    yield Row("walk back an operation", "walk_back", {}, TWO, parts=CHAIN)


def convolutions() -> Iterator[Row]:
    for function, way in (("convolution", ""), ("convolution_vjp_input", INPUT_VJP)):
        for shape in shapes():
            sides = OURS, *shape.algorithms(), PEER
            yield Row(f"{shape.title}{way}", function, shape.arguments(), sides, shape.batch)


FEWER: dict[str, dict[str, Any]] = {  # samples than by default, on both sides
    "integrated_gradients": {"steps": 16},
    "smoothgrad": {"n_samples": 16},
    "vargrad": {"n_samples": 16},
    "occlusion": {"patch": 45, "stride": 45},
    "rise": {"n_masks": 32},
}
BY_CAPTUM = ("guided_backprop", "lrp_epsilon")  # functions that are not PyTorch's alone
IN_CAPTUM = (
    *("gradient", "input_x_gradient", "deconvnet", "guided_backprop", "integrated_gradients"),
    *("smoothgrad", "vargrad", "occlusion", "lrp", "grad_cam", "guided_grad_cam"),
)


def methods() -> Iterator[Row]:
    for name, method in METHODS.items():
        if not method.control:
            settings = FEWER.get(name, {})
            said = "".join(f", {setting} {value}" for setting, value in settings.items())
            sides = TWO if name in IN_CAPTUM else ALONE
            yield Row(f"{method.title}{said}", "explanation", {"method": name, **settings}, sides)


def growth() -> Iterator[Row]:
    for title, arguments, name, values in (
        ("SqueezeNet, images", {"model": "squeezenet"}, "batch", (1, 2, 4, 8, 16)),
        ("SqueezeNet, pixels a side", {"model": "squeezenet", "batch": 1}, "size", (64, 96, 128, 192, 256)),
        ("3×3 layer, channels", {"model": "one_layer", "batch": 8}, "channels", (8, 16, 32, 64, 128, 256)),
    ):
        for value in values:
            yield Row(title, "forward", arguments | {name: value}, FORWARD, value)


def threads(numbers: tuple[int, ...]) -> Iterator[Row]:
    for number in numbers:
        for title, function, model, sides, batch in (
            ("VGG-16 forward", "forward", "vgg16", FORWARD, 1),
            ("SqueezeNet forward", "forward", "squeezenet", FORWARD, 1),
            ("SqueezeNet guided backprop", "guided_backprop", "squeezenet", TWO, 1),
            ("LeNet-5 training step", "training_step", "lenet5", TWO, 64),
            ("All-CNN-C training step", "training_step", "allcnn", TWO, 64),
        ):
            arguments = {"model": model, "batch": batch}
            yield Row(
                f"{title}, batch {batch}", function, arguments, sides, number, str(number), threads=number
            )


def students() -> Iterator[Row]:
    for name in COMMANDS:
        yield Row(f"minixai {name}", "command", {"name": name}, ALONE, process=name)
    for lesson in sorted((Path(__file__).parents[1] / "lessons").glob("[0-9][0-9]_*.py")):
        yield Row(lesson.stem, "lesson", {"name": lesson.stem}, ALONE, process=lesson.stem)


def groups(numbers: tuple[int, ...]) -> dict[str, Group]:
    """All groups by name. numbers: of threads, for the group of that name."""
    return {
        "models": Group("whole networks", list(models()), "batch", seconds=0.3, memory=True),
        "ops": Group("an operation on a tiny tensor", list(ops()), unit="µs", repeat=100),
        "shapes": Group(
            "each algorithm, over the networks' convolutions", list(convolutions()), "batch", seconds=0.02
        ),
        "methods": Group("an explanation on SqueezeNet", list(methods()), warm_up=1),
        "growth": Group("forward passes as they grow", list(growth()), "size", grows=True),
        "threads": Group(
            "five rows by number of threads", list(threads(numbers)), "threads", seconds=0.2, grows=True
        ),
        "students": Group("what students start", list(students()), unit="s", seconds=0, warm_up=0),
    }
