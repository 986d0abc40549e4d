"""Images with a planted concept: a patch of upright stripes, beside a distractor whose stripes turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minixai.settings import finite_number, whole_number

__all__ = ["SIZE", "PlantedSample", "planted", "stripes"]

SIZE = 24  # pixels of an image
PATCH = 11  # of a patch, round
WAVE = 5.5  # pixels from stripe to stripe


@dataclass(frozen=True, eq=False)
class PlantedSample:
    """Images that show the concept or not, and the same ones with it and without it.

    x, with_it, without: (n, 1, 24, 24) float64 around 0; t, distractor: (n,) bool, whether x shows the
    concept, and whether the distractor.
    """

    x: np.ndarray
    with_it: np.ndarray
    without: np.ndarray
    t: np.ndarray
    distractor: np.ndarray


def planted(
    n: int = 2000, angle: float = 30.0, correlation: float = 0.0, noise: float = 0.3, seed: int = 0
) -> PlantedSample:
    """Draw images in which half show a patch of upright stripes, the concept.

    x = t·concept + e·distractor + noise·η,  t, e ∈ {0, 1} with means ½,  η ~ N(0, I)

    Each patch lies anywhere, its stripes shifted at random. The distractor's stripes are turned by an angle:
    the nearer to 0° or 180°, the more units of a layer of oriented filters answer to both.

    Args:
        n: number of images, at least 1.
        angle: of the distractor's stripes to the concept's, in degrees.
        correlation: of t and e, in [−1, 1]; 0 is a distractor that knows nothing of the concept.
        noise: its standard deviation, at least 0; stripes run from −1 to 1.
        seed: of the random numbers. The same seed gives the same t, places and noise at every angle.

    Returns:
        A `PlantedSample`.

    Raises:
        ValueError: a parameter is not finite or out of its bounds.
    """
    n, seed = whole_number("planted", "n", n), whole_number("planted", "seed", seed, least=0)
    angle, noise = finite_number("planted", "angle", angle), finite_number("planted", "noise", noise, least=0)
    correlation = finite_number("planted", "correlation", correlation, least=-1, most=1)
    of_t, of_e, of_noise, *of_patches = np.random.default_rng(seed).spawn(5)
    t = of_t.random(n) < 0.5
    e = of_e.random(n) < (1 + np.where(t, correlation, -correlation)) / 2
    concept, distractor = (_patches(n, of, rng) for of, rng in zip((0.0, angle), of_patches, strict=True))
    without = noise * of_noise.standard_normal((n, 1, SIZE, SIZE)) + e[:, None, None, None] * distractor
    return PlantedSample(
        np.where(t[:, None, None, None], without + concept, without), without + concept, without, t, e
    )


def stripes(angle: float, phase: float, size: int) -> np.ndarray:
    """(size, size): stripes in a Gaussian window, 0° upright, in [−1, 1]."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    turn = np.radians(angle)
    along = columns * np.cos(turn) + rows * np.sin(turn)
    window = np.exp(-(rows**2 + columns**2) / (2 * (size / 4) ** 2))
    wave: np.ndarray = window * np.cos(2 * np.pi * along / WAVE + phase)
    return wave


def _patches(n: int, angle: float, rng: np.random.Generator) -> np.ndarray:
    """(n, 1, 24, 24): a patch of stripes anywhere in each image."""
    images = np.zeros((n, 1, SIZE, SIZE))
    places, phases = rng.integers(0, SIZE - PATCH + 1, (n, 2)), rng.uniform(0, 2 * np.pi, n)
    even, odd = (stripes(angle, phase, PATCH) for phase in (0, np.pi / 2))
    for image, (row, column), phase in zip(images, places, phases, strict=True):
        patch = np.cos(phase) * even + np.sin(phase) * odd  # its stripes have this phase
        image[0, row : row + PATCH, column : column + PATCH] = patch
    return images
