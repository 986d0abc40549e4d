"""`minixai play`: what its page shows is what the networks did, and what methods say of them."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import cli, demo
from minixai.demo import play
from tests.html_elements import Elements

FEW = 4  # frames


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("play") / "play.html"
    demo.play_page(path, seed=3, frames=FEW)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table(page: str) -> dict[str, Any]:
    return json.loads(Elements(page).text("table"))


def unpacked(packed: dict[str, Any]) -> np.ndarray:
    array = np.frombuffer(base64.b64decode(packed["data"]), {"u8": np.uint8, "f4": "<f4"}[packed["kind"]])
    return array.reshape(packed["shape"])


@pytest.mark.parametrize("name", play.SETS)
def test_every_frame_is_that_of_the_training(name: str, table: dict[str, Any]) -> None:
    shown = table["sets"][name]
    for angle, run in zip(shown["angles"], shown["runs"], strict=True):
        data = play.SETS[name] if angle is None else play.SETS[name]._replace(make=play.suppressed(angle))
        x, y, found = play.recorded(data, 3, FEW)
        np.testing.assert_array_equal(unpacked(run["x"]), x)
        assert run["y"] == y.tolist()
        assert np.abs(x).max() < table["extent"]
        for key, each in found.items():
            np.testing.assert_array_equal(
                unpacked(run[key]), each.astype(unpacked(run[key]).dtype), err_msg=key
            )
        assert found["loss"][-1] < found["loss"][0]


def test_the_surface_the_scores_and_the_methods_are_those_of_the_network() -> None:
    model = mx.nn.Sequential(mx.nn.Linear(2, 3, rng=0), mx.nn.ReLU(), mx.nn.Linear(3, 1, rng=1))
    x, y = play.xor(np.random.default_rng(0))
    shown = play.measured(model, x.astype(np.float32), y)
    first, _, last = model
    along = np.linspace(-play.EXTENT, play.EXTENT, play.SIDE)

    def logit(point: Any) -> float:
        hidden = [
            max(0.0, float(w @ point + b)) for w, b in zip(first.weight.value, first.bias.value, strict=True)
        ]
        return float(last.weight.value[0] @ hidden + last.bias.value[0])

    for row, column in ((0, 0), (3, 20), (24, 24)):
        p = 1 / (1 + np.exp(-logit([along[column], -along[row]])))
        assert shown["surface"][row, column] == pytest.approx(255 * p, abs=0.51)
    losses = [np.log1p(np.exp((1 - 2 * each) * logit(point))) for point, each in zip(x, y, strict=True)]
    assert shown["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    points = play.places(play.GRID)
    k = 17
    assert shown["scores"][k] == pytest.approx(logit(points[k]), rel=1e-5)
    np.testing.assert_array_equal(
        shown["said"][0, k], mx.methods.gradient(model, points[k : k + 1], 0).map[0]
    )
    np.testing.assert_allclose(
        shown["said"][1, k], mx.methods.lrp(model, points[k : k + 1], 0).map[0], rtol=1e-4, atol=1e-6
    )


def test_the_filter_follows_the_distractor_and_the_pattern_stays() -> None:
    """As in closed form: w ∝ Σ⁻¹a for the covariance Σ within a class, and cov[x, ŷ] lies along a."""
    for angle in (60, 140):
        data = play.SETS["suppressor"]._replace(make=play.suppressed(angle))
        _, _, found = play.recorded(data, 0, 60)
        w, a = found["angles"][-1]
        turn = np.radians(angle)
        d = play.DISTRACTOR * np.array([np.cos(turn), np.sin(turn)])
        best = np.linalg.solve(np.outer(d, d) + play.NOISE**2 * np.eye(2), [1, 0])
        assert w == pytest.approx(np.degrees(np.arctan2(*best[::-1])), abs=9)
        assert abs(a) < 9 < 20 < abs(w)


def test_data_are_drawn_by_a_seed() -> None:
    for data in play.SETS.values():
        one, two, other = (data.make(np.random.default_rng(seed)) for seed in (0, 0, 1))
        np.testing.assert_array_equal(one[0], two[0])
        assert not np.array_equal(one[0], other[0])
        assert set(one[1]) == {0, 1}


def test_the_page_is_well_formed_and_needs_nothing_but_itself(page: str) -> None:
    elements = Elements(page)
    assert elements.open == []
    assert re.findall(r"\{\{\w+\}\}", page) == []
    assert re.findall(r"https?:|@import|fetch\(|XMLHttp|import\(|url\(", page) == []
    policy = [str(each["content"]) for each in elements.by("meta") if "http-equiv" in each]
    assert policy[0].startswith("default-src 'none';")
    ids = Counter(attributes["id"] for _, attributes, _ in elements.found if "id" in attributes)
    assert max(ids.values()) == 1
    assert set(re.findall(r'\$\("([\w-]+)"\)', page)) <= set(ids)
    assert [each["for"] for each in elements.by("label")] == ["frame", "angle"]


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(play, "SETS", {"suppressor": play.SETS["suppressor"]})
    monkeypatch.setattr(play, "ANGLES", (60,))
    assert cli.main(["play", "--html", "a.html", "--seed", "2"]) == 0
    assert capsys.readouterr().out == "saved a.html\n"
    assert (
        len(
            json.loads(Elements(Path("a.html").read_text("utf-8")).text("table"))["sets"]["suppressor"][
                "runs"
            ]
        )
        == 1
    )
    for options, said in (
        (("--html", "a.png"), "'a.png' ends in '.png', expected .html"),
        (("--html", "none/a.html"), "--html: cannot write none/a.html: No such file"),
        (("--seed", "-1"), "play_page: seed is -1, expected at least 0"),
    ):
        assert cli.main(["play", *options]) == 2
        assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
