"""The `minixai` command: what it prints and writes, and that every error is one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minixai as mx
from minixai import cli
from minixai.data import downloads
from minixai.errors import WeightsNotFoundError
from minixai.methods import METHODS
from minixai.plot import maps
from minixai.plot.picture import Picture

CHELSEA = {285: 0.663, 282: 0.217, 281: 0.066, 287: 0.049, 293: 0.003}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in, with a digit and weights of LeNet-5 drawn by a seed."""
    monkeypatch.chdir(tmp_path)
    pixels = np.zeros((28, 28), np.uint8)
    pixels[6:22, 12:16] = 255
    Image.fromarray(pixels).save("digit.png")
    mx.models.save_weights(mx.models.lenet5(seed=3), "lenet.safetensors")
    return tmp_path


@pytest.fixture
def pictures(monkeypatch) -> list[Picture]:
    """The pictures that are saved."""
    saved: list[Picture] = []
    save = Picture.save
    monkeypatch.setattr(Picture, "save", lambda self, path: (saved.append(self), save(self, path))[1])
    return saved


def words(picture):
    above = [text.get_text() for axes in picture.axes for text in axes.texts]
    return above + [text.get_text().replace("\n", " ") for text in picture.texts]


LENET = ["--model", "lenet5", "--weights", "lenet.safetensors"]


def error_of(capsys, *argv) -> str:
    """The one line that a command ends with."""
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert err.startswith("minixai: error: ")
    assert err.count("\n") == 1
    assert "saved" not in out
    return err


# on real photos


def test_explain_prints_the_top_five_and_draws_the_map(data_dir, here, capsys, pictures):
    argv = ["explain", "chelsea", "--method", "guided_backprop", "--model", "squeezenet", "--save", "map.png"]
    assert cli.main(argv) == 0
    out, err = capsys.readouterr()
    lines = [line.split(maxsplit=2) for line in out.splitlines()[1:6]]
    assert {int(k): float(p) for p, k, _ in lines} == CHELSEA
    assert [int(k) for _, k, _ in lines] == list(CHELSEA)
    assert lines[0][2] == "Egyptian cat"
    assert err == ""
    assert "saved map.png" in out
    with Image.open("map.png") as drawn:
        assert drawn.size[0] > 1000
    shown = words(pictures[0])
    assert {"Egyptian cat (285)", "logit 24.45", "guided backprop", "signal"} <= set(shown)
    assert "chelsea: 66.3 % Egyptian cat, 21.7 % tiger cat" in shown


@pytest.mark.parametrize(
    ("photo", "top"), [("chelsea", "0.663   285  Egyptian cat"), ("coffee", "0.988   967  espresso")]
)
def test_compare_draws_all_methods(data_dir, here, capsys, pictures, photo, top):
    assert cli.main(["compare", photo, "--quick", "--save", "all.png"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[:2] == ["probability (softmax of the logits)", top]
    what = "the map of image 0 is zero everywhere: nothing came back to the input"
    assert err == f"minixai: note: DeConvNet of logit: {what}\n"
    shown = words(pictures[0])
    for title in ("gradient", "input × gradient", "DeConvNet", "guided backprop", "LRP", "deep Taylor"):
        assert shown.count(title) == 2
    assert shown.count(maps.ZERO) == 1
    assert "features.12" in shown
    assert Path("all.png").stat().st_size > 100_000


def test_a_table_that_never_applied_is_noted(here, capsys, monkeypatch):
    net = mx.nn.Sequential(
        mx.nn.Flatten(), mx.nn.Linear(784, 9, rng=0), mx.nn.Tanh(), mx.nn.Linear(9, 10, rng=0)
    )
    monkeypatch.setitem(cli.NETWORKS, "lenet5", cli.Network(lambda _: net, "none", "1"))
    assert cli.main(["explain", "digit.png", "--model", "lenet5"]) == 0
    what = "no operation on the way back has a rule in its table: the map is the gradient"
    assert capsys.readouterr().err == f"minixai: note: guided_backprop: {what}\n"


@pytest.mark.parametrize(
    "method", [name for name, method in METHODS.items() if method.quick and not method.takes_patterns]
)
def test_every_quick_method_explains_an_inner_unit(data_dir, here, capsys, pictures, method):
    argv = ["explain", "chelsea", "--method", method, "--layer", "features.5", "--neuron", "3,max"]
    assert cli.main(argv) == 0
    assert f"saved chelsea_{method}.png" in capsys.readouterr().out
    assert Path(f"chelsea_{method}.png").is_file()
    assert {"features.5", "neuron (3, max): 681.4"} <= set(words(pictures[0]))
    assert maps.ZERO not in words(pictures[0])


def test_class_activation_maps_take_a_layer(here, capsys, pictures):
    for options, layer in (([], "classifier.3"), (["--layer", "features.10"], "features.10")):
        argv = ["explain", "chelsea", "--method", "grad_cam", "--model", "cifar10_maxpool", *options]
        assert cli.main(argv) == 0
        assert {"Grad-CAM", f"attribution, {layer}"} <= set(words(pictures[-1]))
    capsys.readouterr()
    assert "neuron: grad_cam takes none" in error_of(capsys, *argv, "--neuron", "3")
    net = mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(784, 10, rng=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cli.NETWORKS, "lenet5", cli.Network(lambda _: net, "none", "1"))
        assert cli.main(["compare", "digit.png", "--model", "lenet5"]) == 0
    out = capsys.readouterr().out
    assert "without cam: the network does not end in global average pooling" in out
    assert "without grad_cam: no layer with weights reads maps" in out


def test_networks_that_come_with_patterns(here, capsys, pictures):
    argv = ["compare", "chelsea", "--model", "cifar10_maxpool", "--quick", "--kind", "linear"]
    assert cli.main(argv) == 0
    assert {"PatternNet", "PatternAttribution"} <= set(words(pictures[0]))
    assert "frog" in capsys.readouterr().out
    assert "kind" in error_of(capsys, *argv[:-1], "quadratic")


def test_methods_that_lack_patterns(data_dir, here, capsys, tmp_path):
    assert cli.main(["compare", "chelsea", "--quick"]) == 0
    without = "without pattern_attribution, pattern_net: name fitted patterns with --patterns"
    assert without in capsys.readouterr().out
    assert "patterns is None, and the model came with none" in error_of(
        capsys, "explain", "chelsea", "--method", "pattern_net"
    )
    (tmp_path / "p.safetensors").write_bytes(b"no patterns")
    assert "cannot be read" in error_of(
        capsys, "compare", "chelsea", "--patterns", str(tmp_path / "p.safetensors")
    )


@pytest.mark.parametrize(
    ("target", "number"), [("tiger", 292), ("TIGER cat", 282), ("soup b", 809), ("7", 7)]
)
def test_a_target_is_a_number_or_a_part_of_a_name(data_dir, here, pictures, target, number):
    assert cli.main(["explain", "coffee", "--method", "gradient", "--target", target]) == 0
    assert any(text.endswith(f"({number})") for text in words(pictures[0]))


def test_a_target_that_is_not_one_class_is_refused(data_dir, here, capsys):
    assert "--target 'xyz' is in no class's name" in error_of(capsys, "explain", "coffee", "--target", "xyz")
    several = error_of(capsys, "explain", "coffee", "--target", "cat")
    assert "in the names of 8 classes: 143 oystercatcher, 282 tiger cat, 283 Persian cat" in several
    assert "134 crane, 517 crane" in error_of(capsys, "explain", "coffee", "--target", "crane")
    assert " more\n" in error_of(capsys, "explain", "coffee", "--target", "e")
    assert "expected a class in [0, 1000)" in error_of(capsys, "explain", "coffee", "--target", "1000")


def test_options_reach_the_method_and_the_picture(data_dir, here, pictures):
    argv = ["explain", "coffee", "--method", "gradient", "--percentile", "99", "--overlay", "--save", "a.svg"]
    assert cli.main(argv) == 0
    assert any("Clipped at percentile 99 " in text for text in words(pictures[0]))
    assert max(len(axes.images) for axes in pictures[0].axes) == 2
    keys = []
    for seed in ("one", "value"):
        assert cli.main(["explain", "coffee", "--method", "guided_backprop", "--seed", seed]) == 0
        keys += [
            axes.get_xticklabels()[-1].get_text() for axes in pictures[-1].axes if axes.get_xticks().size
        ]
    small, large = map(float, keys)
    assert large / small == pytest.approx(32.56, rel=0.1)  # the logit; the keys have two digits


def test_without_names_classes_are_numbers_and_it_is_said(data_dir, here, capsys, monkeypatch, pictures):
    def no_names():
        raise WeightsNotFoundError("fetch: no\nweb")

    monkeypatch.setattr(mx.data, "imagenet_labels", no_names)
    assert cli.main(["explain", "chelsea"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1] == "0.663   285  class 285"
    assert err == "minixai: note: classes are shown by number: fetch: no web\n"
    assert "class 285" in words(pictures[0])
    assert cli.main(["explain", "chelsea", "--target", "cat"]) == 2
    assert "--target 'cat': the classes have no names here, expected a number" in capsys.readouterr().err


def test_no_web_and_no_weights_says_where_to_get_them(here, capsys, monkeypatch):
    name = "squeezenet/compressed_SqueezeNet.net"
    monkeypatch.setenv("MINIXAI_DATA", str(here / "empty"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.os_cache", lambda project: here / "cache" / project)
    nowhere = downloads._SOURCES[name]._replace(url="http://127.0.0.1:9/weights.net")
    monkeypatch.setitem(downloads._SOURCES, name, nowhere)
    assert cli.main(["explain", "digit.png", "--model", "squeezenet"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("minixai: error: fetch: squeezenet/compressed_SqueezeNet.net")
    assert "Get it from http://127.0.0.1:9/weights.net and put it at" in error
    assert "MINIXAI_DATA" in error


@pytest.fixture
def no_weights(monkeypatch):
    """SqueezeNet's file cannot be had."""

    def fetch(name):
        raise WeightsNotFoundError(f"fetch: no {name}. Get it from the web.")

    monkeypatch.setattr(mx.data, "fetch", fetch)


def test_without_squeezenet_a_network_that_comes_along_stands_in(here, capsys, pictures, no_weights):
    assert cli.main(["explain", "chelsea", "--save", "a.png"]) == 0
    out, err = capsys.readouterr()
    assert err == (
        "minixai: note: cifar10_allcnn, which comes with minixai, stands in for squeezenet: "
        "fetch: no squeezenet/compressed_SqueezeNet.net. Get it from the web.\n"
    )
    assert out.splitlines()[1].split()[1:] == ["3", "cat"]
    assert any(text.endswith("(by cifar10_allcnn)") for text in words(pictures[0]))
    assert cli.main(["compare", "chelsea", "--quick", "--save", "b.png"]) == 0
    assert "features.13" in words(pictures[1])


@pytest.mark.parametrize(
    "named",
    [["--model", "squeezenet"], ["--layer", "features.5"], ["--patterns", "digit.png"], ["--target", "3"]],
)
def test_nothing_stands_in_where_squeezenet_is_meant(here, capsys, no_weights, named):
    argv = ["explain", "chelsea", *named, *(["--method", "pattern_net"] if "--patterns" in named else [])]
    assert "no squeezenet/compressed_SqueezeNet.net. Get it from the web" in error_of(capsys, *argv)


# on a network of ours


def test_a_network_with_weights_from_a_file(here, capsys, pictures):
    assert cli.main(["compare", "digit.png", *LENET]) == 0
    out, _ = capsys.readouterr()
    x = mx.data.photo("digit.png")[None, None, :, :, 0] / 255
    y = mx.models.lenet5("lenet.safetensors").predict(x)[0].astype(float)
    p = np.exp(y) / np.exp(y).sum()
    printed = [line.split() for line in out.splitlines()[1:6]]
    assert [int(line[1]) for line in printed] == np.argsort(-p)[:5].tolist()
    np.testing.assert_allclose([float(line[0]) for line in printed], np.sort(p)[:-6:-1], atol=5e-4)
    assert "saved digit_compare.png" in out
    shown = words(pictures[0])
    assert "features.4" in shown
    for title in ("integrated gradients", "SmoothGrad", "VarGrad", "occlusion", "RISE"):
        assert shown.count(title) == 1


def test_methods_are_listed(capsys):
    assert cli.main(["methods"]) == 0
    out, _ = capsys.readouterr()
    for name, method in METHODS.items():
        assert f"{name} ({method.paper})\n    shows: {method.kind}: {method.shows}\n" in out
    tools = {**mx.methods.TOOLS, **mx.concepts.TOOLS}
    assert out.count("    fails: ") == len(METHODS) + len(tools)
    for name, about in tools.items():
        module, function = name.split(".")
        assert callable(getattr(getattr(mx, module), function))
        assert f"{name} ({about['paper']})\n    shows: {about['shows']}\n" in out


def test_maximise_prints_the_scores_and_draws_the_inputs(here, capsys, pictures):
    command = ["maximise", "--model", "cifar10_maxpool", "--steps", "8", "--target"]
    assert cli.main([*command, "cat", "4", "--photos", "chelsea"]) == 0
    out, _ = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["score", "cat", "deer", "saved"]
    net = mx.models.pretrained("cifar10_maxpool")
    found = mx.methods.maximise(net, target=[3, 4], steps=8, progress=False)
    others = net.predict(net.preprocess([mx.data.photo("chelsea")]))[0, [3, 4]]
    for line, *scores in zip(out.splitlines()[1:], found.score, found.score - found.penalty, strict=False):
        np.testing.assert_allclose([float(each) for each in line.split()[1:3]], scores, rtol=1e-3)
    np.testing.assert_allclose([float(line.split()[-1]) for line in out.splitlines()[1:3]], others, rtol=1e-3)
    assert Path("maximise.png").is_file()
    assert {"cat", "deer"} <= {axes.get_ylabel() for axes in pictures[0].axes}


def test_maximise_films_a_feature_map_of_a_network_without_preprocess(here, capsys):
    command = [
        "maximise",
        *LENET,
        "--layer",
        "features.0",
        "--neuron",
        "2",
        "--steps",
        "5",
        "--penalty",
        "l2",
    ]
    assert cli.main([*command, "--save", "map.gif"]) == 0
    assert "features.0, feature map 2" in capsys.readouterr().out
    with Image.open("map.gif") as film:
        assert film.n_frames == 6
    assert cli.main([*command, "--penalty", "none", "--weight", "3", "--jitter", "1", "--seed", "4"]) == 0


def test_compare_takes_a_layer(here, pictures):
    assert cli.main(["compare", "digit.png", *LENET, "--layer", "classifier.2"]) == 0
    assert "classifier.2" in words(pictures[0])


def test_the_demo_is_mounted(here, capsys):
    assert cli.main(["demo", "--save", "demo.png", "--points", "50"]) == 0
    assert Path("demo.png").is_file()


def test_a_name_with_dollars_is_no_mathematics(here):
    Path("digit.png").rename("cost$ $x_{.png")
    assert cli.main(["explain", "cost$ $x_{.png", *LENET]) == 0
    assert Path("cost$ $x_{_guided_backprop.png").is_file()


# errors


NO_LAYER = "layer 'features.99' is not in the model"
ERRORS = [
    ("", "required: command"),
    ("explode", "invalid choice: 'explode'"),
    ("explain", "required: PHOTO"),
    ("explain digit.png --method magic", "argument --method: invalid choice: 'magic'"),
    ("explain digit.png --model resnet", "argument --model: invalid choice: 'resnet'"),
    ("explain digit.png --neuron a,b", "argument --neuron: 'a,b' is not of the form"),
    ("explain digit.png --percentile many", "argument --percentile: invalid float value"),
    ("explain digit.png LENET --percentile 101", "--percentile is 101.0, expected a number"),
    ("explain digit.png LENET --layer features.99", NO_LAYER),
    ("compare digit.png LENET --layer features.99", NO_LAYER),
    ("explain digit.png LENET --method rise --layer features.4", "--layer: rise takes none"),
    ("explain digit.png LENET --method occlusion --seed one", "--seed: occlusion takes none"),
    ("explain digit.png LENET --method gradient --kind linear", "--kind: gradient takes none"),
    ("explain digit.png LENET --method lrp --rescale", "--rescale: lrp takes none"),
    ("explain digit.png LENET --method lrp --patterns p.npz", "--patterns: lrp takes none"),
    ("compare digit.png LENET --quick --kind linear", "--kind: lenet5 has no patterns: name their file with"),
    ("compare digit.png LENET --quick --rescale", "--rescale: lenet5 has no patterns: name their file with"),
    ("compare digit.png LENET --patterns nowhere", "--patterns: 'nowhere' does not exist, expected a file"),
    ("explain digit.png --model cifar10_allcnn --weights digit.png", "--weights: cifar10_allcnn takes none"),
    ("explain digit.png LENET --layer features.3 --neuron 99,0,0", "neuron is (99, 0, 0)"),
    ("explain digit.png LENET --layer features.3 --target 1", "expected only one of them"),
    ("explain digit.png LENET --neuron 1,max", "layer is not given"),
    ("explain digit.png LENET --target seven", "the classes have no names here"),
    ("explain digit.png LENET --target 10", "--target is 10, expected a class in [0, 10)"),
    ("explain cat.jpg LENET", "there is no file 'cat.jpg'; the bundled photos are"),
    ("explain lenet.safetensors LENET", "lenet.safetensors cannot be read"),
    ("explain digit.png --model vgg16", "name their file with --weights"),
    ("compare digit.png --model lenet5", "name their file with --weights"),
    ("explain digit.png --weights nowhere.npz", "--weights: 'nowhere.npz' does not exist, expected a file"),
    ("explain digit.png --weights folder.png", "--weights: 'folder.png' is a folder or a device"),
    ("explain digit.png --weights lenet.safetensors", "does not fit SqueezeNet"),
    ("explain digit.png --weights digit.png", "expected .npz or .safetensors"),
    ("explain digit.png LENET --save map.bmp", "--save: 'map.bmp' ends in '.bmp', expected"),
    ("explain digit.png LENET --save digit.png", "is the photo, which would be overwritten"),
    (
        "explain digit.png LENET --save nowhere/map.png",
        "--save: cannot write nowhere/map.png: No such file",
    ),
    (
        "explain digit.png LENET --save lenet.safetensors/map.png",
        "safetensors/map.png: Not a directory",
    ),
    ("maximise LENET", "maximise: neither target nor layer is given"),
    ("maximise LENET --target 10", "--target is 10, expected a class in [0, 10)"),
    ("maximise LENET --target 1 --layer features.3", "expected only one of them"),
    ("maximise LENET --target 1 --steps 0", "maximise: steps is 0, expected at least 1"),
    ("maximise LENET --target 1 --seed -1", "maximise: seed is -1, expected a whole number"),
    ("maximise LENET --target 1 --weight nan", "maximise: weight is nan"),
    ("maximise LENET --target 1 --penalty blur", "argument --penalty: invalid choice: 'blur'"),
    ("maximise LENET --target 1 --photos cat.jpg", "there is no file 'cat.jpg'"),
    ("maximise LENET --target 1 --photos digit.png --save digit.png", "is the photo, which would be"),
    ("maximise LENET --target 1 --save x.mp4", "--save: 'x.mp4' ends in '.mp4', expected .gif, .pdf"),
    ("explain digit.png LENET --save folder.png", "folder.png is a folder, expected a file"),
]


@pytest.mark.parametrize(("command", "said"), ERRORS)
def test_every_error_is_one_line(here, capsys, command, said):
    Path("folder.png").mkdir()
    before = sorted(here.iterdir())
    assert said in error_of(capsys, *command.replace("LENET", " ".join(LENET)).split())
    assert sorted(here.iterdir()) == before


ABSURD = [
    *("", "-1", "9" * 23, "9" * 5000, "nan", "inf", "1e400", "\x1b[31m", "\udcff", "a\nb", "猫", "max,max"),
    *("folder.png", "fifo.png", os.devnull, "x" * 300 + ".png", "digit.png/x.png", "\0"),
]
TAKEN = {("--angle", "-1"), ("--mu", "-1"), ("--seed", "9" * 23)}  # by the demo
EXPLAIN = ["explain", "digit.png", *LENET, "--method", "gradient"]
OPTIONS = {
    option: EXPLAIN
    for option in ("--method", "--layer", "--seed", "--save", "--model", "--weights", "--patterns", "--kind")
}
OPTIONS |= {option: EXPLAIN for option in ("--target", "--percentile")}
OPTIONS |= {"--neuron": [*EXPLAIN, "--layer", "features.3"], "--html": ["demo"]}
OPTIONS |= {
    f"{option} of demo": ["demo", "--save", "demo.png"]
    for option in ("--seed", "--angle", "--mu", "--sigma", "--noise", "--l2", "--points")
}


@pytest.mark.parametrize("option", [*OPTIONS, "PHOTO"])
def test_whatever_is_typed_ends_in_one_line(here, capsys, option):
    Path("folder.png").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo("fifo.png")
    before = sorted(here.iterdir())
    name, _, of_demo = option.partition(" ")
    for value in ABSURD:
        if not (of_demo and (name, value) in TAKEN):
            argv = ["explain", value, *LENET] if option == "PHOTO" else [*OPTIONS[option], f"{name}={value}"]
            assert error_of(capsys, *argv)[:-1].isprintable()
    assert sorted(here.iterdir()) == before


def test_an_interrupt_is_one_line_and_leaves_nothing(here, capsys, monkeypatch):
    def interrupt(self, path):
        raise KeyboardInterrupt

    before = sorted(here.iterdir())
    monkeypatch.setattr(Picture, "save", interrupt)
    assert cli.main(["explain", "digit.png", *LENET]) == 130
    assert capsys.readouterr().err == "minixai: interrupted\n"
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize("name", ["猫\U0001f9e0", "not UTF-8: \udcff", "two\nlines\x1b[31m"])
def test_whatever_a_photo_is_called(here, capsys, pictures, name):
    try:
        Path("digit.png").rename(f"{name}.png")
    except (OSError, UnicodeError):
        pytest.skip("platform: no such names")
    assert cli.main(["explain", f"{name}.png", *LENET]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("saved ") == 1
    assert out.replace("\n", "").isprintable()
    assert Path(f"{name}_guided_backprop.png").is_file()
    assert pictures[0].texts[0].get_text().isascii()


def test_patterns_that_overflow_are_rescaled(here, capsys):
    patterns = mx.models.pretrained("cifar10_maxpool").patterns
    for layer in patterns.layers.values():
        for kind, a in layer.by_kind.items():
            layer.by_kind[kind], layer.wa[kind] = 1e12 * a, 1e12 * layer.wa[kind]
    patterns.save("large.safetensors")
    argv = ["explain", "digit.png", "--model", "cifar10_maxpool", "--patterns", "large.safetensors"]
    argv += ["--method", "pattern_net"]
    assert "values overflow float32 on their way back; try rescale=True" in error_of(capsys, *argv)
    assert cli.main([*argv, "--rescale"]) == 0


@pytest.mark.parametrize("command", ["explain", "compare"])
def test_the_output_path_is_checked_before_the_work(here, capsys, monkeypatch, command):
    monkeypatch.setattr(cli, "_model", lambda *args: pytest.fail("the work has begun"))
    assert "cannot write" in error_of(capsys, command, "digit.png", *LENET, "--save", "nowhere/map.png")


# as a command


def run(*argv, **env):
    return subprocess.run(
        [sys.executable, "-m", "minixai", *argv],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(Path(mx.__file__).parents[1])} | env,
        check=False,
    )


def test_a_reader_that_has_ended_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "minixai", "methods"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="platform: no /dev/full")
@pytest.mark.parametrize(
    ("redirected", "said"),
    [
        (">/dev/full", b"minixai: error: standard output: No space left on device\n"),
        (">&-", b"minixai: error: standard output is closed\n"),
        ("2>&-", b""),
        ("2>/dev/full", b""),
    ],
)
def test_output_that_cannot_be_written_ends_with_status_2(redirected, said):
    command = "methods" if redirected[0] == ">" else "explain nowhere.png"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    script = f"exec {sys.executable} -m minixai {command} {redirected}"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, env=env, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", said)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="platform: no /dev/full")
def test_help_that_cannot_be_written_is_an_error_with_unbuffered_output_too():
    script = f"PYTHONUNBUFFERED=1 exec {sys.executable} -m minixai --help >/dev/full"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (2, b"minixai: error: No space left on device\n")


@pytest.mark.parametrize("value", ["-1e6", "-.5e-3", "-inf"])
def test_negative_numbers_may_stand_behind_an_option(here, capsys, value):
    said = error_of(capsys, "demo", "--mu", value, "--points", "1")
    assert said.startswith("minixai: error: demo: points is 1, expected at least 2")


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout.split()) == (0, [b"minixai", mx.__version__.encode()])


def test_starting_imports_nothing_heavy():
    code = "import sys, minixai.cli; minixai.cli._parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "numba", "PIL", "pooch", "safetensors", "tqdm"} & set(done.stdout.split())


def test_the_command_where_a_terminal_cannot_show_a_name(here):
    Path("digit.png").rename("größe.png")
    done = run("explain", "größe.png", *LENET, PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"saved gr\xf6\xdfe_guided_backprop.png" in done.stdout
    assert Path("größe_guided_backprop.png").is_file()


def test_the_command_ends_with_status_2():
    done = run("explain", "nowhere.png")
    assert done.returncode == 2
    assert done.stderr.startswith(b"minixai: error: photo: there is no file 'nowhere.png'")
    assert done.stderr.count(b"\n") == 1
