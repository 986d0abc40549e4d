"""The ledger: its rows balance, each leak by its formula, and add up to the score; its table and picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import ops, rules
from minixai.errors import RuleError
from minixai.methods.ledger import Ledger, Row
from minixai.methods.relevance import deep_taylor, lrp
from minixai.plot import Picture
from minixai.plot.waterfall import MOST, Step, waterfall
from minixai.rules import Rules
from tests.networks import IMAGES, Branched, float64, stack

TABLES = {
    "epsilon": rules.composite(conv=rules.epsilon(0.1), dense=rules.epsilon(0.01)),
    "LRP-0": rules.composite(conv=rules.epsilon(0), dense=rules.epsilon(0)),
    "epsilon plus": rules.epsilon_plus(),
    "alpha2 beta1": rules.epsilon_alpha2_beta1(),
    "alpha2 beta1 joint": rules.composite(conv=rules.alpha_beta(2, 1, "joint")),
    "alpha2 beta1 ignore": rules.composite(conv=rules.alpha_beta(2, 1, "ignore")),
    "gamma box": rules.epsilon_gamma_box(-5, 5),
    "flat first": rules.composite(first=rules.flat()),
    "w square": rules.composite(conv=rules.w_square(), dense=rules.w_square()),
    "norm": rules.composite(conv=rules.norm(), dense=rules.norm()),
}


def assert_balanced(ledger: Ledger, tolerance: float) -> None:
    for row in ledger.rows:
        out = row.passed_on + sum(row.leaks.values())
        np.testing.assert_allclose(row.came, out, atol=tolerance, err_msg=f"{row.layer} {row.op}")
    leaks = sum(ledger.leaks.values())
    np.testing.assert_allclose(ledger.arrived + leaks, ledger.start, atol=tolerance)
    np.testing.assert_allclose(ledger.gap, 0, atol=tolerance)


@pytest.mark.parametrize("make", [stack, lambda bias: float64(Branched(bias))], ids=["stack", "branched"])
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("bias", [True, False])
def test_every_row_balances_and_all_add_up_to_the_score(name: str, bias: bool, make: Any) -> None:
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((4, 3, 6, 6))
        e = lrp(make(bias), x, rules=TABLES[name])
        np.testing.assert_allclose(e.ledger.start, e.score, rtol=1e-12)
        np.testing.assert_allclose(e.ledger.arrived, e.map.sum((1, 2, 3)), rtol=1e-9, atol=1e-12)
        assert_balanced(e.ledger, 1e-6)


def test_alpha_beta_without_bias_conserves_up_to_its_zero_denominators() -> None:
    """In the network, neurons without negative contributions pass on αR: that is all that leaks."""
    e = lrp(stack(False), abs(IMAGES), rules=rules.composite(*[rules.alpha_beta(2, 1)] * 4))
    leaks = e.ledger.leaks
    assert not leaks["bias"].any()
    assert not leaks["epsilon"].any()
    assert np.abs(leaks["zero"]).min() > 1e-3
    np.testing.assert_allclose(e.map.sum((1, 2, 3)) + leaks["zero"], e.score, rtol=1e-9)


def test_leaks_by_hand() -> None:
    """y = 2·1 + 1·2 + 1 = 5 with ε = 1: a share 1/6 to the bias, 1/6 to ε, 4/6 to the inputs."""
    net = float64(mx.nn.Sequential(mx.nn.Linear(2, 1)))
    net.load_state_dict({"0.weight": np.array([[2.0, 1.0]]), "0.bias": np.array([1.0])})
    e = lrp(net, [[1.0, 2.0]], rules=rules.composite(dense=rules.epsilon(1.0)))
    (row,) = e.ledger.rows
    assert (row.layer, row.op) == ("0", "linear")
    np.testing.assert_allclose([row.came, row.passed_on], [[5], [5 * 4 / 6]])
    leaks = [row.leaks[key] for key in ("bias", "epsilon", "zero")]
    np.testing.assert_allclose(leaks, [[5 / 6], [5 / 6], [0]])
    np.testing.assert_allclose(e.map, [[5 / 3, 5 / 3]])


class Constants(mx.nn.Module):
    """Constants that are added, padded and concatenated."""

    def __init__(self) -> None:
        self.shift = mx.nn.Parameter(np.array([1.0, 2.0]).reshape(2, 1, 1))
        self.conv = mx.nn.Conv2d(2, 2, 3, bias=False, rng=0)
        self.dense = mx.nn.Linear(48, 3, bias=False, rng=1)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        y = ops.pad(x + self.shift, ((0, 0), (0, 0), (1, 1), (1, 1)), value=0.5)
        y = ops.concat([self.conv(y) * 2.0, np.ones((len(x.value), 1, 4, 4))])
        return self.dense(ops.flatten(y))


def test_what_constants_get_is_booked_as_to_a_bias() -> None:
    """LRP-0 of a linear network is input × gradient, and a constant × its gradient is the constant's."""
    net, x = float64(Constants()), np.random.default_rng(0).standard_normal((2, 2, 4, 4))
    e, gradient = lrp(net, x, rules=TABLES["LRP-0"]), mx.methods.gradient(net, x).map
    np.testing.assert_allclose(e.map, x * gradient, atol=1e-12)
    assert_balanced(e.ledger, 1e-9)
    booked = {row.op: row.leaks["bias"] for row in e.ledger.rows if np.any(row.leaks.get("bias"))}
    assert list(booked) == ["concat", "pad", "add"]
    np.testing.assert_allclose(booked["add"], (net.shift.value * gradient).sum((1, 2, 3)))
    of_ones = net.dense.weight.value[e.target, 32:].sum(1)
    np.testing.assert_allclose(booked["concat"], of_ones)


def test_what_is_not_a_relevance_rule_shows_as_a_gap() -> None:
    """A residual is never taken for a leak."""
    net = float64(mx.nn.Sequential(mx.nn.Linear(3, 2, bias=False, rng=0)))
    halved = Rules({ops.linear: lambda g, node: (np.full(node.inputs[0].shape, g.sum() / 6), None)})
    e = lrp(net, [[1.0, 2.0, 3.0]], rules=halved)
    np.testing.assert_allclose(e.ledger.gap, -e.score / 2)
    assert not any(leak.any() for leak in e.ledger.leaks.values())


def test_a_reused_layer_has_a_row_for_each_call_in_the_order_of_the_walk() -> None:
    e = lrp(float64(Branched(True)), IMAGES)
    calls = [(row.layer, row.op) for row in e.ledger.rows if row.op in ("conv2d", "linear")]
    assert calls[0] == ("dense", "linear")
    assert [layer for layer, _ in calls].count("twice") == 2
    assert {layer for layer, _ in calls[3:]} == {"left", "right"}
    assert len(e.ledger.rows) == 14  # as many as operations in its forward


def test_entries_are_float64_one_for_each_image() -> None:
    net, x = mx.models.lenet5(seed=0), np.random.default_rng(0).random((3, 1, 28, 28))
    for e in (lrp(net, x), deep_taylor(net, x, low=0, high=1)):
        assert e.map.dtype == np.float32
        for row in e.ledger.rows:
            for entry in (row.came, row.passed_on, *row.leaks.values()):
                assert (entry.shape, entry.dtype) == ((3,), np.float64)
        assert_balanced(e.ledger, 1e-5 * np.abs(e.score).max())


@pytest.mark.parametrize("table", ["epsilon plus", "alpha2 beta1", "gamma box"])
def test_squeezenet_adds_up(table: str, data_dir: Path) -> None:
    net = mx.models.squeezenet1_0(weights=data_dir / "squeezenet" / "compressed_SqueezeNet.net")
    x = net.preprocess(mx.data.photo("chelsea")).astype(float)
    chosen = rules.epsilon_gamma_box(x.min(), x.max()) if table == "gamma box" else TABLES[table]
    e = lrp(float64(net), x, rules=chosen)
    assert e.target == [285]
    assert_balanced(e.ledger, 1e-6)


def test_other_methods_have_no_ledger() -> None:
    assert mx.methods.gradient(stack(True), IMAGES).ledger is None


def small() -> Ledger:
    def row(layer: str | None, op: str, *values: float) -> Row:
        came, passed_on, *leaks = (np.array([v]) for v in values)
        return Row(layer, op, came, passed_on, dict(zip(("bias", "epsilon", "zero"), leaks, strict=True)))

    rows = [
        row("dense", "linear", 2.0, 1.5, 0.25, 0.125, 0.125),
        row(None, "relu", 1.5, 1.5, -0.0, 0, 0),
        row("a<b", "conv2d", 1.5, 1.75, 0, 0, -0.25),
    ]
    return Ledger(np.array([2.0]), rows, np.array([1.75]))


def test_it_prints_as_an_aligned_table() -> None:
    assert str(small()) == "\n".join(
        [
            "layer  operation  relevance in  passed on  bias      ε  zero denominators",
            "dense  linear                2        1.5  0.25  0.125              0.125",
            "       relu                1.5        1.5     0      0                  0",
            "a<b    conv2d              1.5       1.75     0      0              −0.25",
            "",
            "start 2 = input 1.75 + bias 0.25 + ε 0.125 + zero denominators −0.125; gap 0",
        ]
    )


def test_a_batch_prints_as_its_sum() -> None:
    e = lrp(float64(Branched(True)), IMAGES)
    assert str(e.ledger).splitlines()[-1].startswith("sum over 3 images: start ")
    came = f"{e.score.sum():.4g}".replace("-", "−")
    assert str(e.ledger).splitlines()[1].split()[:3] == ["dense", "linear", came]


def test_a_notebook_shows_it_as_a_table() -> None:
    html = small()._repr_html_()
    assert html.count("<tr>") == 4
    assert html.count("<td") == 3 * 7
    assert "a&lt;b" in html
    assert "−0.25" in html
    assert "start 2 = input 1.75" in html


@pytest.mark.parametrize(
    "move",
    [
        lambda h: ops.concat(h, h, axis=0)[:3],
        lambda h: h.reshape(1, -1).reshape(3, -1),
        lambda h: h.transpose().transpose(),
        lambda h: h.sum(axis=0) + h,
        lambda h: h[::-1],
        lambda h: h + h[[1, 2, 0]],
        lambda h: ops.concat(h, h[[0, 2, 1]])[:, 2:],
    ],
)
def test_where_images_are_no_longer_rows_no_leak_is_booked(move):
    class Net(mx.nn.Module):
        def __init__(self):
            self.first, self.last = mx.nn.Linear(4, 2, rng=0), mx.nn.Linear(2, 2, rng=1)

        def forward(self, x):
            return self.last(move(ops.relu(self.first(x))))

    with pytest.raises(RuleError, match=r"moves the batch axis of 3 images"):
        lrp(Net(), np.ones((3, 4)))


def test_its_waterfall() -> None:
    picture = small().plot()
    assert isinstance(picture, Picture)
    (axes,) = picture.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["start", "dense", "dense", "dense", "a<b", "input"]
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert spans == [(2, 1.75), (1.75, 1.625), (1.625, 1.5), (1.5, 1.75)]
    assert [text.get_text() for text in axes.texts] == ["−0.25", "−0.125", "−0.125", "+0.25", "2", "1.75"]
    (legend,) = picture.legends
    assert [text.get_text() for text in legend.get_texts()] == ["bias", "ε", "zero denominators"]


def test_a_long_waterfall_draws_the_smallest_steps_as_one() -> None:
    steps = [Step(f"{k}", "bias", 1.0 + k) for k in range(30)] + [Step("none", "bias", 0.0)]
    total = sum(step.loss for step in steps)
    (axes,) = waterfall(total, steps, 0.0, "title").axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == MOST + 2
    assert labels[-2] == f"{30 - MOST + 1} smaller"
    last = axes.patches[-1]
    assert last.get_x() + last.get_width() == pytest.approx(0)


def test_a_waterfall_without_leaks() -> None:
    (axes,) = waterfall(3.0, [Step("a", "bias", 0.0)], 3.0, "title").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["start", "input"]
