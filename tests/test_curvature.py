"""The smooth copy of a network, products with its Hessian, and what a unit is invariant to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

import minixai as mx
from minixai import nn, ops
from minixai.errors import ShapeError
from minixai.methods import MapWarning, curvature, invariances
from minixai.methods.question import Question
from minixai.nn import smoothed
from tests.networks import IMAGES, Branched, float64, small, stack
from tests.oracles.optimised_inputs import curvatures

RNG = np.random.default_rng(0)


def without_max(seed: int = 1) -> nn.Module:
    rng = np.random.default_rng(seed)
    layers = nn.Conv2d(3, 4, 3, rng=rng), nn.ReLU(), nn.Conv2d(4, 5, 3, rng=rng), nn.ReLU()
    return float64(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3, rng=rng)))


# ---------------------------------------------------------------- the smooth copy


def test_without_max_pooling_its_value_converges_as_one_over_beta() -> None:
    net = without_max()
    y = net.predict(IMAGES)
    gaps = [np.abs(smoothed(net, IMAGES, beta).predict(IMAGES) - y).max() for beta in (10, 100, 1000, 1e4)]
    assert gaps[0] > 0.001
    for gap, next_gap in pairwise(gaps):
        assert next_gap < gap / 5
    assert gaps[-1] < 1e-4


def test_with_max_pooling_a_gap_stays_which_is_that_of_averaging() -> None:
    net = stack(bias=True)
    averaging = nn.Sequential(*[nn.AvgPool2d(2) if k == 2 else net[k] for k in range(len(net))])
    far = smoothed(net, IMAGES, 1e5).predict(IMAGES)
    np.testing.assert_allclose(far, averaging.predict(IMAGES), atol=1e-5)
    assert np.abs(far - net.predict(IMAGES)).max() > 0.01


def test_averages_of_a_padded_window_are_of_real_pixels() -> None:
    net = float64(nn.Sequential(nn.MaxPool2d(3, 2, padding=1), nn.Conv2d(3, 2, 1, rng=0)))
    ones = np.ones_like(IMAGES)
    np.testing.assert_allclose(smoothed(net, ones, 1.0).predict(ones), net.predict(ones))


def test_the_copy_shares_its_parameters_and_the_model_stays() -> None:
    net = small((6, 6), 2).train()
    x = RNG.standard_normal((1, 2, 6, 6))
    before = net.predict(x)
    copy = smoothed(net, x, 3.0)
    assert [type(copy[k]) for k in (1, 2)] == [nn.Softplus, nn.AvgPool2d]
    assert [type(net[k]) for k in (1, 2)] == [nn.ReLU, nn.MaxPool2d]
    for one, other in zip(net.parameters(), copy.parameters(), strict=True):
        assert one is other
    np.testing.assert_array_equal(net.predict(x), before)
    z = ops.conv2d.forward(x, net[0].weight.value, net[0].bias.value, padding=1)
    y = copy.trace(mx.Tensor(x))[1]["1"][0].value
    np.testing.assert_allclose(y, np.log1p(np.exp(3 * (z[0] if isinstance(z, tuple) else z))) / 3)
    assert copy.training


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Conv2d(3, 2, 3, rng=0), nn.LeakyReLU()), "leaky_relu .layer '1'. has a kink"),
        (Branched(True), "relu .* has a kink, expected ReLU, .* to be layers"),
        (nn.Sequential(nn.MaxPool2d(2, dilation=2)), "layer '0' has dilation"),
    ],
)
def test_other_kinks_are_refused(net: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=f"^smoothed: {message}"):
        smoothed(net, IMAGES, 1.0)


def test_every_rectifier_that_is_no_line_has_its_kink_found() -> None:
    """Of the layers that bend at a point, none passes for smooth."""
    for layer in (nn.ReLU6(), nn.Hardswish(), nn.Hardsigmoid(), nn.PNormPool2d(2, np.inf)):
        with pytest.raises(ValueError, match="has a kink"):
            smoothed(nn.Sequential(layer), IMAGES, 1.0)
    for layer in (nn.GELU(), nn.SiLU(), nn.Tanh(), nn.Softplus()):
        net = nn.Sequential(layer)
        np.testing.assert_array_equal(smoothed(net, IMAGES, 1.0).predict(IMAGES), net.predict(IMAGES))


# ---------------------------------------------------------------- second derivatives

BETA = 2.0


def one_hidden(d: int = 9, seed: int = 0) -> nn.Module:
    rng = np.random.default_rng(seed)
    return float64(nn.Sequential(nn.Linear(d, 12, rng=rng), nn.ReLU(), nn.Linear(12, 2, rng=rng)))


def exact(net: nn.Module, x: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """The gradient and the Hessian of a logit of the smooth copy: Wᵀ(v σ(βz)), Wᵀ diag(v βσ(1 − σ)) W."""
    w, v = net[0].weight.value, net[2].weight.value[target]
    s = 1 / (1 + np.exp(-BETA * (w @ x + net[0].bias.value)))
    return w.T @ (v * s), w.T @ np.diag(v * BETA * s * (1 - s)) @ w


@pytest.mark.parametrize(("step", "tolerance"), [(1e-2, 1e-3), (1e-4, 1e-6)])
def test_a_difference_of_two_walks_is_a_product_with_the_hessian(step: float, tolerance: float) -> None:
    net, x = one_hidden(), RNG.standard_normal((1, 9))
    ask = Question("test", smoothed(net, x, BETA), x, 1)
    _, hessian = exact(net, x[0], 1)
    for v in RNG.standard_normal((3, 9)):
        found = curvature.hessian_product(ask, x, v, step)
        np.testing.assert_allclose(found, hessian @ v, atol=tolerance * np.abs(hessian @ v).max())


def test_extreme_curvatures_are_those_of_the_whole_hessian_on_the_sphere() -> None:
    net, x = one_hidden(), 3 * RNG.standard_normal((1, 9))
    found = invariances(net, x, 1, beta=BETA, count=3, climb=0, progress=False)
    g, hessian = exact(net, x[0], 1)
    values, directions = curvatures(g, hessian, x[0])
    np.testing.assert_allclose(found.curvatures, [*values[:3], *values[-3:]], rtol=1e-4)
    along = np.abs((found.directions * [*directions[:3], *directions[-3:]]).sum(axis=1))
    np.testing.assert_allclose(along, 1, atol=1e-3)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(6), atol=1e-9)
    np.testing.assert_allclose(found.directions @ x[0], 0, atol=1e-9)
    tangent = g - (g @ x[0]) * x[0] / (x[0] @ x[0])
    np.testing.assert_allclose(found.slope, np.linalg.norm(x) * np.linalg.norm(tangent))
    assert found.walks > 0


def test_the_expansion_holds_nearby_to_third_order_and_not_far() -> None:
    net, x = one_hidden(), 3 * RNG.standard_normal((1, 9))

    def error(span: float) -> float:
        found = invariances(net, x, 0, beta=BETA, span=span, climb=0, progress=False)
        assert found.angles[0] == -span
        return np.abs(found.expansion - found.scores).max()

    assert 6 < error(2.0) / error(1.0) < 10
    far = invariances(net, x, 0, beta=BETA, span=180.0, climb=0, progress=False)
    assert np.abs(far.expansion - far.scores).max() > 1
    assert (far.reach < 180).all()


@pytest.mark.filterwarnings("ignore::minixai.methods.MapWarning")  # for it pools maxima
def test_scores_along_the_circle_are_those_of_both_networks() -> None:
    net, x = small((6, 6), 2), RNG.standard_normal((1, 2, 6, 6))
    found = invariances(net, x, 2, beta=4.0, climb=5, progress=False)
    inputs = found.inputs()
    norms = np.linalg.norm(inputs.reshape(-1, 72), axis=1)
    np.testing.assert_allclose(norms, np.linalg.norm(x))
    copy = smoothed(net, x, 4.0)
    for i, points in enumerate(inputs):
        np.testing.assert_allclose(found.scores[i], copy.predict(points)[:, 2])
        np.testing.assert_allclose(found.model_scores[i], net.predict(points)[:, 2])
    middle = len(found.angles) // 2
    np.testing.assert_allclose(found.scores[:, middle], found.score)
    np.testing.assert_allclose(found.model_scores[:, middle], found.model_score)


def test_it_climbs_to_the_copys_own_best_input() -> None:
    net, x = without_max(), RNG.standard_normal((1, 3, 6, 6))
    here, there = (invariances(net, x, 0, climb=climb, progress=False) for climb in (0, 80))
    assert there.score > here.score
    assert there.slope < here.slope / 10
    np.testing.assert_allclose(np.linalg.norm(there.x), np.linalg.norm(x))
    np.testing.assert_array_equal(here.x, x)


@pytest.mark.filterwarnings("ignore::minixai.methods.MapWarning")  # for it pools maxima
def test_a_unit_within_whose_place_is_that_of_a_maximum_is_the_models_own() -> None:
    net, x = small((6, 6), 2), RNG.standard_normal((1, 2, 6, 6))
    copy = smoothed(net, x, 5.0)
    of_both = [model.trace(mx.Tensor(x))[1]["2"][0].value.reshape(4, 9) for model in (net, copy)]
    places = [maps.argmax(axis=1) for maps in of_both]
    channel = int(np.flatnonzero(places[0] != places[1])[0])  # where averages are greatest elsewhere
    found = invariances(net, x, layer="2", neuron=(channel, "max"), beta=5.0, climb=0, progress=False)
    for score, maps in zip((found.model_score, found.score), of_both, strict=True):
        assert score == pytest.approx(maps[channel, places[0][channel]])


# ---------------------------------------------------------------- what is refused, and pictures


@pytest.mark.parametrize(
    ("x", "changes", "message"),
    [
        (np.ones((2, 9)), {}, "x has shape .*expected one input"),
        (np.ones((1, 9)), {"count": 4}, "expected one input .* of more than 9 numbers"),
        (np.zeros((1, 9)), {}, "x is zero everywhere"),
        (np.ones((1, 9)), {"beta": 0}, "beta is 0"),
        (np.ones((1, 9)), {"span": 200}, "span is 200"),
        (np.ones((1, 9)), {"target": 5}, "target is 5"),
    ],
)
def test_wrong_arguments(x: np.ndarray, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^invariances: .*{message}"):
        invariances(one_hidden(), x, progress=False, **changes)


def test_errors_of_the_copy_are_in_this_calls_name() -> None:
    net = nn.Sequential(nn.Linear(9, 4, rng=0), nn.LeakyReLU())
    with pytest.raises(ValueError, match=r"^invariances: leaky_relu .* has a kink"):
        invariances(net, np.ones((1, 9)), 0, progress=False)


def test_a_copy_far_from_the_model_is_told_of() -> None:
    net = float64(nn.Sequential(nn.MaxPool2d(6), nn.Flatten(), nn.Linear(3, 2, bias=False, rng=0)))
    with pytest.warns(MapWarning, match=r"^invariances: the smooth copy scores \S+ where the model scores"):
        invariances(net, RNG.uniform(-1, 1, (1, 3, 6, 6)), 0, count=1, climb=0, progress=False)


def test_a_flat_unit_is_refused() -> None:
    net = one_hidden()
    net.load_state_dict({**net.state_dict(), "2.weight": np.zeros((2, 12))})
    with pytest.raises(ValueError, match="the gradient of logit is zero at x"):
        invariances(net, np.ones((1, 9)), 0, progress=False)


def test_scipy_is_asked_for(monkeypatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(curvature, "import_module", missing)
    with pytest.raises(ImportError, match=r'invariances: it needs SciPy: pip install "minixai\[lessons\]"'):
        invariances(one_hidden(), np.ones((1, 9)), 0, progress=False)


def test_strips_and_a_film(tmp_path) -> None:
    net, x = without_max(), RNG.standard_normal((1, 3, 6, 6))
    found = invariances(net, x, 0, count=1, climb=0, progress=False)
    found.save(tmp_path / "x.gif")
    with Image.open(tmp_path / "x.gif") as film:
        assert film.n_frames > len(found.angles)
    found.save(tmp_path / "x.png")
    assert [axes.get_ylabel() for axes in found.plot("title").axes if axes.get_ylabel()] == [
        "flattest 1",
        "steepest 1",
    ]
    assert [line.split()[0] for line in repr(found).splitlines()[1:]] == ["flattest", "steepest"]
    with pytest.raises(ValueError, match=r"Invariances\.save: .*expected \.gif"):
        found.save(tmp_path / "x.txt")
    flat = invariances(one_hidden(), np.ones((1, 9)), 0, progress=False)
    with pytest.raises(ShapeError, match="plot: inputs have shape"):
        flat.plot()
