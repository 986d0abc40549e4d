"""Patterns are those of explicit samples, however the samples come."""

from __future__ import annotations

import copy
import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minixai as mx
from minixai import nn, ops
from minixai.errors import FileFormatError, ShapeError
from minixai.signal import Patterns, fit_patterns, moments, pattern_of, patterns
from minixai.signal.layers import add_batch, linear_layers
from minixai.signal.moments import Moments, moments_of
from minixai.signal.patterns import KINDS as ALL_KINDS
from tests.fits import CONVOLUTIONS, assert_same, far_from_zero, network
from tests.networks import put
from tests.oracles import patterns as oracle

KINDS = tuple(kind for kind in ALL_KINDS if kind != "joint")  # see test_joint_patterns.py


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def conv_case(settings: dict, k: int = 8, seed: int = 0):
    """Images, weight and bias; unit 0 never fires, unit 1 always does, unit 3 has no weight."""
    rng = rng_of(seed)
    x = rng.normal(0.5, 1, (5, 4, 9, 8))
    w = rng.normal(size=(k, 4 // settings.get("groups", 1), 3, 2))
    b = rng.normal(size=k)
    b[0], b[1] = -1e3, 1e3
    w[3] = 0
    return x, w, b


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_the_patterns_of_their_patches(name: str, kind: str) -> None:
    settings = CONVOLUTIONS[name]
    x, w, b = conv_case(settings)
    node = ops.conv2d(mx.Tensor(x), mx.Tensor(w), mx.Tensor(b), **settings).node
    a = pattern_of(moments_of(node), w, kind)
    full = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **settings}
    for k, (samples, y) in enumerate(oracle.conv_samples(x, w, b, **full)):
        close(a[k].reshape(-1), oracle.pattern(samples, y, w[k].reshape(-1), kind))
    wa = np.einsum("kcuv,kcuv->k", w, a)
    undefined = {"positive": [0, 3], "negative": [1]}.get(kind.removesuffix("_centred"), [3])
    assert set(np.flatnonzero(np.abs(wa) < 0.5)) == {*undefined, 3}
    close(wa[np.abs(wa) > 0.5], 1)


@pytest.mark.parametrize("kind", KINDS)
def test_dense_layers_have_the_patterns_of_their_rows(kind: str) -> None:
    rng = rng_of(1)
    x, w, b = rng.normal(1, 2, (40, 7)), rng.normal(size=(6, 7)), rng.normal(size=6)
    node = ops.linear(mx.Tensor(x), mx.Tensor(w), mx.Tensor(b)).node
    a = pattern_of(moments_of(node), w, kind)
    for k in range(6):
        close(a[k], oracle.pattern(x, x @ w[k] + b[k], w[k], kind))


def test_only_linear_moments_give_the_same_linear_pattern() -> None:
    x, w, b = conv_case({})
    node = ops.conv2d(mx.Tensor(x), mx.Tensor(w), mx.Tensor(b)).node
    alone = moments_of(node, by_sign=False)
    assert alone.positive_x is None
    close(pattern_of(alone, w), pattern_of(moments_of(node), w))
    with pytest.raises(ValueError, match="kind is 'positive', expected one of linear"):
        pattern_of(alone, w, "positive")


def test_a_constant_unit_has_no_pattern() -> None:
    """In floating point its denominator is not zero, and would give wᵀa = 1."""
    x = np.full((50, 3), 0.1)
    w = rng_of(0).normal(size=(4, 3))
    for dtype in (np.float32, np.float64):
        node = ops.linear(mx.Tensor(x.astype(dtype)), mx.Tensor(w.astype(dtype))).node
        for kind in KINDS:
            assert not pattern_of(moments_of(node), w.astype(dtype), kind).any()


@pytest.mark.parametrize("kind", ["positive_centred", "negative_centred"])
def test_a_unit_that_is_constant_where_it_is_active_has_no_centred_pattern(kind: str) -> None:
    """What remains when its mean is taken away is rounding."""
    for seed in range(20):
        rng = rng_of(seed)
        low, high = rng.normal(size=(2, 3))
        w = (high - low)[None] * rng.uniform(0.5, 2)
        x = np.stack([low, high])[rng.integers(0, 2, 40)]
        b = -w @ (low + high) / 2
        node = ops.linear(x, w, b).node
        assert not pattern_of(moments_of(node), w, kind).any()


def test_float32_comes_close_to_float64() -> None:
    x, w, b = conv_case({"padding": (1, 1)})
    exact = pattern_of(moments_of(ops.conv2d(x, w, b, padding=1).node), w, "positive")
    x, w, b = (array.astype(np.float32) for array in (x, w, b))
    single = pattern_of(moments_of(ops.conv2d(x, w, b, padding=1).node), w, "positive")
    assert single.dtype == np.float32
    close(single[2:], exact[2:], 1e-4)


def batches_of(x: np.ndarray, cuts: list[int]) -> list[np.ndarray]:
    return [part for part in np.split(x, sorted(cuts)) if len(part)]


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 12), max_size=5),
    shift=st.sampled_from([0.0, 1.0, -1e4]),
    by_sign=st.booleans(),
)
def test_moments_do_not_depend_on_the_batches(cuts: list[int], shift: float, by_sign: bool) -> None:
    rng = rng_of(len(cuts))
    x = rng.normal(size=(12, 5)) + shift
    w = rng.normal(size=(3, 5))
    b = -w.sum(axis=1) * shift

    def moments(x: np.ndarray) -> Moments:
        return moments_of(ops.linear(mx.Tensor(x), mx.Tensor(w), mx.Tensor(b)).node, by_sign)

    whole = dict(moments(x).arrays())
    parts = [moments(part) for part in batches_of(x, cuts)]
    total = parts[0].copy()
    for part in parts[1:]:
        total.add(part)
    backwards = parts[-1].copy()
    for part in parts[-2::-1]:
        backwards = part.merge(backwards)
    scale = max(1.0, abs(shift))
    for merged in (total, backwards):
        assert merged.count == 12
        for name, array in merged.arrays():
            np.testing.assert_allclose(array, whole[name], rtol=1e-9, atol=1e-10 * scale, err_msg=name)


def test_a_large_mean_does_not_cancel() -> None:
    """A sum of x·y less the product of sums would lose all digits here."""
    rng = rng_of(3)
    signal, other = rng.normal(size=(2, 4000))
    x = np.stack([signal + other, other], axis=1)
    w = np.array([[1.0, -1.0]])
    node = ops.linear(x, w, np.array([1e9])).node
    total = None
    for part in np.split(x, 8):
        m = moments_of(ops.linear(part, w, np.array([1e9])).node)
        total = m.copy() if total is None else total.merge(m)
    y = node.value[:, 0]
    expected = oracle.pattern(x, y - 1e9, w[0], "linear")
    np.testing.assert_allclose(pattern_of(total, w)[0], expected, rtol=1e-6)


def exact(samples: np.ndarray, w: np.ndarray, b: float, kind: str) -> np.ndarray:
    """The pattern of one unit in float64, x measured from its mean."""
    y = samples @ w + b
    chosen = {"linear": y == y, "positive": y > 0, "negative": y <= 0}[kind.removesuffix("_centred")]
    mean = samples.mean(axis=0)
    of_y = y[chosen] - (y[chosen] if kind.endswith("_centred") else y).mean()
    numerator = of_y @ (samples[chosen] - mean) + mean * of_y.sum() * (not kind.endswith("_centred"))
    return numerator / (w @ numerator)


def assert_exact(p: Patterns, net: mx.nn.Module, samples: list[np.ndarray]) -> None:
    """To 1e-5 of a unit's largest entry. samples: for each unit (n, d) float64."""
    w, b = (parameter.value.astype(np.float64) for parameter in net[0].parameters())
    for k, of_unit in enumerate(samples):
        for kind in KINDS:
            expected = exact(of_unit, w[k].reshape(-1), b[k], kind)
            found = p["0"].of(kind)[k].reshape(-1)
            np.testing.assert_allclose(
                found, expected, rtol=0, atol=1e-5 * np.abs(expected).max(), err_msg=f"{kind} of {k}"
            )


def dense_far_from_zero(w: np.ndarray, x: np.ndarray) -> mx.nn.Module:
    """A float32 layer with these weights, and outputs around zero."""
    net = mx.nn.Sequential(mx.nn.Linear(*w.shape[::-1]), mx.nn.ReLU())
    w = w.astype(np.float32)
    b = -(w.astype(np.float64) @ x.mean(axis=0, dtype=np.float64)).astype(np.float32)
    net.load_state_dict({"0.weight": w, "0.bias": b})
    return net


@pytest.mark.parametrize("size", [1, 7, 500, 5000])
@pytest.mark.parametrize("offset", [0, 1e3, 1e4])
def test_far_from_zero_patterns_are_exact_whatever_the_batches(offset: float, size: int) -> None:
    """Raw sensor data: correlated, and thousands of standard deviations from zero."""
    rng = rng_of(0)
    x = (rng.normal(size=(5000, 6)) @ rng.normal(size=(6, 6)) + offset).astype(np.float32)
    net = dense_far_from_zero(rng.normal(size=(2, 6)), x)
    p = fit(net, [x[i : i + size] for i in range(0, len(x), size)], kinds=KINDS)
    assert_exact(p, net, [x.astype(np.float64)] * 2)


@pytest.mark.parametrize("weights", ["any", "of one sign", "of differences"])
def test_far_from_zero_wide_layers_have_their_patterns(weights: str) -> None:
    """The scales of the inputs differ; what varies of y is a millionth of its terms, and no rounding."""
    rng = rng_of(1)
    scale, side = np.exp(rng.normal(size=400)), rng.choice([-1, 1], 400)
    x = ((rng.normal(size=(600, 400)) + 1e4 * side) * scale).astype(np.float32)
    w = rng.normal(size=(2, 400))
    w = {"any": w, "of one sign": np.abs(w) * side, "of differences": w - (w @ side)[:, None] * side / 400}
    net = dense_far_from_zero(w[weights] / scale, x)
    assert_exact(fit(net, np.split(x, 12), kinds=KINDS), net, [x.astype(np.float64)] * 2)


@pytest.mark.parametrize("size", [1, 7, 20])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_far_from_zero_convolutions_are_exact(name: str, size: int) -> None:
    """What lies outside the image is zero, ten thousand standard deviations away."""
    settings = CONVOLUTIONS[name]
    x = rng_of(4).normal(1e4, 1, (20, 4, 9, 8)).astype(np.float32)
    net = mx.nn.Sequential(mx.nn.Conv2d(4, 8, (3, 2), rng=0, **settings), mx.nn.ReLU())
    net[0].bias.value = -1e4 * net[0].weight.value.sum(axis=(1, 2, 3))
    full = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **settings}
    w, b = (parameter.value.astype(np.float64) for parameter in net.parameters())
    samples = [of_unit for of_unit, _ in oracle.conv_samples(x.astype(np.float64), w, b, **full)]
    assert_exact(fit(net, [x[i : i + size] for i in range(0, 20, size)], kinds=KINDS), net, samples)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_unit_with_a_large_bias_is_exact_among_others(groups: int) -> None:
    """Its own outputs are far from zero, not its inputs."""
    x = rng_of(5).normal(size=(20, 4, 9, 8)).astype(np.float32)
    net = mx.nn.Sequential(mx.nn.Conv2d(4, 8, (3, 2), rng=0, groups=groups), mx.nn.ReLU())
    net[0].bias.value = np.array([0, 0, 1e5, 0, 0, 0, 0, 0], np.float32)
    w, b = (parameter.value.astype(np.float64) for parameter in net.parameters())
    geometry = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": groups}
    samples = [of_unit for of_unit, _ in oracle.conv_samples(x.astype(np.float64), w, b, **geometry)]
    p = fit(net, [x[:3], x[3:]], kinds=KINDS)["0"]
    for k in range(8):
        np.testing.assert_allclose(
            p.linear[k].reshape(-1), exact(samples[k], w[k].reshape(-1), b[k], "linear"), rtol=0, atol=1e-6
        )
    assert p.positive_count[2] == p.count


def test_far_from_zero_parts_merge_and_files_keep_them(tmp_path: Path) -> None:
    net, x = far_from_zero()
    whole = fit(net, [x], kinds=KINDS)
    parts = [fit(net, [part], kinds=KINDS) for part in np.split(x, [1, 9])]
    parts[1].save(tmp_path / "part.safetensors")
    assert_same(parts[0].merge(Patterns.load(tmp_path / "part.safetensors")).merge(parts[2]), whole, 1e-6)


def test_moments_from_before_the_rounding_was_kept_are_read() -> None:
    net, x = network(np.float32), images()
    m = fit(net, [x]).moments["0"]
    old = {name: array for name, array in m.arrays() if name != "rounding"}
    np.testing.assert_array_equal(Moments.from_arrays(m.count, old).rounding, np.finfo(np.float32).eps)


def test_moments_of_other_shapes_do_not_add() -> None:
    few, many = (moments_of(ops.linear(np.ones((2, d)), np.ones((3, d))).node) for d in (2, 5))
    with pytest.raises(ShapeError, match=r"Moments.add: other has arrays"):
        few.add(many)


# ---------------------------------------------------------------- whole networks


def images(n: int = 30, seed: int = 9) -> np.ndarray:
    return rng_of(seed).random((n, 2, 8, 8))


def fit(net: mx.nn.Module, batches, **options) -> Patterns:
    return fit_patterns(net, batches, progress=False, **options)


def test_fit_patterns_fits_every_layer_to_what_it_sees() -> None:
    net, x = network(), images()
    p = fit(net, [x[:7], x[7:8], x[8:]])
    assert list(p) == ["0", "3", "6", "9"]
    assert list(p["0"].by_kind) == list(p["6"].by_kind) == ["linear", "positive", "negative"]
    assert list(p["9"].by_kind) == ["linear"]  # no ReLU behind it
    assert p["0"].positive.shape == net[0].weight.shape
    hidden = net.eval().trace(mx.Tensor(x))[1]
    for name, before in (("6", "5"), ("9", "7")):
        samples, w = hidden[before][0].value, dict(net.named_parameters())[f"{name}.weight"].value
        y = hidden[name][0].value
        for k, kind in itertools.product(range(len(w)), p[name].by_kind):
            close(p[name].of(kind)[k], oracle.pattern(samples, y[:, k], w[k], kind))


@pytest.mark.parametrize("kinds", [KINDS, ("linear",)])
def test_dense_layers_are_fitted_a_few_units_at_a_time(monkeypatch: pytest.MonkeyPatch, kinds) -> None:
    net, x = network(), images()
    whole = fit(net, [x[:10], x[10:]], kinds=kinds)
    monkeypatch.setattr(moments, "WEIGHTS_AT_A_TIME", 16 * 2)  # two units of layer 6, with its 16 inputs
    assert_same(fit(net, [x[:10], x[10:]], kinds=kinds), whole, 1e-12)


def test_the_memory_of_a_batch(one_thread: None) -> None:
    convolved = [part for k in range(8) for part in (nn.Conv2d(4, 4, 3, padding=1, rng=k), nn.ReLU())]
    model = nn.Sequential(*convolved, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = np.random.default_rng(0).standard_normal((8, 4, 64, 64), np.float32)
    layers = linear_layers("fit_patterns", model, x[:1], ("positive",), None)
    assert all(layer.weight.base is model[int(name)].weight.value.base for name, layer in layers.items())
    sums = add_batch({}, model, x, layers)  # compiles, and makes the workspaces
    peaks = []
    for _ in range(3):  # the first may still make a workspace
        tracemalloc.start()
        try:
            add_batch(sums, model, x, layers)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert min(peaks) / x.nbytes < 18  # 8 outputs of layers, and one layer's work; the rectifiers' are 8 more


def test_batches_may_have_labels_or_be_functions_or_a_generator() -> None:
    net, x = network(), images()
    expected = fit(net, [x[:10], x[10:]])
    assert_same(fit(net, [(x[:10], None), [x[10:], np.zeros(20)]]), expected)
    assert_same(fit(net, [lambda: x[:10], lambda: (x[10:], 0)]), expected)
    assert_same(fit(net, (part for part in (x[:10], x[10:]))), expected)


def test_the_model_is_left_as_it_was_and_integers_are_cast() -> None:
    net = network(np.float32).train()
    before = net.state_dict()
    p = fit(net, [np.arange(2 * 2 * 64).reshape(2, 2, 8, 8)])
    assert net.training
    assert p["0"].linear.dtype == np.float32
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


def test_kinds_and_layers_can_be_chosen() -> None:
    net, x = network(), images()
    p = fit(net, [x], kinds=("linear",), layers=["0", "6"])
    assert {name: list(layer.by_kind) for name, layer in p.items()} == {"0": ["linear"], "6": ["linear"]}
    assert p.moments["0"].positive_x is None  # a third of the memory
    p = fit(net, [x], kinds={"default": ("positive",), "9": KINDS})
    assert list(p["3"].by_kind) == ["positive"]
    assert list(p["9"].by_kind) == list(KINDS)
    assert set(p.choose({"default": "positive", "9": "negative"})) == {"0", "3", "6", "9"}
    with pytest.raises(ValueError, match="this layer has positive"):
        p["3"].negative  # noqa: B018


def test_names_of_layers_are_matched_whole() -> None:
    net = mx.nn.Sequential(*(mx.nn.Linear(3, 3, rng=k) for k in range(11)))
    x = rng_of(0).normal(size=(9, 3)).astype(np.float32)
    assert list(fit(net, [x], layers=["10"])) == ["10"]
    assert list(fit(net, [x], layers=iter(["1", "10"]))) == ["1", "10"]
    with pytest.raises(ValueError, match="layers is the string '10'"):
        fit(net, [x], layers="10")


class Twice(mx.nn.Module):
    """One layer, called twice."""

    def __init__(self) -> None:
        self.dense = mx.nn.Linear(4, 4, rng=0)
        self.relu = mx.nn.ReLU()

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return self.relu(self.dense(self.relu(self.dense(x))))


def test_a_layer_called_twice_pools_its_samples() -> None:
    net, x = Twice(), rng_of(2).normal(size=(50, 4)).astype(np.float32)
    p = fit(net, [x])
    w, b = net.dense.weight.value.astype(float), net.dense.bias.value
    samples = np.concatenate([x, np.maximum(x @ w.T + b, 0)])
    assert p["dense"].count == 100
    for k in range(4):
        close(p["dense"].positive[k], oracle.pattern(samples, samples @ w[k] + b[k], w[k], "positive"), 1e-4)


def test_they_print_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    net = network()
    put(net[0].bias, [-1e3, 1e3], slice(2))
    p = fit_patterns(net, [images()])
    printed = capsys.readouterr()
    assert "fit_patterns: 4 layers with 311 weights; the sums take 0.0 MB" in printed.out
    lines = repr(p).splitlines()
    assert lines[0].split() == ["layer", "units", "samples", "never", "fired", "always", "fired", "wᵀa"]
    assert lines[1].split()[:5] == ["0", "6", "1,920", "1", "1"]
    assert "positive 1 in 5, 0 in 1" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batches": []}, "batches is empty"),
        ({"batches": [np.zeros((2, 3, 8, 8))]}, "x has 3 channels, weight expects 2"),
        ({"batches": [np.full((1, 2, 8, 8), np.nan)]}, "x of batches holds NaN or inf"),
        ({"batches": [np.zeros((0, 2, 8, 8))]}, "expected a batch"),
        ({"kinds": ("positif",)}, r"kinds has \('positif',\), expected one or more of linear"),
        ({"kinds": ()}, r"kinds has \(\)"),
        ({"kinds": {"17": ("linear",)}}, "kinds names '17', expected some of 0, 3, 6, 9"),
        ({"layers": ["1"]}, "layers names '1', expected some of 0, 3, 6, 9"),
        ({"layers": "6"}, r"fit_patterns: layers is the string '6', expected several: \['6'\]"),
        ({"kinds": "linear"}, "fit_patterns: kinds is the string 'linear', expected several"),
        ({"kinds": {"6": "linear"}}, "fit_patterns: kinds is the string 'linear', expected several"),
        ({"save_every": 0}, "save_every is 0"),
        ({"client": object(), "checkpoint": "x.safetensors"}, "expected None with a client"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(network(), **{"batches": [images()], **arguments})


def test_batch_normalisation_is_part_of_the_units_before_it() -> None:
    nn = mx.nn
    net = nn.Sequential(nn.Conv2d(2, 3, 3, rng=0), nn.BatchNorm2d(3), nn.ReLU())
    rng = np.random.default_rng(0)
    state = net.state_dict() | {"1.running_mean": rng.standard_normal(3).astype(np.float32)}
    net.load_state_dict(state | {"1.weight": np.array([2, -0.5, 0.25], np.float32)})
    merged = nn.merge_batch_norm(net, images()[:1].astype(np.float32))
    own, of_merged = fit(net, [images()]), fit(merged, [images()])
    assert list(own["0"].by_kind) == ["linear", "positive", "negative"]
    for kind, a in own["0"].by_kind.items():
        np.testing.assert_allclose(a, of_merged["0"].of(kind), rtol=1e-4, atol=1e-5)


def test_an_unknown_layer_is_named() -> None:
    p = fit(network(), [images()])
    with pytest.raises(KeyError, match="no layer '1', expected one of 0, 3, 6, 9"):
        p["1"]
    with pytest.raises(ValueError, match="kind names layer '1', expected 0, 3, 6, 9"):
        p.choose({"1": "linear"})
    with pytest.raises(ValueError, match="kind is 'positif', expected one of"):
        p.choose("positif")


# ---------------------------------------------------------------- the caller's context


def test_fits_do_not_depend_on_the_callers_context() -> None:
    """Inside `no_tape` nothing was recorded, and nothing fitted."""
    net, x = network(), images()
    expected = fit(net, [x[:10], x[10:]])
    with mx.no_tape():
        assert_same(fit(net, [x[:10], x[10:]]), expected)
    assert expected["0"].count == 30 * 64


def test_batches_may_be_made_without_a_tape() -> None:
    """A generator's `with` block stays open while the fit works on what it yielded."""
    net, x = network(), images()

    def batches():
        with mx.no_tape():
            for part in (x[:10], x[10:]):
                yield mx.ops.multiply(mx.Tensor(part), 1.0).value

    assert_same(fit(net, batches()), fit(net, [x[:10], x[10:]]))
    assert mx.ops.relu(mx.Tensor(x[:1])).node is not None  # and it is closed


# ---------------------------------------------------------------- merging and files


def test_merging_gives_what_one_pass_gives() -> None:
    net, x = network(), images(30)
    a, b, c = (fit(net, [part]) for part in np.split(x, [5, 20]))
    whole = fit(net, [x])
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        assert_same(merged, whole, 1e-9)
    assert_same(a, fit(net, [x[:5]]))  # unchanged


def test_only_patterns_of_one_model_merge(tmp_path: Path) -> None:
    a = fit(network(), [images()])
    with pytest.raises(ValueError, match="of another model"):
        a.merge(fit(network(seed=5), [images()]))
    with pytest.raises(ValueError, match="of other layers"):
        a.merge(fit(network(), [images()], layers=["0"]))
    with pytest.raises(ValueError, match="of other kinds"):
        a.merge(fit(network(), [images()], kinds=("linear", "positive")))
    a.save(tmp_path / "small.safetensors", moments=False)
    with pytest.raises(ValueError, match="saved with moments=False"):
        a.merge(Patterns.load(tmp_path / "small.safetensors"))


def test_files_bring_everything_back(tmp_path: Path) -> None:
    net, x = network(), images()
    a, b = fit(net, [x[:11]]), fit(net, [x[11:]])
    for name, p in (("a", a), ("b", b)):
        p.save(tmp_path / f"{name}.safetensors")
    loaded = Patterns.load(tmp_path / "a.safetensors")
    assert_same(loaded, a)
    assert repr(loaded) == repr(a)
    assert_same(loaded.merge(Patterns.load(tmp_path / "b.safetensors")), a.merge(b))
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").stat().st_size == (tmp_path / "a.safetensors").stat().st_size


def test_others_may_read_the_file(tmp_path: Path) -> None:
    fit(network(), [images()]).save(tmp_path / "p.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "p.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_small_files(tmp_path: Path) -> None:
    a = fit(network(), [images()])
    a.save(tmp_path / "small.safetensors", moments=False, dtype=np.float16)
    loaded = Patterns.load(tmp_path / "small.safetensors")
    assert_same(loaded, a, 2e-3)
    assert loaded["0"].linear.dtype == np.float32
    arrays, _ = mx.data.read_sealed(tmp_path / "small.safetensors", "minixai patterns 1")
    assert not any("moments" in name or "weight" in name for name in arrays)


def test_the_digest_of_a_model_is_kept_while_it_holds_the_same_arrays(monkeypatch) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.BatchNorm2d(2))
    hashed = []
    digest = patterns.digest
    monkeypatch.setattr(patterns, "digest", lambda arrays: hashed.extend(arrays) or digest(arrays))

    before = patterns.digest_of(net)
    hashed.clear()
    assert patterns.digest_of(net) == before
    assert hashed == ["1.running_mean", "1.running_var"]

    seen = {before}
    net[1].running_mean[0] = 1  # a buffer may be written to
    seen.add(patterns.digest_of(net))
    nn.SGD([net[0].bias], lr=0.1).step({net[0].bias: np.ones(2, np.float32)})
    seen.add(patterns.digest_of(net))
    net[0].weight.value = 2 * net[0].weight.value
    seen.add(patterns.digest_of(net))
    net[0].weight = nn.Parameter(3 * net[0].weight.value)
    seen.add(patterns.digest_of(net))
    net.load_state_dict({key: array + 1 for key, array in net.state_dict().items()})
    seen.add(patterns.digest_of(net))
    assert len(seen) == 6
    assert patterns.digest_of(net) == patterns.digest_of(copy.deepcopy(net))


def test_a_file_without_what_patterns_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    fit(network(), [images()]).save(path)
    arrays, about = mx.data.read_sealed(path, "minixai patterns 1")
    for key in ("0/positive_count", "0/wa.linear", "0/moments.sum_x"):
        mx.data.write_sealed(path, {k: array for k, array in arrays.items() if k != key}, about)
        with pytest.raises(FileFormatError, match=r"Patterns\.load: .* cannot be read: .*(lacks|missing) "):
            Patterns.load(path)
    mx.data.write_sealed(path, arrays, {"format": about["format"]})
    with pytest.raises(FileFormatError, match="cannot be read: it lacks 'counts'"):
        Patterns.load(path)


def test_altered_truncated_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    fit(network(), [images()]).save(path, moments=False)
    whole = path.read_bytes()
    rng = rng_of(0)
    for place in [*rng.integers(0, len(whole), 200), 0, 8, len(whole) - 1]:
        altered = bytearray(whole)
        altered[place] ^= 1 << rng.integers(8)
        path.write_bytes(altered)
        with pytest.raises(FileFormatError):
            Patterns.load(path)
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(FileFormatError):
            Patterns.load(path)
    mx.data.write_arrays(path, {"a": np.zeros(2)})
    with pytest.raises(FileFormatError, match="expected 'minixai patterns 1'"):
        Patterns.load(path)
    with pytest.raises(FileNotFoundError):
        Patterns.load(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match=r"ends in '.npz'"):
        fit(network(), [images()]).save(tmp_path / "p.npz")
