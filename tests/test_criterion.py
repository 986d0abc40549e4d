"""The quality criterion ρ(S)."""

import functools

import numpy as np
import pytest

import minixai as mx
from minixai.bootstrap import resamplings
from minixai.data import toy
from minixai.evaluate.criterion import ESTIMATORS, quality
from tests.networks import float64
from tests.oracles import criterion as oracle

RNG = np.random.default_rng(0)
ALL = {"units": None, "patches": None, "progress": False, "draws": 3}
PAPER = ("linear", "positive", "negative")
SIGNS = [("linear",) * 2, ("positive", "negative"), ("positive_centred", "negative_centred")]


def with_biases(model):
    """The model in float64, with biases other than zero."""
    state = float64(model).state_dict()
    for key in state:
        if key.endswith("bias"):
            state[key] = np.random.default_rng(5).normal(0, 0.3, state[key].shape)
    model.load_state_dict(state)
    return model


GEOMETRIES = [
    {"stride": 1, "padding": 1, "dilation": 1, "groups": 1},
    {"stride": 2, "padding": 0, "dilation": 1, "groups": 2},
    {"stride": 2, "padding": 2, "dilation": 2, "groups": 4},
]


def network(geometry):
    conv = mx.nn.Conv2d(4, 8, 3, rng=0, **geometry)
    size = conv(mx.Tensor(np.zeros((1, 4, 5, 5), np.float32))).value.size
    return with_biases(mx.nn.Sequential(conv, mx.nn.ReLU(), mx.nn.Flatten(), mx.nn.Linear(size, 3, rng=0)))


def images(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 4, 5, 5)) + 0.3


def batches(x, size=20):
    return [x[i : i + size] for i in range(0, len(x), size)]


def samples_of(net, x, geometry):
    """By group and image, the samples of the convolution's units."""
    shape = net[0].weight.shape
    g = {key: geometry[key] for key in ("stride", "padding", "dilation")}
    channels = [slice(start, start + shape[1]) for start in range(0, x.shape[1], shape[1])]
    return [[oracle.patches(image, shape, group=group, **g) for image in x] for group in channels]


@pytest.mark.parametrize("samples", ["all", "active"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_against_plain_loops(geometry, samples):
    """Every unit of a convolution: its ρ, and the means over units for redrawn images."""
    net, x, test = network(geometry), images(30), images(20, seed=1)
    kinds = {"0": ("linear", "positive", "negative", "positive_centred", "negative_centred")}
    patterns = mx.signal.fit_patterns(net, batches(images(30, seed=2)), kinds, ["0"], progress=False)
    ridges = (1e-8, 1e-2)
    given = {"patterns": patterns, "samples": samples, "ridge": ridges, **ALL}
    q = quality(net, batches(x, 7), batches(test, 6), ESTIMATORS[1:], **given)
    redrawn = [np.ones(len(test), int), *resamplings(len(test), ALL["draws"], 0)]
    fitted_on, tested_on = samples_of(net, x, geometry), samples_of(net, test, geometry)
    weight, bias = net[0].weight.value, net[0].bias.value
    expected = np.empty((len(redrawn), 2, 4, len(weight)))
    for k, (w, b) in enumerate(zip(weight.reshape(len(weight), -1), bias, strict=True)):
        group = k // (len(weight) // geometry["groups"])
        fit = [s for image in fitted_on[group] for s in image]
        variance = np.var([s for s in fit if samples == "all" or w @ s + b > 0], axis=0).mean()
        pairs = [(w / (w @ w),) * 2, (patterns["0"].linear[k],) * 2]
        for end in ("", "_centred"):
            pairs.append([patterns["0"].of(sign + end)[k] for sign in ("positive", "negative")])
        for i, pair in enumerate(pairs):
            unit = w, b, pair[0].ravel(), pair[1].ravel(), samples == "active"
            left = oracle.distractors(fit, *unit)
            by_image = [oracle.distractors(image, *unit) for image in tested_on[group]]
            for j, ridge in enumerate(ridges):
                v = oracle.fit(left, ridge, variance)
                for draw, counts in enumerate(redrawn):
                    redrawn_images = np.repeat(np.arange(len(test)), counts)
                    again = [pair for image in redrawn_images for pair in by_image[image]]
                    expected[draw, j, i, k] = oracle.rho(again, v)
    np.testing.assert_allclose(q.rho["0"], expected[0], atol=1e-7)
    np.testing.assert_allclose(q.resampled[0], expected[1:].mean(axis=-1), atol=1e-7)


@pytest.mark.parametrize("samples", ["all", "active"])
def test_far_from_zero(samples):
    """ρ of a float32 layer with inputs ten thousand standard deviations away, beside plain loops."""
    rng = np.random.default_rng(4)
    parts = [rng.normal(1e4, 1, (300, 6)).astype(np.float32) for _ in range(3)]
    net = mx.nn.Sequential(mx.nn.Linear(6, 3, rng=0))
    net[0].bias.value = (-1e4 * net[0].weight.value.sum(axis=1)).astype(np.float32)
    kinds = ("linear", "positive", "negative", "positive_centred", "negative_centred")
    p = mx.signal.fit_patterns(net, batches(parts[0]), {"0": kinds}, progress=False)
    ridge = 1e-2  # with less, what the penalty is added to is rounding: S_a± jumps by the offset where y = 0
    given = {"patterns": p, "samples": samples, "ridge": ridge, **ALL}
    q = quality(net, batches(parts[1]), batches(parts[2]), ESTIMATORS[1:], **given)
    weight, bias = (parameter.value.astype(np.float64) for parameter in net.parameters())
    fit, test = (list(x.astype(np.float64)) for x in parts[1:])
    for k, (w, b) in enumerate(zip(weight, bias, strict=True)):
        variance = np.var([s for s in fit if samples == "all" or w @ s + b > 0], axis=0).mean()
        pairs = [(w / (w @ w),) * 2]
        pairs += [[p["0"].of(kind)[k].astype(np.float64) for kind in both] for both in SIGNS]
        for i, pair in enumerate(pairs):
            unit = w, b, *pair, samples == "active"
            v = oracle.fit(oracle.distractors(fit, *unit), ridge, variance)
            expected = oracle.rho(oracle.distractors(test, *unit), v)
            assert q.rho["0"][0, i, k] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("layer", ["0", "3"])
def test_in_sample_s_a_is_1_by_construction(layer):
    """S_a and S_a± leave nothing on the samples that they were fitted to; the filter does."""
    net, x = network(GEOMETRIES[0]), batches(images(60), 20)
    kinds = {"0": PAPER, "3": PAPER}
    patterns = mx.signal.fit_patterns(net, x, kinds, progress=False)
    q = quality(net, x, x, patterns=patterns, layers=[layer], **ALL)
    random, filtered, linear, two = q.rho[layer][0]
    np.testing.assert_allclose([linear, two], 1, atol=1e-5)
    assert max(filtered.max(), random.max()) < 0.9


def toy_network():
    net = mx.nn.Sequential(mx.nn.Linear(2, 1))
    net.load_state_dict({"0.weight": np.array([[1.0, -1.0]]), "0.bias": np.zeros(1)})
    return net


@pytest.mark.parametrize("mu", [0, 0.7])
def test_the_toy_model(mu):
    """ρ(S_w) = 1 − (σ_y/2) / √(σ² + σ_y²/4), and ρ cannot see that S_a± is wrong where μ is not 0."""
    x = batches(toy(100_000, mu=mu).x, 10_000)
    q = quality(toy_network(), x[:6], x[6:], ("filter", "linear", "two_component"), ridge=1e-9, **ALL)
    filtered, linear, two = q.rho["0"][0, :, 0]
    variance = 1 / 3
    assert filtered == pytest.approx(1 - np.sqrt(variance) / 2 / np.sqrt(1 + variance / 4), abs=0.01)
    assert filtered == pytest.approx(0.723, abs=0.01)
    assert (linear, two) == pytest.approx((1, 1), abs=0.015)


def test_an_input_that_never_varies_gives_the_filter_away():
    net, x = with_biases(mx.nn.Sequential(mx.nn.Linear(5, 4, rng=0))), RNG.standard_normal((400, 5))
    x[:, 2] = 0.7
    q = quality(net, batches(x[:200]), batches(x[200:]), ridge=1e-9, **ALL)
    np.testing.assert_allclose(q.rho["0"][0, :2], 0, atol=1e-4)
    assert q.rho["0"][0, 2:].min() > 0.5


def test_units_that_never_fire_or_have_one_input_are_undefined():
    net = mx.nn.Sequential(mx.nn.Linear(3, 4, rng=0), mx.nn.ReLU(), mx.nn.Linear(4, 2, rng=0))
    state = net.state_dict()
    state["0.weight"][1] = 0
    state["0.bias"][2] = -100
    net.load_state_dict(state)
    x = batches(RNG.standard_normal((200, 3)))
    q = quality(net, x, x, **ALL)
    np.testing.assert_array_equal(np.isnan(q.rho["0"]).all(axis=(0, 1)), [False, True, False, False])
    assert np.isfinite(q.means()).all()
    active = quality(net, x, x, samples="active", **ALL)
    np.testing.assert_array_equal(np.isnan(active.rho["0"]).all(axis=(0, 1)), [False, True, True, False])
    single = mx.nn.Sequential(mx.nn.Linear(1, 2, rng=0))
    q = quality(single, *[batches(RNG.standard_normal((100, 1)))] * 2, **ALL)
    assert np.isnan(q.rho["0"]).all()
    assert "undefined" in repr(q)


def test_any_batches_give_the_same_result_and_the_seed_fixes_it():
    net, x, test = network(GEOMETRIES[0]), images(40), images(20, seed=1)
    other_images = batches(images(40, seed=2))
    patterns = mx.signal.fit_patterns(net, other_images, {"0": PAPER, "3": PAPER}, progress=False)
    few = {**ALL, "units": 3, "patches": 4}

    def measured(size, seed=0):
        return quality(net, batches(x, size), iter(batches(test, size)), patterns=patterns, seed=seed, **few)

    one, other = measured(20), measured(7)
    assert {name: len(units) for name, units in one.units.items()} == {"0": 3, "3": 3}
    for name in one.rho:
        np.testing.assert_allclose(other.rho[name], one.rho[name], atol=1e-7)
        np.testing.assert_array_equal(other.units[name], one.units[name])
    np.testing.assert_array_equal(measured(20).resampled, one.resampled)
    assert not np.allclose(measured(20, seed=1).rho["0"], one.rho["0"])


def test_the_first_half_is_for_the_patterns_and_the_second_for_v():
    net, x, test = network(GEOMETRIES[0]), batches(images(60), 10), batches(images(20, seed=1))
    patterns = mx.signal.fit_patterns(net, x[:3], {"0": PAPER, "3": PAPER}, progress=False)
    halves = quality(net, x, test, **ALL)
    given = quality(net, iter(x[3:]), test, patterns=patterns, **ALL)
    for name in halves.rho:
        np.testing.assert_array_equal(halves.rho[name], given.rho[name])


def test_a_layer_that_is_called_twice_pools_its_samples():
    class Twice(mx.nn.Module):
        def __init__(self):
            self.layer = mx.nn.Linear(3, 3, rng=0)

        def forward(self, x):
            return self.layer(mx.ops.relu(self.layer(x)))

    net, x, test = with_biases(Twice()), RNG.standard_normal((90, 3)), RNG.standard_normal((30, 3))
    once = mx.nn.Sequential(mx.nn.Linear(3, 3))
    once.load_state_dict({f"0.{key[6:]}": array for key, array in net.state_dict().items()})
    both = [np.concatenate([each, np.maximum(once.predict(each), 0)]) for each in (x, test)]
    q = quality(net, batches(x, 45), [test], ("filter",), **ALL)
    expected = quality(
        once, [both[0][:45], both[0][[*range(45, 90), *range(135, 180)]]], [both[1]], ("filter",), **ALL
    )
    np.testing.assert_allclose(q.rho["layer"], expected.rho["0"], atol=1e-9)


def test_adam_comes_to_the_exact_solution():
    net, x, test = network(GEOMETRIES[1]), batches(images(80), 40), batches(images(30, seed=1))
    other_images = batches(images(80, seed=2))
    patterns = mx.signal.fit_patterns(net, other_images, {"0": PAPER}, ["0"], progress=False)
    adam = functools.partial(mx.nn.Adam, lr=3e-3)
    arguments = {"patterns": patterns, "ridge": 1e-3, "layers": ["0"], **ALL}
    exact = quality(net, x, test, **arguments)
    found = quality(net, x * 300, test, optimiser=adam, **arguments)
    np.testing.assert_allclose(found.rho["0"], exact.rho["0"], atol=0.02)
    short = quality(net, x, test, optimiser=adam, **arguments)
    assert np.abs(short.rho["0"] - exact.rho["0"]).max() > 0.1


def test_means_differences_table_and_pictures():
    net, x, test = network(GEOMETRIES[0]), batches(images(60), 10), batches(images(20, seed=1))
    q = quality(net, x, test, ridge=(1e-6, 1e-2), **ALL)
    mean, low, high = q.means()
    assert mean.shape == low.shape == high.shape == (2, 2, 4)
    np.testing.assert_allclose(mean[0], q.rho["0"].mean(axis=-1))
    assert (low <= high).all()
    change, low, high = q.difference("two_component", "filter")
    np.testing.assert_allclose(change, mean[..., 3] - mean[..., 1])
    assert (low <= high).all()
    with pytest.raises(ValueError, match="'identity' was not measured, expected one of random, filter"):
        q.difference("linear", "identity")
    lines = repr(q).splitlines()
    assert lines[0] == "ρ over all samples, mean over units; 20 test images, 95 % bootstrap intervals"
    assert lines[1].split() == ["layer", "units", "ridge", "random", "filter", "linear", "two_component"]
    assert len(lines) == 6
    for picture in (q.plot("a title"), quality(net, x, test, **ALL).plot()):
        pixels = picture.pixels()
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 4


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"estimators": ("identity",)}, "ρ of the identity is undefined"),
        ({"estimators": ("best",)}, "estimators is .*expected some of random"),
        ({"estimators": ()}, "estimators is"),
        ({"samples": "some"}, "samples is 'some', expected one of 'all', 'active'"),
        ({"ridge": 0}, "ridge is .* expected a finite number, above 0"),
        ({"ridge": (1e-3, np.inf)}, "ridge holds NaN or inf"),
        ({"units": 0}, "units is 0, expected at least 1"),
        ({"patches": 0}, "patches is 0"),
        ({"draws": 0}, "draws is 0"),
        ({"layers": "3"}, r"quality: layers is the string '3', expected several: \['3'\]"),
        ({"estimators": "linear"}, "quality: estimators is the string 'linear'"),
        ({"layers": ["9"]}, "layers names '9', expected some of 0, 3"),
        ({"fit": []}, "quality: fit is halved"),
        ({"fit": iter([np.zeros((1, 4, 5, 5))] * 2)}, "quality: fit is halved"),
        ({"test": []}, "quality: test is empty"),
    ],
)
def test_bad_arguments(bad, message):
    net = network(GEOMETRIES[0])
    good = {"fit": batches(images(20), 5), "test": batches(images(5)), **ALL}
    with pytest.raises(ValueError, match=message):
        quality(net, **{**good, **bad})


def test_patterns_that_do_not_fit_are_refused():
    net, x = network(GEOMETRIES[0]), batches(images(20), 5)
    patterns = mx.signal.fit_patterns(net, x, ("linear",), ["0"], progress=False)
    with pytest.raises(ValueError, match=r"no layer has patterns of kind negative and positive"):
        quality(net, x, x, patterns=patterns, **ALL)
    with pytest.raises(ValueError, match="layers names '3', expected some of 0"):
        quality(net, x, x, ("linear",), ["3"], patterns=patterns, **ALL)
    with pytest.raises(ValueError, match="quality: fit is empty"):
        quality(net, [], x, ("linear",), patterns=patterns, **ALL)
    with pytest.raises(ValueError, match="patterns are of another model"):
        quality(network(GEOMETRIES[1]), x, x, ("linear",), patterns=patterns, **ALL)
    net[0].bias.value = net[0].bias.value + 1
    with pytest.raises(ValueError, match=r"quality: patterns are of another model.*refit them"):
        quality(net, x, x, ("linear",), patterns=patterns, **ALL)


def test_a_covariance_that_takes_gigabytes_is_refused():
    net = mx.nn.Sequential(mx.nn.Linear(10_001, 1, rng=0))
    x = [np.zeros((1, 10_001))] * 2
    with pytest.raises(ValueError, match=r"layer '0' have 10,001 inputs, whose covariance takes 0\.8 GB"):
        quality(net, x, x, **ALL)
