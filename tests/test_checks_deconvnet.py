"""The checks of DeConvNet by hand take right answers, and name the mistakes of wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from minixai.checks import CheckError, deconvnet
from minixai.nn import Conv2d, MaxPool2d, Module, ReLU, Sequential
from minixai.tape import Tensor
from tests.solutions import lesson_checks


def stamp(g, w, stride, turn=np.array, place=np.add):
    (_, rows, columns), (_, c, kh, kw) = g.shape, w.shape
    x = np.zeros((c, (rows - 1) * stride + kh, (columns - 1) * stride + kw))
    for r, q in np.ndindex(rows, columns):
        window = x[:, r * stride : r * stride + kh, q * stride : q * stride + kw]
        window[:] = place(window, np.tensordot(g[:, r, q], turn(w), 1))
    return x


def own_and_other(maps, x):
    maps, x = (a.reshape(len(a), -1) / np.linalg.norm(a, axis=(1, 2))[:, None] for a in (maps, x))
    return averaged(maps @ x.T)


def averaged(each):
    own = np.diag(each)
    return own, (each.sum(axis=1) - own) / (len(each) - 1)


def centred(a):
    return a - a.mean(axis=(1, 2), keepdims=True)


VERDICT = {
    "A": ("gate", "relu1"),
    "B": ("turned", "conv2"),
    "C": ("none", ""),
    "D": ("switches", "pool2"),
    "E": ("unrectified", "relu2"),
}
RIGHT = [(deconvnet.check_transposed_conv, stamp), (deconvnet.check_own_and_other, own_and_other)]


WRONG = {
    deconvnet.check_transposed_conv: {
        "where windows overlap the last value is kept": lambda g, w, stride: stamp(
            g, w, stride, place=lambda old, new: new
        ),
        "turned by 180°": lambda g, w, stride: stamp(g, w, stride, turn=lambda w: w[..., ::-1, ::-1]),
        "rows and columns of the kernel are swapped": lambda g, w, stride: stamp(
            g, w, stride, turn=lambda w: w.swapaxes(2, 3) if w.shape[2] == w.shape[3] else w
        ),
        "only the first of the k maps": lambda g, w, stride: stamp(g[:1], w[:1], stride),
        "got the shape (3, 4, 4), expected (3, 5, 6)": lambda g, w, stride: stamp(g, w, 1),
    },
    deconvnet.check_own_and_other: {
        "the own image is among the others": lambda maps, x: (
            (
                own_and_other(maps, x)[0],
                np.mean(own_and_other(maps, x), axis=0),
            )
            if len(x) == 2
            else own_and_other(maps, x)
        ),
        "not divided by the lengths": lambda maps, x: averaged(np.einsum("ihw,jhw->ij", maps, x)),
        "that is the correlation": lambda maps, x: own_and_other(centred(maps), centred(x)),
        "each map with other images": lambda maps, x: own_and_other(x, maps),
        "the first is for the own image": lambda maps, x: own_and_other(maps, x)[::-1],
        "expected two arrays": lambda maps, x: own_and_other(maps, x)[0],
    },
}


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        (None, "6.2: not done yet"),
        ({"A": ("gate", "relu1")}, "got A, expected a verdict on A, B, C, D, E"),
        ({**VERDICT, "C": "none"}, "6.2 C: got str, expected a pair"),
        ({**VERDICT, "C": ("rotated", "conv1")}, "6.2 C: got 'rotated', expected one of none, gate"),
        ({**VERDICT, "B": ("turned", "conv1")}, "6.2 B: got 'turned' in 'conv1'\n.*the adjoint gap"),
        ({**VERDICT, "C": ("gate", "relu2")}, "6.2 C: .*\n.*a column of zeros"),
        ({**VERDICT, "A": ("unrectified", "relu1")}, "6.2 A: .*\n.*ask where it came from"),
    ],
)
def test_a_wrong_verdict_is_told(verdict, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        deconvnet.check_verdict(verdict)


def test_an_account_shows_the_planted_bug_and_no_other() -> None:
    net = small_network()
    x = Tensor(np.random.default_rng(0).uniform(size=(3, 1, 12, 12)).astype(np.float32))
    _, layers = net.trace(x)
    top = layers["relu3"][0]
    for letter, table in deconvnet.suspects().items():
        bug, layer = VERDICT[letter]
        found = deconvnet.account(top, top.value, table, x)
        assert list(found) == ["relu3", "conv3", "pool2", "relu2", "conv2", "pool1", "relu1", "conv1"]
        wrong = {name for name, values in found.items() if max(values) > 1e-6}
        assert wrong == ({layer} if layer else set()), letter
        if bug in ("gate", "unrectified"):
            negative, stopped = found[layer]
            assert negative > 0.1
            assert (stopped > 0) == (bug == "gate")


def small_network() -> Module:
    rng = np.random.default_rng(0)
    return Sequential({
        "conv1": Conv2d(1, 4, 5, padding=2, rng=rng), "relu1": ReLU(), "pool1": MaxPool2d(2),
        "conv2": Conv2d(4, 6, 3, padding=1, rng=rng), "relu2": ReLU(), "pool2": MaxPool2d(2),
        "conv3": Conv2d(6, 8, 3, padding=1, rng=rng), "relu3": ReLU(),
    })  # fmt: skip


TestChecks = lesson_checks(
    6,
    RIGHT,
    WRONG,
    solved=[deconvnet.check_transposed_conv, deconvnet.check_verdict, deconvnet.check_own_and_other],
    undone="not done yet",
)
