"""The demo's numbers, its picture at every slider position, and its fronts without a display."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
import xml.etree.ElementTree as ET
from argparse import ArgumentParser
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import IPython.display
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import minixai
from minixai import demo
from minixai.data import toy
from minixai.demo import Params, command, compute, pages
from minixai.plot import Picture
from minixai.plot.distractor import LABEL_GAP, SIZE, DistractorPlot, degrees, spread
from tests.oracles import signal_distractor as oracle

EXTREMES = [
    Params(),
    Params(angle=0),
    Params(angle=180, noise=0.5),
    Params(angle=-180, mu=2, l2_per_point=1),
    Params(angle=1),
    Params(angle=-179, sigma=2),
    Params(angle=90, noise=1, l2_per_point=1),
    Params(angle=-90, mu=-2),
    Params(sigma=0),
    Params(sigma=0, mu=2, noise=1),
    Params(points=100, sigma=2, angle=135),
    Params(mu=2, sigma=2, noise=1, l2_per_point=1, points=5000),
    Params(points=2),
    Params(noise=30, l2_per_point=100),
    Params(points=10, sigma=2, seed=5),
]


def drawn(params: Params) -> tuple[Picture, DistractorPlot]:
    picture = Picture(figsize=SIZE)
    return picture, demo.draw(picture, compute(params))


def arguments(*options: str) -> Any:
    parser = ArgumentParser()
    demo.add_arguments(parser)
    return parser.parse_args(options)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_compute_equals_the_plain_formulas() -> None:
    params = Params(angle=60, mu=0.5, sigma=0.8, noise=0.3, l2_per_point=0.2, points=200, seed=3)
    scene = compute(params)
    sample = toy(n=200, angle=60, mu=0.5, sigma=0.8, noise=0.3, seed=3)
    np.testing.assert_array_equal(scene.x, sample.x)
    np.testing.assert_array_equal(scene.y, sample.y)
    w, b = oracle.ridge(sample.x.tolist(), sample.y.tolist(), l2=0.2 * 200)
    output = [w[0] * p[0] + w[1] * p[1] + b for p in sample.x.tolist()]
    a = oracle.linear_pattern(sample.x.tolist(), output)
    np.testing.assert_allclose(scene.w, w, rtol=1e-9)
    np.testing.assert_allclose(scene.a, a, rtol=1e-9)
    assert scene.angle_w == pytest.approx(np.degrees(np.arctan2(w[1], w[0])))
    assert scene.angle_a == pytest.approx(np.degrees(np.arctan2(a[1], a[0])))
    assert scene.angle_d == pytest.approx(60)
    np.testing.assert_array_equal(scene.signals["S_x"], sample.x)
    np.testing.assert_allclose(scene.signals["S_w"], np.outer(output, w) / (w[0] ** 2 + w[1] ** 2), rtol=1e-9)
    np.testing.assert_allclose(scene.signals["S_a"], np.outer(output, a), rtol=1e-9)


def test_the_sweeps_are_fits_at_other_parameters() -> None:
    params = Params(angle=60, noise=0.3, l2_per_point=0.25, points=300)
    scene = compute(params)
    for k in (0, 7, 20):
        noisy = compute(replace(params, noise=float(scene.noise_sweep.values[k])))
        assert (scene.noise_sweep.w[k], scene.noise_sweep.a[k]) == (noisy.angle_w, noisy.angle_a)
        shrunk = compute(replace(params, l2_per_point=float(scene.l2_sweep.values[k] ** 2)))
        assert scene.l2_sweep.w[k] == pytest.approx(shrunk.angle_w)
        assert scene.l2_sweep.a[k] == pytest.approx(shrunk.angle_a)
    assert scene.l2_root == 0.5


def test_the_paper_s_numbers() -> None:
    scene = compute(Params(points=100_000))
    assert scene.angle_w == pytest.approx(-45, abs=1e-6)
    assert abs(scene.angle_a) < 1
    np.testing.assert_allclose(scene.noise_sweep.w[[0, -1]], [-45, -26.565], atol=0.5)
    np.testing.assert_allclose(scene.noise_sweep.a, 0, atol=1)
    np.testing.assert_allclose(scene.l2_sweep.w[[0, -1]], [-45, -26.565], atol=0.5)
    np.testing.assert_allclose(scene.l2_sweep.a[[0, -1]], [0, 30.964], atol=1)  # L2 does turn the pattern


def test_the_standard_error_is_the_spread_over_seeds() -> None:
    scenes = [compute(Params(points=400, noise=0.5, seed=seed)) for seed in range(100)]
    spread_over_seeds = np.std([scene.angle_a for scene in scenes])
    assert np.mean([scene.error_a for scene in scenes]) == pytest.approx(spread_over_seeds, rel=0.2)


@pytest.mark.parametrize("params", EXTREMES, ids=str)
def test_every_number_is_finite(params: Params) -> None:
    scene = compute(params)
    sweeps = {
        f"{k}.{n}": v for k in ("noise_sweep", "l2_sweep") for n, v in asdict(getattr(scene, k)).items()
    }
    for name, value in {**vars(scene), **scene.signals, **sweeps}.items():
        if isinstance(value, (float, np.ndarray)):
            assert np.isfinite(value).all(), name


@pytest.mark.parametrize(
    ("params", "note"),
    [
        (Params(), ""),
        (Params(angle=1), ""),
        (Params(angle=0), "The distractor lies along the signal: no filter can tell them apart"),
        (Params(angle=-180, noise=1), "The distractor lies along the signal: no filter can tell them apart"),
        (Params(sigma=0), "No distractor: ε is constant, the bias takes it up"),
    ],
)
def test_a_distractor_that_cannot_be_cancelled_is_said(params: Params, note: str) -> None:
    assert compute(params).note == note
    assert drawn(params)[1].note.get_text() == note


@pytest.mark.parametrize(
    ("value", "text"), [(-45.2, "−45°"), (0.4, "0°"), (-0.4, "0°"), (-10.0, "−10°"), (90, "90°")]
)
def test_degrees(value: float, text: str) -> None:
    assert degrees(value) == text


@pytest.mark.parametrize(
    "angles", [(0, 0, 0, 0), (350, 10, 0, 180), (90, 91, 92, -90), (0, 90, 180, 270), (-1, 1)]
)
def test_spread_keeps_labels_apart(angles: tuple[float, ...]) -> None:
    given = np.array(angles, dtype=float)
    placed = spread(given)
    gaps = [abs((a - b + 180) % 360 - 180) for a, b in itertools.combinations(placed, 2)]
    assert min(gaps) > LABEL_GAP - 0.5
    if angles == (0, 90, 180, 270):
        np.testing.assert_allclose(placed, given)


@pytest.mark.parametrize("params", EXTREMES, ids=str)
def test_no_texts_overlap_or_leave_the_picture(params: Params) -> None:
    picture, plot = drawn(params)
    picture.canvas.draw()
    cloud = plot.cloud.axes
    texts = [*picture.texts, *plot.cloud.labels]
    for axes in picture.axes:
        texts += [
            axes.title,
            axes.xaxis.label,
            axes.yaxis.label,
            *(t for t in axes.texts if axes is not cloud),
        ]
        texts += [t for axis in (axes.xaxis, axes.yaxis) for t in axis.get_ticklabels() if shown(axis, t)]
    boxes = {f"{k} {t.get_text()}": t.get_window_extent() for k, t in enumerate(texts) if t.get_text()}
    for (name, box), (other, other_box) in itertools.combinations(boxes.items(), 2):
        assert not box.padded(-1).overlaps(other_box.padded(-1)), f"{name!r} overlaps {other!r}"
    for name, box in boxes.items():
        assert 0 <= box.x0 < box.x1 <= 1280, name
        assert 0 <= box.y0 < box.y1 <= 720, name


def shown(axis: Any, label: Any) -> bool:
    """Whether matplotlib draws this tick's label: it keeps some outside the axis' range."""
    low, high = sorted(axis.get_view_interval())
    at = label.get_position()[0 if axis.axis_name == "x" else 1]
    return bool(label.get_visible() and low <= at <= high)


def test_update_equals_a_fresh_drawing() -> None:
    first, plot = drawn(Params())
    after = Params(angle=160, mu=-1, noise=1.5, l2_per_point=2, points=500)
    before = plot.cloud.points, *plot.cloud.arrows
    plot.update(compute(after))
    assert (plot.cloud.points, *plot.cloud.arrows) == before
    np.testing.assert_array_equal(first.pixels(), drawn(after)[0].pixels())


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "PNG"])
def test_save(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"demo.{suffix}"
    demo.save(path)
    content = path.read_bytes()
    if suffix.lower() == "png":
        assert read(path).shape == (720, 1280, 3)
    elif suffix == "svg":
        assert ET.fromstring(content).tag.endswith("svg")
    else:
        assert content.startswith(b"%PDF")
    demo.save(path, Params())
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_save_gif(tmp_path: Path) -> None:
    path = tmp_path / "demo.gif"
    demo.save(path)
    assert path.stat().st_size < 1_000_000
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (24, (960, 540), 0)
        assert gif.info["duration"] >= 200
        gif.seek(3)  # 45° further
        frame = np.asarray(gif.convert("RGB"), dtype=float)
    picture = demo.picture(Params(angle=90), dpi=75)
    assert np.abs(frame - picture.pixels()).mean() < 2  # its palette has 128 colours


def test_another_seed_is_another_picture() -> None:
    one, other = (demo.picture(Params(seed=seed), dpi=20).pixels() for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"demo.save: '.*x.bmp' ends in '.bmp', expected .gif, .pdf, .png, .svg"
    ):
        demo.save(tmp_path / "x.bmp")
    with pytest.raises(ValueError, match=r"Picture.save: 'picture' ends in '', expected .pdf, .png, .svg"):
        Picture().save("picture")
    with pytest.raises(FileNotFoundError, match=r"Picture.save: cannot write .*x.png: No such file"):
        demo.save(tmp_path / "none" / "x.png")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Picture.save: cannot write"):
        Picture().save(tmp_path / "file" / "x.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OSError, match=r"Picture.save: cannot write"):
        Picture().save(tmp_path / "folder.png")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder.png"}


def test_bad_parameters() -> None:
    with pytest.raises(ValueError, match="Params: points is 1, expected at least 2"):
        Params(points=1)
    with pytest.raises(ValueError, match="Params: l2_per_point is -1, expected a finite number, at least 0"):
        Params(l2_per_point=-1)
    with pytest.raises(ValueError, match="Params: points is 100000000000, expected at most 100000"):
        Params(points=10**11)
    with pytest.raises(ValueError, match="Params: sigma is -1, expected a finite number, at least 0"):
        Params(sigma=-1)
    with pytest.raises(ValueError, match=r"Params: mu is 1e\+300, expected .* at most 1e\+06"):
        Params(mu=1e300)


def test_run_saves_with_the_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.png"
    options = "--angle=120 --mu=1 --sigma=0.5 --noise=0.2 --l2=0.1 --points=300 --seed=9"
    assert demo.run(arguments("--save", str(path), *options.split())) == 0
    params = Params(angle=120, mu=1, sigma=0.5, noise=0.2, l2_per_point=0.1, points=300, seed=9)
    np.testing.assert_array_equal(read(path), demo.picture(params).pixels())
    scene = compute(params)
    said = f"saved {path}: w is {scene.angle_w:.1f} degrees off the signal, a {scene.angle_a:.1f}\n"
    assert capsys.readouterr().out == said


def test_run_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = {"angle": [0.0], "sigma": [0.0], "noise": [0.0], "l2_per_point": [0.0]}
    monkeypatch.setattr(pages, "GRID", grid)
    options = "--angle=120 --mu=1 --sigma=0.5 --noise=0.2 --l2=0.1 --points=300 --seed=9"
    assert demo.run(arguments("--html", str(tmp_path / "demo.html"), *options.split())) == 0
    params = Params(angle=120, mu=1, sigma=0.5, noise=0.2, l2_per_point=0.1, points=300, seed=9)
    demo.save_page(tmp_path / "expected.html", params)
    assert (tmp_path / "demo.html").read_bytes() == (tmp_path / "expected.html").read_bytes()
    scene = compute(params)
    said = f"demo.html: w is {scene.angle_w:.1f} degrees off the signal, a {scene.angle_a:.1f}\n"
    assert capsys.readouterr().out.endswith(said)


def test_the_picture_and_the_page_are_two_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments("--save", "x.png", "--html", "x.html")
    assert "argument --html: not allowed with argument --save" in capsys.readouterr().err


def test_run_without_a_display_saves_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    assert demo.run(arguments()) == 0
    assert (tmp_path / "distractor_demo.png").is_file()
    assert "no display here, so the picture goes to a file" in capsys.readouterr().out
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (("--save", "x.bmp"), ValueError, "'x.bmp' ends in '.bmp'"),
        (("--save", "none/x.png"), FileNotFoundError, "--save: cannot write none/x.png: No such file"),
        (("--html", "none/x.html"), FileNotFoundError, "--html: cannot write none/x.html: No such file"),
        (("--html", "x.png"), ValueError, "'x.png' ends in '.png', expected .html"),
        (("--html", ""), ValueError, "--html: . is a folder"),
        (("--points", "0"), ValueError, "points is 0, expected at least 2"),
        (("--html", "x.html", "--noise", "-1"), ValueError, "noise is -1.0, expected a finite number, at"),
    ],
)
def test_run_says_what_is_wrong_before_the_work(
    options: tuple[str, ...],
    error: type[Exception],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "sample_of", lambda params: pytest.fail("the work has begun"))
    with pytest.raises(error, match=said):
        demo.run(arguments(*options))
    assert list(tmp_path.iterdir()) == []


def test_window_shows_where_there_is_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "get_backend", lambda: "QtAgg")
    monkeypatch.setattr(plt, "show", lambda: None)
    shown = demo.window(Params(angle=30))
    assert shown is not None
    assert shown.params == Params(angle=30)
    assert plt.get_fignums() == [shown.figure.number]
    plt.close("all")


def test_window_needs_its_toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    def figure(**_: object) -> None:
        raise ImportError("Cannot load backend 'TkAgg'")

    monkeypatch.setattr(plt, "figure", figure)
    assert demo.window() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("angle", -100), ("mu", 1.5), ("sigma", 0.3), ("noise", 0.75), ("l2_per_point", 0.5), ("points", 700)],
)
def test_a_slider_shows_its_scene(name: str, value: float) -> None:
    figure = Picture(figsize=(12.8, 9.4))
    window = demo.Window(figure, Params(seed=2))
    title = window.plot.title
    window.sliders[name].set_val(value)
    expected = replace(Params(seed=2), **{name: value})
    assert asdict(window.params) == pytest.approx(asdict(expected))
    assert window.plot.title is title
    scene = compute(window.params)
    np.testing.assert_array_equal(window.plot.cloud.points.get_offsets(), scene.x)
    assert degrees(scene.angle_w) in title.get_text()
    assert not np.array_equal(figure.pixels(), pixels_of_seed_2())


@functools.cache
def pixels_of_seed_2() -> np.ndarray:
    figure = Picture(figsize=(12.8, 9.4))
    figure.window = demo.Window(figure, Params(seed=2))  # type: ignore[attr-defined]
    return figure.pixels()


def test_sliders_reach_what_was_asked_for() -> None:
    window = demo.Window(Picture(figsize=(12.8, 9.4)), Params(noise=3, points=9000, mu=-5))
    assert (window.params.noise, window.params.points, window.params.mu) == (3, 9000, -5)


def test_notebook_shows_each_scene(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    displayed: list[Picture] = []
    monkeypatch.setattr(IPython.display, "display", displayed.append)
    box = demo.notebook(Params(points=300, seed=4))
    sliders = {slider.description: slider for slider in box.children[0].children}
    assert len(sliders) == 6
    sliders["distractor angle (°)"].value = 110.0
    sliders["number of points N"].value = 200
    assert box.children[1].layout.height == "570px"
    titles = [picture.texts[0].get_text() for picture in displayed]
    assert [title.split(":")[0] for title in titles] == [f"Distractor at {k}°" for k in (45, 110, 110)]
    last = Params(angle=110, points=200, seed=4)
    assert displayed[-1]._repr_png_() == demo.picture(last, dpi=75)._repr_png_()
    scene = compute(last)
    said = f"w is {scene.angle_w:.1f} degrees off the signal, a {scene.angle_a:.1f}\n"
    assert capsys.readouterr().out.endswith(said)


def test_the_demo_imports_matplotlib_only_to_draw() -> None:
    code = "import sys; from minixai.demo import *; compute(Params()); assert 'matplotlib' not in sys.modules"
    root = str(Path(minixai.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=60)


def test_plot_names_what_it_has() -> None:
    assert "Picture" in dir(minixai.plot)
    with pytest.raises(AttributeError, match=r"module 'minixai.plot' has no attribute 'Photo'"):
        _ = minixai.plot.Photo
