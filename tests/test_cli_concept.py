"""`minixai concept`: of two folders of photos, and the demo without any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minixai as mx
from minixai import cli, demo

LENET = ["--model", "lenet5", "--weights", "lenet.safetensors", "--layer", "features.1"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of digits with a bar, and two without; weights of LeNet-5 drawn by a seed."""
    monkeypatch.chdir(tmp_path)
    mx.models.save_weights(mx.models.lenet5(seed=3), "lenet.safetensors")
    rng = np.random.default_rng(0)
    for name, ink in (("bar", 255), ("none", 0), ("other", 0)):
        Path(name).mkdir()
        Path(name, ".hidden").touch()
        for k in range(12):
            pixels = rng.integers(0, 60, (28, 28)).astype(np.uint8)
            pixels[5:25, 10:14] += np.uint8(ink // 2)
            Image.fromarray(pixels).save(Path(name, f"{k}.png"))
    return tmp_path


def error_of(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert cli.main(["concept", *argv]) == 2
    return capsys.readouterr().err


def test_two_folders_make_a_concept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["concept", "bar", "none", *LENET]) == 0
    first, _, pattern, _, saved = capsys.readouterr().out.splitlines()
    assert first == "concept in features.1: 12 images, 12 others; ridge classifier"
    assert pattern.split()[:2] == ["pattern", "1.00"]
    assert saved == "saved concept.png"
    assert Path("concept.png").stat().st_size > 1000


def test_no_concept_is_said_to_be_none(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["concept", "none", "other", *LENET, "--save", "x.svg"]) == 0
    assert "does not beat chance" in capsys.readouterr().out


def test_without_folders_the_demo_is_saved(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"angles": [15.0, 90.0], "images": 100}
    page, picture = demo.concept_page, demo.concept_picture
    monkeypatch.setattr(demo, "concept_page", lambda path: page(path, **few))
    monkeypatch.setattr(demo, "concept_picture", lambda: picture(**few))
    for name in ("demo.html", "demo.png"):
        assert cli.main(["concept", "--save", name]) == 0
        assert Path(name).stat().st_size > 1000


def test_errors_are_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "concept: 1 folders came, expected two" in error_of(capsys, "bar")
    Path("empty").mkdir()
    assert "concept: folder empty has no photos" in error_of(capsys, "bar", "empty", *LENET)
    assert "'x.html' ends in '.html'" in error_of(capsys, "bar", "none", *LENET, "--save", "x.html")
    assert "layer 'f' is not in the model" in error_of(capsys, "bar", "none", *LENET[:-1], "f")
