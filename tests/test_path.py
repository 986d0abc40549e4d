"""Integrated gradients, SmoothGrad and VarGrad."""

import inspect
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from minixai.errors import ShapeError
from minixai.methods import ZeroMapWarning, path
from tests.networks import Watched, cast, float64, put, small
from tests.oracles import path as oracle

METHODS = [path.integrated_gradients, path.smoothgrad, path.vargrad]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def smooth():
    """A network whose gradient is nowhere constant."""
    rng = np.random.default_rng(1)
    return float64(mx.nn.Sequential(mx.nn.Linear(6, 9, rng=rng), mx.nn.Tanh(), mx.nn.Linear(9, 4, rng=rng)))


@pytest.fixture(scope="module")
def convolutional():
    return small((8, 8), 2, mx.nn.Softplus())


@pytest.fixture(scope="module")
def x():
    return RNG.standard_normal((3, 6))


@pytest.fixture(scope="module")
def images():
    return RNG.standard_normal((3, 2, 8, 8))


def gradient_of(model, target):
    weights = model.state_dict()
    arrays = weights["0.weight"], weights["0.bias"], weights["2.weight"][target]
    return lambda point: oracle.tanh_network(point, *arrays)[1]


# Integrated gradients


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("baseline", [0.0, -0.5, RNG.standard_normal(6), RNG.standard_normal((3, 6))])
def test_integrated_gradients_against_plain_loops(smooth, x, steps, baseline):
    e = path.integrated_gradients(smooth, x, target=[0, 3, 1], baseline=baseline, steps=steps, progress=False)
    starts = np.broadcast_to(baseline, x.shape)
    for i, target in enumerate([0, 3, 1]):
        expected = oracle.integrated_gradients(gradient_of(smooth, target), x[i], starts[i], steps)
        np.testing.assert_allclose(e.map[i], expected, atol=1e-14)
    assert (e.kind, e.unit.label) == ("attribution", "logit")


def test_the_gap_is_what_completeness_misses_and_shrinks_fourfold_with_twice_the_steps(smooth, x):
    baseline = np.full(6, 0.3)
    change = (
        smooth.predict(x).max(1)
        - smooth.predict(np.tile(baseline, (3, 1)))[np.arange(3), smooth.predict(x).argmax(1)]
    )
    gaps = []
    for steps in (20, 40, 80):
        e = path.integrated_gradients(smooth, x, baseline=baseline, steps=steps, progress=False)
        np.testing.assert_allclose(e.gap, e.map.sum(1) - change, atol=1e-14)
        gaps.append(np.abs(e.gap))
    assert (gaps[0] > 1e-6).all()
    np.testing.assert_allclose(gaps[0] / gaps[1], 4, rtol=0.05)
    np.testing.assert_allclose(gaps[1] / gaps[2], 4, rtol=0.02)
    assert (np.abs(path.integrated_gradients(smooth, x, steps=4000, progress=False).gap) < 1e-7).all()


def test_integrated_gradients_of_a_linear_model_are_exact_in_one_step(x):
    model = float64(mx.nn.Linear(6, 4, rng=3))
    e = path.integrated_gradients(model, x, target=2, baseline=1.5, steps=1, progress=False)
    np.testing.assert_allclose(e.map, (x - 1.5) * model.weight.value[2], atol=1e-14)
    np.testing.assert_allclose(e.gap, 0, atol=1e-14)


def test_the_target_is_the_one_at_x_though_another_leads_along_the_path():
    model = float64(mx.nn.Linear(1, 2))
    put(model.weight, [[1.0], [3.0]])  # class 1 leads above ½ only
    put(model.bias, [1.0, 0.0])
    e = path.integrated_gradients(model, np.ones((1, 1)), steps=10, progress=False)
    assert e.target == [1]
    np.testing.assert_allclose(e.map, 3)


def test_the_strongest_neuron_is_the_one_at_x(convolutional, images):
    e = path.integrated_gradients(
        convolutional, images, layer="1", neuron=(3, "max"), steps=5, progress=False
    )
    for i, index in enumerate(e.target):
        place = tuple(int(k) for k in np.unravel_index(index, (4, 8, 8)))
        fixed = path.integrated_gradients(
            convolutional, images[i : i + 1], layer="1", neuron=place, steps=5, progress=False
        )
        np.testing.assert_allclose(e.map[i], fixed.map[0], atol=1e-14)


# SmoothGrad and VarGrad


def test_smoothgrad_and_vargrad_against_plain_loops(smooth, x):
    noise = RNG.standard_normal((11, *x.shape))
    mean = path.smoothgrad(smooth, x, target=[0, 3, 1], noise=noise, progress=False)
    variance = path.vargrad(smooth, x, target=[0, 3, 1], noise=noise, progress=False)
    for i, target in enumerate([0, 3, 1]):
        expected = oracle.mean_and_variance(gradient_of(smooth, target), x[i], noise[:, i])
        np.testing.assert_allclose(mean.map[i], expected[0], atol=1e-14)
        np.testing.assert_allclose(variance.map[i], expected[1], atol=1e-14)
    np.testing.assert_array_equal(mean.score, smooth.predict(x)[np.arange(3), [0, 3, 1]])


def test_without_noise_smoothgrad_is_the_gradient_and_vargrad_zero(convolutional, images):
    g = mx.methods.gradient(convolutional, images)
    e = path.smoothgrad(convolutional, images, sigma=0, n_samples=3, progress=False)
    np.testing.assert_allclose(e.map, g.map, atol=1e-15)
    with pytest.warns(ZeroMapWarning, match="VarGrad of .*: the map of image 0, 1, 2"):
        flat = path.vargrad(convolutional, images, sigma=0, n_samples=3, progress=False)
    assert not flat.map.any()


def test_sigma_is_a_share_of_each_images_own_range(smooth, x):
    """The gradient of x²/2 is x: that of the noisy points shows the noise itself."""

    class Square(mx.nn.Module):
        def forward(self, x):
            return (x * x * 0.5).sum(axis=1, keepdims=True)

    wide = np.stack([np.linspace(0, 1, 2000), np.linspace(-3, 5, 2000)])
    spread = np.sqrt(path.vargrad(Square(), wide, n_samples=40, sigma=0.2, progress=False).map.mean(1))
    np.testing.assert_allclose(spread, [0.2, 1.6], rtol=0.03)


@pytest.mark.parametrize("method", [path.smoothgrad, path.vargrad])
def test_the_noise_depends_on_its_seed_alone(convolutional, images, method):
    options = {"n_samples": 5, "progress": False}
    first = method(convolutional, images, noise_seed=3, **options).map
    np.testing.assert_array_equal(method(convolutional, images, noise_seed=3, **options).map, first)
    assert not np.allclose(method(convolutional, images, noise_seed=4, **options).map, first)
    alone = method(convolutional, images[1:2], target=None, noise_seed=3, **options).map
    np.testing.assert_allclose(alone[0], first[1], atol=1e-14)


# All


@pytest.mark.parametrize("method", METHODS)
def test_the_batch_size_does_not_change_the_map(convolutional, images, method):
    maps = [
        method(convolutional, images, [0, 2, 1], batch_size=size, progress=False).map
        for size in (1, 4, 7, 1000)
    ]
    for other in maps[1:]:
        np.testing.assert_allclose(other, maps[0], atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_no_more_than_batch_size_points_at_a_time(convolutional, images, method):
    model = Watched(convolutional)
    method(model, np.tile(images, (3, 1, 1, 1)), batch_size=4, progress=False)
    assert max(model.sizes) == 4
    assert sum(model.sizes) >= 9 * 50


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("one_thread")
def test_the_memory_does_not_grow_with_the_samples(method):
    model = mx.nn.Sequential(
        mx.nn.Conv2d(1, 4, 3, rng=0), mx.nn.Softplus(), mx.nn.AdaptiveAvgPool2d(1), mx.nn.Flatten()
    )
    image, peaks = np.linspace(0, 1, 48 * 48).reshape(1, 1, 48, 48), []
    name = "steps" if method is path.integrated_gradients else "n_samples"
    method(model, image, progress=False)
    for count in (4, 100):
        tracemalloc.start()
        method(model, image, batch_size=4, progress=False, **{name: count})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 10 * image.nbytes  # not that of 96 more


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_call_leaves_the_model_as_it_was(convolutional, images, method):
    model = Watched(convolutional, interrupted_at=3)
    model.train()
    model.model[0].eval()
    with pytest.raises(KeyboardInterrupt):
        method(model, images, batch_size=2, progress=False)
    assert model.training
    assert not model.model[0].training
    assert len(model.sizes) == 3
    model.interrupted_at = None
    expected = method(convolutional, images, progress=False).map
    np.testing.assert_allclose(method(model, images, progress=False).map, expected, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_a_bar_shows_the_progress_unless_it_is_switched_off(convolutional, images, method, capsys):
    method(convolutional, images, progress=True)
    assert "/150" in capsys.readouterr().err
    method(convolutional, images, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_have_the_models_dtype(images, dtype, method):
    model = cast(mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(128, 5, rng=0), mx.nn.Tanh()), dtype)
    e = method(model, (100 * images).astype(int) / np.float32(100), progress=False)
    assert (e.map.dtype, e.x.dtype, e.score.dtype) == (dtype, dtype, dtype)
    assert e.map.shape == images.shape


@pytest.mark.parametrize("method", METHODS)
def test_units_and_seeds(convolutional, images, method):
    options = {"n_samples": 4} if "n_samples" in inspect.signature(method).parameters else {"steps": 4}
    options["progress"] = False
    one = method(convolutional, images, layer="4", neuron=(1,), **options)
    np.testing.assert_allclose(one.map, method(convolutional, images, target=1, **options).map)
    value = method(convolutional, images, target=1, seed="value", **options)
    factor = one.score[:, None, None, None] ** (2 if method is path.vargrad else 1)
    np.testing.assert_allclose(value.map, factor * one.map)
    if method is not path.vargrad:  # the others are linear in the score
        parts = [method(convolutional, images, layer="4", neuron=k, **options).map for k in range(3)]
        whole = method(convolutional, images, layer="4", **options)
        np.testing.assert_allclose(whole.map, sum(parts), atol=1e-14)
        np.testing.assert_array_equal(whole.target, -1)
        maps = [method(convolutional, images, layer="1", neuron=(k,), **options).map for k in range(4)]
        whole = method(convolutional, images, layer="1", **options)
        np.testing.assert_allclose(sum(maps), whole.map, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_a_final_softmax_is_skipped(convolutional, images, method):
    with_softmax = mx.nn.Sequential(convolutional, mx.nn.Softmax())
    expected = method(convolutional, images, progress=False)
    np.testing.assert_array_equal(method(with_softmax, images, progress=False).map, expected.map)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_of_zeros_points_at_the_callers_line(method):
    model = mx.nn.Sequential(mx.nn.Linear(2, 1), mx.nn.ReLU())
    put(model[0].weight, 1)
    put(model[0].bias, -100)
    with pytest.warns(ZeroMapWarning, match="zero everywhere") as said:
        method(model, np.ones((1, 2)), progress=False)
    assert [Path(each.filename).name for each in said] == ["test_path.py"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": 3}, ValueError, r"target is 3, expected class indices in \[0, 3\)"),
        ({"target": [0, 1, 2, 0]}, TypeError, "expected a class index, 3 of them, or None"),
        ({"target": 0.5}, TypeError, "target"),
        ({"layer": "8"}, ValueError, "layer '8' is not in the model"),
        ({"layer": "1", "target": 0}, ValueError, "only one of them"),
        ({"neuron": (0, 0, 0)}, ValueError, "layer is not given"),
        ({"seed": "two"}, ValueError, "seed is 'two'"),
        ({"x": np.zeros((0, 2, 8, 8))}, ShapeError, "not empty"),
        ({"x": np.full((1, 2, 8, 8), np.nan)}, ValueError, "x holds NaN or inf"),
        ({"x": np.zeros((1, 3, 8, 8))}, ShapeError, "channels"),
        ({"batch_size": 0}, ValueError, "batch_size is 0, expected at least 1"),
        ({"batch_size": 2.5}, TypeError, "batch_size is 2.5, expected a whole number"),
    ],
)
def test_bad_arguments_are_refused(convolutional, images, method, arguments, error, message):
    arguments = {"batch_size": 2, "progress": False} | arguments
    with pytest.raises(error, match=message):
        method(convolutional, **({"x": images} | arguments))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"steps": 0}, ValueError, "integrated_gradients: steps is 0, expected at least 1"),
        ({"steps": 1.5}, TypeError, "steps is 1.5, expected a whole number"),
        ({"baseline": np.inf}, ValueError, "baseline holds NaN or inf"),
        ({"baseline": np.zeros((2, 3, 3))}, ShapeError, r"baseline has shape \(2, 3, 3\)"),
        ({"baseline": np.zeros((4, 2, 8, 8))}, ShapeError, "or what fits x"),
    ],
)
def test_integrated_gradients_refuses(convolutional, images, arguments, error, message):
    with pytest.raises(error, match=message):
        path.integrated_gradients(convolutional, images, progress=False, **arguments)


@pytest.mark.parametrize("method", [path.smoothgrad, path.vargrad])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples is 0, expected at least 1"),
        ({"n_samples": 2.5}, TypeError, "n_samples is 2.5, expected a whole number"),
        ({"sigma": -0.1}, ValueError, "sigma is -0.1, expected a finite number, at least 0"),
        ({"sigma": np.nan}, ValueError, "sigma is nan"),
        ({"noise_seed": -1}, ValueError, "noise_seed is -1, expected at least 0"),
        ({"noise_seed": "one"}, TypeError, "noise_seed is 'one'"),
        ({"noise": np.zeros((4, 2, 8, 8))}, ShapeError, r"expected \(n_samples, \*\(3, 2, 8, 8\)\)"),
        ({"noise": np.zeros((0, 3, 2, 8, 8))}, ValueError, "n_samples is 0"),
        ({"noise": np.full((1, 3, 2, 8, 8), np.nan)}, ValueError, "noise holds NaN or inf"),
        ({"noise": 0.1}, ShapeError, r"noise has shape \(\)"),
    ],
)
def test_smoothgrad_and_vargrad_refuse(convolutional, images, method, arguments, error, message):
    with pytest.raises(error, match=message):
        method(convolutional, images, progress=False, **arguments)


@pytest.mark.parametrize("method", METHODS)
def test_a_weight_that_is_no_number_is_named(images, method):
    model = mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(128, 2, rng=0))
    put(model[1].weight, np.nan, 0)
    with pytest.raises(ValueError, match=r"the model's output is not finite; .*1\.weight"):
        method(model, images, progress=False)
