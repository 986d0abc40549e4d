"""The tape microscope: what a page of a walk says is what the walk did, and it needs nothing but itself."""

from __future__ import annotations

import base64
import copy
import io
import json
import pickle
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import minixai as mx
from minixai import cli, nn, ops, rules
from minixai.methods.catalogue import METHODS, method
from minixai.plot.microscope import Walk, names_of, parting, rows_of
from minixai.rules import Rules
from tests.html_elements import Elements
from tests.networks import Branched, float64, put

X = np.random.default_rng(0).standard_normal((2, 3, 8, 8))
WALKS = (
    "gradient",
    "deconvnet",
    "guided_backprop",
    "lrp",
    "deep_taylor",
    "pattern_net",
    "pattern_attribution",
)


def network() -> nn.Module:
    rng = np.random.default_rng(1)
    layers = nn.Conv2d(3, 4, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3, rng=rng)
    net: Any = float64(nn.Sequential(*layers))
    net.patterns = mx.signal.fit_patterns(
        net, [np.random.default_rng(2).standard_normal((40, 3, 8, 8))], ("linear", "positive"), progress=False
    )
    return net


NET = network()


def table_in(text: str) -> dict[str, Any]:
    return json.loads(Elements(text).text("table"))


def pixels(table: dict[str, Any], number: int) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(table["images"][number]))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def steps_by_hand(model: Any, x: np.ndarray, target: int, table: Any) -> list[tuple[Any, np.ndarray, Any]]:
    """What `backward` shows an observer of one image, with the table of LRP."""
    leaf, seen = mx.Tensor(x[:1]), []
    logits = model(leaf)
    start = np.zeros_like(logits.value)
    start[0, target] = logits.value[0, target]
    mx.backward(logits, start, table, [leaf], lambda *step: seen.append(step))
    return seen


# ---------------------------------------------------------------- the observer


def test_the_observer_is_called_once_at_each_node_in_the_order_of_the_walk() -> None:
    x = mx.Tensor(np.array([1.0, -2.0]))
    a, b = ops.relu(x), x * 3.0
    y = (a + b).sum()
    seen: list[tuple[Any, np.ndarray, Any]] = []
    found = mx.backward(y, observer=lambda *step: seen.append(step))
    assert [node.name for node, _, _ in seen] == ["sum", "add", "multiply", "relu"]
    assert [node.value.tolist() for node, _, _ in seen] == [y.value, (a + b).value.tolist(), [3, -6], [1, 0]]
    for node, g, answer in seen:
        assert not g.flags.writeable
        again = list(node.op.vjp(g, node))
        for mine, given in zip(again, answer, strict=True):
            np.testing.assert_array_equal(mine, given)
    np.testing.assert_array_equal(found[x], [4, 3])


def test_the_observer_sees_what_a_generator_gave_and_a_rule_of_leaks_as_it_is() -> None:
    x = mx.Tensor(np.array([[1.0, 2.0]]))
    y, seen = ops.relu(x), []

    def one_by_one(g: Any, node: Any) -> Any:
        yield 2 * g

    shares = rules.shares.Shares([np.zeros((1, 2))], hoard=np.array([3.0]))
    mx.backward(y, rules={ops.relu: one_by_one}, observer=lambda *step: seen.append(step[2]))
    mx.backward(y, rules={ops.relu: lambda g, node: shares}, observer=lambda *step: seen.append(step[2]))
    np.testing.assert_array_equal(seen[0], [[[2, 2]]])
    assert seen[1] is shares


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("name", WALKS)
def test_the_numbers_of_the_page_are_those_of_the_walk(name: str) -> None:
    e = METHODS[name].function(NET, X)
    trace = e.trace(image=1)
    (walk,), table = trace.walks, table_in(trace.page())
    (shown,) = table["walks"]
    np.testing.assert_array_equal(walk.steps[-1].left[0], e.map[1])
    assert [step["op"] for step in shown["steps"]] == ["linear", "reshape", "max_pool2d", "relu", "conv2d"]
    for step, told, before in zip(walk.steps, shown["steps"], [None, *walk.steps], strict=False):
        assert told["sums"]["came"] == step.came.sum(dtype=np.float64)
        assert told["sums"]["passed on"] == sum(each.sum(dtype=np.float64) for each in step.left)
        assert told["size"] == np.abs(step.came).sum(dtype=np.float64)
        assert told["leaks"] == step.leaks
        if before is not None:
            np.testing.assert_array_equal(before.left[0], step.came)
    assert shown["arrived"] == e.map[1].sum(dtype=np.float64)
    if e.ledger is None:
        assert not shown["conserves"]
        return
    assert shown["start"] == pytest.approx(e.ledger.start[1], rel=1e-12)
    for told, row in zip(shown["steps"], e.ledger.rows, strict=True):
        assert told["sums"]["came"] == pytest.approx(row.came[1], rel=1e-12)
        assert list(told["leaks"].values()) == [float(leak[1]) for leak in row.leaks.values()]
    leaks = sum(sum(told["leaks"].values()) for told in shown["steps"])
    assert shown["steps"][-1]["sums"]["still there"] == pytest.approx(e.ledger.start[1] - leaks, rel=1e-12)


def test_a_walk_is_what_the_observer_saw() -> None:
    e = mx.methods.lrp(NET, X[:1])
    seen = steps_by_hand(NET, X, int(e.target[0]), rules.epsilon_plus())
    (walk,) = e.trace().walks
    assert len(walk.steps) == len(seen)
    for step, (node, g, answer) in zip(walk.steps, seen, strict=True):
        assert (step.layer, step.op) == (node.layer, node.op.name)
        np.testing.assert_array_equal(step.y, node.value[0])
        np.testing.assert_array_equal(step.came, g[0])
        np.testing.assert_array_equal(step.left[0], next(iter(answer))[0])


def test_a_page_shows_the_strongest_feature_maps_first_in_their_colours() -> None:
    e = mx.methods.guided_backprop(NET, X)
    trace = e.trace()
    table = table_in(trace.page())
    step, relu = trace.walks[0].steps[3], table["walks"][0]["steps"][3]
    assert relu["op"] == "relu"
    strengths = step.y.sum(axis=(1, 2))
    assert relu["y"]["channels"] == np.argsort(-strengths).tolist() == relu["left"][0]["channels"]
    first = relu["y"]["channels"][0]
    assert relu["y"]["strengths"][0] == strengths[first]
    white, black = pixels(table, relu["y"]["maps"][0]).max(), pixels(table, relu["y"]["maps"][0]).min()
    assert white == 255
    assert black <= 128 + 127 * (step.y[first].max() < step.y.max())
    came, drawn = step.came[first], pixels(table, relu["came"]["maps"][0])
    redder = drawn[..., 0] - drawn[..., 2]
    visible = np.abs(came) > 0.1 * np.abs(relu["came"]["limits"]).max()
    assert visible.sum() > 5
    assert ((redder > 0) == (came > 0))[visible].all()
    logits = table["walks"][0]["steps"][0]["y"]
    assert logits["values"] == sorted(trace.walks[0].steps[0].y.tolist(), reverse=True)


def test_a_unit_among_the_weak_is_shown_where_the_walk_starts() -> None:
    """Eight of twelve units are shown, the strongest; a walk from another one is seen all the same."""
    model = float64(nn.Sequential(nn.Linear(4, 12, rng=0)))
    x = np.ones((1, 4))
    weak = int(model.predict(x)[0].argmin())
    step = table_in(mx.methods.gradient(model, x, target=weak).trace().page())["walks"][0]["steps"][0]
    assert weak not in step["y"]["units"]
    assert step["came"]["units"][0] == weak
    assert step["came"]["values"] == [1.0, *[0.0] * 7]


def test_what_a_relu_stops_is_counted() -> None:
    """Guided backprop: silent, or a negative cotangent; the gradient: silent only."""
    model = float64(nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 1, bias=False)))
    put(model[0].weight, np.eye(4))
    put(model[2].weight, np.array([[1.0, -1.0, 2.0, -2.0]]))
    x = np.array([[1.0, 1.0, -1.0, -1.0]])
    for name, negative in (("guided_backprop", 0.25), ("gradient", 0.0)):
        relu = METHODS[name].function(model, x).trace().walks[0].steps[1]
        assert relu.stopped == {"all": 0.5 + negative, "silent": 0.5, "negative": negative}
    assert mx.methods.gradient(model, x).trace().walks[0].steps[0].stopped is None


# ---------------------------------------------------------------- rules and their source


def test_each_rule_is_shown_with_its_formula_and_source() -> None:
    table = rules.epsilon_gamma_box(-9, 9)
    steps = table_in(mx.methods.lrp(NET, X, rules=table).trace().page())["walks"][0]["steps"]
    shown = {step["op"]: step["rule"] for step in steps}
    assert shown["conv2d"]["name"] == "box(-9, 9)"
    assert shown["conv2d"]["formula"].startswith("z^B: q = (x_i − l_i)·w⁺_ij")
    assert shown["conv2d"]["source"].startswith("def rule(g: Array, node: Node) -> Shares:\n    x, w, _ = ")
    assert shown["linear"]["name"] == "epsilon()"
    assert not any(rule["own"] for rule in shown.values())
    gradient = mx.methods.guided_backprop(NET, X).trace().walks[0].steps
    assert [step.own for step in gradient] == [True, True, True, False, True]
    assert gradient[3].source.startswith("def rectify_both(g: Array, node: Node)")
    assert gradient[4].formula.startswith("y[i, k, r, q] = Σ_{c,u,v}")


def test_a_rule_of_ones_own() -> None:
    def halve(g: Any, node: Any) -> Any:
        """gx = g / 2."""
        return (g / 2,)

    @method("halved", "function", shows="", fails="", paper="")
    def halved(ask: Any) -> Rules:
        return Rules({ops.relu: halve})

    try:
        relu = mx.methods.halved(NET, X).trace().walks[0].steps[3]
    finally:
        del METHODS["halved"]
    assert (relu.rule, relu.formula) == ("halve", "gx = g / 2.")
    assert relu.source == 'def halve(g: Any, node: Any) -> Any:\n    """gx = g / 2."""\n    return (g / 2,)'
    np.testing.assert_array_equal(relu.left[0], relu.came / 2)


def test_a_rule_without_a_source_is_shown_all_the_same() -> None:
    scope: dict[str, Any] = {}
    exec("def hidden(g, node):\n    return (g,)", scope)
    e = mx.methods.lrp(NET, X, rules=rules.composite() | {ops.relu: scope["hidden"]})
    assert (e.trace().walks[0].steps[3].rule, e.trace().walks[0].steps[3].source) == ("hidden", "")


# ---------------------------------------------------------------- two walks


def test_where_two_walks_part() -> None:
    lrp, guided = mx.methods.lrp(NET, X), mx.methods.guided_backprop(NET, X)
    walks = lrp.trace(guided).walks
    by_hand = next(
        k
        for k, (one, two) in enumerate(zip(walks[0].steps, walks[1].steps, strict=True))
        if not np.allclose(one.left[0] / walks[0].start, two.left[0] / walks[1].start, atol=1e-9)
    )
    assert parting(walks) == (by_hand, "left") == (0, "left")
    # the value or one to start with makes no difference
    assert parting(guided.trace(mx.methods.guided_backprop(NET, X, seed="value")).walks) is None
    # the gradient and guided backprop part at the ReLU, and not before
    assert parting(mx.methods.gradient(NET, X).trace(guided).walks) == (3, "left")
    other = mx.methods.guided_backprop(NET, X, target=(guided.target + 1) % 3)
    assert parting(guided.trace(other).walks) == (0, "start")


def test_a_fused_node_has_no_step_in_the_walk_that_fused_it() -> None:
    rng = np.random.default_rng(0)
    layers = (
        nn.Conv2d(3, 4, 3, rng=rng),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, 2, rng=rng),
    )
    model = float64(nn.Sequential(*layers)).eval()
    walks = mx.methods.lrp(model, X).trace(mx.methods.gradient(model, X)).walks
    assert [step.fused for step in walks[0].steps] == ["linear", "reshape", "relu", "conv2d + batch_norm"]
    assert rows_of(walks) == [(0, 0), (1, 1), (2, 2), (None, 3), (3, 4)]


def test_names_tell_walks_apart() -> None:
    lrp, guided = mx.methods.lrp(NET, X, target=0), mx.methods.guided_backprop(NET, X, target=0)
    gamma = mx.methods.lrp(NET, X, target=0, rules=rules.composite(conv=rules.gamma()))
    assert names_of(lrp.trace(guided).walks) == ["LRP", "guided backprop"]
    assert names_of(lrp.trace(mx.methods.lrp(NET, X, target=1)).walks) == ["LRP of class 0", "LRP of class 1"]
    assert names_of(lrp.trace(gamma).walks) == ["LRP, z_plus()", "LRP, gamma()"]
    assert names_of(lrp.trace(lrp).walks) == ["LRP 1", "LRP 2"]


def test_the_rails_lead_from_each_node_to_its_inputs() -> None:
    e = mx.methods.gradient(float64(Branched(True)), np.random.default_rng(0).standard_normal((1, 3, 6, 6)))
    trace = e.trace()
    steps = table_in(trace.page())["walks"][0]["steps"]
    rails = [step["rail"] for step in steps]
    made = {step.made: k for k, step in enumerate(trace.walks[0].steps)}
    for k, step in enumerate(trace.walks[0].steps):
        for used in step.uses:
            if used not in made:
                continue
            lanes = {to for lane, to in rails[k]["lines"] if lane == rails[k]["lane"]}
            for rail in rails[k + 1 : made[used]]:
                lanes = {to for lane, to in rail["lines"] if lane in lanes}
            assert rails[made[used]]["lane"] in lanes
    assert max(rail["lane"] for rail in rails) > 0


# ---------------------------------------------------------------- the page itself


@pytest.fixture(scope="module")
def page() -> str:
    lrp, guided = mx.methods.lrp(NET, X), mx.methods.guided_backprop(NET, X)
    return lrp.trace(guided, classes=["<b>cat</b>", "dog", "</script>"]).page()


def test_the_page_is_well_formed(page: str) -> None:
    elements = Elements(page)
    assert elements.declaration == "DOCTYPE html"
    assert elements.open == []
    assert re.findall(r"\{\{\w+\}\}", page) == []
    ids = Counter(attributes["id"] for _, attributes, _ in elements.found if "id" in attributes)
    assert max(ids.values()) == 1
    assert set(re.findall(r'\$\("([\w-]+)"\)', page)) <= set(ids)
    assert len(elements.by("h1")) == 1
    (slider,) = elements.by("input")
    assert slider["aria-label"] == "Place on the tape"
    (status,) = [attributes for _, attributes, _ in elements.found if attributes.get("role") == "status"]
    assert status["aria-live"] == "polite"
    assert "<b>cat</b>" not in page.split('<script type="application/json"')[0]
    assert table_in(page)["walks"][0]["steps"][0]["y"]["names"] is not None


def test_the_page_needs_nothing_but_itself(page: str) -> None:
    elements = Elements(page)
    assert re.findall(r"https?:|@import|fetch\(|XMLHttp|import\(|url\(", page) == []
    policy = [str(each["content"]) for each in elements.by("meta") if "http-equiv" in each]
    assert len(policy) == 1
    assert policy[0].startswith("default-src 'none';")
    addresses = [
        value
        for _, attributes, _ in elements.found
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert addresses == ["data:,"]


def test_every_picture_of_the_table_is_a_png_that_is_used(page: str) -> None:
    table = table_in(page)
    assert len(set(table["images"])) == len(table["images"])
    for k in range(len(table["images"])):
        assert pixels(table, k).ndim == 3
    walks = table["walks"]
    assert pixels(table, table["photo"]).shape == (8, 8, 3)
    assert walks[0]["picture"] is None
    signal = pixels(table, walks[1]["picture"])
    map_ = mx.methods.guided_backprop(NET, X).map[0].transpose(1, 2, 0)
    np.testing.assert_allclose(signal, 255 * (map_ / (2 * np.abs(map_).max()) + 0.5), atol=0.51)


def test_a_notebook_shows_the_page_in_a_frame_of_its_own() -> None:
    trace = mx.methods.gradient(NET, X).trace()
    (frame,) = Elements(trace._repr_html_()).by("iframe")
    assert frame["srcdoc"] == trace.page()
    assert repr(trace) == "Trace(gradient, 5 steps)"


def test_a_vector_is_no_image() -> None:
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=1))
    table = table_in(mx.methods.lrp(model, np.ones((1, 4))).trace().page())
    assert table["photo"] is None
    assert sorted(table["walks"][0]["map"]["units"]) == [0, 1, 2, 3]


def test_the_page_of_a_shipped_network_is_below_2_mb(tmp_path: Path) -> None:
    model: Any = mx.models.pretrained("cifar10_maxpool")
    x = model.preprocess(mx.data.photo("chelsea"))
    mx.methods.lrp(model, x).trace(mx.methods.guided_backprop(model, x)).save(tmp_path / "walk.html")
    assert (tmp_path / "walk.html").stat().st_size < 2_000_000


@pytest.mark.slow
def test_the_page_of_squeezenet_is_below_8_mb(data_dir: Path, tmp_path: Path) -> None:
    model: Any = mx.models.squeezenet1_0(weights="imagenet")
    x = model.preprocess(mx.data.photo("chelsea"))
    mx.methods.lrp(model, x).trace(mx.methods.guided_backprop(model, x)).save(tmp_path / "walk.html")
    assert (tmp_path / "walk.html").stat().st_size < 8_000_000


def test_a_gif_ends_with_the_map(tmp_path: Path) -> None:
    trace = mx.methods.lrp(NET, X).trace(mx.methods.gradient(NET, X))
    trace.save(tmp_path / "walk.GIF")
    with Image.open(tmp_path / "walk.GIF") as gif:
        frames = []
        for k in range(gif.n_frames):
            gif.seek(k)
            frames.append((gif.info["duration"], np.asarray(gif.convert("RGB")).astype(int)))
    assert len(frames) >= 3
    assert frames[-1][0] > frames[0][0]
    assert np.abs(frames[-1][1] - frames[0][1]).max() > 50


# ---------------------------------------------------------------- what cannot be shown


def error_of(call: Any, kind: type[Exception] = ValueError) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_what_is_no_walk_is_refused_with_what_to_use() -> None:
    way_on = "such as lrp, guided_backprop or gradient"
    e = mx.methods.gradient(NET, X)
    for other in (
        mx.methods.occlusion(NET, X, patch=4, stride=4),
        mx.methods.integrated_gradients(NET, X, steps=2),
        mx.methods.input_x_gradient(NET, X),
        copy.copy(e),
        pickle.loads(pickle.dumps(e)),
    ):
        assert way_on in error_of(other.trace)
    assert "trace: against is 3, expected an Explanation" in error_of(lambda: e.trace(3), TypeError)
    assert "image is 2, expected at most 1" in error_of(lambda: e.trace(image=2))
    another = mx.methods.gradient(NET, X + 1)
    assert "trace: the explanations are of different x" in error_of(lambda: e.trace(another))
    assert "ends in '.png', expected .gif, .html" in error_of(lambda: e.trace().save("walk.png"))


def test_a_model_that_has_changed_since_is_refused() -> None:
    model = copy.deepcopy(NET)
    e = mx.methods.gradient(model, X)
    e.trace()
    put(model[4].weight, 2 * model[4].weight.value)
    assert "gradient gives another map now: the model" in error_of(e.trace)


def test_changing_x_afterwards_changes_nothing() -> None:
    x = X.copy()
    e = mx.methods.lrp(NET, x)
    before = e.trace().page()
    x[:] = 0
    assert e.trace().page() == before


# ---------------------------------------------------------------- the command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


MAXPOOL = ["trace", "chelsea", "--model", "cifar10_maxpool"]


def test_the_command_writes_a_page_and_a_gif(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*MAXPOOL, "--against", "pattern_net", "--html", "walk.html", "--save", "walk.gif"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["saved walk.html", "saved walk.gif"]
    walks = table_in((here / "walk.html").read_text(encoding="utf-8"))["walks"]
    assert [walk["name"] for walk in walks] == ["LRP", "PatternNet"]
    assert (here / "walk.gif").stat().st_size < 2_000_000
    assert cli.main([*MAXPOOL, "--against-target", "dog"]) == 0
    walks = table_in((here / "chelsea_lrp.html").read_text(encoding="utf-8"))["walks"]
    assert [walk["name"] for walk in walks] == ["LRP of cat (3)", "LRP of dog (5)"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--method", "occlusion"),
            "--method: occlusion takes many forward passes, and has no walk to show; exp",
        ),
        (("--against", "rise"), "--against: rise takes thousands of forward passes, and has no walk"),
        (
            ("--method", "input_x_gradient"),
            "the map of input × gradient is not where one walk back",
        ),
        (("--html", "x.png"), "--html: 'x.png' ends in '.png', expected .html"),
        (("--save", "x.png"), "--save: 'x.png' ends in '.png', expected .gif"),
        (("--html", "none/x.html"), "--html: cannot write none/x.html: No such file"),
        (("--against-target", "unicorn"), "--against-target 'unicorn' is in no class's name"),
        (("--layer", "features.4", "--against-target", "dog"), "--against-target: no class is explained"),
        (("--against", "gradient", "--against-target", "dog"), "not allowed with argument"),
    ],
)
def test_the_command_says_what_is_wrong(
    options: tuple[str, ...], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*MAXPOOL, *options]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert list(here.iterdir()) == []


def test_walks_can_be_made_by_hand() -> None:
    """The page draws arrays: it knows no method."""
    (walk,) = mx.methods.lrp(NET, X).trace().walks
    assert isinstance(walk, Walk)
    assert list(walk.levels)[-1] == pytest.approx(walk.start - sum(sum(s.leaks.values()) for s in walk.steps))
