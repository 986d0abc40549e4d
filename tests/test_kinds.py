"""Wrong kinds of arguments: every call says in its own name, before it computes, what came in which one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import minixai as mx
from minixai import evaluate, nn
from minixai.errors import RuleError, ShapeError, came
from minixai.methods import METHODS
from minixai.signal.patterns import LayerPatterns, Patterns, digest_of

X = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
PHOTOS = np.zeros((2, 6, 6, 3), np.uint8)


class Asleep(nn.Module):
    """A network that may not be called."""

    def __init__(self) -> None:
        self.conv, self.dense = nn.Conv2d(3, 4, 3, rng=0), nn.Linear(64, 5, rng=0)
        self.preprocess = mx.data.Preprocess(6)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        raise AssertionError("the network was called before the arguments were checked")


class Foreign:
    """In another package."""

    __module__ = "torch.nn.modules"


MODEL = Asleep()
PARAMETERS = MODEL.parameters()
IMAGES = mx.Tensor(X.astype(np.float32))
MAPS = MODEL.conv(IMAGES)
OF_CONV = {"linear": MODEL.conv.weight.value}
PATTERNS = Patterns({"conv": LayerPatterns(OF_CONV, {"linear": np.ones(4)}, 1, np.ones(4))}, digest_of(MODEL))

# What is called, with arguments that are right.
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    **{
        name: (
            each.function,
            {"model": MODEL, "x": X, **({"patterns": PATTERNS} if each.takes_patterns else {})},
        )
        for name, each in METHODS.items()
    },
    "maximise": (mx.methods.maximise, {"model": MODEL, "target": [0, 1], "start": X}),
    "invariances": (mx.methods.invariances, {"model": MODEL, "x": X[:1]}),
    "smoothed": (nn.smoothed, {"model": MODEL, "x": X, "beta": 10.0}),
    "project": (mx.methods.project, {"model": MODEL, "x": X, "layer": "conv"}),
    "top_activations": (
        mx.methods.top_activations,
        {"model": MODEL, "images": [X], "layer": "conv", "channels": [0]},
    ),
    "degrade": (evaluate.degrade, {"model": MODEL, "x": X, "attribution": None, "patch": 2}),
    "insertion_deletion": (evaluate.insertion_deletion, {"model": MODEL, "x": X, "attribution": None}),
    "occlusion_sensitivity": (
        evaluate.occlusion_sensitivity,
        {"model": MODEL, "x": X[:1], "layer": "conv"},
    ),
    "invariance_curves": (
        evaluate.invariance_curves,
        {
            "model": MODEL,
            "photos": PHOTOS,
            "layers": ["conv"],
            "transformation": "scale",
            "amounts": [1.0, 2.0],
        },
    ),
    "correspondence": (
        evaluate.correspondence,
        {"model": MODEL, "x": X, "occluded": 0 * X, "layer": "conv"},
    ),
    "quality": (evaluate.quality, {"model": MODEL, "fit": [X, X], "test": [X]}),
    "fit_patterns": (mx.signal.fit_patterns, {"model": MODEL, "batches": [X]}),
    "fit": (nn.fit, {"model": MODEL, "x": X, "y": np.array([0, 1])}),
    "merge_batch_norm": (nn.merge_batch_norm, {"model": MODEL, "x": X}),
    "receptive_field": (nn.receptive_field, {"y": MAPS, "x": IMAGES, "row": 0, "column": 0}),
    "ridge": (mx.signal.ridge, {"x": np.eye(4), "y": np.ones(4)}),
    "FilterEstimator": (mx.signal.FilterEstimator, {"w": [1.0, 2.0]}),
    "RandomEstimator": (mx.signal.RandomEstimator, {"w": [1.0, 2.0]}),
    **{
        name: (getattr(nn, name), {"in_channels": 4, "out_channels": 4, "kernel_size": 1})
        for name in ("Conv1d", "Conv2d", "ConvTranspose2d")
    },
    "Linear": (nn.Linear, {"in_features": 4, "out_features": 4}),
    "predict": (MODEL.predict, {"x": X}),
    "load_state_dict": (MODEL.load_state_dict, {}),
    "SGD": (nn.SGD, {"parameters": PARAMETERS, "lr": 0.1}),
    "Adam": (nn.Adam, {"parameters": PARAMETERS}),
}

NO_NUMBER = ["3", None, [1], 2.5, np.ones(2)]
ARRAYS = ["cat.png", Path("cat.png"), [[1], [1, 2]], None, {"x": 1}, np.array(["a"]), X * np.nan, X[:0], 3]
NAMES = [3, None, MODEL.conv, ["conv"], ("conv",), ("conv", "0"), ("conv", 1.0)]
SEVERAL = ["conv", 3, None, MODEL]
WRONG: dict[str, list[Any]] = {  # argument → values of a wrong kind, wherever an argument has this name
    "model": [Foreign(), len, None, nn.ReLU, nn.fit, "cifar10_allcnn", X, {"conv": X}, [nn.ReLU()]],
    "x": ARRAYS,
    "occluded": ARRAYS,
    "target": ["cat", 1.5, [0, 1, 2], np.ones(2), [[0], [1, 2]], {0: 1}, MODEL],
    "layer": NAMES,
    "neuron": [[0, 1, 2], (0.0, 1.0, 2.0), 1.5, {0: 1}, MODEL, (None,)],
    "seed": ["1", 2.5, [0.5], -1, MODEL],
    "rules": [
        "epsilon_plus",
        mx.rules.epsilon_plus,
        mx.rules.epsilon(),
        3,
        [mx.rules.epsilon()],
        {"0": 3},
        {"0": mx.rules.epsilon},
    ],
    "low": ["0", X * np.nan, {0: 1}],
    "high": ["0", X * np.nan, {0: 1}],
    "patterns": ["p.safetensors", Path("p.safetensors"), 3, [X], MODEL, {"conv": "x"}],
    "kind": [3, ["positive"], "best", {"default": 3}],
    "kinds": ["linear", 3, {"default": "linear"}],
    "baseline": ["black", X * np.nan, X[:, :2], {0: 1}],
    "noise": ["gauss", X[0], X * np.nan],
    "sigma": ["a", -1, np.nan, None, [1]],
    "steps": ["a", 0, 2.5, [1]],
    "n_samples": NO_NUMBER,
    "n_masks": NO_NUMBER,
    "n": NO_NUMBER,
    "noise_seed": NO_NUMBER,
    "mask_seed": NO_NUMBER,
    "grid": NO_NUMBER,
    "p": ["a", 0, 1, None],
    "patch": ["a", 2.5, (1, 2, 3), [1.5, 1], 99],
    "stride": ["a", 2.5, (1, 2, 3), 0],
    "fill": ["white", {0: 1}, np.ones(2), np.nan],
    "start": ["white", {0: 1}, np.ones(2), None],
    "penalty": ["l1", 3, ["edges"]],
    "weight": ["a", -1, np.nan, [1]],
    "jitter": ["a", 2.5, -1, [1]],
    "beta": ["a", 0, None, [1]],
    "count": NO_NUMBER,
    "climb": ["a", None, -1, 2.5],
    "others": ["cat.png", X * np.nan, {0: 1}],
    "span": ["a", 0, None, 200],
    "step": ["a", 0, [1]],
    "batch_size": ["a", 0, 2.5, [1]],
    "order": ["first", 1, None, ["morf"]],
    "attribution": ["gradient", X[0], X * np.nan, {0: 1}, mx.methods.gradient],
    "switches": ["last", 1, None, ["last"]],
    "channels": [3, None, "a", [], ["a"], [0.5], [-1]],
    **dict.fromkeys(("in_channels", "out_channels", "in_features", "out_features"), NO_NUMBER),
    "groups": [*NO_NUMBER, 3],
    "kernel_size": ["3", None, 0, (1, 2, 3)],
    "padding": ["a", None, 2.5, -1],
    "dilation": ["a", None, 2.5, 0],
    "images": ["cat.png", 3, None, [Path("cat.png")], [X * np.nan], []],
    "photos": ["cat.png", 3, None, ["cat.png"], [PHOTOS[0] / 255.0], PHOTOS[0]],
    "layers": SEVERAL,
    "transformation": ["shear", 1, None, ["scale"]],
    "amounts": [1.0, "a", None, [], [0.0], [[1.0]]],
    "preprocess": ["imagenet", 3],
    "fit": ["data", 3, None, [X], []],
    "test": ["data", 3, None],
    "estimators": ["linear", 3, None, [], [3], ["best"]],
    "samples": ["some", 1, None],
    "ridge": ["a", None, 0, [], [[1.0]]],
    "units": ["a", 0, 2.5],
    "patches": ["a", 0, 2.5],
    "draws": ["a", 0, 2.5, None],
    "batches": ["data", 3, None, [], [Path("cat.png")], [X * np.nan]],
    "save_every": NO_NUMBER,
    "y": ["cat", None, np.zeros(3, int), X, np.array(["a", "b"])],
    "epochs": NO_NUMBER,
    "loss": ["mse", 3, None, Foreign],
    "validation": [X, 3, "half", (X,), (X, [0, 1, 2])],
    "optimiser": ["adam", 3, nn.Adam],
    "arrays": ["weights.npz", None, [X]],
    "parameters": [MODEL, PARAMETERS[0], "conv", 3, None, [], [X], MODEL.state_dict()],
    "gradients": [None, [X], {}],
    "lr": ["a", None, -1, [0.1]],
    "momentum": ["a", None, -1],
    "betas": [0.9, (0.9,), "ab", None],
    "row": ["a", None, 0.5, -1],
    "column": ["a", None, 0.5, -1],
    "w": ["a", None, [[1.0]], ["a"]],
    "b": ["a", None, [1.0], np.nan],
    "l2": ["a", None, -1],
    "rng": ["a", 1.5, -1],
}


def cases() -> list[Any]:
    found = []
    for call, (function, right) in CALLS.items():
        for argument in inspect.signature(function).parameters:
            for k, value in enumerate(WRONG.get(argument, ())):
                makes_one = (call, argument) == ("quality", "optimiser") and value is nn.Adam
                if not optional(function, argument, value) and not makes_one:
                    found.append(pytest.param(call, argument, value, id=f"{call}-{argument}-{k}"))
        assert right.keys() <= inspect.signature(function).parameters.keys()
    return found


def optional(function: Callable[..., Any], argument: str, value: Any) -> bool:
    """Whether the value is None, and the argument may be left out by it."""
    return value is None and inspect.signature(function).parameters[argument].default is None


@pytest.mark.parametrize(("call", "argument", "value"), cases())
def test_a_wrong_kind_is_refused_in_the_calls_name_before_anything_is_computed(
    call: str, argument: str, value: Any
) -> None:
    function, right = CALLS[call]
    with pytest.raises((TypeError, ValueError)) as raised:
        function(**{**right, argument: value})
    said = str(raised.value)
    assert said.startswith(f"{call}: ")
    assert argument in said.partition("expected")[0]
    assert "expected" in said
    assert len(said) < 300
    assert "\n" not in said


class Ends(nn.Module):
    """A convolution, and what is made of its maps."""

    def __init__(self, end: Callable[[mx.Tensor], Any]) -> None:
        self.conv, self.end = nn.Conv2d(3, 4, 3, rng=0), end

    def forward(self, x: mx.Tensor) -> Any:
        return self.end(self.conv(x))


QUICK: dict[str, dict[str, Any]] = {"pattern_net": {"patterns": {}}, "pattern_attribution": {"patterns": {}}}


def asked(call: str, model: nn.Module, **changes: Any) -> Any:
    function, right = CALLS[call]
    given = {**right, "model": model, **changes, **QUICK.get(call, {})}
    known = inspect.signature(function).parameters
    silent = {"progress": False} if "progress" in known else {}
    return function(**{name: value for name, value in given.items() if name in known}, **silent)


OF_X = [
    name
    for name, (function, _) in CALLS.items()
    if {"model", "x"} <= inspect.signature(function).parameters.keys()
]
OF_CLASS = [name for name in OF_X if "target" in inspect.signature(CALLS[name][0]).parameters]


@pytest.mark.parametrize("call", OF_X)
def test_one_image_without_its_batch_is_told_the_way_on(call: str) -> None:
    x = X[0] if call != "fit" else np.ones((2, 6, 6))
    changes = {"occluded": 0 * x} if call == "correspondence" else {}
    with pytest.raises(ShapeError, match=rf"^{call}: x .*(x\[None\]|one image \(1, c, h, w\))") as raised:
        asked(call, Ends(lambda maps: maps.mean((2, 3))), x=x, **changes)
    assert "\n" not in str(raised.value)


def test_photos_are_told_the_way_on() -> None:
    with pytest.raises(ShapeError, match=r"^gradient: x .* does not fit .*model\.preprocess\(photos\)"):
        mx.methods.gradient(Ends(lambda maps: maps.mean((2, 3))), PHOTOS)
    with pytest.raises(ShapeError, match=r"^predict: x of shape \(6, 6, 3\) .*model\.preprocess\(photos\)$"):
        Ends(lambda maps: maps.mean((2, 3))).predict(Image.fromarray(PHOTOS[0]))


@pytest.mark.parametrize("call", OF_CLASS)
def test_a_call_suggests_its_own_arguments_only(call: str) -> None:
    segmenter = Ends(lambda maps: maps)
    with pytest.raises(ValueError, match=rf"^{call}: the model's output .* holds no logits") as raised:
        asked(call, segmenter)
    takes = inspect.signature(CALLS[call][0]).parameters
    unit = "layer" in takes and "neuron" in takes
    assert ("name layer and neuron" in str(raised.value)) == unit
    assert unit == ("neuron" in takes)


@pytest.mark.parametrize(
    "made",
    [lambda maps: (maps, maps), lambda maps: {"y": maps}, lambda maps: [maps], np.asarray, lambda maps: None],
)
@pytest.mark.parametrize("call", OF_X)
def test_a_forward_that_returns_no_tensor_is_named(call: str, made: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=rf"^{call}: Ends\.forward returned .*, expected one Tensor$"):
        asked(call, Ends(made))


@pytest.mark.parametrize("call", ["lrp", "deep_taylor", "pattern_net", "pattern_attribution"])
def test_an_operation_without_a_rule_is_refused_in_the_calls_name(call: str) -> None:
    with pytest.raises(RuleError, match=rf"^{call}: softmax \(layer ''\)"):
        asked(call, Ends(lambda maps: mx.ops.softmax(maps, 1).mean((2, 3))))


def test_containers_say_what_they_hold() -> None:
    for given, said in (
        ([nn.ReLU(), nn.ReLU()], r"0 is a list, expected a minixai Module"),
        (nn.ReLU, r"0 is the class ReLU, expected a minixai Module: ReLU\(\) makes one"),
        (mx.ops.relu, "0 is <op relu>, expected a minixai Module"),
        (Foreign(), "0 is a torch Foreign, expected a minixai Module: build it of mx.nn's layers"),
    ):
        with pytest.raises(TypeError, match=f"^Sequential: {said}"):
            nn.Sequential(given)


def test_a_module_in_place_of_its_name_is_told_its_name() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, rng=0), nn.ReLU())
    with pytest.raises(TypeError, match=r"layer is ReLU\(\), expected .*: it is called '1'$"):
        mx.methods.gradient(net, X, layer=net[1])
    with pytest.raises(TypeError, match=r"layer is ReLU\(\), expected a module's name, .* 'features\.3'$"):
        mx.methods.gradient(net, X, layer=nn.ReLU())


def test_optimisers_say_which_gradient_is_missing() -> None:
    for optimiser in (nn.SGD(PARAMETERS, 0.1), nn.Adam(PARAMETERS)):
        call = f"{type(optimiser).__name__}.step"
        with pytest.raises(ValueError, match=rf"^{call}: gradients has none for a Parameter of shape \(4, 3"):
            optimiser.step({})
        with pytest.raises(TypeError, match=rf"^{call}: gradients is a list, expected what mx.backward"):
            optimiser.step([p.value for p in PARAMETERS])
        with pytest.raises(
            ShapeError, match=rf"^{call}: gradients has one of shape \(1,\) for a Parameter of"
        ):
            optimiser.step({p: np.zeros(1) for p in PARAMETERS})
    nn.SGD((p for p in PARAMETERS), 0.1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (2.5, "2.5"),
        (np.float32(0.5), "0.5"),
        ("cat.png", "'cat.png'"),
        ("a" * 100, "a str"),
        ([1, [2]], "[1, [2]]"),
        (list(range(100)), "a list"),
        (X, "an array of shape (2, 3, 6, 6)"),
        (mx.Tensor(X), "a Tensor of shape (2, 3, 6, 6)"),
        (Image.fromarray(PHOTOS[0]), "a PIL Image"),
        (nn.ReLU, "the class ReLU"),
        (nn.ReLU(), "ReLU()"),
        (mx.rules.epsilon_plus, "the function epsilon_plus"),
        (mx.rules.epsilon(), "epsilon()"),
        (Foreign(), "a torch Foreign"),
    ],
)
def test_what_came_is_said_in_few_words(value: Any, words: str) -> None:
    assert came(value) == words
