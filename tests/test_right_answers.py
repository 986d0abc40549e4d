"""The bench: what it measures, what it refuses, what it goes on from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import minixai as mx
from minixai import cli
from minixai.errors import FileFormatError
from minixai.evaluate import Bench, bench, problems, right_answers
from minixai.evaluate.marks import MARKS
from minixai.evaluate.problems import PROBLEMS, Samples, train
from minixai.evaluate.right_answers import EFFORTS, STATES, Effort
from minixai.methods import METHODS
from minixai.methods.catalogue import method

TINY = Effort(
    {"two_features": ("linear",), "distractor": ("linear", "mlp"), "linear_white": ("linear",)},
    trainings=2,
    fitted=2500,
    shown=12,
    settings={"n_masks": 20, "n_samples": 3, "steps": 3},
)
SHORT = ["two_features"]
SAMPLES = Samples.of(mx.data.suppressor_2d(50), 1.0)
OF_MAPS = {method.title for method in METHODS.values() if method.takes_maps} | {"CAM"}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second, where the quick bench takes a minute."""
    monkeypatch.setitem(EFFORTS, "quick", TINY)


@pytest.fixture(scope="module")
def found() -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EFFORTS, "quick", TINY)
        yield bench(effort="quick", progress=False)


def test_every_method_and_every_control_has_all_marks(found):
    titles = {each.title for each in METHODS.values() if not each.takes_patterns} | {
        right_answers.LOCAL_TITLE
    }
    patterns = {f"Pattern{kind} {s}" for kind in ("Net", "Attribution") for s in ("S_w", "S_a", "S_a±")}
    assert titles | patterns <= set(found.rows)
    assert [row for row, control in found.rows.items() if control] == ["edges (Sobel)", "|x|", "random"]
    assert {cell.key for cell in found.cells} == {
        (name, network, k) for name, networks in TINY.problems.items() for network in networks for k in (0, 1)
    }
    for cell in found.cells:
        assert cell.refused.keys() == OF_MAPS  # there is no convolution
        for state in STATES:
            assert cell.marks[state].keys() == found.rows.keys() - OF_MAPS
            for marks in cell.marks[state].values():
                assert marks.keys() == {*MARKS, "zero"}
                has_suppressors = cell.problem != "linear_white"
                assert (marks["false_alarms"] is not None) == has_suppressors
                assert all(0 <= value <= 1 for value in marks.values() if value is not None)


def test_a_cell_step_by_step(found):
    """Drawn, scaled, trained, explained and marked as the docstring says, for a method and a control."""
    planted = PROBLEMS["distractor"].draw(n=3000, seed=1)
    scale = planted.x[:2500].std()
    samples = Samples.of(planted, float(scale))
    np.testing.assert_allclose(samples.x, planted.x / scale, rtol=1e-6)
    fitted = samples[:2500]
    right = {}
    for state, epochs in (("trained", None), ("untrained", 0)):
        model = train("mlp", fitted, 1, epochs)
        if state == "trained":
            chosen = 2500 + np.flatnonzero(model.predict(samples.x[2500:]).argmax(axis=1) == planted.y[2500:])
        shown = samples[chosen[:12]]
        for title, call in (("gradient", mx.methods.gradient), ("|x|", mx.methods.input_size)):
            heat = np.abs(call(model, shown.x, shown.y).map.reshape(12, -1))
            truth = shown.truth.reshape(12, -1)
            right[state, title] = np.mean((heat * (truth == 1)).sum(axis=1) / heat.sum(axis=1))
    (cell,) = (cell for cell in found.cells if cell.key == ("distractor", "mlp", 1))
    for (state, title), share in right.items():
        assert cell.marks[state][title]["share"] == pytest.approx(share, abs=1e-4)


def test_vectors_are_images_of_one_row():
    samples = Samples.of(mx.data.suppressor_2d(5), 2.0)
    assert samples.x.shape == samples.truth.shape == (5, 1, 1, 2)
    assert samples.truth[0].ravel().tolist() == [1, -1]


@pytest.mark.parametrize("network", problems.NETWORKS)
def test_logits_stay_opposite(network):
    samples = Samples.of(mx.data.tetrominoes(n=300), 1.0)
    model = train(network, samples, seed=0, epochs=2)
    y = model.predict(samples.x)
    np.testing.assert_allclose(y[:, 0], -y[:, 1], atol=1e-5)
    assert np.ptp(y[:, 0]) > 0.01
    before = train(network, samples, seed=0, epochs=0)
    assert np.abs(before.predict(samples.x) - y).max() > 0.01


def test_the_suppressor_is_shown_by_the_gradient_and_not_by_patterns(found):
    """What tests/test_closed_forms.py derives, on networks that were trained."""
    of = {row: found.mean(row, "false_alarms", "two_features")[0] for row in found.rows}
    assert of["gradient"] == pytest.approx(0.8 / 0.7 / (1 + 0.8 / 0.7), abs=0.02)
    ratio = of["gradient"] / (1 - of["gradient"])
    assert of["PatternAttribution S_w"] == pytest.approx(ratio**2 / (1 + ratio**2), abs=0.01)
    assert max(of[f"Pattern{kind} S_a"] for kind in ("Net", "Attribution")) < 0.05
    assert 0.2 < of["input × gradient"] < 0.45


def test_means_are_of_networks_then_problems_then_trainings(found):
    def one(problem: str, network: str, training: int) -> float:
        (cell,) = (cell for cell in found.cells if cell.key == (problem, network, training))
        value = cell.marks["trained"]["gradient"]["share"]
        assert value is not None
        return value

    by_training = [
        np.mean(
            [
                one("two_features", "linear", k),
                np.mean([one("distractor", "linear", k), one("distractor", "mlp", k)]),
                one("linear_white", "linear", k),
            ]
        )
        for k in (0, 1)
    ]
    np.testing.assert_allclose(found.values("gradient", "share"), by_training)
    mean, low, high = found.mean("gradient", "share")
    assert mean == pytest.approx(np.mean(by_training))
    assert [low, high] == pytest.approx(sorted(by_training))
    assert np.isnan(found.mean("gradient", "false_alarms", "linear_white")).all()


def test_two_runs_measure_the_same(found):
    again = bench(effort="quick", problems=SHORT, progress=False)
    of_found = {cell.key: cell for cell in found.cells}
    assert all(of_found[cell.key] == cell for cell in again.cells)


def test_class_activation_maps_have_marks_where_there_are_maps(monkeypatch):
    few = Effort({"rigid_white": ("cnn", "gap")}, trainings=1, fitted=300, shown=8, settings={})
    monkeypatch.setitem(EFFORTS, "quick", few)
    easy = replace(PROBLEMS["rigid_white"], networks={"cnn": 0.3, "gap": 0.3})
    monkeypatch.setitem(PROBLEMS, "rigid_white", easy)
    b = bench(["cam", "grad_cam"], effort="quick", progress=False)
    of_cnn, of_gap = b.cells
    assert of_cnn.refused.keys() == {"CAM"}
    assert "does not end in global average pooling" in of_cnn.refused["CAM"]
    assert {"CAM", "Grad-CAM"} <= of_gap.marks["trained"].keys()
    assert np.isfinite(b.mean("CAM", "roc_auc", network="gap")[0])


# Methods of one's own, and what methods refuse


def test_a_method_of_ones_own_joins_by_its_decorator():
    try:

        @method("first feature", "function", shows="it", fails="never", paper="this test")
        def first_feature(ask):
            g = np.zeros(ask.x.shape)
            g[..., 0] = 1
            return g

        b = bench(effort="quick", problems=SHORT, progress=False)
        assert b.sorted_rows[0] == "first feature" or b.mean(b.sorted_rows[0], "roc_auc")[0] == 1
        assert b.mean("first feature", "share")[0] == 1
        assert b.mean("first feature", "false_alarms")[0] == 0
    finally:
        METHODS.pop("first_feature", None)


def test_functions_by_name_and_methods_by_name():
    b = bench({"mine": lambda model, x, target: -x}, SHORT, "quick", progress=False)
    assert [*b.rows] == ["mine", "edges (Sobel)", "|x|", "random"]
    assert b.mean("mine", "roc_auc") == b.mean("|x|", "roc_auc")
    b = bench(["lrp", "random_map"], SHORT, "quick", progress=False)
    assert [*b.rows] == ["LRP", "edges (Sobel)", "|x|", "random"]


def test_what_a_method_does_not_take_is_said(found):
    def strict(model, x, target):
        raise ValueError("strict: x has one row,\n expected more")

    def broken(model, x, target):
        raise TypeError("a bug")

    b = bench({"strict": strict}, SHORT, "quick", progress=False)
    assert "strict takes no linear: strict: x has one row, expected more" in repr(b)
    (line,) = (line for line in repr(b).splitlines() if line.startswith("strict  "))
    assert line.split()[1:] == ["–"] * 6
    assert b.sorted_rows[0] == "strict"
    b.plot()
    with pytest.raises(TypeError, match="a bug"):
        bench({"broken": broken}, SHORT, "quick", progress=False)
    rule = "no operation on the way back has a rule in its table: the map is the gradient"
    assert f"{rule}: DeConvNet (linear), guided backprop (linear)" in found.remarks()
    dark = "maps that are zero everywhere: VarGrad "
    assert any(remark.startswith(dark) for remark in found.remarks())


def test_a_network_that_has_not_learned_is_refused(monkeypatch):
    monkeypatch.setitem(PROBLEMS, "two_features", replace(PROBLEMS["two_features"], networks={"linear": 1.0}))
    b = bench(["gradient"], ["two_features", "linear_white"], "quick", progress=False)
    refused = [remark for remark in b.remarks() if remark.startswith("refused")]
    assert len(refused) == 2
    accuracy = b.cells[0].accuracy["trained"]
    assert (
        f"refused: two features, linear: accuracy {accuracy:.3f} in training 0, expected at least 1.0"
        in refused
    )
    assert np.isnan(b.mean("gradient", "share", "two_features")).all()
    assert b.mean("gradient", "share", "linear_white") == b.mean("gradient", "share")
    assert b.plot().pixels().std() > 0


# Files


def test_it_goes_on_from_its_file(found, tmp_path, monkeypatch):
    path, measured = tmp_path / "bench.json", []
    measure = right_answers._measure

    def noted(*task):
        if len(measured) == 1:
            measured.append("interrupted")
            raise KeyboardInterrupt
        measured.append(task[:3])
        return measure(*task)

    def go_on(methods=("gradient",), effort="quick"):
        return bench(list(methods), SHORT, effort, file=path, progress=False)

    monkeypatch.setattr(right_answers, "_measure", noted)
    with pytest.raises(KeyboardInterrupt):
        go_on()
    assert [cell.key for cell in Bench.load(path).cells] == [("two_features", "linear", 0)]
    b = go_on()
    assert measured == [("two_features", "linear", 0), "interrupted", ("two_features", "linear", 1)]
    of_found = {cell.key: cell.marks["trained"]["gradient"] for cell in found.cells}
    assert all(cell.marks["trained"]["gradient"] == of_found[cell.key] for cell in b.cells)
    monkeypatch.setattr(right_answers, "_measure", lambda *_: pytest.fail("it is measured already"))
    assert repr(go_on()) == repr(b)
    content = path.read_bytes()
    what = r"is of other methods, too \(gradient\), and lacks linear_white linear 0: name all methods, or"
    with pytest.raises(ValueError, match=what):
        bench(["lrp"], ["linear_white"], "quick", file=path, progress=False)
    with pytest.raises(OSError, match=r"Bench.save: cannot write .*nowhere.*json"):
        bench(["lrp"], SHORT, "quick", file=tmp_path / "nowhere" / "b.json", progress=False)
    assert path.read_bytes() == content
    with pytest.raises(ValueError, match=r"^bench: .*bench.json is of effort 'quick', expected 'full'"):
        go_on(effort="full")


def test_methods_join_those_of_a_file(found, tmp_path, monkeypatch):
    path = tmp_path / "bench.json"
    bench(["gradient", "cam"], SHORT, "quick", file=path, progress=False)
    joined = bench(["lrp", "gradient", "local_pattern"], SHORT, "quick", file=path, progress=False)
    titles = ["gradient", "CAM", "edges (Sobel)", "|x|", "random", "LRP", right_answers.LOCAL_TITLE]
    assert list(joined.rows) == list(Bench.load(path).rows) == titles
    of_found = {cell.key: cell for cell in found.cells}
    for cell in joined.cells:
        assert cell.accuracy == of_found[cell.key].accuracy
        assert cell.refused.keys() == {"CAM"}
        for state in STATES:
            expected = of_found[cell.key].marks[state]
            assert cell.marks[state] == {title: expected[title] for title in titles if title != "CAM"}
    monkeypatch.setattr(right_answers, "train", lambda *_, **__: train("linear", SAMPLES, 5))
    with pytest.raises(ValueError, match="training 0 of linear on two_features came out otherwise: its acc"):
        bench(["smoothgrad"], SHORT, "quick", file=path, progress=False)
    assert list(Bench.load(path).rows)[: len(titles)] == titles


def test_what_is_saved_is_what_is_loaded(found, tmp_path):
    path = tmp_path / "bench.json"
    found.save(path)
    again = Bench.load(path)
    assert repr(again) == repr(found)
    assert [*again.cells] == [*found.cells]
    for content in ("[]", "{", json.dumps({"format": "x"}), '{"format": "minixai bench 1"}'):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(FileFormatError, match="is no bench"):
            Bench.load(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effort": "some"}, "effort is 'some', expected one of 'quick', 'default', 'full'"),
        ({"methods": ["magic"]}, "methods has 'magic', expected some of gradient"),
        ({"methods": "gradient"}, "methods is the string 'gradient', expected several"),
        ({"problems": ["hard"]}, "problems has 'hard', expected some of two_features"),
        ({"problems": "hard"}, "problems is the string 'hard', expected several"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"^bench: {message}"):
        bench(**{"effort": "quick", "progress": False, **arguments})


def test_every_effort_asks_for_known_networks():
    for effort in EFFORTS.values():
        for name, networks in effort.problems.items():
            assert set(networks) <= PROBLEMS[name].networks.keys()
            assert set(networks) <= problems.NETWORKS.keys()
    assert not {"linear"} & set().union(
        *(
            PROBLEMS[name].networks
            for name in PROBLEMS
            if name.split("_")[0] in ("xor", "rigid", "multiplicative")
        )
    )


# What is shown


def test_the_table(found):
    lines = repr(found).splitlines()
    assert lines[0] == "Bench (quick): 3 problems, 2 trainings; [controls] know no network"
    assert "share on the truth" in lines[1]
    assert "AUC labels shuffled" in lines[1]
    mean, low, high = found.mean("gradient", "roc_auc")
    (line,) = (line for line in lines if line.startswith("gradient  "))
    assert f"{mean:.2f} [{low:.2f}, {high:.2f}]" in line
    titles = [line.split("  ")[0] for line in lines[2 : 2 + len(found.rows)]]
    assert titles[-3:] == [f"[{row}]" for row in found.sorted_rows[-3:]]
    auc = [found.mean(row, "roc_auc")[0] for row in titles[:-3]]
    assert auc == sorted(auc, reverse=True)
    assert "faithful to the network" in repr(found)
    markdown = found.markdown().splitlines()
    assert len(markdown) == len(found.rows) + 2
    assert {line.replace("\\|", "").count("|") for line in markdown} == {8}
    assert any(line.startswith("| [\\|x\\|] |") for line in markdown)
    assert found.table("linear_white")[1][4] == "–"


def test_the_picture(found):
    picture = found.plot()
    auc, alarms, dots = picture.axes
    assert [text.get_text() for text in auc.get_xticklabels()] == [
        PROBLEMS[name].title for name in TINY.problems
    ]
    assert [text.get_text() for text in alarms.get_xticklabels()] == ["two features", "8×8, distractor"]
    shown = [text.get_text() for text in auc.get_yticklabels()]
    assert shown[-3:] == [f"[{row}]" for row in found.sorted_rows[-3:]]
    numbers = [text.get_text() for text in auc.texts[:3]]
    best = found.sorted_rows[0]
    assert numbers == [f"{found.mean(best, 'roc_auc', name)[0]:.2f}".lstrip("0") for name in TINY.problems]
    trained, untrained, shuffled = (line.get_xdata() for line in dots.lines[1:])
    for i, row in enumerate(found.sorted_rows):
        expected = [found.mean(row, "roc_auc", state=state)[0] for state in STATES]
        np.testing.assert_allclose([trained[i], untrained[i], shuffled[i]], expected)
    blue, red = (auc.patches[k].get_facecolor() for k in (0, shown.index("gradient") * 3))
    assert blue[2] > blue[0]  # 1 for the suppressor of two features
    assert red[0] > red[2]  # 0


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = ["bench", "--quick", "--methods", "gradient", "lrp", "--problems", "two_features"]
    assert cli.main([*argv, "--json", "b.json", "--save", "b.png"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Bench (quick): 1 problem, 2 trainings;")
    assert "saved b.png" in out
    assert "bench" in err
    assert (tmp_path / "b.png").stat().st_size > 10_000
    assert cli.main([*argv, "--json", "b.json", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("|  | share on the truth |")
    monkeypatch.setattr(right_answers, "_measure", lambda *_: pytest.fail("the work has begun"))
    assert cli.main([*argv, "--save", "b.bmp"]) == 2
    assert cli.main([*argv, "--full"]) == 2
    assert cli.main(["bench", "--methods", "magic"]) == 2
