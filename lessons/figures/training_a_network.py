"""The drawing of lesson 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from figures import show_image, slide
from minixai.plot import Picture, style
from minixai.typing import Array

COLOURS = (style.SIGNAL, style.FILTER, style.PATTERN)


def momentum(digits: Mapping[str, Sequence[float]], valley: Mapping[str, Sequence[float]]) -> Picture:
    """Losses over epochs, and heights in a valley over steps, for the same settings."""
    picture = slide(5.2)
    left, right = picture.subplots(1, 2)
    for (name, found), colour in zip(digits.items(), COLOURS, strict=True):
        left.plot(range(1, len(found) + 1), found, color=colour, label=name)
        right.plot(np.clip(valley[name], None, 1e6), color=colour)
    left.set(xlabel="epoch", ylabel="training loss", title="digits", ylim=(0, None))
    left.legend(frameon=False)
    right.set(yscale="log", ylim=(1e-8, 1e5), xlabel="step", ylabel="height")
    right.set_title("a narrow valley, every $\\eta$ / 10")
    return picture


def valley(places: Array, heights: Array, title: str) -> Picture:
    """A way (steps, 2) in the valley ½(p₁² + 100 p₂²), seen from above, and its heights (steps,)."""
    picture = slide(4.6)
    left, right = picture.subplots(1, 2)
    across, along = np.linspace(-1.1, 1.1, 121), np.linspace(-1.1, 1.1, 121)
    ground = 0.5 * (along**2 + 100 * across[:, None] ** 2)
    left.contour(along, across, ground, [0.05, 0.2, 1, 5, 20, 50], colors=style.FAINT, linewidths=1)
    left.plot(*places.T, "o-", color=style.FILTER, linewidth=1.5, markersize=5)
    left.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), xlabel="$p_1$, along", ylabel="$p_2$, across", title=title)
    right.plot(np.clip(heights, None, 1e6), color=style.FILTER)
    right.set(yscale="log", ylim=(1e-4, 1e5), xlabel="step", ylabel="height")
    return picture


def outputs_on_the_plane(surfaces: Mapping[str, Array], points: Array, labels: Array) -> Picture:
    """Outputs of networks over their two inputs, with the line where the output is ½ in white."""
    picture = slide(4.3)
    panels = picture.subplots(1, len(surfaces), sharey=True)
    extent = (-0.2, 1.2, -0.2, 1.2)
    for axes, (title, output) in zip(panels, surfaces.items(), strict=True):
        shown = axes.imshow(output, cmap=style.OUTPUT_MAP, vmin=0, vmax=1, origin="lower", extent=extent)
        if np.ptp(output) > 0.1:
            axes.contour(output, [0.5], colors="white", linewidths=3, extent=extent)
        circle = {"boxstyle": "circle", "facecolor": "white", "edgecolor": "none"}
        for point, label in zip(points, labels, strict=True):
            axes.text(*point, f"{label:.0f}", weight="bold", ha="center", va="center", bbox=circle)
        axes.set(title=title, xlabel="$x_1$", xticks=[0, 1], yticks=[0, 1])
    panels[0].set_ylabel("$x_2$")
    picture.colorbar(shown, ax=panels, label="output", shrink=0.9)
    return picture


def losses(training: Mapping[str, Sequence[float]], test: Mapping[str, Sequence[float]]) -> Picture:
    """The loss of each model over epochs: on the training set dotted, on the test set solid."""
    picture = slide(5.2)
    axes = picture.subplots()
    for (name, found), colour in zip(test.items(), COLOURS, strict=True):
        epochs = range(1, len(found) + 1)
        axes.plot(epochs, training[name], color=colour, linewidth=2, linestyle=":")
        axes.plot(epochs, found, color=colour, label=name)
    axes.set(yscale="log", xlabel="epoch", ylabel="loss", title="training (dotted) and test (solid)")
    axes.legend(frameon=False)
    return picture


def mistakes(images: Array, labels: Array, guesses: Array) -> Picture:
    """Images (n, h, w) with what they are and what was said."""
    picture = slide(2.4)
    panels = picture.subplots(1, len(images))
    for axes, image, label, guess in zip(panels, images, labels, guesses, strict=True):
        show_image(axes, image, f"a {label},\nsaid {guess}", cmap="gray_r", vmin=0, vmax=1)
    return picture


def dying_units(rates: Array, dead: Array, errors: Array) -> Picture:
    """Dead units and test errors (rates, starts) over the learning rate: every start, and the mean."""
    picture = slide(5.0)
    titles = ("hidden units that are always off, of 32", "test error (%)")
    for axes, values, colour, title in zip(
        picture.subplots(1, 2), (dead, errors), (style.FILTER, style.PATTERN), titles, strict=True
    ):
        starts = axes.plot(rates, values, "o", color=colour, alpha=0.5)
        (mean,) = axes.plot(rates, values.mean(axis=1), color=colour)
        axes.legend([starts[0], mean], ["each start", "mean"], frameon=False)
        axes.set(xscale="log", xlabel="learning rate of Adam", title=title, ylim=(0, None))
    return picture
