"""The picture of signal and distractor: what it shows, its panels, and its update in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.columns import minus
from minixai.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase
    from matplotlib.text import Text

SIZE = (12.8, 7.2)  # inches, 16:9
SIGNAL_LIMIT = 1.8  # half the width of the panels of the estimated signals
LABEL_GAP = 27.0  # degrees that keep two labels of the largest panel apart
POINTS: dict[str, Any] = {
    "s": 9,
    "alpha": 0.6,
    "linewidths": 0,
    "cmap": style.OUTPUT_MAP,
    "vmin": -1,
    "vmax": 1,
}


@dataclass(frozen=True)
class Sweep:
    """Angles to the true signal, in degrees, as one parameter runs: three arrays of shape (k,)."""

    values: np.ndarray
    w: np.ndarray
    a: np.ndarray


@dataclass(frozen=True)
class Scene:
    """All that the picture shows.

    x (n, 2) and y (n,), the points; a_s, a_d, w, a (2,), the true and the fitted directions; signals, what
    each estimator says (n, 2), by its name; angle_d, angle_w and angle_a, those of a_d, w and a to a_s, and
    error_a, the standard error of angle_a, in degrees; noise and l2_root, where the sweeps over σ and √(λ/N)
    stand; extent, half the width of the largest panel; caption, how the points were made; note, what is
    special, or "".
    """

    x: np.ndarray
    y: np.ndarray
    a_s: np.ndarray
    a_d: np.ndarray
    w: np.ndarray
    a: np.ndarray
    signals: dict[str, np.ndarray]
    angle_d: float
    angle_w: float
    angle_a: float
    error_a: float
    noise: float
    l2_root: float
    noise_sweep: Sweep
    l2_sweep: Sweep
    extent: float
    caption: str
    note: str


def degrees(value: float) -> str:
    """A whole number of degrees with a true minus sign, and no minus zero."""
    return minus(f"{value:+.0f}°").replace("+", "").replace("−0°", "0°")


def spread(angles: np.ndarray, gap: float = LABEL_GAP) -> np.ndarray:
    """The angles (k,), in degrees, pushed apart until any two are gap apart on the circle."""
    order = np.argsort(angles % 360)
    spaced = (angles % 360)[order]
    for _ in range(200):
        lack = np.maximum(gap - np.diff(spaced, append=spaced[0] + 360), 0) / 2
        spaced = spaced - lack + np.roll(lack, 1)
    moved = np.empty_like(spaced)
    moved[order] = spaced
    return moved


class CloudPanel:
    """The points, coloured by y, and the four directions: a_s and a_d that made them, w and a fitted."""

    ARROWS = (  # attribute of the scene, label, colour, width of the line: the wide ones lie below
        ("a_s", "signal $a_s$", style.SIGNAL, 8),
        ("a_d", "distractor $a_d$", style.DISTRACTOR, 5),
        ("w", "filter $w$", style.FILTER, 3.5),
        ("a", "pattern $a$", style.PATTERN, 2.5),
    )

    def __init__(self, axes: Axes, scene: Scene) -> None:
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.ticker import MaxNLocator

        self.axes = axes
        axes.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
        axes.set_box_aspect(1)
        axes.yaxis.set_label_coords(-0.08, 0.5)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, integer=True))
        self.points = axes.scatter([], [], c=[], rasterized=True, **POINTS)
        self.arrows: list[FancyArrowPatch] = []
        self.labels: list[Text] = []
        for z, (_, label, colour, width) in enumerate(self.ARROWS, start=3):
            arrow = FancyArrowPatch(
                (0, 0),
                (1, 0),
                arrowstyle="-|>",
                mutation_scale=10 + 3 * width,
                linewidth=width,
                color=colour,
                shrinkA=0,
                shrinkB=0,
                zorder=z,
            )
            axes.add_patch(arrow)
            self.arrows.append(arrow)
            self.labels.append(
                axes.text(
                    0,
                    0,
                    label,
                    color=colour,
                    weight="bold",
                    ha="center",
                    va="center",
                    zorder=9,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
                )
            )
        self.update(scene)

    def update(self, scene: Scene) -> None:
        """Show another scene."""
        self.axes.set(xlim=(-scene.extent, scene.extent), ylim=(-scene.extent, scene.extent))
        self.points.set_offsets(scene.x)
        self.points.set_array(scene.y)
        directions = [getattr(scene, name) for name, *_ in self.ARROWS]
        angles = np.array([np.degrees(np.arctan2(v[1], v[0])) for v in directions])
        for arrow, tip in zip(self.arrows, _on_circle(0.53 * scene.extent, angles), strict=True):
            arrow.set_positions((0, 0), tip)
        for label, place in zip(self.labels, _on_circle(0.75 * scene.extent, spread(angles)), strict=True):
            label.set_position(place)


def _on_circle(radius: float, angles: np.ndarray) -> list[tuple[float, float]]:
    return [(radius * np.cos(angle), radius * np.sin(angle)) for angle in np.radians(angles)]


class SignalPanel:
    """What one estimator calls signal, over the true signal."""

    def __init__(self, axes: Axes, scene: Scene, name: str) -> None:
        self.axes, self.name = axes, name
        limits = (-SIGNAL_LIMIT, SIGNAL_LIMIT)
        axes.set(xlim=limits, ylim=limits, xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        axes.set_box_aspect(1)
        true = np.outer(scene.a_s, [-1, 1])
        axes.plot(*true, color=style.SIGNAL, alpha=0.25, linewidth=11, solid_capstyle="butt")
        self.points = axes.scatter([], [], c=[], rasterized=True, **POINTS)
        self.title = axes.set_title("", linespacing=1.3)
        self.update(scene)

    def update(self, scene: Scene) -> None:
        """Show another scene."""
        self.points.set_offsets(scene.signals[self.name])
        self.points.set_array(scene.y)
        self.title.set_text(
            {
                "S_x": "$S_x = x$\nno one direction",
                "S_w": f"$S_w$ along $w$\n{degrees(scene.angle_w)} off",
                "S_a": f"$S_a$ along $a$\n{degrees(scene.angle_a)} ± {degrees(scene.error_a)} off",
            }[self.name]
        )


class AnglePanel:
    """The angles of w and a to the true signal as one parameter runs, and where it stands."""

    def __init__(self, axes: Axes, sweep: Sweep, at: float, xlabel: str) -> None:
        self.axes = axes
        axes.axhline(0, color=style.SIGNAL, linewidth=8, alpha=0.25, zorder=1)
        axes.set_xlabel(xlabel)
        axes.yaxis.set_major_formatter(lambda value, _: degrees(value))
        self.lines, self.dots, self.labels = {}, {}, {}
        for name, colour in (("w", style.FILTER), ("a", style.PATTERN)):
            (self.lines[name],) = axes.plot([], [], color=colour, linewidth=3)
            (self.dots[name],) = axes.plot([], [], "o", color=colour, markersize=9, clip_on=False)
            self.labels[name] = axes.text(
                0, 0, f"${name}$", color=colour, size=style.HEADING_SIZE, va="center"
            )
        self.update(sweep, at)

    def update(self, sweep: Sweep, at: float) -> None:
        """Show another sweep."""
        curves = {"w": sweep.w, "a": sweep.a}
        steep = max(np.abs(sweep.w).max(), np.abs(sweep.a).max()) > 90
        ticks = [-180, -90, 0, 90, 180] if steep else [-90, -45, 0, 45, 90]
        limit = 1.05 * ticks[-1]
        self.axes.set(xlim=(0, sweep.values[-1]), ylim=(-limit, limit), yticks=ticks)
        ends = np.array([sweep.w[-1], sweep.a[-1]])
        middle, half = ends.mean(), max(np.abs(ends[0] - ends[1]) / 2, 0.12 * limit)
        side = 1 if ends[0] > ends[1] else -1
        for name, sign in (("w", side), ("a", -side)):
            self.lines[name].set_data(sweep.values, curves[name])
            self.dots[name].set_data([at], [np.interp(at, sweep.values, curves[name])])
            self.labels[name].set_position((1.07 * sweep.values[-1], middle + sign * half))


class DistractorPlot:
    """The whole picture on a figure or subfigure, with `update` to show another scene in place."""

    @style.drawn(style.RC)
    def __init__(self, figure: FigureBase, scene: Scene) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        self.figure = figure
        self.title = figure.text(0.02, 0.955, "", size=style.TITLE_SIZE, weight="bold", va="center")
        self.note = figure.text(0.02, 0.9, "", size=style.HEADING_SIZE, color=style.WARNING, va="center")
        self.caption = figure.text(0.02, 0.02, "", va="bottom")
        heading: dict[str, Any] = {"size": style.HEADING_SIZE, "weight": "bold", "va": "center"}
        figure.text(0.515, 0.85, "What each estimator calls signal", **heading)
        figure.text(0.985, 0.85, "grey: the true one", color=style.FAINT, ha="right", va="center")
        figure.text(0.515, 0.425, "Angle to the true signal, measured", **heading)

        self.cloud = CloudPanel(figure.add_axes((0.055, 0.125, 0.4, 0.7)), scene)
        key = figure.add_axes((0.315, 0.845, 0.14, 0.018))
        colours = ScalarMappable(Normalize(POINTS["vmin"], POINTS["vmax"]), POINTS["cmap"])
        figure.colorbar(colours, cax=key, orientation="horizontal", ticks=[-1, 0, 1])
        figure.text(0.305, 0.854, "$y$", ha="right", va="center")
        self.signals = [
            SignalPanel(figure.add_axes((0.53 + 0.16 * k, 0.495, 0.13, 0.231)), scene, name)
            for k, name in enumerate(("S_x", "S_w", "S_a"))
        ]
        left, right = (figure.add_axes((0.565 + 0.22 * k, 0.135, 0.17, 0.24)) for k in range(2))
        right.tick_params(labelleft=False)
        self.noise = AnglePanel(left, scene.noise_sweep, scene.noise, "isotropic noise $\\sigma$")
        self.l2 = AnglePanel(right, scene.l2_sweep, scene.l2_root, "L2 $\\sqrt{\\lambda/N}$")
        self.update(scene)

    def update(self, scene: Scene) -> None:
        """Show another scene: the artists stay, their data change."""
        self.title.set_text(
            f"Distractor at {degrees(scene.angle_d)}: the filter is {degrees(scene.angle_w)} off the signal, "
            f"the pattern {degrees(scene.angle_a)}"
        )
        self.note.set_text(scene.note)
        self.caption.set_text(scene.caption)
        self.cloud.update(scene)
        for panel in self.signals:
            panel.update(scene)
        self.noise.update(scene.noise_sweep, scene.noise)
        self.l2.update(scene.l2_sweep, scene.l2_root)
