"""The pictures of lesson 5, signal and distractor. Arrows have their true lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from figures import slide
from figures.maps import Values
from minixai import demo
from minixai.plot import Picture, style
from minixai.plot.distractor import Sweep

COLOURS = {"a_s": style.SIGNAL, "a_d": style.DISTRACTOR, "w": style.FILTER, "a": style.PATTERN}


def angle(v: Values) -> float:
    """The angle of v (2,) to the signal (1, 0), in degrees."""
    return float(np.degrees(np.arctan2(v[1], v[0])))


def cloud(axes: Axes, x: Values, y: Values, limit: float = 3.5, title: str = "", **arrows: Values) -> None:
    """Points x (n, 2) coloured by y (n,), and one labelled arrow (2,) for each keyword.

    An arrow that would leave the panel is cut short, and its label says how long it is.
    """
    axes.scatter(*x.T, c=y, s=12, alpha=0.6, linewidths=0, cmap=style.OUTPUT_MAP, vmin=-1, vmax=1)
    for name, v in arrows.items():
        look = {"color": COLOURS[name], "width": 4, "headwidth": 15, "headlength": 14, "shrink": 0}
        length, end = np.linalg.norm(v), v * min(1, 0.85 * limit / np.abs(v).max())
        label = f"${name}$" if np.allclose(end, v) else f"${name}$, length {length:.1f}"
        axes.annotate("", end, (0, 0), arrowprops=look)
        side = np.array([v[1], -v[0]]) if name in "wa" else v  # they may lie on a_s: beside the arrow then
        place = end + (0.13 if label == f"${name}$" else 0.25) * limit * side / length
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        axes.text(*place, label, color=COLOURS[name], size=20, ha="center", va="center", bbox=box)
    ticks = np.arange(-int(limit), int(limit) + 1)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=ticks, yticks=ticks, aspect="equal")
    axes.set(title=title, xlabel="$x_1$", ylabel="$x_2$")


def points(sample: Any, title: str, **arrows: Values) -> Picture:
    """The points of a sample, and nearer its signal, its distractor and other arrows."""
    picture = slide(5.6)
    left, right = picture.subplots(1, 2)
    cloud(left, sample.x, sample.y, title="all points")
    cloud(right, sample.x, sample.y, limit=1.8, title=title, a_s=sample.a_s, a_d=sample.a_d, **arrows)
    picture.colorbar(left.collections[0], ax=right, label="$y$", ticks=(-1, 0, 1)).solids.set_alpha(1)
    return picture


def turned(samples: Mapping[int, Any], filters: Mapping[int, Values]) -> Picture:
    """By the angle of the distractor a sample with its filter."""
    picture = slide(4.3)
    for axes, (degrees, sample) in zip(picture.subplots(1, len(samples)), samples.items(), strict=True):
        w = filters[degrees]
        title = f"distractor {degrees}°\n$w$ {round(angle(w))}°, length {np.linalg.norm(w):.1f}".replace(
            "-", "−"
        )
        cloud(axes, sample.x, sample.y, limit=2.5, title=title, a_s=sample.a_s, a_d=sample.a_d, w=w)
    return picture


def called_signal(signals: Mapping[str, Values], y: Values) -> Picture:
    """What each estimator calls signal, and the true signal as a grey bar."""
    picture = slide(5.0)
    for axes, (name, signal) in zip(picture.subplots(1, len(signals)), signals.items(), strict=True):
        axes.plot([-1, 1], [0, 0], color=style.SIGNAL, alpha=0.25, linewidth=20, solid_capstyle="butt")
        cloud(axes, signal, y, limit=2, title=f"what ${name}$ calls signal")
    return picture


def scatter_of_patterns(
    numbers: Sequence[int], spreads: Mapping[str, Values], lines: Mapping[str, Values]
) -> Picture:
    """By the number of points the standard deviation of patterns, and what a formula says of it as a line."""
    picture = slide(4.8)
    axes = picture.subplots()
    for (name, values), colour in zip(spreads.items(), (style.PATTERN, style.FILTER), strict=True):
        axes.loglog(numbers, lines[name], color=style.FAINT)
        axes.loglog(numbers, values, "o", color=colour, markersize=12, label=name)
    axes.set(xlabel="number of points", ylabel="spread of $a_2$ over 500 seeds")
    axes.set_title("the pattern's share in the distractor: standard deviation (grey: by the formula)")
    axes.set_xticks(numbers, [f"{n:,}".replace(",", " ") for n in numbers])
    axes.set_yticks((0.02, 0.05, 0.1, 0.2, 0.4), ("0.02", "0.05", "0.1", "0.2", "0.4"))
    axes.minorticks_off()
    axes.legend(frameon=False)
    return picture


def sweeps(levels: Values, sweeps: Mapping[str, Sequence[tuple[Values, Values]]]) -> Picture:
    """By what is swept the angles of (w, a) to the signal."""
    picture = slide(5.2)
    for axes, (label, fits) in zip(
        picture.subplots(1, len(sweeps), sharey=True), sweeps.items(), strict=True
    ):
        w, a = (np.array([angle(each[k]) for each in fits]) for k in (0, 1))
        _angles(axes, Sweep(levels, w, a), label)
    picture.axes[0].set_ylabel("angle to the signal (°)")
    return picture


def _angles(axes: Axes, sweep: Sweep, label: str, now: float | None = None) -> None:
    axes.axhline(0, color=style.SIGNAL, linewidth=12, alpha=0.25)
    for name, angles in (("w", sweep.w), ("a", sweep.a)):
        axes.plot(sweep.values, angles, color=COLOURS[name])
        axes.text(1.03 * sweep.values[-1], angles[-1], f"${name}$", color=COLOURS[name], size=20, va="center")
        if now is not None:
            axes.plot(now, np.interp(now, sweep.values, angles), "o", color=COLOURS[name], markersize=12)
    axes.set(xlim=(0, sweep.values[-1]), ylim=(-95, 95), yticks=(-90, -45, 0, 45, 90), xlabel=label)


def correlated(
    strengths: Sequence[float], angles: Mapping[str, Sequence[float]], formula: Sequence[float]
) -> Picture:
    """By the correlation of y and ε the angles of w and a, and of what a formula says of a."""
    picture = slide(4.8)
    axes = picture.subplots()
    axes.axhline(0, color=style.SIGNAL, linewidth=12, alpha=0.25)
    axes.plot(strengths, formula, color=style.FAINT, linewidth=8, label="$a$ by the formula")
    for name, values in angles.items():
        axes.plot(strengths, values, "o-", color=COLOURS[name], label=f"${name}$, measured")
    axes.set(xlabel="correlation of $y$ and ε", ylabel="angle to the signal (°)", yticks=(-45, 0, 45))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return picture


def summary(**params: float) -> Picture:
    """The lesson in one picture, for the parameters of `minixai.demo.Params`."""
    scene = demo.compute(demo.Params(**params))  # type: ignore[arg-type]
    picture = slide(6.0)
    above, below = [name for name in scene.signals for _ in (0, 1)], ["noise"] * 3 + ["l2"] * 3
    mosaic = [["points", *above], ["points", *below]]
    left, *others = picture.subplot_mosaic(mosaic, width_ratios=(7, 1, 1, 1, 1, 1, 1)).values()
    arrows = {"a_s": scene.a_s, "a_d": scene.a_d, "w": scene.w, "a": scene.a}
    cloud(left, scene.x, scene.y, limit=2.8, title=scene.note or "arrows in their true lengths", **arrows)
    for axes, (name, signal) in zip(others[:3], scene.signals.items(), strict=True):
        axes.plot([-1, 1], [0, 0], color=style.SIGNAL, alpha=0.25, linewidth=12, solid_capstyle="butt")
        axes.scatter(*signal.T, c=scene.y, s=4, linewidths=0, cmap=style.OUTPUT_MAP, vmin=-1, vmax=1)
        axes.set(
            xlim=(-2, 2), ylim=(-2, 2), xticks=(-1, 1), yticks=(-1, 1), aspect="equal", title=f"${name}$"
        )
    _angles(others[3], scene.noise_sweep, "noise $\\sigma$", scene.noise)
    _angles(others[4], scene.l2_sweep, "L2 $\\sqrt{\\lambda/N}$", scene.l2_root)
    others[3].set_title("angle to the signal (°)")
    return picture
