"""Sanity checks: what is randomised, what likeness means, and whether the way back knows where it began."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest

import minixai as mx
from minixai import nn
from minixai.evaluate import convergence, randomise, way_back
from minixai.evaluate.randomisation import MEASURES, _forget
from minixai.methods import METHODS
from minixai.similarity import rank_correlation
from tests.networks import cast, float64, put

X = np.random.default_rng(0).standard_normal((3, 2, 12, 12))
SPEARMAN = ("spearman", "spearman_abs")


@pytest.fixture(scope="module")
def net() -> nn.Module:
    rng = np.random.default_rng(1)
    return float64(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, rng=rng),
            nn.ReLU(),
            nn.Conv2d(4, 5, 3, padding=1, rng=rng),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(180, 3, rng=rng),
        )
    )


def run(net, methods=("gradient",), order="cascading", measures=SPEARMAN, **settings):
    return randomise(net, X, methods, order, measures=measures, progress=False, **settings)


def weights_seen(net, order, **settings) -> list[dict[str, np.ndarray]]:
    """The weights of the networks that a method is asked of."""
    seen: list[dict[str, np.ndarray]] = []

    def watch(model, x, target):
        seen.append(model.state_dict())
        return x

    run(net, {"watch": watch}, order, **settings)
    return seen


def changed(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> set[str]:
    return {key.partition(".")[0] for key in one if not np.array_equal(one[key], other[key])}


@pytest.mark.parametrize("way", ["drawn", "shuffled"])
def test_what_is_randomised(net, way):
    before = net.state_dict()
    first, *cascade = weights_seen(net, "cascading", way=way)
    assert changed(before, first) == set()
    assert [changed(before, state) for state in cascade] == [{"6"}, {"2", "6"}, {"0", "2", "6"}]
    for one, two in pairwise(cascade):
        assert len(changed(one, two)) == 1  # what is random stays as it is
    _, *alone = weights_seen(net, "independent", way=way)
    assert [changed(before, state) for state in alone] == [{"6"}, {"2"}, {"0"}]
    for key, drawn in cascade[-1].items():
        assert drawn.dtype == before[key].dtype
        same_values = np.array_equal(np.sort(drawn.ravel()), np.sort(before[key].ravel()))
        assert same_values == (way == "shuffled")
    assert changed(before, net.state_dict()) == set()
    assert run(net, way=way).layers == ("6", "2", "0")


def test_layers_are_drawn_as_they_begin():
    layer = nn.Conv2d(50, 60, 3, rng=0)
    put(layer.weight, 7.0)
    _forget(layer, "drawn", np.random.default_rng(0))
    for p in (layer.weight, layer.bias):
        assert np.abs(p.value).max() == pytest.approx(1 / np.sqrt(450), rel=0.05)
    model = nn.Sequential(layer, nn.BatchNorm2d(60))
    before, other = model.state_dict(), mx.evaluate.untrained(model).state_dict()
    assert np.abs(other["0.weight"]).max() < 0.05
    assert np.array_equal(model.state_dict()["0.weight"], before["0.weight"])
    norm = nn.BatchNorm2d(3)
    put(norm.weight, 5.0)
    put(norm.bias, 5.0)
    _forget(norm, "drawn", np.random.default_rng(0))
    assert norm.weight.value.tolist() == [1, 1, 1]
    assert norm.bias.value.tolist() == [0, 0, 0]


def test_likeness_is_that_of_the_maps_summed_over_channels(net):
    r = run(net, ["gradient", "guided_backprop", "sobel_edges"], seed=3)
    model = cast(nn.Sequential(*[net[k] for k in range(len(net))]), np.float64)
    target = net.predict(X).argmax(axis=1)
    maps = mx.methods.gradient(net, X).map.sum(axis=1)
    others = np.roll(maps, 1, axis=0)
    np.testing.assert_allclose(r.elsewhere["gradient"]["spearman"], rank_correlation(maps, others))
    absolute = rank_correlation(np.abs(maps), np.abs(others))
    np.testing.assert_allclose(r.elsewhere["gradient"]["spearman_abs"], absolute)
    np.testing.assert_array_equal(r.maps["gradient"][0], maps[0])
    state = weights_seen(net, "cascading", seed=3)[2]
    before = model.state_dict()
    try:
        model.load_state_dict(state)
        changed_maps = mx.methods.gradient(model, X, target).map.sum(axis=1)
    finally:
        model.load_state_dict(before)
    np.testing.assert_allclose(r.likeness["gradient"]["spearman"][1], rank_correlation(maps, changed_maps))
    assert r.likeness["edges (Sobel)"]["spearman"] == pytest.approx(1)
    alone = randomise(net, X[:1], ["gradient"], measures=SPEARMAN, progress=False)
    assert np.isnan(alone.elsewhere["gradient"]["spearman"]).all()
    assert "–" in repr(alone)
    assert r.maps["gradient"].shape == (4, 12, 12)


def test_ssim_and_hog(net):
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    a = mx.methods.gradient(net, X).map.sum(axis=1)
    for name in ("ssim", "hog"):
        measure = MEASURES[name][1]
        assert measure(a, 3 * a) == pytest.approx(1)  # scale does not count
        assert np.abs(measure(a, np.roll(a, 1, axis=0))).max() < 0.5
    assert MEASURES["ssim"][1](a, -a).max() < 0.2
    dark = run(net, {"dark": lambda model, x, target: 0 * x}, measures=tuple(MEASURES))
    for values in (*dark.likeness["dark"].values(), *dark.elsewhere["dark"].values()):
        assert np.isnan(values).all()
    r = run(net, measures=tuple(MEASURES))
    assert set(r.likeness["gradient"]) == set(MEASURES)
    assert np.isnan(MEASURES["hog"][1](np.zeros((1, 12, 12)), a[:1])).all()


def test_without_scikit_image_it_is_said(net, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(ImportError, match=r"randomise: SSIM and HOG need scikit-image: pip install"):
        run(net, measures=("ssim",))
    run(net)


def test_pattern_methods_are_fitted_anew(net):
    digests = []

    def fit(model):
        patterns = mx.signal.fit_patterns(model, [X], progress=False)
        digests.append(patterns.model)
        return patterns

    r = run(net, ["pattern_attribution"], fit=fit)
    assert len(set(digests)) == 4
    assert r.likeness["PatternAttribution"]["spearman"].shape == (3, 3)
    assert not hasattr(net, "patterns")
    with pytest.raises(ValueError, match="pattern_net takes patterns, expected fit"):
        run(net, ["pattern_net"])


def test_all_methods_in_one_call(net):
    quick = {each.title for each in METHODS.values() if each.quick and not each.takes_patterns}
    assert set(run(net, None).likeness) == quick


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": "random"}, "order is 'random' and way 'drawn', expected one of cascading, independent"),
        ({"way": "turned"}, "way 'turned'"),
        ({"methods": ["magic"]}, "methods has 'magic', expected some of gradient"),
        ({"methods": "gradient"}, "methods is the string 'gradient'"),
        ({"measures": ["ssim", "mse"]}, "measures has 'mse', expected some of spearman"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_wrong_arguments(net, changes, message):
    with pytest.raises(ValueError, match=message):
        run(net, **changes)


def test_what_is_shown(net):
    r = run(net, ["gradient", "sobel_edges"])
    heading, columns, *rows = repr(r).splitlines()
    assert heading.startswith(
        "Randomisation, cascading, weights re-initialised: all layers from the last down"
    )
    assert columns.split() == ["6", "2", "0", "another", "image"]
    assert rows[0].split()[0] == "gradient"
    mean = r.likeness["gradient"]["spearman"].mean(axis=1)
    assert [f"{value:.2f}".replace("-", "−") for value in mean] == rows[0].split()[3:6]
    panels = r.plot().axes
    assert [axes.get_title(loc="left") for axes in panels] == [
        "rank correlation",
        "rank correlation of |map|",
    ]
    lines = {line.get_label(): line.get_ydata() for line in panels[0].lines}
    np.testing.assert_allclose(lines["gradient"], [1, *mean])
    assert [text.get_text() for text in panels[0].get_xticklabels()] == ["trained", "6", "2", "0"]
    grid = r.plot_maps("title").axes
    assert len(grid) == 2 * 4
    np.testing.assert_array_equal(grid[1].images[0].get_array(), r.maps["gradient"][1])
    assert "shuffled" in repr(run(net, way="shuffled", order="independent"))


# Convergence


def chain(weights: list[np.ndarray]) -> nn.Module:
    """Dense layers and ReLU, all biases 0."""
    layers: list[nn.Module] = []
    for w in weights:
        layers += [nn.Linear(w.shape[1], w.shape[0], rng=0), nn.ReLU()]
        put(layers[-2].weight, w)
        put(layers[-2].bias, 0)
    return float64(nn.Sequential(*layers[:-1]))


def test_positive_matrices_converge_and_the_identity_does_not():
    """z⁺ on a chain of positive matrices is a product of stochastic ones, which tends to rank 1."""
    rng, x = np.random.default_rng(0), np.random.default_rng(1).random((1, 8))
    positive = convergence(
        chain([rng.random((8, 8)) for _ in range(5)]), x, ["deep_taylor"], starts=4, progress=False
    )
    ratio, cosine = positive.ratio["deep Taylor"][:, 0], positive.cosine["deep Taylor"][:, 0]
    assert (np.diff(ratio) < 0).all()
    assert ratio[-1] < 1e-2
    assert cosine[-1] > 0.99
    assert positive.classes["deep Taylor"][0] > 0.999
    same = convergence(chain([np.eye(8)] * 5), x, ["deep_taylor"], starts=4, progress=False)
    np.testing.assert_allclose(same.ratio["deep Taylor"], 1)
    np.testing.assert_allclose(same.classes["deep Taylor"], 0, atol=1e-12)


def test_the_singular_values_of_a_linear_chain_are_those_of_its_product():
    """Without a ReLU that is shut, the gradient of unit k is row k of the product of the matrices."""
    rng = np.random.default_rng(2)
    weights = [rng.random((6, 6)) + 0.5 * np.eye(6) for _ in range(2)]
    found = convergence(chain(weights), rng.random((1, 6)), ["gradient"], starts=6, progress=False)
    for product, ratio in zip((weights[0], weights[1] @ weights[0]), found.ratio["gradient"], strict=True):
        rows = product / np.linalg.norm(product, axis=1, keepdims=True)
        values = np.linalg.svd(rows, compute_uv=False)
        assert ratio[0] == pytest.approx(values[1] / values[0])


def test_units_are_of_one_place(net):
    """Those of a first convolution all see the same pixels, so their maps are not orthogonal by place."""
    c = convergence(net, X[:1], ["gradient"], ["0", "2"], starts=4, progress=False)
    w = net[0].weight.value.reshape(4, -1)
    values = np.linalg.svd(w / np.linalg.norm(w, axis=1, keepdims=True), compute_uv=False)
    assert c.ratio["gradient"][0, 0] == pytest.approx(values[1] / values[0], abs=0.1)  # at the border cut
    assert c.layers == ("0", "2")
    text = repr(c)
    assert text.startswith("Convergence, 4 starts a layer, medians over 1 images")
    left, right = c.plot().axes
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["0", "2", "classes"]
    np.testing.assert_allclose(right.lines[0].get_ydata(), c.ratio["gradient"][:, 0])


def test_only_the_classes_with_the_largest_outputs_are_asked_for(net, monkeypatch):
    """A thousand classes would be a batch of a thousand images."""
    asked = []
    maps = way_back._maps
    monkeypatch.setattr(way_back, "_maps", lambda name, ask: (asked.append(ask), maps(name, ask))[1])
    many = float64(nn.Sequential(nn.Flatten(), nn.Linear(288, 50, rng=0)))
    convergence(many, X[:1], ["gradient"], starts=2, progress=False)
    best = np.argsort(-many.predict(X[:1])[0])[:4]
    np.testing.assert_array_equal(asked[-1].target, best)
    assert max(len(ask.x) for ask in asked) == 4


def test_all_methods_and_wrong_names(net):
    c = convergence(net, X[:1], layers=["2"], starts=2, progress=False)
    assert set(c.cosine) == {m.title for m in METHODS.values() if m.quick and not m.takes_patterns}
    for methods in (["rise"], ["magic"], ["pattern_net"]):
        with pytest.raises(ValueError, match="convergence: methods has"):
            convergence(net, X, methods, progress=False)
    with pytest.raises(ValueError, match="convergence: layers has '9', expected some of 0, 1"):
        convergence(net, X, layers=["9"], progress=False)
    with pytest.raises(ValueError, match="starts is 1, expected at least 2"):
        convergence(net, X, starts=1, progress=False)
