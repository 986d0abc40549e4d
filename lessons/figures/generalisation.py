"""The drawing of lesson 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from figures import slide
from minixai.plot import Picture, style
from minixai.typing import Array

COLOURS = (style.SIGNAL, style.FILTER, style.PATTERN, style.GREEN)
STARTS = "mean and range of five starts"
MODELS = (style.SIGNAL, style.FILTER, style.PATTERN)


def polynomials(
    samples: tuple[Array, Array], fits: Mapping[int, Array], training: Array, test: Array
) -> Picture:
    """Some fits by their degree, the curve itself in grey, and both errors over all degrees."""
    picture = slide(4.6)
    *panels, curves = picture.subplots(1, len(fits) + 1)
    line = np.linspace(-1, 1, 400)
    for axes, (degree, c) in zip(panels, fits.items(), strict=True):
        axes.plot(line, np.sin(np.pi * line), color=style.FAINT, linewidth=6, alpha=0.5)
        axes.plot(*samples, "o", color=style.SIGNAL, markersize=6)
        axes.plot(line, np.vander(line, len(c), increasing=True) @ c, color=style.FILTER)
        axes.set(ylim=(-2, 2), xlabel="$x$", title=f"degree {degree}")
    panels[0].set_ylabel("$y$")
    for error, name, colour in ((training, "training", style.SIGNAL), (test, "test", style.FILTER)):
        curves.plot(error, color=colour, label=name)
    curves.axhline(0.3, color=style.FAINT, linestyle=":", label="noise $\\sigma$")
    curves.set(yscale="log", xticks=[0, 5, 10, 15], xlabel="degree", title="root mean square error")
    curves.legend(frameon=False)
    return picture


def one_polynomial(
    samples: tuple[Array, Array], c: Array, training: float, test: float, noise: float
) -> Picture:
    """A fit with coefficients c, constant first, and its errors beside the deviation of the noise."""
    picture = slide(4.6)
    left, right = picture.subplots(1, 2, width_ratios=(1.6, 1))
    line = np.linspace(-1, 1, 400)
    left.plot(line, np.sin(np.pi * line), color=style.FAINT, linewidth=6, alpha=0.5)
    left.plot(*samples, "o", color=style.SIGNAL, markersize=6)
    left.plot(line, np.vander(line, len(c), increasing=True) @ c, color=style.FILTER)
    left.set(ylim=(-2, 2), xlabel="$x$", ylabel="$y$")
    left.set_title(f"degree {len(c) - 1}, {len(samples[0])} samples")
    right.bar(["training", "test"], [training, test], color=(style.SIGNAL, style.FILTER))
    right.axhline(noise, color=style.FAINT, linestyle=":", label=f"noise $\\sigma$ = {noise:g}")
    right.set(yscale="log", ylim=(0.01, 100))
    right.set_title(f"root mean square error\n{training:.2g} and {test:.2g}")
    right.legend(frameon=False)
    return picture


def error_over_samples(bands: Mapping[str, tuple[Array, Array]], law: bool = False) -> Picture:
    """Quartiles (ratios, 3) of an error over the ratios, samples per weight; `law`: with 1 + 1/(r − 1)."""
    picture = slide(5.6)
    axes = picture.subplots()
    for (name, (ratios, found)), colour in zip(bands.items(), COLOURS, strict=False):
        axes.fill_between(ratios, found[:, 0], found[:, 2], color=colour, alpha=0.2, linewidth=0)
        axes.plot(ratios, found[:, 1], "o-", color=colour, label=name, markersize=6)
    if law:
        r = np.geomspace(1.02, 40, 200)
        axes.plot(r, 1 + 1 / (r - 1), "--", color=style.GREEN, linewidth=2.5, label="$1 + 1/(r-1)$", zorder=3)
    axes.axvline(10, color=style.FAINT, linestyle=":", linewidth=2)
    axes.text(10.4, 60, "the rule", color=style.FAINT)
    axes.axhline(1, color=style.FAINT, linewidth=1)
    axes.set(
        xscale="log", yscale="log", xlabel="samples per weight $r$", ylabel="test error / noise variance"
    )
    _plain_ticks(axes, [0.25, 0.5, 1, 2, 5, 10, 20, 40], [1, 2, 5, 10, 20, 50, 100, 200])
    axes.legend(frameon=False, title="median and quartiles of 200 draws", alignment="left", loc="upper left")
    return picture


def learning_curves(curves: Mapping[str, Array], sizes: Sequence[int], updates: Sequence[int]) -> Picture:
    """Test errors (updates, sizes, starts) of models over the number of training images."""
    picture = slide(5.2)
    panels = picture.subplots(1, len(updates), sharey=True)
    for k, axes in enumerate(panels):
        for (name, found), colour in zip(curves.items(), MODELS, strict=True):
            _band(axes, np.array(sizes), found[k], colour, name)
        axes.set(xscale="log", yscale="log", xlabel="training images", title=f"{updates[k]:,} updates")
        _plain_ticks(axes, sizes, [1, 2, 5, 10, 20])
    panels[0].set_ylabel("test error (%)")
    panels[0].legend(frameon=False, title=STARTS, alignment="left", loc="lower left")
    return picture


def widths_at_two_times(
    widths: Array, test: Mapping[str, Array], learned: Array, stops: Mapping[str, int]
) -> Picture:
    """Test errors (widths, stops, starts) by labels, and the share of false labels learned, at some stops."""
    picture = slide(5.6)
    *panels, right = picture.subplots(1, len(test) + 1)
    for axes, (name, found) in zip(panels, test.items(), strict=True):
        for (stop, k), colour in zip(stops.items(), (style.PATTERN, style.FILTER), strict=True):
            _band(axes, widths, found[:, k], colour, stop)
        axes.set(xscale="log", yscale="log", ylim=(0.9, 100), title=f"test error (%), {name}")
        _plain_ticks(axes, [1, 4, 16, 64, 512], [1, 2, 5, 10, 20, 50, 100])
    for k, colour in zip(stops.values(), (style.PATTERN, style.FILTER), strict=True):
        _band(right, widths, learned[:, k], colour)
    right.set(xscale="log", ylim=(0, 103), title="false labels learned (%)")
    _plain_ticks(right, [1, 4, 16, 64, 512])
    for axes in (*panels, right):
        axes.set_xlabel("hidden units")
    panels[0].legend(frameon=False, title=STARTS, alignment="left")
    return picture


def regularisers(
    stops: Array, test: Mapping[str, Array], validation: Array, stopped: tuple[Array, Array]
) -> Picture:
    """Test errors (stops, starts) over updates; validation errors, and where they stop each start."""
    picture = slide(5.4)
    left, right = picture.subplots(1, 2)
    for (name, found), colour in zip(test.items(), COLOURS[1:], strict=True):
        _band(left, stops, found, colour, name)
    left.plot(*stopped, "*", color=style.SIGNAL, markersize=16, label="early stopping", zorder=3)
    left.set(title="test error (%)", ylim=(0, 40))
    left.legend(frameon=False, title=STARTS, alignment="left", loc="upper left", ncols=2)
    _band(right, stops, validation, COLOURS[1])
    for updates in np.unique(stopped[0]):
        right.axvline(updates, color=style.SIGNAL, linestyle=":", linewidth=2)
    right.set(title="validation error (%), with nothing", ylim=(0, None))
    for axes in (left, right):
        axes.set(xscale="log", xlabel="updates")
        _plain_ticks(axes, [50, 100, 200, 400, 1000, 2000, 4000])
    return picture


def coin_flips(errors: Mapping[str, Sequence[float]]) -> Picture:
    """Histograms of errors in per cent."""
    picture = slide(4.6)
    axes = picture.subplots()
    for (name, found), colour in zip(errors.items(), (style.FILTER, style.PATTERN), strict=True):
        axes.hist(found, bins=np.arange(0, 101, 2.5), color=colour, alpha=0.7, label=name)
    axes.axvline(50, color=style.INK, linestyle=":", linewidth=2)
    axes.text(50.7, axes.get_ylim()[1], "what an honest protocol must find", va="top")
    axes.set(xlim=(0, 100), xlabel="reported error (%)", ylabel="draws of coin flips, of 100")
    axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.88))
    return picture


def _band(axes: Axes, x: Array, found: Array, colour: str, name: str | None = None) -> None:
    """The mean of starts (x, starts) as a line, and all between the lowest and the highest."""
    axes.fill_between(x, found.min(axis=-1), found.max(axis=-1), color=colour, alpha=0.2, linewidth=0)
    axes.plot(x, found.mean(axis=-1), "o-", color=colour, label=name, markersize=6)


def _plain_ticks(axes: Axes, x: Sequence[float], y: Sequence[float] = ()) -> None:
    """Numbers, not powers, at these ticks of logarithmic axes."""
    axes.set_xticks(x, [f"{tick:g}" for tick in x])
    if y:
        axes.set_yticks(y, [f"{tick:g}" for tick in y])
    axes.minorticks_off()
