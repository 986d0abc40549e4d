"""Degradation curves: pixels, patches, insertion and deletion."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minixai as mx
from minixai.bootstrap import mean_interval
from minixai.errors import ShapeError
from minixai.evaluate import Degradation, DegradationComparison, degrade, insertion_deletion
from tests.networks import float64, small
from tests.oracles import degradation as oracle

RNG = np.random.default_rng(0)
H, W = 8, 11


@pytest.fixture(scope="module")
def net():
    return small((H, W), seed=1)


X = RNG.standard_normal((3, 2, H, W))
HEAT = RNG.standard_normal(X.shape)
TARGET = [0, 2, 1]


def probability(net, target):
    def of(image):
        logits = net.predict(image[None])[0]
        e = [np.exp(logit - max(logits)) for logit in logits]
        return e[target] / sum(e)

    return of


def loops(net, i, patch, steps, order="morf", fill=None):
    """The scores of image i, by the oracle."""
    places = oracle.patches(H, W, patch)
    ranking = oracle.most_relevant_first(HEAT[i], places)
    filled = oracle.patch_means(X[i], places) if fill is None else np.broadcast_to(fill, X[i].shape)
    ranking = ranking if order == "morf" else ranking[::-1]
    counts = range(min(steps, len(places)) + 1)
    return oracle.curve(probability(net, TARGET[i]), X[i], filled, places, ranking, counts)


# Patches


@given(
    patch=st.tuples(st.integers(1, H), st.integers(1, W)).filter(lambda patch: patch != (1, 1)),
    steps=st.integers(1, 20),
    order=st.sampled_from(["morf", "lerf"]),
    batch_size=st.integers(1, 40),
)
def test_patches_of_any_size_against_plain_loops(net, patch, steps, order, batch_size):
    d = degrade(
        net, X, HEAT, TARGET, patch=patch, steps=steps, order=order, batch_size=batch_size, progress=False
    )
    for i, scores in enumerate(d.scores):
        np.testing.assert_allclose(scores, loops(net, i, patch, steps, order), atol=1e-13)
    assert d.patches == -(-H // patch[0]) * -(-W // patch[1])
    np.testing.assert_array_equal(d.steps, np.arange(min(steps, d.patches) + 1))
    np.testing.assert_array_equal(d.fractions, d.steps / d.patches)
    assert d.scores.dtype == np.float64


@pytest.mark.parametrize("fill", [0.0, 0.7, [0.3, -2.0]])
@pytest.mark.parametrize("order", ["morf", "lerf"])
def test_pixel_flipping_against_plain_loops(net, fill, order):
    d = degrade(net, X, HEAT, TARGET, patch=1, steps=None, order=order, fill=fill, progress=False)
    colours = np.broadcast_to(fill, 2)[:, None, None]
    for i, scores in enumerate(d.scores):
        np.testing.assert_allclose(scores, loops(net, i, (1, 1), H * W, order, colours), atol=1e-13)
    assert (d.patch, d.patches) == ("pixels", H * W)


def test_the_borders_of_224_pixels_hold_patches_of_8_and_every_pixel_is_replaced():
    model = mx.nn.Sequential(mx.nn.AdaptiveAvgPool2d(1), mx.nn.Flatten(), mx.nn.Linear(1, 2, rng=0))
    d = degrade(model, RNG.random((1, 1, 224, 224)), None, steps=None, batch_size=64, progress=False)
    assert d.patches == 625
    assert [len(place) for place in oracle.patches(224, 224, (9, 9))] == (([81] * 24 + [72]) * 24) + (
        [72] * 24 + [64]
    )
    np.testing.assert_allclose(d.scores, d.scores[0, 0], atol=1e-6)  # patch means keep the image's mean


def test_a_narrow_patch_is_ranked_by_its_sum(net):
    x, heat = X[:1, :, :3, :4], np.ones((1, 3, 4))
    heat[0, :, 3] = 2.5  # the border patch's mean is higher, its sum 7.5 lower than the other's 9
    model = float64(mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(24, 2, rng=0)))
    found = degrade(model, x, heat, patch=3, steps=1, fill=0.0, progress=False)
    covered = x.copy()
    covered[..., :3] = 0
    target = found.target[0]
    np.testing.assert_allclose(found.scores[0, 1], probability(model, target)(covered[0]))


def test_a_patch_as_large_as_the_image_is_replaced_in_one_step(net):
    d = degrade(net, X, HEAT, patch=(H, W), progress=False)
    assert (d.patches, d.scores.shape) == (1, (3, 2))


def test_morf_and_lerf_begin_and_end_in_the_same_images(net):
    morf, lerf = (
        degrade(net, X, HEAT, patch=3, steps=None, order=order, progress=False) for order in ("morf", "lerf")
    )
    for end in (0, -1):
        np.testing.assert_allclose(morf.scores[:, end], lerf.scores[:, end], atol=1e-14)
    assert np.abs(morf.scores - lerf.scores).max() > 0.05


def test_no_order_of_a_linear_model_falls_faster_than_that_of_its_contributions():
    model = float64(mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(24, 2, rng=0)))
    x = RNG.standard_normal((1, 1, 4, 6))
    w, target = model[1].weight.value, int(model.predict(x).argmax())
    heat = (x[0] * (w[target] - w[1 - target]).reshape(1, 4, 6))[None]
    found = {
        order: degrade(model, x, heat, patch=2, order=order, fill=0.0, progress=False)
        for order in ("morf", "lerf")
    }
    places = oracle.patches(4, 6, (2, 2))
    curves = [
        oracle.curve(probability(model, target), x[0], np.zeros((1, 4, 6)), places, order, range(7))
        for order in itertools.permutations(range(6))
    ]
    np.testing.assert_allclose(found["morf"].scores[0], np.min(curves, axis=0), atol=1e-14)
    np.testing.assert_allclose(found["lerf"].scores[0], np.max(curves, axis=0), atol=1e-14)
    areas = [oracle.area(range(7), curve) for curve in curves]
    np.testing.assert_allclose(found["morf"].area, min(areas))
    np.testing.assert_allclose(found["lerf"].area, max(areas))
    assert min(areas) < np.median(areas) - 0.01


# What is tracked, and what comes in


def test_the_class_is_the_one_predicted_at_first_or_the_one_given(net):
    d = degrade(net, X, HEAT, patch=3, steps=2, progress=False)
    logits = net.predict(X)
    np.testing.assert_array_equal(d.target, logits.argmax(axis=1))
    np.testing.assert_allclose(d.scores[:, 0], mx.ops.softmax.forward(logits).max(axis=1))
    given = degrade(net, X, HEAT, 1, patch=3, steps=2, progress=False)
    np.testing.assert_allclose(given.scores[:, 0], mx.ops.softmax.forward(logits)[:, 1])


class LogSoftmax(mx.nn.Module):
    def forward(self, x):
        return mx.ops.log_softmax(x)


@pytest.mark.parametrize("last", [mx.nn.Softmax, LogSoftmax])
def test_a_final_softmax_changes_nothing(net, last):
    model = mx.nn.Sequential(*(net[k] for k in range(len(net))), last())
    expected, found = (degrade(each, X, HEAT, patch=3, progress=False) for each in (net, model))
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-14)


def test_an_explanation_its_map_and_its_sum_over_the_channels_give_the_same(net):
    e = mx.methods.input_x_gradient(net, X)
    found = [degrade(net, X, each, patch=3, progress=False).scores for each in (e, e.map, e.map.sum(1))]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_blurred_copy_and_an_array_as_fill(net):
    blurred = np.stack([oracle.blurred(image, 0.05 * H) for image in X])
    given, built_in = (
        degrade(net, X, HEAT, patch=3, fill=fill, progress=False).scores for fill in (blurred, "blur")
    )
    np.testing.assert_allclose(built_in, given, atol=1e-13)
    np.testing.assert_allclose(
        built_in[:, -1], mx.ops.softmax.forward(net.predict(blurred)).max(axis=1, initial=0, where=_best(net))
    )


def _best(net):
    return np.arange(3) == net.predict(X).argmax(axis=1)[:, None]


# Chance


def test_a_random_order_depends_on_the_seed_and_the_image_alone(net):
    first, again, other = (
        degrade(net, X, None, patch=2, seed=seed, batch_size=size, progress=False).scores
        for seed, size in [(0, 5), (0, 64), (1, 64)]
    )
    np.testing.assert_allclose(first, again, atol=1e-14)
    assert np.abs(first - other).max() > 0.01
    np.testing.assert_allclose(degrade(net, X[:2], None, patch=2, progress=False).scores, first[:2])
    same = degrade(net, X[[0, 0]], None, patch=2, progress=False).scores
    assert np.abs(same[0] - same[1]).max() > 0.01


def test_equal_sums_are_ordered_at_random_and_lerf_is_the_reverse():
    model = float64(mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(36, 2, rng=0)))
    x = RNG.standard_normal((1, 1, 6, 6))
    heat = np.zeros((1, 6, 6))
    heat[0, 4, 4] = 1
    orders = [
        degrade(model, x, heat, patch=2, steps=None, fill=0.0, seed=seed, progress=False).scores[0]
        for seed in range(100)
    ]
    assert np.ptp([scores[1] for scores in orders]) < 1e-14  # the one relevant patch is the first
    assert len({round(scores[2], 10) for scores in orders}) == 8  # then any of the others
    morf = degrade(model, x, heat, patch=2, steps=None, fill=0.0, progress=False)
    empty = np.zeros_like(x)
    back = degrade(  # puts them in again
        model, empty, heat, morf.target, patch=2, steps=None, order="lerf", fill=x, progress=False
    )
    np.testing.assert_allclose(back.scores[0], morf.scores[0, ::-1], atol=1e-14)


# Insertion and deletion


@pytest.mark.parametrize("steps", [1, 7, 30, 1000])
def test_insertion_and_deletion_against_plain_loops(net, steps):
    insertion, deletion = insertion_deletion(
        net, X, HEAT, TARGET, steps=steps, fill=[0.2, -1], progress=False
    )
    places = oracle.patches(H, W, (1, 1))
    shares = min(steps, H * W)
    counts = [k * H * W // shares for k in range(shares + 1)]
    for i, image in enumerate(X):
        ranking = oracle.most_relevant_first(HEAT[i], places)
        blurred, of = oracle.blurred(image, 0.05 * H), probability(net, TARGET[i])
        filled = np.broadcast_to(np.array([0.2, -1])[:, None, None], image.shape)
        expected = oracle.curve(of, blurred, image, places, ranking, counts)
        np.testing.assert_allclose(insertion.scores[i], expected, atol=1e-13)
        np.testing.assert_allclose(insertion.area[i], oracle.area(counts, expected))
        expected = oracle.curve(of, image, filled, places, ranking, counts)
        np.testing.assert_allclose(deletion.scores[i], expected, atol=1e-13)
        np.testing.assert_allclose(deletion.area[i], oracle.area(counts, expected))
    for each in (insertion, deletion):
        np.testing.assert_array_equal(each.steps, counts)
        assert each.fractions[-1] == 1


def test_insertion_is_least_relevant_first_deletion_read_backwards(net):
    insertion, _ = insertion_deletion(net, X, HEAT, steps=H * W, start=0.0, progress=False)
    lerf = degrade(net, X, HEAT, patch=1, steps=None, order="lerf", fill=0.0, progress=False)
    np.testing.assert_allclose(insertion.scores, lerf.scores[:, ::-1], atol=1e-14)


# Progress, and wrong arguments


def test_the_bar_counts_images_and_the_model_is_left_as_it_was(net, capsys):
    net.train()
    degrade(net, X, HEAT, patch=3, steps=4)
    shown = capsys.readouterr().err
    assert "degrade" in shown
    assert "/15" in shown  # 3 images, as they are and after 4 steps
    insertion_deletion(net, X, HEAT, steps=4)
    assert "insertion_deletion" in capsys.readouterr().err
    assert net.training
    degrade(net, X, HEAT, patch=3, steps=4, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("call", [degrade, insertion_deletion])
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": X[0]}, ShapeError, r"x has shape .*; one input alone becomes a batch as x\[None\]$"),
        ({"x": X * np.nan}, ValueError, "x holds NaN or inf"),
        ({"attribution": HEAT[:2]}, ShapeError, r"\(2, 2, 8, 11\), expected \(3, 2, 8, 11\) or \(3, 8, 11\)"),
        ({"attribution": HEAT * np.inf}, ValueError, "attribution holds NaN or inf"),
        ({"attribution": HEAT * 1j}, TypeError, "attribution has dtype complex128, expected numbers"),
        ({"attribution": "gradient"}, TypeError, "attribution is 'gradient', expected numbers"),
        ({"target": 3}, ValueError, r"expected class indices in \[0, 3\)"),
        ({"steps": 0}, ValueError, "steps is 0, expected at least 1"),
        ({"steps": 2.5}, TypeError, "steps is 2.5, expected a whole number"),
        ({"seed": -1}, ValueError, "seed is -1, expected at least 0"),
        ({"batch_size": 0}, ValueError, "batch_size is 0, expected at least 1"),
        ({"fill": "mean"}, ValueError, "fill is 'mean', expected 'patch mean', 'blur', 'road' or numbers"),
        ({"fill": [0, 0, 0]}, ShapeError, r"fill has shape \(3,\), expected a number, 2 of them or \(3, 2,"),
        ({"fill": np.nan}, ValueError, "fill holds NaN or inf"),
    ],
)
def test_wrong_arguments(net, call, changes, error, message):
    small = {"patch": 3} if call is degrade else {}
    with pytest.raises(error, match=message):
        call(**{"model": net, "x": X, "attribution": HEAT, "progress": False, **small, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"patch": (9, 3)}, ValueError, r"patch is \(9, 3\), expected at most the image \(8, 11\)"),
        ({"patch": 0}, ValueError, "patch is 0, expected at least 1"),
        ({"patch": 1}, ValueError, "fill is 'patch mean', which is the pixel itself where patch is 1"),
        ({"order": "random"}, ValueError, "order is 'random', expected one of 'morf', 'lerf'"),
    ],
)
def test_wrong_arguments_of_degrade(net, changes, error, message):
    with pytest.raises(error, match=message):
        degrade(**{"model": net, "x": X, "attribution": HEAT, "progress": False, **changes})


def test_an_explanation_of_another_x_is_refused(net):
    e = mx.methods.gradient(net, X[::-1])
    with pytest.raises(ValueError, match="degrade: attribution explains another x"):
        degrade(net, X, e, patch=3, progress=False)


def test_a_model_of_vectors_is_refused():
    model = mx.nn.Sequential(mx.nn.Linear(4, 2, rng=0))
    with pytest.raises(ShapeError, match=r"degrade: x has shape \(3, 4\), expected four axes"):
        degrade(model, np.ones((3, 4)), None, progress=False)


# What is shown


@pytest.fixture(scope="module")
def curves(net):
    return {
        name: degrade(net, X, heat, patch=3, steps=6, progress=False)
        for name, heat in [("random", None), ("given", HEAT)]
    }


def test_a_curve_prints_as_one_line(curves):
    scores = np.array([[1, 0.5, 0.25], [0.5, 0.5, 0.25]])
    what = "9×9 patches", "replaced by their mean", "morf"
    d = Degradation(*what, 625, np.arange(3), scores, np.array([3, 3]), "probability (of a coin)")
    assert repr(d) == (
        "Degradation(2 images, 9×9 patches replaced by their mean, most relevant first: "
        "probability (of a coin) 0.750 → 0.250 after 2 of 625, area 0.500)"
    )


def test_a_comparison_prints_the_areas_and_their_paired_differences(curves):
    heading, columns, first, second = repr(DegradationComparison(curves)).splitlines()
    assert heading == "3×3 patches replaced by their mean, most relevant first; 6 of 12; 3 images"
    assert columns.split() == ["area", "difference", "from", "random"]
    assert first.startswith("random  ")
    for line, name in ((first, "random"), (second, "given")):
        mean, low, high = mean_interval(curves[name].area)
        assert line.startswith(f"{name:<6}  {mean:.3f} [{low:.3f}, {high:.3f}]")
    mean, low, high = mean_interval(curves["given"].area - curves["random"].area)
    assert second.endswith(f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−"))


def test_only_curves_of_the_same_experiment_are_compared(net, curves):
    with pytest.raises(ValueError, match="curves is empty"):
        DegradationComparison({})
    for changes in ({"patch": 2}, {"steps": 5}, {"fill": 0.0}, {"target": 1}, {"x": X[:2]}):
        arguments = {"model": net, "x": X, "attribution": None, "patch": 3, "steps": 6, **changes}
        other = degrade(**arguments, progress=False)
        with pytest.raises(ValueError, match="'b' differs from 'a' in patch, change, steps, images, class"):
            DegradationComparison({"a": curves["random"], "b": other})


def test_the_picture_has_a_line_and_a_band_for_each_curve(net, curves):
    picture = DegradationComparison(curves).plot("Which falls faster?")
    (axes,) = picture.axes
    for line, band, curve in zip(axes.lines, axes.collections, curves.values(), strict=True):
        mean, low, high = mean_interval(curve.scores)
        np.testing.assert_array_equal(line.get_xydata(), np.stack([curve.steps, mean], axis=1))
        edges = band.get_paths()[0].vertices
        np.testing.assert_allclose([edges[:, 1].min(), edges[:, 1].max()], [low.min(), high.max()])
    assert axes.get_xlabel() == "3×3 patches replaced, of 12"
    assert axes.get_title(loc="left") == (
        "3×3 patches replaced by their mean, most relevant first; mean of 3 images, 95 % bootstrap intervals"
    )
    assert picture.get_suptitle() == "Which falls faster?"
    labels = [text.get_text() for text in picture.legends[0].get_texts()]
    assert [label.partition(":")[0] for label in labels] == ["random", "given"]
    assert picture.pixels().std() > 0


def test_the_picture_of_both_orders_and_of_one_image(net):
    both = {
        order: degrade(net, X[:1], HEAT[:1], patch=3, order=order, progress=False)
        for order in ("morf", "lerf")
    }
    picture = DegradationComparison(both).plot()
    assert picture.axes[0].get_title(loc="left") == "3×3 patches replaced by their mean; one image"
    alone = both["morf"].plot().legends[0].get_texts()
    assert [text.get_text() for text in alone] == [f"mean: area {both['morf'].area[0]:.2f}"]


# Real data


@pytest.mark.slow
@pytest.mark.parametrize("photo", ["chelsea", "coffee"])
def test_squeezenet_loses_the_class_faster_than_in_a_random_order(data_dir, photo):
    model = mx.models.squeezenet1_0(weights=data_dir / "squeezenet" / "compressed_SqueezeNet.net")
    x = model.preprocess(mx.data.photo(photo))
    relevance = mx.methods.lrp(model, x)
    morf, lerf, random = (
        degrade(model, x, attribution, steps=30, order=order, progress=False)
        for attribution, order in [(relevance, "morf"), (relevance, "lerf"), (None, "morf")]
    )
    assert morf.patches == 26 * 26
    assert morf.area[0] < min(random.area[0], lerf.area[0]) - 0.2
