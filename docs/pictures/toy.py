"""The toy model's numbers, drawn: how good the signal estimators are, and what the two patterns find."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from minixai.columns import minus
from minixai.data import ToySample, toy
from minixai.plot import Picture, style
from minixai.signal.estimators import (
    FilterEstimator,
    LinearEstimator,
    SignalEstimator,
    TwoComponentEstimator,
    ridge,
)

SIZE = (12.8, 7.2)  # inches
POINTS = 200_000  # fitted to
SHOWN = 1500  # of them
POINT = np.array([1.8, 1.0])  # the one that is taken apart; its y is 0.8
SIGMA_Y = 1 / np.sqrt(3)
POSITIVE, NEGATIVE, CENTRED = style.GREEN, style.ORANGE, style.SKY
LABELS: dict[str, tuple[str, str, float]] = {  # of a pattern: its name, its colour, its slope against μ
    "a": ("$a$", style.PATTERN, 0.0),
    "positive": ("$a_+$", POSITIVE, 1.5),
    "negative": ("$a_-$", NEGATIVE, -1.5),
    "centred": ("centred $a_+$", CENTRED, 0.0),
}


def quality() -> Picture:
    """What S_w and S_a leave in the distractor, and ρ(S_w) against the distractor's σ."""
    sample = toy(POINTS)
    with rc_context(style.RC):
        picture = Picture(SIZE, 100)
        _title(picture, "$S_w$ leaves half of the signal in the distractor, $S_a$ leaves nothing")
        for k, (name, colour, estimator) in enumerate(_fitted(sample)):
            left = 0.065 + 0.31 * k
            _decomposition(picture.add_axes((left, 0.5, 0.235, 0.36)), sample, estimator, name, colour)
            _correlation(picture.add_axes((left, 0.105, 0.235, 0.25)), sample, estimator, name, colour)
        _against_sigma(picture.add_axes((0.71, 0.105, 0.27, 0.755)))
    return picture


def patterns() -> Picture:
    """The patterns of S_a and S_a± for a distractor with a mean, and against that mean."""
    sample = toy(POINTS, mu=0.7)
    with rc_context(style.RC):
        picture = Picture(SIZE, 100)
        _title(picture, "The paper's $S_{a\\pm}$ finds the signal only if the distractor has no mean")
        _arrows(picture.add_axes((0.065, 0.115, 0.43, 0.72)), sample)
        _against_mu(picture.add_axes((0.605, 0.115, 0.255, 0.72)))
    return picture


def _fitted(sample: ToySample) -> list[tuple[str, str, SignalEstimator]]:
    """S_w and S_a of the filter fitted to the sample, each with its name and colour."""
    w, b = ridge(sample.x, sample.y)
    linear = LinearEstimator(w, b).fit(sample.x, sample.x @ w + b)
    return [("S_w", style.FILTER, FilterEstimator(w, b)), ("S_a", style.PATTERN, linear)]


def _in_rest(sample: ToySample, estimator: SignalEstimator) -> np.ndarray:
    """The rest x − S(x), which lies along a_d, as a multiple of a_d."""
    rest = sample.x - estimator.signal(sample.x)
    return rest @ sample.a_d / (sample.a_d @ sample.a_d)


def _rho(sample: ToySample, estimator: SignalEstimator) -> float:
    """ρ(S): all v read the same from a rest in one direction, but for its sign."""
    return float(1 - abs(np.corrcoef(_in_rest(sample, estimator), estimator.output(sample.x))[0, 1]))


def _decomposition(axes: Axes, sample: ToySample, estimator: SignalEstimator, name: str, colour: str) -> None:
    """One point as the sum of its signal and its rest."""
    _cloud(axes, sample, 2.2)
    (signal,) = estimator.signal(POINT[None])
    _arrow(axes, signal, POINT, style.DISTRACTOR, 3)
    _arrow(axes, np.zeros(2), signal, colour, 4)
    axes.plot(*POINT, "o", color=style.INK, markersize=8, zorder=5)
    axes.text(POINT[0] - 0.05, POINT[1] + 0.2, "$x$", size=style.HEADING_SIZE, ha="right")
    for k, (text, of_text) in enumerate([(f"${name}(x)$", colour), ("rest", style.DISTRACTOR)]):
        axes.text(-2.1, 2.1 - 0.55 * k, text, color=of_text, size=style.HEADING_SIZE, weight="bold", va="top")
    axes.set_title(f"$x = {name}(x)$ + rest", size=style.HEADING_SIZE)


def _correlation(axes: Axes, sample: ToySample, estimator: SignalEstimator, name: str, colour: str) -> None:
    """How much the rest still says of y, and the straight line that reads y from it best."""
    rest, y = _in_rest(sample, estimator), sample.y
    axes.scatter(rest[:SHOWN], y[:SHOWN], s=4, color=colour, alpha=0.35, linewidths=0)
    ends = np.array([-3.2, 3.2])
    axes.plot(ends, np.polyval(np.polyfit(rest, y, 1), ends), color=style.INK, linewidth=2)
    axes.set(xlim=ends, ylim=(-1.05, 1.05), xticks=range(-3, 4), yticks=[-1, 0, 1])
    axes.set(xlabel="rest, in units of $a_d$")
    axes.set_ylabel("$y$", rotation=0, va="center")
    rho = _rho(sample, estimator)
    axes.set_title(f"correlation {1 - rho:.2f}, $\\rho({name})$ = {rho:.2f}", color=colour, weight="bold")


def _against_sigma(axes: Axes) -> None:
    sigmas = np.linspace(0, 3, 301)
    dots = np.linspace(0.25, 3, 12)
    axes.plot(sigmas, np.ones_like(sigmas), color=style.PATTERN, linewidth=3)
    axes.plot(sigmas, 1 - SIGMA_Y / 2 / np.hypot(sigmas, SIGMA_Y / 2), color=style.FILTER, linewidth=3)
    for sigma in dots:
        sample = toy(POINTS, sigma=float(sigma))
        for _, colour, estimator in _fitted(sample):
            axes.plot(sigma, _rho(sample, estimator), "o", color=colour, markersize=7)
    axes.plot([1, 1, 0], [0, 0.723, 0.723], color=style.FAINT, linewidth=1, linestyle="--", zorder=0)
    axes.text(1.06, 0.7, "0.723 at $\\sigma$ = 1", va="top")
    axes.text(2.95, 0.96, "$S_a$: 1", color=style.PATTERN, weight="bold", ha="right", va="top")
    axes.text(2.95, 0.84, "$S_w$", color=style.FILTER, weight="bold", ha="right", va="top")
    formula = "$1-\\dfrac{\\sigma_y/2}{\\sqrt{\\sigma^2+\\sigma_y^2/4}}$"
    axes.text(2.95, 0.5, formula, color=style.FILTER, size=style.HEADING_SIZE, ha="right")
    axes.text(2.95, 0.4, "line: formula\ndots: measured", color=style.FAINT, ha="right", va="top")
    axes.set(xlim=(0, 3.05), ylim=(0, 1.05), xlabel="spread $\\sigma$ of the distractor")
    axes.set_title("quality $\\rho(S)$", size=style.HEADING_SIZE)


def _arrows(axes: Axes, sample: ToySample) -> None:
    """The patterns over the points."""
    _cloud(axes, sample, 2.8)
    found = _patterns_of(sample)
    for name, width in (("a", 7), ("centred", 3), ("positive", 4), ("negative", 4)):
        _arrow(axes, np.zeros(2), found[name], LABELS[name][1], width)
    places = {"positive": (0.75, 1.9), "negative": (0.2, -1.45), "a": (1.15, -0.3), "centred": (1.15, -0.8)}
    for name, place in places.items():
        label, colour, _ = LABELS[name]
        numbers = minus(", ".join(f"{value:.2f}" for value in found[name].round(2) + 0.0))
        separator = "\n" if name == "centred" else " "
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        axes.text(
            *place, f"{label}{separator}= ({numbers})", color=colour, weight="bold", va="center", bbox=box
        )
    _heading(
        axes, "mean $\\mu$ = 0.7; the signal is (1, 0)", f"fitted to {POINTS:,} points".replace(",", " ")
    )


def _patterns_of(sample: ToySample) -> dict[str, np.ndarray]:
    w, b = ridge(sample.x, sample.y)
    y = sample.x @ w + b
    two = TwoComponentEstimator(w, b).fit(sample.x, y)
    return {
        "a": LinearEstimator(w, b).fit(sample.x, y).pattern,
        "positive": two.positive,
        "negative": two.negative,
        "centred": TwoComponentEstimator(w, b, centred=True).fit(sample.x, y).positive,
    }


def _against_mu(axes: Axes) -> None:
    """How much of a_d is in each pattern: its second component, as a_s = (1, 0) and a_d = (1, 1)."""
    means = np.linspace(-1, 1, 9)
    fitted = [_patterns_of(toy(POINTS, mu=float(mu))) for mu in means]
    for name, (label, colour, slope) in LABELS.items():
        large, wide = (11, 7) if name == "a" else (7, 3)
        axes.plot(means, slope * means, color=colour, linewidth=wide)
        axes.plot(means, [each[name][1] for each in fitted], "o", color=colour, markersize=large)
        text = minus(f"{label}: {slope:g}$\\mu$") if slope else f"{label}: 0"
        height = {"a": 0.12, "centred": -0.12}.get(name, slope)
        axes.text(1.08, height, text, color=colour, weight="bold", va="center")
    axes.set(xlim=(-1.05, 1.05), ylim=(-1.7, 1.7), xlabel="mean $\\mu$ of the distractor")
    axes.set_ylabel("$c$", rotation=0, va="center")
    _heading(axes, "pattern = $a_s + c\\,a_d$", "lines: formula, dots: fitted")


def _title(picture: Picture, text: str) -> None:
    picture.text(0.02, 0.95, text, size=style.TITLE_SIZE, weight="bold", va="center")


def _heading(axes: Axes, text: str, note: str) -> None:
    axes.set_title(text, size=style.HEADING_SIZE, pad=26)
    axes.text(0.5, 1.015, note, color=style.FAINT, ha="center", transform=axes.transAxes)


def _cloud(axes: Axes, sample: ToySample, limit: float) -> None:
    colours: dict[str, Any] = {"c": sample.y[:SHOWN], "cmap": style.OUTPUT_MAP, "vmin": -1, "vmax": 1}
    axes.scatter(*sample.x[:SHOWN].T, s=7, alpha=0.35, linewidths=0, **colours)
    ticks = [-2, -1, 0, 1, 2]
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=ticks, yticks=ticks, xlabel="$x_1$")
    axes.set_ylabel("$x_2$", rotation=0)
    axes.set_aspect("equal")
    axes.text(0.98, 0.02, "colour: $y$", color=style.FAINT, ha="right", transform=axes.transAxes)


def _arrow(axes: Axes, start: np.ndarray, end: np.ndarray, colour: str, width: float) -> None:
    size = 8 + 3 * width
    axes.add_patch(
        FancyArrowPatch(
            tuple(start), tuple(end), arrowstyle="-|>", mutation_scale=size, linewidth=width, color=colour,
            shrinkA=0, shrinkB=0, zorder=4,
        )
    )  # fmt: skip
