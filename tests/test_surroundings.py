"""Whatever the caller's context and the model's mode, the bits are the same, and all is left as it was."""

from __future__ import annotations

import numpy as np
import pytest

import minixai as mx
from minixai import context, nn
from minixai.methods import side_by_side
from tests.every_call import CALLS, WITHOUT_TARGET, X, trained
from tests.networks import float64

EVERY = {**CALLS, **WITHOUT_TARGET}


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return trained()


@pytest.mark.parametrize("name", EVERY)
def test_no_tape_and_train_mode_change_nothing(model: nn.Module, name: str) -> None:
    before = model.state_dict()
    expected = EVERY[name](model.eval())
    model.train()
    with mx.no_tape():
        got = EVERY[name](model)
        assert not context.recording.get()
    np.testing.assert_array_equal(got, expected)
    assert np.isfinite(got).any()
    assert all(module.training for _, module in model.named_modules())
    after = model.state_dict()
    assert all(np.array_equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (-1, ValueError),
        (99, ValueError),
        (2.7, TypeError),
        (True, TypeError),
        ("cat", TypeError),
        (10**30, TypeError),
        ([0, 1, 2], TypeError),
        ([[0], [1, 2]], TypeError),
        ([0, None], TypeError),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_target_is_refused_in_the_calls_name(model, name, target, error) -> None:
    with pytest.raises(error, match=f"^{name}: target is .*, expected (a class index|class indices in)"):
        CALLS[name](model, X, target)


class Twice(nn.Module):
    """One layer, called twice."""

    def __init__(self) -> None:
        self.conv, self.relu, self.flat = nn.Conv2d(3, 3, 3, padding=1, rng=0), nn.ReLU(), nn.Flatten()

    def forward(self, x):
        return self.flat(self.relu(self.conv(self.relu(self.conv(x)))))


def test_two_calls_of_a_layer_are_two_units() -> None:
    net = float64(Twice())
    first, second = (mx.methods.gradient(net, X[:1], layer=("relu", call)) for call in (0, 1))
    assert first.unit != second.unit
    shown = {text.get_text() for axes in side_by_side([first, second]).axes for text in axes.texts}
    for e in (first, second):
        assert e.unit.where in shown
        assert f"whole layer, sum: {e.score[0]:.4g}" in shown
    assert (first.unit.where, second.unit.where) == ("relu, call 0", "relu, call 1")
