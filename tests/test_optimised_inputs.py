"""Inputs that excite a unit: penalties, the climb, silent units, pictures and films."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import minixai as mx
from minixai import nn
from minixai.errors import ShapeError
from minixai.methods import MapWarning, maximise
from minixai.methods.optimised_inputs import PENALTIES
from tests.networks import float64, put, small
from tests.oracles import optimised_inputs as loops

RNG = np.random.default_rng(0)
START = 0.1 * RNG.standard_normal((2, 2, 8, 8))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return small((8, 8), 1)


@pytest.fixture(scope="module")
def cifar() -> nn.Module:
    return mx.models.pretrained("cifar10_maxpool")


# ---------------------------------------------------------------- penalties


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("shape", [(2, 3, 13, 11), (1, 1, 6, 24)])
def test_a_penalty_against_plain_loops_and_its_gradient(name: str, shape: tuple[int, ...]) -> None:
    x, direction = RNG.standard_normal((2, *shape))
    leaf = mx.Tensor(x)
    h = PENALTIES[name](leaf)
    penalty = getattr(loops, name)
    np.testing.assert_allclose(h.value, [penalty(image) for image in x], rtol=1e-12)
    weights = RNG.standard_normal(len(x))
    g = mx.backward(h, weights, wrt=[leaf])[leaf]
    ahead, behind = (
        sum(weight * penalty(image) for weight, image in zip(weights, x + by * direction, strict=True))
        for by in (1e-4, -1e-4)
    )
    np.testing.assert_allclose((g * direction).sum(), (ahead - behind) / 2e-4, rtol=1e-6)


def test_the_edge_penalty_takes_less_of_what_is_smooth() -> None:
    fine = RNG.standard_normal((1, 1, 32, 32))
    rows, columns = np.mgrid[:32, :32] / 31 * np.pi
    smooth = (np.sin(rows) * np.sin(columns))[None, None]
    smooth *= np.linalg.norm(fine) / np.linalg.norm(smooth)
    of_fine, of_smooth = (PENALTIES["edges"](mx.Tensor(image)).value for image in (fine, smooth))
    assert 10 * of_smooth < of_fine


# ---------------------------------------------------------------- the climb


@pytest.mark.parametrize(("low", "high", "unit"), [(None, None, 1.0), (-0.5, 1.5, 0.5)])
def test_the_climb_is_adam_in_a_box(low: float | None, high: float | None, unit: float) -> None:
    model = float64(nn.Sequential(nn.Linear(6, 3, rng=0)))
    w, start = model[0].weight.value[1], RNG.uniform(-0.4, 0.4, (1, 6))
    bounds = {"low": low, "high": high}
    found = maximise(
        model, target=1, penalty="l2", weight=2.0, steps=40, start=start, jitter=0, progress=False, **bounds
    )
    box = (-np.inf, np.inf) if low is None else (low, high)
    expected = loops.adam_in_a_box(
        lambda x: 2 * 2 * x / unit**2 / 100 - w, start[0], unit, *box, steps=40, rate=0.1
    )
    np.testing.assert_allclose(found.x[0], expected, atol=1e-9)
    np.testing.assert_allclose(found.score, found.x @ w + model[0].bias.value[1])
    np.testing.assert_allclose(found.penalty, 2 * loops.l2(found.x / unit))
    np.testing.assert_allclose(found.scores[0, 0], start[0] @ w + model[0].bias.value[1])
    assert found.score[0] - found.penalty[0] > found.scores[0, 0] - found.penalties[0, 0]
    if low is not None:
        assert (found.x == low).any()
        assert found.scores.max() <= np.maximum(low * w, high * w).sum() + model[0].bias.value[1] + 1e-9


def test_each_target_climbs_as_it_does_alone(net: nn.Module) -> None:
    settings = {"jitter": 0, "steps": 12, "progress": False}
    both = maximise(net, target=[2, 0], start=START, **settings)
    for i, target in enumerate((2, 0)):
        alone = maximise(net, target=target, start=START[i : i + 1], **settings)
        np.testing.assert_allclose(both.x[i], alone.x[0], atol=1e-12)
        np.testing.assert_allclose(both.scores[i], alone.scores[0], atol=1e-12)
    np.testing.assert_array_equal(both.target, [2, 0])
    np.testing.assert_array_equal(both.frames[0], START)
    np.testing.assert_array_equal(both.frames[-1], both.x)
    assert both.steps.tolist() == list(range(13))


@pytest.mark.parametrize("unit", [{"layer": "1", "neuron": (2,)}, {"layer": "0", "neuron": (1, 3, 4)}])
def test_a_unit_within(net: nn.Module, unit: dict[str, object]) -> None:
    found = maximise(net, **unit, start=START[:1], jitter=0, steps=20, progress=False)
    expected = mx.methods.gradient(net, found.x, **unit).score
    np.testing.assert_allclose(found.score, expected)
    assert found.score[0] > found.scores[0, 0]


def test_jitter_asks_at_moved_images_and_moves_the_gradient_back() -> None:
    """Where all places are alike, it changes nothing."""
    rng = np.random.default_rng(1)
    everywhere = nn.Sequential(nn.Conv2d(2, 3, 1, rng=rng), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    settings = {"penalty": "l2", "start": START, "steps": 10, "progress": False}
    still, moved = (maximise(float64(everywhere), target=0, jitter=jitter, **settings) for jitter in (0, 3))
    np.testing.assert_allclose(moved.x, still.x, atol=1e-12)
    other = small((8, 8), 1)
    still, moved = (maximise(other, target=0, jitter=jitter, **settings) for jitter in (0, 3))
    assert np.abs(moved.x - still.x).max() > 0.01


def test_a_shipped_network_sees_its_class_in_an_input_that_could_be_a_photo(cifar: nn.Module) -> None:
    photos = cifar.preprocess(RNG.integers(0, 256, (3, 32, 32, 3), np.uint8))
    state = cifar.state_dict()
    training = cifar.training
    one, again, other = (
        maximise(cifar, target=[3, 4], steps=25, others=photos, seed=seed, progress=False)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.x, again.x)
    assert np.corrcoef(one.x.ravel(), other.x.ravel())[0, 1] < 0.5
    for found in (one, other):
        np.testing.assert_array_equal(cifar.predict(found.x).argmax(axis=1), [3, 4])
        np.testing.assert_allclose(cifar.predict(found.x)[[0, 1], [3, 4]], found.score, rtol=1e-5)
        assert (found.noise.max(axis=1) < found.score).all()
        pixels = (found.x * np.array(cifar.preprocess.std).reshape(3, 1, 1)).astype(float)
        pixels += np.array(cifar.preprocess.mean).reshape(3, 1, 1)
        assert pixels.min() > -1e-6
        assert pixels.max() < 1 + 1e-6
    np.testing.assert_allclose(one.others, cifar.predict(photos)[:, [3, 4]].T, rtol=1e-4, atol=1e-5)
    for key, array in cifar.state_dict().items():
        np.testing.assert_array_equal(array, state[key])
    assert cifar.training == training


def test_squeezenets_classes_are_found_in_its_own_channels(data_dir) -> None:
    net = mx.models.squeezenet1_0(data_dir / "squeezenet" / "compressed_SqueezeNet.net")
    photo = net.preprocess([mx.data.photo("chelsea")])
    found = maximise(net, target=285, steps=20, others=photo, progress=False)
    assert min(found.score[0], found.others[0, 0]) > 10 * found.noise.max()  # an Egyptian cat
    assert net.predict(found.x).argmax() == 285
    ends = [net.preprocess(np.full((1, 1, 3), level, np.uint8)) for level in (0, 255)]
    assert (ends[0] <= found.x).all()
    assert (found.x <= ends[1]).all()


def test_noise_beside_it_has_its_norm() -> None:
    """Of a linear unit it scores N(bias, ‖w‖² · ‖x‖² / d)."""
    model = float64(nn.Sequential(nn.Linear(400, 1, rng=0)))
    found = maximise(
        model, target=0, penalty=None, start=np.full((1, 400), 0.1), jitter=0, steps=3, progress=False
    )
    scale = np.linalg.norm(model[0].weight.value) * np.linalg.norm(found.x) / 20
    z = (found.noise - model[0].bias.value) / scale
    assert 0.4 < z.std() < 1.8
    assert (found.penalty == 0).all()


def test_the_start_is_the_users_own(net: nn.Module) -> None:
    mine = START[:1].copy()
    found = maximise(net, target=0, start=mine, steps=2, progress=False)
    mine[:] = 7
    np.testing.assert_array_equal(found.frames[0], START[:1])


# ---------------------------------------------------------------- silent units


def silent(bias: float) -> nn.Module:
    """ReLU units that answer from −bias on."""
    model = float64(
        nn.Sequential(nn.Conv2d(3, 2, 3, rng=0), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    )
    put(model[0].bias, bias)
    model.preprocess = mx.data.Preprocess(8, scale=1 / 255, mean=(0.5,) * 3, std=(0.25,) * 3)
    return model


def test_a_dead_unit_is_refused() -> None:
    dead = silent(-100.0)
    with pytest.raises(ValueError, match=r"^maximise: logit 1 is silent: .*the start and in 7 .*no way up"):
        maximise(dead, target=1, progress=False)
    with pytest.raises(ValueError, match=r"^maximise: 1, feature map 0 is silent: .*zero at the start, so"):
        maximise(dead, layer="1", neuron=(0,), start=np.zeros((1, 3, 8, 8)), progress=False)


def test_a_silent_unit_is_looked_for_in_louder_noise() -> None:
    sleeping = silent(-0.5)
    found = maximise(sleeping, target=[0, 1], steps=20, progress=False)
    assert found.frames[0].std() > 0.1  # not the .01 that it begins with elsewhere
    assert (found.score > found.scores[:, 0]).all()
    with pytest.raises(ValueError, match="is silent"):
        maximise(sleeping, target=1, start=np.zeros((1, 3, 8, 8)), progress=False)


def test_a_unit_that_falls_silent_is_told_of() -> None:
    with pytest.warns(
        MapWarning, match=r"^maximise: logit fell silent on the way \(input 0\).*smaller weight"
    ):
        maximise(silent(-0.5), target=0, weight=1e6, penalty="l2", steps=60, progress=False)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": None}, "neither target nor layer is given"),
        ({"layer": "0"}, "target is 0 and layer '0', expected only one"),
        ({"start": None}, "start is None, and the model has no preprocess"),
        ({"start": START[0]}, "start .* does not fit|start has shape"),
        ({"penalty": "l1"}, "penalty is 'l1', expected one of 'edges', 'l2'"),
        ({"low": 1.0, "high": 0.0}, "low is 1.0 and high 0.0, expected low below high"),
        ({"low": np.zeros((3, 1, 1)), "high": 1.0}, r"low has shape \(3, 1, 1\), which does not broadcast"),
        ({"target": [0, 1, 2]}, "start holds 2 inputs for 3 targets"),
        ({"jitter": -1}, "jitter is -1"),
        ({"weight": -1}, "weight is -1"),
        ({"others": START[0] * np.nan}, "others holds NaN"),
        ({"others": START[:, :, 1:]}, r"others has shape \(2, 2, 7, 8\), expected \(m, \*\(2, 8, 8\)\)"),
        ({"target": 7}, "target is 7"),
    ],
)
def test_wrong_arguments(net: nn.Module, changes: dict[str, object], message: str) -> None:
    given = {"target": 0, "start": START, "progress": False, **changes}
    with pytest.raises(ValueError, match=f"^maximise: .*({message})"):
        maximise(net, **given)


def test_what_is_no_image_has_neither_edges_nor_jitter() -> None:
    model = nn.Sequential(nn.Linear(4, 2, rng=0))
    start = np.ones((1, 4))
    for settings in ({}, {"penalty": None, "jitter": 2}):
        with pytest.raises(ShapeError, match=r"start has shape .*jitter=0 and penalty 'l2' or None"):
            maximise(model, target=0, start=start, progress=False, **settings)
    found = maximise(model, target=0, start=start, penalty=None, steps=2, progress=False)
    with pytest.raises(ShapeError, match="plot: inputs have shape"):
        found.plot()
    tiny = nn.Sequential(nn.Conv2d(1, 2, 5, rng=0), nn.Flatten())
    with pytest.raises(ShapeError, match="penalty 'edges' of images 5×5, expected more than 5"):
        maximise(tiny, target=0, start=np.ones((1, 1, 5, 5)), progress=False)


# ---------------------------------------------------------------- pictures and films


def test_images_are_shown_in_raised_contrast_in_the_models_channels(cifar: nn.Module, tmp_path) -> None:
    found = maximise(cifar, target=[3, 5], steps=5, progress=False)
    images = found.images()
    assert images.shape == (6, 2, 32, 32, 3)
    assert (found.contrast >= 1).all()
    shown = found.contrast.reshape(2, 1, 1, 1) * found.x
    np.testing.assert_array_equal(images[-1], cifar.preprocess.photos(shown))
    levels = (shown * np.array(cifar.preprocess.std).reshape(3, 1, 1) * 255).std(axis=(1, 2, 3))
    np.testing.assert_allclose(levels[found.contrast > 1], 45, rtol=1e-4)
    found.save(tmp_path / "x.gif", cifar.classes)
    with Image.open(tmp_path / "x.gif") as film:
        assert film.n_frames == 6
        assert film.info["loop"] == 0
        assert film.size[0] > 2 * 224
    found.save(tmp_path / "x.png", cifar.classes)
    with pytest.raises(ValueError, match=r"OptimisedInput\.save: .*expected \.gif, \.pdf, \.png, \.svg"):
        found.save(tmp_path / "x.mp4")
    texts = [axes.get_ylabel() for axes in found.plot(cifar.classes).axes]
    assert {"cat", "dog"} <= set(texts)
    assert found.table(cifar.classes).splitlines()[1].startswith("cat ")
    assert repr(found).splitlines()[1].startswith("class 3 ")
