"""LRP and deep Taylor beside iNNvestigate's single layers and captum's LRP."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import rules
from minixai.methods.relevance import lrp
from minixai.rules import Rules
from tests.oracles import relevance as oracle
from tests.peers.compare import assert_close
from tests.peers.innvestigate import LAYERS, read_layer

torch = pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[peers]')")
attr = pytest.importorskip("captum.attr", reason="captum is not installed (pip install -e '.[peers]')")


from captum.attr._utils import lrp_rules  # noqa: E402

from tests.peers.networks import as_arrays, as_tensors  # noqa: E402

pytestmark = pytest.mark.peers

# Conv and dense rules of the files. A dense layer is a 1×1 convolution here, and takes the dense rule.
INNVESTIGATE = {
    "DeepTaylor": (rules.z_plus(), rules.z_plus(), rules.flat()),
    "LRPZ": (rules.epsilon(0), rules.epsilon(0), None),
    "LRPEpsilon": (rules.epsilon(1e-7), rules.epsilon(1e-7), None),
    "LRPZPlus": (rules.z_plus(), rules.z_plus(), None),
    "LRPAlpha2Beta1": (rules.alpha_beta(2, 1), rules.alpha_beta(2, 1), None),
    "LRPFlat": (rules.flat(), rules.flat(), None),
    "LRPSequentialPresetA": (rules.z_plus(), rules.epsilon(0.1), None),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("method", INNVESTIGATE)
def test_innvestigate(method: str, layer: str, data_dir: Path) -> None:
    conv, dense, pool = INNVESTIGATE[method]
    model, x, output, attribution = read_layer(data_dir, method, layer)
    rule = dense if layer.startswith("Dense") else conv
    e = lrp(model, x, rules=rules.composite(conv=rule, pool=pool))
    np.testing.assert_array_equal(e.target, output.argmax(axis=1))
    np.testing.assert_allclose(e.map, attribution, atol=1e-5)
    if method == "DeepTaylor" and layer != "AveragePooling2D":  # which there is uniform
        np.testing.assert_array_equal(mx.methods.relevance.deep_taylor(model, x, low=0).map, e.map)


# captum: one rule for all layers with weights


def captum_lrp(model: Any, x: np.ndarray, target: Any, make_rule: Any) -> np.ndarray:
    """captum takes its rules from the layers; pools and dropout get its default, ε = 1e−9."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.rule = make_rule()
    with warnings.catch_warnings():  # what captum says of itself on every call
        warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)
        leaf = torch.tensor(x, requires_grad=True)
        return attr.LRP(model).attribute(leaf, target=target).detach().numpy()


def one_rule(rule: Any) -> Rules:
    return rules.composite(conv=rule, dense=rule, pool=rules.epsilon(1e-9))


def plain(nn: Any, bias: bool) -> Any:
    """Stride, padding, dilation, groups, overlapping pools. captum knows no Flatten."""

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=bias),
                nn.ReLU(),
                nn.MaxPool2d(3, 2, 1),
                nn.Conv2d(8, 6, 3, padding=2, dilation=2, groups=2, bias=bias),
                nn.ReLU(),
                nn.AvgPool2d(2),
            )
            self.top = nn.Sequential(
                nn.Linear(24, 7, bias=bias), nn.ReLU(), nn.Dropout(), nn.Linear(7, 5, bias=bias)
            )

        def forward(self, x: Any) -> Any:
            return self.top(self.body(x).reshape(x.shape[0], -1))

    return Plain()


def joined(nn: Any) -> Any:
    """Two branches that are concatenated."""

    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
            self.right = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
            self.inner = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 4, 3), nn.ReLU())
            self.top = nn.Linear(64, 5)

        def forward(self, x: Any) -> Any:
            y = concat(self.left(x), self.right(x))
            return self.top(self.inner(y).reshape(x.shape[0], -1))

    return Joined()


def concat(x: Any, y: Any) -> Any:
    return mx.ops.concat(x, y) if isinstance(x, mx.Tensor) else torch.cat([x, y], 1)


def relu(x: Any) -> Any:
    return mx.ops.relu(x) if isinstance(x, mx.Tensor) else torch.relu(x)


X = np.random.default_rng(0).standard_normal((4, 3, 13, 13))
TARGET = np.array([0, 4, 2, 2])


def pair(make: Any, *settings: Any) -> tuple[mx.nn.Module, Any]:
    torch.manual_seed(3)
    theirs = make(torch.nn, *settings).double().eval()
    ours = make(mx.nn, *settings)
    ours.load_state_dict(as_arrays(theirs))
    return ours, theirs


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("epsilon", [1e-9, 0.1])
def test_epsilon(epsilon: float, bias: bool) -> None:
    ours, theirs = pair(plain, bias)
    e = lrp(ours, X, TARGET, rules=one_rule(rules.epsilon(epsilon)))
    expected = captum_lrp(theirs, X, torch.from_numpy(TARGET), lambda: lrp_rules.EpsilonRule(epsilon))
    assert_close(e, expected, 1e-6)


@pytest.mark.parametrize(
    ("rule", "captum_rule"),
    [(rules.gamma(0.25), lrp_rules.GammaRule), (rules.z_plus(), lrp_rules.Alpha1_Beta0_Rule)],
    ids=["gamma", "z_plus"],
)
def test_gamma_and_z_plus_without_bias_of_inputs_that_are_not_negative(rule: Any, captum_rule: Any) -> None:
    """Only then is captum right: it leaves the bias as it is, and takes no account of the inputs' signs."""
    ours, theirs = pair(plain, False)
    x = abs(X)
    target = ours.predict(x).argmax(1)
    assert ours.predict(x).max(1).min() > 0
    expected = captum_lrp(theirs, x, torch.from_numpy(target), captum_rule)
    assert_close(lrp(ours, x, target, rules=one_rule(rule)), expected, 1e-6)


def test_epsilon_with_branches_that_are_concatenated() -> None:
    ours, theirs = pair(joined)
    e = lrp(ours, X, TARGET, rules=one_rule(rules.epsilon(0.1)))
    expected = captum_lrp(theirs, X, torch.from_numpy(TARGET), lambda: lrp_rules.EpsilonRule(0.1))
    assert_close(e, expected, 1e-6)


# Where captum is wrong


def dense(weight: list[list[float]]) -> tuple[mx.nn.Module, Any]:
    """One dense layer without bias."""
    w = np.array(weight)
    ours = mx.nn.Sequential(mx.nn.Linear(w.shape[1], len(w), bias=False))
    ours.load_state_dict({"0.weight": w})
    theirs = torch.nn.Sequential(torch.nn.Linear(w.shape[1], len(w), bias=False)).double()
    theirs.load_state_dict({"0.weight": torch.from_numpy(w)})
    return ours, theirs


@pytest.mark.parametrize(
    ("weight", "rule", "captum_rule", "expected", "by_captum"),
    [
        # contributions (1, 2): both positive, but captum sees the second only
        ([-1.0, 1.0], ("alpha_beta", {"alpha": 1, "beta": 0}), lrp_rules.Alpha1_Beta0_Rule, [1, 2], [0, 3]),
        # contributions (−1, 2): γ favours the second, but captum both, as their weights are positive
        ([1.0, 1.0], ("gamma", {"g": 0.25}), lrp_rules.GammaRule, [-1 / 1.5, 2.5 / 1.5], [-1, 2]),
    ],
    ids=["Alpha1_Beta0", "Gamma"],
)
def test_captum_takes_a_negative_input_for_a_positive_one(
    weight: list[float], rule: Any, captum_rule: Any, expected: list[float], by_captum: list[float]
) -> None:
    x = np.array([[-1.0, 2.0]])
    ours, theirs = dense([weight])
    name, settings = rule
    w = np.array([weight])
    by_oracle, _ = oracle.share(name, x[0], w, w != 0, np.zeros(1), x @ w[0], **settings)
    np.testing.assert_allclose(by_oracle, expected)
    table = one_rule(rules.z_plus() if name == "alpha_beta" else rules.gamma(0.25))
    np.testing.assert_allclose(lrp(ours, x, rules=table).map, [expected])
    np.testing.assert_allclose(captum_lrp(theirs, x, 0, captum_rule), [by_captum], rtol=1e-6)


def summed(nn: Any, right: Any) -> Any:
    """y + right(model, x, y), y dense, before a dense layer."""

    class Summed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
            self.relu, self.last = nn.ReLU(), nn.Linear(2, 1, bias=False)

        def forward(self, x: Any) -> Any:
            y = self.left(x)
            return self.last(y + right(self, x, y))

    return Summed()


SUMS = {
    "another layer": (lambda model, x, y: model.right(x), [6, -2], [12, -4]),
    "a ReLU that is a module": (lambda model, x, y: model.relu(y), [6, -1], [6, -1]),
    "a ReLU that is a function": (lambda model, x, y: relu(y), [6, -1], [12, -1]),
}


@pytest.mark.parametrize(("right", "expected", "by_captum"), SUMS.values(), ids=SUMS)
def test_captum_gives_both_parts_of_a_sum_all_of_its_relevance(
    right: Any, expected: list[float], by_captum: list[float]
) -> None:
    """Both dense layers are the identity and x = (3, −1), so that the sum is (6, −2) or (6, −1).

    Its relevance is itself, and both parts are x, or nothing: x gets all. captum gives it twice, and
    takes a ReLU that is a module for another than one that is a function.
    """
    x = np.array([[3.0, -1.0]])
    ours, theirs = pair(summed, right)
    state = {"left.weight": np.eye(2), "right.weight": np.eye(2), "last.weight": np.ones((1, 2))}
    ours.load_state_dict(state)
    theirs.load_state_dict(as_tensors(state))
    e = lrp(ours, x, rules=one_rule(rules.epsilon(0)))
    np.testing.assert_allclose(e.map, [expected])
    np.testing.assert_allclose(e.score, sum(expected))
    np.testing.assert_allclose(captum_lrp(theirs, x, 0, lrp_rules.EpsilonRule), [by_captum], rtol=1e-6)


# SqueezeNet with the authors' weights, in float64


@pytest.mark.parametrize(("photo", "target"), [("chelsea", 285), ("coffee", 967)])
def test_squeezenet_epsilon(photo: str, target: int, squeezenets: Any) -> None:
    ours, theirs = squeezenets
    x = ours.preprocess(mx.data.photo(photo)).astype(float)
    e = lrp(ours, x, rules=one_rule(rules.epsilon(0.1)))
    assert e.target == [target]
    assert_close(e, captum_lrp(theirs, x, target, lambda: lrp_rules.EpsilonRule(0.1)), 1e-6)


@pytest.mark.parametrize("photo", ["chelsea", "coffee"])
def test_squeezenet_gamma_without_bias(photo: str, squeezenets: Any) -> None:
    """The first layer, whose inputs have both signs, takes ε, the others γ."""
    ours, theirs = (copy.deepcopy(model) for model in squeezenets)
    ours.load_state_dict({k: 0 * a if k.endswith("bias") else a for k, a in ours.state_dict().items()})
    theirs.load_state_dict(as_tensors(ours.state_dict()))
    x = ours.preprocess(mx.data.photo(photo)).astype(float)
    captum_rules = iter([lrp_rules.EpsilonRule(0.1)])
    table = rules.composite(rules.epsilon(0.1), rules.gamma(0.25), pool=rules.epsilon(1e-9))
    e = lrp(ours, x, rules=table)
    expected = captum_lrp(theirs, x, int(e.target[0]), lambda: next(captum_rules, lrp_rules.GammaRule(0.25)))
    assert_close(e, expected, 1e-6)
