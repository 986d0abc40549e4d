"""Projections to pixels, receptive fields, the strongest activations of a stream, and their sheet."""

import io
import zipfile

import numpy as np
import pytest

import minixai as mx
from minixai import rules
from minixai.errors import RuleError, ShapeError
from minixai.methods.projection import project, top_activations
from minixai.nn import PNormPool2d
from minixai.nn.fields import receptive_field
from minixai.plot.projection import FeatureMap, feature_maps, mosaic
from minixai.rules.switches import unpooling
from tests.networks import float64
from tests.oracles.projection import maps_and_projection

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def net():
    rng = np.random.default_rng(1)
    return float64(
        mx.nn.Sequential(
            mx.nn.Conv2d(2, 4, 3, padding=1, rng=rng),
            mx.nn.ReLU(),
            mx.nn.MaxPool2d(3, 2, padding=1),
            mx.nn.Conv2d(4, 5, 3, padding=1, rng=rng),
            mx.nn.AdaptiveAvgPool2d(1),
            mx.nn.Flatten(),
        )
    )


# ---------------------------------------------------------------- projections


@pytest.mark.parametrize(
    ("switches", "place"), [("recorded", "recorded"), ("centre", (1, 1)), ("first", (0, 0))]
)
def test_a_feature_map_against_plain_loops(net, switches, place):
    x = RNG.standard_normal((2, 2, 9, 8))
    e = project(net, x, "3", (3,), switches=switches)
    maps, expected = maps_and_projection(x, net.state_dict(), 3, place)
    np.testing.assert_allclose(e.map, expected, atol=1e-12)
    np.testing.assert_allclose(e.score, maps[:, 3].sum((1, 2)))
    np.testing.assert_array_equal(e.target, -1)
    assert e.unit.label == "3, feature map 3"


def test_recorded_switches_are_deconvnet(net):
    x = RNG.standard_normal((3, 2, 9, 8))
    for neuron in (None, (2,), (2, "max"), (2, 1, 3)):
        expected = mx.methods.deconvnet(net, x, layer="3", neuron=neuron)
        np.testing.assert_array_equal(project(net, x, "3", neuron).map, expected.map)


def test_a_feature_map_is_explained_by_every_method(net):
    x = RNG.standard_normal((2, 2, 9, 8))
    whole = mx.methods.gradient(net, x, layer="3").map
    parts = sum(mx.methods.gradient(net, x, layer="3", neuron=(k,)).map for k in range(5))
    np.testing.assert_allclose(parts, whole, atol=1e-12)
    with pytest.raises(ValueError, match=r"\(channel, 'max'\) or \(channel,\) inside 3 of shape"):
        mx.methods.gradient(net, x, layer="3", neuron=(5,))


@pytest.mark.parametrize("switches", rules.switches.SWITCHES)
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
        {"kernel_size": (3, 2), "stride": (1, 2), "padding": 1},
        {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2},
    ],
)
def test_every_kind_of_switch_lies_in_its_own_window(switches, settings):
    x = mx.Tensor(RNG.standard_normal((2, 3, 8, 7)))
    y = mx.ops.max_pool2d(x, **settings)
    rule = unpooling(switches, 5)
    for i, k, r, q in np.ndindex(y.shape):
        g = np.zeros(y.shape)
        g[i, k, r, q] = -2.5
        (gx,) = rule(g, y.node)
        ((image, channel, row, column),) = np.argwhere(gx)
        assert (image, channel, gx.sum()) == (i, k, -2.5)
        rows, columns = receptive_field(y, x, r, q)
        assert row in range(rows.start, rows.stop)
        assert column in range(columns.start, columns.stop)
        dilation = settings.get("dilation", 1)
        assert (row - rows.start) % dilation == (column - columns.start) % dilation == 0


def test_random_switches_repeat_with_their_seed_and_fill_the_window():
    x = mx.Tensor(RNG.standard_normal((1, 1, 60, 60)))
    y = mx.ops.max_pool2d(x, 3)
    (first,), (again,), (other,) = (unpooling("random", s)(np.ones(y.shape), y.node) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    shares = first.reshape(20, 3, 20, 3).mean((0, 2))
    np.testing.assert_allclose(shares, 1 / 9, atol=0.06)  # σ is .016


def test_unknown_switches(net):
    with pytest.raises(
        ValueError,
        match=r"^project: switches is 'last', expected one of 'recorded', 'random', 'centre', 'first'$",
    ):
        project(net, np.zeros((1, 2, 8, 8)), "3", (0,), switches="last")


# ---------------------------------------------------------------- receptive fields


class Branches(mx.nn.Module):
    """A dilated and a padded branch, joined, then added to a shortcut."""

    def __init__(self):
        self.wide = mx.nn.Conv2d(2, 2, 3, padding=2, dilation=2, rng=0)
        self.tall = mx.nn.Conv2d(2, 2, (3, 1), padding=(1, 0), rng=1)
        self.pool = mx.nn.MaxPool2d(3, 2, ceil_mode=True)
        self.last = mx.nn.Conv2d(4, 4, 2, rng=2)

    def forward(self, x):
        joined = mx.ops.concat(mx.ops.relu(self.wide(x)), self.tall(x), axis=1)
        pooled = self.pool(joined)
        return self.last(mx.ops.pad(pooled + 1, ((0, 0), (0, 0), (1, 0), (0, 2))))


class Gate(mx.nn.Module):
    """Every place is multiplied by the mean of all."""

    def __init__(self):
        self.conv = mx.nn.Conv2d(2, 2, 2, rng=0)

    def forward(self, x):
        y = self.conv(x)
        return y * mx.ops.global_avg_pool2d(y)


class Rows(mx.nn.Module):
    """Every place is made of its row, or of a sum over it."""

    def __init__(self):
        self.conv = mx.nn.Conv2d(2, 2, 2, rng=0)

    def forward(self, x):
        y = self.conv(x)
        return mx.ops.layer_norm(y, y.shape[3]) + (y + y.sum((1, -1), keepdims=True)) * 2


class Columns(Rows):
    """Every place is made of a mean and of a maximum over its column."""

    def forward(self, x):
        y = self.conv(x)
        return y + y.mean((-2,), keepdims=True) ** 2 + y.max(2, keepdims=True)


NETWORKS = {
    "rows": Rows,
    "columns": Columns,
    "upsampled": lambda: mx.nn.Sequential(
        mx.nn.MaxPool2d(2),
        mx.nn.Upsample(scale_factor=1.5),
        mx.nn.ConvTranspose2d(2, 2, (3, 2), (2, 3), (1, 0), (1, 2), dilation=(1, 2), rng=0),
    ),
    "bilinear": lambda: mx.nn.Sequential(
        mx.nn.Upsample((7, 14), mode="bilinear"), mx.nn.Conv2d(2, 2, 2, stride=3, rng=0), mx.nn.Softplus()
    ),
    "corners": lambda: mx.nn.Sequential(
        mx.nn.Conv2d(2, 2, 1, rng=0), mx.nn.Upsample((6, 17), mode="bilinear", align_corners=True)
    ),
    "adaptive maxima": lambda: mx.nn.Sequential(
        mx.nn.Conv2d(2, 2, 2, rng=0), mx.nn.AdaptiveMaxPool2d((4, 2)), mx.nn.GELU()
    ),
    "groups": lambda: mx.nn.Sequential(mx.nn.AvgPool2d(3), mx.nn.GroupNorm(1, 2)),
    "gate": Gate,
    "branches": Branches,
    "dilated": lambda: mx.nn.Sequential(mx.nn.Conv2d(2, 2, 3, 1, padding=3, dilation=3, rng=0)),
    "strides": lambda: mx.nn.Sequential(
        mx.nn.Conv2d(2, 3, (4, 3), (2, 1), padding=(1, 2), rng=0),
        mx.nn.BatchNorm2d(3),
        mx.nn.ReLU(),
        mx.nn.AvgPool2d(2, 1, padding=1),
        mx.nn.Conv2d(3, 2, 2, stride=2, rng=1),
    ),
    "adaptive": lambda: mx.nn.Sequential(mx.nn.Conv2d(2, 2, 3, rng=0), mx.nn.AdaptiveAvgPool2d((3, 2))),
    "p-norm": lambda: mx.nn.Sequential(PNormPool2d(3, 2.0, 2, 1), mx.nn.Conv2d(2, 2, 2, rng=0)),
    "fire": lambda: mx.models.squeezenet1_0(num_classes=3).features[3],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_receptive_field_is_what_a_perturbation_reaches(name):
    """With positive weights and inputs, a pixel raised to the largest of all changes all that sees it."""
    model = float64(NETWORKS[name]()).eval()
    model.load_state_dict({key: np.abs(array) for key, array in model.state_dict().items()})
    channels = 96 if name == "fire" else 2
    x = mx.Tensor(1 + RNG.random((1, channels, 11, 9)))
    y = model(x)
    changed = np.zeros((11, 9, *y.shape[2:]), bool)
    for row, column in np.ndindex(11, 9):
        raised = x.value.copy()
        raised[:, :, row, column] += 100
        changed[row, column] = (model.predict(raised) != y.value).any((0, 1))
    for r, q in np.ndindex(y.shape[2:]):
        seen = np.zeros((11, 9), bool)
        seen[receptive_field(y, x, r, q)] = True
        rows, columns = np.nonzero(changed[:, :, r, q])
        expected = np.zeros((11, 9), bool)
        if rows.size:  # else the unit sees nothing but padding
            expected[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
        np.testing.assert_array_equal(seen, expected)


def test_receptive_fields_that_have_no_answer(net):
    x = mx.Tensor(RNG.standard_normal((1, 2, 8, 8)))
    with pytest.raises(ShapeError, match=r"no place in y \(1, 5\)"):
        receptive_field(net(x), x, 0, 0)
    y = mx.ops.reshape(x, (1, 1, 16, 8))
    with pytest.raises(ShapeError, match="row 16 and column 0 are no place"):
        receptive_field(y, x, 16, 0)
    with pytest.raises(RuleError, match="no rule for reshape"):
        receptive_field(y, x, 0, 0)
    with pytest.raises(ValueError, match="does not depend"):
        receptive_field(y, mx.Tensor(x.value), 0, 0)
    with pytest.raises(RuleError, match=r"an input of add .* has shape \(1, 8, 8\), expected \(n, c, h, w\)"):
        receptive_field(x + x.sum(1), x, 0, 0)
    with pytest.raises(RuleError, match="concat along axis 2"):
        receptive_field(mx.ops.concat(x, x, axis=2), x, 0, 0)


# ---------------------------------------------------------------- the strongest activations


def test_the_strongest_of_a_stream(net):
    x = RNG.standard_normal((23, 2, 9, 8))
    tops = top_activations(net, (x[i : i + 5] for i in range(0, 23, 5)), "3", [4, 1], n=3, progress=False)
    _, layers = net.trace(mx.Tensor(x))
    for k, channel in enumerate([4, 1]):
        strongest = [image[channel].max() for image in layers["3"][0].value]
        order = sorted(range(23), key=lambda i: -strongest[i])[:3]
        assert tops.indices[k].tolist() == order
        np.testing.assert_allclose(tops.values[k], [strongest[i] for i in order])
        for j, i in enumerate(order):
            alone = mx.methods.deconvnet(net, x[i : i + 1], layer="3", neuron=(channel, "max"))
            explained = tops.projections["recorded"][k]
            np.testing.assert_array_equal(explained.x[j], x[i])
            np.testing.assert_allclose(explained.map[j], alone.map[0], atol=1e-12)
            outside = alone.map[0].copy()
            outside[:, *tops.fields[k][j]] = 0
            assert not outside.any()


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_of_equal_activations_the_earlier_comes_first(net, batch_size):
    x = np.repeat(RNG.standard_normal((2, 2, 9, 8)), 4, axis=0)[[0, 4, 1, 5, 2, 6, 3]]
    batches = [x[i : i + batch_size] for i in range(0, 7, batch_size)]
    indices = top_activations(net, batches, "1", [0], n=5, progress=False).indices[0].tolist()
    assert indices in ([0, 2, 4, 6, 1], [1, 3, 5, 0, 2])


def test_only_the_strongest_images_are_kept(one_thread):
    import tracemalloc

    model = mx.nn.Sequential(mx.nn.Conv2d(3, 2, 1, rng=1), mx.nn.ReLU())
    stream = (np.random.default_rng(i).random((4, 3, 64, 64), np.float32) for i in range(60))
    tracemalloc.start()
    top_activations(model, stream, "1", [0, 1], n=2, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15 * 4 * 3 * 64 * 64 * 4  # of the 60 batches


def test_the_progress_bar(net, capsys):
    for progress in (True, False):
        top_activations(net, [np.ones((1, 2, 9, 8))], "3", [0], progress=progress)
        assert ("top activations" in capsys.readouterr().err) == progress


def test_a_stream_shorter_than_n(net):
    tops = top_activations(net, [RNG.standard_normal((2, 2, 9, 8))], "3", [0], progress=False)
    assert tops.indices.shape == tops.values.shape == (1, 2)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"images": []}, ValueError, "images holds no batch"),
        ({"n": 0}, ValueError, "n is 0, expected at least 1"),
        ({"channels": []}, ValueError, r"channels is \[\], expected one or more"),
        ({"channels": [5]}, ValueError, r"channels is \(5,\), but layer '3' has 5 maps"),
        ({"switches": "random"}, ValueError, "switches is the string 'random', expected several"),
        ({"switches": ["last"]}, ValueError, "switches is 'last'"),
        ({"layer": "5"}, ShapeError, r"layer '5' gives \(2, 5\), expected maps"),
        ({"images": [np.zeros((1, 2, 9, 8)), np.zeros((1, 2, 8, 8))]}, ShapeError, "the first had"),
    ],
)
def test_wrong_arguments(net, changes, error, message):
    given = {"images": [np.zeros((2, 2, 9, 8))], "layer": "3", "channels": [0], "progress": False}
    with pytest.raises(error, match=message):
        top_activations(net, **{**given, **changes})


# ---------------------------------------------------------------- the sheet


def test_a_mosaic_has_square_cells_and_smaller_tiles_in_their_middle():
    tiles = [np.zeros((4, 4, 3)), np.full((2, 4, 3), 0.5), np.zeros((4, 4, 3))]
    sheet = mosaic(tiles)
    assert sheet.shape == (9, 9, 3)
    np.testing.assert_array_equal(sheet[1:3, 5:9], 0.5)
    assert (sheet[4] == 1).all()
    assert (sheet[:, 4] == 1).all()
    assert (sheet[5:, 5:] == 1).all()
    assert not sheet[5:, :4].any()


def test_a_projection_is_grey_at_zero_and_on_its_own_scale():
    signals = [np.array([[[0.0], [2.0]]]), np.array([[[-0.5], [0.25]]]), np.zeros((1, 2, 1))]
    patches = [np.array([[[0, 51, 255]] * 2], np.uint8)] * 3
    shown = FeatureMap("map", "", patches, {"first": signals}).mosaics()
    np.testing.assert_allclose(shown["image patches"][0, 0], [0, 0.2, 1])
    projected = shown["projections, first switches"][..., 0]
    np.testing.assert_allclose(projected[0], [0.5, 1, 1, 0, 0.75])
    np.testing.assert_allclose(projected[3, :2], 0.5)


def words(picture):
    return [text.get_text() for text in picture.texts]


def test_the_sheet_says_what_it_shows(net):
    x = RNG.standard_normal((4, 2, 9, 8))[:, :1].repeat(3, axis=1)
    model = mx.nn.Sequential(mx.nn.Conv2d(3, 4, 3, rng=0), mx.nn.ReLU(), mx.nn.MaxPool2d(2))
    tops = top_activations(model, [x], "2", [3, 0], n=4, switches=("recorded", "random"), progress=False)
    picture = tops.plot("Two maps")
    assert {"Two maps", "2, map 3", "2, map 0", "image patches"} <= set(words(picture))
    assert words(picture).count("projections, random switches") == 2
    assert len(picture.axes) == 6
    assert picture.pixels().std() > 0
    boxes = [text.get_window_extent() for text in picture.texts if text.get_text()]
    boxes += [axes.get_window_extent() for axes in picture.axes]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_a_sheet_without_a_title_is_lower():
    one = FeatureMap("map", "", [np.zeros((2, 2, 3))], {})
    assert feature_maps([one]).get_figheight() < feature_maps([one], "title").get_figheight()


# ---------------------------------------------------------------- a real network


def test_the_strongest_cifar_images_of_squeezenet(data_dir):
    from PIL import Image

    model = mx.models.squeezenet1_0(weights=data_dir / "squeezenet" / "squeezenet_v1.0.npz")
    with zipfile.ZipFile(data_dir / "cifar10" / "cifar10-jpeg.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("test/"))[500::1000]
        photos = [np.array(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    x = model.preprocess(photos)
    tops = top_activations(model, [x[:6], x[6:]], "features.4", [10], n=4, progress=False)
    maps = model.trace(mx.Tensor(x))[1]["features.4"][0].value
    strongest = maps[:, 10].max((1, 2))
    np.testing.assert_array_equal(tops.indices[0], np.argsort(-strongest, kind="stable")[:4])
    e = tops.projections["recorded"][0]
    for image, field in zip(e.map, tops.fields[0], strict=True):
        assert image[:, *field].any()
        outside = image.copy()
        outside[:, *field] = 0
        assert np.abs(outside).max() <= 1e-6 * np.abs(image).max()  # rounding, in Winograd's tiles
    sides = {rows.stop - rows.start for rows, _ in tops.fields[0]}
    assert max(sides) <= 27  # 7, then a 3×3 pool at stride 2, then two 3×3 convolutions at stride 4
