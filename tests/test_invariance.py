"""Curves of moved photos, and the correspondence analysis."""

import itertools

import numpy as np
import pytest

import minixai as mx
from minixai.errors import ShapeError
from minixai.evaluate.invariance import _move, correspondence, invariance_curves

RNG = np.random.default_rng(0)
PREPROCESS = mx.data.Preprocess(16, "RGB", 1 / 255)
PHOTOS = RNG.integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(1)
    model = mx.nn.Sequential(
        mx.nn.Conv2d(3, 4, 3, rng=rng),
        mx.nn.ReLU(),
        mx.nn.Flatten(),
        mx.nn.Linear(784, 5, rng=rng),
        mx.nn.Softmax(),
    )
    model.preprocess = PREPROCESS
    return model


def shifted(photo, down):
    """The photo moved down by whole pixels, grey above or below."""
    moved = np.full_like(photo, 128)
    for row in range(16):
        if 0 <= row - down < 16:
            moved[row] = photo[row - down]
    return moved


@pytest.mark.parametrize("down", [-3, 0, 2, 16])
def test_a_photo_moves_down(down):
    np.testing.assert_array_equal(_move(PHOTOS[0], "translation", down), shifted(PHOTOS[0], down))


def test_a_photo_turns_anticlockwise_about_its_centre():
    photo = PHOTOS[0]
    for quarters in range(5):
        np.testing.assert_allclose(
            _move(photo, "rotation", 90 * quarters).astype(int), np.rot90(photo, quarters), atol=1
        )
    tall = _move(photo[:, :10], "rotation", 90)
    np.testing.assert_allclose(tall[3:13].astype(int), np.rot90(photo[3:13, :10]), atol=1)
    np.testing.assert_array_equal(tall[:2], 128)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_a_photo_is_scaled_about_its_centre(factor):
    moved = _move(PHOTOS[0], "scale", factor).astype(float)
    u = (np.arange(16) + 0.5 - 8) / factor + 8 - 0.5  # where each pixel comes from
    for row, column in np.ndindex(16, 16):
        r, q = u[row], u[column]
        if not (0 <= r < 15 and 0 <= q < 15):
            continue
        top, left = int(r), int(q)
        corners = PHOTOS[0][top : top + 2, left : left + 2].astype(float)
        rows, columns = np.array([top + 1 - r, r - top]), np.array([left + 1 - q, q - left])
        np.testing.assert_allclose(moved[row, column], np.einsum("r,q,rqc", rows, columns, corners), atol=1)
    if factor < 1:
        np.testing.assert_array_equal(moved[:3], 128)


def test_distances_and_probabilities_are_those_of_the_moved_photos(net):
    curves = invariance_curves(
        net, PHOTOS, layers=["0", "3"], transformation="translation", amounts=[-3, 0, 2, 16]
    )
    for n, photo in enumerate(PHOTOS):
        still = net.trace(mx.Tensor(PREPROCESS(photo)))[1]
        assert curves.target[n] == still["3"][0].value.argmax()
        for k, amount in enumerate(curves.amounts):
            moved = net.trace(mx.Tensor(PREPROCESS(shifted(photo, int(amount)))))[1]
            for layer in ("0", "3"):
                distance = np.sqrt(((moved[layer][0].value - still[layer][0].value) ** 2).sum())
                np.testing.assert_allclose(curves.distances[layer][n, k], distance, rtol=1e-4, atol=1e-5)
            p = moved["4"][0].value[0, curves.target[n]]
            np.testing.assert_allclose(curves.probability[n, k], p, rtol=1e-4)


def test_a_given_class_and_a_model_that_ends_in_logits(net):
    logits = mx.nn.Sequential(*(net[k] for k in range(4)))
    how = {"layers": ["0"], "transformation": "translation", "amounts": [1], "preprocess": PREPROCESS}
    with_softmax, without = (invariance_curves(each, PHOTOS, [2, 0, 1], **how) for each in (net, logits))
    np.testing.assert_array_equal(with_softmax.target, [2, 0, 1])
    np.testing.assert_allclose(with_softmax.probability, without.probability, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"transformation": "shear"},
            ValueError,
            "transformation is 'shear', expected one of 'translation', ",
        ),
        ({"transformation": "scale", "amounts": [1, 0]}, ValueError, "amounts holds the scale 0, expected"),
        (
            {"model": mx.nn.Sequential(mx.nn.Flatten())},
            ValueError,
            "preprocess is None, and the model has none of its own",
        ),
        ({"layers": "03"}, ValueError, "layers is the string '03', expected several"),
        ({"layers": ["9"]}, ValueError, "layer '9' is not in the model"),
        ({"target": -1}, ValueError, r"target is -1, expected class indices in \[0, 5\)"),
        ({"target": 99}, ValueError, r"target is 99, expected class indices in \[0, 5\)"),
        ({"target": [0, 1]}, TypeError, r"target is \[0, 1\], expected a class index, 3 of them, or None"),
    ],
)
def test_wrong_arguments(net, changes, error, message):
    given = {"layers": ["0"], "transformation": "rotation", "amounts": [1]}
    with pytest.raises(error, match=f"invariance_curves: {message}"):
        invariance_curves(**{"model": net, "photos": PHOTOS, **given, **changes})


def test_correspondence_against_plain_loops(net):
    x = RNG.random((4, 3, 16, 16), np.float32)
    hidden = x.copy()
    hidden[:, :, 3:9, 4:8] = 0
    signs = []
    for image, other in zip(x, hidden, strict=True):
        features = [net.trace(mx.Tensor(each[None]))[1]["1"][0].value.ravel() for each in (image, other)]
        signs.append([np.sign(a - b) for a, b in zip(*features, strict=True)])
    expected = 0
    for i, j in itertools.permutations(range(4), 2):
        expected += sum(a != b for a, b in zip(signs[i], signs[j], strict=True)) / len(signs[0])
    assert 0 < expected < 12
    np.testing.assert_allclose(correspondence(net, x, hidden, "1"), expected)
    twins = np.repeat(x[:1], 3, axis=0), np.repeat(hidden[:1], 3, axis=0)
    assert correspondence(net, *twins, "1") == 0


def test_correspondence_wants_pairs(net):
    x = np.zeros((2, 3, 16, 16))
    for pair in ((x, x[:1]), (x[:1], x[:1])):
        with pytest.raises(ShapeError, match="expected one shape, n at least 2"):
            correspondence(net, *pair, "1")


def test_correspondence_says_what_is_wrong_in_its_own_name(net):
    x = np.zeros((2, 3, 16, 16))
    with pytest.raises(ValueError, match="correspondence: layer '9' is not in the model"):
        correspondence(net, x, x, "9")
    with pytest.raises(ValueError, match="correspondence: occluded holds NaN"):
        correspondence(net, x, x * np.nan, "0")


def test_correspondence_needs_no_logits():
    maps = mx.nn.Sequential(mx.nn.Conv2d(3, 4, 3, rng=0))
    x = RNG.random((2, 3, 6, 6))
    assert 0 <= correspondence(maps, x, x * [[[[1]], [[0]], [[1]]]], "0") <= 2


def test_the_picture_has_a_panel_for_each_layer_and_one_for_the_class(net):
    curves = invariance_curves(
        net, PHOTOS, [2, 0, 1], layers=["0", "3"], transformation="rotation", amounts=[0, 90, 180]
    )
    with pytest.raises(ValueError, match="plot: classes is the string 'abcde', expected several"):
        curves.plot(classes="abcde")
    picture = curves.plot(classes=list("abcde"), title="Turned")
    titles = [axes.get_title() for axes in picture.axes]
    assert titles == [
        "0: distance of features",
        "3: distance of features",
        "probability (the model's own softmax)",
    ]
    assert {axes.get_xlabel() for axes in picture.axes} == {"rotation, degrees"}
    (legend,) = picture.legends
    assert [text.get_text() for text in legend.get_texts()] == ["c", "a", "b"]
    for axes, values in zip(picture.axes, [*curves.distances.values(), curves.probability], strict=True):
        np.testing.assert_array_equal([line.get_ydata() for line in axes.lines], values)
    assert picture.pixels().std() > 0
