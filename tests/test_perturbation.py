"""Occlusion and RISE."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from minixai.errors import ShapeError
from minixai.methods import ZeroMapWarning, perturbation
from tests.networks import Watched, cast, float64, put, small
from tests.oracles import perturbation as oracle

METHODS = [perturbation.occlusion, perturbation.rise]
FEW = {perturbation.occlusion: {}, perturbation.rise: {"n_masks": 20}}
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def net():
    return small((8, 11), seed=1)


@pytest.fixture(scope="module")
def x():
    return RNG.standard_normal((3, 2, 8, 11))


def softmax(logits):
    e = np.exp(logits - logits.max())
    return e / e.sum()


# Occlusion


@pytest.mark.parametrize(
    ("patch", "stride"),
    [(2, 2), (3, 1), (3, 3), ((4, 3), (3, 2)), ((8, 11), (1, 1)), ((1, 11), 1), (5, 4), (7, 5)],
)
@pytest.mark.parametrize("fill", [0.0, 0.7, [0.3, -2.0]])
def test_occlusion_against_plain_loops(net, x, patch, stride, fill):
    target = [0, 2, 1]
    e = perturbation.occlusion(net, x, target, patch=patch, stride=stride, fill=fill, progress=False)
    for i, image in enumerate(x):
        expected = oracle.occlusion(
            lambda covered, k=target[i]: net.predict(covered[None])[0, k],
            image,
            np.broadcast_to(patch, 2),
            np.broadcast_to(stride, 2),
            np.broadcast_to(fill, 2),
        )
        np.testing.assert_allclose(e.map[i].sum(0), expected, atol=1e-13)
        np.testing.assert_array_equal(e.map[i, 0], e.map[i, 1])
    assert (e.kind, e.unit.label) == ("attribution", "logit")


def test_occlusion_of_a_linear_model_by_single_pixels_is_its_input_x_gradient():
    model = float64(mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(12, 2, rng=0)))
    image = RNG.standard_normal((1, 1, 3, 4))
    e = perturbation.occlusion(model, image, patch=1, progress=False)
    np.testing.assert_allclose(e.map, mx.methods.input_x_gradient(model, image).map, atol=1e-14)


def test_the_default_patch_is_an_eighth_of_the_image_at_half_a_patch_a_step():
    model = mx.nn.Sequential(mx.nn.AdaptiveAvgPool2d(1), mx.nn.Flatten(), mx.nn.Linear(2, 2, rng=0))
    image = RNG.standard_normal((1, 2, 32, 48))
    expected = perturbation.occlusion(model, image, patch=(4, 6), stride=(2, 3), progress=False)
    np.testing.assert_array_equal(perturbation.occlusion(model, image, progress=False).map, expected.map)


def test_occlusion_explains_units_of_inner_layers(net, x):
    e = perturbation.occlusion(net, x, layer="1", neuron=(3, "max"), patch=3, stride=2, progress=False)
    for i, index in enumerate(e.target):
        expected = oracle.occlusion(
            lambda covered, k=index: net.trace(mx.Tensor(covered[None]))[1]["1"][0].value.reshape(-1)[k],
            x[i],
            (3, 3),
            (2, 2),
            (0, 0),
        )
        np.testing.assert_allclose(e.map[i].sum(0), expected, atol=1e-13)
    dense = perturbation.occlusion(net, x, layer="4", neuron=1, patch=3, progress=False)
    by_class = perturbation.occlusion(net, x, target=1, patch=3, progress=False)
    np.testing.assert_array_equal(dense.map, by_class.map)
    parts = [perturbation.occlusion(net, x, layer="4", neuron=k, patch=3, progress=False) for k in range(3)]
    whole = perturbation.occlusion(net, x, layer="4", patch=3, progress=False)
    np.testing.assert_allclose(whole.map, sum(part.map for part in parts), atol=1e-14)


def test_occlusion_explains_a_whole_feature_map(net, x):
    """The total activation of a feature map, as in Zeiler and Fergus' figure 7 b."""
    e = perturbation.occlusion(net, x, layer="1", neuron=(3,), patch=3, stride=2, progress=False)
    for i, image in enumerate(x):
        expected = oracle.occlusion(
            lambda covered: net.trace(mx.Tensor(covered[None]))[1]["1"][0].value[0, 3].sum(),
            image,
            (3, 3),
            (2, 2),
            (0, 0),
        )
        np.testing.assert_allclose(e.map[i].sum(0), expected, atol=1e-13)


def test_the_target_is_the_one_at_x_though_another_leads_where_it_is_covered():
    model = float64(mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(1, 2)))
    put(model[1].weight, [[1.0], [3.0]])
    put(model[1].bias, [1.0, 0.0])
    e = perturbation.occlusion(model, np.ones((1, 1, 1, 1)), progress=False)
    assert e.target == [1]
    np.testing.assert_array_equal(e.map, [[[[3.0]]]])


# RISE


def masks_by_loops(count, grid, p, seed, height, width):
    """The numbers are drawn as the module says: cells, then the shifts down and to the right."""
    masks = []
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        cells = rng.random((grid, grid)) < p
        shifts = [rng.integers(-(-side // grid)) for side in (height, width)]
        masks.append(oracle.rise_mask(cells, shifts, height, width))
    return masks


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(("grid", "p", "seed"), [(7, 0.5, 0), (3, 0.2, 5), (1, 0.5, 1), (16, 0.5, 2)])
def test_rise_against_plain_loops(net, x, grid, p, seed, centred):
    options = {"n_masks": 9, "grid": grid, "p": p, "mask_seed": seed, "centred": centred}
    e = perturbation.rise(net, x, target=[0, 2, 1], progress=False, **options)
    masks = masks_by_loops(9, grid, p, seed, 8, 11)
    for i, target in enumerate([0, 2, 1]):
        expected = oracle.rise(
            lambda seen, k=target: softmax(net.predict(seen[None])[0])[k], x[i], masks, p, centred
        )
        np.testing.assert_allclose(e.map[i].sum(0), expected, atol=1e-14)
        np.testing.assert_array_equal(e.map[i, 0], e.map[i, 1])
    assert (e.kind, e.unit.label) == ("attribution", "logit")
    np.testing.assert_array_equal(e.score, net.predict(x)[np.arange(3), [0, 2, 1]])


def test_the_masks_have_mean_p_at_every_pixel():
    """A model of equal logits has probability ½ under every mask: eq. 6 is ½ · mean mask / p."""
    model = mx.nn.Sequential(mx.nn.AdaptiveAvgPool2d(1), mx.nn.Flatten(), mx.nn.Linear(1, 2))
    put(model[2].weight, 0)
    put(model[2].bias, 0)
    image = np.ones((1, 1, 20, 30))
    for p in (0.3, 0.5):
        options = {"n_masks": 3000, "p": p, "batch_size": 500, "progress": False}
        e = perturbation.rise(model, image, centred=False, **options)
        np.testing.assert_allclose(e.map, 0.5, atol=6 * 0.5 * np.sqrt((1 - p) / p / 3000))


def test_rise_finds_the_pixels_that_a_class_depends_on():
    model = float64(mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(28 * 28, 2)))
    weight = np.zeros((2, 28, 28))
    weight[1, 18:24, 4:10] = 1
    put(model[1].weight, weight.reshape(2, -1))
    put(model[1].bias, [0, -18])
    e = perturbation.rise(model, np.ones((1, 1, 28, 28)), target=1, n_masks=2000, progress=False)
    row, column = np.unravel_index(e.map[0, 0].argmax(), (28, 28))
    assert 18 <= row < 24
    assert 4 <= column < 10
    assert e.map[0, 0, 18:24, 4:10].mean() > 10 * np.abs(e.map[0, 0, :14]).mean()


def test_the_masks_depend_on_their_seed_alone(net, x):
    options = {"n_masks": 6, "progress": False}
    first = perturbation.rise(net, x, mask_seed=3, **options).map
    np.testing.assert_array_equal(perturbation.rise(net, x, mask_seed=3, **options).map, first)
    assert not np.allclose(perturbation.rise(net, x, mask_seed=4, **options).map, first)
    alone = perturbation.rise(net, x[1:2], mask_seed=3, **options).map
    np.testing.assert_allclose(alone[0], first[1], atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_a_final_softmax_changes_nothing(net, x, method):
    options = FEW[method] | {"progress": False}
    expected = method(net, x, **options)
    e = method(mx.nn.Sequential(net, mx.nn.Softmax()), x, **options)
    np.testing.assert_array_equal(e.map, expected.map)
    np.testing.assert_array_equal(e.score, expected.score)


# Both


@pytest.mark.parametrize("method", METHODS)
def test_the_batch_size_does_not_change_the_map(net, x, method):
    options = FEW[method] | {"target": [0, 2, 1], "progress": False}
    first = method(net, x, batch_size=1, **options).map
    for size in (4, 7, 1000):
        np.testing.assert_allclose(method(net, x, batch_size=size, **options).map, first, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_no_more_than_batch_size_images_at_a_time(net, x, method):
    model = Watched(net)
    method(model, np.tile(x, (3, 1, 1, 1)), batch_size=4, progress=False, **FEW[method])
    assert max(model.sizes) == 4
    assert sum(model.sizes) >= 9 * 20


@pytest.mark.parametrize(
    ("method", "few", "many"),
    [
        (perturbation.occlusion, {"patch": 12, "stride": 12}, {"patch": 12, "stride": 4}),
        (perturbation.rise, {"n_masks": 16}, {"n_masks": 100}),
    ],
)
@pytest.mark.usefixtures("one_thread")
def test_the_memory_does_not_grow_with_the_number_of_covered_images(method, few, many):
    model = mx.nn.Sequential(
        mx.nn.Conv2d(1, 4, 3, rng=0), mx.nn.ReLU(), mx.nn.AdaptiveAvgPool2d(1), mx.nn.Flatten()
    )
    image, peaks = np.linspace(0, 1, 48 * 48).reshape(1, 1, 48, 48), []
    method(model, image, progress=False, **few)
    for options in (few, many):  # 16 and 100 covered images
        tracemalloc.start()
        method(model, image, batch_size=4, progress=False, **options)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 10 * image.nbytes  # not that of 84 more


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_call_leaves_the_model_and_x_as_they_were(net, x, method):
    model, before = Watched(net, interrupted_at=4), x.copy()
    model.train()
    model.model[0].eval()
    with pytest.raises(KeyboardInterrupt):
        method(model, x, batch_size=2, progress=False, **FEW[method])
    assert model.training
    assert not model.model[0].training
    assert len(model.sizes) == 4
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("method", METHODS)
def test_a_bar_shows_the_progress_unless_it_is_switched_off(net, x, method, capsys):
    method(net, x, progress=True, **FEW[method])
    assert ("/60" if method is perturbation.rise else "/264") in capsys.readouterr().err
    method(net, x, progress=False, **FEW[method])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_have_the_models_dtype(dtype, method):
    model = cast(mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(128, 5, rng=0)), dtype)
    e = method(model, RNG.integers(0, 255, (3, 2, 8, 8), np.uint8), progress=False, **FEW[method])
    assert (e.map.dtype, e.x.dtype, e.score.dtype) == (dtype, dtype, dtype)
    assert e.map.shape == (3, 2, 8, 8)


def test_a_map_of_zeros_points_at_the_callers_line():
    model = mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(64, 1), mx.nn.ReLU())
    put(model[1].weight, 1)
    put(model[1].bias, -100)
    with pytest.warns(ZeroMapWarning, match="occlusion of .*: the map of image 0 is zero everywhere") as said:
        perturbation.occlusion(model, np.ones((1, 1, 8, 8)), progress=False)
    assert [Path(each.filename).name for each in said] == ["test_perturbation.py"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": 3}, ValueError, r"target is 3, expected class indices in \[0, 3\)"),
        ({"target": [0, 1, 2, 0]}, TypeError, "expected a class index, 3 of them, or None"),
        ({"target": 0.5}, TypeError, "target"),
        ({"x": np.zeros((0, 2, 8, 11))}, ShapeError, "not empty"),
        ({"x": np.full((1, 2, 8, 11), np.nan)}, ValueError, "x holds NaN or inf"),
        ({"x": np.zeros((1, 3, 8, 11))}, ShapeError, "channels"),
        ({"batch_size": 0}, ValueError, "batch_size is 0, expected at least 1"),
        ({"batch_size": 2.5}, TypeError, "batch_size is 2.5, expected a whole number"),
    ],
)
def test_bad_arguments_are_refused(net, x, method, arguments, error, message):
    arguments = {"batch_size": 2, "progress": False} | arguments
    with pytest.raises(error, match=message):
        method(net, **({"x": x} | arguments))


@pytest.mark.parametrize("method", METHODS)
def test_only_images_can_be_covered(method):
    model = mx.nn.Linear(4, 2, rng=0)
    with pytest.raises(ShapeError, match=r"x has shape \(1, 4\), expected four axes"):
        method(model, np.ones((1, 4)), progress=False)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"patch": 9}, ValueError, r"occlusion: patch is \(9, 9\), expected at most the image \(8, 11\)"),
        ({"patch": 0}, ValueError, "patch is 0, expected at least 1"),
        ({"patch": 2.5}, TypeError, "patch is 2.5"),
        ({"patch": 2, "stride": (2, 3)}, ValueError, "it would leave pixels out"),
        ({"stride": 0}, ValueError, "stride is 0, expected at least 1"),
        ({"fill": [0, 0, 0]}, ShapeError, r"fill has shape \(3,\), expected a number or 2 of them"),
        ({"fill": np.nan}, ValueError, "fill holds NaN or inf"),
        ({"layer": "8"}, ValueError, "layer '8' is not in the model"),
        ({"layer": "1", "target": 0}, ValueError, "only one of them"),
        ({"neuron": (0, 0, 0)}, ValueError, "layer is not given"),
    ],
)
def test_occlusion_refuses(net, x, arguments, error, message):
    with pytest.raises(error, match=message):
        perturbation.occlusion(net, x, progress=False, **arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_masks": 0}, ValueError, "rise: n_masks is 0, expected at least 1"),
        ({"grid": 0}, ValueError, "grid is 0, expected at least 1"),
        ({"grid": 2.5}, TypeError, "grid is 2.5, expected a whole number"),
        ({"mask_seed": -1}, ValueError, "mask_seed is -1, expected at least 0"),
        ({"p": 0}, ValueError, "p is 0, expected a finite number, above 0 and below 1"),
        ({"p": 1}, ValueError, "p is 1"),
        ({"p": np.nan}, ValueError, "p is nan"),
    ],
)
def test_rise_refuses(net, x, arguments, error, message):
    with pytest.raises(error, match=message):
        perturbation.rise(net, x, progress=False, **arguments)
