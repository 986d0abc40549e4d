"""The networks, and their files of weights."""

import numpy as np
import pytest

import minixai as mx
from minixai.errors import FileFormatError, ShapeError
from minixai.kernels import convolution
from minixai.ops.sizes import pair
from minixai.tape import tape_of


def softmax(y):
    e = np.exp(y - y.max())
    return e / e.sum()


@pytest.fixture(scope="module")
def squeezenet(data_dir):
    return mx.models.squeezenet1_0(weights=data_dir / "squeezenet" / "compressed_SqueezeNet.net")


@pytest.mark.parametrize(
    ("photo", "classes", "probabilities"),
    [
        ("chelsea", [285, 282, 281, 287, 293], [0.663, 0.217, 0.066, 0.049, 0.003]),
        ("coffee", [967], [0.988]),
    ],
)
def test_squeezenet_sees_what_is_there(squeezenet, photo, classes, probabilities):
    p = softmax(squeezenet.predict(squeezenet.preprocess(mx.data.photo(photo)))[0])
    best = np.argsort(-p)[: len(classes)]
    assert best.tolist() == classes
    np.testing.assert_allclose(p[best], probabilities, atol=5e-4)


def test_squeezenet_is_fetched_by_name_and_read_from_either_file(squeezenet, data_dir):
    x = squeezenet.preprocess(mx.data.photo("chelsea"))
    expected = squeezenet.predict(x)
    for weights in ("imagenet", data_dir / "squeezenet" / "squeezenet_v1.0.npz"):
        model = mx.models.squeezenet1_0(weights=weights)
        np.testing.assert_array_equal(model.predict(x), expected)
        assert model.preprocess == mx.data.CAFFE_SQUEEZENET


def test_squeezenet_takes_224_pixels_too(squeezenet):
    x = np.zeros((1, 3, 224, 224), np.float32)
    _, layers = squeezenet.trace(mx.Tensor(x))
    assert layers["features.6"][0].shape == (
        1,
        256,
        27,
        27,
    )  # from 54×54; without ceil_mode it would be 26×26


def test_a_state_dict_of_torchvisions_names_loads_as_it_is(squeezenet, tmp_path):
    path = tmp_path / "squeezenet.safetensors"
    mx.models.save_weights(squeezenet, path)
    model = mx.models.squeezenet1_0(weights=path)
    assert model.preprocess == mx.data.TORCHVISION
    assert model.state_dict().keys() == squeezenet.state_dict().keys()
    assert "features.3.expand3x3.weight" in model.state_dict()


def test_lenet5_and_its_file(tmp_path):
    model = mx.models.lenet5(seed=3)
    assert sum(p.value.size for p in model.parameters()) == 61_706
    x = np.random.default_rng(0).random((2, 1, 28, 28))
    np.savez(tmp_path / "lenet.npz", **model.state_dict())
    loaded = mx.models.lenet5(weights=tmp_path / "lenet.npz", seed=4)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    np.testing.assert_array_equal(mx.models.lenet5(seed=3).predict(x), model.predict(x))


@pytest.mark.slow
def test_vgg16_has_torchvisions_names_and_numbers():
    model = mx.models.vgg16()
    state = model.state_dict()
    assert sum(array.size for array in state.values()) == 138_357_544
    assert state["features.28.weight"].shape == (512, 512, 3, 3)
    assert state["classifier.0.weight"].shape == (4096, 25088)
    assert model.predict(np.zeros((1, 3, 224, 224))).shape == (1, 1000)


def test_weights_of_another_model_are_refused(tmp_path):
    mx.models.save_weights(mx.models.lenet5(), tmp_path / "lenet.safetensors")
    with pytest.raises(FileFormatError, match=r"lenet\.safetensors does not fit SqueezeNet: .*missing"):
        mx.models.squeezenet1_0(weights=tmp_path / "lenet.safetensors")
    with pytest.raises(
        FileFormatError, match=r"classifier\.5\.weight has shape \(10, 84\), expected \(5, 84\)"
    ):
        mx.models.lenet5(weights=tmp_path / "lenet.safetensors", num_classes=5)


def test_a_deep_compression_file_of_other_sizes_is_refused(data_dir):
    with pytest.raises(FileFormatError):
        mx.models.squeezenet1_0(data_dir / "squeezenet" / "compressed_SqueezeNet.net", num_classes=10)


def test_missing_weights_are_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.npz"):
        mx.models.lenet5(weights=tmp_path / "no.npz")


@pytest.mark.parametrize(("shape", "message"), [((1, 3, 28, 28), "channels"), ((1, 1, 20, 20), "linear")])
def test_images_of_a_wrong_shape_are_refused(shape, message):
    with pytest.raises(ShapeError, match=message):
        mx.models.lenet5().predict(np.zeros(shape))


@pytest.mark.slow
def test_lenet5_learns_mnist(data_dir):
    """Over 97 % on 2 000 of the 10 000 test images after training on the other 8 000."""
    images, labels = mx.data.mnist("test")
    x = ((images[:, None] / 255 - 0.1307) / 0.3081).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:8000], order[8000:]
    model = mx.models.lenet5()
    adam = mx.nn.Adam(model.parameters(), lr=2e-3)
    mx.nn.fit(model, x[train], labels[train], 6, 64, adam, progress=False)
    adam.lr = 2e-4
    validation = x[test], labels[test]
    history = mx.nn.fit(model, x[train], labels[train], 2, 64, adam, validation=validation, progress=False)
    assert history[-1].validation_accuracy > 0.97


@pytest.mark.parametrize(
    "make", [mx.models.lenet5, lambda **to: mx.models.allcnn("C", "base", width=0.1, **to)]
)
def test_a_model_that_comes_with_weights_is_in_eval_mode(make, tmp_path):
    model = make()
    assert model.training
    mx.models.save_weights(model, path := tmp_path / "weights.safetensors")
    assert not any(module.training for _, module in make(weights=path).named_modules())
    other = mx.nn.Linear(2, 2)
    with pytest.raises(FileFormatError, match="does not fit Linear"):
        mx.models.load_weights(other, path)
    assert other.training


def test_shipped_networks_and_the_authors_weights_are_in_eval_mode(data_dir):
    path = data_dir / "squeezenet" / "compressed_SqueezeNet.net"
    for model in (mx.models.pretrained("cifar10_maxpool"), mx.models.squeezenet1_0(weights=path)):
        assert not any(module.training for _, module in model.named_modules())
    x = np.random.default_rng(0).random((1, 3, 227, 227), np.float32)
    np.testing.assert_array_equal(model(x).value, model.predict(x))  # no dropout


def test_what_convolutions_lose_to_rounding_on_squeezenets_activations(squeezenet):
    leaf = mx.Tensor(squeezenet.preprocess(mx.data.photo("chelsea")))
    nodes = [node for node in tape_of(squeezenet.trace(leaf)[0]).values() if node]
    most = {"winograd": (2e-6, 6e-6), "pointwise": (3e-6, 3e-6), "direct": (3e-6, 3e-6)}
    rng, used = np.random.default_rng(0), set()
    for x, w, b, geometry in ((*n.arrays, _geometry_of(n)) for n in nodes if n.op is mx.ops.conv2d):
        wide_x, wide_w, wide_b = (array.astype(np.float64) for array in (x, w, b))
        exact = convolution.conv2d(wide_x, wide_w, wide_b, geometry, "direct")
        g = rng.standard_normal(exact.shape).astype(np.float32)
        exact_vjp = convolution.conv2d_vjp_input(g.astype(np.float64), wide_w, x.shape, geometry)
        for algorithm in convolution.ALGORITHMS:
            if convolution.serves(algorithm, x.shape, w.shape, x.dtype, geometry):
                used.add(algorithm)
                y = convolution.conv2d(x, w, b, geometry, algorithm)
                gx = convolution.conv2d_vjp_input(g, w, x.shape, geometry, algorithm)
                assert np.abs(y - exact).max() < most[algorithm][0] * np.abs(exact).max()
                assert np.abs(gx - exact_vjp).max() < most[algorithm][1] * np.abs(exact_vjp).max()
    assert used == set(most)


def _geometry_of(node):
    settings = dict(node.params)
    groups = settings.pop("groups")
    pairs = {name: pair("conv2d", name, size, least=0) for name, size in settings.items()}
    return convolution.Geometry(**pairs, groups=groups)
