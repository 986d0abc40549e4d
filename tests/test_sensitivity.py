"""Occlusion sensitivity, and its five panels."""

import numpy as np
import pytest

import minixai as mx
from minixai.errors import ShapeError
from minixai.evaluate import occlusion_sensitivity

RNG = np.random.default_rng(0)
X = RNG.random((1, 3, 12, 10), np.float32)


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(2)
    return mx.nn.Sequential(
        mx.nn.Conv2d(3, 4, 3, rng=rng),
        mx.nn.ReLU(),
        mx.nn.MaxPool2d(2),
        mx.nn.Flatten(),
        mx.nn.Linear(80, 5, rng=rng),
        mx.nn.Softmax(),
    )


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_every_place_against_a_plain_loop(net, batch_size):
    found = occlusion_sensitivity(
        net, X, layer="1", patch=(4, 3), stride=(3, 2), fill=0.5, batch_size=batch_size, progress=False
    )
    still = net.trace(mx.Tensor(X))[1]
    strongest = still["1"][0].value[0].sum((1, 2)).argmax()
    assert (found.channel, found.target) == (strongest, still["5"][0].value.argmax())
    assert found.activation.shape == found.probability.shape == found.best.shape == (3, 4)
    for r, q in np.ndindex(3, 4):
        covered = X.copy()
        covered[0, :, 3 * r : 3 * r + 4, 2 * q : 2 * q + 3] = 0.5
        layers = net.trace(mx.Tensor(covered))[1]
        np.testing.assert_allclose(
            found.activation[r, q], layers["1"][0].value[0, strongest].sum(), rtol=1e-5
        )
        p = layers["5"][0].value[0]
        np.testing.assert_allclose(found.probability[r, q], p[found.target], rtol=1e-5)
        assert found.best[r, q] == p.argmax()
    expected = mx.methods.deconvnet(net, X, layer="1", neuron=(int(strongest),))
    np.testing.assert_array_equal(found.projection.map, expected.map)


def test_a_given_class_and_the_progress_bar(net, capsys):
    found = occlusion_sensitivity(net, X, 3, layer="1")
    assert found.target == 3
    assert (found.patch, found.stride) == ((3, 2), (1, 1))
    assert "occlusion" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"x": np.zeros((2, 3, 12, 10))},
            ShapeError,
            r"x has shape .*, expected one image \(1, c, h, w\)",
        ),
        ({"patch": (4, 11)}, ValueError, r"patch is \(4, 11\), expected at most the image \(12, 10\)"),
        ({"batch_size": 0}, ValueError, "batch_size is 0"),
        ({"target": 5}, ValueError, r"target is 5, expected class indices in \[0, 5\)"),
        ({"target": -1}, ValueError, "target is -1, expected class indices"),
        ({"target": 2.7}, TypeError, "target is 2.7, expected a class index"),
        ({"layer": "9"}, ValueError, "layer '9' is not in the model"),
        ({"layer": "3"}, ShapeError, r"layer '3' gives \(1, 80\), expected maps"),
    ],
)
def test_wrong_arguments(net, changes, error, message):
    with pytest.raises(error, match=f"occlusion_sensitivity: {message}"):
        occlusion_sensitivity(**{"model": net, "x": X, "layer": "1", "progress": False, **changes})


def test_the_five_panels(net):
    found = occlusion_sensitivity(net, X, layer="1", patch=4, stride=2, progress=False)
    names = [f"name {k}" for k in range(5)]
    with pytest.raises(ValueError, match="plot: classes is the string 'abcde', expected several"):
        found.plot("abcde")
    picture = found.plot(names, "A square")
    panels = [axes for axes in picture.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == [
        "image, and the square",
        f"sum over\n1, feature map {found.channel}",
        f"projection of\n1, feature map {found.channel}",
        f"probability of\nname {found.target}",
        "most probable class",
    ]
    np.testing.assert_array_equal(panels[1].images[0].get_array(), found.activation)
    np.testing.assert_array_equal(panels[3].images[0].get_array(), found.probability)
    assert panels[3].images[0].get_clim() == (0, 1)
    assert panels[1].images[0].get_extent() == [1, 9, 11, 1]
    legend = {text.get_text() for text in panels[4].get_legend().get_texts()}
    assert legend == {names[k] for k in np.unique(found.best)}
    assert picture.pixels().std() > 0


def test_classes_beyond_six_share_a_colour(net):
    from minixai.plot.sensitivity import five_panels

    best = np.array([[0, 0, 1, 2, 3], [4, 5, 6, 7, 0]])
    flat = np.ones((2, 5))
    names = {k: f"name {k}" for k in range(8)}
    photo = np.zeros((8, 8, 3))
    picture = five_panels(
        photo, flat, photo, flat, "probability", best, "unit", "name 0", names, (2, 2), (1, 1)
    )
    last = picture.axes[-1]
    assert [text.get_text() for text in last.get_legend().get_texts()][-1] == "2 others"
    np.testing.assert_array_equal(np.asarray(last.images[0].get_array())[best >= 6], 6)
