"""captum's maps of the same networks earn the same marks: the bench is about methods, not about our code."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest

from minixai import nn
from minixai.evaluate import bench
from minixai.evaluate.right_answers import EFFORTS, STATES, Effort

torch = pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[peers]')")
attr = pytest.importorskip("captum.attr", reason="captum is not installed (pip install -e '.[peers]')")

from tests.peers.networks import as_tensors  # noqa: E402

pytestmark = pytest.mark.peers

STEPS = 20
EFFORT = Effort(
    {"distractor": ("mlp",), "linear_white": ("cnn",)}, 1, fitted=3000, shown=16, settings={"steps": STEPS}
)
CAPTUM: dict[str, tuple[Any, dict[str, Any]]] = {
    "gradient": (attr.Saliency, {}),
    "input × gradient": (attr.InputXGradient, {}),
    "guided backprop": (attr.GuidedBackprop, {}),
    "DeConvNet": (attr.Deconvolution, {}),
    "integrated gradients": (attr.IntegratedGradients, {"method": "riemann_middle", "n_steps": STEPS}),
    "occlusion": (attr.Occlusion, {"sliding_window_shapes": (1, 1, 1)}),
}
OURS = ["gradient", "input_x_gradient", "guided_backprop", "deconvnet", "integrated_gradients", "occlusion"]


def twin(model: nn.Module) -> Any:
    """The same layers in PyTorch, with the same weights."""
    make = {
        "Linear": lambda layer: torch.nn.Linear(*layer.weight.shape[::-1]),
        "Conv2d": lambda layer: torch.nn.Conv2d(*layer.weight.shape[1::-1], 3, padding=1),
        "MaxPool2d": lambda layer: torch.nn.MaxPool2d(2),
        "ReLU": lambda layer: torch.nn.ReLU(),
        "Flatten": lambda layer: torch.nn.Flatten(),
    }
    layers = [make[type(layer).__name__](layer) for _, layer in model.named_children()]
    theirs = torch.nn.Sequential(*layers).eval()
    theirs.load_state_dict(as_tensors(model.state_dict()))
    return theirs


def of_captum(name: str) -> Any:
    method, settings = CAPTUM[name]

    def call(model: nn.Module, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations", UserWarning)
            found = method(twin(model)).attribute(
                torch.tensor(x, requires_grad=True), target=torch.tensor(target), **settings
            )
        return found.detach().numpy()

    return call


def test_captum_earns_the_same_marks(monkeypatch):
    monkeypatch.setitem(EFFORTS, "quick", EFFORT)
    ours = bench(OURS, effort="quick", progress=False)
    theirs = bench({name: of_captum(name) for name in CAPTUM}, effort="quick", progress=False)
    assert not [remark for remark in theirs.remarks() if "takes no" in remark or "refused" in remark]
    for one, other in zip(ours.cells, theirs.cells, strict=True):
        for state, row in product(STATES, CAPTUM):
            for mark, value in other.marks[state][row].items():
                assert one.marks[state][row][mark] == pytest.approx(value, abs=2e-3), (state, row, mark)
