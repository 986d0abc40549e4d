"""Controls: what explanations are held against, in the catalogue, in sheets of maps and in curves."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minixai as mx
from minixai import cli, nn
from minixai.errors import ShapeError
from minixai.methods import METHODS, side_by_side
from minixai.methods.catalogue import markdown_table
from minixai.similarity import cosine, edges, rank_correlation, ranks
from tests.networks import small

X = np.random.default_rng(0).standard_normal((2, 3, 7, 5))
CONTROLS = [name for name, method in METHODS.items() if method.control]


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(30, 2, rng=1))


def test_edges_against_plain_loops():
    kernel = np.outer([1, 2, 1], [-1, 0, 1]) / 8
    expected = np.empty(X.shape)
    for n, c, i, j in np.ndindex(X.shape):
        gx = gy = 0.0
        for r, q in np.ndindex(3, 3):
            pixel = X[n, c, np.clip(i + r - 1, 0, 6), np.clip(j + q - 1, 0, 4)]
            gx, gy = gx + kernel[r, q] * pixel, gy + kernel[q, r] * pixel
        expected[n, c, i, j] = np.sqrt(gx**2 + gy**2)
    np.testing.assert_allclose(edges(X), expected, atol=1e-14)


def test_a_slope_of_one_has_edges_of_one():
    ramp = np.arange(6.0) * np.ones((1, 1, 5, 1))
    np.testing.assert_allclose(edges(ramp)[0, 0, :, 1:-1], 1)
    np.testing.assert_allclose(edges(ramp.swapaxes(2, 3))[0, 0, 1:-1], 1)


def test_cosines_by_a_loop_and_a_map_of_zeros_has_none():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 4, 3, 5, 6)).astype(np.float32)
    a[1], b[2] = 0, 0
    for i in (0, 3):
        pairs = [(float(u), float(v)) for u, v in zip(a[i].flat, b[i].flat, strict=True)]
        size = math.sqrt(sum(u * u for u, _ in pairs) * sum(v * v for _, v in pairs))
        assert cosine(a, b)[i] == pytest.approx(sum(u * v for u, v in pairs) / size)
    np.testing.assert_array_equal(np.isnan(cosine(a, b)), [False, True, True, False])
    np.testing.assert_allclose(cosine(a[:1], -2 * a[:1]), [-1])
    assert cosine(a, b).dtype == np.float64


def test_ranks_and_their_correlation_as_in_scipy():
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    a = np.random.default_rng(1).integers(0, 6, (4, 30)).astype(float)  # with ties
    b = a + np.random.default_rng(2).standard_normal(a.shape)
    np.testing.assert_array_equal(ranks(a), stats.rankdata(a, axis=1))
    expected = [stats.spearmanr(one, other).statistic for one, other in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_correlation(a.reshape(4, 5, 6), b.reshape(4, 5, 6)), expected)
    np.testing.assert_allclose(rank_correlation(a, -np.exp(a)), -1)
    assert np.isnan(rank_correlation(a, np.ones(a.shape))).all()


def test_the_controls_know_no_network(net):
    other = nn.Sequential(nn.Conv2d(3, 4, 3, rng=5), nn.ReLU(), nn.Flatten(), nn.Linear(60, 2, rng=6))
    for name in CONTROLS:
        one, two = (METHODS[name].function(model, X, target) for model, target in ((net, 0), (other, 1)))
        np.testing.assert_array_equal(one.map, two.map)
        assert one.kind == "control"
    x = X.astype(np.float32)
    np.testing.assert_array_equal(mx.methods.sobel_edges(net, X).map, edges(x).astype(np.float32))
    np.testing.assert_array_equal(mx.methods.input_size(net, X).map, np.abs(x))
    drawn = mx.methods.random_map(net, X).map
    assert abs(rank_correlation(drawn[:1], drawn[1:])[0]) < 0.5
    assert not np.array_equal(mx.methods.random_map(net, X, map_seed=1).map, drawn)


def test_edges_are_of_images():
    net = nn.Sequential(nn.Linear(4, 2, rng=0))
    with pytest.raises(ShapeError, match=r"^sobel_edges: x has shape \(1, 4\), expected four axes"):
        mx.methods.sobel_edges(net, np.ones((1, 4)))


def test_the_tables_list_them_apart(capsys):
    assert CONTROLS == ["sobel_edges", "input_size", "random_map"]
    assert not any(name in markdown_table() for name in CONTROLS)
    assert cli.main(["methods"]) == 0
    printed = capsys.readouterr().out
    names = [line.split()[0] for line in printed.splitlines() if not line.startswith(" ")]
    listed = [name for name in names if name in METHODS]
    assert listed[-len(CONTROLS) :] == CONTROLS


def test_a_sheet_has_them_in_rows_apart_and_says_how_like_edges_maps_are(net):
    maps = [mx.methods.random_map(net, X), mx.methods.gradient(net, X), mx.methods.sobel_edges(net, X)]
    texts = [text.get_text() for axes in side_by_side(maps, with_edges=True).axes for text in axes.texts]
    order = [text for text in texts if text in ("gradient", "controls", "edges (Sobel)", "random")]
    assert order == ["gradient", "controls", "random", "edges (Sobel)"] * 2
    size = np.abs(maps[1].map.sum(axis=1))
    like, mirrored = (rank_correlation(size, edges(x).sum(axis=1)) for x in (maps[1].x, maps[1].x[..., ::-1]))
    for i in range(2):
        assert f"function, edges {like[i]:.2f} ({mirrored[i]:.2f})".replace("-", "−") in texts
    assert sum(text.startswith("control, edges 1.00 (") for text in texts) == 2
    plain = [text.get_text() for axes in side_by_side(maps).axes for text in axes.texts]
    assert not any(", edges" in text for text in plain)


def test_a_map_that_is_constant_is_like_nothing(net):
    flat = np.ones(X.shape)
    with pytest.warns(mx.methods.ZeroMapWarning):
        e = mx.methods.sobel_edges(net, flat)
    texts = [text.get_text() for axes in side_by_side([e], with_edges=True).axes for text in axes.texts]
    assert "control, edges – (–)" in texts


def test_compare_has_them_on_by_a_switch(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("skimage", reason="scikit-image bundles the photo")
    drawn = []
    monkeypatch.setattr(cli, "side_by_side", lambda maps, *_: (drawn.append(maps), side_by_side(maps))[1])
    for switch in ([], ["--controls"]):
        argv = ["compare", "chelsea", "--model", "cifar10_maxpool", "--quick", *switch]
        assert cli.main(argv) == 0
    without, with_them = ([e for e in maps if e.kind == "control"] for maps in drawn)
    assert without == []
    assert [e.method for e in with_them[: len(CONTROLS)]] == [METHODS[name].title for name in CONTROLS]
    walks = [m.title for m in METHODS.values() if m.quick and not m.takes_patterns]
    assert [e.method for e in with_them[len(CONTROLS) :]] == [f"{title}, untrained" for title in walks]
    known = {e.method: e.map for e in drawn[1] if e.unit.layer is None and e.kind != "control"}
    for e in with_them[len(CONTROLS) :]:
        assert np.isfinite(e.map).all()
        assert not np.allclose(e.map, known[e.method.removesuffix(", untrained")])


def test_curves_in_the_order_of_controls():
    net, x = small((8, 8), 0), np.random.default_rng(3).standard_normal((3, 2, 8, 8))
    heat = mx.methods.gradient(net, x)
    settings = {"patch": 2, "fill": 0.0, "progress": False}
    found = mx.evaluate.compare_degradation(net, x, {"gradient": heat}, controls=True, **settings)
    assert [*found.curves] == ["random", "edges (Sobel)", "|x|", "gradient"]
    for name, order in (
        ("random", None),
        ("edges (Sobel)", edges(x)),
        ("|x|", np.abs(x)),
        ("gradient", heat),
    ):
        expected = mx.evaluate.degrade(net, x, order, **settings)
        np.testing.assert_array_equal(found.curves[name].scores, expected.scores)
    lines = {line.get_label().partition(":")[0]: line for line in found.plot().axes[0].lines}
    grey = {name for name, line in lines.items() if line.get_linestyle() != "-"}
    assert grey == {"random", "edges (Sobel)", "|x|"}
    assert len({lines[name].get_linestyle() for name in grey}) == 3
    assert [*mx.evaluate.compare_degradation(net, x, {"g": heat}, **settings).curves] == ["random", "g"]
    asked = mx.evaluate.compare_degradation(net, x, {"g": mx.methods.gradient}, controls=True, **settings)
    assert [*asked.curves] == ["random", "edges (Sobel)", "|x|", "g, untrained", "g"]
    np.testing.assert_array_equal(asked.curves["g"].scores, found.curves["gradient"].scores)
    other = mx.methods.gradient(mx.evaluate.untrained(net), x, heat.target)
    expected = mx.evaluate.degrade(net, x, np.asarray(other), **settings)
    np.testing.assert_array_equal(asked.curves["g, untrained"].scores, expected.scores)
    with pytest.raises(ValueError, match="compare_degradation: 'random' is the name of a control"):
        mx.evaluate.compare_degradation(net, x, {"random": heat}, **settings)
