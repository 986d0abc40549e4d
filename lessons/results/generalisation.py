"""What lesson 4 shows of long runs: widths of MLPs, ways to regularise one, and learning curves over data.

In the folder lessons, `python -m results.generalisation` writes `generalisation.npz`, which lesson 4 loads;
`made` in it says when, by what and how long. All starts of one width are trained at once, as a stack.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import minixai as mx
from minixai import nn, ops
from minixai.typing import Array

FILE = Path(__file__).with_suffix(".npz")
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
STOPS = (50, 100, 150, 200, 300, 400, 600, 800, 1000, 1400, 2000, 2800, 4000)  # updates
STARTS = 5
REGULARISED: dict[str, dict[str, float]] = {
    "nothing": {},
    "L2": {"weight_decay": 0.01},
    "dropout": {"dropout": 0.5},
}
SIZES = (75, 150, 300, 600, 1200)  # of training sets
UPDATES = (300, 1000)


class Stack(nn.Module):
    """MLPs from 64 pixels over `width` ReLUs to 10 logits: one for each start, all trained at once."""

    def __init__(self, width: int, starts: int = STARTS, dropout: float = 0.0) -> None:
        rng = np.random.default_rng(0)

        def draw(fan_in: int, *shape: int) -> nn.Parameter:
            return nn.Parameter((rng.uniform(-1, 1, (starts, *shape)) / np.sqrt(fan_in)).astype(np.float32))

        self.w1, self.b1 = draw(64, 64, width), draw(64, 1, width)
        self.w2, self.b2 = draw(width, width, 10), draw(width, 1, 10)
        self.dropout = nn.Dropout(dropout, rng=0)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return self.dropout(ops.relu(x @ self.w1 + self.b1)) @ self.w2 + self.b2


def digits_in_two() -> tuple[Array, Array, Array, Array]:
    """The digits as rows of 64 numbers from 0 to 1, and their labels: 1 200 to train, 597 to test."""
    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    x, y = (pixels[order] / 16).astype(np.float32), digits[order]
    return x[:1200], y[:1200], x[1200:], y[1200:]


def partly_random(labels: Array, share: float = 0.3) -> Array:
    """Labels of which a share is replaced by random ones (a tenth of those happen to be true)."""
    rng = np.random.default_rng(1)
    return np.where(rng.random(len(labels)) < share, rng.integers(0, 10, len(labels)), labels)


def percent_wrong(stack: Stack, x: Array, labels: Array) -> Array:
    """The percentage of wrong answers of each start: (starts,)."""
    return 100 * np.mean(stack(mx.Tensor(x)).value.argmax(axis=-1) != labels, axis=1)


def errors_over_time(
    stack: Stack,
    x: Array,
    labels: Array,
    sets: Mapping[str, tuple[Array, Array]],
    stops: tuple[int, ...] = STOPS,
    weight_decay: float = 0.0,
) -> dict[str, Array]:
    """Train with Adam on mini-batches of 64; the errors on each of the sets at the stops: (stops, starts)."""
    optimiser = nn.Adam(stack.parameters(), lr=0.01, weight_decay=weight_decay)
    rng, starts = np.random.default_rng(0), len(stack.w1.value)
    found: dict[str, list[Array]] = {name: [] for name in sets}
    for update in range(1, max(stops) + 1):
        pick = rng.integers(0, len(x), (starts, 64))  # each start has mini-batches of its own
        logits = ops.reshape(stack(mx.Tensor(x[pick])), (starts * 64, 10))
        loss = ops.cross_entropy(logits, labels[pick].ravel()) * float(starts)
        optimiser.step(mx.backward(loss, wrt=optimiser.parameters))
        if update in stops:
            stack.eval()
            for name, (inputs, right) in sets.items():
                found[name].append(percent_wrong(stack, inputs, right))
            stack.train()
    return {name: np.array(errors) for name, errors in found.items()}


def widths() -> dict[str, Array]:
    """Errors (widths, stops, starts) with true and with partly random labels."""
    x, y, x_test, y_test = digits_in_two()
    noisy = partly_random(y)
    false = noisy != y
    results: dict[str, Array] = {}
    for labels_name, labels in (("true", y), ("random", noisy)):
        sets = {"test": (x_test, y_test), "training": (x, labels), "false": (x[false], noisy[false])}
        runs = [errors_over_time(Stack(width), x, labels, sets) for width in WIDTHS]
        results |= {f"{labels_name}/{name}": np.array([run[name] for run in runs]) for name in sets}
    return results


def regularised() -> dict[str, Array]:
    """Errors (stops, starts) of 64 hidden units: 1 000 images to train, 200 for validation, random labels."""
    x, y, x_test, y_test = digits_in_two()
    noisy = partly_random(y)
    sets = {
        "test": (x_test, y_test),
        "validation": (x[1000:], noisy[1000:]),
        "training": (x[:1000], noisy[:1000]),
    }
    results: dict[str, Array] = {}
    for kind, settings in REGULARISED.items():
        stack, decay = Stack(64, dropout=settings.get("dropout", 0.0)), settings.get("weight_decay", 0.0)
        errors = errors_over_time(stack, x[:1000], noisy[:1000], sets, weight_decay=decay)
        results |= {f"{kind}/{name}": found for name, found in errors.items()}
    return results


def logistic(seed: int = 0) -> nn.Sequential:
    """Logistic regression: one layer from the 64 pixels to the 10 logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=seed))


def mlp(seed: int = 0) -> nn.Sequential:
    """A multi-layer perceptron with 32 hidden units."""
    rng = np.random.default_rng(seed)
    layers = nn.Linear(64, 32, rng=rng), nn.ReLU(), nn.Linear(32, 10, rng=rng)
    return nn.Sequential(nn.Flatten(), *layers)


def small_lenet(seed: int = 0) -> nn.Sequential:
    """LeNet's plan for 8×8 images: 8 and 16 maps, each pooled to half its size."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64, 10, rng=rng)),
    )


MODELS = {"logistic": logistic, "MLP": mlp, "small LeNet": small_lenet}


def trained(model: nn.Sequential, x: Array, y: Array, updates: int = 300, seed: int = 0) -> nn.Sequential:
    """The model after about so many of Adam's steps on mini-batches of 64 images (n, 1, 8, 8)."""
    epochs = round(updates / np.ceil(len(x) / 64))
    nn.fit(model, x, y, epochs, 64, nn.Adam(model.parameters(), lr=0.01), seed=seed, progress=False)
    return model


def learning_curves() -> dict[str, Array]:
    """Test errors (updates, sizes, starts); each start draws its own images and first weights."""
    x, y, x_test, y_test = digits_in_two()
    x, x_test = x.reshape(-1, 1, 8, 8), x_test.reshape(-1, 1, 8, 8)
    results: dict[str, Array] = {
        f"curve/{name}": np.empty((len(UPDATES), len(SIZES), STARTS)) for name in MODELS
    }
    for name, make in MODELS.items():
        for u, k, seed in np.ndindex(len(UPDATES), len(SIZES), STARTS):
            part = np.random.default_rng(seed).permutation(len(x))[: SIZES[k]]
            model = trained(make(seed), x[part], y[part], UPDATES[u], seed)
            guesses = model.predict(x_test, batch_size=1000).argmax(axis=1)
            results[f"curve/{name}"][u, k, seed] = 100 * np.mean(guesses != y_test)
    return results


def main() -> None:
    begin = time.process_time()
    results = widths() | regularised() | learning_curves()
    save(results, minutes=(time.process_time() - begin) / 60)


def save(results: Mapping[str, Array], minutes: float) -> None:
    """Write the results, in float32, and what made them."""
    command = f"python -m results.generalisation, seeds 0 to {STARTS - 1}"
    made = f"{command}, {date.today()}, {minutes:.0f} minutes of one core, {platform.machine()}"
    arrays: dict[str, Any] = {name: values.astype(np.float32) for name, values in results.items()}
    np.savez_compressed(FILE, made=np.array(made), **arrays)


if __name__ == "__main__":
    main()
