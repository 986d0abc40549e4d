"""Settings that are NaN, infinite or no number: every one is refused at once, by its call and its name."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minixai as mx
from minixai import evaluate, methods, nn, ops, rules
from minixai.settings import finite_number
from tests.networks import small

NET, X = small((4, 4), 0), np.random.default_rng(0).standard_normal((2, 2, 4, 4))
PHOTO = np.zeros((4, 4, 3), np.uint8)
PREPARE = mx.data.Preprocess(4)
BATCHES = [X, X]
RGB = nn.Sequential(nn.Conv2d(3, 2, 1, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2, rng=0))

CALLS = {  # "call.setting" → what is called with the setting
    "epsilon.epsilon": rules.epsilon,
    "gamma.gamma": rules.gamma,
    "alpha_beta.alpha": lambda v: rules.alpha_beta(v, 1),
    "alpha_beta.beta": lambda v: rules.alpha_beta(2, v),
    "box.low": lambda v: rules.box(v, 1),
    "box.high": lambda v: rules.epsilon_gamma_box(0, np.array([v])),
    "deep_taylor.low": lambda v: methods.deep_taylor(NET, X, low=v, high=9),
    "deep_taylor.high": lambda v: methods.deep_taylor(NET, X, low=-9, high=v),
    "smoothgrad.sigma": lambda v: methods.smoothgrad(NET, X, sigma=v),
    "vargrad.sigma": lambda v: methods.vargrad(NET, X, sigma=v),
    "vargrad.noise": lambda v: methods.vargrad(NET, X, noise=np.full((2, *X.shape), v)),
    "integrated_gradients.baseline": lambda v: methods.integrated_gradients(NET, X, baseline=v),
    "occlusion.fill": lambda v: methods.occlusion(NET, X, fill=v),
    "rise.p": lambda v: methods.rise(NET, X, p=v),
    "degrade.fill": lambda v: evaluate.degrade(NET, X, None, patch=2, fill=v),
    "degrade.attribution": lambda v: evaluate.degrade(NET, X, np.full(X.shape, v), patch=2),
    "insertion_deletion.start": lambda v: evaluate.insertion_deletion(NET, X, None, start=[0, v]),
    "occlusion_sensitivity.fill": lambda v: evaluate.occlusion_sensitivity(NET, X[:1], layer="1", fill=v),
    "invariance_curves.amounts": lambda v: evaluate.invariance_curves(
        RGB, [PHOTO], layers=["1"], transformation="scale", amounts=[1, v], preprocess=PREPARE
    ),
    "quality.ridge": lambda v: evaluate.quality(NET, BATCHES, BATCHES, ridge=[1e-6, v], progress=False),
    "leaky_relu.slope": lambda v: ops.leaky_relu(X, v),
    "elu.alpha": lambda v: ops.elu(X, v),
    "softplus.beta": lambda v: ops.softplus(X, v),
    "softplus.threshold": lambda v: ops.softplus(X, threshold=v),
    "upsample.scale_factor": lambda v: ops.upsample(X, scale_factor=(2, v)),
    "layer_norm.eps": lambda v: ops.layer_norm(X, 4, v),
    "group_norm.eps": lambda v: ops.group_norm(X, 2, v),
    "p_norm_pool2d.p": lambda v: ops.p_norm_pool2d(X, 2, p=v),
    "dropout.p": lambda v: ops.dropout(X, v, np.random.default_rng(0)),
    "batch_norm.eps": lambda v: ops.batch_norm(X, eps=v),
    "LeakyReLU.negative_slope": nn.LeakyReLU,
    "Dropout.p": nn.Dropout,
    "ELU.alpha": nn.ELU,
    "Softplus.beta": nn.Softplus,
    "Softplus.threshold": lambda v: nn.Softplus(1, v),
    "LayerNorm.eps": lambda v: nn.LayerNorm(3, v),
    "GroupNorm.eps": lambda v: nn.GroupNorm(1, 2, v),
    "BatchNorm1d.eps": lambda v: nn.BatchNorm1d(2, eps=v),
    "BatchNorm1d.momentum": lambda v: nn.BatchNorm1d(2, momentum=v),
    "BatchNorm2d.eps": lambda v: nn.BatchNorm2d(2, eps=v),
    "BatchNorm2d.momentum": lambda v: nn.BatchNorm2d(2, momentum=v),
    "SGD.lr": lambda v: nn.SGD([nn.Parameter(np.ones(1))], v),
    "SGD.momentum": lambda v: nn.SGD([nn.Parameter(np.ones(1))], 0.1, momentum=v),
    "SGD.weight_decay": lambda v: nn.SGD([nn.Parameter(np.ones(1))], 0.1, weight_decay=v),
    "Adam.lr": lambda v: nn.Adam([nn.Parameter(np.ones(1))], v),
    "Adam.betas": lambda v: nn.Adam([nn.Parameter(np.ones(1))], betas=(0.9, v)),
    "Adam.eps": lambda v: nn.Adam([nn.Parameter(np.ones(1))], eps=v),
    "Adam.weight_decay": lambda v: nn.Adam([nn.Parameter(np.ones(1))], weight_decay=v),
    "allcnn.width": lambda v: mx.models.allcnn(width=v),
    "ridge.l2": lambda v: mx.signal.ridge(X[0, 0], X[0, 0, 0], l2=v),
    "toy.sigma": lambda v: mx.data.toy(sigma=v),
    "toy.angle": lambda v: mx.data.toy(angle=v),
}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("setting", CALLS)
def test_what_is_not_finite_is_refused(setting: str, value: float) -> None:
    call, name = setting.split(".")
    with pytest.raises(ValueError, match=f"{call}: {name} (is {value}, expected a finite|holds NaN or inf)"):
        CALLS[setting](value)


@pytest.mark.parametrize("setting", CALLS)
def test_what_is_no_number_is_refused(setting: str) -> None:
    call, name = setting.split(".")
    with pytest.raises((TypeError, ValueError), match=f"{call}: {name} "):
        CALLS[setting]("a few")


def test_p_of_the_layer_may_be_infinite_but_not_nan() -> None:
    assert nn.PNormPool2d(2, math.inf).p == math.inf
    for wrong in (math.nan, -math.inf, 0.5):
        with pytest.raises(ValueError, match=f"PNormPool2d: p is {wrong}, expected at least 1, or inf"):
            nn.PNormPool2d(2, wrong)


def test_bounds_are_said() -> None:
    assert finite_number("f", "a", np.float32(0.5), above=0, below=1) == 0.5
    with pytest.raises(ValueError, match=r"^f: a is 1, expected a finite number, above 0 and below 1$"):
        finite_number("f", "a", 1, above=0, below=1)
    with pytest.raises(ValueError, match=r"^f: a is nan, expected a finite number$"):
        finite_number("f", "a", np.float32(np.nan))
    with pytest.raises(TypeError, match=r"^f: a is \[1\], expected a finite number, at most 2$"):
        finite_number("f", "a", [1], most=2)
