"""`minixai demo`: its options, and what it does with them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from minixai.columns import printable
from minixai.demo.drawing import save
from minixai.demo.numbers import Params, angle_to, angles_in_words, fit_filter, sample_of
from minixai.demo.pages import save_page
from minixai.demo.windows import window
from minixai.errors import speaking_as
from minixai.files import check_writable

__all__ = ["add_arguments", "run"]

FALLBACK = "distractor_demo.png"


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

    Returns 0, the exit status.

    Raises:
        ValueError: a parameter is out of its range, or a file's suffix is not known.
        OSError: the file cannot be written.
    """
    with speaking_as("demo", "Params"):
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
    check_writable("--save" if args.html is None else "--html", Path(path))
    if args.html is None:
        save(path, params)
    else:
        save_page(path, params)
    sample = sample_of(params)
    fit = fit_filter(sample, params.l2_per_point)
    angles = angles_in_words(*(angle_to(v, sample.a_s) for v in (fit.w, fit.pattern)))
    print(f"saved {printable(path)}: {angles}")
    return 0
