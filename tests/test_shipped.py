"""The trained networks that come with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import minixai as mx
from experiments.degradation import stretches
from minixai.data.cifar import CIFAR10, CIFAR10_CLASSES, cifar10
from minixai.data.sealed import digest, write_sealed
from minixai.errors import FileFormatError
from minixai.models import shipped_networks
from minixai.models.shipped_networks import FOLDER, FORMAT, VARIANTS, pretrained
from minixai.signal import fit_patterns

PARAMETERS = {"cifar10_allcnn": 343882, "cifar10_maxpool": 240058}
LOGITS = {
    "cifar10_allcnn": [2.5485, 2.1831, 1.9047, 1.7859, 0.2648, 1.1031, 0.4742, 1.0712, 0.9755, 0.5688],
    "cifar10_maxpool": [4.4271, 1.856, 3.973, 3.7234, 0.9636, 2.3333, 1.4985, 0.8044, 0.9694, 1.226],
}  # of the picture below
ACCURACY = {"cifar10_allcnn": 0.8664, "cifar10_maxpool": 0.8549}

names = pytest.mark.parametrize("name", VARIANTS)


def picture() -> np.ndarray:
    """A blue disc on an orange ground, (40, 40, 3) uint8."""
    rows, columns = np.mgrid[:40, :40] - 19.5
    inside = (rows**2 + columns**2 < 150)[..., None]
    return np.where(inside, [30, 60, 200], [230, 140, 40]).astype(np.uint8)


@names
def test_a_network_gives_the_logits_it_gave_when_it_was_shipped(name):
    net = pretrained(name)
    assert sum(p.value.size for p in net.parameters()) == PARAMETERS[name]
    assert net.dtype == np.float32
    assert net.preprocess == CIFAR10
    assert net.classes == CIFAR10_CLASSES
    np.testing.assert_allclose(net.predict(net.preprocess(picture()))[0], LOGITS[name], atol=2e-4)


@names
def test_a_network_is_one_of_allcnn_and_says_how_it_was_trained(name):
    net = pretrained(name)
    same = mx.models.allcnn("C", VARIANTS[name], width=0.5, weights=FOLDER / f"{name}.safetensors")
    x = net.preprocess(picture())
    np.testing.assert_array_equal(same.predict(x), net.predict(x))
    assert net.about.keys() == {"format", "recipe", "data", "epochs", "minutes", "seed", "test accuracy"}
    assert float(net.about["test accuracy"]) == ACCURACY[name]
    assert (Path(__file__).parents[1] / net.about["recipe"]).is_file()


@names
@pytest.mark.slow
def test_a_network_is_as_accurate_as_its_file_says(name, data_dir):
    net = pretrained(name)
    images, labels = cifar10("test")
    right = net.predict(net.preprocess(images.transpose(0, 2, 3, 1))).argmax(axis=1) == labels
    assert abs(right.mean() - ACCURACY[name]) <= 3e-4  # three images: sums round otherwise on other machines
    assert min(right[labels == k].mean() for k in range(10)) > 0.5


@names
def test_a_file_holds_float16_and_little_else(name):
    path = FOLDER / f"{name}.safetensors"
    assert {array.dtype for array in mx.data.read_arrays(path).values()} == {np.dtype(np.float16)}
    assert path.stat().st_size < 2 * PARAMETERS[name] + 4096


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"pretrained: name is 'vgg16', expected one of cifar10_allcnn, cif"):
        pretrained("vgg16")


@pytest.mark.parametrize("place", [20, 5000, -1])
def test_an_altered_bit_is_noticed(tmp_path, monkeypatch, place):
    content = bytearray((FOLDER / "cifar10_allcnn.safetensors").read_bytes())
    content[place] ^= 1
    (tmp_path / "cifar10_allcnn.safetensors").write_bytes(content)
    monkeypatch.setattr(shipped_networks, "FOLDER", tmp_path)
    with pytest.raises(FileFormatError, match=r"cifar10_allcnn\.safetensors"):
        pretrained("cifar10_allcnn")


def test_weights_of_another_network_are_refused(tmp_path, monkeypatch):
    lenet = mx.models.lenet5().state_dict()
    write_sealed(tmp_path / "cifar10_maxpool.safetensors", lenet, {"format": FORMAT})
    monkeypatch.setattr(shipped_networks, "FOLDER", tmp_path)
    with pytest.raises(FileFormatError, match=r"cifar10_maxpool\.safetensors does not fit ShippedNetwork"):
        pretrained("cifar10_maxpool")


@names
def test_a_network_comes_with_patterns_that_fit_it(name):
    net = pretrained(name)
    assert net.patterns.model == digest(net.state_dict())
    x = net.preprocess(picture())
    for kind in ("positive", "linear"):
        e = mx.methods.pattern_attribution(net, x, kind=kind)
        assert e.map.any()
        np.testing.assert_allclose(e.ledger.gap, 0, atol=1e-3 * np.abs([r.came for r in e.ledger.rows]).max())
    assert {layer.count for layer in net.patterns.values()} == {
        50_000 * places for places in ((1024, 256, 64, 36) if name == "cifar10_allcnn" else (1024, 256, 36))
    }


@names
def test_few_units_are_dead_and_no_positive_pattern_explodes(name):
    """‖w‖·‖a‖ is 1 over the cosine of filter and pattern; a divisor near 0 makes it thousands."""
    net = pretrained(name)
    found = [*stretches(net, net.patterns, "positive").values()]
    every = np.concatenate(found)
    assert (every == 0).mean() <= 0.01
    assert all(of_layer.max() <= 10 * np.median(of_layer) for of_layer in found)
    assert every.max() < 100


@pytest.mark.slow
def test_the_patterns_are_those_of_the_training_images(data_dir):
    """Of every fiftieth of them, whose linear patterns are close to those of all."""
    net = pretrained("cifar10_allcnn")
    photos = cifar10("train")[0][::50].transpose(0, 2, 3, 1)
    few = fit_patterns(
        net, [net.preprocess(photos[i : i + 100]) for i in range(0, 1000, 100)], progress=False
    )
    for name, layer in net.patterns.items():
        a, b = (each.linear.reshape(len(each.linear), -1) for each in (layer, few[name]))
        cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert np.median(cosine) > 0.95, name
