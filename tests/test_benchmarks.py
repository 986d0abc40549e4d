"""The benchmark: its rows, its turns, its tables, and what its command refuses. Nothing is timed."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import time
from subprocess import CalledProcessError

import numpy as np
import psutil
import pytest

import minixai as mx
from benchmarks import __main__ as command
from benchmarks import ours, pictures, rounds, tables, worker
from benchmarks.inputs import images
from benchmarks.rows import FEWER, IN_CAPTUM, OURS, PEER, SIDES, Group, Row, groups
from benchmarks.shapes import shapes
from minixai.tape import tape_of

GROUPS = groups((1, 2))
NETWORKS = {"SqueezeNet": "squeezenet", "All-CNN-C": "allcnn", "LeNet-5": "lenet5"}


def entry(title="row", at=1, group="models", **sides):
    """A row of a report, of seconds by side."""
    names = {"ours": OURS, "theirs": PEER, "onnx": "ONNX Runtime"}
    results = {
        names[side]: {"seconds": seconds, "busy": 0.02, "peak_bytes": 5_000_000, "threads": 2}
        for side, seconds in sides.items()
    }
    return {
        "group": group,
        "title": title,
        "at": at,
        "function": "forward",
        "arguments": {},
        "sides": results,
    }


def report(*entries):
    return {
        "date": "2026-11-27",
        "commit": "abc",
        "machine": {"cores": 2},
        "versions": {"numpy": "2"},
        "rounds": 3,
        "rows": list(entries),
    }


# rows


@pytest.mark.parametrize("network", NETWORKS)
def test_the_shapes_are_those_of_the_networks(network):
    name = NETWORKS[network]
    output, _ = ours.network(name).trace(mx.Tensor(images(name, 1)))
    found = set()
    for node in tape_of(output).values():
        if node and node.name == "conv2d":
            x, w, _ = node.arrays
            found.add((*x.shape[1:], *w.shape, node.params["stride"], node.params["padding"]))
    listed = set()
    for shape in shapes():
        if shape.network == network:
            given = shape.arguments()
            listed.add((*given["x_shape"][1:], *given["w_shape"], given["stride"], given["padding"]))
    assert listed == found


def test_vgg_has_nine_shapes():
    assert len([shape for shape in shapes() if shape.network == "VGG-16"]) == 9


def test_every_method_has_a_row_and_controls_have_none():
    named = [row.arguments["method"] for row in GROUPS["methods"].rows]
    assert named == [name for name, method in mx.methods.METHODS.items() if not method.control]


@pytest.mark.peers
@pytest.mark.parametrize("method", IN_CAPTUM)
def test_captum_has_the_method(method):
    from benchmarks import theirs

    assert callable(theirs.explanation(method, **FEWER.get(method, {})))


@pytest.mark.parametrize("module", ["ours", pytest.param("theirs", marks=pytest.mark.peers)])
def test_a_side_takes_the_arguments_of_its_rows(module):
    side = importlib.import_module(f"benchmarks.{module}")
    for group in GROUPS.values():
        for row in group.rows:
            for name in row.sides:
                if SIDES[name].module == module:
                    arguments = row.arguments | SIDES[name].arguments
                    inspect.signature(getattr(side, row.function)).bind(**arguments)


CALLS = {
    "lrp_epsilon": {"model": "allcnn", "batch": 1},  # captum knows no Flatten
    **{
        name: {"model": "lenet5", "batch": 2}
        for name in ("forward", "guided_backprop", "training_step", "pattern_fit")
    },
    **{name: shapes()[-1].arguments() for name in ("convolution", "convolution_vjp_input")},
    "walk_back": {},
}


@pytest.mark.parametrize("module", ["ours", pytest.param("theirs", marks=pytest.mark.peers)])
@pytest.mark.parametrize("function", CALLS)
def test_what_is_timed_runs_again_and_again(module, function):
    side = importlib.import_module(f"benchmarks.{module}")
    threads = side.count_threads()
    side.set_threads(1)
    try:
        call = getattr(side, function)(**CALLS[function])
        call()
        call()
    finally:  # some of them change the network
        side.set_threads(threads)
        side.network.cache_clear()
        side.evened.cache_clear()


@pytest.mark.peers
@pytest.mark.parametrize("name", NETWORKS.values())
def test_both_sides_have_the_same_networks(name):
    from benchmarks import theirs

    shape_of = [
        {key: tuple(array.shape) for key, array in net.state_dict().items()}
        for net in (ours.network(name), theirs.network(name))
    ]
    assert shape_of[0] == shape_of[1]


# rounds


def test_the_sides_take_turns_and_rows_share_a_process(monkeypatch):
    turns = []

    def run_worker(job, folder):
        turns.append((job["module"], [task["arguments"] for task in job["tasks"]], job["threads"]))
        if job["module"] == "theirs":
            return {"missing": "torch"}
        number = len(turns)
        done = [
            {"seconds": number + k, "calls": 3, "peak_bytes": 9 - number} for k in range(len(job["tasks"]))
        ]
        return {"tasks": done, "busy": 0, "threads": 2, "versions": {job["module"]: "1"}}

    monkeypatch.setattr(rounds, "run_worker", run_worker)
    both, alone = (OURS, PEER), ("direct",)
    rows = [Row("a", "f", {"n": 1}, both, 1, "p"), Row("a", "f", {"n": 2}, both, 2, "p", parts=2)]
    rows.append(Row("b", "f", {"n": 3}, alone, process="q", threads=4))
    (first, versions), (second, _) = rounds.measured("models", Group("about", rows), 3, "folder")
    of_first = [("ours", [{"n": 1}, {"n": 2}], None), ("theirs", [{"n": 1}, {"n": 2}], None)]
    assert turns == 3 * of_first + 3 * [("ours", [{"n": 3, "algorithm": "direct"}], 4)]
    assert versions == {"ours": "1"}
    assert first[0]["sides"][OURS]["seconds"] == [1, 3, 5]
    assert first[1]["sides"][OURS]["seconds"] == [1, 2, 3]  # of a part of a call
    assert first[0]["sides"][OURS]["peak_bytes"] == 4
    assert first[0]["sides"][PEER] == {"missing": "torch"}
    assert list(second[0]["sides"]) == ["direct"]


def job(**changes):
    task = {"function": "operation", "arguments": {"name": "add"}}
    plain = worker.Job(module="ours", threads=None, warm_up=1, seconds=0, repeat=2, tasks=[task, task])
    return {**plain, **changes}


@pytest.mark.usefixtures("number_of_threads")
def test_a_worker_says_what_each_task_took():
    found = worker.measure(job(threads=1))
    assert found["threads"] == 1
    assert found["versions"]["minixai"] == mx.__version__
    assert [each["calls"] for each in found["tasks"]] == [2, 2]
    assert all(each["seconds"] > 0 and each["peak_bytes"] > 1e6 for each in found["tasks"])


def test_busy_is_what_others_took_of_all_cores(monkeypatch):
    monkeypatch.setattr(worker, "busy_time", lambda: 0.75 * psutil.cpu_count() * time.perf_counter())
    monkeypatch.setattr(worker, "own_time", lambda: 0.25 * psutil.cpu_count() * time.perf_counter())
    assert worker.measure(job(seconds=0.05))["busy"] == pytest.approx(0.5, rel=0.1)


def test_a_worker_names_the_package_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "benchmarks.theirs", raising=False)
    assert worker.measure(job(module="theirs")) == {"missing": "torch"}


def test_a_call_is_warmed_up_twice_where_it_is_long():
    calls = []
    worker.warm_up(lambda: calls.append(0), most=3, seconds=0)
    assert len(calls) == 2
    worker.warm_up(lambda: calls.append(0), most=3, seconds=60)
    assert len(calls) == 5


# ONNX


@pytest.mark.peers
@pytest.mark.parametrize(("name", "size"), [("lenet5", None), ("squeezenet", 37), ("allcnn", None)])
def test_the_exported_model_gives_what_ours_gives_for_any_batch(name, size):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (pip install -e '.[peers]')")
    from onnx.reference import ReferenceEvaluator

    from benchmarks.onnx_models import exported

    model, x = ours.network(name), images(name, 2, size)
    exporting, y = exported(model, x[:1])
    onnx.checker.check_model(exporting)
    np.testing.assert_array_equal(y, model.predict(x[:1]))
    (found,) = ReferenceEvaluator(exporting).run(None, {"x": x})
    np.testing.assert_allclose(found, model.predict(x), atol=1e-5 * abs(y).max())


@pytest.mark.peers
def test_onnx_runtime_is_compared_with_ours_before_it_is_timed(tmp_path, monkeypatch):
    reason = "onnxruntime is not installed (pip install -e '.[peers]')"
    pytest.importorskip("onnxruntime", reason=reason)
    from benchmarks import onnx_runtime

    monkeypatch.setattr(onnx_runtime.tempfile, "gettempdir", lambda: str(tmp_path))
    (found,) = onnx_runtime.forward("lenet5", 3)()
    expected = ours.network("lenet5").predict(images("lenet5", 3))
    np.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())
    (known,) = tmp_path.glob("*.npz")
    np.savez(known, x=images("lenet5", 2), y=expected[:2] * np.float32(1.001))
    with pytest.raises(RuntimeError, match="lenet5: ONNX Runtime's output is off by 1e-03"):
        onnx_runtime.forward("lenet5", 1)


# tables


def test_a_table_has_medians_ratios_of_rounds_and_what_was_before():
    now = entry("a", 8, ours=[0.1, 0.3, 0.2], theirs=[0.2, 0.2, 0.8], onnx=[0.15, 0.15, 0.15])
    text = tables.table(GROUPS["models"], [now], [entry("a", 8, ours=[0.4])])
    heading, line = text.splitlines()
    columns = ["row", "batch", "minixai ms", "PyTorch ms", "ONNX Runtime ms", "/PyTorch", "range", "busy"]
    assert heading.split("  ")[0] == "row"
    assert all(column in heading for column in [*columns, "minixai MB", "PyTorch MB", "before", "/before"])
    assert line.split() == ["a", "8", "200", "200", "150", "2%", "0.50", "0.25–1.50", "5", "5", "400", "0.50"]


def test_a_side_that_is_missing_leaves_its_ratio_empty():
    found = entry("a", None, ours=[2e-6])
    found["sides"][PEER] = {"missing": "torch"}
    assert tables.table(GROUPS["ops"], [found]).splitlines()[1].split() == ["a", "2.00", "no", "torch", "2%"]
    assert tables.markdown(report(found)).splitlines()[-1] == "| a |  | 0.00 | no torch |  | 5 |  |"


def test_the_readmes_table():
    guided = entry("b", 1, ours=[0.0123], theirs=[0.041]) | {"function": "guided_backprop"}
    text = tables.markdown(report(entry("c", group="ops"), guided, entry("a", 8, ours=[1], theirs=[4])))
    assert text.splitlines()[2:] == [
        "| b (PyTorch: captum) | 1 | 12.3 | 41.0 | 0.30 | 5 | 5 |",
        "| a | 8 | 1000 | 4000 | 0.25 | 5 | 5 |",
    ]


# pictures


def test_what_grows_has_a_panel_for_each_title():
    entries = [entry(t, at, "growth", ours=[1, 1.25, 2], theirs=[3, 4]) for t in "ab" for at in (1, 2, 4)]
    drawn = pictures.picture(GROUPS["growth"], entries)
    assert [axes.get_title(loc="left") for axes in drawn.axes] == ["a", "b"]
    assert [text.get_text() for text in drawn.axes[0].get_xticklabels()] == ["1", "2", "4"]
    ours_line, theirs_line = (axes.lines[0] for axes in drawn.axes[0].containers)
    np.testing.assert_allclose(ours_line.get_ydata(), 1250)
    np.testing.assert_allclose(theirs_line.get_ydata(), 3500)
    (bars,) = drawn.axes[0].containers[0].lines[2]
    assert [tuple(segment[:, 1]) for segment in bars.get_segments()] == 3 * [(1000, 2000)]


def test_input_vjps_have_a_panel_of_their_own():
    entries = [entry(title, 1, "shapes", ours=[1], theirs=[4]) for title in ("a", "b", "a, input VJP")]
    drawn = pictures.picture(GROUPS["shapes"], entries)
    names = [[text.get_text() for text in axes.get_yticklabels()] for axes in drawn.axes]
    assert names == [["a, batch 1", "b, batch 1"], ["a, batch 1"]]
    np.testing.assert_allclose(drawn.axes[0].containers[0].lines[0].get_xdata(), 0.25)


def test_what_stands_alone_has_no_picture():
    assert pictures.picture(GROUPS["students"], [entry(ours=[1])]) is None


# the command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--rows nonsense", "no group or row is called 'nonsense', expected models, ops, shapes"),
        ("--threads 0", "'0', expected numbers from 1, such as 1,2,4"),
        ("--threads 1,two", "'1,two', expected numbers from 1"),
        ("--rounds 0", "'0', expected a whole number from 1"),
        ("--json nowhere/a.json", "--json: there is no folder nowhere"),
        ("--redraw nowhere.json", "--redraw: nowhere.json cannot be read"),
        ("--before pyproject.toml", "--before: pyproject.toml cannot be read"),
    ],
)
def test_what_the_command_refuses(arguments, words, capsys, monkeypatch):
    monkeypatch.chdir(rounds.PROJECT)
    with pytest.raises(SystemExit, match=r"^2$"):
        command.main(arguments.split())
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_the_command_measures_the_rows_that_are_asked_for(tmp_path, monkeypatch, capsys):
    def measured(name, group, rounds, folder):
        asked.append((name, [row.title for row in group.rows], rounds))
        yield [entry(row.title, row.at, name, ours=[1], theirs=[2]) for row in group.rows], {"torch": "2"}

    asked: list = []
    monkeypatch.setattr(rounds, "measured", measured)
    file = tmp_path / "a.json"
    command.main(["--rows", "lenet-5 TRAINING", "ops", "--quick", "--threads", "3", "--json", str(file)])
    (_, models, _), (_, ops, _), (_, threads, _) = asked
    assert models == ["LeNet-5 training step"]
    assert "add" in ops
    assert threads == ["LeNet-5 training step, batch 64"]
    assert {rounds for *_, rounds in asked} == {1}
    printed = capsys.readouterr().out
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert (stored["versions"], len(stored["rows"])) == ({"torch": "2"}, 2 + len(ops))
    assert {path.name for path in tmp_path.iterdir()} == {
        *("a.json", "a_models.png", "a_ops.png", "a_threads.png")
    }
    command.main(["--redraw", str(file), "--before", str(file)])
    again = capsys.readouterr().out
    assert again.splitlines()[:3] == printed.splitlines()[-4:-1]
    assert "/before" in again


@pytest.mark.parametrize("error", [KeyboardInterrupt(), CalledProcessError(1, "worker")])
def test_what_is_measured_stays_where_the_rest_fails(error, tmp_path, monkeypatch, capsys):
    def measured(name, group, *_):
        yield [entry(group=name, ours=[1])], {}
        raise error

    monkeypatch.setattr(rounds, "measured", measured)
    file = tmp_path / "a.json"
    with pytest.raises(SystemExit, match=r"^1$"):
        command.main(["--rows", "ops", "--json", str(file)])
    assert capsys.readouterr().err.endswith(f"{file} has what was measured before\n")
    assert len(json.loads(file.read_text(encoding="utf-8"))["rows"]) == 1


def test_by_itself_the_command_leaves_out_the_students(monkeypatch, tmp_path):
    asked: list = []
    monkeypatch.setattr(rounds, "measured", lambda name, *_: asked.append(name) or [])
    command.main(["--json", str(tmp_path / "a.json")])
    assert asked == [name for name in GROUPS if name != "students"]


def test_the_list_has_every_row(capsys):
    command.main(["--list"])
    printed = capsys.readouterr().out
    assert all(row.title in printed for group in GROUPS.values() for row in group.rows)


def test_a_student_s_command_that_fails_is_said():
    from benchmarks.students import run

    with pytest.raises(RuntimeError, match="No module named nowhere"):
        run(["-m", "nowhere"], ".")
