"""The samples that ρ is measured on: what goes in and out of a layer, at places drawn for each image."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass

import numpy as np

from minixai.evaluate.criterion.cohorts import Cohort, rng_for
from minixai.nn import Module
from minixai.ops.sizes import pair
from minixai.progress import progress_bar
from minixai.signal.layers import Batch, images_of, linear_calls
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["Reader"]


@dataclass(frozen=True)
class Reader:
    """Where samples come from: the calls of a model's layers, at places drawn for each image."""

    model: Module
    cohorts: list[Cohort]
    patches: int | None
    seed: int
    progress: bool

    def samples(
        self, batches: Iterable[Batch], label: str
    ) -> Iterator[tuple[Cohort, int, Array, np.ndarray]]:
        """(cohort, number of the call, z (n, places, d + 2m), which samples count (n, places))."""
        total = len(batches) if isinstance(batches, Sized) else None
        images = 0
        with progress_bar(self.progress, batches, f"quality: {label}", total=total, unit="batch") as bar:
            for batch in bar:
                x = images_of("quality", self.model, batch)
                calls = linear_calls("quality", self.model, x)
                for layer, cohorts in itertools.groupby(self.cohorts, lambda cohort: cohort.layer):
                    together = list(cohorts)
                    for number, node in enumerate(calls[layer]):
                        seen = _at(node, self._places(layer, node, number, images))
                        yield from ((cohort, number, *cohort.samples(seen)) for cohort in together)
                images += len(x)

    def _places(self, layer: str, node: Node, call: int, images: int) -> np.ndarray:
        """(n, places): those of each image, whose numbers begin at `images`; the same in any batch."""
        n, count = len(node.value), node.value[0, 0].size
        if self.patches is None or self.patches >= count:
            return np.tile(np.arange(count), (n, 1))
        rngs = (rng_for(self.seed, f"places in {layer}", call, images + i) for i in range(n))
        return np.stack([rng.choice(count, self.patches, replace=False, shuffle=False) for rng in rngs])


def _at(node: Node, places: np.ndarray) -> Array:
    """x (n, places, c, …) of a layer's call."""
    (x, w, *_), image = node.arrays, np.arange(len(places))[:, None]
    if x.ndim == 2:
        return x[:, None]
    stride, dilation = (pair("quality", name, node.params[name]) for name in ("stride", "dilation"))
    top, left = pair("quality", "padding", node.params["padding"], least=0)
    padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
    span = [step * (size - 1) + 1 for step, size in zip(dilation, w.shape[2:], strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, span, (2, 3))
    row, column = np.divmod(places, node.value.shape[3])
    patches = windows[..., :: dilation[0], :: dilation[1]]
    return np.asarray(patches[image, :, row * stride[0], column * stride[1]])
