"""Gradient, input × gradient, DeConvNet and guided backprop, and the units that they explain."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from minixai.errors import ShapeError
from minixai.methods import UnusedTableWarning, ZeroMapWarning
from minixai.methods.question import Question
from tests.networks import float64, put, small
from tests.oracles.relu_rules import conv_relu_pool_backward

METHODS = [
    mx.methods.gradient,
    mx.methods.input_x_gradient,
    mx.methods.deconvnet,
    mx.methods.guided_backprop,
]
RNG = np.random.default_rng(0)
pytestmark = pytest.mark.filterwarnings("ignore::minixai.methods.ZeroMapWarning")


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(1)
    return float64(
        mx.nn.Sequential(
            mx.nn.Conv2d(2, 4, 3, padding=1, rng=rng),
            mx.nn.ReLU(),
            mx.nn.MaxPool2d(2),
            mx.nn.Conv2d(4, 5, 3, rng=rng),
            mx.nn.ReLU(),
            mx.nn.AdaptiveAvgPool2d(1),
            mx.nn.Flatten(),
            mx.nn.Linear(5, 3, rng=rng),
        )
    )


@pytest.fixture(scope="module")
def x():
    return RNG.standard_normal((3, 2, 8, 8))


@pytest.mark.parametrize("rule", ["gradient", "deconvnet", "guided_backprop"])
@pytest.mark.parametrize("seed", ["one", "value"])
def test_the_three_relu_rules_against_plain_loops(net, x, rule, seed):
    e = getattr(mx.methods, rule)(net, x, layer="3", neuron=(2, 1, 0), seed=seed)
    weights = {key: array for key, array in net.state_dict().items() if key[0] in "03"}
    for i, image in enumerate(x):
        map_, value = conv_relu_pool_backward(image, weights, (2, 1, 0), rule, seed)
        np.testing.assert_allclose(e.map[i], map_, atol=1e-12)
        np.testing.assert_allclose(e.score[i], value)


def test_a_question_walks_back_again_as_before(net, x):
    ask = Question("gradient", net, x)
    np.testing.assert_array_equal(ask.walk().map, ask.walk().map)


def test_the_gradient_is_the_slope_of_the_score(net, x):
    e = mx.methods.gradient(net, x, target=1)
    step = 1e-6 * RNG.standard_normal(x.shape)
    slope = net.predict(x + step)[:, 1] - net.predict(x - step)[:, 1]
    np.testing.assert_allclose((2 * step * e.map).sum((1, 2, 3)), slope, rtol=1e-5)


def test_input_x_gradient(net, x):
    e = mx.methods.input_x_gradient(net, x, target=2)
    np.testing.assert_allclose(e.map, x * mx.methods.gradient(net, x, target=2).map)
    assert e.kind == "attribution"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_says_what_it_explains(net, x, method):
    logits = net.predict(x)
    e = method(net, x)
    np.testing.assert_array_equal(e.target, logits.argmax(1))
    np.testing.assert_allclose(e.score, logits.max(1))
    assert e.map.shape == x.shape == np.asarray(e).shape
    assert e.unit.label == "logit"
    assert e.map.dtype == np.float64
    one_each = method(net, x, target=[0, 2, 1])
    np.testing.assert_allclose(one_each.score, logits[[0, 1, 2], [0, 2, 1]])
    for i, target in enumerate([0, 2, 1]):
        np.testing.assert_allclose(one_each.map[i], method(net, x[i : i + 1], target=target).map[0])


def test_a_final_softmax_is_skipped(net, x):
    with_softmax = mx.nn.Sequential(net, mx.nn.Softmax())
    for method in METHODS:
        np.testing.assert_array_equal(method(with_softmax, x).map, method(net, x).map)
        np.testing.assert_array_equal(method(with_softmax, x).score, method(net, x).score)


def test_units_of_inner_layers(net, x):
    activations = net.trace(mx.Tensor(x))[1]["1"][0].value
    strongest = mx.methods.guided_backprop(net, x, layer="1", neuron=(3, "max"))
    np.testing.assert_allclose(strongest.score, activations[:, 3].max((1, 2)))
    np.testing.assert_array_equal(strongest.target, 3 * 64 + activations[:, 3].reshape(3, -1).argmax(1))
    assert strongest.unit.label == "1, neuron (3, max)"
    place = mx.methods.gradient(net, x, layer="1", neuron=(3, 2, 5))
    np.testing.assert_allclose(place.score, activations[:, 3, 2, 5])
    whole = mx.methods.gradient(net, x, layer="1")
    np.testing.assert_allclose(whole.score, activations.sum((1, 2, 3)))
    np.testing.assert_array_equal(whole.target, -1)
    dense = mx.methods.gradient(net, x, layer="7", neuron=(1,))
    np.testing.assert_array_equal(dense.map, mx.methods.gradient(net, x, target=1).map)
    np.testing.assert_array_equal(mx.methods.gradient(net, x, layer="7", neuron=1).map, dense.map)


def test_seeds(net, x):
    one = mx.methods.gradient(net, x)
    value = mx.methods.gradient(net, x, seed="value")
    np.testing.assert_allclose(value.map, one.map * one.score[:, None, None, None])
    for method in (
        mx.methods.deconvnet,
        mx.methods.guided_backprop,
    ):  # "value" from within, as Zeiler and Fergus
        inner = {"layer": "3", "neuron": (1, "max")}
        np.testing.assert_array_equal(method(net, x, **inner).map, method(net, x, seed="value", **inner).map)
        np.testing.assert_array_equal(method(net, x).map, method(net, x, seed="one").map)


class Reused(mx.nn.Module):
    def __init__(self):
        self.conv, self.relu = mx.nn.Conv2d(1, 1, 3, padding=1, rng=4), mx.nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(self.relu(self.conv(x)) + x))


class Unrolled(mx.nn.Module):
    def __init__(self, layer):
        self.conv, self.first, self.second = layer, mx.nn.ReLU(), mx.nn.ReLU()

    def forward(self, x):
        return self.second(self.conv(self.first(self.conv(x)) + x))


def test_a_reused_relu_and_a_residual_add_are_right():
    reused, image = Reused(), RNG.standard_normal((1, 1, 6, 6)).astype(np.float32)
    unrolled = Unrolled(reused.conv)
    for method in METHODS:
        got = method(reused, image, layer=("relu", 1), neuron=(0, "max"))
        expected = method(unrolled, image, layer="second", neuron=(0, "max"))
        np.testing.assert_array_equal(got.map, expected.map)
    guided = mx.methods.guided_backprop(reused, image, layer=("relu", 1), neuron=(0, "max"))
    assert not np.allclose(guided.map, mx.methods.gradient(reused, image, layer=("relu", 1)).map)


def test_training_mode_is_left_as_it_was_and_not_used():
    net = mx.nn.Sequential(mx.nn.Linear(4, 4, rng=0), mx.nn.Dropout(0.5), mx.nn.Linear(4, 2, rng=1))
    image = np.ones((1, 4))
    first = mx.methods.gradient(net, image).map
    np.testing.assert_array_equal(mx.methods.gradient(net, image).map, first)
    assert net.training
    assert net[1].training


def test_the_input_is_cast_to_the_models_dtype():
    model = mx.models.lenet5()
    for dtype in (np.uint8, np.int64, np.float64):
        e = mx.methods.gradient(model, np.ones((1, 1, 28, 28), dtype))
        assert e.map.dtype == np.float32


def test_a_map_of_zeros_is_said():
    net = mx.nn.Sequential(mx.nn.Linear(2, 2, rng=0), mx.nn.ReLU(), mx.nn.Linear(2, 1, rng=0))
    put(net[2].weight, -1)
    with pytest.warns(ZeroMapWarning, match="DeConvNet of logit: the map of image 0, 1 is zero everywhere"):
        e = mx.methods.deconvnet(net, np.ones((2, 2)))
    assert e.zero.tolist() == [True, True]
    put(net[0].weight, -1)
    put(net[0].bias, 0)
    with pytest.warns(ZeroMapWarning) as said:
        mx.methods.input_x_gradient(net, np.ones((1, 2)))
    assert [(Path(w.filename).name, "input × gradient" in str(w.message)) for w in said] == [
        ("test_methods.py", True)
    ]


@pytest.mark.parametrize("activation", [mx.nn.LeakyReLU(0.2), mx.nn.Tanh(), mx.nn.Softplus()])
@pytest.mark.parametrize("method", [mx.methods.deconvnet, mx.methods.guided_backprop])
def test_a_table_that_never_applied_is_said_once_and_at_the_callers_line(method, activation):
    net, x = small((4, 4), 0, activation), RNG.standard_normal((2, 2, 4, 4))
    with pytest.warns(
        UnusedTableWarning, match=f"{method.__name__}: no operation .* is the gradient"
    ) as said:
        e = method(net, x)
    assert [Path(w.filename).name for w in said] == ["test_methods.py"]
    np.testing.assert_array_equal(e.map, mx.methods.gradient(net, x).map)
    with warnings.catch_warnings(action="error"):
        method(small((4, 4), 0), x)


@pytest.mark.parametrize(
    "study",
    [
        mx.methods.project,
        lambda net, x, layer: mx.methods.top_activations(net, [x], layer, [0], n=1, progress=False),
        lambda net, x, layer: mx.evaluate.occlusion_sensitivity(net, x, layer=layer, progress=False),
    ],
    ids=["project", "top_activations", "occlusion_sensitivity"],
)
def test_studies_point_at_the_callers_line_too_and_speak_in_their_own_name(study, request):
    net, x = small((4, 4), 0, mx.nn.Tanh()), RNG.standard_normal((1, 2, 4, 4))
    with pytest.warns(UnusedTableWarning, match=f"^{request.node.callspec.id}: no operation") as said:
        study(net, x, "1")
    assert [Path(w.filename).name for w in said] == ["test_methods.py"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": 3}, ValueError, r"target is 3, expected class indices in \[0, 3\)"),
        ({"target": -1}, ValueError, "target"),
        ({"target": [0, 1]}, TypeError, "target"),
        ({"target": 0.5}, TypeError, "target"),
        ({"layer": "8"}, ValueError, "layer '8' is not in the model"),
        ({"layer": ("1", 1)}, ValueError, "called 1 times"),
        ({"layer": "1", "target": 0}, ValueError, "only one of them"),
        ({"neuron": (0, 0, 0)}, ValueError, "layer is not given"),
        ({"layer": "1", "neuron": (4, 0, 0)}, ValueError, r"neuron is \(4, 0, 0\)"),
        ({"layer": "1", "neuron": (0, 8, 0)}, ValueError, "inside 1 of shape"),
        ({"layer": "1", "neuron": (0, 1)}, ValueError, r"expected \(channel, row, column\)"),
        ({"layer": "1", "neuron": (0, "min")}, ValueError, "neuron"),
        ({"layer": "7", "neuron": (3,)}, ValueError, r"expected \(index,\)"),
        ({"seed": "two"}, ValueError, "seed is 'two'"),
        ({"x": np.zeros((0, 2, 8, 8))}, ShapeError, "not empty"),
        ({"x": np.full((1, 2, 8, 8), np.inf)}, ValueError, "x holds NaN or inf"),
        ({"x": np.zeros((1, 3, 8, 8))}, ShapeError, "channels"),
        ({"x": np.zeros((2, 8, 8))}, ShapeError, "four axes"),
    ],
)
def test_bad_arguments_are_refused(net, x, method, arguments, error, message):
    with pytest.raises(error, match=message):
        method(net, **({"x": x} | arguments))


def test_a_layer_called_twice_needs_a_number():
    with pytest.raises(ValueError, match=r"called 2 times: name one as \('relu', 0\)"):
        mx.methods.gradient(Reused(), np.ones((1, 1, 4, 4)), layer="relu")


def test_an_output_without_logits_needs_a_layer():
    with pytest.raises(ValueError, match="holds no logits"):
        mx.methods.gradient(Reused(), np.ones((1, 1, 4, 4)))


def test_a_weight_that_is_no_number_is_named():
    model = mx.models.lenet5()
    put(model.features[3].weight, np.nan, 0)
    with pytest.raises(ValueError, match=r"gradient: .*features\.3\.weight"):
        mx.methods.gradient(model, np.ones((1, 1, 28, 28)))


class After(mx.nn.Module):
    """A function of the output of a convolution with three maps."""

    def __init__(self, function):
        self.conv, self.function = mx.nn.Conv2d(1, 3, 3, rng=0), function

    def forward(self, x):
        return self.function(self.conv(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda z: mx.ops.max_pool2d(mx.ops.softmax(z, axis=1), 6).reshape(len(z.value), 3),
        lambda z: mx.ops.pad(mx.ops.softmax(z.mean((2, 3))), ((0, 0), (0, 2))),
        lambda z: mx.ops.softmax(z.mean((2, 3)), axis=0),
    ],
)
def test_what_does_more_than_rearrange_is_not_looked_behind(function):
    x = np.random.default_rng(2).standard_normal((6, 1, 8, 8))
    model = After(function)
    e = mx.methods.gradient(model, x)
    output = model.predict(x)
    np.testing.assert_array_equal(e.target, output.argmax(axis=1))
    np.testing.assert_allclose(e.score, output.max(axis=1), rtol=1e-6)


def test_what_stands_behind_a_link_is_still_of_its_layer():
    model = mx.nn.Sequential(mx.nn.Conv2d(1, 3, 3, rng=0), mx.nn.Softmax(1), mx.nn.Flatten())
    called = []

    def rule(g, node):
        called.append(node.op.name)
        return node.op.vjp(g, node)

    table = mx.rules.composite() | {"2": rule}
    mx.methods.lrp(model, np.random.default_rng(0).standard_normal((2, 1, 3, 3)), rules=table)
    assert called == ["reshape"]
