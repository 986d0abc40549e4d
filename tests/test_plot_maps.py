"""Explanations as pictures: what is drawn, on which scale, and that all of it can be read."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

import minixai as mx
from minixai.errors import ShapeError
from minixai.methods import Explanation, Unit, ZeroMapWarning, side_by_side
from minixai.plot import Picture, maps, style
from minixai.plot.maps import Batch, Group, Maps

rng = np.random.default_rng(0)
PHOTOS = rng.integers(0, 256, (3, 20, 20, 3)).astype(np.uint8)
VALUES = rng.standard_normal((3, 20, 20, 3)) * np.array([1.0, 2.0, 4.0]).reshape(3, 1, 1, 1)
HEADINGS = [("tabby (281)", "logit 3.2"), ("lynx (287)", "logit 1.5"), ("tench (0)", "logit 0.7")]


def draw(values=VALUES, photos=PHOTOS, signal=False, **options):
    values = np.asarray(values)
    groups = [Group(HEADINGS, [Maps("method", "kind", values, signal)])]
    return maps.sheet([Batch(photos, groups)], **options)


def panels(picture, title):
    """The axes under this title."""
    return [axes for axes in picture.axes if title in [text.get_text() for text in axes.texts]]


def image(axes, k=-1):
    return np.asarray(axes.images[k].get_array())


def words(picture):
    return [text.get_text() for axes in picture.axes for text in axes.texts] + [
        text.get_text() for text in picture.texts
    ]


def keys(picture):
    """What is written below the bars of colours."""
    return [
        [label.get_text() for label in axes.get_xticklabels()]
        for axes in picture.axes
        if axes.get_xticks().size
    ]


# numbers


@pytest.mark.parametrize("percentile", [1, 50, 99.5, 100])
def test_largest_is_a_percentile_of_what_is_not_zero(percentile):
    values = np.array([0.0, -3.0, 0.0, 1.0, 2.0, -0.5, 0.0])
    ordered = [0.5, 1.0, 2.0, 3.0]
    place = percentile / 100 * 3
    below = int(min(place, 2))
    expected = ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])
    assert maps.largest(values, percentile) == pytest.approx(expected, rel=1e-12)


def test_largest_of_all_and_of_zeros():
    assert maps.largest(np.array([1.0, -3.0, 2.0])) == 3
    assert maps.largest(np.zeros(4)) == maps.largest(np.zeros(4), 99) == 0


def test_a_signal_is_grey_at_zero_and_black_and_white_at_its_largest():
    shown = maps.in_channels(np.array([-8.0, -4.0, 0.0, 1.0, 4.0, 5.0]), 4.0)
    assert shown.tolist() == [0, 0, 0.5, 0.625, 1, 1]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(3811.2, 2, "3800"), (-0.01134, 2, "−0.011"), (24.4477, 4, "24.45"), (0, 2, "0")],
)
def test_numbers_are_short(value, digits, text):
    assert maps.number(value, digits) == text


# heat maps


def test_heat_is_the_sum_over_channels_on_one_scale_centred_on_zero():
    drawn = panels(draw(), "method")
    heat = VALUES.sum(axis=3)
    assert len(drawn) == 3
    for axes, expected in zip(drawn, heat, strict=True):
        np.testing.assert_allclose(image(axes), expected, rtol=1e-12)
        assert axes.images[0].get_clim() == (-np.abs(heat).max(), np.abs(heat).max())


def test_positive_is_red_and_negative_blue():
    values = np.zeros((1, 20, 20, 1))
    values[0, :10], values[0, 10:] = 1, -1
    (axes,) = panels(draw(values, PHOTOS[:1]), "method")
    top, bottom = (axes.images[0].to_rgba(image(axes))[row, 0, :3] for row in (0, -1))
    assert top[0] > 2 * top[2]
    assert bottom[2] > 2 * bottom[0]
    pixels = draw(values, PHOTOS[:1]).pixels().astype(int)
    assert (pixels[..., 0] - pixels[..., 2] > 50).any()
    assert (pixels[..., 2] - pixels[..., 0] > 50).any()


def test_the_key_states_the_scale():
    assert keys(draw(VALUES / np.abs(VALUES.sum(axis=3)).max() * 0.034)) == [["−0.034", "0", "0.034"]] * 3


def test_an_overlay_lies_on_the_grey_photo_and_is_opaque_where_strong():
    (axes,) = panels(draw(VALUES[:1], PHOTOS[:1], overlay=True), "method")
    heat = VALUES[0].sum(axis=2)
    np.testing.assert_allclose(image(axes, 0), PHOTOS[0].mean(axis=2))
    np.testing.assert_allclose(image(axes, 1), heat)
    np.testing.assert_allclose(axes.images[1].get_alpha(), np.abs(heat) / np.abs(heat).max())


# signals


@pytest.mark.parametrize("channels", [1, 3])
def test_signals_are_shown_in_the_channels_each_image_on_its_own_scale(channels):
    values = VALUES[..., :channels]
    drawn = panels(draw(values, signal=True, overlay=True), "method")
    for axes, v in zip(drawn, values, strict=True):
        assert len(axes.images) == 1
        expected = np.broadcast_to(v / (2 * np.abs(v).max()) + 0.5, (20, 20, 3))
        np.testing.assert_allclose(image(axes), expected, rtol=1e-12)
    limits = [maps.number(np.abs(v).max(), 2) for v in values]
    assert keys(draw(values, signal=True)) == [[f"−{limit}", "0", limit] for limit in limits]


# what is zero


def test_zero_is_said_and_not_drawn():
    values = VALUES.copy()
    values[1] = 0
    for signal in (False, True):
        picture = draw(values, signal=signal)
        full, empty, _ = panels(picture, "method")
        assert maps.ZERO in [text.get_text() for text in empty.texts]
        assert len(empty.images) == 0
        assert len(full.images) == 1
        assert len(keys(picture)) == 2
        assert words(picture).count(maps.ZERO) == 1


def test_channels_that_cancel_are_not_called_zero():
    values = np.zeros((1, 20, 20, 3))
    values[..., 0], values[..., 1] = 1, -1
    assert maps.CANCELLED in words(draw(values, PHOTOS[:1]))
    assert maps.CANCELLED not in words(draw(values, PHOTOS[:1], signal=True))


# clipping


def test_nothing_is_clipped_unless_asked_and_then_it_is_said():
    assert not any("Clipped" in text for text in words(draw()))
    picture = draw(percentile=90)
    limit = np.percentile(np.abs(VALUES.sum(axis=3)), 90)
    for axes in panels(picture, "method"):
        np.testing.assert_allclose(axes.images[0].get_clim(), (-limit, limit))
    assert any("Clipped at percentile 90 " in text for text in words(picture))


def test_signals_are_clipped_at_their_own_percentile():
    for axes, v in zip(panels(draw(signal=True, percentile=90), "method"), VALUES, strict=True):
        limit = np.percentile(np.abs(v), 90)
        np.testing.assert_allclose(image(axes), np.clip(v / (2 * limit) + 0.5, 0, 1), rtol=1e-12)


# maps confined to a part


def confined():
    values = np.zeros((1, 20, 20, 3))
    values[0, 4:7, 9:14] = VALUES[0, 4:7, 9:14]
    return values


def test_a_confined_map_is_enlarged_and_boxed_in_the_photo():
    picture = draw(confined(), PHOTOS[:1])
    crop = np.s_[1:10, 7:16]  # five columns, three rows, made a square with two more pixels on each side
    (photo,), (patch,), (shown,) = (panels(picture, title) for title in ("photo", "tabby (281)", "method"))
    np.testing.assert_array_equal(image(photo), PHOTOS[0])
    np.testing.assert_array_equal(image(patch), PHOTOS[0][crop])
    np.testing.assert_allclose(image(shown), confined()[0].sum(axis=2)[crop])
    (box,) = (patch for patch in photo.patches if isinstance(patch, Rectangle))
    assert (*box.get_xy(), box.get_width(), box.get_height()) == (6.5, 0.5, 9, 9)
    assert box.get_edgecolor() == to_rgba(style.WARNING)
    assert any("The box is enlarged." in text for text in words(picture))


def test_the_box_stays_inside_the_photo():
    values = np.zeros((1, 20, 20, 3))
    values[0, 19, 0] = 1
    (patch,) = panels(draw(values, PHOTOS[:1]), "tabby (281)")
    np.testing.assert_array_equal(image(patch), PHOTOS[0][15:, :5])


def test_a_row_of_whole_photos_carries_the_box_of_the_row_below():
    whole = Group(HEADINGS, [Maps("method", "kind", VALUES[:1], False)])
    part = Group([("unit", "7")], [Maps("method", "kind", confined(), True)])
    picture = maps.sheet([Batch(PHOTOS[:1], [whole, part])])
    assert not panels(picture, "photo")
    (photo,) = panels(picture, "tabby (281)")
    assert len(photo.patches) == 1
    (patch,) = panels(picture, "unit")
    assert image(patch).shape == (9, 9, 3)
    assert not patch.patches


# layout


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("methods", [1, 4])
@pytest.mark.parametrize("unit", [False, True])
def test_nothing_overlaps_and_all_is_inside(n, methods, unit):
    values = np.concatenate([confined()] * n) if unit else np.concatenate([VALUES] * 3)[:n]
    headings = [("soft-coated wheaten terrier (202)", "neuron (489, 12, 12): −1106")] * n
    columns = [Maps("guided backprop", "attribution", 1e-5 * values, k % 2 == 0) for k in range(methods)]
    columns[-1] = Maps("guided backprop", "attribution", 0 * values, True) if methods > 1 else columns[-1]
    picture = maps.sheet(
        [Batch(np.concatenate([PHOTOS] * 3)[:n], [Group(headings, columns)])],
        title="a long name: 66.3 % Egyptian cat, 21.7 % tiger cat. Below: the strongest unit of features.12",
        percentile=99.5,
    )
    picture.pixels()
    renderer = picture.canvas.get_renderer()
    texts = [text for text in picture.texts if text.get_text()]
    texts += [
        text for axes in picture.axes for text in [*axes.texts, *axes.get_xticklabels()] if text.get_text()
    ]
    said = [text.get_window_extent(renderer) for text in texts if text.get_text() == maps.ZERO]
    boxes = [text.get_window_extent(renderer) for text in texts if text.get_text() != maps.ZERO]
    boxes += [axes.get_window_extent(renderer).shrunk(0.99, 0.99) for axes in picture.axes]
    inside = picture.bbox
    for box in boxes:
        assert inside.x0 <= box.x0 <= box.x1 <= inside.x1
        assert inside.y0 <= box.y0 <= box.y1 <= inside.y1
    for a, b in combinations(boxes, 2):
        assert not a.overlaps(b)
    for box in said:
        assert any(
            axes.bbox.fully_containsx(box.x0) and axes.bbox.fully_containsx(box.x1) for axes in picture.axes
        )
    assert picture.get_figwidth() <= maps.WIDTH + 1e-9


def test_a_name_is_text_and_not_mathematics():
    picture = draw(title="cost$ $x_{ of % it")
    assert "cost$ $x_{ of % it" in words(picture)
    picture.pixels()


def test_a_sheet_is_the_same_bytes_each_time(tmp_path):
    for name in ("a.png", "b.png"):
        draw(signal=True).save(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


# wrong arguments


@pytest.mark.parametrize("percentile", [0, -1, 100.1, np.nan])
def test_a_wrong_percentile_is_refused(percentile):
    with pytest.raises(ValueError, match=r"plot: percentile is .*, expected a number in \(0, 100\]"):
        draw(percentile=percentile)


def test_wrong_maps_are_refused():
    with pytest.raises(ShapeError, match=r"method has maps \(3, 20, 20, 2\)"):
        draw(VALUES[..., :2])
    with pytest.raises(ShapeError, match=r"\(2, 20, 20, 3\), .* beside photos \(3, 20, 20, 3\)"):
        draw(VALUES[:2])
    with pytest.raises(ValueError, match="method holds NaN or inf"):
        draw(np.where(VALUES > 1, np.inf, VALUES))


# Explanation.plot


PREPROCESS = mx.data.Preprocess(20, "BGR", mean=(104.0, 117.0, 123.0))


def explanation(values=VALUES, x=None, **options):
    """An explanation of values (n, h, w, c) that stand in the channels' order of the model."""
    nchw = np.asarray(values).transpose(0, 3, 1, 2)
    n = len(nchw)
    given = {"method": "gradient", "kind": "function", "unit": Unit(), "target": np.arange(n)}
    given |= {"score": np.array([24.4477, -0.5, 1e6])[:n]} | options
    return Explanation(map=nchw, x=nchw if x is None else x, **given)


def test_plot_shows_the_photo_that_the_input_was_made_from():
    e = explanation(x=PREPROCESS(PHOTOS), preprocess=PREPROCESS)
    names = ["tabby", "lynx", "tench"]
    picture = e.plot(classes=names)
    for name, photo in zip(("tabby (0)", "lynx (1)", "tench (2)"), PHOTOS, strict=True):
        (axes,) = panels(picture, name)
        np.testing.assert_array_equal(image(axes), photo)
    assert {"logit 24.45", "logit −0.5", "function"} <= set(words(picture))
    assert "class 0" in words(e.plot())


def test_a_signal_is_shown_in_rgb_whatever_the_order_of_the_model():
    e = explanation(VALUES[:1], x=PREPROCESS(PHOTOS[0]), preprocess=PREPROCESS, kind="signal")
    (axes,) = panels(e.plot(), "gradient")
    rgb = VALUES[0][..., ::-1]
    np.testing.assert_allclose(image(axes), rgb / (2 * np.abs(rgb).max()) + 0.5, rtol=1e-12)


def test_without_a_preprocess_the_input_is_the_photo():
    x = np.stack([np.linspace(-2, 6, 400).reshape(1, 20, 20), np.full((1, 20, 20), 3.0)])
    first, second = panels(explanation(VALUES[:2, ..., :1], x=x).plot(), "gradient")[0].figure.axes[::3][:2]
    np.testing.assert_allclose(image(first), np.repeat((x[0, 0] + 2)[..., None] / 8, 3, axis=2))
    np.testing.assert_array_equal(image(second), np.zeros((20, 20, 3)))


def test_a_photo_can_be_given():
    given = PHOTOS[::-1]
    picture = explanation().plot(photo=given)
    for k in range(3):
        np.testing.assert_array_equal(image(panels(picture, f"class {k}")[0]), given[k])
    one = explanation().plot(photo=given[0])
    np.testing.assert_array_equal(image(panels(one, "class 2")[0]), given[0])


@pytest.mark.parametrize(
    ("unit", "heading"),
    [
        (Unit("features.9", None, (197, 9, 8)), ("features.9", "neuron (197, 9, 8): 24.45")),
        (Unit("features.9", None, (197, "max")), ("features.9", "neuron (197, max): 24.45")),
        (Unit("features.9"), ("features.9", "whole layer, sum: 24.45")),
    ],
)
def test_a_unit_is_named(unit, heading):
    assert set(heading) <= set(words(explanation(VALUES[:1], unit=unit).plot()))


def test_explanations_of_one_unit_share_a_row():
    logit = explanation(VALUES[:1])
    unit = explanation(
        VALUES[:1], unit=Unit("features.9"), target=np.array([-1]), kind="signal", method="DeConvNet"
    )
    picture = side_by_side(
        [logit, unit, explanation(-VALUES[:1], method="input × gradient", x=logit.x)], title="all"
    )
    at = {
        title: panels(picture, title)[0].get_position()
        for title in ("gradient", "DeConvNet", "input × gradient")
    }
    assert at["gradient"].y0 == at["input × gradient"].y0 > at["DeConvNet"].y1
    assert at["gradient"].x0 == at["DeConvNet"].x0 < at["input × gradient"].x0
    assert "all" in words(picture)


def test_what_cannot_be_plotted_is_refused():
    with pytest.raises(ShapeError, match=r"x has shape \(5, 2\), expected images \(n, 1 or 3, h, w\)"):
        Explanation(
            "gradient", "function", np.ones((5, 2)), np.ones((5, 2)), Unit(), np.zeros(5, int), np.ones(5)
        ).plot()
    with pytest.raises(
        ShapeError, match=r"photo has shape \(8, 8, 3\), expected \(20, 20, 3\) or \(3, 20, 20, 3\)"
    ):
        explanation().plot(photo=PHOTOS[0, :8, :8])
    with pytest.raises(TypeError, match="photo has dtype float64, expected uint8"):
        explanation().plot(photo=PHOTOS / 255)
    with pytest.raises(ValueError, match="classes has 2 names, expected one for class 2"):
        explanation().plot(classes=["tabby", "lynx"])
    with pytest.raises(ValueError, match="plot: classes is the string 'tabby', expected several"):
        explanation().plot(classes="tabby")
    with pytest.raises(ValueError, match="explanations is empty"):
        side_by_side([])
    with pytest.raises(ValueError, match="of different x"):
        side_by_side([explanation(), explanation(2 * VALUES)])
    with pytest.raises(ValueError, match="of different x, expected photo=None"):
        side_by_side([explanation(), explanation(2 * VALUES)], PHOTOS, common_scale=True)


def test_photos_are_compared_on_one_scale_for_maps_of_a_kind():
    one, two = VALUES[:1], VALUES[1:2]
    photos = [explanation(v) for v in (one, two)]
    signals, risen = [], []
    for v, e in zip((one, two), photos, strict=True):
        signals.append(explanation(3 * v, e.x, kind="signal", method="DeConvNet"))
        risen.append(explanation(9 * v, e.x, method="RISE", quantity="probability"))
    picture = side_by_side([*photos, *signals, *risen], common_scale=True)
    heat = np.abs(np.stack([one, two]).sum(axis=-1)).max()
    for title, largest in (("gradient", heat), ("RISE", 9 * heat)):
        drawn = panels(picture, title)
        assert len(drawn) == 2
        assert [axes.images[0].get_clim() for axes in drawn] == [pytest.approx((-largest, largest))] * 2
    for axes, v in zip(panels(picture, "DeConvNet"), (one, two), strict=True):
        shown = v[0] / (2 * np.abs(np.stack([one, two])).max()) + 0.5
        np.testing.assert_allclose(image(axes), shown, rtol=1e-12)
    assert "One scale for all maps of a kind." in picture.texts[-1].get_text().replace("\n", " ")
    assert "for all images" not in picture.texts[-1].get_text()


def test_on_one_scale_the_percentile_is_of_all():
    photos = [explanation(VALUES[:1]), explanation(VALUES[1:2])]
    picture = side_by_side(photos, common_scale=True, percentile=90)
    limit = np.percentile(np.abs(VALUES[:2].sum(axis=-1)), 90)
    for axes in panels(picture, "gradient"):
        assert axes.images[0].get_clim() == pytest.approx((-limit, limit))


# whatever characters, wherever it is shown


def test_characters_that_the_font_lacks_are_escapes(tmp_path):
    picture = draw(VALUES[:1], PHOTOS[:1], title="猫\t\udcff\x1b größe")
    assert "\\u732b \\udcff\\x1b größe" in words(picture)
    anything = Picture()
    anything.suptitle("−1 猫 ε₊")
    for suffix in (".png", ".svg", ".pdf"):
        anything.save(tmp_path / f"a{suffix}")  # a missing glyph would be a warning
    assert anything.get_suptitle() == "−1 \\u732b ε₊"


def test_show_in_a_notebook(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr("IPython.display.display", shown.append)
    picture = Picture()
    picture.show()
    assert shown == [picture]


def test_show_in_a_window(monkeypatch):
    plt.switch_backend("agg")
    windows = []
    monkeypatch.setattr(plt, "get_backend", lambda: "QtAgg")
    monkeypatch.setattr(plt, "show", lambda: windows.append(plt.gcf()))
    picture = draw()
    picture.show()
    (window,) = windows
    np.testing.assert_array_equal(image(window.axes[0]), picture.pixels())
    plt.close("all")


def test_show_without_a_display_says_the_way_on():
    plt.switch_backend("agg")
    with pytest.raises(RuntimeError, match=r'no display here: .save\("picture.png"\) writes a file'):
        Picture().show()
    assert plt.get_fignums() == []


def test_a_real_zero_map_warns_and_is_said():
    model = mx.nn.Sequential(mx.nn.Conv2d(1, 1, 1), mx.nn.ReLU(), mx.nn.Flatten(), mx.nn.Linear(16, 2))
    state = model.state_dict()
    model.load_state_dict(state | {"3.weight": -np.abs(state["3.weight"])})
    with pytest.warns(ZeroMapWarning):
        e = mx.methods.deconvnet(model, np.ones((1, 1, 4, 4)))
    assert maps.ZERO in words(e.plot())
