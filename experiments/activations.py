"""`python -m experiments.activations`: which rules LRP takes behind activations that are not silent.

Small convolutional networks learn the 8×8 digits of scikit-learn, one for each activation and seed. Image by
image, each map is correlated, over the pixels that are not zero, with integrated gradients, and with what the
score loses when a pixel is set to zero. Controls are input × gradient, and the same LRP of another image.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from minixai import nn, ops, rules
from minixai.columns import aligned
from minixai.methods import input_x_gradient, integrated_gradients, lrp, occlusion
from minixai.rules import Rules
from minixai.tape import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "ReLU": ops.relu,
    "leaky ReLU .01": lambda x: ops.leaky_relu(x, slope=0.01),
    "leaky ReLU .2": lambda x: ops.leaky_relu(x, slope=0.2),
    "ELU": ops.elu,
    "SiLU": ops.silu,
    "GELU": ops.gelu,
    "softplus": ops.softplus,
    "tanh": ops.tanh,
    "sigmoid": ops.sigmoid,
}
PASS = rules.pass_through()
TABLES: dict[str, Callable[[], Rules]] = {
    "z⁺ conv, R passed": lambda: rules.composite(gate=PASS),
    "ε": lambda: rules.composite(conv=rules.epsilon()),
    "γ ¼ conv, ε dense": lambda: rules.composite(conv=rules.gamma()),
    "γ ¼ conv, R passed": lambda: rules.composite(conv=rules.gamma(), gate=PASS),
    "z^B first, γ ¼ conv": lambda: rules.epsilon_gamma_box(0, 1),
}
REFERENCES = ("with integrated gradients", "with single pixels removed")
CONTROLS = ("input × gradient", "γ ¼ conv, other image")


class Net(nn.Module):
    """Convolutions with batch norm and an activation, means of 2×2, and two dense layers."""

    def __init__(self, activation: Callable[[Tensor], Tensor], depth: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.activation = activation
        channels = (1, *[16] * (depth - 1))
        self.convs = nn.ModuleList(nn.Conv2d(c, 16, 3, padding=1, rng=rng) for c in channels)
        self.norms = nn.ModuleList(nn.BatchNorm2d(16) for _ in channels)
        self.dense = nn.Linear(16 * 4 * 4, 32, rng=rng)
        self.last = nn.Linear(32, 10, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """The logits of images (n, 1, 8, 8)."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = self.activation(norm(conv(x)))
        x = ops.flatten(ops.avg_pool2d(x, 2))
        return self.last(self.activation(self.dense(x)))


def digits() -> tuple[np.ndarray, np.ndarray]:
    """(1797, 1, 8, 8) in [0, 1], and the labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images[:, None] / 16).astype(np.float32), found.target


def correlation(a: Any, b: Any, x: np.ndarray) -> float:
    """The mean over images of the correlation over pixels that are not zero."""
    pairs = zip(np.asarray(a), np.asarray(b), x != 0, strict=True)
    return float(np.mean([np.corrcoef(p[seen], q[seen])[0, 1] for p, q, seen in pairs]))


def measure(name: str, seed: int, depth: int, images: int, epochs: int) -> dict[str, tuple[float, ...]]:
    """The test accuracy of one network; of each table, and control, the correlations with both references."""
    x, y = digits()
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:1400], order[1400 : 1400 + images]
    model = Net(ACTIVATIONS[name], depth, seed)
    optimiser = nn.Adam(model.parameters(), lr=3e-3)
    nn.fit(model, x[train], y[train], epochs, optimiser=optimiser, seed=seed, progress=False)
    shown = x[test]
    target = model.predict(shown).argmax(1)
    references = (
        integrated_gradients(model, shown, target, progress=False),
        occlusion(model, shown, target, patch=1, stride=1, progress=False),
    )
    maps = {key: lrp(model, shown, target, rules=table()) for key, table in TABLES.items()}
    controls = (input_x_gradient(model, shown, target), np.roll(maps["γ ¼ conv, ε dense"], 1, axis=0))
    maps |= dict(zip(CONTROLS, controls, strict=True))
    found = {key: tuple(correlation(each, r, shown) for r in references) for key, each in maps.items()}
    return {"accuracy": (float((target == y[test]).mean()),) * 2} | found


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m experiments.activations", description=__doc__)
    parser.add_argument("--depth", type=int, default=4, help="convolutions")
    parser.add_argument("--images", type=int, default=100, help="to explain")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=2, help="networks for each activation")
    parser.add_argument("--activations", nargs="+", choices=ACTIVATIONS, default=list(ACTIVATIONS))
    options = parser.parse_args(arguments)
    found = {
        name: [
            measure(name, seed, options.depth, options.images, options.epochs)
            for seed in range(options.seeds)
        ]
        for name in options.activations
    }
    for number, reference in enumerate(REFERENCES):
        rows: list[tuple[str, ...]] = [(reference, *options.activations)]
        for key in ("accuracy", *TABLES, *CONTROLS):
            cells = ([each[key][number] for each in found[name]] for name in options.activations)
            rows.append((key, *(f"{np.mean(cell):.2f} ± {np.std(cell):.2f}" for cell in cells)))
        print(aligned(rows, left=(0,)), end="\n\n")


if __name__ == "__main__":
    main()
