"""The demo's web page: its numbers are those of `compute`, and it needs nothing but itself."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minixai.data import toy
from minixai.demo import Params, compute, pages, save_page
from minixai.demo.numbers import angle_to, sample_of
from minixai.plot import style
from minixai.plot.page import render
from minixai.signal import TwoComponentEstimator
from tests.html_elements import Elements
from tests.oracles import criterion as oracle

SMALL = {
    "angle": [-180.0, -15.0, 90.0],
    "sigma": [0.0, 2.0],
    "noise": [0.0, 0.5],
    "l2_per_point": [0.0, 0.25],
}
FIXED = Params(angle=37, mu=0.5, sigma=0.8, noise=0.3, l2_per_point=0.1, points=400, seed=7)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid of a few values, which is computed at once."""
    monkeypatch.setattr(pages, "GRID", SMALL)


@pytest.fixture
def small_page(small: None, tmp_path: Path) -> str:
    """The page of a few values."""
    return saved(tmp_path)


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page that `minixai demo --html` writes."""
    path = tmp_path_factory.mktemp("page") / "demo.html"
    save_page(path)
    return path.read_text(encoding="utf-8")


def saved(tmp_path: Path, params: Params | None = None) -> str:
    save_page(tmp_path / "demo.html", params)
    return (tmp_path / "demo.html").read_text(encoding="utf-8")


def table_in(text: str) -> dict[str, Any]:
    return json.loads(Elements(text).text("table"))


def rows_by_place(table: dict[str, Any]) -> dict[tuple[float, ...], dict[str, float | None]]:
    """The rows by the values of the sliders, read as the page reads them: the last slider runs fastest."""
    places = list(product(*table["grid"].values()))
    return {
        place: dict(zip(table["columns"], row, strict=True))
        for place, row in zip(places, table["rows"], strict=True)
    }


def check_row(row: dict[str, float | None], params: Params, notes: list[str]) -> None:
    """Compare a row of the table with `compute`, the estimators, and ρ from samples one by one."""
    scene = compute(params)
    w, a, b = scene.w, scene.a, (scene.y - scene.x @ scene.w).mean()
    two = TwoComponentEstimator(w, b).fit(scene.x, scene.x @ w + b)
    expected: dict[str, float] = {
        "w_1": w[0],
        "w_2": w[1],
        "a_1": a[0],
        "a_2": a[1],
        "angle_w": scene.angle_w,
        "angle_a": scene.angle_a,
        "angle_plus": angle_to(two.positive, scene.a_s),
        "angle_minus": angle_to(two.negative, scene.a_s),
        "extent": scene.extent,
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, abs=0.5001 * 10 ** -pages.COLUMNS[name]), (name, params)
    assert notes[int(row["note"] or 0)] == scene.note

    for_v, test = (sample_of(replace(params, seed=params.seed + k)).x for k in (1, 2))
    patterns = {"S_w": (w / (w @ w),) * 2, "S_a": (a, a), "S_pm": (two.positive, two.negative)}
    for name, (above, below) in patterns.items():
        fitted, measured = (oracle.distractors(list(x), w, b, above, below, False) for x in (for_v, test))
        left = np.var([d for d, _ in measured], axis=0).sum()
        if left < 1e-10 * np.var(for_v, axis=0).sum():
            assert row[f"rho_{name}"] is None, (name, params)
            continue
        v = oracle.fit(fitted, 1e-6, np.var(for_v, axis=0).mean())
        assert row[f"rho_{name}"] == pytest.approx(oracle.rho(measured, v), abs=0.0051), (name, params)


@pytest.mark.usefixtures("small")
def test_the_table_is_what_compute_says() -> None:
    table = pages.table_of(FIXED)
    rows = rows_by_place(table)
    assert len(rows) == 4 * 3 * 3 * 3
    for k in np.random.default_rng(0).choice(len(rows), 20, replace=False):
        place, row = list(rows.items())[k]
        check_row(row, replace(FIXED, **dict(zip(table["grid"], place, strict=True))), table["notes"])


@pytest.mark.slow
def test_the_default_table_is_what_compute_says(default: str) -> None:
    table = table_in(default)
    rows = rows_by_place(table)
    assert table["grid"] == pages.GRID
    assert len(default.encode()) < 600_000
    for k in np.random.default_rng(0).choice(len(rows), 8, replace=False):
        place, row = list(rows.items())[k]
        check_row(row, Params(**dict(zip(pages.GRID, place, strict=True))), table["notes"])


@pytest.mark.slow
def test_rho_does_not_see_that_l2_turns_the_pattern(default: str) -> None:
    rows = rows_by_place(table_in(default))
    least, most = (rows[45.0, 1.0, 0.0, l2] for l2 in (0.0, 1.0))
    assert abs(least["angle_a"] or 0) < 2 < 25 < (most["angle_a"] or 0)
    assert least["rho_S_a"] == pytest.approx(1, abs=0.02) == most["rho_S_a"]
    assert (most["rho_S_w"] or 1) < (least["rho_S_w"] or 0) < 0.8


@pytest.mark.usefixtures("small")
def test_the_sliders_start_where_the_parameters_are() -> None:
    table = pages.table_of(FIXED)
    assert table["start"] == {"angle": 37, "sigma": 0.8, "noise": 0.3, "l2_per_point": 0.1}
    assert table["grid"]["angle"] == [-180, -15, 37, 90]
    assert pages.table_of(Params(angle=90, sigma=2, points=50))["grid"]["angle"] == SMALL["angle"]
    assert table["made"] == {"mu": 0.5, "points": 400, "seed": 7}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("n", [50, 400])
def test_the_points_are_those_of_the_demo(n: int) -> None:
    params = replace(FIXED, points=n)
    table = pages.table_of(params)
    points = {name: np.array(values) for name, values in table["points"].items()}
    assert {len(values) for values in points.values()} == {min(n, 300)}
    turn = np.radians(params.angle)
    a_d = table["a_d_length"] * np.array([np.cos(turn), np.sin(turn)])
    epsilon = params.mu + params.sigma * points["epsilon"]
    x = np.outer(points["y"], table["a_s"]) + np.outer(epsilon, a_d) + params.noise * points["eta"]
    scene = compute(params)
    np.testing.assert_allclose(x, scene.x[: len(x)], atol=2e-3)
    np.testing.assert_allclose(points["y"], scene.y[: len(x)], atol=5e-4)
    np.testing.assert_allclose(a_d, toy(1, angle=params.angle).a_d)


def test_the_page_is_well_formed_and_says_what_it_shows(small_page: str) -> None:
    elements = Elements(small_page)
    assert elements.declaration == "DOCTYPE html"
    assert elements.open == []
    assert "{{" not in small_page
    assert elements.by("html") == [{"lang": "en"}]
    assert "Signal and distractor" in [text[0] for tag, _, text in elements.found if tag == "title"]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in elements.by("meta")
    assert len(elements.by("h1")) == 1

    ids = Counter(attributes["id"] for _, attributes, _ in elements.found if "id" in attributes)
    assert max(ids.values()) == 1
    sliders = [each["id"] for each in elements.by("input")]
    assert sorted(map(str, sliders)) == sorted(pages.GRID)
    assert all(each["type"] == "range" for each in elements.by("input"))
    assert [each["for"] for each in elements.by("label")] == sliders
    assert [(each["for"], each["id"]) for each in elements.by("output")] == [
        (s, f"{s}-value") for s in sliders
    ]
    (svg,) = elements.by("svg")
    assert svg["role"] == "img"
    assert set(str(svg["aria-labelledby"]).split()) <= set(ids)
    (status,) = [attributes for _, attributes, _ in elements.found if attributes.get("aria-live") == "polite"]
    assert (status["id"], status["role"]) == ("state", "status")
    assert all(each["scope"] in ("row", "col") for each in elements.by("th"))
    assert set(re.findall(r'\$\("([\w-]+)"\)', small_page)) <= set(ids)


def test_the_page_needs_nothing_but_itself(small_page: str) -> None:
    elements = Elements(small_page)
    assert re.findall(r"https?:|@import|fetch\(|XMLHttp|import\(", small_page) == []
    assert set(re.findall(r"url\(([^)]*)\)", small_page)) == {"#inside"}
    addresses = [
        value
        for _, attributes, _ in elements.found
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "poster") or name.endswith(":href")
    ]
    assert addresses == ["data:,"]
    policy = [each["content"] for each in elements.by("meta") if "http-equiv" in each]
    assert len(policy) == 1
    assert str(policy[0]).startswith("default-src 'none';")


def test_the_colours_are_those_of_the_picture(small_page: str) -> None:
    for name in ("signal", "distractor", "filter", "pattern"):
        assert f"--{name}: {getattr(style, name.upper())};" in small_page
    y, colours = (np.array(table_in(small_page)["points"][name]) for name in ("y", "colour"))
    blue = [int(colour[5:], 16) - int(colour[1:3], 16) for colour in colours[np.argsort(y)]]
    assert blue[0] > 50 > -50 > blue[-1]  # cividis runs from blue to yellow


@pytest.mark.usefixtures("small")
def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = saved(tmp_path, FIXED)
    assert saved(tmp_path, FIXED) == first
    assert saved(tmp_path, replace(FIXED, seed=8)) != first
    assert f"{compute(FIXED).error_a:.1f}°" in first
    assert list(tmp_path.iterdir()) == [tmp_path / "demo.html"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "params", [Params(points=2), Params(noise=30, l2_per_point=100), Params(angle=725, mu=-3)]
)
def test_far_parameters_have_a_table(params: Params) -> None:
    numbers = [row[:8] for row in pages.table_of(params)["rows"]]
    assert np.isfinite(numbers).all()


def test_nothing_in_the_table_ends_its_script() -> None:
    table = {"notes": ["</script><script>alert(1)</script>"]}
    text = render(table, points="1", error_a="0°")
    assert len(Elements(text).by("script")) == 2
    assert table_in(text) == table
    with pytest.raises(ValueError, match="JSON"):
        render({"rows": [float("nan")]}, points="1", error_a="0°")


@pytest.mark.usefixtures("small")
def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"save_page: '.*x.png' ends in '.png', expected .html"):
        save_page(tmp_path / "x.png")
    with pytest.raises(FileNotFoundError, match=r"save_page: cannot write .*x.html: No such file"):
        save_page(tmp_path / "none" / "x.html", Params(points=20))
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OSError, match=r"save_page: cannot write"):
        save_page(tmp_path / "folder.html", Params(points=20))
    with pytest.raises(ValueError, match="Params: angle is nan"):
        save_page(tmp_path / "x.html", Params(angle=float("nan")))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]
