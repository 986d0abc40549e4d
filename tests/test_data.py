"""MNIST, the labels of ImageNet, and the package of readers as a whole."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minixai import data
from minixai.data import digits, downloads, imagenet_labels, labels, mnist
from minixai.errors import FileFormatError
from tests.oracles.files import idx_bytes


def test_mnist_test_split(data_dir):
    images, targets = mnist("test")
    assert images.shape == (10_000, 28, 28)
    assert images.dtype == targets.dtype == np.uint8
    assert targets[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(targets).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (images.min(), images.max()) == (0, 255)
    assert images[0, 0, 0] == 0  # the background


def test_mnist_names_an_unknown_split():
    with pytest.raises(ValueError, match=r"""mnist: split is 'validation', expected "train" or "test\""""):
        mnist("validation")


@pytest.mark.parametrize(
    ("images", "targets"), [((5, 28, 28), (4,)), ((5, 27, 28), (5,)), ((5, 784), (5,)), ((5, 28, 28), (5, 1))]
)
def test_mnist_notices_files_that_do_not_fit_together(tmp_path, monkeypatch, images, targets):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(idx_bytes(np.zeros(images, np.uint8)))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(idx_bytes(np.zeros(targets, np.uint8)))
    monkeypatch.setattr(digits, "fetch", lambda name: tmp_path / Path(name).name)
    with pytest.raises(FileFormatError, match=r"expected \(n, 28, 28\) and \(n,\)"):
        mnist("train")


def test_imagenet_labels(data_dir):
    names = imagenet_labels()
    assert len(names) == 1000
    assert all(isinstance(name, str) and name == name.strip() and name for name in names)
    expected = {0: "tench", 285: "Egyptian cat", 293: "cheetah", 967: "espresso", 999: "toilet tissue"}
    assert {i: names[i] for i in expected} == expected


def test_the_labels_on_the_web_are_those_here_but_for_four_apostrophes(data_dir):
    """The registered hash is that of the web's edition: commas, underscores, four apostrophes."""
    apostrophes = {
        "carpenters kit": "carpenter's kit",
        "jack-o-lantern": "jack-o'-lantern",
        "potters wheel": "potter's wheel",
        "yellow ladys slipper": "yellow lady's slipper",
    }
    names = [apostrophes.get(name, name).replace(" ", "_") for name in imagenet_labels()]
    content = "".join(f"{i}, {name}\n" for i, name in enumerate(names)).encode()
    source = downloads._SOURCES["squeezenet/imagenet_labels.txt"]
    assert len(content) == source.size
    assert hashlib.sha256(content).hexdigest() == source.sha256


def write_labels(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("notation", ["{}: {}", "{}, {}"])
def test_both_notations_of_the_labels_are_read(tmp_path, monkeypatch, notation):
    words = ["tench", "great_white shark", "crane, bird: big", "jack-o'-lantern"]
    path = write_labels(tmp_path / "labels", [notation.format(i, words[i % 4]) for i in range(1000)])
    monkeypatch.setattr(labels, "fetch", lambda name: path)
    expected = ["tench", "great white shark", "crane, bird: big", "jack-o'-lantern"] * 250
    assert imagenet_labels() == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("8: name", r"line 8: '8: name', expected '7: name'"),
        ("07: name", "line 8: '07: name'"),
        ("7 name", "line 8: '7 name'"),
        ("7: ", "line 8: '7: '"),
        ("name", "line 8: 'name'"),
        ("7: one\n7: two", "has 1001 lines, expected 1000"),
        ("7: \udcff", "cannot be read: .*utf-8"),
    ],
)
def test_damaged_labels_are_refused(tmp_path, monkeypatch, line, message):
    lines = [line if i == 7 else f"{i}: name" for i in range(1000)]
    (tmp_path / "labels").write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    monkeypatch.setattr(labels, "fetch", lambda name: tmp_path / "labels")
    with pytest.raises(FileFormatError, match=f"imagenet_labels: .*{message}"):
        imagenet_labels()


def test_all_names_are_there_and_hide_no_module():
    modules = {path.stem for path in Path(data.__path__[0]).glob("*.py")}
    for name in data.__all__:
        assert callable(getattr(data, name))
        assert name not in modules


def test_importing_the_readers_is_light():
    heavy = ["PIL", "pooch", "requests", "safetensors", "skimage", "sklearn"]
    code = f"import sys, minixai.data; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
