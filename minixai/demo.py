"""The distractor demo: why a filter's weights do not show the signal that it reads.

`compute` makes all numbers from the parameters, `draw` draws them on any figure; `save`, `window` and
`notebook` are thin fronts, and so is the web page of `minixai.page`.
"""

from __future__ import annotations

import io
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minixai.data.signal_distractor import A_D_LENGTH, ToySample, toy
from minixai.files import write_whole
from minixai.plot.distractor import SIZE, DistractorPlot, Scene, Sweep
from minixai.plot.sliders import Range, add_sliders, open_window, show_windows
from minixai.signal import FilterEstimator, IdentityEstimator, LinearEstimator, ridge

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

    from minixai.plot import Picture

RANGES = (
    Range("angle", "distractor angle (°)", -180, 180, 1),
    Range("mu", "mean μ of ε", -2, 2, 0.1),
    Range("sigma", "spread σ of ε", 0, 2, 0.1),
    Range("noise", "isotropic noise σ", 0, 1, 0.05),
    Range("l2_per_point", "L2 λ/N", 0, 1, 0.05),
    Range("points", "number of points N", 100, 5000, 100),
)
FALLBACK = "distractor_demo.png"
SWEEP = 21  # fits in each sweep
RESAMPLES = 40
SLIDERS_HEIGHT = 2.2  # inches
NOTEBOOK_DPI = 75
TURN = 15  # degrees between two frames of the GIF
FRAME_MS = 350
GIF_DPI = 75
GIF_COLOURS = 128


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
        if self.points < 2:
            raise ValueError(f"Params: points is {self.points}, expected at least 2")
        if not 0 <= self.l2_per_point < np.inf:
            raise ValueError(
                f"Params: l2_per_point is {self.l2_per_point}, expected a finite number of at least 0"
            )


def compute(params: Params) -> Scene:
    """Draw the points, fit the filter and its estimators, and sweep the noise and the L2 penalty.

    Raises:
        ValueError: a parameter is out of its range.
    """
    sample = sample_of(params)
    linear = _fit(sample, params.l2_per_point)
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
        error_a=_standard_error(sample, params, a),
        noise=params.noise,
        l2_root=l2_root,
        noise_sweep=_sweep(noises, [replace(params, noise=float(sigma)) for sigma in noises]),
        l2_sweep=_sweep(l2_roots, [replace(params, l2_per_point=float(root**2)) for root in l2_roots]),
        extent=extent_of(params),
        caption=_caption(params, w, a),
        note=note_of(params),
    )


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


def _fit(sample: ToySample, l2_per_point: float) -> LinearEstimator:
    """The linear estimator of the filter fitted to the points; it holds w, b and the pattern a."""
    w, b = ridge(sample.x, sample.y, l2=len(sample.y) * l2_per_point)
    return LinearEstimator(w, b).fit(sample.x, sample.x @ w + b)


def _standard_error(sample: ToySample, params: Params, a: np.ndarray) -> float:
    """The standard error of the angle of a in degrees, by the bootstrap."""
    rng = np.random.default_rng(params.seed)
    angles = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(params.points, size=params.points)
        again = replace(sample, x=sample.x[drawn], y=sample.y[drawn])
        angles.append(angle_to(_fit(again, params.l2_per_point).pattern, a))
    return float(np.std(angles))


def _sweep(values: np.ndarray, runs: list[Params]) -> Sweep:
    samples = [sample_of(params) for params in runs]
    fits = [_fit(sample, params.l2_per_point) for sample, params in zip(samples, runs, strict=True)]
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
    return f"{fitted}        {made}   {fit}".replace("-", "−")


def draw(figure: FigureBase, scene: Scene) -> DistractorPlot:
    """Draw the scene on an empty figure or subfigure; the plot's `update` then shows another in place."""
    return DistractorPlot(figure, scene)


def picture(params: Params | None = None, dpi: float = 100) -> Picture:
    """The picture of the parameters (None: the paper's), 12.8×7.2 inches."""
    from minixai.plot import Picture

    made = Picture(figsize=SIZE, dpi=dpi)
    draw(made, compute(params or Params()))
    return made


def save(path: str | Path, params: Params | None = None) -> None:
    """Write the picture as PNG, SVG or PDF, or as a GIF in which the distractor turns once.

    Raises:
        ValueError: the suffix is none of these, or a parameter is out of its range.
        OSError: the file cannot be written.
    """
    from minixai.plot.picture import METADATA, checked_suffix

    params = params or Params()
    path = checked_suffix("demo.save", path, [*METADATA, ".gif"])
    if path.suffix.lower() == ".gif":
        write_whole("demo.save", path, _turning(params))
    else:
        picture(params).save(path)


def _turning(params: Params) -> bytes:
    """A GIF of the distractor turning once, from its angle on."""
    from PIL import Image

    from minixai.plot import Picture

    figure = Picture(figsize=SIZE, dpi=GIF_DPI)
    plot = draw(figure, compute(params))
    frames: list[Image.Image] = []
    for turned in range(0, 360, TURN):
        plot.update(compute(replace(params, angle=params.angle + turned)))
        frame = Image.fromarray(figure.pixels())
        if not frames:
            palette = frame.quantize(GIF_COLOURS, Image.Quantize.MAXCOVERAGE)
        # One palette for all frames and no dithering: else the still parts flicker and cost space.
        frames.append(frame.quantize(palette=palette, dither=Image.Dither.NONE))
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0)
    return buffer.getvalue()


class Window:
    """The picture above one slider for each parameter; moving a slider shows its scene.

    Keep it, the sliders die with it. `params` is what is shown, `sliders` has the sliders by parameter.
    """

    def __init__(self, figure: Figure, params: Params) -> None:
        self.figure = figure
        self.seed = params.seed
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[SIZE[1], SLIDERS_HEIGHT])[:, 0]
        self.sliders = add_sliders(below, RANGES, asdict(params), self._changed)
        self.plot = draw(above, compute(self.params))

    @property
    def params(self) -> Params:
        """Where the sliders stand."""
        values: dict[str, Any] = {name: slider.val for name, slider in self.sliders.items()}
        return Params(**values | {"points": int(values["points"]), "seed": self.seed})

    def _changed(self, _: float) -> None:
        self.plot.update(compute(self.params))
        self.figure.canvas.draw_idle()


def window(params: Params | None = None) -> Window | None:
    """Show the demo in a window until it is closed; None, at once, where there is no display."""
    figure = open_window((SIZE[0], SIZE[1] + SLIDERS_HEIGHT))
    if figure is None:
        return None
    shown = Window(figure, params or Params())
    show_windows()
    return shown


def notebook(params: Params | None = None) -> Any:
    """The demo as a Jupyter widget, sliders above the picture and its angles. Needs ipywidgets."""
    import ipywidgets
    from IPython.display import display

    from minixai.plot import Picture

    start = asdict(params or Params())
    seed = start.pop("seed")

    def show(**values: Any) -> None:
        scene = compute(Params(**values, seed=seed))
        made = Picture(figsize=SIZE, dpi=NOTEBOOK_DPI)
        draw(made, scene)
        display(made)
        print(_angles(scene.angle_w, scene.angle_a))

    sliders = {
        spec.name: (ipywidgets.IntSlider if spec.name == "points" else ipywidgets.FloatSlider)(
            value=start[spec.name],
            min=min(spec.low, start[spec.name]),
            max=max(spec.high, start[spec.name]),
            step=spec.step,
            description=spec.label,
            style={"description_width": "150px"},
            layout={"width": "400px"},
            continuous_update=False,
        )
        for spec in RANGES
    }
    shown = ipywidgets.interactive_output(show, sliders)
    shown.layout.height = f"{SIZE[1] * NOTEBOOK_DPI + 30:.0f}px"  # a fixed height does not flicker
    grid = ipywidgets.GridBox(list(sliders.values()), layout={"grid_template_columns": "410px 410px"})
    return ipywidgets.VBox([grid, shown])


def _angles(w: float, a: float) -> str:
    return f"w is {w:.1f} degrees off the signal, a {a:.1f}"


def add_arguments(parser: ArgumentParser) -> None:
    """Give a parser the demo's options."""
    file = parser.add_mutually_exclusive_group()
    file.add_argument("--save", metavar="FILE", help="write a PNG, SVG, PDF or GIF instead of a window")
    file.add_argument("--html", metavar="FILE", help="write a web page with sliders instead of a window")
    start = Params()
    for option, value, meaning in (
        ("--seed", start.seed, "of the random numbers"),
        ("--angle", start.angle, "of the distractor to the signal, in degrees"),
        ("--mu", start.mu, "mean of the distractor"),
        ("--sigma", start.sigma, "standard deviation of the distractor"),
        ("--noise", start.noise, "standard deviation of isotropic noise"),
        ("--l2", start.l2_per_point, "L2 penalty lambda/N: 0.25 turns the filter as --noise 0.5 does"),
        ("--points", start.points, "their number N"),
    ):
        parser.add_argument(option, type=type(value), default=value, help=f"{meaning} (%(default)s)")


def run(args: Namespace) -> int:
    """Run the demo with the options of `add_arguments`: save it, or show it where there is a display.

    Returns:
        The exit status: 0, or 2 after an error that is said on stderr.
    """
    try:
        params = Params(
            angle=args.angle,
            mu=args.mu,
            sigma=args.sigma,
            noise=args.noise,
            l2_per_point=args.l2,
            points=args.points,
            seed=args.seed,
        )
        path = args.save if args.html is None else args.html
        if path is None:
            if window(params):
                return 0
            print("minixai demo: no display here, so the picture goes to a file (--save FILE names another)")
            path = FALLBACK
        if args.html is None:
            save(path, params)
        else:
            from minixai.page import save_page

            save_page(path, params)
    except (ValueError, OSError) as error:
        print(f"minixai demo: {error}", file=sys.stderr)
        return 2
    sample = sample_of(params)
    fit = _fit(sample, params.l2_per_point)
    print(f"saved {path}: {_angles(*(angle_to(v, sample.a_s) for v in (fit.w, fit.pattern)))}")
    return 0
