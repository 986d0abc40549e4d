"""ρ of four signal estimators in every layer, as in the paper's figure 3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context

from experiments import style
from experiments.networks import Network
from minixai.columns import interval
from minixai.evaluate import Quality, quality
from minixai.plot import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMAGES = {  # to fit to and to test on
    "lenet": (8000, 2000),
    "cifar10_allcnn": (5000, 1000),
    "cifar10_maxpool": (5000, 1000),
    "squeezenet": (300, 60),
}
ESTIMATORS = ("random", "filter", "linear", "two_component")
PAIRS = (("filter", "random"), ("linear", "filter"), ("two_component", "linear"))
NARROW = 10  # layers of a network that shares a row with others
RIDGE = 1e-6

Triple = list[float]  # a mean and its interval: mean, low, high


def measure(network: Network, fit_images: int, test_images: int, folder: Path) -> dict[str, Any]:
    """Patterns from half of the images to fit to, v from the other half, ρ on the test images."""
    fit, test = network.fit[:fit_images], network.test[:test_images]
    batches = network.batches(fit), network.batches(test)
    q = quality(network.model, *batches, ESTIMATORS, ridge=RIDGE, progress=False)
    return {
        "title": network.title,
        "fit_images": len(fit),
        "test_images": len(test),
        "rho": by_layer(q),
        "difference": {" - ".join(pair): differences(q, *pair) for pair in PAIRS},
    }


def by_layer(q: Quality, ridge: int = 0) -> dict[str, dict[str, Triple]]:
    """{estimator: {layer: [mean, low, high]}} for one of the ridges."""
    means = [a[:, ridge] for a in q.means()]
    return {
        estimator: {layer: [round(float(a[k, i]), 4) for a in means] for k, layer in enumerate(q.rho)}
        for i, estimator in enumerate(q.estimators)
    }


def differences(q: Quality, one: str, other: str) -> dict[str, Triple]:
    """{layer: [mean, low, high]} of ρ of one estimator less that of another, paired."""
    found = [a[:, 0] for a in q.difference(one, other)]
    return {layer: [round(float(a[k]), 4) for a in found] for k, layer in enumerate(q.rho)}


def draw(results: dict[str, Any]) -> Picture:
    """A panel a network."""
    widths = {name: len(result["rho"]["random"]) for name, result in results.items()}
    rows = [[n for n in widths if widths[n] <= NARROW], [n for n in widths if widths[n] > NARROW]]
    rows = [row for row in rows if row]
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((12.8, 0.9 + 3.9 * len(rows)), 150, layout="constrained")
        for row, part in zip(rows, picture.subfigures(len(rows), 1, squeeze=False)[:, 0], strict=True):
            panels = part.subplots(1, len(row), squeeze=False, width_ratios=[widths[name] for name in row])
            for name, axes in zip(row, panels[0], strict=True):
                marks(axes, results[name]["rho"])
                axes.set_title(results[name]["title"], loc="left")
            panels[0][0].set_ylabel("ρ")
            panels[0][-1].set_xlabel("layer (c: in classifier)", size=style.TICK_SIZE, loc="right")
        style.legend(picture, axes)
        style.title(picture, "Quality ρ of signal estimators on images that nothing was fitted to")
    return picture


def marks(axes: Axes, rho: dict[str, dict[str, Triple]]) -> None:
    """Means with their intervals, the estimators side by side in each layer."""
    step = 0.7 / len(rho)
    for k, (estimator, layers) in enumerate(rho.items()):
        places = [place + (k - (len(rho) - 1) / 2) * step for place in range(len(layers))]
        mean, low, high = zip(*layers.values(), strict=True)
        axes.vlines(places, low, high, color=style.COLOURS[estimator], linewidth=2)
        axes.plot(places, mean, linestyle="none", markersize=6, **style.line(estimator))
    names = [style.short(layer) for layer in layers]
    axes.set_xticks(range(len(names)), names, size=style.TICK_SIZE, rotation=90 if len(names) > NARROW else 0)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(-0.03, 1.1))
    for place in range(1, len(names)):
        axes.axvline(place - 0.5, color=style.FAINT, alpha=0.3, linewidth=0.8)
    for level in (0, 1):
        axes.axhline(level, color=style.FAINT, linewidth=0.8, zorder=0)


def tables(results: dict[str, Any]) -> list[str]:
    """In how many layers an estimator beats another; then a table for every network, by layer."""
    return [_verdicts(results), *(_by_layer(result) for result in results.values())]


def _verdicts(results: dict[str, Any]) -> str:
    rows = []
    for result in results.values():
        layers = {name: [rho for rho, _, _ in found.values()] for name, found in result["rho"].items()}
        row = [result["title"], str(result["fit_images"]), str(result["test_images"])]
        row += [f"{np.nanmean(rho):.3f}" for rho in layers.values()]
        for pair in PAIRS:
            intervals = result["difference"][" - ".join(pair)].values()
            above, below = sum(low > 0 for _, low, _ in intervals), sum(high < 0 for *_, high in intervals)
            row.append(f"{above}, {below} of {len(intervals)}")
        rows.append(row)
    means = (f"{style.LABELS[name]}, mean over layers" for name in ESTIMATORS)
    over = (f"{style.LABELS[one]} above, below {style.LABELS[other]}" for one, other in PAIRS)
    return style.markdown(["network", "images to fit", "to test", *means, *over], rows)


def _by_layer(result: dict[str, Any]) -> str:
    rho, difference = result["rho"], result["difference"]["two_component - linear"]
    rows = [
        [
            layer,
            *(interval(rho[name][layer]) for name in rho),
            interval(difference[layer], "+.3f"),
        ]
        for layer in difference
    ]
    heading = [result["title"], *(style.LABELS[name] for name in rho), "S_a± less S_a"]
    return style.markdown(heading, rows)
