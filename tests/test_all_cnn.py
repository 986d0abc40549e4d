"""The networks of Springenberg et al. 2014, and p-norm pooling as a layer."""

import numpy as np
import pytest

import minixai as mx
from minixai.models.all_cnn import allcnn, allcnn_parameters
from minixai.nn import PNormPool2d

RNG = np.random.default_rng(0)
COUNTS = {
    ("A", "base"): 839_242,
    ("A", "strided"): 839_242,
    ("A", "convpool"): 1_254_250,
    ("A", "all"): 1_254_250,
    ("B", "base"): 885_610,
    ("B", "strided"): 885_610,
    ("B", "convpool"): 1_300_618,
    ("B", "all"): 1_300_618,
    ("C", "base"): 954_730,
    ("C", "strided"): 954_730,
    ("C", "convpool"): 1_369_738,
    ("C", "all"): 1_369_738,
}


def kinds(model):
    """The layers of a network as the paper's tables write them."""
    layers = []
    for _, module in model.named_modules():
        if isinstance(module, mx.nn.Conv2d):
            k, _, h, _ = module.weight.shape
            layers.append(f"{h}x{h} conv {k}" + f" /{module.stride}" * (module.stride > 1))
        elif isinstance(module, mx.nn.MaxPool2d | PNormPool2d):
            layers.append(f"{module.settings['kernel_size']}x{module.settings['kernel_size']} pool")
        elif isinstance(module, mx.nn.Dropout):
            layers.append(f"dropout {module.p}")
    return layers


HEAD = ["3x3 conv 192", "1x1 conv 192", "1x1 conv 10"]


@pytest.mark.parametrize(
    ("base", "variant", "stages"),
    [
        ("A", "base", [["5x5 conv {}", "3x3 pool"]]),
        ("A", "strided", [["5x5 conv {} /2"]]),
        ("B", "base", [["5x5 conv {}", "1x1 conv {}", "3x3 pool"]]),
        ("B", "strided", [["5x5 conv {}", "1x1 conv {} /2"]]),
        ("B", "all", [["5x5 conv {}", "1x1 conv {}", "3x3 conv {} /2"]]),
        ("C", "base", [["3x3 conv {}", "3x3 conv {}", "3x3 pool"]]),
        ("C", "strided", [["3x3 conv {}", "3x3 conv {} /2"]]),
        ("C", "convpool", [["3x3 conv {}", "3x3 conv {}", "3x3 conv {}", "3x3 pool"]]),
        ("C", "all", [["3x3 conv {}", "3x3 conv {}", "3x3 conv {} /2"]]),
    ],
)
def test_the_layers_are_those_of_the_papers_tables(base, variant, stages):
    (stage,) = stages
    expected = ["dropout 0.2"]
    for width in (96, 192):
        expected += [*(layer.format(width) for layer in stage), "dropout 0.5"]
    assert kinds(allcnn(base, variant)) == [*expected, *HEAD]


@pytest.mark.parametrize(("base", "variant"), COUNTS)
def test_parameters_are_counted_exactly_and_the_head_averages_6x6(base, variant):
    model = allcnn(base, variant)
    assert sum(p.value.size for p in model.parameters()) == COUNTS[base, variant]
    small = allcnn(base, variant, width=0.05, num_classes=7).eval()
    output, layers = small.trace(mx.Tensor(np.zeros((2, 3, 32, 32), np.float32)))
    assert layers["classifier.0"][0].shape == (2, 10, 6, 6)
    assert output.shape == (2, 7)


def test_half_of_all_cnn_c():
    assert sum(p.value.size for p in allcnn(width=0.5).parameters()) == 343_882


def test_the_table_shows_both_counts():
    lines = [line.split() for line in allcnn_parameters().splitlines()[1:]]
    assert {(base, variant): int(count.replace(",", "")) for base, variant, count, *_ in lines} == COUNTS
    paper = {(base, variant): million for base, variant, _, million, _ in lines}
    assert paper["C", "base"] == "1.3"
    assert paper["A", "convpool"] == "1.28"


def test_weights_and_seed(tmp_path):
    model = allcnn("A", "strided", width=0.1, seed=3)
    x = RNG.random((2, 3, 32, 32), np.float32)
    mx.models.save_weights(model, tmp_path / "a.safetensors")
    loaded = allcnn("A", "strided", width=0.1, weights=tmp_path / "a.safetensors")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    np.testing.assert_array_equal(allcnn("A", "strided", width=0.1, seed=3).predict(x), model.predict(x))


def test_it_learns_its_training_images():
    model = allcnn(width=0.2, num_classes=2, seed=2)
    y = np.arange(16) % 2
    x = RNG.random((16, 3, 32, 32), np.float32) + 0.5 * y[:, None, None, None] - 0.75
    epochs = mx.nn.fit(model, x, y, epochs=10, batch_size=8, progress=False)
    assert epochs[-1].loss < 0.25 * epochs[0].loss
    np.testing.assert_array_equal(model.predict(x).argmax(1), y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": "D"}, "base is 'D', expected one of A, B, C"),
        ({"variant": "none"}, "variant is 'none', expected one of base, strided"),
        ({"width": 0}, "width is 0"),
        ({"variant": "all", "p": 2.0}, "variant 'all' has no pooling"),
        ({"variant": "base", "p": 0.5}, "p is 0.5, expected at least 1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        allcnn(**arguments)


def magnitudes(x, p):
    """3×3 windows of stride 2 and padding 1, in loops."""
    n, c, h, w = x.shape
    y = np.zeros((n, c, (h + 1) // 2, (w + 1) // 2))
    for i, k, r, q in np.ndindex(y.shape):
        window = [
            abs(x[i, k, row, column])
            for row in range(max(2 * r - 1, 0), min(2 * r + 2, h))
            for column in range(max(2 * q - 1, 0), min(2 * q + 2, w))
        ]
        y[i, k, r, q] = max(window) if p == np.inf else sum(m**p for m in window) ** (1 / p)
    return y


@pytest.mark.parametrize("p", [1, 1.5, 2, 8, np.inf])
def test_p_norm_pooling_from_1_to_the_maximum(p):
    x, layer = RNG.standard_normal((2, 3, 7, 6)), PNormPool2d(3, p, 2, padding=1)
    np.testing.assert_allclose(layer(x).value, magnitudes(x, p), rtol=1e-12)
    leaf = mx.Tensor(x)
    y = layer(leaf)
    g = RNG.standard_normal(y.shape)
    step = 1e-6 * RNG.standard_normal(x.shape)
    slope = ((magnitudes(x + step, p) - magnitudes(x - step, p)) * g).sum() / 2
    np.testing.assert_allclose((mx.backward(y, g)[leaf] * step).sum(), slope, rtol=1e-6)


def test_the_largest_p_norm_of_what_a_relu_leaves_is_max_pooling():
    x = RNG.random((2, 3, 32, 32), np.float32)
    largest, ordinary = allcnn("C", "base", width=0.1, p=np.inf), allcnn("C", "base", width=0.1)
    np.testing.assert_array_equal(largest.predict(x), ordinary.predict(x))
    near = allcnn("C", "base", width=0.1, p=200.0)
    np.testing.assert_allclose(near.predict(x), ordinary.predict(x), rtol=0.05)
    for method in (mx.methods.gradient, mx.methods.deconvnet, mx.methods.guided_backprop):
        unit = {"layer": "features.9", "neuron": (2, "max")}
        np.testing.assert_array_equal(method(largest, x, **unit).map, method(ordinary, x, **unit).map)
