"""Concepts: their pattern and filter are those of explicit samples, and chance is told from what is found."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import minixai as mx
from minixai import concepts, nn
from minixai.concepts import directions
from minixai.concepts.chance import beyond_chance, holm, t_test
from minixai.concepts.layer import gradients
from minixai.concepts.testing import ranked
from minixai.errors import ShapeError
from minixai.methods.collecting import features
from tests.networks import float64
from tests.oracles import concepts as oracle
from tests.planted import detector, with_patch

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return detector()


def two_sets(d: int, seed: int = 0, n: tuple[int, int] = (40, 60)) -> tuple[np.ndarray, np.ndarray]:
    rng = RNG(seed)
    mix = rng.normal(size=(d, d))
    return rng.normal(1, 1, (n[0], d)) @ mix, rng.normal(size=(n[1], d)) @ mix


# ---------------------------------------------------------------- directions


@pytest.mark.parametrize("d", [5, 300])
def test_directions_are_those_of_explicit_samples(d: int) -> None:
    h, others = two_sets(d)
    x, t = np.concatenate([h, others]), np.repeat([1.0, 0.0], [len(h), len(others)])
    np.testing.assert_allclose(
        directions.direction_of("pattern", h, others), oracle.pattern(x, t), atol=1e-11
    )
    found = directions.direction_of("filter", h, others)
    np.testing.assert_allclose(found, oracle.ridge_filter(x, t, directions.RIDGE), atol=1e-10)


def test_the_filter_of_an_infinite_ridge_is_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "RIDGE", 1e9)
    h, others = two_sets(5)
    w, a = (directions.unit(directions.direction_of(name, h, others)) for name in ("filter", "pattern"))
    np.testing.assert_allclose(w, a, atol=1e-7)


@pytest.mark.parametrize("classifier", ["logistic", "svm"])
def test_scikit_learn_s_classifiers_separate(classifier: str) -> None:
    pytest.importorskip("sklearn")
    """Noise of another size in each direction: the best filter is Σ⁻¹(μ₁ − μ₀)."""
    rng, scale = RNG(0), np.array([1.0, 3.0])
    h, others = (rng.normal(mean, 1, (n, 2)) * scale for mean, n in ((1, 400), (0, 800)))
    w = directions.unit(directions.direction_of("filter", h, others, classifier))
    assert w @ directions.unit(1 / scale) > 0.97
    assert w @ directions.unit(scale) < 0.8


@pytest.mark.parametrize("seed", range(3))
def test_the_filter_turns_with_a_distractor_and_the_pattern_does_not(seed: int) -> None:
    """h = t·a + ε·d + noise, at 60°; with ε correlated with t, it is the other way round."""
    rng = RNG(seed)
    t = np.repeat([1.0, 0.0], 2000)
    a, d = np.eye(6)[0], np.cos(np.pi / 3) * np.eye(6)[0] + np.sin(np.pi / 3) * np.eye(6)[1]

    def cosines(d: np.ndarray, correlation: float) -> list[float]:
        epsilon = correlation * 2 * (t - 0.5) + np.sqrt(1 - correlation**2) * rng.normal(size=4000)
        h = np.outer(t, a) + np.outer(epsilon, d) + 0.1 * rng.normal(size=(4000, 6))
        both = h[t == 1], h[t == 0]
        return [
            float(directions.unit(directions.direction_of(name, *both)) @ a) for name in ("pattern", "filter")
        ]

    of_pattern, of_filter = cosines(d, 0)
    assert of_pattern > 0.98
    assert of_filter < 0.93
    of_pattern, of_filter = cosines(np.eye(6)[1], 0.3)
    assert of_pattern == pytest.approx(0.85, abs=0.03)  # 1/√(1 + (2·.3)²) = .857
    assert of_filter > 0.99


# ---------------------------------------------------------------- layers


@pytest.mark.parametrize(("layer", "shape"), [("1", (6, 8, 8)), ("5", (5,))])
def test_features_and_gradients_of_a_layer(net: nn.Module, layer: str, shape: tuple[int, ...]) -> None:
    x = with_patch(70, 0)  # more than a batch
    whole, unit = features("f", net, layer, x, None)
    assert (whole.shape[1:], unit.where) == (shape, layer)
    pooled, _ = features("f", net, layer, x, "mean")
    np.testing.assert_allclose(pooled, whole.reshape(*whole.shape[:2], -1).mean(axis=2))
    expected = net.trace(mx.Tensor(x))[1][layer][0].value
    np.testing.assert_array_equal(whole, expected)
    g = gradients("f", net, layer, x, 0, None)
    summed = gradients("f", net, layer, x, 0, "mean")
    np.testing.assert_allclose(summed, g.reshape(*g.shape[:2], -1).sum(axis=2), atol=1e-12)
    v, step = RNG(1).normal(size=shape[:1]), 1e-6
    tail = nn.Sequential(*list(net)[int(layer) + 1 :])
    along = v.reshape(-1, *[1] * (len(shape) - 1))
    difference = (tail.predict(whole + step * along) - tail.predict(whole - step * along))[:, 0] / (2 * step)
    np.testing.assert_allclose(summed @ v, difference, atol=1e-7)


# ---------------------------------------------------------------- chance


def test_tests_of_chance_are_scipy_s() -> None:
    stats = pytest.importorskip("scipy.stats")
    for hits, with_it, called, total in ((9, 10, 12, 30), (0, 10, 3, 30), (5, 7, 5, 20)):
        table = [[hits, called - hits], [with_it - hits, total - with_it - called + hits]]
        expected = stats.fisher_exact(table, "greater").pvalue
        assert beyond_chance(hits, with_it, called, total) == pytest.approx(expected)
    for n in (2, 3, 20):
        values = RNG(n).normal(0.7, 0.2, n)
        assert t_test(values, 0.5) == pytest.approx(stats.ttest_1samp(values, 0.5).pvalue, rel=1e-9)
    assert t_test(np.full(5, 0.5), 0.5) == 1
    assert t_test(np.full(5, 0.7), 0.5) == 0


def test_holm_s_correction() -> None:
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(holm(p), [0.04, np.nan, 0.09, 0.09, 0.5])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1, 1])


# ---------------------------------------------------------------- fit


def test_a_planted_concept_is_found(net: nn.Module) -> None:
    c = concepts.fit(net, "1", with_patch(90, 1, 4), with_patch(90, 2, 0), seed=3)
    assert c.found
    assert c.accuracy > 0.7 > c.chance == 0.5
    assert c.pattern.shape == c.filter.shape == c.mean_with.shape == c.shape == (6,)
    np.testing.assert_allclose([np.linalg.norm(c.pattern), np.linalg.norm(c.filter)], 1)
    assert np.degrees(np.arccos(c.pattern @ c.filter)) == pytest.approx(c.angle)
    assert [len(each) for each in (c.held_out["filter"].with_it, c.held_out["filter"].without)] == [30, 30]
    again = concepts.fit(net, "1", with_patch(90, 1, 4), with_patch(90, 2, 0), seed=3)
    np.testing.assert_array_equal(again.filter, c.filter)
    lines = repr(c).splitlines()
    assert lines[0] == "concept in 1: 90 images, 90 others; ridge classifier"
    assert lines[3].split()[:3] == ["filter", f"{c.accuracy:.2f}", "0.50"]
    assert len(lines) == 4


def test_unpooled_directions_have_the_layer_s_shape(net: nn.Module) -> None:
    c = concepts.fit(net, "1", with_patch(60, 1, 5), with_patch(60, 2, 0), pool=None)
    assert c.pattern.shape == (6, 8, 8)
    np.testing.assert_allclose(np.square(c.pattern).sum(), 1)


def test_of_no_concept_nothing_is_said(net: nn.Module) -> None:
    with pytest.warns(concepts.ConceptWarning, match=r"fit: the concept is not found in layer 1: accuracy"):
        c = concepts.fit(net, "1", with_patch(30, 1, 0), with_patch(60, 2, 0))
    assert not c.found
    assert "does not beat chance" in repr(c)
    with pytest.raises(ValueError, match="call: concept is not found in layer 1"):
        c.check_found("call")
    t = concepts.tcav(net, with_patch(10, 3), 0, "1", with_patch(30, 1, 0), with_patch(60, 2, 0))
    assert np.isnan([t.score, t.p_value, t.p_holm, t.p_t_test]).all()
    assert "so nothing is said" in repr(t)


def test_chance_is_found_one_time_in_twenty_at_most(net: nn.Module) -> None:
    h, _ = features("f", net, "1", with_patch(1200, 5, 0), "mean")
    unit = features("f", net, "1", with_patch(1, 5), "mean")[1]
    found = [
        concepts.fitting.concept_in("fit", part[:24], part[24:], unit, "1", "mean", "ridge", 0).found
        for part in np.split(h, 20)
    ]
    assert sum(found) <= 4  # P(more) < .003 of 20 at .05


def test_relative_concepts_are_against_others(net: nn.Module) -> None:
    others = {"none": with_patch(40, 2, 0), "negative": with_patch(40, 4, -3)}
    c = concepts.fit(net, "1", with_patch(60, 1, 6), others)
    joined = concepts.fit(net, "1", with_patch(60, 1, 6), np.concatenate(list(others.values())))
    np.testing.assert_array_equal(c.pattern, joined.pattern)
    with pytest.raises(ShapeError, match="others has images of shapes none"):
        concepts.fit(net, "0", with_patch(60, 1), {})


def test_the_model_is_left_as_it_was_and_its_mode_does_not_matter(net: nn.Module) -> None:
    model = float64(nn.Sequential(*list(net)[:2], nn.Dropout(0.5), *list(net)[2:])).train()
    args = with_patch(60, 1, 5), with_patch(60, 2, 0)
    expected = concepts.fit(net, "1", *args).pattern
    with mx.no_tape():
        c = concepts.fit(model, "1", *args)
        concepts.tcav(model, args[0], 0, "1", args[0][:20], args[1])
    assert model.training
    np.testing.assert_array_equal(c.pattern, expected)


def test_classifiers_say_what_they_need(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"fit: classifier 'svm' needs scikit-learn.*minixai\[lessons\]"):
        concepts.fit(net, "0", with_patch(20, 1), with_patch(20, 2, 0), classifier="svm")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"concept": with_patch(5, 1)}, "fit: concept has 5 images, expected at least 6"),
        ({"others": with_patch(5, 1)}, "fit: others has 5 images, expected at least 6"),
        ({"concept": np.full((9, 1, 8, 8), np.nan)}, "fit: concept holds NaN"),
        ({"others": {"a": np.zeros((0, 1, 8, 8))}}, r"fit: others\['a'\] has shape \(0, 1, 8, 8\)"),
        ({"classifier": "tree"}, "fit: classifier is 'tree', expected one of 'ridge', 'logistic', 'svm'"),
        ({"pool": "max"}, "fit: pool is 'max', expected one of 'mean'"),
        ({"layer": "17"}, "fit: layer '17' is not in the model"),
        ({"seed": -1}, "fit: seed is -1"),
        ({"concept": np.zeros((9, 1, 8, 8)), "others": np.zeros((9, 1, 8, 8))}, "fit: layer 0 says the same"),
    ],
)
def test_bad_arguments(net: nn.Module, arguments: dict, message: str) -> None:
    given = {"layer": "0", "concept": with_patch(9, 1), "others": with_patch(9, 2, 0), **arguments}
    with pytest.raises(ValueError, match=message):
        concepts.fit(net, **given)


def test_another_library_s_model_is_refused() -> None:
    with pytest.raises(TypeError, match="fit: model is 'vgg', expected a minixai Module"):
        concepts.fit("vgg", "0", 1, 2)
    with pytest.raises(TypeError, match="tcav: model is 'vgg'"):
        concepts.tcav("vgg", 1, 0, "0", 1, 2)


# ---------------------------------------------------------------- TCAV


@pytest.mark.parametrize("direction", ["pattern", "filter"])
def test_a_class_that_depends_on_a_concept(net: nn.Module, direction: str) -> None:
    images, others = with_patch(40, 7, 4), with_patch(120, 2, 0)
    sets = {"patch": with_patch(50, 1, 4), "noise": with_patch(50, 8, 0)}
    t = concepts.tcav(net, images, 0, ["1", "3"], sets, others, direction, runs=4)
    assert t.names == [("1", "patch"), ("1", "noise"), ("3", "patch"), ("3", "noise")]
    assert [c.found for c in t.concepts] == [True, False, True, False]
    assert t.score[0] == t.score[2] == 1
    assert t.scores.shape == (4, 4)
    assert t.random_scores.shape == (4, 199)
    against = concepts.tcav(detector(-1.0), images, 0, "1", sets["patch"], others, direction, runs=4)
    assert against.score[0] == 0
    cells = repr(t).splitlines()[1].split()
    assert cells[:4] == ["1", "patch", f"{t.concepts[0].accuracy:.2f}", "1.00"]


def test_p_is_the_rank_among_random_concepts() -> None:
    scores = np.array([[0.9, 0.9], [0.5, 0.5]])
    random = np.tile(np.linspace(0.001, 0.999, 199), (2, 1))
    t = concepts.Tcav([], [], "pattern", 0, 10, scores, random)
    assert t.p_value[0] == (1 + np.sum(np.abs(random[0] - 0.5) >= 0.4 - 1e-12)) / 200
    assert t.p_value[1] == 1
    np.testing.assert_allclose(t.p_holm, [2 * t.p_value[0], 1])


def test_many_tests_need_many_random_concepts(net: nn.Module) -> None:
    c = concepts.fit(net, "1", with_patch(60, 1, 5), with_patch(60, 2, 0))

    def table(tests: int) -> str:
        scores, random = np.ones((tests, 2)), np.tile(np.linspace(0.1, 0.9, 199), (tests, 1))
        found = concepts.Tcav([("1", "a")] * tests, [c] * tests, "pattern", 0, 10, scores, random)
        assert (found.p_holm < 0.05).all() == (tests < 10)
        return repr(found)

    assert "no p is small enough" not in table(9)
    assert "no p is small enough for 10 tests: random=200 or more" in table(10)


def test_the_rank_is_calibrated_and_kim_s_t_test_is_not() -> None:
    """Random concepts in a Gaussian layer; experiments/tcav.py has 200 in a network."""
    rng, tests, d = RNG(0), 60, 20
    g = rng.normal(0.3, 1, (50, d))
    p_rank, p_t = [], []
    for _ in range(tests):
        h = rng.normal(size=(130, d))
        scores, random = ranked(h[:30], h[30:], g, "pattern", "ridge", 5, 199, rng)
        t = concepts.Tcav([], [], "pattern", 0, 50, scores[None], random[None])
        p_rank.append(t.p_value[0])
        p_t.append(t.p_t_test[0])
    assert 1 <= np.sum(np.array(p_rank) < 0.05) <= 8  # Bin(60, .05) is there with .95 and more
    assert np.mean(np.array(p_t) < 0.05) > 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"others": with_patch(30, 1, 0)},
            "tcav: others has 30 images, expected at least 40, twice as many as",
        ),
        ({"target": 3}, r"tcav: target is 3, expected class indices in \[0, 3\)"),
        ({"random": 198}, "tcav: random is 198, expected at least 199"),
        ({"concept": {}}, "tcav: concept is empty, expected at least one"),
        ({"layer": []}, "tcav: layer is empty"),
        ({"concept": with_patch(5, 1)}, "tcav: concept has 5 images, expected at least 6"),
        ({"runs": 1}, "tcav: runs is 1, expected at least 2"),
        ({"direction": "cav"}, "tcav: direction is 'cav', expected one of 'pattern', 'filter'"),
        ({"concept": {"a": np.full((9, 1, 8, 8), np.inf)}}, "tcav: concept 'a' holds NaN or inf"),
        ({"images": np.zeros((0, 1, 8, 8))}, "tcav: images has shape"),
    ],
)
def test_bad_arguments_of_tcav(net: nn.Module, arguments: dict, message: str) -> None:
    given = {"images": with_patch(3, 1), "target": 0, "layer": "0", "concept": with_patch(20, 1), **arguments}
    with pytest.raises(ValueError, match=message):
        concepts.tcav(net, **{"others": with_patch(60, 2, 0), **given})
