"""Class activation maps beside plain loops, and what they refuse and warn of."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest

import minixai as mx
from minixai import methods, nn, ops
from minixai.methods.activation_maps import DenominatorWarning, MapsError, NegativeMapWarning
from minixai.plot.maps import NONE_ABOVE
from tests.networks import averaging, float64, put, stack
from tests.oracles import activation_maps as loops

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 7, 6))


def dense() -> nn.Module:
    """Whose gradient differs from place to place, and in sign."""
    conv = nn.Conv2d(3, 5, 3, rng=0)
    return float64(nn.Sequential(conv, nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20, 3, rng=1)))


def layer_and_gradient(model, x, target, layer):
    leaf = mx.Tensor(x)
    output, layers = model.trace(leaf)
    maps = layers[layer][0]
    start = np.zeros(output.shape)
    start[np.arange(len(x)), target] = 1
    return maps.value, mx.backward(output, start, wrt=[maps])[maps]


# The maps


def test_cam_in_loops():
    model = averaging()
    e = methods.cam(model, X, [0, 2])
    _, layers = model.trace(mx.Tensor(X))
    w = model[4].weight.value
    for i, k in enumerate((0, 2)):
        expected = loops.weighted(w[k], layers["1"][0].value[i])
        np.testing.assert_allclose(e.layer_map[i], expected, rtol=1e-12)
        logit = expected.mean() + model[4].bias.value[k]
        assert e.score[i] == pytest.approx(logit)


CONV = nn.Conv2d(4, 3, 1, rng=1)


@pytest.mark.parametrize(
    "end",
    [
        (nn.AdaptiveAvgPool2d(1), CONV, nn.Flatten()),
        (CONV, nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        (nn.Dropout(0.5, rng=0), CONV, nn.AvgPool2d((7, 6)), nn.Flatten()),
    ],
)
def test_cam_knows_its_networks_by_what_they_do(end):
    model = averaging(*end)
    e = methods.cam(model, X, 1)
    _, layers = model.trace(mx.Tensor(X))
    expected = loops.weighted(CONV.weight.value[1].ravel(), layers["1"][0].value[0])
    np.testing.assert_allclose(e.layer_map[0], expected, rtol=1e-6)
    np.testing.assert_allclose(e.layer_map.mean((1, 2)) + CONV.bias.value[1], e.score, rtol=1e-6)


class MeanOverPlaces(nn.Module):
    def __init__(self) -> None:
        self.conv, self.dense = nn.Conv2d(3, 4, 3, rng=0), nn.Linear(4, 3, rng=1)

    def forward(self, x):
        return self.dense(ops.relu(self.conv(x)).mean((2, 3)))


def test_cam_of_a_mean_and_of_a_functional_relu():
    model = float64(MeanOverPlaces())
    e = methods.cam(model, X, 1)
    np.testing.assert_allclose(e.layer_map.mean((1, 2)) + model.dense.bias.value[1], e.score)
    assert methods.grad_cam(model, X, 1).layer == "what dense reads"


def test_grad_cam_in_loops():
    model = dense()
    maps, gradient = layer_and_gradient(model, X, [2, 0], "1")
    e = methods.grad_cam(model, X, [2, 0], "1", relu=False)
    cut = methods.grad_cam(model, X, [2, 0], "1")
    for i in range(2):
        expected = loops.grad_cam(maps[i], gradient[i])
        np.testing.assert_allclose(e.layer_map[i], expected, rtol=1e-12)
        np.testing.assert_allclose(cut.layer_map[i], np.maximum(expected, 0), rtol=1e-12)
        np.testing.assert_allclose(e.map[i].sum(0), loops.bilinear(expected, (7, 6)), rtol=1e-12)
    np.testing.assert_array_equal(e.map[:, 0], e.map[:, 2])
    assert (e.layer_map < 0).any()


def test_grad_cam_is_cam_over_the_number_of_places_behind_global_average_pooling():
    model = averaging()
    np.testing.assert_allclose(
        methods.grad_cam(model, X, 1, "1", relu=False).map, methods.cam(model, X, 1).map / 42, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("layer", "expected"), [("0", [[11.25, 13.5], [20.25, 22.5]]), ("1", [[0, 4], [28, 32.5]])]
)
def test_captums_hand_set_network(layer, expected):
    """The values of captum's tests/attr/layer/test_grad_cam.py."""
    conv, end = nn.Conv2d(1, 2, 3), nn.Linear(8, 4)
    conv.load_state_dict({"weight": np.ones((2, 1, 3, 3)), "bias": np.array([-50.0, -75.0])})
    end.load_state_dict({"weight": np.repeat([[1.0] * 5 + [-1.0] * 3], 4, 0), "bias": np.zeros(4)})
    model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), end, nn.ReLU())
    e = methods.grad_cam(model, np.arange(16.0).reshape(1, 1, 4, 4), 0, layer, relu=False)
    np.testing.assert_allclose(e.layer_map[0], expected)


@pytest.mark.filterwarnings("ignore::minixai.methods.activation_maps.DenominatorWarning")
@pytest.mark.parametrize("formula", ["exponential", "normalised"])
def test_plus_plus_in_loops(formula):
    model = dense()
    maps, gradient = layer_and_gradient(model, X, [2, 0], "1")
    e = methods.grad_cam_plus_plus(model, X, [2, 0], "1", formula=formula, relu=False)
    for i in range(2):
        expected = loops.plus_plus(maps[i], gradient[i], formula == "normalised")
        np.testing.assert_allclose(e.layer_map[i], expected, rtol=1e-10)


def test_behind_global_average_pooling_plus_plus_only_leaves_out_negative_weights():
    """The gradient is the same at all places of a map: α cancels."""
    model = averaging()
    e = methods.grad_cam_plus_plus(model, X, 0, formula="normalised")
    weights = np.maximum(model[4].weight.value[0], 0) / 42
    maps, _ = layer_and_gradient(model, X, 0, "1")
    np.testing.assert_allclose(e.layer_map[0], loops.weighted(weights, maps[0]), rtol=1e-12)


def test_a_denominator_that_is_zero_or_turns_is_counted():
    model = averaging(nn.Flatten(), nn.Linear(168, 2, rng=1))
    put(model[0].weight, 0)
    put(model[0].bias, 0)
    model = nn.Sequential(model[0], *[model[k] for k in (2, 3)])  # without ReLU: maps are what the bias says
    put(model[0].bias, np.array([-1.0, -2.0, 1.0, 0.0]) / 42)
    put(model[2].weight, 0)
    for place, g in ((0, 2.0), (42, 2.0), (84, 1.0), (126, 1.0), (127, -3.0)):
        put(model[2].weight, g, (0, place))  # 2 + g·ΣA: 0, −2, 3, 2
    what = "zero at 1 and has another sign than Y″ at 1 of 4 places with Y′ > 0"
    with pytest.warns(DenominatorWarning, match=what):
        e = methods.grad_cam_plus_plus(model, X[:1], 0, "0", relu=False)
    weights = np.array([0, -0.5 * 2, 1 / 3, 0.5])
    np.testing.assert_allclose(e.layer_map[0], (weights @ (model[0].bias.value)) * np.ones((7, 6)))


def test_guided_grad_cam_is_the_product():
    model = stack(bias=True)
    x = RNG.standard_normal((2, 3, 12, 12))
    e = methods.guided_grad_cam(model, x, 1, "1")
    where = methods.grad_cam(model, x, 1, "1").map.sum(1, keepdims=True)
    np.testing.assert_allclose(e.map, where * methods.guided_backprop(model, x, 1).map)
    assert e.kind == "signal"
    assert e.map.any()


def test_a_layers_relevance_is_what_lrp_has_there():
    model = stack(bias=False)
    x = RNG.standard_normal((2, 3, 12, 12))
    table = mx.rules.composite(conv=mx.rules.epsilon(0), dense=mx.rules.epsilon(0))
    e = methods.layer_relevance(model, x, 1, "1", rules=table)
    maps, gradient = layer_and_gradient(model, x, 1, "1")
    np.testing.assert_allclose(e.layer_map, (maps * gradient).sum(1), atol=1e-9)
    np.testing.assert_allclose(e.layer_map.sum((1, 2)), e.score)
    other = methods.layer_relevance(model, x, 1, "1")
    assert other.layer_map.min() >= min(0, other.score.min())
    assert not np.allclose(other.layer_map, e.layer_map)


def test_a_first_rule_is_for_the_first_layer_of_the_network_not_behind_the_maps():
    model = stack(bias=False)
    x = RNG.standard_normal((1, 3, 12, 12))
    maps = [
        methods.layer_relevance(model, x, 1, "1", rules=mx.rules.composite(first=first)).layer_map
        for first in (mx.rules.flat(), mx.rules.w_square())
    ]
    np.testing.assert_array_equal(*maps)


def test_pattern_attribution_at_a_layer():
    model = stack(bias=False)
    x = RNG.standard_normal((20, 3, 12, 12))
    patterns = mx.signal.fit_patterns(model, [x], progress=False)
    table = mx.rules.pattern_attribution(patterns, "linear")
    e = methods.layer_relevance(model, x[:1], 1, "1", rules=table, relu=True)
    assert e.layer_map.any()
    assert not np.allclose(e.layer_map, methods.layer_relevance(model, x[:1], 1, "1", relu=True).layer_map)


def test_nearest_gives_each_pixel_the_value_of_its_place():
    model = float64(
        nn.Sequential(nn.Conv2d(1, 2, 2, 2, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2, rng=1))
    )
    e = methods.grad_cam(model, RNG.standard_normal((1, 1, 4, 4)), 0, relu=False, upsample=False)
    np.testing.assert_array_equal(e.map[0, 0], np.kron(e.layer_map[0], np.ones((2, 2))))


# Which layer


@pytest.mark.parametrize(
    ("build", "shape", "layer"),
    [
        (mx.models.squeezenet1_0, (3, 67, 67), "features.12"),
        (mx.models.lenet5, (1, 28, 28), "features.4"),
        (partial(mx.models.allcnn, width=0.1), (3, 32, 32), "classifier.3"),
        (averaging, (3, 7, 6), "1"),
        (dense, (3, 7, 6), "1"),
        (partial(stack, bias=True), (3, 12, 12), "4"),
    ],
)
def test_the_default_is_what_the_last_layer_with_weights_reads_before_pooling(build, shape, layer):
    model, x = build(), RNG.random((1, *shape))
    with warnings.catch_warnings(action="ignore", category=methods.MapWarning):
        e, named = methods.grad_cam(model, x, 0), methods.grad_cam(model, x, 0, layer)
    assert (e.method, e.layer) == ("Grad-CAM", layer)
    assert e.heading == f"Grad-CAM at {layer} of logit"
    np.testing.assert_array_equal(e.map, named.map)


def test_a_layer_that_is_called_twice_needs_a_number():
    relu = nn.ReLU()
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, rng=0),
        relu,
        nn.Conv2d(4, 4, 3, rng=1),
        relu,
        nn.Flatten(),
        nn.Linear(24, 2, rng=2),
    )
    with pytest.raises(ValueError, match="called 2 times"):
        methods.grad_cam(model, X, 0, "1")
    with warnings.catch_warnings(action="ignore", category=NegativeMapWarning):
        first, second = (methods.grad_cam(model, X, 0, ("1", k), relu=False) for k in (0, 1))
    assert first.layer_map.shape == (2, 5, 4)
    assert second.layer_map.shape == (2, 3, 2)
    assert second.layer == "1, call 1"


def test_what_has_no_maps_is_refused_with_the_way_on():
    vectors = nn.Sequential(nn.Flatten(), nn.Linear(126, 8, rng=0), nn.ReLU(), nn.Linear(8, 2, rng=1))
    with pytest.raises(MapsError, match=r"^grad_cam: no layer .*gradient needs none"):
        methods.grad_cam(vectors, X)
    with pytest.raises(MapsError, match=r"^grad_cam_plus_plus: layer 1 returned \(2, 8\), expected maps"):
        methods.grad_cam_plus_plus(vectors, X, layer="1")
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    others = (
        averaging(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2, rng=1)),
        averaging(nn.Conv2d(4, 2, 1, rng=1), nn.Tanh(), *end),
        averaging(nn.Conv2d(4, 2, 3, rng=1), *end),
        averaging(nn.Conv2d(4, 4, 1, groups=2, rng=1), *end),
    )
    for model in (vectors, dense(), *others):
        with pytest.raises(MapsError, match=r"^cam: the network does not end in .* grad_cam takes any layer"):
            methods.cam(model, X)
    rectified = averaging(nn.Conv2d(4, 2, 1, bias=False, rng=1), nn.ReLU(), *end)
    e = methods.cam(rectified, X, 0)
    np.testing.assert_allclose(np.maximum(e.layer_map, 0).mean((1, 2)), e.score)
    with pytest.raises(ValueError, match="layer '9' is not in the model"):
        methods.guided_grad_cam(dense(), X, layer="9")
    with pytest.raises(ValueError, match="formula is 'linear', expected one of 'exponential'"):
        methods.grad_cam_plus_plus(dense(), X, formula="linear")


class Aside(nn.Module):
    """With a layer whose output the logits do not depend on."""

    def __init__(self) -> None:
        self.net, self.aside = dense(), float64(nn.Conv2d(3, 2, 3, rng=0))

    def forward(self, x):
        self.aside(x)
        return self.net(x)


def test_a_layer_aside_is_refused():
    with pytest.raises(ValueError, match="grad_cam: layer aside is not on the way to the logit"):
        methods.grad_cam(Aside(), X, layer="aside")


def test_one_logit_has_no_softmax():
    model = averaging(nn.Flatten(), nn.Linear(168, 1, rng=0))
    with pytest.raises(ValueError, match="formula is 'softmax', expected another for a model with one logit"):
        methods.grad_cam_plus_plus(model, X, formula="softmax")


# Maps of zeros, and below zero


def test_a_map_below_zero_is_said_with_and_without_the_relu():
    model = averaging()
    put(model[4].weight, -1.0, 0)
    with pytest.warns(methods.ZeroMapWarning, match="image 0, 1 is zero .* relu=True cuts off the rest"):
        e = methods.grad_cam(model, X, 0)
    assert not e.map.any()
    assert NONE_ABOVE in {text.get_text() for axes in e.plot().axes for text in axes.texts}
    with pytest.warns(NegativeMapWarning, match="grad_cam: the map of image 0, 1 has no value above 0"):
        e = methods.grad_cam(model, X, 0, relu=False)
    assert e.map.max() <= 0
    with pytest.warns(NegativeMapWarning, match="cam: the map of image 0, 1 has no value above 0"):
        methods.cam(model, X, 0)


def test_a_map_of_a_silent_layer_is_said():
    model = averaging()
    put(model[0].bias, -100.0)
    with pytest.warns(methods.ZeroMapWarning, match="nothing came back to the input"):
        methods.grad_cam(model, X, 0)
