"""Fit the patterns that a shipped CIFAR-10 network comes with, on all 50 000 training images.

    python -m experiments.recipes.patterns cifar10_allcnn --out cifar10_allcnn.patterns.safetensors

Prints the images a second, and the memory on the way, which should not grow; and how far positive
patterns reach.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from experiments.degradation import stretches
from minixai.data.cifar import cifar10
from minixai.models.shipped_networks import VARIANTS, pretrained
from minixai.signal import fit_patterns

BATCH = 100
KINDS = ("linear", "positive", "negative", "positive_centred")
REPORT_EVERY = 100  # batches


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, fit and save."""
    parser = argparse.ArgumentParser(
        "python -m experiments.recipes.patterns",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=VARIANTS)
    parser.add_argument("--images", type=int, default=50_000, help="the first so many")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    model = pretrained(options.name)
    photos = cifar10("train")[0][: options.images].transpose(0, 2, 3, 1)

    def batches() -> Iterator[np.ndarray]:
        start = time.perf_counter()
        for first in range(0, len(photos), BATCH):
            if first and first // BATCH % REPORT_EVERY == 0:
                rate = first / (time.perf_counter() - start)
                memory = psutil.Process().memory_info().rss / 1e6
                print(f"{first:,} images, {rate:.0f} a second, {memory:.0f} MB", flush=True)
            yield model.preprocess(photos[first : first + BATCH])

    patterns = fit_patterns(model, batches(), KINDS, progress=False)
    print(patterns)
    reach = [*stretches(model, patterns, "positive").values()]
    long = sum((of_layer > 10 * np.median(of_layer)).sum() for of_layer in reach)
    print(f"‖w‖·‖a₊‖: at most {np.concatenate(reach).max():.0f}; in {long} units above ten times the median")
    patterns.save(options.out, moments=False, dtype=np.float16)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
