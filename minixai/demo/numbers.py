"""The numbers of the demo: its parameters, the scene that they make, and what it says of a scene."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minixai.columns import minus
from minixai.data.signal_distractor import A_D_LENGTH, ToySample, toy
from minixai.plot.distractor import Scene, Sweep
from minixai.plot.sliders import Range
from minixai.settings import finite_number, whole_number
from minixai.signal import FilterEstimator, IdentityEstimator, LinearEstimator, ridge

__all__ = [
    "RANGES",
    "Params",
    "angle_to",
    "angles_in_words",
    "compute",
    "extent_of",
    "fit_filter",
    "note_of",
    "sample_of",
    "standard_error",
]

RANGES = (
    Range("angle", "distractor angle (°)", -180, 180, 1),
    Range("mu", "mean μ of ε", -2, 2, 0.1),
    Range("sigma", "spread σ of ε", 0, 2, 0.1),
    Range("noise", "isotropic noise σ", 0, 1, 0.05),
    Range("l2_per_point", "L2 λ/N", 0, 1, 0.05),
    Range("points", "number of points N", 100, 5000, 100),
)
LARGEST = 1e6  # of a parameter: far beyond, what is seen is rounding
MOST_POINTS = 100_000
SWEEP = 21  # fits in each sweep
RESAMPLES = 40


@dataclass(frozen=True)
class Params:
    """What the demo can change.

    angle: of the distractor to the signal, in degrees; mu, sigma: mean and standard deviation of the
    distractor's ε; noise: standard deviation of the isotropic noise; l2_per_point: λ/N, which turns the
    filter as noise² does; points: their number N; seed: of the random numbers.
    """

    angle: float = 45.0
    mu: float = 0.0
    sigma: float = 1.0
    noise: float = 0.0
    l2_per_point: float = 0.0
    points: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("Params", "points", self.points, least=2, most=MOST_POINTS)
        whole_number("Params", "seed", self.seed, least=0)
        for name in ("angle", "mu"):
            finite_number("Params", name, getattr(self, name), least=-LARGEST, most=LARGEST)
        for name in ("sigma", "noise", "l2_per_point"):
            finite_number("Params", name, getattr(self, name), least=0, most=LARGEST)


def compute(params: Params) -> Scene:
    """Draw the points, fit the filter and its estimators, and sweep the noise and the L2 penalty.

    Raises:
        ValueError: a parameter is out of its range.
    """
    sample = sample_of(params)
    linear = fit_filter(sample, params.l2_per_point)
    w, b, a = linear.w, linear.b, linear.pattern
    estimators = {"S_x": IdentityEstimator(w, b), "S_w": FilterEstimator(w, b), "S_a": linear}
    l2_root = float(np.sqrt(params.l2_per_point))
    noises = np.linspace(0, max(1.0, params.noise), SWEEP)
    l2_roots = np.linspace(0, max(1.0, l2_root), SWEEP)
    return Scene(
        x=sample.x,
        y=sample.y,
        a_s=sample.a_s,
        a_d=sample.a_d,
        w=w,
        a=a,
        signals={name: estimator.signal(sample.x) for name, estimator in estimators.items()},
        angle_d=angle_to(sample.a_d, sample.a_s),
        angle_w=angle_to(w, sample.a_s),
        angle_a=angle_to(a, sample.a_s),
        error_a=standard_error(sample, params, a),
        noise=params.noise,
        l2_root=l2_root,
        noise_sweep=_sweep(noises, [replace(params, noise=float(sigma)) for sigma in noises]),
        l2_sweep=_sweep(l2_roots, [replace(params, l2_per_point=float(root**2)) for root in l2_roots]),
        extent=extent_of(params),
        caption=_caption(params, w, a),
        note=note_of(params),
    )


def fit_filter(sample: ToySample, l2_per_point: float) -> LinearEstimator:
    """The linear estimator of the filter fitted to the points; it holds w, b and the pattern a."""
    w, b = ridge(sample.x, sample.y, l2=len(sample.y) * l2_per_point)
    return LinearEstimator(w, b).fit(sample.x, sample.x @ w + b)


def standard_error(sample: ToySample, params: Params, a: np.ndarray) -> float:
    """The standard error of the angle of a in degrees, by the bootstrap."""
    rng = np.random.default_rng(params.seed)
    angles = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(params.points, size=params.points)
        again = replace(sample, x=sample.x[drawn], y=sample.y[drawn])
        angles.append(angle_to(fit_filter(again, params.l2_per_point).pattern, a))
    return float(np.std(angles))


def angle_to(v: np.ndarray, reference: np.ndarray) -> float:
    """The angle from a reference (2,) to v (2,), counter-clockwise, in degrees, in (−180, 180]."""
    cross = reference[0] * v[1] - reference[1] * v[0]
    return float(np.degrees(np.arctan2(cross, reference @ v)))


def sample_of(params: Params) -> ToySample:
    """The points that the parameters make."""
    return toy(params.points, params.angle, params.mu, params.sigma, params.noise, params.seed)


def extent_of(params: Params) -> float:
    """Half the width of the largest panel: two standard deviations of the distractor fit in at any angle."""
    return float(1.2 + A_D_LENGTH * (abs(params.mu) + 2 * params.sigma) + 2 * params.noise)


def note_of(params: Params) -> str:
    """What to say of a distractor that no filter can cancel, or of none."""
    if params.sigma == 0:
        return "No distractor: ε is constant, the bias takes it up"
    if np.isclose(np.sin(np.radians(params.angle)), 0, atol=1e-9):
        return "The distractor lies along the signal: no filter can tell them apart"
    return ""


def angles_in_words(w: float, a: float) -> str:
    """What the angles of w and a to the signal are, in degrees."""
    return f"w is {w:.1f} degrees off the signal, a {a:.1f}"


def _sweep(values: np.ndarray, runs: list[Params]) -> Sweep:
    samples = [sample_of(params) for params in runs]
    fits = [fit_filter(sample, params.l2_per_point) for sample, params in zip(samples, runs, strict=True)]
    a_s = samples[0].a_s
    return Sweep(
        values,
        w=np.array([angle_to(fit.w, a_s) for fit in fits]),
        a=np.array([angle_to(fit.pattern, a_s) for fit in fits]),
    )


def _caption(params: Params, w: np.ndarray, a: np.ndarray) -> str:
    (w1, w2), (a1, a2) = w.round(2) + 0.0, a.round(2) + 0.0  # no minus zero
    fitted = f"$w$ = ({w1:.2f}, {w2:.2f})   $a$ = ({a1:.2f}, {a2:.2f})"
    made = f"ε ~ N({params.mu:.3g}, {params.sigma:.3g}²)   noise σ = {params.noise:.3g}"
    fit = f"L2 λ/N = {params.l2_per_point:.3g}   {params.points} points   seed {params.seed}"
    return minus(f"{fitted}        {made}   {fit}")
