"""The drawing of lesson 1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from figures import show_image, slide
from minixai.plot import Picture, style
from minixai.typing import Array

COLOURS = {"ReLU": style.DISTRACTOR, "tanh": style.PATTERN, "sigmoid": style.FILTER}


def difference_errors(steps: Array, errors: Mapping[str, Array]) -> Picture:
    """The relative errors (steps,) of each way to take a derivative from differences, over the step."""
    picture = slide(5.6)
    axes = picture.subplots()
    looks = zip((style.FAINT, style.FILTER, style.PATTERN), "s^o", strict=True)
    for (name, found), (colour, marker) in zip(errors.items(), looks, strict=True):
        axes.loglog(steps, np.maximum(found, 1e-16), marker=marker, color=colour, label=name, linewidth=2)
    axes.set(xlim=(2e-1, 5e-15), ylim=(1e-13, 20), xlabel="step $h$ (smaller to the right)")
    axes.set(ylabel="relative error", title="Derivatives from differences")
    axes.legend(frameon=False)
    return picture


def functions_and_slopes(z: Array, values: Mapping[str, Array], slopes: Mapping[str, Array]) -> Picture:
    """Each function of z (n,) above its derivative."""
    picture = slide(5.4)
    panels = picture.subplots(2, len(values), sharex=True, sharey="row", squeeze=False)
    for name, top, bottom in zip(values, *panels, strict=True):
        top.plot(z, values[name], color=style.INK)
        bottom.plot(z, slopes[name], color=style.FILTER)
        top.set(title=name, ylim=(-1.3, 3.3), xticks=[-4, 0, 4])
        bottom.set(ylim=(-0.1, 1.15), xlabel="$z$", yticks=[0, 0.25, 0.5, 1])
        for axes in (top, bottom):
            axes.axhline(0, color=style.FAINT, linewidth=1, zorder=0)
    panels[0, 0].set_ylabel(r"$\varphi(z)$")
    panels[1, 0].set_ylabel(r"$\varphi'(z)$")
    return picture


def gradients_through_depth(
    norms: Mapping[tuple[str, str], Array], formulas: Mapping[tuple[str, str], Array]
) -> Picture:
    """Norms (layers,) by (way to draw the weights, activation): dots; and what the formula says: lines."""
    picture = slide(5.4)
    ways = list(dict.fromkeys(how for how, _ in norms))
    panels = dict(zip(ways, picture.subplots(1, len(ways), sharey=True), strict=True))
    for (how, activation), found in norms.items():
        layers = np.arange(1, len(found) + 1)
        colour = COLOURS[activation]
        panels[how].semilogy(layers, found, "o", color=colour, label=activation, markersize=6)
        panels[how].semilogy(layers, formulas[how, activation], color=colour, linewidth=2, alpha=0.5)
        panels[how].set(title=how, xlabel="layer (the input is left)", xticks=[1, 5, 10, 15, 19])
    panels[ways[0]].set_ylabel("norm of the gradient")
    panels[ways[0]].legend(title="dots: measured\nlines: the formula", frameon=False, loc="lower right")
    return picture


def maps_of_rules(image: Array, title: str, maps: Mapping[str, Array]) -> Picture:
    """An image (h, w) and maps of its shape, each on a scale of its own."""
    picture = slide(3.9)
    first, *panels = picture.subplots(1, 1 + len(maps))
    show_image(first, image, title, cmap="Greys")
    for axes, (name, values) in zip(panels, maps.items(), strict=True):
        largest = np.abs(values).max()
        show_image(axes, values, f"{name}\n±{largest:.2g}", cmap="RdBu_r", vmin=-largest, vmax=largest)
    return picture
