"""Planted concepts: the images, what their patterns and filters do, and the page that shows it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from minixai.data.patches import stripes
from minixai.demo import concept_page, concept_picture
from minixai.demo.concepts import CORRELATIONS, orientations, row_at, table_of
from tests.html_elements import Elements

FEW = {"angles": [15.0, 90.0], "images": 400}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "concepts.html"
    concept_page(path, **FEW)
    return path.read_text(encoding="utf-8")


def test_images_are_the_sums_that_they_are_said_to_be() -> None:
    s = mx.data.planted(300, 40, noise=0)
    np.testing.assert_array_equal(s.x, np.where(s.t[:, None, None, None], s.with_it, s.without))
    shown = (s.with_it != s.without).any(axis=(1, 2, 3))
    assert shown.all()
    assert [bool(x.any()) for x in s.without] == s.distractor.tolist()
    assert np.abs(s.with_it - s.without).max() <= 1
    assert 0.4 < s.t.mean() < 0.6
    noisy = mx.data.planted(300, 40, noise=0.5)
    assert np.std(noisy.x - s.x) == pytest.approx(0.5, rel=0.01)


def test_what_turns_and_what_stays() -> None:
    """The same seed gives the same t, places and noise; more images do not."""
    one, two = (mx.data.planted(50, angle, seed=3) for angle in (0, 90))
    np.testing.assert_array_equal(one.t, two.t)
    np.testing.assert_allclose(one.with_it - one.without, two.with_it - two.without, atol=1e-12)
    assert not np.allclose(one.without, two.without)
    np.testing.assert_allclose(
        stripes(40, 0.7, 7),
        np.cos(0.7) * stripes(40, 0, 7) + np.sin(0.7) * stripes(40, np.pi / 2, 7),
        atol=1e-12,
    )
    np.testing.assert_allclose(stripes(90, 0.4, 7), stripes(0, 0.4, 7).T, atol=1e-12)


@pytest.mark.parametrize("correlation", [-0.6, 0.0, 0.3, 1.0])
def test_the_correlation_is_what_was_asked_for(correlation: float) -> None:
    s = mx.data.planted(4000, correlation=correlation)
    assert np.corrcoef(s.t, s.distractor)[0, 1] == pytest.approx(correlation, abs=0.04)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"n": 0}, "n is 0"), ({"correlation": 1.1}, "correlation is 1.1"), ({"angle": np.nan}, "angle is nan"),
     ({"noise": -1}, "noise is -1"), ({"seed": -1}, "seed is -1")],
)  # fmt: skip
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"planted: {message}"):
        mx.data.planted(**arguments)


def test_the_filter_turns_and_the_pattern_errs_where_they_are_correlated() -> None:
    near, far, correlated = (row_at(*at, 1000) for at in ((10, 0), (90, 0), (90, 0.6)))
    assert min(near.cosine("pattern"), far.cosine("pattern")) > 0.99
    assert near.cosine("filter") < 0.5 < 0.9 < far.cosine("filter")
    assert near.concept.accuracy > near.concept.held_out["pattern"].accuracy + 0.05
    assert correlated.cosine("pattern") < 0.9
    assert correlated.cosine("filter") > far.cosine("filter") - 0.02


def test_the_row_is_what_concepts_fit_says() -> None:
    s, row = mx.data.planted(400, 20), row_at(20, 0, 400)
    c = mx.concepts.fit(orientations(), "1", s.x[s.t], s.x[~s.t])
    np.testing.assert_allclose(row.concept.filter, c.filter, atol=1e-9)


def test_the_picture_is_drawn() -> None:
    picture = concept_picture([15, 90], 200)
    left, right = picture.axes[-2:]
    np.testing.assert_allclose(left.lines[0].get_ydata(), 1, atol=0.02)
    assert len(right.lines[0].get_ydata()) == len(CORRELATIONS)
    assert picture.pixels().std() > 10


def test_the_page_has_the_table_and_needs_nothing_but_itself(page: str) -> None:
    elements = Elements(page)
    assert elements.open == []
    assert "{{" not in page
    table = json.loads(elements.text("table"))
    assert table == json.loads(json.dumps(table_of(**FEW)))
    assert len(table["rows"]) == 2 * len(CORRELATIONS)
    assert table["rows"][1]["cosine"]["filter"] == pytest.approx(
        row_at(90, 0, 400).cosine("filter"), abs=1e-3
    )
    images = np.frombuffer(base64.b64decode(table["examples"][0]), np.uint8).reshape(4, 24, 24)
    assert images.std(axis=(1, 2)).argmin() == 3  # the one with neither
    assert re.findall(r"https?:|@import|fetch\(|XMLHttp|import\(", page) == []
    (policy,) = [each["content"] for each in elements.by("meta") if "http-equiv" in each]
    assert str(policy).startswith("default-src 'none';")
    ids = [attributes["id"] for _, attributes, _ in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'\$\("([\w]+)"\)', page)) <= set(ids)
    assert [each["for"] for each in elements.by("label")] == [each["id"] for each in elements.by("input")]


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"concept_page: '.*x.png' ends in '.png', expected .html"):
        concept_page(tmp_path / "x.png", **FEW)
    assert list(tmp_path.iterdir()) == []
