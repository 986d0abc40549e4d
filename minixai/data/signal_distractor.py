"""The toy model of signal and distractor: two-dimensional points whose true signal is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minixai.settings import finite_number, whole_number

A_S = (1.0, 0.0)
A_D_LENGTH = np.sqrt(2.0)  # at 45° the distractor is then the paper's (1, 1)


@dataclass(frozen=True)
class ToySample:
    """Points of the toy model, with the two directions that made them.

    x (n, 2) float64, the points; y (n,) float64 in [−1, 1), what is to be read from them;
    a_s (2,) float64, the signal's direction; a_d (2,) float64, the distractor's.
    """

    x: np.ndarray
    y: np.ndarray
    a_s: np.ndarray
    a_d: np.ndarray


def toy(
    n: int = 2000,
    angle: float = 45.0,
    mu: float = 0.0,
    sigma: float = 1.0,
    noise: float = 0.0,
    seed: int = 0,
) -> ToySample:
    """Draw points x that hold a signal, a distractor and isotropic noise.

    x = a_s·y + a_d·ε + noise·η,  y ~ U(−1, 1),  ε ~ N(mu, sigma²),  η ~ N(0, I)

    with a_s = (1, 0) and a_d = √2·(cos angle, sin angle): of the same length at every angle, and (1, 1)
    at 45°. y, ε and η have random streams of their own, so the same seed gives the same y, ε and η
    whatever the other parameters are, and a larger n only adds points.

    Args:
        n: number of points, at least 1.
        angle: from a_s to a_d, in degrees.
        mu: mean of ε.
        sigma: standard deviation of ε, at least 0.
        noise: standard deviation of the isotropic noise in each coordinate, at least 0.
        seed: of the random numbers, at least 0.

    Returns:
        A `ToySample`: x (n, 2) and y (n,), a_s (2,) and a_d (2,), all float64.

    Raises:
        ValueError: a parameter is not finite or below its least value.

    Kindermans et al. 2017, arXiv 1705.05598, section 2.
    """
    n, seed = whole_number("toy", "n", n), whole_number("toy", "seed", seed, least=0)
    angle, mu = finite_number("toy", "angle", angle), finite_number("toy", "mu", mu)
    sigma, noise = (
        finite_number("toy", name, value, least=0) for name, value in (("sigma", sigma), ("noise", noise))
    )

    y_rng, epsilon_rng, noise_rng = np.random.default_rng(seed).spawn(3)
    y = y_rng.uniform(-1, 1, n)
    epsilon = mu + sigma * epsilon_rng.standard_normal(n)
    eta = noise_rng.standard_normal((n, 2))

    a_s = np.array(A_S)
    a_d = A_D_LENGTH * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    x = np.outer(y, a_s) + np.outer(epsilon, a_d) + noise * eta
    return ToySample(x, y, a_s, a_d)
