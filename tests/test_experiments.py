"""The experiments, on a few images; and that experiments/README.md says what they measured."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minixai as mx
from docs.pictures import keep
from experiments import (
    correction,
    degradation,
    embedding,
    grid,
    limits,
    right_answers,
    sanity,
    tcav,
    two_objects,
)
from experiments.__main__ import FOLDER, MEASURED, main
from experiments.networks import NETWORKS, Network
from minixai.columns import interval
from minixai.evaluate import Bench
from minixai.models.shipped_networks import pretrained

KNOWN_EXACTLY = ("linear", "two_component")  # estimators with ρ = 1 in-sample
READMES = [folder / "README.md" for folder in (FOLDER.parent, FOLDER, FOLDER / "recipes")]
COMMANDS = {
    command
    for path in READMES
    for command in re.findall(r"python -m (experiments[^`\n]*)", path.read_text(encoding="utf-8"))
}


@pytest.fixture(scope="module")
def untrained(data_dir, tmp_path_factory) -> Path:
    """A folder in which LeNet's weights are, so that no test trains it."""
    folder = tmp_path_factory.mktemp("cache")
    mx.models.save_weights(mx.models.lenet5(), folder / "lenet.safetensors")
    return folder


@pytest.fixture(scope="module")
def small() -> Network:
    """A shipped network, and the squares of 32×32 pixels of a photo."""
    pytest.importorskip("skimage", reason="scikit-image bundles the photo")
    model, photo = pretrained("cifar10_allcnn"), mx.data.photo("chelsea")[:288, :448]
    squares = photo.reshape(9, 32, 14, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
    return Network("squares", model, model.preprocess, squares[:12], squares[12:], model.classes, 10)


def test_the_command_measures_rho_prints_it_and_draws_it(untrained, tmp_path, capsys):
    folders = {name: tmp_path / name for name in ("results", "pictures")}
    arguments = [text for name, folder in folders.items() for text in (f"--{name}", str(folder))]
    arguments += ["--cache", str(untrained), "--networks", "lenet"]
    main(["rho", "--images", "800", "100", *arguments])
    printed = capsys.readouterr().out
    result = json.loads((folders["results"] / "rho.json").read_text(encoding="utf-8"))["lenet"]
    assert (result["fit_images"], result["test_images"]) == (800, 100)
    for of_layer in result["rho"]["linear"].values():
        assert interval(of_layer) in printed
    with Image.open(folders["pictures"] / "rho.jpg") as image:
        assert image.width == 1200
    main(["rho", "--redraw", *arguments])
    assert capsys.readouterr().out == printed


@pytest.mark.slow
def test_in_sample_rho_is_one_and_on_new_images_it_is_not(untrained, tmp_path):
    result = limits.measure(NETWORKS["lenet"](untrained), 1600, 100, untrained)
    for name in KNOWN_EXACTLY:
        np.testing.assert_allclose(
            [mean for mean, *_ in result["in_sample"][name].values()], 1, atol=5e-3
        )  # patterns are float32
        assert not np.allclose([mean for mean, *_ in result["held_out"][name].values()], 1, atol=5e-3)
    keep(limits.draw({"lenet": result}).pixels(), tmp_path / "limits.jpg")
    assert len(limits.tables({"lenet": result})) == 3


def test_degradation_of_a_few_images(small, tmp_path):
    result = degradation.measure(small, 12, 3, tmp_path)
    starts = {tuple(found["curve"][0][:1]) for found in result["curves"].values()}
    assert result["patches"] == 121
    assert result["early"] == 19
    assert len(starts) == 1  # they begin with the same images
    random, signal = result["curves"]["random"], result["curves"]["two_component"]
    difference, *_ = signal["area differences"]["random"]
    assert difference == pytest.approx(signal["area"][0] - random["area"][0], abs=2e-4)
    keep(degradation.draw({"squares": result}).pixels(), tmp_path / "degradation.jpg")
    table, _ = degradation.tables({"squares": result})
    assert interval(signal["area"]) in table


def test_the_pattern_of_a_filter():
    w = np.random.default_rng(0).standard_normal((3, 2, 5, 5))
    w[1] = 0
    a = degradation.filter_pattern(w)
    np.testing.assert_allclose((w * a).sum(axis=(1, 2, 3)), [1, 0, 1])
    np.testing.assert_allclose(a[0] * np.square(w[0]).sum(), w[0])


def test_the_stretch_of_patterns_is_one_over_the_cosine(small, tmp_path):
    patterns = small.patterns(12, tmp_path)
    cosines = []
    for name, layer in patterns.items():
        for w, a in zip(small.model.state_dict()[f"{name}.weight"], layer.linear, strict=True):
            if a.any():
                cosines.append(w.ravel() @ a.ravel() / np.sqrt((w * w).sum() * (a * a).sum()))
    median, _, most = degradation.stretch(small, patterns, "linear")
    assert median == pytest.approx(np.median(1 / np.array(cosines)), abs=0.02)
    assert most == pytest.approx(1 / min(cosines), rel=0.01)


def test_input_times_gradient_is_lrp_with_no_epsilon(small):
    zero = mx.rules.epsilon(0)
    table = mx.rules.composite(first=zero, conv=zero, dense=zero)
    x = small.inputs(small.test[:4])
    lrp = mx.methods.lrp(small.model, x, rules=table)
    expected = mx.methods.input_x_gradient(small.model, x)
    np.testing.assert_allclose(lrp, expected, atol=1e-4 * np.abs(expected).max())


def test_a_grid_has_a_row_for_each_answer(small, tmp_path):
    picture = grid.draw(small, 12, 2, tmp_path)
    answers = [axes.get_ylabel() for axes in picture.axes if axes.get_ylabel()]
    headings = [axes.get_title() for axes in picture.axes if axes.get_title()]
    assert len(answers) == len(set(answers)) == 2
    assert headings == ["photo", *grid.columns(small, small.patterns(12, tmp_path))]
    assert all(len(axes.images) == 1 for axes in picture.axes)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_of_the_readmes_is_known(command, capsys):
    module, *arguments = command.split()
    run = main if module == "experiments" else importlib.import_module(module).main
    with pytest.raises(SystemExit, match=r"^0$"):
        run([*arguments, "--help"])
    assert f"usage: python -m {module}" in capsys.readouterr().out


@pytest.mark.parametrize("name", MEASURED)
def test_the_readme_says_what_was_measured(name):
    experiment = MEASURED[name]
    results = json.loads((FOLDER / "results" / f"{name}.json").read_text(encoding="utf-8"))
    assert list(results) == list(experiment.IMAGES)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for table in experiment.tables(results):
        assert table in readme


def test_the_readme_says_what_the_bench_marked(tmp_path, capsys):
    main(["bench", "--redraw", "--pictures", str(tmp_path)])
    printed, readme = capsys.readouterr().out, (FOLDER / "README.md").read_text(encoding="utf-8")
    found = Bench.load(FOLDER / "results" / "bench.json")
    assert found.effort == "default"
    assert len(found.cells) == 96
    for table in right_answers.tables(found):
        assert table in readme
        assert table in printed
    with Image.open(tmp_path / "bench.jpg") as image:
        assert image.width == 1200


def test_sanity_checks_of_a_few_images(small, tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "METHODS", ("gradient", "sobel_edges"))
    monkeypatch.setattr(sanity, "PATTERNS", ())
    monkeypatch.setattr(sanity, "STARTS", (2, 1))
    result = sanity.measure(small, 12, 2, tmp_path)
    assert result["likeness"]["edges (Sobel)"]["ssim"] == [1.0] * 9
    assert len(result["cosine"]["gradient"]) == len(result["layers"]) == 9
    keep(sanity.draw({"squares": result}).pixels(), tmp_path / "sanity.jpg")
    likeness, converged = sanity.tables({"squares": result})
    assert "| edges (Sobel) | 1.00 / 1.00 / " in likeness
    assert f"{result['classes']['gradient']:.2f} |" in converged


def test_the_rank_of_random_concepts_is_calibrated_and_the_t_test_is_not():
    """In all of what was measured: of 200 tests at 5 %, within the binomial interval."""
    results = json.loads((FOLDER / "results" / "tcav.json").read_text(encoding="utf-8"))
    least, most = tcav.binomial_interval(200, 0.05)
    for layer in results["cifar10_maxpool"]["p"].values():
        for p in layer.values():
            assert least <= sum(each < 0.05 for each in p["rank"]) <= most
            assert sum(each < 0.05 for each in p["t_test"]) > 100


def test_the_binomial_interval():
    stats = pytest.importorskip("scipy.stats")
    for tests in (60, 200):
        assert tcav.binomial_interval(tests, 0.05) == stats.binom.interval(0.95, tests, 0.05)


def test_tcav_of_a_few_random_concepts(small, monkeypatch, tmp_path):
    for name, value in {"TESTS": 2, "SIZE": 3, "OTHERS": 8, "RUNS": 2, "LAYERS": ("features.1",)}.items():
        monkeypatch.setattr(tcav, name, value)
    monkeypatch.setattr(tcav, "CLASS", int(small.model.predict(small.inputs(small.test[:1])).argmax()))
    result = tcav.measure(small, 12, 10, tmp_path)
    assert {len(p["rank"]) for p in result["p"]["features.1"].values()} == {2}
    assert "of 2 (" in tcav.tables({"squares": result})[0]
    keep(tcav.draw({"squares": result}).pixels(), tmp_path / "tcav.jpg")


@pytest.mark.slow
def test_a_watermark_is_learnt_and_corrected(untrained, monkeypatch, tmp_path):
    for name, value in {"LAYERS": {"features.5": None}, "EPOCHS": 2, "SEEDS": (0, 1)}.items():
        monkeypatch.setattr(correction, name, value)
    result = correction.measure(NETWORKS["lenet"](untrained), 1600, 300, tmp_path)
    assert [row["mode"] for row in result["after"]].count("augmentative") == 3
    by_name = {(row["concept"], row["mode"], row["direction"]): row for row in result["after"]}
    corrected = by_name["any class", "projective", "signal"]
    assert len(corrected["marked"]) == 2
    assert np.mean(corrected["called_three"]) < 0.2 * np.mean(result["before"]["called_three"])
    assert f"{100 * np.mean(corrected['marked']):.1f} ± " in correction.tables({"lenet": result})[0]


def test_what_was_measured_of_the_correction_is_what_the_readme_says_of_it():
    result = json.loads((FOLDER / "results" / "correction.json").read_text(encoding="utf-8"))["lenet"]
    rows = {(row["layer"], row["concept"], row["mode"], row["direction"]): row for row in result["after"]}

    def mean(key, *names):
        return np.mean((rows[names] if names else result["before"])[key])

    early = "features.5", "any class", "projective"
    assert mean("clean", *early, "signal") > mean("clean") - 0.005
    assert mean("marked", *early, "signal") > mean("clean", *early, "signal") - 0.01
    assert mean("marked", *early, "signal") > max(mean("marked", *early, v) for v in ("pattern", "filter"))
    assert mean("clean_threes", *early, "pattern") < mean("clean_threes") - 0.1
    assert mean("clean_threes", "classifier.4", *early[1:], "pattern") == 0
    assert mean("called_three", *early, "filter") > 0.05
    correlated = mean("clean_threes", "features.5", "class 3", "projective", "signal")
    assert correlated < mean("clean_threes", *early, "signal") - 0.1


def test_a_composition_has_its_object_twice():
    pytest.importorskip("skimage", reason="scikit-image bundles the photo")
    for arrangement in range(8):
        photo, boxes = two_objects.compose("chelsea", (60, 30), arrangement, 100)
        assert boxes.sum(axis=(1, 2)).tolist() == [3600, 900]
        assert not boxes.all(axis=0).any()
        assert (photo[~boxes.any(axis=0)] == two_objects.GREY).all()


def test_marks_of_two_boxes():
    maps, boxes = np.zeros((3, 4, 4)), np.zeros((3, 2, 4, 4), bool)
    boxes[:, 0, :2, :2], boxes[:, 1, 3, 3] = True, True
    maps[0, 0, 0], maps[0, 3, 3], maps[0, 0, 3] = 4, 3, 1
    maps[1, 0, 0], maps[1, 3, 3] = 4, 1
    found = two_objects.marks(maps, boxes)
    np.testing.assert_allclose(found["balance"], [0.75, 0.25, 0])
    np.testing.assert_allclose(found["both"], [1, 0, 0])
    np.testing.assert_allclose(found["inside"], [7 / 8, 1, 0])


def test_what_two_objects_showed_is_what_the_readme_says_of_it():
    result = json.loads((FOLDER / "results" / "two_objects.json").read_text(encoding="utf-8"))["squeezenet"]
    means = {name: {mark: np.mean(v) for mark, v in of.items()} for name, of in result["marks"].items()}
    assert means["Grad-CAM"]["both"] == 1
    for name in ("Grad-CAM++, exponential", "Grad-CAM++, normalised"):
        assert means[name]["inside"] < means["Grad-CAM"]["inside"] - 0.02
        assert means[name]["balance"] < means["Grad-CAM"]["balance"] + 0.005
    another, at_random = means["[another class] Grad-CAM++"], means["[weights at random]"]
    assert (round(another["both"], 2), round(at_random["both"], 2)) == (0.95, 0.98)


def test_clusters_of_what_is_apart_are_its_classes():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    apart = 10 * np.eye(3, 5)[labels] + rng.standard_normal((60, 5))
    found = embedding._embedded(apart, labels, 3, in_planes=False)
    assert (found["rand"], found["neighbours"], found["numbers"]) == (1, 1, 5)
    mixed = embedding._embedded(rng.standard_normal((60, 5)), labels, 3, in_planes=False)
    assert abs(mixed["rand"]) < 0.1
    assert mixed["neighbours"] < 0.6
